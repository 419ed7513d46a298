"""What a move does beside changing the state: assignments made and ended, deadlines set by a notice."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from detection import service as detection
from foundation.access import Actor
from foundation.calendar import OFFICE_CLOSES, SHANGHAI
from foundation.errors import Conflict, InvalidInput
from patrol.cases import store
from patrol.cases.assignments import Step
from patrol.cases.cases import Move, next_stage, transitions
from patrol.cases.clocks import clock_table
from patrol.cases.ledger import AssignmentLog, owner_of_state
from patrol.cases.progress import clocks_of_case, stage_of
from patrol.cases.reasons import reason_name
from patrol.cases.stages import as_date, still_running
from patrol.tables import CaseEventRow, CaseRow

ANY_MATTER = frozenset({"public_security", "discipline"})
"""Authorities to which a matter goes beside the violation of land law: crimes, officials."""
FACT_MAX = 200
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
    reason_code: str | None = None
    note: str | None = None


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
    session, actor, case, facts, log, now = occasion[:6]
    due_at = clock_table().deadline("rectify", now)
    if facts.get("due_on"):
        due_at = _end_of(str(facts["due_on"]), now)
    holder = owner_of_state(session, actor, case, "rectifying", now=now)
    log.add(case, Step("rectify", holder.post.tier, holder), status="sent", due_at=due_at, now=now)
    return {"due_at": due_at, "owner_post_id": holder.post.post_id}


def _begin_recheck(occasion: Occasion) -> Effect:
    session, actor, case, _, log, now = occasion[:6]
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
    session, _, case, facts, _, now = occasion[:6]
    stage = next_stage(transitions(), stage_of(session, case), facts.get("stage"))
    rule = next(row for row in transitions().stage_rules if row.key == stage)
    if not facts.get("heard"):
        waiting = still_running(clocks_of_case(session, case), rule.after, now)
        for clock in waiting:
            until = clock.due_at.astimezone(SHANGHAI).date().isoformat()
            raise Conflict("patrol.case.period_running", clock=clock.zh, until=until, stage_name=rule.zh)
    effect: Effect = {"facts": {**facts, "stage": stage}}
    if rule.clock is not None:
        effect["due_at"] = clock_table().deadline(rule.clock, now)
    return effect


def _record_service(occasion: Occasion) -> Effect:
    """The decision was served: from that day the party has its time to pay."""
    served = datetime.combine(
        as_date("served_on", occasion.facts["served_on"]), clock_table().opens, SHANGHAI
    )
    return {"due_at": clock_table().deadline("payment", served)}


def _case_executed(occasion: Occasion) -> Effect:
    """The decision was carried out: somebody else looks at the ground."""
    return _begin_recheck(occasion)


def _transfer(occasion: Occasion) -> Effect:
    """To the authority that the law names for the violation, or to another one with a reason in words."""
    authority = str(occasion.facts.get("authority") or occasion.reason_code)
    if authority != occasion.reason_code:
        raise InvalidInput("patrol.transfer.authority_and_reason", authority=authority)
    code = occasion.case.violation_code
    violation = next((row for row in detection.violations(occasion.now) if row.code == code), None)
    competent = violation.authority if violation else ""
    is_competent = authority in competent.split("_") or authority in ANY_MATTER
    if not is_competent and not occasion.note:
        raise Conflict(
            "patrol.transfer.not_competent", authority=reason_name(authority), violation_code=code or "-"
        )
    occasion.log.finish_open(occasion.case, "cancelled", occasion.now)
    sent_on = occasion.facts.get("sent_on") or occasion.now.astimezone(SHANGHAI).date().isoformat()
    names = {"authority": authority, "authority_name": reason_name(authority), "sent_on": sent_on}
    return {"facts": {**occasion.facts, **names, "is_competent": is_competent}}


def _record_receipt(occasion: Occasion) -> Effect:
    """The other authority has taken it: its paper and ours, and the days of both."""
    sent = transfer_of(store.events_of(occasion.session, occasion.case.patch_id))
    if sent is None:
        raise Conflict("patrol.transfer.not_sent")
    if not (sent.facts.get("paper_no") or occasion.facts.get("paper_no")):
        raise InvalidInput(
            "patrol.case.fact_missing", fact="paper_no", name=transitions().fact_names["paper_no"]
        )
    received = as_date("received_on", occasion.facts["received_on"])
    if received < as_date("sent_on", sent.facts.get("sent_on", received.isoformat())):
        raise InvalidInput("patrol.transfer.received_before_sent", received_on=received.isoformat())
    return {"facts": {**occasion.facts, "authority": sent.facts.get("authority")}}


def _remind_receipt(occasion: Occasion) -> Effect:
    today = occasion.now.astimezone(SHANGHAI).date().isoformat()
    return {"facts": {"sent_on": today, **occasion.facts}}


def check_facts(move: Move, facts: Mapping[str, Any], now: datetime) -> None:
    """What a move needs is given; days are days, and no day but a deadline lies ahead.

    Raises
    ------
    InvalidInput
        ``patrol.case.fact_missing``, ``patrol.case.bad_date``, ``patrol.case.fact_too_long``.
    """
    for name in move.facts:
        if not facts.get(name):
            raise InvalidInput(
                "patrol.case.fact_missing", fact=name, name=transitions().fact_names.get(name, name)
            )
    today = now.astimezone(SHANGHAI).date()
    for name, value in facts.items():
        if len(str(value)) > FACT_MAX:
            raise InvalidInput("patrol.case.fact_too_long", fact=name[:64], maximum=FACT_MAX)
        if name.endswith("_on") and name != "due_on" and value and as_date(name, value) > today:
            raise InvalidInput("patrol.case.bad_date", fact=name, given=str(value)[:40])


def transfer_of(events: Iterable[CaseEventRow]) -> CaseEventRow | None:
    """The transfer in force: the last one that was not undone."""
    found = [event for event in events if event.action == "transfer" and event.undone_by is None]
    return found[-1] if found else None


def _merge(occasion: Occasion) -> Effect:
    into = str(occasion.facts.get("into_number") or "")
    patch = store.patch_facts(occasion.session, occasion.case.patch_id)
    if not into or (patch and patch.number == into) or not store.is_patch_number(occasion.session, into):
        raise InvalidInput("patrol.case.merge_into_what", into_number=into or "-")
    return {}


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
    "case_executed": _case_executed,
    "record_service": _record_service,
    "transfer": _transfer,
    "record_receipt": _record_receipt,
    "remind_receipt": _remind_receipt,
    "accept_recheck": _end_recheck,
    "reject_recheck": _rectify_again,
    "file_case": _file_case,
    "advance_case": _advance_case,
    "merge": _merge,
}
