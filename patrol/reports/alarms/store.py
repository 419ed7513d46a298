"""SQL of the facts behind the signs. Never commits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import shapely
from shapely.geometry.base import BaseGeometry
from sqlalchemy import text
from sqlalchemy.orm import Session

from patrol.reports.alarms.roads import Ground, Walked
from patrol.reports.alarms.signs import Closing, SharedPhoto

CLOSINGS = text(
    """
    SELECT p.number, e.division_code, e.at AS closed_at, e.actor_id, e.actor_name,
           (SELECT count(*) FROM visit v WHERE v.patch_id = e.patch_id AND v.received_at <= e.at) AS visits
    FROM case_event e JOIN patch p USING (patch_id)
    WHERE e.action = 'close' AND e.undone_by IS NULL AND starts_with(e.division_code, :prefix)
      AND e.at >= :begin AND e.at < :end
    ORDER BY e.at, p.number
    """
)
PHOTOS = text(
    """
    WITH fresh AS (
        SELECT DISTINCT sha256 FROM evidence WHERE starts_with(media_type, 'image/')
          AND starts_with(division_code, :prefix) AND received_at >= :begin AND received_at < :end
    )
    SELECT e.sha256 AS fingerprint, min(e.division_code) AS division_code,
           array_agg(DISTINCT p.number ORDER BY p.number) AS numbers
    FROM evidence e JOIN fresh USING (sha256) JOIN patch p ON p.patch_id = e.patch_id
    WHERE e.received_at < :end
    GROUP BY e.sha256 HAVING count(DISTINCT e.patch_id) > 1 ORDER BY e.sha256
    """
)

PARCELS = text(
    """
    SELECT left(f.land_class_code, 4) = ANY(:roads) AS is_road, ST_AsBinary(f.geometry) AS shape
    FROM layer_feature f JOIN layer_version v USING (version_id)
    WHERE v.layer_kind = 'land_survey' AND v.valid_to IS NULL AND v.county_code = :county
      AND left(f.land_class_code, 4) = ANY(:classes)
      AND f.geometry && (SELECT ST_Expand(ST_Extent(geometry)::geometry, 0.005) FROM grid_cell
                         WHERE valid_to IS NULL AND starts_with(division_code, :prefix))
    ORDER BY f.feature_id
    """
)
WALKED = text(
    """
    SELECT p.patrol_id, p.post_id, p.started_at, p.ended_at, p.fixes
    FROM patrol p JOIN post o USING (post_id)
    WHERE p.is_valid AND p.track IS NOT NULL AND o.tier >= 3 AND starts_with(p.division_code, :prefix)
      AND p.started_at >= :begin AND p.started_at < :end
    ORDER BY p.started_at, p.patrol_id
    """
)


def counties(session: Session, prefix: str) -> list[str]:
    """Six digits of the counties of an area that have a grid."""
    statement = text(
        "SELECT DISTINCT left(division_code, 6) FROM grid_cell WHERE valid_to IS NULL"
        " AND starts_with(division_code, :prefix) ORDER BY 1"
    )
    return [str(code) for code in session.scalars(statement, {"prefix": prefix})]


def cells(session: Session, prefix: str) -> list[Ground]:
    """The grid in force."""
    statement = text(
        "SELECT division_code, ST_AsBinary(geometry) AS shape FROM grid_cell WHERE valid_to IS NULL"
        " AND starts_with(division_code, :prefix) ORDER BY code"
    )
    rows = session.execute(statement, {"prefix": prefix})
    return [Ground(row.division_code, shapely.from_wkb(bytes(row.shape))) for row in rows]


def parcels(
    session: Session, prefix: str, *, fields: Sequence[str], roads: Sequence[str]
) -> tuple[list[BaseGeometry], list[BaseGeometry]]:
    """Farmland and roads of the land survey in force around the grid of an area within one county."""
    values = {"county": prefix[:6], "prefix": prefix, "roads": list(roads), "classes": [*fields, *roads]}
    found: tuple[list[BaseGeometry], list[BaseGeometry]] = ([], [])
    for row in session.execute(PARCELS, values):
        found[row.is_road].append(shapely.from_wkb(bytes(row.shape)))
    return found


def walked(
    session: Session, prefix: str, begin: datetime, end: datetime
) -> tuple[list[Walked], list[memoryview]]:
    """Valid outings of townships and villages, and their packed fixes."""
    rows = session.execute(WALKED, {"prefix": prefix, "begin": begin, "end": end}).all()
    return [Walked(*row[:4]) for row in rows], [row.fixes for row in rows]


def closings(session: Session, prefix: str, begin: datetime, end: datetime) -> list[Closing]:
    """Cases closed in a period and not opened again by an undo."""
    rows = session.execute(CLOSINGS, {"prefix": prefix, "begin": begin, "end": end}).mappings()
    return [Closing(**row) for row in rows]


def shared_photos(session: Session, prefix: str, begin: datetime, end: datetime) -> list[SharedPhoto]:
    """Photos received in a period whose very bytes stand in more than one case, whenever those came."""
    rows = session.execute(PHOTOS, {"prefix": prefix, "begin": begin, "end": end}).mappings()
    return [SharedPhoto(row["fingerprint"], row["division_code"], tuple(row["numbers"])) for row in rows]
