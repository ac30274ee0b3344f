"""Weight files: read without executing anything, refused with a sentence that helps."""

from __future__ import annotations

import argparse
import hashlib
import os
import socket
import sys
import urllib.error
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import Tensor, nn

from exegan.errors import WeightsError
from exegan.io.weights import (
    DOWNLOAD_TIMEOUT_S,
    downloading,
    load_into,
    read_checkpoint,
    read_safetensors,
    read_state_dict,
    sha256_of,
)

Reader = Callable[[Path], object]
READERS = pytest.mark.parametrize("read", [read_safetensors, read_checkpoint])


class Malicious:
    """Creates a folder when it is unpickled by an ordinary unpickler."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)


@pytest.fixture
def state() -> dict[str, Tensor]:
    return nn.Linear(3, 2).state_dict()


def test_safetensors_round_trip(tmp_path: Path, state: dict[str, Tensor]) -> None:
    path = tmp_path / "a.safetensors"
    safetensors.torch.save_file(state, path)
    for read in (read_safetensors, read_state_dict):
        back = read(path)
        assert set(back) == set(state) and all(torch.equal(back[key], state[key]) for key in state)


def test_checkpoint_round_trip_with_options(tmp_path: Path, state: dict[str, Tensor]) -> None:
    path = tmp_path / "a.pt"
    torch.save({"g_ema": state, "args": argparse.Namespace(size=256)}, path)
    back = read_checkpoint(path)
    assert torch.equal(back["g_ema"]["weight"], state["weight"]) and back["args"].size == 256
    with pytest.raises(WeightsError, match=r"entries that are no tensors \(g_ema, args\)"):
        read_state_dict(path)


@READERS
def test_missing_file_and_folder(read: Reader, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"none.pt does not exist; check the path"):
        read(tmp_path / "none.pt")
    with pytest.raises(WeightsError, match="is a folder"):
        read(tmp_path)


@READERS
@pytest.mark.parametrize(
    "page", [b"\n<!DOCTYPE html><html>404</html>", b"<HTML><body>Sign in", b"<?xml version='1.0'?>"]
)
def test_web_page_saved_as_weights(read: Reader, page: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.pt").write_bytes(page)
    with pytest.raises(WeightsError, match="is a web page"):
        read(tmp_path / "a.pt")


@READERS
def test_lfs_pointer(read: Reader, tmp_path: Path) -> None:
    (tmp_path / "a.pt").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n")
    with pytest.raises(WeightsError, match="git lfs pull"):
        read(tmp_path / "a.pt")


@READERS
@pytest.mark.parametrize("content", [b"", b"no weights at all", bytes(range(256)), b"PK\x03\x04 half a zip"])
def test_damaged_file(read: Reader, content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.pt").write_bytes(content)
    with pytest.raises(WeightsError, match=r"a\.pt is no readable .*; download or export it again") as caught:
        read(tmp_path / "a.pt")
    # The advice of torch to switch its safety off must not reach a person.
    assert "weights_only" not in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("zipped", [True, False])
def test_truncated_file(zipped: bool, tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    torch.save({"a": torch.ones(2000)}, path, _use_new_zipfile_serialization=zipped)
    path.write_bytes(path.read_bytes()[:1500])
    with pytest.raises(WeightsError, match="no readable PyTorch checkpoint"):
        read_checkpoint(path)


@pytest.mark.parametrize("zipped", [True, False])
def test_malicious_pickle_is_refused_and_not_run(zipped: bool, tmp_path: Path) -> None:
    path, trace = tmp_path / "a.pt", tmp_path / "ran"
    torch.save({"weight": Malicious(trace)}, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(WeightsError, match=r"wants to execute code \(\w+\.mkdir\).*was not loaded"):
        read_checkpoint(path)
    assert not trace.exists()
    torch.load(path, weights_only=False)  # the file is dangerous indeed
    assert trace.exists()


def test_checkpoint_without_dictionary(tmp_path: Path) -> None:
    torch.save(torch.ones(1), tmp_path / "a.pt")
    with pytest.raises(WeightsError, match="holds a Tensor, expected a dictionary"):
        read_checkpoint(tmp_path / "a.pt")


def test_load_into_copies() -> None:
    source, target = nn.BatchNorm1d(3), nn.BatchNorm1d(3)
    nn.init.normal_(source.weight)
    state = source.state_dict()
    load_into(target, {**state, "num_batches_tracked": torch.tensor(3.0)}, "test")
    assert torch.equal(target.weight, source.weight)
    del state["num_batches_tracked"]
    load_into(nn.BatchNorm1d(3), state, "test")


def test_load_into_lists_every_difference_at_once_and_changes_nothing() -> None:
    net = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 2))
    before = {key: value.clone() for key, value in net.state_dict().items()}
    state = {f"other.{i}": torch.ones(1) for i in range(5)} | {"0.weight": torch.ones(2, 4), "0.bias": torch.ones(2)}
    with pytest.raises(WeightsError) as caught:
        load_into(net, state, "a.safetensors")
    assert str(caught.value) == (
        "a.safetensors does not fit Sequential: 2 missing (1.weight, 1.bias), "
        "5 surplus (other.0, other.1, other.2 and 2 more), 1 misshapen (0.weight: got [2, 4], expected [2, 3]); "
        "is it the file of another network or size?"
    )
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (urllib.error.URLError("no route to host"), "no route to host"),
        (urllib.error.HTTPError("http://host", 404, "Not Found", None, None), "HTTP Error 404: Not Found"),  # type: ignore[arg-type]
        (TimeoutError(), "TimeoutError"),
        (RuntimeError("invalid hash value"), "invalid hash value"),
    ],
)
def test_downloading_turns_failures_into_advice(error: Exception, reason: str) -> None:
    with pytest.raises(WeightsError) as caught, downloading("the net", "do this"):
        raise error
    assert str(caught.value) == f"could not get the net ({reason}); do this"
    assert caught.value.__cause__ is error


def test_downloading_bounds_the_wait_and_keeps_stdout_clean(capsys: pytest.CaptureFixture[str]) -> None:
    before = socket.getdefaulttimeout()
    with downloading("the net", "do this"):
        assert socket.getdefaulttimeout() == DOWNLOAD_TIMEOUT_S
        print("Downloading …")
    assert socket.getdefaulttimeout() == before and sys.stdout is not sys.stderr
    assert capsys.readouterr() == ("", "Downloading …\n")


def test_downloading_hides_no_bug() -> None:
    with pytest.raises(KeyError), downloading("the net", "do this"):
        raise KeyError("typo")


def test_sha256(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc" * 100_000)
    assert sha256_of(tmp_path / "a") == hashlib.sha256(b"abc" * 100_000).hexdigest()
    with pytest.raises(WeightsError, match="does not exist"):
        sha256_of(tmp_path / "b")


@pytest.mark.parametrize("odd", [None, 3, "text", torch.eye(2).to_sparse()])
def test_entries_that_are_no_plain_tensors_are_refused(odd: Any) -> None:
    target = nn.Linear(2, 2)
    before = target.weight.detach().clone()
    with pytest.raises(WeightsError, match=r"1 no plain tensors \(weight\)"):
        load_into(target, {"weight": odd, "bias": torch.zeros(2)}, "a.pt")
    assert torch.equal(target.weight, before)
