"""Each inside of Gradio that the page relies on is still there, and what is done with it has its effect.

A test is named after what it tests in `exegan.web.gradio_patches`, so that one that fails says which patch broke.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from gradio.blocks import postprocess_update_dict
from gradio.state_holder import SessionState
from live_page import META, Visitor, live_page

from exegan.web import gradio_patches
from exegan.web.gradio_patches import (
    API_ROUTE,
    CSS_OVERRIDES,
    ENTRY_ROUTES,
    FILE_ROUTE,
    QUEUE_FULL_STATUS,
    SERVED_ROUTES,
    UNKNOWN_ENDPOINT_ERRORS,
    make_upload,
    route_path,
)

PATCHES = {
    "API_ROUTE",
    "FILE_ROUTE",
    "ENTRY_ROUTES",
    "SERVED_ROUTES",
    "UNKNOWN_ENDPOINT_ERRORS",
    "QUEUE_FULL_STATUS",
    "route_path",
    "make_upload",
    "CSS_OVERRIDES",
}


def test_every_patch_has_a_test() -> None:
    defined = set()
    for statement in ast.parse(Path(gradio_patches.__file__).read_text()).body:
        if isinstance(statement, ast.Assign):
            defined |= {target.id for target in statement.targets if isinstance(target, ast.Name)}
        elif isinstance(statement, ast.FunctionDef) and not statement.name.startswith("_"):
            defined.add(statement.name)
    assert defined == PATCHES
    tests = [name.lower() for name in globals() if name.startswith("test_")]
    for patch in PATCHES:
        assert any(patch.lower() in name for name in tests), f"a test for {patch}"


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    with live_page(folder) as address:
        yield address


@pytest.fixture(scope="module")
def routes(address: str, folder: Path) -> set[str]:
    """All that Gradio's application would answer, with sample parameters."""
    return {re.sub(r"\{.*?\}", "x", route) for route in json.loads((folder / "routes").read_text())}


def test_api_route(routes: set[str]) -> None:
    assert API_ROUTE + "queue/join" in routes
    assert API_ROUTE + "call/x" in routes


def test_file_route(routes: set[str], visitor: Visitor) -> None:
    assert FILE_ROUTE + "x" in routes
    path = visitor.uploaded(b"a file")["path"]
    assert visitor.ask("GET", FILE_ROUTE + path)[:2] == (200, b"a file")


def test_entry_routes(routes: set[str], address: str) -> None:
    assert set(ENTRY_ROUTES) <= routes
    for route in ENTRY_ROUTES:
        assert "set-cookie" in Visitor(address, with_cookies=False).ask("GET", route)[2], route


def test_served_routes(routes: set[str]) -> None:
    served = {route for route in routes if SERVED_ROUTES.fullmatch(route)}
    for name in ("config", "login", "theme.css", "assets/x", "static/x"):
        assert f"/{name}" in served
    for name in ("upload", "queue/data", "queue/status", "call/v2/x", "cancel", "heartbeat/x", "info"):
        assert API_ROUTE + name in served, f"Gradio has no {name} any more, or it is not served"
    assert routes - served, "and Gradio has others, which are closed"


def test_unknown_endpoint_errors(visitor: Visitor) -> None:
    assert issubclass(KeyError, UNKNOWN_ENDPOINT_ERRORS) and issubclass(TypeError, UNKNOWN_ENDPOINT_ERRORS)
    bodies: list[tuple[str, Any]] = [
        ("queue/join", {"data": [], "fn_index": 2**24, "session_hash": "patches", "trigger_id": 6}),
        ("call/v2/inpaint", {"unknown": 1}),
    ]
    for name, body in bodies:
        status, response = visitor.post(API_ROUTE + name, body)
        assert (status, "there is no such endpoint" in response["detail"]) == (400, True), name


def test_queue_full_status() -> None:
    """What it looks like to a program is in `test_serving`."""
    found = re.search(r'"queue_full": status\.HTTP_(\d+)', Path(gr.routes.__file__).read_text())
    assert found and int(found[1]) == QUEUE_FULL_STATUS


@pytest.mark.parametrize(("path", "below"), [("/x/config", "/config"), ("/config", "/config"), ("/x", "/")])
def test_route_path(path: str, below: str) -> None:
    assert route_path({"type": "http", "path": path, "root_path": "/x"}) == below


def received(make: Callable[[], Any], *values: Any, **event: Any) -> list[Any]:
    """What an event gets for values of a component as a browser sends them; those that Gradio refuses are left out."""
    given: list[Any] = []

    async def run() -> None:  # Gradio leaves event loops open that it made outside of one
        with gr.Blocks() as blocks:
            gr.Button().click(given.append, make(), **event)
        for value in values:
            with contextlib.suppress(gr.Error, ValueError):
                await blocks.process_api(0, [value], state=SessionState(blocks))

    asyncio.run(run())
    return given


@pytest.mark.parametrize("file_count", ["single", "multiple"])
def test_make_upload(file_count: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    path = tmp_path / "upload" / "photo.png"
    path.parent.mkdir()
    path.write_text("a file")

    def make() -> gr.File:
        return make_upload("photo to complete", "photo.jpg", file_count)

    values = ({"path": str(path), "meta": META}, {"path": str(path), "meta": {}}, "junk", 7)
    given = received(make, *values, preprocess=False)
    paths = [[file["path"] for file in (value if isinstance(value, list) else [value])] for value in given]
    assert paths == [[str(path)], [""], [""], [""]]
    assert len(received(lambda: gr.File(file_count=file_count), *values, preprocess=False)) < len(values)


def test_make_upload_example(visitor: Visitor) -> None:
    info = json.loads(visitor.ask("GET", API_ROUTE + "info")[1])
    photo, exemplar = info["named_endpoints"]["/inpaint"]["parameters"][:2]
    assert photo["example_input"]["path"] == "photo.jpg"
    assert exemplar["example_input"][0]["path"] == "face.jpg"


def test_css_overrides() -> None:
    """The names of Gradio's elements occur in its front end."""
    names = set(re.findall(r'\.([a-z]+(?:-[a-z]+)+)\b|data-testid="([a-z-]+)"', CSS_OVERRIDES))
    assets = Path(gr.__file__).parent / "templates" / "frontend" / "assets"
    code = "\n".join(path.read_text(errors="replace") for path in assets.glob("*.js"))
    wanted = {name for pair in names for name in pair if name}
    assert wanted == {"status-tracker"}
    for name in wanted:
        assert name in code, name


def test_components_of_our_own() -> None:
    """The page relies on what `gr.HTML` documents: a value and properties both ways, and events of any name."""
    component = gr.HTML({"a": 1}, html_template="<p></p>", js_on_load="trigger('chosen')", shown=[])
    assert component.props == {"shown": []}
    assert callable(component.chosen)
    update = postprocess_update_dict(component, {"shown": [1], "value": {"a": 2}})
    assert update["props"] == {"shown": [1]} and update["value"] == {"a": 2}
