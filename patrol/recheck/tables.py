"""Rows of the weekly lottery."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from geoalchemy2 import Geometry
from sqlalchemy import BigInteger, CheckConstraint, DateTime, Float, ForeignKey, Index, String, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from foundation.db import Base


class RecheckDrawRow(Base):
    """One week's lottery. Inserted only: who wants to, draws it again from what stands here."""

    __tablename__ = "recheck_draw"
    __table_args__ = (Index("uq_recheck_draw_week", "week", "division_code", unique=True),)

    draw_id: Mapped[UUID] = mapped_column(primary_key=True)
    week: Mapped[str] = mapped_column(Text)
    division_code: Mapped[str] = mapped_column(String(12))
    seed: Mapped[str] = mapped_column(String(64))
    audit_seq: Mapped[int] = mapped_column(BigInteger)
    audit_hash: Mapped[str] = mapped_column(String(64))
    """Head of the audit chain when the lottery was drawn; the seed follows from it."""
    population: Mapped[list[Any]] = mapped_column(JSONB)
    """[[number, county code, closed on]] of all that could be drawn."""
    drawn_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class RecheckTicketRow(Base):
    """One drawn case, and what the other county's officer found."""

    __tablename__ = "recheck_ticket"
    __table_args__ = (
        Index("uq_recheck_ticket_patch", "patch_id", unique=True),
        CheckConstraint("(outcome IS NULL) = (found_at IS NULL)", name="outcome"),
    )

    ticket_id: Mapped[UUID] = mapped_column(primary_key=True)
    draw_id: Mapped[UUID] = mapped_column(ForeignKey("recheck_draw.draw_id"), index=True)
    patch_id: Mapped[UUID] = mapped_column(ForeignKey("patch.patch_id"))
    number: Mapped[str] = mapped_column(Text)
    division_code: Mapped[str] = mapped_column(String(12), index=True)
    by_division: Mapped[str] = mapped_column(String(12), index=True)
    """The county whose officer looks; never the case's own."""
    post_id: Mapped[UUID] = mapped_column(ForeignKey("post.post_id"), index=True)
    holder_name: Mapped[str] = mapped_column(Text)
    holder_account_id: Mapped[UUID | None] = mapped_column(ForeignKey("account.account_id"))
    due_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    brief: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """What the officer may know of a case outside their own area: place, outline, areas, what was ordered."""
    involved: Mapped[list[Any]] = mapped_column(JSONB)
    """Accounts that ever moved the case: none of them may answer."""
    outcome: Mapped[str | None] = mapped_column(Text)
    note: Mapped[str | None] = mapped_column(Text)
    place: Mapped[Any | None] = mapped_column(Geometry("POINT", srid=4490))
    accuracy_m: Mapped[float | None] = mapped_column(Float)
    distance_m: Mapped[float | None] = mapped_column(Float)
    """From the outline; told, never a reason to refuse."""
    found_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    found_by: Mapped[UUID | None] = mapped_column(ForeignKey("account.account_id"))
    found_by_name: Mapped[str | None] = mapped_column(Text)
