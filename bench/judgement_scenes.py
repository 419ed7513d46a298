"""A made-up county for judgement: parcels in an irregular mesh, control layers, patches; in degrees."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

SEED = 20260907
CORNER = (112.60, 34.85)
EAST, NORTH = 1.0 / 91_300.0, 1.0 / 110_950.0
"""Degrees a metre at the corner, near enough to draw with."""
PARCEL_M = 63.0
PATCH_M = 30.0
FARMLAND_M = 1_300.0
CONTROL_KINDS = ("basic_farmland", "ecological_redline", "urban_boundary")
Shapes = NDArray[Any]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class County:
    """Outlines of one county, EPSG:4490.

    Attributes
    ----------
    layers : dict
        Kind → polygons; parcels share their borders, features of one control layer do not overlap.
    patches : ndarray of Polygon
        Yards and buildings, ground of any shape (some with a hole), strips of road.
    """

    layers: dict[str, Shapes]
    patches: Shapes


def made_county(*, patches: int, parcels: int, seed: int = SEED) -> County:
    """Draw a county; the same numbers give the same county."""
    side = math.isqrt(parcels - 1) + 1
    extent_m = side * PARCEL_M
    random = np.random.default_rng((seed, patches, parcels))
    land = mesh(random, side=side, cell_m=PARCEL_M, between=2)[:parcels]
    farms = mesh(random, side=max(round(extent_m / FARMLAND_M), 1), cell_m=FARMLAND_M, between=60)
    chosen = farms[random.random(len(farms)) < 0.6]
    return County(
        {
            "parcel": land,
            "basic_farmland": _with_yards_left_out(random, chosen),
            "ecological_redline": _spread_out(random, extent_m, every_m=9_000.0, corners=2_000),
            "urban_boundary": _spread_out(random, extent_m, every_m=5_000.0, corners=600),
        },
        drawn_patches(random, patches, extent_m),
    )


def mesh(random: np.random.Generator, *, side: int, cell_m: float, between: int) -> Shapes:
    """``side`` × ``side`` polygons that cover a square, every border shared and bent ``between`` times."""
    steps = [np.concatenate([[0.0], np.cumsum(random.uniform(0.6, 1.4, side))]) for _ in range(2)]
    knots = np.stack(np.meshgrid(steps[0], steps[1], indexing="ij"), axis=-1) * (cell_m * side)
    knots /= np.array([steps[0][-1], steps[1][-1]])
    knots += random.uniform(-0.1, 0.1, knots.shape) * cell_m
    along_x = _bent(random, knots[:-1], knots[1:], between, cell_m)
    along_y = _bent(random, knots[:, :-1], knots[:, 1:], between, cell_m)
    rings = np.concatenate(
        [along_x[:, :-1], along_y[1:], along_x[:, 1:, ::-1], along_y[:-1, :, ::-1]], axis=2
    )
    # Each border begins at its knot; the reversed ones begin at the far knot.
    return _polygons(degrees(_without_doubles(rings)).reshape(side * side, -1, 2))


def drawn_patches(random: np.random.Generator, count: int, extent_m: float) -> Shapes:
    """Half yards, a third ground of any shape, the rest strips."""
    yards, blobs = count // 2, count // 3
    strips = count - yards - blobs
    room = (4.0 * PATCH_M, max(extent_m - 4.0 * PATCH_M, 4.0 * PATCH_M + 1.0))
    size = PATCH_M * random.lognormal(0.0, 0.5, (count, 1, 1))
    yard = np.array([(-1, -0.7), (1, -0.7), (1, 0.2), (0.3, 0.2), (0.3, 0.7), (-1, 0.7)]) * 0.6
    turns = np.linspace(0.0, 2.0 * np.pi, 24, endpoint=False)
    reach = random.uniform(0.6, 1.3, (blobs, 24, 1)) * 0.7
    blob = reach * np.column_stack([np.cos(turns), np.sin(turns)])
    course = np.linspace(-3.0, 3.0, 12)
    bend = 0.15 * np.sin(course * random.uniform(0.3, 0.9, (strips, 1)) + random.uniform(0, 6, (strips, 1)))
    strip = np.concatenate(
        [
            np.stack(np.broadcast_arrays(course, bend - 0.08), axis=-1),
            np.stack(np.broadcast_arrays(course, bend + 0.08), axis=-1)[:, ::-1],
        ],
        axis=1,
    )
    centres = random.uniform(*room, (count, 1, 2))
    angles = random.uniform(0.0, 2.0 * np.pi, count)
    turned = np.stack(
        [np.stack([np.cos(angles), np.sin(angles)], -1), np.stack([-np.sin(angles), np.cos(angles)], -1)], 1
    )
    groups = (np.broadcast_to(yard, (yards, 6, 2)), blob, strip)
    drawn: list[Shapes] = []
    begun = 0
    for group in groups:
        part = slice(begun, begun + len(group))
        rings = degrees((group * size[part]) @ turned[part] + centres[part])
        drawn.append(_polygons(rings))
        begun += len(group)
    holed = np.arange(0, blobs, 5)
    inner = degrees(
        (0.4 * blob[holed] * size[yards + holed]) @ turned[yards + holed] + centres[yards + holed]
    )
    drawn[1][holed] = shapely.difference(drawn[1][holed], _polygons(inner))
    return np.asarray(random.permutation(np.concatenate(drawn)))


def degrees(points_m: Floats) -> Floats:
    """Metres from the county's corner as lon/lat."""
    lonlat: Floats = points_m * np.array([EAST, NORTH]) + np.array(CORNER)
    return lonlat


