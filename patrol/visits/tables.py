"""Rows of evidence's custody: what happened to each piece, what is held back, which nonces were given out."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, DateTime, Float, ForeignKey, Identity, Index, String, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from foundation.db import Base


class CustodyEventRow(Base):
    """One step in the custody of one piece of evidence, or of a whole case file. Inserted only."""

    __tablename__ = "custody_event"
    __table_args__ = (CheckConstraint("patch_id IS NOT NULL OR evidence_id IS NOT NULL", name="about"),)

    seq: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    patch_id: Mapped[UUID | None] = mapped_column(ForeignKey("patch.patch_id"), index=True)
    """None as long as the finding of which it is belongs to no patch."""
    evidence_id: Mapped[UUID | None] = mapped_column(ForeignKey("evidence.evidence_id"), index=True)
    """None: the whole file of the case, as when a bundle is handed out."""
    division_code: Mapped[str] = mapped_column(String(12))
    step: Mapped[str] = mapped_column(Text)
    """captured | received | stored | viewed | exported | printed | reviewed"""
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    actor_id: Mapped[UUID] = mapped_column()
    actor_name: Mapped[str] = mapped_column(Text)
    sha256: Mapped[str] = mapped_column(String(64))
    """Of the bytes at this step: the original's, or of the bundle or paper that it went out in."""
    sm3: Mapped[str | None] = mapped_column(String(64))
    facts: Mapped[dict[str, Any]] = mapped_column(JSONB)


class HeldSubmissionRow(Base):
    """A submission that cannot be recorded as it came: its visit is missing, or its id is another's."""

    __tablename__ = "held_submission"
    __table_args__ = (Index("uq_held_submission", "submission_id", "sha256", "reason", unique=True),)

    held_id: Mapped[UUID] = mapped_column(primary_key=True)
    reason: Mapped[str] = mapped_column(Text)
    """no_parent | other_body"""
    kind: Mapped[str] = mapped_column(Text)
    """evidence | visit | patrol | finding"""
    submission_id: Mapped[UUID] = mapped_column()
    parent_id: Mapped[UUID | None] = mapped_column(index=True)
    division_code: Mapped[str] = mapped_column(String(12))
    """Where it belongs, or the sender's own division as long as that is not known."""
    claim: Mapped[dict[str, Any]] = mapped_column(JSONB)
    sha256: Mapped[str] = mapped_column(String(64))
    size: Mapped[int] = mapped_column(BigInteger)
    received_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    by_id: Mapped[UUID] = mapped_column(ForeignKey("account.account_id"))
    by_name: Mapped[str] = mapped_column(Text)
    settled_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    settled_by: Mapped[str | None] = mapped_column(Text)
    outcome: Mapped[str | None] = mapped_column(Text)
    """applied | refused | first_stands | second_noted"""
    note: Mapped[str | None] = mapped_column(Text)


class CaptureNonceRow(Base):
    """A number given to one phone at one moment: what names it was captured later, by that person."""

    __tablename__ = "capture_nonce"

    nonce: Mapped[str] = mapped_column(String(32), primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.account_id"), index=True)
    issued_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    device_time: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    skew_s: Mapped[float] = mapped_column(Float)
    """Phone's clock minus the server's when it was given."""
