"""From what a person gives to a plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from exegan.batch.checks import check_inputs
from exegan.batch.files import join, path_in
from exegan.batch.pairing import pair_folders
from exegan.batch.plan import REGION, Item, Plan, expand
from exegan.batch.tables import read_table
from exegan.errors import ConfigError, InputError
from exegan.images import FORMATS


def plan_batch(
    photos: str | None = None,
    masks: str | None = None,
    exemplars: str | None = None,
    pairs: str | None = None,
    *,
    output: str | None = None,
    face: str = "auto",
    seed: int = 0,
    strength: float = 1.0,
    samples: int = 1,
    suffix: str = ".png",
) -> Plan:
    """List every item and everything that is wrong, before any model is loaded.

    Args:
        photos: Folder of photos, with `masks` and `exemplars` (`exegan.batch.pairing`).
        masks: See there.
        exemplars: See there.
        pairs: Or a table (`exegan.batch.tables`).
        output: Where `run_batch` will write. What lies there is neither photo nor mask nor exemplar; None leaves it to
            the caller to keep outputs out of the folders given.
        face: Where a table says nothing else.
        seed: Where a table says nothing else.
        strength: Where a table says nothing else.
        samples: Outputs of each photo.
        suffix: Of the outputs, with its dot.

    Raises:
        InputError: Neither or both of folders and table are given, one of them is missing, or outputs would lie in one.
        ConfigError: Samples or suffix cannot be.
    """
    if suffix.lower() not in FORMATS:
        raise ConfigError(f"the format is {suffix!r}, expected one of {', '.join(FORMATS)}")
    if samples < 1:
        raise ConfigError(f"samples is {samples}, expected at least 1")
    if pairs is not None:
        if photos or masks or exemplars:
            raise InputError("got a table of pairs and folders, expected one of them; leave the folders out")
        jobs, problems = read_table(pairs, face=face, seed=seed, strength=strength)
    elif photos and masks and exemplars:
        jobs, problems = pair_folders(photos, masks, exemplars, output=output, face=face, seed=seed, strength=strength)
    else:
        raise InputError("expected PHOTOS with --masks and --exemplars, or --pairs; give the one or the other")
    items = expand(jobs, samples, suffix)
    if output is not None:
        folders = {"photos": photos, "masks": masks, "exemplars": exemplars}
        _check_output_is_apart(output, items, {what: folder for what, folder in folders.items() if folder})
    return Plan(items, [*problems, *check_inputs(items)])


def _check_output_is_apart(output: str, items: Sequence[Item], folders: Mapping[str, str]) -> None:
    """Refuse outputs that the next run would find among its inputs; a folder of their own in there is left out."""
    for what, folder in folders.items():
        if folder.startswith(REGION) or (inside := path_in(folder, output)) is None:
            continue
        if any(inside in PurePosixPath(item.output).parents for item in items):
            raise InputError(
                f"the outputs would lie among the {what} in {folder}, and the next run would take them for {what}; "
                f"give another output folder, {join(folder, 'out')} for example"
            )
