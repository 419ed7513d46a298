"""Two parcel registers compared: a resurvey is nothing, divided parcels are told, only takings count."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from detection.registers.cadastral_diff import Parcel, RegisterChange, compare_registers, takings, use_group
from detection.rules import current_rules
from foundation.crs import reproject

TOLERANCE_M = float(current_rules().thresholds["register"]["resurvey_m"])
LAND_CLASSES = current_rules().content["judgement"]["land_classes"]
EAST, NORTH, SIDE_M = 385_000.0, 3_870_000.0, 40.0
FARM, WORKS, HOMES = "1202", "0601", "0702"
COLUMNS = 4


def parcel(number: int, use: str, box: tuple[float, float, float, float], right: str = "JA") -> Parcel:
    """A rectangle in metres from the corner of the register."""
    west, south, east, north = box
    outline = shapely.box(EAST + west, NORTH + south, EAST + east, NORTH + north)
    name = f"410883105204JA{number:05d}"
    return Parcel(name, use, use, right, reproject(outline, 4547, 4490))


def register(uses: list[str]) -> list[Parcel]:
    """Adjoining squares of 40 m, four a row."""
    return [parcel(number, use, square(number)) for number, use in enumerate(uses)]


def square(number: int) -> tuple[float, float, float, float]:
    row, column = divmod(number, COLUMNS)
    west, south = column * SIDE_M, row * SIDE_M
    return west, south, west + SIDE_M, south + SIDE_M


def moved(one: Parcel, east_m: float, north_m: float) -> Parcel:
    plane = shapely.affinity.translate(reproject(one.outline, 4490, 4547), east_m, north_m)
    return replace(one, outline=reproject(plane, 4547, 4490))


def compare(before: list[Parcel], after: list[Parcel]) -> list[RegisterChange]:
    return compare_registers(before, after, tolerance_m=TOLERANCE_M)


def kinds(changes: list[RegisterChange]) -> Counter[str]:
    return Counter(change.kind for change in changes)


def taken(before: list[Parcel], after: list[Parcel]) -> dict[str, float]:
    """Parcels that took farmland, with how many square metres."""
    found = takings(compare(before, after), LAND_CLASSES, tolerance_m=TOLERANCE_M)
    assert all(0.0 < one.area_min_m2 < one.area_m2 < one.area_max_m2 for one in found)
    return {one.parcel.number: one.area_m2 for one in found}


USES = st.lists(st.sampled_from([FARM, WORKS, HOMES, "0102"]), min_size=1, max_size=8)
STEP = st.tuples(st.floats(-0.27, 0.27), st.floats(-0.27, 0.27))


@settings(max_examples=30, deadline=None)
@given(USES, st.data())
def test_a_resurvey_of_any_parcels_is_never_a_lead(uses: list[str], data: st.DataObject) -> None:
    before = register(uses)
    steps = data.draw(st.lists(STEP, min_size=len(uses), max_size=len(uses)))
    after = [moved(one, *step) for one, step in zip(before, steps, strict=True)]
    changes = compare(before, data.draw(st.permutations(after)))
    assert set(kinds(changes)) <= {"resurvey"}
    assert taken(before, after) == {}


@settings(max_examples=30, deadline=None)
@given(USES, st.data())
def test_exactly_the_farm_parcels_that_became_construction_land_are_taken(
    uses: list[str], data: st.DataObject
) -> None:
    new_uses = data.draw(st.lists(st.sampled_from([FARM, WORKS]), min_size=len(uses), max_size=len(uses)))
    before = register(uses)
    step = data.draw(STEP)
    after = [moved(replace(one, use_code=use), *step) for one, use in zip(before, new_uses, strict=True)]
    expected = {
        one.number
        for one, use in zip(before, new_uses, strict=True)
        if one.use_code in {FARM, "0102"} and use == WORKS
    }
    found = taken(data.draw(st.permutations(before)), data.draw(st.permutations(after)))
    assert set(found) == expected
    assert all(area_m2 == pytest.approx(SIDE_M**2, rel=1e-3) for area_m2 in found.values())


def test_a_register_differs_in_nothing_from_itself_drawn_from_another_corner() -> None:
    before = register([FARM, WORKS, HOMES, FARM, FARM])
    turned = [replace(one, outline=shapely.normalize(one.outline.reverse())) for one in before]
    assert compare(before, turned) == []


def test_divided_and_joined_parcels_are_told_and_make_no_lead() -> None:
    whole, other = parcel(1, WORKS, (0, 0, 80, 40)), parcel(9, FARM, (80, 0, 120, 40))
    halves = [parcel(2, WORKS, (0, 0, 40, 40)), parcel(3, WORKS, (40, 0, 80, 40))]
    assert kinds(compare([whole, other], [*halves, other])) == {"split": 1}
    assert kinds(compare([*halves, other], [whole, other])) == {"merge": 1}
    assert kinds(compare([whole], [replace(whole, number="410883105204JA00004")])) == {"renumbered": 1}
    assert kinds(compare([whole], [whole, other])) == {"added": 1}
    assert kinds(compare([whole, other], [whole])) == {"removed": 1}
    assert kinds(compare([whole], [replace(whole, right_type="GB")])) == {"right": 1}
    assert taken([whole, other], [*halves, other]) == taken([whole], [whole, other]) == {}


def test_farmland_that_is_divided_or_swallowed_does_not_escape() -> None:
    field = parcel(1, FARM, (0, 0, 80, 40))
    rest, works = parcel(2, FARM, (0, 0, 50, 40)), parcel(3, WORKS, (50, 0, 80, 40))
    assert taken([field], [rest, works]) == {works.number: pytest.approx(1200.0, rel=1e-3)}
    neighbour = parcel(4, WORKS, (80, 0, 120, 40))
    grown, shrunk = parcel(4, WORKS, (72, 0, 120, 40)), parcel(1, FARM, (0, 0, 72, 40))
    changes = compare([field, neighbour], [shrunk, grown])
    assert kinds(changes) == {"boundary": 2, "use": 1}
    assert taken([field, neighbour], [shrunk, grown]) == {grown.number: pytest.approx(320.0, rel=0.01)}
    assert taken([grown, shrunk], [field, neighbour]) == {}


@pytest.mark.parametrize(
    ("use", "group"),
    [("0102", "cropland"), ("1202", "other_agricultural"), ("1105", "unused"), ("08H2", "construction"),
     ("0810A", "construction"), ("10", None), ("122", None), ("0499", None), ("工业", None), (None, None)],
)  # fmt: skip
def test_a_use_that_cannot_be_read_proves_nothing(use: str | None, group: str | None) -> None:
    assert use_group(use, LAND_CLASSES) == group
