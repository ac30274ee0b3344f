"""What the page shows: its layout, words, colours and spacing. What happens when it is used is in `events`."""

from __future__ import annotations

import base64
from pathlib import Path

import gradio as gr

from exegan.inpainter import Inpainter
from exegan.masks.regions import REGIONS
from exegan.web.canvas import EMPTY_CANVAS, make_scene
from exegan.web.completion import FORMATS, MAX_SAMPLES, show_samples
from exegan.web.components import (
    STATIC,
    ExemplarStep,
    Page,
    PageState,
    PhotoStep,
    ResultStep,
    make_component,
)
from exegan.web.events import connect_events
from exegan.web.examples import EXAMPLES
from exegan.web.exemplars import MAX_EXEMPLARS, ExemplarCache
from exegan.web.gradio_patches import CSS_OVERRIDES
from exegan.web.hole import HoleParts
from exegan.web.tab_state import connect_tab_state

TITLE = "exegan"
HOW_TO = "Tick or paint the part of a face to complete, give another face as the exemplar, and press Complete."
CONSENT = (
    "Use photos of people who agreed. Every result is marked as edited with AI in its metadata; say so where you show"
    " it. Pictures stay on the machine that serves this page, nobody else sees them, and they are gone within the hour."
)
DOWNLOAD_FILE = """watch('value', () => {
  const link = document.createElement('a');
  link.href = window.exegan.fileUrl(props.value);
  link.download = props.value.split('/').pop();
  link.click();
});"""

# Nothing comes from other hosts: no fonts, no scripts.
THEME = gr.themes.Base(
    primary_hue="teal",
    neutral_hue="slate",
    radius_size="md",
    spacing_size="sm",
    text_size="sm",
    font=["system-ui", "sans-serif"],
    font_mono=["ui-monospace", "monospace"],
).set(
    body_background_fill="*neutral_50",
    block_shadow="none",
    button_large_radius="*radius_lg",
    # White on these, and these on white, have a contrast of more than 4.5:1.
    color_accent="*primary_700",
    button_primary_background_fill="*primary_700",
    button_primary_background_fill_dark="*primary_700",
    button_primary_background_fill_hover="*primary_800",
    button_primary_background_fill_hover_dark="*primary_800",
    slider_color="*primary_700",
    slider_color_dark="*primary_500",
    body_text_color_subdued="*neutral_600",
    block_info_text_color="*neutral_600",
    block_label_text_color="*neutral_600",
)
HEAD = f"<script>{(STATIC / 'shared.js').read_text(encoding='utf-8')}</script>"
CSS = CSS_OVERRIDES + (STATIC / "page.css").read_text(encoding="utf-8")


def build(inpainter: Inpainter) -> gr.Blocks:
    """The page around an inpainter, not yet served.

    Args:
        inpainter: Completes the photos; one at a time.
    """
    blocks, cache = gr.Blocks(title=TITLE, analytics_enabled=False), ExemplarCache()
    with blocks:
        gr.Markdown(f"# {TITLE}\n\n{HOW_TO}", elem_id="heading")
        with gr.Row(equal_height=False):
            with gr.Column(scale=5, min_width=340):
                photo = _photo_step()
            with gr.Column(scale=3, min_width=260):
                exemplar = _exemplar_step(layers=inpainter.model.config.generator.num_styles)
            with gr.Column(scale=5, min_width=340):
                result = _result_step()
        gr.Markdown(CONSENT, elem_id="consent")
        page = Page(photo, exemplar, result, PageState(gr.State(None), gr.State([]), gr.State(None)))
        connect_events(inpainter, page, cache)
        connect_tab_state(blocks, inpainter, page, cache)
    return blocks


