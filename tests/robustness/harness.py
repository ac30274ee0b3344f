"""What all kinds of cases share: sound files, a folder and a time limit for each, commands run as programs."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from random import Random
from types import FrameType
from typing import Any

import torch
from helpers import tiny_model_config, write_faces_to_complete, write_tiny_model

from exegan.cli import main
from exegan.config import DiscriminatorConfig, LossConfig, OptimizerConfig
from exegan.errors import ExeGanError
from exegan.evaluation.mask_set import write_mask_set
from exegan.inpainter import Inpainter, Style, save_style
from exegan.training.module import ExeGanModule

DONE, REFUSED = "done", "refused"
LONGEST_S = 180  # of one case, on a busy machine: a dry run with the networks of the defaults takes half a minute


class Finding(AssertionError):
    """Something that must not be."""


class Shop:
    """Sound files that cases start from, each made once, in a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.open_page: Callable[[], Any] | None = None

    @cached_property
    def page(self) -> Any:
        """The `page_requests.Page` that cases talk to."""
        assert self.open_page is not None
        return self.open_page()

    @cached_property
    def model(self) -> Path:
        return write_tiny_model(self.root / "model")

    @cached_property
    def inpainter(self) -> Inpainter:
        return Inpainter.from_pretrained(self.model, "cpu")

    @cached_property
    def style(self) -> bytes:
        save_style(Style(torch.zeros(self.inpainter.model.config.generator.num_styles, 8)), self.root / "s.safetensors")
        return (self.root / "s.safetensors").read_bytes()

    @cached_property
    def faces(self) -> Path:
        """`photos`, `masks` and `exemplars`, ten aligned faces each."""
        return write_faces_to_complete(self.root / "faces")

    @cached_property
    def finished(self) -> Path:
        """The output folder of a batch of three rows of `table.csv` beside it."""
        folder = self.root / "batch"
        folder.mkdir()
        rows = [f"{self.faces}/photos/{n}.jpg,{self.faces}/masks/{n}.png,{self.faces}/exemplars/0.png" for n in "012"]
        (folder / "table.csv").write_text("\n".join(["photo,mask,exemplar", *rows]) + "\n")
        command("batch", "--pairs", folder / "table.csv", "-o", folder / "out", *self.batch_options)
        return folder / "out"

    @property
    def batch_options(self) -> list[str]:
        return ["--model", str(self.model), "--aligned", "--device", "cpu", "--batch-size", "2", "--json"]

    @cached_property
    def mask_set(self) -> Path:
        return write_mask_set("irregular-32", self.root / "mask-set", 1).folder

    @cached_property
    def module(self) -> ExeGanModule:
        losses = LossConfig(perceptual=0.0, identity=0.0)
        shape = DiscriminatorConfig(channel_base=128, channel_max=8)
        return ExeGanModule(tiny_model_config(), shape, losses, OptimizerConfig())

    def checkpoint(self, legacy: bool = False) -> bytes:
        """A checkpoint of a run, as far as weights go."""
        content = {"state_dict": self.module.state_dict(), "hyper_parameters": dict(self.module.hparams), "epoch": 0}
        return pack(content, legacy)


@dataclass(frozen=True)
class Case:
    """One input: what draws it, the folder it lies in, which is also the current one, and what it starts from."""

    random: Random
    folder: Path
    shop: Shop


KINDS: dict[str, Callable[[Case], str]] = {}
"""Properties by kind of input: each uses a case and returns its outcome; what may not be is raised."""


def kind(name: str) -> Callable[[Callable[[Case], str]], Callable[[Case], str]]:
    """Register a property."""

    def register(holds: Callable[[Case], str]) -> Callable[[Case], str]:
        KINDS[name] = holds
        return holds

    return register


def run_case(name: str, seed: int, shop: Shop) -> str:
    """Outcome of a case, a function of kind and seed alone; what may not be is raised."""
    before = Path.cwd()
    folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=shop.root))
    os.chdir(folder)
    try:
        with time_limit(LONGEST_S):
            outcome = KINDS[name](Case(Random(f"{name} {seed}"), folder, shop))
    except ExeGanError as error:
        check_sentence(str(error))
        outcome = REFUSED
    finally:
        os.chdir(before)
        shutil.rmtree(folder, ignore_errors=True)
    return outcome


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:
        raise Finding(f"not done after {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def expect(holds: bool, what: str) -> None:
    if not holds:
        raise Finding(what)


def check_sentence(text: str) -> None:
    expect(0 < len(text.strip()) < 3000 and "Traceback" not in text, f"no sentence: {text[:300]!r}")


def contents(folder: Path) -> dict[str, tuple[int, int]]:
    """Size and time of every file below a folder."""
    found = (path for path in folder.rglob("*") if not path.is_dir())
    return {str(path.relative_to(folder)): path.lstat()[6:9:2] for path in found}  # type: ignore[misc]


@contextmanager
def nothing_left_on_refusal(folder: Path) -> Iterator[None]:
    before = contents(folder)
    try:
        yield
    except ExeGanError:
        expect(contents(folder) == before, f"left behind: {sorted(set(contents(folder)) ^ set(before))}")
        raise


def run_program(program: Callable[[], int | None], name: str) -> tuple[int, str]:
    """Exit code and what a command printed; a refusal is one line on stderr."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", errors) for errors in ("strict", "backslashreplace"))
    code: Any = None
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = program()
        except SystemExit as ended:
            code = ended.code
    printed, complaints = (stream.buffer.getvalue().decode() for stream in (out, err) if not stream.flush())  # type: ignore[attr-defined]
    expect(code in (0, 1, 2), f"exit code {code}")
    expect("Traceback" not in complaints, complaints)
    if code == 2:
        last = complaints.rstrip("\n").rpartition("\n")[2]
        expect(last.startswith(f"{name}: "), f"no sentence: {complaints!r}")
        check_sentence(last)
    return int(code), printed


def command(*arguments: str | Path) -> tuple[int, str]:
    return run_program(lambda: main([str(argument) for argument in arguments]), "exegan")


def outcome_of(code: int) -> str:
    return DONE if code == 0 else REFUSED


def pack(content: Any, legacy: bool = False) -> bytes:
    file = io.BytesIO()
    torch.save(content, file, _use_new_zipfile_serialization=not legacy)
    return file.getvalue()
