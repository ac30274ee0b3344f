"""The plan of a batch: every item and every problem, known before any model is loaded."""

from __future__ import annotations

import socket
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from exegan.batch import files
from exegan.errors import InputError
from exegan.faces.exemplars import ExemplarWord
from exegan.inpainter.style import STYLE_SUFFIX
from exegan.io import check_picture
from exegan.io.files import reason

REGION = "region:"
_PORTS = {"http": 80, "https": 443, "ftp": 21}
_CONNECT_TIMEOUT_S = 10


@dataclass(frozen=True)
class BatchPlan:
    """Every item, in the order of the photos' names or of the table's rows, and everything that is wrong.

    Args:
        items: All, also those that a problem stands in the way of: batches are cut from them, and a file that is fixed
            must not move the others.
        problems: By item, or by name where there is no item.
    """

    items: Sequence[Item]
    problems: Sequence[Problem] = ()

    @property
    def sound(self) -> list[Item]:
        """Items without a problem."""
        wrong = {problem.output for problem in self.problems}
        return [item for item in self.items if item.output not in wrong]

    @property
    def size(self) -> int:
        """How many outputs were asked for."""
        return len({item.output for item in self.items} | {problem.output for problem in self.problems})

    def report(self) -> dict[str, Any]:
        """JSON-ready plan."""
        return {
            "items": [{"output": item.output, "samples": item.samples, **_report(item.job)} for item in self.sound],
            "problems": [asdict(problem) for problem in self.problems],
        }

    def __str__(self) -> str:
        lines = [
            f"{item.output} <- {job.photo} | mask {job.mask or 'by exemplars'}"
            f" | exemplar {_joined(job.exemplars)}{_mixed(job)} | seed {job.seed}"
            for item, job in ((item, item.job) for item in self.sound)
        ]
        wrong = [f"{problem.output}: {problem.reason}" for problem in self.problems]
        return "\n".join(map(printable, [*lines, *wrong, f"{len(lines)} items, {len(wrong)} problems"]))


@dataclass(frozen=True)
class Item:
    """One output: a sample of a job, or the best of several.

    Args:
        job: The job, with the seed of this sample.
        output: Relative path of the output, with suffix.
        samples: How many are made for the best to be picked, with seeds counting up.
    """

    job: Job
    output: str
    samples: int = 1


@dataclass(frozen=True)
class Job:
    """One photo and what to do with it.

    Args:
        photo: Path or URL.
        mask: Path or URL, `region:NAME` (`exegan.masks.regions`), or None for the regions that exemplars are for.
        exemplars: One or several, with the faces and regions they are for; several for the same are of one person.
        name: Relative path of the output without suffix and sample number.
        face: Which faces, as for `exegan inpaint`: indices from the left, `all` or `auto`.
        seed: Seed of the first sample.
        exemplar_strength: In [0, 1].
        exemplars_b: Second exemplars, whose style the finer layers take.
    """

    photo: str
    mask: str | None
    exemplars: tuple[ExemplarWord, ...]
    name: str
    face: str = "auto"
    seed: int = 0
    exemplar_strength: float = 1.0
    exemplars_b: tuple[ExemplarWord, ...] = ()

    @property
    def region(self) -> str | None:
        """Names of the regions that are the hole; None where a mask is."""
        return self.mask.removeprefix(REGION) if self.mask and self.mask.startswith(REGION) else None

    @property
    def inputs(self) -> dict[str, str]:
        """Files that the job reads, by what they are."""
        files = {"photo": self.photo}
        if self.mask and self.region is None:
            files["mask"] = self.mask
        for what, words in (("exemplar", self.exemplars), ("exemplar-b", self.exemplars_b)):
            files |= {f"{what}-{n}" if n > 1 else what: word.path for n, word in enumerate(words, start=1)}
        return files

    @property
    def exemplar_targets(self) -> list[str] | None:
        """Which faces and regions the exemplars are for and which of their own faces is meant, where that is given."""
        targets = [word._replace(path="") for word in (*self.exemplars, *self.exemplars_b)]
        return (
            [str(word) for word in targets]
            if any(word.key is not None or word.face is not None for word in targets)
            else None
        )


