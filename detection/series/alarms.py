"""Alarms of single pixels become events: what lies together and happened together is one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio.features import shapes
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from detection.series.kernel import NEVER, PixelState
from foundation.crs import ellipsoidal_area_m2, reproject
from ingest.raster import RasterGrid

HALF_OF_NEIGHBOURS = ((0, 1), (1, -1), (1, 0), (1, 1))
EDGE_PX = 0.5
"""An outline of pixels is uncertain by half a pixel on either side."""
LATEST_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class AlarmPixels:
    """Alarms of single pixels, a column each; days since 1970-01-01.

    Attributes
    ----------
    row, col : ndarray, int64
        Place on the grid of the monitor.
    first, last : ndarray, int32
        The change lies after the first day and not after the last.
    confirmed : ndarray, int32
    shift : ndarray, float32
        Mean residual, index units.
    """

    row: NDArray[np.int64]
    col: NDArray[np.int64]
    first: NDArray[np.int32]
    last: NDArray[np.int32]
    confirmed: NDArray[np.int32]
    shift: NDArray[np.float32]

    def __len__(self) -> int:
        return int(self.row.size)

    def take(self, chosen: NDArray[Any]) -> AlarmPixels:
        """Some of them."""
        return AlarmPixels(*(getattr(self, name)[chosen] for name in self.__slots__))

    @staticmethod
    def joined(parts: Sequence[AlarmPixels]) -> AlarmPixels:
        """Those of several blocks."""
        return AlarmPixels(
            *(np.concatenate([getattr(part, name) for part in parts]) for name in AlarmPixels.__slots__)
        )


@dataclass(frozen=True, slots=True)
class Event:
    """Neighbouring alarms of one change.

    Attributes
    ----------
    pixels : AlarmPixels
    change_from, change_to : int
        Days since 1970-01-01 between which it happened: a tenth of the pixels at either end is not asked.
    confirmed : int
        Day on which it had the least number of pixels.
    anchor : (int, int, int)
        Day, row and column of its first pixel: the same however much the event grows.
    shift : float
        Mean residual, index units.
    """

    pixels: AlarmPixels
    change_from: int
    change_to: int
    confirmed: int
    anchor: tuple[int, int, int]
    shift: float


@dataclass(frozen=True, slots=True)
class KnownEvent:
    """An event that was stored before."""

    alarm_id: UUID
    outline: BaseGeometry
    change_from: int
    change_to: int


@dataclass(frozen=True, slots=True)
class EventOutline:
    """Outline of an event in EPSG:4490 and its ellipsoidal area with half a pixel of doubt all round."""

    outline: BaseGeometry
    area_m2: float
    area_min_m2: float
    area_max_m2: float


def alarm_pixels(state: PixelState, *, first_row: int, first_col: int, cols: int) -> AlarmPixels:
    """Every alarm of a block of pixels.

    Parameters
    ----------
    first_row, first_col : int
        Where the block begins on the grid of the monitor.
    cols : int
        Width of the block.
    """
    slot, pixel = np.nonzero(state.alarm_day != NEVER)
    return AlarmPixels(
        first_row + pixel // cols,
        first_col + pixel % cols,
        state.alarm_from[slot, pixel],
        state.alarm_to[slot, pixel],
        state.alarm_day[slot, pixel],
        state.alarm_shift[slot, pixel],
    )


def group_events(pixels: AlarmPixels, *, cols: int, rule: Mapping[str, Any]) -> list[Event]:
    """Events of at least ``rule["least_pixels"]`` touching pixels, from north to south.

    Parameters
    ----------
    cols : int
        Width of the monitor's grid.
    rule : mapping
        Table ``event`` of ``data/rules/series.toml``.
    """
    if len(pixels) == 0:
        return []
    order = np.lexsort((pixels.confirmed, pixels.col, pixels.row))
    pixels = pixels.take(order)
    one, other = _touching(pixels, cols, rule["gap_days"])
    links = coo_matrix((np.ones(one.size, np.int8), (one, other)), shape=(len(pixels), len(pixels)))
    _, labels = connected_components(links, directed=False)
    by_label = np.argsort(labels, kind="stable")
    groups = np.split(by_label, np.flatnonzero(np.diff(labels[by_label])) + 1)
    least = rule["least_pixels"]
    events = [_event(pixels.take(group), least) for group in groups if group.size >= least]
    return sorted(events, key=lambda event: (event.pixels.row[0], event.pixels.col[0], event.anchor))


def outline_event(event: Event, grid: RasterGrid) -> EventOutline:
    """Outline of the pixels of an event, holes kept."""
    top, left = int(event.pixels.row.min()), int(event.pixels.col.min())
    size = (int(event.pixels.row.max()) - top + 1, int(event.pixels.col.max()) - left + 1)
    is_inside = np.zeros(size, np.uint8)
    is_inside[event.pixels.row - top, event.pixels.col - left] = 1
    corner = grid.transform @ Affine.translation(left, top)
    drawn = shapely.union_all(
        [shape(geometry) for geometry, value in shapes(is_inside, transform=corner) if value]
    )
    outline = shapely.make_valid(reproject(drawn, str(grid.crs_wkt)))
    area_m2 = ellipsoidal_area_m2(outline)
    band_m2 = drawn.length * EDGE_PX * (area_m2 / drawn.area) * np.sqrt(abs(grid.transform.determinant))
    return EventOutline(outline, area_m2, max(area_m2 - band_m2, 0.0), area_m2 + band_m2)


def same_event(
    outline: BaseGeometry, window: tuple[int, int], known: Sequence[KnownEvent], rule: Mapping[str, Any]
) -> KnownEvent | None:
    """The stored event that is this one: the same ground at the same time; of several the most shared."""
    best, best_share = None, float(rule["same_share"])
    for former in known:
        is_meeting = window[0] <= former.change_to + rule["gap_days"]
        if not is_meeting or former.change_from > window[1] + rule["gap_days"]:
            continue
        shared = outline.intersection(former.outline).area
        share = shared / min(outline.area, former.outline.area)
        if share >= best_share:
            best, best_share = former, share
    return best


def _touching(pixels: AlarmPixels, cols: int, gap_days: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of alarms on neighbouring pixels whose intervals meet; the alarms are sorted by place."""
    places = pixels.row * cols + pixels.col
    found = []
    for down, right in HALF_OF_NEIGHBOURS:
        is_inside = (pixels.col + right >= 0) & (pixels.col + right < cols)
        wanted = places + down * cols + right
        begin, end = np.searchsorted(places, wanted), np.searchsorted(places, wanted, side="right")
        for step in range(int((end - begin).max())):
            one = np.flatnonzero(is_inside & (begin + step < end))
            other = begin[one] + step
            is_meeting = (pixels.first[one] <= pixels.last[other] + gap_days) & (
                pixels.first[other] <= pixels.last[one] + gap_days
            )
            found.append(np.stack([one[is_meeting], other[is_meeting]]))
    pairs = np.concatenate(found, axis=1) if found else np.empty((2, 0), np.int64)
    return pairs[0], pairs[1]


def _event(pixels: AlarmPixels, least: int) -> Event:
    first = np.lexsort((pixels.col, pixels.row, pixels.confirmed))[0]
    return Event(
        pixels,
        int(np.quantile(pixels.first, LATEST_SHARE, method="lower")),
        int(np.quantile(pixels.last, 1.0 - LATEST_SHARE, method="higher")),
        int(np.sort(pixels.confirmed)[least - 1]),
        (int(pixels.confirmed[first]), int(pixels.row[first]), int(pixels.col[first])),
        float(pixels.shift.mean()),
    )
