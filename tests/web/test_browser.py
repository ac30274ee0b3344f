"""The page as a person meets it: `demo/app.py` in a process of its own, driven by a real browser.

All faces are those of the page's examples, which no person has. With EXEGAN_SCREENSHOTS=docs the pictures of
`docs/page.md` are made on the way.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
from live_page import CHROMIUM, CHROMIUM_FLAGS, free_port, wait_until
from made_pages import ROOT
from numpy.typing import NDArray
from PIL import Image

APP = ROOT / "demo" / "app.py"
FACES = ROOT / "exegan" / "web" / "examples"
MODEL = ROOT / "exegan" / "models" / "default" / "model.safetensors"
TIMEOUT = 120  # the first photo loads the face detector, which takes long on a busy machine
DESKTOP, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}


def give_up(reason: str) -> NoReturn:
    if os.environ.get("EXEGAN_REQUIRE_BROWSER"):
        pytest.fail(f"{reason}, and EXEGAN_REQUIRE_BROWSER is set")
    pytest.skip(reason)


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
def open_page(browser: Any, address: str) -> Iterator[Callable[..., Any]]:
    """Opens the page, each time as another visitor. It may ask no other host for anything."""
    contexts, asked = [], []

    def open_one(viewport: dict[str, int] = DESKTOP) -> Any:
        contexts.append(browser.new_context(viewport=viewport))
        page = contexts[-1].new_page()
        page.set_default_timeout(TIMEOUT * 1000)
        page.on("request", lambda request: asked.append(request.url))
        page.goto(address)
        page.locator("#examples img").first.wait_for()
        page.wait_for_timeout(500)
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []


@pytest.fixture
def page(open_page: Callable[..., Any]) -> Any:
    return open_page()


@pytest.fixture
def photo() -> Path:
    return FACES / "face-0.jpg"


@pytest.fixture
def pair(tmp_path: Path) -> Path:
    """A photo of two faces."""
    faces = [Image.open(FACES / name) for name in ("face-1.jpg", "face-2.jpg")]
    both = Image.new("RGB", (2 * faces[0].width, faces[0].height))
    for place, face in enumerate(faces):
        both.paste(face, (place * face.width, 0))
    both.save(tmp_path / "pair.png")
    return tmp_path / "pair.png"


def enlarged(photo: Path, folder: Path) -> Path:
    """The photo at 12 megapixels."""
    with Image.open(photo) as face:
        face.resize((3464, 3464), Image.Resampling.BICUBIC).save(folder / "large.png", compress_level=1)
    return folder / "large.png"


def shoot(page: Any, name: str, **options: Any) -> None:
    """A screenshot for the documentation, if one is wanted."""
    if folder := os.environ.get("EXEGAN_SCREENSHOTS"):
        page.screenshot(path=ROOT / folder / f"page-{name}.jpg", type="jpeg", quality=75, **options)


def give_photo(page: Any, photo: Path) -> None:
    page.locator("#photo input[type=file]").set_input_files(photo)
    page.locator("#preview img").wait_for()


def give_exemplars(page: Any, *names: str) -> None:
    page.locator("#exemplar input[type=file]").set_input_files([FACES / name for name in names])
    page.locator("#exemplar img").nth(len(names) - 1).wait_for()


def give_mask(page: Any, mask: Path) -> None:
    """Hand over a mask file; right after its tab has opened, the field may not listen yet, and is given it again."""
    page.get_by_role("tab", name="Mask file").click()
    picture, field = page.locator("#mask img"), page.locator("#mask input[type=file]")

    def is_shown() -> bool:
        if not picture.count():
            field.set_input_files(mask)
            page.wait_for_timeout(3000)
        return bool(picture.count())

    wait_until(is_shown)
    picture.wait_for()


def choose_parts(page: Any, *names: str) -> None:
    """Tick parts, and wait for the picture that shows them."""
    for name in names:
        before = page.locator("#preview img").get_attribute("src")
        page.locator("#regions").get_by_text(name, exact=True).click()
        wait_until(lambda before=before: page.locator("#preview img").get_attribute("src") != before)


def paint(page: Any) -> None:
    """A stroke across the middle of the photo."""
    page.get_by_role("tab", name="Paint").click()
    zoom = page.locator("#editor").get_by_text("%")
    zoom.wait_for()
    page.wait_for_timeout(1500)  # the editor fits the photo
    canvas = page.locator("#editor canvas").first.bounding_box()
    x, y = canvas["x"] + canvas["width"] / 2, canvas["y"] + canvas["height"] / 2
    page.mouse.move(x - 30, y)
    page.mouse.down()
    page.mouse.move(x + 30, y + 5, steps=4)
    page.mouse.up()
    page.wait_for_timeout(300)


def click_face(page: Any, number: int, share: float) -> None:
    """Click a face in the preview, again where the click met a preview that was just being drawn anew."""
    radio = page.locator("#faces input").nth(number)
    for _ in range(20):
        box = page.locator("#preview img").bounding_box()
        page.mouse.click(box["x"] + share * box["width"], box["y"] + box["height"] / 2)
        page.wait_for_timeout(1000)
        if radio.is_checked():
            return
    raise AssertionError(f"face {number} was clicked and not chosen")


def press_complete(page: Any) -> None:
    page.locator("#complete").click()
    page.locator("#complete").get_by_text("Completing…").wait_for()
    page.locator("#complete").get_by_text("Complete", exact=True).wait_for()


def download(page: Any, path: Path, button: str = "#download") -> NDArray[np.uint8]:
    with page.expect_download() as got:
        page.locator(button).click()
    got.value.save_as(path)
    return np.asarray(Image.open(path))


def rgb(path: Path) -> NDArray[np.uint8]:
    return np.asarray(Image.open(path).convert("RGB"))


def changed(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> NDArray[np.bool_]:
    assert before.shape == after.shape
    return (before != after).any(axis=2)


def test_paint_complete_download(page: Any, photo: Path, tmp_path: Path) -> None:
    assert page.evaluate("document.documentElement.scrollHeight") <= 800, "everything is on one screen"
    give_photo(page, photo)
    assert page.evaluate("document.documentElement.scrollHeight") <= 800
    paint(page)
    shoot(page, "paint")
    give_exemplars(page, "face-3.jpg")
    press_complete(page)
    assert "upscaled" in page.locator("#status").inner_text()
    hole = download(page, tmp_path / "mask.png", "#save-mask") > 0
    difference = changed(rgb(photo), download(page, tmp_path / "completed.png"))
    assert 0.002 < hole.mean() < 0.2
    assert difference[hole].mean() > 0.5, "the stroke is completed"
    assert not difference[~hole].any(), "all else is the photo, bit for bit"


def test_parts_of_a_face_and_the_mask_again(page: Any, photo: Path, tmp_path: Path) -> None:
    give_photo(page, photo)
    choose_parts(page, "eyes", "mouth")
    give_exemplars(page, "face-3.jpg", "face-4.jpg")
    press_complete(page)
    hole = download(page, tmp_path / "mask.png", "#save-mask") > 0
    first = download(page, tmp_path / "first.png")
    assert not changed(rgb(photo), first)[~hole].any()
    choose_parts(page, "eyes", "mouth")  # off again
    give_mask(page, tmp_path / "mask.png")
    press_complete(page)
    assert np.array_equal(download(page, tmp_path / "second.png"), first), "a saved mask is the same hole"


def test_the_face_that_is_clicked_is_completed(page: Any, pair: Path, tmp_path: Path) -> None:
    give_photo(page, pair)
    choose_parts(page, "nose")
    shoot(page, "faces")
    click_face(page, 0, 0.25)
    click_face(page, 1, 0.75)
    give_exemplars(page, "face-3.jpg")
    press_complete(page)
    difference = changed(rgb(pair), download(page, tmp_path / "completed.png"))
    half = difference.shape[1] // 2
    assert difference[:, half:].any() and not difference[:, :half].any()


def test_samples_to_choose_from_and_the_next_edit(page: Any, photo: Path, tmp_path: Path) -> None:
    give_photo(page, photo)
    choose_parts(page, "nose")
    give_exemplars(page, "face-3.jpg")
    page.get_by_label("number input for Samples").fill("3")
    page.get_by_label("number input for Samples").press("Tab")
    press_complete(page)
    page.locator("#samples img").nth(2).wait_for()
    shoot(page, "samples")
    last = download(page, tmp_path / "last.png")
    page.locator("#samples img").first.click()
    page.locator("#status").get_by_text("seed 0").wait_for()
    first = download(page, tmp_path / "first.png")
    assert not np.array_equal(first, last)
    before = page.locator("#preview img").get_attribute("src")
    page.locator("#next-photo").click()
    wait_until(lambda: page.locator("#preview img").get_attribute("src") != before)
    choose_parts(page, "mouth")
    press_complete(page)
    hole = download(page, tmp_path / "mask.png", "#save-mask") > 0
    difference = changed(first, download(page, tmp_path / "next.png"))
    assert difference.any() and not difference[~hole].any(), "the next edit starts from the chosen sample"


@pytest.mark.slow
def test_cancel_stops_between_samples(page: Any, photo: Path, tmp_path: Path) -> None:
    give_photo(page, enlarged(photo, tmp_path))  # so that a sample takes longer than a click
    choose_parts(page, "nose")
    give_exemplars(page, "face-3.jpg")
    page.get_by_label("number input for Samples").fill("8")
    page.get_by_label("number input for Samples").press("Tab")
    page.locator("#complete").click()
    page.locator("#cancel").click()
    page.locator("#complete").get_by_text("Complete", exact=True).wait_for()
    page.wait_for_timeout(1000)
    assert page.locator("#samples img").count() < 8
    page.get_by_label("number input for Samples").fill("1")
    page.get_by_label("number input for Samples").press("Tab")
    press_complete(page)
    page.locator("#status").get_by_text("Done in").wait_for()


def test_an_example_is_one_click(page: Any, tmp_path: Path) -> None:
    page.locator("#examples img").nth(1).click()
    page.locator("#status").get_by_text("Done in").wait_for()
    page.locator("#result img").first.wait_for()
    page.locator("#complete").get_by_text("Complete", exact=True).wait_for()
    shoot(page, "example")
    assert changed(rgb(FACES / "face-2.jpg"), download(page, tmp_path / "completed.png")).any()


def test_mistakes_are_one_sentence_and_lose_nothing(page: Any, photo: Path, tmp_path: Path) -> None:
    page.locator("#complete").click()
    page.get_by_text("There is no photo yet; drop one into step 1.").first.wait_for()
    Image.new("RGB", (300, 200), "green").save(tmp_path / "grass.png")
    page.locator("#photo input[type=file]").set_input_files(tmp_path / "grass.png")
    page.get_by_text("No face was found in the photo (300×200 pixels); choose one").first.wait_for()
    page.locator("#photo img").wait_for(state="detached")  # emptied for the next try
    page.locator("#photo input[type=file]").wait_for(state="attached")
    page.wait_for_timeout(1000)  # no person is fast enough to give a file to the field while it is drawn again
    give_photo(page, photo)
    page.locator("#complete").click()
    page.get_by_text("There is no exemplar yet; drop a photo of a face").first.wait_for()
    give_exemplars(page, "face-3.jpg")
    page.locator("#complete").click()
    page.get_by_text("There is no hole yet; choose a part of the face").first.wait_for()
    choose_parts(page, "nose")
    press_complete(page)
    page.locator("#status").get_by_text("Done in").wait_for()
    page.locator("#new-photo").click()
    (tmp_path / "text.png").write_text("no picture")
    page.locator("#photo input[type=file]").set_input_files(tmp_path / "text.png")
    page.get_by_text("The photo is not a picture").first.wait_for()


@pytest.mark.slow
def test_a_dropped_connection_loses_nothing(page: Any, photo: Path, tmp_path: Path) -> None:
    give_photo(page, photo)
    choose_parts(page, "nose")
    give_exemplars(page, "face-3.jpg")
    press_complete(page)
    page.context.set_offline(True)
    page.locator("#complete").click()
    page.wait_for_timeout(1500)
    page.context.set_offline(False)
    page.wait_for_timeout(4000)  # Gradio loads the page anew
    page.locator("#preview img").wait_for()
    page.locator("#exemplar img").first.wait_for()
    page.locator("#result img").first.wait_for()
    assert page.locator("#regions input").nth(4).is_checked(), "the nose"
    page.get_by_label("Seed").fill("7")
    page.get_by_label("Seed").press("Tab")
    page.locator("#complete").click()
    page.locator("#status").get_by_text("seed 7").wait_for()


def test_on_a_phone(open_page: Callable[..., Any], photo: Path, tmp_path: Path) -> None:
    page = open_page(PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    give_photo(page, photo)
    choose_parts(page, "lower face")
    give_exemplars(page, "face-4.jpg")
    press_complete(page)
    page.locator("#result img").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], "nothing is cut off"
    shoot(page, "phone", full_page=True)
    assert changed(rgb(photo), download(page, tmp_path / "completed.png")).any()


@pytest.mark.slow
def test_two_visitors_see_their_own_pictures(open_page: Callable[..., Any], tmp_path: Path) -> None:
    pages, names = [open_page(), open_page()], ["face-0.jpg", "face-2.jpg"]
    for page, name in zip(pages, names, strict=True):
        give_photo(page, FACES / name)
        choose_parts(page, "nose")
        give_exemplars(page, "face-3.jpg")
    for page in pages:
        page.locator("#complete").click()
    for number, (page, name) in enumerate(zip(pages, names, strict=True)):
        page.locator("#status").get_by_text("Done in").wait_for()
        difference = changed(rgb(FACES / name), download(page, tmp_path / f"{number}.png"))
        assert 0 < difference.mean() < 0.1, "each gets its own photo"
    address = pages[0].locator("#result img").first.get_attribute("src")
    assert pages[0].request.get(address).status == 200
    assert pages[1].request.get(address).status == 403, "and nobody else's"


@pytest.mark.slow
def test_a_large_photo_stays_large_and_the_page_light(page: Any, photo: Path, tmp_path: Path) -> None:
    large = enlarged(photo, tmp_path)
    give_photo(page, large)
    size = page.locator("#preview img").evaluate("image => [image.naturalWidth, image.naturalHeight]")
    assert max(size) <= 1024
    start = time.monotonic()
    paint(page)
    give_exemplars(page, "face-3.jpg")
    press_complete(page)
    assert time.monotonic() - start < TIMEOUT
    hole = download(page, tmp_path / "mask.png", "#save-mask") > 0
    difference = changed(rgb(large), download(page, tmp_path / "completed.png"))
    assert difference[hole].mean() > 0.5 and not difference[~hole].any()


def test_a_taken_port_is_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run_app("--port", str(taken.getsockname()[1]))
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("exegan: cannot serve on 127.0.0.1 port ")
    assert done.stderr.endswith("(address already in use); give another --port or --host\n")
