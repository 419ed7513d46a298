"""Long work of the second stage: learn from verdicts, make the shipped model anew, rescore a comparison."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from detection.second_stage.calibration import measure_calibration
from detection.second_stage.examples import VERDICT, Example, write_table
from detection.second_stage.models import MODEL_FILE, TABLE_FILE, ModelRecord, settings, shipped_examples
from detection.second_stage.rescoring import Bars, Rescored, rescore
from detection.second_stage.service import (
    Serving,
    new_record,
    record_model,
    serving_model,
    unseen,
    verdict_examples,
)
from foundation.jobs import JobQueue

if TYPE_CHECKING:
    from detection.pixels.changes import Detection
    from detection.second_stage.switching import Comparison
    from foundation.runtime import Runtime

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Training:
    """What learning from verdicts came to.

    Attributes
    ----------
    record : ModelRecord or None
        The new model; None where there are too few verdicts to learn from.
    served_before : str
        Id of the model that served when training began, or ``shipped``.
    active_scores : mapping or None
        How the serving model does on the verdicts that it has not learnt from.
    """

    labels: int
    record: ModelRecord | None
    comparison: Comparison
    served_before: str
    active_scores: dict[str, Any] | None

    def report(self) -> dict[str, Any]:
        """JSON-serialisable."""
        record = self.record
        return {
            "labels": self.labels,
            "model_id": str(record.model_id) if record else None,
            "is_active": bool(record and record.is_active),
            "served_before": self.served_before,
            "comparison": self.comparison.report(),
            "active_on_unseen": self.active_scores,
            "scores": dict(record.scores) if record else None,
        }


def register(queue: JobQueue) -> None:
    """Add the jobs of the second stage to the queue."""
    queue.add("detection.train", train_job)


def train(runtime: Runtime) -> Training:
    """Learn from all verdicts, measure on townships held out, and switch only if better.

    With fewer verdicts than ``[switching] least_labels`` nothing is fitted and the serving model stays.

    Raises
    ------
    Conflict
        ``detection.second_stage.too_few``.
    """
    from detection.second_stage.switching import compare
    from detection.second_stage.training import train as fit

    with runtime.database.transaction(runtime.system) as session:
        verdicts = verdict_examples(session, runtime.system)
        serving = serving_model(session, runtime.blobs)
    fresh = unseen(verdicts, serving)
    active_scores = _scores_of(serving, [verdicts[i] for i in fresh])
    if len(verdicts) < settings()["switching"]["least_labels"]:
        none = np.zeros(0)
        comparison = compare(
            none,
            none,
            none.astype(bool),
            groups=(),
            labels=len(verdicts),
            settings=settings()["switching"],
        )
        return Training(len(verdicts), None, comparison, serving.name, active_scores)
    made = shipped_examples()
    trained = fit([*made, *verdicts], settings()["training"])
    comparison = compare(
        trained.held_out[[len(made) + i for i in fresh]],
        _chances(serving, [verdicts[i] for i in fresh]),
        np.array([verdicts[i].is_real for i in fresh], bool),
        groups=[verdicts[i].group for i in fresh],
        labels=len(verdicts),
        settings=settings()["switching"],
    )
    now = runtime.clock()
    blob = runtime.blobs.put(trained.model.to_bytes())
    scores = {**trained.model.card["scores"], "comparison": comparison.report(), "former": serving.name}
    record = new_record(
        trained.model,
        blob_sha256=blob.sha256,
        scores=scores,
        label_count=len(verdicts),
        data_until=_newest(verdicts),
        trained_by=runtime.system.name,
        now=now,
    )
    with runtime.database.transaction(runtime.system) as session:
        kept = record_model(session, runtime.system, record, is_better=comparison.is_better, now=now)
    return Training(len(verdicts), kept, comparison, serving.name, active_scores)


def train_job(runtime: Runtime) -> None:
    """As the queue calls it."""
    train(runtime)


def build_shipped(
    seeds: Sequence[int] | None = None, *, tell: Tell, folder: Path | None = None
) -> dict[str, Any]:
    """Make the shipped examples and the shipped model anew from the generator's training counties.

    Parameters
    ----------
    seeds : sequence of int, optional
        By default those of ``second_stage.toml``. Seeds held out for measuring are refused.
    folder : Path, optional
        Where the two files go, by default where the product looks for them.
    """
    from detection.second_stage.generator import examples_of_seed
    from detection.second_stage.training import train as fit

    generator = settings()["generator"]
    examples: list[Example] = []
    for seed in seeds or generator["seeds"]:
        with tempfile.TemporaryDirectory(prefix="county-") as scratch:
            found = examples_of_seed(seed, Path(scratch), generator)
        tell(f"{seed}: {len(found)} / {sum(one.is_real for one in found)}")
        examples += found
    return write_shipped(examples, fit(examples, settings()["training"]).model.to_bytes(), folder)


def write_shipped(examples: Sequence[Example], model: bytes, folder: Path | None) -> dict[str, Any]:
    """Write the two files; returns what they hold."""
    model_file, table_file = (
        path if folder is None else folder / path.name for path in (MODEL_FILE, TABLE_FILE)
    )
    table = write_table(examples)
    model_file.parent.mkdir(parents=True, exist_ok=True)
    table_file.write_bytes(table)
    model_file.write_bytes(model)
    return {"examples": len(examples), "table_bytes": len(table), "model_bytes": len(model)}


def rescore_with(serving: Serving, detection: Detection, *, source: str) -> Rescored:
    """A comparison after the serving model.

    Parameters
    ----------
    source : str
        As the leads will say.
    """
    acting = settings()["acting"]
    bars = Bars(acting["promote"], acting["demote"], acting["rename"])
    return rescore(serving.model, detection, source=source, bars=bars)


def _scores_of(serving: Serving, examples: Sequence[Example]) -> dict[str, Any] | None:
    if serving.model is None or not examples:
        return None
    truth = np.array([one.is_real for one in examples], bool)
    return measure_calibration(_chances(serving, examples), truth).report()


def _chances(serving: Serving, examples: Sequence[Example]) -> Any:
    """Of the serving model; of the first stage where no model serves or knows the first stage used."""
    first = np.array([one.first_confidence for one in examples], float)
    if serving.model is None or not examples:
        return first
    chances = serving.model.chances([one.facts for one in examples]).is_real
    is_known = np.array([one.method in serving.model.methods for one in examples], bool)
    return np.where(is_known, chances, first)


def _newest(verdicts: Sequence[Example]) -> datetime | None:
    moments = [one.recorded_at for one in verdicts if one.origin == VERDICT and one.recorded_at is not None]
    return max(moments, default=None)
