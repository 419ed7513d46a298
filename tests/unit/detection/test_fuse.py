"""Fusion: no lead is lost, order does not matter, one site is one patch, and a lead comes out whole.

Sightings (a place, an error radius, no outline) join the one open patch that they surely speak of, or wait.
"""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from detection.fuse import (
    Candidate,
    FusionPlan,
    distance_to_m,
    lock_cells,
    plan_fusion,
    suggestions,
)
from detection.leads import Lead, sighting
from detection.patches import Standing, combine, number_prefix, patch_number
from detection.rules import current_rules
from foundation.calendar import SHANGHAI
from foundation.crs import destination, ellipsoidal_area_m2
from foundation.errors import InvalidInput
from foundation.ids import derived_id

FUSION = current_rules().thresholds["fusion"]
START = datetime(2026, 4, 8, 11, tzinfo=SHANGHAI)
DEG = 1e-3


def lead(
    name: str,
    x: float,
    y: float,
    *,
    size: float = 1.0,
    source: str = "satellite",
    day: int = 0,
    days: int = 150,
    change_class: str = "new_building",
) -> Lead:
    """A square of about 100 m a unit."""
    west, south = 112.75 + x * DEG, 34.95 + y * DEG
    outline = shapely.box(west, south, west + size * DEG, south + size * DEG)
    area_m2 = ellipsoidal_area_m2(outline)
    begins = START + timedelta(days=day)
    ends = begins + timedelta(days=days)
    bands = (area_m2, area_m2 * 0.95, area_m2 * 1.05)
    return Lead(derived_id(name), source, "410883105201", begins, ends, outline, *bands, change_class, 0.8)


def seen(
    name: str,
    x: float,
    y: float,
    *,
    radius_m: float = 20.0,
    source: str = "camera",
    day: float = 100,
    change_class: str = "other",
) -> Lead:
    """A sighting at a place in the units of `lead`."""
    return sighting(
        lead_id=derived_id(name),
        source=source,
        division_code="410883105201",
        seen_at=START + timedelta(days=day),
        lonlat=(112.75 + x * DEG, 34.95 + y * DEG),
        radius_m=radius_m,
        change_class=change_class,
        confidence=0.7,
    )


def observed(index: int, row: tuple[float, float, float, str, int]) -> Lead:
    x, y, size, source, day = row
    if source == "camera":
        return seen(str(index), x, y, radius_m=20 + 60 * size, day=day)
    return lead(str(index), x, y, size=size, source=source, day=day)


def members(plan: FusionPlan) -> set[frozenset[object]]:
    return {frozenset(one.lead_id for one in group.leads) for group in plan.groups}


LEADS = st.lists(
    st.tuples(
        st.floats(0, 4),
        st.floats(0, 4),
        st.floats(0.3, 2),
        st.sampled_from(["satellite", "drone", "camera", "public", "patrol", "cadastre"]),
        st.integers(0, 400),
    ),
    min_size=1,
    max_size=12,
)


@given(rows=LEADS, seed=st.integers(0, 1000))
def test_every_lead_is_in_one_place_whatever_the_order(
    rows: list[tuple[float, float, float, str, int]], seed: int
) -> None:
    leads = [observed(index, row) for index, row in enumerate(rows)]
    plan = plan_fusion(leads, [], FUSION)
    placed = [one.lead_id for group in plan.groups for one in group.added]
    waiting = [one.lead_id for one in plan.waiting]
    assert sorted(map(str, placed + waiting)) == sorted(str(one.lead_id) for one in leads)
    shuffled = list(leads)
    random.Random(seed).shuffle(shuffled)
    assert members(plan_fusion(shuffled, [], FUSION)) == members(plan)
    assert all(any(not one.is_sighting for one in group.leads) for group in plan.groups)
    assert all(one.is_sighting for one in plan.waiting)


@settings(max_examples=40)
@given(rows=LEADS)
def test_taking_a_lead_out_leaves_what_the_others_make(
    rows: list[tuple[float, float, float, str, int]],
) -> None:
    leads = [observed(index, row) for index, row in enumerate(rows)]
    for group in plan_fusion(leads, [], FUSION).groups:
        for taken in group.leads:
            rest = [one for one in group.leads if one.lead_id != taken.lead_id]
            if not taken.is_sighting:
                alone = combine([taken], FUSION)
                assert alone.outline.equals(taken.ground)
                assert (alone.area_m2, alone.before_at) == (taken.area_m2, taken.observed_from)
            if any(not one.is_sighting for one in rest):
                assert combine(rest, FUSION) == combine(list(reversed(rest)), FUSION)
            if taken.is_sighting:
                # Fused again it comes back, and the patch never changed.
                assert combine(rest, FUSION) == group.shape
                stands = [
                    Candidate(derived_id("patch", index), tuple(one for one in g.leads if one is not taken))
                    for index, g in enumerate(plan_fusion(leads, [], FUSION).groups)
                ]
                [again] = plan_fusion([taken], stands, FUSION).groups
                assert {one.lead_id for one in again.leads} == {one.lead_id for one in group.leads}


