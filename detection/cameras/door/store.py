"""SQL of the door: keys, pictures and receipts. Never commits."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from detection.tables import CameraEventRow, CameraKeyRow, CameraPictureRow, CameraRow

DISPUTED = "disputed"


class Receipt(NamedTuple):
    """An event as it stands."""

    body_sha256: str
    lead_id: UUID
    fate: str


class Dispute(NamedTuple):
    """A second body that came under the id of an event."""

    camera_id: str
    camera_name: str
    event_id: str
    first_body: str
    first_received_at: datetime
    other_body: str
    other_received_at: datetime
    lead_id: UUID


def add_key(session: Session, row: CameraKeyRow) -> None:
    """Insert a key."""
    session.add(row)
    session.flush()


def key_of(session: Session, token_sha256: str) -> tuple[CameraKeyRow, str] | None:
    """The key in force with this hash, and the name of its camera."""
    query = (
        select(CameraKeyRow, CameraRow.name)
        .join(CameraRow, CameraRow.camera_id == CameraKeyRow.camera_id)
        .where(CameraKeyRow.token_sha256 == token_sha256, CameraKeyRow.revoked_at.is_(None))
    )
    found = session.execute(query).first()
    return None if found is None else (found[0], found[1])


def end_keys(session: Session, camera_id: str, now: datetime) -> int:
    """End all keys of a camera; how many were in force."""
    ended = (
        update(CameraKeyRow)
        .where(CameraKeyRow.camera_id == camera_id, CameraKeyRow.revoked_at.is_(None))
        .values(revoked_at=now)
        .returning(CameraKeyRow.key_id)
    )
    return len(session.scalars(ended).all())


def division_of(session: Session, camera_id: str) -> str | None:
    """The village in which a camera stands."""
    return session.scalar(select(CameraRow.division_code).where(CameraRow.camera_id == camera_id))


def picture(session: Session, camera_id: str, sha256: str) -> CameraPictureRow | None:
    """A picture that this camera has brought."""
    return session.get(CameraPictureRow, (camera_id, sha256))


def add_picture(session: Session, row: CameraPictureRow) -> None:
    """Insert a picture."""
    session.add(row)
    session.flush()


def receipt(session: Session, camera_id: str, event_id: str) -> Receipt | None:
    """What became of an event that was taken."""
    row = session.scalar(
        select(CameraEventRow).where(
            CameraEventRow.camera_id == camera_id,
            CameraEventRow.event_id == event_id,
            CameraEventRow.fate != DISPUTED,
        )
    )
    return None if row is None or row.lead_id is None else Receipt(row.body_sha256, row.lead_id, row.fate)


def has_body(session: Session, camera_id: str, event_id: str, body_sha256: str) -> bool:
    """Whether this very body is kept, taken or disputed."""
    query = select(CameraEventRow.receipt_id).where(
        CameraEventRow.camera_id == camera_id,
        CameraEventRow.event_id == event_id,
        CameraEventRow.body_sha256 == body_sha256,
    )
    return session.scalar(query) is not None


def add_event(session: Session, row: CameraEventRow) -> None:
    """Insert an event as it was received."""
    session.add(row)
    session.flush()


def disputes(session: Session, *, limit: int) -> list[Dispute]:
    """Second bodies with the first beside them, newest first."""
    first, other = CameraEventRow.__table__.alias("first"), CameraEventRow.__table__.alias("other")
    query = (
        select(
            other.c.camera_id,
            CameraRow.name,
            other.c.event_id,
            first.c.body,
            first.c.received_at,
            other.c.body,
            other.c.received_at,
            first.c.lead_id,
        )
        .join_from(other, CameraRow, CameraRow.camera_id == other.c.camera_id)
        .join(
            first,
            (first.c.camera_id == other.c.camera_id)
            & (first.c.event_id == other.c.event_id)
            & (first.c.fate != DISPUTED),
        )
        .where(other.c.fate == DISPUTED)
        .order_by(other.c.received_at.desc(), other.c.receipt_id)
        .limit(limit)
    )
    return [Dispute(*row) for row in session.execute(query)]
