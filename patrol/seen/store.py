"""SQL of what was seen. Never commits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import RowMapping
from sqlalchemy.orm import Session

from patrol.seen.sights import KINDS

CROPLAND = "left(f.land_class_code, 4) IN ('0101', '0102', '0103')"
CELL_OF = """
    LEFT JOIN LATERAL (
        SELECT cell_id, division_code FROM grid_cell c WHERE c.valid_to IS NULL AND c.geometry && f.geometry
        AND ST_Intersects(c.geometry, ST_PointOnSurface(f.geometry)) ORDER BY code LIMIT 1
    ) AS cell ON true
"""
HOLDER_THEN = """
    coalesce((SELECT t.person_name FROM post_tenure t WHERE t.post_id = {post} AND t.part = 'holder'
              AND t.valid_from <= ({at} AT TIME ZONE 'Asia/Shanghai')::date
              AND (t.valid_to IS NULL OR t.valid_to > ({at} AT TIME ZONE 'Asia/Shanghai')::date)
              ORDER BY t.valid_from DESC LIMIT 1), o.holder_name)
"""
"""Who held a post when it was walked for."""
NEW = """
    NOT EXISTS (SELECT FROM seen_source n WHERE n.kind = '{kind}' AND n.source = {source}
                AND n.version_id = :version)
"""
OUTINGS = f"""
    SELECT patrol_id::text AS source, started_at AS at, fixes, started_at, ended_at FROM patrol p
    WHERE is_valid AND track IS NOT NULL AND (starts_with(division_code, :prefix)
      OR starts_with(:prefix, landwarden_prefix(division_code)))
    AND {NEW.format(kind="patrol", source="p.patrol_id::text")}
    ORDER BY started_at, patrol_id LIMIT :most
"""
VISITS = f"""
    SELECT visit_id::text AS source, device_time AS at, ST_X(location) AS lon, ST_Y(location) AS lat
    FROM visit v WHERE starts_with(division_code, :prefix) AND accuracy_m <= :accuracy_max_m
    AND {NEW.format(kind="visit", source="v.visit_id::text")}
    ORDER BY device_time, visit_id LIMIT :most
"""
IMAGES = f"""
    SELECT r.run_id::text AS source, s.acquired_at AS at, r.change_sha256
    FROM detection_run r JOIN scene s ON s.scene_id = r.after_scene_id
    WHERE r.county_code = left(:prefix, 6) AND r.change_sha256 IS NOT NULL
    AND {NEW.format(kind="image", source="r.run_id::text")}
    ORDER BY s.acquired_at, r.run_id LIMIT :most
"""
CAMERAS = f"""
    SELECT * FROM (
        SELECT DISTINCT ON (camera_id, preset_no) camera_id, preset_no, observed_to AS at,
               concat_ws('/', camera_id, preset_no, lead_id) AS source
        FROM (SELECT lead_id, observed_to, attributes ->> 'camera_id' AS camera_id,
                     (attributes ->> 'preset')::int AS preset_no
              FROM lead WHERE source = 'camera' AND starts_with(division_code, :prefix)) AS told
        WHERE camera_id IS NOT NULL AND preset_no IS NOT NULL
        ORDER BY camera_id, preset_no, observed_to DESC, lead_id
    ) AS newest WHERE {NEW.format(kind="camera", source="newest.source")}
    ORDER BY source LIMIT :most
"""
NEW_SOURCES = {"patrol": OUTINGS, "visit": VISITS, "image": IMAGES, "camera": CAMERAS}
AGES = """
    SELECT g.code, g.division_code, CASE WHEN p.last_at IS NULL THEN -1 ELSE width_bucket(
               extract(epoch FROM :now - p.last_at)::float8 / 86400, CAST(:steps AS float8[])) END AS step,
           count(*) AS parcels, sum(p.area_m2) AS area_m2
    FROM parcel_seen p JOIN layer_version v USING (version_id) JOIN grid_cell g ON g.cell_id = p.cell_id
    WHERE v.valid_to IS NULL AND g.valid_to IS NULL AND starts_with(p.division_code, :prefix)
    GROUP BY 1, 2, 3
"""
CELLS = """
    SELECT c.code, c.name, c.division_code, v.cropland_m2, v.near_m2, v.measured_at
    FROM grid_cell c LEFT JOIN cell_coverage v ON v.cell_code = c.code AND v.period = :period
    WHERE c.valid_to IS NULL AND starts_with(c.division_code, :prefix) ORDER BY c.code
