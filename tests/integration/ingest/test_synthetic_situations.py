"""The demonstration county as planned (not rendered): every situation occurs, and the layers say so."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import shapely

from foundation.crs import ellipsoidal_area_m2
from ingest.sources.synthetic.imagery.canvas import draw
from ingest.sources.synthetic.landscape.ground import Ground
from ingest.sources.synthetic.landscape.land import Land, draw_land, lay_out_land
from ingest.sources.synthetic.planting.changes import plant_changes
from ingest.sources.synthetic.planting.situations import Change, read_situations
from ingest.sources.synthetic.records.registers import right_rows
from ingest.sources.synthetic.records.survey import basic_farmland, survey_patches

Plan = tuple[Land, list[Change]]
WANTED = {
    "shed": {"shed_basic_farmland", "shed_approved", "shed_over_line", "shed_order_unknown",
             "shed_urban_no_works_permit", "facility_used_as_workshop", "border_approved_share",
             "straddles_villages"},
    "house": {"house_farmland", "house_rebuilt", "house_no_rural_permit", "border_least_area"},
    "earthwork": {"earthwork_no_approval", "temporary_valid", "temporary_expired", "straddles_counties"},
    "road": {"rural_road"},
    "quarry": {"quarry_inside_right", "quarry_beyond_right", "quarry_right_lapsed"},
    "restoration": {"quarry_restoration"},
    "greenhouse": {"greenhouse_filed", "greenhouse_basic_farmland"},
    "livestock": {"livestock_filed", "livestock_basic_farmland"},
    "pond": {"pond_ordinary_farmland", "pond_basic_farmland"},
    "solar": {"solar_approved", "solar_no_approval"},
    "demolition": {"demolished_restored", "soil_over_concrete"},
    "cadastral": {"register_use_changed", "register_split_merge", "register_resurvey_shift"},
    "height": {"storeys_added"},
}  # fmt: skip


@pytest.fixture(scope="module")
def plan() -> Plan:
    land = lay_out_land("demo", 4108)
    changes = plant_changes(land, "demo")
    draw_land(land)
    return land, changes


def test_every_situation_occurs(plan: Plan) -> None:
    _, changes = plan
    found: dict[str, set[str]] = {}
    for change in changes:
        found.setdefault(change.situation.kind, set()).add(change.situation.id)
    for kind, situations in WANTED.items():
        assert situations <= found[kind]
    counts = Counter(change.situation.id for change in changes)
    assert counts == {situation.id: situation.count["demo"] for situation in read_situations()}
    assert 55 <= len(changes) <= 75
    hidden = {change.situation.kind for change in changes if not change.situation.is_visible}
    assert hidden == {"cadastral", "height"}


def test_planted_changes_keep_apart_and_inside(plan: Plan) -> None:
    land, changes = plan
    outlines = np.array([change.outline for change in changes])
    assert shapely.contains(land.frame.rectangle, outlines).all()
    first, second = shapely.STRtree(outlines).query(outlines, predicate="intersects")
    pairs = [
        (changes[a].situation.zone, changes[b].situation.zone)
        for a, b in zip(first, second, strict=True)
        if a < b
    ]
    assert all("quarry" in pair for pair in pairs)


def test_basic_farmland_lies_where_the_situation_says(plan: Plan) -> None:
    land, changes = plan
    patches = survey_patches(land, changes)
    basic = shapely.union_all([patch.shape for patch in basic_farmland(land, patches, changes)])
    for change in changes:
        share = change.outline.intersection(basic).area / change.outline.area
        if change.situation.basic is True:
            assert share > 0.75, change.situation.id
        elif change.situation.basic is False:
            assert share == 0.0, change.situation.id


def test_rights_cover_the_share_that_the_table_names(plan: Plan) -> None:
    land, changes = plan
    rows = right_rows(land, changes)
    for change in changes:
        for permit in change.situation.permits:
            shapes = [row["shape"] for row in rows[permit.kind]]
            near = [shape for shape in shapes if shape.intersects(change.outline)]
            share = change.outline.intersection(shapely.union_all(near)).area / change.outline.area
            assert share == pytest.approx(permit.cover, abs=0.03), change.situation.id
        if change.situation.id in ("shed_basic_farmland", "solar_no_approval", "earthwork_no_approval"):
            every = shapely.union_all([row["shape"] for kind in rows for row in rows[kind]])
            assert not every.intersects(change.outline)


def test_true_areas_are_those_of_the_rendered_material(plan: Plan) -> None:
    """Style numbers are burnt at 1 m; the ellipsoidal area is 0.03 % below the projected one here."""
    land, changes = plan
    for change in (item for item in changes if item.situation.is_visible):
        left, top, right, bottom = (int(number) for number in change.outline.buffer(20.0).bounds)
        window = np.zeros((bottom - top, right - left), np.uint16)
        parts = [Ground(shapely.affinity.translate(part.shape, -left, -top), 1) for part in change.after]
        draw(land.frame, parts, window)
        area_m2 = ellipsoidal_area_m2(land.frame.to_lonlat(change.outline))
        assert int(window.sum()) == pytest.approx(area_m2, rel=0.03), change.situation.id


def test_roads_keep_to_their_width_and_houses_to_their_size(plan: Plan) -> None:
    _, changes = plan
    for change in changes:
        situation = change.situation
        if situation.id == "rural_road":
            assert change.outline.area / (change.outline.length / 2) < 8.0
        if situation.id == "border_least_area":
            assert change.outline.area == pytest.approx(200.0, abs=4.0)


def test_the_county_line_runs_through_one_change(plan: Plan) -> None:
    land, changes = plan
    change = next(item for item in changes if item.situation.id == "straddles_counties")
    counties = {v.county_code for v in land.villages if v.territory.intersection(change.outline).area > 100}
    assert counties == {"410883000000", "410882000000"}
    assert change.village_code.startswith("410883")


@pytest.mark.parametrize("seed", [1, 2])
def test_other_seeds_find_room_in_the_small_county(seed: int) -> None:
    changes = plant_changes(lay_out_land("small", seed), "small")
    assert len(changes) == sum(situation.count["small"] for situation in read_situations())
