"""Layout of the page; what happens when something is touched is in `wiring`."""

from __future__ import annotations

from typing import Any, Literal

import gradio as gr
import wiring
from completing import MOST_SAMPLES
from events import LARGEST_SEED, MODEL_EVENTS
from look import CSS, THEME
from offers import OFFERS
from samples import FORMATS
from steps import ExemplarStep, PhotoStep, ResultStep

from exegan.inpainter import Inpainter
from exegan.masks.regions import REGIONS

__all__ = ["CSS", "MODEL_EVENTS", "THEME", "build"]

TITLE = "exegan"
HOW_TO = "Choose or paint the part of a face to redo, give another face as the exemplar, and press Complete."
CONSENT = (
    "Use photos of people who agreed. Every result is marked as edited with AI in its metadata; say so where you show"
    " it. Pictures stay on the machine that serves this page, nobody else sees them, and they are gone within the hour."
)
PHOTO_HINT = "# Drop a photo here\nor click to choose one"
MASK_HINT = "# Drop a mask here\nas large as the photo, white = hole"
STATUS_HINT = "The completed photo appears here; drag across it to compare with the original."

PICTURE_HEIGHT = 392  # with all around it, one screen of 800 pixels


def build(inpainter: Inpainter) -> gr.Blocks:
    """The page around an inpainter, not yet served.

    Args:
        inpainter: Completes the photos; one at a time.
    """
    page = gr.Blocks(title=TITLE, analytics_enabled=False)
    with page:
        gr.Markdown(f"# {TITLE}\n\n{HOW_TO}", elem_id="heading")
        with gr.Row(equal_height=False):
            with gr.Column(scale=5, min_width=340):
                photo = _photo()
            with gr.Column(scale=3, min_width=260):
                exemplar = _exemplar(layers=inpainter.model.config.generator.num_styles)
            with gr.Column(scale=5, min_width=340):
                result = _result()
        gr.Markdown(CONSENT, elem_id="consent")
        wiring.connect(inpainter, page, photo, exemplar, result)
    return page


def _photo() -> PhotoStep:
    _step(1, "Photo", "what to redo")
    with gr.Column(elem_classes="tight") as dropping:
        drop = _picture_file("Photo", PHOTO_HINT, ["upload", "clipboard"], PICTURE_HEIGHT + 38, "photo")
        offers = gr.Gallery(
            label="Or try an example: faces that a model made",
            value=[(offer.picture(), offer.called) for offer in OFFERS],
            format="jpeg",
            columns=len(OFFERS),
            height=150,
            object_fit="contain",
            allow_preview=False,
            interactive=False,
            buttons=[],
            elem_id="offers",
        )
    with gr.Column(visible=False, elem_classes="tight") as opened:
        with gr.Tabs(selected="parts") as tabs:
            with gr.Tab("Choose parts", id="parts") as parts_tab:
                preview = gr.Image(
                    label="Photo with its faces",
                    show_label=False,
                    interactive=False,
                    buttons=[],
                    height=PICTURE_HEIGHT,
                    elem_id="preview",
                )
            with gr.Tab("Paint", id="paint") as paint_tab:
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
                    another = gr.Button("New photo", size="sm", min_width=60, elem_id="another")
        mask_file = gr.DownloadButton("mask.png", visible="hidden", elem_id="mask-file")
    return PhotoStep(
        dropping,
        drop,
        opened,
        tabs,
        preview,
        editor,
        paint_tab,
        parts_tab,
        mask,
        faces,
        regions,
        grow,
        invert,
        save_mask,
        mask_file,
        another,
        offers,
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
    # Files of the strokes alone; its own would decode the photo beneath and the two together as well.
    editor.preprocess = _layers_of  # type: ignore[method-assign, assignment]
    return editor


def _exemplar(layers: int) -> ExemplarStep:
    _step(2, "Exemplar", "whose looks")
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
    # Files as they came, for the same reasons as in `_picture_file`.
    photos.preprocess = _paths_of  # type: ignore[method-assign, assignment]
    strength = gr.Slider(
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
        1, MOST_SAMPLES, value=1, step=1, label="Samples", info="completions to choose from; draws of z", buttons=[]
    )
    with gr.Row(elem_classes="tight"):
        seed = gr.Number(
            label="Seed", value=0, precision=0, minimum=0, maximum=LARGEST_SEED, scale=2, min_width=100, elem_id="seed"
        )
        with gr.Column(scale=1, min_width=80, elem_classes="tight"):
            dice = gr.Button("Roll dice", size="sm", min_width=60, elem_id="dice")
            lock = gr.Checkbox(label="Keep", value=True, container=False, min_width=60)
    complete = gr.Button("Complete", variant="primary", size="lg", elem_id="complete")
    cancel = gr.Button("Cancel", variant="stop", size="sm", visible=False, elem_id="cancel")
    with gr.Accordion("More", open=False, elem_id="more"):
        variety = gr.Slider(
            0, 1, value=1, step=0.05, label="Variety", info="less is more ordinary; truncation ψ", buttons=[]
        )
        second = _picture_file("Second exemplar", "A second exemplar", ["upload", "clipboard"], 130, "second")
        mix_at = gr.Slider(
            0,
            layers,
            value=layers // 2,
            step=1,
            label="Second from layer",
            info="0 = all from the second; style mixing",
            buttons=[],
        )
        form = gr.Dropdown(label="Download as", choices=list(FORMATS), value=next(iter(FORMATS)))
    return ExemplarStep(photos, strength, samples, seed, dice, lock, variety, second, mix_at, form, complete, cancel)


def _result() -> ResultStep:
    _step(3, "Result", "original left, completed right")
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
        again = gr.Button("Use as the next photo", interactive=False, size="md", min_width=150, elem_id="again")
    return ResultStep(slider, gallery, status, download, again)


def _picture_file(
    label: str, hint: str, sources: list[Literal["upload", "webcam", "clipboard"]], height: int, elem_id: str
) -> gr.Image:
    """A picture upload that hands over the file as it came, so that the library decodes it and words the errors."""
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
    # Its own would open the file, and say with the server's paths when that fails. Not a subclass: gradio writes a .pyi
    # file beside the source of those. An update (gr.update, gr.skip) would put Gradio's own back: give values alone.
    picture.preprocess = _path_of  # type: ignore[method-assign]
    return picture


def _path_of(payload: Any) -> str | None:
    return payload.path if payload else None


def _paths_of(payload: Any) -> list[str]:
    return [one.image.path for one in payload.root] if payload else []


def _layers_of(payload: Any) -> list[str]:
    return [layer.path for layer in payload.layers] if payload else []


def _step(number: int, name: str, meaning: str) -> None:
    gr.Markdown(f"### **{number}** {name} *{meaning}*", elem_classes="step")
