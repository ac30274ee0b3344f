"""`exegan inpaint`: faces, exemplars, regions, mixing, samples and sheets; `exegan style`. On made faces."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from certificates import write_chain
from helpers import MADE_FACE, MadeDetector, made_photo, run_command, tiny_model_config
from PIL import Image

from exegan.cli.exemplars import ExemplarWord, parse_exemplar
from exegan.errors import MaskError
from exegan.inpainter import load_style
from exegan.nets.checkpoint import save_model
from exegan.nets.model import Model

Pixels = np.ndarray[Any, np.dtype[np.uint8]]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with a model, a photo of three faces, exemplars and a mask, and a detector that finds them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("exegan.inpainter.encoding.FaceDetector", MadeDetector)
    model = Model(tiny_model_config())
    model.update_mean_w()
    save_model(model, "model", {})
    made_photo(3).save("photo.png")
    made_photo(2, 8).save("group.png")
    made_photo(0).save("grey.png")
    for seed, name in enumerate("abc"):
        made_photo(1, 10 + seed).save(f"{name}.png")
    hole = np.zeros((MADE_FACE, 3 * MADE_FACE), dtype=np.uint8)
    hole[30:70, 30:70] = hole[30:70, 230:270] = 255
    Image.fromarray(hole).save("mask.png")


def inpaint(*arguments: str, output: str = "out.png") -> int:
    return run_command("inpaint", "photo.png", "--model", "model", "--device", "cpu", "-o", output, *arguments)


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
    told = report(capsys)
    assert told["photos"] == ["a.png", "b.png", "c.png"] and len(told["distances"]) == 3
    assert load_style("s.safetensors").model_sha256 == told["model_sha256"]
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
    told = report(capsys)
    scores = [one["score"] for one in told["samples"]]
    assert told["output"] == "out.png" and told["score"] == max(scores) == scores[told["picked"]]
    assert not Path("out_0.png").exists()
    assert inpaint(*usual) == 0
    assert "the best of 3 by the seam alone, for want of a recognition network" in capsys.readouterr().out


BAD_INPUT = {
    "exemplar with several faces": (("--exemplar", "group.png"), "shows 2 faces"),
    "no such face in the exemplar": (("--exemplar", "group.png#2"), "no face 2"),
    "exemplar without face": (("--exemplar", "grey.png"), "no face was found in the exemplar grey.png"),
    "exemplar for no such face": (("--exemplar", "7=a.png"), "there is no face 7"),
    "face without exemplar": (("--exemplar", "0=a.png", "--face", "all"), "face 1 has no exemplar"),
    "no such face": (("--exemplar", "a.png", "--face", "5"), "no face 5"),
    "unknown region": (("--exemplar", "a.png", "--region", "ears"), "'ears' is unknown"),
    "unknown region of an exemplar": (("--exemplar", "ears=a.png"), "'ears' is unknown"),
    "hole given twice": (("--exemplar", "a.png", "--mask", "mask.png", "--region", "face"), "given twice"),
    "no hole": (("--exemplar", "a.png"), "there is no hole"),
    "no exemplar": (("--mask", "mask.png"), "--exemplar"),
    "style missing": (("--exemplar", "s.safetensors"), "does not exist"),
    "style with a face": (("--exemplar", "s.safetensors#1"), "has no faces to choose from"),
    "strength out of range": (("--exemplar", "a.png", "--exemplar-strength", "2"), "exemplar_strength is 2.0"),
    "psi out of range": (("--exemplar", "a.png", "--truncation-psi", "nan"), "truncation_psi is nan"),
    "layer out of range": (("--exemplar", "a.png", "--exemplar-b", "b.png", "--mix-at", "99"), "expected 0 to 2"),
    "layer without second exemplar": (("--exemplar", "a.png", "--mix-at", "1"), "--exemplar-b"),
    "sweep without second exemplar": (("--exemplar", "a.png", "--mix-sweep", "s.png"), "--exemplar-b"),
    "mixing for one face": (("--exemplar", "1=a.png", "--exemplar-b", "b.png"), "mixed for all faces"),
    "no samples": (("--exemplar", "a.png", "--samples", "0"), "samples"),
    "sheet over the output": (("--exemplar", "a.png", "--sheet", "out.png"), "asked for twice"),
    "sheet over the exemplar": (("--exemplar", "a.png", "--sheet", "a.png"), "one of the inputs"),
    "unknown recognition network": (("--exemplar", "a.png", "--identity-net", "eyes=a.pt"), "'eyes' is unknown"),
    "recognition network missing": (("--exemplar", "a.png", "--identity-net", "mobilefacenet=a.pt"), "a.pt"),
    "mask that leaves a face out": (("--exemplar", "a.png", "--mask", "mask.png", "--face", "1"), "reach face 1"),
}
NEEDS_NO_REGION = ("no hole", "no exemplar", "unknown region", "hole given twice", "mask that leaves a face out")


@pytest.mark.parametrize("case", BAD_INPUT)
def test_bad_input_is_one_sentence_and_nothing_is_written(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments, said = BAD_INPUT[case]
    if case == "style with a face":
        run_command("style", "a.png", "-o", "s.safetensors", "--model", "model")
        capsys.readouterr()
    files = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    region = () if case in NEEDS_NO_REGION else ("--region", "mouth")
    assert inpaint(*arguments, *region) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.startswith("exegan: ")
    assert len(captured.err.strip().splitlines()) == 1
    assert said in captured.err
    assert {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()} == files


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
    assert parse_exemplar("a.jpg") == ExemplarWord(None, Path("a.jpg"), None)
    assert parse_exemplar("2=a.jpg#1") == ExemplarWord(2, Path("a.jpg"), 1)
    assert parse_exemplar("eyes+mouth=b/a.jpg") == ExemplarWord("eyes+mouth", Path("b/a.jpg"), None)
    assert parse_exemplar("0:eyes=a.jpg") == ExemplarWord((0, "eyes"), Path("a.jpg"), None)
    for name in ("eyes=a#1.jpg", "a=b.jpg", "a.jpg#1"):
        (tmp_path / name).write_bytes(b"")
        assert parse_exemplar(str(tmp_path / name)) == ExemplarWord(None, tmp_path / name, None), "files go first"
    with pytest.raises(MaskError, match="'0x' is unknown"):
        parse_exemplar("0x=nowhere.jpg")


def test_signed_outputs_and_what_verify_says(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("c2pa")
    chain = write_chain(Path("secrets"))
    signing = ("--c2pa-cert", str(chain.certificates), "--c2pa-key", str(chain.key))
    usual = ("--region", "mouth", "--face", "1", "--exemplar", "a.png")
    assert inpaint(*usual, *signing, "--samples", "2", output="out.jpg") == 0
    assert chain.key.read_text().splitlines()[1] not in capsys.readouterr().out
    for seed in (0, 1):
        assert run_command("verify", f"out_{seed}.jpg") == 0
        told = capsys.readouterr().out
        assert f"seed {seed})" in told and "manifest is valid" in told and "signed by Somebody" in told
    Path("bad.jpg").write_bytes(Path("out_0.jpg").read_bytes()[:-9] + b"\1" * 9)
    assert run_command("verify", "bad.jpg", "--json") == 0, "its XMP still says so"
    told = report(capsys)
    assert told["marked"] and not told["c2pa"]["intact"]
    assert told["c2pa"]["failures"] == ["assertion.dataHash.mismatch"]
    assert run_command("verify", "bad.jpg") == 0
    assert "was changed since it was signed" in capsys.readouterr().out


def test_unfit_signing_is_refused_before_any_work(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("c2pa")
    chain, other = write_chain(Path("secrets")), write_chain(Path("other"))
    monkeypatch.setattr("exegan.inpainter.Inpainter.from_pretrained", lambda *_, **__: pytest.fail("work was done"))
    cert, key = ("--c2pa-cert", str(chain.certificates)), ("--c2pa-key", str(chain.key))
    for arguments, output, said in (
        (cert, "out.png", "give both --c2pa-cert and --c2pa-key"),
        (key, "out.png", "give both"),
        (("--c2pa-tsa", "http://127.0.0.1:9"), "out.png", "give both"),
        ((*cert, *key), "out.bmp", "out.bmp cannot be signed"),
        ((*cert, "--c2pa-key", str(other.key)), "out.png", "does not belong"),
    ):
        assert inpaint("--region", "mouth", "--exemplar", "a.png", *arguments, output=output) == 2
        captured = capsys.readouterr()
        assert said in captured.err and len(captured.err.splitlines()) == 1 and captured.out == ""
        assert not list(Path().glob("*out*"))
    monkeypatch.setitem(sys.modules, "c2pa", None)
    assert inpaint("--region", "mouth", "--exemplar", "a.png", *cert, *key) == 2
    assert "run pip install 'exegan[c2pa]'" in capsys.readouterr().err
