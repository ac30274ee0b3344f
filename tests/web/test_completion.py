"""Completions as the page makes them, without a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import made_photo
from made_pages import make_inpainter, save_made
from PIL import Image

from exegan.errors import InputError, NoFaceFound
from exegan.inpainter import Inpainter
from exegan.io import open_photo
from exegan.io.xmp import read_packet
from exegan.web.completion import (
    FORMATS,
    CompletionRequest,
    Sample,
    as_sentence,
    complete,
    default_variety,
    show_samples,
)
from exegan.web.exemplars import Exemplar, ExemplarCache
from exegan.web.hole import HoleParts, make_hole, save_mask
from exegan.web.photo import PREVIEW_SIDE, OpenedPhoto, open_photo_file

NOSE = HoleParts(("nose", "mouth"), 0)


@pytest.fixture
def inpainter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Inpainter:
    return make_inpainter(monkeypatch, tmp_path)


@pytest.fixture
def opened(inpainter: Inpainter, tmp_path: Path) -> OpenedPhoto:
    return open_photo_file(inpainter, save_made(tmp_path / "photo.png", faces=1))


@pytest.fixture
def face(tmp_path: Path) -> Path:
    return save_made(tmp_path / "face.png", faces=1, seed=1)


def run(
    inpainter: Inpainter, opened: OpenedPhoto, exemplars: Sequence[Path], parts: HoleParts = NOSE, **request: Any
) -> list[Sample]:
    cache = request.pop("cache", None) or ExemplarCache()
    if second := request.pop("second_exemplar", None):
        request["second_exemplar"] = Exemplar(second)
    given = [Exemplar(path, path.name) for path in exemplars]
    return list(complete(inpainter, opened, parts, CompletionRequest(given, **request), cache))


def pixels(path: Path) -> Any:
    return np.asarray(Image.open(path).convert("RGB")).astype(int)


def test_samples_are_whole_files_of_their_seeds(inpainter: Inpainter, opened: OpenedPhoto, face: Path) -> None:
    samples = run(inpainter, opened, [face], seed=5, samples=3)
    assert [sample.path.name for sample in samples] == ["completed-5.png", "completed-6.png", "completed-7.png"]
    assert len({sample.path.parent for sample in samples}) == 3
    before, hole = pixels(opened.path), make_hole(opened, NOSE)
    for sample in samples:
        assert np.array_equal(pixels(sample.path)[~hole], before[~hole])
        assert (pixels(sample.path)[hole] != before[hole]).mean() > 0.5
        mark = read_packet(open_photo(sample.path).xmp)
        assert mark is not None and mark.seed == sample.seed
    assert len({pixels(sample.path).tobytes() for sample in samples}) > 1
    (again,) = run(inpainter, opened, [face], seed=6)
    assert np.array_equal(pixels(again.path), pixels(samples[1].path))
    assert again.score > 0
    assert again.message.startswith("Done in ") and "seed 6" in again.message and again.message.endswith(".")


def test_faces_are_looked_for_once(inpainter: Inpainter, opened: OpenedPhoto, face: Path) -> None:
    cache = ExemplarCache()
    for _ in range(3):
        run(inpainter, opened, [face], cache=cache, samples=2)
    assert inpainter.detector.photos_seen == 2, "the photo when it was opened, the exemplar when it was first used"


def test_exemplars_are_averaged_and_mixed(
    inpainter: Inpainter, opened: OpenedPhoto, face: Path, tmp_path: Path
) -> None:
    other = save_made(tmp_path / "other.png", faces=1, seed=2)
    layers = inpainter.model.config.generator.num_styles
    single, both = (pixels(run(inpainter, opened, one)[0].path) for one in ([face], [face, other]))
    assert not np.array_equal(single, both)
    all_second = pixels(run(inpainter, opened, [face], second_exemplar=other, mix_at=0)[0].path)
    assert np.array_equal(all_second, pixels(run(inpainter, opened, [other])[0].path))
    assert np.array_equal(pixels(run(inpainter, opened, [face], second_exemplar=other, mix_at=layers)[0].path), single)


@pytest.mark.parametrize(("name", "suffix"), [("JPEG", ".jpg"), ("As the photo", ".png"), ("WebP (lossless)", ".webp")])
def test_formats(inpainter: Inpainter, opened: OpenedPhoto, face: Path, name: str, suffix: str) -> None:
    (sample,) = run(inpainter, opened, [face], suffix=FORMATS[name])
    assert sample.path.suffix == suffix


def test_edits_one_after_the_other_keep_all_else(inpainter: Inpainter, opened: OpenedPhoto, face: Path) -> None:
    (first,) = run(inpainter, opened, [face], HoleParts(("mouth",), 0))
    mouth = make_hole(opened, HoleParts(("mouth",), 0))
    nose = make_hole(opened, HoleParts(("nose",), 0))
    # The made face is known by its first row, which stays.
    (second,) = run(inpainter, open_photo_file(inpainter, first.path), [face], HoleParts(("nose",), 0))
    unchanged = ~(mouth | nose)
    assert np.array_equal(pixels(second.path)[unchanged], pixels(opened.path)[unchanged])
    assert np.array_equal(pixels(second.path)[mouth & ~nose], pixels(first.path)[mouth & ~nose])


def test_what_is_missing_is_said(inpainter: Inpainter, opened: OpenedPhoto, face: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no exemplar yet; drop a photo of a face"):
        run(inpainter, opened, [])
    with pytest.raises(NoFaceFound, match=r"no face was found in empty\.png"):
        run(inpainter, opened, [save_made(tmp_path / "empty.png", faces=0)])
    with pytest.raises(InputError, match="the seed is -5, expected 0 to 4294967295"):
        run(inpainter, opened, [face], seed=-5)
    with pytest.raises(InputError, match="samples is 9, expected 1 to 8"):
        run(inpainter, opened, [face], samples=9)
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(InputError) as caught:
        run(inpainter, opened, [face, tmp_path / "text.png"])
    assert "text.png" in str(caught.value) and str(tmp_path) not in str(caught.value)


def test_what_was_deleted_is_to_be_dropped_again(
    inpainter: Inpainter, opened: OpenedPhoto, face: Path, tmp_path: Path
) -> None:
    gone = tmp_path / "gone.png"
    for parts, exemplars, called in [(NOSE, [gone], "gone.png"), (HoleParts(mask_file=gone), [face], "the mask")]:
        with pytest.raises(InputError, match=f"^{called} is gone, .*; drop it again$"):
            run(inpainter, opened, exemplars, parts)
    opened.path.unlink()
    with pytest.raises(InputError, match=r"^the photo is gone, .*; drop it again$"):
        run(inpainter, opened, [face])
    with pytest.raises(InputError, match=r"^the photo is gone, .*; drop it again$"):
        open_photo_file(inpainter, opened.path)


def test_what_is_shown_is_small(inpainter: Inpainter, face: Path, tmp_path: Path) -> None:
    made_photo(1).resize((1500, 1500)).save(tmp_path / "large.png")
    opened = replace(open_photo_file(inpainter, face), path=tmp_path / "large.png", size_hw=(1500, 1500))
    (sample,) = run(inpainter, opened, [face], HoleParts(("nose",), 0))
    assert pixels(sample.path).shape == (1500, 1500, 3)
    assert pixels(sample.preview).shape == (PREVIEW_SIDE, PREVIEW_SIDE, 3)


def test_the_mask_is_saved_as_it_is_read(opened: OpenedPhoto, tmp_path: Path) -> None:
    path = save_mask(opened, NOSE)
    again = HoleParts(mask_file=path)
    assert np.array_equal(make_hole(opened, again), make_hole(opened, NOSE))


def test_a_jpeg_is_kept_without_loss_to_go_on_from(inpainter: Inpainter, face: Path, tmp_path: Path) -> None:
    made_photo(1).save(tmp_path / "photo.jpg", quality=100, subsampling=0)
    opened = open_photo_file(inpainter, tmp_path / "photo.jpg")
    (sample,) = run(inpainter, opened, [face])
    assert sample.path.suffix == ".jpg" and sample.lossless.suffix == ".png"
    hole = make_hole(opened, NOSE)
    assert np.array_equal(pixels(sample.lossless)[~hole], pixels(opened.path)[~hole])


def test_results_are_shown_with_seed_and_score(inpainter: Inpainter, opened: OpenedPhoto, face: Path) -> None:
    samples = run(inpainter, opened, [face], samples=2)
    shown = show_samples(samples)
    assert [one["caption"] for one in shown["results"]] == [f"{one.seed} · {one.score:.3f}" for one in samples]
    assert len({one["key"] for one in shown["results"]}) == 2
    assert not shown["cleared"] and show_samples(samples, is_cleared=True)["cleared"]
    with Image.open(samples[0].thumbnail) as thumbnail, Image.open(samples[0].preview) as preview:
        assert max(thumbnail.size) <= 160 and thumbnail.size != preview.size


def test_more_samples_vary_more() -> None:
    values = [default_variety(count) for count in range(1, 9)]
    assert values[0] == 1 and values == sorted(values) and values[-1] == 1.75


def test_people_count_faces_from_one() -> None:
    assert as_sentence("face 0: will look soft") == "Face 1: will look soft."
    assert as_sentence("the mask lies between the faces 0 and 1.") == "The mask lies between the faces 1 and 2."
    assert as_sentence("the photo shows 2 faces") == "The photo shows 2 faces."
