"""What each action on the page costs in a real browser: seconds, requests, uploads, bytes sent.

    python bench/clicks.py --photo photo.jpg --exemplar face.jpg [--json figures.json]

Starts `demo/app.py` by itself and drives Debian's Chromium through Playwright. An action is over when the page shows
its effect. "completed by a newcomer" is the whole way: photo, a painted stroke, exemplar, Complete, download.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from measure import describe_machine
from page import served_page
from playwright.sync_api import sync_playwright

CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
TURN = "document.querySelector('#canvas canvas').dataset.turn"


class Actions:
    """Actions on one page, and what each has cost.

    Args:
        page: Of Playwright, on which the page is open.
    """

    def __init__(self, page: Any) -> None:
        self.page, self.figures, self._requests = page, dict[str, dict[str, float]](), list[Any]()
        page.on("request", self._remember)

    def _remember(self, request: Any) -> None:
        self._requests.append(request)

    @contextmanager
    def measured(self, name: str) -> Iterator[None]:
        """The block's seconds, and the requests that it and the moment after it have made."""
        self._requests.clear()
        start = time.perf_counter()
        yield
        seconds = time.perf_counter() - start
        self.page.wait_for_timeout(500)
        posts = [request for request in self._requests if request.method == "POST"]
        self.figures[name] = {
            "seconds": round(seconds, 2),
            "requests": len(posts),
            "uploads": sum("/upload" in request.url for request in posts),
            "KiB sent": round(sum(len(request.post_data_buffer or b"") for request in posts) / 1024, 1),
        }

    def shown_anew(self, act: Callable[[], object]) -> None:
        """Act, and wait until the canvas shows it."""
        before = self.page.evaluate(TURN)
        act()
        self.page.wait_for_function(f"before => {TURN} !== before", arg=before)

    def paint(self) -> None:
        """A stroke across the middle of the photo."""
        box = self.page.locator("#canvas canvas").bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        self.page.mouse.move(x - 30, y)
        self.page.mouse.down()
        self.page.mouse.move(x + 30, y + 4, steps=4)
        self.page.mouse.up()

    def complete(self) -> None:
        """Press Complete and wait for a result that was not there."""
        before = self.page.locator("#results .strip button").count()
        self.page.locator("#complete").click()
        self.page.wait_for_function(
            "before => document.querySelectorAll('#results .strip button').length > before", arg=before
        )


def run_actions(page: Any, photo: Path, exemplar: Path) -> dict[str, dict[str, float]]:
    """All actions in the order of a visit."""
    actions = Actions(page)
    with actions.measured("completed by a newcomer"):
        page.locator("#canvas .photo-file").set_input_files(photo)
        page.locator("#regions").wait_for()
        page.get_by_role("button", name="Brush").click()
        actions.shown_anew(actions.paint)
        page.locator("#exemplar input[type=file]").set_input_files(exemplar)
        page.locator("#exemplar .card").wait_for()
        actions.complete()
        with page.expect_download():
            page.locator("#results .download").click()
    with actions.measured("open a photo"):
        actions.shown_anew(lambda: page.locator("#canvas .photo-file").set_input_files(photo))
    tick = page.locator("#regions").get_by_text("nose", exact=True).click
    with actions.measured("tick a part"):
        actions.shown_anew(tick)
    with actions.measured("complete parts"):
        actions.complete()
    page.get_by_role("button", name="Brush").click()
    with actions.measured("paint a stroke"):
        actions.shown_anew(actions.paint)
    with actions.measured("complete after a stroke"):
        actions.complete()
    with actions.measured("tick a part after a stroke"):
        actions.shown_anew(tick)
    with actions.measured("save the mask after a stroke"), page.expect_download():
        page.locator("#save-mask").click()
    return actions.figures


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photo", type=Path, required=True)
    parser.add_argument("--exemplar", type=Path, required=True)
    parser.add_argument("--model", default="default")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", type=Path, help="write all figures here as well")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        served_page(options, Path(folder)) as (address, _),
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.set_default_timeout(120_000)
        page.goto(address)
        page.locator("#canvas .examples img").first.wait_for()
        figures = run_actions(page, options.photo, options.exemplar)
        browser.close()
    print(describe_machine(torch.device("cpu")))
    for name, figure in figures.items():
        print(f"{name:32}", "  ".join(f"{key} {value:g}" for key, value in figure.items()))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + os.linesep)


if __name__ == "__main__":
    main()
