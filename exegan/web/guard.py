"""The guard in front of Gradio: only the routes that the page needs, only one's own files, bounded requests.

Responses pass through it as well: they get security headers and a new visitor's cookie; files they name are recorded.
"""

from __future__ import annotations

import json
import secrets
import urllib.parse
from collections.abc import Iterator, Sequence
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders, QueryParams
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from exegan.web.file_access import ANONYMOUS, FileAccess, count_pixels
from exegan.web.gradio_patches import (
    API_ROUTE,
    ENTRY_ROUTES,
    FILE_ROUTE,
    QUEUE_FULL_STATUS,
    SERVED_ROUTES,
    UNKNOWN_ENDPOINT_ERRORS,
    route_path,
)

COOKIE = "exegan_visitor"
MAX_JSON_BYTES = 2**20  # pictures are uploaded, not sent along
MAX_FILES_PER_UPLOAD = 10
MAX_FILES_NAMED = 50
NOT_UPLOADED = (
    "a file in this request was not uploaded, is gone or not yours; upload it and give the path from the response"
)

RESPONSE_HEADERS = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin"}
# The page may ask its own server alone: no other host learns that it was opened.
CONTENT_SECURITY_POLICY = (
    "default-src 'self' data: blob:; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:;"
    " style-src 'self' 'unsafe-inline'; object-src 'none'; base-uri 'self'"
)
TYPES_NAMING_FILES = ("application/json", "text/html", "text/event-stream")  # of responses that may mention files


class RequestRefused(Exception):
    """A request that is not passed on, with its status and one sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.sentence = status, sentence


class Guard:
    """ASGI middleware.

    Args:
        app: Gradio's application.
        folder: Of uploads and results.
        max_file_size: Bytes of one upload; Gradio checks each file, the guard the whole request.
        max_pixels: Of all pictures that one request names, one named twice counting twice.
        max_waiting: Length of the queue, for the sentence that says it is full.
    """

    def __init__(
        self, app: ASGIApp, *, folder: str | Path, max_file_size: int, max_pixels: int, max_waiting: int
    ) -> None:
        self.app, self.access, self.max_pixels = app, FileAccess(folder), max_pixels
        self.max_upload_bytes = MAX_FILES_PER_UPLOAD * max_file_size + MAX_JSON_BYTES
        self.queue_full = f"the page is busy, {max_waiting} requests are waiting already; try again in a minute"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":  # Gradio has no web sockets
                await self.app(scope, receive, send)
            return
        path, visitor = route_path(scope), _visitor(scope)
        is_new = visitor == ANONYMOUS and path in ENTRY_ROUTES
        visitor = secrets.token_urlsafe(24) if is_new else visitor
        try:
            scope, receive = await self._check(path, scope, receive, visitor)
        except RequestRefused as refusal:
            await JSONResponse({"detail": refusal.sentence}, refusal.status)(scope, receive, send)
            return
        response = GuardedResponse(send, scope, path, self.access, visitor, is_new=is_new, queue_full=self.queue_full)
        try:
            await self.app(scope, receive, response.send)
        except UNKNOWN_ENDPOINT_ERRORS:
            if response.has_begun or not path.startswith((API_ROUTE + "call/", API_ROUTE + "queue/join")):
                raise
            sentence = "there is no such endpoint, or a parameter is missing or unknown; docs/api.md has the list"
            await JSONResponse({"detail": sentence}, 400)(scope, receive, send)

    async def _check(self, path: str, scope: Scope, receive: Receive, visitor: str) -> tuple[Scope, Receive]:
        """Check a request; what is passed on of it."""
        if not SERVED_ROUTES.fullmatch(path):
            raise RequestRefused(404, "there is nothing at this address; docs/api.md names those that programs may use")
        if path.startswith(FILE_ROUTE):
            if not self.access.may_read(visitor, path.removeprefix(FILE_ROUTE)):
                raise RequestRefused(403, "this file is gone or not yours; upload it, or ask for it, again")
            return scope, receive
        call, headers = path.removeprefix(API_ROUTE), Headers(scope=scope)
        self._check_mentions(visitor, b"\n".join(_path_and_headers(scope)))
        session = call.removeprefix("heartbeat/") if call.startswith("heartbeat/") else None
        self._check_session(visitor, session or QueryParams(scope["query_string"]).get("session_hash"))
        if scope["method"] != "POST":
            return scope, receive
        is_upload = call.rstrip("/") == "upload"
        _check_length(headers, self.max_upload_bytes if is_upload else MAX_JSON_BYTES)
        if is_upload or path.rstrip("/") == "/login":  # forms
            return scope, receive
        return await self._check_json(scope, receive, visitor)

    async def _check_json(self, scope: Scope, receive: Receive, visitor: str) -> tuple[Scope, Receive]:
        """Check a body: all files that it names must be the visitor's, and not too large together."""
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        if body:
            body, paths = self._check_body(visitor, body)
            await self._check_pixels(paths)
        messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return messages.pop() if messages else await receive()

        scope = {**scope, "headers": list(scope["headers"])}
        MutableHeaders(scope=scope)["content-length"] = str(len(body))
        return scope, replay

    def _check_body(self, visitor: str, body: bytes) -> tuple[bytes, list[str]]:
        """The body serialised anew, so that Gradio reads what was checked here, and the files it names."""
        try:
            content = json.loads(body.decode())
            serialised = json.dumps(content, ensure_ascii=False, allow_nan=False).encode()  # no lone surrogates
            paths = list(_file_paths(content))
        except RecursionError as error:
            raise RequestRefused(400, "the request is nested too deeply; docs/api.md says what it may hold") from error
        except ValueError as error:
            raise RequestRefused(400, "the request is not JSON in UTF-8; docs/api.md says what it may hold") from error
        event = content.get("fn_index") if isinstance(content, dict) else None
        if event is not None and (not isinstance(event, int) or event < 0):
            raise RequestRefused(400, "fn_index is no number of an event; docs/api.md names the endpoint for programs")
        if not all(self.access.may_read(visitor, path) for path in paths):
            raise RequestRefused(403, NOT_UPLOADED)
        self._check_mentions(visitor, serialised)
        self._check_session(visitor, content.get("session_hash") if isinstance(content, dict) else None)
        return serialised, paths

    async def _check_pixels(self, paths: Sequence[str]) -> None:
        if len(paths) > MAX_FILES_NAMED:
            raise RequestRefused(
                413, f"the request names {len(paths)} files, expected at most {MAX_FILES_NAMED}; send fewer"
            )
        pixels = await run_in_threadpool(lambda: sum(map(count_pixels, paths)))
        if pixels > self.max_pixels:
            raise RequestRefused(
                413,
                f"the pictures of this request have {pixels / 10**6:.4g} megapixels together, expected at most"
                f" {self.max_pixels / 10**6:.4g}; give fewer or smaller ones",
            )

    def _check_mentions(self, visitor: str, request: bytes) -> None:
        if not self.access.may_mention(visitor, request):
            raise RequestRefused(403, NOT_UPLOADED)

    def _check_session(self, visitor: str, session: Any) -> None:
        if isinstance(session, str) and not self.access.owns_session(visitor, session):
            raise RequestRefused(403, "this session belongs to somebody else; reload the page")


