"""Verbs that take evidence in: exactly once, whole or not at all, in whatever order the network delivers."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import IO, Any, NamedTuple
from uuid import UUID

from sqlalchemy.orm import Session

from foundation import audit
from foundation.access import Actor, require
from foundation.blobs import Blob, BlobStore
from foundation.errors import Conflict, InvalidInput, LandwardenError, NotFound
from foundation.ids import uuid7
from patrol.cases import store as cases
from patrol.tables import EvidenceRow
from patrol.visits import custody, store
from patrol.visits.evidence import EvidenceClaim, check_claim, claim_from_plain, claim_to_plain
from patrol.visits.pictures import Picture, look_at
from patrol.visits.plausibility import Assessment, Capture, FileClaims, assess, evidence_policy
from patrol.visits.store import FindingPlace, PatchPlace
from patrol.visits.tables import CaptureNonceRow, HeldSubmissionRow
from patrol.visits.visits import to_storage

HEAD_BYTES = 16
DAYS_A_YEAR = 365


class Recorded(NamedTuple):
    """What came of a submission: its row's id, whether it is new, and how far from the patch it was.

    ``is_held`` where it waits in the backlog for the visit that it belongs to.
    """

    identity: UUID
    is_new: bool
    distance_m: float | None
    flags: tuple[str, ...] = ()
    is_held: bool = False
    plausibility: float | None = None


class Parent(NamedTuple):
    """What a file belongs to: the place, and when its sender was there by the phone's clock, if on site."""

    place: PatchPlace | FindingPlace
    on_site_at: datetime | None


@dataclass(frozen=True, slots=True)
class Intake:
    """A checked file and what it belongs to."""

    claim: EvidenceClaim
    blob: Blob
    kind: str
    parent: Parent
    received_at: datetime


class IssuedNonce(NamedTuple):
    """A capture number, when it was given, and how far the phone's clock was off then (seconds)."""

    nonce: str
    issued_at: datetime
    skew_s: float


def record_evidence(
    session: Session,
    actor: Actor,
    claim: EvidenceClaim,
    data: bytes | IO[bytes],
    *,
    blobs: BlobStore,
    now: datetime,
) -> Recorded:
    """Store a piece of evidence: bytes by their hash, custody step by step, doubts with their reasons.

    What belongs to a visit or finding that has not arrived is held in the backlog until that comes.

    Raises
    ------
    InvalidInput
        ``patrol.evidence.hash_mismatch``: what arrived is not what the phone hashed; nothing is kept.
        ``patrol.evidence.no_parent``: it names neither a visit nor a finding nor a patch.
        Or a code of `patrol.visits.evidence.check_claim`.
    NotFound
        ``patrol.case.not_found``: the patch does not exist or lies outside the area.
    Conflict
        ``patrol.evidence.other_body``: another file under the same id; `keep_other_body` keeps both.
    """
    require(actor, _right(claim))
    cases.lock_key(session, f"evidence/{claim.evidence_id}")
    known = _known(session, actor, claim)
    if known is not None:
        return known
    parent = _parent(session, actor, claim)
    blob = blobs.put(data)
    kind = _checked(claim, blob, blobs)
    if parent is None:
        return _hold(session, actor, claim, blob, now)
    return _record(session, actor, Intake(claim, blob, kind, parent, now), blobs=blobs, now=now)


def keep_other_body(
    session: Session,
    actor: Actor,
    claim: EvidenceClaim,
    data: bytes | IO[bytes],
    *,
    blobs: BlobStore,
    now: datetime,
) -> UUID:
    """Keep the second of two files under one id, for a person to compare; returns what it is held under."""
    require(actor, _right(claim))
    blob = blobs.put(data)
    _checked(claim, blob, blobs)
    first = cases.find_evidence(session, claim.evidence_id)
    code = first.division_code if first else actor.area_code
    return hold_other_body(
        session,
        actor,
        kind="evidence",
        identity=claim.evidence_id,
        division_code=code,
        claim=claim_to_plain(claim),
        blob=blob,
        now=now,
    )


