"""From exemplar photos to styles: which face is meant, its aligned picture, its code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image
from torch import Tensor

from exegan.errors import InputError, NoFaceFound
from exegan.faces.face import Face, largest_face
from exegan.images import to_tensor
from exegan.inpainter.scores import Recognizer
from exegan.inpainter.stages import align_face
from exegan.inpainter.styles import Style
from exegan.inpainter.tensors import TensorInpainter

# A face less than this share of the largest one's width is part of the background, nobody need be asked about it.
_BACKGROUND = 1 / 3


@dataclass(frozen=True, eq=False)
class ExemplarPhoto:
    """A photo of a face to take the looks from.

    Args:
        image: Any size and mode; EXIF orientation is applied.
        name: What to call it in sentences, its file say.
        face: Index of the face, from the left; None for photos that show one.
    """

    image: Image.Image
    name: str = ""
    face: int | None = None


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


def encode_photos(
    networks: TensorInpainter,
    photos: Sequence[ExemplarPhoto],
    faces: Sequence[Face],
    model_sha256: str | None,
    recognizer: Recognizer | None,
) -> list[Style]:
    """Styles of faces of upright photos, in one network call.

    Args:
        networks: Encodes them.
        photos: RGB.
        faces: The one of each photo that is meant.
        model_sha256: Of the networks' weights.
        recognizer: Embeds the faces, if there is one.
    """
    side = networks.model.config.style_encoder.resolution
    views = [(np.asarray(photo.image), face) for photo, face in zip(photos, faces, strict=True)]
    codes = networks.encode_exemplar(to_tensor([align_face(pixels, face, side) for pixels, face in views])).cpu()
    known = [None] * len(views) if recognizer is None else list(recognizer.embed(views)[:, None])
    names = [photo.name or f"number {number}" for number, photo in enumerate(photos)]
    return [Style(code, model_sha256, (name,), (), one) for code, name, one in zip(codes, names, known, strict=True)]


def _width(face: Face) -> float:
    return float(np.sqrt(face.area))


def _middle(face: Face) -> str:
    left, top, right, bottom = face.box_xyxy
    return f"{(left + right) / 2:.0f}, {(top + bottom) / 2:.0f}"
