"""Stored judgements replay for ever and tell what was altered; pieces add up; the taxonomy is complete."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry.base import BaseGeometry

from detection.desk import rule_check
from detection.desk.differences import change_between
from detection.desk.replays import COLUMNS, StoredJudgement, check
from detection.judgements import JudgedPatch, Judgement, evaluate, measure
from detection.judging.corrections import Correction, check_correction
from detection.judging.overlay import JUDGED_KINDS, JudgedShape, LegalFeature
from detection.judging.permits import coverage
from detection.judging.pieces import areas_by_level, divide_area, village_pieces
from detection.judging.wording import words
from detection.rules import RULES_FOLDER, RuleSet, current_rules
from detection.taxonomy import fine_range
from foundation.audit import canonical
from foundation.crs import M2_PER_MU, ellipsoidal_area_m2, reproject
from foundation.errors import InvalidInput

GOLDEN = json.loads((Path(__file__).parent / "golden" / "form_1.json").read_text("utf-8"))
GOLDEN_2 = json.loads((Path(__file__).parent / "golden" / "form_2.json").read_text("utf-8"))
BEFORE, AFTER = date(2026, 4, 8), date(2026, 9, 8)
NOW = datetime(2026, 9, 9, tzinfo=UTC)
EAST, NORTH = 386_000.0, 3_868_000.0
VERSION = "019e0000-0000-7000-8000-000000000001"


def box(left: float, bottom: float, width: float, height: float) -> BaseGeometry:
    corner = (EAST + left, NORTH + bottom)
    return reproject(shapely.box(*corner, corner[0] + width, corner[1] + height), 4547)


def feature(kind: str, shape: BaseGeometry, number: str, **fields: Any) -> LegalFeature:
    return LegalFeature(kind, number, fields.pop("name", ""), shape, version_id=VERSION, **fields)


FIELD = feature("land_survey", box(-500, -500, 2000, 2000), "DL1", name="水浇地", land_class_code="0102")
APPROVAL = feature("construction_approval", box(-3, -3, 59, 66), "PZ1", valid_from=date(2025, 9, 1))
SHED = box(0, 0, 80, 60)


def inputs_of(
    change_class: str,
    outline: BaseGeometry,
    *features: LegalFeature,
    after: date = AFTER,
    corrections: tuple[Correction, ...] = (),
) -> dict[str, Any]:
    area_m2 = ellipsoidal_area_m2(outline)
    shape = JudgedShape(outline, area_m2, area_m2 * 0.97, area_m2 * 1.03, after - timedelta(days=153), after)
    patch = JudgedPatch("410883-2609-0001", change_class, shape, [{"code": "410883105201", "share": 1.0}])
    layers = [{"kind": kind, "version_id": VERSION, "valid_from": "2026-01-01"} for kind in JUDGED_KINDS]
    rules = current_rules()
    return measure(patch, features, layers=layers, rules=rules, corrections=corrections)


def stored(
    inputs_text: str, result_text: str, rules_text: str | None, recorded: Any = None
) -> StoredJudgement:
    judgement = Judgement(UUID(int=1), UUID(int=2), 1, inputs_text, result_text, NOW)
    result = json.loads(result_text)
    columns = {name: result[name] for name in COLUMNS} | {
        "result_sha256": judgement.result_sha256,
        "basic_farmland_m2": result["areas_m2"]["basic_farmland_m2"],
        "cropland_m2": result["areas_m2"]["cropland_m2"],
    }
    return StoredJudgement("410883-2609-0001", judgement, columns, rules_text, recorded)


@pytest.mark.parametrize("golden", [GOLDEN, GOLDEN_2], ids=["form 1", "form 2"])
def test_judgements_of_every_form_replay_to_the_bytes_of_their_day(golden: dict[str, Any]) -> None:
    assert len(golden["judgements"]) >= 8
    for row in golden["judgements"]:
        again = check(stored(row["inputs"], row["result"], golden["rules"]))
        assert again.is_equal, (row["name"], again.differences[:3])


@settings(deadline=None, max_examples=150)
@given(data=st.data())
def test_one_altered_byte_anywhere_is_told(data: st.DataObject) -> None:
    row = data.draw(st.sampled_from(GOLDEN_2["judgements"]))
    texts = {"inputs": row["inputs"], "result": row["result"], "rules": GOLDEN_2["rules"]}
    whole = stored(texts["inputs"], texts["result"], texts["rules"])
    recorded = {
        "inputs_sha256": whole.judgement.inputs_sha256,
        "result_sha256": whole.judgement.result_sha256,
    }
    name = data.draw(st.sampled_from(sorted(texts)))
    place = data.draw(st.integers(0, len(texts[name]) - 1))
    other = data.draw(st.sampled_from("0179aeX,\"'{}[]:. 合").filter(lambda mark: mark != texts[name][place]))
    altered = texts | {name: texts[name][:place] + other + texts[name][place + 1 :]}
    judgement = Judgement(UUID(int=1), UUID(int=2), 1, altered["inputs"], altered["result"], NOW)
    found = check(StoredJudgement(whole.number, judgement, whole.columns, altered["rules"], recorded))
    assert not found.is_equal
    expected = {"inputs": "inputs_altered", "result": "result_altered", "rules": "rules_altered"}[name]
    assert expected in found.faults
    if name == "result":
        assert found.differences or found.again_sha256 is None


def test_an_altered_column_is_named_with_both_values() -> None:
    row = GOLDEN_2["judgements"][0]
    whole = stored(row["inputs"], row["result"], GOLDEN_2["rules"])
    columns = dict(whole.columns) | {"severity": 1, "suggestion": "lawful"}
    found = check(StoredJudgement(whole.number, whole.judgement, columns, whole.rules_text, None))
    assert found.faults == ("columns_altered",)
    assert {(one.path, one.stored) for one in found.differences} == {
        ("(column) severity", 1),
        ("(column) suggestion", "lawful"),
    }


def test_every_sentence_names_rule_version_layer_and_both_areas() -> None:
    result = evaluate(inputs_of("new_building", SHED, FIELD, APPROVAL), current_rules())
    deciding = result["sentences"][0]
    assert (deciding["rule_id"], deciding["rule_version"]) == ("J2.12", 1)
    assert deciding["statute"] == "土地管理法第七十七条"
    assert deciding["source"]["version_id"] == VERSION
    assert deciding["source"]["version_date"] == "2026-01-01"
    assert deciding["source"]["features"] == ["PZ1"]
    assert deciding["area_m2"] == result["excess_m2"]
    for row in result["sentences"]:
        assert row["text"].endswith("。")
        assert row["text_en"].endswith(".")
        assert "{" not in row["text"] + row["text_en"]
        assert set(row) == set(deciding)
        if row["area_m2"] is not None:
            assert row["mu"] == row["area_m2"] / M2_PER_MU


@settings(deadline=None)
@given(
    width=st.floats(12, 900),
    height=st.floats(12, 900),
    left=st.floats(-600, 600),
    bottom=st.floats(-600, 600),
    turn=st.floats(0, 90),
    hole=st.booleans(),
)
def test_the_approved_part_and_the_excess_are_valid_apart_and_add_up(
    width: float, height: float, left: float, bottom: float, turn: float, hole: bool
) -> None:
    plane = shapely.affinity.rotate(shapely.box(0, 0, width, height), turn)
    if hole:
        plane = plane.difference(shapely.affinity.scale(plane, 0.3, 0.3))
    outline = reproject(shapely.affinity.translate(plane, EAST, NORTH), 4547)
    area_m2 = ellipsoidal_area_m2(outline)
    shape = JudgedShape(outline, area_m2, area_m2 * 0.98, area_m2 * 1.02, BEFORE, AFTER)
    cover = coverage(shape, box(left, bottom, 700, 700), 2.0)
    parts = [
        shapely.from_geojson(json.dumps(cover[key]))
        for key in ("approved", "excess")
        if cover[key] is not None
    ]
    assert all(shapely.is_valid(part) for part in parts)
    assert cover["covered_m2"] + cover["excess_m2"] == pytest.approx(area_m2, abs=0.01)
    straight = [ellipsoidal_area_m2(shapely.segmentize(part, 5e-5)) for part in parts]
    assert sum(straight) == pytest.approx(ellipsoidal_area_m2(shapely.segmentize(outline, 5e-5)), abs=0.01)
    if len(parts) == 2:
        assert shapely.intersection(*parts).area == pytest.approx(0.0, abs=1e-13)
    if cover["excess"] is not None:
        narrow = reproject(parts[-1], 4490, shape.epsg).buffer(-0.95)
        assert not narrow.is_empty


def test_a_sliver_stays_with_the_approved_part() -> None:
    shape = JudgedShape(SHED, 4800.0, 4700.0, 4900.0, BEFORE, AFTER)
    cover = coverage(shape, box(0.4, -5, 100, 100), 1.5)
    assert (cover["excess"], cover["excess_m2"]) == (None, 0.0)
    assert cover["covered_m2"] == pytest.approx(ellipsoidal_area_m2(SHED), abs=0.001)


@settings(deadline=None)
@given(
    cuts_x=st.lists(st.floats(-300, 1300), min_size=1, max_size=4),
    cuts_y=st.lists(st.floats(-300, 1300), min_size=1, max_size=4),
    tilt=st.floats(-20, 20),
    size=st.floats(30, 1000),
)
def test_pieces_of_every_level_add_up_to_the_whole(
    cuts_x: list[float], cuts_y: list[float], tilt: float, size: float
) -> None:
    """Villages of two counties in a tilted mesh that leaves some ground in none; some of them overlap."""
    outline = box(0, 0, size, size * 0.7)
    villages = []
    columns, rows = sorted({-400.0, *cuts_x}), sorted({-400.0, *cuts_y})
    for x, (west, east) in enumerate(pairwise(columns)):
        for y, (south, north) in enumerate(pairwise(rows)):
            cell = shapely.affinity.rotate(shapely.box(west, south, east + 3, north), tilt, origin=(0, 0))
            county = "410883" if x % 2 else "410882"
            code = f"{county}10{y + 1}{200 + x}"
            villages.append((code, reproject(shapely.affinity.translate(cell, EAST, NORTH), 4547)))
    whole_m2 = ellipsoidal_area_m2(outline)
    pieces = village_pieces(outline, villages)
    assert sum(piece.area_m2 for piece in pieces) == pytest.approx(whole_m2, abs=0.01)
    for level in ("village", "township", "county", "city"):
        assert sum(areas_by_level(pieces, level).values()) == pytest.approx(whole_m2, abs=0.01), level
    for piece in pieces:
        assert shapely.is_valid(piece.geometry)
        measured = ellipsoidal_area_m2(shapely.segmentize(piece.geometry, 5e-5))
        assert piece.area_m2 == pytest.approx(measured, rel=2e-6, abs=0.01)


def test_pieces_measured_one_by_one_would_miss_the_whole() -> None:
    outline = box(0, 0, 4000, 300)
    first = shapely.intersection(outline, box(-5, -5, 1700, 900))
    parts = [first, shapely.difference(outline, first)]
    whole_m2 = ellipsoidal_area_m2(outline)
    assert abs(sum(ellipsoidal_area_m2(part) for part in parts) - whole_m2) > 0.01
    assert sum(divide_area(whole_m2, parts)) == pytest.approx(whole_m2, abs=0.001)


def correction(action: Any, number: str = "DL1", **values: Any) -> Correction:
    given_values = {"reason": "现场核实", "reference": "异议 2026-1", "decided_by": "王某", "decided_at": NOW}
    layer = values.pop("layer_kind", "land_survey")
    return Correction(UUID(int=9), layer, UUID(VERSION), number, action, **(given_values | values))


def test_corrected_base_data_is_judged_and_named_among_the_inputs() -> None:
    plain = evaluate(inputs_of("new_building", SHED, FIELD), current_rules())
    assert plain["suggestion"] == "suspected"
    village = correction("changed", changes={"land_class_code": "0702", "name": "农村宅基地"})
    inputs = inputs_of("hard_surface", SHED, FIELD, corrections=(village,))
    result = evaluate(inputs, current_rules())
    assert (result["suggestion"], inputs["land"][0]["class_code"]) == ("not_new", "0702")
    assert [row["reference"] for row in inputs["corrections"]] == ["异议 2026-1"]
    assert "N12@1" in result["rule_ids"]
    added = correction(
        "added",
        "PZ9",
        layer_kind="construction_approval",
        geometry=shapely.MultiPolygon([box(-3, -3, 90, 70)]),
        changes={"valid_from": "2025-05-01"},
    )
    assert (
        evaluate(inputs_of("solar", SHED, FIELD, corrections=(added,)), current_rules())["suggestion"]
        == "lawful"
    )
    removed = correction("removed", "PZ1", layer_kind="construction_approval")
    without = inputs_of("new_building", SHED, FIELD, APPROVAL, corrections=(removed,))
    assert without["approvals"] == []
    far = correction("removed", "PZ7", layer_kind="construction_approval")
    assert inputs_of("new_building", SHED, FIELD, corrections=(far,)) == inputs_of(
        "new_building", SHED, FIELD
    )


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"action": "changed"}, "empty"),
        ({"action": "added", "changes": {"name": "x"}}, "no_outline"),
        ({"action": "removed", "reason": " "}, "no_reason"),
        ({"action": "moved"}, "unknown_action"),
        ({"action": "removed", "layer_kind": "division"}, "unknown_layer"),
        ({"action": "changed", "changes": {"area_m2": "5"}}, "unknown_field"),
        ({"action": "changed", "changes": {"valid_to": "31.12.2026"}}, "bad_date"),
        ({"action": "changed", "geometry": shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])}, "bad_outline"),
    ],
)
def test_a_correction_that_says_nothing_usable_is_refused(values: dict[str, Any], code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_correction(correction(values.pop("action"), **values))
    assert refused.value.code == f"detection.correction.{code}"


def test_a_change_lists_suggestion_and_areas_in_both_units() -> None:
    before = evaluate(inputs_of("new_building", SHED, FIELD), current_rules())
    after = evaluate(inputs_of("new_building", SHED, FIELD, APPROVAL), current_rules())
    names = {"patch_id": UUID(int=2), "number": "N", "division_code": "410883105201"}
    change = change_between(before, after, **names)  # type: ignore[arg-type]
    assert change is not None
    assert change.is_flip
    assert (change.before.suggestion, change.after.suggestion) == ("suspected", "partly_exceeded")
    areas = {area.key: area for area in change.areas}
    assert areas["unlawful"].delta_m2 == pytest.approx(-56 * 60, rel=1e-3)
    assert areas["unlawful"].delta_mu == areas["unlawful"].delta_m2 / M2_PER_MU
    assert areas["construction_approval"].after_m2 == pytest.approx(56 * 60, rel=1e-3)
    assert change_between(before, before, **names) is None  # type: ignore[arg-type]


TAXONOMY = tomllib.loads((RULES_FOLDER / "taxonomy.toml").read_text("utf-8"))
CODES = [
    "L01",
    "L02",
    "L03",
    "L04",
    "L05",
    "L06",
    "L07",
    "L08",
    "L09",
    "L10",
    "P01",
    "P02",
    "P03",
    "K01",
    "K02",
    "K03",
    "K04",
    "K05",
]


def test_every_violation_of_the_domain_is_complete_today() -> None:
    rows = {row.code: row for row in current_rules().violations(date(2026, 9, 8))}
    assert sorted(rows) == sorted(CODES)
    suggested = {rule.violation_code for rule in current_rules().ordered() if rule.violation_code}
    assert rows["L05"].authority == "agriculture"
    assert rows["P02"].authority == "township"
    for code, row in rows.items():
        assert row.basis, code
        assert row.measure, code
        assert row.measure_en, code
        assert row.authority_name, code
        assert row.authority_name_en, code
        assert row.fines, code
        assert all(basis.statute and basis.article and basis.text for basis in row.basis), code
        assert row.is_found_by_rule == (code in suggested), code
        for fine in row.fines:
            assert 0.0 <= fine.low <= fine.high
            assert (fine.kind == "none") == (fine.high == 0.0), code
            assert (fine.base is not None) == (fine.kind in {"multiple", "share"}), code
            assert fine.text, code


def test_spans_of_law_follow_one_another_without_overlap() -> None:
    for code in CODES:
        spans = sorted(
            (row["valid_from"], row.get("valid_to") or date.max)
            for row in TAXONOMY["violation"]
            if row["code"] == code
        )
        assert spans[-1][1] == date.max, code
        assert all(end == begins for (_, end), (begins, _) in pairwise(spans)), code


def test_fines_are_computed_from_numbers_of_their_day() -> None:
    def fine(code: str, day: date) -> Any:
        return current_rules().violation(code, day).fines[0]

    now, then = fine("L04", date(2026, 1, 1)), fine("L04", date(2021, 8, 31))
    assert (fine_range(now, area_m2=1440.0).low_yuan, fine_range(now, area_m2=1440.0).high_yuan) == (
        144e3,
        1440e3,
    )
    assert fine_range(then, area_m2=1440.0).high_yuan == 43_200.0
    tilled = fine("L02", date(2026, 1, 1))
    assert fine_range(tilled, base_yuan=20_000.0).high_yuan == 200_000.0
    with pytest.raises(InvalidInput, match="耕地开垦费"):
        fine_range(tilled, area_m2=100.0)
    with pytest.raises(InvalidInput):
        fine_range(now, base_yuan=1.0)
    assert fine_range(fine("L05", AFTER), area_m2=9.0).high_yuan == 0.0


GROUNDS = {
    "cropland": [FIELD],
    "basic farmland": [FIELD, feature("basic_farmland", box(-500, -500, 2000, 2000), "YN1")],
    "forest": [
        feature("land_survey", box(-500, -500, 2000, 2000), "D2", name="乔木林地", land_class_code="0301")
    ],
    "red line": [
        feature("land_survey", box(-500, -500, 2000, 2000), "D3", name="其他草地", land_class_code="0404"),
        feature("ecological_redline", box(-500, -500, 2000, 2000), "ST1"),
    ],
    "village": [
        feature("land_survey", box(-500, -500, 2000, 2000), "D4", name="农村宅基地", land_class_code="0702")
    ],
}


def _classes() -> Iterator[str]:
    table = Path(__file__).resolve().parents[3] / "data" / "reference" / "change_classes.toml"
    yield from (
        name for name in tomllib.loads(table.read_text("utf-8")) if name not in {"other", "smoke", "fire"}
    )


@pytest.mark.parametrize("change_class", list(_classes()))
@pytest.mark.parametrize("ground", list(GROUNDS))
def test_every_class_of_change_meets_a_rule_of_its_own_on_every_ground(
    change_class: str, ground: str
) -> None:
    result = evaluate(inputs_of(change_class, SHED, *GROUNDS[ground]), current_rules())
    assert result["rule_ids"][0] != "J5.9@1", result["sentences"][0]["text"]


@pytest.mark.parametrize(
    ("ground", "suggestion"),
    [("cropland", "borderline"), ("red line", "borderline"), ("forest", "not_new"), ("village", "not_new")],
)
def test_less_vegetation_alone_accuses_nobody(ground: str, suggestion: str) -> None:
    result = evaluate(inputs_of("vegetation_loss", SHED, *GROUNDS[ground]), current_rules())
    assert (result["suggestion"], result["violation_code"]) == (suggestion, None)


@pytest.mark.parametrize("after", [date(1998, 6, 1), date(2004, 1, 1), date(2020, 6, 1), date(2021, 8, 31)])
@pytest.mark.parametrize(
    "change_class", ["water", "new_building", "excavation", "greenhouse", "hard_surface"]
)
def test_the_law_of_any_day_judges_without_a_gap(change_class: str, after: date) -> None:
    result = evaluate(inputs_of(change_class, SHED, *GROUNDS["basic farmland"], after=after), current_rules())
    for basis in result["legal_basis"]:
        assert "2019" not in basis["statute"]
    assert result["violation_code"] != "L08"
    if result["violation_code"] is not None:
        current_rules().violation(result["violation_code"], after)


def test_the_shipped_rules_are_sound_and_name_only_words_that_exist() -> None:
    rule_check.check_rules(current_rules())
    inputs = inputs_of("new_building", SHED, FIELD, APPROVAL)
    given_words = set(words(inputs, {"group": "building"}, current_rules())) | {"law_changes"}
    assert given_words == rule_check.WORDS
    assert all(
        rule.statute and rule.text_en for rule in (*current_rules().ordered(), *current_rules().notes())
    )


@pytest.mark.parametrize(
    ("table", "old", "new", "told"),
    [
        ("judgement", 'id = "J2.9"', 'id = "J2.7"', "twice"),
        ("judgement", "{approved_pct}", "{approved_pct.__class__}", "unknown word"),
        ("judgement", 'violation = "L04"', 'violation = "L99"', "L99"),
        ("judgement", 'suggestion = "lawful"', 'suggestion = "fine"', "fine"),
        ("thresholds", "approved_share = 0.95", 'approved_share = "95 %"', "approved_share"),
        ("thresholds", "approved_share = 0.95", "", "approved_share"),
        ("judgement", "[[rule]]", "[[rules]]", "rule"),
    ],
)
def test_unsound_rules_are_refused_before_they_judge(table: str, old: str, new: str, told: str) -> None:
    text = (RULES_FOLDER / f"{table}.toml").read_text("utf-8")
    assert old in text
    with pytest.raises(InvalidInput) as refused:
        rule_check.from_texts({table: text.replace(old, new)})
    assert refused.value.code == "detection.rules.unsound"
    assert told in str(refused.value.facts["problem"])


def test_rule_tables_that_are_no_toml_are_refused() -> None:
    with pytest.raises(InvalidInput) as refused:
        rule_check.from_texts({"thresholds": "approved_share = = 1"})
    assert refused.value.code == "detection.rules.unreadable"
    same = rule_check.from_texts({"judgement": (RULES_FOLDER / "judgement.toml").read_text("utf-8")})
    assert same.sha256 == current_rules().sha256
    assert RuleSet.of(canonical(json.loads(same.text))).sha256 == same.sha256
