"""Compiled loops over fixes: packing, sifting and walking, where each fix depends on the one before.

Arrays are those of `patrol.rounds.tracks.Tracks`; metres come from the curvature of the CGCS2000 ellipsoid
at the place, good to a millionth over the few hundred metres between two fixes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

from patrol.rounds.tracks import ACCURACY, HEADER, JUMP, MOCK, SEGMENT, TIME, USABLE

Kernel = TypeVar("Kernel", bound=Callable[..., Any])
Array = NDArray[Any]

SEMI_MAJOR_M = 6_378_137.0
ECCENTRICITY_SQUARED = 0.006_694_380_022_90
DEGREE = 1e-7 * math.pi / 180.0
DELTA_MOST = 32_767
PAUSE_MOST = 65_535
WORD = 0xFFFF
EVEN_FEWEST = 20


def compiled(function: Kernel) -> Kernel:
    """Compile on first use, keep on disk, release the interpreter's lock while it runs."""
    return cast(Kernel, njit(cache=True, nogil=True)(function))


@compiled
def metres(lon_a: int, lat_a: int, lon_b: int, lat_b: int) -> float:
    """Distance of two near places given in 1e-7 degrees."""
    middle = 0.5 * (lat_a + lat_b) * DEGREE
    root = 1.0 - ECCENTRICITY_SQUARED * math.sin(middle) ** 2
    across = SEMI_MAJOR_M / math.sqrt(root)
    along = across * (1.0 - ECCENTRICITY_SQUARED) / root
    east = (lon_b - lon_a) * DEGREE * across * math.cos(middle)
    north = (lat_b - lat_a) * DEGREE * along
    return math.sqrt(east * east + north * north)


@compiled
def _fits(pause: Any, east: Any, north: Any) -> bool:
    """Whether a fix lies close enough to the one before, in time and space, for differences of 16 bits."""
    return bool(0 <= pause <= PAUSE_MOST and abs(east) <= DELTA_MOST and abs(north) <= DELTA_MOST)


@compiled
def count_anchors(starts: Array, ticks: Array, lon: Array, lat: Array) -> Array:
    """Anchors of each outing; its first fix is one."""
    counts = np.zeros(len(starts) - 1, dtype=np.int64)
    for outing in range(len(starts) - 1):
        found = 1 if starts[outing + 1] > starts[outing] else 0
        for place in range(starts[outing] + 1, starts[outing + 1]):
            pause = ticks[place] - ticks[place - 1]
            east = np.int64(lon[place]) - lon[place - 1]
            north = np.int64(lat[place]) - lat[place - 1]
            found += 0 if _fits(pause, east, north) else 1
        counts[outing] = found
    return counts


@compiled
def _put(buffer: Array, at: int, value: Any, width: int) -> None:
    for word in range(width):
        buffer[at + word] = (value >> (16 * word)) & WORD


@compiled
def _get(buffer: Array, at: int, width: int) -> Any:
    value: Any = 0
    for word in range(width):
        value |= np.int64(buffer[at + word]) << (16 * word)
    return value


@compiled
def _signed(value: Any, bits: int) -> Any:
    return value - (1 << bits) if value >> (bits - 1) else value


@compiled
def _write_steps(column: Array, values: Array) -> None:
    """Differences that all fit, one loop a column: the compiler then takes many at once."""
    column[0] = 0
    for place in range(1, len(values)):
        column[place] = (values[place] - values[place - 1]) & WORD


