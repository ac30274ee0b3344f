"""The endpoint for programs, `/inpaint`: what Gradio's API page shows, and how a request is handled (`docs/api.md`)."""

from __future__ import annotations

import inspect
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component

from exegan.errors import ExeGanError, InputError
from exegan.inpainter import Clock, ExemplarPhoto, Inpainter, Options, Style, read_hole, report_samples
from exegan.io import open_photo, read_photo
from exegan.io.files import sample_paths
from exegan.web.completion import MAX_SAMPLES
from exegan.web.exemplars import MAX_EXEMPLARS
from exegan.web.file_access import check_page_file, make_folder
from exegan.web.gradio_patches import make_upload

DESCRIPTION = (
    "Fill a masked region of a face photo in the likeness of an exemplar face. Returns the completed photos at full"
    " resolution, with the photo's metadata and a machine-readable mark that they were completed, and a report as"
    " `exegan inpaint --json` prints it. Errors are one sentence."
)
MAX_GROW = 500  # pixels; time grows with it
OUTPUT_FORMATS = ("png", "jpg", "webp", "tiff")
EXPECTED_UPLOAD = '{"path": what /upload answered, "meta": {"_type": "gradio.FileData"}}'

File = Mapping[str, Any]
"""An upload that Gradio has checked: its `path` on this machine ending in its name; empty where it was none."""


def add_endpoint(inpainter: Inpainter, concurrency_id: str) -> None:
    """Register the endpoint in the `gr.Blocks` under construction.

    Args:
        inpainter: Completes the photos.
        concurrency_id: Of all events that run the model, so that they take turns.
    """

    # Gradio's API page takes names and defaults from here, and what they mean from the labels of `_inputs`.
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
        request = InpaintRequest(
            photo=photo,
            exemplars=exemplar or [],
            mask=mask,
            region=region,
            face=face,
            grow=grow,
            invert=invert,
            exemplar_face=exemplar_face,
            exemplar_strength=exemplar_strength,
            truncation_psi=truncation_psi,
            seed=seed,
            samples=samples,
            output_format=output_format,
        )
        return handle_request(inpainter, request)

    with gr.Column(visible=False):
        inputs = _inputs()
        files = gr.File(label="completed photos", file_count="multiple")
        report = gr.JSON(label="report")
        gr.Button().click(
            inpaint,
            [inputs[name] for name in inspect.signature(inpaint).parameters],
            [files, report],
            api_name="inpaint",
            api_description=DESCRIPTION,
            api_visibility="public",
            preprocess=False,  # values are checked here, in sentences
            show_progress="hidden",
            concurrency_id=concurrency_id,
            concurrency_limit=1,
        )


def _inputs() -> dict[str, Component]:
    """Components by the parameter that they give; the API page shows their labels."""
    return {
        "photo": make_upload("photo to complete", "photo.jpg"),
        "exemplar": make_upload(f"exemplar: photos of one person, 1 to {MAX_EXEMPLARS}", "face.jpg", "multiple"),
        "mask": make_upload("mask of the photo's size, white = hole; or give region", "mask.png"),
        "region": gr.Textbox(label="in place of a mask: eyes+mouth, lower-face, face, ...", value=""),
        "face": gr.Textbox(label="which faces: a number from the left, 0,2, all, or auto", value="auto"),
        "grow": gr.Number(label=f"pixels to widen the hole by, negative narrows it, to {MAX_GROW}", value=0),
        "invert": gr.Checkbox(label="complete all but the mask or region", value=False),
        "exemplar_face": gr.Number(label="which face of the exemplar, where it shows several", value=None),
        "exemplar_strength": gr.Number(label="1 = the exemplar rules its layers, 0 = chance", value=1.0),
        "truncation_psi": gr.Number(label="1 = as trained, towards 0 less variety", value=1.0),
        "seed": gr.Number(label="same seed, same picture; the samples have seed, seed + 1 and so on", value=0),
        "samples": gr.Number(label=f"completions, 1 to {MAX_SAMPLES}", value=1),
        "output_format": gr.Dropdown(label="of the files returned", choices=list(OUTPUT_FORMATS), value="png"),
    }


@dataclass(frozen=True)
class InpaintRequest:
    """Arguments of the endpoint (`docs/api.md`); of values other than files the type is not checked yet."""

    photo: File | None
    exemplars: Sequence[File]
    mask: File | None
    region: Any
    face: Any
    grow: Any
    invert: Any
    exemplar_face: Any
    exemplar_strength: Any
    truncation_psi: Any
    seed: Any
    samples: Any
    output_format: Any

    def uploads(self) -> list[tuple[str, File]]:
        """Every file, with its name in errors."""
        named = [("the photo", self.photo), ("the mask", self.mask)]
        named += [(f"exemplar {number}", file) for number, file in enumerate(self.exemplars)]
        return [(name, file) for name, file in named if file is not None]


