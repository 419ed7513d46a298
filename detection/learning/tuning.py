"""Fine-tuning on a bureau's labelled pairs: most teach, the rest judge, only what is better is kept."""

from __future__ import annotations

import copy
import math
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from detection.learning.augment import Batch, join_batches, make_batch
from detection.learning.export import export_onnx
from detection.learning.field_crops import CropPlan, Lessons, crop_of
from detection.learning.labelled import LabelledPair, held_out
from detection.learning.made.pair_store import SHARD_PAIRS, write_shard
from detection.learning.network import LAND, ROOFS, SiameseNet, TwinNet
from detection.learning.settings import settings
from detection.learning.training import change_loss
from detection.pixels.net.inference import HEADS, answer_at, land_zoom
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
    """A copy of a net, taught with all of the pairs; a part whose heads no pair speaks of stays as it is."""
    known = [any(pair.weights[head].any() for pair in pairs) for head in range(len(HEADS))]
    net = copy.deepcopy(start)
    net.eval()
    for part in (
        _Part(ROOFS, net.see_roofs, net.roofs, _plan("roofs")),
        _Part(LAND, net.see_land, net.land, _plan("land")),
    ):
        if any(known[part.heads]):
            lessons = Lessons.of(pairs, is_land=part.heads == LAND)
            _teach_part(part, lessons, store=store, tell=tell)
    return net


class _Part(NamedTuple):
    """What learns together: the heads it answers for, how it answers, its weights, and its lessons."""

    heads: slice
    answer: Callable[[Tensor, Tensor], Tensor]
    net: SiameseNet
    plan: dict[str, Any]

    def state(self) -> list[Tensor]:
        """Trained figures and running statistics, always in one order."""
        return list(self.net.state_dict().values())


def _teach_part(
    part: _Part, lessons: Lessons, *, store: Path, tell: Callable[[int, float], None] | None
) -> None:
    """The plan's steps, then the smoothed mean of the states on the way; running statistics stay."""
    plan = part.plan
    torch.manual_seed(plan["seed"])
    smooth = [value.clone() for value in part.state()]
    trained = list(part.net.parameters())
    optimiser = torch.optim.AdamW(trained, lr=plan["rate"], weight_decay=1e-4)
    for step in range(plan["steps"]):
        batch = _batch(np.random.default_rng([plan["seed"], step]), lessons, store, plan)
        for group in optimiser.param_groups:
            group["lr"] = _rate(plan, step)
        parts = (batch.before, batch.after, batch.labels, batch.weights)
        before, after, labels, weights = (torch.from_numpy(one) for one in parts)
        logits = part.answer(before, after)
        loss = change_loss(logits, labels, weights, heads=part.heads, alarm_shares=plan["alarm_shares"])
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 2.0)
        optimiser.step()
        _follow(smooth, part.state(), plan["smoothing"])
        if tell is not None and (step + 1) % 20 == 0:
            tell(step + 1, float(loss.detach()))
    with torch.no_grad():
        for value, mean in zip(part.state(), smooth, strict=True):
            value.copy_(mean)


def _plan(part: str) -> dict[str, Any]:
    """The plan of fine-tuning, with what one part does otherwise."""
    plan = settings()["fine_tune"]
    return {**plan, **plan.get(part, {})}


def _rate(plan: dict[str, Any], step: int) -> float:
    """Rising for twenty steps, then falling as a cosine to a fiftieth."""
    fall = 0.02 + 0.98 * 0.5 * (1.0 + math.cos(math.pi * step / plan["steps"]))
    return float(plan["rate"] * min(1.0, (step + 1) / 20) * fall)


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
    return answer_at(model, scaled[0], scaled[1], zoom=land_zoom(pair.gsd_m), is_thorough=True)


def _batch(rng: np.random.Generator, lessons: Lessons, store: Path, plan: dict[str, Any]) -> Batch:
    crops = [crop_of(rng, lessons, _crop_plan(plan)) for _ in range(plan["batch"] - plan["made"])]
    if not plan["made"]:
        return join_batches(crops)

    def draw(inner: np.random.Generator) -> NDArray[np.uint8]:
        path = write_shard(store, int(inner.integers(plan["made_shards"])), MADE_SEED)
        return np.asarray(np.load(path, mmap_mode="r")[int(inner.integers(SHARD_PAIRS))])

    return join_batches([*crops, make_batch(rng, draw, count=plan["made"], side_px=plan["side_px"])])


def _crop_plan(plan: dict[str, Any]) -> CropPlan:
    return CropPlan(**{name: plan[name] for name in CropPlan.__slots__})


def _follow(smooth: Sequence[Tensor], own: Sequence[Tensor], keep: float) -> None:
    with torch.no_grad():
        for mean, value in zip(smooth, own, strict=True):
            if value.dtype.is_floating_point:
                mean.mul_(keep).add_(value, alpha=1.0 - keep)
