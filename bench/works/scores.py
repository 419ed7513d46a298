"""Scores of single detectors on a scene in memory: fit, score, cut."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bench.jobs import Job, Outcome, Place
from bench.scenes import SEED
from bench.works.blocks import sample_blocks, whole
from detection.pixels.detectors.base import Detector
from detection.pixels.detectors.change_vector import ChangeVector
from detection.pixels.detectors.sar_log_ratio import SarLogRatio
from detection.pixels.fitting import CUT_SAMPLE_PX
from detection.pixels.threshold import choose_cut
from ingest.pair import PairPixels

LOOKS = 4.0


def change_vector(place: Place) -> Job:
    """Change vector analysis on a multispectral pair."""
    return _scored(ChangeVector(), whole(place))


def sar_log_ratio(place: Place) -> Job:
    """Log-ratio of box means on a radar pair."""
    before, after = radar_pair(place.side_px)
    return _scored(SarLogRatio(), PairPixels(before[None], after[None], np.ones(before.shape, bool)))


def radar_pair(side_px: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Intensity with four looks of speckle; squares of eightfold backscatter are the change."""
    random = np.random.default_rng((SEED, side_px, 2))
    coarse = random.gamma(4.0, 0.05, (side_px // 32 + 1,) * 2)
    ground = np.repeat(np.repeat(coarse, 32, 0), 32, 1)[:side_px, :side_px].astype(np.float32)
    dates: list[NDArray[np.float32]] = [
        (ground * random.standard_gamma(LOOKS, ground.shape, np.float32) / LOOKS).astype(np.float32)
        for _ in range(2)
    ]
    for row, col in random.integers(0, max(side_px - 24, 1), (max(side_px**2 // 40_000, 4), 2)):
        dates[1][row : row + 24, col : col + 24] *= 8.0
    return dates[0], dates[1]


def _scored(detector: Detector, pixels: PairPixels) -> Job:
    def run() -> NDArray[np.bool_]:
        samples = sample_blocks(pixels)
        scorer = detector.fit(samples)
        step = max(1, sum(block.is_valid.size for block in samples) // CUT_SAMPLE_PX)
        scores = np.concatenate([scorer.score(block).ravel()[::step] for block in samples])
        spec = detector.spec
        cut = choose_cut(scores, floor_sigmas=spec.floor_sigmas, is_folded=spec.is_folded)
        return np.asarray(scorer.score(pixels) >= cut.value)

    return Job(run, lambda flagged: Outcome(int(flagged.sum()), float(flagged.sum())))
