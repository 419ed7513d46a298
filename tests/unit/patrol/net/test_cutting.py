"""Cells fill a village to the last square decimetre, overlap nowhere, and hold about as much as was asked."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shapely.geometry.base import BaseGeometry

from patrol.net.grids.cutting import M_PER_DEGREE, CutRules, Ground, cut_village
from patrol.net.grids.numbering import NewCell, OldCell, compare, numbers
from patrol.net.grids.outlines import Mending, Village, with_strays, without_gaps, without_overlaps

LON, LAT = 112.7513, 34.9507
STRETCH = float(np.cos(np.radians(LAT)))
M2 = M_PER_DEGREE**2 * STRETCH
"""Square metres of a square degree in the plane of the test."""
RULES = CutRules(120_000.0, 0.5, 1.5, 8.0, 1.5)
VILLAGE = "410883105201"


def degrees(shape: BaseGeometry) -> BaseGeometry:
    return shapely.transform(shape, lambda xy: xy / [M_PER_DEGREE * STRETCH, M_PER_DEGREE] + [LON, LAT])


def objects(shapes: list[BaseGeometry]) -> np.ndarray:
    return np.array([degrees(shape) for shape in shapes], dtype=object)


def ground(outline: BaseGeometry, roads: list[BaseGeometry], seed: int) -> Ground:
    """A village with plots of 70 m, six in ten farmland, one in ten woods, cut by roads."""
    rng = np.random.default_rng(seed)
    west, south, east, north = outline.bounds
    plots = [
        plot
        for x in np.arange(west - 30, east, 70.0)
        for y in np.arange(south - 30, north, 70.0)
        if (plot := shapely.difference(shapely.box(x, y, x + 70, y + 70), shapely.union_all(roads))).area > 1
        and shapely.intersects(plot, outline)
    ]
    chance = rng.random(len(plots))
    field = [plot for plot, one in zip(plots, chance, strict=True) if one < 0.6]
    woods = [plot for plot, one in zip(plots, chance, strict=True) if one > 0.9]
    return Ground(VILLAGE, "村", degrees(outline), objects(field), objects(woods), objects(roads))


def fills(cells: list[BaseGeometry], outline: BaseGeometry) -> tuple[float, float]:
    """Square metres of gap or excess, and of overlap."""
    shapes = np.array(cells, dtype=object)
    differs = shapely.area(shapely.symmetric_difference(shapely.union_all(shapes), outline)) * M2
    one, other = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    pairs = one < other
    overlap = shapely.area(shapely.intersection(shapes[one[pairs]], shapes[other[pairs]])).sum() * M2
    return float(differs), float(overlap)


@st.composite
def villages(draw: st.DrawFn) -> Ground:
    points = draw(
        st.lists(
            st.tuples(st.floats(-900, 900), st.floats(-900, 900)).map(lambda p: (round(p[0]), round(p[1]))),
            min_size=5,
            max_size=25,
            unique=True,
        )
    )
    outline = shapely.concave_hull(shapely.multipoints(points), draw(st.sampled_from([0.2, 0.6, 1.0])))
    if outline.geom_type != "Polygon" or outline.area < 40_000:
        outline = shapely.box(-300, -200, 400, 350)
    if draw(st.booleans()):
        # An exclave beyond the border.
        outline = shapely.union(outline, shapely.box(1500, 1500, 1700, 1650))
    ends = draw(st.lists(st.tuples(*[st.integers(-1000, 1000)] * 4), max_size=4))
    roads = [
        shapely.buffer(shapely.linestrings([end[:2], end[2:]]), draw(st.sampled_from([2.0, 6.5, 20.0])))
        for end in ends
        if end[:2] != end[2:]
    ]
    return ground(outline, roads, draw(st.integers(0, 99)))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(villages())
def test_cells_fill_the_village_and_do_not_overlap(village: Ground) -> None:
    cells = cut_village(village, RULES)
    shapes = [cell.geometry for cell in cells]
    gap, overlap = fills(shapes, village.outline)
    assert gap < 0.1
    assert overlap < 0.1
    watched = shapely.union_all(np.concatenate([village.field, village.mountain]))
    missed = shapely.difference(shapely.intersection(watched, village.outline), shapely.union_all(shapes))
    assert missed.area * M2 < 0.1
    assert all(shapely.is_valid(shape) for shape in shapes)
    assert cut_village(village, RULES) == cells


def test_cells_hold_about_the_target_and_seams_follow_the_road() -> None:
    road = shapely.buffer(shapely.linestrings([(-900, -40), (0, 20), (900, 60)]), 4.0)
    village = ground(shapely.box(-800, -700, 800, 700), [road], 3)
    cells = cut_village(village, RULES)
    held = np.array([cell.field_m2 + cell.mountain_m2 for cell in cells]) / RULES.target_m2
    assert len(cells) >= 10
    assert (held >= 0.5).all()
    assert (held <= 1.5).all()
    # No cell reaches across the road: each lies on one side but for half its width.
    middle = degrees(shapely.buffer(road, 1.0))
    for cell in cells:
        sides = shapely.get_parts(shapely.difference(cell.geometry, middle))
        assert sum(shapely.area(side) * M2 > 50 for side in sides) == 1


def test_without_a_survey_every_square_metre_weighs_the_same() -> None:
    none = np.empty(0, dtype=object)
    outline = degrees(shapely.box(0, 0, 1000, 600))
    cells = cut_village(Ground(VILLAGE, "村", outline, none, none, none, is_surveyed=False), RULES)
    assert len(cells) == 5
    assert [cell.area_m2 / 120_000 for cell in cells] == pytest.approx([1.0] * 5, abs=0.15)


def square(x: float, y: float, size: float = 100.0) -> BaseGeometry:
    return degrees(shapely.box(x, y, x + size, y + size))


def test_numbers_stay_where_the_ground_stays_and_none_is_given_out_twice() -> None:
    old = [
        OldCell(place, f"{VILLAGE}{place + 1:03d}", "", VILLAGE, square(place * 100, 0)) for place in range(3)
    ]
    moved = [square(205, 0), square(3, 0), square(900, 900)]
    used = {cell.code for cell in old} | {f"{VILLAGE}007"}
    assert numbers(moved, old, village_code=VILLAGE, used=used) == [
        f"{VILLAGE}003",
        f"{VILLAGE}001",
        f"{VILLAGE}008",
    ]


def test_a_cut_is_compared_by_number_and_ground() -> None:
    old = [
        OldCell(place, f"{VILLAGE}{place + 1:03d}", "格", VILLAGE, square(place * 100, 0))
        for place in range(3)
    ]
    new = [
        NewCell(old[0].code, "格", VILLAGE, old[0].geometry, 1.0, None, None),
        NewCell(old[1].code, "格", VILLAGE, square(101, 0), 1.0, None, None),
        NewCell(f"{VILLAGE}009", "格", VILLAGE, square(500, 0), 1.0, None, None),
    ]
    change = compare(new, old)
    assert [cell.code[-3:] for cell in change.kept] == ["001"]
    assert [cell.code[-3:] for _, cell in change.changed] == ["002"]
    assert [cell.code[-3:] for cell in change.added] == ["009"]
    assert [cell.code[-3:] for cell in change.retired] == ["003"]


def test_outlines_are_mended_before_they_are_cut() -> None:
    frame = shapely.difference(shapely.box(-200, -200, 300, 300), shapely.box(0, 0, 60, 60))
    a = Village("1", "甲", degrees(frame))
    b = Village("2", "乙", degrees(shapely.box(290, -200, 500, 300)))
    mending = Mending()
    mended = without_gaps(without_overlaps([b, a], mending), 10_000, mending)
    assert mending.overlap_m2 == pytest.approx(10 * 500, rel=0.01)
    assert mending.overlaps.keys() == {"2"}
    assert mending.gap_m2 == pytest.approx(3600, rel=0.01)
    shapes = np.array([village.outline for village in mended], dtype=object)
    assert shapely.intersection(*shapes).area * M2 < 0.01
    assert shapely.union_all(shapes).area * M2 == pytest.approx(700 * 500, rel=1e-6)


def test_farmland_in_no_village_goes_to_the_nearest_or_is_told() -> None:
    a = Village("1", "甲", degrees(shapely.box(0, 0, 100, 100)))
    b = Village("2", "乙", degrees(shapely.box(300, 0, 400, 100)))
    beside = Village("3", "丙", degrees(shapely.box(0, 100, 400, 200)))
    strays = objects([shapely.box(90, 50, 150, 120), shapely.box(5000, 0, 5100, 100)])
    mending = Mending()
    first, second = with_strays([a, b], strays, taken=[beside], reach_m=500, mending=mending)
    assert mending.stray_m2 == pytest.approx(50 * 50, rel=0.01)
    assert mending.lost_m2 == pytest.approx(10_000, rel=0.01)
    assert first.outline.area * M2 == pytest.approx(100 * 100 + 50 * 50, rel=1e-6)
    assert second == b
