"""A program's request carried out: arguments of `/inpaint` checked, photos completed, files written, a report made."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gradio as gr

from exegan.cli.completions import sample_paths
from exegan.errors import ExeGanError, InputError
from exegan.images import open_photo, read_photo
from exegan.inpainter import ExemplarPhoto, Inpainter, Options, read_hole, report_samples, write_completed

MOST_EXEMPLARS = MOST_SAMPLES = 8
LARGEST_GROW = 500  # pixels; time grows with it
WRITTEN = ("png", "jpg", "webp", "tiff")
UPLOADED = '{"path": what /upload answered, "meta": {"_type": "gradio.FileData"}}'

File = Mapping[str, Any]
"""An upload that Gradio has checked: its `path` on this machine, empty where it was none, and its `orig_name`."""


def answer(inpainter: Inpainter, given: Mapping[str, Any], folder: Path) -> tuple[list[str], dict[str, Any]]:
    """Completed files, each in a new folder of `folder`, and the report.

    Args:
        inpainter: Does the work.
        given: Arguments of the endpoint by name, of whatever types a program sent.
        folder: Where Gradio keeps files.

    Raises:
        gr.Error: With one sentence that names no path of this machine.
    """
    uploads = [("the photo", given["photo"]), ("the mask", given["mask"])]
    uploads += [(f"exemplar {number}", file) for number, file in enumerate(given["exemplar"] or [])]
    out = folder / secrets.token_hex(16)
    try:
        out.mkdir()
        return _complete(inpainter, given, out)
    except Exception as error:
        shutil.rmtree(out, ignore_errors=True)
        if not isinstance(error, ExeGanError):
            raise gr.Error("the server failed at this request; its log says why", print_exception=True) from error
        sentence = str(error)
        for name, file in uploads:
            sentence = sentence.replace(file["path"], name) if file and file["path"] else sentence
        raise gr.Error(sentence, print_exception=False) from error


def _complete(inpainter: Inpainter, given: Mapping[str, Any], out: Path) -> tuple[list[str], dict[str, Any]]:
    exemplars = given["exemplar"] or []
    if given["photo"] is None or not exemplars:
        raise InputError(f"there is no {'exemplar' if given['photo'] else 'photo'}, expected {UPLOADED}")
    for name, file in (("photo", given["photo"]), ("mask", given["mask"]), *(("exemplar", one) for one in exemplars)):
        if file and not file["path"]:
            raise InputError(f"the {name} is no upload, expected {UPLOADED}")
    seed, samples, grow = (_whole(given, name) for name in ("seed", "samples", "grow"))
    face = None if given["exemplar_face"] is None else _whole(given, "exemplar_face")
    _check_most("samples", samples, MOST_SAMPLES)
    _check_most("exemplars", len(exemplars), MOST_EXEMPLARS)
    _check_most("grow", abs(grow), LARGEST_GROW)
    if given["output_format"] not in WRITTEN:
        raise InputError(f"output_format is {given['output_format']!r}, expected one of {', '.join(WRITTEN)}")
    options = Options(_number(given, "exemplar_strength"), _number(given, "truncation_psi"))
    photo = open_photo(given["photo"]["path"])
    mask = given["mask"] and given["mask"]["path"]
    hole = read_hole(mask, _text(given, "region") or None, grow, _switch(given, "invert"))
    parts = [ExemplarPhoto(read_photo(file["path"]), file.get("orig_name") or "", face) for file in exemplars]
    plan = inpainter.plan(photo.image, hole, parts, face=_text(given, "face"))
    results = inpainter.sample(plan, samples, seed, options)
    paths, notes = sample_paths(out / f"completed.{given['output_format']}", samples), []
    for result, path in zip(results, paths, strict=True):
        notes = write_completed(photo, result.image, path, seed=result.seed, model_sha256=inpainter.model_sha256)
    return [str(path) for path in paths], report_samples(results, [path.name for path in paths], None, notes)


def _number(given: Mapping[str, Any], name: str) -> float:
    value = given[name]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"{name} is {value!r}, expected a number")
    return float(value)


def _whole(given: Mapping[str, Any], name: str) -> int:
    if not _number(given, name).is_integer():
        raise InputError(f"{name} is {given[name]}, expected a whole number")
    return int(given[name])


def _text(given: Mapping[str, Any], name: str) -> str:
    value = "" if given[name] is None else given[name]
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise InputError(f"{name} is {value!r}, expected a text")
    return str(value)


def _switch(given: Mapping[str, Any], name: str) -> bool:
    if not isinstance(given[name], bool):
        raise InputError(f"{name} is {given[name]!r}, expected true or false")
    return bool(given[name])


def _check_most(name: str, value: int, most: int) -> None:
    if value > most:
        raise InputError(f"{name} is {value}, expected at most {most}; ask for less at once")
