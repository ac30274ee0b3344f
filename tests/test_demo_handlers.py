"""What the page does, without a page."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from exegan.errors import InputError, MaskError, NoFaceFound

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "demo"))
import handlers

SIZE = (40, 30)
BOX = (8, 6, 16, 12)


@dataclass
class FakeResult:
    image: Image.Image
    sentences: list[str]
    seconds: dict[str, float] = field(default_factory=lambda: {"detect": 0.25, "generate": 0.5})

    def notes(self) -> list[str]:
        return self.sentences


@dataclass
class FakeInpainter:
    """Fills the hole with the exemplar's first colour, and remembers what it was asked for."""

    sentences: list[str] = field(default_factory=list)
    asked: dict[str, Any] = field(default_factory=dict)
    model_sha256: str | None = None

    def inpaint(self, photo: Image.Image, mask: NDArray[np.bool_], exemplar: Image.Image, *, seed: int) -> FakeResult:
        self.asked = {"photo": photo, "mask": mask, "exemplar": exemplar, "seed": seed}
        pixels = np.array(photo)
        pixels[mask] = exemplar.getpixel((0, 0))
        return FakeResult(Image.fromarray(pixels), self.sentences)


class FacelessInpainter:
    model_sha256 = None

    def inpaint(self, *_: Any, **__: Any) -> FakeResult:
        raise NoFaceFound("no face was found in the exemplar; give another")


def stroke(size: tuple[int, int] = SIZE, box: tuple[int, int, int, int] = BOX, alpha: int = 255) -> Image.Image:
    layer = Image.new("RGBA", size)
    layer.paste((20, 184, 166, alpha), box)
    return layer


def editor(*layers: Image.Image, size: tuple[int, int] = SIZE) -> dict[str, Any]:
    background = Image.new("RGBA", size, (200, 150, 120, 255))
    return {"background": background, "layers": list(layers), "composite": None}


def box_mask(box: tuple[int, int, int, int] = BOX, size: tuple[int, int] = SIZE) -> NDArray[np.bool_]:
    mask = np.zeros(size[::-1], dtype=bool)
    mask[box[1] : box[3], box[0] : box[2]] = True
    return mask


@pytest.fixture
def exemplar(tmp_path: Path) -> Path:
    Image.new("RGB", (20, 20), (10, 20, 30)).save(tmp_path / "face.png")
    return tmp_path / "face.png"


def save_mask(path: Path, mask: NDArray[np.bool_]) -> Path:
    Image.fromarray(mask.astype(np.uint8) * 255).save(path)
    return path


def test_mask_is_where_the_layer_is_opaque() -> None:
    assert np.array_equal(handlers.mask_from_editor(editor(stroke())), box_mask())


@pytest.mark.parametrize(("alpha", "painted"), [(255, True), (204, True), (128, True), (127, False), (1, False)])
def test_semi_transparent_strokes_count_from_half_opacity(alpha: int, painted: bool) -> None:
    assert handlers.mask_from_editor(editor(stroke(alpha=alpha))).any() == painted


def test_colour_of_the_stroke_does_not_matter() -> None:
    layer = Image.new("RGBA", SIZE)
    layer.paste((0, 0, 0, 255), BOX)
    assert np.array_equal(handlers.mask_from_editor(editor(layer)), box_mask())


def test_layers_are_joined() -> None:
    other = (20, 15, 30, 25)
    joined = handlers.mask_from_editor(editor(stroke(), stroke(box=other)))
    assert np.array_equal(joined, box_mask() | box_mask(other))


@pytest.mark.parametrize("layers", [[], None])
def test_without_layers_the_mask_is_empty(layers: list[Image.Image] | None) -> None:
    mask = handlers.mask_from_editor({**editor(), "layers": layers})
    assert mask.shape == SIZE[::-1]
    assert not mask.any()


@pytest.mark.parametrize("factor", [2, 0.5])
def test_canvas_of_another_size_is_stretched_over_the_photo(factor: float) -> None:
    size = (round(SIZE[0] * factor), round(SIZE[1] * factor))
    left, top, right, bottom = (round(x * factor) for x in BOX)
    mask = handlers.mask_from_editor(editor(stroke(size, (left, top, right, bottom))))
    assert np.array_equal(mask, box_mask())


