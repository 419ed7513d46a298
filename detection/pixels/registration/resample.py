"""Both dates on one block, AFTER moved to where it belongs."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from detection.pixels.registration.model import STEPS_PER_PX, Registration
from ingest.pair import Box, PairPixels, PairReader


def read_aligned(reader: PairReader, box: Box, registration: Registration) -> PairPixels:
    """Both dates on a block, AFTER resampled by bicubic interpolation where it must move."""
    before, is_before = reader.read_before(box)
    if registration.is_identity():
        after, is_after = reader.read_after(box)
    else:
        after, is_after = _moved(reader, box, registration)
    is_valid = is_before & is_after
    if not is_valid.all():
        before[:, ~is_valid] = 0.0
        after[:, ~is_valid] = 0.0
    return PairPixels(before, after, is_valid)


def _moved(
    reader: PairReader, box: Box, registration: Registration
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    rows, cols = box.rows, box.cols
    ys, xs = np.mgrid[box.row : box.row + rows, box.col : box.col + cols].astype(np.float64)
    dx, dy = registration.shifts(xs, ys)
    want_x, want_y = xs + dx, ys + dy
    shape = registration.shape
    row, col = int(np.floor(want_y.min())) - 3, int(np.floor(want_x.min())) - 3
    last_row, last_col = int(np.ceil(want_y.max())) + 4, int(np.ceil(want_x.max())) + 4
    row, col = max(row, 0), max(col, 0)
    last_row, last_col = min(last_row, shape[0]), min(last_col, shape[1])
    if last_row - row < 2 or last_col - col < 2:
        return np.zeros((reader.pair.after.bands, rows, cols), np.float32), np.zeros((rows, cols), bool)
    source, is_seen = reader.read_after(Box(row, col, last_row - row, last_col - col))
    map_x, map_y = (want_x - col).astype(np.float32), (want_y - row).astype(np.float32)
    moved = np.stack(
        [cv2.remap(band, map_x, map_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE) for band in source]
    )
    solid = cv2.erode(is_seen.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=1)
    tie = np.float32(0.5 / STEPS_PER_PX)  # shifts of half a pixel must round alike wherever the block begins
    nearest = cv2.remap(
        solid, map_x + tie, map_y + tie, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT, borderValue=0
    )
    return moved.astype(np.float32), nearest.astype(bool)
