"""What is told about one completed face."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from exegan.faces.align import crop_outside_photo
from exegan.faces.paste import hole_outside_crop
from exegan.faces.seam import seam_score
from exegan.inpainter.result import CompletedFace
from exegan.inpainter.scores import Recognizer, similarity
from exegan.inpainter.stages import Prepared


def measure_face(
    one: Prepared,
    result: NDArray[np.uint8],
    exemplars: Sequence[Tensor | None],
    recognizer: Recognizer | None,
    seconds: dict[str, float],
) -> CompletedFace:
    """Compare a face before and after.

    Args:
        one: The face as it was, with the hole that is its own.
        result: The completed photo, uint8 RGB [H, W, 3].
        exemplars: Embeddings [N, D] of its exemplars, as far as they are known.
        recognizer: Measures identities, if there is one.
        seconds: What its stages took.
    """
    to_exemplar: float | None = None
    to_photo: float | None = None
    if recognizer is not None:
        now, before = recognizer.embed([(result, one.face), (one.photo, one.face)])
        to_exemplar, to_photo = similarity(now, exemplars), similarity(now, [before[None]])
    resolution = one.image.shape[-1]
    return CompletedFace(
        index=one.index,
        face=one.face,
        affine=one.affine,
        upscaled=one.upscaled,
        hole_outside_crop=hole_outside_crop(one.mask, one.affine, resolution),
        crop_outside_photo=crop_outside_photo(one.affine, resolution, one.mask.shape),
        seam=seam_score(result, one.mask),
        identity_to_exemplar=to_exemplar,
        identity_to_photo=to_photo,
        seconds=seconds,
    )
