"""Parts, strokes, mask file, growing: the hole is shown as it changes, and saved on request."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from drawing import draw_preview
from events import light, needed, told
from gradio.components import Component
from hole import HoleParts, hole_of_preview, strokes_of
from pictures import Chosen, OpenedPhoto
from samples import save_mask
from steps import PhotoStep

CLICK_MASK_FILE = "() => { document.querySelector('#mask-file').click(); }"


def hole_inputs(photo: PhotoStep, opened: gr.State, painted: Component) -> list[Any]:
    """What `show_hole` and others take: the photo, then what `parts_of` takes."""
    return [opened, photo.regions, photo.faces, photo.mask, photo.grow, photo.invert, painted]


def parts_of(
    regions: list[str],
    chosen: Chosen | None,
    mask: str | None,
    grow: float,
    invert: bool,
    painted: Sequence[str],
) -> HoleParts:
    """The hole as the components say; `painted` are files of the editor's layers."""
    strokes = strokes_of(painted)
    file = None if mask is None else Path(mask)
    return HoleParts(tuple(regions), 0 if chosen is None else chosen, strokes, file, grow, invert)


def show_hole(one: OpenedPhoto | None, *parts: Any) -> Any:
    """The preview with its hole as it is now."""
    if one is None:
        return gr.skip()
    with told():
        given = parts_of(*parts)
        hole = hole_of_preview(one, given)
        return str(one.file_of(draw_preview(one, given.chosen, hole)))


def _choose(one: OpenedPhoto | None, event: gr.SelectData) -> Any:
    """The face that was clicked."""
    index = None if one is None else one.face_at(*event.index)
    return gr.skip() if index is None else index


def connect_hole(photo: PhotoStep, opened: gr.State) -> gr.State:
    """What happens to the hole; files of the strokes as they were when the editor was last left."""
    # Browsers take long to hand over what was painted: on leaving the editor, not each time that something changes.
    strokes = gr.State(())
    inputs = hole_inputs(photo, opened, strokes)
    for changed in (photo.regions.input, photo.faces.change, photo.grow.release, photo.invert.input, photo.mask.input):
        changed(show_hole, inputs, photo.preview, trigger_mode="always_last", **light())
    photo.parts_tab.select(lambda layers: layers, photo.editor, strokes, **light()).then(
        show_hole, inputs, photo.preview, **light()
    )
    opened.change(lambda: (), None, strokes, **light())
    photo.mask.clear(show_hole, inputs, photo.preview, **light())
    photo.preview.select(_choose, opened, photo.faces, **light())

    def on_save(one: OpenedPhoto | None, *parts: Any) -> str:
        with told():
            return str(save_mask(needed(one), parts_of(*parts)))

    all_of_it = hole_inputs(photo, opened, photo.editor)
    saved = photo.save_mask.click(on_save, all_of_it, photo.mask_file, **light())
    saved.success(None, None, None, js=CLICK_MASK_FILE, api_visibility="private")
    return strokes
