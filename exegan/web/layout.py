"""What the page shows: its layout, words, colours and spacing. What happens when it is used is in `events`."""

from __future__ import annotations

from typing import Literal

import gradio as gr

from exegan.inpainter import Inpainter
from exegan.masks.regions import REGIONS
from exegan.web.completion import FORMATS, MAX_SAMPLES
from exegan.web.components import ExemplarStep, Page, PageState, PhotoStep, ResultStep
from exegan.web.events import MAX_SEED, connect_events
from exegan.web.examples import EXAMPLES
from exegan.web.gradio_patches import CSS_OVERRIDES, pass_files
from exegan.web.tab_state import connect_tab_state

TITLE = "exegan"
HOW_TO = "Choose or paint the part of a face to complete, give another face as the exemplar, and press Complete."
CONSENT = (
    "Use photos of people who agreed. Every result is marked as edited with AI in its metadata; say so where you show"
    " it. Pictures stay on the machine that serves this page, nobody else sees them, and they are gone within the hour."
)
PHOTO_HINT = "# Drop a photo here\nor click to choose one"
MASK_HINT = "# Drop a mask here\nas large as the photo, white = hole"
STATUS_HINT = "The completed photo appears here; drag across it to compare with the original."

PICTURE_HEIGHT = 392  # with all around it, one screen of 800 pixels

# Nothing comes from other hosts: no fonts, no scripts.
THEME = gr.themes.Base(
    primary_hue="teal",
    neutral_hue="slate",
    radius_size="md",
    spacing_size="sm",
    text_size="sm",
    font=["system-ui", "sans-serif"],
    font_mono=["ui-monospace", "monospace"],
).set(body_background_fill="*neutral_50", block_shadow="none", button_large_radius="*radius_lg")
CSS = (
    CSS_OVERRIDES
    + """
#heading h1 { display: inline; margin-right: 0.6rem; font-size: 1.3rem; }
#heading p { display: inline; opacity: 0.8; }
.step h3 { margin: 2px 0 0; font-weight: 600; font-size: 1rem; }
.step h3 em { font-style: normal; font-weight: 400; font-size: 0.85rem; opacity: 0.65; margin-left: 4px; }
.step h3 strong {
  display: inline-block; width: 1.5em; height: 1.5em; margin-right: 4px; border-radius: 50%; font-size: 0.85rem;
  line-height: 1.5em; text-align: center; background: var(--color-accent); color: white;
}
#status { min-height: 2.6rem; }
#status p, #consent p { opacity: 0.75; margin: 0; }
#consent { text-align: center; }
#consent p { font-size: 0.78rem; line-height: 1.2; }
/* Chips rather than boxes to tick. */
#regions .wrap { gap: 4px; }
#regions label { padding: 2px 9px; border-radius: 999px; }
#regions label span { margin-left: 0; }
#regions label.selected { background: var(--color-accent); color: white; border-color: var(--color-accent); }
#regions input { position: absolute; opacity: 0; pointer-events: none; }
#regions label:has(input:focus-visible) { outline: 2px solid var(--color-accent); outline-offset: 1px; }
#faces .wrap { gap: 4px; }
#faces label { padding: 3px 9px; }
#preview img, #preview button { cursor: pointer; }
.tight { gap: 6px !important; }
@media (max-width: 600px) {
  #heading p { display: block; }
  #photo, #result:not(:has(img)) { height: 260px !important; }
}
"""
)


def build(inpainter: Inpainter) -> gr.Blocks:
    """The page around an inpainter, not yet served.

    Args:
        inpainter: Completes the photos; one at a time.
    """
    blocks = gr.Blocks(title=TITLE, analytics_enabled=False)
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
        state = PageState(photo=gr.State(None), strokes=gr.State(()), samples=gr.State([]), selected=gr.State(None))
        page = Page(photo, exemplar, result, state)
        connect_events(inpainter, page)
        connect_tab_state(blocks, page)
    return blocks


def _photo_step() -> PhotoStep:
    _heading(1, "Photo", "what to complete")
    with gr.Column(elem_classes="tight") as upload_area:
        upload = _picture_file("Photo", PHOTO_HINT, ["upload", "clipboard"], PICTURE_HEIGHT + 38, "photo")
        examples = gr.Gallery(
            label="Or try an example: faces that a model made",
            value=[(example.picture(), example.caption) for example in EXAMPLES],
            format="jpeg",
            columns=len(EXAMPLES),
            height=150,
            object_fit="contain",
            allow_preview=False,
            interactive=False,
            buttons=[],
            elem_id="examples",
        )
    with gr.Column(visible=False, elem_classes="tight") as edit_area:
        with gr.Tabs(selected="regions") as tabs:
            with gr.Tab("Choose parts", id="regions") as regions_tab:
                preview = gr.Image(
                    label="Photo with its faces",
                    show_label=False,
                    interactive=False,
                    buttons=[],
                    height=PICTURE_HEIGHT,
                    elem_id="preview",
                )
            with gr.Tab("Paint", id="paint"):
                editor = _editor()
            with gr.Tab("Mask file", id="mask"):
                mask = _picture_file("Mask", MASK_HINT, ["upload"], PICTURE_HEIGHT, "mask")
        faces = gr.Radio(
            label="Face to complete: click it in the photo, or choose",
            choices=[],
            visible=False,
            elem_id="faces",
        )
        regions = gr.CheckboxGroup(
            label="Parts of the face",
            show_label=False,
            choices=[(name.replace("-", " "), name) for name in REGIONS],
            elem_id="regions",
        )
        with gr.Row(elem_classes="tight"):
            grow = gr.Slider(-10, 20, value=0, step=1, label="Grow the hole, %", buttons=[], scale=3, min_width=180)
            with gr.Column(scale=2, min_width=130, elem_classes="tight"):
                invert = gr.Checkbox(label="Invert the hole", container=False, elem_id="invert")
                with gr.Row(elem_classes="tight"):
                    save_mask = gr.Button("Save mask", size="sm", min_width=60, elem_id="save-mask")
                    new_photo = gr.Button("New photo", size="sm", min_width=60, elem_id="new-photo")
        mask_download = gr.DownloadButton("mask.png", visible="hidden", elem_id="mask-download")
    return PhotoStep(
        upload_area=upload_area,
        upload=upload,
        examples=examples,
        edit_area=edit_area,
        tabs=tabs,
        regions_tab=regions_tab,
        preview=preview,
        editor=editor,
        mask=mask,
        faces=faces,
        regions=regions,
        grow=grow,
        invert=invert,
        save_mask=save_mask,
        mask_download=mask_download,
        new_photo=new_photo,
    )


