"""What is left to do of a plan, after earlier runs and in view of what lies in the output folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from exegan.batch import files
from exegan.batch.manifest import FAILED, Entry, Manifest
from exegan.batch.plan import Item, Plan, Problem
from exegan.errors import InputError


@dataclass
class Todo:
    """A plan's items, sorted by what is to become of them.

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


def sort_out(
    plan: Plan,
    manifest: Manifest,
    folder: files.OutputFolder,
    options: Mapping[str, Any],
    *,
    overwrite: bool = False,
    retry_failed: bool = False,
) -> Todo:
    """Compare a plan with what has been done.

    Args:
        plan: The whole plan.
        manifest: Of earlier runs.
        folder: Where outputs go; an output that a killed run noted but did not name yet gets its name here.
        options: What this run's entries would have as `options`, beside each job's own.
        overwrite: Do again what has changed, and replace files of other origin.
        retry_failed: Try again what failed.
    """
    todo = Todo()
    places = cache(lambda: {files.place(path) for item in plan.sound for path in item.job.inputs.values()})
    for item in plan.sound:
        entry = manifest.entries.get(item.output)
        changed = "" if entry is None else what_changed(item, entry, options)
        reason = ""
        if entry is not None and entry["status"] == FAILED:
            if changed or retry_failed:
                todo.missing.add(item.output)
            else:
                todo.failed.append(Problem(item.output, entry["error"]))
        elif not folder.has(item.output):
            # A kill between note and name leaves the output beside its place.
            if entry is not None and not changed and folder.is_staged(item.output, entry.get("output_sha256")):
                reason = _published(folder, item.output)
                todo.done += [] if reason else [item.output]
            else:
                todo.missing.add(item.output)
        elif entry is not None and not changed:
            todo.done.append(item.output)
        elif overwrite:
            todo.missing.add(item.output)
        else:
            origin = "is not of this batch" if entry is None else f"was made with another {changed}"
            reason = f"{item.output} exists and {origin}; --overwrite replaces it, another -o keeps it"
        if item.output in todo.missing:
            reason = _hindrance(folder, item.output, places)
        if reason:
            todo.missing.discard(item.output)
            todo.conflicts.append(Problem(item.output, reason))
    return todo


def _published(folder: files.OutputFolder, output: str) -> str:
    """Give a staged output its name; what is in the way, if anything."""
    try:
        folder.publish(output)
    except InputError as error:
        return str(error)
    return ""


def _hindrance(folder: files.OutputFolder, output: str, places_of_inputs: Callable[[], set[str]]) -> str:
    """Why an output cannot be written over what has its name, if there is something."""
    if folder.is_barred(output):
        return f"{output} exists and is no file (a folder, for example); move it away, or give another -o"
    if folder.has(output) and files.place(files.join(folder.url, output)) in places_of_inputs():
        return f"{output} is one of the inputs, which nothing replaces; give another -o"
    return ""


def job_options(item: Item) -> dict[str, Any]:
    """What an item's own job adds to the options of all."""
    job = item.job
    return {"mask": job.mask if "mask" not in job.inputs else None, "face": job.face, "strength": job.strength}


def what_changed(item: Item, entry: Entry, options: Mapping[str, Any]) -> str:
    """Name of the first thing in which an item differs from what was done; empty where nothing does."""
    now = {**options, **job_options(item)}
    then, recorded = entry["options"], entry["inputs"]
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
        # The time alone says little (copies get a new one), so that the content decides.
        same = size == recorded.get("size") and (mtime_ns != 0 and mtime_ns == recorded.get("mtime_ns"))
        return not (same and then is not None) and files.sha256_of(path) != then
    except InputError:
        return then is not None
