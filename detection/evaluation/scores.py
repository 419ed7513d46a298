"""How good a result is: pixel scores on labelled pixels, objects by overlap, false alarms by reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry


@dataclass(frozen=True, slots=True)
class PixelScores:
    """Agreement of two binary maps on the labelled pixels."""

    true_positive: int
    false_positive: int
    false_negative: int
    true_negative: int

    @property
    def precision(self) -> float:
        """Share of flagged pixels that changed."""
        return _ratio(self.true_positive, self.true_positive + self.false_positive)

    @property
    def recall(self) -> float:
        """Share of changed pixels that were flagged."""
        return _ratio(self.true_positive, self.true_positive + self.false_negative)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return _ratio(
            2 * self.true_positive, 2 * self.true_positive + self.false_positive + self.false_negative
        )

    @property
    def iou(self) -> float:
        """Intersection over union of the changed class."""
        return _ratio(self.true_positive, self.true_positive + self.false_positive + self.false_negative)

    @property
    def kappa(self) -> float:
        """Cohen's κ."""
        total = self.true_positive + self.false_positive + self.false_negative + self.true_negative
        if total == 0:
            return 0.0
        agreed = (self.true_positive + self.true_negative) / total
        flagged, changed = self.true_positive + self.false_positive, self.true_positive + self.false_negative
        chance = (flagged * changed + (total - flagged) * (total - changed)) / total**2
        return _ratio(agreed - chance, 1.0 - chance)


def score_pixels(
    is_found: NDArray[np.bool_], is_changed: NDArray[np.bool_], is_labelled: NDArray[np.bool_]
) -> PixelScores:
    """Count agreement on labelled pixels only; all (rows, cols)."""
    found, changed = is_found[is_labelled], is_changed[is_labelled]
    return PixelScores(
        int((found & changed).sum()),
        int((found & ~changed).sum()),
        int((~found & changed).sum()),
        int((~found & ~changed).sum()),
    )


@dataclass(frozen=True)
class ObjectScores:
    """Found outlines against true ones.

    Attributes
    ----------
    matched_truth : tuple of int
        True objects that were found, by their position.
    false_alarms : tuple of int
        Found objects that meet no true one, by their position.
    recall_by_kind : mapping
        ``kind -> (found, planted)``.
    false_alarm_reasons : mapping
        Class of the found object -> count.
    """

    truths: int
    found: int
    matched_truth: tuple[int, ...]
    false_alarms: tuple[int, ...]
    recall_by_kind: Mapping[str, tuple[int, int]]
    false_alarm_reasons: Mapping[str, int]

    @property
    def recall(self) -> float:
        """Share of true objects found."""
        return _ratio(len(self.matched_truth), self.truths)

    @property
    def precision(self) -> float:
        """Share of found objects that meet a true one."""
        return _ratio(self.found - len(self.false_alarms), self.found)


def match_objects(
    found: Sequence[BaseGeometry],
    truth: Sequence[BaseGeometry],
    *,
    kinds: Sequence[str],
    classes: Sequence[str],
    min_share: float = 0.2,
) -> ObjectScores:
    """Match by overlap, in one CRS.

    A true object is found when the found ones cover at least ``min_share`` of it; a found object is right
    when at least ``min_share`` of it, or of a true object, lies in the overlap.
    """
    covered = np.zeros(len(truth))
    is_right = np.zeros(len(found), bool)
    tree = shapely.STRtree(list(truth)) if truth else None
    for number, outline in enumerate(found):
        hits = [] if tree is None else sorted(tree.query(outline, predicate="intersects").tolist())
        for hit in hits:
            shared = shapely.area(shapely.intersection(outline, truth[hit]))
            covered[hit] += _ratio(float(shared), truth[hit].area)
            is_right[number] |= shared >= min_share * min(outline.area, truth[hit].area)
    matched = tuple(int(i) for i in np.flatnonzero(covered >= min_share))
    false_alarms = tuple(int(i) for i in np.flatnonzero(~is_right))
    planted, got = Counter(kinds), Counter(kinds[i] for i in matched)
    return ObjectScores(
        len(truth),
        len(found),
        matched,
        false_alarms,
        {kind: (got[kind], planted[kind]) for kind in sorted(planted)},
        dict(sorted(Counter(classes[i] for i in false_alarms).items())),
    )


def _ratio(part: float, whole: float) -> float:
    return float(part) / float(whole) if whole else 0.0
