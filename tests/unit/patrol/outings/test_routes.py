"""The order of an outing is the best there is, and nothing of it depends on the order of the list."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from itertools import permutations
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation.calendar import SHANGHAI
from patrol.outings.routes import OutingPolicy, Task, bundle, outing_policy, plan_route

NOW = datetime(2026, 9, 8, 8, 0, tzinfo=SHANGHAI)
START = (112.75, 34.95)
POLICY = OutingPolicy(stops_max=6, radius_km=5.0, speed_kmh=25.0, detour=1.3, visit_minutes=30)


def task(number: int, east: float, north: float, hours: float = 48) -> Task:
    return Task(UUID(int=number), (START[0] + east, START[1] + north), NOW + timedelta(hours=hours))


def cost(order: tuple[Task, ...]) -> tuple[int, float]:
    """Lateness and length of an order, reckoned leg by leg."""
    at, clock, length_m, late = START, NOW, 0.0, 0
    for one in order:
        leg_m = POLICY.way_m(at, one.lonlat)
        clock += POLICY.travel(leg_m)
        late += clock > one.due_at + timedelta(milliseconds=1)
        clock += timedelta(minutes=POLICY.visit_minutes)
        at, length_m = one.lonlat, length_m + leg_m
    return late, length_m + POLICY.way_m(at, START)


offsets = st.integers(-40, 40).map(lambda thousandths: thousandths / 1000)
lists = st.lists(st.tuples(offsets, offsets, st.sampled_from([0.4, 0.9, 1.5, 48])), min_size=1, max_size=5)


@settings(max_examples=60, deadline=None)
@given(lists)
def test_no_order_is_better(places: list[tuple[float, float, float]]) -> None:
    tasks = [task(number, *place) for number, place in enumerate(places)]
    route = plan_route(tasks, START, NOW, POLICY)
    assert sorted(stop.task for stop in route.stops) == sorted(tasks)
    late, length_m = min(cost(order) for order in permutations(tasks))
    assert sum(stop.is_late for stop in route.stops) == late
    assert route.length_m == pytest.approx(length_m, abs=0.01)
    assert plan_route(tasks[::-1], START, NOW, POLICY) == route


def best_of_all(tasks: list[Task]) -> tuple[int, float]:
    """Fewest late and shortest, by dynamic programming over sets of stops (Held and Karp, 1962).

    Every pair of lateness and length is kept that no other beats in both.
    """
    places = [one.lonlat for one in tasks]
    level = {
        (1 << k, k): {(_is_late(tasks[k], 1, out), out)} for k, out in enumerate(map(_from_start, places))
    }
    for count in range(2, len(tasks) + 1):
        longer: dict[tuple[int, int], set[tuple[int, float]]] = {}
        for (seen, last), found in level.items():
            for k in (k for k in range(len(tasks)) if not seen & (1 << k)):
                leg_m = POLICY.way_m(places[last], places[k])
                reached = {(late + _is_late(tasks[k], count, m + leg_m), m + leg_m) for late, m in found}
                longer.setdefault((seen | 1 << k, k), set()).update(reached)
        level = {key: _unbeaten(found) for key, found in longer.items()}
    return min(
        (late, m + _from_start(places[last])) for (_, last), found in level.items() for late, m in found
    )


def _from_start(place: tuple[float, float]) -> float:
    return POLICY.way_m(START, place)


def _is_late(one: Task, count: int, length_m: float) -> bool:
    spent = POLICY.travel(length_m) + timedelta(minutes=POLICY.visit_minutes) * (count - 1)
    return NOW + spent > one.due_at + timedelta(milliseconds=1)


def _unbeaten(found: set[tuple[int, float]]) -> set[tuple[int, float]]:
    kept: list[tuple[int, float]] = []
    for late, length_m in sorted(found):
        if not kept or length_m < kept[-1][1]:
            kept.append((late, length_m))
    return set(kept)


@pytest.mark.parametrize("hours", [(0.4, 5), (0.4, 8), (1, 30)])
def test_a_whole_days_round_is_the_best_there_is(hours: tuple[float, float]) -> None:
    draw = random.Random(str(hours))
    for _ in range(2):
        tasks = [
            task(number, draw.uniform(-0.1, 0.1), draw.uniform(-0.08, 0.08), draw.uniform(*hours))
            for number in range(9)
        ]
        route, (late, length_m) = plan_route(tasks, START, NOW, POLICY), best_of_all(tasks)
        assert sum(stop.is_late for stop in route.stops) == late
        assert route.length_m == pytest.approx(length_m, abs=0.02)


def test_the_order_does_not_hang_on_the_machine() -> None:
    draw = random.Random(4108)
    tasks = [task(n, draw.uniform(-0.1, 0.1), draw.uniform(-0.1, 0.1), draw.uniform(1, 6)) for n in range(14)]
    route = plan_route(tasks, START, NOW, POLICY)
    assert {stop.task for stop in route.stops} == set(tasks)
    assert not route.is_proven  # so many are beyond what one answer is worth
    assert plan_route(tasks, START, NOW, POLICY) == route


def test_a_deadline_goes_before_a_shorter_way() -> None:
    near, far = task(1, 0.01, 0), task(2, 0.04, 0, hours=0.4)
    assert [s.task for s in plan_route([near, far], START, NOW, POLICY).stops] == [far, near]


def test_far_tasks_and_those_over_the_limit_are_left() -> None:
    pressing = task(99, 0, 0, hours=1)
    near = [task(number, number / 1000, 0) for number in range(1, 9)]
    chosen = bundle([*near, task(50, 1.0, 0), pressing], POLICY)
    assert chosen == [pressing, *near[:5]]
    assert bundle([], POLICY) == []


def test_the_policy_as_shipped_is_small_enough_to_be_proven() -> None:
    assert outing_policy().stops_max <= 10
