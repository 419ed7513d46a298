"""Areas by the integral against the same areas by cutting outlines with GEOS, and against geodesics."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shapely import affinity
from shapely.geometry.base import BaseGeometry

from detection.judging.areas.authalic import LONGEST_M, Cylinder
from detection.judging.areas.join import layer_of, shared_areas
from detection.judging.areas.layer_shelf import LayerShelf, shelf_key
from detection.judging.areas.ragged import MOST_EDGES, ragged_of
from foundation.crs import ellipsoidal_area_m2
from foundation.errors import InvalidInput

MANY = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
CENTRE = Cylinder(113.2, 35.1)
YARD = [(0.0, 0.0), (0.9, 0.1), (0.8, 0.6), (0.4, 0.5), (0.35, 0.8), (-0.1, 0.7)]


def by_cutting(patches: list[BaseGeometry], features: list[BaseGeometry]) -> np.ndarray:
    """The plain way: every pair cut by GEOS, shape (patches, features)."""
    one, other = np.asarray(patches, dtype=object)[:, None], np.asarray(features, dtype=object)[None, :]
    return np.asarray(shapely.area(shapely.intersection(one, other)))


def by_integral(patches: list[BaseGeometry], features: list[BaseGeometry]) -> np.ndarray:
    found = shared_areas(ragged_of(patches, None), layer_of(ragged_of(features, None)), least_m2=0.0)
    table = np.zeros((len(patches), len(features)))
    table[found.patch, found.feature] = found.area_m2
    return table


def agree(patches: list[BaseGeometry], features: list[BaseGeometry]) -> None:
    expected = by_cutting(patches, features)
    tolerance = 1e-9 * np.maximum(1.0, shapely.area(np.asarray(patches, dtype=object)))[:, None]
    assert (np.abs(by_integral(patches, features) - expected) <= tolerance).all()


@st.composite
def lattice_shapes(draw: st.DrawFn) -> BaseGeometry:
    """Unions of boxes and triangles on whole metres: shared edges, collinear overlaps, holes, many parts."""
    pieces = []
    for _ in range(draw(st.integers(1, 6))):
        x, y = draw(st.integers(0, 8)), draw(st.integers(0, 8))
        width, height = draw(st.integers(1, 5)), draw(st.integers(1, 5))
        if draw(st.booleans()):
            pieces.append(shapely.box(x, y, x + width, y + height))
        else:
            pieces.append(shapely.Polygon([(x, y), (x + width, y), (x, y + height)]))
    joined = shapely.union_all(pieces)
    taken = shapely.box(*(value + 0.25 * draw(st.integers(0, 2)) for value in (3, 3, 4, 5)))
    rest = joined.difference(taken) if draw(st.booleans()) else joined
    polygons = [part for part in shapely.get_parts(rest) if part.geom_type == "Polygon"]
    return shapely.MultiPolygon(polygons or [shapely.box(0, 0, 1, 1)])


@st.composite
def star_shapes(draw: st.DrawFn) -> BaseGeometry:
    """Outlines around a centre at any place of a county, some as thin as a sliver, some with a hole."""
    seed, corners = draw(st.integers(0, 2**32 - 1)), draw(st.integers(3, 40))
    rng = np.random.default_rng(seed)
    turns = np.sort(rng.uniform(0.0, 2.0 * np.pi, corners))
    turns = np.linspace(0.0, 2.0 * np.pi, corners, endpoint=False) + 0.3 * turns / (2 * np.pi * corners)
    reach = rng.uniform(10.0, 60.0, corners)[:, None]
    ring = reach * np.column_stack([np.cos(turns), np.sin(turns)])
    centre = 40_000.0 + rng.uniform(-40.0, 40.0, 2)
    holes = [0.1 * ring[::-1] + centre] if draw(st.booleans()) else []
    star = shapely.Polygon(ring + centre, holes)
    thin = draw(st.sampled_from([1.0, 1e-3, 1e-5]))
    return affinity.rotate(affinity.scale(star, 1.0, thin, origin="center"), draw(st.integers(0, 359)))


@MANY
@given(st.lists(lattice_shapes(), min_size=1, max_size=4), st.lists(lattice_shapes(), min_size=1, max_size=5))
def test_outlines_that_share_edges_and_corners(
    patches: list[BaseGeometry], features: list[BaseGeometry]
) -> None:
    agree(patches, features)


@MANY
@given(st.lists(star_shapes(), min_size=1, max_size=3), st.lists(star_shapes(), min_size=1, max_size=4))
def test_outlines_in_general_position_and_slivers(
    patches: list[BaseGeometry], features: list[BaseGeometry]
) -> None:
    agree(patches, features)


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(MOST_EDGES, 12 * MOST_EDGES), star_shapes())
def test_large_outlines_are_divided_and_nothing_is_lost(seed: int, corners: int, star: BaseGeometry) -> None:
    rng = np.random.default_rng(seed)
    turns = np.linspace(0.0, 2.0 * np.pi, corners, endpoint=False)
    reach = rng.uniform(40.0, 90.0, corners)[:, None]
    large = shapely.Polygon(40_000.0 + reach * np.column_stack([np.cos(turns), np.sin(turns)]))
    ragged = ragged_of([large], None)
    assert len(ragged.feature) > (1 if corners > MOST_EDGES + 1 else 0)
    assert np.diff(ragged.starts).max() <= MOST_EDGES
    assert ragged.areas_m2()[0] == pytest.approx(large.area, rel=1e-12)
    agree([large, star], [star, large, large.buffer(5.0)])


def test_the_cases_that_cutting_gets_wrong_when_it_is_careless() -> None:
    block = shapely.box(0, 0, 10, 10)
    ring = block.difference(shapely.box(2, 2, 8, 8))
    inside, touching = shapely.box(3, 3, 7, 7), shapely.box(10, 2, 14, 6)
    table = by_integral([block, ring, inside, touching], [block, ring, touching, shapely.box(5, 10, 6, 11)])
    assert table.tolist() == [[100, 64, 0, 0], [64, 64, 0, 0], [16, 0, 0, 0], [0, 0, 16, 0]]


def test_features_keep_their_places_around_empty_and_large_ones() -> None:
    large = shapely.Point(500, 500).buffer(100, quad_segs=100)
    features = [shapely.Polygon(), shapely.box(0, 0, 5, 5), large, shapely.Polygon(), shapely.box(2, 2, 9, 9)]
    patches = [shapely.Polygon(), shapely.box(1, 1, 4, 4), shapely.box(450, 450, 700, 700), large]
    agree(patches, features)
    found = shared_areas(ragged_of(patches, None), layer_of(ragged_of(features, None)))
    assert list(zip(found.patch, found.feature, strict=True)) == [(1, 1), (1, 4), (2, 2), (3, 2)]
    nothing = shared_areas(ragged_of([], None), layer_of(ragged_of([], None)))
    assert len(nothing.area_m2) == 0
    assert shared_areas(ragged_of(patches, None), layer_of(ragged_of([], None))).by_patch_m2(4).sum() == 0


@pytest.mark.parametrize(
    ("shape", "code"),
    [
        (shapely.Polygon([(0, 0), (4, 4), (4, 0), (0, 3)]), "detection.areas.not_simple"),
        (shapely.MultiPolygon([shapely.box(0, 0, 4, 4), shapely.box(1, 1, 2, 2)]),
         "detection.areas.not_simple"),
        (shapely.Polygon(shapely.box(0, 0, 4, 4).exterior, [shapely.box(3, 3, 9, 9).exterior]),
         "detection.areas.not_simple"),
        (shapely.LineString([(0, 0), (1, 1)]), "detection.areas.not_polygonal"),
        (None, "detection.areas.not_polygonal"),
        (shapely.Polygon([(0, 0), (np.inf, 0), (1, 1)]), "detection.areas.not_finite"),
    ],
)  # fmt: skip
def test_what_is_no_set_of_ground_is_refused_by_its_place(shape: BaseGeometry | None, code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        ragged_of([shapely.box(0, 0, 1, 1), shape], None)
    assert refused.value.code == code
    assert refused.value.facts["place"] == 1


@settings(max_examples=60, deadline=None)
@given(st.floats(109.0, 117.0), st.floats(22.0, 50.0), star_shapes())
def test_plane_areas_on_the_cylinder_are_geodesic_ones(lon: float, lat: float, star: BaseGeometry) -> None:
    degrees = affinity.affine_transform(star, [1e-5, 0, 0, 0.9e-5, lon - 0.4, lat - 0.36])
    ragged = ragged_of([degrees], Cylinder(lon, lat), is_checked=True)
    # All that may differ: the ground between each straight edge and its geodesic, L³ tan(latitude) / 12 R.
    lengths = np.hypot(ragged.edges[:, 2] - ragged.edges[:, 0], ragged.edges[:, 3] - ragged.edges[:, 1])
    assert lengths.max() <= 1.01 * LONGEST_M
    between_m2 = float((lengths**3).sum()) * np.tan(np.radians(lat)) / (12 * 6.35e6)
    area_m2 = ragged.areas_m2()[0]
    assert abs(area_m2 - ellipsoidal_area_m2(degrees)) <= 1e-8 * area_m2 + 1e-6 + 1.1 * between_m2


def test_outlines_as_they_are_drawn_keep_their_geodesic_area_to_a_millionth() -> None:
    rng = np.random.default_rng(7)
    turns = np.linspace(0.0, 2.0 * np.pi, 20, endpoint=False)
    centres = np.column_stack([rng.uniform(112.7, 113.7, 200), rng.uniform(34.8, 35.4, 200)])
    reach = rng.uniform(1e-4, 4e-4, (200, 20))
    rings = centres[:, None] + reach[..., None] * np.stack([np.cos(turns), np.sin(turns)], axis=-1)
    shapes = shapely.polygons(rings)
    shapes = np.concatenate([shapes, shapely.polygons(centres[:, None] + 2e-3 * np.array(YARD))])
    areas_m2 = ragged_of(shapes, CENTRE).areas_m2()
    geodesic_m2 = np.array([ellipsoidal_area_m2(shape) for shape in shapes])
    assert np.abs(areas_m2 / geodesic_m2 - 1.0).max() <= 1e-6


def test_a_layer_is_made_once_and_made_again_when_it_is_another_or_not_whole(tmp_path: Path) -> None:
    shelf, made = LayerShelf(tmp_path / "areas"), []
    features = [shapely.box(x, 35.0, x + 0.001, 35.001) for x in (113.0, 113.001, 113.002)]

    def make() -> object:
        made.append(1)
        return ragged_of(features, CENTRE)

    key = shelf_key("parcel", ["version-1"], CENTRE)
    patches = ragged_of([shapely.box(113.0005, 35.0, 113.0015, 35.0005)], CENTRE)
    first = shared_areas(patches, shelf.layer(key, make))
    again = shared_areas(patches, shelf.layer(key, make))
    assert len(made) == 1
    assert (first.area_m2 == again.area_m2).all()
    assert list(first.feature) == [0, 1]
    (tmp_path / "areas" / key / "edges.npy").write_bytes(b"half")
    assert (shared_areas(patches, shelf.layer(key, make)).area_m2 == first.area_m2).all()
    assert len(made) == 2
    other = shelf_key("parcel", ["version-2"], CENTRE)
    assert other != key
    features.pop()
    shelf.layer(other, make)
    assert len(made) == 3
    assert shelf.keep_only([other]) == [key]
    shelf.layer(key, make)
    assert len(made) == 4
    assert shelf.layer(shelf_key("parcel", [], None), lambda: ragged_of([], None)).ragged.count == 0
