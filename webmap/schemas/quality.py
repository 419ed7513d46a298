"""How right detection was, by verdicts."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from pydantic import Field

from webmap.schemas.basics import Answer


class PatchRefInfo(Answer):
    """A patch behind a number."""

    patch_id: UUID
    number: str = Field(examples=["410883-2609-0098"])


class QualityLine(Answer):
    """Verdicts of one group; every count is the length of its list."""

    key: str = Field(description="Class, source, method@version, or ISO week.", examples=["2026-W37"])
    name: str
    decided: int = Field(description="已核实：confirmed and false alarms together")
    confirmed: list[PatchRefInfo] = Field(description="属实")
    false_alarms: list[PatchRefInfo] = Field(description="误报")
    undecided: list[PatchRefInfo] = Field(description="The verdict does not say whether the ground changed.")
    precision: float | None = Field(description="属实率; null where nothing is decided.")
    interval: tuple[float, float] | None = Field(description="Wilson's 95 % interval.")
    is_small: bool = Field(description="Fewer than 5 decided: marked, not hidden.")


class ReasonLine(Answer):
    """Why patches were false alarms."""

    reason_code: str
    name: str
    patches: list[PatchRefInfo]


class ReliabilityLine(Answer):
    """One tenth of the calibrated chances: what was said and what was so."""

    low: float
    high: float
    mean_probability: float | None
    line: QualityLine


class QualityInfo(Answer):
    """Quality of detection in a period, within the caller's area."""

    first: date = Field(serialization_alias="from")
    last: date = Field(serialization_alias="to")
    all: QualityLine
    by_class: list[QualityLine]
    by_source: list[QualityLine]
    by_method: list[QualityLine]
    by_week: list[QualityLine]
    reasons: list[ReasonLine]
    reliability: list[ReliabilityLine]
    expected_error: float | None = Field(description="ECE of the calibrated chances.")
    brier: float | None
