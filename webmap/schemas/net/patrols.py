"""Outings of post-holders, as the phone sends them and as it is told what came of them."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field

from webmap.schemas.basics import Answer, Body, Moment

Longitude = Annotated[float, Field(ge=-180, le=180)]
Latitude = Annotated[float, Field(ge=-90, le=90)]


class FixForm(Body):
    """One position, CGCS2000 or WGS-84."""

    t: AwareDatetime
    lon: Longitude
    lat: Latitude
    accuracy_m: float = Field(ge=0, lt=100_000)
    is_mock: bool = Field(default=False, description="The phone says that the position was made up.")


class PatrolForm(Body):
    """A whole outing; its id is made by the phone, pauses are gaps between the fixes."""

    post_id: UUID = Field(description="The caller's own, or one in which the caller stood in on that day.")
    started_at: AwareDatetime
    ended_at: AwareDatetime
    fixes: list[FixForm] = Field(max_length=50_000, description="None: an outing of visits only.")
    tasks_visited: int = Field(default=0, ge=0, le=1000)


class PatrolReason(Answer):
    """Why an outing, or some of its fixes, do not count."""

    code: str
    text: str
    fix_count: int | None = Field(description="How many fixes; null where it is the outing itself.")
    decides: bool = Field(description="The outing does not count for this; others are only shown.")


class PatrolDoubt(Answer):
    """What takes from the trust in a track; for people to look at, nothing follows by itself."""

    code: str
    zh: str
    en: str
    weight: float = Field(description="How much of the trust it takes, 0 to 1.")


class PatrolReceipt(Answer):
    """What came of an outing; the same outing again gets the same receipt."""

    patrol_id: UUID
    is_valid: bool
    reasons: list[PatrolReason]
    doubts: list[PatrolDoubt]
    findings: int = Field(description="Findings of it that have arrived; one may come before or after it.")


class PatrolInfo(PatrolReceipt):
    """One of the caller's outings."""

    post_id: UUID
    post_title: str
    started_at: Moment
    ended_at: Moment
    fix_count: int
    distance_m: float
    duration_min: float
    tasks_visited: int = Field(description="Assigned points with a recorded visit during the outing.")
    walked_by: str | None = Field(description="Who walked: holder, deputy or a stand-in; null: not known.")
    keeps_track: bool = Field(description="Whether the track was kept; `unit_only` keeps it for tasks only.")


class PatrolPost(Answer):
    """A post for which the caller may walk today."""

    post_id: UUID
    title: str
    cells: list[str] = Field(description="Codes of the cells that it watches; none above the village.")
    instead_of: str | None = Field(description="Who is on leave; null: the caller's own post.")
    until: date | None = Field(description="Last day of that leave.")


class PatrolPosts(Answer):
    """For which posts the caller may walk, and what the phone may record."""

    items: list[PatrolPost]
    tracks: Literal["all", "tasks_only"] = Field(
        description="`tasks_only`: where an outing goes may be recorded only if it is for tasks."
    )


class PatrolList(Answer):
    """Outings, newest first."""

    items: list[PatrolInfo]
