"""The original's files become a model folder that gives the original's pictures; nothing in them is executed."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import re
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from originals import golden_arrays, original_weights

from exegan import Inpainter
from exegan.errors import InputError, WeightsError
from exegan.io.weights import read_checkpoint
from exegan.nets.model import Model
from exegan.nets.original import import_original
from exegan.ops.image import composite
from exegan.training.export import copy_fitting_weights

BENCH = Path(__file__).resolve().parents[2] / "bench"


def write_originals(folder: Path, resolution: int = 256, seed: int = 1) -> tuple[Path, Path]:
    """Files of the formats that the original publishes, with the weights that `originals` makes."""
    averaged = original_weights("generator", resolution, seed)
    generator, encoder = folder / "EXE_GAN_model.pt", folder / "psp.pt"
    options = argparse.Namespace(size=resolution, path="somewhere")
    torch.save(
        {
            "g": {key: value[:0] for key, value in averaged.items()},  # not read, so not worth its size here
            "d": original_weights("discriminator", resolution, seed),
            "g_ema": averaged,
            "g_optim": {"state": {}, "param_groups": [{"lr": 0.002, "betas": (0.0, 0.99)}]},
            "d_optim": {"state": {}, "param_groups": []},
            "args": options,
            "ada_aug_p": 0.0,
            "iter": 800000,
            "best_path": "x.pt",
            "best_fid": np.float64(3.5),
        },
        generator,
    )
    latent_avg = torch.from_numpy(golden_arrays()["latent_avg"])
    state = {f"encoder.{key}": value for key, value in original_weights("psp_encoder", resolution, seed).items()}
    state["decoder.conv1.conv.weight"] = torch.zeros(1)
    torch.save({"state_dict": state, "opts": {"output_size": 1024}, "latent_avg": latent_avg}, encoder)
    return generator, encoder


@pytest.mark.slow
def test_imported_model_gives_the_original_s_picture(tmp_path: Path) -> None:
    generator, encoder = write_originals(tmp_path)
    import_original(generator, encoder, tmp_path / "model", discriminator=True)
    for half in (tmp_path / "model").glob("*.tmp"):
        pytest.fail(f"{half} was left behind")
    inpainter = Inpainter.from_pretrained(tmp_path / "model", "cpu")
    golden = {name: torch.from_numpy(array) for name, array in golden_arrays().items()}
    image, exemplar = (golden[name].permute(2, 0, 1)[None].float() / 127.5 - 1 for name in ("image", "exemplar"))
    mask = golden["mask"][None, None].float()
    completed = inpainter.complete(image, mask, exemplar, z=golden["z"], noise_mode="const")
    expected = composite(golden["raw"][None], image, mask)
    assert (completed - expected).abs().max() <= 1e-3 * golden["raw"].std()
    other = inpainter.complete(image, mask, exemplar, z=golden["z"] + 0.1, noise_mode="const")
    assert (other - expected).abs().max() > 1e-3 * golden["raw"].std(), "the comparison sees a wrong picture"
    card = (tmp_path / "model/README.md").read_text()
    assert "EXE_GAN_model.pt" in card and "psp.pt" in card and "256 px" in card
    description = json.loads((tmp_path / "model/config.json").read_text())
    assert len(description["training"]["imported_from"]["psp.pt"]) == 64
    assert inpainter.model.model.mean_w.abs().max() > 0  # type: ignore[attr-defined]
    _assert_training_starts_from(tmp_path / "model")


def _assert_training_starts_from(folder: Path) -> None:
    module = torch.nn.Module()
    with torch.device("meta"):
        module.discriminator = torch.nn.ModuleDict({"to_logit": torch.nn.Linear(512, 1)})
    copied = copy_fitting_weights(module.to_empty(device="cpu"), str(folder))
    assert copied == {"discriminator.to_logit.weight", "discriminator.to_logit.bias"}


@pytest.mark.slow
def test_512_px_equals_the_textbook_s_operations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCH))
    sys.modules.pop("textbook", None)
    textbook = importlib.import_module("textbook")
    generator, encoder = write_originals(tmp_path, resolution=512, seed=2)
    model: Model = import_original(generator, encoder, tmp_path / "model")
    assert model.config.generator.resolution == 512 and model.config.generator.num_styles == 12
    image = torch.rand(1, 3, 512, 512) * 2 - 1
    mask = torch.zeros(1, 1, 512, 512)
    mask[:, :, 100:400, 100:400] = 1
    z = torch.randn(1, 512)
    with torch.no_grad():
        style = model.encode_exemplar(image)
        ours = model.generate(image, mask, z, style)
        with textbook.textbook_operations():
            plain = model.generate(image, mask, z, style)
    assert (ours - plain).abs().max() <= 1e-3 * plain.std()


class _Evil:
    """Pickles as a call of `os.system`."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (self.command,)


