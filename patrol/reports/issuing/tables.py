"""Rows of what follows an issued bulletin: corrections and receipts."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, Float, ForeignKey, Index, String, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from foundation.db import Base


class BulletinErratumRow(Base):
    """One number of an issued bulletin put right. Inserted only; later noted where it was told."""

    __tablename__ = "bulletin_erratum"

    erratum_id: Mapped[UUID] = mapped_column(primary_key=True)
    bulletin_id: Mapped[UUID] = mapped_column(ForeignKey("bulletin.bulletin_id"), index=True)
    division_code: Mapped[str] = mapped_column(String(12))
    number: Mapped[str] = mapped_column(Text)
    """kpis.KEY | indicators.KEY | townships.CODE.KEY of the bulletin's facts"""
    name: Mapped[str] = mapped_column(Text)
    unit: Mapped[str] = mapped_column(Text)
    was: Mapped[float | None] = mapped_column(Float)
    """Read from the frozen facts, never typed."""
    should_be: Mapped[float | None] = mapped_column(Float)
    reason: Mapped[str] = mapped_column(Text)
    evidence: Mapped[list[Any]] = mapped_column(JSONB)
    noted_by: Mapped[UUID] = mapped_column(ForeignKey("account.account_id"))
    noted_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    told_in: Mapped[UUID | None] = mapped_column(ForeignKey("bulletin.bulletin_id"), index=True)
    """The later bulletin that prints it."""


class BulletinReceiptRow(Base):
    """One office that a bulletin was sent to, and when it signed for it."""

    __tablename__ = "bulletin_receipt"
    __table_args__ = (Index("uq_bulletin_receipt_post", "bulletin_id", "post_id", unique=True),)

    receipt_id: Mapped[UUID] = mapped_column(primary_key=True)
    bulletin_id: Mapped[UUID] = mapped_column(ForeignKey("bulletin.bulletin_id"))
    post_id: Mapped[UUID] = mapped_column(ForeignKey("post.post_id"), index=True)
    division_code: Mapped[str] = mapped_column(String(12))
    """Of the office."""
    post_title: Mapped[str] = mapped_column(Text)
    sent_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    signed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    signed_by: Mapped[UUID | None] = mapped_column(ForeignKey("account.account_id"))
    signed_by_name: Mapped[str | None] = mapped_column(Text)
