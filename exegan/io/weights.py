"""The only place that opens files of network weights: reading, checking, loading, hashing, guarding downloads.

Nothing in a weight file is ever executed. A file that is missing, damaged, not a weight file at all or of another
network is a `WeightsError`.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import http.client
import pickle
import re
import socket
import sys
import urllib.error
import warnings
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from torch import Tensor, nn

from exegan.errors import WeightsError
from exegan.io.files import reason, sha256_of_file

# A server that stops answering would otherwise hold the program for ever: urllib has no time limit of its own.
DOWNLOAD_TIMEOUT_S = 60.0
_SHOWN_KEYS = 3


def read_safetensors(path: str | Path) -> dict[str, Tensor]:
    """All tensors of a `.safetensors` file, on the CPU.

    Raises:
        WeightsError: The file is missing, unreadable, damaged or of another format.
    """
    path = _weight_file(path)
    try:
        return safetensors.torch.load_file(path)
    except (safetensors.SafetensorError, OSError) as error:
        raise _damaged(path, "safetensors file", error) from error


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """Content of a file written by `torch.save`, tensors on the CPU, without executing anything in it.

    Plain values, tensors, numpy's scalars and `argparse.Namespace` are allowed: the original's training pickled its
    options and its best score, and building those runs no code.

    Raises:
        WeightsError: The file is missing, damaged, holds no dictionary, or wants to execute code.
    """
    path = _weight_file(path)
    try:
        with torch.serialization.safe_globals(_harmless_globals()), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pickle protocols; what matters comes as an exception
            _expect_whole_archive(path)
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged bytes make the unpickler raise almost anything
        unsafe = re.search(r"GLOBAL (\S+)", str(error))
        if unsafe and isinstance(error, pickle.UnpicklingError):
            wants = f"{path} wants to execute code ({unsafe[1]}), expected tensors and plain values only"
            raise WeightsError(f"{wants}; it was not loaded, look for a .safetensors file instead") from error
        raise _damaged(path, "PyTorch checkpoint", error) from error
    if not isinstance(content, dict):
        raise WeightsError(f"{path} holds a {type(content).__name__}, expected a dictionary of tensors")
    return content


def _expect_whole_archive(path: Path) -> None:
    """Refuse an archive with a changed record, which `torch.load` takes as it is: it leaves the checksums alone.

    Files from before PyTorch 1.6 are no archives and have no checksums, nor have those written after
    `torch.serialization.set_crc32_options(False)`, where all of them are 0.

    Raises:
        zipfile.BadZipFile: Which record was changed.
        Exception: Whatever else damaged bytes make `zipfile` raise.
    """
    with path.open("rb") as file:
        if file.read(4) != b"PK\x03\x04":
            return
    with zipfile.ZipFile(path) as archive:
        has_checksums = any(record.CRC for record in archive.infolist())
        changed = archive.testzip() if has_checksums else None
    if changed is not None:
        raise zipfile.BadZipFile(f"its part {changed} was changed after it was written")


def _harmless_globals() -> list[Any]:
    """What pickles may name beside tensors. numpy's modules were renamed in version 2, so both names are known."""
    make_scalar = np.float64(0).__reduce__()[0]
    names = [f"numpy.{core}.multiarray.scalar" for core in ("core", "_core")]
    kinds = (np.float64, np.float32, np.float16, np.int64, np.int32, np.bool_)
    return [argparse.Namespace, np.dtype, *((make_scalar, name) for name in names), *(type(np.dtype(k)) for k in kinds)]


def read_state_dict(path: str | Path) -> dict[str, Tensor]:
    """State dict in a local file: `.safetensors`, or by any other name what `torch.save(module.state_dict())` wrote.

    Raises:
        WeightsError: As for the two readers above, or the dictionary holds something other than tensors.
    """
    if Path(path).suffix == ".safetensors":
        return read_safetensors(path)
    content = read_checkpoint(path)
    others = [str(key) for key, value in content.items() if not isinstance(value, Tensor)]
    if others:
        raise WeightsError(f"{path} has entries that are no tensors ({_some(others)}), expected a plain state dict")
    return content


def is_plain_tensor(value: object) -> bool:
    """Whether an entry of a state dict can be copied into a weight: a tensor that is neither sparse nor quantised."""
    return isinstance(value, Tensor) and value.layout == torch.strided and not value.is_quantized


