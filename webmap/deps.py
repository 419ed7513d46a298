"""Who calls, and with what right: every route's right stands in one reviewed table, ``routes.toml``.

A route without a row there cannot be made: `noun_router` puts `authorise` before every endpoint, and
`check_policy` refuses to build an application with an unlisted route.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Header, Request
from sqlalchemy.orm import Session

from detection.cameras.door import service as door
from detection.cameras.door.service import Device
from foundation import accounts
from foundation.access import Actor, require
from foundation.errors import Defect, InvalidInput, Language, NotAllowed, NotAuthenticated
from foundation.runtime import Runtime
from webmap.gates import Gate
from webmap.live import LiveHub
from webmap.problems import MEDIA_TYPE, language_of
from webmap.schemas.basics import Problem
from webmap.tiles.shelf import TileShelf

POLICY_FILE = Path(__file__).resolve().parents[1] / "data" / "policies" / "routes.toml"
PREFIX = "/api/v1"
COOKIE = "landwarden_session"
REPORTS_AN_HOUR, CODES_AN_HOUR = 10, 60
"""Of one address, for citizens' reports; a village may share one address behind its provider's."""
ANONYMOUS, SIGNED_IN = "anonymous", "signed_in"
PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "content": {MEDIA_TYPE: {}}, "description": text}
    for status, text in {
        401: "Nobody is signed in",
        403: "The role has not this right",
        404: "Not there, or outside the caller's area",
        422: "The request breaks a stated rule",
    }.items()
}


@dataclass(frozen=True)
class Web:
    """What all requests of one process share."""

    runtime: Runtime
    live: LiveHub
    shelf: TileShelf
    report_gate: Gate = field(default_factory=lambda: Gate(most=REPORTS_AN_HOUR, span=timedelta(hours=1)))
    code_gate: Gate = field(default_factory=lambda: Gate(most=CODES_AN_HOUR, span=timedelta(hours=1)))


@dataclass(frozen=True)
class Caller:
    """Somebody signed in, for the length of one request."""

    web: Web
    actor: Actor
    token: str
    language: Language

    @property
    def runtime(self) -> Runtime:
        """Open resources of the process."""
        return self.web.runtime

    def now(self) -> datetime:
        """The moment, by the platform's clock."""
        return self.web.runtime.clock()

    def transaction(self) -> AbstractContextManager[Session]:
        """The request's one transaction, within the caller's area.

        Endpoints open it themselves rather than by a dependency: it begins and ends on one thread, and is
        committed before a byte of the answer is sent.
        """
        return self.web.runtime.database.transaction(self.actor)


@lru_cache(maxsize=1)
def route_rights() -> Mapping[str, tuple[str, ...]]:
    """``"GET /api/v1/patches"`` -> rights of which one is needed, or ``anonymous``, or ``signed_in``."""
    table = tomllib.loads(POLICY_FILE.read_text("utf-8"))["routes"]
    return {
        route: tuple(rights) if isinstance(rights, list) else (rights,) for route, rights in table.items()
    }


def web_of(request: Request) -> Web:
    """What all requests of this process share."""
    web: Web = request.app.state.web
    return web


def actor_of(web: Web, token: str) -> Actor:
    """Who a session token belongs to; `NotAuthenticated` when nobody."""
    if not token:
        raise NotAuthenticated("foundation.accounts.no_session")
    runtime = web.runtime
    with runtime.database.transaction(runtime.system) as session:
        return accounts.actor_of_token(session, token, now=runtime.clock())


def bearer_of(headers: Mapping[str, str]) -> str | None:
    """The key in ``Authorization: Bearer``; None beside a cookie, for people do not come with keys."""
    scheme, _, key = headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" and "cookie" not in headers else None


def device_of(web: Web, key: str) -> Device:
    """The camera that a key belongs to; `NotAuthenticated` when none."""
    runtime = web.runtime
    with runtime.database.transaction(runtime.system) as session:
        return door.device_of_token(session, key)


def authorise(request: Request, web: Annotated[Web, Depends(web_of)]) -> Caller | None:
    """Let pass whom the table lets pass; None on routes that are open to everybody."""
    route = request.scope["route"]
    rights = route_rights().get(f"{request.method} {route.path_format}")
    if rights is None:
        raise Defect("webmap.route.unlisted", route=f"{request.method} {route.path_format}")
    if rights == (ANONYMOUS,):
        return None
    token = request.cookies.get(COOKIE, "")
    key = bearer_of(request.headers)
    actor = actor_of(web, token) if key is None else device_of(web, key).actor
    if rights != (SIGNED_IN,) or key is not None:
        _require_any(actor, rights)
    return Caller(web, actor, token, language_of(request.headers, web.runtime.settings.language))


def signed_in(caller: Annotated[Caller | None, Depends(authorise)]) -> Caller:
    """The caller of a route that is not open to everybody."""
    if caller is None:
        raise NotAuthenticated("foundation.accounts.no_session")
    return caller


def calling_device(request: Request, web: Annotated[Web, Depends(web_of)]) -> Device:
    """The camera that calls, on the routes of cameras.

    Raises
    ------
    NotAuthenticated
        ``detection.camera.bad_key``.
    """
    return device_of(web, bearer_of(request.headers) or "")


def expected_version(
    if_match: Annotated[
        str | None, Header(description="Version of the patch that the change is based on.", examples=['"7"'])
    ] = None,
) -> int:
    """Version that ``If-Match`` names.

    Raises
    ------
    InvalidInput
        ``webmap.request.no_version`` (428) without the header, ``webmap.request.bad_version`` otherwise.
    """
    if if_match is None:
        raise InvalidInput("webmap.request.no_version")
    text = if_match.strip().removeprefix("W/").strip('"')
    if not text.isdecimal() or len(text) > 9:
        raise InvalidInput("webmap.request.bad_version", given=if_match[:40])
    return int(text)


SignedIn = Annotated[Caller, Depends(signed_in)]
CallingDevice = Annotated[Device, Depends(calling_device)]
ExpectedVersion = Annotated[int, Depends(expected_version)]
WebOfProcess = Annotated[Web, Depends(web_of)]


def noun_router(noun: str) -> APIRouter:
    """Router of one noun; every endpoint on it is authorised by the table."""
    return APIRouter(prefix=PREFIX, tags=[noun], dependencies=[Depends(authorise)], responses={**PROBLEMS})


def check_policy(app: FastAPI) -> None:
    """Refuse to serve a route that has no row in the table, or a row that has no route.

    Raises
    ------
    Defect
        ``webmap.route.unlisted`` or ``webmap.route.gone``.
    """
    served = {
        f"{method.upper()} {path}" for path, methods in app.openapi()["paths"].items() for method in methods
    }
    for route in sorted(served - set(route_rights())):
        raise Defect("webmap.route.unlisted", route=route)
    for route in sorted(set(route_rights()) - served):
        raise Defect("webmap.route.gone", route=route)


def _require_any(actor: Actor, rights: tuple[str, ...]) -> None:
    if not any(right in actor.rights for right in rights):
        require(actor, rights[0])
        raise NotAllowed("foundation.access.not_allowed", action=rights[0], role=actor.role)
