"""A completed photo, what is known about it, and how it is written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from exegan.errors import InputError
from exegan.faces.align import Affine
from exegan.faces.detect import Face
from exegan.io import Photo, check_output, most_xmp, write_photo
from exegan.io.signing import SIGNABLE, Signing, check_signable
from exegan.io.xmp import Provenance, marked_packet

_SOFT = 1.2  # from this enlargement on a person sees it
_LOST_MANIFEST = "its C2PA manifest fits no edited picture and was left out; a signed output would have kept it"


@dataclass(frozen=True, eq=False)
class CompletedFace:
    """One face of a completed photo.

    Args:
        index: From the left, among all faces of the photo.
        face: The face, in photo coordinates.
        affine: Photo → crop of the model's resolution.
        upscaled: Photo pixels per model pixel along a side; above 1 the model's picture was enlarged.
        hole_outside_crop: Share of its hole's pixels that lie outside the face crop and were left as they were.
        crop_outside_photo: Share of the crop that lies outside the photo, where it was padded.
        seam: Gradient jump across the hole's rim against the photo's own; 1 = as smooth as the photo.
        sharpness: Fine detail in the hole against that of the photo around it; 1 = as sharp, less is softer.
        identity_to_exemplar: Similarity to the exemplar under a recognition network, a cosine; None without one, or
            where the exemplar's style was read from a file.
        identity_to_photo: Similarity to the face that was there before; None without a recognition network.
        seconds: Duration of its stages.
    """

    index: int
    face: Face
    affine: Affine
    upscaled: float
    hole_outside_crop: float
    crop_outside_photo: float
    seam: float
    sharpness: float
    identity_to_exemplar: float | None
    identity_to_photo: float | None
    seconds: dict[str, float]

    def report(self) -> dict[str, Any]:
        """JSON-ready facts."""
        face = self.face.report()
        return {
            "index": self.index,
            "box_xyxy": face["box_xyxy"],
            "detection_score": face["score"],
            "affine": [[round(float(x), 6) for x in row] for row in self.affine],
            "upscaled": round(self.upscaled, 2),
            "hole_outside_crop": round(self.hole_outside_crop, 4),
            "crop_outside_photo": round(self.crop_outside_photo, 4),
            "seam": round(self.seam, 3),
            "sharpness": round(self.sharpness, 3),
            "identity_to_exemplar": _rounded(self.identity_to_exemplar),
            "identity_to_photo": _rounded(self.identity_to_photo),
            "seconds": _seconds(self.seconds),
        }

    def notes(self) -> list[str]:
        """What a person should know about it, in sentences; often nothing."""
        notes = []
        if self.upscaled >= _SOFT:
            notes.append(f"will look soft: the face is {self.upscaled:.1f} times larger than the model's picture")
        if self.hole_outside_crop >= 0.005:
            notes.append(f"{self.hole_outside_crop:.0%} of the hole lies outside the face crop and was left as it was")
        if self.crop_outside_photo >= 0.005:
            notes.append(f"{self.crop_outside_photo:.0%} of the face crop lies outside the photo and was padded")
        return notes


@dataclass(frozen=True, eq=False)
class Inpainted:
    """A completed photo and how it came about.

    Args:
        image: RGB, the photo's size.
        faces: The faces that were completed, left to right.
        seed: Seed of the stochastic style.
        seconds: Duration of each stage.
        remarks: What is to be said about the exemplars, in sentences.
        source: The photo as its file has it.
        model_sha256: Of the weights' file; None where there is none.
    """

    image: Image.Image
    faces: tuple[CompletedFace, ...]
    seed: int
    seconds: dict[str, float]
    remarks: tuple[str, ...] = ()
    source: Photo | None = None
    model_sha256: str | None = None

    def save(self, path: str | Path, *, quality: int | None = None, signing: Signing | None = None) -> list[str]:
        """Write the completed photo as the command line does: with the mark of an edited picture, whole or not at all.

        What the photo's file had is kept where the format can hold it: mode and depth outside the hole, alpha, ICC
        profile, EXIF, XMP, resolution. Saving `image` alone would lose all that, and the mark.

        Args:
            path: Where to; the extension says in which format. A file that is there is replaced.
            quality: 1 to 100 for JPEG, WebP, AVIF and HEIF. None is the photo's own for JPEG to JPEG, lossless for
                WebP, and 95 otherwise.
            signing: Puts a signed C2PA manifest into the file, as `Signer.of` the photo's file gives it.

        Returns:
            What could not be kept, in sentences.

        Raises:
            InputError: The extension is unknown, the folder is missing or not writable, a folder has that name, the
                disk is full, or signing failed.
        """
        photo = Photo.of(self.image) if self.source is None else self.source
        return write_completed(
            photo,
            self.image,
            path,
            seed=self.seed,
            model_sha256=self.model_sha256,
            quality=quality,
            signing=signing,
        )

    @property
    def score(self) -> float:
        """What the best of several is picked by: the mean of `score` over the faces."""
        scores = [score(face.identity_to_exemplar, face.seam, face.sharpness) for face in self.faces]
        return sum(scores) / len(scores)

    def report(self) -> dict[str, Any]:
        """JSON-ready facts: seed, score, seconds, the faces and the notes."""
        return {
            "seed": self.seed,
            "score": round(self.score, 4),
            "seconds": _seconds(self.seconds),
            "faces": [face.report() for face in self.faces],
            "notes": self.notes(),
        }

    def notes(self) -> list[str]:
        """What a person should know about this result, in sentences; often nothing."""
        if len(self.faces) == 1:
            return [*self.faces[0].notes(), *self.remarks]
        of_faces = [f"face {face.index}: {note}" for face in self.faces for note in face.notes()]
        return [*of_faces, *self.remarks]


def write_completed(
    photo: Photo,
    completed: Image.Image,
    path: str | Path,
    *,
    seed: int,
    model_sha256: str | None,
    quality: int | None = None,
    signing: Signing | None = None,
) -> list[str]:
    """Write a photo whose completed pixels replace its own.

    Args:
        photo: As its file has it.
        completed: RGB of the photo's size; where it equals `photo.image`, the file's own pixels stay.
        path: Where to; arguments, notes and errors as for `exegan.io.write_photo`.
        seed: For the mark.
        model_sha256: For the mark (`Inpainter.model_sha256`).
        quality: As for `exegan.io.write_photo`.
        signing: Puts a signed C2PA manifest into the file; None leaves it unsigned. Its errors are those of `Signer`.
    """
    check_output(path)
    mark, lost = Provenance(model_sha256, seed), []
    packet = marked_packet(photo.xmp, mark)
    if len(packet) > most_xmp(path):
        packet = marked_packet(None, mark)
        lost.append("its XMP is too long for JPEG, only the mark is in it")
    edited = photo.replaced(completed)
    if signing is None:
        notes = write_photo(edited, path, quality, packet)
        lost += [_LOST_MANIFEST] if photo.had_manifest else []
    else:
        check_signable(path)
        mime = SIGNABLE[Path(path).suffix.lower()]
        notes = write_photo(edited, path, quality, packet, lambda file: signing.sign(file, mime, mark))
    return [*notes, *lost]


def similarity(embedding: Tensor, others: Sequence[Tensor | None]) -> float | None:
    """Mean cosine of an embedding [D] to those of all exemplars, each [N, D]; None where one is not known."""
    known = [other for other in others if other is not None]
    if not known or len(known) < len(others):
        return None
    return float((torch.cat(known) @ embedding).mean())


def score(identity: float | None, seam: float, sharpness: float) -> float:
    """One number to pick the best of several completions by, at most 1; higher is better.

    Args:
        identity: Similarity to the exemplar, a cosine; None counts nothing, so that the others alone decide.
        seam: Seam score, 1 = as smooth as the photo.
        sharpness: Sharpness ratio, 1 = as sharp as the photo around the hole.

    Returns:
        The mean of identity, 1 / max(1, seam), and the sharpness ratio or its inverse, whichever is below 1.
    """
    parts = [1 / max(1.0, seam), min(sharpness, 1 / max(sharpness, 1e-6))]
    return sum(parts if identity is None else [identity, *parts]) / (len(parts) + (identity is not None))


def pick_best(results: Iterable[Inpainted]) -> Inpainted:
    """The completion with the highest score, the first of equals; one beside it is held at a time.

    Raises:
        InputError: There are none.
    """
    best = max(results, key=lambda result: result.score, default=None)
    if best is None:
        raise InputError("there is nothing to pick from; make at least one completion")
    return best


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _seconds(seconds: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 3) for name, value in seconds.items()}
