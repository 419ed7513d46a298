"""All SQL of scenes and reference layers. Never commits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

import numpy as np
import shapely
from geoalchemy2.shape import from_shape, to_shape
from sqlalchemy import or_, select, text, update
from sqlalchemy.orm import Session

from foundation.crs import STORAGE_EPSG
from foundation.db import driver_connection
from ingest.layers import LayerFeature, LayerVersion
from ingest.scenes import Scene
from ingest.tables import LayerVersionRow, SceneRow

FEATURE_COLUMNS = (
    "version_id, layer_kind, county_code, feature_no, name, division_code, land_class_code, class_scheme,"
    " valid_from, valid_to, attributes, area_m2"
)


def insert_scene(session: Session, scene: Scene) -> None:
    """Add one scene."""
    values = {name: getattr(scene, name) for name in Scene.__slots__}
    values["bands"] = list(scene.bands)
    values["display_range"] = {name: list(pair) for name, pair in scene.display_range.items()}
    values["footprint"] = from_shape(scene.footprint, srid=STORAGE_EPSG)
    session.add(SceneRow(**values))
    session.flush()


def find_scene(session: Session, scene_id: UUID) -> Scene | None:
    """One scene by its id."""
    row = session.get(SceneRow, scene_id)
    return None if row is None else _scene(row)


def find_scene_by_source(session: Session, source_sha256: str) -> Scene | None:
    """The scene that a source file became."""
    row = session.scalar(select(SceneRow).where(SceneRow.source_sha256 == source_sha256))
    return None if row is None else _scene(row)


def list_scenes(session: Session) -> list[Scene]:
    """All visible scenes, oldest first."""
    rows = session.scalars(select(SceneRow).order_by(SceneRow.acquired_at, SceneRow.scene_id))
    return [_scene(row) for row in rows]


def find_version_by_source(
    session: Session, layer_kind: str, county_code: str, source_sha256: str
) -> LayerVersion | None:
    """The version that a source file became for a county."""
    row = session.scalar(
        select(LayerVersionRow).where(
            LayerVersionRow.layer_kind == layer_kind,
            LayerVersionRow.county_code == county_code,
            LayerVersionRow.source_sha256 == source_sha256,
        )
    )
    return None if row is None else _version(row)


def newest_versions(session: Session) -> list[LayerVersion]:
    """Versions that no later one has replaced, by kind."""
    rows = session.scalars(
        select(LayerVersionRow)
        .where(LayerVersionRow.valid_to.is_(None))
        .order_by(LayerVersionRow.layer_kind, LayerVersionRow.county_code)
    )
    return [_version(row) for row in rows]


def versions_in_force(session: Session, kinds: Sequence[str], on_date: date) -> list[LayerVersion]:
    """Versions of some kinds in force on a day."""
    rows = session.scalars(
        select(LayerVersionRow)
        .where(
            LayerVersionRow.layer_kind.in_(kinds),
            LayerVersionRow.valid_from <= on_date,
            or_(LayerVersionRow.valid_to.is_(None), LayerVersionRow.valid_to > on_date),
        )
        .order_by(LayerVersionRow.layer_kind, LayerVersionRow.version_id)
    )
    return [_version(row) for row in rows]


def versions_of(session: Session, layer_kind: str, county_code: str) -> list[LayerVersion]:
    """Every version of one layer of a county, oldest first."""
    rows = session.scalars(
        select(LayerVersionRow)
        .where(LayerVersionRow.layer_kind == layer_kind, LayerVersionRow.county_code == county_code)
        .order_by(LayerVersionRow.valid_from)
    )
    return [_version(row) for row in rows]


def find_version(session: Session, version_id: UUID) -> LayerVersion | None:
    """One version by its id."""
    row = session.get(LayerVersionRow, version_id)
    return None if row is None else _version(row)


def features_numbered(session: Session, version_id: UUID, feature_no: str) -> list[LayerFeature]:
    """Features of one version that bear a number."""
    rows = session.execute(
        text(
            "SELECT f.*, ST_AsBinary(f.geometry) AS wkb FROM layer_feature f"
            " WHERE f.version_id = :version_id AND f.feature_no = :feature_no ORDER BY f.feature_id"
        ),
        {"version_id": version_id, "feature_no": feature_no},
    ).mappings()
    return [_feature(row) for row in rows]


def features_of(session: Session, version_id: UUID) -> list[LayerFeature]:
    """All features of one version, by number."""
    rows = session.execute(
        text(
            "SELECT f.*, ST_AsBinary(f.geometry) AS wkb FROM layer_feature f"
            " WHERE f.version_id = :version_id ORDER BY f.feature_no, f.feature_id"
        ),
        {"version_id": version_id},
    ).mappings()
    return [_feature(row) for row in rows]


def lock_source(session: Session, source_sha256: str) -> None:
    """Two imports of one image go one after the other."""
    session.execute(text("SELECT pg_advisory_xact_lock(hashtext(:key))"), {"key": f"scene/{source_sha256}"})


def lock_layer(session: Session, layer_kind: str, county_code: str) -> None:
    """Two imports of one layer of one county go one after the other."""
    session.execute(
        text("SELECT pg_advisory_xact_lock(hashtext(:key))"), {"key": f"layer/{layer_kind}/{county_code}"}
    )


def replace_newest(session: Session, layer_kind: str, county_code: str, valid_to: date) -> None:
    """End the version in force; its rows stay as they are."""
    session.execute(
        update(LayerVersionRow)
        .where(
            LayerVersionRow.layer_kind == layer_kind,
            LayerVersionRow.county_code == county_code,
            LayerVersionRow.valid_to.is_(None),
        )
        .values(valid_to=valid_to)
    )


def insert_version(session: Session, version: LayerVersion) -> None:
    """Add one version, without its features."""
    values = {name: getattr(version, name) for name in LayerVersion.__slots__}
    session.add(LayerVersionRow(**(values | {"decisions": dict(version.decisions)})))
    session.flush()


def copy_features(session: Session, version: LayerVersion, features: Iterable[LayerFeature]) -> int:
    """Bulk load by COPY; returns the count.

    COPY cannot write into a table with row-level security, so it fills a table of this transaction's own,
    and one INSERT carries the rows over under the policies.
    """
    connection = driver_connection(session)
    count = 0
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMPORARY TABLE incoming_feature (feature_no text, name text, division_code text,"
            " land_class_code text, class_scheme text, valid_from date, valid_to date, attributes jsonb,"
            " area_m2 float8, wkb bytea) ON COMMIT DROP"
        )
        with cursor.copy("COPY incoming_feature FROM STDIN") as copy:
            for feature in features:
                copy.write_row(_copy_row(feature))
                count += 1
        cursor.execute(
            f"INSERT INTO layer_feature ({FEATURE_COLUMNS}, geometry)"
            " SELECT %s, %s, %s, feature_no, name, division_code, land_class_code, class_scheme, valid_from,"
            " valid_to, attributes, area_m2, ST_SetSRID(ST_GeomFromWKB(wkb), 4490) FROM incoming_feature",
            [version.version_id, version.layer_kind, version.county_code],
        )
        cursor.execute("DROP TABLE incoming_feature")
    return count


def set_division_outlines(session: Session, features: Iterable[LayerFeature]) -> None:
    """Give divisions the outline that the XZQ layer draws; several polygons of one code make one outline."""
    parts: dict[str, list[Any]] = {}
    for feature in features:
        if feature.division_code is not None:
            parts.setdefault(feature.division_code, []).append(feature.geometry)
    rows = [{"wkb": shapely.to_wkb(_whole(pieces)), "code": code} for code, pieces in sorted(parts.items())]
    session.execute(text("UPDATE division SET outline = ST_GeomFromWKB(:wkb, 4490) WHERE code = :code"), rows)


def features_meeting(
    session: Session, versions: Sequence[UUID], outlines: Mapping[UUID, Any]
) -> dict[UUID, list[LayerFeature]]:
    """For each outline (EPSG:4490) the features of some versions that touch or cover it.

    ``OFFSET 0`` holds the planner to one look into the spatial index for each outline: left free, it reads
    all features and compares each with every outline.
    """
    keys = sorted(outlines)
    rows = session.execute(
        text(
            "SELECT o.key, f.*, ST_AsBinary(f.geometry) AS wkb"
            " FROM (SELECT key, ST_GeomFromWKB(wkb, 4490) AS outline"
            " FROM unnest(CAST(:keys AS uuid[]), CAST(:wkbs AS bytea[])) AS u(key, wkb) OFFSET 0) AS o"
            " CROSS JOIN LATERAL (SELECT l.* FROM layer_feature l WHERE l.geometry && o.outline"
            " AND l.version_id = ANY(CAST(:versions AS uuid[]))"
            " AND ST_Intersects(l.geometry, o.outline) OFFSET 0) AS f"
            " ORDER BY o.key, f.layer_kind, f.feature_no, f.feature_id"
        ),
        {
            "keys": keys,
            "wkbs": [shapely.to_wkb(outlines[key]) for key in keys],
            "versions": list(versions),
        },
    ).mappings()
    found: dict[UUID, list[LayerFeature]] = {key: [] for key in keys}
    for row in rows:
        found[row["key"]].append(_feature(row))
    return found


def _whole(pieces: Sequence[Any]) -> Any:
    if len(pieces) == 1:
        return pieces[0]
    return shapely.multipolygons(
        [part for part in shapely.get_parts(shapely.union_all(pieces)) if part.geom_type == "Polygon"]
    )


def _copy_row(feature: LayerFeature) -> tuple[Any, ...]:
    from psycopg.types.json import Jsonb

    return (
        feature.feature_no,
        feature.name,
        feature.division_code,
        feature.land_class_code,
        feature.class_scheme,
        feature.valid_from,
        feature.valid_to,
        Jsonb(dict(feature.attributes)),
        feature.area_m2,
        shapely.to_wkb(feature.geometry),
    )


def _feature(row: Mapping[Any, Any]) -> LayerFeature:
    values = {name: row[name] for name in LayerFeature.__slots__ if name not in {"geometry", "attributes"}}
    geometry = shapely.from_wkb(np.frombuffer(row["wkb"], dtype=np.uint8).tobytes())
    return LayerFeature(**values, attributes=row["attributes"], geometry=geometry)


def _scene(row: SceneRow) -> Scene:
    values = {name: getattr(row, name) for name in Scene.__slots__}
    values["display_range"] = {name: tuple(row.display_range[name]) for name in row.bands}
    return Scene(**(values | {"bands": tuple(row.bands), "footprint": to_shape(row.footprint)}))


def _version(row: LayerVersionRow) -> LayerVersion:
    return LayerVersion(**{name: getattr(row, name) for name in LayerVersion.__slots__})
