"""The same plan on a cluster of two machines, one of which dies."""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest
from PIL import Image

from exegan.batch.engines import gpus_for_each, run_on_ray
from exegan.batch.manifest import Settings
from exegan.batch.pairing import plan_batch
from exegan.batch.run import Summary, run_batch
from exegan.errors import InputError

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize(
    ("workers", "device", "gpus", "share"),
    [
        (2, "auto", 4, 1),
        (4, "cuda", 4, 1),
        (6, "auto", 4, 1 / 2),  # 4 / 6 of a GPU would leave a place for one on each
        (3, "cuda", 1, 1 / 3),
        (3, "auto", 0, 0),
        (3, "cpu", 4, 0),
        (3, "mps", 0, 0),
    ],
)
def test_workers_share_the_gpus(workers: int, device: str, gpus: int, share: float) -> None:
    got = gpus_for_each(workers, device, gpus)
    assert got == pytest.approx(share)
    if got:
        assert int(1 / got + 1e-9) * gpus >= workers, "every worker finds a place"


def test_gpus_that_are_not_there_or_not_to_be_chosen() -> None:
    with pytest.raises(InputError, match="the Ray cluster has no GPU; use auto or cpu"):
        gpus_for_each(2, "cuda", 0)
    with pytest.raises(InputError, match="'cuda:1', but Ray gives each worker a GPU; use cuda"):
        gpus_for_each(2, "cuda:1", 4)


def test_ray_is_asked_for_the_share(monkeypatch: pytest.MonkeyPatch) -> None:
    class Rows:
        asked: ClassVar[dict[str, Any]] = {}

        def map(self, _: object, **options: Any) -> Rows:
            self.asked.update(options)
            return self

        def iter_rows(self) -> list[dict[str, Any]]:
            return []

    data = ModuleType("ray.data")
    data.DataContext = SimpleNamespace(get_current=SimpleNamespace)  # type: ignore[attr-defined]
    data.ActorPoolStrategy = lambda size: size  # type: ignore[attr-defined]
    data.from_items = lambda items, override_num_blocks: Rows()  # type: ignore[attr-defined]
    ray = ModuleType("ray")
    ray.data, ray.is_initialized, ray.cluster_resources = data, lambda: True, lambda: {"CPU": 8.0, "GPU": 2.0}  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ray", ray)
    monkeypatch.setitem(sys.modules, "ray.data", data)
    assert list(run_on_ray(lambda: None, [[]] * 9, 4, "auto", None, lambda: False)) == []  # type: ignore[arg-type, return-value]
    assert (Rows.asked["compute"], Rows.asked["num_gpus"]) == (4, pytest.approx(1 / 2))


@pytest.mark.slow
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


@pytest.mark.slow
def test_no_cluster_is_one_sentence(folders: Path, model_dir: Path) -> None:
    pytest.importorskip("ray")
    plan = plan_batch(*(str(folders / kind) for kind in ("photos", "masks", "exemplars")))
    with pytest.raises(InputError, match="there is no Ray cluster at"):
        run_batch(
            plan, str(folders / "out"), Settings(str(model_dir), aligned=True), engine="ray", address="127.0.0.1:1"
        )
