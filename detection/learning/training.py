"""Training on made pairs: seeded, resumable to the same state, with a smoothed copy of the weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from detection.learning.augment import Batch, make_batch
from detection.learning.made.pair_store import SHARD_PAIRS, write_shard
from detection.learning.network import SiameseNet, TwinNet, mean_net

CHECKPOINT = "checkpoint.pt"
FIRST_SHARDS = 4
ALL_HEADS = slice(None)
HEAD_SHARE = 1.5
ALARM_SHARES = (0.3, 0.4)
"""What a false alarm costs against a miss, for each head: a missed roof or yard costs more."""


@dataclass(frozen=True, slots=True)
class TrainPlan:
    """How to train.

    Attributes
    ----------
    store : Path
        Folder of made pairs; missing shards are made.
    sides_px : (int, int)
        Side of the crops at first, and once the share ``late`` of the steps is done.
    early : float
        Share of the steps after which the smoothed copy is kept for the land net, see `TwinNet`.
    reuse : float
        How often a pair is shown on average: sets how many shards a step may draw from.
    """

    steps: int
    store: Path
    store_seed: int = 1_000_000
    seed: int = 7
    batch: int = 8
    sides_px: tuple[int, int] = (128, 192)
    late: float = 0.65
    rate: float = 3e-3
    warmup: int = 80
    smoothing: float = 0.998
    reuse: float = 5.0
    early: float = 0.22
    device: str = "cpu"


class Trainer:
    """A net, its smoothed copy and its optimiser at one step."""

    def __init__(self, plan: TrainPlan) -> None:
        torch.manual_seed(plan.seed)
        self.plan = plan
        self.step = 0
        self.net = SiameseNet().to(plan.device, memory_format=torch.channels_last)
        self.smooth = SiameseNet().to(plan.device, memory_format=torch.channels_last).eval()
        self.smooth.load_state_dict(self.net.state_dict())
        self.optimiser = torch.optim.AdamW(self.net.parameters(), lr=plan.rate, weight_decay=1e-4)
        self.early = SiameseNet().to(plan.device, memory_format=torch.channels_last).eval()
        self._shards: dict[int, NDArray[np.uint8]] = {}

    def save(self, folder: Path) -> None:
        """Write the whole state; it appears whole or not at all."""
        folder.mkdir(parents=True, exist_ok=True)
        state = {
            "step": self.step,
            "net": self.net.state_dict(),
            "smooth": self.smooth.state_dict(),
            "early": self.early.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }
        part = folder / (CHECKPOINT + ".part")
        torch.save(state, part)
        part.replace(folder / CHECKPOINT)

    def resume(self, folder: Path) -> bool:
        """Continue from the state in a folder; False where there is none."""
        path = folder / CHECKPOINT
        if not path.exists():
            return False
        state = torch.load(path, map_location=self.plan.device, weights_only=True)
        self.net.load_state_dict(state["net"])
        self.smooth.load_state_dict(state["smooth"])
        self.early.load_state_dict(state["early"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step = int(state["step"])
        return True

    def advance(self) -> float:
        """One step on made pairs; the loss."""
        rng = np.random.default_rng([self.plan.seed, self.step])
        known = FIRST_SHARDS + int(self.step * self.plan.batch / SHARD_PAIRS / self.plan.reuse)
        side_px = self.plan.sides_px[self.step >= self.plan.late * self.plan.steps]
        batch = make_batch(rng, lambda r: self._draw(r, known), count=self.plan.batch, side_px=side_px)
        return self.learn(batch, self._rate())

    def learn(self, batch: Batch, rate: float) -> float:
        """One step on a given batch; the loss."""
        self.net.train()
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        before, after, labels, weights, roofs = (
            torch.from_numpy(part).to(self.plan.device)
            for part in (batch.before, batch.after, batch.labels, batch.weights, batch.roofs)
        )
        channels = torch.channels_last
        change, roof = self.net(
            before.contiguous(memory_format=channels), after.contiguous(memory_format=channels)
        )
        loss = change_loss(change, labels, weights) + 0.3 * _roof_loss(roof, roofs)
        self.optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 2.0)
        self.optimiser.step()
        self.step += 1
        self._follow()
        if self.step <= max(1, self.plan.early * self.plan.steps):
            self.early.load_state_dict(self.smooth.state_dict())
        return float(loss.detach())

    def result(self) -> TwinNet:
        """What training came to: the smoothed net for roofs, its mean with the early state for land."""
        return TwinNet(self.smooth.cpu(), mean_net(self.early.cpu(), self.smooth.cpu()))

    def _draw(self, rng: np.random.Generator, known: int) -> NDArray[np.uint8]:
        number = int(rng.integers(known))
        if number not in self._shards:
            path = write_shard(self.plan.store, number, self.plan.store_seed)
            self._shards[number] = np.load(path, mmap_mode="r")
        return np.asarray(self._shards[number][int(rng.integers(SHARD_PAIRS))])

    def _rate(self) -> float:
        plan = self.plan
        if self.step < plan.warmup:
            return plan.rate * (self.step + 1) / plan.warmup
        share = min(1.0, (self.step - plan.warmup) / max(1, plan.steps - plan.warmup))
        return plan.rate * (0.02 + 0.98 * 0.5 * (1.0 + math.cos(math.pi * share)))

    def _follow(self) -> None:
        keep = min(self.plan.smoothing, (1.0 + self.step) / (10.0 + self.step))
        own: dict[str, Any] = self.net.state_dict()
        with torch.no_grad():
            for name, value in self.smooth.state_dict().items():
                if value.dtype.is_floating_point:
                    value.mul_(keep).add_(own[name], alpha=1.0 - keep)
                else:
                    value.copy_(own[name])


def change_loss(
    logits: Tensor,
    labels: Tensor,
    weights: Tensor,
    *,
    heads: slice = ALL_HEADS,
    alarm_shares: Sequence[float] = ALARM_SHARES,
) -> Tensor:
    """Cross-entropy plus Tversky loss of each head, at half resolution, where the answer is not open.

    Parameters
    ----------
    logits : Tensor, shape (n, len(heads), rows / 2, cols / 2)
    labels, weights : Tensor, shape (n, heads, rows, cols)
        Of all heads.
    heads : slice
        Those that the logits answer for.
    """
    labels, weights = labels[:, heads], weights[:, heads]
    target = functional.avg_pool2d(labels, 2)
    weight = (functional.avg_pool2d(weights, 2) > 0.99).float()
    cross = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    entropy = (cross * weight).sum(dim=(0, 2, 3)) / weight.sum(dim=(0, 2, 3)).clamp(min=1.0)
    chance = torch.sigmoid(logits)
    hit = (chance * target * weight).sum(dim=(0, 2, 3))
    false_alarm = (chance * (1 - target) * weight).sum(dim=(0, 2, 3))
    miss = ((1 - chance) * target * weight).sum(dim=(0, 2, 3))
    alarm_share = logits.new_tensor(alarm_shares)[heads]
    overlap = (hit + 1.0) / (hit + alarm_share * false_alarm + (1.0 - alarm_share) * miss + 1.0)
    return HEAD_SHARE * (2.0 * entropy + 0.7 * (1.0 - overlap)).sum()


def _roof_loss(logits: Tensor, roofs: Tensor) -> Tensor:
    target = functional.avg_pool2d(torch.cat([roofs[:, :1], roofs[:, 1:]]), 4)
    return functional.binary_cross_entropy_with_logits(logits, target)


def train(
    plan: TrainPlan,
    folder: Path,
    *,
    resume: bool,
    save_every: int = 200,
    stop_after: int | None = None,
    tell: Callable[[int, float], None] | None = None,
) -> Trainer:
    """Train to the plan's last step, saving now and then.

    Parameters
    ----------
    folder : Path
        For the checkpoint.
    stop_after : int, optional
        Save and stop early at this step; the plan goes on from there.
    tell : callable, optional
        ``tell(step, loss)`` with the mean loss since the last call, every 20 steps.
    """
    trainer = Trainer(plan)
    if resume:
        trainer.resume(folder)
    losses: list[float] = []
    last = min(plan.steps, stop_after or plan.steps)
    while trainer.step < last:
        losses.append(trainer.advance())
        if tell is not None and trainer.step % 20 == 0:
            tell(trainer.step, float(np.mean(losses)))
            losses.clear()
        if trainer.step % save_every == 0:
            trainer.save(folder)
    trainer.save(folder)
    return trainer
