"""Several completions of one photo on a sheet, close up."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

from exegan.faces.align import crop_box, ffhq_affine
from exegan.inpainter.plan import Plan
from exegan.inpainter.result import Inpainted
from exegan.sheets import make_sheet


def sample_sheet(plan: Plan, results: Sequence[Inpainted], *, cell: int = 256) -> Image.Image:
    """The hole and the completions of one photo, labelled with seed and score (`Inpainted.score`); RGB."""
    labels = [f"seed {result.seed}, score {result.score:.2f}" for result in results]
    return _sheet(plan, results, labels, cell)


def sweep_sheet(plan: Plan, results: Sequence[Inpainted], *, cell: int = 256) -> Image.Image:
    """The hole and what `Inpainter.sweep` made, labelled with the layer; RGB."""
    labels = [f"mix at {layer}" for layer in range(len(results))]
    labels[0], labels[-1] = f"{labels[0]} (all B)", f"{labels[-1]} (all A)"
    return _sheet(plan, results, labels, cell)


def _sheet(plan: Plan, results: Sequence[Inpainted], labels: Sequence[str], cell: int) -> Image.Image:
    """One face in a grid; of several faces each in a row of its own."""
    faces = {part.index: part.face for part in plan.parts}
    pictures = [_with_hole(plan), *(result.image for result in results)]
    captions = ["hole", *labels]
    cells, texts = [], []
    for index, face in sorted(faces.items()):
        box = crop_box(ffhq_affine(face.landmarks5, 1), 1, plan.photo.shape[:2], margin=0)
        cells += [picture.crop(box) for picture in pictures]
        texts += captions if len(faces) == 1 else [f"face {index}, {caption}" for caption in captions]
    return make_sheet(cells, texts, cell=cell, columns=None if len(faces) == 1 else len(pictures))


def _with_hole(plan: Plan) -> Image.Image:
    picture = plan.photo.copy()
    for hole in plan.holes.values():
        picture[hole] = 255
    return Image.fromarray(picture)
