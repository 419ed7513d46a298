"""One outing: which tasks go together, in which order, and when each is reached."""

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
from patrol.outings.ordering import best_order

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
    """Stops in order, and the way back to the start.

    Attributes
    ----------
    is_proven : bool
        No order is better; else none was found with the effort that one answer is worth.
    """

    stops: tuple[Stop, ...]
    length_m: float
    back_at: datetime
    is_proven: bool


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
    possible. The same tasks give the same order, however they are listed.

    Parameters
    ----------
    start : tuple of float
        Longitude, latitude, degrees, EPSG:4490.
    """
    tasks = sorted(tasks, key=lambda task: (task.due_at, task.assignment_id))
    if not tasks:
        return Route((), 0.0, now, is_proven=True)
    places = [start, *(task.lonlat for task in tasks)]
    ways_m = [[policy.way_m(a, b) for b in places] for a in places]
    found = best_order(
        [[round(way_m * 1000) for way_m in row] for row in ways_m],
        [[_ms(policy.travel(way_m)) for way_m in row] for row in ways_m],
        visit=_ms(timedelta(minutes=policy.visit_minutes)),
        due=[_ms(task.due_at - now) for task in tasks],
    )
    order = [place - 1 for place in found.places]
    return _told(order, tasks, start, now=now, policy=policy, is_proven=found.is_proven)


def _ms(span: timedelta) -> int:
    return span // timedelta(milliseconds=1)


def _arrival(count: int, length_m: float, now: datetime, policy: OutingPolicy) -> datetime:
    """When the stop of this rank is reached; the stops before it took their time."""
    return now + policy.travel(length_m) + timedelta(minutes=policy.visit_minutes) * (count - 1)


def _told(
    order: Sequence[int],
    tasks: Sequence[Task],
    start: Lonlat,
    *,
    now: datetime,
    policy: OutingPolicy,
    is_proven: bool,
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
    return Route(tuple(stops), length_m + home_m, back_at, is_proven)
