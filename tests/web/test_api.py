"""The endpoint for programs: as `docs/api.md` shows it, and what it refuses."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import struct
import subprocess
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import made_photo
from live_page import EXEMPLAR, META, PHOTO, ROOT, Visitor, live_page, png
from PIL import Image

from exegan.io import open_photo
from exegan.io.xmp import read_packet

HOLE = np.s_[30:70, 20:80]


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    with live_page(folder, max_file_size=300_000, max_pixels=1_000_000) as address:
        yield address


@pytest.fixture
def program(address: str) -> Visitor:
    return Visitor(address, with_cookies=False)


@pytest.fixture(autouse=True)
def _pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that the documentation speaks of, in the current folder."""
    monkeypatch.chdir(tmp_path)
    exif = Image.Exif()
    exif[0x010F] = "A camera"
    made_photo(1).save("photo.jpg", "PNG", exif=exif)  # the made faces do not survive real JPEG
    made_photo(1, seed=1).save("face.jpg", "PNG")
    Path("mask.png").write_bytes(mask())


def mask(size: tuple[int, int] = (100, 100)) -> bytes:
    hole = np.zeros(size[::-1], dtype=np.uint8)
    hole[HOLE] = 255
    return png(Image.fromarray(hole))


def documented(language: str, address: str) -> str:
    """The example in a language, for this page."""
    found = re.search(rf"```{language}\n(.*?)```", (ROOT / "docs" / "api.md").read_text(), re.DOTALL)
    assert found
    assert "http://127.0.0.1:7860" in found[1]
    return found[1].replace("http://127.0.0.1:7860", address)


def check_completed(path: Path) -> None:
    """The whole photo as it was, but for the hole; its metadata, and the mark."""
    photo, completed = open_photo("photo.jpg"), open_photo(path)
    changed = (np.asarray(photo.image) != np.asarray(completed.image)).any(axis=2)
    assert changed[HOLE].mean() > 0.5
    changed[HOLE] = False
    assert not changed.any()
    with Image.open(path) as image:
        assert image.getexif()[0x010F] == "A camera"
    assert completed.xmp is not None
    mark = read_packet(completed.xmp)
    assert mark is not None
    assert mark.seed == 3


def files(program: Visitor) -> dict[str, Any]:
    return {"photo": program.uploaded(PHOTO), "exemplar": [program.uploaded(EXEMPLAR, "face.png")]}


def test_python_example(address: str) -> None:
    names: dict[str, Any] = {}
    exec(documented("python", address), names)
    check_completed(Path(names["files"][0]))
    report = names["report"]
    assert (report["output"], report["seed"], len(report["faces"])) == ("completed.png", 3, 1)
    assert {"score", "seconds", "notes", "file_notes"} < report.keys()


def test_curl_example(address: str) -> None:
    if not shutil.which("curl") or not shutil.which("bash"):
        pytest.skip("needs curl and bash")
    subprocess.run(["bash", "-euc", documented("bash", address)], check=True, timeout=60)
    check_completed(Path("completed.png"))
    assert Path("answer.txt").read_text().startswith("event: complete\n")


def test_samples_of_a_region_in_another_format(program: Visitor) -> None:
    kind, (outputs, report) = program.inpaint(**files(program), region="mouth", samples=2, seed=5, output_format="webp")
    assert kind == "complete"
    assert [Path(output["path"]).name for output in outputs] == ["completed_0.webp", "completed_1.webp"]
    assert [sample["seed"] for sample in report["samples"]] == [5, 6]
    first, second = (fetch(program, output) for output in outputs)
    assert (first != second).any()
    _, (again, _) = program.inpaint(**files(program), region="mouth", seed=6, output_format="webp")
    assert np.array_equal(fetch(program, again[0]), second)


def fetch(program: Visitor, output: dict[str, Any]) -> np.ndarray[Any, Any]:
    status, data, headers = program.ask("GET", output["url"].removeprefix(program.address))
    assert (status, headers["cache-control"]) == (200, "private")
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def test_options_reach_the_model(program: Visitor) -> None:
    plain, *others = (
        fetch(program, program.inpaint(**files(program), region="mouth", **option)[1][0][0])
        for option in ({}, {"exemplar_strength": 0.2}, {"truncation_psi": 0.5}, {"grow": 4}, {"invert": True})
    )
    for other in others:
        assert (other != plain).any()


