"""Many clients at once: nothing fails, some get the reply that the page is busy."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from live_page import ROOT

sys.path.insert(0, str(ROOT / "bench"))


@pytest.mark.slow
def test_thirty_clients_at_once(tmp_path: Path, shared: Callable[[str], Path]) -> None:
    from page import main

    pictures = ["--photo", str(shared("photos/male-05.jpg")), "--exemplar", str(shared("photos/male-06.jpg"))]
    main([*pictures, "--requests", "1", "--turns", "2", "--json", str(tmp_path / "figures.json")])
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["errors"] == {}
    assert figures["served"] + figures["busy"] == 2 * 30
    assert figures["busy"] > 0
    assert figures["served"] >= 2 * 16, "those that fit into the queue"
    first, _, last, after_much = figures["MiB before, after each round, after these"]
    assert last - first < 500
    one, eight = figures["one and eight exemplars of 60 megapixels"]
    assert one == "served"
    assert "413" in eight
    assert after_much - last < 500, "given back"
