"""The `exegan` command: what it writes, what it says, how it ends."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import typer
from helpers import run_command as run
from helpers import tiny_model_config
from PIL import Image

from exegan import __version__
from exegan.cli.app import EXAMPLES, app
from exegan.nets.checkpoint import save_model
from exegan.nets.model import Model

Shared = Callable[[str], Path]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return save_model(Model(tiny_model_config()), tmp_path / "model", {})


@pytest.fixture
def photo(tmp_path: Path, shared: Shared) -> Path:
    """A photo of a person with its face about in the middle, reduced so that detection is quick."""
    path = tmp_path / "photo.png"
    with Image.open(shared("photos/male-05.jpg")) as image:
        image.resize((512, 512)).save(path)
    return path


@pytest.fixture
def mask(tmp_path: Path, photo: Path) -> Path:
    """A hole over all but the rim of the photo, which touches the face wherever it is."""
    hole = np.zeros((512, 512), dtype=np.uint8)
    hole[60:450, 60:450] = 255
    Image.fromarray(hole).save(tmp_path / "mask.png")
    return tmp_path / "mask.png"


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0
    assert capsys.readouterr().out.strip() == __version__


def test_inpaint_writes_the_completed_photo(
    tmp_path: Path, model: Path, photo: Path, mask: Path, shared: Shared, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out.png"
    exemplar = shared("photos/male-06.jpg")
    arguments = ("inpaint", photo, "--mask", mask, "--exemplar", exemplar, "--model", model, "--device", "cpu")
    assert run(*arguments, "-o", output, "--json", "--seed", "4") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["output"] == str(output)
    assert report["seed"] == 4
    assert len(report["faces"][0]["box_xyxy"]) == 4
    before, after = np.asarray(Image.open(photo)), np.asarray(Image.open(output))
    hole = np.asarray(Image.open(mask)) > 127
    assert before.shape == after.shape
    assert np.array_equal(before[~hole], after[~hole]), "known pixels are the photo's"
    assert (before[hole] != after[hole]).any(), "the hole is filled"
    again = tmp_path / "again.png"
    assert run(*arguments, "-o", again, "--seed", "4") == 0
    assert np.array_equal(after, np.asarray(Image.open(again))), "same seed, same picture"
    assert capsys.readouterr().out.startswith(f"wrote {again} (seed 4, ")


def blank(path: Path, size: tuple[int, int] = (512, 512), colour: int = 128) -> Path:
    Image.new("RGB", size, (colour,) * 3).save(path)
    return path


BAD_INPUT = {
    "photo missing": ({"photo": "nowhere.png"}, "nowhere.png"),
    "photo unreadable": ({"photo": "text.png"}, "text.png"),
    "photo without face": ({"photo": "grey.png"}, "face"),
    "mask of another size": ({"mask": "small.png"}, "512"),
    "nothing painted": ({"mask": "black.png"}, "mask"),
    "mask touches no face": ({"mask": "corner.png"}, "face"),
    "exemplar without face": ({"exemplar": "grey.png"}, "exemplar"),
    "exemplar missing": ({"exemplar": "nobody.jpg"}, "nobody.jpg"),
    "model missing": ({"--model": "nomodel"}, "nomodel"),
    "unknown device": ({"--device": "abacus"}, "abacus"),
    "unknown format": ({"-o": "out.docx"}, ".docx"),
    "no such folder": ({"-o": "no/where/out.png"}, "where"),
    "output is the photo": ({"-o": "photo.png"}, "photo.png"),
    "unknown backend": ({"--backend": "abacus"}, "abacus"),
    "model for the other backend": ({"--backend": "onnx"}, "exegan onnx"),
    "negative seed": ({"--seed": "-1"}, "seed"),
    "seed out of range": ({"--seed": str(10**30)}, "seed"),
    "device that computes nothing": ({"--device": "meta"}, "meta"),
    "name too long": ({"-o": "x" * 300 + ".png"}, "cannot be written"),
}


@pytest.mark.parametrize(("change", "said"), BAD_INPUT.values(), ids=BAD_INPUT.keys())
def test_bad_input_is_one_sentence_and_nothing_is_written(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    model: Path,
    photo: Path,
    mask: Path,
    shared: Shared,
    change: dict[str, str],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    blank(tmp_path / "grey.png")
    blank(tmp_path / "small.png", (100, 100), 255)
    blank(tmp_path / "black.png", colour=0)
    corner = np.zeros((512, 512), dtype=np.uint8)
    corner[500:, 500:] = 255
    Image.fromarray(corner).save(tmp_path / "corner.png")
    (tmp_path / "text.png").write_text("this is no picture")
    options = {"photo": str(photo), "mask": str(mask), "exemplar": str(shared("photos/male-06.jpg"))}
    options |= {"--model": str(model), "-o": "out.png", "--seed": "0", "--device": "cpu"} | change
    positional = options.pop("photo")
    flags = [x for name, value in options.items() for x in (name if name.startswith("-") else f"--{name}", value)]
    files = sorted(tmp_path.rglob("*"))
    photo_bytes = photo.read_bytes()
    assert run("inpaint", positional, *flags) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("exegan: ")
    assert len(captured.err.strip().splitlines()) == 1
    assert said in captured.err
    assert "Traceback" not in captured.err
    assert sorted(tmp_path.rglob("*")) == files
    assert photo.read_bytes() == photo_bytes


@pytest.mark.slow
def test_onnx_writes_a_folder_that_inpaint_takes(
    tmp_path: Path, model: Path, photo: Path, mask: Path, shared: Shared, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("onnx", model, "-o", tmp_path / "onnx") == 0
    captured = capsys.readouterr()
    assert captured.out.startswith(f"wrote {tmp_path / 'onnx'} (largest difference to PyTorch ")
    assert len(captured.out.splitlines()) == 1
    assert captured.err == "", "the exporter is quiet"
    arguments = ("inpaint", photo, "--mask", mask, "--exemplar", shared("photos/male-06.jpg"), "--device", "cpu")
    assert run(*arguments, "--model", model, "-o", tmp_path / "torch.png") == 0
    assert run(*arguments, "--model", tmp_path / "onnx", "--backend", "onnx", "-o", tmp_path / "onnx.png") == 0
    pictures = [np.asarray(Image.open(tmp_path / name)).astype(int) for name in ("torch.png", "onnx.png")]
    assert np.abs(pictures[0] - pictures[1]).max() <= 1
    assert (pictures[0] != np.asarray(Image.open(photo))).any()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nomodel", "-o", "out"), "nomodel"),
        (("default", "-o", "mine"), "holds something else (notes.txt)"),
        (("default", "-o", "mine/notes.txt"), "expected a folder"),
    ],
)
def test_onnx_of_bad_input_is_one_sentence(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/notes.txt").write_text("mine")
    assert run("onnx", *arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("exegan: ")
    assert len(captured.err.splitlines()) == 1
    assert said in captured.err
    assert [path.name for path in tmp_path.rglob("*")] == ["mine", "notes.txt"]


def test_prepare_makes_a_set_and_says_what_it_skipped(
    tmp_path: Path, photo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    photo.rename(raw / "someone.png")
    blank(raw / "grey.png")
    assert run("prepare", raw, "-o", tmp_path / "set", "--resolution", "32", "--workers", "0") == 0
    captured = capsys.readouterr()
    assert captured.out.startswith(f"{tmp_path / 'set'}: 1 faces of 2 photos; skipped 1 (1 no face)")
    with Image.open(tmp_path / "set" / "someone.webp") as crop:
        assert crop.size == (32, 32)


def test_prepare_without_any_face_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "raw").mkdir()
    blank(tmp_path / "raw" / "grey.png")
    assert run("prepare", tmp_path / "raw", "-o", tmp_path / "set.zip", "--workers", "0") == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("exegan: no photo gave a face to use; ") and "1 no face" in line
    assert not (tmp_path / "set.zip").exists() and (tmp_path / "set.report.json").exists()


def test_prepare_interrupted_says_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    (tmp_path / "raw").mkdir()
    blank(tmp_path / "raw" / "grey.png")
    monkeypatch.setattr("exegan.data.prepare.crop_photos", interrupted)
    assert run("prepare", tmp_path / "raw", "-o", tmp_path / "set.zip") == 130
    assert capsys.readouterr().err.strip() == (
        "exegan: interrupted; what is done is kept, the same command goes on from there"
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--generator", "missing.pt", "--style-encoder", "e.pt"), "weight file missing.pt does not exist"),
        (("--generator", "page.pt", "--style-encoder", "e.pt"), "is a web page (HTML), not weights"),
        (("--generator", "page.pt"), "--style-encoder"),
    ],
)
def test_import_of_bad_files_is_one_sentence(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "page.pt").write_text("<!doctype html><title>quota exceeded</title>")
    assert run("import", *arguments, "-o", "model") == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("exegan: ") and said in line
    assert [path.name for path in tmp_path.iterdir()] == ["page.pt"]


def test_import_says_what_it_wrote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def imported(*_: object, **options: bool) -> Model:
        assert options == {"discriminator": True, "overwrite": False}
        return Model(tiny_model_config())

    monkeypatch.setattr("exegan.nets.original.import_original", imported)
    files = ("--generator", "g.pt", "--style-encoder", "e.pt", "-o", tmp_path / "model", "--discriminator")
    assert run("import", *files) == 0
    assert capsys.readouterr().out.startswith(f"wrote {tmp_path / 'model'} (paper, 16 px, 0.0 million weights)")
    assert run("import", *files, "--json") == 0
    assert json.loads(capsys.readouterr().out)["resolution"] == 16


def test_inpaint_interrupted_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("exegan.io.open_photo", interrupted)
    out = tmp_path / "result.png"
    assert run("inpaint", "photo.png", "--mask", "mask.png", "--exemplar", "face.png", "-o", out) == 130
    assert capsys.readouterr().err.strip() == "exegan: interrupted; nothing was written"
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--config", "tiny65"], "there is no configuration tiny65; expected a YAML file or one of bundled256, "),
        (["--config", "tiny64"], "no faces are given to train on; give --data.path, "),
    ],
    ids=["unknown configuration", "no data"],
)
def test_train_takes_configurations_by_name_and_refuses_in_one_sentence(
    arguments: list[str],
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("train", "fit", *arguments) == 2
    assert f"exegan train: {sentence}" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("command", "module"), [("train", "lightning"), ("demo", "gradio")])
def test_a_missing_extra_is_named(command: str, module: str) -> None:
    program = f"import sys; sys.modules[{module!r}] = None; from exegan.cli import main; main([{command!r}])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    sentence = f"exegan: {module} is not installed; install it with: pip install 'exegan[{command}]'\n"
    assert (done.returncode, done.stderr) == (2, sentence)


NO_TORCH = "import sys; sys.modules['torch'] = None; from exegan.cli import main; main(sys.argv[1:])"


def without_torch(*arguments: object) -> subprocess.CompletedProcess[str]:
    """The command in a process where importing torch fails."""
    command = [sys.executable, "-c", NO_TORCH, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--region", "nostril"], "nostril"),
        ([], "there is no hole; give a mask, regions, or exemplars for regions (eyes=PHOTO)"),
        (["--region", "eyes", "--mask", "mask.png"], "the hole is given twice; give a mask or a region, not both"),
        (
            ["--region", "eyes", "--face", "left"],
            "the face is 'left', expected auto, all, or numbers of faces such as 0",
        ),
        (["--mask", "mask.png"], "30x20"),
        (["--mask", "none.png"], "none.png"),
        (["--region", "eyes", "--exemplar", "none.jpg"], "the exemplar none.jpg does not exist; check its path"),
        (["--region", "eyes", "-o", "out.xyz"], "out.xyz"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_loaded(
    options: list[str], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (64, 48)).save("photo.png")
    Image.new("L", (30, 20), 255).save("mask.png")
    defaults = [
        *([] if "-o" in options else ["-o", "out.png"]),
        *([] if "--exemplar" in options else ["--exemplar", "photo.png"]),
    ]
    done = without_torch("inpaint", "photo.png", *defaults, *options)
    assert done.returncode == 2 and sentence in done.stderr and done.stderr.count("\n") == 1, done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mask.png", "photo.png"]


def test_verify_help_and_version_do_without_torch(tmp_path: Path) -> None:
    Image.new("RGB", (64, 48)).save(tmp_path / "photo.png")
    assert without_torch("verify", tmp_path / "photo.png").returncode == 1
    for arguments in (["--version"], ["--help"], ["inpaint", "--help"], ["batch", "--help"], ["verify", "--help"]):
        done = without_torch(*arguments)
        assert done.returncode == 0 and done.stdout, (arguments, done.stderr)


def test_a_wrong_option_names_its_command_s_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("inpaint", "--nonsense") == 2
    assert capsys.readouterr().err.rstrip().endswith("see 'exegan inpaint --help'")
    assert run("nonsense") == 2
    assert capsys.readouterr().err.rstrip().endswith("see 'exegan --help'")


@pytest.mark.parametrize("name", list(EXAMPLES))
def test_every_help_ends_with_two_examples_that_its_parser_takes(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = typer.main.get_command(app)
    assert set(EXAMPLES) == set(command.commands)  # type: ignore[attr-defined]
    if name != "train":  # whose help is Lightning's
        assert run(name, "--help") == 0
        ending = capsys.readouterr().out.rstrip().splitlines()[-2:]
        assert [line.strip() for line in ending] == [f"exegan {example}" for example in EXAMPLES[name]]
    for example in EXAMPLES[name]:
        called, *arguments = shlex.split(example)
        assert called == name
        command.commands[name].make_context(name, arguments)  # type: ignore[attr-defined]
