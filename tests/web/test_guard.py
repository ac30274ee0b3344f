"""Nobody reads what is not theirs: every event of the page with foreign files, every address of its server."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers import made_photo
from live_page import EXEMPLAR, META, PHOTO, Visitor, live_page, png
from PIL import Image

JOIN = "/gradio_api/queue/join"


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    with live_page(folder, max_pixels=1_000_000) as address:
        yield address


Shapes = Callable[[Any], list[Any]]
# What a component of a type takes, by a file object. A component of a type that is in neither is to be put into one.
HOLDING: dict[str, Shapes] = {
    "file": lambda file: [file, [file]],
    "html": lambda file: [{"strokes": "", "mask": file}, [{**file, "name": "face.png", "face": None}], file],
}
PLAIN = {"state", "slider", "checkbox", "checkboxgroup", "radio", "number", "textbox", "dropdown"}


@pytest.fixture(scope="module")
def config(visitor: Visitor) -> dict[str, Any]:
    config: dict[str, Any] = json.loads(visitor.ask("GET", "/config")[1])
    return config


@pytest.fixture(scope="module")
def foreign(address: str, folder: Path, visitor: Visitor) -> dict[str, str]:
    """Paths that are not the visitor's, by what they are."""
    outside = folder / "outside"
    outside.mkdir()
    made_photo(1).save(outside / "face.png")
    own = Path(visitor.uploaded(PHOTO)["path"])
    os.mkfifo(own.parent / "pipe.png")
    os.mkfifo(outside / "pipe.png")
    (own.parent / "link.png").symlink_to(outside / "face.png")
    theirs = Visitor(address).uploaded(EXEMPLAR, "theirs.png")["path"]
    return {
        "a face elsewhere": str(outside / "face.png"),
        "nothing elsewhere": str(outside / "missing.png"),
        "a pipe elsewhere": str(outside / "pipe.png"),
        "a folder elsewhere": str(outside) + os.sep,
        "a device": "/dev/zero",
        "somebody else's upload": theirs,
        "somebody else's, by one's own": f"{own.parent}/../{Path(theirs).parent.name}/theirs.png",
        "by a link": str(own.parent / "link.png"),
        "a pipe in one's own folder": str(own.parent / "pipe.png"),
        "one's own folder": str(own.parent) + os.sep,
        "one's own file with a slash": str(own) + os.sep,
        "the folder of the page": str(own.parents[1]),
        "relative": os.path.relpath(outside / "face.png"),
        "another host's": "http://127.0.0.1:1/face.png",
        "nothing": "",
        "a zero byte": str(own) + "\0",
    }


def files(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))


def payloads(config: dict[str, Any], event: dict[str, Any], path: str) -> Iterator[dict[str, Any]]:
    """Bodies that call an event with a path in one input after the other, then where nothing would look for it."""
    types = {component["id"]: component["type"] for component in config["components"]}
    inputs = [types[component] for component in event["inputs"]]
    assert set(inputs) <= HOLDING.keys() | PLAIN, "say in HOLDING or PLAIN whether this component may hold a file"
    for file in ({"path": path}, {"path": path, "meta": META, "orig_name": "face.png"}):
        for place, kind in enumerate(inputs):
            for shape in HOLDING.get(kind, lambda file: [file])(file):
                yield {"data": [shape if place == at else None for at in range(len(inputs))]}
        yield {"data": [None] * len(inputs), "event_data": {"deep": [[{"in": file}]]}}


def test_no_event_takes_a_file_that_its_visitor_was_not_given(
    visitor: Visitor, config: dict[str, Any], foreign: dict[str, str], folder: Path
) -> None:
    before, responses, asked = files(folder), set(), 0
    for number, event in enumerate(config["dependencies"]):
        for called, path in foreign.items():
            for body in payloads(config, event, path):
                name = event["api_name"] or "inpaint"
                body |= {"fn_index": event["id"], "session_hash": "attack"}
                status, response = visitor.post(JOIN, body)
                assert status == 403, (number, event["api_name"], called, body, response)
                responses.add(json.dumps(response))
                asked += 1
            for address in (f"call/{name}", f"call/v2/{name}"):
                assert visitor.post(f"/gradio_api/{address}", body)[0] == 403
    assert asked > 1000
    assert len(responses) == 1, "and nobody learns what is there"
    assert files(folder) == before, "and nothing is written"


