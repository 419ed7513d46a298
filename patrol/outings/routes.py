"""The order of an outing: fewest tasks too late, then the shortest way; exact, for the stops of one day."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from foundation.crs import distance_m

POLICY_FILE = Path(__file__).resolve().parents[2] / "data" / "policies" / "outings.toml"
Lonlat = tuple[float, float]


@dataclass(frozen=True, slots=True)
class OutingPolicy:
    """How far and how fast people go in one outing."""

    stops_max: int
    radius_km: float
    speed_kmh: float
    detour: float
    visit_minutes: float

    def way_m(self, start: Lonlat, end: Lonlat) -> float:
        """Length of the way between two points (degrees, EPSG:4490): straight line times the detour."""
        return distance_m(start, end) * self.detour

    def travel(self, length_m: float) -> timedelta:
        """Time that a way takes."""
        return timedelta(hours=length_m / 1000 / self.speed_kmh)


class Task(NamedTuple):
    """A place that somebody must have seen by a deadline."""

    assignment_id: UUID
    lonlat: Lonlat
    due_at: datetime


class Stop(NamedTuple):
    """A task in its place in the order."""

    task: Task
    leg_m: float
    arrives_at: datetime
    is_late: bool


@dataclass(frozen=True, slots=True)
class Route:
    """Stops in order, and the way back to the start."""

    stops: tuple[Stop, ...]
    length_m: float
    back_at: datetime


class _Label(NamedTuple):
    """A way to stand at one stop after a set of stops: not beaten in lateness and length at once."""

    late: int
    length_m: float
    order: tuple[int, ...]


@lru_cache(maxsize=1)
def outing_policy() -> OutingPolicy:
    """The table ``outings.toml``."""
    return OutingPolicy(**tomllib.loads(POLICY_FILE.read_text("utf-8"))["outing"])


def bundle(tasks: Sequence[Task], policy: OutingPolicy) -> list[Task]:
    """Tasks of the next outing: the one due first, and those nearest to it within the radius.

    Equal distances are decided by deadline and id, so that the same tasks give the same outing.
    """
    if not tasks:
        return []
    first = min(tasks, key=lambda task: (task.due_at, task.assignment_id))
    near = sorted(
        (distance_m(first.lonlat, task.lonlat), task.due_at, task.assignment_id, task) for task in tasks
    )
    within = [task for apart_m, *_, task in near if apart_m <= policy.radius_km * 1000 and task != first]
    return [first, *within[: policy.stops_max - 1]]


def plan_route(tasks: Sequence[Task], start: Lonlat, now: datetime, policy: OutingPolicy) -> Route:
    """Order of all given tasks from a start and back to it.

    First as few as possible are reached after their deadline, then the way, with the way back, is as short as
    possible. Exact: dynamic programming over sets of stops that keeps every pair of lateness and length which
    no other beats in both.

    Parameters
    ----------
    tasks : sequence of Task
        At most ``policy.stops_max``: the work doubles with every stop.
    start : tuple of float
        Longitude, latitude, degrees, EPSG:4490.

    References
    ----------
    Held and Karp (1962), A Dynamic Programming Approach to Sequencing Problems.
    """
    tasks = sorted(tasks, key=lambda task: (task.due_at, task.assignment_id))
    if not tasks:
        return Route((), 0.0, now)
    places = [task.lonlat for task in tasks]
    out_m = [policy.way_m(start, place) for place in places]
    ways_m = [[policy.way_m(a, b) for b in places] for a in places]
    level: dict[tuple[int, int], list[_Label]] = {}
    for index in range(len(tasks)):
        late = _is_late(tasks[index], 1, out_m[index], now, policy)
        level[1 << index, index] = [_Label(int(late), out_m[index], (index,))]
    for count in range(2, len(tasks) + 1):
        level = _longer(level, tasks, ways_m, count=count, now=now, policy=policy)
    best = min(
        (label.late, label.length_m + out_m[last], label.order)
        for (_, last), labels in level.items()
        for label in labels
    )
    return _told(best[2], tasks, start, now=now, policy=policy)


def _longer(
    level: dict[tuple[int, int], list[_Label]],
    tasks: Sequence[Task],
    ways_m: Sequence[Sequence[float]],
    *,
    count: int,
    now: datetime,
    policy: OutingPolicy,
) -> dict[tuple[int, int], list[_Label]]:
    """All ways with one stop more."""
    found: dict[tuple[int, int], list[_Label]] = {}
    for (seen, last), labels in level.items():
        for index, task in enumerate(tasks):
            if seen & (1 << index):
                continue
            into = found.setdefault((seen | 1 << index, index), [])
            for label in labels:
                length_m = label.length_m + ways_m[last][index]
                late = label.late + _is_late(task, count, length_m, now, policy)
                into.append(_Label(late, length_m, (*label.order, index)))
    return {key: _unbeaten(labels) for key, labels in found.items()}


def _unbeaten(labels: list[_Label]) -> list[_Label]:
    kept: list[_Label] = []
    for label in sorted(labels):
        if not kept or label.length_m < kept[-1].length_m:
            kept.append(label)
    return kept


def _arrival(count: int, length_m: float, now: datetime, policy: OutingPolicy) -> datetime:
    """When the stop of this rank is reached; the stops before it took their time."""
    return now + policy.travel(length_m) + timedelta(minutes=policy.visit_minutes) * (count - 1)


def _is_late(task: Task, count: int, length_m: float, now: datetime, policy: OutingPolicy) -> bool:
    return _arrival(count, length_m, now, policy) > task.due_at


def _told(
    order: Sequence[int], tasks: Sequence[Task], start: Lonlat, *, now: datetime, policy: OutingPolicy
) -> Route:
    stops: list[Stop] = []
    at, length_m = start, 0.0
    for count, index in enumerate(order, start=1):
        task = tasks[index]
        leg_m = policy.way_m(at, task.lonlat)
        at, length_m = task.lonlat, length_m + leg_m
        arrives_at = _arrival(count, length_m, now, policy)
        stops.append(Stop(task, leg_m, arrives_at, arrives_at > task.due_at))
    home_m = policy.way_m(at, start)
    back_at = _arrival(len(stops) + 1, length_m + home_m, now, policy)
    return Route(tuple(stops), length_m + home_m, back_at)
