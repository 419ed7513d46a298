"""What the heads of the net say of a pixel, as one small number."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detection.pixels.net.inference import HEADS

LEVELS = 3
"""Of one head: below its low cut, above it, above its cut."""
LEVEL_OF_HEAD: Sequence[NDArray[np.int32]] = tuple(
    (np.arange(16) // LEVELS**head % LEVELS).astype(np.int32) for head in range(len(HEADS))
)
"""For each head a table from code to level: 0 nothing, 1 above the low cut, 2 above the cut."""


def head_codes(heads: NDArray[np.float32], *, low: float, high: float) -> NDArray[np.uint8]:
    """How sure each head is, as one code a pixel: a new building mostly stands on converted land.

    Parameters
    ----------
    heads : ndarray, shape (heads, rows, cols), float32
        Chances, 0–1.

    Returns
    -------
    ndarray, shape (rows, cols), uint8
        0 to 8; read by `LEVEL_OF_HEAD`.
    """
    codes = np.zeros(heads.shape[1:], np.uint8)
    for head, chance in enumerate(heads):
        codes += np.uint8(LEVELS**head) * ((chance >= low).astype(np.uint8) + (chance >= high))
    return codes