def test_one_s_own_files_are_taken(visitor: Visitor, config: dict[str, Any]) -> None:
    """The event of dropping a photo, as the page calls it; else the test above would say nothing."""
    names = {component["id"]: component["props"].get("elem_id") for component in config["components"]}
    (event,) = (
        e
        for e in config["dependencies"]
        if [(names.get(i), kind) for i, kind in e["targets"]] == [("canvas", "upload")]
    )
    dropped = {"path": visitor.uploaded(PHOTO)["path"]}
    body = {"data": [None], "event_data": dropped, "fn_index": event["id"], "session_hash": "own"}
    status, response = visitor.post(JOIN, body)
    assert status == 200, response
    stream = visitor.ask("GET", "/gradio_api/queue/data?session_hash=own")[1]
    assert b'"success":true' in stream
    assert b"shown.jpg" in stream


def test_bodies_that_are_no_json(visitor: Visitor, foreign: dict[str, str]) -> None:
    face = json.dumps({"data": [{"path": foreign["a face elsewhere"]}], "fn_index": 0, "session_hash": "attack"})
    bodies = [
        b'{"data": ["\xff\xfe"]}', b"\xff", b"{", b'{"data": NaN}', b'{"fn_index": Infinity, "data": []}',
        b'{"data": [1e999]}',
        b'{"data": ["\\ud800"]}', face.encode("utf-16"), face.encode("utf-8-sig"), face.encode("utf-32")
    ]  # fmt: skip
    for address in (JOIN, "/gradio_api/call/v2/inpaint", "/gradio_api/cancel", "/gradio_api/call/inpaint"):
        for body in bodies:
            status, response, _ = visitor.ask("POST", address, body, Content_Type="application/json")
            assert (status, "is not JSON in UTF-8" in json.loads(response)["detail"]) == (400, True)


@pytest.mark.parametrize("event", [-1, "0", 1.5, [0]])
def test_events_are_numbered_from_0(visitor: Visitor, event: object) -> None:
    body = json.dumps({"data": [], "fn_index": event, "session_hash": "attack"}).encode()
    status, response, _ = visitor.ask("POST", JOIN, body, Content_Type="application/json")
    assert (status, "fn_index is no number" in json.loads(response)["detail"]) == (400, True)


def test_events_that_are_none(visitor: Visitor) -> None:
    body = json.dumps({"data": [], "fn_index": 2**24, "session_hash": "attack", "trigger_id": 6}).encode()
    status, response, _ = visitor.ask("POST", JOIN, body, Content_Type="application/json")
    assert (status, "there is no such endpoint" in json.loads(response)["detail"]) == (400, True)


def test_a_path_named_twice_is_the_last(visitor: Visitor, foreign: dict[str, str]) -> None:
    own, face = visitor.uploaded(PHOTO)["path"], foreign["a face elsewhere"]
    body = f'{{"data": [{{"path": "{own}", "path": "{face}"}}], "fn_index": 0, "session_hash": "attack"}}'
    assert visitor.ask("POST", JOIN, body.encode(), Content_Type="application/json")[0] == 403


def test_files_that_are_no_files_are_not_handed_out(visitor: Visitor, foreign: dict[str, str]) -> None:
    for path in foreign.values():
        if "\0" not in path:
            assert visitor.ask("GET", "/gradio_api/file=" + path)[0] in (400, 403)


def test_pictures_too_large_together(visitor: Visitor) -> None:
    large = visitor.uploaded(png(Image.new("RGB", (1000, 1000))), "large.png")
    given = {"photo": visitor.uploaded(PHOTO), "exemplar": [large] * 3, "region": "mouth"}
    status, response = visitor.post("/gradio_api/call/v2/inpaint", {**given, "exemplar": [large] * 4})
    assert status == 413
    assert response["detail"] == (
        "the pictures of this request have 4.01 megapixels together, expected at most 3; give fewer or smaller ones"
    )
    status, response = visitor.post(JOIN, {"data": [visitor.uploaded(PHOTO)] * 51, "fn_index": 0, "session_hash": "m"})
    assert (status, "names 51 files, expected at most 50" in response["detail"]) == (413, True)


