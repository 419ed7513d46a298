"""What the map, the task list and the drawer show: plain values, read only."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class PatchFilter:
    """Which patches a list, a count or an export speaks of.

    Attributes
    ----------
    bbox : (west, south, east, north) or None
        Degrees, EPSG:4490.
    is_mine : bool
        Only patches that the actor owns or has an open assignment for.
    """

    states: tuple[str, ...] = ()
    severity_min: int = 1
    division_code: str | None = None
    bbox: tuple[float, float, float, float] | None = None
    change_class: str | None = None
    q: str = ""
    is_mine: bool = False


@dataclass(frozen=True, slots=True)
class PatchListRow:
    """One line of the patch table. Areas in m², points lon/lat in EPSG:4490."""

    patch_id: UUID
    number: str
    state: str
    state_name: str
    internal_state: str
    internal_state_name: str
    severity: int
    change_class: str
    area_m2: float
    basic_farmland_m2: float
    cropland_m2: float
    division_code: str
    division_name: str
    due_at: datetime | None
    remaining_wd: int | None
    owner_name: str
    label_point: tuple[float, float]
    bbox: tuple[float, float, float, float]
    suggestion: str | None
    violation_code: str | None
    version: int
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows in a total order, where to go on, and how many there are in all."""

    items: tuple[Any, ...]
    next_cursor: str | None
    total: int


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One move as people read it."""

    at: datetime
    actor_name: str
    action: str
    action_name: str
    from_state: str | None
    to_state: str
    reason_code: str | None
    reason_name: str | None
    reason_kind: str | None
    note: str | None
    version: int
    is_undone: bool
    facts: dict[str, Any]


@dataclass(frozen=True, slots=True)
class AssignmentView:
    """One assignment with its patch, as the task list and the drawer show it."""

    assignment_id: UUID
    patch_id: UUID
    patch_number: str
    kind: str
    kind_name: str
    status: str
    status_name: str
    tier: int
    post_id: UUID
    post_title: str
    holder_name: str
    division_code: str
    division_name: str
    created_at: datetime
    due_at: datetime
    remaining_wd: int | None
    signed_at: datetime | None
    done_at: datetime | None
    reason_name: str | None
    label_point: tuple[float, float]
    area_m2: float
    change_class: str
    version: int
    """Of the case: what If-Match compares."""


@dataclass(frozen=True, slots=True)
class EvidenceView:
    """One piece of evidence with its custody."""

    evidence_id: UUID
    visit_id: UUID | None
    kind: str
    media_type: str
    sha256: str
    size: int
    captured_at: datetime
    received_at: datetime
    lonlat: tuple[float, float] | None
    bearing_deg: float | None
    accuracy_m: float | None
    distance_m: float | None
    hash_ok: bool
    flags: tuple[str, ...]
    by_name: str
    kind_name: str = ""
    title: str | None = None
    plausibility: float | None = None
    is_reviewed: bool = False


@dataclass(frozen=True, slots=True)
class VisitView:
    """One visit as people read it."""

    visit_id: UUID
    visitor_name: str
    device_time: datetime
    received_at: datetime
    finding: str
    finding_name: str
    findings: dict[str, Any]
    distance_m: float
    accuracy_m: float
    coord_source: str


@dataclass(frozen=True, slots=True)
class Target:
    """A post that a patch can be handed to."""

    post_id: UUID
    title: str
    holder_name: str
    tier: int
    kind: str


@dataclass(frozen=True, slots=True)
class LegalAction:
    """A move that this actor may make now."""

    action: str
    name: str
    name_en: str
    via: str
    needs_reason: bool
    reason_kind: str | None
    targets: tuple[Target, ...] = ()


@dataclass(frozen=True, slots=True)
class VerdictView:
    """The signed verdict."""

    kind: str
    violation_code: str | None
    reason_code: str | None
    note: str | None
    by_name: str
    at: datetime


@dataclass(frozen=True, slots=True)
class UndoView:
    """What may be taken back, and until when."""

    action_name: str
    until: datetime


@dataclass(frozen=True, slots=True)
class CaseDetail:
    """Everything of one case that the drawer shows."""

    row: PatchListRow
    is_urgent: bool
    opened_at: datetime
    watch_until: str | None
    stage: str | None
    stage_name: str | None
    verdict: VerdictView | None
    timeline: tuple[TimelineEntry, ...]
    assignments: tuple[AssignmentView, ...]
    visits: tuple[VisitView, ...]
    evidence: tuple[EvidenceView, ...]
    actions: tuple[LegalAction, ...]
    undo: UndoView | None = None
    reasons: dict[str, dict[str, str]] = field(default_factory=dict)
