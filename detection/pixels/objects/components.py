"""Connected components of runs, by union and find; numbered in reading order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detection.pixels.compiled import compiled
from detection.pixels.objects.runs import IntArray, Runs


@dataclass(frozen=True)
class Components:
    """Which component each run belongs to.

    Attributes
    ----------
    label : ndarray, shape (runs,), int32
        From 0, in reading order of each component's first run.
    area_px : ndarray, shape (components,), int64
    """

    label: IntArray
    area_px: NDArray[np.int64]

    def holding(self, is_marked: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which components hold at least one of the marked runs."""
        is_held = np.zeros(len(self.area_px), bool)
        is_held[self.label[is_marked]] = True
        return is_held


def components(runs: Runs, *, diagonal: bool = True, by_value: bool = False) -> Components:
    """Components of pixels that share an edge, or with ``diagonal`` a corner.

    Parameters
    ----------
    by_value : bool
        Pixels of different values never join.
    """
    count = len(runs)
    if count == 0:
        return Components(np.zeros(0, np.int32), np.zeros(0, np.int64))
    label = _join(runs.row, runs.start, runs.stop, runs.value, 1 if diagonal else 0, by_value)
    lengths = (runs.stop - runs.start).astype(np.float64)
    return Components(label, np.bincount(label, lengths).astype(np.int64))


def hysteresis_of(runs: Runs, *, is_low: NDArray[np.bool_], is_high: NDArray[np.bool_]) -> Runs:
    """Low pixels connected (8 neighbours) to a high one, as value 1; look-up tables by value."""
    low = runs.where(is_low[runs.value])
    found = components(low)
    is_kept = found.holding(is_high[low.value])[found.label]
    return low.where(is_kept, np.ones(len(low), np.int32))


def at_least(runs: Runs, min_px: float) -> Runs:
    """Without the components (8 neighbours) of fewer than ``min_px`` pixels."""
    found = components(runs)
    return runs.where((found.area_px >= min_px)[found.label])


def numbered(runs: Runs, *, min_px: float, first: int) -> tuple[Runs, int]:
    """Components of at least ``min_px`` pixels with values ``first``, ``first + 1``, …; and how many."""
    found = components(runs)
    is_kept = found.area_px >= min_px
    numbers = np.cumsum(is_kept, dtype=np.int32) + np.int32(first - 1)
    return runs.where(is_kept[found.label], numbers[found.label]), int(is_kept.sum())


def sites_of(runs: Runs, count: int) -> IntArray:
    """For values 1 to ``count``: the smallest value among all that hang together with it (8 neighbours).

    Returns
    -------
    ndarray, shape (count + 1,), int32
        A value that touches no other is its own.
    """
    of_run = components(runs).label
    first = np.full(int(of_run.max(initial=-1)) + 1, count + 1, np.int32)
    np.minimum.at(first, of_run, runs.value)
    sites = np.arange(count + 1, dtype=np.int32)
    np.minimum.at(sites, runs.value, first[of_run])
    return sites


def boxes_of(runs: Runs, count: int) -> NDArray[np.int64]:
    """For values 1 to ``count``: row, column, rows, columns of the smallest window; (count + 1, 4)."""
    boxes = np.zeros((count + 1, 4), np.int64)
    far = np.iinfo(np.int64).max
    top, left = np.full(count + 1, far), np.full(count + 1, far)
    bottom, right = np.full(count + 1, -1), np.full(count + 1, -1)
    np.minimum.at(top, runs.value, runs.row.astype(np.int64))
    np.minimum.at(left, runs.value, runs.start.astype(np.int64))
    np.maximum.at(bottom, runs.value, runs.row.astype(np.int64))
    np.maximum.at(right, runs.value, runs.stop.astype(np.int64))
    is_there = bottom >= 0
    columns = (top, left, bottom + 1 - top, right - left)
    boxes[is_there] = np.column_stack([column[is_there] for column in columns])
    return boxes


@compiled
def _find(parent: IntArray, one: int) -> int:
    root = one
    while parent[root] != root:
        root = parent[root]
    while parent[one] != root:
        parent[one], one = root, parent[one]
    return root


@compiled
def _unite(parent: IntArray, one: int, other: int) -> None:
    first, second = _find(parent, one), _find(parent, other)
    if first < second:
        parent[second] = first
    elif second < first:
        parent[first] = second


@compiled
def _join(
    row: IntArray, start: IntArray, stop: IntArray, value: IntArray, reach: int, by_value: bool
) -> IntArray:
    """Component of each run: runs of neighbouring rows that overlap by a pixel, or touch within ``reach``."""
    count = len(row)
    parent = np.arange(count).astype(np.int32)
    above = 0
    for run in range(count):
        is_next = run > 0 and row[run - 1] == row[run] and stop[run - 1] == start[run]
        if is_next and (not by_value or value[run - 1] == value[run]):
            _unite(parent, run - 1, run)
        while above < run and (
            row[above] < row[run] - 1 or (row[above] == row[run] - 1 and stop[above] + reach <= start[run])
        ):
            above += 1
        other = above
        while other < run and row[other] == row[run] - 1 and start[other] < stop[run] + reach:
            if not by_value or value[other] == value[run]:
                _unite(parent, other, run)
            other += 1
    labels = np.empty(count, np.int32)
    total = 0
    for run in range(count):
        root = _find(parent, run)
        if root == run:
            labels[run] = total
            total += 1
        else:
            labels[run] = labels[root]
    return labels