class GuardedResponse:
    """A response on its way out.

    Args:
        send: Sends it.
        scope: Of the request.
        path: Of the request, below the root path.
        access: Records what the response mentions.
        visitor: Who gets it.
        is_new: The visitor has no cookie yet.
        queue_full: Sentence in place of Gradio's where the queue is full.
    """

    def __init__(
        self, send: Send, scope: Scope, path: str, access: FileAccess, visitor: str, *, is_new: bool, queue_full: str
    ) -> None:
        self._send, self._scope, self._access, self._visitor = send, scope, access, visitor
        self._is_new, self._queue_full, self._is_file = is_new, queue_full, path.startswith(FILE_ROUTE)
        self._may_name_files = self._is_refusal = self.has_begun = False

    async def send(self, message: Message) -> None:
        """Pass a part of it on."""
        self.has_begun = True
        if message["type"] == "http.response.start":
            self._is_refusal = message["status"] == QUEUE_FULL_STATUS
            if not self._is_refusal:
                self._set_headers(MutableHeaders(scope=message), message["status"])
        elif self._may_name_files:
            self._access.record_paths(self._visitor, message.get("body", b""))
        if not self._is_refusal:
            await self._send(message)
        elif message["type"] == "http.response.body" and not message.get("more_body"):
            refusal = JSONResponse({"detail": self._queue_full}, QUEUE_FULL_STATUS, {"Retry-After": "60"})
            await refusal(self._scope, _receive_nothing, self._send)

    def _set_headers(self, headers: MutableHeaders, status: int) -> None:
        kind = headers.get("content-type", "")
        self._may_name_files = kind.startswith(TYPES_NAMING_FILES) and status == 200 and not self._is_file
        headers.update(RESPONSE_HEADERS)
        if kind.startswith("text/html"):
            headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
        if self._is_file:
            headers["Cache-Control"] = "private"  # not for a proxy's cache, which others share
        if self._is_new:
            # In the frame of another host's page, as hosted Spaces are, browsers send only partitioned cookies.
            secure = "SameSite=None; Secure; Partitioned" if self._is_encrypted() else "SameSite=Lax"
            headers.append("Set-Cookie", f"{COOKIE}={self._visitor}; HttpOnly; Path=/; {secure}")

    def _is_encrypted(self) -> bool:
        """Whether the browser speaks HTTPS, with this server or a proxy before it."""
        forwarded = Headers(scope=self._scope).get("x-forwarded-proto", "")
        return "https" in (self._scope["scheme"], forwarded.partition(",")[0].strip())


async def _receive_nothing() -> Message:
    return {"type": "http.disconnect"}


def _visitor(scope: Scope) -> str:
    try:
        cookie = SimpleCookie(Headers(scope=scope).get("cookie", "")).get(COOKIE)
    except CookieError:
        return ANONYMOUS
    return cookie.value if cookie else ANONYMOUS


def _path_and_headers(scope: Scope) -> list[bytes]:
    """All of a request that is not its body, with percent encoding undone."""
    values = [value for _, value in scope["headers"]]
    return [
        scope["path"].encode(),
        *(urllib.parse.unquote_to_bytes(value) for value in (scope["query_string"], *values)),
    ]


def _file_paths(content: Any) -> Iterator[str]:
    """Paths of all files that a JSON request names."""
    if isinstance(content, dict) and isinstance(content.get("path"), str):
        yield content["path"]
    if isinstance(content, dict | list):
        for value in content.values() if isinstance(content, dict) else content:
            yield from _file_paths(value)


def _check_length(headers: Headers, limit: int) -> None:
    """Content-Length is required and bounded; the server cuts off a body that is longer than it says."""
    length = headers.get("content-length", "")
    if not length.isdecimal():
        raise RequestRefused(411, "the request does not say how long it is; send Content-Length")
    if int(length) > limit:
        raise RequestRefused(413, f"the request has {int(length)} bytes, expected at most {limit}; send less at once")