@compiled
def write_points(
    buffer: Array,
    offsets: Array,
    anchors: Array,
    starts: Array,
    ticks: Array,
    lon: Array,
    lat: Array,
    quality: Array,
) -> None:
    """Anchors and columns of every outing into its words; the head is the caller's.

    ``buffer`` holds 16-bit words and ``offsets`` count them: every part of an outing begins at an even byte.
    """
    for outing in range(len(starts) - 1):
        begin, end = starts[outing], starts[outing + 1]
        count = end - begin
        anchor_at = offsets[outing] + HEADER // 2
        columns = anchor_at + SEGMENT // 2 * anchors[outing]
        if anchors[outing] == 1:
            _put(buffer, anchor_at, 0, 2)
            _put(buffer, anchor_at + 2, ticks[begin], 4)
            _put(buffer, anchor_at + 6, np.int64(lon[begin]), 2)
            _put(buffer, anchor_at + 8, np.int64(lat[begin]), 2)
            _write_steps(buffer[columns : columns + count], ticks[begin:end])
            _write_steps(buffer[columns + count : columns + 2 * count], lon[begin:end])
            _write_steps(buffer[columns + 2 * count : columns + 3 * count], lat[begin:end])
            buffer[columns + 3 * count : columns + 4 * count] = quality[begin:end]
            continue
        for place in range(begin, end):
            at = columns + place - begin
            pause, east, north = 0, 0, 0
            if place > begin:
                pause = ticks[place] - ticks[place - 1]
                east = np.int64(lon[place]) - lon[place - 1]
                north = np.int64(lat[place]) - lat[place - 1]
            if place == begin or not _fits(pause, east, north):
                _put(buffer, anchor_at, place - begin, 2)
                _put(buffer, anchor_at + 2, ticks[place], 4)
                _put(buffer, anchor_at + 6, np.int64(lon[place]), 2)
                _put(buffer, anchor_at + 8, np.int64(lat[place]), 2)
                anchor_at += SEGMENT // 2
                pause, east, north = 0, 0, 0
            buffer[at] = pause
            buffer[at + count] = east & WORD
            buffer[at + 2 * count] = north & WORD
            buffer[at + 3 * count] = quality[place]


@compiled
def read_points(
    buffer: Array,
    signed: Array,
    offsets: Array,
    anchors: Array,
    starts: Array,
    ticks: Array,
    lon: Array,
    lat: Array,
    quality: Array,
) -> bool:
    """Inverse of `write_points`; False where an anchor stands out of place. ``signed`` views ``buffer``."""
    for outing in range(len(starts) - 1):
        begin, count = starts[outing], starts[outing + 1] - starts[outing]
        anchor_at = offsets[outing] + HEADER // 2
        columns = anchor_at + SEGMENT // 2 * anchors[outing]
        last = columns
        moment: Any = 0
        east: Any = 0
        north: Any = 0
        for step in range(count):
            if anchor_at < last and _get(buffer, anchor_at, 2) == step:
                moment = _get(buffer, anchor_at + 2, 4)
                east = _signed(_get(buffer, anchor_at + 6, 2), 32)
                north = _signed(_get(buffer, anchor_at + 8, 2), 32)
                anchor_at += SEGMENT // 2
            at = columns + step
            moment += buffer[at]
            east += signed[at + count]
            north += signed[at + 2 * count]
            ticks[begin + step], lon[begin + step], lat[begin + step] = moment, east, north
            quality[begin + step] = buffer[at + 3 * count]
        if anchor_at != last:
            return False
    return True


@compiled
def sift(
    starts: Array,
    ticks: Array,
    lon: Array,
    lat: Array,
    accuracy: Array,
    is_mock: Array,
    spans: Array,
    accuracy_max: float,
    speed_max: float,
) -> Array:
    """Code of every fix: usable, or why not. ``spans`` (n, 2): first and last tick of each outing."""
    codes = np.zeros(len(ticks), dtype=np.uint8)
    for outing in range(len(starts) - 1):
        last = -1
        for place in range(starts[outing], starts[outing + 1]):
            if is_mock[place]:
                codes[place] = MOCK
            elif accuracy[place] > accuracy_max:
                codes[place] = ACCURACY
            elif (
                ticks[place] < spans[outing, 0]
                or ticks[place] > spans[outing, 1]
                or (last >= 0 and ticks[place] == ticks[last])
            ):
                codes[place] = TIME
            elif last >= 0 and _is_jump(ticks, lon, lat, accuracy, last, place, speed_max):
                codes[place] = JUMP
            else:
                last = place
    return codes


