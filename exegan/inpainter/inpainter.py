"""The two entry points: whole photos (`Inpainter`), and batches of aligned faces (`Inpainter.complete`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from exegan.errors import InputError
from exegan.faces.detect import AlignedFace, Face, FaceDetector, align_face
from exegan.faces.exemplars import Key
from exegan.faces.select import select_faces
from exegan.inpainter.loading import Backend, Device, Recognizer, load_networks, make_recognizer
from exegan.inpainter.plan import Plan, make_plan
from exegan.inpainter.result import Inpainted
from exegan.inpainter.run import Clock, run_plans
from exegan.inpainter.style import (
    Exemplar,
    ExemplarPart,
    ExemplarPhoto,
    Style,
    average_styles,
    choose_exemplar_face,
    exemplar_parts,
)
from exegan.inpainter.tensors import DEFAULTS, Options, TensorInpainter, check_seeds, sample_seeds
from exegan.io import Photo, check_mask, to_tensor, upright_rgb
from exegan.masks.hole import AllBut, Hole, Regions
from exegan.nets.model import Networks, Precision

Exemplars = Exemplar | Mapping[Key, Exemplar]
"""One exemplar for all, or several by whom they are for: a face (2), regions ("eyes+mouth"), both ((2, "eyes"))."""


class Inpainter(TensorInpainter):
    """Networks on a device, ready to complete faces in photos. Holds no state between calls.

    ::

        inpainter = Inpainter.from_pretrained("default")
        photo, mask, exemplar = open_photo("photo.jpg"), read_mask("mask.png"), read_photo("face.jpg")
        inpainter.inpaint(photo, mask, exemplar, seed=3).save("completed.jpg")

    Args:
        model: The networks, ready to run.
        device: Where they are.
        model_sha256: Of the weights' file; styles of another model are refused by it.
        recognizer: Measures identities for reports, if given (`make_recognizer`).
    """

    def __init__(
        self,
        model: Networks,
        device: torch.device,
        *,
        model_sha256: str | None = None,
        recognizer: Recognizer | None = None,
    ) -> None:
        super().__init__(model, device)
        self.model_sha256, self.recognizer = model_sha256, recognizer

    @cached_property
    def detector(self) -> FaceDetector:
        """Face detector, loaded when first needed."""
        return FaceDetector(self.device)

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
        identity_net: str | None = None,
    ) -> Inpainter:
        """Load a bundled model by name (`default`), a model folder, or an ONNX folder.

        Args:
            name_or_folder: `default` or the path of a folder.
            device: `auto` takes CUDA, then MPS, then the CPU.
            backend: `torch` for model folders, `onnx` for folders that `exegan onnx` wrote (CUDA or CPU, float32).
            precision: `float32`, or `bfloat16` or `float16` for speed on hardware that has them.
            channels_last: Memory layout of pictures; None takes the faster one.
            compile_networks: Use `torch.compile`: the first picture takes minutes, later ones less time.
            identity_net: Recognition network for reports, as `mobilefacenet=FILE`; None reports no identities.

        Raises:
            WeightsError: The model is missing, damaged, of another architecture or for the other backend.
            InputError: The device or backend is unknown or not there, or the backend has no such option.
            ConfigError: The precision is unknown.
        """
        loaded = load_networks(
            name_or_folder,
            device,
            backend,
            precision=precision,
            channels_last=channels_last,
            compile_networks=compile_networks,
        )
        recognizer = None if identity_net is None else make_recognizer(identity_net, loaded.device)
        return cls(loaded.model, loaded.device, model_sha256=loaded.sha256, recognizer=recognizer)

    def make_style(self, exemplar: Exemplar, *, aligned: bool = False) -> Style:
        """Encode an exemplar once, to use it again or to save it (`save_style`).

        Args:
            exemplar: A photo that shows one face, an `ExemplarPhoto` that says which, a style, or several of these of
                one person, whose styles are averaged.
            aligned: Photos are aligned square faces themselves, nothing is looked for.

        Raises:
            NoFaceFound: A photo shows no face.
            InputError: A photo shows several and nobody said which, an aligned one is not square, or a style is of
                another model.
        """
        # One by one, so that a style does not depend on the others that a person gives.
        return average_styles(
            [self._style(part, number, aligned) for number, part in enumerate(exemplar_parts(exemplar))]
        )

    def _style(self, part: ExemplarPart, number: int, aligned: bool) -> Style:
        """Of one photo or style."""
        if isinstance(part, Style | Tensor):
            return self._known_style(part)
        photo = part if isinstance(part, ExemplarPhoto) else ExemplarPhoto(part)
        photo = replace(photo, image=upright_rgb(photo.image))
        faces = self._faces_of(photo.image, aligned) if photo.faces is None else photo.faces
        chosen = choose_exemplar_face(faces, photo)
        pixels = np.asarray(photo.image)
        crop = align_face(pixels, chosen, self.model.config.style_encoder.resolution)
        codes = self.encode_exemplar(to_tensor(crop)).cpu()[0]
        identity = None if self.recognizer is None else self.recognizer.embed([(pixels, chosen)])
        return Style(codes, self.model_sha256, (photo.name or f"number {number}",), (), identity)

    def _faces_of(self, picture: Image.Image, aligned: bool) -> Sequence[Face]:
        return [AlignedFace((picture.height, picture.width))] if aligned else self.detector.detect(picture)

    def _known_style(self, part: Style | Tensor) -> Style:
        """A style that is given as one, checked."""
        if isinstance(part, Tensor):
            part = Style(part[0].cpu() if part.ndim == 3 and len(part) == 1 else part.cpu(), self.model_sha256)
        config, name = self.model.config.generator, "".join(f" {name}" for name in part.names[:1])
        expected = config.num_styles, config.w_dim
        if tuple(part.codes.shape) != expected:
            raise InputError(
                f"the style{name} has shape {list(part.codes.shape)}, expected {list(expected)} with this model;"
                " encode the exemplar by the model that is to use it"
            )
        if None not in (part.model_sha256, self.model_sha256) and part.model_sha256 != self.model_sha256:
            raise InputError(
                f"the style{name} is of another model (weights {str(part.model_sha256)[:8]}, here"
                f" {str(self.model_sha256)[:8]}); encode the exemplar by the model that is to use it"
            )
        return part

    def plan(
        self,
        photo: Image.Image | Photo,
        hole: Hole,
        exemplar: Exemplars,
        *,
        face: int | str = "auto",
        aligned: bool = False,
        faces: Sequence[Face] | None = None,
    ) -> Plan:
        """Find the faces of a photo, encode the exemplars and decide what is done; `run` does it, as often as wanted.

        May run in any thread. Arguments and errors as for `inpaint`; `faces` are those of the photo where they are
        known from before.
        """
        clock = Clock()
        source = _as_photo(photo)
        picture = source.image
        if not isinstance(hole, Regions | AllBut):
            check_mask(hole, (picture.height, picture.width))
        with clock.stage("detect"):
            faces = self._faces_of(picture, aligned) if faces is None else faces
        if face not in ("auto", "all"):
            select_faces(faces, str(face))  # one that is not there is refused before exemplars are encoded
        with clock.stage("encode_exemplar"):
            given = exemplar if isinstance(exemplar, Mapping) else {None: exemplar}
            styles = {key: self.make_style(one, aligned=aligned) for key, one in given.items()}
        plan = make_plan(np.asarray(picture), faces, hole, styles, face)
        return replace(plan, seconds=clock.seconds, source=source)

    def run(
        self,
        plans: Sequence[Plan],
        seeds: Sequence[int],
        options: Options = DEFAULTS,
        *,
        strengths: Sequence[float] | None = None,
    ) -> Iterator[Inpainted]:
        """Carry plans out, each with its seed, and give each photo as soon as it is done.

        However many there are, a few completed photos are held at a time; what the caller keeps is the caller's.

        Args:
            plans: Of any photos; one may occur several times.
            seeds: One for each.
            options: Of all.
            strengths: Exemplar strengths, one for each, in place of the one in `options`.

        Raises:
            InputError: The numbers differ, a seed is out of range, or what the model draws is not finite.
        """
        results = run_plans(self, plans, check_seeds(seeds), options, strengths, self.recognizer)
        return (replace(result, model_sha256=self.model_sha256) for result in results)

    def inpaint(
        self,
        photo: Image.Image | Photo,
        mask: Hole,
        exemplar: Exemplars,
        *,
        face: int | str = "auto",
        aligned: bool = False,
        seed: int = 0,
        options: Options = DEFAULTS,
    ) -> Inpainted:
        """Complete the faces under a hole in a whole photo.

        Detects the faces, aligns each like FFHQ, completes it, and puts the hole's part of it back at the photo's full
        resolution with a seam that is blended inside the hole.

        Args:
            photo: What `exegan.io.open_photo` gives, which knows all of the file that a saved result keeps; or a
                picture of any size and mode, whose EXIF orientation is applied.
            mask: Bool [H, W] of the upright photo, True = hole; or `Regions` to make one of.
            exemplar: See `make_style`; or several by whom they are for: a face's index, regions (`eyes+mouth`), or
                (index, regions), with None for all else.
            face: Which faces: an index from the left, `0,2`, `all`, or `auto`: those that the mask touches, or
                for `Regions` the largest.
            aligned: Photo and exemplars are aligned square faces themselves, nothing is looked for.
            seed: Seed of the stochastic style.
            options: Strength of the exemplar, truncation, noise.

        Returns:
            The completed photo, RGB; every pixel outside the mask is the photo's. Its `save` writes it with the mark of
            an edited picture and with the photo's metadata.

        Raises:
            MaskError: The mask has another size, is empty, or touches no face.
            NoFaceFound: There is no face in the photo or in an exemplar.
            InputError: There is no such face, a face has no exemplar or an exemplar no face, an exemplar shows several
                faces or is the style of another model, or the seed is out of range.
        """
        return next(self.run([self.plan(photo, mask, exemplar, face=face, aligned=aligned)], [seed], options))

    def sample(self, plan: Plan, count: int, seed: int = 0, options: Options = DEFAULTS) -> Iterator[Inpainted]:
        """Completions of one photo as they come, with the seeds `seed`, `seed` + 1 and so on; errors as for `run`."""
        return self.run([plan] * count, sample_seeds(seed, count), options)

    def sweep(
        self, plan: Plan, coarse: Style, fine: Style, seed: int = 0, options: Options = DEFAULTS
    ) -> Iterator[Inpainted]:
        """Completions with two exemplars mixed at every layer, from all of `fine` (layer 0) to all of `coarse`."""
        plans = [plan.with_style(coarse.mixed(fine, at)) for at in range(len(coarse.codes) + 1)]
        return self.run(plans, [seed] * len(plans), options)


def _as_photo(photo: Image.Image | Photo) -> Photo:
    return photo if isinstance(photo, Photo) else Photo.of(photo)
