"""Verbs of the field: a visit, exactly once under the id that the phone made."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from foundation import audit
from foundation.access import Actor, require
from foundation.audit import canonical
from foundation.blobs import BlobStore
from foundation.errors import Conflict
from patrol.cases import store
from patrol.cases.cases import fits, transitions
from patrol.cases.ledger import (
    AssignmentLog,
    Details,
    locked_assignment,
    situation_of,
    write_move,
)
from patrol.tables import AssignmentRow, CaseRow, VisitRow
from patrol.visits.receiving import Recorded, apply_held, hold_other_body
from patrol.visits.visits import FINDINGS, VisitBody, body_sha256, check_visit, plain_body, to_storage


def record_visit(
    session: Session, actor: Actor, body: VisitBody, *, now: datetime, blobs: BlobStore | None = None
) -> Recorded:
    """Store a visit; when it answers an open verification, the case moves on to be judged.

    The same body again gives the same answer for ever. A visit that comes late, or out of order (before the
    signature, after the assignment was taken back), is stored all the same; only the case stays where it is.

    Parameters
    ----------
    blobs : BlobStore, optional
        Evidence that the actor sent ahead of the visit is recorded with it; without, by the next sweep.

    Raises
    ------
    InvalidInput
        As `patrol.visits.visits.check_visit`.
    NotFound
        ``patrol.assignment.not_found``.
    NotAllowed
        ``patrol.assignment.not_yours``.
    Conflict
        ``patrol.visit.other_body``: another body under the same id.
    """
    check_visit(body)
    digest = body_sha256(body)
    store.lock_key(session, f"visit/{body.visit_id}")
    known = store.find_visit(session, body.visit_id)
    if known is not None:
        if known.body_sha256 != digest:
            raise Conflict("patrol.visit.other_body", visit_id=str(body.visit_id))
        return Recorded(known.visit_id, is_new=False, distance_m=known.distance_m)
    case, assignment = locked_assignment(session, actor, body.assignment_id, right="visit.record")
    row = _visit_row(session, actor, case, body, digest, now)
    session.add(row)
    session.flush()
    facts = {"finding": body.finding, "distance_m": round(row.distance_m, 1), "body_sha256": digest}
    audit.record(
        session, actor, "patrol.visit.recorded", subject=("visit", body.visit_id), at=now, facts=facts
    )
    _answer(session, actor, case, assignment, body, now=now)
    if blobs is not None:
        apply_held(session, actor, body.visit_id, blobs=blobs, now=now)
    return Recorded(body.visit_id, is_new=True, distance_m=row.distance_m)


def keep_other_visit(
    session: Session, actor: Actor, body: VisitBody, *, blobs: BlobStore, now: datetime
) -> UUID:
    """Keep the second of two visits under one id, for a person to compare; returns what it is held under."""
    require(actor, "visit.record")
    plain = plain_body(body)
    first = store.find_visit(session, body.visit_id)
    return hold_other_body(
        session,
        actor,
        kind="visit",
        identity=body.visit_id,
        division_code=first.division_code if first else actor.area_code,
        claim=plain,
        blob=blobs.put(canonical(plain).encode()),
        now=now,
    )


def _visit_row(
    session: Session, actor: Actor, case: CaseRow, body: VisitBody, digest: str, now: datetime
) -> VisitRow:
    lonlat = to_storage(body.lonlat, body.coord_source)
    distance_m = store.distance_to_patch_m(session, case.patch_id, lonlat)
    return VisitRow(
        visit_id=body.visit_id,
        assignment_id=body.assignment_id,
        patch_id=case.patch_id,
        division_code=case.division_code,
        visitor_id=actor.account_id,
        visitor_name=actor.name,
        device_time=body.device_time,
        device_counter=body.device_counter,
        received_at=now,
        location=store.point(lonlat),
        accuracy_m=body.accuracy_m,
        coord_source=body.coord_source,
        distance_m=distance_m,
        finding=body.finding,
        findings={
            "use_text": body.use_text,
            "party_text": body.party_text,
            "is_stopped": body.is_stopped,
            "note": body.note,
            "heading_deg": body.heading_deg,
            "heading_source": body.heading_source,
            "as_sent_lonlat": list(body.lonlat),
        },
        body_sha256=digest,
    )


def _answer(
    session: Session,
    actor: Actor,
    case: CaseRow,
    assignment: AssignmentRow,
    body: VisitBody,
    *,
    now: datetime,
) -> None:
    """Move the case on, where this visit is the answer that it waits for."""
    situation = situation_of(session, case)
    move = next(
        (row for row in transitions().moves if row.action == "record_visit" and fits(row, situation)), None
    )
    is_asked_for = assignment.kind == "verify" and assignment.status in {"waiting", "sent", "signed"}
    if move is None or not is_asked_for:
        return
    log = AssignmentLog(session)
    log.change(assignment, status="done", signed_at=assignment.signed_at or now, done_at=now)
    log.finish_open(case, "forwarded", now, kinds=("hand_down",))
    write_move(
        session,
        actor,
        case,
        move,
        now=now,
        details=Details(
            note=f"{FINDINGS[body.finding]}。{body.note}".rstrip("。") + "。",
            facts={"visit_id": str(body.visit_id), "finding": body.finding, "is_stopped": body.is_stopped},
            log=log,
        ),
    )