@dataclass(frozen=True)
class Problem:
    """Why something cannot be done.

    Args:
        output: Relative path of the output there will not be, or of the photo's name where there is no item.
        reason: One sentence.
    """

    output: str
    reason: str


def expand(jobs: Iterable[Job], samples: int, suffix: str, *, pick_best: bool = False) -> list[Item]:
    """An item for each sample of each job, or with `pick_best` for each job.

    Args:
        jobs: In order. A name that comes again gets `-2`, `-3` and so on.
        samples: Completions of each job, with seeds counting up from the job's.
        suffix: Of the outputs, with its dot.
        pick_best: Keep the best of them alone.
    """
    taken: set[str] = set()
    seen: Counter[str] = Counter()
    items = []
    for job in jobs:
        name = job.name
        while name in taken:
            seen[job.name] += 1
            name = f"{job.name}-{seen[job.name] + 1}"
        taken.add(name)
        if pick_best:
            items.append(Item(job, f"{name}_0{suffix}", samples))
        else:
            items += [Item(replace(job, seed=job.seed + k), f"{name}_{k}{suffix}") for k in range(samples)]
    return items


def check_inputs(items: Sequence[Item]) -> list[Problem]:
    """What is wrong with the files of each item, whatever that is."""
    known: dict[str, str] = {}
    silent: dict[tuple[str, int], str] = {}
    problems = []
    for item in items:
        for path in item.job.inputs.values():
            if path not in known:
                known[path] = _problem_of_url(path, silent) if "://" in path else _problem_of(path)
            if known[path]:
                problems.append(Problem(item.output, known[path]))
    return problems


def _problem_of_url(url: str, silent: dict[tuple[str, int], str]) -> str:
    """As `_problem_of`, but a server that does not answer is waited for once and not for each of its files."""
    address = url.rsplit("::", 1)[-1]
    if not address.startswith(tuple(f"{protocol}://" for protocol in _PORTS)):
        return _problem_of(url)
    try:
        parts = urlsplit(address)
        server = parts.hostname or "", parts.port or _PORTS[parts.scheme]
        if server not in silent:
            socket.create_connection(server, _CONNECT_TIMEOUT_S).close()
            silent[server] = ""
    except OSError as error:
        silent[server] = f"{address} cannot be reached ({reason(error)}); try later, or copy its files here"
    except ValueError as error:
        return f"{url} is no address ({error}); write it again"
    start = time.monotonic()
    problem = silent[server] or _problem_of(url)
    if problem and time.monotonic() - start > _CONNECT_TIMEOUT_S:
        silent[server] = problem
    return problem


def _problem_of(path: str) -> str:
    """One sentence, or nothing."""
    try:
        if not files.exists(path):
            unreachable = ", or its server does not answer" if "://" in path else ""
            return f"{path} does not exist{unreachable}; check the path"
        if path.endswith(STYLE_SUFFIX):
            return ""  # a saved style, which cannot be checked before its model is known
        with files.opened(path) as file:
            check_picture(file, path)
    except InputError as error:
        return str(error)
    except Exception as error:  # file systems and decoders raise exceptions of any kind
        return f"{path} cannot be read ({reason(error)}); get the file again"
    return ""


def _report(job: Job) -> dict[str, Any]:
    return {**asdict(job), "exemplars": list(map(str, job.exemplars)), "exemplars_b": list(map(str, job.exemplars_b))}


def _joined(words: Iterable[ExemplarWord]) -> str:
    return ", ".join(map(str, words))


def _mixed(job: Job) -> str:
    return f" mixed with {_joined(job.exemplars_b)}" if job.exemplars_b else ""


def printable(text: str) -> str:
    """Text as one line of any terminal: bytes of names that are no text, line breaks and controls as escapes."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