def _photo_step() -> PhotoStep:
    _heading(1, "Photo", "what to complete")
    examples = [{"picture": _as_url(one.picture), "caption": one.caption, "alt": one.alt} for one in EXAMPLES]
    canvas = make_component("canvas", "canvas", EMPTY_CANVAS, scene=make_scene(None, HoleParts()), examples=examples)
    with gr.Column(visible=False, elem_classes="tight") as edit_area:
        faces = gr.Radio(label="Face to complete: click it in the photo, or choose", choices=[], elem_id="faces")
        regions = gr.CheckboxGroup(
            label="Parts of the face to complete",
            choices=[(name.replace("-", " "), name) for name in REGIONS],
            elem_id="regions",
        )
        with gr.Row(elem_classes="tight"):
            grow = gr.Slider(-10, 20, value=0, step=1, label="Grow the hole, %", buttons=[], scale=3, min_width=180)
            invert = gr.Checkbox(label="Invert the hole", container=False, elem_id="invert", scale=2, min_width=120)
        with gr.Row(elem_classes="tight"):
            load_mask = gr.Button("Load mask", size="sm", min_width=80, elem_id="load-mask")
            save_mask = gr.Button("Save mask", size="sm", min_width=80, elem_id="save-mask")
            new_photo = gr.Button("New photo", size="sm", min_width=80, elem_id="new-photo")
    return PhotoStep(
        canvas=canvas,
        edit_area=edit_area,
        faces=faces,
        regions=regions,
        grow=grow,
        invert=invert,
        load_mask=load_mask,
        save_mask=save_mask,
        new_photo=new_photo,
    )


def _exemplar_step(layers: int) -> ExemplarStep:
    _heading(2, "Exemplar", "the face to resemble")
    photos = _exemplars("exemplar", MAX_EXEMPLARS, "Drop a face here", "one or more photos of one person")
    exemplar_strength = gr.Slider(
        0,
        1,
        value=1,
        step=0.05,
        label="Exemplar strength",
        info="0 leaves it to chance",
        buttons=[],
        elem_id="strength",
    )
    samples = gr.Slider(
        1,
        MAX_SAMPLES,
        value=1,
        step=1,
        label="Samples",
        info="to choose from; the more, the more they vary",
        buttons=[],
    )
    with gr.Row(elem_classes="tight"):
        # No limits here: Gradio would refuse what is beyond them before an event can say what is wrong.
        seed = gr.Number(label="Seed", value=0, precision=0, scale=2, min_width=100, elem_id="seed")
        with gr.Column(scale=2, min_width=120, elem_classes="tight"):
            roll_dice = gr.Button("Roll dice", size="sm", min_width=60, elem_id="dice")
            same_seed = gr.Checkbox(label="Same seed again", value=True, container=False, min_width=60)
    complete = gr.Button("Complete", variant="primary", size="lg", elem_id="complete")
    cancel = gr.Button("Cancel", variant="stop", size="sm", visible=False, elem_id="cancel")
    message = gr.HTML("", html_template='<p role="alert">${value}</p>', apply_default_css=False, elem_id="message")
    with gr.Accordion("More", open=False, elem_id="more"):
        variety = gr.Slider(
            0, 2, value=1, step=0.01, label="Variety", info="how much samples differ", buttons=[], elem_id="variety"
        )
        second_exemplar = _exemplars("second", 1, "Drop a second face here", "for the finer features")
        mix_at = gr.Slider(
            0,
            layers,
            value=layers // 2,
            step=1,
            label="Features from the second face",
            info=f"0 = all of them, {layers} = none; from coarse to fine",
            buttons=[],
        )
        file_format = gr.Dropdown(label="Download as", choices=list(FORMATS), value=next(iter(FORMATS)))
    return ExemplarStep(
        photos=photos,
        exemplar_strength=exemplar_strength,
        samples=samples,
        seed=seed,
        roll_dice=roll_dice,
        same_seed=same_seed,
        complete=complete,
        cancel=cancel,
        message=message,
        variety=variety,
        second_exemplar=second_exemplar,
        mix_at=mix_at,
        file_format=file_format,
    )


def _exemplars(elem_id: str, limit: int, title: str, hint: str) -> gr.HTML:
    shown = {"cards": [], "problem": ""}
    return make_component("exemplars", elem_id, [], limit=limit, title=title, hint=hint, shown=shown)


def _result_step() -> ResultStep:
    _heading(3, "Result", "original left, completed right")
    results = make_component("results", "results", "", shown=show_samples([]))
    status = gr.Markdown("", elem_id="status")
    saved_file = gr.HTML("", html_template="", js_on_load=DOWNLOAD_FILE, elem_id="saved-file")
    return ResultStep(status=status, results=results, saved_file=saved_file)


def _as_url(picture: Path) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(picture.read_bytes()).decode()}"


def _heading(number: int, name: str, meaning: str) -> None:
    gr.Markdown(f"## **{number}** {name} *{meaning}*", elem_classes="step")
