"""What a client needs before it draws anything."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from importlib.metadata import version

import shapely
from sqlalchemy.orm import Session

from detection import service as detection
from detection.taxonomy import Violation
from foundation.calendar import SHANGHAI, month_of, previous_period, week_of
from foundation.clock import system_clock
from foundation.divisions import divisions
from ingest import service as ingest
from ingest.extent import city_extent
from ingest.layers import LayerVersion, catalogue
from ingest.scenes import Scene
from patrol import service as patrol
from webmap import store
from webmap.deps import Caller, SignedIn, noun_router
from webmap.names import STATES
from webmap.schemas.basics import Bbox, Lonlat
from webmap.schemas.platform import (
    Config,
    LayerInfo,
    Periods,
    ReasonName,
    StateName,
    ViolationName,
)

router = noun_router("config")
COUNTRY: Bbox = (73.5, 18.0, 135.1, 53.6)
"""Shown while nothing has been imported and nobody says where the city lies: no place is guessed."""
PERIODS_MAX = 60


@router.get("/config", summary="City, extent, states, layers, violations, reasons, periods")
def read_config(caller: SignedIn) -> Config:
    """Of the caller's area, at this moment."""
    now = caller.now()
    with caller.transaction() as session:
        scenes = _scenes(session, caller)
        layers = _layers(session, caller)
        first_day = store.first_day(session)
    extent = _extent(scenes) or city_extent(caller.runtime.settings.city_code) or COUNTRY
    return Config(
        city_name=divisions().get(caller.runtime.settings.city_code).name,
        center=_center(extent),
        extent=extent,
        clock_is_demo=caller.runtime.clock is not system_clock,
        version=version("landwarden"),
        states=[StateName(key=key, zh=zh, en=en) for key, (zh, en) in STATES.items()],
        layers=layers,
        violations=[_violation(row) for row in detection.violations(now)],
        reasons=[ReasonName.model_validate(row._asdict()) for row in patrol.all_reasons()],
        periods=_periods(first_day, now),
    )


def _scenes(session: Session, caller: Caller) -> list[Scene]:
    """Scenes of the area; none for a role that may not see any."""
    return ingest.list_scenes(session, caller.actor) if "scene.view" in caller.actor.rights else []


def _layers(session: Session, caller: Caller) -> list[LayerInfo]:
    """Every catalogued layer, imported or not."""
    if "layer.view" not in caller.actor.rights:
        return []
    newest: dict[str, list[LayerVersion]] = {}
    for row in ingest.list_layers(session, caller.actor):
        newest.setdefault(row.layer_kind, []).append(row)
    counts = store.version_counts(session)
    return [
        LayerInfo(
            kind=kind.kind,
            zh=kind.zh,
            en=kind.en,
            group=kind.group,
            min_zoom=kind.min_zoom,
            versions=counts.get(kind.kind, 0),
            features=sum(row.feature_count for row in newest.get(kind.kind, [])),
            source_date=max((row.valid_from for row in newest.get(kind.kind, [])), default=None),
        )
        for kind in catalogue().values()
    ]


def _violation(row: Violation) -> ViolationName:
    basis = "；".join(f"{basis.statute}{basis.article}" for basis in row.basis)
    return ViolationName(code=row.code, zh=row.name_zh, en=row.name_en, basis=basis)


def _extent(scenes: list[Scene]) -> Bbox | None:
    if not scenes:
        return None
    west, south, east, north = shapely.total_bounds([scene.footprint for scene in scenes])
    return (float(west), float(south), float(east), float(north))


def _center(extent: Bbox) -> Lonlat:
    west, south, east, north = extent
    return ((west + east) / 2, (south + north) / 2)


def _periods(first_day: date | None, now: datetime) -> Periods:
    """Weeks and months from the first recorded day until now, newest first."""
    start = datetime.combine(first_day, datetime.min.time(), SHANGHAI) if first_day else now
    start = max(start, now - timedelta(days=366))
    weeks, months = [week_of(now)], [month_of(now)]
    for periods in (weeks, months):
        while len(periods) < PERIODS_MAX and previous_period(periods[-1]).ends_at > start:
            periods.append(previous_period(periods[-1]))
    return Periods(weeks=[week.label for week in weeks], months=[month.label for month in months])
