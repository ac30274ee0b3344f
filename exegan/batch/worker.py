"""One batch of items through the pipeline (`exegan.inpainter`): planned, completed together, written."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any

import torch

from exegan.batch import files
from exegan.batch.files import is_full
from exegan.batch.manifest import DONE, FAILED, Entry, Settings, describe, job_options
from exegan.batch.plan import Item, Job
from exegan.errors import ExeGanError, InputError, Interrupted
from exegan.faces.exemplars import ExemplarWord, Key, by_key
from exegan.inpainter import Hole, Inpainted, Inpainter, Options, Plan, Style, average_styles, pick_best, read_hole
from exegan.inpainter.style import Mixing, read_exemplar
from exegan.io import open_photo
from exegan.io.files import reason
from exegan.io.signing import Signing

_KEPT_STYLES = 1024
_NOTED = ("index", "box_xyxy", "upscaled", "seam", "identity_to_exemplar")  # of each face's report, in its entry


@dataclass(frozen=True)
class Planned:
    """An item that can be completed.

    Args:
        item: The item.
        plan: What is to be done to its photo.
        seconds: What planning took.
    """

    item: Item
    plan: Plan
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
            settings.model,
            settings.device,
            backend=settings.backend,
            precision=settings.precision,
            identity_net=settings.identity_net,
        )
        # Photos that share an exemplar are many, so it is read and encoded once; the lock keeps threads from doing so
        # together.
        self._exemplar_lock = threading.Lock()
        self._style_of = lru_cache(_KEPT_STYLES)(self._encode)

    def load(self, item: Item) -> Planned | Entry:
        """Read an item's files and plan what is done; a failure, whatever it is, becomes the item's entry.

        Raises:
            InputError: The disk for temporary files is full.
        """
        start = time.perf_counter()
        try:
            job = item.job
            with files.local_copy(job.photo) as path:
                photo = open_photo(path)
            hole = self._hole(job)
            with self._exemplar_lock:
                styles = self._styles(job)
            plan = self._inpainter.plan(photo, hole, styles, face=job.face, aligned=self._settings.aligned)
            return Planned(item, plan, time.perf_counter() - start)
        except Exception as error:
            return self._failed(item, time.perf_counter() - start, error, tempfile.gettempdir())

    def _hole(self, job: Job) -> Hole:
        grow, invert = self._settings.grow, self._settings.invert
        if job.mask is None or job.region is not None:
            return read_hole(None, job.region, grow, invert)
        with files.local_copy(job.mask) as path:
            return read_hole(path, None, grow, invert)

    def _styles(self, job: Job) -> dict[Key, Style]:
        styles, styles_b = (self._averaged(words) for words in (job.exemplars, job.exemplars_b))
        if not styles_b:
            return styles
        return {None: Mixing.of(styles, styles_b, self._settings.mix_at).style()}

    def _averaged(self, words: Sequence[ExemplarWord]) -> dict[Key, Style]:
        styles = by_key(words, lambda word: self._style_of(word.path, word.face))
        return {key: average_styles(ones) for key, ones in styles.items()}

    def _encode(self, url: str, face: int | None) -> Style:
        with files.local_copy(url) as path:
            exemplar = read_exemplar(path, face, url)
        return self._inpainter.make_style(exemplar, aligned=self._settings.aligned)

    def complete(self, batch: Sequence[Planned]) -> list[Inpainted | Entry]:
        """Completed photos of a batch.

        Where the networks fail with it, its items go one by one, and the entries of those that fail alone come back in
        place of photos.

        Raises:
            InputError: The networks fail with a blank picture, too, so that no item is to blame.
        """
        try:
            return [*self._run(batch)]
        except Interrupted:
            raise
        except Exception as error:
            self._check_networks(error)
        results: list[Inpainted | Entry] = []
        for planned in batch:
            try:
                results += self._run([planned])
            except Interrupted:
                raise
            except Exception as own:
                results.append(self._failed(planned.item, planned.seconds, own))
        return results

    def _run(self, batch: Sequence[Planned]) -> list[Inpainted]:
        samples = [(one, k) for one in batch for k in range(one.item.samples)]
        results = self._inpainter.run(
            [one.plan for one, _ in samples],
            [one.item.job.seed + k for one, k in samples],
            Options(truncation_psi=self._settings.truncation_psi),
            strengths=[one.item.job.exemplar_strength for one, _ in samples],
        )
        return [pick_best(islice(results, one.item.samples)) for one in batch]

    def _check_networks(self, why: Exception) -> None:
        """Make sure that a blank picture can be completed."""
        config = self._inpainter.model.config.generator
        blank = torch.zeros(1, 4, config.resolution, config.resolution)
        try:
            drawn = self._inpainter.complete(
                blank[:, :3], blank[:, 3:], torch.zeros(1, config.num_styles, config.w_dim)
            )
            sound = bool(drawn.isfinite().all())
        except Interrupted:
            raise
        except Exception:
            sound = False
        if not sound:
            wrong = f"the networks cannot complete any picture ({reason(why)})"
            raise InputError(f"{wrong}; give a smaller --batch-size, another --device or another model") from why

    def finish(self, planned: Planned, result: Inpainted) -> Entry:
        """Write a completed photo, without its name yet; what happens becomes the item's entry.

        Raises:
            InputError: The disk is full, which no other item would survive either.
        """
        start, item = time.perf_counter(), planned.item
        generated = planned.seconds + sum(result.seconds.values()) - sum(planned.plan.seconds.values())
        try:
            with self._folder.staging(item.output) as path, self._signing(item.job.photo) as signing:
                notes = result.save(path, quality=self._settings.quality, signing=signing)
                report = result.report()
                outcome: dict[str, Any] = {
                    "status": DONE,
                    "output_sha256": files.sha256_of(str(path)),
                    "faces": [{key: face[key] for key in _NOTED} for face in report["faces"]],
                    "notes": [*report["notes"], *notes],
                }
                if item.samples > 1:
                    outcome |= {"picked_seed": result.seed, "score": report["score"]}
        except Exception as error:
            return self._failed(item, generated + time.perf_counter() - start, error, self._folder.url)
        return self._entry(item, generated + time.perf_counter() - start, outcome)

    def _failed(self, item: Item, seconds: float, error: Exception, disk: str = "") -> Entry:
        """Entry of an item that an exception of any kind stopped; raises InputError where a disk is full."""
        if is_full(error):
            raise InputError(f"the disk of {disk} is full; make room, the same command goes on from there") from error
        message = str(error)
        if not isinstance(error, ExeGanError):
            wrong = f"{item.job.photo} cannot be completed ({reason(error, plain=(OSError,))})"
            message = f"{wrong}; get its files again, or leave it out"
        return self._entry(item, seconds, {"status": FAILED, "error": message})

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
