"""Every legal situation as a worked example; replay; the law in force; the rule tables are sound."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry.base import BaseGeometry

from detection.judgements import JudgedPatch, evaluate, measure
from detection.judging.overlay import JUDGED_KINDS, JudgedShape, LegalFeature
from detection.judging.permits import permit_timing
from detection.rules import RuleSet, current_rules
from foundation.audit import canonical
from foundation.crs import ellipsoidal_area_m2, reproject

EAST, NORTH = 386_000.0, 3_868_000.0
BEFORE, AFTER = date(2026, 4, 8), date(2026, 9, 8)
BAND_M = 1.0


def box(left: float, bottom: float, width: float, height: float) -> BaseGeometry:
    """Rectangle in metres from a corner near 112.75° E, 34.95° N, as EPSG:4490."""
    corner = (EAST + left, NORTH + bottom)
    plane = shapely.box(*corner, corner[0] + width, corner[1] + height)
    return reproject(plane, 4547)


def feature(kind: str, shape: BaseGeometry, number: str = "N1", **fields: Any) -> LegalFeature:
    return LegalFeature(kind, number, fields.pop("name", ""), shape, **fields)


FIELD = feature("land_survey", box(-500, -500, 2000, 2000), "DL1", name="水浇地", land_class_code="0102")
VILLAGE = feature(
    "land_survey", box(-500, -500, 2000, 2000), "DL2", name="农村宅基地", land_class_code="0702"
)
HILL = feature("land_survey", box(-500, -500, 2000, 2000), "DL3", name="其他草地", land_class_code="0404")
BASIC = feature("basic_farmland", box(-500, -500, 2000, 2000), "YN1")
URBAN = feature("urban_boundary", box(-500, -500, 2000, 2000), "CZ1")
REDLINE = feature("ecological_redline", box(-500, -500, 2000, 2000), "ST1")


def judge(
    change_class: str,
    outline: BaseGeometry,
    *features: LegalFeature,
    after: date = AFTER,
    missing: tuple[str, ...] = (),
) -> dict[str, Any]:
    """Judge an outline with an edge that is known to one metre."""
    area_m2 = ellipsoidal_area_m2(outline)
    play_m2 = BAND_M * reproject(outline, 4490, 4547).length
    shape = JudgedShape(outline, area_m2, area_m2 - play_m2, area_m2 + play_m2, BEFORE, after)
    patch = JudgedPatch("410883-2609-0001", change_class, shape, [{"code": "410883105201", "share": 1.0}])
    layers = [{"kind": kind, "version_id": None if kind in missing else "v1"} for kind in JUDGED_KINDS]
    return evaluate(measure(patch, features, layers=layers, rules=current_rules()), current_rules())


SHED = box(0, 0, 80, 60)
AROUND = box(-3, -3, 86, 66)
APPROVED = feature("construction_approval", AROUND, "PZ1", valid_from=date(2025, 9, 1))
PERMIT = feature("planning_permit", AROUND, "GH1", valid_from=date(2025, 12, 1))
HOUSE = box(0, 0, 18, 22)
LATER = date(2026, 6, 22)


def mine(shape: BaseGeometry, until: date) -> LegalFeature:
    return feature("mining_right", shape, "CK1", valid_from=date(2016, 6, 1), valid_to=until)


def temporary(until: date) -> LegalFeature:
    return feature("temporary_use", AROUND, "LS1", valid_from=date(2024, 6, 11), valid_to=until)


def filing(shape: BaseGeometry) -> LegalFeature:
    return feature("facility_filing", shape, "SS1", valid_from=date(2026, 3, 1), use="种植")


SITUATIONS = [
    ("shed on basic farmland", "new_building", SHED, [FIELD, BASIC], "suspected", "L04"),
    ("shed fully approved", "new_building", SHED, [FIELD, APPROVED, PERMIT], "lawful", None),
    (
        "shed 30 % over the line",
        "new_building",
        SHED,
        [FIELD, feature("construction_approval", box(-3, -3, 59, 66), "PZ2", valid_from=date(2025, 9, 1))],
        "partly_exceeded",
        "L04",
    ),
    (
        "approved between the images",
        "new_building",
        SHED,
        [FIELD, feature("construction_approval", AROUND, "PZ3", valid_from=LATER)],
        "order_unknown",
        "L04",
    ),
    (
        "approved after the second image",
        "new_building",
        SHED,
        [FIELD, feature("construction_approval", AROUND, "PZ4", valid_from=date(2026, 9, 20))],
        "suspected",
        "L04",
    ),
    ("urban, no works permit", "new_building", SHED, [FIELD, URBAN, APPROVED], "suspected", "P01"),
    ("urban, with works permit", "new_building", SHED, [FIELD, URBAN, APPROVED, PERMIT], "lawful", None),
    ("villager's house on farmland", "new_building", HOUSE, [FIELD], "suspected", "L05"),
    (
        "house rebuilt on its own site",
        "new_building",
        HOUSE,
        [VILLAGE, feature("planning_permit", box(-2, -2, 22, 26), "GH2", valid_from=date(2026, 2, 3))],
        "not_new",
        None,
    ),
    ("house in the village without permit", "new_building", HOUSE, [VILLAGE], "suspected", "P02"),
    ("storeys added", "storeys_added", HOUSE, [VILLAGE], "suspected", "P02"),
    ("earthwork without approval", "earthwork", SHED, [FIELD], "suspected", "L04"),
    ("sand pit in a field", "excavation", SHED, [FIELD, BASIC], "suspected", "L02"),
    ("rural road of 7 m", "hard_surface", box(0, 0, 300, 7), [FIELD], "not_new", None),
    ("road of 9 m, edges known to 1 m", "road", box(0, 0, 300, 9), [FIELD], "borderline", "L04"),
    ("road of 12 m", "hard_surface", box(0, 0, 240, 12), [FIELD, BASIC], "suspected", "L04"),
    ("temporary land in time", "hard_surface", SHED, [FIELD, temporary(date(2027, 1, 1))], "not_new", None),
    (
        "temporary land expired",
        "hard_surface",
        SHED,
        [FIELD, temporary(date(2026, 6, 10))],
        "suspected",
        "L06",
    ),
    ("quarry inside its right", "excavation", SHED, [HILL, mine(AROUND, date(2029, 5, 11))], "lawful", None),
    (
        "quarry partly beyond",
        "excavation",
        SHED,
        [HILL, mine(box(-3, -3, 40, 66), date(2029, 5, 11))],
        "partly_exceeded",
        "K02",
    ),
    (
        "quarry beyond its right",
        "hard_surface",
        SHED,
        [HILL, mine(box(90, 0, 80, 60), date(2029, 5, 11))],
        "suspected",
        "K02",
    ),
    ("right lapsed", "excavation", SHED, [HILL, mine(AROUND, date(2026, 5, 30))], "suspected", "K02"),
    ("no right at all, in the hills", "excavation", SHED, [HILL], "suspected", "K02"),
    ("restoration", "demolition_restored", SHED, [FIELD, BASIC], "not_new", None),
    ("greenhouse filed", "greenhouse", SHED, [FIELD, filing(AROUND)], "not_new", None),
    ("barn filed", "new_building", SHED, [FIELD, filing(AROUND)], "not_new", None),
    ("greenhouse on basic farmland", "greenhouse", SHED, [FIELD, BASIC], "suspected", "L04"),
    ("pond on ordinary farmland", "water", SHED, [FIELD], "not_new", None),
    ("fish pond on basic farmland", "water", SHED, [FIELD, BASIC], "suspected", "L08"),
    ("solar field approved", "solar", SHED, [FIELD, APPROVED], "lawful", None),
    ("solar field without approval", "solar", SHED, [FIELD], "suspected", "L04"),
    ("use changed in the register", "cadastral_use", SHED, [FIELD], "suspected", "L04"),
    ("split and merge", "cadastral_geometry", SHED, [FIELD], "not_new", None),
    ("about the least area", "new_building", box(0, 0, 13.5, 14.8), [FIELD], "borderline", "L05"),
    ("below the least area", "new_building", box(0, 0, 8, 9), [FIELD], "not_new", None),
    (
        "approved share about 95 %",
        "new_building",
        SHED,
        [FIELD, feature("construction_approval", box(-3, -3, 79, 66), "PZ5", valid_from=date(2025, 7, 8))],
        "borderline",
        "L04",
    ),
    ("red line", "earthwork", SHED, [HILL, REDLINE], "suspected", "L04"),
    ("crop season", "crop_season", SHED, [FIELD, BASIC], "not_new", None),
]


@pytest.mark.parametrize(
    ("change_class", "outline", "features", "suggestion", "code"),
    [row[1:] for row in SITUATIONS],
    ids=[row[0] for row in SITUATIONS],
)
def test_each_legal_situation_gets_its_suggestion(
    change_class: str,
    outline: BaseGeometry,
    features: list[LegalFeature],
    suggestion: str,
    code: str | None,
) -> None:
    result = judge(change_class, outline, *features)
    assert (result["suggestion"], result["violation_code"]) == (suggestion, code), result["sentences"][0]
    assert all(row["text"] and "{" not in row["text"] for row in result["sentences"])
    assert bool(result["legal_basis"]) == (code is not None)


def test_only_the_excess_counts_and_its_outline_is_split_off() -> None:
    approval = feature("construction_approval", box(-3, -3, 59, 66), "PZ2", valid_from=date(2025, 9, 1))
    result = judge("new_building", SHED, FIELD, approval)
    assert result["excess_m2"] == pytest.approx(24 * 60, rel=1e-3)
    excess = shapely.from_geojson(json.dumps(result["excess"]))
    assert ellipsoidal_area_m2(excess) == pytest.approx(result["excess_m2"], rel=1e-4)


def test_a_sliver_along_the_edge_is_not_an_excess() -> None:
    approval = feature("construction_approval", box(0.5, 0.4, 79, 59), "PZ1", valid_from=date(2025, 9, 1))
    assert judge("new_building", SHED, FIELD, approval)["suggestion"] == "lawful"


def test_areas_of_the_partition_add_up() -> None:
    half = feature("basic_farmland", box(-10, -10, 50, 200), "YN2")
    split = [
        feature("land_survey", box(-500, -500, 530, 2000), "A", name="水浇地", land_class_code="0102"),
        feature("land_survey", box(30, -500, 900, 2000), "B", name="果园", land_class_code="0201K"),
    ]
    result = judge("new_building", SHED, half, *split)
    land_m2 = sum(row["area_m2"] for row in result["overlay"] if row["kind"] == "land")
    assert land_m2 == pytest.approx(ellipsoidal_area_m2(SHED), abs=0.01)
    assert {row["key"] for row in result["overlay"] if row["kind"] == "land"} == {
        "basic_farmland",
        "other_agricultural",
    }
    assert result["areas_m2"]["basic_farmland_m2"] == pytest.approx(40 * 60, rel=1e-3)


def test_mining_before_july_2025_falls_under_the_old_law() -> None:
    new = judge("excavation", SHED, HILL)
    assert [row["article"] for row in new["legal_basis"]] == ["第六十四条"]
    rules = current_rules()
    assert [basis.article for basis in rules.violation("K02", date(2025, 6, 30)).basis] == [
        "第三十九条",
        "第四十条",
        "第四十二条",
    ]
    assert rules.law_changes("K02", date(2025, 6, 1), date(2025, 8, 1)) == (date(2025, 7, 1),)


def test_a_missing_layer_is_said_and_never_taken_for_nothing_found() -> None:
    result = judge("new_building", SHED, FIELD, missing=("basic_farmland", "mining_right"))
    texts = "".join(row["text"] for row in result["sentences"])
    assert "永久基本农田" in texts
    assert "不等于未占用" in texts
    assert "未占用永久基本农田" not in texts


def test_severity_follows_area_of_basic_farmland() -> None:
    assert judge("new_building", box(0, 0, 80, 60), FIELD, BASIC)["severity"] == 4
    assert judge("new_building", box(0, 0, 30, 40), FIELD, BASIC)["severity"] == 3
    assert judge("new_building", box(0, 0, 30, 40), FIELD)["severity"] == 2
    assert judge("new_building", SHED, FIELD, APPROVED, PERMIT)["severity"] == 1


@given(
    width=st.floats(10, 120),
    height=st.floats(10, 120),
    left=st.floats(-80, 80),
    change_class=st.sampled_from(["new_building", "earthwork", "excavation", "greenhouse", "water", "odd"]),
)
def test_stored_inputs_and_rules_replay_to_the_same_bytes(
    width: float, height: float, left: float, change_class: str
) -> None:
    outline = box(0, 0, width, height)
    area_m2 = ellipsoidal_area_m2(outline)
    shape = JudgedShape(outline, area_m2, area_m2 * 0.95, area_m2 * 1.05, BEFORE, AFTER)
    patch = JudgedPatch("410883-2609-0002", change_class, shape, [{"code": "410883105201", "share": 1.0}])
    approval = feature("construction_approval", box(left, -5, 60, 200), "P", valid_from=date(2025, 1, 1))
    layers = [{"kind": kind, "version_id": "v1"} for kind in JUDGED_KINDS]
    inputs = measure(patch, [FIELD, BASIC, approval], layers=layers, rules=current_rules())
    first = canonical(evaluate(inputs, current_rules()))
    again = evaluate(json.loads(canonical(inputs)), RuleSet.of(current_rules().text))
    assert canonical(again) == first
    for row in inputs["land"]:
        assert row["area_min_m2"] <= row["area_m2"] <= row["area_max_m2"]


def test_permit_timing_counts_the_last_day_as_valid() -> None:
    assert permit_timing(BEFORE, AFTER, BEFORE, AFTER) == "valid"
    assert permit_timing(BEFORE, date(2026, 9, 7), BEFORE, AFTER) == "lapsed"
    assert permit_timing(date(2026, 4, 9), None, BEFORE, AFTER) == "inside"
    assert permit_timing(date(2026, 9, 9), None, BEFORE, AFTER) == "later"


def test_every_rule_of_the_table_can_be_reached_and_names_a_law_in_force() -> None:
    rules = current_rules()
    ordered = rules.ordered()
    assert len({rule.rule_id for rule in ordered}) == len(ordered)
    assert ordered[-1].when == {}
    for rule in ordered:
        if rule.violation_code:
            assert rules.violation(rule.violation_code, AFTER).basis
        assert rules.suggestion_name(rule.suggestion)
