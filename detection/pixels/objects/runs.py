"""A scene's marked pixels as horizontal runs: memory and work follow what changed, not the scene's size.

Everything that depends on a whole scene (components, sizes, hysteresis, outlines) is answered from runs, and
is exact whatever the blocks were in which the pixels came.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detection.pixels.compiled import compiled
from ingest.pair import Box

IntArray = NDArray[np.int32]
Grid = NDArray[Any]
"""Values of any integer type, or bool."""
TILE_PX = 1024
WORD_BYTES = 8


@dataclass(frozen=True)
class Runs:
    """Runs ``[start, stop)`` of one value in one row, sorted by row, then start; none overlap.

    Attributes
    ----------
    row, start, stop, value : ndarray, shape (runs,), int32
        Value is never 0: unmarked pixels have no run.
    shape : (int, int)
        Rows and columns of the scene.
    """

    row: IntArray
    start: IntArray
    stop: IntArray
    value: IntArray
    shape: tuple[int, int]

    @classmethod
    def empty(cls, shape: tuple[int, int]) -> Runs:
        """Nothing marked."""
        nothing = np.zeros(0, np.int32)
        return cls(nothing, nothing, nothing, nothing, shape)

    @classmethod
    def of(cls, values: Grid, *, first_row: int = 0, rows: int | None = None) -> Runs:
        """Runs of a strip of full rows, 2-D, any integer or bool type; ``rows`` is the scene's height."""
        grid = np.ascontiguousarray(values)
        if grid.dtype == np.bool_:
            grid = grid.view(np.uint8)
        words = _as_words(grid)
        count = _count(grid)
        arrays = [np.empty(count, np.int32) for _ in range(4)]
        _fill(grid, words, first_row, *arrays)
        return cls.over(arrays, (rows if rows is not None else grid.shape[0], grid.shape[1]))

    @classmethod
    def joined(cls, parts: Sequence[Runs], shape: tuple[int, int]) -> Runs:
        """Strips from top to bottom made one."""
        if not parts:
            return cls.empty(shape)
        return cls.over(
            [np.concatenate(column) for column in zip(*map(cls.columns, parts), strict=True)], shape
        )

    @classmethod
    def side_by_side(cls, blocks: Sequence[Runs], shape: tuple[int, int]) -> Runs:
        """Blocks of the same rows made one; runs of one value that meet at a border are joined."""
        row, start, stop, value = (
            np.concatenate(column) for column in zip(*map(cls.columns, blocks), strict=True)
        )
        order = np.argsort(row.astype(np.int64) * shape[1] + start, kind="stable")
        row, start, stop, value = row[order], start[order], stop[order], value[order]
        first, last = stretches(row, start, stop, value)
        return cls(row[first], start[first], stop[last], value[first], shape)

    @classmethod
    def over(cls, columns: Sequence[IntArray], shape: tuple[int, int]) -> Runs:
        """From row, start, stop, value as `columns` gives them."""
        row, start, stop, value = columns
        return cls(row, start, stop, value, shape)

    def columns(self) -> tuple[IntArray, IntArray, IntArray, IntArray]:
        """Row, start, stop, value."""
        return self.row, self.start, self.stop, self.value

    def __len__(self) -> int:
        return len(self.row)

    @property
    def pixels(self) -> int:
        """How many pixels are marked."""
        return int((self.stop.astype(np.int64) - self.start).sum())

    def where(self, is_kept: NDArray[np.bool_], value: IntArray | None = None) -> Runs:
        """Some of the runs, with other values if given; touching runs stay apart."""
        values = self.value if value is None else value
        return Runs(self.row[is_kept], self.start[is_kept], self.stop[is_kept], values[is_kept], self.shape)

    def placed(self, box: Box, shape: tuple[int, int]) -> Runs:
        """Of a window alone, as they lie in its scene."""
        right = np.int32(box.col)
        return Runs(self.row + np.int32(box.row), self.start + right, self.stop + right, self.value, shape)

    def paint(self, box: Box) -> IntArray:
        """Values on a window, int32 (rows, cols), 0 where unmarked."""
        canvas = np.zeros((box.rows, box.cols), np.int32)
        self.paint_on(canvas, box)
        return canvas

    def paint_on(self, canvas: Grid, box: Box) -> None:
        """Write values over a window, of any type that holds them."""
        first = np.searchsorted(self.row, np.arange(box.row, box.row + box.rows + 1)).astype(np.int64)
        _paint(first, self.start, self.stop, self.value, box.col, canvas)


