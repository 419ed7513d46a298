"""Verbs of the weekly lottery: draw it, answer a ticket, say what the answers mean."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.engine import RowMapping
from sqlalchemy.orm import Session

from foundation import audit
from foundation.access import Actor, require
from foundation.calendar import SHANGHAI, Period, add_working_days, parse_period, previous_period, week_of
from foundation.divisions import divisions
from foundation.errors import Conflict, InvalidInput, NotAllowed, NotFound
from foundation.ids import derived_id
from patrol.cases.store import lock_key
from patrol.net import service as net
from patrol.net.posts import Holder, resolve_owner
from patrol.recheck import store
from patrol.recheck.draws import ClosedCase, Draw, Estimate, Ticket, draw, estimate, recheck_policy, seed_of
from patrol.recheck.tables import RecheckDrawRow, RecheckTicketRow

NOTE_MAX = 2000
COUNTY_TIER = 2


@dataclass(frozen=True, slots=True)
class TicketView:
    """One drawn case as the officer of the other county sees it."""

    ticket_id: UUID
    number: str
    week: str
    division_name: str
    by_division_name: str
    holder_name: str
    due_at: datetime
    brief: dict[str, Any]
    outcome: str | None
    outcome_name: str | None
    note: str | None
    distance_m: float | None
    found_at: datetime | None
    found_by_name: str | None


@dataclass(frozen=True, slots=True)
class LotteryView:
    """One week's lottery with everything that lets a reader draw it again."""

    week: str
    seed: str
    audit_seq: int
    audit_hash: str
    drawn_at: datetime
    population: tuple[ClosedCase, ...]
    tickets: tuple[TicketView, ...]
    estimate: Estimate


@dataclass(frozen=True, slots=True)
class Finding:
    """What the officer of the other county found.

    Attributes
    ----------
    lonlat : tuple of float
        Where they stood, EPSG:4490; the service says how far from the outline that is.
    """

    outcome: str
    note: str = ""
    lonlat: tuple[float, float] | None = None
    accuracy_m: float | None = None


def draw_week(
    session: Session,
    actor: Actor,
    *,
    now: datetime,
    week: str | None = None,
    division_code: str | None = None,
) -> LotteryView:
    """Draw the lottery of a week that has ended; drawn twice, the first draw stands.

    Parameters
    ----------
    week : str, optional
        ``2026-W37``; the last full one when left out.

    Raises
    ------
    Conflict
        ``patrol.recheck.week_runs``; ``patrol.recheck.one_county``; ``patrol.post.no_owner``.
    """
    code = division_code or actor.area_code
    require(actor, "report.draft", code)
    period = parse_period(week) if week else previous_period(week_of(now))
    if now < period.ends_at:
        raise Conflict("patrol.recheck.week_runs", week=period.label)
    lock_key(session, f"recheck/{code}")
    known = store.find_draw(session, period.label, code)
    if known is not None:
        return _view(session, known)
    return _view(session, _drawn(session, actor, period, code, now))


def _drawn(session: Session, actor: Actor, period: Period, code: str, now: datetime) -> RecheckDrawRow:
    policy = recheck_policy()["draw"]
    prefix = divisions().get(code).prefix
    since = period.ends_at - timedelta(weeks=policy["window_weeks"])
    rows = {row["number"]: row for row in store.closed_cases(session, prefix, since, period.ends_at)}
    seq, head = store.audit_head(session)
    holders = _county_holders(session, actor, prefix, now)
    population = [
        ClosedCase(number, row["division_code"][:6], row["closed_at"].astimezone(SHANGHAI).date())
        for number, row in rows.items()
    ]
    found = draw(seed_of(period.label, audit_seq=seq, audit_hash=head), population, list(holders))
    lottery = RecheckDrawRow(
        draw_id=derived_id("recheck", period.label, code),
        week=period.label,
        division_code=code,
        seed=found.seed,
        audit_seq=seq,
        audit_hash=head,
        population=[[case.number, case.county_code, case.closed_on.isoformat()] for case in found.population],
        drawn_at=now,
    )
    session.add(lottery)
    session.flush()
    due_at = add_working_days(now, policy["days"])
    session.add_all(
        _ticket(lottery, ticket, rows[ticket.number], holders[ticket.by_county], due_at)
        for ticket in found.tickets
    )
    session.flush()
    facts = {"week": period.label, "seed": found.seed, "tickets": [ticket.number for ticket in found.tickets]}
    subject = ("recheck_draw", lottery.draw_id)
    audit.record(session, actor, "patrol.recheck.drawn", subject=subject, at=now, facts=facts)
    return lottery


def _county_holders(session: Session, actor: Actor, prefix: str, now: datetime) -> dict[str, Holder]:
    """Who would look for each county: those without anybody of their own are not sent."""
    kinds = ["brigade", "field_chief", "mountain_chief"]
    found = {}
    for division in divisions().all():
        if division.level == 3 and division.code.startswith(prefix):
            posts = net.posts_over(session, actor, division.code, now=now)
            manned = [post for post in posts if post.tier == COUNTY_TIER and post.is_manned]
            if manned:
                found[division.code[:6]] = resolve_owner(manned, division.code, tier=COUNTY_TIER, kinds=kinds)
    return found


