"""The siamese net on colour tiles: by ONNX Runtime as shipped, and by torch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bench.jobs import Job, Outcome, Place
from bench.scenes import SEED
from detection.pixels.net.inference import MODEL_FILE, answer


def by_onnx(place: Place) -> Job:
    """Tiles with overlap, as detection asks the net."""
    before, after = _scaled(place.side_px)
    return Job(lambda: answer(MODEL_FILE, before, after), _judged)


def by_torch(place: Place) -> Job:
    """The same net in torch on the whole picture at once; untrained, which costs as much."""
    import torch

    from detection.learning.network import TwinNet

    torch.set_num_threads(1)
    net = TwinNet().eval()
    dates = [torch.from_numpy(date[None]) for date in _scaled(place.side_px)]

    def run() -> NDArray[np.float32]:
        with torch.inference_mode():
            logits = net(*dates)
            full = torch.nn.functional.interpolate(logits, scale_factor=2.0, mode="bilinear")
            found: NDArray[np.float32] = torch.sigmoid(full)[0].numpy()
        return found

    return Job(run, _judged)


def _scaled(side_px: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    random = np.random.default_rng((SEED, side_px, 9))
    dates = random.standard_normal((2, 3, side_px, side_px), np.float32)
    return dates[0], dates[1]


def _judged(heads: NDArray[np.float32]) -> Outcome:
    return Outcome(heads.shape[0], float(heads[0].size))
