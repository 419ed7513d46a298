"""What lies under each object: pixels of one set of runs counted over another, cost by run."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detection.pixels.compiled import compiled
from detection.pixels.objects.components import components
from detection.pixels.objects.runs import IntArray, Runs


def bits_under(objects: Runs, scores: Runs, count: int, bits: int) -> NDArray[np.int64]:
    """For values 1 to ``count`` of ``objects``: pixels under which each bit of ``scores`` is set.

    Returns
    -------
    ndarray, shape (count + 1, bits), int64
    """
    first = np.searchsorted(scores.row, objects.row).astype(np.int64)
    last = np.searchsorted(scores.row, objects.row, side="right").astype(np.int64)
    totals = np.zeros((count + 1, bits), np.int64)
    _count_bits(objects.columns()[1:], first, last, scores.columns()[1:], totals)
    return totals


def sizes(objects: Runs, count: int) -> NDArray[np.int64]:
    """Pixels of values 0 to ``count``."""
    lengths = (objects.stop - objects.start).astype(np.float64)
    return np.bincount(objects.value, lengths, minlength=count + 1).astype(np.int64)


def holes(mask: Runs, max_px: float) -> Runs:
    """Unmarked parts (4 neighbours) of fewer than ``max_px`` pixels that do not touch the scene's edge."""
    rest = complement(mask)
    found = components(rest, diagonal=False)
    rows, cols = mask.shape
    is_edge = (rest.row == 0) | (rest.row == rows - 1) | (rest.start == 0) | (rest.stop == cols)
    is_hole = (found.area_px < max_px) & ~found.holding(is_edge)
    return rest.where(is_hole[found.label])


def complement(mask: Runs) -> Runs:
    """Everything unmarked, as value 1."""
    rows, cols = mask.shape
    every = np.arange(rows, dtype=np.int32)
    # each row is bounded by a run of no length on either side; gaps lie between neighbours
    row = np.concatenate([every, mask.row, every])
    start = np.concatenate([np.zeros(rows, np.int32), mask.start, np.full(rows, cols, np.int32)])
    stop = np.concatenate([np.zeros(rows, np.int32), mask.stop, np.full(rows, cols, np.int32)])
    order = np.lexsort((stop, start, row))
    row, start, stop = row[order], start[order], stop[order]
    is_gap = (row[1:] == row[:-1]) & (start[1:] > stop[:-1])
    at = np.flatnonzero(is_gap)
    return Runs(row[at], stop[at], start[at + 1], np.ones(len(at), np.int32), mask.shape)


@compiled
def _count_bits(
    objects: tuple[IntArray, IntArray, IntArray],
    first: NDArray[np.int64],
    last: NDArray[np.int64],
    scores: tuple[IntArray, IntArray, IntArray],
    totals: NDArray[np.int64],
) -> None:
    start, stop, value = objects
    low, high, marks = scores
    for run in range(len(start)):
        left, right = first[run], last[run]
        while left < right:  # the first score run that ends beyond this run's start
            middle = (left + right) // 2
            if high[middle] <= start[run]:
                left = middle + 1
            else:
                right = middle
        at = left
        while at < last[run] and low[at] < stop[run]:
            shared = min(stop[run], high[at]) - max(start[run], low[at])
            for bit in range(totals.shape[1]):
                if (marks[at] >> bit) & 1:
                    totals[value[run], bit] += shared
            at += 1
