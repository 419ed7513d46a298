"""Height: datum and tilt are no change, moved edges leave nothing, what rose or fell is named, measured."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from detection.pixels.chips import shaded_relief
from detection.pixels.detectors.height_kind import height_kind, height_statistics
from detection.pixels.detectors.surface_height import SurfaceHeight
from foundation.errors import InvalidInput
from ingest.pair import PairPixels

SIDE, GSD_M = 300, 2.0
HOUSE = (slice(60, 72), slice(80, 100))
"""12 × 20 pixels = 24 × 40 m of roof, 7 m above the ground."""


def relief(seed: int = 1) -> np.ndarray:
    """A valley with 30 m of relief and a village of flat roofs 7 m high."""
    random = np.random.default_rng(seed)
    lumps = random.standard_normal((8, 8)).astype(np.float32) * 9.0
    height = cv2.resize(lumps, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC) + 120.0
    height[:, :180] = 110.0
    for row in range(20, 280, 40):
        for col in range(20, 170, 30):
            height[row : row + 9, col : col + 12] += 6.0
    height[HOUSE] = 117.0
    return height


def woods(height: np.ndarray, *, growth_m: float = 0.0) -> None:
    """Crowns that differ from pixel to pixel, in place."""
    random = np.random.default_rng(5)
    height[200:280, 200:280] += random.uniform(3.0, 12.0, (80, 80)).astype(np.float32) + growth_m


def seen(height: np.ndarray, *, seed: int, noise_m: float = 0.2, jitter_px: float = 0.0) -> np.ndarray:
    """What stereo matching makes of it: noise, and edges displaced by up to about a pixel."""
    random = np.random.default_rng(seed)
    rows, cols = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)
    shift = [
        jitter_px * cv2.GaussianBlur(random.uniform(-1, 1, (SIDE, SIDE)).astype(np.float32), (0, 0), 3) * 8
        for _ in range(2)
    ]
    shift = [np.clip(part, -jitter_px, jitter_px) for part in shift]
    moved = cv2.remap(
        height, cols + shift[0], rows + shift[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return (moved + random.normal(0, noise_m, moved.shape)).astype(np.float32)


def pair_of(before: np.ndarray, after: np.ndarray, *, row: int = 0, col: int = 0) -> PairPixels:
    return PairPixels(before[None], after[None], np.ones(before.shape, bool), row, col)


def typed(pair: PairPixels) -> list[tuple[str, dict]]:
    """Class and statistics of every object of at least ten pixels."""
    fit = SurfaceHeight().fit([pair])
    flagged = (fit.score(pair) >= 1.0).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(flagged, connectivity=8)
    found = []
    for label in range(1, count):
        if stats[label, cv2.CC_STAT_AREA] >= 10:
            facts = height_statistics(fit, pair, labels == label, gsd_m=GSD_M)
            change_class, probabilities, statistics = height_kind(facts)
            assert sum(probabilities.values()) == pytest.approx(1.0)
            assert max(probabilities, key=probabilities.get) == change_class
            found.append((change_class, statistics))
    return found


def test_another_datum_and_a_tilt_are_no_change():
    height = relief()
    rows, cols = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)
    after = seen(height, seed=2) + 1.4 + 0.006 * cols - 0.004 * rows
    pair = pair_of(seen(height, seed=1), after)
    fit = SurfaceHeight().fit([pair])
    assert (fit.score(pair) >= 1.0).mean() == 0.0
    assert fit.plane == pytest.approx((1.4, -0.004, 0.006), abs=0.03)
    assert fit.plane[1:] == pytest.approx((-0.004, 0.006), abs=5e-4)
    assert fit.sigma_m == pytest.approx(0.2 * np.sqrt(2), rel=0.05)
    assert np.median(pair.after - pair.before) > 1.5


def test_the_datum_holds_where_a_third_of_the_scene_was_dug_away():
    height = relief()
    after = height + 0.4
    after[:, 200:] -= 6.0
    pair = pair_of(seen(height, seed=1), seen(after, seed=2))
    fit = SurfaceHeight().fit([pair])
    assert fit.plane == pytest.approx((0.4, 0.0, 0.0), abs=0.03)
    flagged = fit.score(pair) >= 1.0
    assert flagged[:, 202:].mean() > 0.99
    assert flagged[:, :198].mean() == 0.0


def test_roofs_hold_the_datum_where_most_of_the_land_grew_a_crop():
    height = relief()
    after = height + 0.4
    is_field = np.ones(height.shape, bool)
    is_field[10:290, 14:182] = False
    is_field[150:290, 14:182] = True
    is_field[:, :180] &= height[:, :180] < 111.0
    assert is_field.mean() > 0.6
    after[is_field] += np.random.default_rng(3).uniform(1.5, 2.0, height.shape).astype(np.float32)[is_field]
    after[HOUSE] += 3.0
    pair = pair_of(seen(height, seed=1), seen(after, seed=2))
    fit = SurfaceHeight().fit([pair])
    assert np.median(pair.after - pair.before) > 1.8
    assert fit.plane[0] == pytest.approx(0.4, abs=0.2)
    kinds = [kind for kind, _ in typed(pair) if kind != "crop_season"]
    assert kinds == ["storeys_added"]


def test_edges_that_move_by_a_pixel_leave_nothing_and_would_without_the_guard():
    height = relief()
    pair = pair_of(seen(height, seed=1, jitter_px=0.5), seen(height, seed=2, jitter_px=0.5))
    fit = SurfaceHeight().fit([pair])
    assert (np.abs(fit.difference(pair)) > 2.0).sum() > 200
    assert (fit.score(pair) >= 1.0).sum() == 0


def test_storeys_added_are_found_with_their_volume():
    height = relief()
    after = height + 0.4
    after[HOUSE] += 6.2
    pair = pair_of(seen(height, seed=1, jitter_px=0.5), seen(after, seed=2, jitter_px=0.5))
    [(change_class, facts)] = typed(pair)
    assert change_class == "storeys_added"
    assert facts["storeys"] == 2
    assert facts["median_dz_m"] == pytest.approx(6.2, abs=0.2)
    assert facts["before_above_m"] == pytest.approx(7.0, abs=0.5)
    truth_m3 = 12 * 20 * GSD_M**2 * 6.2
    assert facts["volume_min_m3"] < truth_m3 < facts["volume_max_m3"]
    assert facts["volume_max_m3"] - facts["volume_min_m3"] < 0.4 * truth_m3


def test_a_pit_is_excavation_with_its_volume():
    height = relief()
    after = height.copy()
    after[230:262, 40:90] -= 4.5
    pair = pair_of(seen(height, seed=1), seen(after, seed=2))
    kinds = typed(pair)
    assert [kind for kind, _ in kinds] == ["excavation"]
    truth_m3 = -float((height - after).sum()) * GSD_M**2
    assert kinds[0][1]["volume_min_m3"] < truth_m3 < kinds[0][1]["volume_max_m3"]
    assert kinds[0][1]["fall_m3"] == pytest.approx(-truth_m3, rel=0.05)


@pytest.mark.parametrize(
    ("rise_m", "expected"), [(5.0, ["new_building"]), (9.0, ["new_building"]), (1.6, [])]
)
def test_a_regular_rise_on_open_ground_is_a_building(rise_m, expected):
    height = relief()
    after = height.copy()
    after[232:248, 44:74] += rise_m
    assert [kind for kind, _ in typed(pair_of(seen(height, seed=1), seen(after, seed=2)))] == expected


def test_a_heap_is_earthwork_and_its_removal_no_demolition_of_a_regular_house():
    height = relief()
    rows, cols = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)
    heap = np.clip(8.0 - np.hypot(rows - 240, (cols - 75) * 0.6) * 0.7, 0, None)
    kinds = typed(pair_of(seen(height, seed=1), seen(height + heap, seed=2)))
    assert [kind for kind, _ in kinds] == ["earthwork"]
    assert kinds[0][1]["rise_m3"] == pytest.approx(heap.sum() * GSD_M**2, rel=0.25)


def test_a_house_that_fell_is_demolition():
    height = relief()
    after = height.copy()
    after[HOUSE] = 110.0
    [(change_class, facts)] = typed(pair_of(seen(height, seed=1), seen(after, seed=2)))
    assert change_class == "demolition"
    assert facts["after_above_m"] == pytest.approx(0.0, abs=0.5)


def test_trees_that_grow_and_crops_that_stand_raise_no_alarm():
    before, after = relief(), relief()
    woods(before)
    woods(after, growth_m=1.2)
    after[100:160, 185:285] += 2.2
    assert typed(pair_of(seen(before, seed=1), seen(after, seed=2))) == []


def test_felled_woods_are_vegetation_loss_and_a_new_plantation_is_no_building():
    bare, wooded = relief(), relief()
    woods(wooded)
    felled = typed(pair_of(seen(wooded, seed=1), seen(bare, seed=2)))
    assert {kind for kind, facts in felled if facts["area_m2"] > 1000} == {"vegetation_loss"}
    grown = typed(pair_of(seen(bare, seed=1), seen(wooded, seed=2)))
    assert {kind for kind, facts in grown if facts["area_m2"] > 1000} == {"crop_season"}


def test_blocks_score_as_the_whole_does():
    height = relief()
    cols = np.mgrid[0:SIDE, 0:SIDE][1].astype(np.float32)
    after = height + 0.01 * cols
    after[HOUSE] += 6.0
    first, second = seen(height, seed=1), seen(after, seed=2)
    whole = pair_of(first, second)
    fit = SurfaceHeight().fit([whole])
    part = pair_of(first[40:120, 50:140], second[40:120, 50:140], row=40, col=50)
    assert np.allclose(fit.score(whole)[44:116, 54:136], fit.score(part)[4:-4, 4:-4], atol=1e-4)


def test_voids_and_hidden_pixels_never_score():
    height = relief()
    after = height.copy()
    after[10:30, 10:30] = -32768.0
    after[100:120, 10:30] += 20.0
    is_valid = np.ones(height.shape, bool)
    is_valid[98:122, 8:32] = False
    pair = PairPixels(seen(height, seed=1)[None], seen(after, seed=2)[None], is_valid)
    fit = SurfaceHeight().fit([pair])
    assert (fit.score(pair) >= 1.0).sum() == 0
    assert fit.plane[0] == pytest.approx(0.0, abs=0.05)


def test_shaded_relief_shows_added_storeys_in_another_colour_and_light_from_the_north_west():
    before = relief()
    after = before.copy()
    after[HOUSE] += 6.0
    pictures = [shaded_relief(height[:110, :140], GSD_M) for height in (before, after)]
    inside = (slice(62, 70), slice(82, 98))
    tones = [picture[inside].reshape(-1, 3).mean(axis=0) for picture in pictures]
    assert np.abs(tones[0] - tones[1]).max() > 40
    assert np.abs(pictures[0][100:, :20].astype(int) - pictures[1][100:, :20]).max() == 0
    slope = np.add.outer(np.arange(50.0), np.arange(50.0))
    assert shaded_relief(slope, GSD_M).mean() > shaded_relief(slope[::-1, ::-1], GSD_M).mean()
    assert (shaded_relief(np.full((9, 9), -9999.0), GSD_M, nodata=-9999.0) == 0).all()


def test_too_few_heights_are_refused():
    few = np.full((10, 10), 100.0, np.float32)
    with pytest.raises(InvalidInput) as refusal:
        SurfaceHeight().fit([pair_of(few, few)])
    assert refusal.value.code == "detection.pair.sample_too_small"
