"""The weekly lottery as its readers see it, and what the other county's officer answers."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from pydantic import Field

from webmap.schemas.basics import Answer, Body, Lonlat, Moment


class DrawableCase(Answer):
    """A closed case that could be drawn."""

    number: str
    county_code: str
    closed_on: date


class TicketInfo(Answer):
    """A drawn case: who looks at it again, and what was found. No place: readers may be of other counties."""

    ticket_id: UUID
    number: str
    division_name: str
    by_division_name: str = Field(description="The county whose officer looks.")
    holder_name: str | None = Field(description="Null where only units are shown.")
    due_at: Moment
    outcome: str | None
    outcome_name: str | None
    distance_m: float | None = Field(description="From the outline to where the officer stood.")
    found_at: Moment | None


class EstimateInfo(Answer):
    """Share of all closed cases that are truly put right, with an interval; null where nobody was there."""

    rate: float | None
    low: float | None
    high: float | None
    looked_at: int
    upheld: int
    population: int


class LotteryInfo(Answer):
    """A week's lottery with everything that lets anybody draw it again."""

    week: str = Field(examples=["2026-W37"])
    seed: str = Field(description="SHA-256 of the week and the head of the audit chain.")
    audit_seq: int
    audit_hash: str
    drawn_at: Moment
    population: list[DrawableCase]
    tickets: list[TicketInfo]
    estimate: EstimateInfo


class OwnTicket(TicketInfo):
    """A ticket of the caller's, with the place that is to be visited."""

    brief: dict[str, Any] = Field(description="Place, outline (GeoJSON, EPSG:4490), area, day of closing.")
    note: str | None


class FindingForm(Body):
    """What the officer of the other county found."""

    outcome: str = Field(max_length=40, examples=["restored"])
    note: str = Field(default="", max_length=2000, description="Wanted unless all is as it should be.")
    lonlat: Lonlat | None = Field(default=None, description="Where the officer stood.")
    accuracy_m: float | None = Field(default=None, ge=0, le=10_000)
