"""MTCNN (Zhang et al. 2016): a cascade of three small networks that finds faces and five landmarks of each.

The networks and their weights are facenet-pytorch's. Its own cascade spends two thirds of its time beside them: on
resizing, one candidate after the other, and on pooling. Here every resized picture comes from one table of sums
(Crow 1984), all candidates at once, and gives the same boxes and landmarks up to rounding.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torchvision.ops import nms

_CELL, _STRIDE = 12, 2  # what the first network sees of a face, and the step between two places it looks at
_SMALLEST, _FACTOR = 20, 0.709  # pixels of the smallest face, and from one level of the pyramid to the next
_THRESHOLDS = (0.6, 0.7, 0.7)
_OVERLAPS = (0.5, 0.7, 0.7, 0.7)  # of two boxes of one face: within a level, over levels, after the other two networks
_SIDES = (24, 48)  # of the pictures that the other two networks see
_AT_ONCE = 64
_MOST_SQUARES = 2**31 // 255  # pixels whose sum is sure to fit 32 bits


class Candidates(NamedTuple):
    """Boxes [N, 4] as left, top, right, bottom, and their scores [N]."""

    boxes: Tensor
    scores: Tensor

    def kept(self, where: Tensor) -> Candidates:
        """Some of them."""
        return Candidates(self.boxes[where], self.scores[where])


class Cascade:
    """The three networks, ready to search.

    Args:
        mtcnn: `facenet_pytorch.MTCNN`.
        device: Where they are.
    """

    def __init__(self, mtcnn: Any, device: torch.device) -> None:
        self.device = device
        self.networks: list[Any] = [mtcnn.pnet, mtcnn.rnet, mtcnn.onet]
        for network in self.networks:
            network.to(memory_format=torch.channels_last)
            for name, layer in list(network.named_children()):
                if isinstance(layer, nn.MaxPool2d) and isinstance(layer.kernel_size, int):
                    setattr(network, name, _MaxPool(layer.kernel_size))

    @torch.no_grad()
    def search(self, photo: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """Faces of a picture.

        Args:
            photo: uint8 RGB [H, W, 3].

        Returns:
            Boxes [N, 4], scores [N] and landmarks [N, 5, 2] as x, y, in pixels.
        """
        sums = SumTable(photo, self.device)
        found = self._propose(sums)
        for stage, side in enumerate(_SIDES, 1):
            if not len(found.boxes):
                break
            moves, landmarks, scores = self._judge(stage, sums.crops(found.boxes, side))
            is_face = scores > _THRESHOLDS[stage]
            found = Candidates(found.boxes[is_face], scores[is_face])
            moves, landmarks = moves[is_face], landmarks[is_face]
            if stage < len(_SIDES):
                kept = nms(*found, _OVERLAPS[2])
                found = found.kept(kept)
                found = found._replace(boxes=_squared(_moved(found.boxes, moves[kept])))
        if not len(found.boxes):
            return np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty((0, 5, 2), np.float32)
        left_top, sides = found.boxes[:, None, :2], found.boxes[:, None, 2:] - found.boxes[:, None, :2] + 1
        points = landmarks.reshape(-1, 2, 5).transpose(1, 2) * sides + left_top - 1
        found = found._replace(boxes=_moved(found.boxes, moves))
        apart = _apart(found, _OVERLAPS[3])
        kept = found.kept(apart)
        return kept.boxes.cpu().numpy(), kept.scores.cpu().numpy(), points[apart].cpu().numpy()

    def _propose(self, sums: SumTable) -> Candidates:
        """What the first network takes for faces, at every level of the pyramid."""
        scale, levels = _CELL / _SMALLEST, []
        while min(sums.size_hw) * scale >= _CELL:
            size_hw = int(sums.size_hw[0] * scale + 1), int(sums.size_hw[1] * scale + 1)
            moves, scores = self.networks[0](_normalised(sums.resized(size_hw)))
            moves, scores = moves[0].permute(1, 2, 0), scores[0, 1]
            places = (scores >= _THRESHOLDS[0]).nonzero()
            if len(places):
                corners = _STRIDE * places.flip(1)
                boxes = torch.cat([((corners + 1) / scale).floor(), ((corners + _CELL) / scale).floor()], dim=1)
                found = Candidates(boxes, scores[places[:, 0], places[:, 1]])
                kept = nms(*found, _OVERLAPS[0])
                levels.append((found.kept(kept), moves[places[:, 0], places[:, 1]][kept]))
            scale *= _FACTOR
        if not levels:
            return Candidates(torch.empty(0, 4, device=self.device), torch.empty(0, device=self.device))
        boxes, scores, moves = (torch.cat(x) for x in zip(*((*found, moves) for found, moves in levels), strict=True))
        kept = nms(boxes, scores, _OVERLAPS[1])
        boxes, moves = boxes[kept], moves[kept]
        return Candidates(_squared(_moved(boxes, moves, rim=0)), scores[kept])

    def _judge(self, stage: int, crops: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What the second or third network says of crops: how to move their boxes, landmarks, score of a face."""
        # Some at a time, whose intermediate results stay in the processor's cache.
        parts = [self.networks[stage](_normalised(part)) for part in torch.split(crops, _AT_ONCE)]
        moves, *landmarks, scores = (torch.cat(part) for part in zip(*parts, strict=True))
        return moves, landmarks[0] if landmarks else moves[:, :0], scores[:, 1]


