"""SQL of evidence, its custody, what is held back, and capture numbers. Never commits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import shapely
from shapely.geometry.base import BaseGeometry
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from patrol.tables import EvidenceRow
from patrol.visits.plausibility import EarlierCapture, Nonce
from patrol.visits.tables import CaptureNonceRow, CustodyEventRow, HeldSubmissionRow


class PatchPlace(NamedTuple):
    """Where a patch lies: its division and its outline in EPSG:4490."""

    patch_id: UUID
    number: str
    division_code: str
    outline_4490: BaseGeometry


class FindingPlace(NamedTuple):
    """Where an officer found something: a point, EPSG:4490; and its lead's patch, if any."""

    finding_id: UUID
    by_id: UUID
    found_at: datetime
    patch_id: UUID | None
    division_code: str
    outline_4490: BaseGeometry


class Twins(NamedTuple):
    """How often the same file came in before, and how many pictures of other patches look alike."""

    same: int
    alike_elsewhere: int


def place_of_patch(session: Session, patch_id: UUID) -> PatchPlace | None:
    """Where a patch lies, or None when there is none to be seen."""
    row = session.execute(
        text("SELECT number, division_code, ST_AsBinary(geometry) AS wkb FROM patch WHERE patch_id = :id"),
        {"id": patch_id},
    ).one_or_none()
    if row is None:
        return None
    return PatchPlace(patch_id, row.number, row.division_code, shapely.from_wkb(bytes(row.wkb)))


def place_of_finding(session: Session, finding_id: UUID) -> FindingPlace | None:
    """Where something was found, or None when nothing is known of it."""
    row = session.execute(
        text(
            "SELECT f.by_id, f.found_at, l.patch_id, f.division_code, ST_AsBinary(f.place) AS wkb"
            " FROM finding f LEFT JOIN patch_lead l ON l.lead_id = f.lead_id AND l.detached_at IS NULL"
            " WHERE f.finding_id = :id"
        ),
        {"id": finding_id},
    ).one_or_none()
    if row is None:
        return None
    place = shapely.from_wkb(bytes(row.wkb))
    return FindingPlace(finding_id, row.by_id, row.found_at, row.patch_id, row.division_code, place)


def distance_m(session: Session, outline_4490: BaseGeometry, lonlat: tuple[float, float]) -> float:
    """Geodesic distance from a CGCS2000 point to an outline; 0 inside."""
    return float(
        session.execute(
            text(
                "SELECT ST_Distance(ST_GeomFromWKB(:wkb, 4490)::geography,"
                " ST_SetSRID(ST_MakePoint(:lon, :lat), 4490)::geography)"
            ),
            {"wkb": shapely.to_wkb(outline_4490), "lon": lonlat[0], "lat": lonlat[1]},
        ).scalar_one()
    )


def twins_of(
    session: Session,
    *,
    evidence_id: UUID,
    patch_id: UUID,
    sha256: str,
    picture_hash: str | None,
    bits: int,
    since: datetime,
) -> Twins:
    """Same and similar pictures anywhere in the city, as numbers only."""
    row = session.execute(
        text(
            "SELECT same, alike_elsewhere FROM landwarden_picture_twins(:evidence, :patch, :sha256, :hash,"
            " :bits, :since)"
        ),
        {
            "evidence": evidence_id,
            "patch": patch_id,
            "sha256": sha256,
            "hash": picture_hash or "0" * 16,
            "bits": bits if picture_hash else -1,
            "since": since,
        },
    ).one()
    return Twins(row.same, row.alike_elsewhere)


def earlier_capture(session: Session, by_id: UUID, before: datetime, but: UUID) -> EarlierCapture | None:
    """The same person's last capture with a position, by the phone's clock."""
    row = session.execute(
        text(
            "SELECT ST_X(location) AS lon, ST_Y(location) AS lat, accuracy_m, captured_at FROM evidence"
            " WHERE by_id = :by AND location IS NOT NULL AND evidence_id <> :but"
            " AND (visit_id IS NOT NULL OR finding_id IS NOT NULL)"
            " AND captured_at <= :before ORDER BY captured_at DESC, evidence_id LIMIT 1"
        ),
        {"by": by_id, "before": before, "but": but},
    ).one_or_none()
    if row is None:
        return None
    return EarlierCapture((row.lon, row.lat), row.accuracy_m or 0.0, row.captured_at)


