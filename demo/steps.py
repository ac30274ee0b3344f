"""Components of the page's three steps, by name."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr


@dataclass(frozen=True)
class PhotoStep:
    """Components of the first step."""

    dropping: gr.Column
    drop: gr.Image
    opened: gr.Column
    tabs: gr.Tabs
    preview: gr.Image
    editor: gr.ImageEditor
    paint_tab: gr.Tab
    parts_tab: gr.Tab
    mask: gr.Image
    faces: gr.Radio
    regions: gr.CheckboxGroup
    grow: gr.Slider
    invert: gr.Checkbox
    save_mask: gr.Button
    mask_file: gr.DownloadButton
    another: gr.Button
    offers: gr.Gallery


@dataclass(frozen=True)
class ExemplarStep:
    """Components of the second step."""

    photos: gr.Gallery
    strength: gr.Slider
    samples: gr.Slider
    seed: gr.Number
    dice: gr.Button
    lock: gr.Checkbox
    variety: gr.Slider
    second: gr.Image
    mix_at: gr.Slider
    form: gr.Dropdown
    complete: gr.Button
    cancel: gr.Button


@dataclass(frozen=True)
class ResultStep:
    """Components of the third step."""

    slider: gr.ImageSlider
    gallery: gr.Gallery
    status: gr.Markdown
    download: gr.DownloadButton
    again: gr.Button