def test_only_this_endpoint_is_shown_and_every_parameter_is_explained(program: Visitor) -> None:
    for query in ("", "?all_endpoints=true"):
        shown = json.loads(program.ask("GET", "/gradio_api/info" + query)[1])
        assert (list(shown["named_endpoints"]), shown["unnamed_endpoints"]) == (["/inpaint"], {})
    endpoint = shown["named_endpoints"]["/inpaint"]
    assert "exemplar face" in endpoint["description"]
    explained = re.findall(r"^\| `(\w+)` \|", (ROOT / "docs" / "api.md").read_text(), re.MULTILINE)
    assert [parameter["parameter_name"] for parameter in endpoint["parameters"]] == explained
    assert all(" " in parameter["label"] for parameter in endpoint["parameters"])
    required = [
        parameter["parameter_name"] for parameter in endpoint["parameters"] if not parameter["parameter_has_default"]
    ]
    assert required == ["photo", "exemplar"]


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no photo": ({"photo": None}, "there is no photo, expected"),
    "no exemplar": ({"exemplar": []}, "there is no exemplar, expected"),
    "photo of another type": ({"photo": 5}, "the photo is no upload, expected"),
    "exemplar of another type": ({"exemplar": ["face.png"]}, "exemplar 0 is no upload, expected"),
    "no hole": ({"region": ""}, "there is no hole; give a mask, regions"),
    "unknown region": ({"region": "elbow"}, "elbow"),
    "no such face": ({"face": 3}, "there is no face 3"),
    "face that is none": ({"face": True}, "face is True, expected a text"),
    "no such face in the exemplar": ({"exemplar_face": 2}, "face.png has no face 2"),
    "seed of another type": ({"seed": "3"}, "seed is '3', expected a number"),
    "seed below zero": ({"seed": -1}, "the seed -1 is out of range"),
    "seed beyond all": ({"seed": 10**400}, "seed is out of range"),
    "half a sample": ({"samples": 1.5}, "samples is 1.5, expected a whole number"),
    "no sample": ({"samples": 0}, "samples is 0, expected at least 1"),
    "many samples": ({"samples": 9}, "samples is 9, expected at most 8"),
    "hole grown too far": ({"grow": -501}, "grow is 501, expected at most 500"),
    "strength out of range": ({"exemplar_strength": 1.5}, "exemplar_strength is 1.5, expected 0 to 1"),
    "truncation out of range": ({"truncation_psi": -1}, "truncation_psi is -1"),
    "invert of another type": ({"invert": "no"}, "invert is 'no', expected true or false"),
    "unknown format": ({"output_format": "exe"}, "output_format is 'exe', expected one of png"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_arguments_that_are_refused(program: Visitor, case: str) -> None:
    arguments, sentence = REFUSED[case]
    kind, content = program.inpaint(**{**files(program), "region": "mouth", **arguments})
    check_refusal(kind, content, sentence)


def check_refusal(kind: str, content: Any, sentence: str) -> None:
    assert kind == "error"
    assert sentence in content["error"]
    assert os.sep + "exegan" not in content["error"], "no path of the server"
    assert "\n" not in content["error"]


def bomb(width: int) -> bytes:
    """A small file that decodes to `width` times `width` pixels."""
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, width, 1, 0, 0, 0, 0))]
    chunks += [(b"IDAT", zlib.compress(bytes(1 + width // 8) * width, 9)), (b"IEND", b"")]
    packed = [struct.pack(">I", len(c)) + t + c + struct.pack(">I", zlib.crc32(t + c)) for t, c in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


UNUSABLE = {
    "no picture": (b"not a picture", "is not a picture"),
    "nothing": (b"", "is empty"),
    "half a picture": (PHOTO[: len(PHOTO) // 2], "is damaged"),
    "more pixels than are allowed": (bomb(1200), "has more than 1 megapixels; make it smaller first"),
    "a decompression bomb": (bomb(30_000), "has more than 1 megapixels; make it smaller first"),
}


@pytest.mark.parametrize("role", ["photo", "mask", "exemplar"])
@pytest.mark.parametrize("case", UNUSABLE)
def test_files_that_are_refused(program: Visitor, case: str, role: str) -> None:
    data, sentence = UNUSABLE[case]
    file = program.uploaded(data, "upload.png")
    given = {
        **files(program),
        "region": "" if role == "mask" else "mouth",
        role: [file] if role == "exemplar" else file,
    }
    kind, content = program.inpaint(**given)
    check_refusal(kind, content, sentence)
    assert content["error"].startswith("exemplar 0" if role == "exemplar" else f"the {role}")


def test_a_mask_of_another_size(program: Visitor) -> None:
    kind, content = program.inpaint(**files(program), mask=program.uploaded(mask((90, 90))))
    check_refusal(kind, content, "the mask is 90x90, expected the photo's 100x100")


def test_an_upload_beyond_the_limit(program: Visitor) -> None:
    status, response = program.upload(bytes(400_000))
    assert (status, b"maximum allowed size" in response) == (413, True)
    status, response = program.upload(bytes(5_000_000))
    assert (status, b"expected at most" in response) == (413, True)


def test_unknown_parameters_and_endpoints(program: Visitor) -> None:
    for path, body in (("v2/inpaint", {**files(program), "colour": 1}), ("v2/inpaint", {}), ("v2/other", {})):
        status, response = program.post(f"/gradio_api/call/{path}", body)
        assert status == 400
        assert "docs/api.md has the list" in response["detail"]


def test_a_refused_request_leaves_no_file(program: Visitor) -> None:
    folder = Path(files(program)["photo"]["path"]).parents[1]
    before = {path.name for path in folder.iterdir()}
    assert program.inpaint(**files(program), region="mouth", face="7")[0] == "error"
    assert {path.name for path in folder.iterdir()} == before


def test_a_failure_of_the_server_says_nothing_of_it(program: Visitor, folder: Path) -> None:
    (folder / "fail").touch()
    kind, content = program.inpaint(**files(program), region="mouth")
    (folder / "fail").unlink()
    check_refusal(kind, content, "the server failed at this request; its log says why")
    assert "/secret/path" in (folder / "log").read_text()


def test_one_exemplar_needs_no_list(program: Visitor) -> None:
    exemplar = {"path": program.uploaded(EXEMPLAR)["path"], "meta": META}
    assert program.inpaint(photo=program.uploaded(PHOTO), exemplar=exemplar, region="mouth")[0] == "complete"