@pytest.mark.parametrize("place", ["generator", "style encoder"])
def test_malicious_pickle_is_refused_and_does_not_run(tmp_path: Path, place: str) -> None:
    marker, evil, plain = tmp_path / "ran", tmp_path / "evil.pt", tmp_path / "plain.pt"
    torch.save({"g_ema": {}, "state_dict": {}, "args": _Evil(f"touch {marker}")}, evil)
    torch.save({"g_ema": {f"to_rgbs.{i}.bias": torch.zeros(1) for i in range(6)}, "state_dict": {}}, plain)
    files = (evil, plain) if place == "generator" else (plain, evil)
    with pytest.raises(WeightsError, match=r"wants to execute code .*system|does not fit Generator"):
        import_original(*files, tmp_path / "model")
    with pytest.raises(WeightsError, match=r"wants to execute code \((posix|nt)\.system\), expected tensors"):
        read_checkpoint(evil)
    assert not marker.exists() and not (tmp_path / "model").exists()
    with evil.open("rb") as file:
        assert file.read(2) == b"PK", "the file is what torch.save writes"


@pytest.mark.parametrize("module", ["numpy.core.multiarray", "numpy._core.multiarray"])
def test_numpy_scalars_of_either_numpy_are_read(tmp_path: Path, module: str) -> None:
    written, renamed = tmp_path / "written.pt", tmp_path / "renamed.pt"
    torch.save({"best_fid": np.float64(3.5), "weight": torch.ones(2)}, written)
    with zipfile.ZipFile(written) as source, zipfile.ZipFile(renamed, "w") as target:
        for entry in source.namelist():
            data = source.read(entry)
            if entry.endswith("data.pkl"):
                data, count = re.subn(rb"cnumpy\._?core\.multiarray\n", f"c{module}\n".encode(), data)
                assert count == 1
            target.writestr(entry, data)
    content = read_checkpoint(renamed)
    assert content["best_fid"] == 3.5 and content["weight"].sum() == 2


@pytest.mark.parametrize(
    ("generator", "said"),
    [
        ({"g": {}}, "no state dict 'g_ema' .it has g."),
        ({"g_ema": {}}, "0 decoder levels above 4 px, expected 6, 7 or 8"),
        (
            {"g_ema": {f"to_rgbs.{i}.bias": torch.zeros(1) for i in range(6)} | {"x": torch.zeros(1)}},
            "unknown entry 'x'",
        ),
        ({"g_ema": {f"to_rgbs.{i}.bias": torch.zeros(1) for i in range(6)}}, r"missing \(.* more\), 6 misshapen"),
    ],
)
def test_wrong_file_is_one_sentence_and_writes_nothing(tmp_path: Path, generator: dict[str, Any], said: str) -> None:
    torch.save(generator, tmp_path / "g.pt")
    with pytest.raises(WeightsError, match=said):
        import_original(tmp_path / "g.pt", tmp_path / "g.pt", tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_folders_of_others_and_models_are_not_replaced(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="holds something other than a model"):
        import_original("g.pt", "e.pt", mine, overwrite=True)
    (mine / "config.json").write_text("{}")
    with pytest.raises(InputError, match="holds a model already"):
        import_original("g.pt", "e.pt", mine)
    with pytest.raises(InputError, match="is a file"):
        import_original("g.pt", "e.pt", mine / "notes.txt")
    assert (mine / "notes.txt").read_text() == "mine"
