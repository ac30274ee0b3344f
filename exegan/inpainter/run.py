"""Plans carried out: each face cut out, round by round through the networks, put back and measured."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from exegan.errors import InputError
from exegan.faces.align import crop_outside_photo, crop_side, warp_crop, warp_mask
from exegan.faces.detect import Face
from exegan.faces.paste import hole_outside_crop, paste
from exegan.faces.seam import seam_score, sharpness_ratio
from exegan.inpainter.loading import Recognizer
from exegan.inpainter.plan import Part, Plan
from exegan.inpainter.result import CompletedFace, Inpainted, similarity
from exegan.inpainter.tensors import Options, TensorInpainter
from exegan.io import to_tensor
from exegan.masks.editing import BoolMask

# Faces in one network call, so that memory does not grow with the number of samples.
_FACES_AT_ONCE = 16
# A CPU gains little from several, and their number decides the last bits of each: alone, a seed gives the same pixels
# whatever else is asked for.
_FACES_AT_ONCE_ON_CPU = 1


@dataclass
class Clock:
    """Seconds by stage, summed over the times that it was entered."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time what is done inside."""
        start = time.perf_counter()
        yield
        self.add(name, time.perf_counter() - start)

    def add(self, name: str, seconds: float) -> None:
        """Count seconds to a stage."""
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds


@dataclass
class _Run:
    """A plan with a seed, on its way."""

    plan: Plan
    seed: int
    strength: float
    canvas: NDArray[np.uint8]
    clock: Clock = field(default_factory=Clock)
    clocks: dict[int, Clock] = field(default_factory=dict)

    def add(self, index: int, stage: str, seconds: float) -> None:
        """Count seconds to a stage of the photo and of one face."""
        self.clock.add(stage, seconds)
        self.clocks.setdefault(index, Clock()).add(stage, seconds)


_Job = tuple[_Run, Part]
_Crop = tuple[Tensor, Tensor]
"""A face aligned for the networks: [3, R, R] in [-1, 1], and its hole [1, R, R], 1 = hole. On the CPU."""
_Crops = dict[tuple[int, int, int], _Crop]


def run_plans(
    networks: TensorInpainter,
    plans: Sequence[Plan],
    seeds: Sequence[int],
    options: Options,
    strengths: Sequence[float] | None,
    recognizer: Recognizer | None,
) -> Iterator[Inpainted]:
    """Complete photos, each with its own seed, in order; however many there are, a few are held at a time.

    A plan may occur several times in a row, and its faces are cut out once. On a CPU the same seed gives the same
    pixels in any company; on other devices, up to rounding.

    Args:
        networks: What completes aligned faces.
        plans: The photos and what is to be done to them.
        seeds: As many.
        options: Of all.
        strengths: As many exemplar strengths, in place of the one in `options`.
        recognizer: Measures identities, if there is one.

    Raises:
        InputError: The numbers differ, or what the networks draw is not finite.
    """
    strengths = [options.exemplar_strength] * len(plans) if strengths is None else strengths
    for what, given in (("seeds", seeds), ("exemplar strengths", strengths)):
        if len(plans) != len(given):
            raise InputError(f"got {len(given)} {what} for {len(plans)} photos, expected one for each")
    return _run_groups(networks, list(zip(plans, seeds, strengths, strict=True)), options, recognizer)


def _run_groups(
    networks: TensorInpainter,
    wanted: Sequence[tuple[Plan, int, float]],
    options: Options,
    recognizer: Recognizer | None,
) -> Iterator[Inpainted]:
    at_once = _FACES_AT_ONCE_ON_CPU if networks.device.type == "cpu" else _FACES_AT_ONCE
    crops: _Crops = {}
    start = 0
    while start < len(wanted):
        end, faces = start, 0
        while end < len(wanted) and (end == start or faces + len(wanted[end][0].holes) <= at_once):
            faces += len(wanted[end][0].holes)
            end += 1
        runs = [_Run(plan, seed, strength, plan.photo) for plan, seed, strength in wanted[start:end]]
        # The next samples of a photo begin with the same crops.
        crops = {key: crop for key, crop in crops.items() if key[0] == id(runs[0].plan.photo)}
        for number in range(max((part.round for run in runs for part in run.plan.parts), default=-1) + 1):
            jobs = [(run, part) for run in runs for part in run.plan.parts if part.round == number]
            made = _cut_out(jobs, networks.resolution, crops if number == 0 else {})
            for first in range(0, len(jobs), at_once):
                window = slice(first, first + at_once)
                _complete(networks, jobs[window], made[window], options)
        yield from (_result(run, networks.resolution, recognizer) for run in runs)
        start = end


