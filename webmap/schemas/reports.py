"""Rankings and bulletins."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from pydantic import Field

from webmap.schemas.basics import Answer, Body, Moment


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
    total: int = Field(description="Lines of the whole ranking; rows are those asked for.")
    rows: list[RankingLine]
    definitions: list[DefinitionInfo]


class BulletinFileInfo(Answer):
    """One file of a bulletin."""

    name: str
    media_type: str
    sha256: str
    url: str
    is_restricted: bool = Field(description="For whoever reviews the bulletin alone: the annex of signs.")


class BulletinInfo(Answer):
    """A bulletin and every number in it with the items behind it."""

    bulletin_id: UUID
    kind: str = Field(examples=["weekly_bulletin"])
    kind_name: str = Field(examples=["周通报"])
    period: str
    division_code: str
    number: str
    status: str = Field(examples=["issued"], description="draft | reviewed | issued")
    drafted_at: Moment
    reviewed_at: Moment | None
    review_note: str | None
    issued_at: Moment | None
    facts: dict[str, Any]
    files: list[BulletinFileInfo]


class ReviewNote(Body):
    """What the reviewer says, if anything."""

    note: str = Field(default="", max_length=500)


class ErratumForm(Body):
    """A correction of one number."""

    number: str = Field(
        max_length=100, examples=["kpis.unlawful"], description="kpis.KEY, indicators.KEY, townships.CODE.KEY"
    )
    should_be: float | None = Field(allow_inf_nan=False, description="A share as 0 to 1.")
    reason: str = Field(max_length=500)
    evidence: list[str] = Field(max_length=20, description="Patches, papers, records that prove it.")


class ErratumInfo(Answer):
    """One number put right."""

    erratum_id: UUID
    number: str
    name: str
    unit: str = Field(description="% marks a share of 0 to 1.")
    was: float | None
    should_be: float | None
    reason: str
    evidence: list[str]
    noted_at: Moment
    told_in: UUID | None = Field(description="The later bulletin that prints it.")


class ReceiptInfo(Answer):
    """One office a bulletin went to."""

    receipt_id: UUID
    division_code: str
    division_name: str
    post_title: str
    sent_at: Moment
    signed_at: Moment | None
    signed_by_name: str | None = Field(description="Null where only units are shown.")
    is_own: bool = Field(description="Whether the reader may sign for the office.")
