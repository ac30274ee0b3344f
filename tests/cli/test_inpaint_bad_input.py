"""`exegan inpaint` and its relatives refuse what they cannot use: one sentence, exit code 2, nothing written."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from helpers import MADE_FACE, run_command
from helpers import run_inpaint as inpaint
from PIL import Image

pytestmark = pytest.mark.usefixtures("workplace")

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


BAD_FILES = {
    "moving.webp": "moving.webp is an animation of 2 frames, expected one picture",
    "moving.png": "moving.png is an animation of 2 frames, expected one picture",
    "bomb.png": "bomb.png has more than 178 megapixels",
}


@pytest.fixture
def bad_file(request: pytest.FixtureRequest) -> str:
    """Animations, and 40 gigapixels of black in a few bytes."""
    frames = [Image.new("L", (3 * MADE_FACE, MADE_FACE), level) for level in (0, 200)]
    if request.param == "bomb.png":
        header = struct.pack(">IIBBBBB", 200_000, 200_000, 8, 2, 0, 0, 0)
        chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]
        parts = [struct.pack(">I", len(data)) + kind + data + crc(kind + data) for kind, data in chunks]
        Path(request.param).write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))
    else:
        frames[0].save(request.param, save_all=True, append_images=frames[1:])
    return str(request.param)


def crc(data: bytes) -> bytes:
    return struct.pack(">I", zlib.crc32(data))


def assert_refused(said: str, capsys: pytest.CaptureFixture[str], *command: str) -> None:
    """Exit code 2, one sentence, nothing written."""
    files = sorted(Path().rglob("*"))
    assert run_command(*command) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.startswith("exegan: ") and said in captured.err
    assert len(captured.err.strip().splitlines()) == 1
    assert sorted(Path().rglob("*")) == files


@pytest.mark.parametrize("bad_file", BAD_FILES, indirect=True)
@pytest.mark.parametrize(
    "command",
    [
        "inpaint FILE --region mouth --exemplar a.png -o out.png",
        "inpaint photo.png --mask FILE --exemplar a.png -o out.png",
        "inpaint photo.png --region mouth --face 1 --exemplar FILE -o out.png",
        "style FILE -o out.safetensors",
        "mask FILE --region mouth -o out.png",
        "faces FILE --draw out.png",
        "verify FILE",
    ],
)
def test_animations_and_bombs_are_refused_wherever_a_picture_is_taken(
    command: str, bad_file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    model = ["--model", "model"] if command.startswith(("inpaint", "style")) else []
    assert_refused(BAD_FILES[bad_file], capsys, *command.replace("FILE", bad_file).split(), *model)


def test_a_photo_without_faces_and_a_hole_between_two_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    usual = ("--exemplar", "a.png", "--model", "model", "-o", "out.png")
    no_face = "no face was found in the photo"
    assert_refused(no_face, capsys, "inpaint", "grey.png", "--region", "mouth", *usual)
    hole = np.zeros((MADE_FACE, 3 * MADE_FACE), dtype=np.uint8)
    hole[50:60, 96:104] = 255
    Image.fromarray(hole).save("between.png")
    between = "faces 0 and 1"
    assert_refused(between, capsys, "inpaint", "photo.png", "--mask", "between.png", *usual)


def test_a_face_partly_outside_the_photo_is_completed_and_that_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert inpaint("--region", "mouth", "--face", "0", "--exemplar", "a.png") == 0
    assert "of the face crop lies outside the photo and was padded" in capsys.readouterr().out
