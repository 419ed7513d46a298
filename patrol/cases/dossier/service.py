"""Reading verbs of the case file: one case, open objections, warnings told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from foundation.access import Actor, allows, require
from foundation.calendar import SHANGHAI, is_published
from foundation.errors import NotFound
from patrol.cases import store
from patrol.cases.cases import name_key, transitions
from patrol.cases.clocks import clock_table, remaining_working_days
from patrol.cases.dossier import store as dossier_store
from patrol.cases.dossier.views import (
    BarredMove,
    CaseFile,
    ClockView,
    ObjectionView,
    PauseChoice,
    PauseView,
    StageView,
    TransferView,
    WarningView,
    WatchView,
)
from patrol.cases.effects import transfer_of
from patrol.cases.ledger import ENTERS_STAGE, situation_of, stage_in
from patrol.cases.objections.objections import objection_table
from patrol.cases.objections.service import tier_of
from patrol.cases.pausing import longest_end
from patrol.cases.progress import clock_of_case, clocks_in
from patrol.cases.reasons import reason_name
from patrol.cases.stages import StageClock, pause_rules
from patrol.cases.tables import ObjectionRow, PauseRow, WarningRow, WatchRow
from patrol.dispatching import service as dispatching
from patrol.net import service as net
from patrol.net.posts import holder_of
from patrol.tables import CaseEventRow, CaseRow

DUTY_NAMES = {"bureau": "本单位办理时限", "party": "当事人法定期限", "limit": "法定期限"}
STATUS_NAMES = {"running": "计时中", "done": "按期办结", "late": "超期办结", "over": "已到期"}
OBJECTION_STATUS = {"open": "复核中", "upheld": "成立", "rejected": "不成立", "withdrawn": "已撤回"}
WATCH_NAMES = {"unchanged": "未见变化", "changed": "有变化", "not_observed": "未观测到"}


def case_file(session: Session, actor: Actor, patch_id: UUID, *, now: datetime) -> CaseFile:
    """Clocks, pauses, objections, transfer, warnings and watch of one case.

    Raises
    ------
    NotFound
        ``patrol.case.not_found``.
    """
    case, patch = store.find_case(session, patch_id), store.patch_facts(session, patch_id)
    if case is None or patch is None:
        raise NotFound("patrol.case.not_found", patch_id=str(patch_id))
    require(actor, "patch.view", case.division_code)
    situation = situation_of(session, case)
    who: dict[str, Any] = {"rights": actor.rights, "account": str(actor.account_id), "name": actor.name}
    legal = transitions().legal(situation, **who)
    events = [event for event in store.events_of(session, patch_id) if event.undone_by is None]
    pauses = store.pauses_of(session, patch_id)
    choices = _pause_choices(actor, case, now)
    offered = [move.action for move in legal if move.via in {"pause", "objection"}]
    verbs = _verbs(case, pauses, tuple(verb for verb in offered if verb != "pause" or choices))
    return CaseFile(
        patch_id=patch_id,
        number=patch.number,
        version=case.version,
        state=case.state,
        state_name=transitions().states[case.state].zh,
        state_clock=_state_clock(session, case, now),
        paused_until=case.paused_until,
        stage=stage_in(events) if case.state == "case_open" else None,
        stages=_stages(events),
        clocks=tuple(_clock(clock, now) for clock in clocks_in(events, pauses)),
        pauses=tuple(_pause(row, case) for row in pauses),
        pause_choices=choices if "pause" in verbs else (),
        objections=objections_of(session, actor, store.objections_of(session, patch_id), now=now),
        transfer=_transfer(events),
        warnings=_warnings(session, store.warnings_of(session, patch_id), {patch_id: patch.number}),
        watch_until=case.watch_until,
        watch=tuple(_watch(row) for row in dossier_store.watch_of(session, patch_id)),
        verbs=verbs,
        barred=tuple(BarredMove(move.action, move.zh) for move in transitions().barred(situation, **who)),
        help=dispatching.helps_with(session, patch_id),
    )


def open_objections(session: Session, actor: Actor, *, now: datetime) -> tuple[ObjectionView, ...]:
    """Objections of the area that wait for a decision, soonest deadline first."""
    require(actor, "patch.view")
    return objections_of(session, actor, store.open_objections(session), now=now)


def objections_of(
    session: Session, actor: Actor, rows: Sequence[ObjectionRow], *, now: datetime
) -> tuple[ObjectionView, ...]:
    """Objections as people read them."""
    cases = dossier_store.cases_of(session, [row.patch_id for row in rows])
    return tuple(_objection(session, actor, row, cases[row.patch_id], now) for row in rows)


def warnings_for(
    session: Session, actor: Actor, *, since: datetime, is_mine: bool, limit: int
) -> tuple[WarningView, ...]:
    """Warnings and escalations told since a moment, newest first: one's own, or all of the area."""
    require(actor, "patch.view")
    account_id = actor.account_id if is_mine else None
    rows = dossier_store.warnings_since(session, since, account_id=account_id, limit=limit)
    cases = dossier_store.cases_of(session, [row.patch_id for row in rows])
    return _warnings(session, rows, {patch_id: known["number"] for patch_id, known in cases.items()})


