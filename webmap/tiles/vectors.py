"""Vector tiles straight from PostGIS, inside the caller's transaction: row-level security holds in tiles too.

Outlines too small to be seen are left out (reference layers) or become points (patches: none may vanish).
Rows are capped, the weightiest first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from webmap.tiles.grid import Tile

MEDIA_TYPE = "application/vnd.mapbox-vector-tile"
PATCHES_FROM_ZOOM = 8
SEEN_FROM_ZOOM = 13
EXTENT = 4096
BUFFER = 64
SHOWN_PX = 512
"""Edge at which clients draw a vector tile."""
PATCH_CAP = 4_000
FEATURE_CAP = 20_000
NAMELESS = frozenset({"parcel"})
"""Layers whose names stay out of tiles: they may name a person."""

PATCHES = text(
    """
    WITH bounds AS MATERIALIZED (
        SELECT ST_TileEnvelope(:z, :x, :y) AS tile, ST_TileEnvelope(:z, :x, :y, margin => :margin) AS wide
    ), rows AS (
        SELECT p.patch_id::text AS id, p.number, p.display_state AS state, p.severity, p.change_class,
               p.area_m2,
               ST_AsMVTGeom(
                   CASE WHEN greatest(ST_XMax(p.geometry_3857) - ST_XMin(p.geometry_3857),
                                      ST_YMax(p.geometry_3857) - ST_YMin(p.geometry_3857)) < 2 * :pixel_m
                        THEN ST_Centroid(p.geometry_3857) ELSE p.geometry_3857 END,
                   bounds.tile, :extent, :buffer, true) AS geom
        FROM patch_overview p, bounds
        WHERE p.geometry_3857 && bounds.wide
        ORDER BY p.severity DESC, p.area_m2 DESC, p.number
        LIMIT :cap
    )
    SELECT ST_AsMVT(rows, 'patches', :extent, 'geom') FROM rows WHERE geom IS NOT NULL
    """
)
FEATURES = text(
    """
    WITH bounds AS MATERIALIZED (
        SELECT ST_TileEnvelope(:z, :x, :y) AS tile, ST_TileEnvelope(:z, :x, :y, margin => :margin) AS wide
    ), rows AS (
        SELECT f.feature_id::text AS id, f.feature_no AS no, CASE WHEN :has_names THEN f.name END AS name,
               f.land_class_code AS class, f.area_m2,
               ST_AsMVTGeom(f.geometry_3857, bounds.tile, :extent, :buffer, true) AS geom
        FROM layer_feature f, bounds
        WHERE f.version_id = ANY(:versions) AND f.geometry_3857 && bounds.wide
          AND greatest(ST_XMax(f.geometry_3857) - ST_XMin(f.geometry_3857),
                       ST_YMax(f.geometry_3857) - ST_YMin(f.geometry_3857)) >= :pixel_m
        ORDER BY f.area_m2 DESC
        LIMIT :cap
    )
    SELECT ST_AsMVT(rows, :layer, :extent, 'geom') FROM rows WHERE geom IS NOT NULL
    """
)
SEEN = text(
    """
    WITH bounds AS MATERIALIZED (
        SELECT ST_TileEnvelope(:z, :x, :y) AS tile, ST_TileEnvelope(:z, :x, :y, margin => :margin) AS wide
    ), rows AS (
        SELECT f.feature_id::text AS id, floor(extract(epoch FROM :now - p.last_at) / 86400)::int AS days,
               CASE p.last_at WHEN p.patrol_at THEN 'patrol' WHEN p.visit_at THEN 'visit'
                              WHEN p.image_at THEN 'image' WHEN p.camera_at THEN 'camera' END AS kind,
               ST_AsMVTGeom(f.geometry_3857, bounds.tile, :extent, :buffer, true) AS geom
        FROM layer_feature f JOIN parcel_seen p USING (feature_id)
        JOIN layer_version v ON v.version_id = p.version_id, bounds
        WHERE v.valid_to IS NULL AND f.geometry_3857 && bounds.wide
        ORDER BY p.last_at NULLS FIRST, f.area_m2 DESC
        LIMIT :cap
    )
    SELECT ST_AsMVT(rows, 'seen', :extent, 'geom') FROM rows WHERE geom IS NOT NULL
    """
)


class VectorTile(NamedTuple):
    """Bytes of a tile and the tag by which a browser asks whether its copy still holds."""

    data: bytes
    etag: str


def patch_tile(session: Session, tile: Tile) -> VectorTile:
    """Layer ``patches``: id, number, state, severity, change_class, area_m2. Empty below zoom 8."""
    if tile.z < PATCHES_FROM_ZOOM:
        return _tagged(b"")
    return _tagged(_make(session, PATCHES, tile, {"cap": PATCH_CAP}))


def feature_tile(session: Session, kind: str, versions: Sequence[UUID], tile: Tile) -> bytes:
    """One layer named after its kind: id, no, name, class, area_m2, from some versions of the layer."""
    values = {
        "cap": FEATURE_CAP,
        "versions": list(versions),
        "layer": kind,
        "has_names": kind not in NAMELESS,
    }
    return _make(session, FEATURES, tile, values)


def seen_tile(session: Session, tile: Tile, *, now: datetime) -> VectorTile:
    """Layer ``seen``: id, days since it was last seen, kind of that sight. Empty below zoom 13."""
    if tile.z < SEEN_FROM_ZOOM:
        return _tagged(b"")
    return _tagged(_make(session, SEEN, tile, {"cap": FEATURE_CAP, "now": now}))


def version_tag(versions: Sequence[UUID], area_prefix: str) -> str:
    """Tag of everything that tiles of these layer versions show to somebody of an area."""
    joined = "/".join([area_prefix, *sorted(str(version) for version in versions)])
    return hashlib.sha256(joined.encode()).hexdigest()[:24]


def _tagged(data: bytes) -> VectorTile:
    return VectorTile(data, hashlib.sha256(data).hexdigest()[:24])


def _make(session: Session, statement: Any, tile: Tile, values: Mapping[str, Any]) -> bytes:
    frame = {
        "z": tile.z,
        "x": tile.x,
        "y": tile.y,
        "extent": EXTENT,
        "buffer": BUFFER,
        "margin": BUFFER / EXTENT,
        "pixel_m": tile.side_m / SHOWN_PX,
    }
    data = session.execute(statement, {**frame, **values}).scalar()
    return bytes(data) if data else b""
