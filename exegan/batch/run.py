"""`run_batch`: what is left of a plan is completed, noted in the manifest and then given its name."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from types import FrameType
from typing import Any, Literal

from tqdm import tqdm

from exegan.batch.files import OutputFolder, is_full
from exegan.batch.manifest import DONE, FAILED, MANIFEST, Entry, Manifest, Remaining, Settings, resume_plan
from exegan.batch.plan import BatchPlan, Problem, printable
from exegan.errors import InputError, Interrupted

Engine = Literal["threads", "ray"]

_LISTED = 50


@dataclass(frozen=True)
class Summary:
    """How a batch stands at the end of a run.

    Args:
        output: The output folder.
        planned: Items of the plan.
        done: Items done in this run.
        done_before: Items done in earlier runs.
        problems: Everything that is not done, each with its reason.
        stopped: The run was interrupted.
    """

    output: str
    planned: int
    done: int
    done_before: int
    problems: list[Problem]
    stopped: bool = False

    @property
    def exit_code(self) -> int:
        """0 all done, 1 some failed."""
        return 1 if self.problems else 0

    def report(self) -> dict[str, Any]:
        """JSON-ready facts."""
        return asdict(self)

    def __str__(self) -> str:
        before = f", {self.done_before} before" if self.done_before else ""
        failed = f", {len(self.problems)} failed" if self.problems else ""
        listed = [f"{problem.output}: {problem.reason}" for problem in self.problems[:_LISTED]]
        if len(self.problems) > _LISTED:
            listed.append(f"... and {len(self.problems) - _LISTED} more in {MANIFEST}")
        return "\n".join(map(printable, [*listed, f"{self.output}: {self.done} done{before}{failed}"]))


def run_batch(
    plan: BatchPlan,
    output: str,
    settings: Settings,
    *,
    engine: Engine | str = "threads",
    address: str | None = None,
    workers: int = 2,
    overwrite: bool = False,
    retry_failed: bool = False,
    show_progress: bool = True,
) -> Summary:
    """Do what is missing of a plan.

    Args:
        plan: Every item, also those done before.
        output: Folder or URL that the outputs and the manifest go to.
        settings: What all items share.
        engine: `threads`, or `ray` for a cluster.
        address: Of the Ray cluster; None starts one here.
        workers: Threads that read and write; with Ray, processes with a model each.
        overwrite: See `resume_plan`.
        retry_failed: See `resume_plan`.
        show_progress: Draw a bar on stderr where that is a terminal.

    Raises:
        InputError: Nothing of the plan can be tried, another batch writes to the output, or its disk is full.
        WeightsError: The model is missing or damaged.
        Interrupted: By a second signal; all that is noted in the manifest is whole.
    """
    from exegan.batch.engines import start_engine

    folder = OutputFolder(output)
    running, options = start_engine(engine, settings, output, workers, address)
    with folder.locked():
        manifest = Manifest(folder)
        remaining = resume_plan(plan, manifest, folder, options, overwrite=overwrite, retry_failed=retry_failed)
        problems = [*plan.problems, *remaining.conflicts, *remaining.failed]
        if not remaining.missing and not remaining.done and not remaining.failed:
            first = problems[0].reason if problems else "the plan is empty"
            raise InputError(f"none of {plan.size} items can be done: {first}")
        manifest.add(_new_failures(plan.problems, manifest))
        missing = [item for item in plan.items if item.output in remaining.missing]
        batches = [missing[k : k + settings.batch_size] for k in range(0, len(missing), settings.batch_size)]
        done = 0
        unnamed: set[str] = set()  # noted, so that the next run would name them
        try:
            with _stop_on_signals() as stopping, _bar(plan, remaining, show_progress) as bar:
                for entries in running(batches, stopping):
                    unnamed = {entry["output"] for entry in entries if entry["status"] == DONE}
                    manifest.add(entries)
                    for entry in entries:
                        failure = entry["error"] if entry["status"] == FAILED else _publish(entry, folder, manifest)
                        if failure:
                            problems.append(Problem(entry["output"], failure))
                        unnamed.discard(entry["output"])
                        done += not failure
                    bar.set_postfix(failed=len(problems), refresh=False)
                    bar.update(len(entries))
                stopped = stopping()
        finally:
            manifest.close()
            folder.sweep({*remaining.missing, *remaining.done} - unnamed)
    return Summary(output, plan.size, done, len(remaining.done), problems, stopped)


def _publish(entry: Entry, folder: OutputFolder, manifest: Manifest) -> str:
    """Give an output its name, or note why it does not get it and return that."""
    try:
        folder.publish(entry["output"])
    except InputError as error:
        if is_full(error):
            raise
        manifest.add([{**entry, "status": FAILED, "error": str(error)}])
        return str(error)
    return ""


def _new_failures(problems: Sequence[Problem], manifest: Manifest) -> list[Entry]:
    """Entries of the plan's problems, unless the last run recorded the same."""
    reasons: dict[str, str] = {}
    for problem in problems:
        reasons.setdefault(problem.output, problem.reason)
    return [
        {"output": output, "status": FAILED, "error": reason}
        for output, reason in reasons.items()
        if (manifest.entries.get(output) or {}).get("error") != reason
    ]


def _bar(plan: BatchPlan, remaining: Remaining, show: bool) -> Any:
    return tqdm(
        total=plan.size,
        initial=plan.size - len(remaining.missing),
        unit="image",
        disable=None if show else True,
    )


@contextmanager
def _stop_on_signals() -> Iterator[Callable[[], bool]]:
    """Ctrl-C or SIGTERM: what is in flight is finished, then the run stops; a second one ends it at once."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return

    def stop(number: int, frame: FrameType | None) -> None:
        if asked.is_set():
            raise Interrupted(
                "interrupted twice; what the manifest notes is whole, the same command goes on from there"
            )
        asked.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
