"""Checkpoints of a run: finding the newest readable one, writing one so that a kill or a full disk loses nothing."""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path
from typing import cast

import lightning as L
from safetensors import SafetensorError
from safetensors.torch import save_file

from exegan.errors import InputError, WeightsError
from exegan.io.files import replacing
from exegan.io.weights import read_checkpoint
from exegan.training.export import frozen_file
from exegan.training.module import ExeGanModule

_log = logging.getLogger(__name__)

_FOLDER = "checkpoints"


def newest_checkpoint(run_dir: str | Path) -> Path | None:
    """The readable checkpoint of a run with the most images, or None; damaged ones are named in the log.

    Raises:
        WeightsError: There are checkpoints and none can be read, so that a new run would hide a lost one.
    """
    damaged: list[WeightsError] = []
    for path in sorted((Path(run_dir) / _FOLDER).glob("kimg-*.ckpt"), reverse=True):
        try:
            read_checkpoint(path)
        except WeightsError as error:
            damaged.append(error)
            continue
        for reason in damaged:
            _log.warning("%s; going on from the checkpoint before it, %s", reason, path)
        return path
    if damaged:
        raise WeightsError(
            f"{damaged[0]}; no other checkpoint of {run_dir} is readable either: bring one back, or start a new run "
            "with another run.dir"
        )
    return None


def write_checkpoint(trainer: L.Trainer, run_dir: str | Path, images: int, keep: int) -> None:
    """Save a run's whole state; only once it is safely on the disk are older checkpoints removed.

    Called by all processes, of which the first writes.

    Args:
        trainer: What to save.
        run_dir: Folder of the run.
        images: Images seen, which name the file.
        keep: So many checkpoints are left, this one among them.

    Raises:
        InputError: It cannot be written, in all processes; those before it are as they were.
    """
    folder = Path(run_dir) / _FOLDER
    path = folder / f"kimg-{images / 1000:010.3f}.ckpt"
    problem = trainer.strategy.broadcast(_write(trainer, path))
    if problem is not None:
        raise InputError(
            f"the checkpoint {path} could not be written ({problem}); the ones before it are untouched, "
            "make room and go on with --ckpt_path last"
        )
    if trainer.is_global_zero:
        # After a damaged checkpoint was passed over, there are newer files than this one, which keep none away.
        kept = sorted(old for old in folder.glob("kimg-*.ckpt") if old.name <= path.name)
        for old in kept[:-keep]:
            old.unlink()


def _write(trainer: L.Trainer, path: Path) -> str | None:
    """Write beside the place and rename, so that a kill in between leaves the checkpoint before it; what went wrong."""
    temporary = path.with_suffix(".tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if trainer.is_global_zero:
            _write_frozen(cast(ExeGanModule, trainer.lightning_module), path.parent)
        trainer.save_checkpoint(temporary, weights_only=False)
    # A full disk is a RuntimeError from torch's writer, and from the other an exception of its own.
    except (OSError, RuntimeError, SafetensorError) as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        trainer.strategy.barrier()  # the other processes wait at the end of `save_checkpoint`
        return str(error)
    try:
        if trainer.is_global_zero:
            with replacing(path, temporary, sync=True):
                pass  # written above, by all processes together
    except OSError as error:
        return str(error)
    return None


def _write_frozen(module: ExeGanModule, folder: Path) -> None:
    """Keep once for all checkpoints what none of them holds."""
    state = module.frozen_state()
    if not state:
        return
    path = folder / frozen_file(module.frozen_sha256())
    if path.exists():
        return
    with replacing(path, path.with_suffix(".tmp"), sync=True) as temporary:
        save_file({key: value.cpu().contiguous() for key, value in state.items()}, temporary)
