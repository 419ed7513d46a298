"""Village outlines made fit for cutting: no overlaps, no slivers between them, no farmland left outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from foundation.crs import ellipsoidal_area_m2

M_PER_DEGREE = 111_319.49
NOISE_M2 = 1.0
Shapes = NDArray[Any]


class Village(NamedTuple):
    """A village and its outline, EPSG:4490."""

    code: str
    name: str
    outline: BaseGeometry


@dataclass
class Mending:
    """What was wrong with the outlines, in square metres, and by village where it is told."""

    overlap_m2: float = 0.0
    gap_m2: float = 0.0
    stray_m2: float = 0.0
    lost_m2: float = 0.0
    """Farmland and mountain land farther from every village than may be bridged: in no cell."""
    overlaps: dict[str, float] = field(default_factory=dict)
    """Code of the village that gave way -> m²."""


def without_overlaps(villages: Sequence[Village], mending: Mending) -> list[Village]:
    """Where two villages claim the same ground, the one with the smaller code keeps it."""
    ordered = sorted(villages, key=lambda village: village.code)
    outlines = np.array([_areal(shapely.make_valid(village.outline)) for village in ordered], dtype=object)
    tree = shapely.STRtree(outlines)
    mended = outlines.copy()
    later, earlier = tree.query(outlines, predicate="intersects")
    for place in range(len(ordered)):
        before = earlier[(later == place) & (earlier < place)]
        if len(before) == 0:
            continue
        taken = shapely.union_all(mended[before])
        claimed = ellipsoidal_area_m2(_areal(shapely.intersection(outlines[place], taken)))
        if claimed > NOISE_M2:
            mending.overlap_m2 += claimed
            mending.overlaps[ordered[place].code] = claimed
        mended[place] = _areal(shapely.difference(outlines[place], taken))
    return [
        village._replace(outline=outline)
        for village, outline in zip(ordered, mended, strict=True)
        if not outline.is_empty
    ]


def without_gaps(villages: Sequence[Village], gap_max_m2: float, mending: Mending) -> list[Village]:
    """Small holes that lie between villages go to the village with the longest border on them."""
    if not villages:
        return []
    outlines = np.array([village.outline for village in villages], dtype=object)
    whole = shapely.union_all(outlines)
    holes = [
        shapely.Polygon(ring)
        for part in shapely.get_parts(whole)
        if part.geom_type == "Polygon"
        for ring in part.interiors
    ]
    tree = shapely.STRtree(outlines)
    for hole in holes:
        area_m2 = ellipsoidal_area_m2(hole)
        if area_m2 > gap_max_m2:
            continue
        near = tree.query(hole, predicate="intersects")
        borders = shapely.length(shapely.intersection(shapely.boundary(outlines[near]), hole.exterior))
        winner = int(near[int(np.argmax(borders))])
        mending.gap_m2 += area_m2
        outlines[winner] = shapely.union(outlines[winner], hole)
    return [village._replace(outline=outline) for village, outline in zip(villages, outlines, strict=True)]


def with_strays(
    villages: Sequence[Village],
    strays: Shapes,
    *,
    taken: Sequence[Village],
    reach_m: float,
    mending: Mending,
) -> list[Village]:
    """Farmland that lies in no village goes to the nearest one.

    Parameters
    ----------
    strays : object array of geometries
        Farmland and mountain land of the area, EPSG:4490.
    taken : sequence of Village
        Neighbours outside the area, whose ground is theirs.
    """
    if len(strays) == 0 or not villages:
        return list(villages)
    outlines = np.array([village.outline for village in villages], dtype=object)
    everybody = shapely.union_all([*outlines, *(village.outline for village in taken)])
    shapely.prepare(everybody)
    outside = strays[~shapely.covered_by(strays, everybody)]
    beyond = shapely.get_parts(shapely.difference(shapely.make_valid(outside), everybody))
    # Parcels that overlap each other are counted once.
    parts = shapely.get_parts(shapely.union_all([part for part in beyond if part.geom_type == "Polygon"]))
    tree = shapely.STRtree(outlines)
    for part in parts:
        area_m2 = ellipsoidal_area_m2(part)
        if area_m2 < NOISE_M2:
            continue
        winner = int(tree.nearest(part))
        if shapely.distance(outlines[winner], part) * M_PER_DEGREE > reach_m:
            mending.lost_m2 += area_m2
            continue
        mending.stray_m2 += area_m2
        outlines[winner] = shapely.union(outlines[winner], part)
    return [village._replace(outline=outline) for village, outline in zip(villages, outlines, strict=True)]


def by_village(villages: Sequence[Village], shapes: Shapes) -> Mapping[str, Shapes]:
    """Shapes that touch each village."""
    if len(shapes) == 0:
        return {village.code: np.empty(0, dtype=object) for village in villages}
    tree = shapely.STRtree(shapes)
    return {
        village.code: shapes[np.sort(tree.query(village.outline, predicate="intersects"))]
        for village in villages
    }


def _areal(shape: BaseGeometry) -> BaseGeometry:
    parts = [part for part in shapely.get_parts(shape) if part.geom_type == "Polygon"]
    if shape.geom_type == "GeometryCollection":
        parts = [
            each
            for part in shapely.get_parts(shape)
            for each in shapely.get_parts(part)
            if each.geom_type == "Polygon"
        ]
    whole: BaseGeometry = parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)
    return whole
