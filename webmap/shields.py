"""What wraps every request: security headers, where a write comes from, how large a body may be."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from foundation.errors import InvalidInput, Language, NotAllowed
from webmap.deps import bearer_of
from webmap.problems import Refused, language_of, problem_response

POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self';"
    " worker-src 'self' blob:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), geolocation=(self), microphone=(), payment=(), usb=()",
}
STREAMED = re.compile(
    r"^/api/v1/((visits|patches)/[^/]+/evidence/[^/]+|papers/[^/]+/document|paper-templates/[^/]+(/check|/preview\.\w+)?"
    r"|cameras/pictures/[^/]+|post-lists/(preview|import))$"
)
"""What is received piece by piece, under a limit of its own (``webmap.uploads``)."""
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


class SecurityHeaders:
    """Adds the headers to every answer, errors and files included."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_api = scope["path"].startswith("/api/")

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if is_api:
                    headers.setdefault("Cache-Control", "no-store")
                    headers.add_vary_header("Cookie")
            await send(message)

        await self._app(scope, receive, with_headers)


class SameOrigin:
    """Refuses writes that another site's page sends along with the user's cookie.

    Parameters
    ----------
    public_origin : str
        Origin that browsers see when a proxy stands in front; empty: scheme and host of the request.
    """

    def __init__(self, app: ASGIApp, *, public_origin: str, language: Language) -> None:
        self._app, self._public_origin, self._language = app, public_origin.rstrip("/"), language

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in SAFE_METHODS or self._is_ours(scope):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = NotAllowed("webmap.request.foreign_origin", origin=headers.get("origin", "-")[:200])
        language = language_of(headers, self._language)
        await problem_response(refusal, language)(scope, receive, send)

    def _is_ours(self, scope: Scope) -> bool:
        headers = Headers(scope=scope)
        if bearer_of(headers) is not None:
            # No browser adds a key unasked: there is nothing to borrow.
            return True
        origin = headers.get("origin", "")
        if self._public_origin:
            return origin == self._public_origin
        parts = urlsplit(origin)
        return bool(parts.netloc) and parts.netloc == headers.get("host") and parts.scheme == scope["scheme"]


class BodyLimit:
    """Refuses bodies that are larger than any form of ours, before they fill the memory.

    Parameters
    ----------
    limit : int
        Bytes.
    wider : mapping
        Path -> bytes, where forms carry files.
    """

    def __init__(self, app: ASGIApp, *, limit: int, wider: Mapping[str, int], language: Language) -> None:
        self._app, self._limit, self._wider, self._language = app, limit, wider, language

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or STREAMED.match(scope["path"]):
            await self._app(scope, receive, send)
            return
        limit = self._wider.get(scope["path"], self._limit)
        refusal = InvalidInput("webmap.request.too_large", limit_mb=limit >> 20)
        headers = Headers(scope=scope)
        declared = headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > limit:
            await problem_response(refusal, language_of(headers, self._language))(scope, receive, send)
            return
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                raise Refused(refusal)
            return message

        await self._app(scope, counted, send)
