"""The page as a person meets it: `demo/app.py` in a process of its own, driven by a real browser.

All faces are those of the page's examples, which no person has. With EXEGAN_SCREENSHOTS=docs the pictures of
`docs/page.md` are made on the way.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
TWO_FACES = ROOT / "tests" / "assets" / "two-faces.jpg"
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

    def open_one(viewport: dict[str, int] = DESKTOP, **options: Any) -> Any:
        contexts.append(browser.new_context(viewport=viewport, **options))
        page = contexts[-1].new_page()
        page.set_default_timeout(TIMEOUT * 1000)
        page.on("request", lambda request: asked.append(request.url))
        page.goto(address)
        page.locator("#canvas .examples img").first.wait_for()
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
    page.locator("#canvas .photo-file").set_input_files(photo)
    page.locator("#canvas .opened").wait_for()
    page.locator("#regions").wait_for()


def give_exemplars(page: Any, *names: str) -> None:
    page.locator("#exemplar input[type=file]").set_input_files([FACES / name for name in names])
    page.locator("#exemplar .card").nth(len(names) - 1).wait_for()


@contextmanager
def shown_anew(page: Any) -> Iterator[None]:
    """Wait until the canvas shows what the block has changed."""
    canvas = page.locator("#canvas canvas")
    before = canvas.get_attribute("data-turn")
    yield
    wait_until(lambda: canvas.get_attribute("data-turn") != before)


def give_mask(page: Any, mask: Path) -> None:
    with shown_anew(page), page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Load mask").click()
        chooser.value.set_files(mask)
    page.get_by_text(f"Mask file: {mask.name}").wait_for()


def choose_parts(page: Any, *names: str) -> None:
    for name in names:
        with shown_anew(page):
            page.locator("#regions").get_by_text(name, exact=True).click()


def drag(page: Any, *points: tuple[float, float]) -> None:
    """Press, move and let go on the canvas; points in shares of its sides."""
    box = page.locator("#canvas canvas").bounding_box()
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=4)
    page.mouse.up()


def paint(page: Any, tool: str = "Brush") -> None:
    """A stroke across the middle of the photo."""
    page.get_by_role("button", name=tool).click()
    with shown_anew(page):
        drag(page, (0.42, 0.5), (0.58, 0.52))


def set_samples(page: Any, count: int) -> None:
    page.get_by_label("number input for Samples").fill(str(count))
    page.get_by_label("number input for Samples").press("Tab")
    page.wait_for_timeout(700)  # the variety follows


def press_complete(page: Any) -> None:
    page.locator("#complete").click()
    page.locator("#complete").get_by_text("Completing…").wait_for()
    page.locator("#complete").get_by_text("Complete", exact=True).wait_for()


def download(page: Any, path: Path, button: str = "#results .download") -> NDArray[np.uint8]:
    with page.expect_download() as got:
        page.locator(button).click()
    got.value.save_as(path)
    return np.asarray(Image.open(path))


def facts(page: Any) -> Any:
    return page.locator("#results .facts")


def rgb(path: Path) -> NDArray[np.uint8]:
    return np.asarray(Image.open(path).convert("RGB"))


def changed(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> NDArray[np.bool_]:
    assert before.shape == after.shape
    return (before != after).any(axis=2)


def test_paint_complete_download(page: Any, photo: Path, tmp_path: Path) -> None:
    height = "document.documentElement.scrollHeight"
    assert page.evaluate(height) <= 800, "everything is on one screen"
    shoot(page, "start")
    give_photo(page, photo)
    assert page.evaluate(height) <= 800
    paint(page)
    give_exemplars(page, "face-3.jpg")
    shoot(page, "paint")
    press_complete(page)
    hole = download(page, tmp_path / "mask.png", "#save-mask") > 0
    page.locator("#more button").first.click()
    choose_format(page, "PNG (lossless)")
    press_complete(page)
    difference = changed(rgb(photo), download(page, tmp_path / "completed.png"))
    assert 0.002 < hole.mean() < 0.2
    assert difference[hole].mean() > 0.5, "the stroke is completed"
    assert not difference[~hole].any(), "all else is the photo, bit for bit"


def choose_format(page: Any, name: str) -> None:
    page.get_by_label("Download as").click()
    page.get_by_role("option", name=name).click()


def test_one_press_uploads_nothing_twice(page: Any, photo: Path) -> None:
    """A press after painting sends the strokes along, a few KiB, and no picture."""
    give_photo(page, photo)
    give_exemplars(page, "face-3.jpg")
    paint(page)
    page.wait_for_timeout(500)
    requests: list[Any] = []
    page.on("request", lambda request: requests.append(request))  # noqa: PLW0108
    for press in (lambda: press_complete(page), lambda: choose_parts(page, "nose"), lambda: paint(page)):
        requests.clear()
        press()
        page.wait_for_timeout(500)
        uploads = [request for request in requests if "/upload" in request.url]
        posted = sum(len(request.post_data_buffer or b"") for request in requests)
        assert len(uploads) <= 1
        assert posted < 200_000, f"{posted} bytes in {len(requests)} requests"


def test_who_has_never_seen_the_page_completes_a_painted_hole(page: Any, photo: Path, tmp_path: Path) -> None:
    """By nothing but what is to be read on it."""
    with page.expect_file_chooser() as chooser:
        page.get_by_text("Drop a photo here").click()
    chooser.value.set_files(photo)
    page.get_by_text("Brush", exact=True).click()
    drag(page, (0.42, 0.5), (0.58, 0.52))
    with page.expect_file_chooser() as chooser:
        page.get_by_text("Drop a face here").click()
    chooser.value.set_files(FACES / "face-3.jpg")
    page.get_by_alt_text("Exemplar face-3.jpg").wait_for()
    page.get_by_text("Complete", exact=True).click()
    page.get_by_alt_text("Completed with seed 0").first.wait_for()
    with page.expect_download() as got:
        page.get_by_text("Download full resolution").click()
    got.value.save_as(tmp_path / "completed.jpg")
    assert got.value.suggested_filename == "completed-0.jpg", "as the photo"
    assert changed(rgb(photo), rgb(tmp_path / "completed.jpg")).any()


def test_strokes_are_undone_redone_erased_and_come_back(page: Any, photo: Path, tmp_path: Path) -> None:
    give_photo(page, photo)

    def hole() -> NDArray[np.bool_]:
        return download(page, tmp_path / "mask.png", "#save-mask") > 0

    paint(page)
    first = hole()
    with shown_anew(page):
        drag(page, (0.42, 0.3), (0.58, 0.3))
    both = hole()
    assert both.sum() > first.sum()
    for keys, expected in (("Control+z", first), ("Control+Shift+z", both), ("Control+z", first)):
        with shown_anew(page):
            page.keyboard.press(keys)
        assert np.array_equal(hole(), expected), keys
    page.locator("#canvas canvas").focus()
    size = page.locator("#canvas .size input")
    before = float(size.input_value())
    page.keyboard.press("]")
    assert float(size.input_value()) > before
    page.keyboard.press("[")
    page.wait_for_timeout(500)
    page.reload()
    page.locator("#canvas .opened").wait_for()
    page.locator("#regions").wait_for()
    page.wait_for_timeout(1000)
    assert np.array_equal(hole(), first), "strokes stay when the page is loaded anew"
    for _ in range(3):
        paint(page, "Eraser")
        size = page.locator("#canvas .size input")
        size.evaluate("field => { field.value = field.max; }")
    page.locator("#save-mask").click()
    page.get_by_text("There is no hole yet; tick a part of the face").wait_for()


def test_parts_of_a_face_and_the_mask_again(page: Any, photo: Path, tmp_path: Path) -> None:
    give_photo(page, photo)
    choose_parts(page, "eyes", "mouth")
    give_exemplars(page, "face-3.jpg", "face-4.jpg")
    press_complete(page)
    hole = download(page, tmp_path / "mask.png", "#save-mask") > 0
    assert hole.any()
    first = download(page, tmp_path / "first.png")
    choose_parts(page, "eyes", "mouth")  # off again
    give_mask(page, tmp_path / "mask.png")
    press_complete(page)
    assert np.array_equal(download(page, tmp_path / "second.png"), first), "a saved mask is the same hole"
    with shown_anew(page):
        page.get_by_role("button", name="Remove the mask file").click()
    page.locator("#save-mask").click()
    page.get_by_text("There is no hole yet").wait_for()
    Image.new("L", (30, 20), 255).save(tmp_path / "small.png")
    give_mask(page, tmp_path / "small.png")
    page.locator("#canvas .problem").get_by_text("30x20").wait_for()


def test_the_face_that_is_clicked_is_completed(page: Any, pair: Path, tmp_path: Path) -> None:
    give_photo(page, pair)
    choose_parts(page, "nose")
    shoot(page, "faces")
    for number in (0, 1):
        drag(page, (0.25 + 0.5 * number, 0.5))
        wait_until(lambda number=number: page.locator("#faces input").nth(number).is_checked())
    assert page.locator("#faces").get_by_text("2", exact=True).count(), "people count from 1"
    page.wait_for_timeout(500)
    give_exemplars(page, "face-3.jpg")
    press_complete(page)
    difference = changed(rgb(pair), download(page, tmp_path / "completed.png"))
    half = difference.shape[1] // 2
    assert difference[:, half:].any() and not difference[:, :half].any()


def test_exemplars_say_at_once_what_was_understood(page: Any, tmp_path: Path) -> None:
    field = page.locator("#exemplar input[type=file]")
    Image.new("RGB", (300, 200), "green").save(tmp_path / "grass.png")
    (tmp_path / "text.png").write_text("no picture")
    field.set_input_files([FACES / "face-3.jpg", tmp_path / "grass.png", TWO_FACES])
    page.locator("#exemplar .card").nth(1).wait_for()
    page.locator("#exemplar .problem").get_by_text("no face was found in grass.png").wait_for()
    assert page.locator("#exemplar .card").count() == 2, "what does not work is left out"
    assert page.locator("#exemplar .card").first.locator("span.chosen").count() == 1
    left, right = (page.get_by_role("button", name=f"Face {number} of two-faces.jpg") for number in (1, 2))
    assert {left.get_attribute("aria-pressed"), right.get_attribute("aria-pressed")} == {"true", "false"}
    for face, other in ((left, right), (right, left)):
        face.click()
        wait_until(lambda face=face, other=other: face.get_attribute("aria-pressed") == "true")
        assert other.get_attribute("aria-pressed") == "false"
    field.set_input_files([tmp_path / "text.png"])
    page.locator("#exemplar .problem").get_by_text("text.png is not a picture").wait_for()
    page.get_by_role("button", name="Remove face-3.jpg").click()
    wait_until(lambda: page.locator("#exemplar .card").count() == 1)
    page.locator("#exemplar .problem").wait_for(state="hidden")


def test_samples_to_choose_from_and_the_next_edit(page: Any, photo: Path, tmp_path: Path) -> None:
    give_photo(page, photo)
    choose_parts(page, "nose")
    give_exemplars(page, "face-3.jpg")
    set_samples(page, 8)
    page.locator("#more button").first.click()
    assert page.get_by_label("number input for Variety").input_value() == "1.75"
    page.locator("#more button").first.click()
    press_complete(page)
    thumbnails = page.locator("#results .strip button")
    assert thumbnails.count() == 8
    strip = page.locator("#results .strip").bounding_box()
    assert all(
        one.bounding_box()["y"] + one.bounding_box()["height"] <= strip["y"] + strip["height"] + 2
        for one in thumbnails.all()
    )
    assert page.evaluate("document.documentElement.scrollHeight") <= 810
    shoot(page, "samples")
    last = download(page, tmp_path / "last.png")
    page.get_by_alt_text("Completed with seed 0").last.click()
    facts(page).get_by_text("seed 0").wait_for()
    first = download(page, tmp_path / "first.png")
    assert not np.array_equal(first, last)
    before = page.locator("#canvas canvas").get_attribute("data-turn")
    page.locator("#results .next").click()
    wait_until(lambda: page.locator("#canvas canvas").get_attribute("data-turn") != before)
    page.locator("#results .compare").wait_for(state="hidden")  # a new photo clears the old result
    assert thumbnails.count() == 8, "which stays in the strip"
    choose_parts(page, "mouth")
    set_samples(page, 1)
    press_complete(page)
    hole = download(page, tmp_path / "mask.png", "#save-mask") > 0
    difference = changed(first, download(page, tmp_path / "next.png"))
    assert difference.any() and difference[~hole].mean() < difference[hole].mean(), "goes on from the chosen sample"
    thumbnails.last.click()
    facts(page).get_by_text("seed 0").wait_for()


@pytest.mark.slow
def test_cancel_stops_between_samples(page: Any, photo: Path, tmp_path: Path) -> None:
    give_photo(page, enlarged(photo, tmp_path))  # so that a sample takes longer than a click
    choose_parts(page, "nose")
    give_exemplars(page, "face-3.jpg")
    set_samples(page, 8)
    page.locator("#complete").click()
    page.locator("#cancel").click()
    page.locator("#complete").get_by_text("Complete", exact=True).wait_for()
    page.locator("#status").get_by_text("Cancelled").wait_for()
    page.wait_for_timeout(1000)
    assert page.locator("#results .strip button").count() < 8
    set_samples(page, 1)
    press_complete(page)
    facts(page).get_by_text("Done in").wait_for()


def test_an_example_is_one_click(page: Any, tmp_path: Path) -> None:
    page.locator("#canvas .examples img").nth(1).click()
    facts(page).get_by_text("Done in").wait_for()
    page.locator("#complete").get_by_text("Complete", exact=True).wait_for()
    shoot(page, "example")
    assert changed(rgb(FACES / "face-2.jpg"), download(page, tmp_path / "completed.png")).any()
    handle = page.get_by_label("Compare: share of the original")
    handle.focus()
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    assert page.locator("#results .compare").evaluate("one => one.style.getPropertyValue('--share')") == "60%"


def test_mistakes_are_one_sentence_and_lose_nothing(page: Any, photo: Path, tmp_path: Path) -> None:
    message = page.locator("#message")
    page.locator("#complete").click()
    message.get_by_text("There is no photo yet; drop one into step 1.").wait_for()
    Image.new("RGB", (300, 200), "green").save(tmp_path / "grass.png")
    page.locator("#canvas .photo-file").set_input_files(tmp_path / "grass.png")
    page.locator("#canvas .problem").get_by_text(
        "No face was found in the photo (300×200 pixels); choose one"
    ).wait_for()
    give_photo(page, photo)
    page.locator("#canvas .problem").wait_for(state="hidden")
    message.wait_for(state="hidden")  # what was said goes when its cause goes
    page.locator("#complete").click()
    message.get_by_text("There is no exemplar yet; drop a photo of a face").wait_for()
    give_exemplars(page, "face-3.jpg")
    page.locator("#complete").click()
    message.get_by_text("There is no hole yet; tick a part of the face").wait_for()
    choose_parts(page, "nose")
    page.locator("#seed input").fill("-5")
    page.locator("#seed input").press("Tab")
    page.locator("#complete").click()
    message.get_by_text("The seed is -5, expected 0 to 4294967295").wait_for()
    page.locator("#seed input").fill("7")
    page.locator("#seed input").press("Tab")
    press_complete(page)
    facts(page).get_by_text("seed 7").wait_for()
    message.wait_for(state="hidden")
    page.locator("#new-photo").click()
    page.locator("#canvas .empty").wait_for()
    (tmp_path / "text.png").write_text("no picture")
    page.locator("#canvas .photo-file").set_input_files(tmp_path / "text.png")
    page.locator("#canvas .problem").get_by_text("The photo is not a picture").wait_for()
    assert not page.locator(".toast-body").count(), "nothing pops up"
    assert not page.locator("text=mask.png").count()


def test_a_file_that_is_dropped_on_a_photo_is_the_next(page: Any, photo: Path) -> None:
    give_photo(page, photo)
    address = page.url
    data = page.evaluate_handle(
        """async (source) => {
          const blob = await (await fetch(source)).blob();
          const transfer = new DataTransfer();
          transfer.items.add(new File([blob], 'next.jpg', { type: 'image/jpeg' }));
          return transfer;
        }""",
        page.locator("#canvas .examples img").first.get_attribute("src"),
    )
    for where in ("body", "#canvas canvas"):
        page.dispatch_event(where, "dragover", {"dataTransfer": data})
        with contextlib.nullcontext() if where == "body" else shown_anew(page):
            page.dispatch_event(where, "drop", {"dataTransfer": data})
    assert page.url == address
    page.locator("#canvas canvas").wait_for()


@pytest.mark.slow
def test_a_dropped_connection_loses_nothing(page: Any, photo: Path, tmp_path: Path) -> None:
    give_photo(page, photo)
    choose_parts(page, "nose")
    give_exemplars(page, "face-3.jpg")
    set_samples(page, 2)
    press_complete(page)
    page.context.set_offline(True)
    page.locator("#complete").click()
    page.wait_for_timeout(1500)
    page.context.set_offline(False)
    page.wait_for_timeout(4000)  # Gradio loads the page anew
    page.locator("#canvas .opened").wait_for()
    page.locator("#exemplar .card").wait_for()
    page.locator("#results .compare").wait_for()
    assert page.locator("#regions input").nth(4).is_checked(), "the nose"
    assert page.get_by_label("number input for Samples").input_value() == "2"
    page.locator("#seed input").fill("7")
    page.locator("#seed input").press("Tab")
    page.locator("#complete").click()
    facts(page).get_by_text("seed 8").wait_for()


def test_on_a_phone(open_page: Callable[..., Any], photo: Path, tmp_path: Path) -> None:
    page = open_page(PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    give_photo(page, photo)
    choose_parts(page, "lower face")
    give_exemplars(page, "face-4.jpg")
    press_complete(page)
    page.locator("#results .compare").wait_for()
    wait_until(lambda: page.locator("#results").bounding_box()["y"] < PHONE["height"] - 200)  # it scrolls there
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], "nothing is cut off"
    shoot(page, "phone", full_page=True)
    assert changed(rgb(photo), download(page, tmp_path / "completed.png")).any()
    small = page.evaluate(
        """() => [...document.querySelectorAll(':is(#canvas, #exemplar, #results) :is(button, a), #regions label')]
          .filter((one) => one.offsetParent && one.getBoundingClientRect().height < 44).map((one) => one.outerHTML)"""
    )
    assert small == [], "targets are large enough for fingers"


@pytest.mark.parametrize(
    ("scheme", "viewport"), [("light", DESKTOP), ("dark", DESKTOP), ("light", PHONE)], ids=["light", "dark", "phone"]
)
def test_axe_finds_no_violation(
    open_page: Callable[..., Any], photo: Path, scheme: str, viewport: dict[str, int]
) -> None:
    """WCAG 2.2 AA as far as axe-core checks it, of the empty and of the full page."""
    from axe_playwright_python.sync_playwright import Axe

    page = open_page(viewport, color_scheme=scheme)
    rules = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
    found = Axe().run(page, options=rules)
    assert found.violations_count == 0, found.generate_report()
    page.locator("#complete").click()
    page.locator("#message").get_by_text("There is no photo yet").wait_for()
    page.locator("#exemplar input[type=file]").set_input_files([FACES / "face-3.jpg", TWO_FACES, APP])
    page.locator("#exemplar .problem").wait_for()
    give_photo(page, photo)
    choose_parts(page, "nose")
    set_samples(page, 2)
    press_complete(page)
    page.locator("#more button").first.click()
    page.wait_for_timeout(500)
    found = Axe().run(page, options=rules)
    assert found.violations_count == 0, found.generate_report()
    if scheme == "dark":
        shoot(page, "dark", full_page=True)


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
        facts(page).get_by_text("Done in").wait_for()
        difference = changed(rgb(FACES / name), download(page, tmp_path / f"{number}.jpg"))
        assert difference.any()
    address = pages[0].locator("#results .after").evaluate("image => image.src")
    assert pages[0].request.get(address).status == 200
    assert pages[1].request.get(address).status == 403, "and nobody else's"


@pytest.mark.slow
def test_a_large_photo_stays_large_and_the_page_light(page: Any, photo: Path, tmp_path: Path) -> None:
    large = enlarged(photo, tmp_path)
    give_photo(page, large)
    start = time.monotonic()
    paint(page)
    give_exemplars(page, "face-3.jpg")
    press_complete(page)
    assert time.monotonic() - start < TIMEOUT
    assert "Will look soft: the face is" in facts(page).inner_text()
    size = page.locator("#results .after").evaluate("image => [image.naturalWidth, image.naturalHeight]")
    assert max(size) <= 1024
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
