"""Fusion: no lead is lost, order does not matter, one site is one patch, and a lead comes out whole."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from detection.fuse import Candidate, FusionPlan, plan_fusion
from detection.leads import Lead
from detection.patches import combine, number_prefix, patch_number
from detection.rules import current_rules
from foundation.calendar import SHANGHAI
from foundation.crs import ellipsoidal_area_m2
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
) -> Lead:
    """A square of about 100 m a unit."""
    west, south = 112.75 + x * DEG, 34.95 + y * DEG
    outline = shapely.box(west, south, west + size * DEG, south + size * DEG)
    area_m2 = ellipsoidal_area_m2(outline)
    begins = START + timedelta(days=day)
    ends = begins + timedelta(days=days)
    bands = (area_m2, area_m2 * 0.95, area_m2 * 1.05)
    return Lead(derived_id(name), source, "410883105201", begins, ends, outline, *bands, "new_building", 0.8)


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
    leads = [lead(str(i), x, y, size=s, source=src, day=d) for i, (x, y, s, src, d) in enumerate(rows)]
    plan = plan_fusion(leads, [], FUSION)
    placed = [one.lead_id for group in plan.groups for one in group.added]
    waiting = [one.lead_id for one in plan.waiting]
    assert sorted(map(str, placed + waiting)) == sorted(str(one.lead_id) for one in leads)
    shuffled = list(leads)
    random.Random(seed).shuffle(shuffled)
    assert members(plan_fusion(shuffled, [], FUSION)) == members(plan)
    assert all(any(one.source != "camera" for one in group.leads) for group in plan.groups)


@given(rows=LEADS)
def test_taking_a_lead_out_leaves_what_the_others_make(
    rows: list[tuple[float, float, float, str, int]],
) -> None:
    leads = [lead(str(i), x, y, size=s, source=src, day=d) for i, (x, y, s, src, d) in enumerate(rows)]
    for group in plan_fusion(leads, [], FUSION).groups:
        for taken in group.leads:
            rest = [one for one in group.leads if one.lead_id != taken.lead_id]
            alone = combine([taken], FUSION)
            assert alone.outline.equals(taken.outline)
            assert (alone.area_m2, alone.before_at) == (taken.area_m2, taken.observed_from)
            if rest:
                assert combine(rest, FUSION) == combine(list(reversed(rest)), FUSION)


def test_four_sources_about_one_site_make_one_patch_with_the_outline_of_the_best() -> None:
    satellite, drone = lead("s", 0, 0), lead("d", 0.02, 0, size=0.96, source="drone", day=100, days=40)
    public = lead("p", -0.1, -0.1, size=1.2, source="public", day=150, days=0)
    camera = lead("c", 0.3, 0.3, size=0.3, source="camera", day=155, days=0)
    plan = plan_fusion([camera, public, drone, satellite], [], FUSION)
    assert len(plan.groups) == 1
    shape = plan.groups[0].shape
    assert shape.outline.equals(shapely.MultiPolygon([shapely.union(satellite.outline, drone.outline)]))
    assert (shape.before_at, shape.after_at) == (drone.observed_from, drone.observed_to)


def test_neighbours_and_other_years_stay_apart() -> None:
    first = lead("a", 0, 0)
    beside = lead("b", 0.9, 0)
    next_year = lead("c", 0, 0, day=365)
    assert len(plan_fusion([first, beside, next_year], [], FUSION).groups) == 3


def test_a_known_patch_gains_the_lead_and_keeps_its_id() -> None:
    stands = Candidate(derived_id("patch"), (lead("a", 0, 0),))
    [group] = plan_fusion([lead("b", 0.1, 0)], [stands], FUSION).groups
    assert group.patch_id == stands.patch_id
    assert [one.lead_id for one in group.added] == [derived_id("b")]


@pytest.mark.parametrize(
    ("moment", "prefix"),
    [("2026-09-30T23:59:00+08:00", "410883-2609"), ("2026-09-30T16:30:00+00:00", "410883-2610")],
)
def test_numbers_follow_the_month_in_shanghai(moment: str, prefix: str) -> None:
    assert number_prefix("410883105201", datetime.fromisoformat(moment)) == prefix
    assert patch_number(prefix, 98) == f"{prefix}-0098"
