"""Complete, Cancel, and what is done with results."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
from events import LARGEST_SEED, heavy, light, needed, told
from hole_events import hole_inputs, parts_of
from photo_events import open_photo, opening_outputs
from samples import FORMATS, Sample, StyleCache, Wishes, complete
from steps import ExemplarStep, PhotoStep, ResultStep

from exegan.inpainter import Inpainter

PROGRESS = gr.Progress()


def connect_run(
    inpainter: Inpainter,
    photo: PhotoStep,
    exemplar: ExemplarStep,
    result: ResultStep,
    opened: gr.State,
    samples: gr.State,
    offered: Any,
) -> None:
    """What happens on Complete, Cancel, and when an example is in its place."""
    hole = hole_inputs(photo, opened, photo.editor)
    wishes = [
        exemplar.photos,
        exemplar.second,
        exemplar.mix_at,
        exemplar.strength,
        exemplar.variety,
        exemplar.seed,
        exemplar.samples,
        exemplar.form,
    ]
    count, styles = len(hole), StyleCache()

    def on_complete(*values: Any, progress: Any = PROGRESS) -> Iterator[tuple[Any, ...]]:
        one, wished = needed(values[0]), _wishes(*values[count:])
        done: list[Sample] = []
        progress((0, wished.samples), desc="Completing", unit="samples")
        with told():
            for sample in complete(inpainter, one, parts_of(*values[1:count]), wished, styles):
                done.append(sample)
                progress((len(done), wished.samples), desc="Completing", unit="samples")
                yield done, *shown_sample(done, len(done) - 1), gallery_of(done, wished.samples)

    buttons = [exemplar.complete, exemplar.cancel]
    runs = []
    for begun in (exemplar.complete.click, offered.success):
        start = begun(_roll, [exemplar.seed, exemplar.lock], [exemplar.seed, *buttons], **light())
        run = start.then(
            on_complete,
            [*hole, *wishes],
            [samples, result.slider, result.status, result.download, result.again, result.gallery],
            show_progress_on=result.slider,
            **heavy(),
        )
        for ended in (run.success, run.failure):
            ended(_idle, None, buttons, **light())
        runs.append(run)
    exemplar.cancel.click(_idle, None, buttons, cancels=runs, **light())


def _roll(seed: float | None, keep: bool) -> tuple[Any, ...]:
    """The seed of this press, and the buttons while it is worked on."""
    number = int(seed or 0) if keep else random.randint(0, LARGEST_SEED)
    return number, gr.update(interactive=False, value="Completing…"), gr.update(visible=True)


def _idle() -> tuple[Any, ...]:
    return gr.update(interactive=True, value="Complete"), gr.update(visible=False)


def _wishes(
    photos: list[str],
    second: str | None,
    mix_at: int,
    strength: float,
    variety: float,
    seed: float | None,
    samples: int,
    form: str,
) -> Wishes:
    return Wishes(
        [Path(path) for path in photos],
        None if second is None else Path(second),
        int(mix_at),
        strength,
        variety,
        int(seed or 0),
        int(samples),
        FORMATS[form],
    )


def shown_sample(samples: list[Sample], index: int) -> tuple[Any, ...]:
    """Values of slider, status and the two buttons for one of the samples."""
    sample = samples[index]
    ready = gr.update(value=str(sample.path), interactive=True)
    return (str(sample.before), str(sample.shown)), sample.message, ready, gr.update(interactive=True)


def gallery_of(samples: list[Sample], wished: int) -> Any:
    """The gallery, which shows where several samples were wished for."""
    shown = [(str(sample.shown), f"seed {sample.seed}") for sample in samples]
    return gr.update(value=shown, visible=wished > 1, selected_index=len(samples) - 1)


def connect_result(
    inpainter: Inpainter, photo: PhotoStep, result: ResultStep, opened: gr.State, samples: gr.State
) -> None:
    """What happens when a sample is clicked, or is to be the next photo."""
    current = gr.State(None)
    show = [result.slider, result.status, result.download, result.again]

    def on_pick(done: list[Sample], event: gr.SelectData) -> tuple[Any, ...]:
        return event.index, *(shown_sample(done, event.index) if done else (gr.skip(),) * 4)

    def on_again(done: list[Sample], index: int | None) -> tuple[Any, ...]:
        if not done:
            raise gr.Error("There is no result yet; press Complete first.", print_exception=False)
        return open_photo(inpainter, str(done[-1 if index is None else index].path))

    result.gallery.select(on_pick, samples, [current, *show], **light())
    samples.change(lambda: None, None, current, **light())
    result.again.click(
        on_again, [samples, current], opening_outputs(photo, opened), show_progress_on=photo.preview, **heavy()
    )
