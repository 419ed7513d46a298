"""Patches: the table row, the drawer, and what an officer sends."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from webmap.schemas.basics import Answer, Bbox, Body, Geometry, Lonlat, Moment

StateKey = Literal["new", "suspect", "dispatched", "checking", "review", "rectify", "closed", "dismissed"]


class PatchRow(Answer):
    """One line of the patch table."""

    patch_id: UUID
    number: str = Field(description="图斑编号", examples=["410883-2609-0007"])
    state: StateKey
    state_name: str = Field(examples=["疑似违法"])
    severity: int = Field(ge=1, le=4, description="1 低 … 4 重大")
    change_class: str = Field(examples=["new_building"])
    change_class_name: str = Field(examples=["新增建（构）筑物"])
    area_m2: float
    basic_farmland_m2: float
    cropland_m2: float
    division_code: str = Field(examples=["410883105201"])
    division_name: str = Field(examples=["西虢镇 义井村"])
    due_at: Moment | None
    remaining_wd: int | None = Field(description="Working days until the deadline; negative when overdue.")
    owner_name: str | None
    label_point: Lonlat
    bbox: Bbox
    suggestion: str | None = Field(examples=["suspected"])
    violation_code: str | None = Field(examples=["L04"])
    version: int
    updated_at: Moment


class LeadInfo(Answer):
    """One observation that the patch is made of."""

    lead_id: UUID
    source: str
    source_name: str
    observed_from: Moment
    observed_to: Moment
    confidence: float
    witnesses: dict[str, bool]
    method: str
    version: str


class OverlayRow(Answer):
    """A share of the patch in one layer; kinds of which nothing was found say so."""

    key: str
    name: str
    area_m2: float
    share: float
    kind: Literal["land", "control", "approval"]
    tone: Literal["good", "bad", "neutral"]
    text: str | None


class LegalBasis(Answer):
    """An article of a statute."""

    statute: str
    article: str
    text: str | None = None


class SentenceInfo(Answer):
    """One sentence of the explanation, the rule that wrote it, and the feature it rests on."""

    text: str
    text_en: str = ""
    rule_id: str
    source: str | None = None


class LayerVersionInfo(Answer):
    """The version of a layer that the judgement used."""

    kind: str
    name: str
    version_id: str
    imported_at: str


class JudgementInfo(Answer):
    """The system's suggestion; a person decides."""

    judgement_id: UUID
    revision: int
    made_at: Moment
    suggestion: str
    suggestion_name: str
    violation_code: str | None
    violation_name: str | None
    legal_basis: list[LegalBasis]
    sentences: list[SentenceInfo]
    rule_ids: list[str]
    layer_versions: list[LayerVersionInfo]
    law_date: date
    borderline: bool
    measure: str | None = None
    competent_authority_name: str | None = None


class VerdictInfo(Answer):
    """The verdict that an officer signed."""

    kind: str
    violation_code: str | None
    reason_code: str | None
    note: str | None
    by_name: str
    at: Moment


class TimelineInfo(Answer):
    """One move of the case."""

    at: Moment
    actor_name: str
    action: str
    action_name: str
    from_state: str | None
    to_state: str
    reason_kind: str | None = Field(description="Kind of `reason_code`: with it the name in `case-table`.")
    reason_code: str | None
    reason_name: str | None
    note: str | None
    is_undone: bool


class PatchAssignment(Answer):
    """An assignment of the patch."""

    assignment_id: UUID
    kind: str
    kind_name: str
    tier: int
    post_title: str
    holder_name: str
    status: str
    status_name: str
    due_at: Moment
    signed_at: Moment | None
    done_at: Moment | None


class VisitInfo(Answer):
    """A visit on site."""

    visit_id: UUID
    visitor_name: str
    device_time: Moment
    received_at: Moment
    finding: str
    finding_name: str
    findings: dict[str, Any]
    distance_m: float
    accuracy_m: float


class EvidenceInfo(Answer):
    """A piece of evidence with its custody."""

    evidence_id: UUID
    visit_id: UUID | None = Field(description="Null where it was brought in at the office.")
    kind: str
    kind_name: str = Field(examples=["照片"])
    title: str | None
    media_type: str
    captured_at: Moment
    received_at: Moment
    lonlat: Lonlat | None
    bearing_deg: float | None
    accuracy_m: float | None
    distance_m: float | None
    hash_ok: bool
    flags: list[str]
    plausibility: float | None = Field(description="0 to 1; reasons by `GET /evidence/{evidence_id}`.")
    is_reviewed: bool
    by_name: str
    url: str


class TargetInfo(Answer):
    """A post that the patch can be handed to."""

    post_id: UUID
    title: str
    holder_name: str
    tier: int


class ActionInfo(Answer):
    """A move that the caller may make now."""

    action: str
    name: str
    via: str = Field(description="move | verdict | dispatch: by which endpoint it is made.")
    needs_reason: bool
    reason_kind: str | None
    targets: list[TargetInfo] = Field(default_factory=list)


class UndoInfo(Answer):
    """The caller's own last move, while it may be taken back."""

    action_name: str
    until: Moment


class PatchDetail(PatchRow):
    """Everything that the drawer shows."""

    outline: Geometry
    area_min_m2: float
    area_max_m2: float
    confidence: float
    first_seen: date
    before_at: Moment
    after_at: Moment
    before_scene_id: UUID | None
    after_scene_id: UUID | None
    internal_state: str
    internal_state_name: str
    is_urgent: bool
    watch_until: date | None
    stage_name: str | None
    leads: list[LeadInfo]
    overlay: list[OverlayRow]
    judgement: JudgementInfo | None
    verdict: VerdictInfo | None
    timeline: list[TimelineInfo]
    assignments: list[PatchAssignment]
    visits: list[VisitInfo]
    evidence: list[EvidenceInfo]
    actions: list[ActionInfo]
    undo: UndoInfo | None


class PatchCounts(Answer):
    """Patches per displayed state."""

    by_state: dict[StateKey, int]
    total: int


class VerdictBody(Body):
    """What an officer decides about a patch."""

    kind: Literal["unlawful", "lawful", "not_new", "other", "doubtful"]
    violation_code: str | None = Field(default=None, max_length=8, examples=["L04"])
    reason_code: str | None = Field(default=None, max_length=64, examples=["evidence_clear"])
    note: str | None = Field(default=None, max_length=2000)
    dispatch_to: UUID | None = Field(default=None, description="Post to hand it to in the same step.")
    urgent: bool = False
    act_ended_on: date | None = Field(
        default=None,
        description="Last day of an unlawful act: its limitation runs from it. Null while the act goes on.",
        examples=["2026-08-31"],
    )


class DispatchBody(Body):
    """To whom; without a post the default chain."""

    post_id: UUID | None = None
    urgent: bool = False
    note: str | None = Field(default=None, max_length=2000)


class MoveBody(Body):
    """One of the moves that `actions` lists with `via` = move."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"action": "close", "reason_code": "rectified", "note": "已现场复核"}]
        }
    )

    action: str = Field(max_length=64)
    reason_code: str | None = Field(default=None, max_length=64)
    note: str | None = Field(default=None, max_length=2000)
    facts: dict[str, str | int | float | bool] | None = Field(
        default=None, description="order_rectification: due_on; advance_case: stage; merge: into_number."
    )
