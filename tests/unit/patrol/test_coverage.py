"""Coverage on the lattice is that of rulers; silence covers nothing."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pytest
import shapely
from hypothesis import example, given, settings
from hypothesis import strategies as st

from foundation.calendar import SHANGHAI
from foundation.crs import ellipsoidal_area_m2, reproject
from patrol.reports.ground.coverage import NEAR_M, Field, Walked, cover, cropland_of
from patrol.rounds.tracks import Fix, tracks_of

START = datetime(2026, 9, 8, 9, 0, tzinfo=SHANGHAI)
GAP = timedelta(minutes=30)
WEST, SOUTH = 112.74, 34.94


def fields() -> list[Field]:
    found = []
    for cell in range(6):
        for part in range(3):
            west, south = WEST + 0.008 * cell + 0.0024 * part, SOUTH + 0.001 * (cell % 3)
            # The last cell holds very little cropland: small cells are measured, not counted.
            height = 0.006 if cell < 5 else 0.0004
            shape = shapely.box(west, south, west + 0.0022, south + height)
            found.append(Field(f"C{cell}", "410883001001", shape, ellipsoidal_area_m2(shape)))
    return found


def walked(*outings: list[Fix]) -> Walked:
    tracks = tracks_of(outings)
    return Walked(tracks, np.zeros(tracks.fix_count, dtype=np.uint8), GAP)


def line(corners: list[tuple[float, float]], *, minutes: float = 1.0) -> list[Fix]:
    return [
        Fix(START + timedelta(minutes=minutes * place), *corner, 5.0) for place, corner in enumerate(corners)
    ]


def by_rulers(lines: list[list[tuple[float, float]]]) -> dict[str, float]:
    belt = shapely.union_all(
        [reproject(shapely.LineString(one), 4490, 4547).buffer(NEAR_M, 32) for one in lines]
    )
    near: dict[str, float] = {}
    for field in fields():
        plane = reproject(field.shape, 4490, 4547)
        share = shapely.area(shapely.intersection(plane, belt)) / shapely.area(plane)
        near[field.cell_code] = near.get(field.cell_code, 0.0) + share * field.area_m2
    return near


corners = st.tuples(st.floats(WEST - 0.005, WEST + 0.055), st.floats(SOUTH - 0.005, SOUTH + 0.012))


def apart(lines: list[list[tuple[float, float]]]) -> list[float]:
    """Share of each cell's cropland by which the lattice and the rulers differ."""
    expected = by_rulers(lines)
    found = cover(cropland_of(fields()), walked(*(line(one) for one in lines)))
    assert [cell.cell_code for cell in found] == sorted(expected)
    assert sum(cell.cropland_m2 for cell in found) == pytest.approx(
        sum(f.area_m2 for f in fields()), rel=1e-9
    )
    return [abs(cell.near_m2 - expected[cell.cell_code]) / cell.cropland_m2 for cell in found]


HAIRPIN = [(112.78125, 34.9453125), (112.735, 34.943359375), (112.78125, 34.94140625)]
"""Almost along the lattice's rows, there and back."""


@example(lines=[HAIRPIN])
@given(lines=st.lists(st.lists(corners, min_size=2, max_size=6, unique=True), min_size=1, max_size=4))
@settings(deadline=None, max_examples=60)
def test_the_lattice_agrees_with_rulers(lines: list[list[tuple[float, float]]]) -> None:
    differences = apart(lines)
    assert np.mean(differences) <= 0.015
    assert max(differences) <= 0.04


def test_errors_of_the_lattice_cancel_over_many_walks() -> None:
    lot = np.random.default_rng(5)
    walks = [
        [[(WEST + 0.055 * x, SOUTH + 0.01 * y) for x, y in lot.random((4, 2))] for _ in range(2)]
        for _ in range(30)
    ]
    assert np.mean([apart(lines) for lines in walks]) <= 0.005


def test_a_walk_along_the_rows_errs_by_no_row() -> None:
    """Its rim falls on nodes: counted whole they would add or take a row on either side."""
    walks = [
        [[(112.735, 34.943 + north), (112.785, 34.943 + north + slant)]]
        for north in np.arange(0.0, 0.0009, 0.0001).tolist()
        for slant in (0.0, 0.0002, 0.002)
    ]
    assert np.mean([apart(lines) for lines in walks]) <= 0.004


def test_silence_covers_nothing() -> None:
    across = [(WEST - 0.002, SOUTH + 0.003), (WEST + 0.05, SOUTH + 0.003)]
    seen = cover(cropland_of(fields()), walked(line(across, minutes=10.0)))
    silent = cover(cropland_of(fields()), walked(line(across, minutes=31.0)))
    assert sum(cell.near_m2 for cell in seen) > 100_000
    assert sum(cell.near_m2 for cell in silent) == 0.0


def test_nobody_walked() -> None:
    found = cover(cropland_of(fields()), walked())
    assert [cell.near_m2 for cell in found] == [0.0] * 6
