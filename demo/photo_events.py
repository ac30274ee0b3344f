"""A photo is given, an example is clicked, or another photo wanted."""

from __future__ import annotations

from functools import partial
from typing import Any

import gradio as gr
from drawing import draw_preview
from events import heavy, light, told
from hole import HoleParts, hole_of_preview
from offers import OFFERS
from pictures import ALL_FACES, OpenedPhoto, open_for_page
from steps import ExemplarStep, PhotoStep

from exegan.errors import ExeGanError
from exegan.inpainter import Inpainter


def opening_outputs(photo: PhotoStep, opened: gr.State) -> list[Any]:
    """All that changes with a new photo."""
    return [
        opened,
        photo.drop,
        photo.dropping,
        photo.opened,
        photo.preview,
        photo.editor,
        photo.mask,
        photo.faces,
        photo.regions,
        photo.tabs,
    ]


def open_photo(inpainter: Inpainter, path: str | None) -> tuple[Any, ...]:
    """Values of `_opening_outputs` for a new photo."""
    if path is None:
        raise gr.Error("There is no photo; drop one into step 1.", print_exception=False)
    with told():
        try:
            one = open_for_page(inpainter, path)
        except ExeGanError as error:
            raise type(error)(str(error).replace(str(path), "the photo")) from error
    return opened_values(one)


def opened_values(one: OpenedPhoto) -> tuple[Any, ...]:
    """Values of `opening_outputs` for a photo, nothing chosen yet."""
    several = len(one.faces) > 1
    numbers = [(str(index), index) for index in range(len(one.faces))]
    faces = gr.update(
        choices=[*numbers, (ALL_FACES, ALL_FACES)] if several else numbers, value=one.main_face, visible=several
    )
    shown = str(one.file_of(draw_preview(one, one.main_face, None)))
    on_editor = {"background": one.preview, "layers": [], "composite": None}
    seen, hidden = gr.update(visible=True), gr.update(visible=False)
    return one, None, hidden, seen, shown, on_editor, None, faces, [], gr.Tabs(selected="parts")


def connect_photo(inpainter: Inpainter, photo: PhotoStep, opened: gr.State) -> None:
    """What happens when a photo is given, or another is wanted."""
    outputs = opening_outputs(photo, opened)
    given = photo.drop.input(
        partial(open_photo, inpainter), photo.drop, outputs, show_progress_on=photo.drop, **heavy()
    )
    given.failure(lambda: None, None, photo.drop, **light())
    photo.another.click(
        lambda: (None, gr.update(visible=True), gr.update(visible=False)),
        None,
        [opened, photo.dropping, photo.opened],
        **light(),
    )


def connect_offers(inpainter: Inpainter, photo: PhotoStep, exemplar: ExemplarStep, opened: gr.State) -> Any:
    """A click on an example opens it; what is returned succeeds when all is in its place."""

    def on_offer(event: gr.SelectData) -> tuple[Any, ...]:
        offer = OFFERS[event.index]
        path, looks = offer.copied()
        values = open_photo(inpainter, path)
        one: OpenedPhoto = values[0]
        hole = hole_of_preview(one, HoleParts(offer.regions, one.main_face))
        shown = str(one.file_of(draw_preview(one, one.main_face, hole)))
        return *values[:4], shown, *values[5:8], list(offer.regions), *values[9:], [looks]

    outputs = [*opening_outputs(photo, opened), exemplar.photos]
    return photo.offers.select(on_offer, None, outputs, show_progress_on=photo.offers, **heavy())
