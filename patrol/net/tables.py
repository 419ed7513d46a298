"""Rows beside a post: who stood in it from when to when, and who is away."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import Boolean, CheckConstraint, Date, DateTime, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from foundation.db import Base


class TenureRow(Base):
    """Somebody's time in a post, as holder or deputy. Only its end is ever written later."""

    __tablename__ = "post_tenure"
    __table_args__ = (
        CheckConstraint("part IN ('holder', 'deputy')", name="part"),
        CheckConstraint("valid_to >= valid_from", name="forward"),
        Index(
            "uq_post_tenure_open", "post_id", "part", unique=True, postgresql_where=text("valid_to IS NULL")
        ),
    )

    tenure_id: Mapped[UUID] = mapped_column(primary_key=True)
    post_id: Mapped[UUID] = mapped_column(ForeignKey("post.post_id"), index=True)
    division_code: Mapped[str] = mapped_column(String(12))
    person_name: Mapped[str] = mapped_column(Text)
    account_id: Mapped[UUID | None] = mapped_column(ForeignKey("account.account_id"))
    recorded_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    recorded_by: Mapped[UUID] = mapped_column()
    recorded_by_name: Mapped[str] = mapped_column(Text)
    part: Mapped[str] = mapped_column(Text)
    """holder | deputy"""
    valid_from: Mapped[date] = mapped_column(Date)
    valid_to: Mapped[date | None] = mapped_column(Date)
    """First day without this person; None while the person is in the post."""


class AbsenceRow(Base):
    """Approved leave or exemption of a post's holder; nothing is asked of the holder meanwhile."""

    __tablename__ = "post_absence"
    __table_args__ = (CheckConstraint("ends_on >= starts_on", name="forward"),)

    absence_id: Mapped[UUID] = mapped_column(primary_key=True)
    post_id: Mapped[UUID] = mapped_column(ForeignKey("post.post_id"), index=True)
    division_code: Mapped[str] = mapped_column(String(12))
    person_name: Mapped[str] = mapped_column(Text)
    account_id: Mapped[UUID | None] = mapped_column(ForeignKey("account.account_id"))
    recorded_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    recorded_by: Mapped[UUID] = mapped_column()
    recorded_by_name: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    """leave | sick | training | secondment | exempt"""
    starts_on: Mapped[date] = mapped_column(Date)
    ends_on: Mapped[date] = mapped_column(Date, index=True)
    """Last day, inside."""
    stand_in_name: Mapped[str | None] = mapped_column(Text)
    stand_in_account_id: Mapped[UUID | None] = mapped_column(ForeignKey("account.account_id"))
    note: Mapped[str] = mapped_column(Text)
    is_cancelled: Mapped[bool] = mapped_column(Boolean, default=False, server_default=text("false"))


class HandoverRow(Base):
    """A handover that is arranged for a day to come; at most one for each part of a post."""

    __tablename__ = "post_handover"
    __table_args__ = (
        CheckConstraint("part IN ('holder', 'deputy')", name="part"),
        CheckConstraint(
            "outcome IN ('done', 'cancelled', 'void') AND settled_at IS NOT NULL"
            " OR outcome IS NULL AND settled_at IS NULL",
            name="outcome",
        ),
        Index(
            "uq_post_handover_open", "post_id", "part", unique=True, postgresql_where=text("outcome IS NULL")
        ),
    )

    handover_id: Mapped[UUID] = mapped_column(primary_key=True)
    post_id: Mapped[UUID] = mapped_column(ForeignKey("post.post_id"), index=True)
    division_code: Mapped[str] = mapped_column(String(12))
    part: Mapped[str] = mapped_column(Text)
    person_name: Mapped[str] = mapped_column(Text)
    account_id: Mapped[UUID | None] = mapped_column(ForeignKey("account.account_id"))
    phone: Mapped[str | None] = mapped_column(Text)
    takes_on: Mapped[date] = mapped_column(Date)
    note: Mapped[str] = mapped_column(Text)
    recorded_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    recorded_by: Mapped[UUID] = mapped_column()
    recorded_by_name: Mapped[str] = mapped_column(Text)
    settled_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    outcome: Mapped[str | None] = mapped_column(Text)
    """done | cancelled | void (the post had ended, or the person stood in it already); None: still to come"""
