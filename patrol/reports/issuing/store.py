"""SQL of corrections and receipts. Never commits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import Select, select, text, update
from sqlalchemy.engine import RowMapping
from sqlalchemy.orm import Session

from patrol.reports.issuing.tables import BulletinErratumRow, BulletinReceiptRow
from patrol.tables import BulletinRow, PostRow


def lock_bulletin(session: Session, bulletin_id: UUID) -> BulletinRow | None:
    """One bulletin, locked."""
    return session.scalar(select(BulletinRow).where(BulletinRow.bulletin_id == bulletin_id).with_for_update())


def errata_of(session: Session, bulletin_id: UUID) -> list[BulletinErratumRow]:
    """Corrections of one bulletin, oldest first."""
    statement = select(BulletinErratumRow).where(BulletinErratumRow.bulletin_id == bulletin_id)
    return list(
        session.scalars(statement.order_by(BulletinErratumRow.noted_at, BulletinErratumRow.erratum_id))
    )


def errata_to_tell(session: Session, kind: str, division_code: str, bulletin_id: UUID) -> list[RowMapping]:
    """Corrections of earlier bulletins of a kind and area that no issued bulletin has printed yet."""
    rows = session.execute(
        text(
            "SELECT e.erratum_id, e.name, e.unit, e.was, e.should_be, e.reason, e.evidence, e.noted_at,"
            " b.number AS bulletin_number, b.period, b.facts ->> 'title' AS title"
            " FROM bulletin_erratum e JOIN bulletin b USING (bulletin_id)"
            " WHERE b.kind = :kind AND b.division_code = :code AND b.bulletin_id <> :id"
            " AND (e.told_in IS NULL OR e.told_in = :id) ORDER BY e.noted_at, e.erratum_id"
        ),
        {"kind": kind, "code": division_code, "id": bulletin_id},
    )
    return list(rows.mappings())


def mark_told(session: Session, erratum_ids: Sequence[UUID], bulletin_id: UUID) -> None:
    """Note where corrections were printed."""
    statement = update(BulletinErratumRow).where(
        BulletinErratumRow.erratum_id.in_(erratum_ids), BulletinErratumRow.told_in.is_(None)
    )
    session.execute(statement.values(told_in=bulletin_id))


def offices(session: Session, prefix: str, kinds: Sequence[str], day: date) -> list[PostRow]:
    """Offices of an area in force on a day, by number."""
    statement = select(PostRow).where(
        PostRow.division_code.startswith(prefix, autoescape=True),
        PostRow.kind.in_(kinds),
        PostRow.valid_from <= day,
        PostRow.valid_to.is_(None) | (PostRow.valid_to > day),
    )
    return list(session.scalars(statement.order_by(PostRow.post_no)))


def receipts_of(session: Session, bulletin_id: UUID) -> list[BulletinReceiptRow]:
    """Receipts of one bulletin that may be seen, by area."""
    statement = select(BulletinReceiptRow).where(BulletinReceiptRow.bulletin_id == bulletin_id)
    return list(
        session.scalars(statement.order_by(BulletinReceiptRow.division_code, BulletinReceiptRow.post_title))
    )


def unsigned(session: Session, since: datetime) -> list[RowMapping]:
    """Receipts sent since a moment that nobody signed, with the number of their bulletin; oldest first."""
    rows = session.execute(
        text(
            "SELECT r.receipt_id, r.bulletin_id, r.post_id, r.division_code, r.sent_at, b.number"
            " FROM bulletin_receipt r JOIN bulletin b USING (bulletin_id)"
            " WHERE r.signed_at IS NULL AND r.sent_at >= :since ORDER BY r.sent_at, r.receipt_id"
        ),
        {"since": since},
    )
    return list(rows.mappings())


def own_receipts(session: Session, bulletin_id: UUID, account_id: UUID) -> list[BulletinReceiptRow]:
    """Receipts that an account may sign: as holder or deputy of the office; locked."""
    statement = select(BulletinReceiptRow).where(
        BulletinReceiptRow.receipt_id.in_(_own_ids(bulletin_id, account_id))
    )
    return list(session.scalars(statement.with_for_update()))


def own_receipt_ids(session: Session, bulletin_id: UUID, account_id: UUID) -> set[UUID]:
    """Which receipts an account may sign."""
    return set(session.scalars(_own_ids(bulletin_id, account_id)))


def _own_ids(bulletin_id: UUID, account_id: UUID) -> Select[UUID]:
    return (
        select(BulletinReceiptRow.receipt_id)
        .join(PostRow, PostRow.post_id == BulletinReceiptRow.post_id)
        .where(
            BulletinReceiptRow.bulletin_id == bulletin_id,
            (PostRow.holder_account_id == account_id) | (PostRow.deputy_account_id == account_id),
        )
    )
