"""A week of outings: loaded, measured and laid over cropland, by us and by what a user would take."""

from __future__ import annotations

import math
import struct
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import shapely
import shapely.affinity
from numpy.typing import NDArray

from bench.jobs import Job, Outcome, Place
from bench.peers.postgis_server import Server
from foundation.calendar import SHANGHAI
from foundation.crs import ellipsoidal_area_m2, reproject
from patrol.rehearsal.city import share_out
from patrol.rehearsal.walks import honest_walk
from patrol.reports.ground.coverage import NEAR_M, Field, Walked, cover, cropland_of
from patrol.rounds.measures import Grounds, grounds_of, in_ground, measure
from patrol.rounds.packing import pack, unpack
from patrol.rounds.patrols import patrol_policy
from patrol.rounds.tracks import ACCURACY_UNITS, DEGREE_UNITS, TICKS_A_SECOND, Tracks, joined

OUTINGS_A_WEEK = 6
MINUTES = 105.0
"""At one fix every 15 s: 420 fixes an outing, 2,520 an officer and week."""
OFFICERS_A_VILLAGE = 5
CITY_OFFICERS = 10_000
CITY_BOX = (112.53, 34.78, 113.66, 35.54)
MONDAY = datetime(2026, 9, 7, tzinfo=SHANGHAI)
SEED = 4108
A_BATCH = 6_000
"""Outings measured at once: memory stays flat however many officers there are."""
EPOCH_2000_US = 946_684_800_000_000

POINT_ROW = np.dtype(
    [("fields", ">i2"), ("n0", ">i4"), ("outing", ">i4"), ("n1", ">i4"), ("at", ">i8"), ("n2", ">i4"),
     ("lon", ">f8"), ("n3", ">i4"), ("lat", ">f8"), ("n4", ">i4"), ("accuracy", ">f4")]
)  # fmt: skip
"""One point as PostgreSQL's binary COPY wants it."""
OUTING_ROW = struct.Struct(">hiiiqi")
"""One outing likewise, up to its bytes."""
A_WRITE = 128
"""Outings packed and written at once."""
COPY_HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
COPY_TAIL = b"\xff\xff"
WINDOWS = """
WITH usable AS (
  SELECT p.*, lag(at) OVER w AS before_at, lag(lon) OVER w AS before_lon, lag(lat) OVER w AS before_lat,
         (lon BETWEEN g.west - {margin_x} AND g.east + {margin_x}
          AND lat BETWEEN g.south - {margin_y} AND g.north + {margin_y}) AS is_inside
  FROM point p JOIN ground g USING (outing) WHERE accuracy <= 50
  WINDOW w AS (PARTITION BY outing ORDER BY at)
), step AS (
  SELECT outing, is_inside, extract(epoch FROM at - before_at) AS seconds,
         sqrt(((lon - before_lon) * {east_m}) ^ 2 + ((lat - before_lat) * {north_m}) ^ 2) AS metres
  FROM usable
)
SELECT outing, coalesce(sum(metres) FILTER (WHERE metres >= 10 AND seconds <= 1800), 0),
       coalesce(sum(seconds) FILTER (WHERE seconds <= 1800), 0) / 60.0, avg(is_inside::int)
FROM step WHERE metres IS NULL OR metres <= 33 * seconds + 100 GROUP BY outing
"""


