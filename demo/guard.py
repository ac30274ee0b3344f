"""What stands before Gradio: only the addresses that the page needs, only one's own files, no request without end."""

from __future__ import annotations

import json
import re
import secrets
import urllib.parse
from collections.abc import Iterator, Sequence
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Any

from answers import COOKIE, Answer
from grants import EVERYBODY_WITHOUT_COOKIE, Grants
from pictures import pixels_of
from starlette._utils import get_route_path  # the router's own: what is checked is what it will go by
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders, QueryParams
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

API = "/gradio_api/"
OPENED = ("/", "/config", "/config/", "/login", "/login/")  # what a browser or a program asks for first
# All that the page and `/inpaint` need, below where the page lies; nothing else reaches Gradio or FastAPI.
NEEDED = re.compile(
    r"/((config|login|logout|theme\.css|favicon\.ico|robots\.txt)/?|(assets|static)/.*"
    r"|gradio_api/(file=.*|(upload|upload_progress|queue/(join|data|status)|call/.*|cancel|reset|heartbeat/[^/]+"
    r"|info|openapi\.json|user|login_check|token|app_id|startup-events|theme\.css)/?))?",
    re.DOTALL,
)
LARGEST_JSON = 2**20  # bytes; pictures are uploaded, not sent along
MOST_FILES_AT_ONCE = 10
MOST_FILES_NAMED = 50
NOT_UPLOADED = "a file in this request was not uploaded, is gone or not yours; upload it and name what that answers"


