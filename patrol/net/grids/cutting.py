"""Cutting a village into supervision cells: along roads and rivers, about equal in what is to be watched.

Everything happens in a plane of the village's own, degrees stretched to metres: straight lines stay straight
both ways, so that cells which meet there meet in degrees as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.cluster.vq import kmeans2
from shapely.geometry.base import BaseGeometry

from foundation.crs import ellipsoidal_area_m2
from patrol.net.grids.merging import Face, merge_faces

GRID_M = 1e-6
"""All line work is noded on a grid of a micrometre: what meets, meets exactly."""
SLIVER_M2 = 200.0
SAMPLES = 600
M_PER_DEGREE = 111_319.49
Shapes = NDArray[Any]


@dataclass(frozen=True, slots=True)
class CutRules:
    """How large cells are, in square metres that are to be watched, and how closely seams are drawn."""

    target_m2: float
    smallest_share: float
    largest_share: float
    seam_step_m: float
    smooth_m: float


class Ground(NamedTuple):
    """One village and the parcels on it; geometries in EPSG:4490.

    Attributes
    ----------
    outline : Polygon or MultiPolygon
    field, mountain, barrier : object arrays of geometries
        Farmland; mountain and woodland; roads and waters that cells do not cross where it can be helped.
    is_surveyed : bool
        False where no land survey was at hand: then every square metre weighs the same.
    """

    code: str
    name: str
    outline: BaseGeometry
    field: Shapes
    mountain: Shapes
    barrier: Shapes
    is_surveyed: bool = True


class Cell(NamedTuple):
    """One piece of a village: EPSG:4490, ellipsoidal areas."""

    geometry: BaseGeometry
    area_m2: float
    field_m2: float
    mountain_m2: float


def cut_village(ground: Ground, rules: CutRules) -> list[Cell]:
    """Cells that fill a village exactly, from the north-west to the south-east.

    Returns
    -------
    list of Cell
        Their union is the outline; they overlap nowhere by more than rounding.
    """
    frame = _Frame.of(ground.outline)
    outline = frame.plane(shapely.make_valid(ground.outline))
    field, mountain, barrier = (
        _within(frame.planes(shapes), outline) for shapes in (ground.field, ground.mountain, ground.barrier)
    )
    watched = np.concatenate([field, mountain]) if ground.is_surveyed else shapely.get_parts(outline)
    if len(watched) == 0:
        watched = shapely.get_parts(outline)
    seams = _road_seams(outline, barrier, rules.seam_step_m)
    blocks = _faces(outline, seams)
    seams += [line for block in blocks for line in _splits(block, watched, rules)]
    faces = _faces(outline, seams)
    weights = _weights(faces, watched)
    groups = merge_faces(
        [Face(shape, weight) for shape, weight in zip(faces, weights, strict=True)],
        smallest=rules.smallest_share * rules.target_m2,
        largest=rules.largest_share * rules.target_m2,
    )
    cells = _smoothed([shapely.coverage_union_all(faces[group]) for group in groups], rules.smooth_m)
    return _described(ground, frame, cells, field, mountain)


@dataclass(frozen=True, slots=True)
class _Frame:
    lon: float
    lat: float
    stretch: float

    @classmethod
    def of(cls, outline: BaseGeometry) -> _Frame:
        west, south, east, north = outline.bounds
        lat = (south + north) / 2
        return cls((west + east) / 2, lat, float(np.cos(np.radians(lat))))

    def plane(self, shape: BaseGeometry) -> BaseGeometry:
        scale = np.array([M_PER_DEGREE * self.stretch, M_PER_DEGREE])
        moved: BaseGeometry = shapely.transform(shape, lambda xy: (xy - [self.lon, self.lat]) * scale)
        return moved

    def planes(self, shapes: Shapes) -> Shapes:
        return np.array([self.plane(shape) for shape in shapes], dtype=object)

    def degrees(self, shape: BaseGeometry) -> BaseGeometry:
        scale = np.array([M_PER_DEGREE * self.stretch, M_PER_DEGREE])
        moved: BaseGeometry = shapely.transform(shape, lambda xy: xy / scale + [self.lon, self.lat])
        return moved


def _within(shapes: Shapes, outline: BaseGeometry) -> Shapes:
    """Areal parts of shapes inside an outline."""
    if len(shapes) == 0:
        return np.empty(0, dtype=object)
    clipped = shapely.get_parts(shapely.intersection(shapely.make_valid(shapes), outline))
    return np.asarray(_areal(clipped), dtype=object)


def _areal(shapes: BaseGeometry | Shapes) -> Shapes:
    parts = shapely.get_parts(shapes)
    areal: Shapes = parts[(shapely.get_dimensions(parts) == 2) & ~shapely.is_empty(parts)]
    return areal


def _road_seams(outline: BaseGeometry, barrier: Shapes, step_m: float) -> list[BaseGeometry]:
    """Lines along the middle of the roads and rivers that part a village into blocks."""
    if len(barrier) == 0:
        return []
    parts = _areal(shapely.difference(outline, shapely.union_all(barrier)))
    parts = parts[shapely.area(parts) >= SLIVER_M2]
    if len(parts) < 2:
        return []
    between = shapely.difference(outline, shapely.union_all(parts))
    points, owners = _shore_points(parts, between, step_m)
    if len(np.unique(owners)) < 2:
        return []
    zones = shapely.get_parts(
        shapely.voronoi_polygons(shapely.multipoints(points), extend_to=outline.envelope, ordered=True)
    )
    reach = shapely.buffer(between, 0.01)
    return [
        shapely.intersection(shapely.boundary(shapely.coverage_union_all(zones[owners == owner])), reach)
        for owner in np.unique(owners)
    ]


def _shore_points(parts: Shapes, between: BaseGeometry, step_m: float) -> tuple[Shapes, NDArray[np.int64]]:
    """Points along the edges of blocks where they look on a road or river, each once, and whose they are."""
    reach = shapely.buffer(between, 0.01)
    shores = shapely.segmentize(shapely.intersection(shapely.boundary(parts), reach), step_m)
    points, owners = shapely.get_coordinates(shores, return_index=True)
    rounded, first = np.unique(np.round(points, 3), axis=0, return_index=True)
    return np.atleast_1d(np.asarray(shapely.points(rounded), dtype=object)), owners[first]


def _splits(block: BaseGeometry, watched: Shapes, rules: CutRules) -> list[BaseGeometry]:
    """Lines that split a block which holds too much, between centres of what is to be watched."""
    inside = _within(watched[shapely.intersects(watched, block)], block)
    weight = float(shapely.area(inside).sum()) if len(inside) else 0.0
    count = round(weight / rules.target_m2)
    if weight <= rules.largest_share * rules.target_m2 or count < 2:
        return []
    samples = _samples(shapely.union_all(inside))
    if len(samples) < count * 3:
        return []
    centres = _centres(samples, count)
    zones = shapely.voronoi_polygons(shapely.multipoints(centres), extend_to=block.envelope)
    edges = shapely.union_all(shapely.boundary(shapely.get_parts(zones)))
    return [shapely.intersection(edges, shapely.buffer(block, 0.01))]


def _samples(shape: BaseGeometry) -> NDArray[np.float64]:
    """A lattice of points inside a shape, the same every time; shape (points, 2)."""
    west, south, east, north = shape.bounds
    step = float(np.sqrt(shape.area / SAMPLES))
    xs, ys = np.meshgrid(np.arange(west + step / 2, east, step), np.arange(south + step / 2, north, step))
    shapely.prepare(shape)
    held = shapely.contains_xy(shape, xs.ravel(), ys.ravel())
    inside: NDArray[np.float64] = np.column_stack([xs.ravel(), ys.ravel()])[held]
    return inside


def _centres(samples: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Centres of equal shares of the samples: started along the longest direction, then moved by k-means."""
    middle = samples - samples.mean(axis=0)
    _, axes = np.linalg.eigh(np.cov(middle.T))
    order = np.argsort(middle @ axes[:, -1], kind="stable")
    start = np.array([samples[part].mean(axis=0) for part in np.array_split(order, count)])
    centres, labels = kmeans2(samples, start, iter=40, minit="matrix", missing="raise")
    found: NDArray[np.float64] = centres[np.unique(labels)]
    return found


