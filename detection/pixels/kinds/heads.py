"""What the heads of the net say of a pixel as one code, and what an object is by the head that found it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detection.pixels.kinds.windows import ObjectWindow, Verdict
from detection.pixels.net.inference import HEADS

CLASS_OF_HEAD = ("new_building", "hard_surface", "other")
"""For each head of `detection.pixels.net.inference.HEADS`: new buildings; converted land; anything else."""
SURE = 0.9
"""The strongest head of a pixel is right at most this often: the heads were never asked for more."""
LEVELS = 3
"""Of one head: below its low cut, above it, above its cut."""
_RESTS = 1 + (LEVELS - 1) * (len(HEADS) - 1)
_CODES = np.arange(16)
_REST = _CODES % _RESTS
LEVEL_OF_HEAD: Sequence[NDArray[np.int32]] = (
    (_CODES // _RESTS % LEVELS).astype(np.int32),
    *(
        (np.where(head - 1 == (_REST - 1) // 2, (_REST - 1) % 2 + 1, 0) * (_REST > 0)).astype(np.int32)
        for head in range(1, len(HEADS))
    ),
)
"""For each head a table from code to level: 0 nothing, 1 above the low cut, 2 above the cut."""


def head_codes(heads: NDArray[np.float32], *, low: float, high: float) -> NDArray[np.uint8]:
    """One code a pixel: how sure the building head is, and how sure the strongest of the others.

    A new building stands on converted land more often than not: its head and one more are kept side by side.

    Parameters
    ----------
    heads : ndarray, shape (heads, rows, cols), float32
        Chances, 0–1.

    Returns
    -------
    ndarray, shape (rows, cols), uint8
        0 to 15; read by `LEVEL_OF_HEAD`.
    """
    built = (heads[0] >= low).astype(np.uint8) + (heads[0] >= high)
    strongest = heads[1:].argmax(axis=0).astype(np.uint8)
    chance = heads[1:].max(axis=0)
    level = (chance >= low).astype(np.uint8) + (chance >= high)
    rest = np.where(level > 0, 2 * strongest + level, 0)
    codes: NDArray[np.uint8] = (_RESTS * built + rest).astype(np.uint8)
    return codes


def head_kind(window: ObjectWindow) -> Verdict:
    """The class of the head whose object it is; where that head is silent, others share the pixels."""
    own = HEADS.index(window.group)
    codes = window.codes[window.is_object]
    heard = np.stack([levels[codes] > 0 for levels in LEVEL_OF_HEAD])
    counts = (heard & (~heard[own] | (np.arange(len(HEADS)) == own)[:, None])).sum(axis=1)
    shares = SURE * counts / max(int(counts.sum()), 1)
    shares[CLASS_OF_HEAD.index("other")] += 1.0 - shares.sum()
    probabilities = {
        name: round(float(share), 4) for name, share in zip(CLASS_OF_HEAD, shares, strict=True) if share > 0
    }
    statistics = {f"head_{name}": round(float(share), 4) for name, share in probabilities.items()}
    return Verdict(CLASS_OF_HEAD[own], probabilities, statistics)
