"""Model folders: what is written comes back, and anything else is refused with a sentence."""

from __future__ import annotations

import contextlib
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers import tiny_model_config
from safetensors.torch import save

from exegan.errors import WeightsError
from exegan.io.weights import read_safetensors, sha256_of
from exegan.nets.checkpoint import CONFIG_FILE, WEIGHTS_FILE, find_model, load_model, read_description, save_model
from exegan.nets.model import Model

Edit = Callable[[dict[str, Any]], Any]


@pytest.fixture
def model() -> Model:
    return Model(tiny_model_config())


@pytest.fixture
def folder(model: Model, tmp_path: Path) -> Path:
    return save_model(model, tmp_path / "a" / "model", training={"kimg": 1.5})


def edit_config(folder: Path, edit: Edit) -> None:
    description = json.loads((folder / CONFIG_FILE).read_text())
    edit(description)
    (folder / CONFIG_FILE).write_text(json.dumps(description))


def replace_weights(folder: Path, content: bytes) -> None:
    """Put other bytes in the place of the weights, with the hash that belongs to them."""
    (folder / WEIGHTS_FILE).write_bytes(content)
    edit_config(folder, lambda description: description.update(sha256=sha256_of(folder / WEIGHTS_FILE)))


@pytest.mark.parametrize("half", [False, True])
def test_round_trip(model: Model, half: bool, tmp_path: Path) -> None:
    model.update_mean_w()
    assert model.mean_w.abs().max() > 0
    folder = save_model(model, tmp_path, training={"kimg": 1.5, "data": ["a", None]}, half=half)
    assert sorted(path.name for path in folder.iterdir()) == [CONFIG_FILE, WEIGHTS_FILE]
    assert read_description(folder)["training"] == {"kimg": 1.5, "data": ["a", None]}
    stored = {tensor.dtype for tensor in read_safetensors(folder / WEIGHTS_FILE).values()}
    assert stored == {torch.float16 if half else torch.float32}
    loaded = load_model(folder)
    assert loaded.config == model.config
    assert not loaded.training and not any(weight.requires_grad for weight in loaded.parameters())
    for key, value in loaded.state_dict().items():
        assert value.dtype == torch.float32
        wanted = model.state_dict()[key]
        torch.testing.assert_close(value, wanted, rtol=1e-3 if half else 0, atol=1e-4 if half else 0, msg=key)


def test_saving_again_replaces_both_files_and_leaves_the_rest(folder: Path) -> None:
    (folder / "card.md").write_text("kept")
    other = save_model(Model(tiny_model_config(32)), folder, training={})
    assert load_model(other).config.generator.resolution == 32
    assert sorted(path.name for path in folder.iterdir()) == ["card.md", CONFIG_FILE, WEIGHTS_FILE]


def test_saving_that_fails_leaves_the_old_model(model: Model, folder: Path) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(TypeError, match="not JSON serializable"):
        save_model(Model(tiny_model_config(32)), folder, training={"when": object()})
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    torch.testing.assert_close(load_model(folder).state_dict(), model.state_dict())


@pytest.mark.parametrize("name", [CONFIG_FILE, WEIGHTS_FILE])
def test_incomplete_folder(name: str, folder: Path) -> None:
    (folder / name).unlink()
    with pytest.raises(WeightsError, match=rf"model '{folder}' has no {name}; give a model folder"):
        load_model(folder)


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no-such-model' is not a folder; give a model folder, or 'default'"):
        load_model(tmp_path / "no-such-model")
    with pytest.raises(WeightsError, match=f"has no {CONFIG_FILE} and no {WEIGHTS_FILE}"):
        load_model(tmp_path)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda d: d.update(format=2), r"format 2, expected 1; use the exegan version that wrote it"),
        (lambda d: d.pop("format"), r"format None, expected 1"),
        (lambda d: d["model"].update(colour=1), r"does not describe a model: model has unknown key colour"),
        (lambda d: d["model"]["generator"].update(resolution=17), r"generator\.resolution is 17, expected a power"),
        (lambda d: d["model"]["generator"].update(z_dim="6"), r"model\.generator\.z_dim is '6', expected int"),
        (lambda d: d["model"]["generator"].update(w_dim=9), r"does not fit Model: \d+ misshapen \("),
        (lambda d: d["model"]["generator"].update(resolution=32), r"does not fit Model: \d+ missing \(\S*blocks\.32"),
        (lambda d: d["model"]["generator"].update(mapping_layers=1), r"does not fit Model: 2 surplus"),
        (lambda d: d.update(sha256="0" * 64), r"is not the file that config\.json describes \(sha256 differs\)"),
    ],
)
def test_wrong_description(edit: Edit, message: str, folder: Path) -> None:
    edit_config(folder, edit)
    with pytest.raises(WeightsError, match=message):
        load_model(folder)


@pytest.mark.parametrize("name", ["x" * 5000, "x/" * 3000, "a\0b"])
def test_impossible_names(name: str, tmp_path: Path) -> None:
    for wanted in (name, tmp_path / name):
        with pytest.raises(WeightsError, match="give a model folder, or 'default'") as refused:
            load_model(wanted)
        assert len(str(refused.value)) < 400


