"""The page on a tiny model and faces that were made, for tests to talk to over the network, and those who talk."""

from __future__ import annotations

import http.client
import io
import json
import multiprocessing
import os
import socket
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from helpers import made_photo
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
META = {"_type": "gradio.FileData"}

TIMEOUT = 120
CHROMIUM = Path("/usr/bin/chromium")
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


# Importing takes ten times as long as serving, so one process imports and every page is forked from it.
_SERVERS = multiprocessing.get_context("forkserver" if hasattr(os, "fork") else "spawn")
_SERVERS.set_forkserver_preload(["live_page", "exegan.web.app", "exegan.faces.detect"])


@contextmanager
def live_page(folder: Path, **options: Any) -> Iterator[str]:
    """Address of the page in a process of its own; `options` as for `ServerOptions`.

    While the folder holds a file `wait`, requests wait; while it holds one `fail`, they fail.
    """
    address = f"http://127.0.0.1:{options.setdefault('port', free_port())}"
    (folder / "exegan-test").mkdir()
    (folder / "log").touch()
    # The process that imports finds its modules by the environment that it is started with.
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests"), str(ROOT / "tests" / "web")])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", path)
        process = _SERVERS.Process(target=serve_made_faces, args=(folder, options), daemon=True)
        process.start()
    try:
        wait_until(lambda: "ready" in (folder / "log").read_text() or not process.is_alive())
        assert process.is_alive(), (folder / "log").read_text()
        yield address
    finally:
        process.kill()
        process.join()


def wait_until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + TIMEOUT
    while not true():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.1)


def serve_made_faces(folder: Path, options: dict[str, Any]) -> None:
    """What the process does: the page on a tiny model that finds the faces of `helpers.made_photo`."""
    with (folder / "log").open("w") as log:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(log.fileno(), stream.fileno())
    os.environ["GRADIO_TEMP_DIR"] = str(folder / "exegan-test")

    import torch
    from helpers import MadeDetector, tiny_model_config

    import exegan.inpainter.inpainter
    from exegan.inpainter import Inpainter, Plan
    from exegan.nets.model import Model
    from exegan.web.app import serve
    from exegan.web.options import ServerOptions

    class TestedInpainter(Inpainter):
        def plan(self, *arguments: Any, **named: Any) -> Plan:
            wait_until(lambda: not (folder / "wait").exists())
            if (folder / "fail").exists():
                raise OSError("/secret/path")
            return super().plan(*arguments, **named)

    exegan.inpainter.inpainter.FaceDetector = MadeDetector  # type: ignore[assignment, misc]
    model = Model(tiny_model_config())
    model.update_mean_w()
    accounts = options.pop("accounts", None)
    chosen = ServerOptions(**options, accounts=accounts and tuple(map(tuple, accounts)))
    page = serve(TestedInpainter(model.eval(), torch.device("cpu"), model_sha256="0" * 64), chosen)
    (folder / "routes").write_text(json.dumps(list(addresses(page.app.routes))))
    print("ready", flush=True)
    page.block_thread()


def addresses(routes: Iterable[Any], prefix: str = "") -> Iterator[str]:
    """Patterns of all that an application serves, its routers' too."""
    for route in routes:
        if hasattr(route, "path"):
            yield prefix + route.path
        else:  # how FastAPI keeps a router that was included
            yield from addresses(route.original_router.routes, prefix + route.include_context.prefix)


class Visitor:
    """A browser or program: requests as they are written, its own cookies."""

    def __init__(self, address: str, with_cookies: bool = True) -> None:
        self.address, self.host, self.cookie = address, urlsplit(address).netloc, ""
        if with_cookies:
            cookie = self.ask("GET", "/")[2]["set-cookie"]
            self.cookie = cookie.partition(";")[0]

    def ask(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> tuple[int, bytes, http.client.HTTPMessage]:
        """Status, body and headers of an response; the path is sent as it is."""
        with self.asked(method, path, body, **headers) as response:
            return response.status, response.read(), response.headers

    @contextmanager
    def asked(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> Iterator[http.client.HTTPResponse]:
        """An response of which no more is read than wanted; some have no end."""
        all_headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.cookie:
            all_headers["Cookie"] = self.cookie
        with closing(http.client.HTTPConnection(self.host, timeout=60)) as connection:
            connection.request(method, path, body, all_headers)
            with connection.getresponse() as response:
                yield response

    def upload(self, data: bytes, name: str = "photo.png") -> tuple[int, bytes]:
        head = f'--x\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'
        body = head.encode() + data + b"\r\n--x--\r\n"
        return self.ask("POST", "/gradio_api/upload", body, Content_Type="multipart/form-data; boundary=x")[:2]

    def uploaded(self, data: bytes, name: str = "photo.png") -> dict[str, Any]:
        """An upload as other requests name it."""
        status, response = self.upload(data, name)
        assert status == 200, response
        return {"path": json.loads(response)[0], "meta": META}

    def post(self, path: str, body: Any) -> tuple[int, Any]:
        status, response, _ = self.ask("POST", path, json.dumps(body).encode(), Content_Type="application/json")
        return status, json.loads(response)

    def begin(self, **arguments: Any) -> str:
        """The event of a request to `/inpaint`."""
        status, response = self.post("/gradio_api/call/v2/inpaint", arguments)
        assert status == 200, response
        return str(response["event_id"])

    def inpaint(self, **arguments: Any) -> tuple[str, Any]:
        """How a request ended, `complete` or `error`, and what came with it."""
        return self.end(self.begin(**arguments))

    def end(self, event: str) -> tuple[str, Any]:
        lines = self.ask("GET", f"/gradio_api/call/inpaint/{event}")[1].decode().splitlines()
        kind = [line for line in lines if line.startswith("event: ")][-1].removeprefix("event: ")
        return kind, json.loads([line for line in lines if line.startswith("data: ")][-1].removeprefix("data: "))


def png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


PHOTO, EXEMPLAR = png(made_photo(1)), png(made_photo(1, seed=1))
