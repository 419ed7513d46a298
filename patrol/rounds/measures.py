"""What tracks measure: which fixes count, how far and how long, and how much of it on one's own ground."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from foundation.crs import STORAGE_EPSG, gauss_krueger_epsg, reproject
from patrol.rounds.lattice import Lattice, lattice_over
from patrol.rounds.tracks import (
    ACCURACY,
    JUMP,
    MOCK,
    TICKS_A_SECOND,
    TIME,
    USABLE,
    FixRules,
    Tracks,
    tick_of,
)

ANCHOR_MIN_M = 10.0
"""Shorter steps are jitter of the receiver and walk nowhere."""
EVEN_DEVIATION = 0.02
EVEN_SPEED_M_S = 0.2
REFUSALS = {
    MOCK: "mock",
    ACCURACY: "accuracy",
    TIME: "time",
    JUMP: "jump",
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


def spans_of(outings: Sequence[tuple[datetime, datetime]]) -> NDArray[np.int64]:
    """First and last tick (n, 2) of outings by begin and end."""
    ticks = [(tick_of(begin), tick_of(end)) for begin, end in outings]
    return np.array(ticks, dtype=np.int64).reshape(-1, 2)


def measure(tracks: Tracks, spans: NDArray[np.int64], rules: FixRules) -> Walks:
    """Sift and walk every outing.

    Parameters
    ----------
    spans : (n, 2) int64
        First and last tick of each outing; fixes outside it do not count.
    """
    # The compiler is loaded by whoever measures, not by whoever imports: the web process starts without it.
    from patrol.rounds import kernels

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
        _per_outing(codes == USABLE, tracks.starts),
        {reason: _per_outing(codes == code, tracks.starts) for code, reason in REFUSALS.items()},
        walked[:, 0],
        walked[:, 1],
        (deviation >= 0) & (deviation < EVEN_DEVIATION) & (walked[:, 2] > EVEN_SPEED_M_S),
    )


@dataclass(frozen=True)
class Grounds:
    """Grid cells on a lattice, for looking up many fixes at once.

    Attributes
    ----------
    numbers : (rows, columns) uint16
        Place of the cell in ``shapes`` plus one; 0 outside all.
    shapes : sequence of geometry
        EPSG:4490, in the order of their division codes, so that each division is one span of numbers.
    """

    lattice: Lattice
    numbers: NDArray[np.uint16]
    shapes: Sequence[BaseGeometry]


def grounds_of(shapes_4490: Sequence[BaseGeometry]) -> Grounds:
    """Draw grid cells on a lattice; at most 65,535 of them."""
    lattice = lattice_over(tuple(shapely.total_bounds(np.asarray(shapes_4490, dtype=object))))
    numbers = lattice.draw(((shape, place) for place, shape in enumerate(shapes_4490, start=1)), "uint16")
    return Grounds(lattice, numbers, shapes_4490)


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
    from patrol.rounds import kernels

    sure, reach = _steps(margin_m, grounds.lattice.spacing_m)
    found = kernels.inside(
        tracks.starts,
        tracks.lon,
        tracks.lat,
        codes,
        grounds.numbers,
        grounds.lattice.frame,
        np.ascontiguousarray(own + 1),
        sure,
        reach,
    )
    open_fixes = np.flatnonzero(found == 2)
    lonlat = tracks.lonlat_deg(open_fixes)
    outing = np.searchsorted(tracks.starts, open_fixes, side="right") - 1
    for number in np.unique(outing):
        mine = outing == number
        ground = shapely.union_all(list(grounds.shapes[own[number, 0] : own[number, 1] + 1]))
        found[open_fixes[mine]] = near_ground(lonlat[mine], ground, margin_m=margin_m)
    good = _per_outing(found == 1, tracks.starts)
    usable = _per_outing(codes == USABLE, tracks.starts)
    share = np.full(len(tracks), np.nan)
    np.divide(good, usable, out=share, where=usable > 0)
    return share


def stretches(
    tracks: Tracks, codes: NDArray[np.uint8], gap_max: timedelta
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """What was seen to be walked: usable fixes, cut where an outing ends or the phone was silent too long.

    Returns
    -------
    places : (k,) int64
        Of the usable fixes.
    starts : (s + 1,) int64
        Stretch i owns ``places[starts[i]:starts[i + 1]]``.
    """
    places = np.flatnonzero(codes == USABLE)
    outing = np.searchsorted(tracks.starts, places, side="right")
    pause = np.diff(tracks.ticks[places])
    is_cut = (np.diff(outing) != 0) | (pause > gap_max.total_seconds() * TICKS_A_SECOND)
    starts = np.concatenate([[0], np.flatnonzero(is_cut) + 1, [len(places)]]).astype(np.int64)
    return places, starts if len(places) else np.zeros(1, dtype=np.int64)


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


def _steps(margin_m: float, spacing_m: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Lattice steps that surely, and that perhaps lie within a margin, nearest first."""
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
