"""SAR: log-ratio of box-averaged backscatter.

Speckle is multiplicative: the logarithm of the ratio has the same spread everywhere. The robust floor of
the threshold matters more than the score: on an unchanged scene plain Otsu flags a third of all pixels.

References
----------
Bovolo & Bruzzone (2005), A Detail-Preserving Scale-Driven Approach to Change Detection in Multitemporal
SAR Images, IEEE TGRS 43(12).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detection.pixels.compiled import compiled_fast
from detection.pixels.detectors.base import DetectorSpec, FloatGrid, Samples
from detection.pixels.threshold import percentiles
from foundation.errors import InvalidInput
from ingest.pair import PairPixels

BOX_PX = 5
REACH_PX = BOX_PX // 2
FLOOR_SHARE = 0.1
SAMPLE_VALUES = 131_072
MIN_PIXELS = 256
MANTISSA_BITS = np.int32(23)
LEAST_BITS, SQRT_HALF_BITS, ONE_BITS, ENDLESS_BITS = np.array(
    [np.finfo(np.float32).tiny, 0.5**0.5, 1.0, np.inf], np.float32
).view(np.int32)
SHARE = np.float32(1.0 / BOX_PX**2)
LN_2, ONE, TWO = np.float32(np.log(2.0)), np.float32(1.0), np.float32(2.0)
THIRD, FIFTH, SEVENTH, NINTH = (np.float32(1 / odd) for odd in (3, 5, 7, 9))


@dataclass(frozen=True)
class SarLogRatioFit:
    """``middle`` is the scene's own log-ratio of gain (median), ``floor`` holds deep shadow still."""

    middle: float
    floor: float

    def score(self, pixels: PairPixels) -> FloatGrid:
        """|ln(after/before) − middle| of box means, greatest over the channels; 0 where not valid."""
        before, after = np.ascontiguousarray(pixels.before), np.ascontiguousarray(pixels.after)
        result = np.empty(pixels.is_valid.shape, np.float32)
        _strongest(before, after, np.float32(self.floor), np.float32(self.middle), result)
        if not pixels.is_valid.all():
            result[~pixels.is_valid] = 0.0
        return result

    def report(self) -> Mapping[str, Any]:
        """The gain between the dates."""
        return {"middle_log_ratio": round(self.middle, 5), "floor": round(self.floor, 5)}


