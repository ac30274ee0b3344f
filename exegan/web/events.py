"""What happens when something on the page is used. None of these events can be called as an API."""

from __future__ import annotations

import html
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.blocks import Block
from gradio.events import Dependency

from exegan.errors import ExeGanError
from exegan.inpainter import Inpainter
from exegan.web.completion import FORMATS, CompletionRequest, Sample, StyleCache, complete
from exegan.web.components import Page, Updates, Values
from exegan.web.examples import EXAMPLES
from exegan.web.hole import HoleParts, make_preview_hole, read_strokes, save_mask
from exegan.web.photo import ALL_FACES, OpenedPhoto, draw_preview, open_photo_file

MODEL_EVENTS = "model"  # events that run the networks share this concurrency id, so that they take turns
LIGHT_EVENTS = "light"
MAX_SEED = 2**32 - 1
CLICK_MASK_DOWNLOAD = "() => { document.querySelector('#mask-download').click(); }"
PROGRESS = gr.Progress()


def light() -> dict[str, Any]:
    """Options of events that cost little."""
    return {
        "api_visibility": "private",
        "show_progress": "hidden",
        "concurrency_id": LIGHT_EVENTS,
        "concurrency_limit": 8,
    }


def heavy() -> dict[str, Any]:
    """Options of events that run the networks."""
    return {"api_visibility": "private", "concurrency_id": MODEL_EVENTS, "concurrency_limit": 1}


@contextmanager
def gradio_errors() -> Iterator[None]:
    """Show errors of the library as messages of the page, which render HTML: a file's name must not be taken for it."""
    try:
        yield
    except ExeGanError as error:
        text = html.escape(str(error), quote=False).rstrip(".")
        raise gr.Error(f"{text[0].upper()}{text[1:]}.", print_exception=False) from error


def require_photo(photo: OpenedPhoto | None) -> OpenedPhoto:
    """The photo, or an error that there is none."""
    if photo is None:
        raise gr.Error("There is no photo yet; drop one into step 1.", print_exception=False)
    return photo


def connect_events(inpainter: Inpainter, page: Page) -> None:
    """Connect all components of the page; called within its `gr.Blocks`."""
    _connect_photo(inpainter, page)
    _connect_hole(page)
    example = _connect_examples(inpainter, page)
    _connect_complete(inpainter, page, example)
    _connect_results(inpainter, page)
    page.exemplar.roll_dice.click(lambda: random.randint(0, MAX_SEED), None, page.exemplar.seed, **light())


# The photo


def photo_outputs(page: Page) -> list[Block]:
    """All that changes with a new photo: the keys of `show_photo`."""
    step = page.photo
    areas, pictures = [step.upload_area, step.edit_area, step.tabs], [step.upload, step.preview, step.editor, step.mask]
    return [page.state.photo, *areas, *pictures, step.faces, step.regions]


def show_photo(page: Page, photo: OpenedPhoto, regions: Sequence[str] = ()) -> Updates:
    """Show a photo with these regions of its main face chosen, and nothing else.

    Pictures are values, not updates: see `gradio_patches.pass_files`.
    """
    step, several = page.photo, len(photo.faces) > 1
    choices: list[tuple[str, int | str]] = [(str(index), index) for index in range(len(photo.faces))]
    choices += [(ALL_FACES, ALL_FACES)] if several else []
    hole = make_preview_hole(photo, HoleParts(regions, photo.main_face)) if regions else None
    return {
        page.state.photo: photo,
        step.upload: None,
        step.upload_area: gr.update(visible=False),
        step.edit_area: gr.update(visible=True),
        step.preview: str(photo.save_preview(draw_preview(photo, photo.main_face, hole))),
        step.editor: {"background": photo.preview, "layers": [], "composite": None},
        step.mask: None,
        step.faces: gr.update(choices=choices, value=photo.main_face, visible=several),
        step.regions: list(regions),
        step.tabs: gr.Tabs(selected="regions"),
    }


def _open_photo(inpainter: Inpainter, path: str | None) -> OpenedPhoto:
    if path is None:
        raise gr.Error("There is no photo; drop one into step 1.", print_exception=False)
    with gradio_errors():
        return open_photo_file(inpainter, path)


