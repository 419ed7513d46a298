"""The sign "only near the road": who keeps to it is told, whoever walks all of their fields never is."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from foundation.calendar import SHANGHAI
from patrol.reports.alarms.roads import Ground, Roadside, Walked, along_roads, roadside_of
from patrol.reports.alarms.signs import Sign, Walker, alarm_policy, roadside_signs
from patrol.rounds.patrols import patrol_policy
from patrol.rounds.tracks import Fix, tracks_of

WEST, SOUTH = 112.75, 34.95
EAST_M, NORTH_M = 1.0 / 91_400.0, 1.0 / 110_940.0
WIDE, HIGH = 1500.0, 1200.0
START = datetime(2026, 9, 8, 7, 0, tzinfo=SHANGHAI)
POST = UUID(int=7)


def box(west: float, south: float, east: float, north: float) -> shapely.Polygon:
    return shapely.box(
        WEST + west * EAST_M, SOUTH + south * NORTH_M, WEST + east * EAST_M, SOUTH + north * NORTH_M
    )


def village(roads: list[shapely.Polygon]) -> Roadside:
    whole = box(0, 0, WIDE, HIGH)
    fields = shapely.difference(whole, shapely.union_all(roads))
    near_m = alarm_policy()["near_road"]["near_m"]
    return roadside_of([Ground("410883105201", whole)], [fields], roads, near_m=near_m)


def told(roadside: Roadside, metres: NDArray[np.float64], *, outings: int = 2) -> tuple[Sign, ...]:
    """What is told of somebody who walks the same way on some days, a fix every ten metres or so."""
    way = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(metres, axis=0).T))])
    at = np.arange(0.0, way[-1], 12.0)
    east, north = np.interp(at, way, metres[:, 0]), np.interp(at, way, metres[:, 1])
    fixes = [
        Fix(START + timedelta(seconds=12 * step), WEST + x * EAST_M, SOUTH + y * NORTH_M, 5.0)
        for step, (x, y) in enumerate(zip(east.tolist(), north.tolist(), strict=True))
    ]
    days = [timedelta(days=day) for day in range(outings)]
    tracks = tracks_of([[fix._replace(t=fix.t + day) for fix in fixes] for day in days])
    walked = [
        Walked(UUID(int=place), POST, START + day, fixes[-1].t + day)
        for place, day in enumerate(days, start=1)
    ]
    along = along_roads(walked, tracks, roadside, patrol_policy().fix_rules)[POST]
    assert sum(one.walked_m for one in along) == pytest.approx(outings * at[-1], rel=0.02)
    share = roadside.field_share("410883105201")
    walker = Walker("一村网格员", "甲", "410883105201", "西虢镇 一村", share or 0.0, tuple(along))
    return roadside_signs([walker], names_persons=True)


def rows_of(step_m: float, *, is_turned: bool) -> NDArray[np.float64]:
    """All of the ground in rows, there and back."""
    length, breadth = (HIGH, WIDE) if is_turned else (WIDE, HIGH)
    ends = [
        (0.0 if (row + side) % 2 == 0 else length, min(row * step_m, breadth))
        for row in range(int(breadth / step_m) + 1)
        for side in (0, 1)
    ]
    way = np.array(ends)
    return way[:, ::-1] if is_turned else way


roads_across = st.lists(
    st.tuples(st.booleans(), st.floats(20.0, 1150.0), st.floats(4.0, 25.0)), min_size=1, max_size=4
)


def strips(rows: list[tuple[bool, float, float]]) -> list[shapely.Polygon]:
    return [
        box(at, 0, at + wide, HIGH) if is_upright else box(0, at, WIDE, at + wide)
        for is_upright, at, wide in rows
    ]


@settings(max_examples=25, deadline=None)
@given(rows=roads_across, step_m=st.floats(60.0, 150.0), is_turned=st.booleans())
def test_walking_all_the_fields_is_never_told(
    rows: list[tuple[bool, float, float]], step_m: float, is_turned: bool
) -> None:
    assert told(village(strips(rows)), rows_of(step_m, is_turned=is_turned)) == ()


@settings(max_examples=25, deadline=None)
@given(row=st.tuples(st.booleans(), st.floats(20.0, 1150.0), st.floats(4.0, 25.0)), times=st.integers(2, 5))
def test_to_and_fro_on_the_road_is_told_with_its_outings(row: tuple[bool, float, float], times: int) -> None:
    is_upright, at, wide = row
    end = HIGH if is_upright else WIDE
    along = np.array([(place % 2 * end, at + wide / 2) for place in range(times + 1)], dtype=np.float64)
    (sign,) = told(village(strips([row])), along[:, ::-1] if is_upright else along)
    assert (sign.key, sign.item_kind) == ("near_road", "patrol")
    assert sign.items == (str(UUID(int=1)), str(UUID(int=2)))
    assert sign.notes[0].startswith("2026-09-08 07:00")
    assert "一村网格员甲" in sign.zh
    assert sign.zh.endswith("请核实")


def test_where_all_fields_lie_along_roads_walking_there_is_right() -> None:
    roads = [box(0, at, WIDE, at + 8.0) for at in np.arange(40.0, HIGH, 100.0)]
    along = np.array([(0.0, 544.0), (WIDE, 544.0), (0.0, 544.0)])
    assert told(village(roads), along) == ()


def test_little_walked_tells_nothing() -> None:
    road = box(0, 600.0, WIDE, 608.0)
    once = np.array([(0.0, 604.0), (WIDE, 604.0)])
    assert told(village([road]), once, outings=1) == ()
    assert told(village([road]), once, outings=3) != ()
