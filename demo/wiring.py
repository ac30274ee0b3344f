"""What happens when something on the page is touched. Nothing of this can be called as an API."""

from __future__ import annotations

import html
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
from hole import HoleParts, hole_of_preview, strokes_of
from offers import OFFERS
from pictures import ALL_FACES, Chosen, OpenedPhoto, draw_preview, open_for_page
from PIL import Image
from samples import FORMATS, Sample, StyleCache, Wishes, complete, save_mask

from exegan.errors import ExeGanError
from exegan.inpainter import Inpainter

if TYPE_CHECKING:
    from ui import ExemplarStep, PhotoStep, ResultStep

MODEL_EVENTS = "model"  # events that run the networks share this, so that they take turns
LIGHT_EVENTS = "light"
PROGRESS = gr.Progress()
LARGEST_SEED = 2**32 - 1
CLICK_MASK_FILE = "() => { document.querySelector('#mask-file').click(); }"


def connect(
    inpainter: Inpainter, page: gr.Blocks, photo: PhotoStep, exemplar: ExemplarStep, result: ResultStep
) -> None:
    """Connect the components of the three steps, within `page`."""
    opened, styles, samples = gr.State(None), gr.State(None), gr.State([])
    _connect_photo(inpainter, photo, opened, page)
    _connect_hole(photo, opened, result)
    offered = _connect_offers(inpainter, photo, exemplar, opened, files_folder(result))
    _connect_run(inpainter, photo, exemplar, result, opened, styles, samples, offered)
    _connect_result(inpainter, photo, result, opened, samples)
    exemplar.dice.click(lambda: random.randint(0, LARGEST_SEED), None, exemplar.seed, **_light())


def _light() -> dict[str, Any]:
    """Options of events that cost little."""
    return {
        "api_visibility": "private",
        "show_progress": "hidden",
        "concurrency_id": LIGHT_EVENTS,
        "concurrency_limit": 8,
    }


def _heavy() -> dict[str, Any]:
    """Options of events that run the networks."""
    return {"api_visibility": "private", "concurrency_id": MODEL_EVENTS, "concurrency_limit": 1}


@contextmanager
def _told() -> Iterator[None]:
    """Errors of the library as the page says them; the toast renders HTML, which a name must not be taken for."""
    try:
        yield
    except ExeGanError as error:
        text = html.escape(str(error), quote=False).rstrip(".")
        raise gr.Error(f"{text[0].upper()}{text[1:]}.", print_exception=False) from error


def _opening_outputs(photo: PhotoStep, opened: gr.State) -> list[Any]:
    return [
        opened,
        photo.drop,
        photo.opened,
        photo.preview,
        photo.editor,
        photo.mask,
        photo.faces,
        photo.regions,
        photo.tabs,
        photo.offers,
    ]


def _open(inpainter: Inpainter, path: str | None) -> tuple[Any, ...]:
    """Values of `_opening_outputs` for a new photo."""
    if path is None:
        return (gr.skip(),) * 10
    with _told():
        try:
            one = open_for_page(inpainter, path)
        except ExeGanError as error:
            raise type(error)(str(error).replace(str(path), "the photo")) from error
    several = len(one.faces) > 1
    numbers = [(str(index), index) for index in range(len(one.faces))]
    faces = gr.update(
        choices=[*numbers, (ALL_FACES, ALL_FACES)] if several else numbers, value=one.main_face, visible=several
    )
    shown = draw_preview(one, one.main_face, None)
    on_editor = {"background": one.preview, "layers": [], "composite": None}
    closed = gr.update(value=None, visible=False)
    tabs, hidden = gr.Tabs(selected="parts"), gr.update(visible=False)
    return one, closed, gr.update(visible=True), shown, on_editor, None, faces, [], tabs, hidden


def _connect_photo(inpainter: Inpainter, photo: PhotoStep, opened: gr.State, page: gr.Blocks) -> None:
    outputs = _opening_outputs(photo, opened)
    given = photo.drop.input(partial(_open, inpainter), photo.drop, outputs, show_progress_on=photo.drop, **_heavy())
    given.failure(lambda: None, None, photo.drop, **_light())
    photo.another.click(
        lambda: (None, gr.update(value=None, visible=True), gr.update(visible=False), gr.update(visible=True)),
        None,
        [opened, photo.drop, photo.opened, photo.offers],
        **_light(),
    )


def files_folder(result: ResultStep) -> Path:
    """Where files of the page lie, uploads too; each of ours goes into a folder of its own in it."""
    return Path(result.download.GRADIO_CACHE)


def _connect_offers(
    inpainter: Inpainter, photo: PhotoStep, exemplar: ExemplarStep, opened: gr.State, folder: Path
) -> Any:
    """A click on an example opens it; what is returned succeeds when all is in its place."""

    def on_offer(event: gr.SelectData) -> tuple[Any, ...]:
        offer = OFFERS[event.index]
        path, looks = offer.copied(folder)
        values = _open(inpainter, path)
        one: OpenedPhoto = values[0]
        hole = hole_of_preview(one, HoleParts(offer.regions, one.main_face))
        shown = draw_preview(one, one.main_face, hole)
        return *values[:3], shown, *values[4:7], list(offer.regions), *values[8:], [looks]

    outputs = [*_opening_outputs(photo, opened), exemplar.photos]
    return photo.offers.select(on_offer, None, outputs, show_progress_on=photo.offers, **_heavy())


def _hole_inputs(photo: PhotoStep, opened: gr.State, painted: gr.Blocks | gr.State) -> list[Any]:
    return [opened, photo.regions, photo.faces, photo.mask, photo.grow, photo.invert, painted]