def _cut_out(jobs: Sequence[_Job], resolution: int, known: _Crops) -> list[_Crop]:
    """Crops of all jobs; those of the same face of the same picture are made once."""
    crops = []
    for run, part in jobs:
        key = id(run.canvas), id(part.unknown), part.index
        clock = Clock()
        with clock.stage("align"):
            if key not in known:
                known[key] = _cut(run.canvas, part.unknown, part.face, resolution)
        run.add(part.index, "align", clock.seconds["align"])
        crops.append(known[key])
    return crops


def _cut(photo: NDArray[np.uint8], unknown: BoolMask, face: Face, resolution: int) -> _Crop:
    affine = face.crop_affine(resolution)
    hole = warp_mask(unknown, affine, resolution)
    image = to_tensor(warp_crop(photo, affine, resolution, hole))[0]
    return image, torch.from_numpy(hole)[None]


def _complete(networks: TensorInpainter, jobs: Sequence[_Job], crops: Sequence[_Crop], options: Options) -> None:
    """One network call, then its faces put back in order."""
    clock = Clock()
    with clock.stage("generate"):
        raws = networks.generate(
            torch.stack([image for image, _ in crops]),
            torch.stack([mask for _, mask in crops]),
            torch.stack([part.style.codes for _, part in jobs]),
            seed=[run.seed for run, _ in jobs],
            options=options,
            strengths=[run.strength for run, _ in jobs],
        ).cpu()
    if not torch.isfinite(raws).all():
        raise InputError("the picture that the model drew is not finite (NaN); use float32, or export the model again")
    share = clock.seconds["generate"] / len(jobs)
    for (run, part), raw in zip(jobs, raws, strict=True):
        run.add(part.index, "generate", share)
        pasting = Clock()
        with pasting.stage("paste"):
            run.canvas = paste(
                run.canvas, raw, part.hole, part.face.crop_affine(networks.resolution), blend=options.blend
            )
        run.add(part.index, "paste", pasting.seconds["paste"])


def _result(run: _Run, resolution: int, recognizer: Recognizer | None) -> Inpainted:
    run.clock.seconds = {**run.plan.seconds, **run.clock.seconds}
    with run.clock.stage("measure"):
        faces = tuple(_measure(run, index, resolution, recognizer) for index in run.plan.holes)
    remarks = tuple(run.plan.notes())
    return Inpainted(Image.fromarray(run.canvas), faces, run.seed, run.clock.seconds, remarks, run.plan.source)


def _measure(run: _Run, index: int, resolution: int, recognizer: Recognizer | None) -> CompletedFace:
    """Compare a face before and after."""
    parts = [part for part in run.plan.parts if part.index == index]
    face, hole = parts[0].face, run.plan.holes[index]
    affine = face.crop_affine(resolution)
    to_exemplar: float | None = None
    to_photo: float | None = None
    if recognizer is not None:
        now, before = recognizer.embed([(run.canvas, face), (run.plan.photo, face)])
        to_exemplar = similarity(now, [part.style.identity for part in parts])
        to_photo = similarity(now, [before[None]])
    upscaled = crop_side(affine, resolution) / resolution
    return CompletedFace(
        index=index,
        face=face,
        affine=affine,
        upscaled=upscaled,
        hole_outside_crop=hole_outside_crop(hole, affine, resolution),
        crop_outside_photo=crop_outside_photo(affine, resolution, hole.shape),
        seam=seam_score(run.canvas, hole),
        sharpness=sharpness_ratio(run.canvas, hole, max(1, round(upscaled))),
        identity_to_exemplar=to_exemplar,
        identity_to_photo=to_photo,
        seconds=run.clocks[index].seconds,
    )
