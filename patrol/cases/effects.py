"""What a move does beside changing the state: assignments made and ended, deadlines set by a notice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from foundation.access import Actor
from foundation.calendar import OFFICE_CLOSES, SHANGHAI
from foundation.errors import InvalidInput
from patrol.cases import store
from patrol.cases.assignments import Step
from patrol.cases.cases import next_stage, transitions
from patrol.cases.clocks import clock_table
from patrol.cases.ledger import AssignmentLog, owner_of_state
from patrol.tables import CaseRow

Effect = dict[str, Any]
"""Keyword arguments for `patrol.cases.ledger.write_move`."""


class Occasion(NamedTuple):
    """One move about to be made."""

    session: Session
    actor: Actor
    case: CaseRow
    facts: dict[str, Any]
    log: AssignmentLog
    now: datetime


def effect_of(action: str, occasion: Occasion) -> Effect:
    """Do what goes with a move, and say what the ledger must know of it.

    Raises
    ------
    InvalidInput
        A fact that the move needs is missing or wrong.
    """
    rule = EFFECTS.get(action)
    return rule(occasion) if rule else {}


def _recall(occasion: Occasion) -> Effect:
    occasion.log.finish_open(occasion.case, "cancelled", occasion.now)
    return {}


def _order_rectification(occasion: Occasion) -> Effect:
    """The township's station sees to it, within the time that the notice sets."""
    session, actor, case, facts, log, now = occasion
    due_at = clock_table().deadline("rectify", now)
    if facts.get("due_on"):
        due_at = _end_of(str(facts["due_on"]), now)
    holder = owner_of_state(session, actor, case, "rectifying", now=now)
    log.add(case, Step("rectify", holder.post.tier, holder), status="sent", due_at=due_at, now=now)
    return {"due_at": due_at, "owner_post_id": holder.post.post_id}


def _begin_recheck(occasion: Occasion) -> Effect:
    session, actor, case, _, log, now = occasion
    log.finish_open(case, "done", now, kinds=("rectify",))
    due_at = clock_table().deadline("recheck", now)
    holder = owner_of_state(session, actor, case, "recheck", now=now)
    log.add(case, Step("recheck", holder.post.tier, holder), status="sent", due_at=due_at, now=now)
    return {"due_at": due_at}


def _end_recheck(occasion: Occasion) -> Effect:
    occasion.log.finish_open(occasion.case, "done", occasion.now, kinds=("recheck",))
    return {}


def _rectify_again(occasion: Occasion) -> Effect:
    _end_recheck(occasion)
    return _order_rectification(occasion)


def _file_case(occasion: Occasion) -> Effect:
    occasion.log.finish_open(occasion.case, "cancelled", occasion.now, kinds=("rectify",))
    return {"facts": {**occasion.facts, "stage": transitions().stages[0]}}


def _advance_case(occasion: Occasion) -> Effect:
    reached = stage_of(occasion.session, occasion.case)
    stage = next_stage(transitions(), reached, occasion.facts.get("stage"))
    return {"facts": {**occasion.facts, "stage": stage}}


def _merge(occasion: Occasion) -> Effect:
    into = str(occasion.facts.get("into_number") or "")
    patch = store.patch_facts(occasion.session, occasion.case.patch_id)
    if not into or (patch and patch.number == into) or not store.is_patch_number(occasion.session, into):
        raise InvalidInput("patrol.case.merge_into_what", into_number=into or "-")
    return {}


def stage_of(session: Session, case: CaseRow) -> str | None:
    """Stage that a filed case has reached."""
    stages = [
        event.facts.get("stage")
        for event in store.events_of(session, case.patch_id)
        if event.undone_by is None and event.action in {"file_case", "advance_case"}
    ]
    return stages[-1] if stages else None


def _end_of(day: str, now: datetime) -> datetime:
    try:
        due_at = datetime.combine(date.fromisoformat(day), OFFICE_CLOSES, SHANGHAI)
    except ValueError as error:
        raise InvalidInput("patrol.case.bad_due_date", due_on=day) from error
    if due_at <= now:
        raise InvalidInput("patrol.case.bad_due_date", due_on=day)
    return due_at


EFFECTS: Mapping[str, Callable[[Occasion], Effect]] = {
    "recall": _recall,
    "order_rectification": _order_rectification,
    "report_rectified": _begin_recheck,
    "case_executed": _begin_recheck,
    "accept_recheck": _end_recheck,
    "reject_recheck": _rectify_again,
    "file_case": _file_case,
    "advance_case": _advance_case,
    "merge": _merge,
}
