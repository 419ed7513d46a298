"""Areas on the ellipsoid, zones, refusals, and the tree of divisions."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod
from shapely import affinity
from shapely.geometry import LineString, Point, Polygon, box

from foundation.crs import ellipsoidal_area_m2, gauss_krueger_epsg, parse_crs, reproject
from foundation.divisions import divisions, load_divisions
from foundation.errors import InvalidInput

CGCS2000 = Geod(a=6378137.0, rf=298.257222101)


@given(
    st.floats(112.6, 113.9), st.floats(34.8, 35.5), st.floats(0, 360), st.floats(5, 400), st.floats(5, 400)
)
def test_area_of_a_slanted_rectangle_is_ellipsoidal(
    lon: float, lat: float, angle: float, width: float, height: float
) -> None:
    centre = Point(lon, lat)
    plane = affinity.rotate(box(-width / 2, -height / 2, width / 2, height / 2), angle)
    corners = []
    for x, y in plane.exterior.coords[:-1]:
        bearing_lon, bearing_lat, _ = CGCS2000.fwd(centre.x, centre.y, 90, x)
        corners.append(CGCS2000.fwd(bearing_lon, bearing_lat, 0, y)[:2])
    assert ellipsoidal_area_m2(Polygon(corners)) == pytest.approx(width * height, rel=1e-4)


def test_holes_are_taken_off_and_lines_have_no_area() -> None:
    shell, hole = box(113, 35, 113.01, 35.01), box(113.002, 35.002, 113.004, 35.004)
    whole, cut = ellipsoidal_area_m2(shell), ellipsoidal_area_m2(shell.difference(hole))
    assert whole - cut == pytest.approx(ellipsoidal_area_m2(hole), rel=1e-9)
    assert ellipsoidal_area_m2(LineString([(113, 35), (113.1, 35)])) == 0


def test_web_mercator_would_be_wrong_by_half() -> None:
    square = box(113, 35, 113.001, 35.001)
    assert reproject(square, 4490, 3857).area / ellipsoidal_area_m2(square) == pytest.approx(1.49, abs=0.02)


@pytest.mark.parametrize(("lon", "epsg"), [(112.8, 4547), (113.9, 4547), (110.9, 4546), (115.6, 4548)])
def test_three_degree_zone(lon: float, epsg: int) -> None:
    assert gauss_krueger_epsg(lon) == epsg


@pytest.mark.parametrize("crs", ["EPSG:4214", "EPSG:4610", "EPSG:2360", "EPSG:999999", "nonsense"])
def test_unknown_and_unsafe_systems_are_refused_in_both_languages(crs: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        parse_crs(crs)
    assert refusal.value.text("zh") != refusal.value.code
    assert refusal.value.text("en") != refusal.value.code


def test_the_divisions_of_jiaozuo() -> None:
    tree = divisions()
    levels = [sum(division.level == level for division in tree.all()) for level in range(1, 6)]
    assert levels == [1, 1, 11, 112, 2024]
    assert tree.full_name("410883105000") == "孟州市西虢镇"
    assert tree.at_level("410883105201", 4).code == "410883105000"
    assert all(
        child.code.startswith(tree.get("410883000000").prefix) for child in tree.children("410883000000")
    )


@pytest.mark.parametrize("code", ["410883", "410883999999", "abc", ""])
def test_codes_that_do_not_exist(code: str) -> None:
    with pytest.raises(InvalidInput):
        divisions().get(code)


def test_a_bad_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_text(
        "code,name,level,parent_code\n410000000000,河南省,1,\n4108,焦作市,2,410000000000\n", "utf-8"
    )
    with pytest.raises(InvalidInput) as refusal:
        load_divisions(path)
    assert refusal.value.facts["line"] == 3
