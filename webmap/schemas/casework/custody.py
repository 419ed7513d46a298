"""Custody of evidence: scores with reasons, steps, reviews, what is held back."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field

from webmap.schemas.basics import Answer, Body, Lonlat, Moment


class CustodyStep(Answer):
    """One step in the custody of a piece of evidence, or of a whole case file."""

    seq: int
    evidence_id: UUID | None = Field(description="Null: the whole file of the case.")
    step: Literal["captured", "received", "stored", "viewed", "exported", "printed", "reviewed"]
    step_name: str = Field(examples=["调阅"])
    at: Moment = Field(description="`captured` is by the phone's clock, all others by the server's.")
    actor_name: str
    sha256: str
    sm3: str | None
    facts: dict[str, Any]


class Finding(Answer):
    """One check behind the plausibility score."""

    check: str = Field(examples=["view"])
    reason: str = Field(examples=["view_off"])
    factor: float = Field(description="1: nothing speaks against it; 0: everything does.")
    weight: float
    text: str = Field(examples=["拍摄方位 90°，图斑在画面边缘以外 60°。"])


class Review(Answer):
    """The newest legal or technical review."""

    aspect: Literal["legal", "technical"]
    aspect_name: str = Field(examples=["法制审核"])
    outcome: Literal["accepted", "rejected"]
    by_name: str
    at: Moment
    note: str


class EvidenceDetail(Answer):
    """One piece of evidence, everything that is known of it."""

    evidence_id: UUID
    visit_id: UUID | None
    finding_id: UUID | None = Field(description="Of an officer's round; the patch is its lead's, if any.")
    patch_id: UUID | None
    kind: str = Field(examples=["photo"])
    kind_name: str = Field(examples=["照片"])
    title: str | None
    media_type: str
    size: int
    sha256: str
    sm3: str | None
    hash_ok: bool
    captured_at: Moment
    received_at: Moment
    by_name: str
    lonlat: Lonlat | None
    accuracy_m: float | None
    bearing_deg: float | None
    distance_m: float | None
    flags: list[str]
    plausibility: float | None = Field(description="0 to 1; null for what came before scores were kept.")
    findings: list[Finding]
    claims: dict[str, Any] = Field(description="What sender and file say: claims, not facts.")
    is_reviewed: bool = Field(description="Legal and technical review both accepted.")
    reviews: list[Review]
    custody: list[CustodyStep]
    url: str = Field(description="The copy that is served, without EXIF.")
    original_url: str | None = Field(description="The sealed original; null without the right to it.")


class CustodyList(Answer):
    """Every step of a case's evidence."""

    items: list[CustodyStep]


class ReviewBody(Body):
    """A review of one aspect."""

    aspect: Literal["legal", "technical"]
    outcome: Literal["accepted", "rejected"]
    note: str = Field(default="", max_length=2000, description="Needed where it is rejected.")


class PrintedBody(Body):
    """Evidence that went out on paper."""

    paper: str = Field(default="", max_length=200, examples=["图斑核查表"])


class HeldSubmission(Answer):
    """A submission that waits for its visit, or a second body under a known id."""

    held_id: UUID
    reason: Literal["no_parent", "other_body"]
    reason_name: str = Field(examples=["等待核查记录"])
    kind: Literal["evidence", "visit", "patrol", "finding"]
    submission_id: UUID
    parent_id: UUID | None = Field(description="The visit or finding that it waits for.")
    division_code: str
    sha256: str
    size: int
    received_at: Moment
    by_name: str
    settled_at: Moment | None
    settled_by: str | None
    outcome: str | None = Field(examples=["applied"])
    note: str | None


class HeldList(Answer):
    """What is held, newest first."""

    items: list[HeldSubmission]


class SettleBody(Body):
    """What comes of a second body under one id."""

    outcome: Literal["first_stands", "second_noted"]
    note: str = Field(min_length=1, max_length=2000)


class NonceBody(Body):
    """A phone that begins a shift."""

    device_time: AwareDatetime = Field(description="By the phone's clock, now.")


class Nonce(Answer):
    """The number that captures of this shift name in `X-Capture-Nonce`."""

    nonce: str
    issued_at: Moment
    skew_s: float = Field(description="Phone's clock minus the server's.")


class AuditHead(Answer):
    """Head of the audit chain, and the newest one that was taken elsewhere."""

    seq: int
    hash: str
    exported_seq: int | None
    exported_hash: str | None
    exported_at: Moment | None
    fingerprint: str = Field(description="SHA-256 of the installation's public key file.")
    line: str = Field(description="As it is printed in bulletins.")
