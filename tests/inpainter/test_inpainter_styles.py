"""Styles as values: averaged, mixed, saved; photos that stand out are named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from helpers import made_photo
from safetensors.torch import save_file

from exegan.errors import InputError, NoFaceFound
from exegan.faces.detect import align_face
from exegan.inpainter import ExemplarPhoto, Inpainter, Style, average_styles, load_style, save_style
from exegan.io import to_tensor


def style(fill: float, name: str = "", **more: object) -> Style:
    return Style(torch.full((2, 3), fill), "a" * 64, (name,) if name else (), **more)  # type: ignore[arg-type]


def test_a_photo_is_encoded_as_its_aligned_face(inpainter: Inpainter) -> None:
    photo = made_photo(1)
    made = inpainter.make_style(ExemplarPhoto(photo, "a.jpg"))
    assert made.names == ("a.jpg",)
    face = align_face(np.asarray(photo), inpainter.detector.detect(photo)[0], 16)
    torch.testing.assert_close(made.codes, inpainter.encode_exemplar(to_tensor(face))[0])


def test_several_photos_are_averaged(inpainter: Inpainter) -> None:
    photos = [made_photo(1, seed) for seed in range(3)]
    one_by_one = torch.stack([inpainter.make_style(photo).codes for photo in photos])
    together = inpainter.make_style(photos)
    torch.testing.assert_close(together.codes, one_by_one.mean(dim=0))
    assert len(together.distances) == 3
    saved = [inpainter.make_style(photos[0]), photos[1], photos[2]]
    torch.testing.assert_close(inpainter.make_style(saved).codes, together.codes)


def test_a_style_far_from_the_others_is_named() -> None:
    averaged = average_styles([style(0.0, "a"), style(0.1, "b"), style(0.2, "c"), style(5.0, "odd")])
    (remark,) = averaged.remarks
    assert "odd" in remark and "x the usual distance" in remark
    assert max(averaged.distances) == averaged.distances[3]
    assert average_styles([style(0.0, "a"), style(0.1, "b"), style(0.2, "c")]).remarks == ()
    assert average_styles([style(1.0, "a")] * 4).remarks == (), "copies of one photo are no distance apart"


def test_a_photo_of_somebody_else_is_named_by_identity() -> None:
    def known(name: str, *embedding: float) -> Style:
        return style(0.0, name, identity=F.normalize(torch.tensor([embedding])))

    averaged = average_styles([known("a", 1, 0.1), known("b", 1, -0.1), known("odd", -0.2, 1)])
    (remark,) = averaged.remarks
    assert "odd" in remark and "somebody else" in remark
    assert averaged.identity is not None and averaged.identity.shape == (3, 2)


def test_mixing_takes_coarse_layers_from_one_and_fine_ones_from_the_other() -> None:
    a, b = style(1.0), style(2.0)
    assert a.mixed(b, 1).codes[:, 0].tolist() == [1.0, 2.0]
    assert torch.equal(a.mixed(b, 2).codes, a.codes) and torch.equal(a.mixed(b, 0).codes, b.codes)
    for layer in (-1, 3):
        with pytest.raises(InputError, match="0 to 2"):
            a.mixed(b, layer)
    with pytest.raises(InputError, match="different models"):
        a.mixed(Style(torch.zeros(2, 3), "b" * 64), 1)


def test_a_saved_style_is_the_same_without_names_and_faces(tmp_path: Path) -> None:
    made = style(0.5, "someone.jpg", identity=torch.ones(1, 4))
    save_style(made, tmp_path / "a.safetensors")
    again = load_style(tmp_path / "a.safetensors")
    assert torch.equal(again.codes, made.codes) and again.model_sha256 == made.model_sha256
    assert again.identity is None and again.names == ("a.safetensors",)
    assert b"someone" not in (tmp_path / "a.safetensors").read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["a.safetensors"]


def test_styles_of_other_models_are_refused(inpainter: Inpainter, tmp_path: Path) -> None:
    mine = inpainter.make_style(made_photo(1))
    save_style(mine, tmp_path / "a.safetensors")
    inpainter.make_style(load_style(tmp_path / "a.safetensors"))
    other = Inpainter(inpainter.model, inpainter.device, model_sha256="b" * 64)
    with pytest.raises(
        InputError, match=r"style a.safetensors is of another model \(weights aaaaaaaa, here bbbbbbbb\)"
    ):
        other.make_style(load_style(tmp_path / "a.safetensors"))
    with pytest.raises(InputError, match="has shape"):
        inpainter.make_style(style(1.0))
    assert Inpainter(inpainter.model, inpainter.device).make_style(mine) is mine, "a model without a file is not known"


def test_files_that_are_no_styles(tmp_path: Path) -> None:
    (tmp_path / "text.safetensors").write_text("this is no style")
    save_file({"style": torch.zeros(2, 3)}, tmp_path / "weights.safetensors")
    save_style(Style(torch.full((2, 3), torch.nan)), tmp_path / "nan.safetensors")
    metadata = {"format": "exegan-style-1"}
    for dtype in (torch.float8_e4m3fn, torch.int32, torch.bool, torch.complex64):
        save_file({"style": torch.zeros(2, 3).to(dtype)}, tmp_path / f"{dtype}.safetensors", metadata)
    save_file({"style": torch.full((2, 3), 1e300, dtype=torch.float64)}, tmp_path / "vast.safetensors", metadata)
    save_file({"style": torch.zeros(0, 3)}, tmp_path / "empty.safetensors", metadata)
    for name, said in (
        ("no", "does not exist"),
        ("text", "cannot be read"),
        ("weights", "no style"),
        ("nan", "no style"),
        ("torch.float8_e4m3fn", "no style"),
        ("torch.int32", "no style"),
        ("torch.bool", "no style"),
        ("torch.complex64", "no style"),
        ("vast", "no style"),
        ("empty", "no style"),
        ("x" * 300, "cannot be used"),
        ("a\0b", "cannot be used"),
    ):
        with pytest.raises(InputError, match=said):
            load_style(tmp_path / f"{name}.safetensors")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a.png", "expected .safetensors"),
        ("no/a.safetensors", "does not exist"),
        ("x" * 300 + ".safetensors", "cannot be used"),
        ("a\0b.safetensors", "cannot be used"),
    ],
)
def test_places_where_no_style_can_be_written(tmp_path: Path, name: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        save_style(style(1.0), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_an_exemplar_with_several_faces_asks_which(inpainter: Inpainter) -> None:
    photo = made_photo(2)
    with pytest.raises(InputError, match=r"group.jpg shows 2 faces: 0 at \(50, \d+\), 1 at \(150, \d+\)"):
        inpainter.make_style(ExemplarPhoto(photo, "group.jpg"))
    with pytest.raises(InputError, match="no face 2; it shows 2 faces, 0 to 1"):
        inpainter.make_style(ExemplarPhoto(photo, "group.jpg", face=2))
    left, right = (inpainter.make_style(ExemplarPhoto(photo, face=face)).codes for face in (0, 1))
    assert not torch.equal(left, right)
    with pytest.raises(NoFaceFound, match=r"the exemplar grey\.png"):
        inpainter.make_style(ExemplarPhoto(made_photo(0), "grey.png"))
    with pytest.raises(InputError, match="no exemplar"):
        inpainter.make_style([])
