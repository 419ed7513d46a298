"""How right detection was, by what people signed on site: precision, its uncertainty, and why it erred."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from foundation.calendar import SHANGHAI

Z_95 = 1.959964
SMALL_COUNT = 5
"""Fewer are marked, not hidden."""
BINS = 10


@dataclass(frozen=True, slots=True)
class Source:
    """One lead of a patch: its source, ``method@version`` if an image made it, its chance if calibrated."""

    source: str
    method: str | None
    probability: float | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """One patch with the newest verdict about it.

    Attributes
    ----------
    is_real : bool or None
        Whether the ground had changed; None where the verdict leaves it open.
    """

    patch_id: UUID
    number: str
    change_class: str
    is_real: bool | None
    verdict: str
    reason_code: str | None
    recorded_at: datetime
    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True)
class PatchRef:
    """A patch by id and number."""

    patch_id: UUID
    number: str


@dataclass(slots=True)
class QualityRow:
    """Verdicts of one group, each count with its patches.

    Attributes
    ----------
    key : str
        Class, source, ``method@version``, ISO week ``2026-W37``, or ``all``.
    """

    key: str
    confirmed: list[PatchRef] = field(default_factory=list)
    false_alarms: list[PatchRef] = field(default_factory=list)
    undecided: list[PatchRef] = field(default_factory=list)

    @property
    def decided(self) -> int:
        """Verdicts that say whether the ground had changed."""
        return len(self.confirmed) + len(self.false_alarms)

    @property
    def precision(self) -> float | None:
        """Share of the decided that were real; None without any."""
        return len(self.confirmed) / self.decided if self.decided else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Wilson's 95 % interval of the precision; None without any."""
        return wilson(len(self.confirmed), self.decided) if self.decided else None

    @property
    def is_small(self) -> bool:
        """Too few to conclude from."""
        return self.decided < SMALL_COUNT

    def add(self, outcome: Outcome) -> None:
        """Count one patch."""
        ref = PatchRef(outcome.patch_id, outcome.number)
        if outcome.is_real is None:
            self.undecided.append(ref)
        else:
            (self.confirmed if outcome.is_real else self.false_alarms).append(ref)


@dataclass(frozen=True, slots=True)
class ReasonRow:
    """A reason for which patches were false alarms."""

    reason_code: str
    patches: tuple[PatchRef, ...]


@dataclass(frozen=True, slots=True)
class ReliabilityRow:
    """Leads whose calibrated chance lies in one tenth: what was said, what was so, and their patches."""

    low: float
    high: float
    mean_probability: float | None
    row: QualityRow


@dataclass(frozen=True)
class Quality:
    """Precision over all, and by class, source, method and week; reasons; reliability.

    Attributes
    ----------
    expected_error, brier : float or None
        Of the calibrated chances; None where no lead has one.
    """

    all: QualityRow
    by_class: tuple[QualityRow, ...]
    by_source: tuple[QualityRow, ...]
    by_method: tuple[QualityRow, ...]
    by_week: tuple[QualityRow, ...]
    reasons: tuple[ReasonRow, ...]
    reliability: tuple[ReliabilityRow, ...]
    expected_error: float | None
    brier: float | None


def measure_quality(outcomes: Sequence[Outcome]) -> Quality:
    """Count verdicts. A patch of two sources counts in both; in each group at most once."""
    rated = [
        (source.probability, outcome)
        for outcome in outcomes
        if outcome.is_real is not None
        for source in outcome.sources
        if source.probability is not None
    ]
    bins = _reliability(rated)
    gaps = [
        row.row.decided * abs(row.mean_probability - row.row.precision)
        for row in bins
        if row.mean_probability is not None and row.row.precision is not None
    ]
    squares = [(chance - float(outcome.is_real or False)) ** 2 for chance, outcome in rated]
    return Quality(
        _rows(outcomes, lambda _: ["all"], keys=["all"])[0],
        _rows(outcomes, lambda one: [one.change_class]),
        _rows(outcomes, lambda one: [source.source for source in one.sources]),
        _rows(outcomes, lambda one: [source.method for source in one.sources if source.method]),
        _rows(outcomes, lambda one: [iso_week(one.recorded_at)]),
        _reasons(outcomes),
        bins,
        round(sum(gaps) / len(rated), 5) if rated else None,
        round(sum(squares) / len(rated), 5) if rated else None,
    )


def wilson(successes: int, count: int) -> tuple[float, float]:
    """95 % interval of a share; holds for small counts and shares near 0 or 1, where ±σ does not.

    References
    ----------
    Wilson (1927), Probable Inference, the Law of Succession, and Statistical Inference.
    """
    share, z2 = successes / count, Z_95**2
    centre = (share + z2 / (2 * count)) / (1 + z2 / count)
    reach = Z_95 / (1 + z2 / count) * math.sqrt(share * (1 - share) / count + z2 / (4 * count**2))
    return max(0.0, centre - reach), min(1.0, centre + reach)


def iso_week(moment: datetime) -> str:
    """``2026-W37``, in Shanghai."""
    year, week, _ = moment.astimezone(SHANGHAI).isocalendar()
    return f"{year}-W{week:02d}"


def _rows(
    outcomes: Iterable[Outcome], keys_of: Callable[[Outcome], Sequence[str]], *, keys: Sequence[str] = ()
) -> tuple[QualityRow, ...]:
    rows = {key: QualityRow(key) for key in keys}
    for outcome in outcomes:
        for key in sorted(set(keys_of(outcome))):
            rows.setdefault(key, QualityRow(key)).add(outcome)
    return tuple(rows[key] for key in sorted(rows))


def _reasons(outcomes: Sequence[Outcome]) -> tuple[ReasonRow, ...]:
    found: dict[str, list[PatchRef]] = {}
    for outcome in outcomes:
        if outcome.is_real is False:
            code = outcome.reason_code or "unknown"
            found.setdefault(code, []).append(PatchRef(outcome.patch_id, outcome.number))
    return tuple(
        ReasonRow(code, tuple(patches))
        for code, patches in sorted(found.items(), key=lambda item: (-len(item[1]), item[0]))
    )


def _reliability(rated: Sequence[tuple[float, Outcome]]) -> tuple[ReliabilityRow, ...]:
    rows = []
    for number in range(BINS):
        inside = [pair for pair in rated if min(int(pair[0] * BINS), BINS - 1) == number]
        row = QualityRow(f"{number / BINS:.1f}")
        for _, outcome in inside:
            row.add(outcome)
        mean = round(sum(chance for chance, _ in inside) / len(inside), 4) if inside else None
        rows.append(ReliabilityRow(number / BINS, (number + 1) / BINS, mean, row))
    return tuple(rows)
