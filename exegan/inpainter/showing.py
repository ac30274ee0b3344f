"""Several completions of one photo on a sheet, close up."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
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
    left, top, right, bottom = _close_up(plan)
    hole = np.zeros(plan.photo.shape[:2], dtype=np.bool_)
    for part in plan.holes.values():
        hole |= part
    window = np.s_[top:bottom, left:right]
    holed = Image.fromarray(np.where(hole[window][:, :, None], np.uint8(255), plan.photo[window]))
    pictures = [holed, *(result.image.crop((left, top, right, bottom)) for result in results)]
    return make_sheet(pictures, ["hole", *labels], cell=cell)


def _close_up(plan: Plan) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of a box around the aligned crops of all faces that are completed."""
    size_hw = plan.photo.shape[:2]
    faces = {part.index: part.face for part in plan.parts}.values()
    boxes = [crop_box(ffhq_affine(face.landmarks5, 1), 1, size_hw, margin=0) for face in faces]
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)
