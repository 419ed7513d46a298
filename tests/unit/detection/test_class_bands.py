"""A band of classes is a mask, not data: what lies under cloud or shadow was not observed."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from affine import Affine

from detection.pixels.pipeline import detect_pair
from foundation.errors import InvalidInput

CLOUD = {"scl": 9, "cloud": 1}
CLEAR = {"scl": 4, "cloud": 0}


def with_classes(scenes, path, pixels, name, is_hidden, **more):
    classes = np.where(is_hidden, CLOUD[name], CLEAR[name]).astype(np.uint16)
    scenes.write(path, np.concatenate([pixels, classes[None]]), **more)
    with rasterio.open(path, "r+") as sink:
        sink.descriptions = ("blue", "green", "red", "nir", name)
    return path


@pytest.mark.parametrize("name", ["scl", "cloud"])
def test_what_a_class_band_hides_is_not_observed(scenes, tmp_path, name):
    pair = scenes.optical_pair((320, 400))
    words = [scenes.as_words(date) for date in (pair.before, pair.after)]
    hidden = np.zeros(pair.is_planted.shape, bool)
    hidden[:100, :120] = True
    words[1][:, :100, :120] = 9000
    before = with_classes(scenes, tmp_path / "a.tif", words[0], name, np.zeros_like(hidden))
    after = with_classes(scenes, tmp_path / "b.tif", words[1], name, hidden)
    detection = detect_pair(before, after)
    assert detection.sensor == "multispectral"
    assert (detection.change_raster[:98, :118] == 255).all()
    assert (detection.change_raster[hidden] != 1).all()
    assert (detection.change_raster[pair.is_planted] == 1).mean() > 0.85
    plain = detect_pair(
        scenes.write(tmp_path / "c.tif", words[0]), scenes.write(tmp_path / "d.tif", words[1])
    )
    assert (plain.change_raster[hidden] == 1).mean() > 0.5


def test_classes_of_another_grid_are_not_interpolated(scenes, tmp_path):
    pair = scenes.optical_pair((320, 400))
    words = [scenes.as_words(date) for date in (pair.before, pair.after)]
    hidden = np.zeros(pair.is_planted.shape, bool)
    hidden[:, :100] = True
    nudged = scenes.ORIGIN @ Affine.translation(0.4, 0.4)
    before = with_classes(scenes, tmp_path / "a.tif", words[0], "scl", np.zeros_like(hidden))
    after = with_classes(scenes, tmp_path / "b.tif", words[1], "scl", hidden, transform=nudged)
    raster = detect_pair(before, after).change_raster
    assert (raster[4:-4, :97] == 255).all()
    assert (raster[4:-4, 104:-4] != 255).mean() > 0.99


def test_a_class_band_on_one_date_only_is_no_difference_of_bands(scenes, tmp_path):
    pair = scenes.optical_pair((320, 400))
    words = [scenes.as_words(date) for date in (pair.before, pair.after)]
    before = scenes.write(tmp_path / "a.tif", words[0])
    after = with_classes(scenes, tmp_path / "b.tif", words[1], "scl", np.zeros(pair.is_planted.shape, bool))
    assert detect_pair(before, after).sensor == "multispectral"
    with pytest.raises(InvalidInput) as caught:
        detect_pair(before, scenes.write(tmp_path / "c.tif", words[1][:3]), sensor="multispectral")
    assert caught.value.code == "ingest.pair.band_count"
