"""Whole photos: their faces found, completed from exemplar photos, and put back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

from exegan.faces.face import Face
from exegan.faces.paste import paste
from exegan.images import Photo, check_mask
from exegan.inpainter.encoding import ExemplarInpainter
from exegan.inpainter.exemplars import Exemplar
from exegan.inpainter.holes import AllBut, BoolMask, Hole, Regions
from exegan.inpainter.loading import Backend, Device, load_networks
from exegan.inpainter.measuring import measure_face
from exegan.inpainter.options import DEFAULTS, Options, sample_seeds
from exegan.inpainter.plan import Key, Plan, make_plan
from exegan.inpainter.result import Inpainted
from exegan.inpainter.rounds import run_plans
from exegan.inpainter.scores import make_recognizer
from exegan.inpainter.selection import chosen_face
from exegan.inpainter.stages import Clock, Prepared, prepare_face
from exegan.inpainter.styles import Style
from exegan.nets.runtime import Precision

Exemplars = Exemplar | Mapping[Key, Exemplar]
"""One exemplar for all, or several by whom they are for: a face (2), regions ("eyes+mouth"), both ((2, "eyes"))."""


class Inpainter(ExemplarInpainter):
    """Networks on a device, ready to complete faces in photos. Holds no state between calls.

    ::

        inpainter = Inpainter.from_pretrained("default")
        photo, mask, exemplar = open_photo("photo.jpg"), read_mask("mask.png"), read_photo("face.jpg")
        inpainter.inpaint(photo, mask, exemplar, seed=3).save("completed.jpg")

    Arguments as for `ExemplarInpainter`.
    """

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

    def prepare(
        self, photo: Image.Image | Photo, mask: BoolMask, *, face: int | str = "auto", aligned: bool = False
    ) -> Prepared:
        """First stage for one face: find it and cut it out. May run in any thread.

        Args:
            photo: As for `inpaint`.
            mask: Bool [H, W] of the upright photo, True = hole.
            face: Its index from the left, or `auto`: the one that the mask touches most.
            aligned: The photo is an aligned square face itself, nothing is looked for.

        Raises:
            MaskError: The mask has another size, is empty, or touches no face.
            NoFaceFound: The photo has no face.
            InputError: There is no such face, or an aligned photo is not square.
        """
        source = _as_photo(photo)
        picture = source.image
        check_mask(mask, (picture.height, picture.width))
        found, index = None, 0
        if not aligned:
            faces = self.detector.detect(picture)
            index = chosen_face(faces, face, mask)
            found = faces[index]
        return replace(prepare_face(np.asarray(picture), mask, found, index, self.resolution), source=source)

    def finish(self, prepared: Prepared, raw: Tensor, *, seed: int = 0, style: Style | None = None) -> Inpainted:
        """Last stage for one face: put a generated crop back. May run in any thread.

        Args:
            prepared: What `prepare` made.
            raw: Its picture [3, R, R] of `generate`'s.
            seed: For the report, as `style` is.
            style: The exemplar's.
        """
        clock = Clock()
        with clock.stage("paste"):
            result = paste(prepared.photo, raw.cpu(), prepared.mask, prepared.affine)
        exemplars = [None if style is None else style.identity]
        face = measure_face(prepared, result, exemplars, self.recognizer, dict(clock.seconds))
        return Inpainted(
            Image.fromarray(result),
            (face,),
            seed,
            clock.seconds,
            source=prepared.source,
            model_sha256=self.model_sha256,
        )

    def plan(
        self,
        photo: Image.Image | Photo,
        hole: Hole,
        exemplar: Exemplars,
        *,
        face: int | str = "auto",
        faces: Sequence[Face] | None = None,
    ) -> Plan:
        """Find the faces of a photo, encode the exemplars and decide what is done; `run` does it, as often as wanted.

        Arguments and errors as for `inpaint`; `faces` are those of the photo where they are known from before.
        """
        clock = Clock()
        source = _as_photo(photo)
        picture = source.image
        if not isinstance(hole, Regions | AllBut):
            check_mask(hole, (picture.height, picture.width))
        with clock.stage("detect"):
            faces = self.detector.detect(picture) if faces is None else faces
        with clock.stage("encode_exemplar"):
            given = exemplar if isinstance(exemplar, Mapping) else {None: exemplar}
            styles = {key: self.make_style(one) for key, one in given.items()}
        plan = make_plan(np.asarray(picture), faces, hole, styles, face)
        return replace(plan, seconds=clock.seconds, source=source)

    def run(self, plans: Sequence[Plan], seeds: Sequence[int], options: Options = DEFAULTS) -> list[Inpainted]:
        """Carry plans out, each with its seed, in as few network calls as possible.

        Args:
            plans: Of any photos; one may occur several times.
            seeds: One for each.
            options: Of all.

        Raises:
            InputError: The numbers differ, or a seed is out of range.
        """
        results = run_plans(self, plans, seeds, options, self.recognizer)
        return [replace(result, model_sha256=self.model_sha256) for result in results]

    def inpaint(
        self,
        photo: Image.Image | Photo,
        mask: Hole,
        exemplar: Exemplars,
        *,
        face: int | str = "auto",
        seed: int = 0,
        options: Options = DEFAULTS,
    ) -> Inpainted:
        """Complete the faces under a hole in a whole photo.

        Detects the faces, aligns each like FFHQ, completes it, and puts the hole's part of it back at the photo's full
        resolution with a seam that is blended inside the hole.

        Args:
            photo: What `images.open_photo` gives, which knows all of the file that a saved result keeps; or a picture
                of any size and mode, whose EXIF orientation is applied.
            mask: Bool [H, W] of the upright photo, True = hole; or `Regions` to make one of.
            exemplar: See `make_style`; or several by whom they are for: a face's index, regions (`eyes+mouth`), or
                (index, regions), with None for all else.
            face: Which faces: an index from the left, `0,2`, `all`, or `auto`: those that the mask touches.
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
        return self.run([self.plan(photo, mask, exemplar, face=face)], [seed], options)[0]

    def sample(self, plan: Plan, count: int, seed: int = 0, options: Options = DEFAULTS) -> list[Inpainted]:
        """Several completions of one photo, with the seeds `seed`, `seed` + 1 and so on; errors as for `run`."""
        return self.run([plan] * count, sample_seeds(seed, count), options)

    def sweep(
        self, plan: Plan, coarse: Style, fine: Style, seed: int = 0, options: Options = DEFAULTS
    ) -> list[Inpainted]:
        """Completions with two exemplars mixed at every layer, from all of `fine` (layer 0) to all of `coarse`."""
        plans = [plan.with_style(coarse.mixed(fine, at)) for at in range(len(coarse.codes) + 1)]
        return self.run(plans, [seed] * len(plans), options)


def _as_photo(photo: Image.Image | Photo) -> Photo:
    return photo if isinstance(photo, Photo) else Photo.of(photo)
