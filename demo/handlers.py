"""What the page does, as plain functions: no components, no tensors, nothing that knows a browser.

The editor hands over what was painted as a dict: `background` (the photo, upright), `layers` (strokes on transparent
pictures) and `composite` (both, unused here).
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from exegan.errors import InputError, MaskError
from exegan.images import Photo, check_mask, read_mask, read_photo, upright_rgb
from exegan.inpainter import write_completed

EditorValue = dict[str, Any]
Mask = NDArray[np.bool_]
T = TypeVar("T")

PAINTED_ALPHA = 128  # strokes fade at their rims; from here on they count as painted
PREVIEW_SIDE = 1280  # what the page shows of a result; the file to download has every pixel


class Completed(Protocol):
    """What is read of an `exegan.inpainter.Inpainted`."""

    @property
    def image(self) -> Image.Image: ...

    @property
    def seconds(self) -> dict[str, float]: ...

    def notes(self) -> list[str]: ...


class Completer(Protocol):
    """What is asked of an `exegan.inpainter.Inpainter`."""

    @property
    def model_sha256(self) -> str | None: ...

    def inpaint(self, photo: Image.Image, mask: Mask, exemplar: Image.Image, *, seed: int) -> Completed: ...


def mask_from_editor(value: EditorValue) -> Mask:
    """What was painted, as bool [H, W] of the photo's size, True = hole.

    Only the opacity of the strokes counts, never their colour. A layer of another size than the photo is stretched over
    it by nearest neighbour; without layers nothing is painted.
    """
    size = value["background"].size
    mask = np.zeros(size[::-1], dtype=np.bool_)
    for layer in value.get("layers") or []:
        alpha = layer.convert("RGBA").getchannel("A").resize(size, Image.Resampling.NEAREST)
        mask |= np.asarray(alpha) >= PAINTED_ALPHA
    return mask


def find_hole(value: EditorValue, uploaded_mask: str | Path | None) -> Mask:
    """The hole: all that is painted, and all that is white in an uploaded mask.

    Raises:
        MaskError: There is no hole, or the uploaded mask has another size than the photo.
        InputError: The uploaded mask is no picture.
    """
    painted = mask_from_editor(value)
    if uploaded_mask is not None:
        uploaded = _read(read_mask, uploaded_mask, "the uploaded mask")
        check_mask(uploaded, painted.shape)
        return painted | uploaded
    if not painted.any():
        raise MaskError("Nothing is painted yet; paint over the part of the face to complete, or upload a mask.")
    return painted


def complete(
    inpainter: Completer,
    value: EditorValue | None,
    uploaded_mask: str | Path | None,
    exemplar: str | Path | None,
    seed: float | None,
    folder: str | Path,
) -> tuple[Image.Image, Image.Image, str, str]:
    """Complete the photo in the editor.

    Args:
        inpainter: Does the work.
        value: What the editor holds.
        uploaded_mask: File of a mask to add to what was painted, white = hole.
        exemplar: File of the face to take the looks from.
        seed: Seed of the stochastic style; an emptied field counts as 0.
        folder: Where results are kept; each goes into a folder of its own with a name nobody can guess.

    Returns:
        (photo to show, completed photo to show, file of the completed photo at full resolution, message).

    Raises:
        ExeGanError: Something is missing or does not fit, in one sentence for the person at the page.
    """
    if value is None or value.get("background") is None:
        raise InputError("There is no photo yet; drop one into step 1.")
    mask = find_hole(value, uploaded_mask)
    if exemplar is None:
        raise InputError("There is no exemplar yet; drop a photo of a face to take the looks from into step 2.")
    photo = upright_rgb(value["background"])
    face = _read(read_photo, exemplar, "the exemplar")
    number = int(seed or 0)
    result = inpainter.inpaint(photo, mask, face, seed=number)
    path = Path(tempfile.mkdtemp(dir=folder)) / "completed.png"
    write_completed(Photo(photo, photo), result.image, path, seed=number, model_sha256=inpainter.model_sha256)
    return _preview(photo), _preview(result.image), str(path), _message(result)


def _read(reader: Callable[[str | Path], T], path: str | Path, name: str) -> T:
    """Read an upload; errors call it by its name on the page, not by the server's path."""
    try:
        return reader(path)
    except InputError as error:
        raise InputError(str(error).replace(str(path), name)) from error


def _preview(image: Image.Image) -> Image.Image:
    preview = image.copy()
    preview.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE))
    return preview


def _message(result: Completed) -> str:
    sentences = [f"done in {sum(result.seconds.values()):.1f} s, {result.image.width}×{result.image.height} pixels"]
    sentences += result.notes()
    return " ".join(f"{sentence[0].upper()}{sentence[1:]}." for sentence in sentences)
