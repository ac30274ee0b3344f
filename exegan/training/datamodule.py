"""Which faces a training run sees, in what batches."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lightning as L
from torch.utils.data import DataLoader, default_collate

from exegan.config import MaskConfig
from exegan.data.folder_zip import CachedSource, JoinedSource, open_source
from exegan.data.samples import EndlessSampler, ReadingLog, Sample, SampleStream
from exegan.data.source import repeat_faces, split_source
from exegan.errors import ConfigError
from exegan.training.callbacks import signals_held, spare_worker
from exegan.training.module import images_seen


class _Loader(DataLoader[Sample]):
    """Starts workers that leave a run's signals to the run."""

    def __iter__(self) -> Any:
        with signals_held():
            return super().__iter__()


class FaceDataModule(L.LightningDataModule):
    """Endless batches from a folder, a zip or parquet files of aligned faces, and some faces held out of them.

    Args:
        path: Folder or zip of face pictures, parquet file or folder of them, or `hf:OWNER/NAME` (see docs/data.md).
        resolution: Side of the samples; linked to the generator's.
        masks: How holes are drawn.
        batch_size: Samples per device and batch.
        self_exemplar_prob: Probability that a sample is its own exemplar (the original's 1 / rand_end).
        mirror: Flip half of the faces left-right.
        num_workers: Worker processes; 0 reads in the main one.
        cache: Keep the shrunken faces in memory (3 bytes a pixel in each worker).
        seed: Seed of images, exemplars and holes.
        validation_fraction: Share of the faces that is never trained on, chosen by file name; 0 = none.
        streaming: Read parquet in the order of its storage, fetching what a hub name needs when it is needed.
        jitter_self: Change colours and pose of a face that is its own exemplar, so that those of the known pixels are
            learned to be followed.
        image_column: Column of parquet files that holds the pictures; null finds it.
        vary_self: Change a face that is its own exemplar as if that were another photo of the same person.
        photographed: Give images and exemplars the faults of people's photos: bad light, noise, compression, an
            alignment that is off.
        also: More sets of faces beside `path`, which are joined to it.
        weights: How often a face comes in an epoch, by a regular expression for its name, `SET/NAME` where sets are
            joined; all others come once.

    Attributes:
        stream: Training samples, endless.
        validation_stream: Held-out faces in the order of their names, never mirrored, each with another held-out face
            as exemplar: sample n < `validation_count` is the same in every run with the same data and seed. None where
            nothing is held out.
        grid_stream: Samples of the grids, from held-out faces where there are any.
        reading_log: Faces that could not be read or had to be enlarged so far.
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
        validation_fraction: float = 0.05,
        streaming: bool = False,
        image_column: str | None = None,
        jitter_self: bool = False,
        vary_self: bool = False,
        photographed: bool = False,
        also: list[str] | None = None,
        weights: dict[str, int] | None = None,
    ) -> None:
        super().__init__()
        if batch_size < 1 or num_workers < 0:
            raise ConfigError(
                f"data.batch_size is {batch_size} and data.num_workers {num_workers}, expected at least 1 and 0"
            )
        if not 0 <= self_exemplar_prob <= 1:
            raise ConfigError(f"data.self_exemplar_prob is {self_exemplar_prob}, expected 0 to 1")
        if not 0 <= validation_fraction <= 0.5:
            raise ConfigError(f"data.validation_fraction is {validation_fraction}, expected 0 to 0.5")
        sets = {Path(name).stem: open_source(name, image_column, streaming) for name in (path, *(also or []))}
        if len(sets) != 1 + len(also or []):
            raise ConfigError(f"data.path and data.also are {[path, *(also or [])]}, expected sets of different names")
        whole = JoinedSource(sets) if also else sets[Path(path).stem]
        faces, held_out = split_source(whole, validation_fraction)
        if len(faces.names) < batch_size:
            raise ConfigError(
                f"data.batch_size is {batch_size}, but {path} has {len(faces.names)} faces to train on; "
                "expected no face twice in a batch, lower data.batch_size or add faces"
            )
        self.batch_size, self.num_workers = batch_size, num_workers
        self.reading_log = ReadingLog(resolution)
        cached = CachedSource(faces, resolution) if cache else faces
        self.stream = SampleStream(
            repeat_faces(cached, weights) if weights else cached,
            resolution,
            masks,
            self_exemplar_prob,
            mirror,
            seed,
            jitter_self=jitter_self,
            vary_self=vary_self,
            photographed=photographed,
        )
        self.validation_stream: SampleStream | None = None
        if held_out is not None:
            self.validation_stream = SampleStream(held_out, resolution, masks, 0.0, False, seed + 2, shuffle=False)
        # Grids show other holes and pairs than those trained on, the same in every grid.
        self.grid_stream = SampleStream(held_out or faces, resolution, masks, 0.0, mirror, seed + 1)

    @property
    def validation_count(self) -> int:
        """How many faces are held out."""
        return 0 if self.validation_stream is None else len(self.validation_stream.source.names)

    def train_dataloader(self) -> DataLoader[Sample]:
        """Batches from the sample that comes next, which after a resume is not the first."""
        trainer = self.trainer
        first, rank, ranks = 0, 0, 1
        if trainer is not None:
            first = images_seen(trainer.lightning_module)
            rank, ranks = trainer.global_rank, trainer.world_size
        return _Loader(
            self.stream,
            batch_size=self.batch_size,
            sampler=EndlessSampler(first + rank, ranks),
            num_workers=self.num_workers,
            persistent_workers=self.num_workers > 0,
            worker_init_fn=spare_worker,
        )

    def validation_batches(
        self, batch_size: int | None = None, limit: int | None = None, rank: int = 0, ranks: int = 1
    ) -> Iterator[Sample]:
        """Held-out faces once each, in batches, the last of which may be smaller.

        Args:
            batch_size: Samples in a batch; None takes that of training.
            limit: At most so many faces over all processes; None takes all.
            rank: Number of this process.
            ranks: How many processes share the faces.
        """
        if self.validation_stream is None:
            return
        count = self.validation_count if limit is None else min(limit, self.validation_count)
        loader = _Loader(
            self.validation_stream,
            batch_size=self.batch_size if batch_size is None else batch_size,
            sampler=range(rank, count, ranks),
            num_workers=self.num_workers,
            worker_init_fn=spare_worker,
        )
        for batch in loader:
            self.reading_log.add(batch)
            yield batch

    def on_before_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        """Name faces that a worker had to skip; the workers do not know of each other."""
        self.reading_log.add(batch)
        return batch

    def teardown(self, stage: str) -> None:
        """Sum up what was skipped."""
        self.reading_log.summarise()

    def grid_batch(self, count: int) -> Sample:
        """The first `count` samples of the grid, as one batch."""
        batch: Sample = default_collate([self.grid_stream[number] for number in range(count)])
        self.reading_log.add(batch)
        return batch
