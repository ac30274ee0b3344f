"""Components and state of the page, by name.

Events take `Values` and return `Updates`, both dicts by component: Gradio passes values so where an event's inputs are
a set, and accepts such a dict for its outputs. So no event depends on the order in which components are listed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.blocks import Block

Values = dict[Block, Any]
Updates = dict[Block, Any]


@dataclass(frozen=True)
class PhotoStep:
    """Components of the first step: the photo and its hole."""

    upload_area: gr.Column
    upload: gr.Image
    examples: gr.Gallery
    edit_area: gr.Column
    tabs: gr.Tabs
    regions_tab: gr.Tab
    preview: gr.Image
    editor: gr.ImageEditor
    mask: gr.Image
    faces: gr.Radio
    regions: gr.CheckboxGroup
    grow: gr.Slider
    invert: gr.Checkbox
    save_mask: gr.Button
    mask_download: gr.DownloadButton
    new_photo: gr.Button


@dataclass(frozen=True)
class ExemplarStep:
    """Components of the second step: the exemplar and how it is used."""

    photos: gr.Gallery
    exemplar_strength: gr.Slider
    samples: gr.Slider
    seed: gr.Number
    roll_dice: gr.Button
    keep_seed: gr.Checkbox
    complete: gr.Button
    cancel: gr.Button
    truncation_psi: gr.Slider
    second_exemplar: gr.Image
    mix_at: gr.Slider
    file_format: gr.Dropdown


@dataclass(frozen=True)
class ResultStep:
    """Components of the third step: the results."""

    slider: gr.ImageSlider
    gallery: gr.Gallery
    status: gr.Markdown
    download: gr.DownloadButton
    next_photo: gr.Button


@dataclass(frozen=True)
class PageState:
    """What the server remembers of a tab.

    Args:
        photo: The `OpenedPhoto`, or None.
        strokes: Files of the editor's layers as they were when its tab was last left.
        samples: List of `Sample`, the results.
        selected: Index of the sample that is shown; None = the last.
    """

    photo: gr.State
    strokes: gr.State
    samples: gr.State
    selected: gr.State


@dataclass(frozen=True)
class Page:
    """All components of the page, and its state."""

    photo: PhotoStep
    exemplar: ExemplarStep
    result: ResultStep
    state: PageState
