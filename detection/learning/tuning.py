"""Fine-tuning on a bureau's labelled pairs: most teach, the rest judge, only what is better is kept."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from detection.learning.augment import Batch, crop_of, join_batches, make_batch
from detection.learning.export import export_onnx
from detection.learning.labelled import LabelledPair, held_out
from detection.learning.made.pair_store import SHARD_PAIRS, write_shard
from detection.learning.network import TwinNet
from detection.learning.settings import settings
from detection.learning.training import change_loss
from detection.pixels.net.inference import answer_all_ways
from detection.pixels.net.scaling import measure_scale
from foundation.errors import InvalidInput

CUT = 0.5
MADE_SEED = 5_000_000


@dataclass(frozen=True, slots=True)
class Tuned:
    """What fine-tuning came to.

    Attributes
    ----------
    former, new : float
        F1 of the weights before and after, at a probability of 0.5, on pairs that did not teach.
    """

    net: TwinNet
    former: float
    new: float
    taught: int
    judged: int

    @property
    def is_better(self) -> bool:
        """Whether the new weights are kept."""
        return self.new > self.former


def fine_tune(
    start: TwinNet,
    pairs: Sequence[LabelledPair],
    *,
    store: Path,
    tell: Callable[[int, float], None] | None = None,
) -> Tuned:
    """Teach a net with labelled pairs and judge it with those held out.

    Parameters
    ----------
    store : Path
        Folder for the made pairs that are mixed in.

    Raises
    ------
    InvalidInput
        ``detection.learning.too_few_pairs``.
    """
    plan = settings()["fine_tune"]
    if len(pairs) < plan["least_pairs"]:
        raise InvalidInput("detection.learning.too_few_pairs", count=len(pairs), needed=plan["least_pairs"])
    teach, judge = held_out(pairs, plan["held_out_share"], plan["seed"])
    net = teach_net(start, teach, store=store, tell=tell)
    return Tuned(net, score_net(start, judge), score_net(net, judge), len(teach), len(judge))


def teach_net(
    start: TwinNet,
    pairs: Sequence[LabelledPair],
    *,
    store: Path,
    tell: Callable[[int, float], None] | None = None,
) -> TwinNet:
    """A copy of a net, taught with all of the pairs; running statistics stay as they are."""
    plan = settings()["fine_tune"]
    torch.manual_seed(plan["seed"])
    net, smooth = TwinNet(), TwinNet()
    net.load_state_dict(start.state_dict())
    smooth.load_state_dict(start.state_dict())
    net.eval()
    optimiser = torch.optim.AdamW(net.parameters(), lr=plan["rate"], weight_decay=1e-4)
    for step in range(plan["steps"]):
        batch = _batch(np.random.default_rng([plan["seed"], step]), pairs, store, plan)
        rate = (
            plan["rate"] * min(1.0, (step + 1) / 20) * 0.5 * (1.0 + math.cos(math.pi * step / plan["steps"]))
        )
        for group in optimiser.param_groups:
            group["lr"] = rate
        parts = (batch.before, batch.after, batch.labels, batch.weights)
        before, after, labels, weights = (torch.from_numpy(part) for part in parts)
        loss = change_loss(net(before, after)[0], labels, weights)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 2.0)
        optimiser.step()
        _follow(smooth, net, plan["smoothing"])
        if tell is not None and (step + 1) % 20 == 0:
            tell(step + 1, float(loss.detach()))
    smooth.eval()
    return smooth


def score_net(net: TwinNet, pairs: Sequence[LabelledPair]) -> float:
    """F1 over all labelled pixels of all heads, by the exported net as it will run."""
    hit = wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.onnx"
        export_onnx(net, path)
        for pair in pairs:
            is_found = answer_pair(path, pair) > CUT
            counts, truth = pair.weights > 0, pair.labels > 0
            hit += int((is_found & truth & counts).sum())
            wrong += int(((is_found != truth) & counts).sum())
    return 2 * hit / max(1, 2 * hit + wrong)


def answer_pair(model: Path, pair: LabelledPair) -> NDArray[np.float32]:
    """Probabilities (heads, rows, cols) for a pair, colour scales from the pair itself."""
    scaled = [measure_scale(date).apply(date.astype(np.float32)) for date in (pair.before, pair.after)]
    return answer_all_ways(model, scaled[0], scaled[1])


def _batch(
    rng: np.random.Generator, pairs: Sequence[LabelledPair], store: Path, plan: dict[str, Any]
) -> Batch:
    made_count = round(plan["batch"] * plan["made_share"])
    crops = [
        crop_of(rng, pairs[int(rng.integers(len(pairs)))], plan["side_px"])
        for _ in range(plan["batch"] - made_count)
    ]
    if not made_count:
        return join_batches(crops)

    def draw(inner: np.random.Generator) -> NDArray[np.uint8]:
        path = write_shard(store, int(inner.integers(plan["made_shards"])), MADE_SEED)
        return np.asarray(np.load(path, mmap_mode="r")[int(inner.integers(SHARD_PAIRS))])

    return join_batches([*crops, make_batch(rng, draw, count=made_count, side_px=plan["side_px"])])


def _follow(smooth: TwinNet, net: TwinNet, keep: float) -> None:
    own = net.state_dict()
    with torch.no_grad():
        for name, value in smooth.state_dict().items():
            if value.dtype.is_floating_point:
                value.mul_(keep).add_(own[name], alpha=1.0 - keep)
