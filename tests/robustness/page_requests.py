"""Random requests to the page: no failure of the server, nothing that is not the visitor's, no file made elsewhere."""

from __future__ import annotations

import http.client
import io
import json
import urllib.parse
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from random import Random
from typing import Any

import mutators
from harness import DONE, REFUSED, Case, contents, expect, kind
from helpers import made_photo
from live_page import EXEMPLAR, META, PHOTO, Visitor, live_page
from PIL import PngImagePlugin

SECRET = "a-secret-that-nobody-knows"
PATIENCE_S = 45
METHODS = ("GET", "GET", "GET", "POST", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "get", "X")
API = (
    "info upload upload_progress queue/join queue/data queue/status call/inpaint call/v2/inpaint run/predict"
    " api/predict component_server cancel reset heartbeat/x file= file/ proxy=http://127.0.0.1:9/ stream/a/b/c"
    " process_recording vibe-edit vibe-code dev/reload user login_check token app_id startup-events theme.css"
    " openapi.json"
)
ADDRESSES = [
    *[
        "/",
        "/config",
        "/login",
        "/logout",
        "/openapi.json",
        "/docs",
        "/redoc",
        "/robots.txt",
        "/manifest.json",
        "/static/",
        "/assets/",
        "/_app/",
    ],
    *[
        "/custom_component/x/y/z/",
        "/monitoring/x",
        "/deep_link",
        "/svelte/",
        "/api/",
        "/run/",
        "/file=",
        "/x/gradio_api/info",
    ],
    *(f"/gradio_api/{name}" for name in API.split()),
]


class Page:
    """The page in a process of its own, files that are nobody's business, and another visitor with an upload."""

    def __init__(self, root: Path, stack: ExitStack) -> None:
        self.foreign = root / "foreign"
        self.foreign.mkdir(parents=True)
        text = PngImagePlugin.PngInfo()
        text.add_text("Comment", SECRET)
        file = io.BytesIO()
        made_photo(1).save(file, "PNG", pnginfo=text)
        (self.foreign / "face.png").write_bytes(file.getvalue())
        (self.foreign / "note.txt").write_text(SECRET)
        (root / "server").mkdir()
        self.address = stack.enter_context(live_page(root / "server", max_file_size=300_000, max_pixels=1_000_000))
        self.theirs = Visitor(self.address).uploaded(file.getvalue())["path"]

    def new_files(self) -> list[str]:
        """Names of files that came to be beside the foreign ones, which are removed."""
        made = sorted(set(contents(self.foreign)) - {"face.png", "note.txt"})
        for name in made:
            (self.foreign / name).unlink()
        return made

    @cached_property
    def events(self) -> list[dict[str, Any]]:
        """Every event of the page: its number and the kinds of components that it takes."""
        config = json.loads(Visitor(self.address).ask("GET", "/config")[1])
        kinds = {component["id"]: component["type"] for component in config["components"]}
        return [{"id": e["id"], "takes": [kinds[i] for i in e["inputs"]]} for e in config["dependencies"]]

    @cached_property
    def different_events(self) -> list[dict[str, Any]]:
        """One of each kind of event that takes something."""
        return list({tuple(event["takes"]): event for event in self.events if event["takes"]}.values())

    @cached_property
    def foreign_paths(self) -> list[str]:
        note, face = str(self.foreign / "note.txt"), str(self.foreign / "face.png")
        ways = [
            note,
            *[face] * 9,
            *[self.theirs] * 5,
            f"{self.theirs}/../../../../foreign/note.txt",
            f"//{note}",
            f"file://{note}",
        ]
        ways += [
            f"{Path(self.theirs).parents[1]}/x/../../../foreign/face.png",
            f"{face}/",
            f"{self.foreign}/.",
            "/dev/zero",
        ]
        return [*ways, "http://127.0.0.1:9/a.png", "/proc/self/environ", str(self.foreign / "missing.png"), "\0", ""]


