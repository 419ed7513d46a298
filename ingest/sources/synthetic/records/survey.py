"""The land survey layer (DLTB): a gap-free coverage made of the material map before the first image."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from ingest.sources.synthetic.landscape.land import Land
from ingest.sources.synthetic.planting.situations import Change

PRECISION_M = 0.02
LEAST_FACE_M2 = 40.0


class SurveyPatch(NamedTuple):
    """One patch of the land survey, local metres."""

    shape: BaseGeometry
    land_class: str
    village_code: str


def survey_patches(land: Land, changes: list[Change]) -> list[SurveyPatch]:
    """Faces of all outlines together, each with the class of the topmost piece that holds it."""
    pieces = [(ground.shape, ground.land_class) for ground in land.grounds if ground.land_class]
    pieces += [(change.outline, "0602") for change in changes if change.situation.make == "restored_quarry"]
    shapes = np.array([shape for shape, _ in pieces], dtype=object)
    territories = np.array([village.territory for village in land.villages], dtype=object)
    faces = _faces(land.frame.rectangle, np.concatenate([shapes, territories]))
    points = shapely.point_on_surface(faces)
    top = _last_holder(shapes, points)
    owner = _last_holder(territories, points)
    small = shapely.area(faces) < LEAST_FACE_M2
    group = _absorb(faces, top * len(territories) + owner, small)
    patches = []
    for key in np.unique(group):
        members = faces[group == key]
        piece, village = divmod(int(key), len(territories))
        shape = members[0] if len(members) == 1 else shapely.union_all(members)
        for part in shapely.get_parts(shape):
            patches.append(SurveyPatch(part, pieces[piece][1], land.villages[village].code))
    return patches


def _faces(rectangle: shapely.Polygon, shapes: NDArray[Any]) -> NDArray[Any]:
    """All faces that the outlines cut the rectangle into."""
    inside = shapely.intersection(shapely.boundary(shapes), rectangle)
    lines = shapely.get_parts(inside)
    lines = lines[shapely.get_type_id(lines) == 1]
    noded = shapely.union_all([*lines, rectangle.exterior], grid_size=PRECISION_M)
    faces = shapely.get_parts(shapely.polygonize(shapely.get_parts(noded)))
    return np.asarray(faces)


def _last_holder(shapes: NDArray[Any], points: NDArray[Any]) -> NDArray[np.int64]:
    """Index of the last shape that holds each point; -1 becomes the nearest shape."""
    holder = np.full(len(points), -1, np.int64)
    point_index, shape_index = shapely.STRtree(shapes).query(points, predicate="intersects")
    np.maximum.at(holder, point_index, shape_index)
    for lost in np.flatnonzero(holder < 0):
        holder[lost] = int(np.argmin(shapely.distance(shapes, points[lost])))
    return holder


def _absorb(faces: NDArray[Any], group: NDArray[np.int64], small: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Slivers join the neighbour of the same village with the longest common boundary."""
    tree = shapely.STRtree(faces)
    result = group.copy()
    for index in np.flatnonzero(small):
        near = tree.query(faces[index], predicate="intersects")
        near = near[(near != index) & ~small[near]]
        if not len(near):
            continue
        common = shapely.length(
            shapely.intersection(shapely.boundary(faces[index]), shapely.boundary(faces[near]))
        )
        result[index] = group[near[int(np.argmax(common))]]
    return result


def basic_farmland(land: Land, patches: list[SurveyPatch], changes: list[Change]) -> list[SurveyPatch]:
    """Permanent basic farmland: most cropland, and exactly what the planted situations need.

    A change that must lie on it gets its surroundings added, one that must not gets them cut out.
    """
    rng = land.seed.stream("basic-farmland")
    wanted = [change.outline.buffer(14.0) for change in changes if change.situation.basic is True]
    unwanted = [change.outline.buffer(14.0) for change in changes if change.situation.basic is False]
    unwanted += [land.urban, *(village.built.buffer(12.0) for village in land.villages)]
    add = shapely.union_all(wanted)
    remove = shapely.union_all(unwanted).difference(add)
    chosen = []
    for patch in patches:
        if patch.land_class not in ("0102", "0103"):
            continue
        is_basic = rng.random() < (0.88 if patch.land_class == "0102" else 0.35)
        part = patch.shape.difference(remove) if is_basic else patch.shape.intersection(add)
        for piece in shapely.get_parts(part):
            if piece.geom_type == "Polygon" and piece.area > 100.0:
                chosen.append(SurveyPatch(piece, patch.land_class, patch.village_code))
    return chosen