def handle_request(inpainter: Inpainter, request: InpaintRequest) -> tuple[list[str], dict[str, Any]]:
    """Complete the photo; the completed files, in a new folder, and the report.

    Raises:
        gr.Error: With one sentence that names no path of this machine.
    """
    folder = make_folder()
    try:
        return _complete(inpainter, request, folder)
    except Exception as error:
        shutil.rmtree(folder, ignore_errors=True)
        if not isinstance(error, ExeGanError):
            raise gr.Error("the server failed at this request; its log says why", print_exception=True) from error
        sentence = str(error)
        for name, file in request.uploads():
            for path in (file["path"], str(Path(file["path"]))):
                sentence = sentence.replace(path or "\0", name)
        raise gr.Error(sentence, print_exception=False) from error


def _complete(inpainter: Inpainter, request: InpaintRequest, folder: Path) -> tuple[list[str], dict[str, Any]]:
    for name, file in request.uploads():
        if not file["path"]:
            raise InputError(f"{name} is no upload, expected {EXPECTED_UPLOAD}")
        check_page_file(Path(file["path"]), name)
    if request.photo is None or not request.exemplars:
        raise InputError(f"there is no {'exemplar' if request.photo else 'photo'}, expected {EXPECTED_UPLOAD}")
    seed, samples, grow = (_integer(request, name) for name in ("seed", "samples", "grow"))
    face = None if request.exemplar_face is None else _integer(request, "exemplar_face")
    _check_at_most("samples", samples, MAX_SAMPLES)
    _check_at_most("exemplars", len(request.exemplars), MAX_EXEMPLARS)
    _check_at_most("grow", abs(grow), MAX_GROW)
    if request.output_format not in OUTPUT_FORMATS:
        raise InputError(f"output_format is {request.output_format!r}, expected one of {', '.join(OUTPUT_FORMATS)}")
    options = Options(_number(request, "exemplar_strength"), _number(request, "truncation_psi"))
    photo = open_photo(request.photo["path"])
    mask = None if request.mask is None else request.mask["path"]
    hole = read_hole(mask, _text(request, "region") or None, grow, _boolean(request, "invert"))
    clock = Clock()
    with clock.stage("encode_exemplar"):
        style = _style(inpainter, [Path(file["path"]) for file in request.exemplars], face)
    plan = inpainter.plan(photo, hole, style, face=_text(request, "face"))
    plan = replace(plan, seconds={**plan.seconds, **clock.seconds})
    paths, reports, notes = sample_paths(folder / f"completed.{request.output_format}", samples), [], []
    for result, path in zip(inpainter.sample(plan, samples, seed, options), paths, strict=True):
        reports.append(result.report())
        notes = result.save(path)
    return [str(path) for path in paths], report_samples(reports, [path.name for path in paths], None, notes)


def _style(inpainter: Inpainter, paths: Sequence[Path], face: int | None) -> Style:
    """Style of one person; the pixels of one photo are held at a time, and one named twice is encoded once."""
    styles: dict[Path, Style] = {}
    for path in paths:
        if path not in styles:
            styles[path] = inpainter.make_style(ExemplarPhoto(read_photo(path), path.name, face))
    return inpainter.make_style([styles[path] for path in paths])


def _number(request: InpaintRequest, name: str) -> float:
    value = getattr(request, name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"{name} is {value!r}, expected a number")
    if not -(2**63) <= value < 2**63:  # not a number included
        raise InputError(f"{name} is out of range, expected a number of at most 63 bits")
    return float(value)


def _integer(request: InpaintRequest, name: str) -> int:
    if not _number(request, name).is_integer():
        raise InputError(f"{name} is {getattr(request, name)}, expected a whole number")
    return int(getattr(request, name))


def _text(request: InpaintRequest, name: str) -> str:
    value = "" if getattr(request, name) is None else getattr(request, name)
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise InputError(f"{name} is {value!r}, expected a text")
    return str(value)


def _boolean(request: InpaintRequest, name: str) -> bool:
    if not isinstance(getattr(request, name), bool):
        raise InputError(f"{name} is {getattr(request, name)!r}, expected true or false")
    return bool(getattr(request, name))


def _check_at_most(name: str, value: int, limit: int) -> None:
    if value > limit:
        raise InputError(f"{name} is {value}, expected at most {limit}; ask for less at once")
