"""A program's request carried out: arguments of `/inpaint` checked, photos completed, files written, a report made."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gradio as gr
from pictures import check_kept

from exegan.cli.completions import sample_paths
from exegan.errors import ExeGanError, InputError
from exegan.inpainter import Clock, ExemplarPhoto, Inpainter, Options, Style, read_hole, report_samples
from exegan.io import open_photo, read_photo

MOST_EXEMPLARS = MOST_SAMPLES = 8
LARGEST_GROW = 500  # pixels; time grows with it
WRITTEN = ("png", "jpg", "webp", "tiff")
UPLOADED = '{"path": what /upload answered, "meta": {"_type": "gradio.FileData"}}'

File = Mapping[str, Any]
"""An upload that Gradio has checked: its `path` on this machine ending in its name; empty where it was none."""


@dataclass(frozen=True)
class Request:
    """Arguments of the endpoint, see `docs/api.md`; what is neither file nor checked is of the type a program sent."""

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
        """Every file, and what to call it in sentences."""
        named = [("the photo", self.photo), ("the mask", self.mask)]
        named += [(f"exemplar {number}", file) for number, file in enumerate(self.exemplars)]
        return [(name, file) for name, file in named if file is not None]


def answer(inpainter: Inpainter, request: Request, folder: Path) -> tuple[list[str], dict[str, Any]]:
    """Completed files, in a new folder of `folder`, and the report.

    Raises:
        gr.Error: With one sentence that names no path of this machine.
    """
    out = folder / secrets.token_hex(16)
    try:
        out.mkdir()
        return _complete(inpainter, request, out)
    except Exception as error:
        shutil.rmtree(out, ignore_errors=True)
        if not isinstance(error, ExeGanError):
            raise gr.Error("the server failed at this request; its log says why", print_exception=True) from error
        sentence = str(error)
        for name, file in request.uploads():
            for spelled in (file["path"], str(Path(file["path"]))):
                sentence = sentence.replace(spelled or "\0", name)
        raise gr.Error(sentence, print_exception=False) from error


def _complete(inpainter: Inpainter, request: Request, out: Path) -> tuple[list[str], dict[str, Any]]:
    for name, file in request.uploads():
        if not file["path"]:
            raise InputError(f"{name} is no upload, expected {UPLOADED}")
        check_kept(Path(file["path"]), name)
    if request.photo is None or not request.exemplars:
        raise InputError(f"there is no {'exemplar' if request.photo else 'photo'}, expected {UPLOADED}")
    seed, samples, grow = (_whole(request, name) for name in ("seed", "samples", "grow"))
    face = None if request.exemplar_face is None else _whole(request, "exemplar_face")
    _check_most("samples", samples, MOST_SAMPLES)
    _check_most("exemplars", len(request.exemplars), MOST_EXEMPLARS)
    _check_most("grow", abs(grow), LARGEST_GROW)
    if request.output_format not in WRITTEN:
        raise InputError(f"output_format is {request.output_format!r}, expected one of {', '.join(WRITTEN)}")
    options = Options(_number(request, "exemplar_strength"), _number(request, "truncation_psi"))
    photo = open_photo(request.photo["path"])
    mask = None if request.mask is None else request.mask["path"]
    hole = read_hole(mask, _text(request, "region") or None, grow, _switch(request, "invert"))
    clock = Clock()
    with clock.stage("encode_exemplar"):
        style = _style(inpainter, [Path(file["path"]) for file in request.exemplars], face)
    plan = inpainter.plan(photo, hole, style, face=_text(request, "face"))
    plan = replace(plan, seconds={**plan.seconds, **clock.seconds})
    written, reports, notes = sample_paths(out / f"completed.{request.output_format}", samples), [], []
    for result, path in zip(inpainter.sample(plan, samples, seed, options), written, strict=True):
        reports.append(result.report())
        notes = result.save(path)
    return [str(path) for path in written], report_samples(reports, [path.name for path in written], None, notes)


def _style(inpainter: Inpainter, paths: Sequence[Path], face: int | None) -> Style:
    """Of photos of one person; the pixels of one are held at a time, and one named twice is looked at once."""
    styles: dict[Path, Style] = {}
    for path in paths:
        if path not in styles:
            styles[path] = inpainter.make_style(ExemplarPhoto(read_photo(path), path.name, face))
    return inpainter.make_style([styles[path] for path in paths])


def _number(request: Request, name: str) -> float:
    value = getattr(request, name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"{name} is {value!r}, expected a number")
    if not -(2**63) <= value < 2**63:  # not a number included
        raise InputError(f"{name} is out of range, expected a number of at most 63 bits")
    return float(value)


def _whole(request: Request, name: str) -> int:
    if not _number(request, name).is_integer():
        raise InputError(f"{name} is {getattr(request, name)}, expected a whole number")
    return int(getattr(request, name))


def _text(request: Request, name: str) -> str:
    value = "" if getattr(request, name) is None else getattr(request, name)
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise InputError(f"{name} is {value!r}, expected a text")
    return str(value)


def _switch(request: Request, name: str) -> bool:
    if not isinstance(getattr(request, name), bool):
        raise InputError(f"{name} is {getattr(request, name)!r}, expected true or false")
    return bool(getattr(request, name))


def _check_most(name: str, value: int, most: int) -> None:
    if value > most:
        raise InputError(f"{name} is {value}, expected at most {most}; ask for less at once")
