"""The page: layout first, the wiring of events at its end. What the events do is in `handlers`."""

from __future__ import annotations

import html
from typing import Any, Literal

import gradio as gr
import handlers
from PIL import Image

from exegan.errors import ExeGanError

TITLE = "exegan"
HOW_TO = "Paint over the part of a face to redo, give another face as the exemplar, and press Complete."
CONSENT = (
    "Use photos of people who agreed; results are synthetic, say so where you show them. "
    "Pictures stay on the machine that serves this page and are deleted within the hour."
)
EDITOR_HINT = "# Drop a photo here\nor click to choose one"
EXEMPLAR_HINT = "# Drop a face here\nor click to choose one"
MASK_HINT = "# Drop a mask here\nas large as the photo, white = hole"
STATUS_HINT = "The completed photo appears here; drag across it to compare with the original."

MAX_SEED = 2**32 - 1
MAX_WAITING = 16  # requests in the queue before new ones are told that the page is busy
PICTURE_HEIGHT = 490  # with all around it, one screen of 800 pixels
MODEL_EVENTS = "model"  # events that run the model share this, so that they take turns

# Fonts of the visitor's own system: nothing is fetched from other hosts.
THEME = gr.themes.Base(
    primary_hue="teal",
    neutral_hue="slate",
    radius_size="md",
    spacing_size="sm",
    font=["system-ui", "sans-serif"],
    font_mono=["ui-monospace", "monospace"],
)
CSS = """
.gradio-container { max-width: 1400px !important; margin: 0 auto !important; }
#heading h1 { display: inline; margin-right: 0.6rem; }
#heading p { display: inline; }
.step h3 { margin: 0; font-weight: 600; }
#status p, #consent p { opacity: 0.75; }
#status { min-height: 3rem; }
#consent { text-align: center; }
/* After a mistake the sentence says it; a badge would hide the last result. */
#result [data-testid="status-tracker"]:has(.error) { display: none; }
"""


def build(inpainter: handlers.Completer) -> gr.Blocks:
    """The page around an inpainter, not yet served.

    Args:
        inpainter: Completes the photos; one at a time.
    """
    page = gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=(600, 3000))
    with page:
        gr.Markdown(f"# {TITLE}\n\n{HOW_TO}", elem_id="heading")
        with gr.Row(equal_height=False):
            with gr.Column(scale=5, min_width=340):
                editor, uploaded_mask = _photo_and_mask()
            with gr.Column(scale=3, min_width=220):
                exemplar, seed, button = _exemplar_and_options()
            with gr.Column(scale=5, min_width=340):
                result, status, download = _result()
        gr.Markdown(CONSENT, elem_id="consent")

        def on_complete(
            value: handlers.EditorValue | None, mask: str | None, face: str | None, number: float | None
        ) -> tuple[tuple[Image.Image, Image.Image], str, dict[str, Any]]:
            try:
                before, after, path, message = handlers.complete(
                    inpainter, value, mask, face, number, download.GRADIO_CACHE
                )
            except ExeGanError as error:
                raise gr.Error(_sentence(error), print_exception=False) from error
            return (before, after), message, gr.update(value=path, interactive=True)

        button.click(
            on_complete,
            inputs=[editor, uploaded_mask, exemplar, seed],
            outputs=[result, status, download],
            show_progress_on=result,
            api_visibility="private",
            concurrency_id=MODEL_EVENTS,
            concurrency_limit=1,
        )
    page.queue(max_size=MAX_WAITING, api_open=False)
    return page


def _photo_and_mask() -> tuple[gr.ImageEditor, gr.Image]:
    _step("1 · Photo: paint the hole")
    editor = gr.ImageEditor(
        label="Photo",
        show_label=False,
        type="pil",
        format="png",
        sources=("upload", "clipboard"),
        layers=False,
        transforms=(),
        brush=gr.Brush(colors=[("#14b8a6", 0.8)], color_mode="fixed", default_size="auto"),
        eraser=gr.Eraser(default_size="auto"),
        buttons=[],
        placeholder=EDITOR_HINT,
        height=PICTURE_HEIGHT,
        elem_id="editor",
    )
    with gr.Accordion("Or upload a mask", open=False):
        uploaded_mask = _picture_file("Mask", MASK_HINT, sources=["upload"], height=120, elem_id="mask")
    return editor, uploaded_mask


def _exemplar_and_options() -> tuple[gr.Image, gr.Number, gr.Button]:
    _step("2 · Exemplar: another face")
    exemplar = _picture_file("Exemplar", EXEMPLAR_HINT, sources=["upload", "clipboard"], height=300, elem_id="exemplar")
    seed = gr.Number(
        label="Seed", info="Another number, another variation.", value=0, precision=0, minimum=0, maximum=MAX_SEED
    )
    button = gr.Button("Complete", variant="primary", size="lg", elem_id="complete")
    return exemplar, seed, button


def _result() -> tuple[gr.ImageSlider, gr.Markdown, gr.DownloadButton]:
    _step("3 · Result: original left, completed right")
    result = gr.ImageSlider(
        label="Original and completed photo",
        show_label=False,
        type="pil",
        format="png",
        buttons=["fullscreen"],
        interactive=False,
        height=PICTURE_HEIGHT,
        elem_id="result",
    )
    status = gr.Markdown(STATUS_HINT, elem_id="status")
    download = gr.DownloadButton("Download full resolution (PNG)", interactive=False, size="md", elem_id="download")
    return result, status, download


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
    # file beside the source of those.
    picture.preprocess = lambda payload: payload.path if payload else None  # type: ignore[method-assign]
    return picture


def _step(heading: str) -> None:
    gr.Markdown(f"### {heading}", elem_classes="step")


def _sentence(error: ExeGanError) -> str:
    """The error as the page says it; the toast renders HTML, which a file's name must not be taken for."""
    text = html.escape(str(error), quote=False).rstrip(".")
    return f"{text[0].upper()}{text[1:]}."
