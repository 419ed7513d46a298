"""Verbs for leads that wait for a person: list them with what they may belong to, attach, dismiss, undo.

Each runs inside the caller's transaction, checks the right first, and audits beside the write. Of two
officers at one lead the second is told: the ground is locked.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from detection import service, store
from detection.fuse import Suggestion, lock_cells, suggestions
from detection.leads import Lead
from detection.patches import Patch
from detection.rules import current_rules
from detection.tables import LeadDecisionRow
from detection.waiting import store as waiting
from detection.waiting.reasons import require_dismiss_reason
from foundation import access, audit
from foundation.access import Actor
from foundation.errors import Conflict, NotFound
from foundation.ids import uuid7

RIGHT = "lead.settle"


@dataclass(frozen=True, slots=True)
class SuggestedPatch:
    """A patch that a waiting lead may belong to, and how far it lies."""

    patch: Patch
    suggestion: Suggestion


@dataclass(frozen=True, slots=True)
class WaitingLead:
    """A lead that no rule could place, with the patches around it, the nearest first."""

    lead: Lead
    suggested: tuple[SuggestedPatch, ...]


@dataclass(frozen=True, slots=True)
class WaitingList:
    """The newest leads that wait, and how many there are in all."""

    items: tuple[WaitingLead, ...]
    total: int


def list_waiting_leads(session: Session, actor: Actor, *, limit: int = 100) -> WaitingList:
    """Leads inside the actor's area that belong to no patch and were not dismissed, newest first."""
    access.require(actor, RIGHT)
    ids, total = waiting.waiting_ids(session, limit=limit)
    by_id = {lead.lead_id: lead for lead in store.leads_by_id(session, ids)}
    leads = [by_id[lead_id] for lead_id in ids]
    if not leads:
        return WaitingList((), total)
    fusion = current_rules().thresholds["fusion"]
    around = store.candidates_near(session, leads, reach_m=fusion["sighting"]["suggest_m"])
    known = {patch.patch_id: patch for patch in store.patches(session, [one.patch_id for one in around])}
    items = tuple(
        WaitingLead(
            lead,
            tuple(SuggestedPatch(known[one.patch_id], one) for one in suggestions(lead, around, fusion)),
        )
        for lead in leads
    )
    return WaitingList(items, total)


def get_lead(session: Session, actor: Actor, lead_id: UUID) -> Lead:
    """One lead inside the actor's area.

    Raises
    ------
    NotFound
        ``detection.lead.not_found``.
    """
    access.require(actor, RIGHT)
    lead = waiting.find_lead(session, lead_id)
    if lead is None or not access.allows(actor, RIGHT, lead.division_code):
        raise NotFound("detection.lead.not_found", lead_id=str(lead_id))
    return lead


def attach_lead(session: Session, actor: Actor, lead_id: UUID, patch_id: UUID, *, now: datetime) -> Patch:
    """Make a waiting lead part of a patch, because a person says so.

    Raises
    ------
    NotFound
        ``detection.lead.not_found`` or ``detection.patch.not_found``.
    Conflict
        ``detection.lead.not_waiting``: it belongs to a patch or was dismissed meanwhile.
    """
    lead = waiting_lead(session, actor, lead_id)
    patch = service.get_patch(session, actor, patch_id)
    access.require(actor, RIGHT, patch.division_code)
    standing = store.lock_patch(session, patch_id)
    store.attach(session, patch_id, [lead_id], now)
    if standing is not None and standing.settled_at is None and not lead.is_sighting:
        service.reshape(session, patch_id, store.active_leads(session, [patch_id])[patch_id])
    decide(session, actor, lead, "attached", now=now, patch_id=patch_id)
    facts = {"lead_id": str(lead_id), "number": patch.number}
    subject = ("patch", patch_id)
    audit.record(session, actor, "detection.lead.attached", subject=subject, at=now, facts=facts)
    return patch


def dismiss_lead(
    session: Session,
    actor: Actor,
    lead_id: UUID,
    *,
    reason_code: str,
    note: str | None = None,
    now: datetime,
) -> Lead:
    """Lay a waiting lead aside with a reason; it stays stored, and is not fused again.

    Raises
    ------
    InvalidInput
        ``detection.lead.unknown_reason``, ``detection.lead.note_missing`` or
        ``detection.lead.note_too_long``.
    NotFound
        ``detection.lead.not_found``.
    Conflict
        ``detection.lead.not_waiting``.
    """
    require_dismiss_reason(reason_code, note)
    lead = waiting_lead(session, actor, lead_id)
    decide(session, actor, lead, "dismissed", now=now, reason_code=reason_code, note=note or None)
    facts = {"reason_code": reason_code, "source": lead.source}
    subject = ("lead", lead_id)
    audit.record(session, actor, "detection.lead.dismissed", subject=subject, at=now, facts=facts)
    return lead


def undo_decision(session: Session, actor: Actor, lead_id: UUID, *, now: datetime, undo_minutes: int) -> Lead:
    """Take back one's own decision about a lead, which then waits again.

    Raises
    ------
    NotFound
        ``detection.lead.not_found``.
    Conflict
        ``detection.lead.nothing_to_undo``, ``detection.lead.somebody_else`` or
        ``detection.lead.undo_too_late``.
    """
    lead = get_lead(session, actor, lead_id)
    store.lock_ground(session, lock_cells([lead]))
    decision = waiting.standing_decision(session, lead_id)
    if decision is None:
        raise Conflict("detection.lead.nothing_to_undo", lead_id=str(lead_id))
    if decision.by_id != actor.account_id:
        raise Conflict("detection.lead.somebody_else", by_name=decision.by_name)
    if now > decision.made_at + timedelta(minutes=undo_minutes):
        raise Conflict("detection.lead.undo_too_late", minutes=undo_minutes)
    if decision.patch_id is not None:
        patch = service.get_patch(session, actor, decision.patch_id)
        store.lock_patch(session, patch.patch_id)
        service.take_out(session, patch, lead_id, now)
    else:
        waiting.end_decision(session, decision.decision_id, now)
    facts: dict[str, Any] = {"undone": decision.kind}
    if decision.patch_id is not None:
        facts["patch_id"] = str(decision.patch_id)
    subject = ("lead", lead_id)
    audit.record(session, actor, "detection.lead.decision_undone", subject=subject, at=now, facts=facts)
    return lead


def waiting_lead(session: Session, actor: Actor, lead_id: UUID) -> Lead:
    """The lead, its ground held, while it still waits.

    Raises
    ------
    NotFound
        ``detection.lead.not_found``.
    Conflict
        ``detection.lead.not_waiting``.
    """
    lead = get_lead(session, actor, lead_id)
    access.require(actor, RIGHT, lead.division_code)
    store.lock_ground(session, lock_cells([lead]))
    if not store.unattached(session, [lead_id]):
        raise Conflict("detection.lead.not_waiting", lead_id=str(lead_id))
    return lead


def decide(session: Session, actor: Actor, lead: Lead, kind: str, *, now: datetime, **values: Any) -> None:
    """Keep what a person decided about a lead: ``attached`` or ``dismissed``."""
    decision = LeadDecisionRow(
        decision_id=uuid7(now),
        lead_id=lead.lead_id,
        division_code=lead.division_code,
        kind=kind,
        by_id=actor.account_id,
        by_name=actor.name,
        made_at=now,
        **values,
    )
    waiting.add_decision(session, decision)
