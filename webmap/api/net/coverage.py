"""Coverage of patrols, blind spots, and who or what saw a parcel last."""

from __future__ import annotations

from typing import Annotated, Any

import shapely
from fastapi import Query, Request, Response
from shapely.geometry.base import BaseGeometry

from foundation.calendar import Period, parse_period, week_of
from patrol.reports.rankings import ranking_policy
from patrol.seen import service as seen
from patrol.seen.sights import days_since, seen_policy
from webmap.deps import Caller, SignedIn, noun_router
from webmap.schemas.net.coverage import (
    CellGroundInfo,
    CoverageInfo,
    OutingNearInfo,
    ParcelSeenInfo,
    SightInfo,
    UnseenInfo,
)
from webmap.tiles import vectors
from webmap.tiles.grid import tile_of

router = noun_router("coverage")
Wanted = Annotated[
    str | None, Query(max_length=8, description="Week 2026-W38 or month 2026-09; none: this week.")
]
DIGITS = 7
"""About a centimetre."""


@router.get("/coverage", summary="Coverage of a period and blind spots as of now")
def read_coverage(
    caller: SignedIn,
    division: Annotated[str, Query(pattern=r"^\d{12}$", description="City, county, township or village.")],
    period: Wanted = None,
) -> CoverageInfo:
    """The place, the divisions below it, and its cells up to a county."""
    with caller.transaction() as session:
        view = seen.coverage_of(
            session, caller.actor, division, period=_period(caller, period), now=caller.now()
        )
    return CoverageInfo.model_validate(view)


@router.get("/coverage/cells/{cell_code}", summary="The ground of a cell that was walked in a period")
def read_cell(caller: SignedIn, cell_code: str, period: Wanted = None) -> CellGroundInfo:
    """Covered and not covered cropland as outlines, and the outings that passed it."""
    wanted, now = _period(caller, period), caller.now()
    with caller.transaction() as session:
        view = seen.cell_view(session, caller.actor, cell_code, period=wanted, now=now, names=_names(caller))
    return CellGroundInfo(
        cell=view.code,
        name=view.name,
        division_code=view.division_code,
        period=view.period,
        cropland_m2=view.cropland_m2,
        covered_m2=view.near_m2,
        share=view.share,
        covered=_geojson(view.near),
        not_covered=_geojson(view.not_near),
        as_of=min(now, wanted.ends_at),
        outings=[OutingNearInfo.model_validate(outing) for outing in view.outings],
        unseen=[
            UnseenInfo(
                number=one.number,
                area_m2=one.area_m2,
                last_at=one.last_at,
                days=days_since(one.last_at, now),
                lonlat=one.lonlat,
            )
            for one in view.unseen
        ],
    )


@router.get("/coverage/parcels", summary="The parcel of cropland at a place, and who or what saw it last")
def read_parcel(
    caller: SignedIn,
    lon: Annotated[float, Query(description="Degrees, EPSG:4490.")],
    lat: Annotated[float, Query(description="Degrees, EPSG:4490.")],
) -> ParcelSeenInfo:
    """By outings, visits, compared images and cameras; what none saw is told as never seen."""
    now = caller.now()
    with caller.transaction() as session:
        view = seen.parcel_at(session, caller.actor, lon=lon, lat=lat, names=_names(caller))
    days = days_since(view.last_at, now)
    return ParcelSeenInfo(
        number=view.number,
        land_class_code=view.land_class_code,
        area_m2=view.area_m2,
        division_code=view.division_code,
        cell_code=view.cell_code,
        cell_name=view.cell_name,
        outline=dict(view.outline),
        last_at=view.last_at,
        days=days,
        is_blind=days is None or days >= seen_policy().blind_days,
        sights=[
            SightInfo(
                kind=sight.kind,
                at=sight.at,
                days=days_since(sight.at, now),
                source=sight.source,
                label=sight.label,
            )
            for sight in view.sights
        ],
    )


@router.get("/tiles/seen/{z}/{x}/{y}.pbf", summary="Vector tile of cropland by when it was last seen")
def read_seen_tile(caller: SignedIn, request: Request, z: int, x: int, y: int) -> Response:
    """Layer `seen`: id, days (none: never), kind of the last sight; from zoom 13."""
    tile = tile_of(z, x, y)
    with caller.transaction() as session:
        made = vectors.seen_tile(session, tile, now=caller.now())
    etag = f'"{made.etag}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    return Response(made.data, media_type=vectors.MEDIA_TYPE, headers=headers)


def _period(caller: Caller, label: str | None) -> Period:
    return parse_period(label) if label else week_of(caller.now())


def _names(caller: Caller) -> bool:
    """Whether persons may be told: not where only units are ranked."""
    return ranking_policy().ranks_persons[caller.runtime.settings.policy_profile]


def _geojson(shape: BaseGeometry) -> dict[str, Any]:
    rounded = shapely.set_precision(shape, 10**-DIGITS)
    found: dict[str, Any] = shapely.geometry.mapping(rounded)
    return found
