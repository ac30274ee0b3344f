"""Answers of the server on their way out: headers, the visitor's cookie, and one sentence where the queue is full."""

from __future__ import annotations

from grants import Grants
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import Message, Scope, Send

COOKIE = "exegan_visitor"
FILES = "/gradio_api/file="
HEADERS = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin"}
# The page may ask its own server alone: nothing of it tells another host that it was opened.
CONTENT_POLICY = (
    "default-src 'self' data: blob:; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:;"
    " style-src 'self' 'unsafe-inline'; object-src 'none'; base-uri 'self'"
)
TELLING = ("application/json", "text/html", "text/event-stream")  # kinds of answers that may mention files


class Answer:
    """One answer.

    Args:
        send: Sends it.
        scope: Of the request.
        path: Of the request, below where the page lies.
        grants: Are told what it mentions.
        visitor: Who gets it.
        is_new: The visitor has no cookie yet.
        busy: What is said where Gradio answers that the queue is full.
    """

    def __init__(
        self, send: Send, scope: Scope, path: str, grants: Grants, visitor: str, *, is_new: bool, busy: str
    ) -> None:
        self._send, self._scope, self._grants, self._visitor = send, scope, grants, visitor
        self._is_new, self._busy, self._is_file = is_new, busy, path.startswith(FILES)
        self._is_telling = self._is_full = self.has_begun = False

    async def send(self, message: Message) -> None:
        """Pass a part of it on."""
        self.has_begun = True
        if message["type"] == "http.response.start":
            self._is_full = message["status"] == 503
            if not self._is_full:
                self._mark(MutableHeaders(scope=message), message["status"])
        elif self._is_telling:
            self._grants.told(self._visitor, message.get("body", b""))
        if not self._is_full:
            await self._send(message)
        elif message["type"] == "http.response.body" and not message.get("more_body"):
            sentence = JSONResponse({"detail": self._busy}, 503, {"Retry-After": "60"})
            await sentence(self._scope, _nothing, self._send)

    def _mark(self, headers: MutableHeaders, status: int) -> None:
        kind = headers.get("content-type", "")
        self._is_telling = kind.startswith(TELLING) and status == 200 and not self._is_file
        headers.update(HEADERS)
        if kind.startswith("text/html"):
            headers["Content-Security-Policy"] = CONTENT_POLICY
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


async def _nothing() -> Message:
    return {"type": "http.disconnect"}
