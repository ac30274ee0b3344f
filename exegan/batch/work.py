"""One batch of items through the pipeline: read, complete together, put back and write."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from exegan.batch import files
from exegan.batch.files import is_full, reason_of
from exegan.batch.inputs import describe
from exegan.batch.manifest import DONE, FAILED, Entry
from exegan.batch.plan import REGION, Item, Job
from exegan.batch.settings import Settings
from exegan.batch.todo import job_options
from exegan.errors import ExeGanError, InputError, Interrupted
from exegan.faces.select import faces_mask, select_faces
from exegan.images import Photo, open_photo, read_mask, read_photo, to_tensor
from exegan.inpainter import Inpainter, Options, Prepared, load_style, write_completed
from exegan.inpainter.stages import prepare_face
from exegan.inpainter.styles import STYLE_SUFFIX
from exegan.masks.regions import crop_region_mask
from exegan.provenance import Signing

_KEPT_STYLES = 1024
_TOLD = ("index", "box_xyxy", "upscaled", "seam")  # of a face's report, in its entry


@dataclass(frozen=True)
class Loaded:
    """An item that can be completed.

    Args:
        item: The item.
        photo: As its file has it.
        prepared: What `Inpainter.prepare` made of it.
        style: Codes of its exemplar [1, num_styles, w_dim], on the CPU.
        seconds: What that took.
    """

    item: Item
    photo: Photo
    prepared: Prepared
    style: Tensor
    seconds: float


class Worker:
    """Networks and what surrounds them; `load` and `finish` may run in any thread, `complete` in one at a time.

    Args:
        settings: What all items share.
        options: What entries note as options.
        output: URL of the output folder.
    """

    def __init__(self, settings: Settings, options: dict[str, Any], output: str) -> None:
        self._settings, self._options = settings, options
        self._folder = files.OutputFolder(output)
        self._inpainter = Inpainter.from_pretrained(
            settings.model, settings.device, backend=settings.backend, precision=settings.precision
        )
        # Photos that share an exemplar are many, so it is read and encoded once; the lock keeps threads from doing so
        # together. Encoded alone, so that its style does not depend on the others of a batch.
        self._exemplar_lock = threading.Lock()
        self._style_of = lru_cache(_KEPT_STYLES)(self._encode_exemplar)

    @property
    def resolution(self) -> int:
        """Side of the model's faces."""
        return self._inpainter.resolution

    def load(self, item: Item) -> Loaded | Entry:
        """Read an item's files and cut out its face; a failure, whatever it is, becomes the item's entry.

        Raises:
            InputError: The disk for temporary files is full.
        """
        start = time.perf_counter()
        try:
            with files.local_copy(item.job.photo) as path:
                photo = open_photo(path)
            prepared = self._prepare(item.job, photo)
            with self._exemplar_lock:
                style = self._style_of(item.job.exemplar)
            return Loaded(item, photo, prepared, style, time.perf_counter() - start)
        except Exception as error:
            return self._failed(item, time.perf_counter() - start, error, tempfile.gettempdir())

    def _prepare(self, job: Job, photo: Photo) -> Prepared:
        aligned = self._settings.aligned
        if not job.mask.startswith(REGION):
            with files.local_copy(job.mask) as path:
                mask = read_mask(path)
            return self._inpainter.prepare(photo, mask, face=job.face, aligned=aligned)
        names, picture = job.mask.removeprefix(REGION), photo.image
        if aligned:
            return self._inpainter.prepare(photo, crop_region_mask(names, picture.width), aligned=True)
        faces = self._inpainter.detector.detect(picture)
        (index, *others) = select_faces(faces, job.face)
        if others:
            raise InputError(f"the face is {job.face!r}, which means several, expected one; give a row for each")
        mask = faces_mask((picture.height, picture.width), [faces[index]], names)
        return prepare_face(np.asarray(picture), mask, faces[index], index, self._inpainter.resolution)

    def _encode_exemplar(self, url: str) -> Tensor:
        with files.local_copy(url) as path:
            if path.suffix == STYLE_SUFFIX:
                return self._inpainter.make_style(load_style(path)).codes[None]
            photo = read_photo(path)
        aligned = to_tensor(photo) if self._settings.aligned else self._inpainter.align_exemplar(photo)
        return self._inpainter.encode_exemplar(aligned).cpu()

    def complete(self, slots: Sequence[Loaded | None]) -> Sequence[Tensor | Entry | None]:
        """Generated crops [3, R, R] of a batch's slots, None being blank; always `batch_size` slots.

        Where the networks fail with a batch, its items go one by one, each in its slot, and the entries of those that
        fail alone come back in place of crops.

        Raises:
            InputError: The networks fail with blanks, too, so that no item is to blame.
        """
        try:
            return self._generate(slots)
        except Interrupted:
            raise
        except Exception as error:
            return self._complete_one_by_one(slots, error)

    def _complete_one_by_one(self, slots: Sequence[Loaded | None], error: Exception) -> list[Tensor | Entry | None]:
        blanks: list[Loaded | None] = [None] * len(slots)
        try:
            self._generate(blanks)
        except Interrupted:
            raise
        except Exception:
            wrong = f"the networks cannot complete batches of {len(slots)} ({reason_of(error)})"
            raise InputError(f"{wrong}; give a smaller --batch-size, another --device or another model") from error
        results: list[Tensor | Entry | None] = []
        for row, slot in enumerate(slots):
            try:
                alone = [*blanks[:row], slot, *blanks[row + 1 :]]
                results.append(None if slot is None else self._generate(alone)[row])
            except Interrupted:
                raise
            except Exception as own:
                results.append(None if slot is None else self._failed(slot.item, slot.seconds, own))
        return results

    def _generate(self, slots: Sequence[Loaded | None]) -> list[Tensor]:
        config = self._inpainter.model.config.generator
        side = config.resolution
        blank = torch.zeros(3, side, side), torch.zeros(1, side, side), torch.zeros(1, config.num_styles, config.w_dim)
        rows = [blank if slot is None else (slot.prepared.image, slot.prepared.crop_mask, slot.style) for slot in slots]
        images, masks = (torch.stack([row[k] for row in rows]) for k in (0, 1))
        styles = torch.cat([row[2] for row in rows])
        seeds = [0 if slot is None else slot.item.job.seed for slot in slots]
        strengths = [1.0 if slot is None else slot.item.job.strength for slot in slots]
        options = Options(truncation_psi=self._settings.truncation_psi)
        raws = self._inpainter.generate(images, masks, styles, seed=seeds, options=options, strengths=strengths)
        return list(raws.cpu())

    def finish(self, loaded: Loaded, raw: Tensor) -> Entry:
        """Put a crop back and write the photo, without its name yet; what happens becomes the item's entry.

        Raises:
            InputError: The disk is full, which no other item would survive either.
        """
        start = time.perf_counter()
        try:
            completed = self._inpainter.finish(loaded.prepared, raw)
            with self._folder.staging(loaded.item.output) as path, self._signing(loaded.item.job.photo) as signing:
                notes = write_completed(
                    loaded.photo,
                    completed.image,
                    path,
                    seed=loaded.item.job.seed,
                    model_sha256=self._inpainter.model_sha256,
                    quality=self._settings.quality,
                    signing=signing,
                )
                outcome = {
                    "status": DONE,
                    "output_sha256": files.sha256_of(str(path)),
                    "face": {key: value for key, value in completed.faces[0].report().items() if key in _TOLD},
                    "notes": [*completed.notes(), *notes],
                }
        except Exception as error:
            seconds = loaded.seconds + time.perf_counter() - start
            return self._failed(loaded.item, seconds, error, self._folder.url)
        return self._entry(loaded.item, loaded.seconds + time.perf_counter() - start, outcome)

    def _failed(self, item: Item, seconds: float, error: Exception, disk: str = "") -> Entry:
        """Entry of an item that an exception of any kind stopped; raises InputError where a disk is full."""
        if is_full(error):
            raise InputError(f"the disk of {disk} is full; make room, the same command goes on from there") from error
        reason = str(error)
        if not isinstance(error, ExeGanError):
            reason = f"{item.job.photo} cannot be completed ({reason_of(error)}); get its files again, or leave it out"
        return self._entry(item, seconds, {"status": FAILED, "error": reason})

    @contextmanager
    def _signing(self, photo: str) -> Iterator[Signing | None]:
        if (signer := self._settings.signer) is None:
            yield None
            return
        with files.local_copy(photo) as path:
            yield signer.of(path)

    def _entry(self, item: Item, seconds: float, outcome: dict[str, Any]) -> Entry:
        job = item.job
        return {
            "output": item.output,
            **outcome,
            "inputs": {kind: describe(path) for kind, path in job.inputs.items()},
            "options": {**self._options, **job_options(item)},
            "seed": job.seed,
            "seconds": round(seconds, 3),
        }
