"""The page as a person meets it: `demo/app.py` in a process of its own, driven by a real browser."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
APP = ROOT / "demo" / "app.py"
MODEL = ROOT / "exegan" / "models" / "default" / "model.safetensors"
CHROMIUM = Path("/usr/bin/chromium")
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SIDE = 512  # of the photo
TIMEOUT = 60

Shared = Callable[[str], Path]


def give_up(reason: str) -> NoReturn:
    if os.environ.get("EXEGAN_REQUIRE_BROWSER"):
        pytest.fail(f"{reason}, and EXEGAN_REQUIRE_BROWSER is set")
    pytest.skip(reason)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def run_app(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(APP), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        give_up("needs the playwright package")
    if not CHROMIUM.exists():
        give_up(f"needs {CHROMIUM} (apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The page on the bundled model, served from another folder than the repository's."""
    if not MODEL.exists():
        pytest.skip("needs the bundled model exegan/models/default")
    folder, port = tmp_path_factory.mktemp("server"), free_port()
    (folder / "tmp").mkdir()
    with (folder / "log").open("w") as log:
        environment = {**os.environ, "TMPDIR": str(folder / "tmp")}
        command = [sys.executable, str(APP), "--port", str(port), "--device", "cpu"]
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT)
    wait_until(lambda: "is ready" in (folder / "log").read_text() or process.poll() is not None)
    output = (folder / "log").read_text()
    assert output == f"exegan is ready on http://127.0.0.1:{port} (stop it with Ctrl+C)\n"
    yield f"http://127.0.0.1:{port}"
    process.send_signal(signal.SIGTERM)
    assert process.wait(TIMEOUT) == 0
    assert "Traceback" not in (folder / "log").read_text()
    assert not list((folder / "tmp").glob("exegan-*")), "pictures are gone when the server is"


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    """The page at 1280x800, loaded. It may ask no other host for anything."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.set_default_timeout(TIMEOUT * 1000)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    page.locator("#editor canvas").first.wait_for()
    page.wait_for_load_state("networkidle")
    yield page
    context.close()
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []


@pytest.fixture
def photo(tmp_path: Path, shared: Shared) -> Path:
    """A photo of a person with its face about in the middle, reduced so that all is quick."""
    path = tmp_path / "photo.png"
    with Image.open(shared("photos/male-05.jpg")) as image:
        image.resize((SIDE, SIDE)).save(path)
    return path


@pytest.fixture
def mask(tmp_path: Path) -> Path:
    """A hole over the middle of the face."""
    hole = np.zeros((SIDE, SIDE), dtype=np.uint8)
    hole[220:300, 180:330] = 255
    Image.fromarray(hole).save(tmp_path / "mask.png")
    return tmp_path / "mask.png"


def wait_until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + TIMEOUT
    while not true():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.2)


def give_photo(page: Any, photo: Path) -> None:
    """Hand over the photo; the editor is ready when it has fitted the photo and so changed its zoom."""
    zoom = page.locator("#editor").get_by_text("%")
    before = zoom.inner_text()
    page.locator("#editor input[type=file]").set_input_files(photo)
    wait_until(lambda: bool(zoom.inner_text() != before))
    page.wait_for_timeout(500)


def give_exemplar(page: Any, exemplar: Path) -> None:
    page.locator("#exemplar input[type=file]").set_input_files(exemplar)
    page.locator("#exemplar img").wait_for()


def give_mask(page: Any, mask: Path) -> None:
    page.get_by_text("Or upload a mask").click()
    page.locator("#mask input[type=file]").set_input_files(mask)
    page.locator("#mask img").wait_for()


def paint(page: Any) -> tuple[int, int, int, int]:
    """Stroke over the nose and the cheeks; returns the box it covers, with some margin, in the photo's pixels."""
    canvas = page.locator("#editor canvas").first.bounding_box()
    x, y = canvas["x"] + canvas["width"] / 2, canvas["y"] + canvas["height"] / 2
    page.mouse.move(x - 60, y)
    page.mouse.down()
    page.mouse.move(x + 60, y + 10, steps=4)
    page.mouse.up()
    page.wait_for_timeout(300)
    scale = float(page.locator("#editor").get_by_text("%").inner_text().rstrip("%")) / 100
    along, across = (60 + 40) / scale, (10 + 40) / scale
    middle = SIDE / 2
    return int(middle - along), int(middle - across), int(middle + along), int(middle + across)


def complete_and_download(page: Any, photo: Path, path: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Press the button, wait, save what the page offers; returns the pixels of the photo and of the result."""
    page.get_by_role("button", name="Complete").click()
    page.locator("#status").get_by_text("Done in").wait_for()
    page.locator("#result img").first.wait_for()
    with page.expect_download() as download:
        page.locator("#download").click()
    assert download.value.suggested_filename == "completed.png"
    download.value.save_as(path)
    before, after = np.asarray(Image.open(photo).convert("RGB")), np.asarray(Image.open(path))
    assert before.shape == after.shape
    return before, after


def test_the_page_answers(address: str) -> None:
    with urllib.request.urlopen(address) as response:
        assert response.status == 200


def test_paint_complete_download(page: Any, photo: Path, shared: Shared, tmp_path: Path) -> None:
    page.screenshot(path=tmp_path / "1-empty.png")
    assert page.evaluate("document.documentElement.scrollHeight") <= 800, "everything is on one screen"
    give_photo(page, photo)
    left, top, right, bottom = paint(page)
    give_exemplar(page, shared("photos/male-06.jpg"))
    page.screenshot(path=tmp_path / "2-ready.png")
    before, after = complete_and_download(page, photo, tmp_path / "completed.png")
    page.screenshot(path=tmp_path / "3-done.png")
    assert "upscaled" in page.locator("#status").inner_text()
    changed = (before != after).any(axis=2)
    assert changed.mean() > 0.005, "the stroke is completed"
    changed[top:bottom, left:right] = False
    assert not changed.any(), "all else is the photo, bit for bit"


def test_complete_without_exemplar_says_so(page: Any, photo: Path, mask: Path, tmp_path: Path) -> None:
    give_photo(page, photo)
    give_mask(page, mask)
    page.get_by_role("button", name="Complete").click()
    page.get_by_text("There is no exemplar yet; drop a photo of a face to take the looks from into step 2.").wait_for()
    page.screenshot(path=tmp_path / "error.png")
    assert page.get_by_role("button", name="Download full resolution (PNG)").is_disabled()


def test_uploaded_mask_alone_is_a_hole(page: Any, photo: Path, mask: Path, shared: Shared, tmp_path: Path) -> None:
    give_photo(page, photo)
    give_mask(page, mask)
    give_exemplar(page, shared("photos/female-00.jpg"))
    before, after = complete_and_download(page, photo, tmp_path / "completed.png")
    hole, changed = np.asarray(Image.open(mask)) > 0, (before != after).any(axis=2)
    assert changed[hole].mean() > 0.5
    assert not changed[~hole].any()


def test_a_taken_port_is_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run_app("--port", str(taken.getsockname()[1]))
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("demo/app.py: cannot serve on 127.0.0.1 port ")
    assert done.stderr.endswith("(address already in use); give another --port or --host\n")


def test_an_unknown_model_is_one_sentence() -> None:
    done = run_app("--model", "nowhere/to/be/found", "--port", str(free_port()))
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("demo/app.py: ")
    assert done.stderr.count("\n") == 1