def _polygons(rings: Floats) -> Shapes:
    return np.asarray(shapely.polygons(rings))


def _bent(random: np.random.Generator, start: Floats, end: Floats, between: int, cell_m: float) -> Floats:
    shares = np.linspace(0.0, 1.0, between + 2)[:, None]
    line = start[..., None, :] * (1.0 - shares) + end[..., None, :] * shares
    play = min(0.25 / (between + 1), 0.04) * cell_m
    line[..., 1:-1, :] += random.uniform(-play, play, line[..., 1:-1, :].shape)
    return line


def _without_doubles(rings: Floats) -> Floats:
    """Four borders, each with both its knots, as one ring without repeated points."""
    each = rings.shape[2] // 4
    kept = [place for place in range(rings.shape[2]) if place % each != each - 1]
    return rings[:, :, kept]


def _with_yards_left_out(random: np.random.Generator, shapes: Shapes) -> Shapes:
    """A hole in every third outline."""
    holed = np.arange(0, len(shapes), 3)
    if len(holed) == 0:
        return shapes
    centres = shapely.get_coordinates(shapely.centroid(shapes[holed]))
    half = np.array([EAST, NORTH]) * 90.0 * random.uniform(0.5, 1.5, (len(holed), 1))
    boxes = shapely.box(*(centres - half).T, *(centres + half).T)
    shapes[holed] = shapely.difference(shapes[holed], boxes)
    return shapes


def _spread_out(random: np.random.Generator, extent_m: float, *, every_m: float, corners: int) -> Shapes:
    """Large outlines that keep clear of each other."""
    side = max(int(extent_m / every_m), 1)
    step = extent_m / side
    places = (np.stack(np.meshgrid(np.arange(side), np.arange(side)), -1).reshape(-1, 1, 2) + 0.5) * step
    turns = np.linspace(0.0, 2.0 * np.pi, corners, endpoint=False)
    waves = random.uniform(0.0, 0.03, (len(places), 6, 1)) * np.cos(
        turns * random.integers(2, 40, (len(places), 6, 1)) + random.uniform(0, 6, (len(places), 6, 1))
    )
    reach = step * (0.3 + waves.sum(axis=1))[..., None]
    return _polygons(degrees(places + reach * np.column_stack([np.cos(turns), np.sin(turns)])))
