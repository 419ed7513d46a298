"""Whether a new model takes the place of the active one: only on verdicts that neither has learnt from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detection.second_stage.calibration import average_precision, log_losses, measure_calibration


@dataclass(frozen=True)
class Comparison:
    """The new model against the active one.

    Attributes
    ----------
    reason : str
        ``better``, ``not_better``, ``ranks_worse``, ``too_few_labels``, ``too_few_unseen``,
        ``too_few_townships``.
    certainty : float or None
        Share of the resamples in which the new model's log-loss is the smaller.
    """

    is_better: bool
    reason: str
    labels: int
    unseen: int
    townships: int
    certainty: float | None = None
    new: Mapping[str, Any] | None = None
    active: Mapping[str, Any] | None = None

    def report(self) -> dict[str, Any]:
        """JSON-serialisable."""
        return {
            "is_better": self.is_better,
            "reason": self.reason,
            "labels": self.labels,
            "unseen": self.unseen,
            "townships": self.townships,
            "certainty": self.certainty,
            "new": self.new,
            "active": self.active,
        }


def compare(
    new: NDArray[np.float64],
    active: NDArray[np.float64],
    is_real: NDArray[np.bool_],
    *,
    groups: Sequence[str],
    labels: int,
    settings: Mapping[str, Any],
) -> Comparison:
    """Paired bootstrap over townships.

    A single object decides nothing: objects of one township share soil, camera and inspector, so whole
    townships are drawn. Log-loss is a proper score, it falls only when ranking or calibration improve;
    ranking by itself may not suffer, since officers work from the top of the list.

    Parameters
    ----------
    new : ndarray, shape (n,)
        Chances of the new model, each made while the object's township was held out.
    active : ndarray, shape (n,)
        Chances of the active model, which never saw these objects.
    groups : sequence of str
        Township of each object.
    labels : int
        Verdicts in all, those that the active model learnt from among them.
    settings : mapping
        ``[switching]`` of ``second_stage.toml``.
    """
    names = sorted(set(groups))
    counts = (labels, len(new), len(names))
    for reason, count, least in (
        ("too_few_labels", labels, settings["least_labels"]),
        ("too_few_unseen", len(new), settings["least_unseen"]),
        ("too_few_townships", len(names), settings["least_townships"]),
    ):
        if count < least:
            return Comparison(False, reason, *counts)
    gain = log_losses(active, is_real) - log_losses(new, is_real)
    where = np.searchsorted(np.array(names), np.array(groups))
    gain_of = np.bincount(where, weights=gain, minlength=len(names))
    size_of = np.bincount(where, minlength=len(names))
    drawn = np.random.default_rng(0).integers(0, len(names), size=(int(settings["resamples"]), len(names)))
    certainty = float((gain_of[drawn].sum(axis=1) / size_of[drawn].sum(axis=1) > 0.0).mean())
    lost = average_precision(active, is_real) - average_precision(new, is_real)
    reason = "better"
    if certainty < settings["certainty"]:
        reason = "not_better"
    elif lost > settings["max_precision_loss"]:
        reason = "ranks_worse"
    return Comparison(
        reason == "better",
        reason,
        *counts,
        certainty=round(certainty, 4),
        new=measure_calibration(new, is_real).report(),
        active=measure_calibration(active, is_real).report(),
    )
