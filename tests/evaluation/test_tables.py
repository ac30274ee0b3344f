"""Tables say what the figures say."""

from __future__ import annotations

from typing import Any

from exegan.evaluation.report import make_markdown


def figure(method: str, metric: str, value: float, **changes: Any) -> dict[str, Any]:
    interval = {"value": value, "low": value - 0.002, "high": value + 0.002}
    facts = {"better": "lower", "network": None, "trained_on": False, "images": 9, "note": ""}
    return {"method": method, "bin": "20-40", "metric": metric, **interval, **facts, **changes}


def results(*figures: dict[str, Any]) -> dict[str, Any]:
    masks = {"name": "irregular-32", "sha256": {"20-40": "ab" * 32}}
    cases = {"images": 9, "data": "d.zip", "size": 32, "data_sha256": "cd" * 32, "pairing_seed": 4, "masks": masks}
    return {
        "plan": {"cases": cases},
        "figures": figures,
        "left_out": [],
        "groups": [],
        "networks": {},
        "versions": {"exegan": "1"},
    }


def test_rows_columns_and_bins() -> None:
    truth = figure("truth", "L1", 0.0, bin=None, low=0.0, high=0.0)
    table = make_markdown(results(truth, figure("model", "L1", 0.5), figure("model", "L1", 0.05, bin="40-60")))
    assert "| metric | truth | model |" in table
    assert table.count("### Holes") == 2
    assert "| L1 ↓ | 0.000 | 0.500 [0.498, 0.502] |" in table
    assert "| L1 ↓ | 0.000 | 0.0500 [0.0480, 0.0520] |" in table
    assert "20-40: sha256 abababababababab" in table and "pairing seed 4" in table


def test_marks_notes_and_gaps() -> None:
    marked = figure("model", "LPIPS-like (vgg19, 32)", 12.0, trained_on=True, better="higher", note="9 images only")
    table = make_markdown(results(marked, figure("telea", "seam", -0.3, better="zero")))
    assert "| LPIPS-like (vgg19, 32) † ↑ | 12.0 | – |" in table
    assert "| seam →0 | – | -0.300 [-0.302, -0.298] |" in table
    assert "† measured through a network that the model was trained on" in table
    assert "LPIPS-like (vgg19, 32): 9 images only." in table


def test_what_is_left_out_is_said() -> None:
    content = results(figure("model", "L1", 0.5)) | {
        "left_out": [{"metric": name, "reason": "too few"} for name in ("U-IDS", "P-IDS")]
    }
    assert "- Left out: U-IDS, P-IDS: too few." in make_markdown(content)
