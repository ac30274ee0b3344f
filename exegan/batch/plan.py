"""What a batch is going to do, known completely before any model is loaded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

REGION = "region:"


def printable(text: str) -> str:
    """Text as one line of any terminal: bytes of names that are no text, line breaks and controls as escapes."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


@dataclass(frozen=True)
class Job:
    """One photo and what to do with it.

    Args:
        photo: Path or URL.
        mask: Path or URL, or `region:NAME` (`exegan.masks.regions`).
        exemplar: Path or URL.
        name: Relative path of the output without suffix and sample number.
        face: Index of the face, left to right, or `auto`: the one that the mask touches most.
        seed: Seed of the first sample.
        strength: Share of the exemplar in [0, 1].
    """

    photo: str
    mask: str
    exemplar: str
    name: str
    face: str = "auto"
    seed: int = 0
    strength: float = 1.0

    @property
    def inputs(self) -> dict[str, str]:
        """Files that the job reads, by what they are."""
        files = {"photo": self.photo, "mask": self.mask, "exemplar": self.exemplar}
        return {kind: path for kind, path in files.items() if not path.startswith(REGION)}


@dataclass(frozen=True)
class Item:
    """One output: a sample of a job.

    Args:
        job: The job, with the seed of this sample.
        output: Relative path of the output, with suffix.
    """

    job: Job
    output: str


@dataclass(frozen=True)
class Problem:
    """Why something cannot be done.

    Args:
        output: Relative path of the output there will not be, or of the photo's name where there is no item.
        reason: One sentence.
    """

    output: str
    reason: str


@dataclass(frozen=True)
class Plan:
    """Every item, in the order of the photos' names or of the table's rows, and everything that is wrong.

    Args:
        items: All, also those that a problem stands in the way of: batches are cut from them, and a file that is mended
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
            "items": [{"output": item.output, **asdict(item.job)} for item in self.sound],
            "problems": [asdict(problem) for problem in self.problems],
        }

    def __str__(self) -> str:
        lines = [
            f"{item.output} <- {job.photo} | mask {job.mask} | exemplar {job.exemplar} | seed {job.seed}"
            for item, job in ((item, item.job) for item in self.sound)
        ]
        wrong = [f"{problem.output}: {problem.reason}" for problem in self.problems]
        return "\n".join(map(printable, [*lines, *wrong, f"{len(lines)} items, {len(wrong)} problems"]))


def expand(jobs: Iterable[Job], samples: int, suffix: str) -> list[Item]:
    """An item for each sample of each job.

    Args:
        jobs: In order. A name that comes again gets `-2`, `-3` and so on.
        samples: Outputs of each job, with seeds counting up from the job's.
        suffix: Of the outputs, with its dot.
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
        items += [Item(replace(job, seed=job.seed + k), f"{name}_{k}{suffix}") for k in range(samples)]
    return items
