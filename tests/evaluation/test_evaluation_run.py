"""Whole evaluations: what is written, that they repeat, go on, and refuse bad input."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from helpers import fake_accelerator
from PIL import Image
from torch import Tensor

from exegan.errors import InputError, Interrupted
from exegan.evaluation import measuring
from exegan.evaluation.methods import ModelMethod
from exegan.evaluation.run import Choices, evaluate_folders, evaluate_model, trained_on
from exegan.inpainter import Inpainter
from exegan.io import read_mask, read_photo
from exegan.metrics.pixels import L1
from exegan.nets.frozen import FrozenModule

Faces = Callable[..., Path]
CHOICES = Choices(networks={}, bins=("20-40", "centre-box"))


@pytest.fixture
def evaluate(model: Path, faces: Faces, masks: Path, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    data = faces("faces")
    return lambda output, choices=CHOICES: evaluate_model(str(model), str(data), masks, tmp_path / output, choices)


def value(results: dict[str, Any], method: str, metric: str, bin_name: str | None = "centre-box") -> float:
    (figure,) = (f for f in results["figures"] if (f["method"], f["metric"], f["bin"]) == (method, metric, bin_name))
    return float(figure["value"])


def without_times(folder: Path) -> dict[str, Any]:
    results = json.loads((folder / "results.json").read_text())
    assert results.pop("times")["seconds"] > 0
    return dict(results)


def test_two_runs_give_the_same_json_but_for_times(evaluate: Callable[..., Any], tmp_path: Path) -> None:
    evaluate("first")
    evaluate("second")
    assert without_times(tmp_path / "first") == without_times(tmp_path / "second")
    assert (tmp_path / "first" / "results.md").read_text() == (tmp_path / "second" / "results.md").read_text()
    assert not np.array_equal(evaluate("third", Choices(networks={}, bins=CHOICES.bins, seed=1))["figures"], [])
    assert without_times(tmp_path / "third")["figures"] != without_times(tmp_path / "first")["figures"]


def test_what_is_measured(evaluate: Callable[..., Any], tmp_path: Path) -> None:
    results = evaluate("out")
    assert value(results, "truth", "L1", None) == 0 and value(results, "truth", "PSNR", None) == 100
    for method in ("model", "model, random exemplar", "model, itself as exemplar", "telea", "mean-colour"):
        assert value(results, method, "known-pixel error") == 0
        assert value(results, method, "L1 in the hole") > 0.05
        # A quarter of the picture is hole.
        assert value(results, method, "L1") == pytest.approx(value(results, method, "L1 in the hole") / 4, abs=2e-6)
    assert {entry["metric"] for entry in results["left_out"]} >= {"diversity", "identity to truth", "U-IDS"}
    assert results["plan"]["cases"]["masks"]["name"] == "irregular-32"
    with Image.open(tmp_path / "out" / "sheet.png") as sheet:
        assert sheet.width > 8 * 160 and sheet.height > 4 * 160
    table = (tmp_path / "out" / "results.md").read_text()
    assert "### Holes: centre-box" in table and results["plan"]["cases"]["masks"]["sha256"]["20-40"][:16] in table


def test_kept_pictures_are_what_was_measured(evaluate: Callable[..., Any], tmp_path: Path) -> None:
    results = evaluate("out")
    differences = []
    for stem in ("a", "b", "c", "sub/a", "sub/b"):
        with Image.open(tmp_path / "out" / "pictures" / "model" / "centre-box" / f"{stem}.png") as completed:
            (truth,) = (tmp_path / "faces").glob(f"{stem}.*")
            differences.append(np.abs(np.asarray(completed).astype(float) - np.asarray(Image.open(truth))).mean())
    assert value(results, "model", "L1") == pytest.approx(np.mean(differences) / 255, abs=1e-6)


def test_the_same_again_does_nothing(evaluate: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    first = evaluate("out")
    monkeypatch.setattr(measuring.Measurer, "measure", None)
    assert evaluate("out") == json.loads(json.dumps(first))


def test_an_interrupted_run_goes_on(
    evaluate: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    completions: list[str] = []
    complete = ModelMethod.complete

    def counting(self: ModelMethod, *arguments: Any, **options: Any) -> Any:
        completions.append(self.name)
        if len(completions) == 3:
            raise KeyboardInterrupt
        return complete(self, *arguments, **options)

    monkeypatch.setattr(ModelMethod, "complete", counting)
    with pytest.raises(Interrupted, match=r"^interrupted; \d+ of 60 pictures are kept in .*, the same command goes on"):
        evaluate("out")
    assert not (tmp_path / "out" / "results.json").exists()
    evaluate("out")
    evaluate("whole")
    assert without_times(tmp_path / "out") == without_times(tmp_path / "whole")
    # Six cells a run; two of them were done before the interruption, and the sheet completes some again.
    assert completions.count("model") < 2 * completions.count("model, random exemplar")


def test_damaged_leftovers_are_made_again(evaluate: Callable[..., Any], tmp_path: Path) -> None:
    evaluate("out")
    before = without_times(tmp_path / "out")
    (tmp_path / "out" / "results.json").unlink()
    (tmp_path / "out" / "rows" / "model" / "centre-box" / "0000.npz").write_bytes(b"PK\x03\x04 no")
    (tmp_path / "out" / "pictures" / "model" / "centre-box" / "a.png").write_bytes(b"\x89PNG")
    evaluate("out")
    assert without_times(tmp_path / "out") == before


def test_the_output_of_another_evaluation_is_refused(evaluate: Callable[..., Any], tmp_path: Path) -> None:
    evaluate("out")
    with pytest.raises(InputError, match="holds an evaluation with another cases, methods, seed"):
        evaluate("out", Choices(networks={}, bins=CHOICES.bins, seed=5))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").touch()
    with pytest.raises(InputError, match="is in the way and holds no evaluation"):
        evaluate("mine")


def test_bins_and_images(evaluate: Callable[..., Any], tmp_path: Path) -> None:
    results = evaluate("out", Choices(networks={}, images=3, bins=("eyes",)))
    assert results["plan"]["cases"]["images"] == 3
    with pytest.raises(InputError, match="has no bin '80-100'; it has 0-20, 20-40"):
        evaluate("other", Choices(networks={}, bins=("80-100",)))
    assert not (tmp_path / "other").exists()


def test_small_faces_are_refused(model: Path, faces: Faces, masks: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"small:a\.bmp is 20x20, smaller than the masks' 32 px"):
        evaluate_model(str(model), str(faces("small", side=20)), masks, tmp_path / "out", CHOICES)
    assert not (tmp_path / "out").exists()


def test_a_model_that_draws_nan_is_refused(evaluate: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    generate = Inpainter.generate
    monkeypatch.setattr(Inpainter, "generate", lambda *a, **k: generate(*a, **k) * torch.nan)
    with pytest.raises(InputError, match="is not finite"):
        evaluate("out")


def test_folders_measure_any_program(evaluate: Callable[..., Any], masks: Path, tmp_path: Path) -> None:
    """What the model's own evaluation says is what the two folders say."""
    own = evaluate("out")
    folders = evaluate_folders(
        tmp_path / "out" / "pictures" / "model" / "centre-box",
        tmp_path / "faces",
        tmp_path / "again",
        Choices(networks={}, bins=("centre-box",)),
        masks=masks,
    )
    for metric in ("L1", "PSNR in the hole", "SSIM", "seam", "known-pixel error"):
        assert value(folders, "completed", metric) == value(own, "model", metric)
        assert value(folders, "telea", metric) == value(own, "telea", metric)


