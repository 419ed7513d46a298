"""Two kinds of sensor: places that were alike on one date and no longer are on the other.

Values of a radar and of an optical image cannot be subtracted. What can be compared is which places resemble
which: the places most like a given one on the first date should resemble it on the second as well, whatever
both sensors measure. How much worse they fit than the best that the second date has to offer is the score,
taken in both directions. That is a regression by nearest neighbours whose residual is measured against the
spread that the other date has at that very place. Neighbours come from a bank of reference places, from which
those that changed themselves are left out in turns.

References
----------
Sun, Lei, Li, Tan, Kuang (2021), Iterative Robust Graph for Unsupervised Change Detection of Heterogeneous
Remote Sensing Images, IEEE TIP 30; Sun, Lei, Li, Sun, Kuang (2021), Nonlocal patch similarity based
heterogeneous remote sensing change detection, Pattern Recognition 109. He, Sun, Tang (2013), Guided Image
Filtering, IEEE TPAMI 35(6).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from detection.pixels.detectors.base import DetectorSpec, FloatGrid, Samples
from foundation.errors import InvalidInput
from ingest.pair import PairPixels

BOX_PX = 5
STRIDE_PX = 3
"""Places are compared on a lattice: neighbouring boxes say the same."""
BANK = 1500
NEIGHBOURS = 40
"""About the root of the bank."""
TURNS = 3
TRIMMED = 0.2
"""Share of the bank left out as perhaps changed."""
TEXTURE_WEIGHT = 0.5
SMOOTH_PX = 4
SMOOTH_NOISE = 0.05
"""Variance, in units of the guide's own, below which a difference of the guide is no edge."""
LEAST_PLACES = 200
HEAVY_TAIL = 8.0
BATCH = 4096

Places = NDArray[np.float32]
"""Features of places, float32 (places, features)."""


