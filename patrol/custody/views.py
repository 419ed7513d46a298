"""Evidence and its custody as people see them: plain values, read only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class CustodyStep:
    """One step in the custody of a piece of evidence, or of a whole case file."""

    seq: int
    evidence_id: UUID | None
    step: str
    step_name: str
    at: datetime
    actor_name: str
    sha256: str
    sm3: str | None
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class FindingView:
    """One check behind the score, told in both languages."""

    check: str
    reason: str
    factor: float
    weight: float
    text_zh: str
    text_en: str


@dataclass(frozen=True, slots=True)
class ReviewView:
    """The last word of one aspect: legal or technical."""

    aspect: str
    aspect_name: str
    outcome: str
    by_name: str
    at: datetime
    note: str


@dataclass(frozen=True, slots=True)
class EvidenceDetail:
    """One piece of evidence, everything that is known of it."""

    evidence_id: UUID
    visit_id: UUID | None
    finding_id: UUID | None
    patch_id: UUID | None
    kind: str
    kind_name: str
    title: str | None
    media_type: str
    size: int
    sha256: str
    sm3: str | None
    hash_ok: bool
    captured_at: datetime
    received_at: datetime
    by_name: str
    lonlat: tuple[float, float] | None
    accuracy_m: float | None
    bearing_deg: float | None
    distance_m: float | None
    flags: tuple[str, ...]
    plausibility: float | None
    findings: tuple[FindingView, ...]
    claims: Mapping[str, Any]
    is_reviewed: bool
    reviews: tuple[ReviewView, ...]
    custody: tuple[CustodyStep, ...]
    has_public_copy: bool


@dataclass(frozen=True, slots=True)
class HeldView:
    """A submission that waits, or of which there are two."""

    held_id: UUID
    reason: str
    reason_name: str
    kind: str
    submission_id: UUID
    parent_id: UUID | None
    division_code: str
    sha256: str
    size: int
    received_at: datetime
    by_name: str
    claim: Mapping[str, Any]
    settled_at: datetime | None
    settled_by: str | None
    outcome: str | None
    note: str | None


@dataclass(frozen=True, slots=True)
class Copy:
    """A file that is handed out."""

    evidence_id: UUID
    sha256: str
    media_type: str
    name: str
    is_inline: bool