class Refused(Exception):
    """A request that is not passed on, with its status and one sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.sentence = status, sentence


class Guard:
    """ASGI middleware.

    Args:
        app: Gradio's application.
        folder: Where files lie that pass through the page.
        max_file_size: Bytes of one upload; Gradio checks each, this the request.
        max_pixels: Of all pictures that one request names, one named twice counting twice.
        max_waiting: Length of the queue, for the sentence that says it is full.
    """

    def __init__(
        self, app: ASGIApp, *, folder: str | Path, max_file_size: int, max_pixels: int, max_waiting: int
    ) -> None:
        self.app, self.grants, self.max_pixels = app, Grants(folder), max_pixels
        self.largest_upload = MOST_FILES_AT_ONCE * max_file_size + LARGEST_JSON
        self.busy = f"the page is busy, {max_waiting} requests are waiting already; try again in a minute"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":  # web sockets Gradio has none
                await self.app(scope, receive, send)
            return
        path, visitor = get_route_path(scope) or "/", _visitor(scope)
        is_new = visitor == EVERYBODY_WITHOUT_COOKIE and path in OPENED
        visitor = secrets.token_urlsafe(24) if is_new else visitor
        try:
            scope, receive = await self._checked(path, scope, receive, visitor)
        except Refused as refusal:
            await JSONResponse({"detail": refusal.sentence}, refusal.status)(scope, receive, send)
            return
        answer = Answer(send, scope, path, self.grants, visitor, is_new=is_new, busy=self.busy)
        try:
            await self.app(scope, receive, answer.send)
        except (TypeError, KeyError):  # how Gradio meets parameters and endpoints it does not know
            if answer.has_begun or not path.startswith((API + "call/", API + "queue/join")):
                raise
            sentence = "there is no such endpoint, or a parameter is missing or unknown; docs/api.md has the list"
            await JSONResponse({"detail": sentence}, 400)(scope, receive, send)

    async def _checked(self, path: str, scope: Scope, receive: Receive, visitor: str) -> tuple[Scope, Receive]:
        """A request looked at; what is passed on of it."""
        if not NEEDED.fullmatch(path):
            raise Refused(404, "there is nothing at this address; docs/api.md names those that programs may use")
        asked, headers = path.removeprefix(API), Headers(scope=scope)
        if asked.startswith("file="):
            if not self.grants.may_name(visitor, asked.removeprefix("file=")):
                raise Refused(403, "this file is gone or not yours; upload it, or ask for it, again")
            return scope, receive
        self._check_mentions(visitor, b"\n".join(_head(scope)))
        session = asked.removeprefix("heartbeat/") if asked.startswith("heartbeat/") else None
        self._check_session(visitor, session or QueryParams(scope["query_string"]).get("session_hash"))
        if scope["method"] != "POST":
            return scope, receive
        is_upload = asked.rstrip("/") == "upload"
        _check_length(headers, self.largest_upload if is_upload else LARGEST_JSON)
        if is_upload or path.rstrip("/") == "/login":  # forms
            return scope, receive
        return await self._checked_json(scope, receive, visitor)

    async def _checked_json(self, scope: Scope, receive: Receive, visitor: str) -> tuple[Scope, Receive]:
        """A body looked at; all files that it names must be the visitor's, and not too much together."""
        whole = b""
        while True:
            message = await receive()
            whole += message.get("body", b"")
            if not message.get("more_body"):
                break
        if whole:
            whole, paths = self._checked_body(visitor, whole)
            await self._check_pixels(paths)
        messages: list[Message] = [{"type": "http.request", "body": whole, "more_body": False}]

        async def replay() -> Message:
            return messages.pop() if messages else await receive()

        scope = {**scope, "headers": list(scope["headers"])}
        MutableHeaders(scope=scope)["content-length"] = str(len(whole))
        return scope, replay

    def _checked_body(self, visitor: str, whole: bytes) -> tuple[bytes, list[str]]:
        """A body spelled anew, so that what is read of it later is what was looked at here; the files it names."""
        try:
            body = json.loads(whole.decode())
            spelled = json.dumps(body, ensure_ascii=False, allow_nan=False).encode()  # no halves of characters
            paths = list(_paths(body))
        except RecursionError as error:
            raise Refused(400, "the request is nested too deeply; docs/api.md says what it may hold") from error
        except ValueError as error:
            raise Refused(400, "the request is not JSON in UTF-8; docs/api.md says what it may hold") from error
        event = body.get("fn_index") if isinstance(body, dict) else None
        if event is not None and (not isinstance(event, int) or event < 0):
            raise Refused(400, "fn_index is no number of an event; docs/api.md names the endpoint for programs")
        if not all(self.grants.may_name(visitor, path) for path in paths):
            raise Refused(403, NOT_UPLOADED)
        self._check_mentions(visitor, spelled)
        self._check_session(visitor, body.get("session_hash") if isinstance(body, dict) else None)
        return spelled, paths

    async def _check_pixels(self, paths: Sequence[str]) -> None:
        if len(paths) > MOST_FILES_NAMED:
            raise Refused(413, f"the request names {len(paths)} files, expected at most {MOST_FILES_NAMED}; send fewer")
        pixels = await run_in_threadpool(lambda: sum(map(pixels_of, paths)))
        if pixels > self.max_pixels:
            raise Refused(
                413,
                f"the pictures of this request have {pixels / 10**6:.4g} megapixels together, expected at most"
                f" {self.max_pixels / 10**6:.4g}; give fewer or smaller ones",
            )

    def _check_mentions(self, visitor: str, request: bytes) -> None:
        if not self.grants.may_mention(visitor, request):
            raise Refused(403, NOT_UPLOADED)

    def _check_session(self, visitor: str, session: Any) -> None:
        if isinstance(session, str) and not self.grants.owns_session(visitor, session):
            raise Refused(403, "this session belongs to somebody else; reload the page")


def _visitor(scope: Scope) -> str:
    try:
        cookie = SimpleCookie(Headers(scope=scope).get("cookie", "")).get(COOKIE)
    except CookieError:
        return EVERYBODY_WITHOUT_COOKIE
    return cookie.value if cookie else EVERYBODY_WITHOUT_COOKIE


def _head(scope: Scope) -> list[bytes]:
    """All of a request that is not its body, in plain spelling."""
    values = [value for _, value in scope["headers"]]
    return [
        scope["path"].encode(),
        *(urllib.parse.unquote_to_bytes(value) for value in (scope["query_string"], *values)),
    ]


def _paths(body: Any) -> Iterator[str]:
    """Paths of all files that a JSON request names."""
    if isinstance(body, dict) and isinstance(body.get("path"), str):
        yield body["path"]
    if isinstance(body, dict | list):
        for value in body.values() if isinstance(body, dict) else body:
            yield from _paths(value)


def _check_length(headers: Headers, most: int) -> None:
    """Whoever sends something says before how much it is; the server cuts off what is longer than said."""
    length = headers.get("content-length", "")
    if not length.isdecimal():
        raise Refused(411, "the request does not say how long it is; send Content-Length")
    if int(length) > most:
        raise Refused(413, f"the request has {int(length)} bytes, expected at most {most}; send less at once")