def hold_other_body(
    session: Session,
    actor: Actor,
    *,
    kind: str,
    identity: UUID,
    division_code: str,
    claim: dict[str, Any],
    blob: Blob,
    now: datetime,
) -> UUID:
    """Keep a second body under a known id; the same one again is kept once."""
    cases.lock_key(session, f"held/{identity}")
    held = store.find_held(session, identity, blob.sha256, "other_body")
    if held is not None:
        return held.held_id
    row = _held_row(actor, kind, identity, claim, blob, now, reason="other_body")
    row.division_code = division_code
    session.add(row)
    session.flush()
    facts = {"sha256": blob.sha256, "held_id": str(row.held_id)}
    audit.record(
        session, actor, f"patrol.{kind}.second_body_kept", subject=(kind, identity), at=now, facts=facts
    )
    return row.held_id


def apply_held(session: Session, actor: Actor, parent_id: UUID, *, blobs: BlobStore, now: datetime) -> int:
    """Record what the actor sent ahead of a visit or a finding; returns how many pieces.

    Each is dated by when it was received. One that is refused now is settled as such, with the reason.
    """
    done = 0
    for row in store.waiting_for(session, parent_id):
        if row.by_id != actor.account_id:
            continue
        claim = claim_from_plain(row.claim)
        blob = Blob(row.sha256, row.size)
        try:
            parent = _parent(session, actor, claim)
            if parent is None:
                continue
            kind = _checked(claim, blob, blobs)
            if _known(session, actor, claim) is None:
                intake = Intake(claim, blob, kind, parent, row.received_at)
                _record(session, actor, intake, blobs=blobs, now=now)
            row.outcome = "applied"
            done += 1
        except LandwardenError as error:
            row.outcome, row.note = "refused", error.text("zh")
        row.settled_at, row.settled_by = now, actor.name
        session.flush()
    return done


def issue_nonce(session: Session, actor: Actor, *, device_time: datetime, now: datetime) -> IssuedNonce:
    """Give a phone the number that its captures of this shift will name.

    Raises
    ------
    InvalidInput
        ``patrol.visit.no_time_zone``.
    """
    if device_time.tzinfo is None:
        raise InvalidInput("patrol.visit.no_time_zone", device_time=device_time.isoformat())
    row = CaptureNonceRow(
        nonce=secrets.token_hex(16),
        account_id=actor.account_id,
        issued_at=now,
        device_time=device_time,
        skew_s=(device_time - now).total_seconds(),
    )
    session.add(row)
    session.flush()
    audit.record(
        session,
        actor,
        "patrol.capture.nonce_issued",
        subject=("account", actor.account_id),
        at=now,
        facts={"skew_s": round(row.skew_s, 1)},
    )
    return IssuedNonce(row.nonce, row.issued_at, row.skew_s)


def _known(session: Session, actor: Actor, claim: EvidenceClaim) -> Recorded | None:
    known = cases.find_evidence(session, claim.evidence_id)
    if known is not None:
        is_same = known.sha256 == claim.sha256 and known.visit_id == claim.visit_id
        is_same = is_same and known.finding_id == claim.finding_id
        if not is_same or (claim.parent_id is None and known.patch_id != claim.patch_id):
            raise Conflict("patrol.evidence.other_body", evidence_id=str(claim.evidence_id))
        return Recorded(
            known.evidence_id,
            is_new=False,
            distance_m=known.distance_m,
            flags=tuple(known.flags),
            plausibility=known.plausibility,
        )
    held = store.held_of(session, claim.evidence_id, "no_parent")
    if any(row.sha256 != claim.sha256 for row in held):
        raise Conflict("patrol.evidence.other_body", evidence_id=str(claim.evidence_id))
    return None


def _right(claim: EvidenceClaim) -> str:
    if claim.finding_id:
        return "patrol.record"
    return "visit.record" if claim.visit_id else "evidence.add"


def _parent(session: Session, actor: Actor, claim: EvidenceClaim) -> Parent | None:
    """What a claim belongs to; None where its visit or finding has not arrived."""
    if claim.finding_id is not None:
        return _finding(session, actor, claim.finding_id)
    if claim.visit_id is None:
        if claim.patch_id is None:
            raise InvalidInput("patrol.evidence.no_parent", evidence_id=str(claim.evidence_id))
        place = store.place_of_patch(session, claim.patch_id)
        if place is None:
            raise NotFound("patrol.case.not_found", patch_id=str(claim.patch_id))
        require(actor, "evidence.add", place.division_code)
        return Parent(place, None)
    visit = cases.find_visit(session, claim.visit_id)
    if visit is None:
        return None
    require(actor, "visit.record", visit.division_code)
    place = store.place_of_patch(session, visit.patch_id)
    return Parent(place, visit.device_time) if place is not None else None


