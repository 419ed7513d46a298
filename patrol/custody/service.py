"""Verbs on evidence that is in: look, hand out, print, review, settle what was held back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from foundation import audit
from foundation.access import Actor, require
from foundation.blobs import BlobStore
from foundation.errors import Conflict, InvalidInput, NotAllowed, NotFound
from patrol.cases import store as cases
from patrol.custody.views import (
    Copy,
    CustodyStep,
    EvidenceDetail,
    FindingView,
    HeldView,
    ReviewView,
)
from patrol.tables import EvidenceRow
from patrol.visits import store
from patrol.visits.custody import STEPS, add_step
from patrol.visits.evidence import SUFFIXES, kind_name
from patrol.visits.plausibility import sentence
from patrol.visits.tables import CustodyEventRow, HeldSubmissionRow

ASPECTS = {
    "legal": ("法制审核", "evidence.review_legal"),
    "technical": ("技术审核", "evidence.review_technical"),
}
OUTCOMES = ("accepted", "rejected")
HELD_REASONS = {"no_parent": "等待核查记录", "other_body": "同一编号两份内容"}
SETTLEMENTS = ("first_stands", "second_noted")
SEALED = ("video/", "audio/")
"""Kinds of file that carry metadata and of which no bare copy is made here."""
LIST_MAX = 500


def evidence_detail(
    session: Session, actor: Actor, evidence_id: UUID, *, blobs: BlobStore | None = None
) -> EvidenceDetail:
    """One piece of evidence with its score, reasons, reviews and custody.

    Raises
    ------
    NotFound
        ``patrol.evidence.not_found``, also outside the actor's area.
    """
    row = _visible(session, actor, evidence_id, right="evidence.view")
    steps = store.custody_of(session, [evidence_id])
    place = cases.locations_of(session, [evidence_id]).get(evidence_id)
    return EvidenceDetail(
        **{name: getattr(row, name) for name in PLAIN_FIELDS},
        kind_name=kind_name(row.kind),
        hash_ok=blobs is None or row.sha256 in blobs,
        lonlat=place,
        flags=tuple(row.flags),
        findings=tuple(_finding(found) for found in row.doubts),
        claims=row.claims,
        reviews=reviews_of(steps),
        custody=tuple(step_view(step) for step in steps),
        has_public_copy=row.public_sha256 is not None,
    )


def custody_of_case(session: Session, actor: Actor, patch_id: UUID) -> tuple[CustodyStep, ...]:
    """Every step of every piece of evidence of a case, and of its file as a whole.

    Raises
    ------
    NotFound
        ``patrol.case.not_found``.
    """
    place = store.place_of_patch(session, patch_id)
    if place is None:
        raise NotFound("patrol.case.not_found", patch_id=str(patch_id))
    require(actor, "evidence.view", place.division_code)
    return tuple(step_view(step) for step in store.custody_of_patch(session, patch_id))


def copy_of(session: Session, actor: Actor, evidence_id: UUID, *, is_original: bool) -> Copy:
    """Which file is handed out: the copy without EXIF, or with the right to it the sealed original.

    Raises
    ------
    NotFound
        ``patrol.evidence.not_found``, also outside the actor's area.
    NotAllowed
        The original without ``evidence.original``; so a video or a recording, of which no bare copy is made.
    """
    row = _visible(session, actor, evidence_id, right="evidence.view")
    may_carry_more = row.media_type.startswith(("image/", *SEALED))
    if is_original or (row.public_sha256 is None and may_carry_more):
        require(actor, "evidence.original", row.division_code)
    if is_original or row.public_sha256 is None:
        sha256, media_type = row.sha256, row.media_type
    else:
        sha256, media_type = row.public_sha256, "image/jpeg"
    name = f"{evidence_id}.{SUFFIXES.get(media_type, 'bin')}"
    return Copy(evidence_id, sha256, media_type, name, is_inline=media_type.startswith("image/"))


def note_viewed(session: Session, actor: Actor, copy: Copy, *, now: datetime) -> None:
    """Enter in custody that somebody looked at a file."""
    row = _visible(session, actor, copy.evidence_id, right="evidence.view")
    kind = "original" if copy.sha256 == row.sha256 else "public"
    add_step(session, actor, row, "viewed", at=now, sha256=copy.sha256, facts={"copy": kind})


def note_printed(
    session: Session, actor: Actor, evidence_ids: Sequence[UUID], *, now: datetime, paper: str = ""
) -> None:
    """Enter in custody that evidence went out on paper.

    Parameters
    ----------
    paper : str, optional
        What it was printed in: number or name of the paper.
    """
    for evidence_id in evidence_ids:
        row = _visible(session, actor, evidence_id, right="evidence.view")
        add_step(session, actor, row, "printed", at=now, facts={"paper": paper} if paper else None)


def review_evidence(
    session: Session,
    actor: Actor,
    evidence_id: UUID,
    *,
    aspect: str,
    outcome: str,
    note: str = "",
    now: datetime,
) -> EvidenceDetail:
    """Review a piece of evidence; it counts as reviewed once both aspects were accepted by two people.

    Nobody reviews what they captured, and nobody reviews both aspects of one piece: monitoring records become
    evidence only after legal and technical review (行政处罚法 第四十一条).

    Raises
    ------
    InvalidInput
        ``patrol.evidence.unknown_review``; ``patrol.evidence.review_needs_note`` for a rejection without one.
    NotAllowed
        ``patrol.evidence.own_review``, or the role lacks the right of the aspect.
    NotFound
        ``patrol.evidence.not_found``.
    """
    if aspect not in ASPECTS or outcome not in OUTCOMES:
        raise InvalidInput("patrol.evidence.unknown_review", aspect=aspect, outcome=outcome)
    if outcome == "rejected" and not note.strip():
        raise InvalidInput("patrol.evidence.review_needs_note")
    require(actor, ASPECTS[aspect][1])
    row = store.lock_evidence(session, evidence_id)
    if row is None:
        raise NotFound("patrol.evidence.not_found", evidence_id=str(evidence_id))
    require(actor, ASPECTS[aspect][1], row.division_code)
    steps = store.custody_of(session, [evidence_id])
    others = {
        step.actor_id for step in steps if step.step == "reviewed" and step.facts.get("aspect") != aspect
    }
    if actor.account_id == row.by_id or actor.account_id in others:
        raise NotAllowed("patrol.evidence.own_review", aspect=ASPECTS[aspect][0])
    facts = {"aspect": aspect, "outcome": outcome, "note": note.strip()}
    add_step(session, actor, row, "reviewed", at=now, facts=facts)
    words = {review.aspect: review.outcome for review in reviews_of(store.custody_of(session, [evidence_id]))}
    row.is_reviewed = all(words.get(each) == "accepted" for each in ASPECTS)
    session.flush()
    return evidence_detail(session, actor, evidence_id)


def held_submissions(
    session: Session, actor: Actor, *, is_open: bool = True, limit: int = 200
) -> tuple[HeldView, ...]:
    """What waits in the backlog, and of which there are two; newest first.

    Raises
    ------
    InvalidInput
        ``patrol.list.bad_limit``.
    """
    require(actor, "evidence.view")
    if not 1 <= limit <= LIST_MAX:
        raise InvalidInput("patrol.list.bad_limit", limit=limit, maximum=LIST_MAX)
    return tuple(_held(row) for row in store.held_list(session, is_open=is_open, limit=limit))


def settle_held(
    session: Session, actor: Actor, held_id: UUID, *, outcome: str, note: str, now: datetime
) -> HeldView:
    """Say what comes of a second body under one id; both stay, nothing is replaced.

    Parameters
    ----------
    outcome : str
        ``first_stands``: the second is set aside; ``second_noted``: it is noted beside the first.

    Raises
    ------
    InvalidInput
        ``patrol.held.unknown_outcome`` or ``patrol.held.needs_note``.
    NotFound
        ``patrol.held.not_found``.
    Conflict
        ``patrol.held.settled``, or ``patrol.held.still_waiting`` for one that waits for its visit.
    """
    if outcome not in SETTLEMENTS:
        raise InvalidInput("patrol.held.unknown_outcome", outcome=outcome, accepted=list(SETTLEMENTS))
    if not note.strip():
        raise InvalidInput("patrol.held.needs_note")
    require(actor, "evidence.settle")
    row = store.lock_held(session, held_id)
    if row is None:
        raise NotFound("patrol.held.not_found", held_id=str(held_id))
    require(actor, "evidence.settle", row.division_code)
    if row.settled_at is not None:
        raise Conflict("patrol.held.settled", by=row.settled_by)
    if row.reason == "no_parent":
        raise Conflict("patrol.held.still_waiting", visit_id=str(row.parent_id))
    row.settled_at, row.settled_by, row.outcome, row.note = now, actor.name, outcome, note.strip()
    session.flush()
    facts = {"held_id": str(held_id), "outcome": outcome, "sha256": row.sha256, "note": row.note}
    subject = (row.kind, row.submission_id)
    audit.record(
        session, actor, f"patrol.{row.kind}.second_body_settled", subject=subject, at=now, facts=facts
    )
    return _held(row)


def reviews_of(steps: Sequence[CustodyEventRow]) -> tuple[ReviewView, ...]:
    """The newest review of each aspect."""
    newest: dict[str, ReviewView] = {}
    for step in steps:
        if step.step == "reviewed":
            aspect = step.facts["aspect"]
            newest[aspect] = ReviewView(
                aspect,
                ASPECTS[aspect][0],
                step.facts["outcome"],
                step.actor_name,
                step.at,
                step.facts["note"],
            )
    return tuple(newest[aspect] for aspect in ASPECTS if aspect in newest)


def step_view(row: CustodyEventRow) -> CustodyStep:
    """A step as people see it."""
    return CustodyStep(
        row.seq,
        row.evidence_id,
        row.step,
        STEPS[row.step][0],
        row.at,
        row.actor_name,
        row.sha256,
        row.sm3,
        row.facts,
    )


PLAIN_FIELDS = (
    "evidence_id",
    "visit_id",
    "finding_id",
    "patch_id",
    "kind",
    "title",
    "media_type",
    "size",
    "sha256",
    "sm3",
    "captured_at",
    "received_at",
    "by_name",
    "accuracy_m",
    "bearing_deg",
    "distance_m",
    "plausibility",
    "is_reviewed",
)


def _visible(session: Session, actor: Actor, evidence_id: UUID, *, right: str) -> EvidenceRow:
    row = cases.find_evidence(session, evidence_id)
    if row is None:
        raise NotFound("patrol.evidence.not_found", evidence_id=str(evidence_id))
    require(actor, right, row.division_code)
    return row


def _finding(found: dict[str, Any]) -> FindingView:
    return FindingView(
        found["check"],
        found["reason"],
        found["factor"],
        found["weight"],
        sentence(found, "zh"),
        sentence(found, "en"),
    )


def _held(row: HeldSubmissionRow) -> HeldView:
    return HeldView(
        row.held_id,
        row.reason,
        HELD_REASONS[row.reason],
        row.kind,
        row.submission_id,
        row.parent_id,
        row.division_code,
        row.sha256,
        row.size,
        row.received_at,
        row.by_name,
        row.claim,
        row.settled_at,
        row.settled_by,
        row.outcome,
        row.note,
    )
