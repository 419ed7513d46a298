"""Verbs of the field: a visit and its evidence, each exactly once under the id that the phone made."""

from __future__ import annotations

from datetime import datetime
from typing import IO, NamedTuple
from uuid import UUID

from sqlalchemy.orm import Session

from foundation import audit
from foundation.access import Actor, require
from foundation.blobs import Blob, BlobStore
from foundation.errors import Conflict, InvalidInput
from patrol.cases import store
from patrol.cases.cases import fits, transitions
from patrol.cases.ledger import (
    AssignmentLog,
    Details,
    locked_assignment,
    situation_of,
    write_move,
)
from patrol.tables import AssignmentRow, CaseRow, EvidenceRow, VisitRow
from patrol.visits.evidence import EvidenceClaim, check_claim, flags_of
from patrol.visits.visits import FINDINGS, VisitBody, body_sha256, check_visit, to_storage

HEAD_BYTES = 16


class Recorded(NamedTuple):
    """What came of a submission: its row's id, whether it is new, and how far from the patch it was."""

    identity: UUID
    is_new: bool
    distance_m: float | None
    flags: tuple[str, ...] = ()


def record_visit(session: Session, actor: Actor, body: VisitBody, *, now: datetime) -> Recorded:
    """Store a visit; when it answers an open verification, the case moves on to be judged.

    The same body again gives the same answer for ever. A visit that comes late, or out of order (before the
    signature, after the assignment was taken back), is stored all the same; only the case stays where it is.

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
    return Recorded(body.visit_id, is_new=True, distance_m=row.distance_m)


def record_evidence(
    session: Session,
    actor: Actor,
    claim: EvidenceClaim,
    data: bytes | IO[bytes],
    *,
    blobs: BlobStore,
    now: datetime,
) -> Recorded:
    """Store a piece of evidence: bytes by their hash, custody in its row, doubts as flags.

    Raises
    ------
    InvalidInput
        ``patrol.evidence.hash_mismatch``: what arrived is not what the phone hashed; nothing is kept.
        Or a code of `patrol.visits.evidence.check_claim`.
    Conflict
        ``patrol.evidence.no_visit_yet``: its visit has not arrived; send it again after the visit.
        ``patrol.evidence.other_body``: another file under the same id.
    """
    require(actor, "visit.record")
    store.lock_key(session, f"evidence/{claim.evidence_id}")
    known = store.find_evidence(session, claim.evidence_id)
    if known is not None:
        if known.sha256 != claim.sha256 or known.visit_id != claim.visit_id:
            raise Conflict("patrol.evidence.other_body", evidence_id=str(claim.evidence_id))
        return Recorded(
            known.evidence_id, is_new=False, distance_m=known.distance_m, flags=tuple(known.flags)
        )
    visit = store.find_visit(session, claim.visit_id)
    if visit is None:
        raise Conflict("patrol.evidence.no_visit_yet", visit_id=str(claim.visit_id))
    require(actor, "visit.record", visit.division_code)
    row = _evidence_row(session, actor, visit, claim, blobs.put(data), blobs, now)
    session.add(row)
    session.flush()
    audit.record(
        session,
        actor,
        "patrol.evidence.recorded",
        subject=("evidence", claim.evidence_id),
        at=now,
        facts={"sha256": row.sha256, "size": row.size, "flags": row.flags, "visit_id": str(visit.visit_id)},
    )
    return Recorded(claim.evidence_id, is_new=True, distance_m=row.distance_m, flags=tuple(row.flags))


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


def _evidence_row(
    session: Session,
    actor: Actor,
    visit: VisitRow,
    claim: EvidenceClaim,
    blob: Blob,
    blobs: BlobStore,
    now: datetime,
) -> EvidenceRow:
    lonlat = to_storage(claim.lonlat, claim.coord_source) if claim.lonlat else None
    if blob.sha256 != claim.sha256:
        raise InvalidInput("patrol.evidence.hash_mismatch", expected=claim.sha256, found=blob.sha256)
    with blobs.path(blob.sha256).open("rb") as file:
        kind = check_claim(claim, head=file.read(HEAD_BYTES))
    distance_m = store.distance_to_patch_m(session, visit.patch_id, lonlat) if lonlat else None
    flags = flags_of(
        claim,
        kind=kind,
        received_at=now,
        distance_m=distance_m,
        is_duplicate=store.is_known_picture(session, blob.sha256, claim.evidence_id),
    )
    return EvidenceRow(
        evidence_id=claim.evidence_id,
        visit_id=visit.visit_id,
        patch_id=visit.patch_id,
        division_code=visit.division_code,
        kind=kind,
        media_type=claim.media_type,
        sha256=blob.sha256,
        size=blob.size,
        captured_at=claim.captured_at,
        received_at=now,
        location=store.point(lonlat) if lonlat else None,
        accuracy_m=claim.accuracy_m,
        bearing_deg=claim.bearing_deg,
        coord_source=claim.coord_source,
        distance_m=distance_m,
        flags=flags,
        is_reviewed=False,
        by_id=actor.account_id,
        by_name=actor.name,
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
