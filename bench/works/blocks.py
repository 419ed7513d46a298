"""A scene as arrays, whole or as sample blocks."""

from __future__ import annotations

import numpy as np
import rasterio

from bench.jobs import Place
from bench.works.chain import pair_of
from ingest.pair import PairPixels

SAMPLE_SIDE_PX = 256
FEW_ACROSS, MANY_ACROSS = 4, 6
"""Sample blocks along a side: enough for a detector's statistics; as many as the chain takes."""


def whole(place: Place) -> PairPixels:
    """Both dates of the place's pair in memory, float32."""
    pair = pair_of(place)
    grids = []
    for path in (pair.before, pair.after):
        with rasterio.open(path) as source:
            grids.append(source.read().astype(np.float32))
    return PairPixels(grids[0], grids[1], np.ones(grids[0].shape[1:], bool))


def sample_blocks(pixels: PairPixels, across: int = FEW_ACROSS) -> list[PairPixels]:
    """``across`` × ``across`` blocks of 256 pixels a side spread evenly, as views; all of a small scene."""
    rows, cols = pixels.is_valid.shape
    if min(rows, cols) <= SAMPLE_SIDE_PX * across:
        return [pixels]
    starts = [
        [round(number * (length - SAMPLE_SIDE_PX) / (across - 1)) for number in range(across)]
        for length in (rows, cols)
    ]
    cuts = [
        (slice(row, row + SAMPLE_SIDE_PX), slice(col, col + SAMPLE_SIDE_PX))
        for row in starts[0]
        for col in starts[1]
    ]
    return [
        PairPixels(pixels.before[:, cut[0], cut[1]], pixels.after[:, cut[0], cut[1]], pixels.is_valid[cut])
        for cut in cuts
    ]
