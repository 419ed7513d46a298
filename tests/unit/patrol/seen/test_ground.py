"""Which parcels a walk, a place, an image or a camera shows: as rulers would say."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import rasterio
import shapely
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st

from detection.cameras.presets import Camera, Preset, locate, view_of
from foundation.calendar import SHANGHAI
from foundation.crs import geodesic_disc, reproject
from patrol.reports.ground.coverage import Walked
from patrol.rounds.tracks import Fix, tracks_of
from patrol.seen.ground import parcels_of, seen_in, seen_on_image, seen_on_walks
from patrol.seen.sights import SeenPolicy, days_since, seen_policy

START = datetime(2026, 9, 8, 9, 0, tzinfo=SHANGHAI)
GAP = timedelta(minutes=30)
WEST, SOUTH, SIDE = 112.74, 34.94, 0.0018
DOUBT = 0.12
"""Shares this close to the limit may fall either way on a lattice of ten metres."""


def field(column: int, row: int) -> shapely.Polygon:
    west, south = WEST + 0.002 * column, SOUTH + 0.002 * row
    # Slanted: no edge lies along the lattice.
    return shapely.Polygon(
        [
            (west + 0.0003, south),
            (west + SIDE, south + 0.0003),
            (west + SIDE - 0.0003, south + SIDE),
            (west, south + SIDE - 0.0003),
        ]
    )


SHAPES = [field(column, row) for column in range(6) for row in range(4)]
IDS = [1000 + place for place in range(len(SHAPES))]


def shares(belt_4547: shapely.Geometry) -> dict[int, float]:
    plane = [reproject(shape, 4490, 4547) for shape in SHAPES]
    return {
        key: shapely.area(shapely.intersection(shape, belt_4547)) / shapely.area(shape)
        for key, shape in zip(IDS, plane, strict=True)
    }


def agrees(found: list[int], told: dict[int, float], share_min: float) -> None:
    assert set(found) >= {key for key, share in told.items() if share > share_min + DOUBT}
    assert set(found) <= {key for key, share in told.items() if share > share_min - DOUBT}


def walked(*outings: list[Fix]) -> Walked:
    tracks = tracks_of(outings)
    return Walked(tracks, np.zeros(tracks.fix_count, dtype=np.uint8), GAP)


corner = st.tuples(st.floats(WEST - 0.01, WEST + 0.02), st.floats(SOUTH - 0.01, SOUTH + 0.018))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(corner, min_size=1, max_size=5), min_size=1, max_size=4), st.floats(0.2, 0.8))
def test_walks_show_what_rulers_say(ways: list[list[tuple[float, float]]], share_min: float) -> None:
    parcels = parcels_of(IDS, SHAPES)
    outings = [
        [Fix(START + timedelta(minutes=place), lon, lat, 5.0) for place, (lon, lat) in enumerate(way)]
        for way in ways
    ]
    found = list(seen_on_walks(parcels, walked(*outings), share_min=share_min))
    assert len(found) == len(ways)
    for way, ids in zip(ways, found, strict=True):
        line = shapely.LineString(way) if len(way) > 1 else shapely.Point(way[0])
        agrees(ids, shares(reproject(line, 4490, 4547).buffer(100.0, 32)), share_min)


def test_a_silence_passes_nothing() -> None:
    parcels = parcels_of(IDS, SHAPES)
    ends = [
        Fix(START, WEST - 0.01, SOUTH + 0.003, 5.0),
        Fix(START + GAP * 2, WEST + 0.022, SOUTH + 0.003, 5.0),
    ]
    assert list(seen_on_walks(parcels, walked(ends), share_min=0.5)) == [[]]
    ends[1] = Fix(START + GAP / 2, WEST + 0.022, SOUTH + 0.003, 5.0)
    assert next(iter(seen_on_walks(parcels, walked(ends), share_min=0.5))) != []


@settings(max_examples=25, deadline=None)
@given(corner, st.floats(60.0, 400.0))
def test_a_place_shows_its_surroundings(place: tuple[float, float], radius_m: float) -> None:
    found = seen_in(parcels_of(IDS, SHAPES), geodesic_disc(place, radius_m), share_min=0.5)
    agrees(found, shares(reproject(shapely.Point(place), 4490, 4547).buffer(radius_m, 64)), 0.5)


def test_no_parcel_is_too_thin_to_be_seen() -> None:
    thin = shapely.box(WEST + 0.00501, SOUTH, WEST + 0.00503, SOUTH + 0.0001)
    parcels = parcels_of([*IDS, 7], [*SHAPES, thin])
    assert parcels.nodes.min() > 0
    assert 7 in seen_in(parcels, geodesic_disc((WEST + 0.005, SOUTH), 60.0), share_min=0.5)
    assert 7 not in seen_in(parcels, geodesic_disc((WEST + 0.001, SOUTH), 60.0), share_min=0.5)


def test_cloud_and_the_edge_of_an_image_show_nothing(tmp_path: Path) -> None:
    left, bottom, right, top = reproject(shapely.MultiPolygon(SHAPES), 4490, 4547).bounds
    rows, cols = int((top - bottom) // 2) + 40, int((right - left) // 2 * 0.7)
    values = np.zeros((rows, cols), np.uint8)
    values[: rows // 3] = 255
    values[rows // 2, ::3] = 1
    path = tmp_path / "change.tif"
    frame = Affine(2, 0, left - 20, 0, -2, top + 20)
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=rows,
        width=cols,
        count=1,
        dtype="uint8",
        nodata=255,
        crs="EPSG:4547",
        transform=frame,
    ) as target:
        target.write(values, 1)
    shown = shapely.box(left - 20, top + 20 - 2 * rows, left - 20 + 2 * cols, top + 20 - 2 * (rows // 3))
    found = seen_on_image(parcels_of(IDS, SHAPES), path, share_min=0.5)
    agrees(found, shares(shown), 0.5)
    assert 0 < len(found) < len(IDS)


def test_a_camera_shows_what_its_own_rays_reach() -> None:
    preset = Preset(1, "东", 90.0, 12.0, 40.0, (1920, 1080), 0.2, 0.1)
    camera = Camera("c", "塔", (WEST, SOUTH + 0.004), 2.0, 35.0, 0.5, (preset,))
    view = view_of(camera, preset, radius_max_m=60.0, far_m=3000.0)
    assert view is not None
    assert view.is_valid
    middle = locate(camera, preset, (960, 800), far_m=3000.0)
    assert view.covers(shapely.Point(middle.lonlat))
    behind = (WEST - 0.002, SOUTH + 0.004)
    assert not view.covers(shapely.Point(behind))
    # Ground whose place is told worse than that is not claimed to be seen.
    wider = view_of(camera, preset, radius_max_m=200.0, far_m=3000.0)
    assert wider is not None
    assert shapely.area(wider) > shapely.area(view) * 1.2
    assert (
        view_of(
            camera,
            Preset(2, "天", 90.0, -40.0, 20.0, (1920, 1080), 0.2, 0.1),
            radius_max_m=60.0,
            far_m=3000.0,
        )
        is None
    )


def test_blind_is_what_is_too_long_ago_and_what_never_was() -> None:
    policy = SeenPolicy(0.5, 150.0, 3000.0, 30, (7, 30, 90))
    assert policy.blind_m2([1, 2, 4, 8, 16]) == 28
    assert seen_policy().blind_days in seen_policy().steps_days
    assert days_since(START, START + timedelta(days=2, hours=23)) == 2
    assert days_since(None, START) is None
