"""What happens when something on the page is used. None of these events can be called as an API.

What is wrong is said where it was done, in a sentence that goes when its cause goes: on the canvas, among the
exemplars, or below Complete.
"""

from __future__ import annotations

import html
import random
import time
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import gradio as gr
from gradio.blocks import Block

from exegan.errors import ExeGanError, InputError
from exegan.inpainter import Inpainter
from exegan.web.canvas import EMPTY_CANVAS, make_scene, read_canvas
from exegan.web.completion import (
    FORMATS,
    MAX_SAMPLES,
    MAX_SEED,
    CompletionRequest,
    Sample,
    as_sentence,
    complete,
    default_variety,
    show_samples,
)
from exegan.web.components import Page, Updates, Values
from exegan.web.examples import EXAMPLES
from exegan.web.exemplars import ExemplarCache, read_exemplars
from exegan.web.hole import HoleParts, save_mask
from exegan.web.photo import ALL_FACES, OpenedPhoto, open_photo_file

MODEL_EVENTS = "model"  # events that run the networks share this concurrency id, so that they take turns
LIGHT_EVENTS = "light"
MAX_HISTORY = 24  # results of a tab
CHOOSE_MASK = "() => { document.querySelector('#canvas .mask-input').click(); }"
SCROLL_TO_RESULT = """() => {
  const result = document.querySelector('#results');
  if (result.getBoundingClientRect().top > innerHeight - 200) result.scrollIntoView({ behavior: 'smooth' });
}"""
PROGRESS = gr.Progress()


def light() -> dict[str, Any]:
    """Options of events that cost little."""
    return {
        "api_visibility": "private",
        "show_progress": "hidden",
        "concurrency_id": LIGHT_EVENTS,
        "concurrency_limit": 8,
    }


def heavy(show_progress: Literal["full", "hidden"] = "hidden") -> dict[str, Any]:
    """Options of events that run the networks."""
    return {
        "api_visibility": "private",
        "show_progress": show_progress,
        "concurrency_id": MODEL_EVENTS,
        "concurrency_limit": 1,
    }


def connect_events(inpainter: Inpainter, page: Page, cache: ExemplarCache) -> None:
    """Connect all components of the page; called within its `gr.Blocks`."""
    _connect_photo(inpainter, page)
    _connect_hole(page)
    _connect_exemplars(inpainter, page, cache)
    _connect_complete(inpainter, page, cache)
    _connect_options(page)


def say(problem: str) -> str:
    """HTML of a sentence for people: a file's name in it must not be taken for HTML."""
    return html.escape(as_sentence(problem), quote=False) if problem else ""


def require_photo(photo: OpenedPhoto | None) -> OpenedPhoto:
    """The photo.

    Raises:
        InputError: There is none.
    """
    if photo is None:
        raise InputError("there is no photo yet; drop one into step 1")
    return photo


# The photo


def photo_outputs(page: Page) -> list[Block]:
    """All that changes with a new photo: the keys of `show_photo`."""
    step = page.photo
    return [page.state.photo, step.canvas, step.edit_area, step.faces, step.regions, page.exemplar.message]


def show_photo(page: Page, photo: OpenedPhoto | None, regions: Sequence[str] = ()) -> Updates:
    """Show a photo with these regions of its main face chosen, and nothing else; None shows where to drop one."""
    step, faces = page.photo, () if photo is None else photo.faces
    parts = HoleParts(regions, 0 if photo is None else photo.main_face)
    # People count from 1, programs from 0.
    choices: list[tuple[str, int | str]] = [(str(index + 1), index) for index in range(len(faces))]
    choices += [(ALL_FACES, ALL_FACES)] if len(faces) > 1 else []
    # Without a photo the former choice stays, unseen: events on their way may still bring it.
    choice: dict[str, Any] = {} if photo is None else {"choices": choices, "value": parts.face}
    return {
        page.state.photo: photo,
        step.canvas: gr.update(value=EMPTY_CANVAS, scene=make_scene(photo, parts)),
        step.edit_area: gr.update(visible=photo is not None),
        step.faces: gr.update(visible=len(faces) > 1, **choice),
        step.regions: list(regions),
        page.exemplar.message: "",
    }


def show_new_photo(
    page: Page, inpainter: Inpainter, path: str, samples: Sequence[Sample], regions: Sequence[str] = ()
) -> Updates:
    """Open a photo and show it; results of others stay in the strip. Where it cannot be opened, say so."""
    try:
        photo = open_photo_file(inpainter, path)
    except ExeGanError as error:
        scene = make_scene(None, HoleParts(), as_sentence(str(error)))
        return {page.photo.canvas: gr.update(value=EMPTY_CANVAS, scene=scene), page.state.photo: None}
    return {**show_photo(page, photo, regions), **_clear_result(page, samples)}


