"""Each detector on planted change of known area, and the traps that peers fell into."""

from __future__ import annotations

import numpy as np
import pytest

from detection.evaluation.scores import score_pixels
from detection.pixels.control import unchanged_twins
from detection.pixels.detectors.base import Detector
from detection.pixels.detectors.irmad import IrmadFit, chi_square_survival, fit_irmad
from detection.pixels.detectors.registry import DETECTORS
from detection.pixels.normalise import fit_normalisation
from detection.pixels.threshold import choose_cut, otsu
from foundation.errors import InvalidInput
from ingest.pair import PairPixels


def block_of(pair) -> PairPixels:
    return PairPixels(pair.before, pair.after, np.ones(pair.is_planted.shape, bool))


def flags(detector: Detector, block: PairPixels) -> np.ndarray:
    score = detector.fit([block]).score(block)
    spec = detector.spec
    return score > choose_cut(score.ravel(), floor_sigmas=spec.floor_sigmas, is_folded=spec.is_folded).value


@pytest.mark.parametrize("name", ["irmad", "change_vector", "sar_log_ratio"])
def test_planted_slanted_change_is_found_with_its_area(scenes, name):
    pair = scenes.sar_pair() if name == "sar_log_ratio" else scenes.optical_pair()
    found = flags(DETECTORS[name], block_of(pair))
    scores = score_pixels(found, pair.is_planted, np.ones_like(pair.is_planted))
    assert scores.recall > 0.9
    assert scores.precision > 0.85
    assert (found & pair.is_planted).sum() == pytest.approx(pair.is_planted.sum(), rel=0.1)


@pytest.mark.parametrize("name", ["irmad", "change_vector", "sar_log_ratio"])
def test_robust_floor_keeps_an_unchanged_scene_quiet_where_otsu_does_not(scenes, name):
    pair = scenes.sar_pair(planted=False) if name == "sar_log_ratio" else scenes.optical_pair(planted=False)
    block = block_of(pair)
    detector = DETECTORS[name]
    score = detector.fit([block]).score(block)
    assert flags(detector, block).mean() <= (0.01 if name == "sar_log_ratio" else 0.005)
    assert (score > otsu(score.ravel().astype(float))).mean() > 0.05


def test_irmad_does_not_see_gain_offset_and_mixing_of_bands(scenes):
    pair = scenes.optical_pair()
    mixing = np.array(
        [[1.2, 0.2, 0.0, 0.0], [0.0, 0.9, 0.1, 0.0], [0.1, 0.0, 1.1, 0.0], [0.0, 0.0, 0.3, 1.4]]
    )
    mixed = np.einsum("ij,jrc->irc", mixing, pair.after).astype(np.float32) + 31.0
    block = block_of(pair)
    twisted = PairPixels(pair.before, mixed, block.is_valid)
    first, second = (DETECTORS["irmad"].fit([b]).score(b) for b in (block, twisted))
    assert np.abs(first - second).max() < 0.05 * first.max()


def test_irmad_refuses_a_tile_too_small_for_its_covariance():
    random = np.random.default_rng(1)
    with pytest.raises(InvalidInput) as refusal:
        fit_irmad(random.normal(size=(100, 6)), random.normal(size=(100, 6)))
    assert refusal.value.code == "detection.pair.sample_too_small"


def test_irmad_survives_a_band_that_is_constant_and_a_band_that_is_doubled(scenes):
    pair = scenes.optical_pair()
    before, after = pair.before.copy(), pair.after.copy()
    before[3], after[3] = before[0], after[0]
    before[2], after[2] = 7.0, 7.0
    block = PairPixels(before, after, np.ones(pair.is_planted.shape, bool))
    score = DETECTORS["irmad"].fit([block]).score(block)
    assert np.isfinite(score).all()
    assert np.median(score[pair.is_planted]) > 3 * np.median(score[~pair.is_planted])


def test_bright_change_does_not_wrap_round_in_eight_bits(scenes):
    pair = scenes.optical_pair()
    before, after = scenes.as_bytes(pair.before), scenes.as_bytes(pair.after)
    after[:, pair.is_planted] = 250
    before[:, pair.is_planted] = 5
    block = PairPixels(
        before.astype(np.float32), after.astype(np.float32), np.ones(pair.is_planted.shape, bool)
    )
    for name in ("irmad", "change_vector"):
        score = DETECTORS[name].fit([block]).score(block)
        assert np.median(score[pair.is_planted]) > 10 * np.median(score[~pair.is_planted])


@pytest.mark.parametrize("bands", range(1, 9))
@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
def test_chi_square_is_the_sum_of_squared_variates_for_any_number_of_bands(bands, kind):
    random = np.random.default_rng(bands)
    before, after = (random.integers(0, 250, (bands, 21, 34)).astype(kind) for _ in range(2))
    folded = random.normal(size=(bands, 2 * bands + 1)).astype(np.float32)
    joined = np.concatenate([before, after, np.ones((1, 21, 34))]).astype(np.float64)
    wanted = (np.einsum("vb,brc->vrc", folded.astype(np.float64), joined) ** 2).sum(axis=0)
    fit = IrmadFit(folded, np.zeros(bands), 1.0, 1)
    assert fit.chi_square(before, after) == pytest.approx(wanted, rel=1e-3, abs=1e-2)


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 5, 6, 13])
def test_chi_square_survival_agrees_with_scipy(degrees):
    from scipy.stats import chi2

    x = np.linspace(0.0, 80.0, 400)
    assert np.abs(chi_square_survival(x, degrees) - chi2.sf(x, degrees)).max() < 1e-12


def test_normalisation_recovers_gain_and_offset_beside_real_change(scenes):
    pair = scenes.optical_pair(noise=1.0)
    block = block_of(pair)
    fitted = fit_normalisation([block], DETECTORS["irmad"].fit([block]))
    assert fitted.is_applied
    assert fitted.gain == pytest.approx(np.full(4, 1 / 1.15), abs=0.02)
    same = ~pair.is_planted
    assert np.abs((fitted.apply(pair.after) - pair.before)[:, same]).mean() < 2.5


def test_pixels_that_are_not_valid_never_score(scenes):
    pair = scenes.optical_pair()
    is_valid = ~pair.is_planted
    for name in ("irmad", "change_vector"):
        block = PairPixels(pair.before, pair.after, is_valid)
        assert (DETECTORS[name].fit([block]).score(block)[~is_valid] == 0).all()


def test_radar_in_decibels_is_refused(scenes):
    pair = scenes.sar_pair()
    block = PairPixels(pair.before - 500, pair.after - 500, np.ones(pair.is_planted.shape, bool))
    with pytest.raises(InvalidInput) as refusal:
        DETECTORS["sar_log_ratio"].fit([block])
    assert refusal.value.code == "detection.pair.sar_in_decibels"


def test_the_control_twin_repeats_and_holds_no_change(scenes):
    block = block_of(scenes.optical_pair())
    first, second = (unchanged_twins([block], is_speckle=False)[0] for _ in range(2))
    assert (first.after == second.after).all()
    assert flags(DETECTORS["change_vector"], first).mean() < 0.005
