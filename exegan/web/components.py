"""Components and state of the page, by name, and how the page's own components (`static/`) are made.

Events take `Values` and return `Updates`, both dicts by component: Gradio passes values so where an event's inputs are
a set, and accepts such a dict for its outputs. So no event depends on the order in which components are listed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.blocks import Block

Values = dict[Block, Any]
Updates = dict[Block, Any]

STATIC = Path(__file__).resolve().parent / "static"


def make_component(name: str, elem_id: str, value: Any, **props: Any) -> gr.HTML:
    """A component of the page's own, of `static/NAME.html` and `static/NAME.js`, whose first lines say what it does.

    The browser changes its value, events change its properties: so neither overwrites what the other has done in the
    meantime.

    Args:
        name: Of the files.
        elem_id: Its id in the document.
        value: JSON-ready value at first.
        props: JSON-ready properties at first.
    """
    return gr.HTML(
        value,
        html_template=(STATIC / f"{name}.html").read_text(encoding="utf-8"),
        js_on_load=(STATIC / f"{name}.js").read_text(encoding="utf-8"),
        apply_default_css=False,
        elem_id=elem_id,
        elem_classes=name,
        padding=False,
        **props,
    )


@dataclass(frozen=True)
class PhotoStep:
    """Components of the first step: the photo and its hole."""

    canvas: gr.HTML
    edit_area: gr.Column
    faces: gr.Radio
    regions: gr.CheckboxGroup
    grow: gr.Slider
    invert: gr.Checkbox
    load_mask: gr.Button
    save_mask: gr.Button
    new_photo: gr.Button


@dataclass(frozen=True)
class ExemplarStep:
    """Components of the second step: the exemplar and how it is used."""

    photos: gr.HTML
    exemplar_strength: gr.Slider
    samples: gr.Slider
    variety: gr.Slider
    seed: gr.Number
    roll_dice: gr.Button
    same_seed: gr.Checkbox
    complete: gr.Button
    cancel: gr.Button
    message: gr.HTML
    second_exemplar: gr.HTML
    mix_at: gr.Slider
    file_format: gr.Dropdown


@dataclass(frozen=True)
class ResultStep:
    """Components of the third step: progress, and the results of the tab."""

    status: gr.Markdown
    results: gr.HTML
    saved_file: gr.HTML


@dataclass(frozen=True)
class PageState:
    """What the server remembers of a tab.

    Args:
        photo: The `OpenedPhoto`, or None.
        samples: List of `Sample`, the newest first.
        started: When Complete was pressed, by `time.monotonic`.
    """

    photo: gr.State
    samples: gr.State
    started: gr.State


@dataclass(frozen=True)
class Page:
    """All components of the page, and its state."""

    photo: PhotoStep
    exemplar: ExemplarStep
    result: ResultStep
    state: PageState
