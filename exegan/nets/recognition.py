"""Frozen face recognition networks: ArcFace, MobileFaceNet and FaceNet, and the face crop that they take."""

from __future__ import annotations

from pathlib import Path

import torch.nn.functional as F
from torch import Tensor, nn

from exegan.errors import require_package
from exegan.io.weights import downloading, load_into, read_state_dict
from exegan.nets.frozen import FrozenModule, at_least_float32, cache_remedy
from exegan.ops.image import resize

# The square of an FFHQ-aligned picture that recognition networks were trained on, in shares of its side: the similarity
# that takes the mean landmarks of such pictures to the 112 px template of aligned faces, by least squares. It turns by
# less than a tenth of a degree, so that a square does.
_FACE_LEFT, _FACE_TOP, _FACE_SIDE = 0.1187, 0.1195, 0.7606
_ARCFACE_SIDE, _ARCFACE_WIDTH = 112, 256
_MOBILEFACENET_SIDE = 112
# ImageNet's mean and deviation, moved from [0, 1] to our [-1, 1].
_MEAN = tuple(2 * value - 1 for value in (0.485, 0.456, 0.406))
_STD = tuple(2 * value for value in (0.229, 0.224, 0.225))
# Expansion, channels, repetitions and first stride of the inverted residuals.
_STAGES = ((2, 64, 5, 2), (4, 128, 1, 2), (2, 128, 6, 1), (4, 128, 1, 2), (2, 128, 2, 1))
# The name under which facenet-pytorch keeps its `vggface2` weights; it has no function that returns it.
FACENET_FILE = "20180402-114759-vggface2.pt"
_FACENET_SIDE = 160


def recognition_crop(image: Tensor) -> Tensor:
    """The part of an FFHQ-aligned picture that recognition networks are trained on: without hair, neck and background.

    Args:
        image: [B, 3, H, W], aligned as FFHQ's pictures are, square.

    Returns:
        [B, 3, S, S], a view of about three quarters of the side.
    """
    left, top, side = (round(share * image.shape[-1]) for share in (_FACE_LEFT, _FACE_TOP, _FACE_SIDE))
    return image[..., top : top + side, left : left + side]


class ArcFaceEmbedding(FrozenModule):
    """Embedding of a whole aligned picture, computed as the original does: plain bilinear resize, no normalisation.

    Other recognition networks get the face alone (`recognition_crop`); the original gives this one the whole picture.
    """

    def __init__(self) -> None:
        super().__init__()
        from torchvision.models import resnet101  # seconds to import

        self.backbone = resnet101(weights=None, num_classes=_ARCFACE_WIDTH)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Image [B, 3, H, W] RGB in [-1, 1] → one embedding [B, 256] of length 1."""
        resized = F.interpolate(image, (_ARCFACE_SIDE, _ARCFACE_SIDE), mode="bilinear", align_corners=False)
        return [unit_embedding(self.backbone(resized))]


def make_arcface(weights: str) -> ArcFaceEmbedding:
    """The network with the local file `weights`; a `WeightsError` if that does not fit."""
    net = ArcFaceEmbedding()
    load_into(net.backbone, read_state_dict(weights), weights)
    return net


class MobileFaceNetEmbedding(FrozenModule):
    """Embedding of an aligned face picture; attribute names follow the weight file."""

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_constant("mean", _MEAN)
        self.register_constant("std", _STD)
        self.conv1 = _conv_bn(3, 64, 3, stride=2)
        self.dw_conv = _Separable(64)
        blocks: list[nn.Module] = []
        in_channels = 64
        for expansion, channels, repetitions, first_stride in _STAGES:
            for repetition in range(repetitions):
                stride = first_stride if repetition == 0 else 1
                blocks.append(_InvertedResidual(in_channels, channels, expansion, stride))
                in_channels = channels
        self.features = nn.Sequential(*blocks)
        self.conv2 = _conv_bn(in_channels, 512, 1)
        self.gdconv = _GlobalDepthwise(512)
        self.conv3 = nn.Conv2d(512, 128, 1)
        self.bn = nn.BatchNorm2d(128)

    def embed(self, image: Tensor) -> Tensor:
        """Embedding before normalisation: face crop [B, 3, H, W] RGB in [-1, 1] → [B, 128]."""
        x: Tensor = resize((image - self.mean) / self.std, _MOBILEFACENET_SIDE)
        x = self.features(self.dw_conv(self.conv1(x)))
        x = self.bn(self.conv3(self.gdconv(self.conv2(x))))
        return x.flatten(1)

    def forward(self, image: Tensor) -> list[Tensor]:
        """FFHQ-aligned image [B, 3, H, W] RGB in [-1, 1] → one embedding [B, 128] of length 1 of its face."""
        return [unit_embedding(self.embed(recognition_crop(image)))]


def make_mobilefacenet(weights: str) -> MobileFaceNetEmbedding:
    """The network with the local file `weights`; a `WeightsError` if that does not fit."""
    net = MobileFaceNetEmbedding()
    load_into(net, read_state_dict(weights), weights)
    return net


class _Separable(nn.Module):
    """Depthwise 3×3, then pointwise, each with batch normalisation and ReLU."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
        self.pointwise = nn.Conv2d(channels, channels, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.depthwise(x)))
        return F.relu(self.bn2(self.pointwise(x)))


