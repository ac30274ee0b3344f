"""Unpicked completions: `python scripts/unpicked_sheet.py FACES.zip --masks MASKS -o SHEET.jpg`.

The first `COUNT` faces by name of a set that was never trained on, each as hole, exemplar, result. Exemplars,
holes and random numbers are those of `exegan evaluate` with seed 0; the bins of the mask set take turns.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image

from exegan import Inpainter
from exegan.evaluation.cases import FaceCases
from exegan.evaluation.methods import ModelMethod
from exegan.evaluation.report import masked
from exegan.inpainter.output import make_sheet
from exegan.io import save_photo

BINS = ("20-40", "face", "40-60", "60-80")
COUNT, FACES_A_ROW, CELL = 48, 4, 192


def triplet(cases: FaceCases, method: ModelMethod, number: int, bin_name: str) -> list[Image.Image]:
    """A face with its hole in white, its exemplar, and the face completed."""
    truth, mask = cases.portrait(number), cases.mask(bin_name, number)
    if mask is None or cases.exemplars is None:
        raise ValueError("the sheet needs masks and exemplars")
    exemplar = cases.portrait(int(cases.exemplars[number]))
    (completed,) = method.complete(cases, bin_name, [number], 0)
    return [Image.fromarray(one) for one in (masked(truth, mask), exemplar, completed)]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("faces", help="aligned faces never trained on: a zip, folder or parquet set")
    parser.add_argument("--masks", type=Path, required=True, help="what `exegan mask-set irregular-256` wrote")
    parser.add_argument("-o", "--output", type=Path, required=True, help="picture to write")
    parser.add_argument("--model", default="default", help="'default' or a model folder")
    options = parser.parse_args()
    # All of them, so that every face has the exemplar that it has in the evaluation.
    cases = FaceCases(options.faces, options.masks, None, BINS, seed=0)
    method = ModelMethod(Inpainter.from_pretrained(options.model))
    pictures, labels = [], []
    for number in range(min(COUNT, len(cases.stems))):
        bin_name = BINS[number % len(BINS)]
        pictures += triplet(cases, method, number, bin_name)
        labels += [bin_name, "exemplar", cases.stems[number].split("-")[0]]
    save_photo(make_sheet(pictures, labels, cell=CELL, columns=3 * FACES_A_ROW), options.output, quality=82)


if __name__ == "__main__":
    main()
