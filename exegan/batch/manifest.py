"""The manifest of a batch, a JSON line for each item, and what is left of a plan by it.

`Manifest` is read and appended to; `resume_plan` compares it with a plan, so that a killed run can be resumed;
`Settings` are what all items share and what the lines note as options.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from functools import cache, lru_cache
from typing import Any

from exegan.batch import files
from exegan.batch.files import OutputFolder
from exegan.batch.plan import BatchPlan, Item, Problem
from exegan.errors import ConfigError, InputError, Interrupted
from exegan.io.files import reason
from exegan.io.signing import Signer


@dataclass(frozen=True)
class Settings:
    """How items are completed and written; what `facts` has changes pictures.

    Args:
        model: `default`, a model folder or an ONNX folder.
        device: `auto`, `cpu`, `cuda` or `mps`.
        precision: What the networks compute in.
        backend: `torch` or `onnx`.
        aligned: Photos and exemplars are aligned square crops already: no faces are looked for.
        truncation_psi: 1 = none; towards 0 less variety.
        grow: Pixels to widen every hole by; negative narrows it.
        invert: Complete all but the mask or region.
        mix_at: Layer from which a second exemplar rules; None = the middle.
        identity_net: Measures identities, as `mobilefacenet=FILE`; None measures none.
        quality: Of JPEG and WebP outputs; None = the photo's own.
        batch_size: Photos that are completed together, and in memory at once. On a CPU pictures do not depend on it.
        signer: Puts a signed C2PA manifest into each output; None leaves them unsigned.
    """

    model: str = "default"
    device: str = "auto"
    precision: str = "float32"
    backend: str = "torch"
    aligned: bool = False
    truncation_psi: float = 1.0
    grow: int = 0
    invert: bool = False
    mix_at: int | None = None
    identity_net: str | None = None
    quality: int | None = None
    batch_size: int = 8
    signer: Signer | None = None

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise ConfigError(f"batch_size is {self.batch_size}, expected at least 1")

    def facts(self) -> dict[str, Any]:
        """What the manifest records; where an item was computed does not change its picture."""
        unnoted = ("device", "model", "signer", "batch_size")
        noted = {one.name: getattr(self, one.name) for one in fields(self) if one.name not in unnoted}
        return {**noted, "signed_with": None if self.signer is None else self.signer.fingerprint}


MANIFEST = "manifest.jsonl"
DONE, FAILED = "done", "failed"
_PART, _PARTS = "manifest-{number:06}.jsonl", r"manifest-(\d+)\.jsonl"
_KEPT_HASHES = 1024
# What entries of earlier versions, which noted less, were made with.
_UNNOTED = {**Settings().facts(), "samples": 1}
Entry = dict[str, Any]


class Manifest:
    """The last line of an output counts; one that a kill cut short, or that is no entry, is as if it were not there.

    Object stores cannot append, so there each batch's lines are a file of their own.

    Args:
        folder: Where the outputs are.

    Raises:
        InputError: It is there and cannot be read.
    """

    def __init__(self, folder: OutputFolder) -> None:
        self._folder = folder
        self.entries: dict[str, Entry] = {}
        self._file: Any = None
        numbers = {name: int(found[1]) for name in folder.names() if (found := re.fullmatch(_PARTS, name))}
        self._parts = max(numbers.values(), default=0)
        noted = folder.read_text(MANIFEST) or ""
        self._is_cut = bool(noted) and not noted.endswith("\n")
        for text in [noted, *(folder.read_text(name) or "" for name in sorted(numbers))]:
            for line in text.split("\n"):  # names may have what else Unicode takes for ends of lines
                if (entry := _parse(line)) is not None:
                    self.entries[entry["output"]] = entry

    def add(self, entries: Iterable[Entry]) -> None:
        """Write lines, safely on the disk when this returns.

        Raises:
            InputError: They cannot be written.
        """
        entries = list(entries)
        text = "".join(_line(entry) for entry in entries)
        try:
            self._write(text)
        except Interrupted:
            raise
        except Exception as error:
            self.close()
            raise InputError(
                f"{MANIFEST} in {self._folder.url} cannot be written ({reason(error)}); make room, "
                "the same command goes on from there"
            ) from error
        for entry in entries:
            self.entries[entry["output"]] = entry

    def _write(self, text: str) -> None:
        if not self._folder.is_local:
            self._parts += 1
            with self._folder.open_text(_PART.format(number=self._parts), "w") as file:
                file.write(text)
            return
        if self._file is None:
            self._file = self._folder.open_text(MANIFEST, "a")
        self._file.write("\n" + text if self._is_cut else text)
        self._is_cut = False
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Stop writing."""
        if self._file is not None:
            # Closing tries once more to write what a full disk refused, which `add` has reported; all else is synced.
            with contextlib.suppress(OSError):
                self._file.close()
            self._file = None


def _line(entry: Entry) -> str:
    """Readable JSON, or with escapes where a name has bytes that are no text, or ends of lines."""
    text = json.dumps(entry, ensure_ascii=False)
    return (text if text.isprintable() else json.dumps(entry)) + "\n"


