"""The chain on the synthetic county at 2 m: what was planted is found, what only grew is not."""

from __future__ import annotations

import json
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest

from detection.evaluation.scores import match_objects
from detection.pixels.changes import CHANGED, Detection
from detection.pixels.pipeline import detect_pair
from ingest.sources.synthetic.county import build_county

METRES = 4547
SAME_CLASS = {
    "pond": {"water"},
    "solar": {"solar"},
    "greenhouse": {"greenhouse"},
    "house": {"new_building"},
    "demolition": {"demolition_restored"},
    "road": {"road", "hard_surface"},
}


@pytest.fixture(scope="module")
def county(tmp_path_factory):
    files = build_county(tmp_path_factory.mktemp("county"), size="small")
    return files, detect_pair(files.before, files.after)


def planted(folder: Path) -> gpd.GeoDataFrame:
    truth = gpd.read_file(folder / "truth.gpkg")
    return truth[truth.is_visible].to_crs(METRES).reset_index(drop=True)


def found(detection: Detection) -> gpd.GeoDataFrame:
    real = detection.real_changes
    columns = {"change_class": [change.change_class for change in real]}
    return gpd.GeoDataFrame(columns, geometry=[change.outline for change in real], crs=4490).to_crs(METRES)


def test_planted_changes_are_found_and_seasons_are_not(county):
    files, detection = county
    truth, objects = planted(files.truth), found(detection)
    scores = match_objects(
        list(objects.geometry),
        list(truth.geometry),
        kinds=list(truth.kind),
        classes=list(objects.change_class),
    )
    assert scores.recall >= 0.9, scores
    assert scores.precision >= 0.8, scores
    assert detection.no_change_control < 0.005


def test_classes_and_areas_of_what_was_found(county):
    files, detection = county
    truth, objects = planted(files.truth), found(detection)
    ratios, right, asked = [], 0, 0
    for change in truth.itertuples():
        shared = objects.geometry.intersection(change.geometry).area
        if shared.max() < 0.5 * change.geometry.area:
            continue
        best = objects.loc[shared.idxmax()]
        ratios.append(best.geometry.area / change.geometry.area)
        if change.kind in SAME_CLASS:
            asked += 1
            right += best.change_class in SAME_CLASS[change.kind]
    assert 0.85 < float(np.median(ratios)) < 1.12
    assert right >= 0.8 * asked


def test_a_change_left_out_of_the_pixels_is_not_found(county, tmp_path):
    files, detection = county
    truth = planted(files.truth)
    shed = truth[truth.kind == "shed"].iloc[0]
    assert found(detection).intersects(shed.geometry.buffer(-10)).any()
    without = build_county(tmp_path, size="small", omit=[shed.change_id])
    again = detect_pair(without.before, without.after)
    assert not found(again).intersects(shed.geometry.buffer(-10)).any()


def test_a_delivered_cloud_mask_is_not_observed(county):
    files, _ = county
    masked = detect_pair(files.before, files.after, cloud_mask=files.after_cloud)
    assert masked.cloud_share > 0
    assert masked.observed_share < 1.0
    assert not any(change.change_class == "cloud_shadow" for change in masked.changes)
    assert (masked.change_raster == CHANGED).any()
    assert json.dumps(masked.summary())