def _ticket(
    lottery: RecheckDrawRow, ticket: Ticket, row: RowMapping, holder: Holder, due_at: datetime
) -> RecheckTicketRow:
    return RecheckTicketRow(
        ticket_id=derived_id("recheck_ticket", lottery.week, ticket.number),
        draw_id=lottery.draw_id,
        patch_id=row["patch_id"],
        number=ticket.number,
        division_code=row["division_code"],
        by_division=f"{ticket.by_county}000000",
        post_id=holder.post.post_id,
        holder_name=holder.name,
        holder_account_id=holder.account_id,
        due_at=due_at,
        involved=[str(account) for account in row["involved"]],
        brief={
            "place": divisions().full_name(row["division_code"]),
            "outline": json.loads(row["outline"]),
            "area_m2": round(row["area_m2"], 2),
            "violation_code": row["violation_code"],
            "closed_on": row["closed_at"].astimezone(SHANGHAI).date().isoformat(),
        },
    )


def record_finding(
    session: Session, actor: Actor, ticket_id: UUID, finding: Finding, *, now: datetime
) -> TicketView:
    """Answer a ticket, once, by whoever holds it; nobody who ever moved the case may.

    Raises
    ------
    NotFound
        ``patrol.recheck.not_found``.
    NotAllowed
        ``patrol.recheck.not_yours``, ``patrol.recheck.involved``.
    InvalidInput
        ``patrol.recheck.unknown_outcome``, ``patrol.recheck.no_place``, ``patrol.recheck.needs_note``.
    Conflict
        ``patrol.recheck.answered``.
    """
    _check(finding)
    row = store.lock_ticket(session, ticket_id)
    if row is None:
        raise NotFound("patrol.recheck.not_found", ticket_id=str(ticket_id))
    if row.holder_account_id != actor.account_id:
        raise NotAllowed("patrol.recheck.not_yours", holder=row.holder_name)
    if str(actor.account_id) in row.involved:
        raise NotAllowed("patrol.recheck.involved", number=row.number)
    if row.outcome is not None:
        raise Conflict("patrol.recheck.answered", number=row.number, by=row.found_by_name or "")
    row.outcome, row.note = finding.outcome, finding.note or None
    row.found_at, row.found_by, row.found_by_name = now, actor.account_id, actor.name
    if finding.lonlat is not None:
        row.place = f"SRID=4490;POINT({finding.lonlat[0]} {finding.lonlat[1]})"
        row.accuracy_m = finding.accuracy_m
        row.distance_m = store.distance_m(session, json.dumps(row.brief["outline"]), finding.lonlat)
    session.flush()
    audit.record(
        session,
        actor,
        "patrol.recheck.found",
        subject=("recheck_ticket", ticket_id),
        at=now,
        facts={"number": row.number, "outcome": finding.outcome, "distance_m": row.distance_m},
    )
    return _ticket_view(row, "")


def _check(finding: Finding) -> None:
    outcomes = recheck_policy()["outcomes"]
    if finding.outcome not in outcomes:
        raise InvalidInput("patrol.recheck.unknown_outcome", outcome=finding.outcome, accepted=list(outcomes))
    if finding.outcome != "not_reached" and finding.lonlat is None:
        raise InvalidInput("patrol.recheck.no_place")
    if finding.outcome != "restored" and not finding.note.strip():
        raise InvalidInput("patrol.recheck.needs_note")
    if len(finding.note) > NOTE_MAX:
        raise InvalidInput("patrol.case.note_too_long", maximum=NOTE_MAX)


def my_tickets(session: Session, actor: Actor) -> list[TicketView]:
    """What an officer still has to look at in other counties."""
    require(actor, "patch.view")
    return [_ticket_view(row, "") for row in store.open_tickets(session, actor.account_id)]


def lottery(session: Session, actor: Actor, week: str, *, division_code: str | None = None) -> LotteryView:
    """One week's lottery with its answers so far.

    Raises
    ------
    NotFound
        ``patrol.recheck.not_drawn``.
    """
    require(actor, "report.view")
    code = division_code or divisions().at_level(actor.area_code, 2).code
    row = store.find_draw(session, parse_period(week).label, code)
    if row is None:
        raise NotFound("patrol.recheck.not_drawn", week=week)
    return _view(session, row)


def _view(session: Session, row: RecheckDrawRow) -> LotteryView:
    tickets = store.tickets_of(session, row.draw_id)
    population = tuple(
        ClosedCase(number, county, date.fromisoformat(closed_on))
        for number, county, closed_on in row.population
    )
    told = Draw(row.seed, population, tuple(_as_ticket(tickets)))
    outcomes = {ticket.number: ticket.outcome for ticket in tickets if ticket.outcome is not None}
    return LotteryView(
        row.week,
        row.seed,
        row.audit_seq,
        row.audit_hash,
        row.drawn_at,
        population,
        tuple(_ticket_view(ticket, row.week) for ticket in tickets),
        estimate(told, outcomes),
    )


def _as_ticket(rows: Sequence[RecheckTicketRow]) -> list[Ticket]:
    return [Ticket(row.number, row.division_code[:6], row.by_division[:6]) for row in rows]


def _ticket_view(row: RecheckTicketRow, week: str) -> TicketView:
    names = recheck_policy()["outcomes"]
    return TicketView(
        row.ticket_id,
        row.number,
        week,
        divisions().full_name(row.division_code),
        divisions().get(row.by_division).name,
        row.holder_name,
        row.due_at,
        row.brief,
        row.outcome,
        names.get(row.outcome) if row.outcome else None,
        row.note,
        row.distance_m,
        row.found_at,
        row.found_by_name,
    )


def facts_of(view: LotteryView) -> dict[str, Any]:
    """A lottery as a bulletin prints it; JSON values."""
    return {
        "week": view.week,
        "seed": view.seed,
        "audit_seq": view.audit_seq,
        "population": len(view.population),
        "drawn": len(view.tickets),
        "tickets": [
            {"number": ticket.number, "by": ticket.by_division_name, "outcome": ticket.outcome_name}
            for ticket in view.tickets
        ],
        "estimate": asdict(view.estimate),
    }
