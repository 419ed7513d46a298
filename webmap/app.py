"""The web application: built from an open runtime, nothing at import."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware

from foundation.runtime import Runtime
from patrol.citizens.reports import PHOTO_MAX_BYTES, PHOTOS_MAX
from webmap import pages
from webmap.api import (
    cameras,
    config,
    divisions,
    health,
    leads,
    live,
    patches,
    quality,
    reports,
    scenes,
    session,
    tiles,
    work,
)
from webmap.api.casework import (
    assignments,
    cases,
    custody,
    evidence,
    judgement,
    moves,
    paper_templates,
    papers,
    statistics,
    visits,
)
from webmap.api.net import (
    alarms,
    citizens,
    coverage,
    dispatching,
    findings,
    grid,
    lottery,
    notices,
    outings,
    patrols,
    posts,
)
from webmap.deps import PREFIX, Web
from webmap.live import LiveHub
from webmap.problems import ProblemBoundary, add_handlers
from webmap.shields import BodyLimit, SameOrigin, SecurityHeaders
from webmap.tiles.shelf import TileShelf

ROUTERS = tuple(
    noun.router
    for noun in (
        session,
        health,
        config,
        divisions,
        scenes,
        tiles,
        patches,
        moves,
        cases,
        judgement,
        leads,
        cameras,
        assignments,
        visits,
        evidence,
        custody,
        papers,
        paper_templates,
        statistics,
        reports,
        quality,
        work,
        alarms,
        citizens,
        coverage,
        grid,
        lottery,
        notices,
        outings,
        dispatching,
        findings,
        patrols,
        posts,
        live,
    )
)
BODY_MAX = 1 << 20
"""Bytes of a request body; only evidence may be larger, up to its own setting."""
WIDER = {f"{PREFIX}/public/reports": BODY_MAX + PHOTOS_MAX * PHOTO_MAX_BYTES}
DESCRIPTION = """
Violations of land law in one city, from image to closed case. Sign in at `POST /api/v1/session`; the
cookie does the rest. Writes need an `Origin` header of this host; writes to a patch need `If-Match` with its
version. Every refusal is `application/problem+json` in the language of `Accept-Language` (zh or en). Times
carry +08:00, areas are m², geometry is GeoJSON in CGCS2000 (EPSG:4490), longitude first.
"""


def create_app(runtime: Runtime) -> FastAPI:
    """The application on an open runtime.

    Parameters
    ----------
    runtime : Runtime
        Open for as long as the application serves; the application does not close it.
    """
    web = Web(runtime, LiveHub(runtime.database.url), TileShelf())
    settings = runtime.settings

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        web.live.start()
        try:
            yield
        finally:
            web.live.stop()

    app = _bare_app(
        lifespan=lifespan,
        middleware=[
            Middleware(SecurityHeaders),
            Middleware(GZipMiddleware, minimum_size=1024, compresslevel=5),
            Middleware(SameOrigin, public_origin=settings.public_origin, language=settings.language),
            Middleware(BodyLimit, limit=BODY_MAX, wider=WIDER, language=settings.language),
            Middleware(ProblemBoundary, language=settings.language),
        ],
    )
    app.state.web = web
    add_handlers(app)
    pages.add_pages(app)
    return app


def describe_api() -> dict[str, Any]:
    """The OpenAPI description; needs no runtime."""
    return _bare_app().openapi()


def _bare_app(**options: Any) -> FastAPI:
    app = FastAPI(
        title="守土 Landwarden",
        description=DESCRIPTION,
        version=version("landwarden"),
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        **options,
    )
    for router in ROUTERS:
        app.include_router(router)
    return app