def _finding(session: Session, actor: Actor, finding_id: UUID) -> Parent | None:
    place = store.place_of_finding(session, finding_id)
    if place is None:
        return None
    if place.by_id != actor.account_id:
        raise NotFound("patrol.finding.not_found", finding_id=str(finding_id))
    return Parent(place, place.found_at)


def _checked(claim: EvidenceClaim, blob: Blob, blobs: BlobStore) -> str:
    """Kind of evidence, once the bytes are those that were hashed at capture."""
    if blob.sha256 != claim.sha256:
        raise InvalidInput("patrol.evidence.hash_mismatch", expected=claim.sha256, found=blob.sha256)
    path = blobs.path(blob.sha256)
    if claim.sm3 and (found := custody.sm3_of(path)) and found != claim.sm3.lower():
        raise InvalidInput("patrol.evidence.hash_mismatch", expected=claim.sm3, found=found)
    if claim.lonlat is not None:
        to_storage(claim.lonlat, claim.coord_source)
    with path.open("rb") as file:
        return check_claim(claim, head=file.read(HEAD_BYTES), size=blob.size)


def _hold(session: Session, actor: Actor, claim: EvidenceClaim, blob: Blob, now: datetime) -> Recorded:
    held = store.find_held(session, claim.evidence_id, blob.sha256, "no_parent")
    is_new = held is None
    if held is None:
        row = _held_row(
            actor, "evidence", claim.evidence_id, claim_to_plain(claim), blob, now, reason="no_parent"
        )
        row.parent_id = claim.parent_id
        session.add(row)
        session.flush()
        name = "finding_id" if claim.finding_id else "visit_id"
        facts = {"sha256": blob.sha256, name: str(claim.parent_id)}
        audit.record(
            session,
            actor,
            "patrol.evidence.held",
            subject=("evidence", claim.evidence_id),
            at=now,
            facts=facts,
        )
    flag = "等待巡查发现" if claim.finding_id else "等待核查记录"
    return Recorded(claim.evidence_id, is_new=is_new, distance_m=None, flags=(flag,), is_held=True)


def _held_row(
    actor: Actor,
    kind: str,
    identity: UUID,
    claim: dict[str, Any],
    blob: Blob,
    now: datetime,
    *,
    reason: str,
) -> HeldSubmissionRow:
    return HeldSubmissionRow(
        held_id=uuid7(now),
        reason=reason,
        kind=kind,
        submission_id=identity,
        division_code=actor.area_code,
        claim=claim,
        sha256=blob.sha256,
        size=blob.size,
        received_at=now,
        by_id=actor.account_id,
        by_name=actor.name,
    )


def _record(session: Session, actor: Actor, intake: Intake, *, blobs: BlobStore, now: datetime) -> Recorded:
    claim, blob, place = intake.claim, intake.blob, intake.parent.place
    path = blobs.path(blob.sha256)
    picture = look_at(path) if claim.media_type.startswith("image/") else Picture(FileClaims())
    lonlat = to_storage(claim.lonlat, claim.coord_source) if claim.lonlat else None
    assessment = _assess(session, actor, intake, picture, lonlat)
    row = EvidenceRow(
        evidence_id=claim.evidence_id,
        visit_id=claim.visit_id,
        finding_id=claim.finding_id,
        patch_id=place.patch_id,
        division_code=place.division_code,
        kind=intake.kind,
        title=claim.title,
        media_type=claim.media_type,
        sha256=blob.sha256,
        sm3=custody.sm3_of(path),
        size=blob.size,
        captured_at=claim.captured_at,
        received_at=intake.received_at,
        location=cases.point(lonlat) if lonlat else None,
        accuracy_m=claim.accuracy_m,
        bearing_deg=claim.bearing_deg,
        coord_source=claim.coord_source,
        distance_m=store.distance_m(session, place.outline_4490, lonlat) if lonlat else None,
        claims=_claims(claim, picture),
        device_counter=claim.device_counter,
        picture_hash=picture.difference_hash,
        public_sha256=blobs.put(picture.public_jpeg).sha256 if picture.public_jpeg else None,
        plausibility=assessment.score,
        doubts=[finding.plain() for finding in assessment.findings],
        flags=list(assessment.flags),
        is_reviewed=False,
        by_id=actor.account_id,
        by_name=actor.name,
    )
    session.add(row)
    session.flush()
    _first_steps(session, actor, row, claim, now)
    return Recorded(
        claim.evidence_id,
        is_new=True,
        distance_m=row.distance_m,
        flags=tuple(row.flags),
        plausibility=row.plausibility,
    )


