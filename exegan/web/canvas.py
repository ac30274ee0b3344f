"""The canvas of the page (`static/canvas.js`) as the server sees it: what it shows, and what was painted on it."""

from __future__ import annotations

import base64
import binascii
import io
import secrets
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from exegan.errors import ExeGanError, InputError
from exegan.io.decode import decoded
from exegan.web.hole import PAINTED_ALPHA, HoleParts, Mask, make_preview_hole
from exegan.web.photo import ALL_FACES, PREVIEW_SIDE, OpenedPhoto

EMPTY_CANVAS = {"strokes": "", "mask": None}
_DAMAGED = "what was painted is damaged; press New photo and paint it anew"
MAX_STROKES_PIXELS = PREVIEW_SIDE**2
TEAL = (20, 184, 166)
_DATA_URL = "data:image/png;base64,"


def read_canvas(value: Any) -> tuple[Image.Image | None, Path | None]:
    """What the value of a canvas holds: strokes, RGBA of the preview's size, and the file of a mask; None for none.

    Raises:
        InputError: A browser never sends such a value.
    """
    try:
        strokes, mask = value["strokes"], None if value["mask"] is None else Path(value["mask"]["path"])
        return _read_strokes(strokes) if strokes else None, mask
    except (TypeError, KeyError, AttributeError) as error:
        raise InputError(_DAMAGED) from error


def _read_strokes(url: str) -> Image.Image | None:
    try:
        content = base64.b64decode(url.removeprefix(_DATA_URL), validate=True)
        with Image.open(io.BytesIO(content), formats=("PNG",)) as header:
            pixels = header.width * header.height
        if pixels > MAX_STROKES_PIXELS:
            raise InputError(f"it has {pixels} pixels, expected at most {MAX_STROKES_PIXELS}")
        with decoded(content, "what was painted") as opened:
            strokes = opened.convert("RGBA")
    except (binascii.Error, OSError, SyntaxError, ValueError, ExeGanError) as error:
        raise InputError(_DAMAGED) from error
    return strokes if np.asarray(strokes.getchannel("A")).max() >= PAINTED_ALPHA else None


def make_scene(photo: OpenedPhoto | None, parts: HoleParts, problem: str = "") -> dict[str, Any]:
    """What the canvas shows, JSON-ready.

    Args:
        photo: The photo; None shows the field that takes one.
        parts: Of the hole.
        problem: What is wrong, in a sentence.

    Raises:
        ExeGanError: The mask cannot be read or has another size than the photo.
    """
    scene = {
        "photo": "",
        "size": [0, 0],
        "faces": [],
        "chosen": [],
        "hole": "",
        "hole_has_strokes": False,
        "problem": problem,
        "turn": secrets.token_hex(4),  # the browser is to notice that the same is said once more
    }
    if photo is None:
        return scene
    # What is grown or inverted is more than strokes and parts side by side; else the browser draws strokes by itself.
    has_strokes = parts.inverted or parts.grow_percent != 0
    hole = make_preview_hole(photo, parts if has_strokes else replace(parts, strokes=None))
    return {
        **scene,
        "photo": str(photo.preview_path),
        "size": list(photo.preview_size),
        "faces": [[round(side, 1) for side in face.box_xyxy] for face in photo.preview_faces],
        "chosen": list(range(len(photo.faces))) if parts.face == ALL_FACES else [int(parts.face)],
        "hole": _draw_hole(hole) if hole.any() else "",
        "hole_has_strokes": has_strokes,
    }


def _draw_hole(hole: Mask) -> str:
    """Data URL of a picture that is teal in the hole and transparent elsewhere: a few KiB."""
    picture, file = Image.fromarray(hole.astype(np.uint8), mode="P"), io.BytesIO()
    picture.putpalette([0, 0, 0, *TEAL])
    picture.save(file, "PNG", bits=1, transparency=0)
    return _DATA_URL + base64.b64encode(file.getvalue()).decode()