SITES = st.lists(
    st.tuples(
        st.integers(1, 4),  # leads with outlines
        st.integers(0, 2),  # sightings
        st.floats(-0.05, 0.05),  # how far the sources disagree
        st.integers(0, 3),  # months between them
    ),
    min_size=1,
    max_size=5,
)


@settings(max_examples=40)
@given(sites=SITES, seed=st.integers(0, 10_000), batch=st.integers(1, 4))
def test_whatever_arrives_first_each_site_is_one_patch(
    sites: list[tuple[int, int, float, int]], seed: int, batch: int
) -> None:
    """Leads of separate sites come in any order and in batches; the case of each stays open."""
    expected: dict[object, set[object]] = {}
    leads: list[Lead] = []
    for site, (drawn, seen_often, shift, months) in enumerate(sites):
        told = [
            lead(f"{site}-d{i}", site * 5 + shift * i, shift * i, day=30 * months * i, size=1 + 0.02 * i)
            for i in range(drawn)
        ]
        told += [seen(f"{site}-s{i}", site * 5 + 0.4 + 0.1 * i, 0.5) for i in range(seen_often)]
        expected[site] = {one.lead_id for one in told}
        leads += told
    random.Random(seed).shuffle(leads)
    patches: list[Candidate] = []
    waiting: list[Lead] = []
    while leads:
        arriving, leads = leads[:batch] + waiting, leads[batch:]
        plan = plan_fusion(arriving, patches, FUSION)
        waiting = list(plan.waiting)
        changed = {group.patch_id for group in plan.groups}
        patches = [patch for patch in patches if patch.patch_id not in changed]
        patches += [
            Candidate(group.patch_id or derived_id("patch", group.leads[0].lead_id), tuple(group.leads))
            for group in plan.groups
        ]
    assert waiting == []
    found = {frozenset(one.lead_id for one in patch.leads) for patch in patches}
    assert found == {frozenset(told) for told in expected.values()}
    for patch in patches:
        backwards = sorted(patch.leads, key=lambda one: str(one.lead_id), reverse=True)
        assert combine(patch.leads, FUSION) == combine(backwards, FUSION)


def test_four_sources_about_one_site_make_one_patch_with_the_outline_of_the_best() -> None:
    satellite, drone = lead("s", 0, 0), lead("d", 0.02, 0, size=0.96, source="drone", day=100, days=40)
    public = seen("p", 0.5, 1.1, radius_m=50, source="public", day=150)
    camera = seen("c", 0.3, 0.3, radius_m=60, day=155)
    plan = plan_fusion([camera, public, drone, satellite], [], FUSION)
    assert plan.waiting == ()
    assert len(plan.groups) == 1
    shape = plan.groups[0].shape
    assert shape.outline.equals(shapely.MultiPolygon([shapely.union(satellite.outline, drone.outline)]))
    assert (shape.before_at, shape.after_at) == (drone.observed_from, drone.observed_to)


def test_neighbours_stay_apart() -> None:
    assert len(plan_fusion([lead("a", 0, 0), lead("b", 0.9, 0)], [], FUSION).groups) == 2


def of_one_run(lead: Lead, site: int, run: str = "run") -> Lead:
    return replace(lead, run_id=derived_id(run), attributes={"site": site})


@given(st.permutations(["yard", "roof", "road", "neighbour"]))
def test_what_one_comparison_found_side_by_side_is_one_patch_of_the_graver_class(order: list[str]) -> None:
    found = {
        "yard": of_one_run(lead("yard", 0, 0, size=2, change_class="hard_surface"), 1),
        "roof": of_one_run(lead("roof", 2.01, 0, change_class="new_building"), 1),
        "road": of_one_run(lead("road", 0, 2.01, change_class="road"), 1),
        "neighbour": of_one_run(lead("neighbour", 3.02, 0), 9),
    }
    plan = plan_fusion([found[name] for name in order], [], FUSION)
    together, apart = sorted(plan.groups, key=lambda group: -len(group.leads))
    assert {one.lead_id for one in together.leads} == {found[n].lead_id for n in ("yard", "roof", "road")}
    assert together.shape.change_class == "new_building"
    assert together.shape.area_m2 == pytest.approx(sum(one.area_m2 for one in together.leads), rel=1e-6)
    assert [one.lead_id for one in apart.leads] == [found["neighbour"].lead_id]