def load_into(module: nn.Module, state: Mapping[str, Tensor], source: str) -> None:
    """Copy `state` into `module`; every name, shape and kind of number must match, or the module stays as it was.

    Only `num_batches_tracked` may be missing or of another kind: BatchNorm has it since PyTorch 0.4.1 and never uses it
    in eval mode.

    Args:
        module: Network to fill.
        state: Its state dict.
        source: Where the state comes from (a path, say), for the error message.

    Raises:
        WeightsError: Names, shapes or kinds of numbers differ, or a weight is infinite or none; one message lists the
            first few of each kind.
    """
    expected = module.state_dict()
    missing = [key for key in expected if key not in state and not key.endswith("num_batches_tracked")]
    surplus = [key for key in state if key not in expected]
    there = {key: state[key] for key in expected if key in state and is_plain_tensor(state[key])}
    odd = [key for key in expected if key in state and key not in there]
    misshapen = [
        f"{key}: got {list(value.shape)}, expected {list(expected[key].shape)}"
        for key, value in there.items()
        if value.shape != expected[key].shape
    ]
    mistyped = [
        f"{key}: got {value.dtype}, expected {expected[key].dtype}"
        for key, value in there.items()
        if (value.is_floating_point() != expected[key].is_floating_point() or value.is_complex())
        and not key.endswith("num_batches_tracked")
    ]
    endless = [key for key, value in there.items() if value.is_floating_point() and not value.float().isfinite().all()]
    kinds = {
        "missing": missing,
        "surplus": surplus,
        "no plain tensors": odd,
        "misshapen": misshapen,
        "mistyped": mistyped,
        "not finite": endless,
    }
    problems = [f"{len(keys)} {kind} ({_some(keys)})" for kind, keys in kinds.items() if keys]
    if problems:
        fit = f"{source} does not fit {type(module).__name__}: {', '.join(problems)}"
        raise WeightsError(f"{fit}; is it the file of another network or size?")
    module.load_state_dict(dict(state), strict=False)


@contextlib.contextmanager
def downloading(what: str, remedy: str) -> Iterator[None]:
    """Around a library call that may download weights: a failure becomes a `WeightsError` with advice.

    Also bounds the wait for a silent server, and sends the library's progress lines to stderr: stdout is the command's.

    Args:
        what: The thing fetched, as in "could not get <what>".
        remedy: What a person without this download can do.

    Raises:
        WeightsError: No connection, a timeout, a wrong hash, a damaged file in the library's cache, a full disk.
    """
    timeout = socket.getdefaulttimeout()
    socket.setdefaulttimeout(DOWNLOAD_TIMEOUT_S)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    # RuntimeError is torch.hub's wrong hash and torch.load's damaged archive.
    except (OSError, http.client.HTTPException, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise WeightsError(f"could not get {what} ({_reason(error)}); {remedy}") from error
    finally:
        socket.setdefaulttimeout(timeout)


def sha256_of(path: str | Path) -> str:
    """SHA-256 of a file as 64 lower-case hex digits.

    Raises:
        WeightsError: The file is missing, unreadable or no weight file.
    """
    with _weight_file(path).open("rb") as file:
        return sha256_of_file(file)


def sha256_of_state(state: Mapping[str, Tensor]) -> str:
    """SHA-256 of the names and bytes of all tensors, in the order of the names, as 64 lower-case hex digits."""
    digest = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _weight_file(path: str | Path) -> Path:
    path = Path(path).expanduser()
    if not path.is_file():
        what = "is a folder, expected a file" if path.is_dir() else "does not exist; check the path"
        raise WeightsError(f"weight file {path} {what}")
    try:
        with path.open("rb") as file:
            head = file.read(64).lstrip()
    except OSError as error:
        raise _damaged(path, "file", error) from error
    if re.match(rb"<(!doctype|html|head|\?xml)", head, re.IGNORECASE):
        raise WeightsError(f"{path} is a web page (HTML), not weights; download the file itself, not the page about it")
    if head.startswith(b"version https://git-lfs"):
        raise WeightsError(f"{path} is a Git LFS pointer, not the weights; run `git lfs pull`")
    return path


def _damaged(path: Path, expected: str, error: BaseException) -> WeightsError:
    return WeightsError(f"{path} is no readable {expected} ({_reason(error)}); download or export it again")


def _reason(error: BaseException) -> str:
    # "<urlopen error timed out>" is "timed out"; an HTTPError's own text has the status as well.
    if isinstance(error, urllib.error.URLError) and not isinstance(error, urllib.error.HTTPError):
        error = error.reason if isinstance(error.reason, BaseException) else OSError(error.reason)
    # torch appends paragraphs of advice, some of it to switch the safety off: keep the first sentence.
    return reason(error, plain=(Exception,)).split(". ")[0]


def _some(keys: Sequence[str]) -> str:
    rest = len(keys) - _SHOWN_KEYS
    return ", ".join(keys[:_SHOWN_KEYS]) + (f" and {rest} more" if rest > 0 else "")
