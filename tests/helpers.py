"""Naive twins of operations, tiny networks and pictures that several test files compare with or build."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from exegan.cli import main
from exegan.config import GeneratorConfig, ModelConfig, StyleEncoderConfig
from exegan.faces.detect import Face
from exegan.nets.checkpoint import save_model
from exegan.nets.model import Model

EXAMPLES = Path(__file__).resolve().parents[1] / "exegan" / "web" / "examples"
MADE_FACE = 100  # pixels of width and height that a face of `made_photo` has for itself
FIR_KERNEL = torch.outer(torch.tensor([1.0, 3.0, 3.0, 1.0]), torch.tensor([1.0, 3.0, 3.0, 1.0])) / 64


def assert_close(actual: Tensor, expected: Tensor, rtol: float = 1.3e-6, atol: float = 1e-5) -> None:
    """`torch.testing.assert_close` wherever the tensors are, ten times as tolerant off the CPU.

    Other devices add up in another order, and some work out roots and exponentials less exactly.
    """
    slack = 1 if actual.device.type == "cpu" else 10
    torch.testing.assert_close(actual.cpu(), expected.cpu(), rtol=slack * rtol, atol=slack * atol)


def full_fir(x: Tensor, pad: tuple[int, int], gain: float = 1.0) -> Tensor:
    """The low-pass as one two-dimensional convolution of each channel by itself."""
    kernel = (FIR_KERNEL.to(x) * gain)[None, None]
    channels = [F.conv2d(F.pad(channel, (*pad, *pad)), kernel) for channel in x.split(1, dim=1)]
    return torch.cat(channels, dim=1)


def insert_zeros(x: Tensor, size: int) -> Tensor:
    """Pixels of square x at the even positions of a square of `size`, zeros elsewhere."""
    spread = x.new_zeros(*x.shape[:2], size, size)
    spread[:, :, ::2, ::2] = x
    return spread


def tiny_model_config(resolution: int = 16, w_dim: int = 8) -> ModelConfig:
    """A whole `lite` model of a few thousand weights."""
    generator = GeneratorConfig(
        resolution=resolution, channel_base=128, channel_max=8, z_dim=6, w_dim=w_dim, global_dim=10, mapping_layers=2
    )
    encoder = StyleEncoderConfig(kind="small", resolution=resolution, channel_base=128, channel_max=8)
    return ModelConfig(family="lite", generator=generator, style_encoder=encoder)


def tiny_perceptual_net(image: Tensor) -> list[Tensor]:
    """A perceptual `FrozenNet` of two levels: the picture and its half."""
    return [image, F.avg_pool2d(image, 2)]


def tiny_recognition_net(image: Tensor) -> list[Tensor]:
    """A recognition `FrozenNet`: the picture's quarters' colours, at length 1."""
    return [F.normalize(F.adaptive_avg_pool2d(image, 2).flatten(1))]


def tiny_encoder(image: Tensor) -> Tensor:
    """A style encoder [B, 3, H, W] → [B, 2, 3], linear: means of the picture and of its upper left quarter."""
    height, width = image.shape[-2:]
    return torch.stack([image.mean(dim=(2, 3)), image[..., : height // 2, : width // 2].mean(dim=(2, 3))], dim=1)


def fake_accelerator(monkeypatch: pytest.MonkeyPatch) -> torch.device:
    """A device that is not the CPU on every machine: torch's `meta`, from which `cpu()` brings ones.

    It cannot be mixed with tensors of the CPU, as no device can.
    """
    to_cpu = Tensor.cpu
    monkeypatch.setattr(Tensor, "cpu", lambda x: torch.ones(x.shape, dtype=x.dtype) if x.is_meta else to_cpu(x))
    return torch.device("meta")


def write_pictures(folder: Path, count: int, size: int = 20) -> list[str]:
    """Square PNG files whose red is `10 * number` and whose green is dark on the left half and bright on the right."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"{number:02}.png" for number in range(count)]
    for number, name in enumerate(names):
        pixels = np.zeros((size, size, 3), dtype=np.uint8)
        pixels[..., 0] = 10 * number
        pixels[:, size // 2 :, 1] = 200
        Image.fromarray(pixels).save(folder / name)
    return names


def zip_folder(folder: Path, path: Path) -> Path:
    """Pack all files below a folder."""
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, file.relative_to(folder))
    return path


