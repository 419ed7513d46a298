"""Joining the pieces of a village until each holds enough: always along the longest common border."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry


class Face(NamedTuple):
    """One piece in the plane (metres), and how many square metres in it are to be watched."""

    shape: BaseGeometry
    weight: float


def merge_faces(faces: Sequence[Face], *, smallest: float, largest: float) -> list[list[int]]:
    """Groups of pieces; each group is connected where its pieces are.

    The lightest group below `smallest` joins, again and again, the neighbour with the longest common border
    that does not grow beyond `largest` by it; where there is none, the lightest neighbour; an island joins
    the nearest group.

    Returns
    -------
    list of list of int
        Places in `faces`; every piece is in exactly one group.
    """
    pool = _Pool(faces)
    heap = [(face.weight, place) for place, face in enumerate(faces) if face.weight < smallest]
    heapq.heapify(heap)
    while heap and len(pool.groups) > 1:
        weight, place = heapq.heappop(heap)
        if place not in pool.groups or pool.weights[place] != weight:
            continue
        kept = pool.join(place, pool.partner(place, largest))
        if pool.weights[kept] < smallest:
            heapq.heappush(heap, (pool.weights[kept], kept))
    return [sorted(members) for _, members in sorted(pool.groups.items())]


class _Pool:
    """Groups by the place of their first piece, with weights and common borders."""

    def __init__(self, faces: Sequence[Face]) -> None:
        self.shapes = np.array([face.shape for face in faces], dtype=object)
        self.groups = {place: [place] for place in range(len(faces))}
        self.weights = {place: face.weight for place, face in enumerate(faces)}
        self.borders: dict[int, dict[int, float]] = {place: {} for place in self.groups}
        tree = shapely.STRtree(self.shapes)
        one, other = tree.query(self.shapes, predicate="intersects")
        is_pair = one < other
        one, other = one[is_pair], other[is_pair]
        lengths = shapely.length(
            shapely.intersection(shapely.boundary(self.shapes[one]), shapely.boundary(self.shapes[other]))
        )
        for a, b, length in zip(one.tolist(), other.tolist(), lengths.tolist(), strict=True):
            if length > 0:
                self.borders[a][b] = self.borders[b][a] = length

    def partner(self, place: int, largest: float) -> int:
        near = self.borders[place]
        if not near:
            return self._nearest(place)
        fitting = [other for other in near if self.weights[other] + self.weights[place] <= largest]
        if fitting:
            return max(fitting, key=lambda other: (near[other], -other))
        return min(near, key=lambda other: (self.weights[other], other))

    def join(self, place: int, other: int) -> int:
        kept, gone = min(place, other), max(place, other)
        self.groups[kept] += self.groups.pop(gone)
        self.weights[kept] += self.weights.pop(gone)
        for neighbour, length in self.borders.pop(gone).items():
            del self.borders[neighbour][gone]
            if neighbour != kept:
                total = self.borders[kept].get(neighbour, 0.0) + length
                self.borders[kept][neighbour] = self.borders[neighbour][kept] = total
        return kept

    def _nearest(self, place: int) -> int:
        own = shapely.union_all(self.shapes[self.groups[place]])
        return min(
            (other for other in self.groups if other != place),
            key=lambda other: (
                float(shapely.distance(own, self.shapes[self.groups[other]]).min()),
                other,
            ),
        )
