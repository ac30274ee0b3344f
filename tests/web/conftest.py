"""A served page: each test file starts one at its own `address`, with its own limits."""

from __future__ import annotations

from pathlib import Path

import pytest
from live_page import Visitor


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("server")


@pytest.fixture(scope="module")
def visitor(address: str) -> Visitor:
    return Visitor(address)
