"""The page's examples, made by a model: `python scripts/page_examples.py FACES.zip [--model MODEL]`.

Every face is a full-hole completion: the model is shown no pixel, only the style of an exemplar. Of the completions of
the first `COUNT` faces of the set (seed 0), those `KEPT` remain that the face detector is most certain of, and whose
teeth are not green: at most `GREEN` of the face's box is `GREENER` levels greener than red. For each hole of `HOLES`
every pair of them that looks the same way (landmarks at most `TURNED` of the picture's side apart) is completed as
photo and exemplar (seed 0), and the pair with the highest score (`Inpainted.score`) is taken among those that change
the hole by `VISIBLE` grey levels or more; no face is taken twice. Photo and exemplar
of example 0 go to `exegan/web/examples/face-0.jpg` and `face-1.jpg`, the picture of both and the result to
`example-0.jpg`, and so on.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from tqdm import tqdm

from exegan.data.folder_zip import open_source
from exegan.inpainter import Inpainted, Inpainter, Plan, Regions
from exegan.io import save_photo, to_tensor, to_uint8

FOLDER = Path(__file__).resolve().parents[1] / "exegan" / "web" / "examples"
HOLES = ("lower-face", "eyes+brows", "face")
COUNT, KEPT, BATCH, SHOWN = 96, 20, 16, 160
GREEN, GREENER, VISIBLE, TURNED = 0.0005, 8, 12, 0.02
TEAL = (20, 184, 166)


def draw_faces(inpainter: Inpainter, exemplars: list[Image.Image]) -> list[Image.Image]:
    """Faces in the style of exemplars, from no known pixel at all."""
    side, pictures = inpainter.resolution, []
    for start in range(0, len(exemplars), BATCH):
        faces = to_tensor([np.asarray(one) for one in exemplars[start : start + BATCH]])
        mask = torch.ones(len(faces), 1, side, side)
        raw = inpainter.generate(torch.zeros(len(faces), 3, side, side), mask, inpainter.encode_exemplar(faces), seed=0)
        pictures += [Image.fromarray(one) for one in to_uint8(raw.cpu())]
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


def complete(inpainter: Inpainter, photo: Image.Image, exemplar: Image.Image, hole: str) -> tuple[Plan, Inpainted]:
    """One example."""
    plan = inpainter.plan(photo, Regions(hole), exemplar)
    return plan, next(inpainter.sample(plan, 1))


def value(plan: Plan, result: Inpainted) -> float:
    """The result's score; 0 where the change is hardly seen."""
    hole = np.logical_or.reduce(list(plan.holes.values()))
    change = np.abs(np.asarray(result.image).astype(int) - plan.photo)[hole].mean()
    return result.score if change >= VISIBLE else 0.0


def picture_of(plan: Plan, exemplar: Image.Image, result: Inpainted) -> Image.Image:
    """Photo with its hole in teal, exemplar, and result, side by side."""
    holed = plan.photo.copy()
    for hole in plan.holes.values():
        holed[hole] = (0.4 * holed[hole] + 0.6 * np.array(TEAL)).astype(np.uint8)
    strip = Image.new("RGB", (3 * SHOWN + 8, SHOWN), "white")
    for place, one in enumerate((Image.fromarray(holed), exemplar, result.image)):
        strip.paste(one.resize((SHOWN, SHOWN), Image.Resampling.LANCZOS), (place * (SHOWN + 4), 0))
    return strip


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("faces", help="aligned faces to take styles from: a zip, folder or parquet set")
    parser.add_argument("--model", default="default", help="'default' or a model folder")
    options = parser.parse_args()
    inpainter, source = Inpainter.from_pretrained(options.model), open_source(options.faces)
    pictures = draw_faces(inpainter, [source.read(number) for number in range(min(COUNT, len(source.names)))])
    kept = sorted(pictures, key=lambda picture: -certainty(inpainter, picture))[:KEPT]
    landmarks = [inpainter.detector.detect(picture)[0].landmarks5 / inpainter.resolution for picture in kept]
    free = set(range(len(kept)))
    for number, hole in enumerate(HOLES):
        pairs = [
            (one, other)
            for one in free
            for other in free
            if one != other and np.hypot(*(landmarks[one] - landmarks[other]).T).mean() <= TURNED
        ]
        values = {
            (one, other): value(*complete(inpainter, kept[one], kept[other], hole))
            for one, other in tqdm(pairs, desc=hole, unit="pairs")
        }
        photo, exemplar = max(values, key=lambda pair: values[pair])
        free -= {photo, exemplar}
        save_photo(kept[photo], FOLDER / f"face-{2 * number}.jpg", quality=92)
        save_photo(kept[exemplar], FOLDER / f"face-{2 * number + 1}.jpg", quality=92)
        plan, result = complete(inpainter, kept[photo], kept[exemplar], hole)
        save_photo(picture_of(plan, kept[exemplar], result), FOLDER / f"example-{number}.jpg", quality=88)
        print(f"{hole}: faces {photo} and {exemplar} of those kept, score {values[photo, exemplar]:.3f}")


if __name__ == "__main__":
    main()