def made_week(
    place: Place, *, is_whole: bool = False
) -> tuple[Tracks, NDArray[np.int64], list[shapely.Polygon]]:
    """Tracks of a week, the village of each outing, and the villages; kept in the folder once made.

    Parameters
    ----------
    is_whole : bool
        The whole city's villages, however few walk there; else as many as the officers have.
    """
    west, south, east, north = CITY_BOX
    side = 1.0 if is_whole else math.sqrt(place.officers / CITY_OFFICERS)
    box = shapely.box(west, south, west + side * (east - west), south + side * (north - south))
    officers = CITY_OFFICERS if is_whole else place.officers
    villages = share_out(box, max(2, officers // OFFICERS_A_VILLAGE))
    outings = np.arange(place.officers * OUTINGS_A_WEEK)
    village_of = (outings // OUTINGS_A_WEEK // OFFICERS_A_VILLAGE) % len(villages)
    kept = place.folder / f"week-{place.officers}{'-whole' if is_whole else ''}.npz"
    if not kept.is_file():
        rng = np.random.default_rng(SEED)
        walks = [
            honest_walk(
                villages[village],
                MONDAY + timedelta(days=int(number % OUTINGS_A_WEEK), hours=float(rng.uniform(6.5, 16.0))),
                rng,
                minutes=MINUTES,
            ).track
            for number, village in enumerate(village_of)
        ]
        whole = joined(walks)
        half = kept.with_suffix(".part.npz")
        np.savez(half, **vars(whole))
        half.rename(kept)
    with np.load(kept) as found:
        return Tracks(**{name: found[name] for name in found.files}), village_of.astype(np.int64), villages


def load_packed(place: Place) -> Job:
    """One row an outing, eight bytes a fix: packed and copied."""
    tracks, _, _ = made_week(place)
    server = Server(place.folder, "packed")
    server.run(
        "CREATE UNLOGGED TABLE outing (outing int, started_at timestamptz, fixes bytea);"
        " ALTER TABLE outing ALTER COLUMN fixes SET STORAGE EXTERNAL"
    )

    def run() -> int:
        server.run("TRUNCATE outing")
        return _copy_packed(server, tracks)

    def judge(size: int) -> Outcome:
        facts = {"points": tracks.fix_count, "bytes_a_point": size / tracks.fix_count}
        return Outcome(len(tracks), 0.0, facts)

    return Job(run, judge, server.cpu_s)


def load_points(place: Place) -> Job:
    """One row a fix, copied in PostgreSQL's binary form straight from arrays."""
    tracks, _, _ = made_week(place)
    server = Server(place.folder, "points")
    server.run(POINT_TABLE)

    def run() -> int:
        server.run("TRUNCATE point")
        return _copy_points(server, tracks)

    return Job(run, lambda _: Outcome(len(tracks), 0.0, {"points": tracks.fix_count}), server.cpu_s)


POINT_TABLE = (
    "CREATE UNLOGGED TABLE point (outing int, at timestamptz, lon float8, lat float8, accuracy real)"
)


def measure_packed(place: Place) -> Job:
    """Read packed outings and measure them: validity's way, time and ground."""
    tracks, village_of, villages = made_week(place)
    server = Server(place.folder, "week-packed")
    server.run("CREATE UNLOGGED TABLE outing (outing int, started_at timestamptz, fixes bytea)")
    server.run("ALTER TABLE outing ALTER COLUMN fixes SET STORAGE EXTERNAL")
    _copy_packed(server, tracks)
    grounds = grounds_of(villages)

    def run() -> NDArray[np.float64]:
        return np.vstack(
            [
                _measured(packed, village_of[begin : begin + len(packed)], grounds)
                for begin, packed in _read_packed(server)
            ]
        )

    return Job(run, _week_outcome, server.cpu_s)


def measure_by_windows(place: Place) -> Job:
    """The same by window functions on a row for each fix, ordered and analysed beforehand."""
    tracks, village_of, villages = made_week(place)
    server = Server(place.folder, "week-points")
    server.run(POINT_TABLE)
    _copy_points(server, tracks)
    server.run(
        "CREATE UNLOGGED TABLE ground (outing int, west float8, south float8, east float8, north float8)"
    )
    with server.connected() as connection, connection.cursor().copy("COPY ground FROM STDIN") as sink:
        for outing, village in enumerate(village_of):
            sink.write_row((outing, *(float(edge) for edge in shapely.bounds(villages[village]))))
    server.run("ANALYZE point; ANALYZE ground")
    middle = math.radians((CITY_BOX[1] + CITY_BOX[3]) / 2)
    north_m, east_m = 110_950.0, 111_320.0 * math.cos(middle)
    query = WINDOWS.format(east_m=east_m, north_m=north_m, margin_x=100 / east_m, margin_y=100 / north_m)

    def run() -> NDArray[np.float64]:
        with server.connected() as connection:
            connection.execute("SET work_mem = '512MB'; SET max_parallel_workers_per_gather = 0")
            with connection.cursor(binary=True) as cursor:
                rows = cursor.execute(query).fetchall()
        table = np.array([[float(value) for value in row] for row in rows])
        return table[np.argsort(table[:, 0]), 1:]

    return Job(run, _week_outcome, server.cpu_s)


def cover_on_lattice(place: Place, *, is_whole: bool = False) -> Job:
    """Share of each village's cropland near tracks, counted on the lattice, cropland drawn anew each time."""
    tracks, _, villages = made_week(place, is_whole=is_whole)
    fields = _fields(villages)
    walked = Walked(tracks, np.zeros(tracks.fix_count, dtype=np.uint8), patrol_policy().fix_rules.gap_max)

    def run() -> NDArray[np.float64]:
        return np.array([cell.near_m2 / cell.cropland_m2 for cell in cover(cropland_of(fields), walked)])

    def judge(shares: NDArray[np.float64]) -> Outcome:
        if is_whole:
            return Outcome(len(shares), float(shares.sum()))
        exact = _by_buffers(tracks, fields)
        difference = float(np.mean(np.abs(shares - exact)))
        worst = float(np.max(np.abs(shares - exact)))
        return Outcome(len(shares), float(shares.sum()), {"share_gap": difference, "worst_gap": worst})

    return Job(run, judge)


def cover_by_buffers(place: Place) -> Job:
    """The same share by buffers, unions and intersections on the plane."""
    tracks, _, villages = made_week(place)
    fields = _fields(villages)
    return Job(lambda: _by_buffers(tracks, fields), lambda shares: Outcome(len(shares), float(shares.sum())))


def _copy_packed(server: Server, tracks: Tracks) -> int:
    size = 0
    sql = "COPY outing FROM STDIN (FORMAT binary)"
    moment = round(MONDAY.timestamp() * 1_000_000) - EPOCH_2000_US
    with server.connected() as connection, connection.cursor().copy(sql) as sink:
        sink.write(COPY_HEAD)
        for begin in range(0, len(tracks), A_WRITE):
            parts = []
            for number, data in enumerate(pack(_some(tracks, begin, begin + A_WRITE)), start=begin):
                size += len(data)
                parts += [OUTING_ROW.pack(3, 4, number, 8, moment, len(data)), data]
            sink.write(b"".join(parts))
        sink.write(COPY_TAIL)
    return size


def _some(tracks: Tracks, begin: int, end: int) -> Tracks:
    """Outings from one place to another, as views."""
    starts = tracks.starts[begin : end + 1]
    own = slice(int(starts[0]), int(starts[-1]))
    return Tracks(
        starts - starts[0],
        tracks.ticks[own],
        tracks.lon[own],
        tracks.lat[own],
        tracks.accuracy[own],
        tracks.is_mock[own],
    )


def _copy_points(server: Server, tracks: Tracks) -> int:
    counts = np.diff(tracks.starts)
    sql = "COPY point FROM STDIN (FORMAT binary)"
    with server.connected() as connection, connection.cursor().copy(sql) as sink:
        sink.write(COPY_HEAD)
        for begin in range(0, len(tracks), A_BATCH):
            end = min(begin + A_BATCH, len(tracks))
            own = slice(int(tracks.starts[begin]), int(tracks.starts[end]))
            rows = np.zeros(own.stop - own.start, dtype=POINT_ROW)
            rows["fields"] = 5
            for name, width in (("n0", 4), ("n1", 8), ("n2", 8), ("n3", 8), ("n4", 4)):
                rows[name] = width
            rows["outing"] = np.repeat(np.arange(begin, end), counts[begin:end])
            rows["at"] = tracks.ticks[own] * (1_000_000 // TICKS_A_SECOND) - EPOCH_2000_US
            rows["lon"] = tracks.lon[own] / DEGREE_UNITS
            rows["lat"] = tracks.lat[own] / DEGREE_UNITS
            rows["accuracy"] = tracks.accuracy[own] / ACCURACY_UNITS
            sink.write(rows.tobytes())
        sink.write(COPY_TAIL)
    return tracks.fix_count


def _read_packed(server: Server) -> Any:
    with server.connected() as connection, connection.cursor("week", binary=True) as cursor:
        cursor.itersize = A_BATCH
        cursor.execute("SELECT fixes FROM outing ORDER BY outing")
        begin = 0
        while rows := cursor.fetchmany(A_BATCH):
            yield begin, [row[0] for row in rows]
            begin += len(rows)


def _measured(packed: list[bytes], village_of: NDArray[np.int64], grounds: Grounds) -> NDArray[np.float64]:
    tracks, policy = unpack(packed), patrol_policy()
    spans = np.column_stack([tracks.ticks[tracks.starts[:-1]], tracks.ticks[tracks.starts[1:] - 1]])
    walks = measure(tracks, spans, policy.fix_rules)
    own = np.column_stack([village_of, village_of])
    share = in_ground(tracks, walks.codes, grounds, own, margin_m=policy.grid_margin_m)
    return np.column_stack([walks.distance_m, walks.duration_min, share])


def _week_outcome(found: NDArray[np.float64]) -> Outcome:
    policy = patrol_policy()
    is_valid = (found[:, 2] >= policy.in_grid_share) & (
        (found[:, 1] >= policy.minutes_min) | (found[:, 0] >= policy.distance_min_m)
    )
    return Outcome(len(found), float(found[:, 1].sum()), {"valid": int(is_valid.sum())})


def _fields(villages: list[shapely.Polygon]) -> list[Field]:
    middles = [shapely.affinity.scale(village, 0.8, 0.8) for village in villages]
    return [
        Field(f"{number:05d}", "410800000000", middle, ellipsoidal_area_m2(middle))
        for number, middle in enumerate(middles)
    ]


def _by_buffers(tracks: Tracks, fields: list[Field]) -> NDArray[np.float64]:
    lonlat = tracks.lonlat_deg()
    outing = np.repeat(np.arange(len(tracks)), np.diff(tracks.starts))
    lines = np.asarray(shapely.linestrings(lonlat, indices=outing)).tolist()
    local: NDArray[Any] = np.array([reproject(line, 4490, 4547) for line in lines], dtype=object)
    shapes = np.array([reproject(field.shape, 4490, 4547) for field in fields], dtype=object)
    belts = shapely.buffer(shapely.simplify(local, 3.0), NEAR_M, quad_segs=8)
    found, belt = shapely.STRtree(belts).query(shapes, predicate="intersects")
    shares = np.zeros(len(fields))
    for place in np.unique(found):
        near = shapely.intersection(shapes[place], shapely.union_all(belts[belt[found == place]]))
        shares[place] = shapely.area(near) / shapely.area(shapes[place])
    return shares
