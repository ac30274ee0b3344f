"""The endpoint for programs, `/inpaint`, as Gradio and its API page see it; `docs/api.md` shows its use."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import gradio as gr
from completing import LARGEST_GROW, MOST_EXEMPLARS, MOST_SAMPLES, WRITTEN, File, Request, answer
from gradio.data_classes import FileData, GradioRootModel
from pydantic import ValidationInfo, model_validator

from exegan.inpainter import Inpainter

DESCRIPTION = (
    "Complete a hole in a face photo so that the filled part takes its looks from an exemplar face. Returns the"
    " completed photos at full resolution, with the photo's metadata and a machine-readable mark that they were"
    " completed, and a report as `exegan inpaint --json` prints it. Errors are one sentence."
)


# The docstrings of these two are shown on Gradio's API page.
class Upload(FileData):
    """A picture file."""

    @model_validator(mode="before")
    @classmethod
    def validate_model(cls, value: Any, info: ValidationInfo) -> Any:
        """Whatever else a program sent becomes a file without path, which `completing` refuses in a sentence."""
        meta = value.get("meta") if isinstance(value, dict) else None
        # Gradio makes sure that a file is an upload, no other file of this machine, where it is marked as one.
        is_upload = isinstance(meta, dict) and meta.get("_type") == "gradio.FileData"
        return value if is_upload and isinstance(value.get("path"), str) else {"path": ""}


class Uploads(GradioRootModel):
    """Several picture files, or one."""

    root: list[Upload]

    @model_validator(mode="before")
    @classmethod
    def listed(cls, value: Any) -> Any:
        """One file is a list of one."""
        return value if isinstance(value, list) else [value]


def add(inpainter: Inpainter, concurrency_id: str) -> None:
    """Register the endpoint in the `gr.Blocks` under construction.

    Args:
        inpainter: Does the work.
        concurrency_id: Of all events that run the model, so that they take turns.
    """

    # Gradio's API page takes names and defaults from here, and what they mean from the labels below.
    def inpaint(
        photo: File | None,
        exemplar: Sequence[File] | None,
        mask: File | None = None,
        region: str = "",
        face: str = "auto",
        grow: float = 0,
        invert: bool = False,
        exemplar_face: float | None = None,
        exemplar_strength: float = 1.0,
        truncation_psi: float = 1.0,
        seed: float = 0,
        samples: float = 1,
        output_format: str = "png",
    ) -> tuple[list[str], dict[str, Any]]:
        options = exemplar_face, exemplar_strength, truncation_psi, seed, samples, output_format
        request = Request(photo, exemplar or [], mask, region, face, grow, invert, *options)
        return answer(inpainter, request, Path(files.GRADIO_CACHE))

    with gr.Column(visible=False):
        inputs = [
            _upload("photo to complete", "photo.jpg"),
            _upload(f"photos of the face to take the looks from, 1 to {MOST_EXEMPLARS}", "face.jpg", "multiple"),
            _upload("mask of the photo's size, white = hole; or give region", "mask.png"),
            gr.Textbox(label="in place of a mask: eyes+mouth, lower-face, face, ...", value=""),
            gr.Textbox(label="which faces: a number from the left, 0,2, all, or auto", value="auto"),
            gr.Number(label=f"pixels to widen the hole by, negative narrows it, to {LARGEST_GROW}", value=0),
            gr.Checkbox(label="complete all but the mask or region", value=False),
            gr.Number(label="which face of the exemplar, where it shows several", value=None),
            gr.Number(label="1 = the exemplar rules its layers, 0 = chance", value=1.0),
            gr.Number(label="1 = as trained, towards 0 less variety", value=1.0),
            gr.Number(label="same seed, same picture; the samples have seed, seed + 1 and so on", value=0),
            gr.Number(label=f"completions, 1 to {MOST_SAMPLES}", value=1),
            gr.Dropdown(label="of the files returned", choices=list(WRITTEN), value="png"),
        ]
        files = gr.File(label="completed photos", file_count="multiple")
        report = gr.JSON(label="report")
        gr.Button().click(
            inpaint,
            inputs,
            [files, report],
            api_name="inpaint",
            api_description=DESCRIPTION,
            api_visibility="public",
            preprocess=False,  # values are checked here, in sentences
            show_progress="hidden",
            concurrency_id=concurrency_id,
            concurrency_limit=1,
        )


def _upload(label: str, name: str, file_count: Literal["single", "multiple"] = "single") -> gr.File:
    """A file to be given, called `name` in the examples of the API page, Gradio's own being a PDF."""
    file = gr.File(label=label, file_count=file_count)
    file.data_model = Upload if file_count == "single" else Uploads
    example = {"path": name, "url": name, "meta": {"_type": "gradio.FileData"}}
    file.example_payload = lambda: example if file_count == "single" else [example]  # type: ignore[method-assign]
    return file
