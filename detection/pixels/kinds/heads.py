"""What an object is by the head of the net that found it."""

from __future__ import annotations

import numpy as np

from detection.pixels.kinds.windows import ObjectWindow, Verdict
from detection.pixels.net.codes import LEVEL_OF_HEAD
from detection.pixels.net.inference import HEADS

CLASS_OF_HEAD = ("new_building", "hard_surface")
"""For each head of `detection.pixels.net.inference.HEADS`: new buildings; converted land."""
SURE = 0.9
"""A head is right at most this often; the rest says `other`: the heads were never asked for more."""


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
