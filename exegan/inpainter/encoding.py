"""Exemplars encoded by a model: photos, styles and several of both become one style."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from exegan.errors import InputError
from exegan.faces.detect import FaceDetector
from exegan.images import to_tensor, upright_rgb
from exegan.inpainter.averaging import average_styles
from exegan.inpainter.exemplars import (
    Exemplar,
    ExemplarPart,
    ExemplarPhoto,
    choose_exemplar_face,
    encode_photos,
    exemplar_parts,
)
from exegan.inpainter.scores import Recognizer
from exegan.inpainter.stages import align_face
from exegan.inpainter.styles import Style
from exegan.inpainter.tensors import TensorInpainter
from exegan.nets.model import Networks


class ExemplarInpainter(TensorInpainter):
    """A `TensorInpainter` that finds the faces of exemplar photos.

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

    def make_style(self, exemplar: Exemplar) -> Style:
        """Encode an exemplar once, to use it again or to save it (`save_style`).

        Args:
            exemplar: A photo that shows one face, an `ExemplarPhoto` that says which, a style, or several of these of
                one person, whose styles are averaged.

        Raises:
            NoFaceFound: A photo shows no face.
            InputError: A photo shows several and nobody said which, or a style is of another model.
        """
        parts = exemplar_parts(exemplar)
        photos = [_upright(part) for part in parts if isinstance(part, Image.Image | ExemplarPhoto)]
        faces = [choose_exemplar_face(self.detector.detect(photo.image), photo) for photo in photos]
        encoded = iter(encode_photos(self, photos, faces, self.model_sha256, self.recognizer) if photos else [])
        return average_styles([self._known_style(part) or next(encoded) for part in parts])

    def align_exemplar(self, photo: Image.Image | ExemplarPhoto) -> Tensor:
        """Aligned face [1, 3, S, S] in [-1, 1] of an exemplar photo, S the style encoder's side; errors as above."""
        upright = _upright(photo)
        face = choose_exemplar_face(self.detector.detect(upright.image), upright)
        return to_tensor(align_face(np.asarray(upright.image), face, self.model.config.style_encoder.resolution))

    def _known_style(self, part: ExemplarPart) -> Style | None:
        """A style that is none of a photo's, checked; None for photos."""
        if isinstance(part, Tensor):
            part = Style(part[0].cpu() if part.ndim == 3 and len(part) == 1 else part.cpu(), self.model_sha256)
        if not isinstance(part, Style):
            return None
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


def _upright(part: Image.Image | ExemplarPhoto) -> ExemplarPhoto:
    photo = part if isinstance(part, ExemplarPhoto) else ExemplarPhoto(part)
    return replace(photo, image=upright_rgb(photo.image))