@dataclass(frozen=True)
class SideScale:
    """How one sensor's bands are brought to unit spread; logarithms where the values are heavy-tailed.

    Attributes
    ----------
    middle, spread : ndarray, shape (bands,)
        Median and half of the central 68 %, after the logarithm.
    """

    is_log: bool
    middle: NDArray[np.float32]
    spread: NDArray[np.float32]

    @classmethod
    def of(cls, values: NDArray[np.float32]) -> SideScale:
        """From valid pixels (bands, pixels)."""
        middle, high = np.percentile(values, (50.0, 99.0), axis=1)
        is_log = bool(values.min() >= 0 and (high > HEAVY_TAIL * np.maximum(middle, 1e-9)).all())
        shown = np.log1p(values / np.float32(max(float(middle.mean()), 1e-9))) if is_log else values
        low, centre, top = np.percentile(shown, (16.0, 50.0, 84.0), axis=1)
        spread = np.maximum((top - low) / 2.0, 1e-6)
        if is_log:
            spread = np.append(spread, max(float(middle.mean()), 1e-9))
        return cls(is_log, centre.astype(np.float32), spread.astype(np.float32))

    def apply(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Bands of a block in units of their spread, same shape."""
        bands = len(self.middle)
        shown = np.log1p(np.maximum(pixels, 0.0) / self.spread[bands]) if self.is_log else pixels
        scaled = (shown - self.middle[:, None, None]) / self.spread[:bands, None, None]
        return np.asarray(scaled, np.float32)


@dataclass(frozen=True)
class CrossSensorFit:
    """Bank of reference places on both dates, and the mean misfit that a score is measured by.

    Attributes
    ----------
    before, after : ndarray, shape (bank, features)
    misfit : (float, float)
        Mean of the bank: of BEFORE by AFTER's neighbours, of AFTER by BEFORE's.
    """

    scales: tuple[SideScale, SideScale]
    before: Places
    after: Places
    misfit: tuple[float, float]

    def score(self, pixels: PairPixels) -> FloatGrid:
        """Misfit of each place in units of the scene's mean, both directions added; 0 where not valid."""
        sides = _sides(pixels, self.scales)
        rows, cols = _lattice(pixels)
        grids = [_features(side, pixels.is_valid)[:, rows][:, :, cols] for side in sides]
        places = [grid.reshape(len(grid), -1).T for grid in grids]
        raw = np.concatenate(
            [
                self._misfit(places[0][start : start + BATCH], places[1][start : start + BATCH])
                for start in range(0, len(places[0]), BATCH)
            ]
        )
        coarse = np.maximum(raw, 0.0).reshape(len(rows), len(cols)).astype(np.float32)
        score = _spread_out(coarse, rows, cols, pixels.is_valid.shape)
        for side in sides:
            score = _guided(side.mean(axis=0), score)
        score = np.maximum(score, 0.0)
        score[~pixels.is_valid] = 0.0
        return np.asarray(score, np.float32)

    def twin(self, pixels: PairPixels, seed: int) -> PairPixels:
        """An unchanged pair: AFTER replaced by what AFTER shows at a place that BEFORE cannot tell apart.

        Only places of the bank are used, so the twin repeats the scene's own relation between its sensors
        with its own spread, and holds no change.
        """
        random = np.random.default_rng(seed)
        sides = _sides(pixels, self.scales)
        rows, cols = _lattice(pixels)
        grid = _features(sides[0], pixels.is_valid)[:, rows][:, :, cols]
        places = grid.reshape(len(grid), -1).T
        near = np.concatenate(
            [_nearest(places[start : start + BATCH], self.before) for start in range(0, len(places), BATCH)]
        )
        chosen = near[np.arange(len(near)), random.integers(0, near.shape[1], len(near))]
        bands = len(self.scales[1].middle)
        made = []
        for band in range(bands):
            values = self.after[chosen, 2 * band].reshape(len(rows), len(cols))
            spread_out = _spread_out(values.astype(np.float32), rows, cols, pixels.is_valid.shape)
            made.append(spread_out + 0.3 * random.standard_normal(spread_out.shape))
        scale = self.scales[1]
        shown = np.stack(made) * np.sqrt(bands) * scale.spread[:bands, None, None]
        shown += scale.middle[:, None, None]
        after = np.expm1(shown) * scale.spread[bands] if scale.is_log else shown
        return PairPixels(pixels.before, after.astype(np.float32), pixels.is_valid, pixels.row, pixels.col)

    def report(self) -> Mapping[str, Any]:
        """Size of the bank and its misfit."""
        return {
            "bank": len(self.before),
            "is_log": [scale.is_log for scale in self.scales],
            "mean_misfit": [round(value, 4) for value in self.misfit],
        }

    def _misfit(self, before: Places, after: Places) -> NDArray[np.float32]:
        first, second = _misfits(before, after, self.before, self.after)
        return first / np.float32(self.misfit[0]) + second / np.float32(self.misfit[1])


class CrossSensor:
    """Comparison of two kinds of sensor as a registered detector; any bands on either date."""

    spec = DetectorSpec(
        name="cross_sensor",
        version="1",
        sensors=frozenset({"cross"}),
        min_bands=1,
        max_bands=64,
        dtypes=frozenset({"uint8", "uint16", "int16", "uint32", "int32", "float32", "float64"}),
        halo_px=24,
        floor_sigmas=3.5,
        is_folded=False,
        parameters=MappingProxyType(
            {"box_px": BOX_PX, "stride_px": STRIDE_PX, "bank": BANK, "neighbours": NEIGHBOURS}
        ),
    )

    def fit(self, samples: Samples) -> CrossSensorFit:
        """Choose the bank evenly over the samples, and drop what seems to have changed, in turns."""
        seen = [block for block in samples if block.is_valid.any()]
        if not seen:
            raise InvalidInput("detection.pair.sample_too_small", pixels=0, needed=LEAST_PLACES)
        scales = (
            SideScale.of(np.concatenate([block.before[:, block.is_valid][:, ::7] for block in seen], axis=1)),
            SideScale.of(np.concatenate([block.after[:, block.is_valid][:, ::7] for block in seen], axis=1)),
        )
        before, after = _bank(seen, scales)
        if len(before) < LEAST_PLACES:
            raise InvalidInput("detection.pair.sample_too_small", pixels=len(before), needed=LEAST_PLACES)
        is_kept = np.ones(len(before), bool)
        misfit = (1.0, 1.0)
        for _ in range(TURNS):
            first, second = _misfits(before, after, before[is_kept], after[is_kept])
            misfit = (max(float(first.mean()), 1e-6), max(float(second.mean()), 1e-6))
            total = first / misfit[0] + second / misfit[1]
            is_kept = total <= np.quantile(total, 1.0 - TRIMMED)
        return CrossSensorFit(scales, before[is_kept], after[is_kept], misfit)


def _bank(samples: Sequence[PairPixels], scales: tuple[SideScale, SideScale]) -> tuple[Places, Places]:
    """Places of all samples on both dates, thinned evenly."""
    found: tuple[list[Places], list[Places]] = ([], [])
    for block in samples:
        rows, cols = _lattice(block)
        is_seen = block.is_valid[np.ix_(rows, cols)]
        for side, kept in zip(_sides(block, scales), found, strict=True):
            kept.append(_features(side, block.is_valid)[:, rows][:, :, cols][:, is_seen].T)
    before, after = (np.concatenate(kept) for kept in found)
    step = max(1, len(before) // BANK)
    return before[::step][:BANK], after[::step][:BANK]


def _sides(pixels: PairPixels, scales: tuple[SideScale, SideScale]) -> tuple[FloatGrid, FloatGrid]:
    return scales[0].apply(pixels.before), scales[1].apply(pixels.after)


def _lattice(pixels: PairPixels) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of the block's places: the same places of the scene whatever the block."""
    rows, cols = pixels.is_valid.shape
    return np.arange(-pixels.row % STRIDE_PX, rows, STRIDE_PX), np.arange(
        -pixels.col % STRIDE_PX, cols, STRIDE_PX
    )


def _features(side: FloatGrid, is_valid: NDArray[np.bool_]) -> FloatGrid:
    """Mean and spread of each band in a box of valid pixels, float32 (2 × bands, rows, cols).

    Divided by the root of the number of bands, so that sensors of few and of many bands weigh alike.
    """
    box = (BOX_PX, BOX_PX)
    seen = is_valid.astype(np.float32)
    share = np.maximum(cv2.blur(seen, box), 1e-3)
    grids = []
    for band in side:
        mean = cv2.blur(band * seen, box) / share
        square = cv2.blur(band * band * seen, box) / share
        grids += [mean, np.float32(TEXTURE_WEIGHT) * np.sqrt(np.maximum(square - mean * mean, 0.0))]
    return np.asarray(np.stack(grids) / np.sqrt(np.float32(len(side))), np.float32)


def _misfits(
    before: Places, after: Places, bank_before: Places, bank_after: Places
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """How much worse the other date's neighbours fit than the own ones: on BEFORE, and on AFTER."""
    own, other = _nearest(before, bank_before), _nearest(after, bank_after)
    first = _mean_distance(before, bank_before, other) - _mean_distance(before, bank_before, own)
    second = _mean_distance(after, bank_after, own) - _mean_distance(after, bank_after, other)
    return first, second


def _nearest(places: Places, bank: Places) -> NDArray[np.intp]:
    """Numbers of the bank's places nearest to each place, (places, neighbours), in no order."""
    count = min(NEIGHBOURS, len(bank) - 1)
    squares = (bank**2).sum(axis=1)[None, :] - 2.0 * (places @ bank.T)
    return np.argpartition(squares, count, axis=1)[:, :count]


def _mean_distance(places: Places, bank: Places, chosen: NDArray[np.intp]) -> NDArray[np.float32]:
    gaps = places[:, None, :] - bank[chosen]
    return np.asarray(np.sqrt((gaps**2).sum(axis=2)).mean(axis=1), np.float32)


def _spread_out(
    coarse: FloatGrid, rows: NDArray[np.intp], cols: NDArray[np.intp], shape: tuple[int, int]
) -> FloatGrid:
    """From the lattice to every pixel, bilinear."""
    across = (np.arange(shape[1], dtype=np.float32) - np.float32(cols[0])) / STRIDE_PX
    down = (np.arange(shape[0], dtype=np.float32) - np.float32(rows[0])) / STRIDE_PX
    map_x, map_y = np.meshgrid(across, down)
    fine = cv2.remap(coarse, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(fine, np.float32)


def _guided(guide: FloatGrid, score: FloatGrid) -> FloatGrid:
    """The score evened out within the edges of an image of unit spread."""
    box = (2 * SMOOTH_PX + 1, 2 * SMOOTH_PX + 1)
    clear = cv2.blur(guide, (3, 3))
    mean_guide, mean_score = cv2.blur(clear, box), cv2.blur(score, box)
    variance = cv2.blur(clear * clear, box) - mean_guide**2
    slope = (cv2.blur(clear * score, box) - mean_guide * mean_score) / (variance + SMOOTH_NOISE)
    offset = mean_score - slope * mean_guide
    return np.asarray(cv2.blur(slope, box) * clear + cv2.blur(offset, box), np.float32)
