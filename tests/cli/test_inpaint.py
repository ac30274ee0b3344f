"""`exegan inpaint`: faces, exemplars, regions, mixing, samples and sheets; `exegan style`. On made faces."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import MADE_FACE, run_command, tiny_model_config
from helpers import run_inpaint as inpaint
from PIL import Image

from exegan.errors import MaskError
from exegan.faces.exemplars import ExemplarWord, parse_exemplar
from exegan.inpainter import load_style
from exegan.nets.checkpoint import save_model
from exegan.nets.model import Model

Pixels = np.ndarray[Any, np.dtype[np.uint8]]


pytestmark = pytest.mark.usefixtures("workplace")


def report(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def pixels(path: str) -> Pixels:
    with Image.open(path) as image:
        return np.asarray(image)


def changed(path: str, before: str = "photo.png") -> list[bool]:
    """Whether each of the three faces differs."""
    different = (pixels(path) != pixels(before)).any(axis=2)
    return [bool(different[:, MADE_FACE * k : MADE_FACE * (k + 1)].any()) for k in range(3)]


def test_several_faces_each_with_its_own_exemplar(capsys: pytest.CaptureFixture[str]) -> None:
    assert inpaint("--mask", "mask.png", "--exemplar", "0=a.png", "--exemplar", "2=b.png", "--json") == 0
    assert [face["index"] for face in report(capsys)["faces"]] == [0, 2]
    assert changed("out.png") == [True, False, True]
    assert inpaint("--mask", "mask.png", "--exemplar", "0=a.png", "--exemplar", "2=c.png", output="other.png") == 0
    assert changed("out.png", "other.png") == [False, False, True]


def test_faces_are_chosen_by_number_or_all() -> None:
    for face, expected in (("1", [False, True, False]), ("all", [True, True, True]), ("0,1", [True, True, False])):
        assert inpaint("--region", "mouth", "--face", face, "--exemplar", "a.png") == 0
        assert changed("out.png") == expected


def test_regions_grow_and_invert() -> None:
    sizes = []
    for more in (("--grow", "-2"), (), ("--grow", "3"), ("--invert",)):
        assert inpaint("--region", "mouth+nose", "--face", "1", "--exemplar", "a.png", *more) == 0
        sizes.append(int((pixels("out.png") != pixels("photo.png")).any(axis=2).sum()))
    assert sizes == sorted(set(sizes))


def test_regions_have_exemplars_of_their_own() -> None:
    both = ("--face", "1", "--exemplar", "eyes=a.png")
    assert inpaint(*both, "--exemplar", "mouth=b.png") == 0
    assert inpaint(*both, "--exemplar", "1:mouth=c.png", output="other.png") == 0
    rows = np.flatnonzero((pixels("out.png") != pixels("other.png")).any(axis=(1, 2)))
    assert rows.min() > 45, "the eyes are the same"


def test_several_photos_of_one_person_and_a_face_of_a_group(capsys: pytest.CaptureFixture[str]) -> None:
    usual = ("--region", "mouth", "--face", "1")
    assert inpaint(*usual, "--exemplar", "a.png", "--exemplar", "b.png") == 0
    assert inpaint(*usual, "--exemplar", "group.png#1", output="right.png") == 0
    assert inpaint(*usual, "--exemplar", "group.png#0", output="left.png") == 0
    assert changed("left.png", "right.png") == [False, True, False]


def test_a_saved_style_is_taken_in_place_of_photos(capsys: pytest.CaptureFixture[str]) -> None:
    usual = ("--region", "face", "--face", "1")
    assert run_command("style", "a.png", "b.png", "c.png", "-o", "s.safetensors", "--model", "model", "--json") == 0
    printed = report(capsys)
    assert printed["photos"] == ["a.png", "b.png", "c.png"] and len(printed["distances"]) == 3
    assert load_style("s.safetensors").model_sha256 == printed["model_sha256"]
    assert inpaint(*usual, "--exemplar", "s.safetensors") == 0
    photos = (x for name in "abc" for x in ("--exemplar", f"{name}.png"))
    assert inpaint(*usual, *photos, output="other.png") == 0
    assert np.array_equal(pixels("out.png"), pixels("other.png"))


def test_strength_and_truncation() -> None:
    usual = ("--region", "face", "--face", "1", "--exemplar")
    assert inpaint(*usual, "a.png", "--exemplar-strength", "0") == 0
    assert inpaint(*usual, "b.png", "--exemplar-strength", "0", output="other.png") == 0
    assert np.array_equal(pixels("out.png"), pixels("other.png"))
    assert inpaint(*usual, "a.png", "--truncation-psi", "0", "--seed", "1") == 0
    assert inpaint(*usual, "a.png", "--truncation-psi", "0", "--seed", "2", output="other.png") == 0
    assert np.array_equal(pixels("out.png"), pixels("other.png"))


def test_two_exemplars_are_mixed_by_layer() -> None:
    usual = ("--region", "face", "--face", "1", "--exemplar", "a.png")
    assert inpaint(*usual, output="a_alone.png") == 0
    last = str(tiny_model_config().generator.num_styles)
    assert inpaint(*usual, "--exemplar-b", "b.png", "--mix-at", last, "--mix-sweep", "sweep.png") == 0
    assert np.array_equal(pixels("out.png"), pixels("a_alone.png"))
    assert inpaint(*usual, "--exemplar-b", "b.png") == 0
    assert not np.array_equal(pixels("out.png"), pixels("a_alone.png"))
    assert pixels("sweep.png").shape[1] > 2 * 256


def test_samples_are_numbered_and_reproducible(capsys: pytest.CaptureFixture[str]) -> None:
    usual = ("--region", "face", "--face", "1", "--exemplar", "a.png")
    assert inpaint(*usual, "--samples", "3", "--seed", "4", "--sheet", "sheet.png", "--json") == 0
    samples = report(capsys)["samples"]
    assert [(one["output"], one["seed"]) for one in samples] == [(f"out_{k}.png", 4 + k) for k in range(3)]
    assert not Path("out.png").exists()
    assert len({pixels(f"out_{k}.png").tobytes() for k in range(3)}) == 3
    assert inpaint(*usual, "--seed", "5", output="alone.png") == 0
    assert np.abs(pixels("alone.png").astype(int) - pixels("out_1.png")).max() <= 1
    assert pixels("sheet.png").shape[0] > 2 * 256


def test_the_best_sample_alone_is_kept_and_why_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    usual = ("--region", "face", "--face", "1", "--exemplar", "a.png", "--samples", "3", "--pick", "best")
    assert inpaint(*usual, "--json") == 0
    printed = report(capsys)
    scores = [one["score"] for one in printed["samples"]]
    assert printed["output"] == "out.png" and printed["score"] == max(scores) == scores[printed["picked"]]
    assert not Path("out_0.png").exists()
    assert inpaint(*usual) == 0
    assert "the best of 3 by seam and sharpness, without a recognition network" in capsys.readouterr().out


def test_a_style_of_another_model_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    save_model(Model(tiny_model_config()), "other", {})
    assert run_command("style", "a.png", "-o", "s.safetensors", "--model", "other") == 0
    assert capsys.readouterr().out == "wrote s.safetensors (style of 1 photo)\n"
    assert inpaint("--region", "mouth", "--face", "1", "--exemplar", "s.safetensors") == 2
    assert "s.safetensors is of another model" in capsys.readouterr().err
    assert not Path("out.png").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("a.png", "-o", "s.png"), "expected .safetensors"),
        (("grey.png", "-o", "s.safetensors"), "no face was found"),
        (("0=a.png", "-o", "s.safetensors"), "no face or region in particular"),
        (("nobody.png", "-o", "s.safetensors"), "nobody.png does not exist"),
    ],
)
def test_bad_input_of_style(arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command("style", *arguments, "--model", "model") == 2
    assert said in capsys.readouterr().err
    assert not list(Path().glob("s.*"))


def test_exemplar_words(tmp_path: Path) -> None:
    assert parse_exemplar("a.jpg") == ExemplarWord(None, "a.jpg", None)
    assert parse_exemplar("2=a.jpg#1") == ExemplarWord(2, "a.jpg", 1)
    assert parse_exemplar("eyes+mouth=b/a.jpg") == ExemplarWord("eyes+mouth", "b/a.jpg", None)
    assert parse_exemplar("0:eyes=a.jpg") == ExemplarWord((0, "eyes"), "a.jpg", None)
    for name in ("eyes=a#1.jpg", "a=b.jpg", "a.jpg#1"):
        (tmp_path / name).write_bytes(b"")
        assert parse_exemplar(str(tmp_path / name)) == ExemplarWord(None, str(tmp_path / name), None), "files go first"
    with pytest.raises(MaskError, match="'0x' is unknown"):
        parse_exemplar("0x=nowhere.jpg")
