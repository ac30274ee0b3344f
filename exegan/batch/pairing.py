"""Jobs of folders: which mask and which exemplar belong to a photo is said by their names, never by their order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import PurePosixPath

from exegan.batch.files import exists, is_folder, join, list_pictures
from exegan.batch.plan import REGION, Job, Problem
from exegan.errors import InputError
from exegan.masks.regions import parse_regions


def pair_folders(
    photos: str,
    masks: str,
    exemplars: str,
    *,
    output: str | None = None,
    face: str = "auto",
    seed: int = 0,
    strength: float = 1.0,
) -> tuple[list[Job], list[Problem]]:
    """A job for each photo below a folder, in the order of their relative paths.

    Folders of masks, exemplars and outputs that lie in the folder of photos are no photos, and so on.

    Args:
        photos: Folder, searched with all below it.
        masks: Folder whose pictures have the photos' relative paths (suffixes may differ), or one picture for all, or
            `region:NAME`.
        exemplars: As `masks`, without regions.
        output: Where outputs go.
        face: Of every job.
        seed: Of every job.
        strength: Of every job.

    Returns:
        The jobs, and what is wrong with the others.

    Raises:
        InputError: A folder or file is missing, or the photos' folder has no pictures.
        MaskError: There is no such region.
    """
    outputs = [] if output is None else [output]
    others = [place for place in (masks, exemplars) if not place.startswith(REGION)]
    found = list_pictures(photos, without=[*outputs, *others])
    if not found:
        raise InputError(f"{photos} holds no picture; give a folder of photos")
    choose_mask, choose_exemplar = _Chooser("mask", masks, outputs), _Chooser("exemplar", exemplars, outputs)
    by_name = _group(found)
    jobs, problems = [], []
    for name, candidates in by_name.items():
        chosen = [_only("photo", photos, name, candidates), choose_mask(name), choose_exemplar(name)]
        wrong = [one for one in chosen if isinstance(one, Problem)]
        problems += wrong
        if not wrong:
            photo, mask, exemplar = (str(one) for one in chosen)
            jobs.append(Job(photo, mask, exemplar, name, face, seed, strength))
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