"""
STALE = """
    WITH measured AS (SELECT min(measured_at) AS at FROM cell_coverage
                      WHERE period = :period AND starts_with(division_code, :prefix))
    SELECT measured.at IS NULL AND (:is_running OR EXISTS (SELECT FROM patrol WHERE is_valid
           AND starts_with(division_code, :prefix) AND started_at >= :begin AND started_at < :end))
        OR EXISTS (SELECT FROM seen_source s JOIN patrol p ON p.patrol_id::text = s.source
                   WHERE s.kind = 'patrol' AND s.version_id = :version AND s.noted_at > measured.at
                   AND p.started_at >= :begin AND p.started_at < :end)
        OR EXISTS (SELECT FROM grid_cell c JOIN grid_edition e USING (edition_id) WHERE c.valid_to IS NULL
                   AND starts_with(c.division_code, :prefix) AND e.made_at > measured.at)
        OR EXISTS (SELECT FROM layer_version v WHERE v.version_id = :version AND v.imported_at > measured.at)
    FROM measured
"""
OUTINGS_NEAR = f"""
    SELECT p.patrol_id, p.started_at, p.ended_at, p.fixes, o.title,
           {HOLDER_THEN.format(post="p.post_id", at="p.started_at")} AS name
    FROM patrol p JOIN post o USING (post_id)
    WHERE p.is_valid AND p.track IS NOT NULL AND p.started_at >= :begin AND p.started_at < :end
    AND p.track && ST_Expand(ST_GeomFromWKB(:cell, 4490), :reach_deg) ORDER BY p.started_at, p.patrol_id
"""
PARCEL_AT = f"""
    SELECT f.feature_no, f.land_class_code, p.*, g.code AS cell_code, g.name AS cell_name,
           ST_AsGeoJSON(f.geometry, 7) AS outline,
           (SELECT concat_ws(' ', o.title, CASE WHEN :names THEN
                   {HOLDER_THEN.format(post="w.post_id", at="w.started_at")} END)
            FROM patrol w JOIN post o USING (post_id) WHERE w.patrol_id::text = p.patrol_source)
            AS patrol_label,
           (SELECT CASE WHEN :names THEN v.visitor_name ELSE '' END FROM visit v
            WHERE v.visit_id::text = p.visit_source) AS visit_label,
           (SELECT concat_ws(' ', s.sensor, s.source_name) FROM detection_run r
            JOIN scene s ON s.scene_id = r.after_scene_id WHERE r.run_id::text = p.image_source)
            AS image_label,
           (SELECT c.name FROM camera c WHERE c.camera_id = split_part(p.camera_source, '/', 1))
            AS camera_label
    FROM parcel_seen p JOIN layer_version v USING (version_id) JOIN layer_feature f USING (feature_id)
    LEFT JOIN grid_cell g ON g.cell_id = p.cell_id
    WHERE v.valid_to IS NULL AND f.geometry && ST_SetSRID(ST_MakePoint(:lon, :lat), 4490)
    AND ST_Covers(f.geometry, ST_SetSRID(ST_MakePoint(:lon, :lat), 4490)) ORDER BY f.feature_id LIMIT 1
"""

LONGEST_UNSEEN = """
    SELECT f.feature_no AS number, p.area_m2, p.last_at, ST_X(place) AS lon, ST_Y(place) AS lat
    FROM parcel_seen p JOIN layer_version v USING (version_id) JOIN layer_feature f USING (feature_id)
    JOIN grid_cell g ON g.cell_id = p.cell_id, ST_PointOnSurface(f.geometry) AS place
    WHERE v.valid_to IS NULL AND g.valid_to IS NULL AND g.code = :code
    ORDER BY p.last_at NULLS FIRST, p.area_m2 DESC, f.feature_no LIMIT :most
