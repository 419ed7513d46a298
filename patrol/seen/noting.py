"""Noting what was seen: which parcels were shown by outings, visits, comparisons, cameras; coverage."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

import shapely
import structlog
from shapely.geometry.base import BaseGeometry
from sqlalchemy.engine import RowMapping
from sqlalchemy.orm import Session

from detection.cameras import service as cameras
from detection.cameras.presets import view_of
from foundation.access import Actor, require
from foundation.blobs import BlobStore
from foundation.calendar import Period, month_of, previous_period, week_of
from foundation.crs import geodesic_disc
from foundation.errors import LandwardenError, NotFound
from patrol.cases.store import lock_key
from patrol.reports.ground.coverage import NEAR_M, Walked
from patrol.reports.ground.covering import covered, cropland_under
from patrol.rounds.measures import measure, spans_of
from patrol.rounds.packing import unpack
from patrol.rounds.patrols import patrol_policy
from patrol.seen import store
from patrol.seen.sights import KINDS, seen_policy
from patrol.seen.store import Survey

if TYPE_CHECKING:
    from patrol.seen.ground import Parcels

SOURCES_A_TURN = 2_000
WEEKS_BACK, MONTHS_BACK = 13, 3
"""Running ones included. Older coverage stays as it was measured."""
log = structlog.get_logger()


@dataclass
class Ground:
    """The parcels of a survey on their lattice, drawn once, when first asked for."""

    survey: Survey
    drawn: dict[UUID, Parcels | None] = field(default_factory=dict)

    def parcels(self, session: Session) -> Parcels | None:
        """None where the survey holds no cropland."""
        key = self.survey.version_id
        if key not in self.drawn:
            # GDAL and OpenCV are loaded by whoever notes: the web process does not.
            from patrol.seen.ground import parcels_of

            rows = store.parcels(session, self.survey)
            ids, outlines = [row[0] for row in rows], [row[1] for row in rows]
            self.drawn[key] = parcels_of(ids, list(shapely.from_wkb(outlines))) if rows else None
        return self.drawn[key]


def surveyed_counties(session: Session, actor: Actor, county_code: str | None = None) -> list[Survey]:
    """Land surveys in force, by county.

    Raises
    ------
    NotFound
        ``patrol.seen.no_survey``: that county has none.
    """
    require(actor, "clock.run")
    found = store.surveys(session, county_code)
    if county_code is not None and not found:
        raise NotFound("patrol.seen.no_survey", county=county_code)
    return found


def note_sights(
    session: Session, actor: Actor, ground: Ground, *, blobs: BlobStore, now: datetime
) -> dict[str, int]:
    """Note which parcels new outings, visits, comparisons and cameras saw: how many sources of each kind.

    Every source is noted once for each version of the survey. What was seen later stays when an older source
    comes late. At most so many in one turn: ask again until nothing is new.
    """
    require(actor, "clock.run")
    survey, policy = ground.survey, seen_policy()
    lock_key(session, f"seen/{survey.county_code}")
    store.bring_parcels(session, survey)
    noted = {}
    for kind in KINDS:
        rows = store.new_sources(
            session,
            kind,
            survey,
            accuracy_max_m=patrol_policy().fix_rules.accuracy_max_m,
            most=SOURCES_A_TURN,
        )
        parcels = ground.parcels(session) if rows else None
        if parcels is None:
            noted[kind] = 0
            continue
        found = _shown(session, actor, kind, rows, parcels=parcels, blobs=blobs)
        seen: dict[int, tuple[datetime, str]] = {}
        for row in rows:
            for feature_id in found.get(row["source"], ()):
                seen[feature_id] = max(seen.get(feature_id, (row["at"], "")), (row["at"], row["source"]))
        store.note(session, kind, survey, seen)
        store.note_sources(session, kind, survey, {key: len(ids) for key, ids in found.items()}, now)
        noted[kind] = len(found)
    log.info("patrol.seen.noted", county=survey.county_code, share_min=policy.share_min, **noted)
    return noted


def measure_coverage(session: Session, actor: Actor, survey: Survey, *, now: datetime) -> list[str]:
    """Measure the coverage of a quarter's weeks and months where something has come since; which ones."""
    require(actor, "clock.run")
    lock_key(session, f"seen/{survey.county_code}")
    stale = [
        period
        for period in (*_back(week_of(now), WEEKS_BACK), *_back(month_of(now), MONTHS_BACK))
        if store.is_stale(
            session, survey, period.label, period.starts_at, period.ends_at, is_running=now < period.ends_at
        )
    ]
    cropland = cropland_under(session, survey.county_code) if stale else None
    if cropland is None:
        return []
    for period in stale:
        end = min(now, period.ends_at)
        rows = covered(session, survey.county_code, period.starts_at, end, cropland=cropland)
        told = [(r.cell_code, r.division_code, r.cropland_m2, min(r.near_m2, r.cropland_m2)) for r in rows]
        store.put_coverage(session, period.label, told, now)
    return [period.label for period in stale]


def _back(period: Period, count: int) -> Iterator[Period]:
    for _ in range(count):
        yield period
        period = previous_period(period)


def _shown(
    session: Session,
    actor: Actor,
    kind: str,
    rows: Sequence[RowMapping],
    *,
    parcels: Parcels,
    blobs: BlobStore,
) -> dict[str, list[int]]:
    """Parcels that each source saw, by source; a source that cannot be read is left for another time."""
    from patrol.seen import ground

    policy = seen_policy()
    if kind == "patrol":
        tracks = unpack([row["fixes"] for row in rows])
        rules = patrol_policy().fix_rules
        spans = spans_of([(row["started_at"], row["ended_at"]) for row in rows])
        walked = Walked(tracks, measure(tracks, spans, rules).codes, rules.gap_max)
        ids = ground.seen_on_walks(parcels, walked, share_min=policy.share_min)
        return dict(zip((row["source"] for row in rows), ids, strict=True))
    if kind == "image":
        return _shown_on_images(rows, parcels, blobs)
    views: dict[str, BaseGeometry]
    if kind == "visit":
        views = {row["source"]: geodesic_disc((row["lon"], row["lat"]), NEAR_M) for row in rows}
    else:
        views = _views(session, actor, rows)
    return {
        row["source"]: ground.seen_in(parcels, views[row["source"]], share_min=policy.share_min)
        if row["source"] in views
        else []
        for row in rows
    }


def _views(session: Session, actor: Actor, rows: Sequence[RowMapping]) -> dict[str, BaseGeometry]:
    """Ground in the frames of presets, where the register knows them and they show any."""
    policy, found = seen_policy(), {}
    presets = {
        (camera.camera_id, preset.preset_no): (camera, preset)
        for camera in cameras.list_cameras(session, actor)
        for preset in camera.presets
    }
    for row in rows:
        known = presets.get((row["camera_id"], row["preset_no"]))
        view = known and view_of(*known, radius_max_m=policy.camera_error_max_m, far_m=policy.camera_far_m)
        if view is not None:
            found[row["source"]] = view
    return found


def _shown_on_images(rows: Sequence[RowMapping], parcels: Parcels, blobs: BlobStore) -> dict[str, list[int]]:
    from patrol.seen import ground

    found = {}
    for row in rows:
        if row["change_sha256"] not in blobs:
            log.warning("patrol.seen.no_raster", run_id=row["source"])
            continue
        try:
            path = blobs.path(row["change_sha256"])
            found[row["source"]] = ground.seen_on_image(parcels, path, share_min=seen_policy().share_min)
        except LandwardenError as error:
            log.warning("patrol.seen.unreadable", run_id=row["source"], code=error.code)
    return found
