"""Rows of time series: one monitor a stack of scenes, and its alarms."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from geoalchemy2 import Geometry
from sqlalchemy import Date, DateTime, Float, ForeignKey, Integer, String, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from foundation.db import Base


class SeriesMonitorRow(Base):
    """One stack of scenes under watch, and how far it has come."""

    __tablename__ = "series_monitor"

    monitor_id: Mapped[UUID] = mapped_column(primary_key=True)
    county_code: Mapped[str] = mapped_column(String(6), index=True)
    sensor: Mapped[str] = mapped_column(Text)
    index_name: Mapped[str] = mapped_column(Text)
    grid: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """CRS as WKT, affine, rows, cols; fixed by the oldest scene of the first build."""
    parameters: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """The rule, and the edge of the state's blocks."""
    scenes: Mapped[list[Any]] = mapped_column(JSONB)
    """Every scene taken in, oldest first: id, time, hash of the image and of its cloud mask."""
    first_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    last_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    state_key: Mapped[str] = mapped_column(String(64))
    """Hash of what the state follows from; the name of its folder."""
    state_sha256: Mapped[str] = mapped_column(String(64))
    """Hash over the hashes of its blocks."""
    advanced_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class SeriesAlarmRow(Base):
    """One event that a monitor found. It may grow, or be withdrawn when late scenes explain it."""

    __tablename__ = "series_alarm"

    alarm_id: Mapped[UUID] = mapped_column(primary_key=True)
    monitor_id: Mapped[UUID] = mapped_column(ForeignKey("series_monitor.monitor_id"), index=True)
    division_code: Mapped[str] = mapped_column(String(12), index=True)
    geometry: Mapped[Any] = mapped_column(Geometry("MULTIPOLYGON", srid=4490))
    area_m2: Mapped[float] = mapped_column(Float)
    change_from: Mapped[date] = mapped_column(Date)
    change_to: Mapped[date] = mapped_column(Date)
    """The change lies after the first day and not after the second."""
    confirmed_on: Mapped[date] = mapped_column(Date)
    shift: Mapped[float] = mapped_column(Float)
    """Mean residual, index units."""
    pixels: Mapped[int] = mapped_column(Integer)
    lead_id: Mapped[UUID] = mapped_column(ForeignKey("lead.lead_id"))
    """The lead that told of it last."""
    told_m2: Mapped[float] = mapped_column(Float)
    """Its area in that lead."""
    tellings: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    withdrawn_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