def _verbs(case: CaseRow, pauses: Sequence[PauseRow], verbs: tuple[str, ...]) -> tuple[str, ...]:
    """Not offered: to pause what stands still; to resume what runs, or what an objection holds."""
    left_out = {"pause" if case.pause_id is not None else "resume"}
    if any(row.pause_id == case.pause_id and row.reason_code == "objection" for row in pauses):
        left_out.add("resume")
    return tuple(dict.fromkeys(verb for verb in verbs if verb not in left_out))


def _state_clock(session: Session, case: CaseRow, now: datetime) -> ClockView | None:
    key = clock_of_case(session, case)
    if key is None or case.due_at is None:
        return None
    name = clock_table().find(key).zh
    return _clock(StageClock(key, name, "bureau", case.entered_at, case.due_at), now)


def _clock(clock: StageClock, now: datetime) -> ClockView:
    status = clock.status(now)
    return ClockView(
        clock.key,
        clock.zh,
        clock.duty,
        DUTY_NAMES[clock.duty],
        clock.started_at,
        clock.due_at,
        clock.ended_at,
        status,
        "已超期" if status == "over" and clock.duty == "bureau" else STATUS_NAMES[status],
        remaining_working_days(clock.due_at, now) if clock.ended_at is None else None,
        not is_published(clock.due_at.astimezone(SHANGHAI).year),
    )


def _stages(events: Sequence[CaseEventRow]) -> tuple[StageView, ...]:
    """All stages once a case was filed, with who reached which when in the newest filing."""
    filed = [place for place, event in enumerate(events) if event.action == "file_case"]
    if not filed:
        return ()
    reached = {
        event.facts.get("stage"): event for event in events[filed[-1] :] if event.action in ENTERS_STAGE
    }
    return tuple(
        StageView(
            stage.key,
            stage.zh,
            reached[stage.key].at if stage.key in reached else None,
            reached[stage.key].actor_name if stage.key in reached else None,
        )
        for stage in transitions().stage_rules
    )


def _pause(row: PauseRow, case: CaseRow) -> PauseView:
    return PauseView(
        row.pause_id,
        row.reason_code,
        pause_rules()[row.reason_code].zh,
        row.note,
        row.started_at,
        row.started_name,
        row.ends_at,
        row.ended_at,
        row.ended_name,
        row.is_automatic,
        row.pause_id == case.pause_id,
    )


def _pause_choices(actor: Actor, case: CaseRow, now: datetime) -> tuple[PauseChoice, ...]:
    return tuple(
        PauseChoice(rule.key, rule.zh, longest_end(rule, now).astimezone(SHANGHAI).date())
        for rule in pause_rules().values()
        if actor.role in rule.roles and case.state in rule.states and case.due_at is not None
    )


