"""Figures by group: who is in which, what is measured, and how few are too few."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from exegan.errors import InputError
from exegan.evaluation import estimates as groups
from exegan.evaluation.estimates import group_by_name
from exegan.evaluation.measuring import Measurer
from exegan.evaluation.run import Choices, evaluate_model

Faces = Callable[[str], Path]
PORTRAITS = r"(?:-(female|male))?-(white|black|unlabelled)$"


def test_captures_name_the_group() -> None:
    stems = ["0001-female-white", "0002-male-black", "0003-unlabelled", "0004-female-white", "sub/0005", "0006-white"]
    members = group_by_name(PORTRAITS, stems)
    assert {label: list(numbers) for label, numbers in members.items()} == {
        "female white": [0, 3],
        "male black": [1],
        "no match": [4],
        "unlabelled": [2],
        "white": [5],
    }
    assert next(iter(members)) == "female white"


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("(", r"'\(' is no regular expression \(missing \), unterminated subpattern"),
        ("female", "'female' captures nothing; put what names the group in parentheses"),
        ("(child)", r"'\(child\)' is found in none of the names, such as '0001-female-white'"),
    ],
)
def test_useless_patterns_are_refused(pattern: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        group_by_name(pattern, ["0001-female-white"])


def test_figures_of_a_group_are_those_of_its_pictures(
    model: Path, faces: Faces, masks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups, "MIN_GROUP_IMAGES", 3)
    data = faces("faces")
    choices = Choices(networks={}, bins=("centre-box",), group="^(sub)?")
    results = evaluate_model(str(model), str(data), masks, tmp_path / "out", choices)
    with np.load(tmp_path / "out/rows/model/centre-box/0000.npz") as rows:
        values = rows["L1"][:, 0]
    # Names in order: a, b, c, sub/a, sub/b.
    expected = {"no match": (values[:3].mean(), 3, True), "sub": (values[3:].mean(), 2, False)}
    found = {figure["group"]: figure for figure in results["groups"] if figure["metric"] == "L1"}
    for label, (mean, images, reliable) in expected.items():
        figure = found[label]
        assert figure["value"] == pytest.approx(mean, abs=1e-6) and figure["low"] <= figure["value"] <= figure["high"]
        assert (figure["images"], figure["reliable"], figure["bin"]) == (images, reliable, "centre-box")
    assert all(figure["method"] == "model" and "IDS" not in figure["metric"] for figure in results["groups"])
    table = (tmp_path / "out/results.md").read_text()
    assert "| metric | no match (n=3) | sub* (n=2) |" in table and "- * fewer than" in table


def test_groups_are_added_to_a_finished_evaluation(
    model: Path, faces: Faces, masks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = faces("faces")
    arguments = str(model), str(data), masks, tmp_path / "out"
    without = evaluate_model(*arguments, Choices(networks={}, bins=("centre-box",)))
    assert without["groups"] == []
    monkeypatch.setattr(Measurer, "_compare", None)  # nothing is measured again
    results = evaluate_model(*arguments, Choices(networks={}, bins=("centre-box",), group="^(sub)?"))
    assert results["groups"] and results["figures"] == without["figures"]