class _InvertedResidual(nn.Module):
    """Expand 1×1, depthwise 3×3, project 1×1; added to the input where the shape stays."""

    def __init__(self, in_channels: int, out_channels: int, expansion: int, stride: int) -> None:
        super().__init__()
        hidden = expansion * in_channels
        self.conv = nn.Sequential(
            _conv_bn(in_channels, hidden, 1),
            _conv_bn(hidden, hidden, 3, stride, groups=hidden),
            nn.Conv2d(hidden, out_channels, 1, bias=False),
            nn.BatchNorm2d(out_channels),
        )
        self.adds = stride == 1 and in_channels == out_channels

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv(x)
        return x + out if self.adds else out


class _GlobalDepthwise(nn.Module):
    """A learned weighted mean over the last 7×7 positions."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 7, groups=channels, bias=False)
        self.bn = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.bn(self.depthwise(x))
        return out


def _conv_bn(in_channels: int, out_channels: int, kernel_size: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    padding = kernel_size // 2
    conv = nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(out_channels), nn.ReLU6())


class FaceNetEmbedding(FrozenModule):
    """FaceNet's embedding of an aligned face picture.

    Args:
        network: A `facenet_pytorch.InceptionResnetV1` without classifier.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> list[Tensor]:
        """FFHQ-aligned image [B, 3, H, W] RGB in [-1, 1] → one embedding [B, 512] of length 1 of its face."""
        # The package standardises pixels as (p - 127.5) / 128.
        x = resize(recognition_crop(image) * (127.5 / 128), _FACENET_SIDE)
        return [unit_embedding(self.network(x))]


def make_facenet(weights: str | None) -> FaceNetEmbedding:
    """FaceNet (InceptionResnetV1) trained on VGGFace2.

    Args:
        weights: Local state dict, with or without the classifier `logits`; None downloads it into torch's cache.

    Raises:
        ConfigError: `facenet-pytorch` is not installed.
        WeightsError: The download is impossible, or the file does not fit.
    """
    # 2.5.3 because later ones refuse today's torch and numpy.
    package = require_package("facenet_pytorch", "it: pip install facenet-pytorch==2.5.3")
    if weights is None:
        folder = Path(package.models.inception_resnet_v1.get_torch_home()) / "checkpoints"
        with downloading("the recognition weights of facenet", cache_remedy(folder / FACENET_FILE, "mobilefacenet")):
            return FaceNetEmbedding(package.InceptionResnetV1(pretrained="vggface2"))
    network = package.InceptionResnetV1()
    state = {key: value for key, value in read_state_dict(weights).items() if not key.startswith("logits.")}
    load_into(network, state, weights)
    return FaceNetEmbedding(network)


def unit_embedding(embedding: Tensor) -> Tensor:
    """[B, D] at length 1, at least float32 so that cosines of close faces differ under autocast as well."""
    return F.normalize(at_least_float32(embedding))
