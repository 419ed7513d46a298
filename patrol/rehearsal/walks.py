"""Outings as people make them, and as they make them up."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
import shapely
from numpy.typing import NDArray

from patrol.rehearsal.city import City, Person
from patrol.rounds.tracks import ACCURACY_UNITS, DEGREE_UNITS, TICKS_A_SECOND, Tracks, tick_of

NORTH_DEG = 1.0 / 110_950.0
STEP_S = 15.0


@dataclass(frozen=True)
class Walk:
    """One outing: when, and the track as the phone recorded it."""

    started_at: datetime
    ended_at: datetime
    track: Tracks
    is_made_up: bool = False


@dataclass(frozen=True)
class Plane:
    """Metres around a place, for drawing."""

    lon: float
    lat: float

    def degrees(self, metres: NDArray[np.float64]) -> NDArray[np.float64]:
        """Offsets (k, 2) east and north of the place as lon/lat."""
        east = NORTH_DEG / np.cos(np.radians(self.lat))
        return np.column_stack([self.lon + metres[:, 0] * east, self.lat + metres[:, 1] * NORTH_DEG])


def walk_of(
    person: Person,
    city: City,
    start: datetime,
    rng: np.random.Generator,
    *,
    minutes: float,
    earlier: Sequence[Walk] = (),
    colleague: Walk | None = None,
) -> Walk:
    """One outing of a person, in character.

    Parameters
    ----------
    earlier : sequence of Walk
        The person's own, from which a replay is taken.
    colleague : Walk, optional
        Of the same village at the same time: the one that a carried phone goes with.
    """
    village = city.villages[int(rng.integers(person.villages[0], person.villages[1] + 1))]
    honest = honest_walk(village.outline, start, rng, minutes=minutes)
    make = CHEATS.get(person.character)
    if make is None:
        return honest
    made_up = make(Cheat(honest, village.outline, start, rng, earlier, colleague))
    return honest if made_up is honest else replace(made_up, is_made_up=True)


@dataclass(frozen=True)
class Cheat:
    """What somebody who makes up an outing has at hand."""

    honest: Walk
    ground: shapely.Polygon
    start: datetime
    rng: np.random.Generator
    earlier: Sequence[Walk]
    colleague: Walk | None


def honest_walk(
    ground: shapely.Polygon, start: datetime, rng: np.random.Generator, *, minutes: float
) -> Walk:
    """On foot along a round of one's own, with pauses, and a receiver that wanders."""
    plane, half = _plane(ground)
    corners = rng.uniform(-0.85, 0.85, size=(int(rng.integers(5, 9)), 2)) * half
    count = max(int(minutes * 60 / STEP_S), 12)
    pace = rng.uniform(0.7, 1.6) * rng.uniform(0.6, 1.25, size=count) * (rng.random(count) > 0.08)
    return _recorded(plane, _along(corners, np.cumsum(pace * STEP_S)), start, rng)


def _along(corners: NDArray[np.float64], way: NDArray[np.floating]) -> NDArray[np.float64]:
    """Places so many metres along a closed round of corners, again and again."""
    closed = np.vstack([corners, corners[:1]])
    ends = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(closed, axis=0).T))])
    at = way % ends[-1]
    return np.column_stack([np.interp(at, ends, closed[:, 0]), np.interp(at, ends, closed[:, 1])])


def _recorded(
    plane: Plane,
    metres: NDArray[np.float64],
    start: datetime,
    rng: np.random.Generator,
    *,
    noise_m: float = 1.6,
    accuracy_m: NDArray[np.float64] | None = None,
    step_s: float = STEP_S,
) -> Walk:
    count = len(metres)
    wander = np.cumsum(rng.normal(0, 0.25, size=(count, 2)), axis=0) if noise_m else 0.0
    lonlat = plane.degrees(metres + (rng.normal(0, noise_m, size=(count, 2)) if noise_m else 0.0) + wander)
    seconds = step_s * np.arange(count) + (rng.uniform(0, 0.9, size=count) if noise_m else 0.0)
    accuracy = (
        accuracy_m
        if accuracy_m is not None
        else rng.choice([4.0, 5.0, 6.5, 8.0, 12.0, 65.0], size=count, p=[0.25, 0.25, 0.2, 0.2, 0.09, 0.01])
    )
    return _walk(start, seconds, lonlat, accuracy)


def _walk(
    start: datetime, seconds: NDArray[np.floating], lonlat: NDArray[np.float64], accuracy: NDArray[np.float64]
) -> Walk:
    whole = np.rint(lonlat * DEGREE_UNITS).astype(np.int32)
    ticks = tick_of(start) + np.rint(seconds * TICKS_A_SECOND).astype(np.int64)
    track = Tracks(
        np.array([0, len(ticks)], dtype=np.int64),
        ticks,
        whole[:, 0].copy(),
        whole[:, 1].copy(),
        np.rint(accuracy * ACCURACY_UNITS).astype(np.uint16),
        np.zeros(len(ticks), dtype=np.bool_),
    )
    return Walk(start, start + timedelta(seconds=float(seconds[-1]) + 1.0), track)