class SarLogRatio:
    """Box-5 log-ratio as a registered detector; linear amplitude or intensity as delivered, not decibels."""

    spec = DetectorSpec(
        name="sar_log_ratio",
        version="2",
        sensors=frozenset({"sar"}),
        min_bands=1,
        max_bands=2,
        dtypes=frozenset({"uint8", "uint16", "int16", "uint32", "int32", "float32", "float64"}),
        halo_px=REACH_PX,
        floor_sigmas=3.5,
        is_folded=True,
        parameters=MappingProxyType({"box_px": BOX_PX, "sample_values": SAMPLE_VALUES}),
    )

    def fit(self, samples: Samples) -> SarLogRatioFit:
        """Median log-ratio, and the floor: a tenth of the median backscatter; below it lies noise."""
        seen = [block.is_valid for block in samples]
        pixels = sum(int(np.count_nonzero(is_valid)) for is_valid in seen) * len(samples[0].before)
        if pixels < MIN_PIXELS:
            raise InvalidInput("detection.pair.sample_too_small", pixels=pixels, needed=MIN_PIXELS)
        least = min(_least(block) for block in samples)
        if least < 0:
            raise InvalidInput("detection.pair.sar_in_decibels", minimum=round(least, 2))
        step = max(1, pixels // SAMPLE_VALUES)
        backscatter = _thinned([block.before for block in samples], seen, step)
        floor = max(FLOOR_SHARE * percentiles(backscatter, 50.0)[0], 1e-9)
        ratios = np.concatenate([_thinned_ratio(block, floor, step) for block in samples])
        return SarLogRatioFit(percentiles(ratios, 50.0)[0], floor)


def _thinned(
    grids: Sequence[NDArray[Any]], seen: Sequence[NDArray[np.bool_]], step: int
) -> NDArray[np.float32]:
    """Every n-th of the valid values of each grid (bands, rows, cols)."""
    kept = [
        (grid.ravel() if is_valid.all() else grid[:, is_valid].ravel())[::step]
        for grid, is_valid in zip(grids, seen, strict=True)
    ]
    return np.concatenate(kept)


def _thinned_ratio(block: PairPixels, floor: float, step: int) -> NDArray[np.float32]:
    """Every n-th of the valid log-ratios of a block, channel after channel; the others are not worked out."""
    if not block.is_valid.all():
        return _thinned([log_ratio(block, floor)], [block.is_valid], step)
    bands, rows, cols = block.before.shape
    places = np.arange(0, bands * rows * cols, step)
    ratios = np.empty(len(places), np.float32)
    before, after = np.ascontiguousarray(block.before), np.ascontiguousarray(block.after)
    _log_ratio_at(before, after, np.float32(floor), places, ratios)
    return ratios


def log_ratio(pixels: PairPixels, floor: float) -> NDArray[np.float32]:
    """ln of the ratio of box means, after over before, float32 (bands, rows, cols)."""
    ratios = np.empty(pixels.before.shape, np.float32)
    for band, out in enumerate(ratios):
        before, after = np.ascontiguousarray(pixels.before[band]), np.ascontiguousarray(pixels.after[band])
        _log_ratio(before, after, np.float32(floor), out)
    return ratios


def _least(block: PairPixels) -> float:
    seen = block.before if block.is_valid.all() else block.before[:, block.is_valid]
    return float(seen.min(initial=np.inf))


@compiled_fast
def _strongest(
    before: NDArray[Any], after: NDArray[Any], floor: np.float32, middle: np.float32, result: FloatGrid
) -> None:
    """|ln of the ratio − middle|, the greatest of all channels."""
    _, rows, cols = before.shape
    first, second = np.empty(cols + 2 * REACH_PX, np.float32), np.empty(cols + 2 * REACH_PX, np.float32)
    line = np.empty(cols, np.float32)
    for band in range(before.shape[0]):
        for row in range(rows):
            _add_up(before[band], row, first)
            _add_up(after[band], row, second)
            _log_line(first, second, floor, line)
            out = result[row]
            if band == 0:
                for col in range(cols):
                    out[col] = abs(line[col] - middle)
            else:
                for col in range(cols):
                    far = abs(line[col] - middle)
                    out[col] = far if far > out[col] else out[col]


@compiled_fast
def _log_ratio(before: NDArray[Any], after: NDArray[Any], floor: np.float32, result: FloatGrid) -> None:
    rows, cols = before.shape
    first, second = np.empty(cols + 2 * REACH_PX, np.float32), np.empty(cols + 2 * REACH_PX, np.float32)
    for row in range(rows):
        _add_up(before, row, first)
        _add_up(after, row, second)
        _log_line(first, second, floor, result[row])


@compiled_fast
def _log_ratio_at(
    before: NDArray[Any],
    after: NDArray[Any],
    floor: np.float32,
    places: NDArray[np.int64],
    result: FloatGrid,
) -> None:
    """`_log_ratio` at some pixels by their running numbers, in ascending order."""
    _, rows, cols = before.shape
    first, second = np.empty(cols + 2 * REACH_PX, np.float32), np.empty(cols + 2 * REACH_PX, np.float32)
    ratio = np.empty(cols, np.float32)
    begin = 0
    while begin < len(places):
        line = places[begin] // cols
        end = begin
        while end < len(places) and places[end] < (line + 1) * cols:
            end += 1
        _add_up(before[line // rows], line % rows, first)
        _add_up(after[line // rows], line % rows, second)
        for place in range(begin, end):
            col = places[place] - line * cols
            result[place] = _around(first, col) * SHARE + floor
            ratio[place - begin] = _around(second, col) * SHARE + floor
        _ln_of_quotient(ratio[: end - begin], result[begin:end])
        begin = end


@compiled_fast
def _around(sums: FloatGrid, col: int) -> np.float32:
    outer = sums[col] + sums[col + 4]
    return np.float32((outer + (sums[col + 1] + sums[col + 3])) + sums[col + 2])


@compiled_fast
def _add_up(grid: NDArray[Any], row: int, sums: FloatGrid) -> None:
    """Sums of the box's rows about a row, mirrored beyond the edges (the edge itself not repeated)."""
    rows, cols = grid.shape
    inner = sums[REACH_PX : REACH_PX + cols]
    above, over = grid[_mirrored(row - 2, rows)], grid[_mirrored(row - 1, rows)]
    under, below = grid[_mirrored(row + 1, rows)], grid[_mirrored(row + 2, rows)]
    here = grid[row]
    for col in range(cols):
        outer = (np.float32(above[col]) + np.float32(below[col])) + np.float32(here[col])
        inner[col] = outer + (np.float32(over[col]) + np.float32(under[col]))
    for step in range(1, REACH_PX + 1):
        sums[REACH_PX - step] = inner[_mirrored(-step, cols)]
        sums[REACH_PX + cols - 1 + step] = inner[_mirrored(cols - 1 + step, cols)]


@compiled_fast
def _mirrored(place: int, length: int) -> int:
    while length > 1 and (place < 0 or place >= length):
        place = -place if place < 0 else 2 * (length - 1) - place
    return place if length > 1 else 0


@compiled_fast
def _log_line(first: FloatGrid, second: FloatGrid, floor: np.float32, result: FloatGrid) -> None:
    """ln of the ratio of a line's box means of five, from sums down the columns."""
    ratio = np.empty(result.size, np.float32)
    _across(second, SHARE, floor, ratio)
    _across(first, SHARE, floor, result)
    _ln_of_quotient(ratio, result)


@compiled_fast
def _ln_of_quotient(ratio: FloatGrid, result: FloatGrid) -> None:
    """ln of ``ratio`` over ``result``, into ``result``; 0 where one is not positive. ``ratio`` is used up.

    The exponent is read off; the mantissa m between √½ and √2 gives 2·artanh((m − 1)/(m + 1)), the series
    cut where a term is below a float's last digit.
    """
    raised = np.empty(result.size, np.int32)
    for col in range(result.size):
        ratio[col] /= result[col]
    bits = ratio.view(np.int32)
    for col in range(result.size):
        # What is not positive (a sign bit, or zero) or not a number counts as no change.
        bits[col] = bits[col] if (bits[col] >= LEAST_BITS) & (bits[col] < ENDLESS_BITS) else ONE_BITS
        raised[col] = (bits[col] - SQRT_HALF_BITS) >> MANTISSA_BITS
    for col in range(result.size):
        bits[col] -= raised[col] << MANTISSA_BITS
    for col in range(result.size):
        slant = (ratio[col] - ONE) / (ratio[col] + ONE)
        square = slant * slant
        series = ONE + square * (THIRD + square * (FIFTH + square * (SEVENTH + square * NINTH)))
        result[col] = np.float32(raised[col]) * LN_2 + TWO * slant * series


@compiled_fast
def _across(sums: FloatGrid, share: np.float32, floor: np.float32, means: FloatGrid) -> None:
    """Box means above the floor, from sums down the columns."""
    count = means.size
    one, two, three = sums[:count], sums[1 : count + 1], sums[2 : count + 2]
    four, five = sums[3 : count + 3], sums[4 : count + 4]
    for col in range(count):
        means[col] = ((one[col] + five[col]) + (two[col] + four[col]) + three[col]) * share + floor
