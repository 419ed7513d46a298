"""What a user would take instead: geopandas.overlay, and tuned SQL on subdivided layers in PostGIS."""

from __future__ import annotations

from typing import Any

import geopandas
import numpy as np
import psycopg
import shapely
from numpy.typing import NDArray

from bench.jobs import Job, Outcome, Place
from bench.judgement_scenes import Shapes, made_county
from bench.peers.postgis_server import Server
from bench.works.overlaying import Found, difference, overlaid, rolled_out, summed
from detection.judging.areas.join import SharedAreas, layer_of
from detection.judging.areas.ragged import ragged_of

SUBDIVIDED = 128
QUERY = """
SELECT p.id, s.id, sum(s.area)
FROM patch p CROSS JOIN LATERAL (
  SELECT l.id, ST_Area(ST_Intersection(p.geom, l.geom)) AS area FROM {kind} l
  WHERE l.geom && p.geom AND ST_Intersects(l.geom, p.geom) OFFSET 0
) s WHERE s.area > 0 GROUP BY 1, 2
"""


def by_geopandas(place: Place) -> Job:
    """``geopandas.overlay`` of metres on a plane, the spatial index of each layer built beforehand."""
    patches, layers = _on_plane(place)
    frame = geopandas.GeoDataFrame({"patch": np.arange(len(patches))}, geometry=patches)
    frames = {
        kind: geopandas.GeoDataFrame({"feature": np.arange(len(shapes))}, geometry=shapes)
        for kind, shapes in layers.items()
    }
    for other in frames.values():
        other.sindex.query(patches[:1])

    def run() -> Found:
        found = {}
        for kind, other in frames.items():
            pieces = geopandas.overlay(frame, other, how="intersection", keep_geom_type=True)
            found[kind] = _shared(
                pieces["patch"].to_numpy(), pieces["feature"].to_numpy(), pieces.area.to_numpy()
            )
        return found

    return Job(run, lambda found: _compared(found, patches, layers))


def by_postgis(place: Place) -> Job:
    """The planar areas by SQL: layers cut to 128 vertices, GiST, statistics, one process."""
    patches, layers = _on_plane(place)
    server = Server(place.folder, str(place.parcels))
    with server.connected() as connection:
        _load(connection, "patch", patches, is_cut=False)
        for kind, shapes in layers.items():
            _load(connection, kind, shapes, is_cut=True)

    def run() -> Found:
        with server.connected() as connection:
            connection.execute("SET max_parallel_workers_per_gather = 0")
            connection.execute("SET work_mem = '256MB'")
            found = {}
            for kind in layers:
                with connection.cursor(binary=True) as cursor:
                    rows = cursor.execute(QUERY.format(kind=kind)).fetchall()
                table: NDArray[np.float64] = np.array(rows, dtype=np.float64).reshape(-1, 3)
                found[kind] = _shared(table[:, 0].astype(int), table[:, 1].astype(int), table[:, 2])
            return found

    def judge(found: Found) -> Outcome:
        return _compared(found, patches, layers)

    return Job(run, judge, server.cpu_s)


def _on_plane(place: Place) -> tuple[Shapes, dict[str, Shapes]]:
    county = made_county(patches=place.patches, parcels=place.parcels)
    return rolled_out(county.patches), {kind: rolled_out(shapes) for kind, shapes in county.layers.items()}


def _shared(patch: Any, feature: Any, area_m2: Any) -> SharedAreas:
    return SharedAreas(patch.astype(np.int32), feature.astype(np.int32), area_m2.astype(np.float64))


def _compared(found: Found, patches: Shapes, layers: dict[str, Shapes]) -> Outcome:
    """The sum of a result, and how far each pair lies from ours."""
    laid = {kind: layer_of(ragged_of(shapes, None)) for kind, shapes in layers.items()}
    gap = difference(overlaid(patches, laid, None), found, {kind: len(layers[kind]) for kind in layers})
    outcome = summed(found)
    return Outcome(outcome.count, outcome.area, {**outcome.facts, "difference": gap})


def _load(connection: psycopg.Connection[Any], kind: str, shapes: Shapes, *, is_cut: bool) -> None:
    connection.execute(f"DROP TABLE IF EXISTS {kind}, whole")
    connection.execute("CREATE UNLOGGED TABLE whole (id int, geom geometry)")
    with connection.cursor().copy("COPY whole FROM STDIN") as sink:
        for number, shape in enumerate(shapely.to_wkb(shapes, hex=True)):
            sink.write_row((number, shape))
    cut = f"ST_Subdivide(geom, {SUBDIVIDED})" if is_cut else "geom"
    connection.execute(f"CREATE UNLOGGED TABLE {kind} AS SELECT id, {cut} AS geom FROM whole")
    connection.execute(f"CREATE INDEX ON {kind} USING gist (geom)")
    connection.execute(f"ANALYZE {kind}")
    connection.commit()
