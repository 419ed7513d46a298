"""SQL of notices. Never commits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import and_, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from patrol.notices.tables import (
    NoticeMessageItemRow,
    NoticeMessageRow,
    NoticePreferenceRow,
    NoticeRow,
    PushDeviceRow,
)


def number_of_patch(session: Session, patch_id: UUID) -> str:
    """The number of a patch."""
    found = session.execute(text("SELECT number FROM patch WHERE patch_id = :id"), {"id": patch_id})
    return str(found.scalar_one())


def add_notice(session: Session, values: Mapping[str, Any]) -> None:
    """Write a notice; the same one again changes nothing."""
    # No conflict target: naming one would ask for the right to read other people's notices.
    session.execute(insert(NoticeRow).values(**values).on_conflict_do_nothing())


def newest(session: Session, account_id: UUID, *, is_unread: bool, limit: int) -> list[NoticeRow]:
    """Notices of one account, newest first."""
    statement = select(NoticeRow).where(NoticeRow.account_id == account_id)
    if is_unread:
        statement = statement.where(NoticeRow.read_at.is_(None))
    ordered = statement.order_by(NoticeRow.created_at.desc(), NoticeRow.notice_id)
    return list(session.scalars(ordered.limit(limit)))


def count_unread(session: Session, account_id: UUID) -> int:
    """How many notices of one account wait to be read."""
    statement = select(func.count()).where(NoticeRow.account_id == account_id, NoticeRow.read_at.is_(None))
    return session.scalar(statement) or 0


def find_notice(session: Session, account_id: UUID, notice_id: UUID) -> NoticeRow | None:
    """One notice of one account."""
    statement = select(NoticeRow).where(NoticeRow.account_id == account_id)
    return session.scalar(statement.where(NoticeRow.notice_id == notice_id))


def read_all(session: Session, account_id: UUID, now: datetime) -> None:
    """Mark what one account has not read yet."""
    unread = update(NoticeRow).where(NoticeRow.account_id == account_id, NoticeRow.read_at.is_(None))
    session.execute(unread.values(read_at=now))


def choices_of(session: Session, account_ids: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
    """Stored choices of some accounts."""
    rows = select(NoticePreferenceRow).where(NoticePreferenceRow.account_id.in_(account_ids))
    return {row.account_id: row.choices for row in session.scalars(rows)}


def keep_choices(session: Session, account_id: UUID, choices: dict[str, Any], now: datetime) -> None:
    """Set what one account chose."""
    values = {"choices": choices, "updated_at": now}
    statement = insert(NoticePreferenceRow).values(account_id=account_id, **values)
    session.execute(statement.on_conflict_do_update(index_elements=["account_id"], set_=values))


def devices_of(session: Session, account_ids: Sequence[UUID]) -> list[PushDeviceRow]:
    """Browsers that show notices, oldest first."""
    statement = select(PushDeviceRow).where(
        PushDeviceRow.account_id.in_(account_ids), PushDeviceRow.ended_at.is_(None)
    )
    return list(session.scalars(statement.order_by(PushDeviceRow.created_at, PushDeviceRow.device_id)))


def find_device(session: Session, device_id: UUID) -> PushDeviceRow | None:
    """One browser, ended or not."""
    return session.get(PushDeviceRow, device_id)


def unplanned(session: Session, limit: int) -> list[NoticeRow]:
    """Notices that no message was laid out for yet, oldest first, locked."""
    statement = select(NoticeRow).where(NoticeRow.planned_at.is_(None)).order_by(NoticeRow.created_at)
    return list(session.scalars(statement.limit(limit).with_for_update(skip_locked=True)))


def waiting_message(session: Session, values: Mapping[str, Any]) -> NoticeMessageRow | None:
    """Make a message or find it, locked; None where it has gone out already."""
    session.execute(insert(NoticeMessageRow).values(**values).on_conflict_do_nothing())
    statement = select(NoticeMessageRow).where(NoticeMessageRow.message_id == values["message_id"])
    row = session.scalars(statement.with_for_update()).one()
    return row if row.status == "waiting" and row.tries == 0 else None


def add_item(session: Session, message_id: UUID, notice_id: UUID) -> None:
    """Let a message tell of a notice."""
    values = {"message_id": message_id, "notice_id": notice_id}
    session.execute(insert(NoticeMessageItemRow).values(**values).on_conflict_do_nothing())


def next_due(session: Session, now: datetime, *, stalled_s: float) -> NoticeMessageRow | None:
    """The message that waits longest, or whose sender died; locked, and passed over where another has it."""
    is_due = and_(NoticeMessageRow.status == "waiting", NoticeMessageRow.not_before <= now)
    is_stalled = and_(
        NoticeMessageRow.status == "sending",
        NoticeMessageRow.claimed_at <= now - timedelta(seconds=stalled_s),
    )
    statement = select(NoticeMessageRow).where(or_(is_due, is_stalled))
    ordered = statement.order_by(NoticeMessageRow.not_before, NoticeMessageRow.message_id).limit(1)
    return session.scalar(ordered.with_for_update(skip_locked=True))


def lock_message(session: Session, message_id: UUID) -> NoticeMessageRow | None:
    """One message, locked."""
    statement = select(NoticeMessageRow).where(NoticeMessageRow.message_id == message_id)
    return session.scalar(statement.with_for_update())


def notices_in(session: Session, message_id: UUID) -> list[NoticeRow]:
    """What a message tells of, oldest first."""
    statement = select(NoticeRow).join(
        NoticeMessageItemRow, NoticeMessageItemRow.notice_id == NoticeRow.notice_id
    )
    found = statement.where(NoticeMessageItemRow.message_id == message_id)
    return list(session.scalars(found.order_by(NoticeRow.created_at, NoticeRow.notice_id)))


def dead(session: Session, account_id: UUID | None, limit: int) -> list[NoticeMessageRow]:
    """Messages that were given up, newest first; of one account, or of all."""
    statement = select(NoticeMessageRow).where(NoticeMessageRow.status == "dead")
    if account_id is not None:
        statement = statement.where(NoticeMessageRow.account_id == account_id)
    ordered = statement.order_by(NoticeMessageRow.ended_at.desc(), NoticeMessageRow.message_id)
    return list(session.scalars(ordered.limit(limit)))


def area_of_account(session: Session, account_id: UUID) -> str | None:
    """Division code of an account that may still sign in."""
    found = session.execute(
        text("SELECT area_code FROM account WHERE account_id = :id AND disabled_at IS NULL"),
        {"id": account_id},
    )
    return found.scalar_one_or_none()
