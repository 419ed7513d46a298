"""The weekly lottery among closed cases."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Query

from patrol.recheck import service as recheck
from patrol.recheck.service import Finding
from patrol.reports.rankings import ranking_policy
from webmap.deps import SignedIn, noun_router
from webmap.schemas.net.lottery import FindingForm, LotteryInfo, OwnTicket

router = noun_router("lottery")


@router.get("/lottery", summary="A week's lottery: seed, drawn cases, outcomes, estimate")
def read_lottery(
    caller: SignedIn,
    week: Annotated[str, Query(max_length=8, examples=["2026-W37"])],
    division: Annotated[str | None, Query(description="12-digit code; none: the city.")] = None,
) -> LotteryInfo:
    """Anybody can draw it again from the seed and the cases that could be drawn."""
    with caller.transaction() as session:
        view = recheck.lottery(session, caller.actor, week, division_code=division)
    info = LotteryInfo.model_validate(view)
    if not ranking_policy().ranks_persons[caller.runtime.settings.policy_profile]:
        for ticket in info.tickets:
            ticket.holder_name = None
    return info


@router.get("/lottery/tickets", summary="Cases of other counties that the caller still has to look at")
def list_own_tickets(caller: SignedIn) -> list[OwnTicket]:
    """Soonest first."""
    with caller.transaction() as session:
        found = recheck.my_tickets(session, caller.actor)
    return [OwnTicket.model_validate(ticket) for ticket in found]


@router.post("/lottery/tickets/{ticket_id}/finding", summary="Say what was found on site")
def record_finding(caller: SignedIn, ticket_id: UUID, body: FindingForm) -> OwnTicket:
    """Once, by whoever holds the ticket; nobody who ever moved the case may."""
    finding = Finding(body.outcome, body.note, body.lonlat, body.accuracy_m)
    with caller.transaction() as session:
        view = recheck.record_finding(session, caller.actor, ticket_id, finding, now=caller.now())
    return OwnTicket.model_validate(view)