VALUES = ["NaN", "Infinity", "-1e999", "1" * 400, "1" * 5000, "-1", "0.5", "null", "true", "[]", "{}", '"a"', "[[[]]]"]


@pytest.mark.parametrize("value", VALUES)
def test_any_value_in_the_description_is_one_sentence(value: str, folder: Path) -> None:
    original = (folder / CONFIG_FILE).read_text()
    lines = original.splitlines()
    for number, line in enumerate(lines):
        if '": ' not in line or '"sha256"' in line or '"kimg"' in line or line.endswith("{"):
            continue
        changed = line.partition('": ')[0] + f'": {value}' + "," * line.endswith(",")
        (folder / CONFIG_FILE).write_text("\n".join([*lines[:number], changed, *lines[number + 1 :]]))
        with contextlib.suppress(WeightsError):
            load_model(folder)  # a rate that is 0.5, a channel limit of 1: no harm is done
    (folder / CONFIG_FILE).write_text(original.replace('"z_dim": 6', f'"z_dim": {value}'))
    with pytest.raises(WeightsError, match=r"z_dim|cannot be read as JSON") as refused:
        load_model(folder)
    assert len(str(refused.value)) < 600


@pytest.mark.parametrize("dtype", [torch.int32, torch.bool, torch.complex64])
def test_weights_of_another_kind(folder: Path, dtype: torch.dtype) -> None:
    weights = read_safetensors(folder / WEIGHTS_FILE)
    replace_weights(folder, save({key: value.to(dtype) for key, value in weights.items()}))
    with pytest.raises(WeightsError, match=r"does not fit Model: \d+ mistyped \(\S+: got torch\."):
        load_model(folder)


def test_weights_that_are_no_numbers(folder: Path) -> None:
    weights = read_safetensors(folder / WEIGHTS_FILE)
    weights["mean_w"] = weights["mean_w"] * float("nan")
    replace_weights(folder, save(weights))
    with pytest.raises(WeightsError, match=r"does not fit Model: 1 not finite \(mean_w\)"):
        load_model(folder)


@pytest.mark.parametrize(
    "entries",
    [
        {"a": ("F32", [2, 3], [0, 24]), "b": ("F32", [2, 3], [0, 24])},
        {"a": ("F32", [2**62, 2**62], [0, 24])},
        {"a": ("F32", [-2, 3], [0, 24])},
        {"a": ("X7", [2, 3], [0, 24])},
    ],
)
def test_headers_that_cannot_be(folder: Path, entries: dict[str, tuple[str, list[int], list[int]]]) -> None:
    names = ("dtype", "shape", "data_offsets")
    header = json.dumps({key: dict(zip(names, entry, strict=True)) for key, entry in entries.items()}).encode()
    replace_weights(folder, struct.pack("<Q", len(header)) + header + bytes(24))
    with pytest.raises(WeightsError, match="no readable safetensors file"):
        load_model(folder)


@pytest.mark.parametrize("content", ["[" * 100_000, "", "[1]", "{", "\x00", '{"format": 1'])
def test_damaged_description(content: str, folder: Path) -> None:
    (folder / CONFIG_FILE).write_text(content)
    with pytest.raises(WeightsError, match=r"config\.json (cannot be read as JSON|has format None)"):
        load_model(folder)


def test_changed_weights_are_noticed(folder: Path) -> None:
    content = bytearray((folder / WEIGHTS_FILE).read_bytes())
    content[-1] ^= 1
    (folder / WEIGHTS_FILE).write_bytes(content)
    with pytest.raises(WeightsError, match="sha256 differs"):
        load_model(folder)


@pytest.mark.parametrize("kept", [0, 4, 0.5, -1])
def test_truncated_weights(kept: float, folder: Path) -> None:
    whole = (folder / WEIGHTS_FILE).read_bytes()
    replace_weights(folder, whole[: int(len(whole) * kept) if kept == 0.5 else int(kept)])
    with pytest.raises(WeightsError, match=r"model\.safetensors is no readable safetensors file"):
        load_model(folder)


def test_nothing_is_executed(folder: Path, tmp_path: Path) -> None:
    trace = tmp_path / "ran"
    replace_weights(folder, f"cos\nmkdir\n(V{trace}\ntR.".encode())  # what pickle would run as os.mkdir(trace)
    with pytest.raises(WeightsError, match="no readable safetensors file"):
        load_model(folder)
    assert not trace.exists()


def test_bundled_model_is_found_by_name(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setattr("exegan.nets.checkpoint._BUNDLED", folder.parent)
    monkeypatch.chdir(folder)
    assert find_model("model") == folder
    assert find_model(folder) == folder
    assert find_model(".") == Path(".")


def test_default_model_loads() -> None:
    try:
        find_model("default")
    except WeightsError:
        pytest.skip("the bundled model is not in this checkout")
    model = load_model("default")
    assert model.mean_w.abs().max() > 0 and model.mean_w.isfinite().all()
