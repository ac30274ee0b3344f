"""The one pipeline behind the command line, the page and every program: complete a masked face from an exemplar.

Two doors: `Inpainter.inpaint` takes whole photos, `Inpainter.complete` takes aligned tensors.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from exegan.errors import InputError, NoFaceFound
from exegan.faces.align import Affine, ffhq_affine, warp_crop, warp_mask
from exegan.faces.detect import Face, FaceDetector, choose_face, largest_face
from exegan.faces.paste import hole_outside_crop, paste
from exegan.images import check_mask, to_tensor, upright_rgb
from exegan.nets.checkpoint import load_model
from exegan.nets.model import Networks
from exegan.nets.onnx_model import load_onnx
from exegan.nets.onnx_session import onnx_device
from exegan.nets.runtime import Precision, TorchNetworks
from exegan.ops.composite import composite

Device = Literal["auto", "cpu", "cuda", "mps"]
NoiseMode = Literal["const", "random", "none"]
Backend = Literal["torch", "onnx"]


@dataclass(frozen=True)
class Inpainted:
    """A completed photo and how it came about.

    Args:
        image: RGB, the photo's size.
        face: The face that was completed, in photo coordinates.
        seed: Seed of the stochastic style.
        upscaled: Photo pixels per model pixel along a side; above 1 the model's picture was enlarged.
        hole_outside_crop: Share of the hole's pixels that lie outside the face crop and were left as they were.
        seconds: Duration of each stage.
    """

    image: Image.Image
    face: Face
    seed: int
    upscaled: float
    hole_outside_crop: float
    seconds: dict[str, float]

    def report(self) -> dict[str, Any]:
        """JSON-ready facts: face box and score, seed, upscaling, share of the hole left alone, seconds."""
        return {
            "box_xyxy": [round(float(x), 1) for x in self.face.box_xyxy],
            "score": round(float(self.face.score), 4),
            "seed": self.seed,
            "upscaled": round(self.upscaled, 2),
            "hole_outside_crop": round(self.hole_outside_crop, 4),
            "seconds": {name: round(value, 3) for name, value in self.seconds.items()},
        }

    def notes(self) -> list[str]:
        """What a person should know about this result, in sentences; often nothing."""
        notes = []
        if self.upscaled > 1:
            notes.append(f"the face is larger than the model's picture, upscaled {self.upscaled:.1f}x")
        if self.hole_outside_crop >= 0.005:
            notes.append(f"{self.hole_outside_crop:.0%} of the hole lies outside the face crop and was left as it was")
        return notes


@dataclass(frozen=True)
class Prepared:
    """A photo's face, aligned for the networks.

    Args:
        photo: uint8 RGB [H, W, 3], upright.
        mask: Bool [H, W], True = hole.
        face: The face, in photo coordinates; None for photos that are aligned faces themselves.
        affine: Photo → crop.
        image: Crop [3, R, R] in [-1, 1].
        crop_mask: [1, R, R], 1 = hole.
    """

    photo: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    face: Face | None
    affine: Affine
    image: Tensor
    crop_mask: Tensor


class Inpainter:
    """Networks on a device, ready to complete faces. Holds no state between calls.

    Args:
        model: The networks, ready to run.
        device: Where they are.
    """

    def __init__(self, model: Networks, device: torch.device) -> None:
        self.model, self.device = model, device

    @classmethod
    def from_pretrained(
        cls,
        name_or_folder: str | Path = "default",
        device: Device | str = "auto",
        *,
        backend: Backend | str = "torch",
        precision: Precision | str = "float32",
        channels_last: bool | None = None,
        compile_networks: bool = False,
    ) -> Inpainter:
        """Load a bundled model by name (`default`), a model folder, or an ONNX folder.

        Args:
            name_or_folder: `default` or the path of a folder.
            device: `auto` takes CUDA, then MPS, then the CPU.
            backend: `torch` for model folders, `onnx` for folders that `exegan onnx` wrote (CUDA or CPU, float32).
            precision: `float32`, or `bfloat16` or `float16` for speed on hardware that has them.
            channels_last: Memory layout of pictures; None takes the faster one.
            compile_networks: Use `torch.compile`: the first picture takes minutes, later ones less time.

        Raises:
            WeightsError: The model is missing, damaged, of another architecture or for the other backend.
            InputError: The device or backend is unknown or not there, or the backend has no such option.
            ConfigError: The precision is unknown.
        """
        if backend not in ("torch", "onnx"):
            raise InputError(f"the backend {backend!r} is unknown; use torch or onnx")
        if backend == "onnx":
            if precision != "float32" or channels_last is not None or compile_networks:
                raise InputError("the backend onnx has no options precision, channels_last and compile; leave them out")
            chosen = choose_device(onnx_device(device))
            return cls(load_onnx(name_or_folder, chosen), chosen)
        chosen = choose_device(device)
        model = load_model(name_or_folder, chosen)
        return cls(TorchNetworks(model, precision, channels_last, compile_networks), chosen)

    @property
    def resolution(self) -> int:
        """Side of the aligned faces that `complete` takes, in pixels."""
        return self.model.config.generator.resolution

    @cached_property
    def detector(self) -> FaceDetector:
        """Face detector, loaded when first needed."""
        return FaceDetector(self.device)

    @torch.no_grad()
    def encode_exemplar(self, exemplar: Tensor) -> Tensor:
        """Style codes of aligned exemplar faces, a value to keep and use again.

        Args:
            exemplar: [B, 3, H, W] in [-1, 1], any size.

        Returns:
            [B, num_styles, w_dim], on the model's device.
        """
        return self.model.encode_exemplar(exemplar.to(self.device))

    def complete(
        self,
        image: Tensor,
        mask: Tensor,
        exemplar: Tensor,
        *,
        z: Tensor | None = None,
        seed: int | Sequence[int] = 0,
        exemplar_strength: float = 1.0,
        truncation_psi: float = 1.0,
        noise_mode: NoiseMode = "const",
    ) -> Tensor:
        """Complete aligned faces (the tensor door).

        Args:
            image: [B, 3, R, R] in [-1, 1], R = `resolution`; pixels in the hole are not looked at.
            mask: [B, 1, R, R], 1 = hole.
            exemplar: Aligned faces [B or 1, 3, H, W] in [-1, 1], or styles [B or 1, num_styles, w_dim].
            z: Random latents [B, z_dim]; None draws them from `seed`.
            seed: One seed for all items, or one for each.
            exemplar_strength: 1 = the exemplar rules its layers, 0 = the stochastic style alone.
            truncation_psi: 1 = none; towards 0, w moves to its mean (less variety).
            noise_mode: Per-layer noise: `const` the stored, `random` drawn from `seed`, `none` without.

        Returns:
            [B, 3, R, R]: generated inside the hole and not clamped, `image` bit for bit outside. On the model's device.

        Raises:
            InputError: Shapes, seeds or options do not fit.
        """
        image, mask = image.to(self.device), mask.to(self.device)
        raw = self._generate(image, mask, exemplar, z, seed, exemplar_strength, truncation_psi, noise_mode)
        return composite(raw, image, mask)

    @torch.no_grad()
    def inpaint(
        self,
        photo: Image.Image,
        mask: NDArray[np.bool_],
        exemplar: Image.Image | Tensor,
        *,
        seed: int = 0,
        exemplar_strength: float = 1.0,
        truncation_psi: float = 1.0,
    ) -> Inpainted:
        """Complete the face under a hole in a whole photo (the person's door).

        Detects the face under the mask, aligns it like FFHQ, completes it, and puts the hole's part of it back at the
        photo's full resolution with a seam that is blended inside the hole.

        Args:
            photo: Any size and mode; EXIF orientation is applied.
            mask: Bool [H, W] of the upright photo, True = hole.
            exemplar: Photo of the face to take the looks from (the largest one in it), or an encoded style
                [1, num_styles, w_dim].
            seed: Seed of the stochastic style.
            exemplar_strength: As in `complete`.
            truncation_psi: As in `complete`.

        Returns:
            The completed photo, RGB; every pixel outside the mask is the photo's.

        Raises:
            MaskError: The mask has another size, is empty, or touches no face.
            NoFaceFound: There is no face in the photo or in the exemplar.
        """
        clock = _Clock()
        photo = upright_rgb(photo)
        check_mask(mask, (photo.height, photo.width))
        face = choose_face(self.detector.detect(photo), mask)
        clock.lap("detect")
        style = exemplar if isinstance(exemplar, Tensor) else self.encode_exemplar(self.align_exemplar(exemplar))
        clock.lap("encode_exemplar")
        pixels = np.asarray(photo)
        affine = ffhq_affine(face.landmarks5, self.resolution)
        image = to_tensor(warp_crop(pixels, affine, self.resolution)).to(self.device)
        crop_mask = torch.from_numpy(warp_mask(mask, affine, self.resolution))[None, None].to(self.device)
        clock.lap("align")
        raw = self._generate(image, crop_mask, style, None, seed, exemplar_strength, truncation_psi, "const")
        clock.lap("generate")
        result = paste(pixels, raw[0].cpu(), mask, affine)
        clock.lap("paste")
        return Inpainted(
            image=Image.fromarray(result),
            face=face,
            seed=seed,
            upscaled=1 / math.hypot(affine[0, 0], affine[1, 0]),
            hole_outside_crop=hole_outside_crop(mask, affine, self.resolution),
            seconds=clock.seconds,
        )

    def prepare(
        self,
        photo: Image.Image,
        mask: NDArray[np.bool_],
        *,
        face: str = "auto",
        aligned: bool = False,
    ) -> Prepared:
        """First stage of `inpaint`: find the face and cut it out. May run in any thread.

        Args:
            photo: As for `inpaint`.
            mask: As for `inpaint`.
            face: Its number from the left, or `auto`: the one that the mask touches most.
            aligned: The photo is an aligned square face, nothing is looked for.

        Raises:
            InputError: As for `inpaint`; an aligned photo is not square, or there is no such face.
        """
        photo = upright_rgb(photo)
        check_mask(mask, (photo.height, photo.width))
        found = None
        if aligned:
            if photo.width != photo.height:
                raise InputError(f"the photo is {photo.width}x{photo.height}, expected an aligned square face")
            affine = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]) * (self.resolution / photo.width)
        else:
            faces = self.detector.detect(photo)
            if face == "auto":
                found = choose_face(faces, mask)
            elif not face.isdecimal() or int(face) >= len(faces):
                raise InputError(f"there is no face {face}, the photo has {len(faces)}; count from 0 at the left")
            else:
                found = faces[int(face)]
            affine = ffhq_affine(found.landmarks5, self.resolution)
        pixels = np.asarray(photo)
        image = to_tensor(warp_crop(pixels, affine, self.resolution))[0]
        crop_mask = torch.from_numpy(warp_mask(mask, affine, self.resolution))[None]
        return Prepared(pixels, mask, found, affine, image, crop_mask)

    def generate(
        self,
        image: Tensor,
        mask: Tensor,
        exemplar: Tensor,
        *,
        seed: int | Sequence[int] = 0,
        exemplar_strength: float = 1.0,
        truncation_psi: float = 1.0,
    ) -> Tensor:
        """Middle stage of `inpaint`, for several crops at once: whole faces, arguments as for `complete`."""
        image, mask = image.to(self.device), mask.to(self.device)
        return self._generate(image, mask, exemplar, None, seed, exemplar_strength, truncation_psi, "const")

    def finish(self, prepared: Prepared, raw: Tensor) -> Image.Image:
        """Last stage of `inpaint`: put a generated crop [3, R, R] back. May run in any thread."""
        return Image.fromarray(paste(prepared.photo, raw.cpu(), prepared.mask, prepared.affine))

    def align_exemplar(self, photo: Image.Image) -> Tensor:
        """Aligned face [1, 3, S, S] in [-1, 1] of the largest face in an exemplar photo, S the style encoder's side.

        Raises:
            NoFaceFound: There is no face in it.
        """
        photo = upright_rgb(photo)
        faces = self.detector.detect(photo)
        if not faces:
            raise NoFaceFound(
                f"no face was found in the exemplar ({photo.width}x{photo.height}); give a photo that shows one clearly"
            )
        side = self.model.config.style_encoder.resolution
        return to_tensor(warp_crop(np.asarray(photo), ffhq_affine(largest_face(faces).landmarks5, side), side))

    @torch.no_grad()
    def _generate(
        self,
        image: Tensor,
        mask: Tensor,
        exemplar: Tensor,
        z: Tensor | None,
        seed: int | Sequence[int],
        exemplar_strength: float,
        truncation_psi: float,
        noise_mode: NoiseMode,
    ) -> Tensor:
        """Whole generated faces [B, 3, R, R], before compositing."""
        config, batch = self.model.config.generator, len(image)
        _expect("image", image, batch, 3, config.resolution, config.resolution)
        _expect("mask", mask, batch, 1, config.resolution, config.resolution)
        style = exemplar.to(self.device) if exemplar.ndim == 3 else self._encode_checked(exemplar)
        _expect("exemplar style", style, batch if len(style) != 1 else 1, config.num_styles, config.w_dim)
        drawn_z, noise = self._draw(batch, seed, noise_mode)
        z = drawn_z if z is None else z.to(self.device)
        _expect("z", z, batch, config.z_dim)
        style = style.expand(batch, -1, -1)
        return self.model.generate(image, mask, z, style, exemplar_strength, truncation_psi, noise)

    def _encode_checked(self, exemplar: Tensor) -> Tensor:
        _expect("exemplar", exemplar, len(exemplar), 3, *exemplar.shape[2:4])
        return self.encode_exemplar(exemplar)

    def _draw(self, batch: int, seed: int | Sequence[int], noise_mode: NoiseMode) -> tuple[Tensor, list[Tensor] | None]:
        """z and noise of every item from its own seed, drawn on the CPU: the same on every device and in any batch."""
        seeds = [seed] * batch if isinstance(seed, int) else list(seed)
        if len(seeds) != batch:
            raise InputError(f"got {len(seeds)} seeds for {batch} images, expected one seed or one for each image")
        generators = [torch.Generator().manual_seed(int(s)) for s in seeds]

        def draw(*shape: int) -> Tensor:
            return torch.stack([torch.randn(shape, generator=g) for g in generators]).to(self.device)

        z = draw(self.model.config.generator.z_dim)
        shapes = self.model.config.generator.noise_shapes()
        if noise_mode == "const":
            return z, None
        if noise_mode == "random":
            return z, [draw(1, *shape) for shape in shapes]
        if noise_mode == "none":
            return z, [torch.zeros(1, 1, *shape, device=self.device) for shape in shapes]
        raise InputError(f"noise_mode is {noise_mode!r}, expected 'const', 'random' or 'none'")


class _Clock:
    """Seconds since the last lap, by name."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.seconds[name] = now - self._last
        self._last = now


def choose_device(name: str) -> torch.device:
    """Device of a name: `auto` (CUDA, then MPS, then CPU), `cpu`, `cuda`, `cuda:1` or `mps`.

    Raises:
        InputError: Unknown to torch, or not in this machine.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    if name.partition(":")[0] not in ("cpu", "cuda", "mps"):
        raise InputError(f"the device {name!r} is unknown; use auto, cpu, cuda or mps")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"the device {name!r} cannot be used here ({reason}); use auto, cpu, cuda or mps") from error
    return device


def _expect(name: str, tensor: Tensor, *shape: int) -> None:
    if tuple(tensor.shape) != shape:
        raise InputError(f"{name} has shape {list(tensor.shape)}, expected {list(shape)}")
