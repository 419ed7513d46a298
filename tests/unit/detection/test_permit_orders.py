"""Permit dates against image dates: every row of the table judged; the window day by day as the oracle."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import shapely
from hypothesis import example, given, settings
from hypothesis import strategies as st

from detection.desk.orders import as_markdown, orders
from detection.judgements import JudgedPatch, evaluate, measure
from detection.judging.overlay import JUDGED_KINDS, JudgedShape, LegalFeature
from detection.judging.permits import ground_throughout, permit_timing
from detection.rules import current_rules
from foundation.crs import ellipsoidal_area_m2, reproject

BEFORE, AFTER = date(2026, 4, 8), date(2026, 9, 8)
FIRST = {
    "before": date(2025, 11, 3),
    "on_before": BEFORE,
    "inside": date(2026, 6, 10),
    "on_after": AFTER,
    "after": date(2026, 9, 21),
    "none": None,
}
LAST = FIRST | {"before": date(2026, 3, 1), "inside": date(2026, 7, 20), "after": date(2027, 5, 1)}
GAP_DAYS = {"none": 1, "overlap": -19, "gap": 12}
OUTLINE = reproject(shapely.box(386_000, 3_868_000, 386_080, 3_868_060), 4547)
AROUND = reproject(shapely.box(385_990, 3_867_990, 386_090, 3_868_070), 4547)
KINDS = {
    "construction": ("construction_approval", "new_building", "0102"),
    "temporary": ("temporary_use", "hard_surface", "0102"),
    "mining": ("mining_right", "excavation", "0404"),
}


def permits_of(row: Mapping[str, Any], kind: str) -> list[LegalFeature]:
    """The permits that a row of the table speaks of."""
    last = LAST[row["to"]]
    found = [LegalFeature(kind, "P1", "", AROUND, valid_from=FIRST[row["from"]], valid_to=last)]
    if "second" in row:
        assert last is not None
        begins = last + timedelta(days=GAP_DAYS[row["gap"]])
        found.append(LegalFeature(kind, "P2", "", AROUND, valid_from=begins, valid_to=LAST[row["second"][1]]))
    return found


@pytest.mark.parametrize("matter", list(KINDS))
@pytest.mark.parametrize("row", orders()["order"], ids=lambda row: row["id"])
def test_each_order_of_dates_is_judged_as_the_table_says(row: Mapping[str, Any], matter: str) -> None:
    kind, change_class, land_class = KINDS[matter]
    land = LegalFeature("land_survey", "D1", "地类", AROUND, land_class_code=land_class)
    area_m2 = ellipsoidal_area_m2(OUTLINE)
    shape = JudgedShape(OUTLINE, area_m2, area_m2 - 200, area_m2 + 200, BEFORE, AFTER)
    patch = JudgedPatch("410883-2609-0001", change_class, shape, [{"code": "410883105201", "share": 1.0}])
    layers = [{"kind": name, "version_id": "v"} for name in JUDGED_KINDS]
    inputs = measure(patch, [land, *permits_of(row, kind)], layers=layers, rules=current_rules())
    result = evaluate(inputs, current_rules())
    timings = {permit["feature_no"]: permit["timing"] for permit in inputs["approvals"]}
    assert [timings[number] for number in sorted(timings)] == row["timing"]
    assert result["suggestion"] == row[matter], result["sentences"][0]["text"]
    assert "{" not in result["sentences"][0]["text_en"]


def test_the_table_covers_twelve_orders_of_one_permit_and_is_printed_in_the_docs() -> None:
    single = [(row["from"], row["to"]) for row in orders()["order"] if "second" not in row]
    assert len(single) == len(set(single)) == 12
    told = {row["timing"][0] for row in orders()["order"] if "second" not in row}
    assert told == {"valid", "expired", "lapsed", "inside", "brief", "later", "undated"}
    docs = Path(__file__).resolve().parents[3] / "docs" / "permit-orders.md"
    assert docs.read_text("utf-8") == as_markdown()


DAYS = st.one_of(st.none(), st.dates(date(2026, 3, 1), date(2026, 10, 31)))


@settings(deadline=None)
@given(valid_from=DAYS, valid_to=DAYS)
def test_a_permit_is_valid_exactly_when_no_day_of_the_window_is_without_it(
    valid_from: date | None, valid_to: date | None
) -> None:
    timing = permit_timing(valid_from, valid_to, BEFORE, AFTER)
    days = [BEFORE + timedelta(days=number) for number in range((AFTER - BEFORE).days + 1)]
    holds = [
        valid_from is not None and valid_from <= day and (valid_to is None or day <= valid_to) for day in days
    ]
    assert (timing == "valid") == all(holds)
    if timing in {"later", "expired"}:
        assert not any(holds[1:])
    if timing in {"inside", "lapsed", "brief"} and (
        valid_from is None or valid_to is None or valid_from <= valid_to
    ):
        assert any(holds) or valid_from is None


PERMITS = st.lists(
    st.tuples(st.integers(0, 6), st.integers(1, 5), st.integers(-20, 170), st.integers(0, 120)), max_size=5
)


@settings(deadline=None)
@given(permits=PERMITS)
@example(permits=[(0, 1, 0, 0), (1, 1, 1, 62), (2, 1, 0, 63)])  # grounds that meet in a line
def test_ground_in_force_throughout_is_what_no_single_day_lacks(
    permits: list[tuple[int, int, int, int]],
) -> None:
    features = [
        LegalFeature(
            "construction_approval",
            f"P{number}",
            "",
            shapely.box(left, 0, left + width, 1),
            valid_from=BEFORE + timedelta(days=start),
            valid_to=BEFORE + timedelta(days=start + length),
        )
        for number, (left, width, start, length) in enumerate(permits)
    ]
    ground = ground_throughout(features, BEFORE, AFTER)
    days = [BEFORE + timedelta(days=number) for number in range((AFTER - BEFORE).days + 1)]
    for cell in range(11):
        middle = shapely.Point(cell + 0.5, 0.5)
        lacks = any(
            not any(
                f.geometry.covers(middle) and f.valid_from <= day <= f.valid_to  # type: ignore[operator]
                for f in features
            )
            for day in days
        )
        assert ground.covers(middle) == (not lacks)
