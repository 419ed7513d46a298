"""The case file: clocks, pauses, objections, transfer, warnings, watch; and what an officer sends."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from webmap.schemas.basics import Answer, Body, Geometry, Moment
from webmap.schemas.net.dispatching import HelpInfo

Duty = Literal["bureau", "party", "limit"]


class ClockInfo(Answer):
    """One clock: of the state, or of a stage of the case."""

    key: str = Field(examples=["penalty"])
    name: str = Field(examples=["作出处罚决定"])
    duty: Duty = Field(description="bureau: ours; party: theirs, it only runs out; limit: of the law.")
    duty_name: str
    started_at: Moment
    due_at: Moment = Field(description="With all pauses.")
    ended_at: Moment | None
    status: Literal["running", "done", "late", "over"]
    status_name: str
    remaining_wd: int | None = Field(description="Working days left; negative when overdue.")
    is_provisional: bool = Field(description="Ends in a year whose holidays are not published yet.")


class PauseInfo(Answer):
    """One pause of the clock."""

    pause_id: UUID
    reason_code: str
    reason_name: str
    note: str | None
    started_at: Moment
    started_name: str
    ends_at: Moment = Field(description="When it ends by itself.")
    ended_at: Moment | None
    ended_name: str | None
    is_automatic: bool
    is_running: bool


class PauseChoiceInfo(Answer):
    """A reason for which the caller may pause the clock now."""

    reason_code: str = Field(examples=["hearing"])
    name: str
    latest: date = Field(description="Last day on which such a pause ends.")


class ObjectionInfo(Answer):
    """One objection (图斑异议, 底图异议) and its decision."""

    objection_id: UUID
    patch_id: UUID
    number: str
    kind: Literal["geometry", "date", "class", "base"]
    kind_name: str
    reason_code: str
    reason_name: str
    note: str
    evidence_ids: list[UUID]
    target: dict[str, Any] = Field(description="Of base data: layer_kind, version_id, feature_no.")
    status: Literal["open", "upheld", "rejected", "withdrawn"]
    status_name: str
    raised_at: Moment
    raised_name: str
    owner_name: str = Field(description="Who is to decide.")
    owner_title: str
    due_at: Moment
    remaining_wd: int | None
    pauses_case: bool
    decided_at: Moment | None
    decided_name: str | None
    decision_code: str | None
    decision_name: str | None
    decision_note: str | None
    outcome: dict[str, Any] = Field(description="What was corrected: figures before and after.")
    version: int = Field(description="Of the case, for If-Match.")
    can_decide: bool
    can_withdraw: bool


class StageInfo(Answer):
    """One stage of a filed case; `reached_at` null: not yet."""

    key: Literal["filed", "investigated", "notified", "decided", "executed"]
    name: str
    reached_at: Moment | None
    by_name: str | None


class TransferInfo(Answer):
    """A transfer to another authority, with its receipt."""

    authority: str
    authority_name: str
    paper_no: str | None
    sent_on: date
    is_competent: bool = Field(description="Whether the taxonomy names this authority for the violation.")
    reminded_on: list[date]
    receipt_no: str | None
    received_on: date | None
    status: Literal["waiting", "received", "refused"]


class WarningInfo(Answer):
    """One warning or escalation told to a named person."""

    patch_id: UUID
    number: str
    clock: str = Field(examples=["state:to_verify", "stage:penalty"])
    clock_name: str
    kind: Literal["warn", "escalate"]
    due_at: Moment
    told_at: Moment
    to_name: str
    post_title: str


class WatchInfo(Answer):
    """What a later image says of the ground of a closed case."""

    scene_id: UUID
    observed_at: Moment
    outcome: Literal["unchanged", "changed", "not_observed"]
    text: str


class CaseFileInfo(Answer):
    """Everything of a case beside its time line."""

    patch_id: UUID
    number: str
    version: int
    state: str
    state_name: str
    state_clock: ClockInfo | None
    paused_until: Moment | None
    stage: str | None
    stages: list[StageInfo] = Field(description="All five once a case was filed; else empty.")
    clocks: list[ClockInfo] = Field(description="Of the stages, in the order in which they started.")
    pauses: list[PauseInfo]
    pause_choices: list[PauseChoiceInfo]
    objections: list[ObjectionInfo]
    transfer: TransferInfo | None
    warnings: list[WarningInfo]
    watch_until: date | None
    watch: list[WatchInfo]
    verbs: list[str] = Field(
        description="What the caller may do now beside `actions` of the patch: pause, resume,"
        " raise_objection, withdraw_objection, reject_objection, uphold_objection, uphold_dismissing."
    )
    barred: list[ReasonInfo] = Field(
        description="Moves possible now that the two-person rule keeps for somebody else than the caller."
    )
    help: HelpInfo | None = Field(description="Who helps, where the patch lies in two cells.")


class ObjectionList(Answer):
    """Objections that wait for a decision, soonest deadline first."""

    items: list[ObjectionInfo]


class WarningList(Answer):
    """Warnings and escalations, newest first."""

    items: list[WarningInfo]


class StateInfo(Answer):
    """One state of the transition table."""

    key: str
    name: str
    clock: str | None
    owner: str


class MoveInfo(Answer):
    """One row of the transition table."""

    action: str
    name: str
    from_states: list[str]
    to_state: str = Field(description="Empty: the state stays.")
    via: str
    reason_kind: str | None
    facts: list[str] = Field(description="Facts that must be given with the move.")


class ReasonInfo(Answer):
    """One reason code."""

    code: str
    name: str


class CaseTable(Answer):
    """The transition table as data, with all names a client needs for it."""

    states: list[StateInfo]
    moves: list[MoveInfo]
    stages: list[ReasonInfo]
    reasons: dict[str, list[ReasonInfo]]
    fact_names: dict[str, str]
    pauses: list[ReasonInfo]
    objection_kinds: dict[str, str] = Field(description="Kind of objection -> kind of reason it takes.")
    names_en: dict[str, dict[str, str]] = Field(
        description="English names: of `moves` by `action/to_state`, of `reasons` by `kind/code`, of states,"
        " stages, clocks, pauses, objections, facts, duties, tasks, papers, parties, evidence and statuses"
        " by their keys."
    )
    change_classes: list[ReasonInfo] = Field(description="What an objection to the class may correct it to.")


class PauseBody(Body):
    """Why the clock is to stand still, and until which day."""

    reason_code: str = Field(max_length=64, examples=["hearing"])
    until: date | None = Field(default=None, description="The longest that the reason allows when left out.")
    note: str | None = Field(default=None, max_length=2000)


class ResumeBody(Body):
    """The clock goes on."""

    note: str | None = Field(default=None, max_length=2000)


class ObjectionBody(Body):
    """What is wrong with the patch or the base data."""

    kind: Literal["geometry", "date", "class", "base"]
    reason_code: str = Field(max_length=64, examples=["includes_old"])
    note: str = Field(min_length=1, max_length=2000)
    evidence_ids: list[UUID] = Field(default_factory=list, max_length=50)
    layer_kind: str | None = Field(default=None, max_length=64, examples=["land_survey"])
    version_id: UUID | None = None
    feature_no: str | None = Field(default=None, max_length=200)


class DecisionBody(Body):
    """How an objection is decided; upheld and corrected, it says what is true."""

    upheld: bool
    reason_code: str = Field(max_length=64, examples=["checked_on_site"])
    note: str | None = Field(default=None, max_length=2000)
    remedy: Literal["corrected", "dismissed"] | None = None
    outline: Geometry | None = Field(default=None, description="True outline; CGCS2000, longitude first.")
    change_class: str | None = Field(default=None, max_length=64)
    before_on: date | None = None
    after_on: date | None = None
    feature_action: Literal["removed", "changed", "added"] = "changed"
    feature_changes: dict[str, str | None] = Field(
        default_factory=dict, description="name, land_class_code, use, valid_from, valid_to."
    )
    version_id: UUID | None = None
    feature_no: str | None = Field(default=None, max_length=200)


CaseFileInfo.model_rebuild()