def nonce_of(session: Session, nonce: str, account_id: UUID) -> Nonce:
    """A capture number as the server knows it; somebody else's is as good as none."""
    row = session.get(CaptureNonceRow, nonce)
    if row is None or row.account_id != account_id:
        return Nonce(is_own=False)
    return Nonce(is_own=True, issued_at=row.issued_at, skew_s=row.skew_s)


def lock_evidence(session: Session, evidence_id: UUID) -> EvidenceRow | None:
    """One piece of evidence, locked until the transaction ends."""
    statement = select(EvidenceRow).where(EvidenceRow.evidence_id == evidence_id)
    return session.scalar(statement.with_for_update().execution_options(populate_existing=True))


def custody_of(session: Session, evidence_ids: Sequence[UUID]) -> list[CustodyEventRow]:
    """Steps of some pieces of evidence in the order in which they were entered."""
    statement = select(CustodyEventRow).where(CustodyEventRow.evidence_id.in_(evidence_ids))
    return list(session.scalars(statement.order_by(CustodyEventRow.seq)))


def custody_of_patch(session: Session, patch_id: UUID) -> list[CustodyEventRow]:
    """All steps of one case in the order in which they were entered."""
    pieces = select(EvidenceRow.evidence_id).where(EvidenceRow.patch_id == patch_id)
    about = (CustodyEventRow.patch_id == patch_id) | CustodyEventRow.evidence_id.in_(pieces)
    statement = select(CustodyEventRow).where(about)
    return list(session.scalars(statement.order_by(CustodyEventRow.seq)))


def find_held(session: Session, submission_id: UUID, sha256: str, reason: str) -> HeldSubmissionRow | None:
    """What is held of one submission."""
    return session.scalar(
        select(HeldSubmissionRow).where(
            HeldSubmissionRow.submission_id == submission_id,
            HeldSubmissionRow.sha256 == sha256,
            HeldSubmissionRow.reason == reason,
        )
    )


def held_of(session: Session, submission_id: UUID, reason: str) -> list[HeldSubmissionRow]:
    """All that is held under one id for one reason, oldest first."""
    statement = select(HeldSubmissionRow).where(
        HeldSubmissionRow.submission_id == submission_id, HeldSubmissionRow.reason == reason
    )
    return list(session.scalars(statement.order_by(HeldSubmissionRow.received_at)))


def waiting_for(session: Session, parent_id: UUID) -> list[HeldSubmissionRow]:
    """Evidence that waits for a visit or a finding, oldest first."""
    statement = select(HeldSubmissionRow).where(
        HeldSubmissionRow.parent_id == parent_id,
        HeldSubmissionRow.reason == "no_parent",
        HeldSubmissionRow.settled_at.is_(None),
    )
    return list(session.scalars(statement.order_by(HeldSubmissionRow.received_at, HeldSubmissionRow.held_id)))


def parents_arrived(session: Session, limit: int) -> list[tuple[UUID, UUID, bool]]:
    """(visit or finding, sender, whether a finding) of evidence that still waits although that has come."""
    rows = session.execute(
        text(
            "SELECT DISTINCT h.parent_id, h.by_id, f.finding_id IS NOT NULL AS is_finding"
            " FROM held_submission h LEFT JOIN visit v ON v.visit_id = h.parent_id"
            " LEFT JOIN finding f ON f.finding_id = h.parent_id"
            " WHERE h.reason = 'no_parent' AND h.settled_at IS NULL"
            " AND (v.visit_id IS NOT NULL OR f.finding_id IS NOT NULL) ORDER BY 1, 2 LIMIT :limit"
        ),
        {"limit": limit},
    )
    return [(row.parent_id, row.by_id, row.is_finding) for row in rows]


def held_list(session: Session, *, is_open: bool, limit: int) -> list[HeldSubmissionRow]:
    """What is held, newest first."""
    statement = select(HeldSubmissionRow)
    if is_open:
        statement = statement.where(HeldSubmissionRow.settled_at.is_(None))
    order = statement.order_by(HeldSubmissionRow.received_at.desc(), HeldSubmissionRow.held_id)
    return list(session.scalars(order.limit(limit)))


def lock_held(session: Session, held_id: UUID) -> HeldSubmissionRow | None:
    """One held submission, locked until the transaction ends."""
    statement = select(HeldSubmissionRow).where(HeldSubmissionRow.held_id == held_id)
    return session.scalar(statement.with_for_update().execution_options(populate_existing=True))
