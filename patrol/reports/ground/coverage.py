"""How much cultivated ground lies near what was walked on valid outings."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from foundation.crs import STORAGE_EPSG, gauss_krueger_epsg, reproject
from patrol.reports.indicators import Coverage
from patrol.rounds.lattice import Lattice, lattice_over
from patrol.rounds.measures import stretches
from patrol.rounds.tracks import Tracks

NEAR_M = 100.0
SMALL_NODES = 400
"""Cells with less cropland than so many nodes (4 ha) are measured with rulers: on the lattice the worst of
them was several points off."""
SUBNODE_BITS = 4
DRAWN_WIDTH = 0.1
"""Nodes by which a drawn line reaches further than the line: with it random walks err to neither side."""


class Field(NamedTuple):
    """A piece of cropland in one grid cell; shape in EPSG:4490, ellipsoidal area."""

    cell_code: str
    division_code: str
    shape: BaseGeometry
    area_m2: float


@dataclass(frozen=True)
class Walked:
    """What was walked in a period: sifted tracks, and the longest silence that still counts as walking."""

    tracks: Tracks
    codes: NDArray[np.uint8]
    gap_max: timedelta


@dataclass(frozen=True)
class Cropland:
    """Cultivated ground of a number of grid cells on a lattice.

    Attributes
    ----------
    numbers : (rows, columns) uint16
        Place of the cell in ``keys`` plus one, where there is cropland.
    keys : sequence of (cell code, division code)
    area_m2 : (cells,) float64
        Ellipsoidal.
    nodes : (cells,) int64
        Nodes of the lattice in the cell's cropland.
    """

    lattice: Lattice
    numbers: NDArray[np.uint16]
    keys: Sequence[tuple[str, str]]
    fields: Sequence[Sequence[BaseGeometry]]
    area_m2: NDArray[np.float64]
    nodes: NDArray[np.int64]


def cropland_of(fields: Sequence[Field]) -> Cropland:
    """Draw cropland on a lattice, once for many periods.

    Raises
    ------
    ValueError
        No fields.
    """
    keys = sorted({(field.cell_code, field.division_code) for field in fields})
    number = {key: place for place, key in enumerate(keys)}
    shapes: list[list[BaseGeometry]] = [[] for _ in keys]
    area_m2 = np.zeros(len(keys))
    for field in fields:
        place = number[field.cell_code, field.division_code]
        shapes[place].append(field.shape)
        area_m2[place] += field.area_m2
    bounds = shapely.total_bounds(np.array([field.shape for field in fields], dtype=object))
    lattice = lattice_over(tuple(bounds), margin_m=NEAR_M)
    drawn = lattice.draw(
        ((shape, place) for place, group in enumerate(shapes, start=1) for shape in group), "uint16"
    )
    nodes = np.bincount(drawn.ravel(), minlength=len(keys) + 1)[1:]
    return Cropland(lattice, drawn, keys, shapes, area_m2, nodes)


def cover(cropland: Cropland, walked: Walked) -> list[Coverage]:
    """Cultivated area of each grid cell, and how much of it lies within 100 m of what was walked.

    The near share is counted on the lattice, of small cells measured on the Gauss-Krüger plane, and applied
    to the ellipsoidal area. Silent stretches of a track cover nothing.
    """
    places, starts = stretches(walked.tracks, walked.codes, walked.gap_max)
    shares = np.zeros(len(cropland.keys))
    if len(places):
        counts = _near_nodes(cropland, apart(cropland.lattice, walked.tracks, places, starts))
        np.divide(counts[1:], cropland.nodes, out=shares, where=cropland.nodes > 0)
        lonlat = walked.tracks.lonlat_deg(places)
        for place in np.flatnonzero(cropland.nodes < SMALL_NODES).tolist():
            shares[place] = _exact_share(cropland.fields[place], lonlat, starts)
    return [
        Coverage(*key, float(area), float(area * share))
        for key, area, share in zip(cropland.keys, cropland.area_m2, shares, strict=True)
    ]


def _near_nodes(cropland: Cropland, apart: NDArray[np.float32]) -> NDArray[np.float64]:
    """Nodes (cells + 1,) within 100 m, by number of the cell; one on the rim counts in part.

    Counted whole or not at all, the rim of a walk along the rows would err by half a row on either side.
    """
    limit = NEAR_M / cropland.lattice.spacing_m - DRAWN_WIDTH
    least = len(cropland.keys) + 1
    counts = np.bincount(cropland.numbers[apart <= limit - 0.5], minlength=least).astype(np.float64)
    is_rim = (apart > limit - 0.5) & (apart < limit + 0.5)
    within = (limit + 0.5 - apart[is_rim]).astype(np.float64)
    return counts + np.bincount(cropland.numbers[is_rim], weights=within, minlength=least)


def apart(
    lattice: Lattice, tracks: Tracks, places: NDArray[np.int64], starts: NDArray[np.int64]
) -> NDArray[np.float32]:
    """How far each node (rows, columns) lies from the nearest stretch, in nodes."""
    # OpenCV is loaded by whoever draws, not by whoever imports: the web process never does.
    import cv2

    canvas = np.ones((lattice.rows, lattice.columns), dtype=np.uint8)
    points = np.rint(lattice.places(tracks.lon[places], tracks.lat[places]) * (1 << SUBNODE_BITS))
    limit = (max(lattice.rows, lattice.columns) * 4) << SUBNODE_BITS
    points = np.clip(points, -limit, limit).astype(np.int32)
    # A line of one point is not drawn: as one that ends where it begins it is.
    lines = [
        points[begin:end] if end - begin > 1 else points[[begin, begin]]
        for begin, end in itertools.pairwise(starts)
    ]
    cv2.polylines(canvas, lines, isClosed=False, color=0, shift=SUBNODE_BITS)
    return np.asarray(cv2.distanceTransform(canvas, cv2.DIST_L2, cv2.DIST_MASK_PRECISE), dtype=np.float32)


def _exact_share(
    shapes_4490: Sequence[BaseGeometry], lonlat: NDArray[np.float64], starts: NDArray[np.int64]
) -> float:
    """Share of a few fields within 100 m of the stretches, by rulers on the plane."""
    west, south, east, north = shapely.total_bounds(np.array(shapes_4490, dtype=object))
    reach = 2 * NEAR_M / 80_000.0
    # A step passes by where its own box touches the fields', also between two fixes that lie far away.
    following = np.minimum(np.arange(len(lonlat)) + 1, len(lonlat) - 1)
    low, high = np.minimum(lonlat, lonlat[following]), np.maximum(lonlat, lonlat[following])
    is_close = (high >= (west - reach, south - reach)).all(axis=1) & (
        low <= (east + reach, north + reach)
    ).all(axis=1)
    own = np.unique(np.searchsorted(starts, np.flatnonzero(is_close), side="right") - 1)
    lines = [
        shapely.LineString(lonlat[begin:end]) if end - begin > 1 else shapely.Point(lonlat[begin])
        for begin, end in ((starts[place], starts[place + 1]) for place in own)
    ]
    if not lines:
        return 0.0
    local = gauss_krueger_epsg(west)
    belt = shapely.union_all(
        shapely.buffer([reproject(line, STORAGE_EPSG, local) for line in lines], NEAR_M, quad_segs=8)
    )
    fields = [reproject(shape, STORAGE_EPSG, local) for shape in shapes_4490]
    whole = float(np.sum(shapely.area(fields)))
    return min(1.0, float(np.sum(shapely.area(shapely.intersection(fields, belt)))) / whole) if whole else 0.0