def write_tiny_model(folder: Path) -> Path:
    """A `lite` model folder of 16 px with random weights."""
    model = Model(tiny_model_config())
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return save_model(model.eval(), folder, {})


def write_faces_to_complete(root: Path) -> Path:
    """`photos`, `masks` and `exemplars` below `root`: ten squares of noise each, two of them in a subfolder."""
    rng = np.random.default_rng(0)
    for kind in ("photos", "masks", "exemplars"):
        (root / kind / "more").mkdir(parents=True)
    for number in range(10):
        name = f"{'more/' if number > 7 else ''}{number}"
        for kind, suffix in (("photos", "jpg"), ("exemplars", "png")):
            Image.fromarray(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(root / kind / f"{name}.{suffix}")
        mask = np.zeros((32, 32), dtype=np.uint8)
        mask[8 : 16 + number, 10:24] = 255
        Image.fromarray(mask).save(root / "masks" / f"{name}.png")
    return root


def write_raw_photos(root: Path, count: int) -> Path:
    """`photos` below `root`: 0.jpg, 1.jpg … of 220x240 px, each with a face of the page's examples, tilted, unaligned.

    The face of 0.jpg touches the lower edge, so that its chin lies outside.
    """
    (root / "photos").mkdir(parents=True)
    for number in range(count):
        with Image.open(EXAMPLES / f"face-{number % 6}.jpg") as face:
            tilted = face.resize((150, 150)).rotate(4 * number, fillcolor=(120, 130, 140))
        photo = Image.new("RGB", (220, 240), (120, 130, 140))
        photo.paste(tilted, (40, 135 if number == 0 else 30))
        photo.save(root / "photos" / f"{number}.jpg", quality=92)
    return root


class MadeDetector:
    """Finds a face in every `MADE_FACE` px of a photo whose top row is red 200 there, as `made_photo` draws them."""

    def __init__(self, device: object = "cpu") -> None:
        self.photos_seen = 0

    def detect(self, photo: Image.Image) -> list[Face]:
        self.photos_seen += 1
        red = np.asarray(photo)[0, ::MADE_FACE, 0]
        return [make_face(MADE_FACE * i + 10, 3, 80) for i in np.flatnonzero(red == 200)]


def made_photo(faces: int, seed: int = 0, height: int = MADE_FACE) -> Image.Image:
    """Smooth colours with so many faces side by side for `MadeDetector`, every `MADE_FACE` px."""
    random = np.random.default_rng(seed)
    small = Image.fromarray(random.integers(40, 220, (4, 4 * max(faces, 1), 3), dtype=np.uint8))
    pixels = np.array(small.resize((MADE_FACE * max(faces, 1), height), Image.Resampling.BICUBIC))
    pixels[0, :, 0] = 200 if faces else 0
    return Image.fromarray(pixels)


def make_face(x: float, y: float, size: float) -> Face:
    """A face whose box has its upper left corner there; its aligned crop reaches beyond the box on all sides."""
    landmarks = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]]) * size + [x, y]
    return Face((x, y, x + size, y + size), landmarks, 0.99)


def run_command(*arguments: str | Path) -> int:
    """Run the command line in this process; its exit code."""
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def run_inpaint(*arguments: str, output: str = "out.png") -> int:
    """`exegan inpaint` of the photo of three faces in the fixture `workplace`; its exit code."""
    return run_command("inpaint", "photo.png", "--model", "model", "--device", "cpu", "-o", output, *arguments)