def test_folders_without_masks(faces: Faces, tmp_path: Path) -> None:
    results = evaluate_folders(faces("made", seed=1), faces("true"), tmp_path / "out", Choices(networks={}))
    assert {figure["method"] for figure in results["figures"]} == {"truth", "completed"}
    reasons = {entry["metric"]: entry["reason"] for entry in results["left_out"]}
    assert reasons["L1 in the hole"] == "there is no mask to measure with"


class Colours(FrozenModule):
    """A recognition network: the picture's colours."""

    seen: ClassVar[list[str]] = []

    def forward(self, image: Tensor) -> list[Tensor]:
        self.seen.append(image.device.type)
        return [image.mean(dim=(2, 3))]


def test_networks_of_metrics_run_on_the_device(faces: Faces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    device = fake_accelerator(monkeypatch)
    monkeypatch.setattr("exegan.evaluation.run.choose_device", {"cuda": device}.get)
    monkeypatch.setattr("exegan.metrics.networks._load", lambda name, weights: (Colours(), "0" * 64, "fake"))
    choices = Choices(networks={"facenet": None}, device="cuda")
    results = evaluate_folders(faces("made", seed=1), faces("true"), tmp_path / "out", choices)
    assert set(Colours.seen) == {"meta"}
    assert any(figure["metric"].startswith("identity to truth") for figure in results["figures"])


def test_folders_that_do_not_pair(faces: Faces, tmp_path: Path) -> None:
    made, true = faces("made"), faces("true")
    (made / "sub" / "b.bmp").rename(made / "sub" / "x.bmp")
    with pytest.raises(InputError, match=r"made has no picture named sub/b\.\* \(1 of 5"):
        evaluate_folders(made, true, tmp_path / "out", CHOICES)
    shutil.copy(made / "sub" / "x.bmp", made / "sub" / "b.bmp")
    with pytest.raises(InputError, match=r"true has no picture named sub/x\.\* \(1 of 6"):
        evaluate_folders(made, true, tmp_path / "out", CHOICES)
    assert not (tmp_path / "out").exists()


def test_folders_of_other_sizes_and_nan(faces: Faces, masks: Path, tmp_path: Path) -> None:
    made, true = faces("made"), faces("true")
    Image.new("RGB", (31, 32)).save(made / "b.png")
    with pytest.raises(InputError, match=r"made/b\.png is 31x32, expected 32x32"):
        evaluate_folders(made, true, tmp_path / "out", CHOICES)
    (made / "b.png").unlink()
    Image.fromarray(np.full((32, 32), np.nan, dtype=np.float32)).save(made / "b.tif")
    with pytest.raises(InputError, match=r"made/b\.tif holds numbers that are not finite"):
        evaluate_folders(made, true, tmp_path / "out", CHOICES)
    with pytest.raises(InputError, match="got 2 bins of masks, expected one"):
        evaluate_folders(faces("c"), true, tmp_path / "out", CHOICES, masks=masks)
    one, large, larger = Choices(networks={}, bins=("eyes",)), faces("d", side=40), faces("e", side=40)
    with pytest.raises(InputError, match="the pictures are 40x40 and the masks 32x32"):
        evaluate_folders(large, larger, tmp_path / "out", one, masks=masks)
    assert not (tmp_path / "out").exists()


def test_networks_of_the_training_are_known() -> None:
    losses = {
        "perceptual": 8.0,
        "identity": 0.0,
        "perceptual_net": {"name": "vgg19"},
        "identity_net": {"name": "facenet"},
    }
    assert trained_on({"training": {"losses": losses}}) == ["vgg19"]
    assert trained_on({}) == trained_on({"training": None}) == []


def test_other_programs_learn_what_to_complete(evaluate: Callable[..., Any], masks: Path, tmp_path: Path) -> None:
    evaluate("out")
    with (tmp_path / "out" / "pairs.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 10 and {row["bin"] for row in rows} == {"20-40", "centre-box"}
    for row in rows:
        assert (masks / row["mask"]).is_file() and row["exemplar"] != row["image"]
        assert (tmp_path / "faces" / row["image"]).is_file() and (tmp_path / "faces" / row["exemplar"]).is_file()
    one = next(row for row in rows if row["image"] == "sub/a.png" and row["bin"] == "20-40")
    completed = read_photo(tmp_path / "out" / "pictures" / "model" / "20-40" / "sub" / "a.png")
    changed = (np.asarray(completed) != np.asarray(read_photo(tmp_path / "faces" / "sub" / "a.png"))).any(axis=2)
    assert not (changed & ~read_mask(masks / one["mask"])).any() and changed.any()


def test_values_per_picture_are_kept(evaluate: Callable[..., Any], tmp_path: Path) -> None:
    results = evaluate("out")
    with np.load(tmp_path / "out" / "rows" / "model" / "centre-box" / "0000.npz") as rows:
        assert rows[L1().rows_key].mean() == pytest.approx(value(results, "model", "L1"), abs=1e-6)
