"""Traps that real data and other programs taught: each test fails if its trap comes back."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from affine import Affine
from pyproj import Transformer
from rasterio.warp import Resampling, reproject

from detection.evaluation.scores import score_pixels
from detection.pixels.detectors.irmad import chi_square_survival, fit_irmad
from detection.pixels.detectors.registry import DETECTORS
from detection.pixels.pipeline import detect_pair
from detection.pixels.threshold import choose_cut, otsu
from foundation.errors import InvalidInput
from ingest.pair import PairPixels

GK = Affine.translation(500_000.0, 3_870_000.0) @ Affine.scale(10.0, -10.0)
COARSE = Affine.translation(500_000.0, 3_870_000.0) @ Affine.scale(30.0, -30.0)


@pytest.fixture
def detect(scenes, tmp_path):
    """Both dates written as they come, then the whole chain."""

    def run(before, after, *, transform=GK, crs="EPSG:4547", **options):
        more = options.pop("more", {})
        first = scenes.write(tmp_path / "a.tif", before, transform=transform, crs=crs, **more)
        second = scenes.write(tmp_path / "b.tif", after, transform=transform, crs=crs, **more)
        return detect_pair(first, second, pixel_grid=crs is None, **options)

    return run


def agreement(found, is_planted):
    return score_pixels(found.change_raster == 1, is_planted, found.change_raster != 255)


def test_eight_bits_do_not_wrap_round(scenes, detect):
    """250 − 5 and 5 − 250 are the same strength of change; in eight bits the second is 11."""
    pair = scenes.optical_pair((320, 400), planted=False, bands=3)
    before, after = scenes.as_bytes(pair.before), scenes.as_bytes(pair.after)
    brighter, darker = (
        (slice(None), slice(60, 100), slice(60, 110)),
        (slice(None), slice(200, 240), slice(250, 300)),
    )
    before[brighter], after[brighter] = 5, 250
    before[darker], after[darker] = 250, 5
    found = detect(before, after).change_raster == 1
    assert found[brighter[1:]].mean() > 0.9
    assert found[darker[1:]].mean() > 0.9


def test_the_cut_lands_between_two_modes_and_flags_the_smaller_one():
    """A criterion that is maximised where it should be minimised cuts a mode in half."""
    random = np.random.default_rng(11)
    same, changed = np.abs(random.normal(2.0, 0.5, 60_000)), random.normal(9.0, 0.8, 2_000)
    values = np.concatenate([same, changed])
    for is_folded in (False, True):
        cut = choose_cut(values, floor_sigmas=1.5, is_folded=is_folded).value
        assert np.percentile(same, 99.5) < cut < np.percentile(changed, 0.5)


def test_irmad_bears_a_constant_band_a_doubled_band_and_a_handful_of_pixels(scenes, detect):
    pair = scenes.optical_pair((320, 400))
    before, after = scenes.as_words(pair.before), scenes.as_words(pair.after)
    before[2], after[2] = 700, 700
    before[3], after[3] = before[0], after[0]
    assert agreement(detect(before, after), pair.is_planted).f1 > 0.85
    with pytest.raises(InvalidInput) as refusal:
        fit_irmad(np.ones((20, 4)), np.ones((20, 4)))
    assert refusal.value.code == "detection.pair.sample_too_small"


def test_gain_and_offset_of_a_date_change_nothing(scenes, detect):
    pair = scenes.optical_pair((320, 400))
    before = scenes.as_words(pair.before)
    plain = detect(before, scenes.as_words(pair.after)).change_raster
    other = detect(before, scenes.as_words(2.5 * pair.after + 170.0)).change_raster
    assert (plain == 1).sum() > 1000
    assert (plain != other).mean() < 0.001


def test_bands_stretched_to_eight_bits_on_their_own_for_each_date(scenes, detect):
    """As a picture archive delivers them: absolute radiometry is lost band by band."""
    pair = scenes.optical_pair((320, 400))

    def stretched(pixels, least, most):
        low, high = np.percentile(pixels, (least, most), axis=(1, 2))[:, :, None, None]
        return np.clip(1 + 254 * (pixels - low) / (high - low), 1, 255).astype(np.uint8)

    after = pair.after * np.array([0.8, 1.3, 1.0, 1.7], np.float32)[:, None, None]
    scores = agreement(detect(stretched(pair.before, 1, 99), stretched(after, 4, 90)), pair.is_planted)
    assert scores.recall > 0.85
    assert scores.precision > 0.85


def test_no_seed_of_chance_reaches_the_result(scenes, detect):
    pair = scenes.optical_pair((320, 400))
    runs = []
    for seed in (1, 2):
        np.random.seed(seed)
        cv2.setRNGSeed(seed)
        runs.append(detect(scenes.as_words(pair.before), scenes.as_words(pair.after)))
    assert (runs[0].change_raster == runs[1].change_raster).all()
    assert [c.outline.wkb for c in runs[0].changes] == [c.outline.wkb for c in runs[1].changes]
    assert runs[0].summary() == runs[1].summary()


def farmland(shape=(360, 420), seed=5):
    """Fields that grew, ripened or were mown, each in its own way; nothing was built."""
    random = np.random.default_rng(seed)
    rows, cols = shape
    fields = random.integers(0, 3, (rows // 18 + 1, cols // 21 + 1))
    stage = cv2.resize(fields.astype(np.float32), (cols, rows), interpolation=cv2.INTER_NEAREST)
    own = cv2.resize(
        random.normal(0, 1, fields.shape).astype(np.float32), (cols, rows), interpolation=cv2.INTER_NEAREST
    )
    texture = np.stack([cv2.GaussianBlur(random.normal(0, 1, shape), (0, 0), 1.2) for _ in range(4)])
    before = np.array([60, 80, 70, 150])[:, None, None] + 8 * stage + 12 * own + 8 * texture
    growth = np.array([-6.0, -3.0, -9.0, 25.0])[:, None, None] * (stage - 1 + 0.4 * own)
    before, after = (land + random.normal(0, 1.5, land.shape) for land in (before, before + growth))
    return before.astype(np.float32), after.astype(np.float32)


def test_crops_that_grow_do_not_flood_the_result_where_chi_square_would(scenes, detect):
    before, after = farmland()
    some = slice(None, None, 3)
    fit = fit_irmad(before.reshape(4, -1).T[some].astype(float), after.reshape(4, -1).T[some].astype(float))
    by_theory = chi_square_survival(fit.chi_square(before, after), 4) < 1e-4
    assert by_theory.mean() > 0.1
    found = detect(scenes.as_words(before), scenes.as_words(after))
    assert (found.change_raster == 1).mean() < 0.03


def test_otsu_alone_floods_an_unchanged_radar_scene_and_the_floor_does_not(scenes, detect):
    pair = scenes.sar_pair((320, 400), planted=False)
    block = PairPixels(pair.before, pair.after, np.ones(pair.is_planted.shape, bool))
    score = DETECTORS["sar_log_ratio"].fit([block]).score(block)
    assert (score > otsu(score.ravel().astype(float))).mean() > 0.1
    found = detect(scenes.as_words(pair.before), scenes.as_words(pair.after), crs=None)
    assert found.sensor == "sar"
    assert (found.change_raster == 1).mean() < 0.005
    assert found.no_change_control < 0.005


def test_a_road_one_pixel_wide_at_thirty_metres_survives(scenes, detect):
    pair = scenes.optical_pair((320, 400), planted=False)
    road = np.zeros(pair.is_planted.shape, np.uint8)
    cv2.line(road, (60, 250), (330, 60), 1, 1)
    cv2.line(road, (40, 100), (360, 100), 1, 1)
    is_road = road.astype(bool)
    after = pair.after.copy()
    after[:, is_road] += np.array([6.0, 4.8, 6.6, -5.4], np.float32)[:, None]
    found = detect(scenes.as_words(pair.before), scenes.as_words(after), transform=COARSE)
    is_found = found.change_raster == 1
    assert is_found[is_road].mean() > 0.9
    assert cv2.medianBlur(is_found.astype(np.uint8), 5)[is_road].mean() < 0.6, "too wide to show the trap"
    beside = cv2.dilate(road, np.ones((7, 7), np.uint8)).astype(bool)
    assert is_found[~beside].mean() < 0.004


def test_a_pair_that_does_not_register_is_never_compared(scenes, tmp_path, monkeypatch):
    """Refused before any detector sees a pixel."""
    seen = []
    for detector in DETECTORS.values():
        monkeypatch.setattr(type(detector), "fit", lambda self, samples: seen.append(self))
    before, after = (scenes.optical_pair((512, 512), seed=seed) for seed in (7, 1907))
    first = scenes.write(tmp_path / "a.tif", scenes.as_words(before.before))
    second = scenes.write(tmp_path / "b.tif", scenes.as_words(after.after))
    with pytest.raises(InvalidInput) as refusal:
        detect_pair(first, second)
    assert refusal.value.code == "detection.pair.not_comparable"
    assert seen == []


def test_a_shift_of_some_pixels_makes_no_edges_of_plots_change(scenes, detect):
    pair = scenes.optical_pair((512, 512), planted=False)
    moved = np.roll(pair.after, (4, -3), (1, 2))
    inner = (slice(8, -8), slice(8, -8))
    found = detect(scenes.as_words(pair.before), scenes.as_words(moved)).change_raster[inner] == 1
    assert found.mean() < 0.005


def test_nodata_and_cloud_are_never_flagged_however_they_look(scenes, detect, tmp_path):
    pair = scenes.optical_pair((320, 400))
    before, after = scenes.as_words(pair.before), scenes.as_words(pair.after)
    before[:, :40], after[:, :, :50] = 0, 0
    cloud = np.zeros((1, 320, 400), np.uint8)
    cv2.circle(cloud[0], (120, 230), 45, 1, -1)
    after[:, cloud[0] > 0] = 60_000
    mask = scenes.write(tmp_path / "cloud.tif", cloud, transform=GK, crs="EPSG:4547")
    found = detect(before, after, cloud_mask=mask, more={"nodata": 0})
    hidden = cloud[0] > 0
    hidden[:40], hidden[:, :50] = True, True
    assert (found.change_raster[hidden] == 255).all()
    assert agreement(found, pair.is_planted & ~hidden).f1 > 0.85


def test_a_turned_grid_puts_the_change_where_it_is(scenes, detect):
    pair = scenes.optical_pair((320, 400))
    turned = Affine.translation(500_000.0, 3_870_000.0) @ Affine.rotation(23.0) @ Affine.scale(10.0, -10.0)
    found = detect(scenes.as_words(pair.before), scenes.as_words(pair.after), transform=turned)
    largest = max(found.real_changes, key=lambda change: change.area_m2)
    rows, cols = np.nonzero(pair.is_planted)
    east, north = turned @ (cols.mean() + 0.5, rows.mean() + 0.5)
    wanted = Transformer.from_crs(4547, 4490, always_xy=True).transform(east, north)
    assert largest.outline.centroid.coords[0] == pytest.approx(wanted, abs=1e-4)
    assert largest.area_m2 == pytest.approx(100.0 * pair.is_planted.sum(), rel=0.08)


def test_another_reference_system_and_twenty_metres_off_is_brought_together(scenes, tmp_path):
    pair = scenes.optical_pair((420, 480))
    first = scenes.write(tmp_path / "a.tif", scenes.as_words(pair.before), transform=GK, crs="EPSG:4547")
    east, north = Transformer.from_crs(4547, 32649, always_xy=True).transform(500_000.0, 3_870_000.0)
    other = Affine.translation(east - 200.0, north + 200.0) @ Affine.scale(10.0, -10.0)
    target = np.zeros((4, 470, 530), np.float32)
    reproject(
        pair.after * 10,
        target,
        src_transform=GK,
        src_crs="EPSG:4547",
        dst_transform=other,
        dst_crs="EPSG:32649",
        resampling=Resampling.cubic,
        src_nodata=0,
        dst_nodata=0,
    )
    off = other @ Affine.translation(2.0, 0.0)
    second = scenes.write(
        tmp_path / "b.tif", target.clip(0).astype(np.uint16), transform=off, crs="EPSG:32649", nodata=0
    )
    found = detect_pair(first, second)
    assert max(abs(shift) for corner in found.registration["corner_shifts_px"] for shift in corner) > 1.5
    assert agreement(found, pair.is_planted).f1 > 0.85
