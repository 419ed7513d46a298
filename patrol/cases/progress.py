"""How far a case has come: its stage, and the clocks that its ledger has started."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from patrol.cases import store
from patrol.cases.ledger import ENTERS_STAGE, clock_of_state, stage_in
from patrol.cases.stages import Held, Mark, StageClock, pause_rules, stage_clocks
from patrol.cases.tables import PauseRow
from patrol.tables import CaseEventRow, CaseRow


def stage_of(session: Session, case: CaseRow) -> str | None:
    """Stage that a filed case has reached."""
    return stage_in(store.events_of(session, case.patch_id))


def clocks_of_case(session: Session, case: CaseRow) -> list[StageClock]:
    """Clocks of the stages of a case, in the order in which they started."""
    return clocks_in(store.events_of(session, case.patch_id), store.pauses_of(session, case.patch_id))


def clocks_in(events: Sequence[CaseEventRow], pauses: Sequence[PauseRow]) -> list[StageClock]:
    """Clocks of the stages that a time line has started."""
    return stage_clocks([*map(_mark, (e for e in events if e.undone_by is None))], [*map(_held, pauses)])


def clock_of_case(session: Session, case: CaseRow) -> str | None:
    """Row of the clock table by which the case's deadline runs."""
    patch = store.patch_facts(session, case.patch_id)
    source = patch.source if patch else "satellite"
    if case.state != "case_open":
        return clock_of_state(case.state, source=source, is_urgent=case.is_urgent)
    events = [event for event in store.events_of(session, case.patch_id) if event.undone_by is None]
    stage = stage_in(events)
    since = max((e.version for e in events if e.action in ENTERS_STAGE), default=0)
    if any(event.action == "record_service" and event.version > since for event in events):
        return "payment"
    return clock_of_state(case.state, source=source, is_urgent=case.is_urgent, stage=stage)


def _mark(event: CaseEventRow) -> Mark:
    return Mark(event.action, event.from_state, event.to_state, event.at, event.facts)


def _held(row: PauseRow) -> Held:
    ends_at = row.ends_at if row.ended_at is None else min(row.ended_at, row.ends_at)
    return Held(row.started_at, ends_at, pause_rules()[row.reason_code].holds)