def test_what_was_torn_down_beside_a_new_roof_is_another_matter() -> None:
    roof = of_one_run(lead("roof", 0, 0), 1)
    gone = of_one_run(lead("gone", 1.01, 0, change_class="demolition"), 1)
    next_run = of_one_run(lead("next", 1.01, 0), 1, run="next")
    assert len(plan_fusion([roof, gone], [], FUSION).groups) == 2
    assert len(plan_fusion([roof, next_run], [], FUSION).groups) == 2


def test_a_roof_taken_out_of_its_yard_stays_out() -> None:
    yard = of_one_run(lead("yard", 0, 0, size=2, change_class="hard_surface"), 1)
    roof = of_one_run(lead("roof", 2.01, 0), 1)
    patch = derived_id("patch")
    plan = plan_fusion([roof], [Candidate(patch, (yard,))], FUSION, parted=frozenset({(roof.lead_id, patch)}))
    assert [group.patch_id for group in plan.groups] == [None]


def test_a_known_patch_gains_the_lead_and_keeps_its_id() -> None:
    stands = Candidate(derived_id("patch"), (lead("a", 0, 0),))
    [group] = plan_fusion([lead("b", 0.1, 0)], [stands], FUSION).groups
    assert group.patch_id == stands.patch_id
    assert [one.lead_id for one in group.added] == [derived_id("b")]


def test_an_open_patch_seen_again_a_year_later_is_no_second_patch() -> None:
    """It grows, and is called by the graver of what was seen; its window stays that of the first."""
    first = lead("a", 0, 0, change_class="earthwork")
    again = lead("b", 0, 0, size=1.2, day=365)
    [group] = plan_fusion([again], [Candidate(derived_id("patch"), (first,))], FUSION).groups
    assert group.patch_id == derived_id("patch")
    assert (group.shape.before_at, group.shape.after_at) == (first.observed_from, first.observed_to)
    assert group.shape.change_class == "new_building"
    assert group.shape.area_m2 == pytest.approx(again.area_m2)
    torn_down = lead("c", 0, 0, size=1.4, day=400, change_class="demolition_restored")
    [group] = plan_fusion([torn_down], [Candidate(derived_id("patch"), (first, again))], FUSION).groups
    assert group.shape.change_class == "new_building"
    assert group.shape.area_m2 == pytest.approx(again.area_m2)


def test_an_unsettled_restoration_hides_no_later_violation() -> None:
    restored = Candidate(derived_id("patch"), (lead("a", 0, 0, change_class="demolition_restored"),))
    [group] = plan_fusion([lead("b", 0, 0, day=365)], [restored], FUSION).groups
    assert (group.patch_id, group.follows) == (None, restored.patch_id)


CLOSED_ON = START + timedelta(days=200)
WATCHED = (CLOSED_ON + timedelta(days=365)).date()


@pytest.mark.parametrize(
    ("state", "day", "days", "change_class", "fate"),
    [
        ("closed", 10, 150, "new_building", "joins"),  # news of before the closing
        ("closed", 210, 30, "new_building", "relapse"),
        ("closed", 210, 30, "demolition_restored", "joins"),  # what was ordered
        ("closed", 100, 130, "new_building", "waits"),  # the pair spans finding and closing
        ("closed", 700, 30, "new_building", "follows"),  # no longer watched
        ("dismissed", 100, 130, "new_building", "joins"),  # the same lawful change again
        ("dismissed", 210, 30, "new_building", "follows"),
    ],
)
def test_what_a_lead_on_settled_ground_means(
    state: str, day: int, days: int, change_class: str, fate: str
) -> None:
    watched: date | None = WATCHED if state == "closed" else None
    stands = Candidate(derived_id("patch"), (lead("a", 0, 0),), Standing(state, CLOSED_ON, watched))
    new = lead("b", 0.05, 0, day=day, days=days, change_class=change_class)
    plan = plan_fusion([new], [stands], FUSION)
    if fate == "waits":
        assert (plan.groups, plan.waiting) == ((), (new,))
        return
    [group] = plan.groups
    assert group.patch_id == (None if fate == "follows" else stands.patch_id)
    assert group.follows == (stands.patch_id if fate == "follows" else None)
    assert group.is_relapse == (fate == "relapse")
    if fate == "relapse":
        assert group.shape == combine([new], FUSION)
    elif fate == "joins":
        assert group.shape == combine(stands.leads, FUSION)


