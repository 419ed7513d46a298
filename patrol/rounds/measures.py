"""What tracks measure: which fixes count, how far and how long, and how much of it on one's own ground."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.features import rasterize
from rasterio.transform import Affine
from shapely.geometry.base import BaseGeometry

from foundation.crs import STORAGE_EPSG, gauss_krueger_epsg, reproject
from patrol.rounds import kernels
from patrol.rounds.tracks import DEGREE_UNITS, TICKS_A_SECOND, FixRules, Tracks

ANCHOR_MIN_M = 10.0
"""Shorter steps are jitter of the receiver and walk nowhere."""
EVEN_DEVIATION = 0.02
EVEN_SPEED_M_S = 0.2
LATTICE_M = 10.0
DEGREE_M = 111_320.0
REFUSALS = {
    kernels.MOCK: "mock",
    kernels.ACCURACY: "accuracy",
    kernels.TIME: "time",
    kernels.JUMP: "jump",
}


@dataclass(frozen=True)
class Walks:
    """What n outings measured.

    Attributes
    ----------
    codes : (m,) uint8
        Of each fix: 0 usable, else a key of `REFUSALS`.
    usable : (n,) int64
        Usable fixes.
    refused : mapping of reason -> (n,) int64
        Refused ones, by reason.
    distance_m, duration_min : (n,) float64
        Walked way without jitter and silent stretches, and time under way.
    is_even : (n,) bool
        Whether the track looks drawn: many fixes of one accuracy at one unchanging speed.
    """

    codes: NDArray[np.uint8]
    usable: NDArray[np.int64]
    refused: dict[str, NDArray[np.int64]]
    distance_m: NDArray[np.float64]
    duration_min: NDArray[np.float64]
    is_even: NDArray[np.bool_]


def measure(tracks: Tracks, spans: NDArray[np.int64], rules: FixRules) -> Walks:
    """Sift and walk every outing.

    Parameters
    ----------
    spans : (n, 2) int64
        First and last tick of each outing; fixes outside it do not count.
    """
    codes = kernels.sift(
        tracks.starts,
        tracks.ticks,
        tracks.lon,
        tracks.lat,
        tracks.accuracy,
        tracks.is_mock,
        np.ascontiguousarray(spans),
        rules.accuracy_max_m * 10.0,
        rules.speed_max_m_s,
    )
    gap = rules.gap_max.total_seconds() * TICKS_A_SECOND
    walked = kernels.walk(
        tracks.starts, tracks.ticks, tracks.lon, tracks.lat, tracks.accuracy, codes, gap, ANCHOR_MIN_M
    )
    deviation = walked[:, 3]
    return Walks(
        codes,
        _per_outing(codes == kernels.USABLE, tracks.starts),
        {reason: _per_outing(codes == code, tracks.starts) for code, reason in REFUSALS.items()},
        walked[:, 0],
        walked[:, 1],
        (deviation >= 0) & (deviation < EVEN_DEVIATION) & (walked[:, 2] > EVEN_SPEED_M_S),
    )


@dataclass(frozen=True)
class Grounds:
    """Grid cells on a lattice of about ten metres, for looking up many fixes at once.

    Attributes
    ----------
    numbers : (rows, columns) uint16
        Place of the cell in ``shapes`` plus one; 0 outside all.
    frame : (4,) int64
        Longitude and latitude of the first node, and the spacing along both, 1e-7 degrees.
    shapes : sequence of geometry
        EPSG:4490, in the order of their division codes, so that each division is one span of numbers.
    """

    numbers: NDArray[np.uint16]
    frame: NDArray[np.int64]
    shapes: Sequence[BaseGeometry]


def grounds_of(shapes_4490: Sequence[BaseGeometry]) -> Grounds:
    """Draw grid cells on a lattice; at most 65,535 of them."""
    west, south, east, north = shapely.total_bounds(np.asarray(shapes_4490, dtype=object))
    step_y = round(LATTICE_M / DEGREE_M * DEGREE_UNITS)
    step_x = round(step_y / math.cos(math.radians((south + north) / 2)))
    frame = np.array(
        [math.floor(west * DEGREE_UNITS), math.floor(south * DEGREE_UNITS), step_x, step_y], dtype=np.int64
    )
    columns = int((east * DEGREE_UNITS - frame[0]) // step_x) + 2
    rows = int((north * DEGREE_UNITS - frame[1]) // step_y) + 2
    x_deg, y_deg = step_x / DEGREE_UNITS, step_y / DEGREE_UNITS
    # Nodes are the pixels' centres, rows run north.
    to_lonlat = Affine(
        x_deg, 0, frame[0] / DEGREE_UNITS - x_deg / 2, 0, y_deg, frame[1] / DEGREE_UNITS - y_deg / 2
    )
    numbers = rasterize(
        ((shape, place) for place, shape in enumerate(shapes_4490, start=1)),
        out_shape=(rows, columns),
        transform=to_lonlat,
        dtype="uint16",
    )
    return Grounds(numbers, frame, shapes_4490)


def in_ground(
    tracks: Tracks, codes: NDArray[np.uint8], grounds: Grounds, own: NDArray[np.int64], *, margin_m: float
) -> NDArray[np.float64]:
    """Share (n,) of the usable fixes of each outing within its own ground and a margin; NaN without any.

    The lattice tells all fixes but those within a step of the margin's edge; these are measured on the
    Gauss-Krüger plane, so that the answer is that of the outlines.

    Parameters
    ----------
    own : (n, 2) int64
        First and last place in ``grounds.shapes`` of each outing's ground.
    """
    sure, reach = _steps(margin_m, grounds.frame)
    found = kernels.inside(
        tracks.starts,
        tracks.lon,
        tracks.lat,
        codes,
        grounds.numbers,
        grounds.frame,
        np.ascontiguousarray(own + 1),
        sure,
        reach,
    )
    open_fixes = np.flatnonzero(found == 2)
    if len(open_fixes):
        outing = np.searchsorted(tracks.starts, open_fixes, side="right") - 1
        for number in np.unique(outing):
            places = open_fixes[outing == number]
            ground = shapely.union_all(list(grounds.shapes[own[number, 0] : own[number, 1] + 1]))
            found[places] = near_ground(tracks.lonlat_deg()[places], ground, margin_m=margin_m)
    good = _per_outing(found == 1, tracks.starts)
    usable = _per_outing(codes == kernels.USABLE, tracks.starts)
    share = np.full(len(tracks), np.nan)
    np.divide(good, usable, out=share, where=usable > 0)
    return share


def near_ground(
    lonlat: NDArray[np.float64], ground_4490: BaseGeometry, *, margin_m: float
) -> NDArray[np.bool_]:
    """Which positions (k, 2), degrees, lie within a ground or so close to it."""
    local = gauss_krueger_epsg(float(lonlat[0, 0]))
    ground = reproject(ground_4490, STORAGE_EPSG, local)
    points = reproject(shapely.MultiPoint(lonlat), STORAGE_EPSG, local)
    shapely.prepare(ground)
    near: NDArray[np.bool_] = shapely.dwithin(shapely.get_parts(points), ground, margin_m)
    return near


def _steps(margin_m: float, frame: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Lattice steps that surely, and that perhaps lie within a margin, nearest first."""
    spacing_m = frame[3] / DEGREE_UNITS * DEGREE_M
    # A node speaks for ground up to half a diagonal away, and the fix lies as far from its own node.
    doubt_m = spacing_m * math.sqrt(2.0) * 1.02
    most = math.ceil((margin_m + doubt_m) / spacing_m) + 1
    ys, xs = (axis.ravel() for axis in np.mgrid[-most : most + 1, -most : most + 1])
    far_m = np.hypot(ys, xs) * spacing_m
    order = np.argsort(far_m, kind="stable")
    steps = np.column_stack([ys, xs])[order].astype(np.int64)
    far_m = far_m[order]
    is_sure = far_m <= max(margin_m - doubt_m, 0.0)
    return steps[is_sure], steps[~is_sure & (far_m <= margin_m + doubt_m)]


def _per_outing(flags: NDArray[np.bool_], starts: NDArray[np.int64]) -> NDArray[np.int64]:
    running = np.concatenate([[0], np.cumsum(flags, dtype=np.int64)])
    counts: NDArray[np.int64] = np.diff(running[starts])
    return counts