def _connect_photo(inpainter: Inpainter, page: Page) -> None:
    step = page.photo

    def on_upload(path: str | None) -> Updates:
        return show_photo(page, _open_photo(inpainter, path))

    def on_new_photo() -> Updates:
        shown, hidden = gr.update(visible=True), gr.update(visible=False)
        return {page.state.photo: None, step.upload_area: shown, step.edit_area: hidden}

    uploaded = step.upload.input(on_upload, step.upload, photo_outputs(page), show_progress_on=step.upload, **heavy())
    uploaded.failure(lambda: None, None, step.upload, **light())
    step.new_photo.click(on_new_photo, None, [page.state.photo, step.upload_area, step.edit_area], **light())


def _connect_examples(inpainter: Inpainter, page: Page) -> Dependency:
    """A click on an example opens it; the event returned succeeds when photo, hole and exemplar are there."""
    step = page.photo

    def on_example(event: gr.SelectData) -> Updates:
        example = EXAMPLES[event.index]
        path, exemplar = example.copy_files()
        photo = _open_photo(inpainter, path)
        return {**show_photo(page, photo, example.regions), page.exemplar.photos: [exemplar]}

    outputs = [*photo_outputs(page), page.exemplar.photos]
    selected: Dependency = step.examples.select(on_example, None, outputs, show_progress_on=step.examples, **heavy())
    return selected


# The hole


def hole_inputs(page: Page, strokes: Block) -> list[Block]:
    """The photo and all that its hole is made of; `strokes` has files of layers: the editor, or the state of it."""
    step = page.photo
    return [page.state.photo, step.regions, step.faces, step.mask, step.grow, step.invert, strokes]


def hole_parts(page: Page, values: Values, strokes: Block) -> HoleParts:
    """The hole by values of `hole_inputs`."""
    step = page.photo
    face, mask = values[step.faces], values[step.mask]
    return HoleParts(
        regions=tuple(values[step.regions]),
        face=0 if face is None else face,
        strokes=read_strokes(values[strokes]),
        mask_file=None if mask is None else Path(mask),
        grow_percent=values[step.grow],
        inverted=values[step.invert],
    )


def preview_with_hole(page: Page, values: Values) -> str:
    """File of the preview with its hole, by values of `hole_inputs` with the state of the strokes."""
    photo: OpenedPhoto = values[page.state.photo]
    with gradio_errors():
        parts = hole_parts(page, values, page.state.strokes)
        return str(photo.save_preview(draw_preview(photo, parts.face, make_preview_hole(photo, parts))))


def _connect_hole(page: Page) -> None:
    step, state = page.photo, page.state
    inputs = set(hole_inputs(page, state.strokes))

    def on_change(values: Values) -> Any:
        return gr.skip() if values[state.photo] is None else preview_with_hole(page, values)

    def on_face_click(photo: OpenedPhoto | None, event: gr.SelectData) -> Any:
        index = None if photo is None else photo.face_at(*event.index)
        return gr.skip() if index is None else index

    def on_save(values: Values) -> str:
        with gradio_errors():
            return str(save_mask(require_photo(values[state.photo]), hole_parts(page, values, step.editor)))

    for changed in (step.regions.input, step.faces.change, step.grow.release, step.invert.input, step.mask.input):
        changed(on_change, inputs, step.preview, trigger_mode="always_last", **light())
    # Browsers take long to hand over what was painted: on leaving the editor, not each time that something changes.
    left_editor = step.regions_tab.select(lambda layers: layers, step.editor, state.strokes, **light())
    left_editor.then(on_change, inputs, step.preview, **light())
    state.photo.change(lambda: (), None, state.strokes, **light())
    step.mask.clear(on_change, inputs, step.preview, **light())
    step.preview.select(on_face_click, state.photo, step.faces, **light())
    saved = step.save_mask.click(on_save, set(hole_inputs(page, step.editor)), step.mask_download, **light())
    saved.success(None, None, None, js=CLICK_MASK_DOWNLOAD, api_visibility="private")


# Complete, and the results


def _completion_request(page: Page, values: Values) -> CompletionRequest:
    step = page.exemplar
    second = values[step.second_exemplar]
    return CompletionRequest(
        exemplars=[Path(path) for path in values[step.photos]],
        second_exemplar=None if second is None else Path(second),
        mix_at=int(values[step.mix_at]),
        exemplar_strength=values[step.exemplar_strength],
        truncation_psi=values[step.truncation_psi],
        seed=int(values[step.seed] or 0),
        samples=int(values[step.samples]),
        suffix=FORMATS[values[step.file_format]],
    )


