"""Rules of the sign "only near the road": how much of the way walked, and of the fields, lies there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from foundation.crs import STORAGE_EPSG, gauss_krueger_epsg, reproject
from patrol.rounds.lattice import Lattice, lattice_over
from patrol.rounds.measures import measure, spans_of, stretches
from patrol.rounds.tracks import FixRules, Tracks

STILL_M = 4.0
"""Shorter steps between two fixes are jitter of a receiver that stands."""
MARGIN_M = 300.0
"""So far around the ground tracks are looked at."""
MOST_GROUNDS = 65_535


class Ground(NamedTuple):
    """A piece of the net: outline in EPSG:4490, and whose it is."""

    division_code: str
    shape: BaseGeometry


class Walked(NamedTuple):
    """One valid outing on record."""

    patrol_id: UUID
    post_id: UUID
    started_at: datetime
    ended_at: datetime


class AlongRoad(NamedTuple):
    """One valid outing: metres walked, and how many of them near a road."""

    patrol_id: UUID
    started_at: datetime
    walked_m: float
    near_m: float


@dataclass(frozen=True)
class Roadside:
    """What lies near the roads of some ground, on a lattice.

    Attributes
    ----------
    is_near : (rows, columns) bool
        Within the given metres of a road.
    field_nodes, near_nodes : mapping of division code -> int
        Nodes of the division's own ground on farmland, and how many of them are near.
    """

    lattice: Lattice
    is_near: NDArray[np.bool_]
    field_nodes: dict[str, int]
    near_nodes: dict[str, int]

    def field_share(self, division_prefix: str) -> float | None:
        """Share of a division's farmland that lies near a road; None without farmland."""
        fields = sum(count for code, count in self.field_nodes.items() if code.startswith(division_prefix))
        near = sum(count for code, count in self.near_nodes.items() if code.startswith(division_prefix))
        return near / fields if fields else None


def roadside_of(
    grounds: Sequence[Ground], fields: Sequence[BaseGeometry], roads: Sequence[BaseGeometry], *, near_m: float
) -> Roadside:
    """Draw ground, farmland and the surroundings of roads; shapes in EPSG:4490.

    Raises
    ------
    ValueError
        No ground, or more divisions than a lattice can tell apart.
    """
    codes = sorted({ground.division_code for ground in grounds})
    if not codes or len(codes) > MOST_GROUNDS:
        raise ValueError("a roadside is drawn over 1 to 65,535 divisions")
    number = {code: place for place, code in enumerate(codes, start=1)}
    bounds = shapely.total_bounds(np.array([ground.shape for ground in grounds], dtype=object))
    lattice = lattice_over(tuple(bounds), margin_m=MARGIN_M)
    numbers = lattice.draw(((ground.shape, number[ground.division_code]) for ground in grounds), "uint16")
    is_field = lattice.draw(((shape, 1) for shape in fields), "uint8") == 1
    belts = _belts(roads, near_m)
    is_near = lattice.draw(((shape, 1) for shape in belts), "uint8") == 1
    least = len(codes) + 1
    whole = np.bincount(numbers[is_field], minlength=least)
    near = np.bincount(numbers[is_field & is_near], minlength=least)
    return Roadside(
        lattice,
        is_near,
        {code: int(whole[place]) for code, place in number.items()},
        {code: int(near[place]) for code, place in number.items()},
    )


def along_roads(
    outings: Sequence[Walked], tracks: Tracks, roadside: Roadside, rules: FixRules
) -> dict[UUID, list[AlongRoad]]:
    """What each post walked, outing by outing; silent stretches and refused fixes count as nothing.

    Parameters
    ----------
    tracks : Tracks
        Of the outings, in their order.
    """
    spans = spans_of([(outing.started_at, outing.ended_at) for outing in outings])
    codes = measure(tracks, spans, rules).codes
    places, starts = stretches(tracks, codes, rules.gap_max)
    count = len(outings)
    walked, near = np.zeros((2, count))
    if len(places) > 1:
        at = roadside.lattice.places(tracks.lon[places], tracks.lat[places])
        step_m = np.hypot(*np.diff(at, axis=0).T) * roadside.lattice.spacing_m
        is_step = np.ones(len(step_m), dtype=np.bool_)
        is_step[starts[1:-1] - 1] = False
        step_m = np.where(is_step & (step_m >= STILL_M), step_m, 0.0)
        is_near = _looked_up(roadside, at).astype(np.float64)
        outing = np.searchsorted(tracks.starts, places[:-1], side="right") - 1
        walked = _sums(outing, step_m, count)
        beside = step_m * (is_near[:-1] + is_near[1:]) / 2.0
        near = _sums(outing, beside, count)
    found: dict[UUID, list[AlongRoad]] = defaultdict(list)
    for one, walked_m, near_m in zip(outings, walked.tolist(), near.tolist(), strict=True):
        found[one.post_id].append(AlongRoad(one.patrol_id, one.started_at, walked_m, near_m))
    return dict(found)


def _belts(roads: Sequence[BaseGeometry], near_m: float) -> list[BaseGeometry]:
    if not roads:
        return []
    local = gauss_krueger_epsg(float(shapely.bounds(roads[0])[0]))
    on_plane = [reproject(shape, STORAGE_EPSG, local) for shape in roads]
    belts = shapely.buffer(np.array(on_plane, dtype=object), near_m, quad_segs=4)
    return [reproject(shape, local, STORAGE_EPSG) for shape in belts]


def _sums(of: NDArray[np.int64], weights: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    sums: NDArray[np.float64] = np.bincount(of, weights=weights, minlength=count).astype(np.float64)
    return sums


def _looked_up(roadside: Roadside, at: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether places (k, 2) of the lattice are near; outside it nothing is."""
    nodes = np.rint(at).astype(np.int64)
    size = np.array([roadside.lattice.columns, roadside.lattice.rows])
    is_on = ((nodes >= 0) & (nodes < size)).all(axis=1)
    found = np.zeros(len(nodes), dtype=np.bool_)
    found[is_on] = roadside.is_near[nodes[is_on, 1], nodes[is_on, 0]]
    return found
