"""Exemplars on the page: what is shown of each, and which face of it is encoded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from made_pages import make_inpainter, save_made
from PIL import Image

from exegan.errors import InputError
from exegan.inpainter import ExemplarPhoto, Inpainter
from exegan.web.exemplars import CARD_SIDE, Exemplar, ExemplarCache, read_exemplars


@pytest.fixture
def inpainter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Inpainter:
    return make_inpainter(monkeypatch, tmp_path)


def test_each_photo_is_shown_with_its_faces(inpainter: Inpainter, tmp_path: Path) -> None:
    one, two = save_made(tmp_path / "one.png", faces=1), save_made(tmp_path / "two.png", faces=2)
    cache = ExemplarCache()
    kept, shown = cache.show(inpainter, [Exemplar(one, "one.png"), Exemplar(two, "two.png", 1)])
    assert [photo["face"] for photo in kept] == [0, 1]
    assert [len(card["faces"]) for card in shown["cards"]] == [1, 2]
    assert shown["problem"] == ""
    left, top, right, bottom = shown["cards"][1]["faces"][1]
    assert 0.5 < left < right <= 1 and 0 <= top < bottom <= 1, "shares of the picture's sides"
    with Image.open(shown["cards"][0]["picture"]) as picture:
        assert max(picture.size) <= CARD_SIDE
    seen = inpainter.detector.photos_seen
    cache.show(inpainter, [Exemplar(one, "one.png"), Exemplar(two, "two.png", 0)])
    assert inpainter.detector.photos_seen == seen, "each is searched once"


def test_what_does_not_work_is_named_and_left_out(inpainter: Inpainter, tmp_path: Path) -> None:
    good, empty = save_made(tmp_path / "good.png", faces=1), save_made(tmp_path / "empty.png", faces=0)
    (tmp_path / "text.png").write_text("no picture")
    exemplars = [Exemplar(path, path.name) for path in (empty, good, tmp_path / "text.png")]
    kept, shown = ExemplarCache().show(inpainter, exemplars)
    assert [photo["name"] for photo in kept] == ["good.png"] == [card["name"] for card in shown["cards"]]
    assert "no face was found in empty.png; it was left out" in shown["problem"]
    assert "text.png is not a picture" in shown["problem"] and str(tmp_path) not in shown["problem"]


def test_the_face_that_is_meant_is_encoded(inpainter: Inpainter, tmp_path: Path) -> None:
    photo, cache = save_made(tmp_path / "two.png", faces=2), ExemplarCache()
    with Image.open(photo) as picture:
        wanted = [inpainter.make_style(ExemplarPhoto(picture.copy(), "", face)).codes for face in (0, 1)]
    for face in (0, 1):
        assert torch.equal(cache.style(inpainter, [Exemplar(photo, face=face)]).codes, wanted[face])
    assert not torch.equal(*wanted)


@pytest.mark.parametrize(
    "value", [7, ["path"], [{"name": "x"}], [{"path": 7, "name": "x"}], [{"path": "/x", "name": "x", "face": "0"}]]
)
def test_what_no_browser_sends_is_one_sentence(value: Any) -> None:
    with pytest.raises(InputError, match="the list of exemplars is damaged; load the page anew"):
        read_exemplars(value)
    assert read_exemplars(None) == []
