"""What the heads see becomes objects: a roof stays a roof, blocks leave no seam, weights are named."""

from __future__ import annotations

import hashlib
import json
import warnings
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import rasterio
import typer
from rasterio.errors import NotGeoreferencedWarning
from typer.testing import CliRunner

from detection import pair_cli
from detection.learning.made.pairs import make_pair
from detection.pixels.detectors import siamese
from detection.pixels.executor import Threads
from detection.pixels.net.codes import LEVEL_OF_HEAD, head_codes
from detection.pixels.net.inference import HEADS, MODEL_FILE, Weights, open_model
from detection.pixels.objects.recipes import HIGH, LOW, objects_of_heads, packed
from detection.pixels.objects.runs import Runs
from detection.pixels.pipeline import VERSION, detect_pair, version_for
from foundation.errors import Conflict, InvalidInput
from ingest.pair import Box

BUILDING, LAND = range(2)


def _objects(heads: np.ndarray, min_px: float = 20.0):
    codes = head_codes(heads.astype(np.float32), low=0.35, high=0.5)
    strongest = heads.max(axis=0)
    levels = np.where(strongest >= 0.5, HIGH, np.where(strongest >= 0.35, LOW, 0)).astype(np.uint8)
    found = objects_of_heads(
        Runs.of(packed(levels, codes, np.zeros_like(levels))), min_px=min_px, is_fine=True
    )
    return found, found.runs.paint(Box(0, 0, *levels.shape))


def test_a_code_keeps_what_each_head_says():
    chances = np.array([0.0, 0.4, 0.9], np.float32)
    heads = np.stack(np.meshgrid(*[chances] * len(HEADS), indexing="ij"))
    codes = head_codes(heads, low=0.35, high=0.5)
    assert len(np.unique(codes)) == 9
    for head, table in enumerate(LEVEL_OF_HEAD):
        assert (table[codes] == (heads[head] >= 0.35).astype(int) + (heads[head] >= 0.5)).all()


def test_a_roof_on_converted_land_stays_an_object_of_its_own():
    heads = np.zeros((2, 80, 90))
    heads[LAND, 10:70, 10:80] = 0.8
    roof = np.zeros((80, 90), np.uint8)
    cv2.fillPoly(roof, [np.round(cv2.boxPoints(((45, 40), (24, 14), 25.0))).astype(np.int32)], 1)
    heads[BUILDING][roof > 0] = 0.9
    heads[BUILDING, 15:20, 15:20] = 0.4
    found, labels = _objects(heads)
    assert found.groups == ("", "building", "land")
    assert (labels == 1).sum() == pytest.approx(roof.sum(), rel=0.03)
    assert ((labels == 1) & (roof == 0)).sum() == 0
    is_yard = (heads[LAND] > 0.5) & (labels != 1)
    assert ((labels == 2) == is_yard).mean() > 0.999


def test_the_rim_of_a_roof_is_no_converted_land():
    heads = np.zeros((2, 60, 60))
    heads[BUILDING, 20:40, 20:40] = 0.9
    heads[LAND, 18:42, 18:42] = 0.6
    found, _ = _objects(heads)
    assert found.groups == ("", "building")


@pytest.fixture(scope="module")
def frames(scenes, tmp_path_factory) -> tuple[Path, Path]:
    """A made pair of new houses, of an odd size."""
    folder = tmp_path_factory.mktemp("frames")
    made = make_pair(9_000_029, side_px=330)
    paths = []
    for name, date in (("a", made.before), ("b", made.after)):
        pixels = np.maximum(np.moveaxis(date, -1, 0)[:, :, :300], 1)
        paths.append(scenes.write(folder / f"{name}.tif", pixels, crs=None))
    return paths[0], paths[1]


@pytest.fixture
def one_view(monkeypatch):
    """Scenes of any size are taken for large."""
    monkeypatch.setattr(siamese, "THOROUGH_PX", 0)


