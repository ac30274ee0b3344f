"""Plans carried out: round by round, the faces of all photos through the networks together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from exegan.errors import InputError
from exegan.faces.paste import paste
from exegan.inpainter.measuring import measure_face
from exegan.inpainter.options import Options
from exegan.inpainter.plan import Part, Plan
from exegan.inpainter.result import Inpainted
from exegan.inpainter.scores import Recognizer
from exegan.inpainter.stages import Clock, Prepared, prepare_face, stack_prepared
from exegan.inpainter.tensors import TensorInpainter

# Faces in one network call, so that memory does not grow with the number of samples.
_FACES_AT_ONCE = 16
# A CPU gains little from several, and their number decides the last bits of each: alone, a seed gives the same pixels
# whatever else is asked for.
_FACES_AT_ONCE_ON_CPU = 1


@dataclass
class _Run:
    """A plan with a seed, on its way."""

    plan: Plan
    seed: int
    canvas: NDArray[np.uint8]
    clock: Clock = field(default_factory=Clock)
    clocks: dict[int, Clock] = field(default_factory=dict)
    faces: dict[int, Prepared] = field(default_factory=dict)

    def add(self, index: int, stage: str, seconds: float) -> None:
        """Count seconds to a stage of the photo and of one face."""
        self.clock.add(stage, seconds)
        self.clocks.setdefault(index, Clock()).add(stage, seconds)


def run_plans(
    networks: TensorInpainter,
    plans: Sequence[Plan],
    seeds: Sequence[int],
    options: Options,
    recognizer: Recognizer | None,
) -> list[Inpainted]:
    """Complete photos, each with its own seed; a plan may occur several times, and its faces are cut out once.

    On a CPU the same seed gives the same pixels in any company; on other devices, up to rounding.

    Args:
        networks: What completes aligned faces.
        plans: The photos and what is to be done to them.
        seeds: As many.
        options: Of all.
        recognizer: Measures identities, if there is one.
    """
    if len(plans) != len(seeds):
        raise InputError(f"got {len(seeds)} seeds for {len(plans)} photos, expected one for each")
    runs = [_Run(plan, seed, plan.photo) for plan, seed in zip(plans, seeds, strict=True)]
    for run in runs:
        run.clock.seconds.update(run.plan.seconds)
    at_once = _FACES_AT_ONCE_ON_CPU if networks.device.type == "cpu" else _FACES_AT_ONCE
    last = max((part.round for plan in plans for part in plan.parts), default=-1)
    for number in range(last + 1):
        jobs = [(run, part) for run in runs for part in run.plan.parts if part.round == number]
        prepared = _prepare_all(jobs, networks.resolution)
        for start in range(0, len(jobs), at_once):
            window = slice(start, start + at_once)
            _complete(networks, jobs[window], prepared[window], options)
    return [_result(run, recognizer) for run in runs]


def _prepare_all(jobs: Sequence[tuple[_Run, Part]], resolution: int) -> list[Prepared]:
    """Crops of all jobs; those of the same face of the same picture are made once."""
    made: dict[tuple[int, int, int], Prepared] = {}
    prepared = []
    for run, part in jobs:
        key = id(run.canvas), id(part.unknown), part.index
        clock = Clock()
        with clock.stage("align"):
            if key not in made:
                made[key] = prepare_face(run.canvas, part.unknown, part.face, part.index, resolution)
        run.add(part.index, "align", clock.seconds["align"])
        run.faces[part.index] = made[key]
        prepared.append(made[key])
    return prepared


def _complete(
    networks: TensorInpainter, jobs: Sequence[tuple[_Run, Part]], prepared: Sequence[Prepared], options: Options
) -> None:
    """One network call, then its faces put back in order."""
    clock = Clock()
    with clock.stage("generate"):
        styles = torch.stack([part.style.codes for _, part in jobs])
        seeds = [run.seed for run, _ in jobs]
        raws = networks.generate(*stack_prepared(prepared), styles, seed=seeds, options=options).cpu()
    share = clock.seconds["generate"] / len(jobs)
    for (run, part), one, raw in zip(jobs, prepared, raws, strict=True):
        run.add(part.index, "generate", share)
        pasting = Clock()
        with pasting.stage("paste"):
            run.canvas = paste(run.canvas, raw, part.hole, one.affine)
        run.add(part.index, "paste", pasting.seconds["paste"])


def _result(run: _Run, recognizer: Recognizer | None) -> Inpainted:
    with run.clock.stage("measure"):
        faces = []
        for index, hole in run.plan.holes.items():
            exemplars = [part.style.identity for part in run.plan.parts if part.index == index]
            seconds = run.clocks[index].seconds
            one = replace(run.faces[index], photo=run.plan.photo, mask=hole)
            faces.append(measure_face(one, run.canvas, exemplars, recognizer, seconds))
    remarks, source = tuple(run.plan.notes()), run.plan.source
    return Inpainted(Image.fromarray(run.canvas), tuple(faces), run.seed, run.clock.seconds, remarks, source)
