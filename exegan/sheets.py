"""Contact sheets: pictures in a grid, each with a line of text below it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from exegan.errors import InputError

_MARGIN = 8
_TEXT_SIZE = 18
_CAPTION = _TEXT_SIZE + 10


def make_sheet(
    pictures: Sequence[Image.Image], labels: Sequence[str], *, cell: int = 256, columns: int | None = None
) -> Image.Image:
    """Pictures side by side, row after row, black text on white.

    Args:
        pictures: Any size and mode; each is fitted into its cell.
        labels: One for each; cut with an ellipsis where the cell is too narrow.
        cell: Side of a cell in pixels.
        columns: Cells in a row; None makes the sheet about square.

    Returns:
        RGB.

    Raises:
        InputError: There is no picture, or not one label for each.
    """
    if not pictures or len(pictures) != len(labels):
        raise InputError(f"a sheet got {len(pictures)} pictures and {len(labels)} labels, expected as many of each")
    columns = min(len(pictures), columns or math.ceil(math.sqrt(len(pictures))))
    rows = math.ceil(len(pictures) / columns)
    width, height = cell + _MARGIN, cell + _CAPTION + _MARGIN
    sheet = Image.new("RGB", (columns * width + _MARGIN, rows * height + _MARGIN), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(_TEXT_SIZE)
    for number, (picture, label) in enumerate(zip(pictures, labels, strict=True)):
        left, top = _MARGIN + number % columns * width, _MARGIN + number // columns * height
        fitted = _fit(picture, cell)
        sheet.paste(fitted, (left + (cell - fitted.width) // 2, top + (cell - fitted.height) // 2))
        text = _shorten(label, cell, font)
        draw.text((left + cell / 2, top + cell + _CAPTION / 2), text, fill="black", font=font, anchor="mm")
    return sheet


def _fit(picture: Image.Image, cell: int) -> Image.Image:
    scale = cell / max(picture.size)
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    return picture.convert("RGB").resize(size, Image.Resampling.LANCZOS)


def _shorten(text: str, width: int, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(f"{text}…") > width:
        text = text[:-1]
    return f"{text}…"
