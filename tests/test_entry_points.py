"""The paths that people take: a photo with two faces that are not aligned, the bundled model, every way in.

Each way is tried on both backends and has to change the faces that were meant, and nothing else by a single bit.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from helpers import EXAMPLES, run_command
from numpy.typing import NDArray
from PIL import Image

from exegan.faces.detect import Face, FaceDetector
from exegan.faces.select import faces_mask
from exegan.inpainter import ExemplarPhoto, Inpainter, Regions
from exegan.io import open_photo, read_photo
from exegan.io.xmp import read_packet
from exegan.web.api import InpaintRequest, handle_request
from exegan.web.completion import CompletionRequest, complete
from exegan.web.exemplars import Exemplar, ExemplarCache
from exegan.web.hole import HoleParts
from exegan.web.photo import ALL_FACES, open_photo_file

Pixels = NDArray[np.int16]
BACKENDS = ("torch", "onnx")
REGION = "eyes+mouth"
# For the face on the left and for the one on the right, which neither is a relative of.
EXEMPLARS = (EXAMPLES / "face-0.jpg", EXAMPLES / "face-2.jpg")
# Between pictures of the same networks by PyTorch and ONNX Runtime, and by one of them in batches of other sizes.
LEVELS = 2


def pixels(picture: Path | Image.Image) -> Pixels:
    """[H, W, 3], signed so that two can be subtracted."""
    return np.asarray(read_photo(picture) if isinstance(picture, Path) else picture.convert("RGB")).astype(np.int16)


class Photo(NamedTuple):
    """The photo as every test sees it: its file, its pixels and its faces from the left."""

    path: Path
    pixels: Pixels
    faces: list[Face]

    def hole(self, region: str, *faces: int) -> NDArray[np.bool_]:
        """A region of some faces."""
        return faces_mask(self.pixels.shape[:2], [self.faces[index] for index in faces], region)

    def assert_completed(self, completed: Path | Image.Image, hole: NDArray[np.bool_], *faces: int) -> None:
        """Fail unless the hole was filled on these faces, on no other, and what is no hole is the photo's."""
        result = pixels(completed)
        assert result.shape == self.pixels.shape
        changed = np.abs(result - self.pixels).max(axis=2)
        assert not changed[~hole].any(), "known pixels are the photo's bit for bit"
        for index, face in enumerate(self.faces):
            left, top, right, bottom = (max(0, round(side)) for side in face.box_xyxy)
            inside = changed[top:bottom, left:right][hole[top:bottom, left:right]]
            assert bool(inside.size) == (index in faces)
            assert index not in faces or np.median(inside) > 3, f"face {index} looks as before"


@pytest.fixture(scope="module")
def photo(two_faces: Path) -> Photo:
    return Photo(two_faces, pixels(two_faces), FaceDetector().detect(read_photo(two_faces)))


@pytest.fixture(scope="module", params=BACKENDS)
def networks(request: pytest.FixtureRequest, onnx_model: Path) -> list[str]:
    """Options of a command that say which networks run, of both backends in turn."""
    return options_of(request.param, onnx_model)


def options_of(backend: str, onnx_model: Path) -> list[str]:
    model = str(onnx_model) if backend == "onnx" else "default"
    return ["--backend", backend, "--model", model, "--device", "cpu"]


@pytest.fixture(scope="module")
def inpainters(onnx_model: Path) -> dict[str, Inpainter]:
    models = {"torch": "default", "onnx": onnx_model}
    return {backend: Inpainter.from_pretrained(models[backend], "cpu", backend=backend) for backend in BACKENDS}


@pytest.fixture(scope="module", params=BACKENDS)
def inpainter(request: pytest.FixtureRequest, inpainters: dict[str, Inpainter]) -> Inpainter:
    return inpainters[request.param]


