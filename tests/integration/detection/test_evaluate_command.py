"""``landwarden detection evaluate`` and ``accuracy``: truth in every coding, planted change, real scenes."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
import typer
from affine import Affine
from rasterio.features import shapes
from typer.testing import CliRunner

from detection.accuracy import cli
from detection.accuracy.pair import Question, evaluate_pair
from detection.accuracy.truth import moved_truth, read_truth
from detection.pixels.registration.model import Registration
from foundation.errors import InvalidInput
from ingest.raster import describe_raster

GK = Affine.translation(500_000.0, 3_870_000.0) @ Affine.scale(10.0, -10.0)


@pytest.fixture(scope="module")
def scenes() -> ModuleType:
    path = Path(__file__).resolve().parents[2] / "unit" / "detection" / "scenes.py"
    spec = importlib.util.spec_from_file_location("landwarden_test_scenes", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def app() -> typer.Typer:
    made = typer.Typer()
    cli.register(made)
    return made


@pytest.fixture(scope="module")
def planted(scenes, tmp_path_factory):
    """A folder with a pair and its truth, as a scene of an archive."""
    folder = tmp_path_factory.mktemp("scenes")
    home = folder / "made"
    home.mkdir()
    pair = scenes.optical_pair((320, 400))
    write = {"crs": "EPSG:4547", "transform": GK}
    scenes.write(home / "t1.tif", scenes.as_words(pair.before), **write)
    scenes.write(home / "t2.tif", scenes.as_words(pair.after), **write)
    scenes.write(home / "gt.tif", (255 * pair.is_planted[None]).astype(np.uint8), **write)
    return folder, pair.is_planted


def run(app, *arguments):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exit_code != 0:
        raise result.exception
    return result.stdout


def test_a_pair_is_measured_in_pixels_objects_control_and_cost(app, planted):
    home = planted[0] / "made"
    told = json.loads(
        run(app, "evaluate", home / "t1.tif", home / "t2.tif", "--truth", home / "gt.tif", "--json")
    )
    assert told["pixels"]["f1"] > 0.85
    assert told["pixels"]["iou"] == pytest.approx(told["pixels"]["f1"] / (2 - told["pixels"]["f1"]), abs=1e-3)
    assert told["objects"]["recall"] == 1.0
    assert told["objects"]["true"] == 1
    assert told["no_change_control"] < 0.005
    assert told["is_repeatable"] is True
    assert told["cpu_over_read_write"] > 1.0
    assert told["peak_memory_mib"] > 10
    assert told["truth"] == {
        "coding": "unchanged 0, changed 255",
        "is_partial": False,
        "labelled_share": 1.0,
        "changed_share": pytest.approx(planted[1].mean(), abs=1e-4),
    }
    assert {"numpy", "gdal", "python"} <= set(told["versions"])


def test_outlines_are_truth_as_well(app, planted, tmp_path):
    home, is_planted = planted[0] / "made", planted[1]
    found = shapes(is_planted.astype(np.uint8), mask=is_planted, transform=GK)
    frame = gpd.GeoDataFrame(geometry=[shapely.geometry.shape(one) for one, _ in found], crs=4547)
    frame.to_crs(4490).to_file(tmp_path / "truth.gpkg", engine="pyogrio")
    text = run(app, "evaluate", home / "t1.tif", home / "t2.tif", "--truth", tmp_path / "truth.gpkg")
    assert "查全 recall 1.000" in text or "查全 recall 0.9" in text


def test_truth_in_each_coding_and_on_another_grid(scenes, planted, tmp_path):
    home, is_planted = planted[0] / "made", planted[1]
    grid = describe_raster(home / "t1.tif").grid
    near = np.zeros(is_planted.shape, bool)
    near[100:, 100:] = True
    codings = {
        "zero_one": (is_planted.astype(np.uint8), np.ones_like(near)),
        "three": (np.where(near, 1 + is_planted, 0).astype(np.uint8), near),
        "grey": (np.where(near, 128 + 127 * is_planted, 0).astype(np.uint8), near),
    }
    for name, (values, is_labelled) in codings.items():
        truth = read_truth(
            scenes.write(tmp_path / f"{name}.tif", values[None], crs="EPSG:4547", transform=GK), grid
        )
        assert (truth.is_changed == (is_planted & is_labelled)).all(), name
        assert (truth.is_labelled == is_labelled).all(), name
    odd = scenes.write(
        tmp_path / "odd.tif", np.where(is_planted, 7, 3)[None].astype(np.uint8), crs="EPSG:4547", transform=GK
    )
    with pytest.raises(InvalidInput) as refusal:
        read_truth(odd, grid)
    assert refusal.value.code == "detection.evaluate.truth_coding"
    assert (read_truth(odd, grid, changed_value=7).is_changed == is_planted).all()
    finer = np.kron(is_planted, np.ones((2, 2), bool)).astype(np.uint8)
    halved = scenes.write(
        tmp_path / "fine.tif", finer[None], crs="EPSG:4547", transform=GK @ Affine.scale(0.5)
    )
    assert (read_truth(halved, grid).is_changed != is_planted).mean() < 0.01
    bare = scenes.write(tmp_path / "bare.tif", finer[None], crs=None)
    with pytest.raises(InvalidInput) as refusal:
        read_truth(bare, grid)
    assert refusal.value.code == "detection.evaluate.truth_grid"


def test_truth_drawn_on_the_later_image_moves_with_it(planted, scenes, tmp_path):
    is_planted = planted[1]
    grid = describe_raster(planted[0] / "made" / "t1.tif").grid
    later = np.roll(is_planted, (2, 5), (0, 1)).astype(np.uint8)
    path = scenes.write(tmp_path / "later.tif", later[None], crs="EPSG:4547", transform=GK)
    matrix = np.array([[0.0, 0.0, 5.0], [0.0, 0.0, 2.0]])
    registration = Registration("measured", matrix, None, grid.shape, 25, 1.0, 0.1, "")
    assert (moved_truth(read_truth(path, grid), registration).is_changed == is_planted).all()


def test_a_folder_of_scenes_becomes_a_page_that_names_its_shortfalls(app, planted, tmp_path):
    page, figures = tmp_path / "accuracy.md", tmp_path / "accuracy.json"
    run(app, "accuracy", "--scenes", planted[0], "--out", page, "--json", figures, "--no-counties")
    rows = {row["name"]: row for row in json.loads(figures.read_text("utf-8"))["rows"]}
    assert rows["made"]["state"] == "measured"
    assert rows["made"]["figures"]["f1"] > 0.85
    assert rows["Taizhou TM 2000–2003"]["state"].startswith("not measured")
    text = page.read_text("utf-8")
    assert "| made<br>" in text
    assert "## What falls short" in text
    assert "Taizhou TM 2000–2003: not measured" in text
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(InvalidInput) as refusal:
        run(app, "accuracy", "--scenes", empty, "--out", page, "--no-counties")
    assert refusal.value.code == "detection.evaluate.no_scenes"


@pytest.mark.shared
def test_the_building_site_reaches_its_figures(app, shared_scenes):
    home = shared_scenes / "drone_fortcollins"
    told = json.loads(
        run(
            app,
            *("evaluate", home / "2024-02-24.jpg", home / "2024-04-05.jpg"),
            *("--truth", home / "gt_2024-02-24_2024-04-05.png"),
            *("--pixel-grid", "--truth-on", "after", "--json"),
        )
    )
    assert told["truth"]["is_partial"]
    assert told["pixels"]["recall"] >= 0.95
    assert told["pixels"]["false_positive_rate"] <= 0.03
    assert told["no_change_control"] < 0.005


@pytest.mark.shared
def test_taizhou_by_the_command(app, shared_scenes):
    home = shared_scenes / "taizhou_tm"
    told = json.loads(
        run(app, "evaluate", home / "t1.tif", home / "t2.tif", "--truth", home / "gt.tif", "--json")
    )
    with rasterio.open(home / "gt.tif") as source:
        values = source.read(1)
    assert told["truth"]["labelled_share"] == pytest.approx((values > 0).mean(), abs=1e-4)
    assert told["pixels"]["f1"] >= 0.95


def test_truth_of_one_class_is_no_verdict_on_the_others(app, planted):
    home = planted[0] / "made"
    arguments = [
        "evaluate",
        home / "t1.tif",
        home / "t2.tif",
        "--truth",
        home / "gt.tif",
        "--json",
        "--class",
    ]
    told = json.loads(run(app, *arguments, "greenhouse"))
    assert told["objects"]["found"] == 0
    assert told["pixels"]["recall"] == told["pixels"]["false_positive_rate"] == 0.0
    with pytest.raises(InvalidInput) as refused:
        run(app, *arguments, "roof")
    assert refused.value.code == "detection.evaluate.unknown_class"


@pytest.mark.shared
def test_new_roofs_are_told_from_the_land_around_them(shared_scenes):
    home = shared_scenes / "levir_samples"
    crops = [home / part / "train_36_0512_0512.png" for part in ("A", "B", "label")]
    roofs = evaluate_pair(Question(*crops, pixel_grid=True, classes=("new_building",)))
    every = evaluate_pair(Question(*crops, pixel_grid=True))
    assert roofs.pixels.f1 > 0.55 > every.pixels.f1
    assert roofs.objects["precision"] > 0.8
    assert roofs.objects["recall"] > 0.8
