"""One pass over the scene: each block scored on its own, each row of blocks kept as runs.

Memory holds one row of blocks and the runs. A pass that was cut off goes on where it stopped when it is given
the same spool folder.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detection.pixels.align import Registration, read_aligned
from detection.pixels.executor import Executor, block_boxes
from detection.pixels.fitting import Fit
from detection.pixels.kinds.surfaces import HALO_PX
from detection.pixels.objects.runs import Runs
from detection.pixels.screening import CloudScreen
from foundation.errors import Conflict
from ingest.decoded import DecodedBlocks
from ingest.pair import Box, ImagePair, PairReader

HALO_STEP_PX = 32
"""Halos are whole multiples: a network that halves its grid five times sees the same phases in any block."""


@dataclass(frozen=True)
class ScoreBlock:
    """What a worker does to a block; all it needs travels with it."""

    pair: ImagePair
    registration: Registration
    screen: CloudScreen
    fit: Fit
    decoded: DecodedBlocks

    @property
    def halo_px(self) -> int:
        """Pixels read beyond the block."""
        least = max(self.fit.halo_px, HALO_PX if self.fit.surfaces is not None else 0)
        return -(-least // HALO_STEP_PX) * HALO_STEP_PX if least > HALO_PX else least

    @cached_property
    def is_plain(self) -> bool:
        """Whether pixels can be scored as they lie in the files, not moved, not hidden, not converted."""
        is_as_stored = self.pair.same_grid and self.registration.is_identity() and self.screen.mask is None
        return is_as_stored and self.pair.is_plain and self.fit.takes_squares

    @property
    def lead_px(self) -> int:
        """By how much blocks end before the files' blocks do: what the halo reaches over."""
        return self.halo_px if self.halo_px <= HALO_PX else 0

    def __call__(self, reader: PairReader, box: Box) -> Runs:
        """Runs of the block's packed scores: far less than its pixels, wherever they have to go."""
        return Runs.of(self._packed(reader, box)).placed(box, self.pair.grid.shape)

    def _packed(self, reader: PairReader, box: Box) -> NDArray[np.uint16]:
        outer = box.grown(self.halo_px, self.pair.grid.shape)
        if self.is_plain:
            before, after, is_valid = reader.read_onward(outer, 2 * self.halo_px, self.decoded)
            return self.fit.packed_squares(before, after, is_valid, box.inside(outer))
        pixels = self.screen.screened(read_aligned(reader, outer, self.registration), outer)
        return np.ascontiguousarray(self.fit.packed(pixels)[box.inside(outer)])


def score_scene(
    work: ScoreBlock,
    *,
    executor: Executor,
    block_px: int,
    progress: Callable[[float], None],
    cancel: Callable[[], bool] | None = None,
    spool: Path | None = None,
) -> Runs:
    """Packed scores of the whole scene as runs.

    Parameters
    ----------
    spool : Path, optional
        Folder in which every finished row of blocks is kept, by block size, and not scored again. The
        caller names it after everything that the scores depend on.

    Raises
    ------
    Conflict
        ``detection.pair.cancelled`` when ``cancel()`` says so between blocks.
    """
    shape = work.pair.grid.shape
    boxes = block_boxes(shape, block_px, lead_px=min(work.lead_px, block_px // 2))
    kept = _Spool(None if spool is None else spool / f"blocks-{block_px}", shape)
    waiting = [box for box in boxes if not kept.has(box.row)]
    results = executor.run(work.pair, waiting, work)
    done = len(boxes) - len(waiting)
    for row, blocks in itertools.groupby(results, key=lambda result: result[0].row):
        found = []
        for _, runs in blocks:
            found.append(runs)
            done += 1
            progress(done / len(boxes))
            if cancel is not None and cancel():
                results.close()
                raise Conflict("detection.pair.cancelled")
        kept.put(row, Runs.side_by_side(found, shape))
    return Runs.joined([kept.get(row) for row in sorted({box.row for box in boxes})], shape)


class _Spool:
    """Finished rows of blocks, in memory and, where a folder is given, on disk."""

    def __init__(self, folder: Path | None, shape: tuple[int, int]) -> None:
        self._folder, self._shape = folder, shape
        self._parts: dict[int, Runs] = {}
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)

    def has(self, row: int) -> bool:
        return row in self._parts or (self._folder is not None and self._file(self._folder, row).exists())

    def put(self, row: int, runs: Runs) -> None:
        self._parts[row] = runs
        if self._folder is not None:
            target = self._file(self._folder, row)
            part = target.with_suffix(".part.npz")
            np.savez(part, row=runs.row, start=runs.start, stop=runs.stop, value=runs.value)
            part.replace(target)

    def get(self, row: int) -> Runs:
        if row not in self._parts and self._folder is not None:
            with np.load(self._file(self._folder, row)) as stored:
                columns = [stored[name] for name in ("row", "start", "stop", "value")]
            self._parts[row] = Runs.over(columns, self._shape)
        return self._parts[row]

    @staticmethod
    def _file(folder: Path, row: int) -> Path:
        return folder / f"rows-{row:08d}.npz"
