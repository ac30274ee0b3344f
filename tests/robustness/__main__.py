"""The campaign (`python tests/robustness --minutes 20`), or one case of it (`... --kind tables --seed 7`).

Cases run in forked processes of limited memory, so that one that hangs, crashes or eats all memory is a finding too.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing as mp
import os
import resource
import secrets
import sys
import tempfile
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

os.environ |= {"OMP_NUM_THREADS": "1", "OPENCV_FOR_THREADS_NUM": "1", "HF_HUB_OFFLINE": "1"}  # before the libraries
TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS.parent), str(TESTS), str(TESTS / "web")]

import file_properties  # noqa: E402, F401
import harness  # noqa: E402
import run_properties  # noqa: E402, F401
from harness import KINDS  # noqa: E402
from page_requests import Page  # noqa: E402

SLICE_S = 4.0  # of one kind before the next has its turn
MEMORY = 3 * 2**30  # bytes that cases may take beside what the program has
PATIENCE_S = harness.LONGEST_S + 30  # for code that no alarm reaches
FINDING = "finding"


@dataclass
class Turn:
    """A process that runs cases of a kind one after the other, and where it stands."""

    kind: str
    process: Any
    reports: Connection
    seed: int
    since: float = field(default_factory=time.monotonic)


@dataclass
class Campaign:
    """Counts of outcomes by kind, and the seeds of findings by kind and what went wrong."""

    first: int
    counts: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    findings: dict[tuple[str, str], list[int]] = field(default_factory=lambda: defaultdict(list))
    details: dict[tuple[str, str], str] = field(default_factory=dict)

    def note(self, kind: str, seed: int, outcome: str, detail: str = "") -> None:
        self.counts[kind][outcome] += 1
        if outcome == FINDING:
            key = kind, detail.partition("\n")[0]
            self.findings[key].append(seed)
            if key not in self.details:
                self.details[key] = detail
                print(f"\n{kind} {seed}: {key[1]}", flush=True)

    def total(self) -> int:
        return sum(count.total() for count in self.counts.values())

    def __str__(self) -> str:
        outcomes = (harness.DONE, harness.REFUSED, FINDING)
        rows = [("kind", "cases", "used", "refused", "findings")]
        rows += [(kind, c.total(), *(c[outcome] for outcome in outcomes)) for kind, c in self.counts.items()]
        rows.append(("all", self.total(), *(sum(c[o] for c in self.counts.values()) for o in outcomes)))
        lines = ["| " + " | ".join(map(str, row)) + " |" for row in rows]
        lines.insert(1, "| --- | --: | --: | --: | --: |")
        for (kind, what), seeds in self.findings.items():
            lines += ["", f"{len(seeds)} x {kind}: {what}", *self.details[kind, what].splitlines()[1:]]
            lines += [f"    python tests/robustness --kind {kind} --seed {seed}" for seed in seeds[:3]]
        return "\n".join(lines)


def run_turn(reports: Connection, kind: str, seed: int, most: int, shop: harness.Shop, log: Path) -> None:
    """In a process of its own: cases until time is up; each is announced, so that a crash is known by its seed."""
    with log.open("ab") as file:
        os.dup2(file.fileno(), 1), os.dup2(file.fileno(), 2)
    pages = int(Path("/proc/self/statm").read_text().split()[0]) if Path("/proc/self/statm").exists() else 0
    if pages:
        resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MEMORY,) * 2)
    end = time.monotonic() + SLICE_S
    for number in range(seed, seed + most):
        reports.send((number, None, ""))
        reports.send((number, *outcome_of(kind, number, shop)))
        if time.monotonic() > end:
            break
    reports.close()
    os._exit(0)  # libraries' threads and workers need no farewell


def outcome_of(kind: str, seed: int, shop: harness.Shop) -> tuple[str, str]:
    try:
        return harness.run_case(kind, seed, shop), ""
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # whatever it is, it is what is looked for
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if f"{os.sep}exegan{os.sep}" in frame.filename] or frames
        place = f"{Path(own[-1].filename).name}:{own[-1].lineno}"
        what = " ".join(str(error).split())[:200] if isinstance(error, harness.Finding) else ""
        kept = "".join(traceback.format_exception(error, limit=-6))[-2000:]
        return FINDING, f"{type(error).__name__} at {place} {what.partition(':')[0]}\n{kept}"


def campaign(kinds: list[str], first: int, minutes: float, cases: int | None, jobs: int) -> Campaign:
    """Cases of all kinds in turns, each kind the same time, from seed `first` on."""
    done, end = Campaign(first), time.monotonic() + 60 * minutes
    left = dict.fromkeys(kinds, cases or 2**62)
    following = dict.fromkeys(kinds, first)
    queue, running = list(kinds), list[Turn]()
    with workplace(kinds) as shop:
        try:
            while running or (queue and time.monotonic() < end):
                while queue and len(running) < jobs and time.monotonic() < end:
                    kind = queue.pop(0)
                    running.append(start(kind, following[kind], left[kind], shop))
                wait([turn.reports for turn in running], timeout=1)
                for turn in list(running):
                    if not listen(turn, done):
                        continue
                    running.remove(turn)
                    left[turn.kind] -= turn.seed - following[turn.kind]
                    following[turn.kind] = turn.seed
                    if left[turn.kind] > 0:
                        queue.append(turn.kind)
                show(done, end)
        except KeyboardInterrupt:
            print("\ninterrupted", flush=True)
        finally:
            for turn in running:
                turn.process.kill()
    return done


def start(kind: str, seed: int, most: int, shop: harness.Shop) -> Turn:
    here, there = mp.Pipe(duplex=False)
    context = mp.get_context("fork")
    process = context.Process(target=run_turn, args=(there, kind, seed, most, shop, shop.root / "log"))
    process.start()
    there.close()
    return Turn(kind, process, here, seed)


def listen(turn: Turn, done: Campaign) -> bool:
    """Note what a process reports; whether it is over, its `seed` then being the next one to run."""
    try:
        while turn.reports.poll():
            number, outcome, detail = turn.reports.recv()
            turn.seed, turn.since = number, time.monotonic()
            if outcome is not None:
                turn.seed += 1
                done.note(turn.kind, number, outcome, detail)
    except EOFError:
        turn.process.join()
        if turn.process.exitcode != 0:
            done.note(turn.kind, turn.seed, FINDING, f"the process died ({turn.process.exitcode})")
            turn.seed += 1
        return True
    if time.monotonic() - turn.since > PATIENCE_S:
        turn.process.kill()
        turn.process.join()
        done.note(turn.kind, turn.seed, FINDING, "hung, and no alarm reached it")
        turn.seed += 1
        return True
    return False


def show(done: Campaign, end: float) -> None:
    found = sum(count[FINDING] for count in done.counts.values())
    left = max(0, end - time.monotonic())
    if sys.stderr.isatty():
        print(
            f"\r{done.total()} cases, {found} findings, {left / 60:.1f} min left ", end="", file=sys.stderr, flush=True
        )


@contextlib.contextmanager
def workplace(kinds: list[str]) -> Iterator[harness.Shop]:
    """The sound files, made before any process is forked, and the page if it is wanted."""
    with tempfile.TemporaryDirectory(prefix="exegan-fuzz-") as folder, contextlib.ExitStack() as stack:
        shop = harness.Shop(Path(folder))
        for made in ("model", "inpainter", "style", "faces", "finished", "mask_set", "module"):
            getattr(shop, made)
        if "page" in kinds:
            shop.open_page = lambda: Page(shop.root / "page", stack)
            _ = shop.page
        yield shop


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests/robustness", description=__doc__)
    parser.add_argument("--kind", action="append", choices=KINDS, help="only this kind; may be repeated")
    parser.add_argument("--seed", type=int, help="one case in this process, with its traceback")
    parser.add_argument("--minutes", type=float, default=20.0, help="how long to look")
    parser.add_argument("--cases", type=int, help="at most so many of each kind")
    parser.add_argument("--first", type=int, help="first seed; a random one if not given")
    parser.add_argument("--jobs", type=int, default=max(1, (os.cpu_count() or 1) // 2), help="processes")
    options = parser.parse_args()
    if options.seed is not None and len(options.kind or []) != 1:
        parser.error("--seed needs one --kind")
    return options


def main() -> int:
    options = parse()
    kinds = options.kind or list(KINDS)
    if options.seed is not None:
        with workplace(kinds) as shop:
            print(harness.run_case(kinds[0], options.seed, shop))
        return 0
    first = secrets.randbelow(10**9) if options.first is None else options.first
    print(f"seeds from {first} on, {options.jobs} processes", flush=True)
    done = campaign(kinds, first, options.minutes, options.cases, options.jobs)
    print(f"\n{done}")
    return 1 if done.findings else 0


if __name__ == "__main__":
    sys.exit(main())
