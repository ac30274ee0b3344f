"""What exemplar strength and seed do: `python scripts/strength.py FACES.zip --masks MASKS -o SHEET.jpg`.

Prints a table over the first `COUNT` faces by name and draws the first `SHOWN` of them: hole, exemplar, every strength,
and another seed at strength 1. Exemplars, holes and random numbers are those of `exegan evaluate` with seed 0.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from exegan.evaluation.cases import FaceCases, picture_seed
from exegan.evaluation.report import masked
from exegan.faces.detect import AlignedFace
from exegan.inpainter import Inpainter, Options, Recognizer, make_recognizer
from exegan.inpainter.output import make_sheet
from exegan.io import save_photo

BIN = "face"
STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0)
COUNT, SHOWN, CELL = 96, 6, 144
Picture = NDArray[np.uint8]


class FaceCase:
    """A face to complete.

    Args:
        cases: Where it is from.
        number: Its number there.
    """

    def __init__(self, cases: FaceCases, number: int) -> None:
        hole = cases.mask(BIN, number)
        if hole is None or cases.exemplars is None or cases.others is None:
            raise ValueError("strengths need masks and exemplars")
        self.truth, self.hole, self._stem = cases.portrait(number), hole, cases.stems[number]
        self.exemplar, self.other = (cases.portrait(int(one[number])) for one in (cases.exemplars, cases.others))

    def complete(self, inpainter: Inpainter, strength: float, sample: int = 0) -> Picture:
        """The face completed."""
        seed, options = picture_seed(self._stem, BIN, sample), Options(exemplar_strength=strength)
        photo, exemplar = Image.fromarray(self.truth), Image.fromarray(self.exemplar)
        result = inpainter.inpaint(photo, self.hole, exemplar, aligned=True, seed=seed, options=options)
        return np.asarray(result.image)

    def inputs(self) -> list[Picture]:
        """Hole in white, and exemplar."""
        return [masked(self.truth, self.hole), self.exemplar]


def make_table(
    recognizer: Recognizer, cases: list[FaceCase], completed: list[list[Picture]], again: list[Picture]
) -> str:
    """The table; `completed` has a list of all cases for each strength."""

    def embed(pictures: list[Picture]) -> torch.Tensor:
        return recognizer.embed([(picture, AlignedFace(picture.shape[:2])) for picture in pictures])

    exemplars, others = embed([case.exemplar for case in cases]), embed([case.other for case in cases])
    lines = ["| exemplar strength | likeness to the exemplar | to a random other face | exemplar preferred |"]
    lines.append("|---|---|---|---|")
    for strength, pictures in zip(STRENGTHS, completed, strict=True):
        codes = embed(pictures)
        own, random = (codes * exemplars).sum(dim=1), (codes * others).sum(dim=1)
        share = (own > random).float().mean()
        lines.append(f"| {strength:g} | {own.mean():.3f} | {random.mean():.3f} | {100 * share:.0f} % |")
    changes = [
        np.abs(one[case.hole].astype(float) - other[case.hole]).mean()
        for case, one, other in zip(cases, completed[-1], again, strict=True)
    ]
    return "\n".join([*lines, "", f"Another seed changes the hole by {np.mean(changes):.1f} of 255 levels on average."])


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("faces", help="aligned faces never trained on: a zip, folder or parquet set")
    parser.add_argument("--masks", type=Path, required=True, help="what `exegan mask-set irregular-256` wrote")
    parser.add_argument("--identity-net", required=True, help="recognition network, as `exegan inpaint` takes it")
    parser.add_argument("-o", "--output", type=Path, required=True, help="picture to write")
    parser.add_argument("--model", default="default", help="'default' or a model folder")
    options = parser.parse_args()
    inpainter = Inpainter.from_pretrained(options.model)
    faces = FaceCases(options.faces, options.masks, None, [BIN], seed=0)
    cases = [FaceCase(faces, number) for number in range(min(COUNT, len(faces.stems)))]
    completed = [[case.complete(inpainter, strength) for case in cases] for strength in STRENGTHS]
    again = [case.complete(inpainter, 1.0, sample=1) for case in cases]
    print(make_table(make_recognizer(options.identity_net, torch.device("cpu")), cases, completed, again))
    labels = ["hole", "exemplar", *(f"strength {strength:g}" for strength in STRENGTHS), "another seed"]
    rows = [[*case.inputs(), *(column[n] for column in completed), again[n]] for n, case in enumerate(cases[:SHOWN])]
    pictures = [Image.fromarray(picture) for row in rows for picture in row]
    sheet = make_sheet(pictures, labels * len(rows), cell=CELL, columns=len(labels))
    save_photo(sheet, options.output, quality=82)


if __name__ == "__main__":
    main()
