"""The cascade finds what facenet-pytorch's own finds, from the same networks."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from facenet_pytorch import MTCNN
from PIL import Image

from exegan.faces.mtcnn import Cascade, SumTable, _MaxPool

TWO_FACES = Path(__file__).resolve().parents[1] / "assets" / "two-faces.jpg"
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def cascade() -> Cascade:
    return Cascade(MTCNN(keep_all=True), CPU)


@pytest.fixture(scope="module")
def package() -> MTCNN:
    return MTCNN(keep_all=True)


def variants() -> dict[str, Image.Image]:
    photo = Image.open(TWO_FACES).convert("RGB")
    several = Image.new("RGB", (640, 480), (90, 110, 120))
    for place, width in enumerate((240, 180, 130)):
        several.paste(photo.resize((width, width * photo.height // photo.width)), (10 + 200 * place, 40 + 100 * place))
    return {
        "photo": photo,
        "turned": photo.rotate(20, expand=True),
        "small": photo.resize((photo.width // 3, photo.height // 3)),
        "large": photo.resize((2 * photo.width, 2 * photo.height)),
        "several": several,
        "nobody": Image.new("RGB", (200, 150), "white"),
    }


@pytest.mark.parametrize("name", list(variants()))
def test_the_same_faces_to_a_pixel(cascade: Cascade, package: MTCNN, name: str) -> None:
    picture = variants()[name]
    boxes, scores, landmarks = cascade.search(np.asarray(picture))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of NumPy, about ragged arrays inside the package
        wanted, _, points = package.detect(picture, landmarks=True)
    assert len(boxes) == len(scores) == len(landmarks) == (0 if wanted is None else len(wanted))
    for box, five in zip(boxes, landmarks, strict=True):
        nearest = min(range(len(wanted)), key=lambda index: np.abs(wanted[index] - box).max())
        assert np.abs(wanted[nearest] - box).max() < 1
        assert np.abs(points[nearest] - five).max() < 1


def test_means_over_areas_are_those_of_adaptive_pooling() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (61, 83, 3)).astype(np.uint8)
    table, picture = SumTable(photo, CPU), torch.from_numpy(photo).permute(2, 0, 1)[None].float()
    for size in ((30, 41), (61, 83), (7, 100)):
        assert torch.allclose(table.resized(size), F.adaptive_avg_pool2d(picture, size), atol=1e-3)
    (crop,) = table.crops(torch.tensor([[10.4, 5.0, 40.9, 33.2]]), 12)
    assert torch.allclose(crop, F.adaptive_avg_pool2d(picture[0, :, 4:33, 9:40], 12), atol=1e-3)
    outside = table.crops(torch.tensor([[-20.0, -9.0, 200.0, 99.0], [300.0, 300.0, 310.0, 310.0]]), 8)
    assert torch.allclose(outside[0], F.adaptive_avg_pool2d(picture[0], 8), atol=1e-3)


@pytest.mark.parametrize("kernel", [2, 3])
@pytest.mark.parametrize("size", [(11, 10), (22, 23), (3, 3)])
def test_pooling_is_pytorch_s(kernel: int, size: tuple[int, int]) -> None:
    x = torch.randn(2, 5, *size)
    assert torch.equal(_MaxPool(kernel)(x), F.max_pool2d(x, kernel, 2, ceil_mode=True))
