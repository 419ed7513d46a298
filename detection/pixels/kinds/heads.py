"""What the heads of the net say of a pixel as one code, and what an object is by the head that found it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detection.pixels.kinds.windows import ObjectWindow, Verdict
from detection.pixels.net.inference import HEADS

CLASS_OF_HEAD = ("new_building", "hard_surface")
"""For each head of `detection.pixels.net.inference.HEADS`: new buildings; converted land."""
SURE = 0.9
"""A head is right at most this often; the rest says `other`: the heads were never asked for more."""
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


def head_kind(window: ObjectWindow) -> Verdict:
    """The class of the head whose object it is; where that head is silent, others share the pixels."""
    own = HEADS.index(window.group)
    codes = window.codes[window.is_object]
    heard = np.stack([levels[codes] > 0 for levels in LEVEL_OF_HEAD])
    counts = (heard & (~heard[own] | (np.arange(len(HEADS)) == own)[:, None])).sum(axis=1)
    shares = SURE * counts / max(int(counts.sum()), 1)
    named = (*zip(CLASS_OF_HEAD, shares, strict=True), ("other", 1.0 - shares.sum()))
    probabilities = {name: round(float(share), 4) for name, share in named if share > 0}
    statistics = {f"head_{name}": round(float(share), 4) for name, share in probabilities.items()}
    return Verdict(CLASS_OF_HEAD[own], probabilities, statistics)
