"""SIGKILL at any moment loses nothing: the next run makes what is missing, byte for byte as if undisturbed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import EXAMPLES, write_raw_photos

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

# Imports once and forks for each run, since importing takes longer than a run. A run with a number kills itself at so
# many events in which Python touches a file of the output folder (open, rename, remove: between them nothing changes
# on the disk but content), a run with a fraction after so many seconds (amid a write, too), one with 0 never.
RUNNER = """
import json, os, signal, sys, threading
import exegan.batch.engines, exegan.batch.pairing, exegan.batch.run, exegan.faces.detect
from exegan.cli import main

def kill():
    os.kill(os.getpid(), signal.SIGKILL)

def arm(moment, out):
    left = moment
    lock = threading.Lock()
    def watch(event, arguments):
        nonlocal left
        if event in ("open", "os.rename", "os.remove") and str(arguments[0]).startswith(out):
            with lock:
                left -= 1
                if left <= 0:
                    kill()
    if isinstance(moment, float):
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        threading.Timer(moment, kill).start()
    elif moment:
        sys.addaudithook(watch)

for line in sys.stdin:
    moment, out, arguments = json.loads(line)
    child = os.fork()
    if not child:
        arm(moment, out)
        main(arguments)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Runner:
    """Runs `exegan batch` into a folder, again and again."""

    def __init__(self, root: Path) -> None:
        write_raw_photos(root, 3)
        (root / "photos/2.jpg").write_bytes((root / "photos/2.jpg").read_bytes()[:1500])  # one that fails every time
        self._root = root
        self._arguments = ["batch", str(root / "photos"), "--masks", "region:eyes", "--exemplars"]
        self._arguments += [str(EXAMPLES / "face-5.jpg"), "--device", "cpu", "--samples", "2", "--batch-size", "2"]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", RUNNER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def run(self, out: str, moment: float = 0) -> int:
        """Exit code of a run, -9 if it was killed."""
        assert self.process.stdin is not None and self.process.stdout is not None
        folder = str(self._root / out)
        order = [moment, folder, [*self._arguments, "--quiet", "-o", folder]]
        print(json.dumps(order), file=self.process.stdin, flush=True)
        return int(self.process.stdout.readline())

    def outputs(self, out: str) -> dict[str, bytes]:
        """Everything in a folder but the lock and the manifest, also what should not be there."""
        files = [path for path in (self._root / out).rglob("*") if path.is_file()]
        return {path.name: path.read_bytes() for path in files if path.name not in (".batch.lock", "manifest.jsonl")}

    def noted(self, out: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self._root / out / "manifest.jsonl").read_text().splitlines() if line]


@pytest.fixture
def runner(tmp_path: Path) -> Any:
    runner = Runner(tmp_path)
    yield runner
    runner.process.communicate()


def check_kills(runner: Runner, moments: list[float], seed: object) -> None:
    """A run killed at each of these moments in turn, one that is not, and the undisturbed one in `whole`."""
    codes = [runner.run("killed", moment) for moment in moments]
    assert set(codes) <= {-9, 1}, f"a run after a kill ended with {codes} ({seed=}, {moments=})"
    assert runner.run("killed") == 1
    assert runner.outputs("killed") == runner.outputs("whole"), f"{seed=}, {moments=}"
    entries = runner.noted("killed")
    done = [entry["output"] for entry in entries if entry["status"] == "done"]
    assert len(set(done)) == 4 and {entry["output"] for entry in entries} == {*done, "2_0.png", "2_1.png"}


def test_kills_between_any_two_touches_of_the_disk(runner: Runner) -> None:
    assert runner.run("whole") == 1
    assert sorted(runner.outputs("whole")) == ["0_0.png", "0_1.png", "1_0.png", "1_1.png"]
    moments = np.random.default_rng(17).integers(1, 25, size=4).tolist()
    assert runner.run("killed", moments[0]) == -9
    check_kills(runner, moments[1:], 17)


@pytest.mark.campaign
@pytest.mark.parametrize("seed", range(20))
def test_kills_at_random_moments(runner: Runner, seed: int) -> None:
    random = np.random.default_rng(seed)
    assert runner.run("whole") == 1
    touches, times = random.integers(1, 40, size=4).tolist(), random.uniform(0, 3, size=4).tolist()
    check_kills(runner, [moment for pair in zip(touches, times, strict=True) for moment in pair], seed)
