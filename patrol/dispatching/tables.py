"""Rows of dispatching: ground that was corrected, and who helps with a shared patch."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from geoalchemy2 import Geometry
from sqlalchemy import CheckConstraint, DateTime, Float, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from foundation.db import Base


class CorrectionRow(Base):
    """Ground for which another officer answers than the grid says. Only its revocation is written later."""

    __tablename__ = "dispatch_correction"
    __table_args__ = (
        CheckConstraint(
            "(revoked_at IS NULL) = (revoked_by IS NULL) AND (revoked_at IS NULL) = (revoked_reason IS NULL)",
            name="revoked",
        ),
    )

    correction_id: Mapped[UUID] = mapped_column(primary_key=True)
    patch_id: Mapped[UUID] = mapped_column(ForeignKey("patch.patch_id"), index=True)
    division_code: Mapped[str] = mapped_column(String(12), index=True)
    ground: Mapped[Any] = mapped_column(Geometry("MULTIPOLYGON", srid=4490))
    from_post_id: Mapped[UUID] = mapped_column(ForeignKey("post.post_id"))
    """Who gave it back as not their own."""
    to_post_id: Mapped[UUID] = mapped_column(ForeignKey("post.post_id"))
    why: Mapped[str] = mapped_column(Text)
    recorded_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    recorded_by: Mapped[UUID] = mapped_column()
    recorded_by_name: Mapped[str] = mapped_column(Text)
    revoked_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    revoked_by: Mapped[UUID | None] = mapped_column()
    revoked_by_name: Mapped[str | None] = mapped_column(Text)
    revoked_reason: Mapped[str | None] = mapped_column(Text)


class HelperRow(Base):
    """Who helps with a patch that lies in two cells. Seen from the lead's area and from the helper's."""

    __tablename__ = "dispatch_helper"
    __table_args__ = (
        Index("uq_dispatch_helper_open", "patch_id", unique=True, postgresql_where=text("ended_at IS NULL")),
    )

    helper_id: Mapped[UUID] = mapped_column(primary_key=True)
    patch_id: Mapped[UUID] = mapped_column(ForeignKey("patch.patch_id"), index=True)
    division_code: Mapped[str] = mapped_column(String(12), index=True)
    """Of the patch."""
    helper_division_code: Mapped[str] = mapped_column(String(12))
    post_id: Mapped[UUID] = mapped_column(ForeignKey("post.post_id"), index=True)
    lead_post_id: Mapped[UUID] = mapped_column(ForeignKey("post.post_id"))
    lead_named: Mapped[str] = mapped_column(Text, server_default=text("''"), default="")
    """Post and person that led when the help began: the helper may not see the post itself."""
    cell_code: Mapped[str] = mapped_column(Text)
    share: Mapped[float] = mapped_column(Float)
    """Part of the patch in the helper's cell."""
    patch_number: Mapped[str] = mapped_column(Text)
    outline: Mapped[Any] = mapped_column(Geometry("MULTIPOLYGON", srid=4490, spatial_index=False))
    named_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    ended_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