def test_painted_and_uploaded_holes_are_joined(tmp_path: Path) -> None:
    other = (20, 15, 30, 25)
    path = save_mask(tmp_path / "mask.png", box_mask(other))
    assert np.array_equal(handlers.find_hole(editor(stroke()), path), box_mask() | box_mask(other))
    assert np.array_equal(handlers.find_hole(editor(), path), box_mask(other))


def test_complete_returns_both_pictures_the_file_and_a_message(tmp_path: Path, exemplar: Path) -> None:
    inpainter = FakeInpainter(sentences=["the face is larger than the model's picture, upscaled 3.1x"])
    value = editor(stroke())
    before, after, path, message = handlers.complete(inpainter, value, None, exemplar, 7, tmp_path)
    photo = np.asarray(value["background"].convert("RGB"))
    assert np.array_equal(np.asarray(before), photo)
    assert (np.asarray(after)[box_mask()] == (10, 20, 30)).all()
    assert np.array_equal(np.asarray(after)[~box_mask()], photo[~box_mask()])
    with Image.open(path) as file:
        assert file.format == "PNG"
        assert np.array_equal(np.asarray(file), np.asarray(after))
    assert message == "Done in 0.8 s, 40×30 pixels. The face is larger than the model's picture, upscaled 3.1x."
    assert inpainter.asked["seed"] == 7
    assert inpainter.asked["photo"].mode == inpainter.asked["exemplar"].mode == "RGB"


def test_results_do_not_overwrite_each_other(tmp_path: Path, exemplar: Path) -> None:
    paths = {handlers.complete(FakeInpainter(), editor(stroke()), None, exemplar, 0, tmp_path)[2] for _ in range(3)}
    assert len(paths) == 3
    assert all(tmp_path in Path(path).parents for path in paths)


def test_emptied_seed_counts_as_zero(tmp_path: Path, exemplar: Path) -> None:
    inpainter = FakeInpainter()
    handlers.complete(inpainter, editor(stroke()), None, exemplar, None, tmp_path)
    assert inpainter.asked["seed"] == 0


def test_large_results_are_shown_small_and_kept_whole(tmp_path: Path, exemplar: Path) -> None:
    size = (handlers.PREVIEW_SIDE * 2, 400)
    value = editor(stroke(size), size=size)
    before, after, path, _ = handlers.complete(FakeInpainter(), value, None, exemplar, 0, tmp_path)
    assert before.size == after.size == (handlers.PREVIEW_SIDE, 200)
    with Image.open(path) as file:
        assert file.size == size


@pytest.mark.parametrize("value", [None, {"background": None, "layers": [], "composite": None}])
def test_missing_photo(value: dict[str, Any] | None, tmp_path: Path, exemplar: Path) -> None:
    with pytest.raises(InputError, match="There is no photo yet"):
        handlers.complete(FakeInpainter(), value, None, exemplar, 0, tmp_path)


def test_nothing_painted(tmp_path: Path, exemplar: Path) -> None:
    with pytest.raises(MaskError, match="Nothing is painted yet"):
        handlers.complete(FakeInpainter(), editor(stroke(alpha=0)), None, exemplar, 0, tmp_path)


def test_missing_exemplar(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no exemplar yet"):
        handlers.complete(FakeInpainter(), editor(stroke()), None, None, 0, tmp_path)


def test_uploaded_mask_of_another_size(tmp_path: Path) -> None:
    path = save_mask(tmp_path / "mask.png", np.ones((5, 6), dtype=bool))
    with pytest.raises(MaskError, match="the mask is 6x5, expected the photo's 40x30"):
        handlers.find_hole(editor(stroke()), path)


def test_uploads_that_are_no_pictures_are_named_as_on_the_page(tmp_path: Path) -> None:
    junk = tmp_path / "junk.png"
    junk.write_text("not a picture")
    with pytest.raises(InputError, match=r"^the exemplar is not a picture"):
        handlers.complete(FakeInpainter(), editor(stroke()), None, junk, 0, tmp_path)
    with pytest.raises(InputError, match=r"^the uploaded mask is not a picture"):
        handlers.find_hole(editor(), junk)


def test_errors_of_the_pipeline_pass_and_leave_no_file(tmp_path: Path, exemplar: Path) -> None:
    folder = tmp_path / "results"
    folder.mkdir()
    with pytest.raises(NoFaceFound, match="give another"):
        handlers.complete(FacelessInpainter(), editor(stroke()), None, exemplar, 0, folder)
    assert not list(folder.iterdir())