def _moved(walk: Walk, start: datetime, rng: np.random.Generator, *, noise_m: float) -> Walk:
    seconds = (walk.track.ticks - walk.track.ticks[0]) / TICKS_A_SECOND
    lonlat = walk.track.lonlat_deg()
    if noise_m:
        lonlat = lonlat + rng.normal(0, noise_m * NORTH_DEG, size=lonlat.shape)
    return _walk(start, seconds, lonlat, walk.track.accuracy / ACCURACY_UNITS)


def _replay(cheat: Cheat) -> Walk:
    """An own earlier track sent again, every other time with noise on it."""
    if not cheat.earlier:
        return cheat.honest
    noise_m = float(cheat.rng.choice([0.0, 3.0]))
    return _moved(cheat.earlier[0], cheat.start, cheat.rng, noise_m=noise_m)


def _carried(cheat: Cheat) -> Walk:
    """One's phone in a colleague's pocket."""
    if cheat.colleague is None:
        return cheat.honest
    late = timedelta(seconds=float(cheat.rng.uniform(1, 9)))
    return _moved(cheat.colleague, cheat.colleague.started_at + late, cheat.rng, noise_m=2.0)


def _drawn(cheat: Cheat) -> Walk:
    """Straight lines at one pace, as a program draws them."""
    plane, half = _plane(cheat.ground)
    corners = cheat.rng.uniform(-0.7, 0.7, size=(4, 2)) * half
    way = 1.3 * STEP_S * np.arange(len(cheat.honest.track.ticks))
    steady = np.full(len(way), 5.0)
    return _recorded(plane, _along(corners, way), cheat.start, cheat.rng, noise_m=0.0, accuracy_m=steady)


def _table(cheat: Cheat) -> Walk:
    """The phone lies on a table in the village."""
    plane, half = _plane(cheat.ground)
    place = cheat.rng.uniform(-0.5, 0.5, size=2) * half
    count = len(cheat.honest.track.ticks)
    return _recorded(plane, np.tile(place, (count, 1)), cheat.start, cheat.rng, noise_m=4.0)


def _mocked(cheat: Cheat) -> Walk:
    """A mock provider moves the phone; the system says so for some fixes."""
    track = cheat.honest.track
    is_mock = cheat.rng.random(track.fix_count) < 0.3
    mocked = Tracks(track.starts, track.ticks, track.lon, track.lat, track.accuracy, is_mock)
    return Walk(cheat.honest.started_at, cheat.honest.ended_at, mocked)


def _jumping(cheat: Cheat) -> Walk:
    """A mock provider that is switched on and off: the phone leaps to the village and home again."""
    track = cheat.honest.track
    lat = track.lat.copy()
    lat[cheat.rng.random(len(lat)) < 0.2] += int(0.25 * DEGREE_UNITS)
    return Walk(
        cheat.honest.started_at,
        cheat.honest.ended_at,
        Tracks(track.starts, track.ticks, track.lon, lat, track.accuracy, track.is_mock),
    )


def _elsewhere(cheat: Cheat) -> Walk:
    """Walked honestly, but in another village."""
    west, south, east, north = shapely.bounds(cheat.ground)
    away = shapely.transform(
        cheat.ground, lambda points: points + np.array([1.5 * (east - west), 1.5 * (north - south)])
    )
    return honest_walk(away, cheat.start, cheat.rng, minutes=30.0)


def _driven(cheat: Cheat) -> Walk:
    """Round the village by car."""
    plane, half = _plane(cheat.ground)
    corners = cheat.rng.uniform(-0.9, 0.9, size=(6, 2)) * half
    count = 240
    pace = cheat.rng.uniform(8.0, 14.0, size=count)
    return _recorded(plane, _along(corners, np.cumsum(pace * 5.0)), cheat.start, cheat.rng, step_s=5.0)


def _plane(ground: shapely.Polygon) -> tuple[Plane, NDArray[np.float64]]:
    """The middle of a rectangle, and half its sides in metres."""
    west, south, east, north = shapely.bounds(ground)
    plane = Plane((west + east) / 2, (south + north) / 2)
    east_m = np.cos(np.radians(plane.lat)) / NORTH_DEG
    return plane, np.array([(east - west) / 2 * east_m, (north - south) / 2 / NORTH_DEG])


CHEATS: Mapping[str, Callable[[Cheat], Walk]] = {
    "replay": _replay,
    "carried": _carried,
    "drawn": _drawn,
    "table": _table,
    "mocked": _mocked,
    "jumping": _jumping,
    "elsewhere": _elsewhere,
    "driven": _driven,
}
TOLD_BY: Mapping[str, str] = {
    "replay": "replay",
    "carried": "replay",
    "drawn": "drawn",
    "table": "still",
    "mocked": "mock",
    "jumping": "jumps",
    "elsewhere": "outside_grid",
    "driven": "vehicle",
}
"""The doubt, or the reason for not counting, that tells each kind."""