def _connect_complete(inpainter: Inpainter, page: Page, example: Dependency) -> None:
    """What happens on Complete, on Cancel, and when an example is in its place."""
    photo, step, styles = page.photo, page.exemplar, StyleCache()
    inputs = {*hole_inputs(page, photo.editor), step.photos, step.second_exemplar, step.mix_at, step.exemplar_strength}
    inputs |= {step.truncation_psi, step.seed, step.samples, step.file_format}

    def on_start(values: Values) -> Updates:
        """The seed of this run, and the buttons while it runs."""
        seed = int(values[step.seed] or 0) if values[step.keep_seed] else random.randint(0, MAX_SEED)
        working = gr.update(interactive=False, value="Completing…")
        return {step.seed: seed, step.complete: working, step.cancel: gr.update(visible=True)}

    def on_complete(values: Values, progress: Any = PROGRESS) -> Iterator[Updates]:
        opened, request = require_photo(values[page.state.photo]), _completion_request(page, values)
        samples: list[Sample] = []
        progress((0, request.samples), desc="Completing", unit="samples")
        with gradio_errors():
            for sample in complete(inpainter, opened, hole_parts(page, values, photo.editor), request, styles):
                samples.append(sample)
                progress((len(samples), request.samples), desc="Completing", unit="samples")
                yield show_samples(page, samples, request.samples)

    def on_end() -> Updates:
        return {step.complete: gr.update(interactive=True, value="Complete"), step.cancel: gr.update(visible=False)}

    buttons, runs = [step.complete, step.cancel], []
    for begun in (step.complete.click, example.success):
        started = begun(on_start, {step.seed, step.keep_seed}, [step.seed, *buttons], **light())
        run = started.then(on_complete, inputs, sample_outputs(page), show_progress_on=page.result.slider, **heavy())
        for ended in (run.success, run.failure):
            ended(on_end, None, buttons, **light())
        runs.append(run)
    step.cancel.click(on_end, None, buttons, cancels=runs, **light())


def sample_outputs(page: Page) -> list[Block]:
    """All that changes with new samples: the keys of `show_samples`."""
    return [page.state.samples, page.result.gallery, *_sample_components(page)]


def show_samples(page: Page, samples: list[Sample], requested: int) -> Updates:
    """Show the last of the samples, and where several were requested all of them in the gallery."""
    thumbnails = [(str(sample.preview), f"seed {sample.seed}") for sample in samples]
    gallery = gr.update(value=thumbnails, visible=requested > 1, selected_index=len(samples) - 1)
    return {page.state.samples: samples, page.result.gallery: gallery, **_show_sample(page, samples[-1])}


def _sample_components(page: Page) -> list[Block]:
    step = page.result
    return [step.slider, step.status, step.download, step.next_photo]


def _show_sample(page: Page, sample: Sample) -> Updates:
    step = page.result
    return {
        step.slider: (str(sample.original_preview), str(sample.preview)),
        step.status: sample.message,
        step.download: gr.update(value=str(sample.path), interactive=True),
        step.next_photo: gr.update(interactive=True),
    }


def _connect_results(inpainter: Inpainter, page: Page) -> None:
    """What happens when a sample is clicked, or is to be the next photo."""
    step, state = page.result, page.state

    def on_select(samples: Sequence[Sample], event: gr.SelectData) -> Updates:
        return {state.selected: event.index, **(_show_sample(page, samples[event.index]) if samples else {})}

    def on_next_photo(values: Values) -> Updates:
        samples, selected = values[state.samples], values[state.selected]
        if not samples:
            raise gr.Error("There is no result yet; press Complete first.", print_exception=False)
        sample: Sample = samples[-1 if selected is None else selected]
        return show_photo(page, _open_photo(inpainter, str(sample.path)))

    step.gallery.select(on_select, state.samples, [state.selected, *_sample_components(page)], **light())
    state.samples.change(lambda: None, None, state.selected, **light())
    inputs: set[Block] = {state.samples, state.selected}
    step.next_photo.click(on_next_photo, inputs, photo_outputs(page), show_progress_on=page.photo.preview, **heavy())
