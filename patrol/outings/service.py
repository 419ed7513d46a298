"""Verbs of outings: the next one of a person, from the tasks as they stand now.

Nothing is stored: asked again after a task was signed, done or added, the answer is a new one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from foundation.access import Actor
from foundation.crs import lies_in_china
from foundation.errors import InvalidInput
from patrol.lists import service as lists
from patrol.lists.views import AssignmentView
from patrol.outings import store
from patrol.outings.routes import Lonlat, Task, bundle, outing_policy, plan_route

ON_SITE = frozenset({"verify", "rectify", "recheck"})
PAGE = 500


@dataclass(frozen=True, slots=True)
class OutingStop:
    """One task of the outing, as the list and the map show it."""

    place: int
    assignment: AssignmentView
    leg_m: float
    arrives_at: datetime
    is_late: bool


@dataclass(frozen=True, slots=True)
class Outing:
    """The next outing of a person."""

    made_at: datetime
    start: Lonlat | None
    start_kind: str
    """``own_place``, ``middle_of_ground``, or ``first_task`` where the ground is not known."""
    stops: tuple[OutingStop, ...]
    line: tuple[Lonlat, ...]
    """Start, stops, start; longitude, latitude, EPSG:4490."""
    length_m: float
    back_at: datetime
    left: int
    """Open tasks on site that are left for another outing."""
    is_proven: bool
    """No order is better; else none was found in the time that one answer is worth."""


def next_outing(session: Session, actor: Actor, *, now: datetime, start: Lonlat | None = None) -> Outing:
    """The actor's open tasks on site that lie together, in the order in which to go.

    Parameters
    ----------
    start : tuple of float, optional
        Longitude, latitude, degrees, EPSG:4490; else the middle of the ground of the actor's posts.

    Raises
    ------
    InvalidInput
        ``patrol.outing.bad_start``: not a place in China.
    """
    if start is not None and not lies_in_china((*start, *start)):
        raise InvalidInput("patrol.outing.bad_start", lon=start[0], lat=start[1])
    policy = outing_policy()
    views = _open_tasks(session, actor, now)
    tasks = [Task(view.assignment_id, view.label_point, view.due_at) for view in views.values()]
    chosen = bundle(tasks, policy)
    begin, kind = _start(session, actor, start, chosen)
    if begin is None:
        return Outing(now, None, kind, (), (), 0.0, now, 0, is_proven=True)
    route = plan_route(chosen, begin, now, policy)
    stops = tuple(
        OutingStop(place, views[stop.task.assignment_id], stop.leg_m, stop.arrives_at, stop.is_late)
        for place, stop in enumerate(route.stops, start=1)
    )
    line = (begin, *(stop.task.lonlat for stop in route.stops), begin) if stops else ()
    left = len(tasks) - len(stops)
    return Outing(
        now, begin, kind, stops, line, route.length_m, route.back_at, left, is_proven=route.is_proven
    )


def _start(
    session: Session, actor: Actor, start: Lonlat | None, chosen: list[Task]
) -> tuple[Lonlat | None, str]:
    if start is not None:
        return start, "own_place"
    middle = store.middle_of_ground(session, actor.post_ids)
    if middle is not None:
        return middle, "middle_of_ground"
    return (chosen[0].lonlat if chosen else None), "first_task"


def _open_tasks(session: Session, actor: Actor, now: datetime) -> dict[UUID, AssignmentView]:
    """Every open task on site of the actor and of the actor's posts."""
    found: dict[UUID, AssignmentView] = {}
    cursor = None
    while True:
        page = lists.list_assignments(session, actor, now=now, limit=PAGE, cursor=cursor)
        found |= {view.assignment_id: view for view in page.items if view.kind in ON_SITE}
        cursor = page.next_cursor
        if cursor is None:
            return found