def remade(
    sources: Sequence[Runs],
    rule: Callable[[Sequence[IntArray]], Grid],
    *,
    halo: int,
    tile_px: int = TILE_PX,
) -> Runs:
    """Apply a rule of bounded reach to the whole scene, tile by tile; tiles without a run are skipped.

    Parameters
    ----------
    sources : sequence of Runs
        Painted on each tile, in this order.
    rule : callable
        Painted tiles to new values, same shape; nothing marked must give nothing marked.
    halo : int
        Pixels beyond a tile on which the result inside it depends.
    """
    shape = sources[0].shape
    rows, cols = shape
    parts = []
    for row in range(0, rows, tile_px):
        height = min(tile_px, rows - row)
        strip: Grid | None = None
        for col in _busy_columns(sources, Box(row, 0, height, cols), halo=halo, tile_px=tile_px):
            inner = Box(row, col, height, min(tile_px, cols - col))
            outer = inner.grown(halo, shape)
            made = rule([source.paint(outer) for source in sources])
            if strip is None:
                strip = np.zeros((height, cols), np.int32)
            strip[:, inner.col : inner.col + inner.cols] = made[inner.inside(outer)]
        if strip is not None:
            parts.append(Runs.of(strip, first_row=row, rows=rows))
    return Runs.joined(parts, shape)


def selected(runs: Runs, is_wanted: NDArray[np.bool_]) -> Runs:
    """Runs whose value is wanted (a look-up table by value), as value 1, touching ones made one."""
    kept = runs.where(is_wanted[runs.value])
    ones = np.ones(len(kept), np.int32)
    first, last = stretches(kept.row, kept.start, kept.stop, ones)
    return Runs(kept.row[first], kept.start[first], kept.stop[last], ones[first], runs.shape)


def stretches(
    row: IntArray, start: IntArray, stop: IntArray, value: IntArray
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First and last of the runs of one value that touch each other in a row."""
    is_first = np.ones(len(row), bool)
    is_first[1:] = (row[1:] != row[:-1]) | (start[1:] != stop[:-1]) | (value[1:] != value[:-1])
    first = np.flatnonzero(is_first)
    return first, np.append(first[1:], len(row))[: len(first)] - 1


def _busy_columns(sources: Sequence[Runs], box: Box, *, halo: int, tile_px: int) -> list[int]:
    """First columns of the tiles of a strip that hold, or border within the halo on, any run."""
    count = -(-box.cols // tile_px)
    is_busy = np.zeros(count, bool)
    for source in sources:
        first, last = np.searchsorted(source.row, [box.row - halo, box.row + box.rows + halo])
        low = np.maximum(source.start[first:last] - halo, 0) // tile_px
        high = np.minimum(source.stop[first:last] - 1 + halo, box.cols - 1) // tile_px
        marks = np.zeros(count + 1, np.int64)
        np.add.at(marks, low, 1)
        np.add.at(marks, high + 1, -1)
        is_busy |= np.cumsum(marks[:-1]) > 0
    return [int(index) * tile_px for index in np.flatnonzero(is_busy)]


def _as_words(grid: Grid) -> NDArray[np.uint64]:
    """The same memory eight bytes at a time; no columns where rows are no whole number of them."""
    if grid.shape[1] * grid.itemsize % WORD_BYTES:
        return np.empty((grid.shape[0], 0), np.uint64)
    return grid.view(np.uint64)


@compiled
def _next_marked(words: NDArray[np.uint64], row: int, col: int, each: int) -> int:
    """First column from ``col`` on, where a word begins, that lies in a word with a marked pixel."""
    word = col // each
    while word < words.shape[1] and words[row, word] == 0:
        word += 1
    return word * each


@compiled
def _count(grid: Grid) -> int:
    """How many runs there are: marked pixels that differ from the one before them."""
    total = 0
    for row in range(grid.shape[0]):
        before, here = grid[row, :-1], grid[row, 1:]
        begun = np.int32(1 if grid.shape[1] > 0 and grid[row, 0] != 0 else 0)
        for col in range(len(here)):
            begun += np.int32((here[col] != before[col]) & (here[col] != 0))
        total += int(begun)
    return total


@compiled
def _fill(
    grid: Grid,
    words: NDArray[np.uint64],
    first_row: int,
    row_of: IntArray,
    start: IntArray,
    stop: IntArray,
    value: IntArray,
) -> None:
    rows, cols = grid.shape
    each = cols // words.shape[1] if words.shape[1] > 0 else 0
    at = -1
    for row in range(rows):
        last = 0
        col = 0
        while col < cols:
            if last == 0 and each and col & (each - 1) == 0:
                col = _next_marked(words, row, col, each)
                if col >= cols:
                    break
            here = grid[row, col]
            if here != last:
                if last != 0:
                    stop[at] = col
                if here != 0:
                    at += 1
                    row_of[at] = first_row + row
                    start[at] = col
                    value[at] = here
                last = here
            col += 1
        if last != 0:
            stop[at] = cols


@compiled
def _paint(
    first: NDArray[np.int64], start: IntArray, stop: IntArray, value: IntArray, col: int, canvas: Grid
) -> None:
    rows, cols = canvas.shape
    for row in range(rows):
        low, high = first[row], first[row + 1]
        while low < high:  # the first run that ends beyond the window's left edge
            middle = (low + high) // 2
            if stop[middle] <= col:
                low = middle + 1
            else:
                high = middle
        at = low
        while at < first[row + 1] and start[at] < col + cols:
            for x in range(max(start[at] - col, 0), min(stop[at] - col, cols)):
                canvas[row, x] = value[at]
            at += 1
