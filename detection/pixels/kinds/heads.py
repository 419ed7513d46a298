"""What an object is by the head of the net that saw it."""

from __future__ import annotations

import numpy as np

from detection.pixels.kinds.windows import ObjectWindow, Verdict

CLASS_OF_HEAD = ("new_building", "hard_surface", "other")
"""For each head of `detection.pixels.net.inference.HEADS`: new buildings; converted land; anything else."""
SURE = 0.9
"""The strongest head of a pixel is right at most this often: the heads were never asked for more."""


def head_kind(window: ObjectWindow) -> Verdict:
    """The class of the head that is strongest on most of the object's pixels."""
    codes = window.codes[window.is_object]
    counts = np.bincount(codes, minlength=len(CLASS_OF_HEAD) + 1)[1 : len(CLASS_OF_HEAD) + 1]
    if counts.sum() == 0:
        return Verdict("other", {"other": 1.0})
    shares = SURE * counts / counts.sum()
    shares[CLASS_OF_HEAD.index("other")] += 1.0 - SURE
    probabilities = {
        name: round(float(share), 4) for name, share in zip(CLASS_OF_HEAD, shares, strict=True) if share > 0
    }
    strongest = CLASS_OF_HEAD[int(counts.argmax())]
    statistics = {f"head_{name}": round(float(share), 4) for name, share in probabilities.items()}
    return Verdict(strongest, probabilities, statistics)
