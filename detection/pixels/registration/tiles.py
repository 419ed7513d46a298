"""Shifts of tiles: a coarse shift of the whole, then phase correlation of each tile, and ECC where asked.

References
----------
Foroosh et al. (2002), Extension of Phase Correlation to Subpixel Registration, IEEE TIP 11(3).
Evangelidis & Psarakis (2008), Parametric Image Alignment Using Enhanced Correlation Coefficient
Maximization, IEEE TPAMI 30(10).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from detection.pixels.registration.model import FloatArray, Registration
from detection.pixels.registration.texture import Grid, Texture, correlation
from detection.pixels.threshold import percentiles
from ingest.pair import Box

TILES_ACROSS = 10
SPARSE_ACROSS = 5
"""Where tiles lie far apart fewer do: 25 fix a similarity and a slow field, and each costs the decoding of a
whole file block; of 100 megapixels they are 6 %. The sample of the fit lies in the same blocks."""
COARSE_SIDE_PX = 512
COARSE_REACH_PX = 64
ECC_STEPS = 30
ECC_BLUR_PX = 5
MIN_ECC = 0.1
MIN_AGREEMENT = 0.25
MAX_RIVAL = 0.9
"""True registrations of the scenes at hand lie between 0.1 and 0.8, a lattice beside itself above 0.95."""
RIVAL_PX = 8
SPARSE_SIDES = 16
FILE_BLOCK_PX = 512
"""Where tiles lie far apart each lies inside one of the files' own blocks, so that no other is decoded."""


@dataclass(frozen=True, slots=True)
class Coarse:
    """Whole-pixel shift (x, y) of the scene and how sure it is.

    Attributes
    ----------
    agreement : float
        Normalised cross-correlation at the peak, 0–1.
    rival : float
        Height of the next peak, as a share of the highest: near 1 where a pattern repeats.
    """

    shift: tuple[float, float]
    agreement: float
    rival: float

    @property
    def is_ambiguous(self) -> bool:
        """Whether a repeating pattern fits its own neighbour almost as well."""
        return self.agreement >= MIN_AGREEMENT and self.rival >= MAX_RIVAL