def _clear_result(page: Page, samples: Sequence[Sample]) -> Updates:
    """No result is shown but those in the strip."""
    return {page.result.results: gr.update(shown=show_samples(samples, is_cleared=True)), page.result.status: ""}


def _connect_photo(inpainter: Inpainter, page: Page) -> None:
    step, state, result = page.photo, page.state, page.result
    outputs = [*photo_outputs(page), result.results, result.status]

    def on_upload(samples: Sequence[Sample], event: gr.EventData) -> Updates:
        return show_new_photo(page, inpainter, str(event.path), samples)

    def on_next_photo(samples: Sequence[Sample], event: gr.EventData) -> Updates:
        for sample in samples:
            if sample.key == event.key:
                return show_new_photo(page, inpainter, str(sample.lossless), samples)
        return {page.exemplar.message: say("this result is gone; press Complete again")}

    def on_new_photo(samples: Sequence[Sample]) -> Updates:
        return {**show_photo(page, None), **_clear_result(page, samples)}

    step.canvas.upload(on_upload, state.samples, outputs, **heavy())
    step.new_photo.click(on_new_photo, state.samples, outputs, **light())
    result.results.next(on_next_photo, state.samples, outputs, **heavy())


# The hole


def hole_inputs(page: Page) -> list[Block]:
    """The photo and all that its hole is made of."""
    step = page.photo
    return [page.state.photo, step.canvas, step.regions, step.faces, step.grow, step.invert]


def hole_parts(page: Page, values: Values) -> HoleParts:
    """The hole by values of `hole_inputs`.

    Raises:
        InputError: What was painted is damaged.
    """
    step = page.photo
    strokes, mask = read_canvas(values[step.canvas])
    return HoleParts(
        regions=tuple(values[step.regions]),
        face=0 if values[step.faces] is None else values[step.faces],
        strokes=strokes,
        mask_file=mask,
        grow_percent=values[step.grow],
        inverted=values[step.invert],
    )


def scene_with_hole(page: Page, values: Values) -> dict[str, Any]:
    """What the canvas shows, by values of `hole_inputs`; a mask that does not fit is named and left out."""
    photo: OpenedPhoto = values[page.state.photo]
    parts = HoleParts(face=values[page.photo.faces] or 0)
    try:
        parts = hole_parts(page, values)
        return make_scene(photo, parts)
    except ExeGanError as error:
        return make_scene(photo, HoleParts(parts.regions, parts.face), as_sentence(str(error)))


def _connect_hole(page: Page) -> None:
    step, state, message = page.photo, page.state, page.exemplar.message
    inputs = set(hole_inputs(page))

    def on_change(values: Values) -> Updates:
        if values[state.photo] is None:
            return {message: gr.skip()}
        return {step.canvas: gr.update(scene=scene_with_hole(page, values)), message: ""}

    def on_face_click(event: gr.SelectData) -> Any:
        return event.index

    def on_save(values: Values) -> Updates:
        try:
            path = save_mask(require_photo(values[state.photo]), hole_parts(page, values))
        except ExeGanError as error:
            return {message: say(str(error))}
        return {page.result.saved_file: str(path), message: ""}

    for changed in (step.regions.input, step.faces.change, step.grow.release, step.invert.input, step.canvas.input):
        changed(on_change, inputs, [step.canvas, message], trigger_mode="always_last", **light())
    step.canvas.select(on_face_click, None, step.faces, **light())
    step.load_mask.click(None, None, None, js=CHOOSE_MASK, api_visibility="private")
    step.save_mask.click(on_save, inputs, [page.result.saved_file, message], **light())


# The exemplars


def _connect_exemplars(inpainter: Inpainter, page: Page, cache: ExemplarCache) -> None:
    message = page.exemplar.message

    def connect(component: gr.HTML) -> None:
        def on_input(value: Any) -> Updates:
            try:
                kept, shown = cache.show(inpainter, read_exemplars(value))
            except InputError as error:
                return {message: say(str(error))}
            return {component: gr.update(value=kept, shown=shown), message: ""}

        component.input(on_input, component, [component, message], **heavy())

    connect(page.exemplar.photos)
    connect(page.exemplar.second_exemplar)


