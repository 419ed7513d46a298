"""Parcels on a lattice, and which of them a walk, a place, an image or a camera's view shows.

One answer for all sources: a parcel is seen where enough of its nodes are. Rasters and lines are read and
drawn by GDAL and OpenCV, which whoever calls loads: the web process does not.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from foundation.crs import STORAGE_EPSG
from patrol.reports.ground.coverage import DRAWN_WIDTH, NEAR_M, Walked, apart
from patrol.rounds.lattice import Lattice, lattice_over
from patrol.rounds.measures import stretches

NOT_OBSERVED = 255


@dataclass(frozen=True)
class Parcels:
    """Parcels of n on one lattice.

    Attributes
    ----------
    feature_ids : (n,) int64
    numbers : (rows, columns) uint32
        Place of the parcel among ``feature_ids`` plus one; 0 where there is none.
    nodes : (n,) int64
        Nodes of each.
    """

    lattice: Lattice
    feature_ids: NDArray[np.int64]
    numbers: NDArray[np.uint32]
    nodes: NDArray[np.int64]

    def seen(self, is_seen: NDArray[np.bool_], share_min: float, *, row: int = 0, col: int = 0) -> list[int]:
        """Feature ids of the parcels of whose nodes at least a share is seen.

        Parameters
        ----------
        is_seen : (rows, columns) bool
            Of the part of the lattice that begins at ``row`` and ``col``.
        """
        rows, cols = is_seen.shape
        found, counts = np.unique(
            self.numbers[row : row + rows, col : col + cols][is_seen], return_counts=True
        )
        inside = found > 0
        places, counts = found[inside].astype(np.int64) - 1, counts[inside]
        ids: list[int] = self.feature_ids[places[counts >= share_min * self.nodes[places]]].tolist()
        return ids


def parcels_of(feature_ids: Sequence[int], shapes_4490: Sequence[BaseGeometry]) -> Parcels:
    """Draw parcels on a lattice. One too small or too thin to hold a node gets the node nearest to it.

    Raises
    ------
    ValueError
        No parcels.
    """
    shapes = np.asarray(shapes_4490, dtype=object)
    lattice = lattice_over(tuple(shapely.total_bounds(shapes)), margin_m=NEAR_M)
    numbers = lattice.draw(((shape, place) for place, shape in enumerate(shapes, start=1)), "uint32")
    nodes = np.bincount(numbers.ravel(), minlength=len(shapes) + 1)[1:]
    lost = np.flatnonzero(nodes == 0)
    if len(lost):
        inside = shapely.get_coordinates(shapely.point_on_surface(shapes[lost]))
        numbers[tuple(_nodes_at(lattice, inside).T)] = lost + 1
        nodes = np.bincount(numbers.ravel(), minlength=len(shapes) + 1)[1:]
    return Parcels(lattice, np.asarray(feature_ids, dtype=np.int64), numbers, nodes)


def seen_on_walks(parcels: Parcels, walked: Walked, *, share_min: float) -> Iterator[list[int]]:
    """Parcels that each outing passed within 100 m, in the outings' order. Silence passes nothing."""
    places, starts = stretches(walked.tracks, walked.codes, walked.gap_max)
    outing_of = np.searchsorted(walked.tracks.starts, places[starts[:-1]], side="right") - 1
    for outing in range(len(walked.tracks)):
        first, last = np.searchsorted(outing_of, [outing, outing + 1])
        if first == last:
            yield []
            continue
        own = places[starts[first] : starts[last]]
        cut = starts[first : last + 1] - starts[first]
        at = parcels.lattice.places(walked.tracks.lon[own], walked.tracks.lat[own])
        window = _window(parcels.lattice, at, NEAR_M)
        if window is None:
            yield []
            continue
        row, col, part = window
        is_near = apart(part, walked.tracks, own, cut) <= NEAR_M / part.spacing_m - DRAWN_WIDTH
        yield parcels.seen(is_near, share_min, row=row, col=col)


def seen_in(parcels: Parcels, shape_4490: BaseGeometry, *, share_min: float) -> list[int]:
    """Parcels that lie in a shape."""
    west, south, east, north = shape_4490.bounds
    corners = _to_places(parcels.lattice, np.array([[west, south], [east, north]]))
    window = _window(parcels.lattice, corners, 0.0)
    if window is None:
        return []
    row, col, part = window
    return parcels.seen(part.draw([(shape_4490, 1)], "uint8") == 1, share_min, row=row, col=col)


def seen_on_image(parcels: Parcels, change_raster: Path, *, share_min: float) -> list[int]:
    """Parcels that a finished comparison observed: 255 in its change raster is cloud, shadow or no image.

    Raises
    ------
    InvalidInput
        ``ingest.raster.corrupt``.
    """
    from rasterio.enums import Resampling
    from rasterio.vrt import WarpedVRT

    from ingest.raster import open_raster

    lattice = parcels.lattice
    with (
        open_raster(change_raster, "GTiff") as source,
        WarpedVRT(
            source,
            crs=f"EPSG:{STORAGE_EPSG}",
            transform=lattice.north_up(),
            width=lattice.columns,
            height=lattice.rows,
            resampling=Resampling.nearest,
            src_nodata=NOT_OBSERVED,
            nodata=NOT_OBSERVED,
        ) as warped,
    ):
        values = warped.read(1)[::-1]
    return parcels.seen(values != NOT_OBSERVED, share_min)


def _to_places(lattice: Lattice, lonlat: NDArray[np.float64]) -> NDArray[np.float64]:
    units = np.rint(lonlat * 1e7).astype(np.int32)
    return lattice.places(units[:, 0], units[:, 1])


def _nodes_at(lattice: Lattice, lonlat: NDArray[np.float64]) -> NDArray[np.int64]:
    """Rows and columns (k, 2) of the nodes nearest to positions."""
    at = np.rint(_to_places(lattice, lonlat)).astype(np.int64)
    return np.clip(at[:, ::-1], 0, (lattice.rows - 1, lattice.columns - 1))


def _window(lattice: Lattice, at: NDArray[np.float64], margin_m: float) -> tuple[int, int, Lattice] | None:
    """First row and column, and the part of a lattice around positions; None where they lie outside it."""
    around = math.ceil(margin_m / lattice.spacing_m) + 1
    low = np.floor(at.min(axis=0)).astype(np.int64) - around
    high = np.ceil(at.max(axis=0)).astype(np.int64) + around + 1
    col, row = (max(0, int(value)) for value in low)
    last_col, last_row = min(int(high[0]), lattice.columns), min(int(high[1]), lattice.rows)
    if col >= last_col or row >= last_row:
        return None
    return row, col, lattice.part(row, col, last_row - row, last_col - col)
