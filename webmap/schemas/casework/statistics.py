"""Statistics of satellite patches."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from pydantic import Field

from webmap.schemas.basics import Answer, Moment
from webmap.schemas.reports import DefinitionInfo


class TallyInfo(Answer):
    """Number and areas of some patches. m², not rounded."""

    count: int
    area_m2: float
    cropland_m2: float
    basic_farmland_m2: float


class StatisticsLine(Answer):
    """One unit; the last line is the whole."""

    code: str
    name: str
    total: TallyInfo
    by_verdict: dict[str, TallyInfo] = Field(description="unlawful, lawful, not_new, other, pending.")
    by_progress: dict[str, int] = Field(description="desk, field, county_review, city_review, acting, done.")
    done_rate: float | None = Field(description="Null where there is no patch.")


class StatisticsItem(Answer):
    """One patch that was counted."""

    patch_id: UUID
    number: str
    division_code: str
    unit_code: str
    verdict: str
    progress: str
    area_m2: float
    cropland_m2: float
    basic_farmland_m2: float
    after_on: date


class PatchStatistics(Answer):
    """Patches of a period by unit, with the definition of every number and the items behind it."""

    period: str = Field(examples=["2026-09"])
    first: date = Field(serialization_alias="from")
    last: date = Field(serialization_alias="to")
    division_code: str
    division_name: str
    source: str
    as_of: Moment
    verdict_names: dict[str, str]
    progress_names: dict[str, str]
    lines: list[StatisticsLine]
    definitions: list[DefinitionInfo]
    items: list[StatisticsItem]
    xlsx_url: str
