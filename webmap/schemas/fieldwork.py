"""Assignments, visits and evidence: what the phone reads and sends."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, Field

from webmap.schemas.basics import Answer, Body, Lonlat, Moment

Degrees = Annotated[float, Field(ge=-180, le=180)]


class AssignmentRow(Answer):
    """One line of the task list."""

    assignment_id: UUID
    patch_id: UUID
    patch_number: str
    kind: str = Field(examples=["verify"])
    kind_name: str = Field(examples=["现场核查"])
    status: str = Field(examples=["sent"])
    status_name: str = Field(examples=["待签收"])
    tier: int
    division_name: str
    due_at: Moment
    remaining_wd: int | None
    signed_at: Moment | None
    done_at: Moment | None
    label_point: Lonlat
    area_m2: float
    change_class_name: str
    holder_name: str
    post_title: str
    version: int


class ReturnBody(Body):
    """Why an assignment is given back."""

    reason_code: str = Field(max_length=64, examples=["wrong_grid"])
    note: str | None = Field(default=None, max_length=2000)


class ForwardBody(Body):
    """To whom; without a post the next one of the chain."""

    post_id: UUID | None = None
    note: str | None = Field(default=None, max_length=2000)


class VisitBody(Body):
    """A visit as the phone recorded it; its id is made by the phone."""

    assignment_id: UUID
    device_time: AwareDatetime
    device_counter: int = Field(ge=0, le=2_000_000_000)
    lonlat: tuple[Degrees, Annotated[float, Field(ge=-90, le=90)]]
    accuracy_m: float = Field(ge=0, lt=100_000)
    coord_source: Literal["wgs84", "cgcs2000", "gcj02", "bd09"]
    heading_deg: float | None = Field(default=None, ge=0, le=360)
    heading_source: str | None = Field(default=None, max_length=32)
    finding: Literal["built", "under_construction", "not_found", "restored", "other"]
    use_text: str = Field(default="", max_length=500)
    party_text: str = Field(default="", max_length=500)
    is_stopped: bool = False
    note: str = Field(default="", max_length=2000)


class VisitReceipt(Answer):
    """What came of a visit; the same visit again gets the same receipt."""

    visit_id: UUID
    distance_m: float | None = Field(description="From the patch.")


class EvidenceHeaders(BaseModel):
    """What the phone says about a file."""

    content_type: str = Field(max_length=64, examples=["image/jpeg"])
    x_content_sha256: str = Field(pattern=r"^[0-9a-fA-F]{64}$", description="Of the bytes, at capture.")
    x_captured_at: AwareDatetime
    x_lon: Degrees | None = None
    x_lat: Annotated[float, Field(ge=-90, le=90)] | None = None
    x_accuracy_m: float | None = Field(default=None, ge=0, lt=100_000)
    x_bearing_deg: float | None = Field(default=None, ge=0, le=360)
    x_coord_source: str | None = Field(default=None, max_length=16)
    x_from_gallery: bool = False
    x_fov_deg: float | None = Field(default=None, gt=0, le=360, description="The camera's angle of view.")
    x_evidence_kind: str | None = Field(
        default=None,
        max_length=16,
        description="photo, drone_photo, video, audio, track, chip, document or statement; else by type.",
    )
    x_title: str | None = Field(default=None, max_length=400, description="Percent-encoded UTF-8.")
    x_capture_nonce: str | None = Field(default=None, pattern=r"^[0-9a-f]{32}$")
    x_device_counter: int | None = Field(default=None, ge=0, le=2_000_000_000)
    x_device: str | None = Field(default=None, max_length=64)
    x_content_sm3: str | None = Field(default=None, pattern=r"^[0-9a-fA-F]{64}$")

    @property
    def captured_at(self) -> datetime:
        """By the phone's clock."""
        return self.x_captured_at

    @property
    def lonlat(self) -> tuple[float, float] | None:
        """Both, or neither."""
        return None if self.x_lon is None or self.x_lat is None else (self.x_lon, self.x_lat)


class EvidenceReceipt(Answer):
    """What came of a file; the same file again gets the same receipt."""

    evidence_id: UUID
    status: Literal["recorded", "held"] = Field(description="`held`: it waits for its visit.")
    distance_m: float | None
    plausibility: float | None = Field(description="0 to 1; null while it is held.")
    flags: list[str] = Field(description="Doubts shown beside it; none of them refuses it.")
