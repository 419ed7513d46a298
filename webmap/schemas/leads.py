"""Leads that wait for a person, and what the person decides."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from pydantic import Field

from webmap.schemas.basics import Answer, Bbox, Body, Geometry, Lonlat, Moment


class SuggestedPatchInfo(Answer):
    """A patch that a waiting lead may belong to."""

    patch_id: UUID
    number: str = Field(examples=["410883-2609-0007"])
    change_class_name: str
    area_m2: float
    distance_m: float = Field(description="From the place to the outline; 0 inside.")
    is_settled: bool = Field(description="Its case is closed or dismissed.")
    is_likely: bool = Field(description="Within the error radius.")


class WaitingLeadInfo(Answer):
    """A lead that no rule could place."""

    lead_id: UUID
    source: str = Field(examples=["camera"])
    source_name: str
    seen_at: Moment
    kind_name: str = Field(
        description="What the camera says, or the class of change.", examples=["挖掘机作业"]
    )
    confidence: float
    division_code: str
    division_name: str
    place: Lonlat
    radius_m: float | None = Field(
        description="Within so much of the place it lies, with 95 %; null: outlined."
    )
    camera_name: str | None
    preset_name: str | None
    season: str | None = Field(description="Farming season in which such an event is common.")
    has_picture: bool
    picture_bbox: Bbox | None = Field(
        description="Of the object: x, y, width, height as shares of the picture."
    )
    suggested: list[SuggestedPatchInfo] = Field(description="Nearest first.")


class DismissReasonInfo(Answer):
    """A reason for which a lead may be dismissed."""

    code: str
    name: str
    needs_note: bool


class WaitingLeads(Answer):
    """The newest leads that wait."""

    items: list[WaitingLeadInfo]
    total: int
    reasons: list[DismissReasonInfo]


class AttachBody(Body):
    """To which patch a lead belongs."""

    patch_id: UUID


class DismissBody(Body):
    """Why a lead is laid aside."""

    reason_code: str = Field(max_length=60, examples=["farm_machine"])
    note: str | None = Field(default=None, max_length=500)


class DrawBody(Body):
    """The ground that a lead speaks of, as a person draws it."""

    outline: Geometry
    before_on: date | None = Field(
        default=None,
        description="A day on which nothing was to be seen there yet; left out where nobody knows.",
    )


class SettledLead(Answer):
    """What became of a lead."""

    lead_id: UUID
    fate: str = Field(description="attached | dismissed | waiting")
    number: str | None = Field(default=None, description="Of the patch that it was attached to.")
    undo_until: Moment | None = None
