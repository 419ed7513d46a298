"""Warnings before a clock runs out, each once; escalations of the clocks that are no case's own deadline."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.orm import Session

from foundation import audit
from foundation.access import Actor
from foundation.errors import Conflict
from foundation.ids import derived_id
from patrol.cases import store
from patrol.cases.alerts import store as alert_store
from patrol.cases.cases import transitions
from patrol.cases.clocks import clock_table
from patrol.cases.ledger import clock_of_state
from patrol.cases.progress import clock_of_case, clocks_in
from patrol.cases.stages import StageClock, stage_rules
from patrol.cases.tables import ObjectionRow, WarningRow
from patrol.net import service as net
from patrol.net.posts import KINDS_BY_TIER, Holder, Post, deputy_of, holder_of, resolve_owner
from patrol.notices import service as notices
from patrol.tables import CaseRow

STATES_WITH_STAGES = frozenset(
    {"to_judge", "rectifying", "case_open", "transferred", "recheck", "city_review"}
)


class Told(NamedTuple):
    """What was told to whom: a patch, and the name of the clock or of the person."""

    patch_id: UUID
    name: str


class Alarm(NamedTuple):
    """A clock of a case, as far as warnings care."""

    patch_id: UUID
    division_code: str
    key: str
    clock: str
    name: str
    started_at: datetime
    due_at: datetime


def tell_warnings(session: Session, actor: Actor, *, now: datetime) -> list[Told]:
    """Tell the owners of running clocks what will soon be late; each warning of a clock once."""
    told: list[Told] = []
    known = alert_store.told_keys(session, now)
    for case in store.running_cases(session):
        if case.pause_id is not None or case.due_at is None or case.due_at <= now:
            continue
        alarm = _alarm_of_state(session, case)
        if alarm is not None and _tell(session, actor, alarm, case.owner_post_id, known, now):
            told.append(Told(case.patch_id, transitions().states[case.state].zh))
    for case, clock in _stage_clocks(session, now):
        if clock.due_at > now and clock.due_at != case.due_at:
            alarm = _alarm_of_stage(case, clock)
            if _tell(session, actor, alarm, case.owner_post_id, known, now):
                told.append(Told(case.patch_id, clock.zh))
    for row in store.open_objections(session):
        if row.due_at > now and _tell(
            session, actor, _alarm_of_objection(row), row.owner_post_id, known, now
        ):
            told.append(Told(row.patch_id, "异议复核"))
    return told


def escalate_others(session: Session, actor: Actor, *, now: datetime) -> list[Told]:
    """Overdue clocks of stages, and overdue objections: the deputy is told, then the tier above."""
    told: list[Told] = []
    for case, clock in _stage_clocks(session, now):
        is_missed = clock.duty == "bureau" and clock.due_at < now and clock.due_at != case.due_at
        if is_missed and case.pause_id is None:
            name = _escalate(session, actor, _alarm_of_stage(case, clock), case.owner_post_id, now)
            told += [Told(case.patch_id, name)] if name else []
    for row in store.open_objections(session):
        if row.due_at >= now:
            continue
        holder = _next_above(session, actor, _alarm_of_objection(row), row.owner_post_id, now)
        if holder is not None:
            row.owner_post_id = holder.post.post_id
            told.append(Told(row.patch_id, holder.name))
    session.flush()
    return told


def _alarm_of_state(session: Session, case: CaseRow) -> Alarm | None:
    if case.due_at is None:
        return None
    if case.state == "case_open":
        clock = clock_of_case(session, case)
    else:
        clock = clock_of_state(case.state, source="satellite", is_urgent=case.is_urgent)
    if clock is None:
        return None
    name = transitions().states[case.state].zh
    key = f"state:{case.state}"
    return Alarm(case.patch_id, case.division_code, key, clock, name, case.entered_at, case.due_at)


def _alarm_of_stage(case: CaseRow, clock: StageClock) -> Alarm:
    row = stage_rules()[clock.key].clock.key
    key = f"stage:{clock.key}"
    return Alarm(case.patch_id, case.division_code, key, row, clock.zh, clock.started_at, clock.due_at)


def _alarm_of_objection(row: ObjectionRow) -> Alarm:
    key = f"objection:{row.objection_id}"
    return Alarm(row.patch_id, row.division_code, key, "objection", "异议复核", row.raised_at, row.due_at)


def _stage_clocks(session: Session, now: datetime) -> Iterable[tuple[CaseRow, StageClock]]:
    """Stage clocks that run, or have been missed, of the cases that have any."""
    cases = alert_store.cases_in(session, STATES_WITH_STAGES)
    events = alert_store.events_by_case(session, [case.patch_id for case in cases])
    for case in cases:
        pauses = store.pauses_of(session, case.patch_id)
        for clock in clocks_in(events.get(case.patch_id, []), pauses):
            if clock.ended_at is None and clock.duty != "party":
                yield case, clock


def _tell(
    session: Session, actor: Actor, alarm: Alarm, post_id: UUID, known: set[tuple[object, ...]], now: datetime
) -> bool:
    """Tell the newest warning that is due, unless it was told: of several at once nobody needs the older."""
    level = clock_table().newest_warning(
        alarm.clock, started_at=alarm.started_at, due_at=alarm.due_at, now=now
    )
    if level is None or (alarm.patch_id, alarm.key, alarm.due_at, level) in known:
        return False
    known.add((alarm.patch_id, alarm.key, alarm.due_at, level))
    _write(session, _row(alarm, "warn", level, _holder(session, actor, alarm, post_id, now), now))
    session.flush()
    return True


def _escalate(session: Session, actor: Actor, alarm: Alarm, post_id: UUID, now: datetime) -> str | None:
    holder = _next_above(session, actor, alarm, post_id, now)
    return holder.name if holder else None


def _next_above(session: Session, actor: Actor, alarm: Alarm, post_id: UUID, now: datetime) -> Holder | None:
    """Whom to tell of a missed clock now: the deputy first, then tier by tier; None while it is not time."""
    former = alert_store.escalations(session, alarm.patch_id, alarm.key, alarm.due_at)
    post = net.get_post(session, former[-1].post_id if former else post_id)
    if former and not clock_table().escalates_again(former[-1].told_at, now, tier=post.tier - 1):
        return None
    holder = holder_of(post)
    successor = None if former else deputy_of(post, holder.name if holder else "")
    successor = successor or _above(session, actor, alarm, post, now)
    if successor is None:
        if former:
            return None
        successor = _holder(session, actor, alarm, post_id, now)
    _write(session, _row(alarm, "escalate", len(former), successor, now))
    session.flush()
    facts = {"clock": alarm.key, "clock_name": alarm.name, "to": successor.name, "level": len(former)}
    audit.record(
        session, actor, "patrol.clock.escalated", subject=("patch", alarm.patch_id), at=now, facts=facts
    )
    return successor


def _above(session: Session, actor: Actor, alarm: Alarm, post: Post, now: datetime) -> Holder | None:
    tier = post.tier - 1
    if tier < 1:
        return None
    posts = net.posts_over(session, actor, alarm.division_code, now=now)
    try:
        return resolve_owner(posts, alarm.division_code, tier=tier, kinds=KINDS_BY_TIER[tier])
    except Conflict:
        return None


def _holder(session: Session, actor: Actor, alarm: Alarm, post_id: UUID, now: datetime) -> Holder:
    post = net.get_post(session, post_id)
    holder = holder_of(post)
    if holder is not None:
        return holder
    posts = net.posts_over(session, actor, alarm.division_code, now=now)
    return resolve_owner(posts, alarm.division_code, tier=post.tier, kinds=KINDS_BY_TIER[post.tier])


def _write(session: Session, row: WarningRow) -> None:
    session.add(row)
    if row.to_account_id is not None:
        notices.tell_of_patch(
            session,
            event_id=row.warning_id,
            account_id=row.to_account_id,
            kind=row.kind,
            patch_id=row.patch_id,
            now=row.told_at,
        )


def _row(alarm: Alarm, kind: str, level: int, holder: Holder, now: datetime) -> WarningRow:
    return WarningRow(
        warning_id=derived_id("case_warning", alarm.patch_id, alarm.key, alarm.due_at, kind, level),
        patch_id=alarm.patch_id,
        division_code=alarm.division_code,
        clock=alarm.key,
        clock_name=alarm.name,
        kind=kind,
        level=level,
        due_at=alarm.due_at,
        told_at=now,
        post_id=holder.post.post_id,
        to_name=holder.name,
        to_account_id=holder.account_id,
    )
