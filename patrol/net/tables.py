"""Rows of the net's history: who stood in a post from when to when, and who was away."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Date, DateTime, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from foundation.db import Base


class TenureRow(Base):
    """Somebody in a seat of a post for some days. Written once; only its end is written later."""

    __tablename__ = "post_tenure"
    __table_args__ = (
        CheckConstraint("until >= since", name="days"),
        Index("uq_post_tenure_now", "post_id", "seat", unique=True, postgresql_where=text("until IS NULL")),
    )

    tenure_id: Mapped[UUID] = mapped_column(primary_key=True)
    post_id: Mapped[UUID] = mapped_column(ForeignKey("post.post_id"), index=True)
    division_code: Mapped[str] = mapped_column(String(12))
    seat: Mapped[str] = mapped_column(Text)
    """holder | deputy"""
    name: Mapped[str] = mapped_column(Text)
    account_id: Mapped[UUID | None] = mapped_column()
    since: Mapped[date] = mapped_column(Date)
    until: Mapped[date | None] = mapped_column(Date)
    """First day on which the seat was no longer theirs."""
    noted_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class AbsenceRow(Base):
    """A leave of a holder or deputy of one post, both days included."""

    __tablename__ = "post_absence"
    __table_args__ = (CheckConstraint("last_on >= first_on", name="days"),)

    absence_id: Mapped[UUID] = mapped_column(primary_key=True)
    post_id: Mapped[UUID] = mapped_column(ForeignKey("post.post_id"), index=True)
    division_code: Mapped[str] = mapped_column(String(12))
    name: Mapped[str] = mapped_column(Text)
    first_on: Mapped[date] = mapped_column(Date)
    last_on: Mapped[date] = mapped_column(Date)
    stand_in_name: Mapped[str | None] = mapped_column(Text)
    """Who stands in; the post's deputy when left out."""
    stand_in_account_id: Mapped[UUID | None] = mapped_column()
    reason: Mapped[str] = mapped_column(Text)
    noted_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    noted_by: Mapped[UUID] = mapped_column()
    noted_by_name: Mapped[str] = mapped_column(Text)
    cancelled_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