def inpaint(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> dict[str, Any]:
    """What `exegan inpaint --json` prints."""
    capsys.readouterr()
    assert run_command("inpaint", *arguments, "--json") == 0
    report: dict[str, Any] = json.loads(capsys.readouterr().out)
    return report


def test_the_photo_shows_two_tilted_faces_of_different_size_whatever_is_done_to_its_file(
    photo: Photo, tmp_path: Path
) -> None:
    left, right = photo.faces
    assert min(left.score, right.score) > 0.999
    assert right.area > 1.3 * left.area > 1.3 * 100**2
    tilts = [np.degrees(np.arctan2(*(face.landmarks5[1] - face.landmarks5[0])[::-1])) for face in photo.faces]
    assert tilts == [pytest.approx(-7, abs=3), pytest.approx(7, abs=3)]
    Image.open(photo.path).save(tmp_path / "again.jpg", quality=40)
    for again, face in zip(FaceDetector().detect(read_photo(tmp_path / "again.jpg")), photo.faces, strict=True):
        assert np.abs(again.landmarks5 - face.landmarks5).max() < 3


# Python


def by_face(index: int) -> ExemplarPhoto:
    return ExemplarPhoto(read_photo(EXEMPLARS[index]), EXEMPLARS[index].name)


def test_python_completes_both_faces_from_an_exemplar_for_each(inpainter: Inpainter, photo: Photo) -> None:
    exemplars = {0: by_face(0), 1: by_face(1)}
    result = inpainter.inpaint(open_photo(photo.path), Regions(REGION), exemplars, face="all", seed=3)
    photo.assert_completed(result.image, photo.hole(REGION, 0, 1), 0, 1)
    assert [face.index for face in result.faces] == [0, 1]
    swapped = inpainter.inpaint(
        open_photo(photo.path), Regions(REGION), {0: exemplars[1], 1: exemplars[0]}, face="all", seed=3
    )
    difference = np.abs(pixels(swapped.image) - pixels(result.image)).max(axis=2)
    for index in (0, 1):
        assert np.median(difference[photo.hole(REGION, index)]) > 1, f"face {index} has the other's exemplar as well"


def test_python_turns_a_photo_upright_that_a_camera_took_on_its_side(
    inpainter: Inpainter, photo: Photo, tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise to see it upright
    lying = Image.open(photo.path).transpose(Image.Transpose.ROTATE_90)
    lying.save(tmp_path / "lying.png", exif=exif)
    upright, turned = (
        inpainter.inpaint(open_photo(path), photo.hole(REGION, 1), by_face(1)).image
        for path in (photo.path, tmp_path / "lying.png")
    )
    photo.assert_completed(turned, photo.hole(REGION, 1), 1)
    assert np.abs(pixels(turned) - pixels(upright)).max() <= LEVELS


# The command line


@pytest.fixture(scope="module")
def best(onnx_model: Path, photo: Photo, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The better of two samples of both faces, and its report beside it, by backend."""
    folder = tmp_path_factory.mktemp("best")
    for backend in BACKENDS:
        with pytest.MonkeyPatch.context() as patch:
            said: list[str] = []
            patch.setattr("typer.echo", said.append)
            arguments = ["--region", REGION, "--face", "all", "--samples", "2", "--pick", "best", "--seed", "7"]
            arguments += [f"--exemplar={index}={path}" for index, path in enumerate(EXEMPLARS)]
            output = folder / f"{backend}.png"
            networks = options_of(backend, onnx_model)
            assert run_command("inpaint", photo.path, "-o", output, "--json", *arguments, *networks) == 0
        output.with_suffix(".json").write_text(said[-1])
    return {backend: folder / f"{backend}.png" for backend in BACKENDS}


@pytest.mark.parametrize("backend", BACKENDS)
def test_inpaint_keeps_the_better_of_two_samples_of_both_faces(
    backend: str, best: dict[str, Path], photo: Photo
) -> None:
    photo.assert_completed(best[backend], photo.hole(REGION, 0, 1), 0, 1)
    assert sorted(path.name for path in best[backend].parent.glob("*.png")) == ["onnx.png", "torch.png"]
    report = json.loads(best[backend].with_suffix(".json").read_text())
    assert report["output"] == str(best[backend])
    assert [sample["seed"] for sample in report["samples"]] == [7, 8]
    scores = [sample["score"] for sample in report["samples"]]
    assert report["picked"] == scores.index(max(scores)) and report["seed"] == 7 + report["picked"]
    assert [face["index"] for face in report["faces"]] == [0, 1]
    for face, found in zip(report["faces"], photo.faces, strict=True):
        assert face["box_xyxy"] == pytest.approx(found.box_xyxy, abs=0.1)
    mark = read_packet(open_photo(best[backend]).xmp)
    assert mark is not None and mark.seed == report["seed"]


def test_backends_complete_the_same_picture(best: dict[str, Path], inpainters: dict[str, Inpainter]) -> None:
    assert np.abs(pixels(best["torch"]) - pixels(best["onnx"])).max() <= LEVELS
    assert len({inpainter.model_sha256 for inpainter in inpainters.values()}) == 1


def test_a_mask_and_a_style_from_files_complete_one_face(
    networks: list[str], photo: Photo, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mask, style = tmp_path / "mask.png", tmp_path / "style.safetensors"
    assert run_command("mask", photo.path, "--region", REGION, "--face", "0", "-o", mask) == 0
    hole = np.asarray(Image.open(mask)) > 127
    assert np.array_equal(hole, photo.hole(REGION, 0))
    assert run_command("style", EXEMPLARS[0], EXEMPLARS[1], "-o", style, *networks) == 0
    places = ["--mask", mask, "--exemplar", style]
    report = inpaint(capsys, photo.path, "-o", tmp_path / "out.png", *places, *networks)
    photo.assert_completed(tmp_path / "out.png", hole, 0)
    assert [face["index"] for face in report["faces"]] == [0], "auto is the faces that the mask touches"


def test_a_style_of_one_backend_is_an_exemplar_of_the_other(
    inpainters: dict[str, Inpainter], photo: Photo, onnx_model: Path, tmp_path: Path
) -> None:
    style = tmp_path / "style.safetensors"
    assert run_command("style", EXEMPLARS[1], "-o", style, *options_of("onnx", onnx_model)) == 0
    arguments = ["--region", "mouth", "--face", "1", "--exemplar", style, "--seed", "5"]
    assert run_command("inpaint", photo.path, "-o", tmp_path / "out.png", *arguments, "--device", "cpu") == 0
    expected = inpainters["torch"].inpaint(open_photo(photo.path), photo.hole("mouth", 1), by_face(1), seed=5)
    photo.assert_completed(tmp_path / "out.png", photo.hole("mouth", 1), 1)
    assert np.abs(pixels(tmp_path / "out.png") - pixels(expected.image)).max() <= LEVELS


def test_faces_numbers_them_from_the_left(photo: Photo, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command("faces", photo.path, "--json", "--draw", tmp_path / "drawn.png") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["width"], found["height"]) == (512, 372)
    assert [face["index"] for face in found["faces"]] == [0, 1]
    for face, known in zip(found["faces"], photo.faces, strict=True):
        assert face["box_xyxy"] == pytest.approx(known.box_xyxy, abs=0.1)
    assert pixels(tmp_path / "drawn.png").shape == photo.pixels.shape


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--region", "eyes", "--face", "2", "--exemplar", str(EXEMPLARS[0])], "no face 2"),
        (["--region", "beak", "--exemplar", str(EXEMPLARS[0])], "beak"),
        (["--region", "eyes", "--face", "all", "--exemplar", f"0={EXEMPLARS[0]}"], "face 1"),
        (["--region", "eyes", "--exemplar", "missing.jpg"], "missing.jpg"),
    ],
    ids=["no such face", "no such region", "a face without exemplar", "no such exemplar"],
)
def test_what_cannot_be_done_is_one_sentence_and_code_2(
    arguments: list[str],
    said: str,
    networks: list[str],
    photo: Photo,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    output = tmp_path / "out.png"
    assert run_command("inpaint", photo.path, "-o", output, *arguments, *networks) == 2
    printed = capsys.readouterr()
    assert not printed.out and said in printed.err and printed.err.count("\n") <= 2
    assert not output.exists()


# The page and its endpoint for programs


@pytest.fixture
def uploads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the page's files."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    return tmp_path


def upload(folder: Path, path: Path) -> Path:
    (folder / path.name).write_bytes(path.read_bytes())
    return folder / path.name


def test_page_completes_both_faces_as_python_does(inpainter: Inpainter, photo: Photo, uploads: Path) -> None:
    opened = open_photo_file(inpainter, upload(uploads, photo.path))
    assert len(opened.faces) == 2 and opened.main_face == 1
    request = CompletionRequest([Exemplar(Path(upload(uploads, EXEMPLARS[0])))], seed=11, suffix=".png")
    (sample,) = complete(inpainter, opened, HoleParts(tuple(REGION.split("+")), ALL_FACES), request, ExemplarCache())
    hole = photo.hole(REGION, 0, 1)
    photo.assert_completed(sample.path, hole, 0, 1)
    expected = inpainter.inpaint(open_photo(photo.path), hole, by_face(0), face="all", seed=11)
    assert np.abs(pixels(sample.path) - pixels(expected.image)).max() <= LEVELS


def test_endpoint_answers_a_program_with_two_samples_of_one_face(
    inpainter: Inpainter, photo: Photo, uploads: Path
) -> None:
    sent, exemplar = ({"path": str(upload(uploads, path))} for path in (photo.path, EXEMPLARS[1]))
    request = InpaintRequest(sent, [exemplar], None, REGION, "1", 0, False, None, 1.0, 1.0, 20, 2, "png")
    files, report = handle_request(inpainter, request)
    assert [sample["seed"] for sample in report["samples"]] == [20, 21]
    hole = photo.hole(REGION, 1)
    for path in map(Path, files):
        photo.assert_completed(path, hole, 1)
    first, second = (pixels(Path(path)) for path in files)
    assert np.abs(first - second).max() > LEVELS, "each seed its picture"
    expected = inpainter.inpaint(open_photo(photo.path), hole, by_face(1), seed=21)
    assert np.abs(second - pixels(expected.image)).max() <= LEVELS


# Many photos: `exegan batch` and `exegan evaluate`


@pytest.fixture(scope="module")
def photos(photo: Photo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two photos that are not aligned: the one of two faces, and the same with the larger face cut at its chin."""
    folder = tmp_path_factory.mktemp("photos")
    picture = Image.open(photo.path)
    picture.save(folder / "a.png")
    bottom = round(photo.faces[1].box_xyxy[3]) - 12
    picture.crop((0, 0, picture.width, bottom)).save(folder / "b.png")
    return folder


WAYS = {
    "both faces, an exemplar for each": [
        *("--face", "all", "--seed", "3"),
        *(f"--exemplar={index}={path}" for index, path in enumerate(EXEMPLARS)),
    ],
    "auto, several photos of one person": [f"--exemplar={path}" for path in EXEMPLARS],
    "mixed, weaker, grown": [
        *(f"--exemplar={EXEMPLARS[0]}", f"--exemplar-b={EXEMPLARS[1]}", "--mix-at", "6"),
        *("--exemplar-strength", "0.7", "--truncation-psi", "0.8", "--grow", "3"),
    ],
    "the best of two": [f"--exemplar={EXEMPLARS[1]}", "--samples", "2", "--pick", "best", "--face", "0,1"],
}


@pytest.mark.parametrize(("backend", "way"), [*(("torch", way) for way in WAYS), ("onnx", next(iter(WAYS)))])
def test_batch_writes_the_files_that_inpaint_writes(
    backend: str, way: str, photos: Path, onnx_model: Path, tmp_path: Path
) -> None:
    arguments = [*WAYS[way], *options_of(backend, onnx_model)]
    for path in sorted(photos.iterdir()):
        output = tmp_path / f"{path.stem}_0.png"
        assert run_command("inpaint", path, "-o", output, "--region", REGION, *arguments) == 0
    for_all = [word.replace("--exemplar=", "--exemplars=").replace("-b=", "s-b=") for word in arguments]
    places = [photos, "--masks", f"region:{REGION}", "-o", tmp_path / "out", "--batch-size", "2"]
    assert run_command("batch", *places, *for_all, "--quiet") == 0
    for name in ("a_0.png", "b_0.png"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / name).read_bytes(), name


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_a_table_says_whose_looks_each_face_takes(suffix: str, photo: Photo, tmp_path: Path) -> None:
    rows = [
        {
            "photo": photo.path,
            "mask": "region:mouth",
            "face": "all",
            "exemplar": [f"{n}={EXEMPLARS[n]}" for n in (0, 1)],
        },
        {"photo": photo.path, "exemplar": [f"1:eyes={EXEMPLARS[0]}"]},
    ]
    table = tmp_path / f"jobs.{suffix}"
    if suffix == "jsonl":
        table.write_text("\n".join(json.dumps(row, default=str) for row in rows))
    else:
        lines = [
            f"{row['photo']},{row.get('mask', '')},{row.get('face', '')},{'|'.join(row['exemplar'])}" for row in rows
        ]
        table.write_text("\n".join(["photo,mask,face,exemplar", *lines]))
    assert run_command("batch", "--pairs", table, "-o", tmp_path / "out", "--device", "cpu", "--quiet") == 0
    photo.assert_completed(tmp_path / "out/two-faces_0.png", photo.hole("mouth", 0, 1), 0, 1)
    photo.assert_completed(tmp_path / "out/two-faces-2_0.png", photo.hole("eyes", 1), 1)


def test_evaluate_measures_what_inpaint_makes(networks: list[str], tmp_path: Path) -> None:
    faces, masks, out = tmp_path / "faces", tmp_path / "masks", tmp_path / "out"
    faces.mkdir()
    for number in range(3):
        (faces / f"{number}.jpg").write_bytes((EXAMPLES / f"face-{number}.jpg").read_bytes())
    assert run_command("mask-set", "irregular-256", "-o", masks, "--count", "1") == 0
    model, others = networks[networks.index("--model") + 1], [word for word in networks if word not in ("--model",)]
    others.remove(model)
    arguments = ["--data", faces, "--masks", masks, "--bin", "40-60", "--net", "none", "-o", out]
    assert run_command("evaluate", model, *arguments, *others) == 0
    results = json.loads((out / "results.json").read_text())
    likeness = {one["method"]: one["value"] for one in results["figures"] if one["metric"] == "SSIM in the hole"}
    assert likeness["truth"] == 1 > likeness["model, itself as exemplar"] > likeness["mean-colour"]
