"""Long work of the net: train it, fine-tune it, write its files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from detection.learning.card import file_sha256, write_card
from detection.learning.export import export_onnx
from detection.learning.labelled import LabelledPair
from detection.learning.made.pair_store import SHARD_PAIRS, fill
from detection.learning.made.pairs import GENERATOR_VERSION, make_pair
from detection.learning.settings import WEIGHTS_FILE, settings
from detection.learning.training import FIRST_SHARDS, TrainPlan, train
from detection.learning.tuning import CUT, Tuned
from detection.learning.tuning import fine_tune as tune
from detection.learning.weights import load_weights, save_weights
from detection.pixels.net.inference import HEADS, answer
from detection.pixels.net.scaling import measure_scale

Tell = Callable[[int, float], None]
ONNX_NAME, WEIGHTS_NAME, CARD_NAME = "siamese.onnx", "siamese.npz", "siamese.md"


@dataclass(frozen=True, slots=True)
class Made:
    """Trained weights and how good they are on made pairs that training never saw."""

    model: Path
    scores: dict[str, float]


def train_net(
    out: Path, *, steps: int | None, store: Path | None, resume: bool, device: str, tell: Tell | None = None
) -> Made:
    """Train on made pairs while another process makes them; write ONNX, weights and card.

    Parameters
    ----------
    out : Path
        Folder; its checkpoint is continued with ``resume``.
    """
    numbers = settings()["train"]
    plan = TrainPlan(
        steps=steps or numbers["steps"],
        store=store or out / "pairs",
        store_seed=numbers["store_seed"],
        seed=numbers["seed"],
        batch=numbers["batch"],
        sides_px=(numbers["sides_px"][0], numbers["sides_px"][1]),
        late=numbers["late_share"],
        rate=numbers["rate"],
        warmup=numbers["warmup"],
        smoothing=numbers["smoothing"],
        reuse=numbers["reuse"],
        early=numbers["early"],
        device=device,
    )
    plan.store.mkdir(parents=True, exist_ok=True)
    shards = FIRST_SHARDS + int(plan.steps * plan.batch / SHARD_PAIRS / plan.reuse) + 1
    maker = get_context("spawn").Process(target=fill, args=(plan.store, plan.store_seed, shards), daemon=True)
    maker.start()
    try:
        trainer = train(plan, out, resume=resume, tell=tell)
    finally:
        maker.terminate()
        maker.join()
    net = trainer.result()
    save_weights(net, out / WEIGHTS_NAME)
    export_onnx(net, out / ONNX_NAME)
    scores = score_made(out / ONNX_NAME, numbers["validation_seed"], numbers["validation_pairs"])
    facts = {
        "generator": GENERATOR_VERSION,
        "first seed": plan.store_seed,
        "steps": plan.steps,
        "seed": plan.seed,
    }
    facts |= {f"F1 {head}, unseen made pairs": score for head, score in scores.items()}
    _card(out, "Siamese net, trained on made pairs", facts)
    return Made(out / ONNX_NAME, scores)


def fine_tune(
    pairs: Sequence[LabelledPair], out: Path, *, start: Path | None, tell: Tell | None = None
) -> Tuned:
    """Fine-tune and, if it is better on pairs held out, write ONNX, weights and card into a folder.

    What was taught by outlines knows where its objects end: they do not grow below the cut.
    """
    source = start or (out / WEIGHTS_NAME if (out / WEIGHTS_NAME).is_file() else WEIGHTS_FILE)
    out.mkdir(parents=True, exist_ok=True)
    store = out / "pairs"
    store.mkdir(exist_ok=True)
    tuned = tune(load_weights(source), pairs, store=store, tell=tell)
    if tuned.is_better:
        save_weights(tuned.net, out / WEIGHTS_NAME)
        part = out / (ONNX_NAME + ".part")
        export_onnx(tuned.net, part, low_cut=CUT)
        part.replace(out / ONNX_NAME)
        facts = {
            "started from": f"{source.name} {file_sha256(source)[:12]}",
            "pairs taught": tuned.taught,
            "pairs judged": tuned.judged,
            "F1 before, held-out pairs": tuned.former,
            "F1 after, held-out pairs": tuned.new,
        }
        _card(out, "Siamese net, fine-tuned", facts)
    return tuned


def score_made(model: Path, seed: int, count: int) -> dict[str, float]:
    """F1 of each head at 0.5 on made pairs from a seed on, over all their pixels."""
    hit, wrong = np.zeros(len(HEADS)), np.zeros(len(HEADS))
    for k in range(count):
        pair = make_pair(seed + k)
        dates = [np.moveaxis(date, -1, 0).astype(np.float32) for date in (pair.before, pair.after)]
        is_found = answer(model, *(measure_scale(date).apply(date) for date in dates)) > 0.5
        counts, truth = pair.weights > 0, pair.labels > 0
        hit += (is_found & truth & counts).sum(axis=(1, 2))
        wrong += ((is_found != truth) & counts).sum(axis=(1, 2))
    f1 = 2 * hit / np.maximum(2 * hit + wrong, 1)
    return {head: round(float(value), 4) for head, value in zip(HEADS, f1, strict=True)}


def _card(out: Path, title: str, facts: dict[str, object]) -> None:
    told = facts | {"sha256": file_sha256(out / ONNX_NAME), "cut": 0.5, "heads": ", ".join(HEADS)}
    write_card(out / CARD_NAME, title=title, facts=told, made_on=datetime.now(UTC).date())