GUARDED = "there is nothing at this address"
# Of all that Gradio and FastAPI would answer, with sample parameters.
NEEDED = {
    "/", "/config", "/config/", "/login", "/login/", "/logout", "/theme.css", "/favicon.ico", "/robots.txt",
    "/assets/x", "/static/x", "/gradio_api/file=x", "/gradio_api/upload", "/gradio_api/upload_progress",
    "/gradio_api/queue/join", "/gradio_api/queue/data", "/gradio_api/queue/status", "/gradio_api/call/x",
    "/gradio_api/call/x/", "/gradio_api/call/v2/x", "/gradio_api/call/v2/x/", "/gradio_api/call/x/x",
    "/gradio_api/call/v2/x/x", "/gradio_api/cancel", "/gradio_api/reset", "/gradio_api/reset/",
    "/gradio_api/heartbeat/x", "/gradio_api/info", "/gradio_api/info/", "/gradio_api/openapi.json",
    "/gradio_api/user", "/gradio_api/user/", "/gradio_api/login_check", "/gradio_api/login_check/",
    "/gradio_api/token", "/gradio_api/token/", "/gradio_api/app_id", "/gradio_api/app_id/",
    "/gradio_api/startup-events", "/gradio_api/theme.css",
}  # fmt: skip
# What says nothing of anybody: the page's form to log in, and what that is drawn with.
OPEN_TO_ALL = {
    "/", "/login", "/login/", "/logout", "/theme.css", "/favicon.ico", "/robots.txt", "/assets/x", "/static/x",
    "/gradio_api/cancel", "/gradio_api/reset", "/gradio_api/reset/", "/gradio_api/heartbeat/x", "/gradio_api/user",
    "/gradio_api/user/", "/gradio_api/token", "/gradio_api/token/", "/gradio_api/app_id", "/gradio_api/app_id/",
    "/gradio_api/startup-events", "/gradio_api/theme.css",
}  # fmt: skip
SEEN_CLOSED = {
    "/openapi.json", "/monitoring", "/gradio_api/proxy=x", "/gradio_api/process_recording",
    "/gradio_api/run/x", "/gradio_api/api/x", "/gradio_api/vibe-code", "/gradio_api/vibe-edit",
    "/gradio_api/dev/reload", "/gradio_api/component_server", "/gradio_api/deep_link", "/gradio_api/stream/x",
}  # fmt: skip


@pytest.mark.parametrize("root_path", ["", "/x"])
@pytest.mark.parametrize("accounts", [None, [["anna", "secret"]]])
def test_only_the_addresses_that_are_needed(tmp_path: Path, root_path: str, accounts: list[list[str]] | None) -> None:
    with live_page(tmp_path, root_path=root_path or None, accounts=accounts) as address:
        routes = json.loads((tmp_path / "routes").read_text())
        paths = {re.sub(r"\{.*?\}", "x", route) for route in routes}
        assert paths >= NEEDED | SEEN_CLOSED, "else a name here is out of date"
        visitor = Visitor(address)
        paths |= {
            "/x/x/openapi.json",
            "//openapi.json",
            "/xopenapi.json",
            "/x//gradio_api/proxy=x",
            "/gradio_api",
            "/x/",
        }
        for path in sorted(paths):
            for start in {"", root_path}:
                for method in ("GET", "POST", "HEAD"):
                    check_address(visitor, method, start, path, root_path, needs_login=accounts is not None)


def check_address(visitor: Visitor, method: str, start: str, path: str, root_path: str, *, needs_login: bool) -> None:
    with visitor.asked(method, start + path, b"{}" if method == "POST" else None) as asked:
        status, is_stream = asked.status, asked.headers.get_content_type() == "text/event-stream"
        response = b"" if is_stream else asked.read()
    route = path.removeprefix(root_path) if root_path and not start and path.startswith(root_path + "/") else path
    if route not in NEEDED:
        assert status == 404, (method, start, path)
        assert method == "HEAD" or GUARDED in json.loads(response)["detail"], (method, start, path)
        return
    assert GUARDED.encode() not in response, (method, start, path)
    if needs_login and route not in OPEN_TO_ALL:
        assert status in (401, 403, 405), (method, start, path, status)
