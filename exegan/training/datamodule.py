"""Which faces a training run sees, in what batches."""

from __future__ import annotations

import lightning as L
from torch.utils.data import DataLoader, default_collate

from exegan.config import MaskConfig
from exegan.data.samples import EndlessSampler, Sample, SampleStream
from exegan.data.sources import CachedSource, open_source
from exegan.errors import ConfigError
from exegan.training.module import images_seen


class FaceDataModule(L.LightningDataModule):
    """Endless batches from a folder or a zip of aligned faces.

    Args:
        path: Folder or zip of face pictures.
        resolution: Side of the samples; linked to the generator's.
        masks: How holes are drawn.
        batch_size: Samples per device and batch.
        self_exemplar_prob: Probability that a sample is its own exemplar (the original's 1 / rand_end).
        mirror: Flip half of the faces left-right.
        num_workers: Worker processes; 0 reads in the main one.
        cache: Keep the shrunken faces in memory (3 bytes a pixel in each worker).
        seed: Seed of images, exemplars and holes.
    """

    def __init__(
        self,
        path: str,
        resolution: int,
        masks: MaskConfig,
        batch_size: int = 16,
        self_exemplar_prob: float = 0.2,
        mirror: bool = True,
        num_workers: int = 2,
        cache: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if batch_size < 1 or num_workers < 0:
            raise ConfigError(
                f"data.batch_size is {batch_size} and data.num_workers {num_workers}, expected at least 1 and 0"
            )
        if not 0 <= self_exemplar_prob <= 1:
            raise ConfigError(f"data.self_exemplar_prob is {self_exemplar_prob}, expected 0 to 1")
        source = open_source(path)
        self.batch_size, self.num_workers = batch_size, num_workers
        cached = CachedSource(source, resolution) if cache else source
        self.stream = SampleStream(cached, resolution, masks, self_exemplar_prob, mirror, seed)
        # The pictures people look at are other holes and pairs than those trained on, the same in every grid.
        self.grid_stream = SampleStream(source, resolution, masks, 0.0, mirror, seed + 1)

    def train_dataloader(self) -> DataLoader[Sample]:
        """Batches from the sample that comes next, which after a resume is not the first."""
        trainer = self.trainer
        first, rank, ranks = 0, 0, 1
        if trainer is not None:
            first = images_seen(trainer.lightning_module)
            rank, ranks = trainer.global_rank, trainer.world_size
        return DataLoader(
            self.stream,
            batch_size=self.batch_size,
            sampler=EndlessSampler(first + rank, ranks),
            num_workers=self.num_workers,
            persistent_workers=self.num_workers > 0,
        )

    def grid_batch(self, count: int) -> Sample:
        """The first `count` samples of the grid, as one batch."""
        batch: Sample = default_collate([self.grid_stream[number] for number in range(count)])
        return batch