class Raw(http.client.HTTPConnection):
    """Sends whatever request it is given."""

    def _validate_path(self, url: str) -> None: ...

    def _validate_method(self, method: str) -> None: ...

    def _encode_request(self, request: str) -> bytes:
        return request.encode("latin-1", "replace")


def ask(page: Page, visitor: Visitor, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> bytes:
    """An answer's content, and what must hold of every answer."""
    connection = Raw(visitor.host, timeout=PATIENCE_S)
    try:
        connection.request(method, path, body, ({"Cookie": visitor.cookie} if visitor.cookie else {}) | headers)
        answer = connection.getresponse()
        is_stream = "event-stream" in answer.headers.get("content-type", "")
        content = b"" if is_stream else answer.read()
        # Of streams those of events end; others, of the progress of an upload say, wait for what may never come.
        while is_stream and ("/queue/data" in path or "/call/" in path) and (line := answer.readline()):
            content += line
            if any(end in line for end in (b"process_completed", b"close_stream", b"unexpected_error", b"heartbeat")):
                break
    finally:
        connection.close()
    request = f"{method} {path.partition('?')[0][:40]!r}"
    more = f": {path[:200]!r} {(body or b'')[:600]!r} {content[:300]!r}"
    expect(answer.status < 500 or answer.status == 503, f"status {answer.status} of {request}{more}")
    expect(SECRET.encode() not in content, f"a secret is in the response to {request}{more}")
    expect(not page.new_files(), f"a file was written outside the page's folder by {request}{more}")
    return content


@kind("page")
def page(case: Case) -> str:
    """A visitor does a few things, most of which no browser would do."""
    random, served = case.random, case.shop.page
    visitor = Visitor(served.address, with_cookies=random.random() < 0.8)
    if random.random() < 0.1:
        visitor.cookie = random.choice(("exegan=\xff", "a" * 5000, "=;;", "session=x; session=y")) + visitor.cookie
    paths = list(served.foreign_paths)
    for data, name in random.sample(((PHOTO, "photo.png"), (EXEMPLAR, "../x.png"), mutated(random)), 2):
        status, answer = visitor.upload(data, name)
        paths += json.loads(answer) * 9 if status == 200 else []
        expect(status < 500, f"status {status} at the upload of {name!r}: {answer[:200]!r}")
    session = f"session-{random.random()}"
    if random.random() < 0.5:  # with a photo of one's own, events have something to do
        enter(
            served,
            visitor,
            {"fn_index": 0, "data": [{"path": paths[-1], "meta": META}], "session_hash": session},
            random,
        )
    for _ in range(random.randint(1, 4)):
        random.choice((touch, touch, call, wander, send_junk))(served, visitor, random, paths, session)
    status = visitor.ask("GET", "/gradio_api/queue/status")[0]
    expect(status in (200, 403), f"the page responds with {status} afterwards")
    return DONE if status == 200 else REFUSED


def mutated(random: Random) -> tuple[bytes, str]:
    name, data = mutators.make_picture(random)
    return data[:250_000], random.choice(
        (name, 'a"b.png', "a\\b.png", "é.png", "x" * 250 + ".png", ".", "%2e%2e%2fa.png")
    )


def touch(page: Page, visitor: Visitor, random: Random, paths: list[str], session: str) -> None:
    """An event of the page with values of the right kinds or of none."""
    event = random.choice(random.choice((page.events, page.different_events)))
    body: Any = {
        "fn_index": event["id"],
        "data": [value_for(component, random, paths) for component in event["takes"]],
        "session_hash": session,
        "trigger_id": random.randrange(30),
    }
    if random.random() < 0.15:
        body = mutators.changed_document(body, random)
    enter(page, visitor, body, random)


def enter(page: Page, visitor: Visitor, body: Any, random: Random) -> None:
    """An event into the queue, and what comes out of it."""
    headers = {"Content-Type": "application/json"}
    answer = ask(page, visitor, "POST", "/gradio_api/queue/join", encoded(body, random), headers)
    if b"event_id" in answer:
        ask(page, visitor, "GET", f"/gradio_api/queue/data?session_hash={body['session_hash']}", None, {})


def value_for(component: str, random: Random, paths: list[str]) -> Any:
    def file() -> Any:
        path = random.choice(paths)
        more = random.choice(({"meta": META}, {}, {"meta": {}}, {"url": path, "meta": META}, {"orig_name": "../a.png"}))
        return random.choice(({"path": path, **more}, {"path": path, **more}, path, {"url": path}, {"data": path}))

    if random.random() < 0.1:
        return mutators.make_value(random)
    if component in ("image", "file", "downloadbutton", "uploadbutton"):
        return file()
    if component in ("gallery", "dataset"):
        return [random.choice(({"image": file(), "caption": None}, file(), [file(), None])) for _ in range(2)]
    if component == "imageeditor":
        return {"background": file(), "layers": [file()], "composite": random.choice((None, file()))}
    return random.choice((None, 0, 1, -1, 0.5, True, "mouth", "eyes", "all", "0", "", [0], ["mouth"], file()))


def call(page: Page, visitor: Visitor, random: Random, paths: list[str], session: str) -> None:
    """The endpoint for programs."""
    body: Any = {
        "photo": value_for("image", random, paths),
        "exemplar": value_for("image", random, paths),
        "region": "mouth",
    }
    if random.random() < 0.6:
        body = mutators.changed_document(body | {"seed": 1, "samples": 1, "face": 0, "grow": 0}, random)
    way = random.choice(("v2/inpaint", "v2/inpaint", "inpaint", "v2/0", "0", "touch", ""))
    answer = ask(
        page, visitor, "POST", f"/gradio_api/call/{way}", encoded(body, random), {"Content-Type": "application/json"}
    )
    if b'"event_id"' in answer:
        ask(page, visitor, "GET", f"/gradio_api/call/inpaint/{json.loads(answer)['event_id']}", None, {})


def wander(page: Page, visitor: Visitor, random: Random, paths: list[str], session: str) -> None:
    """Any address."""
    path = random.choice(ADDRESSES)
    if random.random() < 0.6:
        more = random.choice((*paths, *mutators.TEXTS, "../" * 9 + "etc/passwd"))
        path += random.choice(
            (more, urllib.parse.quote(more, safe="", errors="replace"), f"?a={more}", f"?session_hash={more}")
        )
    path = path.encode("utf-8", "replace").decode("latin-1")
    path = path.replace("\n", "%0a").replace("\r", "%0d").replace(" ", "%20")
    headers = {"Content-Type": random.choice(("application/json", "multipart/form-data; boundary=x", "text/plain", ""))}
    headers |= random.choice(
        ({}, {"Range": "bytes=5-1"}, {"X-Forwarded-Host": "a.invalid"}, {"Accept-Encoding": "br;q=x"})
    )
    method = random.choice(METHODS)
    body = None if method == "GET" else random.choice((b"", b"{}", b"[]", b"--x\r\n\r\n--x--", b"\xff", b"null"))
    ask(page, visitor, method, path, body, headers)


def send_junk(page: Page, visitor: Visitor, random: Random, paths: list[str], session: str) -> None:
    """A body that is not what its address expects."""
    path = random.choice([address for address in ADDRESSES if "gradio_api" in address or "login" in address])
    body = encoded(mutators.changed_document({"data": [paths], "fn_index": 0, "session_hash": session}, random), random)
    ask(page, visitor, "POST", path, mutators.damaged(body, random), {"Content-Type": "application/json"})


def encoded(body: Any, random: Random) -> bytes:
    data = mutators.spelled(body, random)
    return data.decode("utf-8", "replace").encode("utf-16") if random.random() < 0.03 else data