def _parts(
    regions: list[str],
    chosen: Chosen | None,
    mask: str | None,
    grow: float,
    invert: bool,
    painted: dict[str, Any] | Sequence[Image.Image] | None,
) -> HoleParts:
    """The hole as the components say; `painted` is the editor's value, or strokes taken from it before."""
    strokes = strokes_of(painted) if isinstance(painted, dict) else painted or ()
    file = None if mask is None else Path(mask)
    return HoleParts(tuple(regions), 0 if chosen is None else chosen, strokes, file, grow, invert)


def _show_hole(one: OpenedPhoto | None, *parts: Any) -> Any:
    """The preview with its hole as it is now."""
    if one is None:
        return gr.skip()
    given = _parts(*parts)
    with _told():
        hole = hole_of_preview(one, given)
    return draw_preview(one, given.chosen, hole)


def _choose(one: OpenedPhoto | None, event: gr.SelectData) -> Any:
    """The face that was clicked."""
    index = None if one is None else one.face_at(*event.index)
    return gr.skip() if index is None else index


def _connect_hole(photo: PhotoStep, opened: gr.State, result: ResultStep) -> None:
    # Browsers take long to hand over what was painted: on leaving the editor, not each time that something changes.
    strokes = gr.State(())
    inputs = _hole_inputs(photo, opened, strokes)
    for changed in (photo.regions.input, photo.faces.change, photo.grow.release, photo.invert.input, photo.mask.input):
        changed(_show_hole, inputs, photo.preview, trigger_mode="always_last", **_light())
    photo.parts_tab.select(strokes_of, photo.editor, strokes, **_light()).then(
        _show_hole, inputs, photo.preview, **_light()
    )
    opened.change(lambda: (), None, strokes, **_light())
    photo.mask.clear(_show_hole, inputs, photo.preview, **_light())
    photo.preview.select(_choose, opened, photo.faces, **_light())

    def on_save(one: OpenedPhoto | None, *parts: Any) -> str:
        with _told():
            return str(save_mask(_needed(one), _parts(*parts), files_folder(result)))

    all_of_it = _hole_inputs(photo, opened, photo.editor)
    saved = photo.save_mask.click(on_save, all_of_it, photo.mask_file, **_light())
    saved.success(None, None, None, js=CLICK_MASK_FILE, api_visibility="private")


def _needed(one: OpenedPhoto | None) -> OpenedPhoto:
    if one is None:
        raise gr.Error("There is no photo yet; drop one into step 1.", print_exception=False)
    return one


def _connect_run(
    inpainter: Inpainter,
    photo: PhotoStep,
    exemplar: ExemplarStep,
    result: ResultStep,
    opened: gr.State,
    styles: gr.State,
    samples: gr.State,
    offered: Any,
) -> None:
    hole_inputs = _hole_inputs(photo, opened, photo.editor)
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
    count = len(hole_inputs)

    def on_complete(known: StyleCache | None, *values: Any, progress: Any = PROGRESS) -> Iterator[tuple[Any, ...]]:
        one, wished = _needed(values[0]), _wishes(*values[count:])
        cache, done = known or StyleCache(), []
        progress((0, wished.samples), desc="Completing", unit="samples")
        folder = files_folder(result)
        with _told():
            for sample in complete(inpainter, one, _parts(*values[1:count]), wished, cache, folder):
                done.append(sample)
                progress((len(done), wished.samples), desc="Completing", unit="samples")
                yield cache, done, *_shown(one, done, len(done) - 1), _gallery(done, wished.samples)

    buttons = [exemplar.complete, exemplar.cancel]
    runs = []
    for begun in (exemplar.complete.click, offered.success):
        start = begun(_roll, [exemplar.seed, exemplar.lock], [exemplar.seed, *buttons], **_light())
        run = start.then(
            on_complete,
            [styles, *hole_inputs, *wishes],
            [styles, samples, result.slider, result.status, result.download, result.again, result.gallery],
            show_progress_on=result.slider,
            **_heavy(),
        )
        for ended in (run.success, run.failure):
            ended(_idle, None, buttons, **_light())
        runs.append(run)
    exemplar.cancel.click(_idle, None, buttons, cancels=runs, **_light())


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


def _shown(one: OpenedPhoto, samples: list[Sample], index: int) -> tuple[Any, ...]:
    """Values of slider, status and the two buttons for one of the samples."""
    sample = samples[index]
    ready = gr.update(value=str(sample.path), interactive=True)
    return (one.preview, sample.shown), sample.message, ready, gr.update(interactive=True)


def _gallery(samples: list[Sample], wished: int) -> Any:
    shown = [(sample.shown, f"seed {sample.seed}") for sample in samples]
    return gr.update(value=shown, visible=wished > 1, selected_index=len(samples) - 1)


def _connect_result(
    inpainter: Inpainter, photo: PhotoStep, result: ResultStep, opened: gr.State, samples: gr.State
) -> None:
    current = gr.State(None)
    show = [result.slider, result.status, result.download, result.again]

    def on_pick(one: OpenedPhoto | None, done: list[Sample], event: gr.SelectData) -> tuple[Any, ...]:
        if one is None or not done:
            return (gr.skip(),) * 5
        return event.index, *_shown(one, done, event.index)

    def on_again(done: list[Sample], index: int | None) -> tuple[Any, ...]:
        if not done:
            return (gr.skip(),) * 10
        return _open(inpainter, str(done[-1 if index is None else index].path))

    result.gallery.select(on_pick, [opened, samples], [current, *show], **_light())
    samples.change(lambda: None, None, current, **_light())
    result.again.click(
        on_again, [samples, current], _opening_outputs(photo, opened), show_progress_on=photo.preview, **_heavy()
    )
