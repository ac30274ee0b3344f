"""A completed photo and what is known about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from exegan.errors import InputError
from exegan.faces.align import Affine
from exegan.faces.face import Face
from exegan.images import Photo
from exegan.inpainter.scores import score
from exegan.inpainter.writing import write_completed
from exegan.provenance import Signing


@dataclass(frozen=True, eq=False)
class CompletedFace:
    """One face of a completed photo.

    Args:
        index: From the left, among all faces of the photo.
        face: The face, in photo coordinates; None where the photo is an aligned face itself.
        affine: Photo → crop of the model's resolution.
        upscaled: Photo pixels per model pixel along a side; above 1 the model's picture was enlarged.
        hole_outside_crop: Share of its hole's pixels that lie outside the face crop and were left as they were.
        crop_outside_photo: Share of the crop that lies outside the photo, where it was padded.
        seam: Gradient jump across the hole's rim against the photo's own; 1 = as smooth as the photo.
        identity_to_exemplar: Similarity to the exemplar under a recognition network, a cosine; None without one, or
            where the exemplar's style was read from a file.
        identity_to_photo: Similarity to the face that was there before; None without a recognition network.
        seconds: Duration of its stages.
    """

    index: int
    face: Face | None
    affine: Affine
    upscaled: float
    hole_outside_crop: float
    crop_outside_photo: float
    seam: float
    identity_to_exemplar: float | None
    identity_to_photo: float | None
    seconds: dict[str, float]

    def report(self) -> dict[str, Any]:
        """JSON-ready facts."""
        box = None if self.face is None else [round(float(x), 1) for x in self.face.box_xyxy]
        return {
            "index": self.index,
            "box_xyxy": box,
            "detection_score": None if self.face is None else round(self.face.score, 4),
            "affine": [[round(float(x), 6) for x in row] for row in self.affine],
            "upscaled": round(self.upscaled, 2),
            "hole_outside_crop": round(self.hole_outside_crop, 4),
            "crop_outside_photo": round(self.crop_outside_photo, 4),
            "seam": round(self.seam, 3),
            "identity_to_exemplar": _rounded(self.identity_to_exemplar),
            "identity_to_photo": _rounded(self.identity_to_photo),
            "seconds": _seconds(self.seconds),
        }

    def notes(self) -> list[str]:
        """What a person should know about it, in sentences; often nothing."""
        notes = []
        if self.upscaled > 1:
            notes.append(f"the face is larger than the model's picture, upscaled {self.upscaled:.1f}x")
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
        """What the best of several is picked by: the mean over the faces of `exegan.inpainter.scores.score`."""
        scores = [score(face.identity_to_exemplar, face.seam) for face in self.faces]
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


def write_samples(
    results: Sequence[Inpainted],
    paths: Sequence[str | Path],
    quality: int | None = None,
    signing: Signing | None = None,
) -> list[str]:
    """Save several completions of one photo; arguments, errors and (once each) notes as for `Inpainted.save`."""
    notes: dict[str, None] = {}
    for result, path in zip(results, paths, strict=True):
        notes |= dict.fromkeys(result.save(path, quality=quality, signing=signing))
    return list(notes)


def pick_best(results: Sequence[Inpainted]) -> int:
    """Position of the completion with the highest score, the first of equals.

    Raises:
        InputError: There are none.
    """
    if not results:
        raise InputError("there is nothing to pick from; make at least one completion")
    scores = [result.score for result in results]
    return scores.index(max(scores))


def report_samples(
    results: Sequence[Inpainted], outputs: Sequence[str], best: int | None = None, file_notes: Sequence[str] = ()
) -> dict[str, Any]:
    """JSON-ready facts of all completions of one photo.

    Args:
        results: The completions.
        outputs: What their files are called: all, or the best one's alone.
        best: Its number, if one was picked.
        file_notes: What the files could not keep.
    """
    reports, notes = [result.report() for result in results], {"file_notes": list(file_notes)}
    if len(results) == 1:
        return {"output": outputs[0], **reports[0], **notes}
    if best is not None:
        return {"output": outputs[0], "picked": best, **reports[best], "samples": reports, **notes}
    return {"samples": [{"output": name, **report} for name, report in zip(outputs, reports, strict=True)], **notes}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _seconds(seconds: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 3) for name, value in seconds.items()}