class SumTable:
    """Sums of a picture over all rectangles from its corner, from which means over any rectangle follow.

    Args:
        photo: uint8 RGB [H, W, 3].
        device: Where it is to be.
    """

    def __init__(self, photo: NDArray[np.uint8], device: torch.device) -> None:
        self.size_hw = height, width = photo.shape[0], photo.shape[1]
        kind = np.int32 if height * width <= _MOST_SQUARES else np.int64
        rows = np.zeros((height + 1, width + 1, 3), dtype=kind)
        rows[1:, 1:] = photo
        for y in range(2, height + 1):  # several times faster than NumPy's or PyTorch's sums over rows
            rows[y] += rows[y - 1]
        sums = torch.from_numpy(rows)
        self._sums = sums.cumsum(1, dtype=sums.dtype).to(device)

    def resized(self, size_hw: tuple[int, int]) -> Tensor:
        """The picture at another size, each pixel the mean over its area: [1, 3, H, W] in [0, 255]."""
        whole = torch.tensor([[0, 0, self.size_hw[1], self.size_hw[0]]], device=self._sums.device)
        (left, right), (top, bottom) = _edges(whole, size_hw)
        rows = self._sums.index_select(0, bottom[0]).sub_(self._sums.index_select(0, top[0]))
        sums = rows.index_select(1, right[0]).sub_(rows.index_select(1, left[0]))
        areas = (bottom - top)[0, :, None] * (right - left)[0, None, :]
        return (sums / areas[..., None]).permute(2, 0, 1)[None]

    def crops(self, boxes: Tensor, side: int) -> Tensor:
        """The parts of the picture in boxes [N, 4], at one size: [N, 3, side, side] in [0, 255]."""
        # As the networks were trained: pixels counted from 1, both ends included, cut at the picture's rim.
        left, top, right, bottom = boxes.trunc().long().unbind(1)
        height, width = self.size_hw
        first = torch.stack([left.clamp(1, width) - 1, top.clamp(1, height) - 1], dim=1)
        last = torch.stack([right.clamp_max(width), bottom.clamp_max(height)], dim=1)
        parts = torch.cat([first, torch.maximum(last, first + 1)], dim=1)
        (left, right), (top, bottom) = _edges(parts, (side, side))
        sums = self._at(bottom, right).sub_(self._at(bottom, left)).sub_(self._at(top, right)).add_(self._at(top, left))
        areas = (bottom - top)[:, :, None] * (right - left)[:, None, :]
        return (sums / areas[..., None]).permute(0, 3, 1, 2)

    def _at(self, rows: Tensor, columns: Tensor) -> Tensor:
        places = rows[:, :, None] * self._sums.shape[1] + columns[:, None, :]
        return self._sums.flatten(0, 1).index_select(0, places.flatten()).view(*places.shape, 3)


def _edges(parts: Tensor, size_hw: tuple[int, int]) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """First and last-but-one edges of the cells, across and down, that parts [N, 4] of a picture are divided into."""
    edges = []
    for low, high, cells in ((parts[:, 0], parts[:, 2], size_hw[1]), (parts[:, 1], parts[:, 3], size_hw[0])):
        length = (high - low)[:, None]
        cell = torch.arange(cells, device=parts.device)[None]
        start = low[:, None] + cell * length // cells
        end = low[:, None] + ((cell + 1) * length + cells - 1) // cells
        edges.append((start, end))
    return edges[0], edges[1]


class _MaxPool(nn.Module):
    """Max pooling with stride 2, the last row and column in part: faster on a CPU than PyTorch's by a multiple."""

    def __init__(self, kernel: int) -> None:
        super().__init__()
        self.kernel = kernel

    def forward(self, x: Tensor) -> Tensor:
        for axis in (2, 3):
            count = max(0, -(-(x.shape[axis] - self.kernel) // 2)) + 1
            starts, *others = (x[:, :, at::2] if axis == 2 else x[..., at::2] for at in range(self.kernel))
            pooled = starts.narrow(axis, 0, count).clone()
            for other in others:
                most = min(count, other.shape[axis])  # beyond the rim there is nothing
                part = pooled.narrow(axis, 0, most)
                torch.maximum(part, other.narrow(axis, 0, most), out=part)
            x = pooled
        return x


def _normalised(pictures: Tensor) -> Tensor:
    return ((pictures - 127.5) / 128).contiguous(memory_format=torch.channels_last)


def _moved(boxes: Tensor, moves: Tensor, rim: int = 1) -> Tensor:
    """Boxes with their sides moved, by shares of their width and height; `rim` 1 counts the last pixel in."""
    sides = boxes[:, 2:] - boxes[:, :2] + rim
    return boxes + moves * torch.cat([sides, sides], dim=1)


def _squared(boxes: Tensor) -> Tensor:
    """Squares around the middles of boxes, with the longer side."""
    sides = boxes[:, 2:] - boxes[:, :2]
    side = sides.max(dim=1, keepdim=True).values
    left_top = boxes[:, :2] + (sides - side) / 2
    return torch.cat([left_top, left_top + side], dim=1)


def _apart(found: Candidates, overlap: float) -> Tensor:
    """Indices of the boxes that none with a higher score lies in, by the share of the smaller of both."""
    boxes = found.boxes
    areas = (boxes[:, 2:] - boxes[:, :2] + 1).prod(dim=1)
    kept: list[int] = []
    for index in found.scores.argsort(descending=True).tolist():
        low = torch.maximum(boxes[index, :2], boxes[kept, :2])
        high = torch.minimum(boxes[index, 2:], boxes[kept, 2:])
        common = (high - low + 1).clamp_min(0).prod(dim=1)
        if not (common / torch.minimum(areas[index], areas[kept]) > overlap).any():
            kept.append(index)
    return torch.tensor(kept, dtype=torch.long, device=boxes.device)
