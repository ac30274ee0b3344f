"""How the page holds under load, and what a click costs beyond the pipeline's own time.

    python bench/page.py --photo photo.jpg --exemplar face.jpg                30 clients, 5 requests each
    python bench/page.py --clients 4 --requests 2 --photo photo.jpg --exemplar face.jpg --json figures.json
    python bench/page.py --clients 1 --requests 100 --rounds 5 ...            does the memory level off

Starts `demo/app.py` by itself. First one client alone: seconds from sending a request to having the whole picture, over
the seconds that the report of the same request gives for the pipeline's stages. Then all clients at once, each sending
its next request when the last one was complete; one that finds the page busy waits a second before its next.
In the end requests with pictures of 60 megapixels, one alone and one that names eight, which is to be refused.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import torch
from measure import describe_machine
from PIL import Image

APP = Path(__file__).resolve().parents[1] / "demo" / "app.py"
BUSY = 503
WARM_UP = 2


@dataclass
class Client:
    """One program; its requests, and how each ended."""

    address: str
    request: dict[str, Any]
    seconds: list[float] = field(default_factory=list)
    stages: list[float] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)

    def upload(self, **files: Path) -> None:
        """Name the uploads in all requests to come."""
        for name, path in files.items():
            with path.open("rb") as file:
                answer = httpx.post(f"{self.address}/gradio_api/upload", files={"files": file}, timeout=60)
            meta = {"_type": "gradio.FileData"}
            self.request[name] = {"path": answer.raise_for_status().json()[0], "meta": meta}

    def run(self, requests: int) -> None:
        """Send requests, one after the other."""
        with httpx.Client(base_url=self.address, timeout=600) as http:
            for number in range(requests):
                start = time.perf_counter()
                try:
                    outcome = self.complete(http, number)
                except (httpx.HTTPError, ValueError, LookupError) as error:
                    outcome = f"error: {type(error).__name__} {error}"
                self.outcomes[outcome] += 1
                if outcome == "served":
                    self.seconds.append(time.perf_counter() - start)
                elif outcome == "busy":
                    time.sleep(1)

    def complete(self, http: httpx.Client, seed: int) -> str:
        """One request, until its picture is here; how it ended."""
        answer = http.post("/gradio_api/call/v2/inpaint", json={**self.request, "seed": seed})
        if answer.status_code == BUSY:
            return "busy"
        event = answer.raise_for_status().json()["event_id"]
        stream = http.get(f"/gradio_api/call/inpaint/{event}").raise_for_status().text
        if "event: complete" not in stream:
            return f"error: {stream[-200:]!r}"
        files, report = json.loads(stream.split("data: ")[-1])
        http.get(files[0]["url"]).raise_for_status()
        self.stages.append(sum(report["seconds"].values()))
        return "served"


@contextmanager
def served_page(options: argparse.Namespace, folder: Path) -> Iterator[tuple[str, int]]:
    """Address and process number of a page."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    command = [sys.executable, str(APP), "--port", str(port), "--model", options.model, "--device", options.device]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        while "is ready" not in (folder / "log").read_text():
            if process.poll() is not None:
                raise SystemExit(f"bench: {(folder / 'log').read_text()}")
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}", process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def memory_mib(process: int) -> float:
    """Resident memory."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    return int(found[1]) / 1024 if found else float("nan")


def ask_for_much(address: str, options: argparse.Namespace, folder: Path) -> list[str]:
    """How requests with one and with eight exemplars of 60 megapixels end; the exemplar's photo in a corner of grey."""
    with Image.open(options.exemplar) as exemplar:
        large = Image.new("RGB", (7745, 7745), "grey")
        large.paste(exemplar)
    large.save(folder / "large.png", compress_level=1)
    client = Client(address, {"region": options.region})
    client.upload(photo=options.photo, exemplar=folder / "large.png")
    exemplar_file, outcomes = client.request["exemplar"], []
    for count in (1, 8):
        client.request["exemplar"] = [exemplar_file] * count
        client.run(1)
        outcomes.append(next(iter(client.outcomes)))
        client.outcomes.clear()
    return outcomes


def run_at_once(clients: list[Client], requests: int) -> None:
    """All clients, each in a thread of its own, until the last is done."""
    threads = [threading.Thread(target=client.run, args=(requests,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def measure(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """All figures, JSON-ready."""
    with served_page(options, folder) as (address, process):
        alone = Client(address, {"region": options.region})
        alone.upload(photo=options.photo, exemplar=options.exemplar)
        alone.run(WARM_UP + options.turns)
        ratios = [click / own for click, own in zip(alone.seconds, alone.stages, strict=True)][WARM_UP:]
        memory, clients, start = [memory_mib(process)], list[Client](), time.perf_counter()
        for _ in range(options.rounds):
            arrived = [Client(address, dict(alone.request)) for _ in range(options.clients)]
            run_at_once(arrived, options.requests)
            clients += arrived
            memory.append(memory_mib(process))
        much = ask_for_much(address, options, folder)
        memory.append(memory_mib(process))
        seconds = sorted(second for client in clients for second in client.seconds)
        outcomes = sum((client.outcomes for client in clients), Counter[str]())
        return {
            "machine": describe_machine(torch.device("cpu")),
            "click seconds": statistics.median(alone.seconds[WARM_UP:]),
            "pipeline seconds": statistics.median(alone.stages[WARM_UP:]),
            "click / pipeline": statistics.median(ratios),
            "served": outcomes.pop("served", 0),
            "busy": outcomes.pop("busy", 0),
            "errors": dict(outcomes),
            "seconds": time.perf_counter() - start,
            "p50 seconds": statistics.median(seconds) if seconds else None,
            "p95 seconds": seconds[int(0.95 * (len(seconds) - 1))] if seconds else None,
            "one and eight exemplars of 60 megapixels": much,
            "MiB before, after each round, after these": [round(value) for value in memory],
        }


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photo", type=Path, required=True)
    parser.add_argument("--exemplar", type=Path, required=True)
    parser.add_argument("--region", default="eyes+mouth")
    parser.add_argument("--clients", type=int, default=30)
    parser.add_argument("--requests", type=int, default=5, help="of each client")
    parser.add_argument(
        "--rounds", type=int, default=2, help="of all clients; memory that is bounded stays after the first"
    )
    parser.add_argument("--turns", type=int, default=10, help="requests of the one client alone")
    parser.add_argument("--model", default="default")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", type=Path, help="write all figures here as well")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Measure, print a line for each figure, optionally write JSON."""
    options = parse(arguments)
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(options, Path(folder))
    for name, value in figures.items():
        print(f"{name}: {value:.3g}" if isinstance(value, float) else f"{name}: {value}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + os.linesep)


if __name__ == "__main__":
    main()
