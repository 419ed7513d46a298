"""Training, where PyTorch is installed: the loss falls, a resumed run ends in the same state."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from detection.learning import tuning  # noqa: E402
from detection.learning.jobs import fine_tune  # noqa: E402
from detection.learning.labelled import label_pair  # noqa: E402
from detection.learning.made.pair_store import SHARD_PAIRS, pack, shard_path  # noqa: E402
from detection.learning.made.pairs import make_pair  # noqa: E402
from detection.learning.settings import WEIGHTS_FILE, settings  # noqa: E402
from detection.learning.training import FIRST_SHARDS, TrainPlan, train  # noqa: E402
from detection.learning.weights import load_weights, save_weights  # noqa: E402
from detection.pixels.net.inference import HEADS, MODEL_FILE, Weights, low_cut_of  # noqa: E402
from detection.pixels.pipeline import VERSION, detect_pair  # noqa: E402
from foundation.errors import InvalidInput  # noqa: E402


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


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the exporter
def test_what_was_taught_is_kept_where_better_and_detects(monkeypatch, scenes, tmp_path):
    torch.set_num_threads(1)
    plan = settings()["fine_tune"] | {"steps": 30, "batch": 2, "made": 0, "side_px": 96, "rate": 1e-2}
    plan |= {"smoothing": 0.5, "same_share": 0.0, "reversed_share": 0.0, "paste_share": 0.0}
    monkeypatch.setattr(tuning, "settings", lambda: settings() | {"fine_tune": plan})
    pairs = []
    for seed in range(9_000_200, 9_000_204):
        made = make_pair(seed, side_px=128)
        dates = [np.moveaxis(date, -1, 0) for date in (made.before, made.after)]
        pairs.append(label_pair(str(seed), *dates, np.full((128, 128), 255, np.uint8), HEADS.index("land")))
    folder = tmp_path / "data" / "models"
    tuned = fine_tune(pairs, folder, start=None)
    assert tuned.new > 0.8 > tuned.former
    weights = Weights.in_force(tmp_path / "data")
    assert weights.path == folder / "siamese.onnx"
    assert low_cut_of(weights) == 0.5 > low_cut_of(Weights.of(MODEL_FILE))
    before, after = load_weights(WEIGHTS_FILE).state_dict(), load_weights(folder / "siamese.npz").state_dict()
    changed = {name.split(".")[0] for name, value in before.items() if not torch.equal(value, after[name])}
    assert changed == {"land"}

    made = make_pair(9_000_029, side_px=256)
    files = [
        scenes.write(tmp_path / f"{name}.tif", np.maximum(np.moveaxis(date, -1, 0), 1), crs=None)
        for name, date in (("a", made.before), ("b", made.after))
    ]
    shipped = detect_pair(*files, pixel_grid=True)
    own = detect_pair(*files, pixel_grid=True, weights=weights)
    assert own.version == f"{VERSION}+{weights.sha256[:12]}" != shipped.version
    assert own.flagged_px > 0.7 * 256 * 256 > 2 * shipped.flagged_px


def test_too_few_pairs_teach_nothing(tmp_path):
    with pytest.raises(InvalidInput) as told:
        fine_tune([], tmp_path, start=None)
    assert told.value.code == "detection.learning.too_few_pairs"
