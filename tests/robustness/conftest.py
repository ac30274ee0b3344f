"""Sound files for all cases, and the way to the helpers of the page's tests."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[1] / "web"))

from harness import Shop
from page_requests import Page


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with ExitStack() as stack:
        shop = Shop(tmp_path_factory.mktemp("robustness"))
        shop.open_page = lambda: Page(tmp_path_factory.mktemp("page"), stack)
        yield shop