def _parse(line: str) -> Entry | None:
    """The entry of a line, with every part that the plan is compared with; None where it is none."""
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(entry, dict) or not isinstance(entry.get("output"), str):
        return None
    if entry.get("status") not in (DONE, FAILED):
        return None
    for part in ("inputs", "options"):
        entry[part] = entry[part] if isinstance(entry.get(part), dict) else {}
    entry["inputs"] = {kind: facts for kind, facts in entry["inputs"].items() if isinstance(facts, dict)}
    if "strength" in entry["options"]:  # its name before
        entry["options"]["exemplar_strength"] = entry["options"].pop("strength")
    if entry["status"] == FAILED and not isinstance(entry.get("error"), str):
        entry["error"] = "it failed before, for a reason that was not noted; --retry-failed tries it again"
    return entry


def describe(path: str) -> dict[str, Any]:
    """Identifies the content of an input; without a hash where it cannot be read."""
    try:
        size, mtime_ns = files.stamp(path)
        return {"path": path, "size": size, "mtime_ns": mtime_ns, "sha256": _sha256(path, size, mtime_ns)}
    except InputError:
        return {"path": path, "size": None, "mtime_ns": None, "sha256": None}


@lru_cache(_KEPT_HASHES)
def _sha256(path: str, size: int, mtime_ns: int) -> str:
    """Hash of a file that many items share, taken again when the file has changed."""
    return files.sha256_of(path)


@dataclass
class Remaining:
    """What is left of a plan, and what is not.

    Args:
        missing: To be done.
        done: Done before, unchanged.
        failed: Failed before, not tried again.
        conflicts: Would overwrite a file that is not this plan's output as it stands.
    """

    missing: set[str] = field(default_factory=set)
    done: list[str] = field(default_factory=list)
    failed: list[Problem] = field(default_factory=list)
    conflicts: list[Problem] = field(default_factory=list)


def resume_plan(
    plan: BatchPlan,
    manifest: Manifest,
    folder: files.OutputFolder,
    options: Mapping[str, Any],
    *,
    overwrite: bool = False,
    retry_failed: bool = False,
) -> Remaining:
    """Compare a plan with what has been done.

    Args:
        plan: The whole plan.
        manifest: Of earlier runs.
        folder: Where outputs go; an output that a killed run noted but did not name yet gets its name here.
        options: What this run's entries would have as `options`, beside each job's own.
        overwrite: Do again what has changed, and replace files of other origin.
        retry_failed: Try again what failed.
    """
    remaining = Remaining()
    places = cache(lambda: {files.place(path) for item in plan.sound for path in item.job.inputs.values()})
    for item in plan.sound:
        entry = manifest.entries.get(item.output)
        changed = "" if entry is None else what_changed(item, entry, options)
        reason = ""
        if entry is not None and entry["status"] == FAILED:
            if changed or retry_failed:
                remaining.missing.add(item.output)
            else:
                remaining.failed.append(Problem(item.output, entry["error"]))
        elif not folder.has(item.output):
            # A kill between note and name leaves the output beside its place.
            if entry is not None and not changed and folder.is_staged(item.output, entry.get("output_sha256")):
                reason = _published(folder, item.output)
                remaining.done += [] if reason else [item.output]
            else:
                remaining.missing.add(item.output)
        elif entry is not None and not changed:
            remaining.done.append(item.output)
        elif overwrite:
            remaining.missing.add(item.output)
        else:
            origin = "is not of this batch" if entry is None else f"was made with another {changed}"
            reason = f"{item.output} exists and {origin}; --overwrite replaces it, another -o keeps it"
        if item.output in remaining.missing:
            reason = _obstacle(folder, item.output, places)
        if reason:
            remaining.missing.discard(item.output)
            remaining.conflicts.append(Problem(item.output, reason))
    return remaining


def _published(folder: files.OutputFolder, output: str) -> str:
    """Give a staged output its name; what is in the way, if anything."""
    try:
        folder.publish(output)
    except InputError as error:
        return str(error)
    return ""


def _obstacle(folder: files.OutputFolder, output: str, places_of_inputs: Callable[[], set[str]]) -> str:
    """Why an output cannot be written over what has its name, if there is something."""
    if folder.is_blocked(output):
        return f"{output} exists and is no file (a folder, for example); move it away, or give another -o"
    if folder.has(output) and files.place(files.join(folder.url, output)) in places_of_inputs():
        return f"{output} is one of the inputs, which nothing replaces; give another -o"
    return ""


def job_options(item: Item) -> dict[str, Any]:
    """What an item's own job adds to the options of all."""
    job = item.job
    region = None if job.region is None else job.mask
    own = {"mask": region, "face": job.face, "exemplar_strength": job.exemplar_strength}
    return {**own, "exemplars": job.exemplar_targets, "samples": item.samples}


def what_changed(item: Item, entry: Entry, options: Mapping[str, Any]) -> str:
    """Name of the first thing in which an item differs from what was done; empty where nothing does."""
    now = {**options, **job_options(item)}
    then, recorded = {**_UNNOTED, **entry["options"]}, entry["inputs"]
    for name, value in now.items():
        if value != then.get(name):
            return name
    if entry.get("seed") != item.job.seed:
        return "seed"
    if set(recorded) != set(item.job.inputs):
        return "kind of input"
    return next((kind for kind, path in item.job.inputs.items() if _differs(path, recorded[kind])), "")


def _differs(path: str, recorded: Mapping[str, Any]) -> bool:
    if path != recorded.get("path"):
        return True
    then = recorded.get("sha256")
    try:
        size, mtime_ns = files.stamp(path)
        # The time alone is no proof (copies get a new one), so the content decides.
        same = size == recorded.get("size") and (mtime_ns != 0 and mtime_ns == recorded.get("mtime_ns"))
        return not (same and then is not None) and files.sha256_of(path) != then
    except InputError:
        return then is not None