def tile_boxes(common: Box, side: int, *, is_dense: bool = False) -> list[Box]:
    """At most 10 × 10 tiles, about evenly spread, overlapping by half where the scene is small.

    Where they would lie far apart 5 × 5 of them, unless ``is_dense``.
    """

    is_far = is_sparse(common, side) and not is_dense

    def starts(first: int, length: int) -> list[int]:
        if is_far:
            return _sparse_starts(first, length, side)
        count = min(max(2 * (length // side) - 1, 1), TILES_ACROSS)
        return [first + round(i * (length - side) / max(count - 1, 1)) for i in range(count)]

    return [
        Box(row, col, side, side)
        for row in starts(common.row, common.rows)
        for col in starts(common.col, common.cols)
    ]


def is_sparse(common: Box, side: int) -> bool:
    """Whether tiles of that side lie file blocks apart."""
    return min(common.rows, common.cols) >= SPARSE_SIDES * side


def _sparse_starts(first: int, length: int, side: int) -> list[int]:
    """Starts in the middle of whole file blocks, with room for a shift; tiles of any side in the same."""
    low, high = -(-first // FILE_BLOCK_PX), (first + length) // FILE_BLOCK_PX - 1
    steps = SPARSE_ACROSS - 1
    if side > FILE_BLOCK_PX or high - low < steps:
        return [first + round(i * (length - side) / steps) for i in range(SPARSE_ACROSS)]
    blocks = [low + round(i * (high - low) / steps) for i in range(SPARSE_ACROSS)]
    return [block * FILE_BLOCK_PX + (FILE_BLOCK_PX - side) // 2 for block in blocks]


def coarse_shift(texture: Texture, common: Box, *, is_whole: bool) -> Coarse:
    """Shift from the summed cross-correlation of a few windows, of the halved whole where that is held."""
    rows, cols = common.rows, common.cols
    side_rows = rows if is_whole else min(COARSE_SIDE_PX, rows)
    side_cols = cols if is_whole else min(COARSE_SIDE_PX, cols)
    step = 2 if is_whole and min(rows, cols) > COARSE_SIDE_PX else 1
    reach = min(COARSE_REACH_PX * (2 if is_whole else 1), side_rows // 4, side_cols // 4) // step
    total, windows = np.zeros((2 * reach + 1, 2 * reach + 1)), 0
    for row in _coarse_starts(common.row, rows, side_rows):
        for col in _coarse_starts(common.col, cols, side_cols):
            grids = texture.centred(Box(row, col, side_rows, side_cols))
            if grids is not None:
                windows += 1
                total += correlation(_reduced(grids[0], step), _reduced(grids[1], step), reach)
    if windows == 0 or not total.any():
        return Coarse((0.0, 0.0), 0.0, 0.0)
    row, col = (int(index) for index in np.unravel_index(int(total.argmax()), total.shape))
    rows_off, cols_off = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    other = total[np.hypot(rows_off + reach - row, cols_off + reach - col) > RIVAL_PX / step + 3]
    (middle,) = percentiles(total, 50.0)
    rival = (float(other.max()) - middle) / max(float(total.max()) - middle, 1e-12)
    shift = (float(step * (col - reach)), float(step * (row - reach)))
    return Coarse(shift, float(total.max()) / windows, rival)


def _coarse_starts(first: int, length: int, side: int) -> list[int]:
    """Three windows along a side; where they lie far apart, in blocks that hold smaller tiles as well."""
    if side < COARSE_SIDE_PX or length < SPARSE_SIDES * COARSE_SIDE_PX:
        return sorted({first + round(i * (length - side) / 2) for i in range(3)})
    tiles = _sparse_starts(first, length, side)
    return [tiles[0], tiles[SPARSE_ACROSS // 2], tiles[-1]]


def measure_tiles(
    texture: Texture,
    start: Registration,
    boxes: list[Box],
    *,
    is_refined: bool = False,
    progress: Callable[[float], None] | None = None,
) -> FloatArray:
    """Total shift at each textured tile: rows of (x, y, dx, dy, response), float64.

    ``start`` says where to look; ``is_refined`` lets ECC improve each tile's phase correlation.
    """
    found = []
    windows: dict[tuple[int, ...], Grid] = {}
    for number, box in enumerate(boxes):
        x, y = box.col + (box.cols - 1) / 2, box.row + (box.rows - 1) / 2
        known_x, known_y = start.exact_shifts(np.array([x]), np.array([y]))
        col_shift, row_shift = round(float(known_x[0])), round(float(known_y[0]))
        first, second = texture.moved(box, row_shift=row_shift, col_shift=col_shift)
        if first is not None and second is not None and min(first.std(), second.std()) > 1e-6:
            if first.shape not in windows:
                taper = cv2.createHanningWindow((box.cols, box.rows), cv2.CV_32F)
                windows[first.shape] = np.asarray(taper, np.float32)
            dx, dy, response = _phase(first, second, windows[first.shape])
            if is_refined:
                dx, dy, response = _enhanced(first, second, (dx, dy, response))
            found.append((x, y, dx + col_shift, dy + row_shift, response))
        if progress is not None:
            progress((number + 1) / len(boxes))
    return np.array(found, np.float64).reshape(-1, 5)


def _phase(first: Grid, second: Grid, window: Grid) -> tuple[float, float, float]:
    (dx, dy), response = cv2.phaseCorrelate(first - first.mean(), second - second.mean(), window)
    return float(dx), float(dy), float(response)


def _enhanced(first: Grid, second: Grid, found: tuple[float, float, float]) -> tuple[float, float, float]:
    """The tile's shift by ECC from its phase correlation; as it was where ECC does not converge."""
    dx, dy, response = found
    if np.hypot(dx, dy) > first.shape[0] / 4:
        return found
    start = np.array([[1, 0, dx], [0, 1, dy]], np.float32)
    stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, ECC_STEPS, 1e-3)
    seen = np.ones(first.shape, np.uint8)
    try:
        agreed, warp = cv2.findTransformECC(
            first, second, start, cv2.MOTION_TRANSLATION, stop, seen, ECC_BLUR_PX
        )
    except cv2.error:
        return found
    if agreed < MIN_ECC or np.hypot(warp[0, 2] - dx, warp[1, 2] - dy) > 3.0:
        return found
    return float(warp[0, 2]), float(warp[1, 2]), max(response, float(agreed) ** 2)


def _reduced(grid: Grid, step: int) -> Grid:
    if step == 1:
        return grid
    rows, cols = grid.shape
    smaller = cv2.resize(grid, (cols // step, rows // step), interpolation=cv2.INTER_AREA)
    return np.asarray(smaller, np.float32)
