"""Rows of notices, of what a person wants to be told how, and of the messages that go out."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, ForeignKey, Index, Integer, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from foundation.db import Base


class NoticeRow(Base):
    """One thing told to one account, and the outbox: what has no ``planned_at`` waits to be sent."""

    __tablename__ = "notice"
    __table_args__ = (
        Index("ix_notice_account_id", "account_id", "created_at"),
        Index("ix_notice_planned_at", "created_at", postgresql_where=text("planned_at IS NULL")),
    )

    notice_id: Mapped[UUID] = mapped_column(primary_key=True)
    """Made of what happened and of who is told: the same event is one notice."""
    event_id: Mapped[UUID] = mapped_column()
    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.account_id"))
    kind: Mapped[str] = mapped_column(Text)
    subject_kind: Mapped[str] = mapped_column(Text)
    """What the number belongs to: patch, bulletin, account."""
    subject_id: Mapped[UUID] = mapped_column()
    number: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    read_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    planned_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class NoticePreferenceRow(Base):
    """How one person wants to be told; without a row, only inside the platform."""

    __tablename__ = "notice_preference"

    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.account_id"), primary_key=True)
    choices: Mapped[dict[str, Any]] = mapped_column(JSONB)
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class PushDeviceRow(Base):
    """A browser that shows notices; its address is the push service's, and carries no content."""

    __tablename__ = "push_device"

    device_id: Mapped[UUID] = mapped_column(primary_key=True)
    """Made of account and address."""
    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.account_id"), index=True)
    endpoint: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    ended_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class NoticeMessageRow(Base):
    """One message on its way out: its id is the key that every attempt carries."""

    __tablename__ = "notice_message"
    __table_args__ = (
        Index("ix_notice_message_not_before", "not_before", postgresql_where=text("status <> 'sent'")),
    )

    message_id: Mapped[UUID] = mapped_column(primary_key=True)
    channel: Mapped[str] = mapped_column(Text)
    account_id: Mapped[UUID | None] = mapped_column(ForeignKey("account.account_id"), index=True)
    """Whom it goes to; empty for a webhook."""
    target: Mapped[str] = mapped_column(Text)
    """The push device or the webhook; empty where the person's own address decides."""
    status: Mapped[str] = mapped_column(Text)
    """waiting, sending, sent, dropped (nobody wants it any more), dead (given up)."""
    tries: Mapped[int] = mapped_column(Integer)
    not_before: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    claimed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    ended_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    fault: Mapped[str | None] = mapped_column(Text)
    """What the other side answered last."""


class NoticeMessageItemRow(Base):
    """Which notices a message tells of."""

    __tablename__ = "notice_message_item"

    message_id: Mapped[UUID] = mapped_column(ForeignKey("notice_message.message_id"), primary_key=True)
    notice_id: Mapped[UUID] = mapped_column(ForeignKey("notice.notice_id"), primary_key=True, index=True)
