"""Training, where PyTorch is installed: the loss falls, a resumed run ends in the same state."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from detection.learning.made.pair_store import SHARD_PAIRS, pack, shard_path  # noqa: E402
from detection.learning.made.pairs import make_pair  # noqa: E402
from detection.learning.training import FIRST_SHARDS, TrainPlan, train  # noqa: E402
from detection.learning.weights import load_weights, save_weights  # noqa: E402


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Path:
    """Two made pairs, again and again, so that twenty steps can learn them."""
    folder = tmp_path_factory.mktemp("pairs")
    pairs = [pack(make_pair(seed, side_px=96)) for seed in (301, 305)]
    shard = np.stack([pairs[k % 2] for k in range(SHARD_PAIRS)])
    for number in range(FIRST_SHARDS + 2):
        np.save(shard_path(folder, number), shard)
    return folder


def _plan(store: Path, steps: int = 20) -> TrainPlan:
    return TrainPlan(steps=steps, store=store, batch=2, sides_px=(64, 64), warmup=3)


def test_twenty_steps_lower_the_loss_and_resuming_ends_in_the_same_state(store, tmp_path):
    torch.set_num_threads(1)
    losses = []
    whole = train(_plan(store), tmp_path / "whole", resume=False, tell=lambda _, loss: losses.append(loss))
    first = train(_plan(store), tmp_path / "parts", resume=False, stop_after=8)
    assert first.step == 8
    parts = train(_plan(store), tmp_path / "parts", resume=True)
    assert parts.step == whole.step == 20
    for name, value in whole.smooth.state_dict().items():
        assert torch.equal(value, parts.smooth.state_dict()[name]), name
    start = train(_plan(store), tmp_path / "start", resume=False, stop_after=3)
    assert whole.advance() < start.advance()


def test_weights_come_back_as_they_were_kept(store, tmp_path):
    trainer = train(_plan(store), tmp_path, resume=False, stop_after=5)
    net = trainer.result().eval()
    save_weights(net, tmp_path / "net.npz")
    again = load_weights(tmp_path / "net.npz")
    pixels = torch.zeros(1, 3, 64, 64)
    assert torch.allclose(net(pixels, pixels + 1)[0], again(pixels, pixels + 1)[0], atol=2e-2)