def _editor() -> gr.ImageEditor:
    editor = gr.ImageEditor(
        label="Photo to paint on",
        show_label=False,
        type="pil",
        format="png",
        sources=(),
        layers=False,
        transforms=(),
        brush=gr.Brush(colors=[("#14b8a6", 0.8)], color_mode="fixed", default_size="auto"),
        eraser=gr.Eraser(default_size="auto"),
        buttons=[],
        height=PICTURE_HEIGHT,
        elem_id="editor",
    )
    pass_files(editor)
    return editor


def _exemplar_step(layers: int) -> ExemplarStep:
    _heading(2, "Exemplar", "the face to resemble")
    photos = gr.Gallery(
        label="Photos of one person",
        interactive=True,
        sources=["upload", "clipboard"],
        file_types=["image"],
        format="png",
        columns=2,
        object_fit="contain",
        buttons=[],
        height=216,
        elem_id="exemplar",
    )
    pass_files(photos)
    exemplar_strength = gr.Slider(
        0,
        1,
        value=1,
        step=0.05,
        label="Exemplar strength",
        info="0 leaves it to chance; the style gate λ",
        buttons=[],
        elem_id="strength",
    )
    samples = gr.Slider(
        1, MAX_SAMPLES, value=1, step=1, label="Samples", info="completions to choose from; draws of z", buttons=[]
    )
    with gr.Row(elem_classes="tight"):
        seed = gr.Number(
            label="Seed",
            value=0,
            precision=0,
            minimum=0,
            maximum=MAX_SEED,
            scale=2,
            min_width=100,
            elem_id="seed",
        )
        with gr.Column(scale=1, min_width=80, elem_classes="tight"):
            roll_dice = gr.Button("Roll dice", size="sm", min_width=60, elem_id="dice")
            keep_seed = gr.Checkbox(label="Keep", value=True, container=False, min_width=60)
    complete = gr.Button("Complete", variant="primary", size="lg", elem_id="complete")
    cancel = gr.Button("Cancel", variant="stop", size="sm", visible=False, elem_id="cancel")
    with gr.Accordion("More", open=False, elem_id="more"):
        truncation_psi = gr.Slider(
            0, 1, value=1, step=0.05, label="Variety", info="less is more ordinary; truncation ψ", buttons=[]
        )
        second_exemplar = _picture_file("Second exemplar", "A second exemplar", ["upload", "clipboard"], 130, "second")
        mix_at = gr.Slider(
            0,
            layers,
            value=layers // 2,
            step=1,
            label="Second from layer",
            info="0 = all from the second; style mixing",
            buttons=[],
        )
        file_format = gr.Dropdown(label="Download as", choices=list(FORMATS), value=next(iter(FORMATS)))
    return ExemplarStep(
        photos=photos,
        exemplar_strength=exemplar_strength,
        samples=samples,
        seed=seed,
        roll_dice=roll_dice,
        keep_seed=keep_seed,
        complete=complete,
        cancel=cancel,
        truncation_psi=truncation_psi,
        second_exemplar=second_exemplar,
        mix_at=mix_at,
        file_format=file_format,
    )


def _result_step() -> ResultStep:
    _heading(3, "Result", "original left, completed right")
    slider = gr.ImageSlider(
        label="Original and completed photo",
        show_label=False,
        type="pil",
        buttons=["fullscreen"],
        interactive=False,
        height=PICTURE_HEIGHT + 38,
        max_height=PICTURE_HEIGHT + 38,
        elem_id="result",
    )
    gallery = gr.Gallery(
        label="Samples: click one",
        columns=4,
        height=130,
        object_fit="cover",
        allow_preview=False,
        interactive=False,
        buttons=[],
        visible=False,
        elem_id="samples",
    )
    status = gr.Markdown(STATUS_HINT, elem_id="status")
    with gr.Row(elem_classes="tight"):
        download = gr.DownloadButton(
            "Download full resolution", interactive=False, size="md", min_width=150, elem_id="download"
        )
        next_photo = gr.Button(
            "Use as the next photo", interactive=False, size="md", min_width=150, elem_id="next-photo"
        )
    return ResultStep(slider=slider, gallery=gallery, status=status, download=download, next_photo=next_photo)


def _picture_file(
    label: str, hint: str, sources: list[Literal["upload", "webcam", "clipboard"]], height: int, elem_id: str
) -> gr.Image:
    """A picture upload of which events get the file as it came."""
    picture = gr.Image(
        label=label,
        show_label=False,
        placeholder=hint,
        type="filepath",
        image_mode=None,
        sources=sources,
        buttons=[],
        height=height,
        elem_id=elem_id,
    )
    pass_files(picture)
    return picture


def _heading(number: int, name: str, meaning: str) -> None:
    gr.Markdown(f"### **{number}** {name} *{meaning}*", elem_classes="step")