"""


class Survey(NamedTuple):
    """The land survey in force of a county."""

    county_code: str
    version_id: UUID


def surveys(session: Session, county_code: str | None = None) -> list[Survey]:
    """Surveys in force, of one county (six digits) or all."""
    rows = session.execute(
        text(
            "SELECT county_code, version_id FROM layer_version WHERE layer_kind = 'land_survey'"
            " AND valid_to IS NULL AND (CAST(:county AS text) IS NULL OR county_code = :county)"
            " ORDER BY county_code"
        ),
        {"county": county_code},
    )
    return [Survey(*row) for row in rows]


def bring_parcels(session: Session, survey: Survey) -> int:
    """Take in the cropland parcels of a survey; those whose cell was cut anew find theirs. How many came."""
    values = {"version": survey.version_id, "county": survey.county_code + "000000"}
    new = session.execute(
        text(
            "INSERT INTO parcel_seen (feature_id, version_id, division_code, cell_id, area_m2)"
            " SELECT f.feature_id, f.version_id, coalesce(cell.division_code, f.division_code, :county),"
            f" cell.cell_id, f.area_m2 FROM layer_feature f {CELL_OF} WHERE f.version_id = :version"
            f" AND {CROPLAND} AND NOT EXISTS (SELECT FROM parcel_seen p WHERE p.feature_id = f.feature_id)"
            " ON CONFLICT DO NOTHING RETURNING feature_id"
        ),
        values,
    )
    count = len(new.all())
    session.execute(
        text(
            "UPDATE parcel_seen p SET cell_id = cell.cell_id,"
            " division_code = coalesce(cell.division_code, f.division_code, :county)"
            f" FROM layer_feature f {CELL_OF} WHERE f.feature_id = p.feature_id AND p.version_id = :version"
            " AND (p.cell_id IS NULL OR EXISTS (SELECT FROM grid_cell g WHERE g.cell_id = p.cell_id"
            " AND g.valid_to IS NOT NULL)) AND cell.cell_id IS DISTINCT FROM p.cell_id"
        ),
        values,
    )
    return count


def parcels(session: Session, survey: Survey) -> list[tuple[int, bytes]]:
    """Ids and outlines (WKB, EPSG:4490) of the parcels of a survey."""
    rows = session.execute(
        text(
            "SELECT p.feature_id, ST_AsBinary(f.geometry) FROM parcel_seen p JOIN layer_feature f"
            " USING (feature_id) WHERE p.version_id = :version ORDER BY p.feature_id"
        ),
        {"version": survey.version_id},
    )
    return [(row[0], bytes(row[1])) for row in rows]


def new_sources(
    session: Session, kind: str, survey: Survey, *, accuracy_max_m: float, most: int
) -> list[RowMapping]:
    """Sources of a kind whose ground was not noted yet: ``source``, ``at`` and what shows the ground."""
    values = {"prefix": survey.county_code, "version": survey.version_id, "most": most}
    if kind == "visit":
        values["accuracy_max_m"] = accuracy_max_m
    return list(session.execute(text(NEW_SOURCES[kind]), values).mappings())


def note(session: Session, kind: str, survey: Survey, seen: Mapping[int, tuple[datetime, str]]) -> None:
    """Write down when parcels were seen last, and by which source; what was seen later stays."""
    if kind not in KINDS:
        raise ValueError(kind)
    session.execute(
        text(
            f"UPDATE parcel_seen p SET {kind}_at = s.at, {kind}_source = s.source FROM"
            " unnest(CAST(:ids AS bigint[]), CAST(:ats AS timestamptz[]), CAST(:sources AS text[]))"
            " AS s (feature_id, at, source) WHERE p.feature_id = s.feature_id AND p.version_id = :version"
            f" AND (p.{kind}_at IS NULL OR p.{kind}_at < s.at)"
        ),
        {
            "version": survey.version_id,
            "ids": list(seen),
            "ats": [at for at, _ in seen.values()],
            "sources": [source for _, source in seen.values()],
        },
    )


def note_sources(
    session: Session, kind: str, survey: Survey, counts: Mapping[str, int], now: datetime
) -> None:
    """Write down that sources were noted, and how many parcels each showed."""
    session.execute(
        text(
            "INSERT INTO seen_source (kind, source, version_id, division_code, parcels, noted_at)"
            " SELECT :kind, s.source, :version, :county, s.parcels, :now FROM"
            " unnest(CAST(:sources AS text[]), CAST(:counts AS int[])) AS s (source, parcels)"
            " ON CONFLICT DO NOTHING"
        ),
        {
            "kind": kind,
            "version": survey.version_id,
            "county": survey.county_code + "000000",
            "now": now,
            "sources": list(counts),
            "counts": list(counts.values()),
        },
    )


def is_stale(
    session: Session, survey: Survey, period: str, begin: datetime, end: datetime, *, is_running: bool
) -> bool:
    """Whether outings, cells or the survey have come since a period's coverage was measured."""
    values = {
        "period": period,
        "prefix": survey.county_code,
        "version": survey.version_id,
        "begin": begin,
        "end": end,
        "is_running": is_running,
    }
    return bool(session.execute(text(STALE), values).scalar_one())


