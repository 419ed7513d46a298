"""Rankings and bulletins."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from pydantic import Field

from webmap.schemas.basics import Answer, Moment


class RankingLine(Answer):
    """One line of a ranking; ties share a rank."""

    rank: int | None = Field(description="1 is best; null where nothing was asked.")
    change: int | None = Field(description="Places won (+) or lost (-) since the period before.")
    name: str
    unit_name: str
    post_title: str
    required: float = Field(description="应巡次数")
    valid: float = Field(description="有效次数, capped at the quota")
    raw: float = Field(description="实际次数")
    completion_rate: float | None
    attainment_rate: float | None
    score: float | None
    small_sample: bool
    rates: dict[str, float | None]


class DefinitionInfo(Answer):
    """How a number is computed."""

    key: str
    zh: str
    formula: str


class Ranking(Answer):
    """A ranking as it stands."""

    period: str = Field(examples=["2026-W37"])
    first: date = Field(serialization_alias="from")
    last: date = Field(serialization_alias="to")
    of: str
    persons_ranked: bool = Field(description="False: the bureau ranks units only.")
    rows: list[RankingLine]
    definitions: list[DefinitionInfo]


class BulletinFileInfo(Answer):
    """One file of a bulletin."""

    name: str
    media_type: str
    sha256: str
    url: str


class BulletinInfo(Answer):
    """A bulletin and every number in it with the items behind it."""

    bulletin_id: UUID
    kind: str = Field(examples=["weekly_bulletin"])
    kind_name: str = Field(examples=["周通报"])
    period: str
    division_code: str
    number: str
    status: str = Field(examples=["issued"])
    drafted_at: Moment
    issued_at: Moment | None
    facts: dict[str, Any]
    files: list[BulletinFileInfo]
