"""File blocks that were decoded to look at a sample, kept so that the pass over the scene need not again.

A sample touches few blocks of a large file, but the whole of each has to be decoded for it; with DEFLATE that
is as much as a tenth of reading the file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from rasterio.windows import Window

from ingest.raster import read_part

Stored = NDArray[Any]
"""Pixels in a file's own type."""
Rect = tuple[int, int, int, int]
"""Row, column, rows, columns."""
LEAST_SIDE_PX, LARGEST_SIDE_PX = 256, 2048
"""Blocks of other sides are strips or whole pictures: those are not kept."""
MOST_BYTES = 96 << 20
"""Of each file."""


class DecodedBlocks:
    """Blocks of a pair's two files, by file and place; sent to another process it arrives empty."""

    def __init__(self) -> None:
        self._kept: tuple[dict[tuple[int, int], Stored], ...] = ({}, {})
        self._bytes = [0, 0]

    def __reduce__(self) -> tuple[type[DecodedBlocks], tuple[()]]:
        return DecodedBlocks, ()

    def sample(self, number: int, source: Any, rect: Rect, indexes: list[int], path: Path) -> Stored:
        """Bands of a part, (bands, rows, cols); the block around it is kept where it lies in one.

        Parameters
        ----------
        number : int
            0 for the earlier file, 1 for the later one; of each only one thread may ask at a time.
        """
        side = _block_sides(source)
        row, col, rows, cols = rect
        if side is None or not _is_in_one(row, rows, side[0]) or not _is_in_one(col, cols, side[1]):
            return read_part(source, Window(col, row, cols, rows), indexes, path)
        place = row // side[0], col // side[1]
        first_row, first_col = place[0] * side[0], place[1] * side[1]
        block = self._kept[number].get(place)
        if block is None:
            height, width = min(side[0], source.height - first_row), min(side[1], source.width - first_col)
            block = read_part(source, Window(first_col, first_row, width, height), indexes, path)
            if self._bytes[number] + block.nbytes <= MOST_BYTES:
                self._bytes[number] += block.nbytes
                self._kept[number][place] = block
        row, col = row - first_row, col - first_col
        return block[:, row : row + rows, col : col + cols]

    def fill(self, number: int, source: Any, rect: Rect, indexes: list[int], path: Path, out: Stored) -> None:
        """Bands of a part into ``out``; what is kept is copied, the rest is read."""
        side = _block_sides(source)
        row, col, rows, cols = rect
        kept = self._kept[number]
        if not kept or side is None or not _is_in_one(row, rows, side[0]):
            read_part(source, Window(col, row, cols, rows), indexes, path, out=out)
            return
        line = row // side[0]
        top = row - line * side[0]
        waiting = col
        for place in range(col // side[1], (col + cols - 1) // side[1] + 1):
            block = kept.get((line, place))
            if block is None:
                continue
            left = place * side[1]
            first, last = max(col, left), min(col + cols, left + side[1])
            if waiting < first:
                gap = out[:, :, waiting - col : first - col]
                read_part(source, Window(waiting, row, first - waiting, rows), indexes, path, out=gap)
            out[:, :, first - col : last - col] = block[:, top : top + rows, first - left : last - left]
            waiting = last
        if waiting < col + cols:
            gap = out[:, :, waiting - col :]
            read_part(source, Window(waiting, row, col + cols - waiting, rows), indexes, path, out=gap)


def _block_sides(source: Any) -> tuple[int, int] | None:
    """Rows and columns of the file's blocks where they are worth keeping: where they have to be decoded."""
    if source.compression is None:
        return None
    rows, cols = (int(side) for side in source.block_shapes[0])
    if min(rows, cols) < LEAST_SIDE_PX or max(rows, cols) > LARGEST_SIDE_PX:
        return None
    return rows, cols


def _is_in_one(start: int, length: int, side: int) -> bool:
    return start // side == (start + length - 1) // side
