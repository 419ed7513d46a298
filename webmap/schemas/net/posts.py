"""Posts, who stands in them, who answers for what; lists of posts, leave and handover."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from pydantic import Field

from webmap.schemas.basics import Answer, Body


class ChainLinkInfo(Answer):
    """One post: who holds it, who stands in it now, until when the holder is away."""

    post_id: UUID
    post_no: str
    title: str = Field(examples=["西虢镇田长"])
    tier: int = Field(description="1 city … 4 village.")
    kind: str
    kind_name: str = Field(examples=["田长"])
    division_code: str
    division_name: str
    state: str = Field(description="holder | acting | vacant")
    name: str = Field(description="Who stands in it; empty where nobody does.")
    phone: str | None = Field(description="Of that person; null without the right post.phone.")
    holder: str
    deputy: str
    deputy_phone: str | None
    away_kind: str | None
    away_until: date | None = Field(description="Last day of the holder's leave.")


class PersonInfo(Answer):
    """Somebody who answers."""

    name: str
    title: str
    tier: int
    kind: str
    kind_name: str
    post_id: UUID
    is_acting: bool
    phone: str | None


class PlaceAnswerInfo(Answer):
    """Who answers for a place on a day, and the chain above, nearest first."""

    on: date
    cell_code: str | None
    cell_name: str | None
    division_code: str
    division_name: str
    answering: PersonInfo
    chain: list[ChainLinkInfo]


class CellAnswerInfo(Answer):
    """One cell and who answers for it."""

    code: str
    name: str
    division_code: str
    division_name: str
    state: str = Field(description="Of the cell's own post: holder | acting | vacant.")
    person: str = Field(description="Who answers; where the post is vacant, a colleague or somebody above.")
    title: str
    tier: int
    field_m2: float | None
    mountain_m2: float | None
    outline: dict[str, Any] = Field(description="GeoJSON, EPSG:4490.")


class NetInfo(Answer):
    """The net of a place on a day."""

    on: date
    division_code: str
    division_name: str
    counts: dict[str, int] = Field(description="Cells by state.")
    cells: list[CellAnswerInfo]
    posts: list[ChainLinkInfo] = Field(description="Over and in the place, from the city down.")


class TenureInfo(Answer):
    """Somebody's time in a post."""

    part: str = Field(description="holder | deputy")
    name: str
    valid_from: date
    valid_to: date | None = Field(description="First day without this person.")


class AbsenceInfo(Answer):
    """A leave of a post's holder; both days lie inside."""

    absence_id: UUID
    post_id: UUID
    name: str
    kind: str
    starts_on: date
    ends_on: date
    stand_in_name: str | None
    note: str


class ComingInfo(Answer):
    """A handover that is arranged for a day to come."""

    handover_id: UUID
    part: str
    name: str
    takes_on: date
    recorded_by_name: str


class PostHistory(Answer):
    """Everybody who ever stood in a post, its leaves, and who is to take it over."""

    tenures: list[TenureInfo]
    absences: list[AbsenceInfo]
    coming: list[ComingInfo]


class PostBrief(Answer):
    """One post in a finding."""

    post_no: str
    title: str
    division_code: str
    holder: str
    deputy: str
    line: int | None


class RosterChange(Answer):
    """What a line changes in a known post."""

    post: PostBrief
    fields: list[tuple[str, str, str]] = Field(description="Field, before, after; telephones untold.")


class GapInfo(Answer):
    """A place without a post of a kind that it should have."""

    division_code: str
    division_name: str
    kind: str
    cells: int = Field(description="Grid cells of the village that nobody of its own watches.")


class OverlapInfo(Answer):
    """Posts of a kind of which a place has one only."""

    division_code: str
    division_name: str
    kind: str
    post_nos: list[str]


class SeveralInfo(Answer):
    """A person who holds several posts."""

    name: str
    login: str
    post_nos: list[str]


class BadLineInfo(Answer):
    """A line that was refused, and why."""

    line: int
    code: str
    reason: str
    reason_en: str


class RosterPreviewInfo(Answer):
    """Everything that a list would do, before it is done."""

    division_code: str
    line_count: int
    unchanged: int
    added: list[PostBrief]
    changed: list[RosterChange]
    missing: list[PostBrief] = Field(description="In force and not on the list: they stay unless asked.")
    vacant: list[PostBrief]
    acting: list[PostBrief]
    doubled: list[PostBrief]
    overlaps: list[OverlapInfo]
    gaps: list[GapInfo]
    several: list[SeveralInfo]
    without_account: list[str]
    bad_lines: list[BadLineInfo]
    ends_missing: bool
    token: str = Field(description="To confirm with; the same file has to come with it.")


class RosterReceipt(Answer):
    """What came of a list."""

    imported: int
    ended: int
    bad_lines: list[BadLineInfo]


class LeaveForm(Body):
    """Leave of a post's holder."""

    kind: str = Field(max_length=20, examples=["leave"])
    starts_on: date
    ends_on: date = Field(description="Last day, inside.")
    stand_in_name: str | None = Field(default=None, max_length=60, description="None: the deputy.")
    stand_in_login: str | None = Field(default=None, max_length=80)
    note: str = Field(default="", max_length=500)
    every_post: bool = Field(default=True, description="Of all posts of this person.")


class ReturnForm(Body):
    """Back from leave."""

    back_on: date


class HandoverForm(Body):
    """Who takes a post over."""

    part: str = Field(default="holder", max_length=10, examples=["holder"])
    name: str = Field(max_length=60)
    on: date = Field(description="First day of whoever takes over; not in the future.")
    login: str | None = Field(default=None, max_length=80)
    phone: str | None = Field(default=None, max_length=24, pattern=r"^\+?[\d\- ]{5,20}$")
    note: str = Field(default="", max_length=500)


class StaffedInfo(Answer):
    """What came of a change."""

    post_id: UUID
    moved: list[UUID] = Field(description="Patches whose owner or holder is another now.")
    absences: list[AbsenceInfo]
    takes_on: date | None = Field(description="Arranged for this day; null: done.")


class GridForm(Body):
    """Which grid to cut."""

    division_code: str = Field(pattern=r"^\d{12}$")
    target_mu: float | None = Field(default=None, description="Watched land of a cell; none: the policy's.")
    token: str | None = Field(default=None, max_length=64, description="Of the preview; to make it.")


class GridCutInfo(Answer):
    """What a new cut is like, and what it changes."""

    division_code: str
    report: dict[str, Any]
    token: str
    is_made: bool