def test_a_sighting_joins_the_nearest_patch_or_waits_between_two() -> None:
    west, east = lead("w", 0, 0), lead("e", 2, 0)
    inside, between = seen("i", 0.5, 0.5), seen("b", 1.5, 0.5, radius_m=100)
    beside = seen("n", 1.2, 0.5, radius_m=100)
    plan = plan_fusion([west, east, inside, between, beside], [], FUSION)
    assert [one.lead_id for one in plan.waiting] == [between.lead_id]
    [home] = [group for group in plan.groups if west in group.leads]
    assert {one.lead_id for one in home.leads} == {west.lead_id, inside.lead_id, beside.lead_id}
    stands = [Candidate(derived_id("w"), (west,)), Candidate(derived_id("e"), (east,))]
    told = suggestions(between, stands, FUSION)
    assert {one.patch_id for one in told} == {derived_id("w"), derived_id("e")}
    assert [one.distance_m for one in told] == pytest.approx([45.7, 45.7], abs=0.3)


@pytest.mark.parametrize(
    "lonely",
    [
        seen("far", 5, 5),
        seen("vague", 0.5, 0.5, radius_m=450),
        seen("late", 0.5, 0.5, day=150 + 91),
        seen("smoke", 0.5, 0.5, change_class="smoke"),
    ],
    ids=["far away", "too uncertain", "another season", "no change of the land"],
)
def test_sightings_that_wait_for_a_person(lonely: Lead) -> None:
    plan = plan_fusion([lead("a", 0, 0), lonely], [], FUSION)
    assert plan.waiting == (lonely,)


def test_a_sighting_of_a_settled_patch_or_one_taken_out_by_hand_waits() -> None:
    drawn, near = lead("a", 0, 0), seen("i", 0.5, 0.5)
    closed = Candidate(derived_id("patch"), (drawn,), Standing("closed", CLOSED_ON, WATCHED))
    assert plan_fusion([near], [closed], FUSION).waiting == (near,)
    parted = frozenset({(near.lead_id, derived_id("patch"))})
    stands = replace(closed, standing=Standing())
    assert plan_fusion([near], [stands], FUSION).waiting == ()
    assert plan_fusion([near], [stands], FUSION, parted=parted).waiting == (near,)


@given(
    bearing_deg=st.floats(0, 360), metres=st.floats(1, 3000), radius_m=st.floats(1, 2000), x=st.floats(0, 9)
)
def test_distances_are_metres_and_all_cells_of_the_disc_are_locked(
    bearing_deg: float, metres: float, radius_m: float, x: float
) -> None:
    here = seen("here", x, 0, radius_m=radius_m)
    lonlat = (112.75 + x * DEG, 34.95)
    there = shapely.Point(destination(lonlat, bearing_deg=bearing_deg, distance_m=metres))
    assert distance_to_m(here, there) == pytest.approx(metres, rel=2e-3)
    # Whatever the disc touches shares a locked cell with it.
    touched = shapely.Point(destination(lonlat, bearing_deg=bearing_deg, distance_m=radius_m * 0.999))
    dot = touched.buffer(1e-9)
    outline = Lead(derived_id("t"), "satellite", "410883105201", START, START, dot, 1, 1, 1, "other", 0.5)
    assert set(lock_cells([outline])) <= set(lock_cells([here]))


def test_a_lead_draws_or_is_a_sighting_never_both() -> None:
    drawn, place = lead("a", 0, 0), seen("b", 0, 0)
    for wrong, code in (
        ({"place": place.place, "radius_m": 5.0}, "detection.lead.outline_or_place"),
        ({"outline": None}, "detection.lead.outline_or_place"),
        ({"source": "camera"}, "detection.lead.ray_with_outline"),
    ):
        with pytest.raises(InvalidInput) as refused:
            replace(drawn, **wrong)
        assert refused.value.code == code
    with pytest.raises(InvalidInput):
        replace(place, radius_m=0.0)


@pytest.mark.parametrize(
    ("moment", "prefix"),
    [("2026-09-30T23:59:00+08:00", "410883-2609"), ("2026-09-30T16:30:00+00:00", "410883-2610")],
)
def test_numbers_follow_the_month_in_shanghai(moment: str, prefix: str) -> None:
    assert number_prefix("410883105201", datetime.fromisoformat(moment)) == prefix
    assert patch_number(prefix, 98) == f"{prefix}-0098"
