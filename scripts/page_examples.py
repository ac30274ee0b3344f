"""Faces for the page's examples, made by a model: `python scripts/page_examples.py FACES.zip [--model MODEL]`.

Every picture is a full-hole completion: the model is shown no pixel, only the style of an exemplar. Of the completions
of the first `COUNT` faces of the set (seed 0), enlarged to `SIDE` pixels, those are taken that the face detector is
most certain of, and whose teeth are not green: at most `GREEN` of the face's box is `GREENER` levels greener than red.
They go to `exegan/web/examples/face-0.jpg` and so on, the most certain first.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from exegan.data.folder_zip import open_source
from exegan.inpainter import Inpainter
from exegan.io import save_photo, to_tensor, to_uint8

FOLDER = Path(__file__).resolve().parents[1] / "exegan" / "web" / "examples"
COUNT, TAKEN, SIDE, BATCH = 96, 6, 384, 16
GREEN, GREENER = 0.0005, 8


def complete_all(inpainter: Inpainter, exemplars: list[Image.Image]) -> list[Image.Image]:
    """Faces in the style of exemplars, from no known pixel at all."""
    side, pictures = inpainter.resolution, []
    for start in range(0, len(exemplars), BATCH):
        faces = to_tensor([np.asarray(one) for one in exemplars[start : start + BATCH]])
        mask = torch.ones(len(faces), 1, side, side)
        raw = inpainter.generate(torch.zeros(len(faces), 3, side, side), mask, inpainter.encode_exemplar(faces), seed=0)
        pictures += [Image.fromarray(one).resize((SIDE, SIDE), Image.Resampling.BICUBIC) for one in to_uint8(raw.cpu())]
    return pictures


def certainty(inpainter: Inpainter, picture: Image.Image) -> float:
    """Score of the one face in a picture; 0 where there is none or several, or too much green in it."""
    faces = inpainter.detector.detect(picture)
    if len(faces) != 1:
        return 0.0
    left, top, right, bottom = (round(side) for side in faces[0].box_xyxy)
    face = np.asarray(picture.crop((left, top, right, bottom))).astype(int)
    is_green = face[..., 1] - face[..., 0] > GREENER
    return faces[0].score if is_green.mean() <= GREEN else 0.0


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("faces", help="aligned faces to take styles from: a zip, folder or parquet set")
    parser.add_argument("--model", default="default", help="'default' or a model folder")
    options = parser.parse_args()
    inpainter, source = Inpainter.from_pretrained(options.model), open_source(options.faces)
    pictures = complete_all(inpainter, [source.read(number) for number in range(min(COUNT, len(source.names)))])
    order = sorted(range(len(pictures)), key=lambda number: -certainty(inpainter, pictures[number]))
    FOLDER.mkdir(exist_ok=True)
    for place, number in enumerate(order[:TAKEN]):
        save_photo(pictures[number], FOLDER / f"face-{place}.jpg", quality=90)
        print(f"face-{place}.jpg: face {number} of the set, score {certainty(inpainter, pictures[number]):.4f}")


if __name__ == "__main__":
    main()
