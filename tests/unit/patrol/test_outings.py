"""Tracks: every fix is counted once, packing loses nothing, and a walk counts when it should."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from uuid import UUID

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation.calendar import SHANGHAI, parse_period
from foundation.crs import distance_m
from foundation.errors import Defect, InvalidInput
from patrol.rounds.measures import Walks, grounds_of, in_ground, measure
from patrol.rounds.packing import pack, unpack
from patrol.rounds.patrols import PatrolBody, assess, check_body, in_ground_share, patrol_policy
from patrol.rounds.tracks import Fix, Tracks, tick_of, tracks_of
from patrol.visits.visits import bd09_to_gcj02, gcj02_to_wgs84, to_storage, wgs84_to_gcj02

START = datetime(2026, 9, 8, 9, 0, tzinfo=SHANGHAI)
END = START + timedelta(hours=2)
GROUND = shapely.box(112.74, 34.94, 112.76, 34.96)
RULES = patrol_policy().fix_rules

fix_lists = st.lists(
    st.builds(
        Fix,
        st.integers(-3_600_000, 10_800_000).map(lambda ms: START + timedelta(milliseconds=ms)),
        st.floats(112.70, 112.80),
        st.floats(34.90, 35.00),
        st.floats(0, 300),
        st.booleans(),
    ),
    max_size=60,
)


def body(fixes: list[Fix], tasks: int = 0) -> PatrolBody:
    return PatrolBody(UUID(int=1), UUID(int=2), START, END, tracks_of([fixes]), tasks)


def walk(
    count: int, *, step_s: int = 30, lon: float = 112.745, speed_deg: float = 2e-4, **kw: object
) -> list[Fix]:
    return [
        Fix(START + timedelta(seconds=step_s * i), lon + speed_deg * i, 34.95, 5.0 + i % 4, **kw)  # type: ignore[arg-type]
        for i in range(count)
    ]


def measured(*outings: list[Fix]) -> tuple[Tracks, Walks]:
    tracks = tracks_of(outings)
    spans = np.tile(np.array([[tick_of(START), tick_of(END)]], dtype=np.int64), (len(outings), 1))
    return tracks, measure(tracks, spans, RULES)


def sifted_by_hand(fixes: list[Fix]) -> tuple[list[Fix], dict[str, int]]:
    """The rules in words, one fix after the other: what the compiled loops must agree with."""
    usable: list[Fix] = []
    refused: dict[str, int] = {}
    for fix in fixes:
        last, reason = usable[-1] if usable else None, None
        if fix.is_mock:
            reason = "mock"
        elif fix.accuracy_m > RULES.accuracy_max_m:
            reason = "accuracy"
        elif not START <= fix.t <= END or (last is not None and fix.t == last.t):
            reason = "time"
        elif last is not None:
            far = distance_m((last.lon, last.lat), (fix.lon, fix.lat))
            allowed = RULES.speed_max_m_s * (fix.t - last.t).total_seconds()
            if far - last.accuracy_m - fix.accuracy_m > allowed:
                reason = "jump"
        if reason is None:
            usable.append(fix)
        else:
            refused[reason] = refused.get(reason, 0) + 1
    return usable, refused


@given(outings=st.lists(fix_lists, max_size=4))
@settings(deadline=None)
def test_every_fix_is_usable_or_refused_for_a_reason(outings: list[list[Fix]]) -> None:
    tracks, walks = measured(*outings)
    for place, fixes in enumerate(outings):
        usable, refused = sifted_by_hand(tracks.fixes(place))
        assert walks.usable[place] == len(usable)
        assert {key: found[place] for key, found in walks.refused.items() if found[place]} == refused
        assert len(usable) + sum(refused.values()) == len(fixes)
        assert 0.0 <= walks.duration_min[place] <= 120.0
        assert walks.distance_m[place] >= 0.0


@given(outings=st.lists(fix_lists, max_size=4))
@settings(deadline=None)
def test_packing_keeps_every_fix(outings: list[list[Fix]]) -> None:
    tracks = tracks_of(outings)
    again = unpack(pack(tracks))
    for one, other in zip(vars(tracks).values(), vars(again).values(), strict=True):
        np.testing.assert_array_equal(one, other)
    for place, fixes in enumerate(outings):
        for before, after in zip(sorted(fixes), again.fixes(place), strict=True):
            assert abs((after.t - before.t).total_seconds()) <= 0.0051
            assert distance_m((before.lon, before.lat), (after.lon, after.lat)) < 0.02
            assert after.accuracy_m == pytest.approx(before.accuracy_m, abs=0.051)
            assert after.is_mock == before.is_mock


def test_packed_fixes_are_small_and_damage_is_found() -> None:
    data = pack(tracks_of([walk(240)]))[0]
    assert len(data) < 240 * 9
    flipped = bytearray(data)
    flipped[100] ^= 1
    for damaged in (b"", data[:-3], b"nonsense", bytes(flipped)):
        with pytest.raises(Defect):
            unpack([data, damaged])


def test_a_walk_of_known_length() -> None:
    fixes = walk(50)
    straight = distance_m((fixes[0].lon, 34.95), (fixes[-1].lon, 34.95))
    _, walks = measured(fixes)
    assert walks.distance_m[0] == pytest.approx(straight, rel=1e-4)
    assert walks.duration_min[0] == pytest.approx(24.5)


def test_a_phone_that_lies_still_walks_nowhere() -> None:
    still = [Fix(START + timedelta(seconds=30 * i), 112.75 + (i % 3) * 2e-5, 34.95, 8.0) for i in range(100)]
    assert measured(still)[1].distance_m[0] == 0.0


def test_silence_is_not_walked() -> None:
    first, second = walk(10), [fix._replace(t=fix.t + timedelta(minutes=50)) for fix in walk(10)]
    _, walks = measured([*first, *second])
    assert walks.duration_min[0] == pytest.approx(9.0)


@given(
    places=st.lists(
        st.tuples(st.floats(112.735, 112.785), st.floats(34.935, 34.985)), min_size=1, max_size=40
    )
)
@settings(deadline=None)
def test_the_lattice_tells_what_the_outline_tells(places: list[tuple[float, float]]) -> None:
    cells = [
        GROUND,
        shapely.box(112.76, 34.94, 112.78, 34.96).union(shapely.box(112.76, 34.96, 112.765, 34.98)),
    ]
    fixes = [Fix(START + timedelta(seconds=30 * i), *place, 5.0) for i, place in enumerate(places)]
    tracks = tracks_of([fixes] * 3)
    own = np.array([[0, 0], [1, 1], [0, 1]], dtype=np.int64)
    codes = np.zeros(tracks.fix_count, dtype=np.uint8)
    found = in_ground(tracks, codes, grounds_of(cells), own, margin_m=100.0)
    for share, ground in zip(found, [*cells, shapely.union_all(cells)], strict=True):
        assert share == in_ground_share(tracks.lonlat_deg(slice(0, len(fixes))), ground, margin_m=100.0)


@pytest.mark.parametrize(
    ("fixes", "tasks", "proved", "is_valid", "decides"),
    [
        (walk(40), 0, 0, True, []),
        (walk(10, speed_deg=1e-5), 0, 0, False, ["too_short"]),
        (walk(40, lon=112.80), 0, 0, False, ["outside_grid"]),
        (walk(40, is_mock=True), 0, 0, False, ["no_fixes"]),
        ([], 3, 3, True, []),
        ([], 3, 0, False, ["no_fixes"]),
        (walk(4, step_s=60, speed_deg=4.0e-3), 0, 0, True, []),
    ],
    ids=["honest", "short", "elsewhere", "mock", "task proved", "task claimed", "far but quick"],
)
def test_what_counts(fixes: list[Fix], tasks: int, proved: int, is_valid: bool, decides: list[str]) -> None:
    result = assess(body(fixes, tasks), ground_4490=GROUND, tasks_proved=proved, policy=patrol_policy())
    assert result.is_valid is is_valid
    assert [reason.code for reason in result.reasons if reason.decides] == decides


def test_teleports_are_shown_and_do_not_count() -> None:
    fixes = walk(40)
    fixes[20] = fixes[20]._replace(lon=113.5)
    result = assess(body(fixes), ground_4490=GROUND, tasks_proved=0, policy=patrol_policy())
    assert result.is_valid
    assert [(reason.code, reason.fix_count) for reason in result.reasons] == [("jump", 1)]


def test_the_margin_around_the_grid_is_a_hundred_metres() -> None:
    edge_deg = 112.76
    for metres, expected in ((90, 1.0), (110, 0.0)):
        lon = edge_deg + metres / distance_m((112.76, 34.95), (113.76, 34.95))
        assert in_ground_share(np.array([[lon, 34.95]]), GROUND, margin_m=100.0) == expected


def test_bodies_that_cannot_be() -> None:
    good = walk(3)
    for wrong in (
        PatrolBody(UUID(int=1), UUID(int=2), END, START, tracks_of([good])),
        PatrolBody(UUID(int=1), UUID(int=2), START.replace(tzinfo=None), END, tracks_of([good])),
        body([Fix(START, 35.0, 112.7, 5.0)]),
    ):
        with pytest.raises(InvalidInput):
            check_body(wrong)


@given(day=st.integers(1, 28))
@settings(max_examples=28)
def test_quotas_are_pro_rata(day: int) -> None:
    month = parse_period("2026-09")
    whole = patrol_policy().required(tier=4, kind="grid_officer", period=month, since=date(2020, 1, 1))
    assert whole == pytest.approx(2 * 30 / 7)
    joined = date(2026, 9, day)
    before = patrol_policy().required(
        tier=4, kind="grid_officer", period=month, since=date(2020, 1, 1), until=joined
    )
    after = patrol_policy().required(tier=4, kind="grid_officer", period=month, since=joined)
    assert before + after == pytest.approx(whole)


def test_weeks_of_a_quota_add_up() -> None:
    week = parse_period("2026-W37")
    policy = patrol_policy()
    since = date(2020, 1, 1)
    assert policy.required(tier=4, kind="field_chief", period=week, since=since) == 1.0
    assert policy.required(tier=3, kind="field_chief", period=week, since=since) == pytest.approx(14 / 30)
    assert policy.required(tier=3, kind="station", period=week, since=since) == 0.0


@given(lon=st.floats(112.5, 113.7), lat=st.floats(34.8, 35.5))
def test_shifted_coordinates_come_back(lon: float, lat: float) -> None:
    shifted = wgs84_to_gcj02((lon, lat))
    assert 200 < distance_m((lon, lat), shifted) < 900
    assert distance_m((lon, lat), gcj02_to_wgs84(shifted)) < 0.001
    assert distance_m((lon, lat), to_storage(shifted, "gcj02")) < 0.001
    assert 500 < distance_m(shifted, bd09_to_gcj02(shifted)) < 1500


def test_unlabelled_coordinates_are_refused() -> None:
    for source in (None, "", "gps"):
        with pytest.raises(InvalidInput) as error:
            to_storage((112.7, 34.9), source)
        assert error.value.code == "patrol.visit.coordinates_unlabelled"
