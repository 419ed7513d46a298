"""The file of one case as people read it: plain values, read only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from patrol.dispatching.views import HelpView


@dataclass(frozen=True, slots=True)
class ClockView:
    """One clock: of the state, or of a stage.

    Attributes
    ----------
    is_provisional : bool
        It ends in a year whose holidays are not published yet: weekdays were counted.
    """

    key: str
    name: str
    duty: str
    duty_name: str
    started_at: datetime
    due_at: datetime
    ended_at: datetime | None
    status: str
    status_name: str
    remaining_wd: int | None
    is_provisional: bool


@dataclass(frozen=True, slots=True)
class PauseView:
    """One pause of the clock."""

    pause_id: UUID
    reason_code: str
    reason_name: str
    note: str | None
    started_at: datetime
    started_name: str
    ends_at: datetime
    ended_at: datetime | None
    ended_name: str | None
    is_automatic: bool
    is_running: bool


@dataclass(frozen=True, slots=True)
class PauseChoice:
    """A reason for which the clock may be paused now, and until when at the latest."""

    reason_code: str
    name: str
    latest: date


@dataclass(frozen=True, slots=True)
class ObjectionView:
    """One objection and its decision."""

    objection_id: UUID
    patch_id: UUID
    number: str
    kind: str
    kind_name: str
    reason_code: str
    reason_name: str
    note: str
    evidence_ids: tuple[UUID, ...]
    target: dict[str, Any]
    status: str
    status_name: str
    raised_at: datetime
    raised_name: str
    owner_name: str
    owner_title: str
    due_at: datetime
    remaining_wd: int | None
    pauses_case: bool
    decided_at: datetime | None
    decided_name: str | None
    decision_code: str | None
    decision_name: str | None
    decision_note: str | None
    outcome: dict[str, Any]
    version: int
    can_decide: bool
    can_withdraw: bool


@dataclass(frozen=True, slots=True)
class StageView:
    """One stage of a filed case."""

    key: str
    name: str
    reached_at: datetime | None
    by_name: str | None


@dataclass(frozen=True, slots=True)
class TransferView:
    """A transfer to another authority, with its receipt."""

    authority: str
    authority_name: str
    paper_no: str | None
    sent_on: date
    is_competent: bool
    reminded_on: tuple[date, ...]
    receipt_no: str | None
    received_on: date | None
    status: str
    """``waiting | received | refused``"""


@dataclass(frozen=True, slots=True)
class WarningView:
    """One warning or escalation told to a named person."""

    patch_id: UUID
    number: str
    clock: str
    clock_name: str
    kind: str
    due_at: datetime
    told_at: datetime
    to_name: str
    post_title: str


@dataclass(frozen=True, slots=True)
class WatchView:
    """What a later image says of the ground of a closed case."""

    scene_id: UUID
    observed_at: datetime
    outcome: str
    text: str


@dataclass(frozen=True, slots=True)
class BarredMove:
    """A move that the two-person rule keeps for somebody else than the caller."""

    code: str
    name: str


@dataclass(frozen=True, slots=True)
class CaseFile:
    """Everything beside the time line.

    Attributes
    ----------
    verbs : tuple of str
        Moves by pause and objection that the reader may make now.
    """

    patch_id: UUID
    number: str
    version: int
    state: str
    state_name: str
    state_clock: ClockView | None
    paused_until: datetime | None
    stage: str | None
    stages: tuple[StageView, ...]
    clocks: tuple[ClockView, ...]
    pauses: tuple[PauseView, ...]
    pause_choices: tuple[PauseChoice, ...]
    objections: tuple[ObjectionView, ...]
    transfer: TransferView | None
    warnings: tuple[WarningView, ...]
    watch_until: date | None
    watch: tuple[WatchView, ...]
    verbs: tuple[str, ...]
    barred: tuple[BarredMove, ...]
    help: HelpView | None
    """Who helps, where the patch lies in two cells."""
