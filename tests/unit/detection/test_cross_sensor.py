"""Two kinds of sensor: what neither gain, inversion nor speckle explains is change; the rest is not."""

from __future__ import annotations

import warnings
from pathlib import Path

import cv2
import numpy as np
import pytest
import rasterio
from rasterio.errors import NotGeoreferencedWarning

from detection.evaluation.scores import score_pixels
from detection.pixels.detectors.cross_sensor import CrossSensor
from detection.pixels.threshold import choose_cut
from foundation.errors import InvalidInput
from ingest.pair import PairPixels, open_pair

SHAPE = (240, 320)
COLOURS = np.array([[60, 90, 50], [120, 110, 90], [30, 40, 60], [180, 170, 160], [90, 120, 60]], np.float32)
BACKSCATTER = np.array([0.20, 0.06, 0.01, 0.9, 0.35], np.float32)
ITALY = Path(__file__).resolve().parents[3].parent / "shared/data/scenes/hetero_italy"


def plots(seed: int = 4) -> np.ndarray:
    """A patchwork of five materials."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 5, (SHAPE[0] // 16, SHAPE[1] // 16)).astype(np.float32)
    turn = cv2.getRotationMatrix2D((SHAPE[1] / 2, SHAPE[0] / 2), 15.0, 1.2)
    big = cv2.resize(coarse, SHAPE[::-1], interpolation=cv2.INTER_NEAREST)
    turned = cv2.warpAffine(big, turn, SHAPE[::-1], flags=cv2.INTER_NEAREST, borderMode=cv2.BORDER_REFLECT)
    return turned.astype(int)


def planted() -> np.ndarray:
    mask = np.zeros(SHAPE, np.uint8)
    cv2.fillPoly(mask, [np.round(cv2.boxPoints(((210, 150), (60, 36), 25.0))).astype(np.int32)], 1)
    return mask.astype(bool)


def pair(*, is_changed: bool = True, seed: int = 0) -> PairPixels:
    """Optical before; four-look radar of the same materials after, which follows no line from the optical."""
    random = np.random.default_rng(seed)
    materials = plots()
    before = COLOURS[materials].transpose(2, 0, 1) + random.normal(0, 6, (3, *SHAPE))
    later = materials.copy()
    if is_changed:
        later[planted()] = (materials[planted()] + 2) % 5
    after = BACKSCATTER[later] * random.gamma(4.0, 0.25, SHAPE)
    return PairPixels(before.astype(np.float32), after[None].astype(np.float32), np.ones(SHAPE, bool))


def flags(block: PairPixels) -> np.ndarray:
    score = CrossSensor().fit([block]).score(block)
    spec = CrossSensor.spec
    cut = choose_cut(score[block.is_valid], floor_sigmas=spec.floor_sigmas, is_folded=spec.is_folded)
    return score > cut.value


def test_change_between_optical_and_radar_is_found_with_its_area():
    scores = score_pixels(flags(pair()), planted(), np.ones(SHAPE, bool))
    assert scores.recall > 0.8
    assert scores.precision > 0.75


def test_an_unchanged_pair_of_two_sensors_stays_quiet():
    assert flags(pair(is_changed=False)).mean() < 0.03


def test_only_what_resembles_what_matters_not_gain_offset_or_sign():
    block = pair()
    other = PairPixels(block.before * 3.0 - 40.0, -7.0 * block.after + 900.0, block.is_valid)
    assert (flags(block) != flags(other)).mean() < 0.02
    swapped = PairPixels(block.after, block.before, block.is_valid)
    assert score_pixels(flags(swapped), planted(), np.ones(SHAPE, bool)).recall > 0.8


def test_blocks_score_as_the_whole_does_and_invalid_pixels_never():
    whole = pair()
    whole.is_valid[60:90, 40:80] = False
    fit = CrossSensor().fit([whole])
    inner = (slice(70, 200), slice(101, 290))
    part = PairPixels(whole.before[(slice(None), *inner)], whole.after[(slice(None), *inner)],
                      whole.is_valid[inner], 70, 101)  # fmt: skip
    halo = CrossSensor.spec.halo_px
    first, second = fit.score(whole)[inner], fit.score(part)
    assert np.allclose(first[halo:-halo, halo:-halo], second[halo:-halo, halo:-halo], atol=1e-4)
    assert (fit.score(whole)[~whole.is_valid] == 0).all()


def test_the_twin_repeats_the_relation_of_the_sensors_and_holds_no_change():
    block = pair()
    twin = CrossSensor().fit([block]).twin(block, seed=3)
    assert twin.after.shape == block.after.shape
    assert flags(twin).mean() < 0.03
    assert flags(twin)[planted()].mean() < 0.1
    again = CrossSensor().fit([block]).twin(block, seed=3)
    assert np.array_equal(twin.after, again.after)
    dry, wet = (np.median(twin.after[0][plots() == material]) for material in (2, 3))
    assert wet > 10 * dry


def test_too_few_places_are_refused():
    small = PairPixels(
        np.ones((3, 20, 20), np.float32), np.ones((1, 20, 20), np.float32), np.ones((20, 20), bool)
    )
    with pytest.raises(InvalidInput) as refusal:
        CrossSensor().fit([small])
    assert refusal.value.code == "detection.pair.sample_too_small"


def test_images_of_different_bands_open_only_when_that_is_asked_for(tmp_path):
    block = pair()
    paths = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        for name, pixels in (("before", block.before), ("after", block.after)):
            paths.append(tmp_path / f"{name}.tif")
            with rasterio.open(paths[-1], "w", driver="GTiff", width=SHAPE[1], height=SHAPE[0],
                               count=len(pixels), dtype="float32") as file:  # fmt: skip
                file.write(pixels)
        with pytest.raises(InvalidInput) as refusal:
            open_pair(*paths, pixel_grid=True)
        assert refusal.value.code == "ingest.pair.band_count"
        opened = open_pair(*paths, pixel_grid=True, allow_different_bands=True)
        assert not opened.has_same_bands
        assert (opened.before.bands, opened.after.bands) == (3, 1)


@pytest.mark.shared
@pytest.mark.skipif(not ITALY.is_dir(), reason="no shared scenes here")
def test_a_lake_that_rose_between_near_infrared_and_colour():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        images = [
            rasterio.open(ITALY / name).read().astype(np.float32) for name in ("t1_nir.tif", "t2_rgb.tif")
        ]
        truth = rasterio.open(ITALY / "gt.png").read(1) > 127
    block = PairPixels(images[0], images[1], np.ones(truth.shape, bool))
    scores = score_pixels(flags(block), truth, np.ones_like(truth))
    assert scores.f1 > 0.62
    assert scores.kappa > 0.6
