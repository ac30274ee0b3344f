"""From exemplars to styles: which face of a photo is meant, its code as a value, averaged, mixed, saved, read again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from exegan.errors import InputError, NoFaceFound
from exegan.faces.detect import Face, largest_face
from exegan.faces.exemplars import Key
from exegan.io import read_photo
from exegan.io.files import reason, replacing, short_repr

STYLE_SUFFIX = ".safetensors"

_FORMAT = "exegan-style-1"
_NUMBERS = (torch.float32, torch.float16, torch.bfloat16, torch.float64)
# Measured, see docs/exemplars.md.
_FAR = 1.5
_SOMEBODY_ELSE = 0.4
# A face less than this share of the largest one's width is part of the background, nobody need be asked about it.
_BACKGROUND = 1 / 3


@dataclass(frozen=True, eq=False)
class ExemplarPhoto:
    """A photo of a face to take the looks from.

    Args:
        image: Any size and mode; EXIF orientation is applied.
        name: What to call it in sentences, its file say.
        face: Index of the face, from the left; None for photos that show one.
        faces: All of the photo, left to right, where they are known from before.
    """

    image: Image.Image
    name: str = ""
    face: int | None = None
    faces: Sequence[Face] | None = None


@dataclass(frozen=True, eq=False)
class Style:
    """What an exemplar gives: one code for each decoder layer that it owns.

    Args:
        codes: float32 [num_styles, w_dim], on the CPU.
        model_sha256: Of the weights of the model that encoded it; None where those have no file.
        names: The photos it was made of, as a person calls them; of a style that was read from a file, the file.
        distances: Of each photo's codes to the mean of the other photos', as a multiple of the median of them all;
            empty below three photos, where nobody can say which is the odd one.
        identity: Embeddings of the photos' faces [N, D] under the inpainter's recognition network, if it has one;
            never saved, being biometric data.
        remarks: What is to be said about the photos, in sentences.
    """

    codes: Tensor
    model_sha256: str | None = None
    names: tuple[str, ...] = ()
    distances: tuple[float, ...] = ()
    identity: Tensor | None = None
    remarks: tuple[str, ...] = ()

    def mixed(self, fine: Style, at: int) -> Style:
        """This style in the first `at` of an exemplar's layers (coarse: shape), another's in the rest (fine: colour).

        Args:
            fine: Style of the same model.
            at: 0 = all from `fine`, num_styles = all from this one.

        Raises:
            InputError: There is no such layer, or the styles are of two models.
        """
        layers = len(self.codes)
        if not 0 <= at <= layers:
            raise InputError(f"the layer to mix at is {at}, expected 0 to {layers} with this model")
        if self.codes.shape != fine.codes.shape or self.model_sha256 != fine.model_sha256:
            raise InputError("the two styles to mix were encoded by different models; encode both by the same one")
        return Style(
            torch.cat([self.codes[:at], fine.codes[at:]]),
            self.model_sha256,
            self.names + fine.names,
            identity=joined_identities([self, fine]),
            remarks=self.remarks + fine.remarks,
        )

    def report(self) -> dict[str, Any]:
        """JSON-ready facts: model, shape, photos, their distances, notes."""
        return {
            "model_sha256": self.model_sha256,
            "shape": list(self.codes.shape),
            "photos": list(self.names),
            "distances": [round(distance, 3) for distance in self.distances],
            "notes": list(self.remarks),
        }


class Mixing(NamedTuple):
    """Two styles to be mixed by layer, and the layer."""

    coarse: Style
    fine: Style
    at: int

    @classmethod
    def of(cls, coarse: Mapping[Key, Style], fine: Mapping[Key, Style], at: int | None) -> Mixing:
        """The mixing of two exemplars, each by whom it is for.

        Args:
            coarse: For the first layers.
            fine: For the rest.
            at: First layer of the rest; None = the middle one.

        Raises:
            InputError: One of the two is not for all faces.
        """
        if set(coarse) != {None} or set(fine) != {None}:
            raise InputError("two exemplars are mixed for all faces; leave out what stands before '=' in both")
        return cls(coarse[None], fine[None], len(coarse[None].codes) // 2 if at is None else at)

    def style(self) -> Style:
        """The mixed style."""
        return self.coarse.mixed(self.fine, self.at)


def joined_identities(styles: Sequence[Style]) -> Tensor | None:
    """Embeddings of all photos of several styles [N, D]; None if those of one are not known."""
    known = [style.identity for style in styles if style.identity is not None]
    return torch.cat(known) if len(known) == len(styles) else None


def save_style(style: Style, path: str | Path) -> None:
    """Write a style for later use, `NAME.safetensors`; names of photos and embeddings of faces stay out of it.

    Raises:
        InputError: The path has another extension or cannot be written.
    """
    path = Path(path)
    check_style_output(path)
    metadata = {"format": _FORMAT, "model_sha256": style.model_sha256 or ""}
    try:
        with replacing(path) as temporary:
            save_file({"style": style.codes.contiguous()}, temporary, metadata)
    except (OSError, SafetensorError) as error:
        raise InputError(f"the style {path} cannot be written ({reason(error)}); choose another place") from error


def check_style_output(path: str | Path) -> None:
    """Make sure a style can be written there, before any work is done.

    Raises:
        InputError: The extension is another one, or the folder does not exist.
    """
    path = Path(path)
    if path.suffix.lower() != STYLE_SUFFIX:
        raise InputError(f"the style's name {path} has the extension {path.suffix!r}, expected {STYLE_SUFFIX}")
    _expect_possible_name(path)
    if not path.parent.is_dir() or path.is_dir():
        what = "is a folder" if path.is_dir() else f"lies in {path.parent}, which does not exist"
        raise InputError(f"the style {path} {what}; give a file name in a folder that exists")


def _expect_possible_name(path: Path) -> None:
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        pass
    except (OSError, ValueError) as error:  # too long for the system, a character that it has not
        raise InputError(
            f"the style {short_repr(str(path))} cannot be used ({reason(error)}); give another name"
        ) from error


def load_style(path: str | Path) -> Style:
    """Read what `save_style` wrote; whether it fits a model is checked where it is used.

    Raises:
        InputError: The file is missing, damaged, or something else.
    """
    path = Path(path)
    _expect_possible_name(path)
    if not path.is_file():
        raise InputError(f"the style {path} does not exist; write one with 'exegan style FACE -o {path.name}'")
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            codes = file.get_tensor("style") if "style" in file.keys() else None  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise InputError(f"the style {path} cannot be read ({error}); write it again") from error
    is_style = (
        codes is not None
        and metadata.get("format") == _FORMAT
        and codes.dtype in _NUMBERS
        and (codes.ndim, codes.numel() > 0) == (2, True)
        and codes.float().isfinite().all()
    )
    if codes is None or not is_style:
        raise InputError(f"{path} is no style, expected a file that 'exegan style' wrote; give that or a photo")
    return Style(codes.float(), metadata.get("model_sha256") or None, (path.name,))


def read_exemplar(path: Path, face: int | None = None, name: str | None = None) -> ExemplarPhoto | Style:
    """A photo, or by the extension .safetensors a style.

    Args:
        path: The file.
        face: Index of the face in the photo that is meant; None for photos that show one.
        name: What to call it in sentences; None = its path.

    Raises:
        InputError: The file is missing, damaged or something else, or a style is asked for one of its faces.
    """
    called = str(path) if name is None else name
    if path.suffix.lower() != STYLE_SUFFIX:
        return ExemplarPhoto(read_photo(path), called, face)
    if face is not None:
        raise InputError(f"{called} is a style, which has no faces to choose from; leave #{face} out")
    return load_style(path)


def average_styles(styles: Sequence[Style]) -> Style:
    """The mean of the styles of several photos of one person; of one style, itself.

    Raises:
        InputError: There is none, or they are of several models.
    """
    if not styles:
        raise InputError("there is no exemplar; give at least one photo of a face")
    first = styles[0]
    if len(styles) == 1:
        return first
    for style in styles[1:]:
        first.mixed(style, 0)  # refuses styles of two models
    codes = torch.stack([style.codes for style in styles])
    names = tuple(" and ".join(style.names) or f"number {number}" for number, style in enumerate(styles))
    identity = joined_identities(styles)
    distances = _relative_distances(codes) if len(styles) > 2 else ()
    if identity is None or len(identity) != len(styles):
        remarks = _remarks_on_styles(names, distances)
    else:
        remarks = _remarks_on_persons(names, identity)
    return Style(codes.mean(dim=0), first.model_sha256, names, distances, identity, tuple(remarks))


def _relative_distances(codes: Tensor) -> tuple[float, ...]:
    """Distance of each of [N, L, D] to the mean of the others, over the median of these distances."""
    others = (codes.sum(dim=0) - codes) / (len(codes) - 1)
    distances = torch.linalg.vector_norm((codes - others).flatten(1), dim=1)
    # Copies of one photo are no distance apart, up to rounding.
    usual = distances.median().clamp(min=1e-6 * float(codes.norm()) + 1e-12)
    return tuple(float(distance) for distance in distances / usual)


def _remarks_on_styles(names: Sequence[str], distances: Sequence[float]) -> list[str]:
    return [
        f"the style of the exemplar {name} is far from that of the others ({distance:.1f}x the usual distance);"
        " leave it out if it shows somebody else"
        for name, distance in zip(names, distances, strict=False)
        if distance > _FAR
    ]


def _remarks_on_persons(names: Sequence[str], identity: Tensor) -> list[str]:
    """By the cosine of each embedding [N, D] to the mean of the others."""
    others = F.normalize(identity.sum(dim=0) - identity, dim=1)
    cosines = (identity * others).sum(dim=1).tolist()
    return [
        f"the exemplar {name} looks like somebody else (identity similarity {cosine:.2f} to the others);"
        " leave it out if it is"
        for name, cosine in zip(names, cosines, strict=True)
        if cosine < _SOMEBODY_ELSE
    ]


ExemplarPart = Image.Image | ExemplarPhoto | Style | Tensor
"""One photo, a style, or codes [num_styles, w_dim] or [1, num_styles, w_dim] as `encode_exemplar` gives them."""

Exemplar = ExemplarPart | Sequence[ExemplarPart]
"""One of these, or several of one person, whose styles are averaged."""


def exemplar_parts(exemplar: Exemplar) -> list[ExemplarPart]:
    """The parts of an exemplar, however many."""
    return [exemplar] if isinstance(exemplar, Image.Image | ExemplarPhoto | Style | Tensor) else list(exemplar)


def choose_exemplar_face(faces: Sequence[Face], photo: ExemplarPhoto) -> Face:
    """The face that is meant.

    Args:
        faces: All of the photo, left to right.
        photo: The photo, upright.

    Raises:
        NoFaceFound: There is none.
        InputError: There are several and nobody said which, or there is no face of that index.
    """
    size, called = f"{photo.image.width}x{photo.image.height}", f"the exemplar {photo.name}".rstrip()
    if not faces:
        raise NoFaceFound(f"no face was found in {called} ({size}); give a photo that shows one clearly")
    if photo.face is not None:
        if not 0 <= photo.face < len(faces):
            count = "one face, number 0" if len(faces) == 1 else f"{len(faces)} faces, 0 to {len(faces) - 1}"
            raise InputError(f"{called} has no face {photo.face}; it shows {count} from the left")
        return faces[photo.face]
    largest = largest_face(faces)
    main = [i for i, face in enumerate(faces) if _width(face) >= _BACKGROUND * _width(largest)]
    if len(main) > 1:
        where = ", ".join(f"{i} at ({_middle(faces[i])})" for i in main)
        raise InputError(
            f"{called} shows {len(main)} faces: {where}; say which one is meant, as in PHOTO#{main[0]},"
            " or crop the photo"
        )
    return largest


def _width(face: Face) -> float:
    return float(np.sqrt(face.area))


def _middle(face: Face) -> str:
    left, top, right, bottom = face.box_xyxy
    return f"{(left + right) / 2:.0f}, {(top + bottom) / 2:.0f}"