def _faces(outline: BaseGeometry, seams: Sequence[BaseGeometry]) -> Shapes:
    """Pieces into which lines cut an outline; together they are the outline."""
    lines = shapely.union_all([shapely.boundary(outline), *seams], grid_size=GRID_M)
    pieces = shapely.get_parts(shapely.polygonize(shapely.get_parts(lines)))
    held: Shapes = pieces[shapely.contains_properly(_prepared(outline), shapely.point_on_surface(pieces))]
    return held


def _prepared(shape: BaseGeometry) -> BaseGeometry:
    shapely.prepare(shape)
    return shape


def _weights(faces: Shapes, watched: Shapes) -> NDArray[np.float64]:
    tree = shapely.STRtree(watched)
    face, shape = tree.query(faces, predicate="intersects")
    areas = shapely.area(shapely.intersection(faces[face], watched[shape]))
    return np.asarray(np.bincount(face, weights=areas, minlength=len(faces)), dtype=np.float64)


def _smoothed(cells: list[BaseGeometry], tolerance_m: float) -> list[BaseGeometry]:
    """Straighter seams; the outer border stays. Cells as they were where that would open a gap."""
    before = np.array(cells, dtype=object)
    if len(cells) < 2 or tolerance_m <= 0:
        return cells
    after = shapely.coverage_simplify(before, tolerance_m, simplify_boundary=False)
    is_whole = (
        bool(shapely.is_valid(after).all())
        and shapely.coverage_is_valid(after)
        and bool((shapely.area(after) > 0).all())
        and abs(float(shapely.area(after).sum() - shapely.area(before).sum())) < 1e-3
    )
    return list(after) if is_whole else cells


def _described(
    ground: Ground, frame: _Frame, cells: list[BaseGeometry], field: Shapes, mountain: Shapes
) -> list[Cell]:
    shapes = np.array(cells, dtype=object)
    fields, mountains = (
        _weights(shapes, part) if len(part) else np.zeros(len(shapes)) for part in (field, mountain)
    )
    found = []
    for shape, field_m2, mountain_m2 in zip(shapes, fields, mountains, strict=True):
        geometry = frame.degrees(shape)
        area_m2 = ellipsoidal_area_m2(geometry)
        scale = area_m2 / shape.area
        found.append(Cell(geometry, area_m2, float(field_m2) * scale, float(mountain_m2) * scale))
    centres = shapely.get_coordinates(shapely.centroid(shapes))
    _, south, _, north = shapely.total_bounds(shapes)
    row_m = max((north - south) / max(1.0, np.sqrt(len(found))), 1.0)
    rows = np.floor((north - centres[:, 1]) / row_m)
    order = np.lexsort((centres[:, 0], rows))
    return [found[place] for place in order]