def _connect_options(page: Page) -> None:
    step = page.exemplar

    def on_samples(samples: float, variety: float) -> Any:
        """Widen the variety with the number of samples, unless somebody has chosen one."""
        automatic = [default_variety(count) for count in range(1, MAX_SAMPLES + 1)]
        is_chosen = min(abs(variety - value) for value in automatic) > 0.03  # the slider has steps
        return gr.skip() if is_chosen or not 1 <= samples <= MAX_SAMPLES else default_variety(int(samples))

    step.roll_dice.click(lambda: random.randint(0, MAX_SEED), None, step.seed, **light())
    step.samples.change(on_samples, [step.samples, step.variety], step.variety, **light())


# Complete


def _completion_request(page: Page, values: Values) -> CompletionRequest:
    step = page.exemplar
    second = read_exemplars(values[step.second_exemplar])
    seed, samples = values[step.seed], values[step.samples]
    if seed is None:
        raise InputError("there is no seed; give a number, or roll the dice")
    return CompletionRequest(
        exemplars=read_exemplars(values[step.photos]),
        second_exemplar=second[0] if second else None,
        mix_at=int(values[step.mix_at]),
        exemplar_strength=values[step.exemplar_strength],
        truncation_psi=values[step.variety],
        seed=int(seed),
        samples=int(samples),
        suffix=FORMATS[values[step.file_format]],
    )


def completion_inputs(page: Page) -> list[Block]:
    """All that a completion is made of."""
    step = page.exemplar
    options = [step.exemplar_strength, step.samples, step.seed, step.same_seed, step.variety, step.mix_at]
    return [*hole_inputs(page), step.photos, step.second_exemplar, *options, step.file_format]


def _connect_complete(inpainter: Inpainter, page: Page, cache: ExemplarCache) -> None:
    """What happens on Complete, on Cancel, and on a click on an example, which is complete at once."""
    step, state, result = page.exemplar, page.state, page.result
    buttons = [step.complete, step.cancel]

    def on_start(values: Values) -> Updates:
        """The seed of this run, and the buttons while it runs."""
        is_same = values[step.same_seed]
        return {
            step.seed: values[step.seed] if is_same else random.randint(0, MAX_SEED),
            step.complete: gr.update(interactive=False, value="Completing…"),
            step.cancel: gr.update(visible=True),
            step.message: "",
            state.started: time.monotonic(),
        }

    def on_complete(values: Values, progress: Any = PROGRESS) -> Iterator[Updates]:
        history: list[Sample] = values[state.samples]
        try:
            photo, request = require_photo(values[state.photo]), _completion_request(page, values)
            progress((0, request.samples), desc="Completing", unit="samples")
            parts, started = hole_parts(page, values), values[state.started]
            for number, sample in enumerate(complete(inpainter, photo, parts, request, cache, started), 1):
                history = [sample, *history][:MAX_HISTORY]
                progress((number, request.samples), desc="Completing", unit="samples")
                status = f"{number} of {request.samples} samples done." if number < request.samples else ""
                yield {
                    state.samples: history,
                    result.results: gr.update(shown=show_samples(history)),
                    result.status: status,
                }
        except ExeGanError as error:
            yield {step.message: say(str(error))}

    def on_end() -> Updates:
        return {step.complete: gr.update(interactive=True, value="Complete"), step.cancel: gr.update(visible=False)}

    def on_cancel() -> Updates:
        return {**on_end(), result.status: "Cancelled. What was done until then is kept."}

    def on_example(samples: Sequence[Sample], event: gr.EventData) -> Updates:
        example = EXAMPLES[event.index]
        path, exemplar = example.copy_files()
        kept, shown = cache.show(inpainter, read_exemplars([{"path": exemplar, "name": "example face"}]))
        return {
            **show_new_photo(page, inpainter, path, samples, example.regions),
            step.photos: gr.update(value=kept, shown=shown),
        }

    outputs = [state.samples, result.results, result.status, step.message]
    example_outputs = [*photo_outputs(page), result.results, result.status, step.photos]
    opened = page.photo.canvas.example(on_example, state.samples, example_outputs, **heavy())
    runs = []
    for begun in (step.complete.click, opened.success):
        started = begun(
            on_start, {step.seed, step.same_seed}, [step.seed, *buttons, step.message, state.started], **light()
        )
        inputs = {*completion_inputs(page), state.samples, state.started}
        run = started.then(on_complete, inputs, outputs, show_progress_on=result.status, **heavy("full"))
        run.success(None, None, None, js=SCROLL_TO_RESULT, api_visibility="private")
        for ended in (run.success, run.failure):
            ended(on_end, None, buttons, **light())
        runs.append(run)
    step.cancel.click(on_cancel, None, [*buttons, result.status], cancels=runs, **light())