@compiled
def _is_jump(
    ticks: Array, lon: Array, lat: Array, accuracy: Array, last: int, place: int, speed_max: float
) -> bool:
    far = metres(lon[last], lat[last], lon[place], lat[place])
    slack = (np.int64(accuracy[last]) + accuracy[place]) / 10.0
    return bool(far - slack > speed_max * (ticks[place] - ticks[last]) / 100.0)


@compiled
def walk(
    starts: Array,
    ticks: Array,
    lon: Array,
    lat: Array,
    accuracy: Array,
    codes: Array,
    gap_max: float,
    anchor_min_m: float,
) -> Array:
    """(n, 4): metres walked, minutes under way, mean speed in m/s, its relative deviation.

    Steps shorter than the receiver's jitter walk nowhere; silent stretches count neither way nor time. The
    speeds are those between neighbouring usable fixes; the deviation is -1 where too few say anything.
    """
    out = np.zeros((len(starts) - 1, 4))
    for outing in range(len(starts) - 1):
        last, anchor = -1, -1
        way, span, count, total, squares = 0.0, 0.0, 0, 0.0, 0.0
        is_one_accuracy = True
        for place in range(starts[outing], starts[outing + 1]):
            if codes[place] != USABLE:
                continue
            if last < 0:
                last = anchor = place
                continue
            pause = ticks[place] - ticks[last]
            is_one_accuracy = is_one_accuracy and accuracy[place] == accuracy[last]
            speed = metres(lon[last], lat[last], lon[place], lat[place]) / (pause / 100.0)
            count, total, squares = count + 1, total + speed, squares + speed * speed
            if pause > gap_max:
                anchor = place
            else:
                span += pause / 6000.0
                step = metres(lon[anchor], lat[anchor], lon[place], lat[place])
                if step >= max(anchor_min_m, accuracy[place] / 10.0):
                    way += step
                    anchor = place
            last = place
        deviation = -1.0
        if count >= EVEN_FEWEST and is_one_accuracy and total > 0.0:
            mean = total / count
            deviation = math.sqrt(max(squares / count - mean * mean, 0.0)) / mean
        out[outing, 0], out[outing, 1] = way, span
        out[outing, 2] = total / count if count else 0.0
        out[outing, 3] = deviation
    return out


@compiled
def inside(
    starts: Array,
    lon: Array,
    lat: Array,
    codes: Array,
    ground: Array,
    frame: Array,
    own: Array,
    sure: Array,
    reach: Array,
) -> Array:
    """1 where a usable fix lies on its own ground or surely within the margin, 2 where only a ruler tells.

    Parameters
    ----------
    ground : (rows, columns) uint16
        Number of the grid cell at each node of a lattice; 0 where there is none.
    frame : (4,) int64
        Longitude and latitude of the first node, and the spacing along both, 1e-7 degrees.
    own : (n, 2) int64
        First and last number of the ground of each outing.
    sure : (k, 2) int64
        Steps (rows, columns) of the lattice that surely lie within the margin, nearest first.
    reach : (l, 2) int64
        Steps that may lie within it.
    """
    found = np.zeros(len(lon), dtype=np.uint8)
    for outing in range(len(starts) - 1):
        first, last = own[outing, 0], own[outing, 1]
        for place in range(starts[outing], starts[outing + 1]):
            if codes[place] != USABLE:
                continue
            row = (np.int64(lat[place]) - frame[1] + frame[3] // 2) // frame[3]
            column = (np.int64(lon[place]) - frame[0] + frame[2] // 2) // frame[2]
            found[place] = _near(ground, row, column, first, last, sure, 1)
            if found[place] == 0:
                found[place] = _near(ground, row, column, first, last, reach, 2)
    return found


@compiled
def _near(ground: Array, row: int, column: int, first: int, last: int, steps: Array, answer: int) -> int:
    rows, columns = ground.shape
    for step in range(len(steps)):
        y, x = row + steps[step, 0], column + steps[step, 1]
        if 0 <= y < rows and 0 <= x < columns and first <= ground[y, x] <= last:
            return answer
    return 0
