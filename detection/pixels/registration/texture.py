"""Edge strength of both dates, and its correlation: blind to gain and, where it can be, to season and sun."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import fft

from detection.pixels.registration.model import FloatArray
from detection.pixels.threshold import percentiles
from ingest.pair import Box, PairReader
from ingest.seen import band_step

GRADIENT_BANDS = 2
WHOLE_PX = 1 << 22
"""Scenes up to this are read once and cut in memory; of larger ones only the tiles are read."""
MARGIN_PX = 24
MIN_SEEN = 0.6

Grid = NDArray[np.float32]


def log_gradient(pixels: NDArray[np.float32], is_valid: NDArray[np.bool_]) -> Grid:
    """Edge strength that a change of gain hardly moves, float32 (rows, cols); 0 where not valid."""
    total = np.zeros(is_valid.shape, np.float32)
    if not is_valid.any():
        return total
    is_whole = bool(is_valid.all())
    for band in pixels[:: band_step(len(pixels), GRADIENT_BANDS)]:
        some = band[::3, ::3] if is_whole else band[::3, ::3][is_valid[::3, ::3]]
        level = percentiles(some, 50.0)[0] if some.size else 0.0
        floor = max(0.05 * abs(level), 1e-4)
        logged = np.maximum(band if is_whole else np.where(is_valid, band, level), 0.0).astype(np.float32)
        logged = cv2.log(logged + np.float32(floor)).astype(np.float32)
        logged = cv2.GaussianBlur(logged, (5, 5), 1.0)
        total += cv2.magnitude(cv2.Sobel(logged, cv2.CV_32F, 1, 0), cv2.Sobel(logged, cv2.CV_32F, 0, 1))
    if not is_whole:
        total[~cv2.erode(is_valid.astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool)] = 0.0
    middle = percentiles(total[::2, ::2], 50.0)[0] + 1e-6
    compressed: Grid = cv2.log(total / np.float32(middle) + np.float32(1.0)).astype(np.float32)
    return compressed


class Texture:
    """Log-gradients of both dates by box; boxes of AFTER may be asked for at a shift."""

    def __init__(self, reader: PairReader, shape: tuple[int, int]) -> None:
        self._reader, self.shape = reader, shape
        self._before: dict[Box, Grid | None] = {}
        self._after: dict[Box, tuple[Box, Grid, NDArray[np.bool_]]] = {}
        self._whole: tuple[Grid, NDArray[np.bool_], Grid, NDArray[np.bool_]] | None = None
        if shape[0] * shape[1] <= WHOLE_PX:
            box = Box(0, 0, *shape)
            self._whole = self._looked_at(box)

    def common(self) -> Box:
        """Bounds of what both dates show; of a large scene the whole."""
        if self._whole is None:
            return Box(0, 0, *self.shape)
        is_both = self._whole[1] & self._whole[3]
        rows, cols = np.flatnonzero(is_both.any(axis=1)), np.flatnonzero(is_both.any(axis=0))
        if len(rows) == 0:
            return Box(0, 0, 0, 0)
        return Box(int(rows[0]), int(cols[0]), int(rows[-1] - rows[0]) + 1, int(cols[-1] - cols[0]) + 1)

    def centred(self, box: Box) -> tuple[Grid, Grid] | None:
        """Both dates on one box about their means, 0 where either is not seen; None where that is most."""
        if self._whole is not None:
            part = box.slices
            first, second = self._whole[0][part], self._whole[2][part]
            is_both = self._whole[1][part] & self._whole[3][part]
        else:
            first, is_before, second, is_after = self._looked_at(box)
            is_both = is_before & is_after
        if is_both.mean() < MIN_SEEN / 2:
            return None
        return _about_mean(first, is_both), _about_mean(second, is_both)

    def moved(self, box: Box, *, row_shift: int, col_shift: int) -> tuple[Grid | None, Grid | None]:
        """Both dates on one box, AFTER moved by whole pixels."""
        return self._reader.both(
            lambda: self.before(box), lambda: self.after(box, row_shift=row_shift, col_shift=col_shift)
        )

    def _looked_at(self, box: Box) -> tuple[Grid, NDArray[np.bool_], Grid, NDArray[np.bool_]]:
        first, second = self._reader.both(
            lambda: _gradient(*self._reader.read_before(box, at_least=GRADIENT_BANDS)),
            lambda: _gradient(*self._reader.read_after(box, at_least=GRADIENT_BANDS)),
        )
        return *first, *second

    def before(self, box: Box) -> Grid | None:
        """Edge strength of BEFORE, or None where too little is seen."""
        if self._whole is not None:
            return _cut(self._whole[0], self._whole[1], box.slices)
        if box not in self._before:
            pixels, is_valid = self._reader.read_before(box, at_least=GRADIENT_BANDS)
            grid = log_gradient(pixels, is_valid)
            self._before[box] = grid if is_valid.mean() > MIN_SEEN else None
        return self._before[box]

    def after(self, box: Box, *, row_shift: int, col_shift: int) -> Grid | None:
        """Edge strength of AFTER where the box lies once moved by whole pixels; None outside the scene."""
        moved = Box(box.row + row_shift, box.col + col_shift, box.rows, box.cols)
        if not _is_within(moved, Box(0, 0, *self.shape)):
            return None
        if self._whole is not None:
            return _cut(self._whole[2], self._whole[3], moved.slices)
        held = self._after.get(box)
        if held is None or not _is_within(moved, held[0]):
            outer = moved.grown(MARGIN_PX, self.shape)
            pixels, is_valid = self._reader.read_after(outer, at_least=GRADIENT_BANDS)
            held = (outer, log_gradient(pixels, is_valid), is_valid)
            self._after[box] = held
        return _cut(held[1], held[2], moved.inside(held[0]))


def correlation(first: Grid, second: Grid, reach: int) -> FloatArray:
    """Normalised cross-correlation of centred grids for shifts up to ``reach``, zero shift in the middle."""
    rows, cols = first.shape
    scale = float(first.std() * second.std()) * first.size
    if scale < 1e-9:
        return np.zeros((2 * reach + 1, 2 * reach + 1))
    size = (cv2.getOptimalDFTSize(rows + reach), cv2.getOptimalDFTSize(cols + reach))
    spectrum = np.conj(fft.rfft2(first, size)) * fft.rfft2(second, size)  # single precision, as the grids
    surface = fft.irfft2(spectrum, size).astype(np.float64) / scale
    index = np.arange(-reach, reach + 1)
    cut: FloatArray = surface[np.ix_(index % size[0], index % size[1])]
    return cut


def _gradient(pixels: Grid, is_valid: NDArray[np.bool_]) -> tuple[Grid, NDArray[np.bool_]]:
    return log_gradient(pixels, is_valid), is_valid


def _about_mean(grid: Grid, is_valid: NDArray[np.bool_]) -> Grid:
    centred: Grid = np.where(is_valid, grid - grid[is_valid].mean(), np.float32(0.0)).astype(np.float32)
    return centred


def _cut(grid: Grid, is_valid: NDArray[np.bool_], part: tuple[slice, slice]) -> Grid | None:
    return grid[part] if is_valid[part].mean() > MIN_SEEN else None


def _is_within(inner: Box, outer: Box) -> bool:
    return (
        inner.row >= outer.row
        and inner.col >= outer.col
        and inner.row + inner.rows <= outer.row + outer.rows
        and inner.col + inner.cols <= outer.col + outer.cols
    )
