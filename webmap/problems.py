"""Errors at the HTTP edge: the only table from kinds of error to status codes, and RFC 9457 answers.

Every refusal is ``application/problem+json`` with its dotted code, the facts, and a text in the language
that the request asks for.
"""

from __future__ import annotations

import json
import traceback
from collections.abc import Mapping, Sequence
from typing import Any, cast

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DataError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from foundation.errors import (
    Conflict,
    Defect,
    InvalidInput,
    LandwardenError,
    Language,
    NotAllowed,
    NotAuthenticated,
    NotFound,
    TooMany,
    Unavailable,
    known_codes,
)

MEDIA_TYPE = "application/problem+json"
STATUS_OF_KIND: Mapping[type[LandwardenError], int] = {
    InvalidInput: 422,
    NotAuthenticated: 401,
    NotAllowed: 403,
    NotFound: 404,
    Conflict: 409,
    TooMany: 429,
    Unavailable: 503,
    Defect: 500,
}
STATUS_OF_CODE: Mapping[str, int] = {
    "patrol.case.version_changed": 412,
    "patrol.paper.version_changed": 412,
    "webmap.request.no_version": 428,
    "webmap.request.too_large": 413,
    "webmap.request.wrong_method": 405,
    "webmap.request.wrong_media_type": 415,
    "foundation.blobs.disk_full": 507,
    "foundation.database.disk_full": 507,
}
"""Where HTTP has a finer word than the kind."""
SERVER_ONLY_FACTS = frozenset({"folder", "log", "looked"})
"""Facts that name places on the server: written to its log, not told to the browser."""
log = structlog.get_logger()


def add_handlers(app: FastAPI) -> None:
    """Answer every error of an endpoint as a problem."""
    app.add_exception_handler(LandwardenError, _answer)
    app.add_exception_handler(RequestValidationError, _answer)
    app.add_exception_handler(HTTPException, _answer)
    app.add_exception_handler(DataError, _answer)
    app.add_exception_handler(PoolTimeout, _answer)


def status_of(error: LandwardenError) -> int:
    """HTTP status of an error: its code's own, else that of its kind."""
    if error.code in STATUS_OF_CODE:
        return STATUS_OF_CODE[error.code]
    return next((status for kind, status in STATUS_OF_KIND.items() if isinstance(error, kind)), 500)


def problem_response(error: LandwardenError, language: Language) -> Response:
    """The answer to a refused request."""
    status = status_of(error)
    body = {
        "type": f"urn:landwarden:problem:{error.code}",
        "title": title_of(status, language),
        "status": status,
        "code": error.code,
        "detail": _public(error).text(language),
        "facts": _public(error).facts,
    }
    headers = {"Cache-Control": "no-store", "Content-Language": language}
    if status == 503:
        headers["Retry-After"] = "5"
    return Response(json.dumps(body, ensure_ascii=False, default=str), status, headers, MEDIA_TYPE)


def title_of(status: int, language: Language) -> str:
    """Short heading of a status."""
    return say(f"webmap.status.s{status}", language)


def say(code: str, language: Language, **facts: Any) -> str:
    """A text of ``data/messages`` that is no error."""
    return LandwardenError(code, **facts).text(language)


def language_of(headers: Mapping[str, str], default: Language) -> Language:
    """Chinese or English, whichever ``Accept-Language`` puts first; else the installation's own."""
    wanted: list[tuple[float, Language]] = []
    for part in headers.get("accept-language", "")[:200].split(","):
        tag, _, weight = part.strip().partition(";q=")
        primary = tag.lower().split("-")[0]
        if primary in {"zh", "en"}:
            wanted.append((_weight(weight), cast(Language, primary)))
    wanted.sort(key=lambda pair: -pair[0])
    return wanted[0][1] if wanted and wanted[0][0] > 0 else default


class ProblemBoundary:
    """The innermost wall: what no handler knows is logged and answered as our fault."""

    def __init__(self, app: ASGIApp, *, language: Language) -> None:
        self._app, self._language = app, language

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        has_started = False

        async def watched(message: Message) -> None:
            nonlocal has_started
            has_started = has_started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception as error:
            if has_started:
                raise
            # Without local variables: they may hold a password or a session token.
            trace = "".join(traceback.format_exception(error))
            log.error("request.failed", method=scope["method"], path=scope["path"], trace=trace)
            known = error if isinstance(error, LandwardenError) else Defect("webmap.request.failed")
            language = language_of(Request(scope).headers, self._language)
            await problem_response(known, language)(scope, receive, send)


async def _answer(request: Request, error: Exception) -> Response:
    language = language_of(request.headers, request.app.state.web.runtime.settings.language)
    known = as_landwarden_error(error, language)
    if status_of(known) >= 500:
        log.error("request.unavailable", path=request.url.path, code=known.code, **_plain(known.facts))
    return problem_response(known, language)


class Refused(HTTPException):
    """An error of ours raised where the framework lets only its own pass: while a body is being read."""

    def __init__(self, problem: LandwardenError) -> None:
        super().__init__(status_of(problem))
        self.problem = problem


def as_landwarden_error(error: Exception, language: Language) -> LandwardenError:
    """Errors of the framework and the driver in our own words."""
    if isinstance(error, LandwardenError):
        return error
    if isinstance(error, Refused):
        return error.problem
    if isinstance(error, RequestValidationError):
        return _invalid_fields(error.errors(), language)
    if isinstance(error, HTTPException):
        return _of_status(error.status_code)
    if isinstance(error, PoolTimeout):
        return Unavailable("webmap.request.busy")
    return InvalidInput("webmap.request.bad_value")


def _of_status(status: int) -> LandwardenError:
    if status == 404:
        return NotFound("webmap.request.no_such_page")
    if status == 405:
        return InvalidInput("webmap.request.wrong_method")
    if status == 415:
        return InvalidInput("webmap.request.wrong_media_type")
    return InvalidInput("webmap.request.bad_value")


def _invalid_fields(errors: Sequence[Mapping[str, Any]], language: Language) -> InvalidInput:
    """Name every field that does not fit, the first one in the text."""
    told = [{"field": _field(error["loc"]), "reason": _reason(error, language)} for error in errors[:20]]
    first = told[0]
    return InvalidInput(
        "webmap.request.invalid_field", field=first["field"], reason=first["reason"], fields=told
    )


def _field(location: Sequence[Any]) -> str:
    names = [str(part) for part in location]
    return ".".join(names[1:] if len(names) > 1 and names[0] in PLACES else names)


PLACES = frozenset({"body", "query", "path", "header", "cookie"})


def _reason(error: Mapping[str, Any], language: Language) -> str:
    """Pydantic's reason in our words where we have some, in its own otherwise."""
    code = f"webmap.field.{str(error['type']).replace('-', '_')}"
    facts = {key: value for key, value in dict(error.get("ctx") or {}).items() if key != "error"}
    if code not in known_codes():
        code, facts = "webmap.field.other", {"reason": str(error["msg"])}
    return say(code, language, **facts)


def _public(error: LandwardenError) -> LandwardenError:
    facts = {key: "…" if key in SERVER_ONLY_FACTS else value for key, value in error.facts.items()}
    return LandwardenError(error.code, **facts)


def _plain(facts: Mapping[str, Any]) -> dict[str, str]:
    return {f"fact_{key}": str(value)[:200] for key, value in facts.items()}


def _weight(text: str) -> float:
    try:
        return float(text) if text else 1.0
    except ValueError:
        return 0.0
