"""Rows of citizens' reports. Who reported is in none of them: that lies sealed in ``vault.reporter``."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from geoalchemy2 import Geometry
from sqlalchemy import CheckConstraint, DateTime, Float, ForeignKey, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from foundation.db import Base


class CitizenReportRow(Base):
    """What one citizen reported; the code that follows it is stored as a digest only."""

    __tablename__ = "citizen_report"

    report_id: Mapped[UUID] = mapped_column(primary_key=True)
    code_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    division_code: Mapped[str] = mapped_column(String(12), index=True)
    category: Mapped[str] = mapped_column(Text)
    description: Mapped[str] = mapped_column(Text)
    place: Mapped[Any | None] = mapped_column(Geometry("POINT", srid=4490))
    radius_m: Mapped[float | None] = mapped_column(Float)
    lead_id: Mapped[UUID | None] = mapped_column(ForeignKey("lead.lead_id"), index=True)
    received_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class CitizenPhotoRow(Base):
    """A photo of a report: the copy without metadata, the only one that is kept."""

    __tablename__ = "citizen_photo"

    report_id: Mapped[UUID] = mapped_column(ForeignKey("citizen_report.report_id"), primary_key=True)
    seq: Mapped[int] = mapped_column(Integer, primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64))


class CitizenAnswerRow(Base):
    """What a citizen answered when asked back (回访)."""

    __tablename__ = "citizen_answer"
    __table_args__ = (CheckConstraint("satisfaction BETWEEN 1 AND 5", name="satisfaction"),)

    report_id: Mapped[UUID] = mapped_column(ForeignKey("citizen_report.report_id"), primary_key=True)
    satisfaction: Mapped[int] = mapped_column(Integer)
    remark: Mapped[str] = mapped_column(Text)
    answered_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