def _first_steps(
    session: Session, actor: Actor, row: EvidenceRow, claim: EvidenceClaim, now: datetime
) -> None:
    counter = {"device_counter": claim.device_counter, "nonce": claim.nonce, "device": claim.device}
    said = {key: value for key, value in counter.items() if value is not None}
    hashed = {"sha256_at_capture": claim.sha256, **({"sm3_at_capture": claim.sm3} if claim.sm3 else {})}
    custody.add_step(
        session,
        actor,
        row,
        "captured",
        at=row.captured_at,
        facts={**said, **hashed, "clock": "device"},
        is_audited=False,
    )
    facts = {"size": row.size}
    custody.add_step(session, actor, row, "received", at=row.received_at, facts=facts, is_audited=False)
    sealed = {"public_sha256": row.public_sha256} if row.public_sha256 else {}
    custody.add_step(session, actor, row, "stored", at=now, facts=sealed, is_audited=False)
    audit.record(
        session,
        actor,
        "patrol.evidence.recorded",
        subject=("evidence", row.evidence_id),
        at=now,
        facts={
            "sha256": row.sha256,
            "sm3": row.sm3,
            "size": row.size,
            "flags": row.flags,
            "visit_id": str(row.visit_id) if row.visit_id else None,
            **({"finding_id": str(row.finding_id)} if row.finding_id else {}),
            "patch_id": str(row.patch_id) if row.patch_id else None,
            "captured_at": row.captured_at.isoformat(),
            "received_at": row.received_at.isoformat(),
        },
    )


def _assess(
    session: Session, actor: Actor, intake: Intake, picture: Picture, lonlat: tuple[float, float] | None
) -> Assessment:
    claim, parent, at = intake.claim, intake.parent, intake.received_at
    earlier = None
    if parent.on_site_at is not None:
        earlier = store.earlier_capture(session, actor.account_id, claim.captured_at, claim.evidence_id)
    policy = evidence_policy()
    twins = store.twins_of(
        session,
        evidence_id=claim.evidence_id,
        patch_id=parent.place.patch_id or claim.finding_id or claim.evidence_id,
        sha256=claim.sha256,
        picture_hash=picture.difference_hash,
        bits=policy["near_alike_bits"],
        since=at - timedelta(days=DAYS_A_YEAR * policy["duplicate_years"]),
    )
    return assess(
        Capture(
            kind=intake.kind,
            outline_4490=parent.place.outline_4490,
            captured_at=claim.captured_at,
            received_at=at,
            lonlat=lonlat,
            accuracy_m=claim.accuracy_m,
            bearing_deg=claim.bearing_deg,
            fov_deg=claim.fov_deg,
            visit_at=parent.on_site_at,
            nonce=store.nonce_of(session, claim.nonce, actor.account_id) if claim.nonce else None,
            earlier=earlier,
            same_count=twins.same,
            alike_elsewhere=twins.alike_elsewhere,
            is_from_gallery=claim.is_from_gallery,
            file=picture.claims,
        ),
        policy,
    )


def _claims(claim: EvidenceClaim, picture: Picture) -> dict[str, Any]:
    """What the sender said, and what the file says of itself."""
    said = {key: value for key, value in claim_to_plain(claim).items() if value is not None}
    file = picture.claims
    found = {
        "taken_at": file.taken_at.isoformat() if file.taken_at else None,
        "lonlat": list(file.lonlat) if file.lonlat else None,
        "software": file.software,
        "camera": file.camera,
        "size_px": list(picture.size_px) if picture.size_px else None,
    }
    return {"sender": said, "file": {key: value for key, value in found.items() if value is not None}}
