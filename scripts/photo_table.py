"""Many photos before and after: `python scripts/photo_table.py PHOTOS -o docs/photos`.

Writes a picture, a row a photo (photo, mask, exemplar, completed, the face close up), and a page with its size, hole
and seam score. Sizes differ by scaling; every fourth photo is turned; every sixth case is two photos side by side, both
faces completed. Nothing is picked: cases follow from the order of the files' names.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from exegan import Inpainter
from exegan.inpainter import Inpainted, Regions
from exegan.inpainter.output import make_sheet
from exegan.io import read_photo, save_photo

REGIONS = ("mouth", "eyes", "nose+mouth", "lower-face", "brows+eyes", "face", "left-eye", "cheeks")
SIDES = (1024, 640, 400, 256, 800, 1600)
COUNT, TILED, TURNED = 24, 6, 4
TURN = 20  # degrees


@dataclass(frozen=True)
class PhotoCase:
    """A photo to complete.

    Args:
        name: Files it is made of.
        photo: The photo.
        exemplar: Face whose likeness is taken.
        regions: Where.
    """

    name: str
    photo: Image.Image
    exemplar: Image.Image
    regions: str


def make_cases(paths: list[Path]) -> list[PhotoCase]:
    """The same cases for the same files."""
    cases = []
    for number in range(COUNT):
        names = [paths[(3 * number + k) % len(paths)] for k in range(2 if number % TILED == TILED - 1 else 1)]
        side = SIDES[number % len(SIDES)]
        degrees = (TURN if number % 8 < 4 else -TURN) if number % TURNED == TURNED - 2 else 0
        parts = [_turned(read_photo(path), degrees).resize((side, side), Image.Resampling.LANCZOS) for path in names]
        photo = Image.new("RGB", (side * len(parts), side))
        for k, part in enumerate(parts):
            photo.paste(part, (k * side, 0))
        exemplar = read_photo(paths[(3 * number + 7) % len(paths)])
        cases.append(PhotoCase(" and ".join(p.stem for p in names), photo, exemplar, REGIONS[number % len(REGIONS)]))
    return cases


def _turned(photo: Image.Image, degrees: float) -> Image.Image:
    """The largest upright square within the turned photo."""
    if degrees == 0:
        return photo
    angle = math.radians(abs(degrees))
    half = min(photo.size) / (math.cos(angle) + math.sin(angle)) / 2
    x, y = photo.width / 2, photo.height / 2
    box = (round(x - half), round(y - half), round(x + half), round(y + half))
    return photo.rotate(degrees, Image.Resampling.BICUBIC).crop(box)


def complete(inpainter: Inpainter, case: PhotoCase) -> tuple[Inpainted, list[Image.Image]]:
    """A case's result, and its row of pictures."""
    plan = inpainter.plan(case.photo, Regions(case.regions), case.exemplar, face="all")
    (result,) = inpainter.run([plan], [0])
    hole = np.logical_or.reduce(list(plan.holes.values()))
    masked = np.asarray(case.photo).copy()
    masked[hole] = 255
    face = result.faces[0].face
    box = (0, 0, *case.photo.size) if face is None else _around(face.box_xyxy, case.photo.size)
    return result, [case.photo, Image.fromarray(masked), case.exemplar, result.image, result.image.crop(box)]


def _around(box: tuple[float, float, float, float], size: tuple[int, int]) -> tuple[int, int, int, int]:
    """A face's box with a fifth more on each side, within the photo."""
    left, top, right, bottom = box
    margin = 0.2 * max(right - left, bottom - top)
    return (
        max(0, round(left - margin)),
        max(0, round(top - margin)),
        min(size[0], round(right + margin)),
        min(size[1], round(bottom + margin)),
    )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, help="folder of photos with a face each")
    parser.add_argument("-o", "--output", type=Path, required=True, help="where to write, without extension")
    parser.add_argument("--model", default="default")
    options = parser.parse_args()
    inpainter = Inpainter.from_pretrained(options.model)
    pictures: list[Image.Image] = []
    labels: list[str] = []
    lines = ["| photo | size | faces | hole | upscaled | seam score |", "|---|---|---|---|---|---|"]
    for case in make_cases(sorted(options.photos.glob("*.jpg"))):
        result, row = complete(inpainter, case)
        seams = ", ".join(f"{face.seam:.2f}" for face in result.faces)
        size = f"{case.photo.width}x{case.photo.height}"
        scale = ", ".join(f"{face.upscaled:.1f}" for face in result.faces)
        lines.append(f"| {case.name} | {size} | {len(result.faces)} | {case.regions} | {scale} | {seams} |")
        pictures += row
        labels += [f"{size}", case.regions, "exemplar", f"seam {seams}", "close up"]
        print(lines[-1], flush=True)
    sheet = options.output.with_suffix(".jpg")
    save_photo(make_sheet(pictures, labels, cell=160, columns=5), sheet, quality=78)
    text = f"# Photos before and after\n\n{__doc__}\n![Sheet]({sheet.name})\n\n" + "\n".join(lines) + "\n"
    options.output.with_suffix(".md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