def _objection(
    session: Session, actor: Actor, row: ObjectionRow, case: Mapping[str, Any], now: datetime
) -> ObjectionView:
    post = net.get_post(session, row.owner_post_id)
    holder = holder_of(post)
    is_open = row.status == "open"
    is_own = row.raised_by == actor.account_id
    is_above = tier_of(actor) <= row.decided_tier and tier_of(actor) < row.raised_tier
    may = allows(actor, "objection.decide", row.division_code)
    return ObjectionView(
        objection_id=row.objection_id,
        patch_id=row.patch_id,
        number=case["number"],
        kind=row.kind,
        kind_name=objection_table().rule(row.kind).zh,
        reason_code=row.reason_code,
        reason_name=reason_name(row.reason_code) or "",
        note=row.note,
        evidence_ids=tuple(UUID(one) for one in row.evidence_ids),
        target=row.target,
        status=row.status,
        status_name=OBJECTION_STATUS[row.status],
        raised_at=row.raised_at,
        raised_name=row.raised_name,
        owner_name=holder.name if holder else "",
        owner_title=post.title,
        due_at=row.due_at,
        remaining_wd=remaining_working_days(row.due_at, now) if is_open else None,
        pauses_case=row.pause_id is not None,
        decided_at=row.decided_at,
        decided_name=row.decided_name,
        decision_code=row.decision_code,
        decision_name=reason_name(row.decision_code),
        decision_note=row.decision_note,
        outcome=row.outcome,
        version=case["version"],
        can_decide=is_open and may and is_above and name_key(actor.name) != name_key(row.raised_name),
        can_withdraw=is_open and is_own,
    )


def _transfer(events: Sequence[CaseEventRow]) -> TransferView | None:
    sent = transfer_of(events)
    if sent is None:
        return None
    later = [event for event in events if event.version > sent.version]
    answer = next((e for e in later if e.action in {"record_receipt", "refuse_receipt"}), None)
    facts: dict[str, Any] = {**sent.facts, **(answer.facts if answer else {})}
    status = {"record_receipt": "received", "refuse_receipt": "refused"}.get(
        answer.action if answer else "", "waiting"
    )
    received_on = facts.get("received_on")
    return TransferView(
        authority=str(facts.get("authority") or sent.reason_code),
        authority_name=reason_name(sent.reason_code) or "",
        paper_no=facts.get("paper_no"),
        sent_on=_sent_on(sent),
        is_competent=bool(sent.facts.get("is_competent", True)),
        reminded_on=tuple(_sent_on(event) for event in later if event.action == "remind_receipt"),
        receipt_no=facts.get("receipt_no"),
        received_on=date.fromisoformat(str(received_on)) if received_on else None,
        status=status,
    )


def _sent_on(event: CaseEventRow) -> date:
    given = event.facts.get("sent_on")
    return date.fromisoformat(str(given)) if given else event.at.astimezone(SHANGHAI).date()


def _warnings(
    session: Session, rows: Sequence[WarningRow], numbers: Mapping[UUID, str]
) -> tuple[WarningView, ...]:
    titles = store.names_of(session, [row.post_id for row in rows])
    return tuple(
        WarningView(
            row.patch_id,
            numbers[row.patch_id],
            row.clock,
            row.clock_name,
            row.kind,
            row.due_at,
            row.told_at,
            row.to_name,
            titles.get(row.post_id, ""),
        )
        for row in rows
    )


def _watch(row: WatchRow) -> WatchView:
    seen = row.observed_at.astimezone(SHANGHAI)
    text = f"{seen:%Y-%m-%d} {row.facts.get('sensor', '')}影像复看：{WATCH_NAMES[row.outcome]}"
    if row.facts.get("why"):
        text += f"（{row.facts['why']}）"
    return WatchView(row.scene_id, row.observed_at, row.outcome, text + "。")