def put_coverage(
    session: Session, period: str, rows: Sequence[tuple[str, str, float, float]], now: datetime
) -> None:
    """Store (cell code, division code, cropland m², near m²) of a period."""
    codes, places, whole, near = zip(*rows, strict=True) if rows else ((), (), (), ())
    session.execute(
        text(
            "INSERT INTO cell_coverage (period, cell_code, division_code, cropland_m2, near_m2, measured_at)"
            " SELECT :period, s.*, :now FROM unnest(CAST(:codes AS text[]), CAST(:places AS text[]),"
            " CAST(:whole AS float8[]), CAST(:near AS float8[])) AS s"
            " ON CONFLICT (period, cell_code) DO UPDATE SET division_code = excluded.division_code,"
            " cropland_m2 = excluded.cropland_m2, near_m2 = excluded.near_m2,"
            " measured_at = excluded.measured_at"
        ),
        {
            "period": period,
            "now": now,
            "codes": list(codes),
            "places": list(places),
            "whole": list(whole),
            "near": list(near),
        },
    )


def cells(session: Session, prefix: str, period: str) -> list[RowMapping]:
    """Cells in force with their coverage of a period, by code; None where it was not measured."""
    return list(session.execute(text(CELLS), {"prefix": prefix, "period": period}).mappings())


def ages(session: Session, prefix: str, steps_days: Sequence[int], now: datetime) -> list[RowMapping]:
    """Cropland of each cell by how long ago it was last seen: number of steps passed, -1 for never."""
    values = {"prefix": prefix, "steps": [float(days) for days in steps_days], "now": now}
    return list(session.execute(text(AGES), values).mappings())


def cell(session: Session, code: str) -> RowMapping | None:
    """A cell in force: code, name, division and outline (WKB)."""
    found = session.execute(
        text(
            "SELECT code, name, division_code, ST_AsBinary(geometry) AS outline FROM grid_cell"
            " WHERE code = :code AND valid_to IS NULL"
        ),
        {"code": code},
    )
    return found.mappings().first()


def cell_cropland(session: Session, code: str) -> list[bytes]:
    """Cropland of a cell in force, cut by it (WKB, EPSG:4490)."""
    rows = session.execute(
        text(
            "SELECT ST_AsBinary(ST_Intersection(f.geometry, c.geometry)) FROM grid_cell c"
            " JOIN layer_feature f ON f.geometry && c.geometry AND ST_Intersects(f.geometry, c.geometry)"
            " JOIN layer_version v USING (version_id) WHERE c.code = :code AND c.valid_to IS NULL"
            f" AND v.valid_to IS NULL AND f.layer_kind = 'land_survey' AND {CROPLAND}"
        ),
        {"code": code},
    )
    return [bytes(row[0]) for row in rows]


def outings_near(
    session: Session, cell_wkb: bytes, begin: datetime, end: datetime, *, reach_deg: float
) -> list[RowMapping]:
    """Valid outings of a period that passed the surroundings of a cell, oldest first, with who walked."""
    values = {"begin": begin, "end": end, "reach_deg": reach_deg, "cell": cell_wkb}
    return list(session.execute(text(OUTINGS_NEAR), values).mappings())


def longest_unseen(session: Session, code: str, *, most: int) -> list[RowMapping]:
    """Parcels of a cell in force, those never seen first, then by how long ago; with a place inside."""
    return list(session.execute(text(LONGEST_UNSEEN), {"code": code, "most": most}).mappings())


def parcel_at(session: Session, lon: float, lat: float, *, names: bool) -> dict[str, Any] | None:
    """The parcel of cropland at a place, and what saw it last."""
    found = session.execute(text(PARCEL_AT), {"lon": lon, "lat": lat, "names": names}).mappings().first()
    return dict(found) if found is not None else None
