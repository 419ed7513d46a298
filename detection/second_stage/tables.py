"""Rows of the second stage: the models that were trained, with their scores."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Boolean, DateTime, Index, Integer, String, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from foundation.db import Base


class DetectionModelRow(Base):
    """One trained model. Kept for ever; at most one of a kind is active, none means the shipped one."""

    __tablename__ = "detection_model"
    __table_args__ = (
        Index("uq_detection_model_active", "kind", unique=True, postgresql_where=text("is_active")),
    )

    model_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    """second_stage"""
    trained_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    trained_by: Mapped[str] = mapped_column(Text)
    data_sha256: Mapped[str] = mapped_column(String(64))
    label_count: Mapped[int] = mapped_column(Integer)
    data_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """Newest verdict that it learnt from."""
    scores: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """Held-out scores, and the comparison with the model that was active then."""
    blob_sha256: Mapped[str] = mapped_column(String(64))
    is_active: Mapped[bool] = mapped_column(Boolean)
    activated_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
