"""Compiled kernels against the same rules in plain numpy."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from detection.pixels.detectors.base import gather
from detection.pixels.detectors.sar_log_ratio import SarLogRatioFit, log_ratio
from detection.pixels.threshold import OTSU_BINS, SIGMA_PCT, TAIL_PCT, choose_cut, otsu, percentiles
from ingest.pair import PairPixels

FLOOR = 0.02


def radar(shape: tuple[int, int, int], seed: int = 5) -> PairPixels:
    random = np.random.default_rng(seed)
    before, after = (random.gamma(4.0, 0.05, shape).astype(np.float32) for _ in range(2))
    before[:, : shape[1] // 2, : shape[2] // 3] = 0.0
    after[:, -1:, -3:] = 3.0e4
    return PairPixels(before, after, random.random(shape[1:]) > 0.1)


def plain_log_ratio(pixels: PairPixels) -> np.ndarray:
    means = [
        np.stack(
            [cv2.blur(band.astype(np.float64), (5, 5), borderType=cv2.BORDER_REFLECT_101) for band in date]
        )
        for date in (pixels.before, pixels.after)
    ]
    return np.log((means[1] + FLOOR) / (means[0] + FLOOR))


@pytest.mark.parametrize("shape", [(1, 61, 83), (2, 40, 17), (1, 3, 9), (1, 1, 6), (1, 7, 2)])
def test_log_ratio_is_that_of_box_means(shape: tuple[int, int, int]) -> None:
    pixels = radar(shape)
    plain = plain_log_ratio(pixels)
    assert np.abs(log_ratio(pixels, FLOOR) - plain).max() < 2e-6 * max(1.0, float(np.abs(plain).max()))
    score = SarLogRatioFit(0.1, FLOOR).score(pixels)
    expected = np.where(pixels.is_valid, np.abs(plain - 0.1).max(axis=0), 0.0)
    assert np.abs(score - expected).max() < 1e-5


def test_what_is_no_backscatter_is_no_change() -> None:
    pixels = radar((1, 30, 30))
    pixels.before[0, 10, 10] = np.nan
    pixels.after[0, 20, 20] = -1e4
    score = SarLogRatioFit(0.0, FLOOR).score(pixels)
    assert np.isfinite(score).all()
    assert not score[8:13, 8:13].any()
    assert not score[18:23, 18:23].any()


@pytest.mark.parametrize("is_folded", [False, True])
def test_cut_is_that_of_percentiles_and_histogram(is_folded: bool) -> None:
    random = np.random.default_rng(9)
    score = np.abs(random.normal(0.0, 1.0, 20_001)).astype(np.float32)
    score[:900] += 6.0
    values = score.astype(np.float64)
    middle = float(np.median(values))
    lower = float(np.percentile(values, SIGMA_PCT))
    floor = 3.0 * 1.4826 * middle if is_folded else middle + 3.0 * (middle - lower)
    ceiling = np.inf if is_folded else float(np.percentile(values, TAIL_PCT))
    cut = choose_cut(score, floor_sigmas=3.0, is_folded=is_folded)
    assert cut.floor == pytest.approx(floor, rel=1e-12)
    assert cut.otsu == plain_otsu(np.minimum(values, ceiling))
    assert otsu(np.arange(1024.0)) == plain_otsu(np.arange(1024.0))


@settings(deadline=None)  # the first call compiles
@given(
    st.sampled_from((np.float32, np.float64, np.uint8)).flatmap(
        lambda kind: arrays(kind, st.integers(1, 40), elements=st.integers(0, 9).map(float))
    ),
    st.lists(st.floats(0.0, 100.0), min_size=1, max_size=4),
)
def test_percentiles_are_those_of_numpy(values: np.ndarray, percentages: list[float]) -> None:
    percentages = sorted(percentages)
    kept = values.copy()
    wanted = np.percentile(values.astype(np.float64), percentages)
    assert percentiles(values, *percentages) == pytest.approx(wanted, abs=1e-9)
    assert (values == kept).all()


@settings(deadline=None)  # the first call compiles
@given(
    st.lists(arrays(np.bool_, (5, 7)), min_size=1, max_size=4).filter(lambda seen: any(map(np.any, seen))),
    st.integers(1, 60),
)
def test_a_thinned_sample_is_every_so_manieth_valid_pixel(seen: list[np.ndarray], limit: int) -> None:
    numbers = iter(range(10_000))
    blocks = []
    for is_valid in seen:
        before = np.array([next(numbers) for _ in range(35)], np.float32).reshape(1, 5, 7)
        large = np.concatenate([before, before + 0.5])[:, ::-1]
        blocks.append(PairPixels(large, -large, is_valid))
    valid = np.concatenate([block.before[:, block.is_valid] for block in blocks], axis=1).T
    before, after = gather(blocks, limit)
    assert (before == valid[:: max(1, len(valid) // limit)]).all()
    assert (after == -before).all()


def plain_otsu(values: np.ndarray) -> float:
    counts, edges = np.histogram(values, OTSU_BINS)
    centres = (edges[:-1] + edges[1:]) / 2
    below, mass = np.cumsum(counts), np.cumsum(counts * centres)
    above = below[-1] - below
    gap = mass / np.maximum(below, 1) - (mass[-1] - mass) / np.maximum(above, 1)
    return float(centres[np.argmax(below.astype(float) * above * gap**2)])
