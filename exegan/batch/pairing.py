"""`plan_batch`: which mask and exemplar belong to which photo, by names in folders or by a table.

Never by their order, since a missing file would shift the others.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from exegan.batch.files import exists, is_folder, join, list_pictures, path_in
from exegan.batch.plan import REGION, BatchPlan, Item, Job, Problem, check_inputs, expand
from exegan.batch.tables import read_table
from exegan.errors import ConfigError, InputError
from exegan.faces.exemplars import ExemplarWord, parse_exemplars
from exegan.io import FORMATS
from exegan.masks.regions import parse_regions


def plan_batch(
    photos: str | None = None,
    masks: str | None = None,
    exemplars: str | Sequence[str] = (),
    pairs: str | None = None,
    *,
    exemplars_b: str | Sequence[str] = (),
    output: str | None = None,
    face: str = "auto",
    seed: int = 0,
    exemplar_strength: float = 1.0,
    samples: int = 1,
    pick_best: bool = False,
    suffix: str = ".png",
) -> BatchPlan:
    """List every item and everything that is wrong, before any model is loaded.

    Args:
        photos: Folder of photos, with `masks` and `exemplars` (`pair_folders`).
        masks: As for `pair_folders`.
        exemplars: As for `pair_folders`; one or several words (`exegan.faces.select`).
        pairs: Or a table (`exegan.batch.tables`).
        exemplars_b: As `exemplars`: the second exemplar of each photo, for the finer layers.
        output: Where `run_batch` will write. What lies there is neither photo nor mask nor exemplar; None leaves it to
            the caller to keep outputs out of the folders given.
        face: Default of rows without it.
        seed: Default of rows without it.
        exemplar_strength: Default of rows without it.
        samples: Completions of each photo.
        pick_best: Keep the best of them alone.
        suffix: Of the outputs, with its dot.

    Raises:
        InputError: Neither or both of folders and table are given, one of them is missing, or outputs would lie in one.
        ConfigError: Samples or suffix cannot be.
    """
    if suffix.lower() not in FORMATS:
        raise ConfigError(f"the format is {suffix!r}, expected one of {', '.join(FORMATS)}")
    if samples < 1:
        raise ConfigError(f"samples is {samples}, expected at least 1")
    words, words_b = (
        parse_exemplars([given] if isinstance(given, str) else given) for given in (exemplars, exemplars_b)
    )
    defaults = {"face": face, "seed": seed, "exemplar_strength": exemplar_strength}
    if pairs is not None:
        if photos or masks or exemplars or exemplars_b:
            raise InputError("got a table of pairs and folders, expected one of them; leave the folders out")
        jobs, problems = read_table(pairs, defaults)
    elif photos and exemplars and (masks or any(word.has_regions for word in words)):
        jobs, problems = pair_folders(photos, masks, words, defaults, output=output, exemplars_b=words_b)
    else:
        raise InputError("expected PHOTOS with --masks and --exemplars, or --pairs; give the one or the other")
    items = expand(jobs, samples, suffix, pick_best=pick_best)
    if output is not None:
        named = [
            ("photos", photos),
            ("masks", masks),
            *(("exemplars", word.path) for word in (*words, *words_b)),
        ]
        _check_output_is_apart(output, items, [(what, folder) for what, folder in named if folder])
    return BatchPlan(items, [*problems, *check_inputs(items)])


def _check_output_is_apart(output: str, items: Sequence[Item], folders: Sequence[tuple[str, str]]) -> None:
    """Refuse outputs that the next run would find among its inputs; a folder of their own in there is left out."""
    for what, folder in folders:
        if folder.startswith(REGION) or (inside := path_in(folder, output)) is None:
            continue
        if any(inside in PurePosixPath(item.output).parents for item in items):
            raise InputError(
                f"the outputs would lie among the {what} in {folder}, and the next run would take them for {what}; "
                f"give another output folder, {join(folder, 'out')} for example"
            )


def pair_folders(
    photos: str,
    masks: str | None,
    exemplars: Sequence[ExemplarWord],
    defaults: Mapping[str, Any],
    *,
    output: str | None = None,
    exemplars_b: Sequence[ExemplarWord] = (),
) -> tuple[list[Job], list[Problem]]:
    """A job for each photo below a folder, in the order of their relative paths.

    Folders of masks, exemplars and outputs that lie in the folder of photos are no photos, and so on.

    Args:
        photos: Folder, searched with all below it.
        masks: Folder whose pictures have the photos' relative paths (suffixes may differ), or one picture for all, or
            `region:NAME`; None where exemplars are for regions.
        exemplars: Faces to follow: each word's path is a folder as `masks`, or one picture for all.
        defaults: `face`, `seed` and `exemplar_strength` of every job.
        output: Where outputs go.
        exemplars_b: As `exemplars`, for `Job.exemplars_b`.

    Returns:
        The jobs, and what is wrong with the others.

    Raises:
        InputError: A folder or file is missing, or the photos' folder has no pictures.
        MaskError: There is no such region.
    """
    outputs = [] if output is None else [output]
    words = [*exemplars, *exemplars_b]
    others = [word.path for word in words] + ([masks] if masks and not masks.startswith(REGION) else [])
    found = list_pictures(photos, without=[*outputs, *others])
    if not found:
        raise InputError(f"{photos} holds no picture; give a folder of photos")
    choosers = [_Chooser("exemplar", word.path, outputs) for word in words]
    choose_mask = _Chooser("mask", masks, outputs) if masks else None
    jobs, problems = [], []
    for name, candidates in _group(found).items():
        photo = _only("photo", photos, name, candidates)
        mask = None if choose_mask is None else choose_mask(name)
        chosen = [choose(name) for choose in choosers]
        wrong = [one for one in (photo, mask, *chosen) if isinstance(one, Problem)]
        problems += wrong
        if not wrong:
            given = [word._replace(path=str(path)) for word, path in zip(words, chosen, strict=True)]
            first, second = tuple(given[: len(exemplars)]), tuple(given[len(exemplars) :])
            mask = None if mask is None else str(mask)
            jobs.append(Job(str(photo), mask, first, name, exemplars_b=second, **defaults))
    return jobs, problems


class _Chooser:
    """Finds what belongs to a photo in a folder, or gives the same file for all."""

    def __init__(self, what: str, where: str, outputs: Sequence[str]) -> None:
        self._what, self._where = what, where
        if where.startswith(REGION):
            parse_regions(where.removeprefix(REGION))
        self._for_all = None if not where.startswith(REGION) and is_folder(where) else where
        self._by_name: dict[str, list[str]] = {}
        if self._for_all is None:
            self._by_name = _group(list_pictures(where, outputs))
        elif not where.startswith(REGION) and not exists(where):
            raise InputError(f"the {what} {where} does not exist; give a picture for all photos or a folder of them")

    def __call__(self, name: str) -> str | Problem:
        if self._for_all is not None:
            return self._for_all
        return _only(self._what, self._where, name, self._by_name.get(name, []))


def _group(paths: list[str]) -> dict[str, list[str]]:
    """Paths by their names without suffix."""
    groups: dict[str, list[str]] = defaultdict(list)
    for path in paths:
        groups[str(PurePosixPath(path).with_suffix(""))].append(path)
    return dict(groups)


def _only(what: str, where: str, name: str, candidates: list[str]) -> str | Problem:
    """The one candidate's path, or what is wrong."""
    if len(candidates) == 1:
        return join(where, candidates[0])
    if candidates:
        return Problem(name, f"two {what}s could be meant: {' and '.join(candidates[:3])}; keep one of them")
    return Problem(name, f"{where} has no {what} named {name}; add it")
