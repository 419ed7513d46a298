"""Citizens' reports: what the public page sends and is told, what an officer sees."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from fastapi import UploadFile
from pydantic import Field

from webmap.schemas.basics import Answer, Body, Lonlat, Moment

Standing = Literal["received", "waiting", "working", "set_aside", "upheld", "not_upheld"]


class CategoryInfo(Answer):
    """What may be reported."""

    key: str = Field(examples=["building"])
    name: str = Field(examples=["占地建房、建厂"])


class PlaceInfo(Answer):
    """A county or a township that may be named."""

    code: str
    name: str
    parent_code: str | None


class ReportForm(Answer):
    """What the public page needs to know; nothing of it is secret."""

    categories: list[CategoryInfo]
    places: list[PlaceInfo] = Field(description="Counties and townships of the city.")
    text_least: int
    text_most: int
    photos_most: int
    photo_max_bytes: int


class ReportBody(Body):
    """What the public page sends, as a form with files."""

    division_code: str = Field(max_length=12)
    category: str = Field(max_length=40)
    description: str
    lon: float | None = None
    lat: float | None = None
    radius_m: float = 50.0
    name: str = Field(default="", max_length=60)
    phone: str = Field(default="", max_length=40)
    photos: list[UploadFile] = Field(default_factory=list)


class ReportReceipt(Answer):
    """The code is told once; the platform keeps a digest of it only."""

    code: str = Field(description="16 characters in groups of four.", examples=["7KQ2-9MHX-4TWB-C3RD"])
    received_at: Moment


class CodeBody(Body):
    """The code travels in the body, for addresses end up in logs."""

    code: str = Field(min_length=16, max_length=40)


class AnswerBody(CodeBody):
    """What a citizen answers when asked back."""

    satisfaction: int = Field(description="1 to 5.")
    remark: str = Field(default="", max_length=2000)


class ProgressInfo(Answer):
    """How a report stands, in plain words."""

    received_at: Moment
    standing: Standing
    told: str
    is_asked_back: bool


class CitizenReportInfo(Answer):
    """A report; never who reported."""

    report_id: UUID
    division_code: str
    division_name: str
    category: str
    category_name: str
    description: str
    lonlat: Lonlat | None
    radius_m: float | None
    received_at: Moment
    is_blurred: bool = Field(description="Place to about 1 km and day without hour, for lower tiers.")
    lead_id: UUID | None
    standing: Standing
    told: str = Field(description="What its reporter is told now.")
    photos: int
    satisfaction: int | None
    remark: str | None
    near: list[UUID] = Field(description="Other reports within 300 m, which may tell of the same thing.")


class CitizenReports(Answer):
    """Newest reports of the caller's area."""

    items: list[CitizenReportInfo]


class PlaceBody(Body):
    """Where a report lies that was told in words."""

    lonlat: Lonlat
    radius_m: float = 50.0


class RevealBody(Body):
    """Why the identity is needed; kept in the audit chain."""

    reason: str = Field(max_length=2000)


class IdentityInfo(Answer):
    """Who reported; both empty for an anonymous report."""

    name: str
    phone: str
