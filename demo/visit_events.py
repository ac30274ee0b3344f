"""A tab that loads anew, as Gradio makes it do after a lost connection, gets back what it had."""

from __future__ import annotations

from typing import Any

import gradio as gr
from events import light, told
from hole import strokes_of
from hole_events import show_hole
from photo_events import opened_values, opening_outputs
from pictures import OpenedPhoto
from run_events import gallery_of, shown_sample
from samples import Sample
from steps import ExemplarStep, PhotoStep, ResultStep
from visits import NAME_OF_TAB, Visits


def connect_visits(
    page: gr.Blocks,
    photo: PhotoStep,
    exemplar: ExemplarStep,
    result: ResultStep,
    opened: gr.State,
    strokes: gr.State,
    samples: gr.State,
) -> None:
    """Keep what a tab has whenever that changes, and put it back when it loads."""
    visits, tab = Visits(), gr.Textbox(visible=False)
    hole: list[Any] = [photo.regions, photo.faces, photo.mask, photo.grow, photo.invert]
    kept = [opened, *hole, strokes, exemplar.photos, exemplar.seed, samples]
    changes = [opened.change, strokes.change, samples.change, exemplar.photos.change, exemplar.seed.change]
    for changed in (*changes, *(component.change for component in hole)):
        changed(lambda name, *values: visits.keep(name, values), [tab, *kept], None, **light())

    def on_load(name: str) -> tuple[str, str]:
        values = visits.find(name)
        return name, "" if values is None or values[0] is None else name

    def put_back(name: str) -> tuple[Any, ...]:
        values = visits.find(name)
        if values is None:
            raise gr.Error("What this tab had is gone; drop the photo again.", print_exception=False)
        one, *parts, painted, photos, seed, done = values
        with told():
            return *_photo_again(one, tuple(parts), painted), photos, seed, *_results_again(done)

    slider = [result.slider, result.status, result.download, result.again]
    restored = [*opening_outputs(photo, opened), photo.grow, photo.invert, strokes]
    restored += [exemplar.photos, exemplar.seed, samples, *slider, result.gallery]
    # Two events, so that one with nothing to put back touches nothing: a photo may be on its way already.
    known = gr.State("")
    page.load(on_load, tab, [tab, known], js=NAME_OF_TAB, **light())
    known.change(put_back, known, restored, **light())


def _photo_again(one: OpenedPhoto, parts: tuple[Any, ...], painted: Any) -> tuple[Any, ...]:
    """Values of `opening_outputs`, growing, inverting and strokes; what was painted is shown, and stays in the hole."""
    regions, chosen, mask, grow, invert = parts
    values = list(opened_values(one))
    values[4] = show_hole(one, *parts, painted)
    values[5] = {"background": one.preview, "layers": strokes_of(painted), "composite": None}
    values[6], values[7], values[8] = mask, {**values[7], "value": chosen}, regions
    return *values, grow, invert, painted


def _results_again(done: list[Sample]) -> tuple[Any, ...]:
    if not done:
        return done, *[gr.skip()] * 5
    return done, *shown_sample(done, len(done) - 1), gallery_of(done, len(done))
