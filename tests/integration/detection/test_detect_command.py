"""``landwarden detect`` on files: planted change with its true area, grids that differ, real scenes."""

from __future__ import annotations

import json

import cv2
import geopandas as gpd
import numpy as np
import pytest
import rasterio
import typer
from affine import Affine
from rasterio.warp import Resampling, reproject
from typer.testing import CliRunner

from detection import pair_cli
from detection.evaluation.scores import score_pixels
from detection.pixels.pipeline import detect_pair
from foundation.crs import ellipsoidal_area_m2
from foundation.errors import InvalidInput

GK = Affine.translation(500_000.0, 3_870_000.0) @ Affine.scale(10.0, -10.0)


@pytest.fixture(scope="module")
def app() -> typer.Typer:
    made = typer.Typer()
    pair_cli.register(made)

    @made.command()
    def other() -> None:
        """A second command, so that ``detect`` keeps its name."""

    return made


def test_the_command_writes_outlines_raster_and_account(scenes, app, tmp_path):
    pair = scenes.optical_pair((420, 500))
    before = scenes.write(tmp_path / "a.tif", scenes.as_words(pair.before), crs="EPSG:4547", transform=GK)
    after = scenes.write(tmp_path / "b.tif", scenes.as_words(pair.after), crs="EPSG:4547", transform=GK)
    out, change, account = tmp_path / "p.gpkg", tmp_path / "c.tif", tmp_path / "r.json"
    result = CliRunner().invoke(
        app,
        [
            "detect",
            *map(str, (before, after)),
            "--out",
            str(out),
            "--change",
            str(change),
            "--json",
            str(account),
        ],
    )
    assert result.exit_code == 0, result.output
    frame = gpd.read_file(out)
    assert frame.crs.to_epsg() == 4490
    assert frame.geometry.is_valid.all()
    largest = frame.loc[frame.area_m2.idxmax()]
    planted_m2 = float(pair.is_planted.sum()) * 100.0
    assert largest.area_min_m2 <= planted_m2 <= largest.area_max_m2
    assert largest.area_m2 == pytest.approx(planted_m2, rel=0.06)
    assert ellipsoidal_area_m2(largest.geometry) == pytest.approx(largest.area_m2, rel=1e-6)
    with rasterio.open(change) as sink, rasterio.open(before) as source:
        assert (sink.transform, sink.crs, sink.shape) == (source.transform, source.crs, source.shape)
        assert (sink.dtypes, sink.nodata) == (("uint8",), 255)
        found = sink.read(1) == 1
    assert score_pixels(found, pair.is_planted, np.ones_like(found)).f1 > 0.9
    told = json.loads(account.read_text("utf-8"))
    assert told["no_change_control"] < 0.005
    assert told["registration"]["inlier_share"] > 0.5
    assert {path.name for path in tmp_path.iterdir()} == {"a.tif", "b.tif", "p.gpkg", "c.tif", "r.json"}


def test_other_crs_grid_type_and_extent_give_the_same_place(scenes, tmp_path):
    pair = scenes.optical_pair((420, 500))
    before = scenes.write(tmp_path / "a.tif", scenes.as_words(pair.before), crs="EPSG:4547", transform=GK)
    source = scenes.as_words(pair.after)
    from pyproj import Transformer

    east, north = Transformer.from_crs(4547, 32649, always_xy=True).transform(500_300.0, 3_870_300.0)
    turned = Affine.translation(east, north) @ Affine.rotation(-8.0) @ Affine.scale(8.0, -8.0)
    target = np.zeros((4, 640, 700), np.float32)
    reproject(
        source,
        target,
        src_transform=GK,
        src_crs="EPSG:4547",
        dst_transform=turned,
        dst_crs="EPSG:32649",
        resampling=Resampling.cubic,
        src_nodata=0,
        dst_nodata=0,
    )
    after = scenes.write(tmp_path / "b.tif", target, crs="EPSG:32649", transform=turned, nodata=0)
    detection = detect_pair(before, after)
    is_seen = detection.change_raster != 255
    assert 0.4 < is_seen.mean() < 1.0
    scores = score_pixels(detection.change_raster == 1, pair.is_planted, is_seen)
    assert scores.recall > 0.85
    assert scores.precision > 0.85


def test_refusals_reach_the_caller_and_leave_no_file(scenes, app, tmp_path):
    pair = scenes.optical_pair((200, 220))
    before = scenes.write(tmp_path / "a.tif", scenes.as_words(pair.before), crs=None)
    after = scenes.write(tmp_path / "b.tif", scenes.as_words(pair.after), crs=None)
    out = tmp_path / "p.gpkg"
    result = CliRunner().invoke(app, ["detect", str(before), str(after), "--out", str(out)])
    assert isinstance(result.exception, InvalidInput)
    assert result.exception.code == "ingest.raster.no_crs"
    assert not out.exists()
    result = CliRunner().invoke(app, ["detect", str(before), str(after), "--out", str(out), "--pixel-grid"])
    assert result.exit_code == 0, result.output
    assert gpd.read_file(out).crs is None


@pytest.mark.shared
def test_taizhou(shared_scenes):
    folder = shared_scenes / "taizhou_tm"
    detection = detect_pair(folder / "t1.tif", folder / "t2.tif")
    with rasterio.open(folder / "gt.tif") as source:
        truth = source.read(1)
    scores = score_pixels(detection.change_raster == 1, truth == 2, truth > 0)
    assert scores.f1 >= 0.95
    assert detection.no_change_control < 0.005


@pytest.mark.shared
@pytest.mark.parametrize(("name", "kappa"), [("sar_ottawa", 0.90), ("sar_bern", 0.82)])
def test_radar_floods(shared_scenes, name, kappa):
    folder = shared_scenes / name
    detection = detect_pair(folder / "t1.tif", folder / "t2.tif", pixel_grid=True)
    truth = cv2.imread(str(folder / "gt.png"), cv2.IMREAD_GRAYSCALE) > 127
    assert detection.sensor == "sar"
    scores = score_pixels(detection.change_raster == 1, truth, np.ones_like(truth))
    assert scores.kappa >= kappa


@pytest.mark.shared
def test_a_site_months_apart_that_does_not_register_is_not_compared(shared_scenes):
    folder = shared_scenes / "drone_fortcollins"
    with pytest.raises(InvalidInput) as refusal:
        detect_pair(folder / "2023-09-26.jpg", folder / "2024-04-05.jpg", pixel_grid=True)
    assert refusal.value.code == "detection.pair.not_comparable"


@pytest.mark.shared
def test_a_rotated_scene_keeps_its_grid(shared_scenes):
    folder = shared_scenes / "aster_nogt"
    detection = detect_pair(folder / "t1.tif", folder / "t2.tif")
    assert detection.sensor == "multispectral"
    assert detection.grid.transform.b != 0
    lon, lat = detection.changes[0].outline.centroid.coords[0]
    assert (51.5 < lon < 52.2, 32.3 < lat < 32.8) == (True, True)