@pytest.mark.parametrize("is_thorough", [True, False])
def test_one_block_or_many_find_the_same_objects(frames, request, is_thorough):
    if not is_thorough:
        request.getfixturevalue("one_view")
    whole = detect_pair(*frames, pixel_grid=True, block_px=1024)
    parts = detect_pair(*frames, pixel_grid=True, block_px=160, executor=Threads(2))
    assert whole.detectors["siamese"]["fit"]["views"] == (8 if is_thorough else 1)
    assert {change.change_class for change in whole.changes} >= {"new_building", "hard_surface"}
    assert [change.outline_px.wkb for change in whole.changes] == [
        change.outline_px.wkb for change in parts.changes
    ]
    assert (whole.change_raster == parts.change_raster).all()
    assert whole.summary() == parts.summary()


def test_colours_are_found_by_their_names(frames, scenes, one_view, tmp_path):
    plain = detect_pair(*frames, pixel_grid=True, is_typed=False)
    turned = []
    for path in frames:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(path) as source:
                pixels = source.read()
            out = scenes.write(tmp_path / path.name, pixels[[2, 0, 1]], crs=None)
            with rasterio.open(out, "r+") as sink:
                sink.descriptions = ("blue", "red", "green")
        turned.append(out)
    other = detect_pair(*turned, pixel_grid=True, is_typed=False)
    assert other.detectors["siamese"]["fit"]["bands"] == [1, 2, 0]
    assert (other.change_raster == plain.change_raster).all()


def test_colour_of_unknown_bands_is_refused(scenes, tmp_path):
    pair = scenes.optical_pair((320, 400), bands=5)
    paths = [
        scenes.write(tmp_path / f"{name}.tif", scenes.as_bytes(date), crs=None)
        for name, date in (("a", pair.before), ("b", pair.after))
    ]
    with pytest.raises(InvalidInput) as told:
        detect_pair(*paths, sensor="rgb", pixel_grid=True)
    assert told.value.code == "detection.pair.no_colours"


@pytest.fixture
def detect(monkeypatch, one_view, tmp_path):
    """``landwarden detect`` with a data folder; gives the account of the run."""
    monkeypatch.setenv("LANDWARDEN_DATA_DIR", str(tmp_path / "data"))
    app = typer.Typer()
    pair_cli.register(app)
    app.command()(lambda: None)

    def run(before: Path, after: Path):
        account = tmp_path / "run.json"
        told = ["--out", str(tmp_path / "found.gpkg"), "--json", str(account), "--pixel-grid"]
        result = CliRunner().invoke(app, ["detect", str(before), str(after), *told])
        if result.exception:
            raise result.exception
        return json.loads(account.read_text("utf-8"))

    return run


def test_the_weights_of_the_bureau_decide_and_are_named(frames, detect, tmp_path):
    shipped = detect(*frames)
    digest = hashlib.sha256(MODEL_FILE.read_bytes()).hexdigest()
    assert shipped["version"] == f"{VERSION}+{digest[:12]}"
    own = tmp_path / "data" / "models" / "siamese.onnx"
    own.parent.mkdir(parents=True)
    # field 6 of an ONNX file is a comment: other bytes, the same answers
    own.write_bytes(MODEL_FILE.read_bytes() + b"\x32\x03own")
    taught = detect(*frames)
    digest = hashlib.sha256(own.read_bytes()).hexdigest()
    assert taught["detectors"]["siamese"]["fit"]["weights_sha256"] == digest
    assert taught["version"] == f"{VERSION}+{digest[:12]}" != shipped["version"]
    assert taught["real_changes"] == shipped["real_changes"] > 0
    own.write_bytes(own.read_bytes()[:4000])
    with pytest.raises(InvalidInput) as told:
        detect(*frames)
    assert told.value.code == "detection.learning.unreadable_weights"


def test_weights_replaced_while_a_comparison_runs_stop_it(tmp_path):
    path = tmp_path / "net.onnx"
    path.write_bytes(MODEL_FILE.read_bytes())
    weights = Weights.of(path)
    path.write_bytes(MODEL_FILE.read_bytes() + b"\x32\x03new")
    with pytest.raises(Conflict) as told:
        open_model(weights)
    assert told.value.code == "detection.learning.weights_changed"
    open_model(path)


def test_only_pictures_are_named_by_the_weights():
    weights = Weights(MODEL_FILE, "abcdef0123456789")
    picture = SimpleNamespace(bands=("red", "green", "blue"))
    wide = SimpleNamespace(bands=("blue", "green", "red", "nir"))
    assert version_for((picture, picture), weights) == f"{VERSION}+abcdef012345"
    assert version_for((wide, wide), weights) == VERSION
