"""The same plan on a cluster of two machines, one of which dies."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from exegan.batch.planning import plan_batch
from exegan.batch.run import Summary, run_batch
from exegan.batch.settings import Settings
from exegan.errors import InputError

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


def test_a_machine_dies_and_every_item_is_done_once(
    folders: Path, model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ray = pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("RAY_DISABLE_IMPORT_WARNING", "1")
    settings = Settings(str(model_dir), aligned=True, batch_size=2)
    places = [str(folders / kind) for kind in ("photos", "masks", "exemplars")]
    plan = plan_batch(*places, samples=20)
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    second = cluster.add_node(num_cpus=1)
    outcome: list[Summary] = []
    out = folders / "ray"

    def work() -> None:
        outcome.append(
            run_batch(plan, str(out), settings, engine="ray", address=cluster.address, workers=2, show_progress=False)
        )

    try:
        running = threading.Thread(target=work)
        running.start()
        manifest = out / "manifest.jsonl"
        deadline = time.monotonic() + 240
        while not (manifest.exists() and manifest.read_text().count("\n") >= 10):
            assert running.is_alive() and time.monotonic() < deadline, "no item was done"
            time.sleep(0.05)
        cluster.remove_node(second, allow_graceful=False)
        running.join(timeout=300)
        assert not running.is_alive()
    finally:
        ray.shutdown()
        cluster.shutdown()
    (summary,) = outcome
    assert (summary.done, summary.problems) == (200, [])
    noted = [json.loads(line)["output"] for line in manifest.read_text().splitlines()]
    assert sorted(noted) == sorted(item.output for item in plan.items)
    here = run_batch(plan, str(folders / "here"), settings, show_progress=False)
    assert here.done == 200
    files: list[Any] = [path.relative_to(out) for path in out.rglob("*.png")]
    assert len(files) == 200 and not any(path.name.startswith(".") for path in files)
    for path in files:  # another number of threads adds in another order
        there, here_too = (np.asarray(Image.open(root / path)).astype(int) for root in (out, folders / "here"))
        assert np.abs(there - here_too).max() <= 1


def test_no_cluster_is_one_sentence(folders: Path, model_dir: Path) -> None:
    pytest.importorskip("ray")
    plan = plan_batch(*(str(folders / kind) for kind in ("photos", "masks", "exemplars")))
    with pytest.raises(InputError, match="there is no Ray cluster at"):
        run_batch(
            plan, str(folders / "out"), Settings(str(model_dir), aligned=True), engine="ray", address="127.0.0.1:1"
        )
