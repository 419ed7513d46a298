"""Rows of imported scenes and reference layers. Layer versions are never overwritten."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from geoalchemy2 import Geometry
from sqlalchemy import (
    BigInteger,
    Computed,
    Date,
    DateTime,
    Float,
    ForeignKey,
    Identity,
    Index,
    Integer,
    String,
    Text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from foundation.db import Base


class SceneRow(Base):
    """One image of one time: a COG in the blob store and what is known of it."""

    __tablename__ = "scene"

    scene_id: Mapped[UUID] = mapped_column(primary_key=True)
    county_code: Mapped[str] = mapped_column(String(6), index=True)
    kind: Mapped[str] = mapped_column(Text)
    """satellite | drone | …"""
    sensor: Mapped[str] = mapped_column(Text)
    acquired_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    bands: Mapped[list[str]] = mapped_column(ARRAY(Text))
    gsd_m: Mapped[float] = mapped_column(Float)
    crs: Mapped[str] = mapped_column(Text)
    cloud_pct: Mapped[float | None] = mapped_column(Float)
    footprint: Mapped[Any] = mapped_column(Geometry("MULTIPOLYGON", srid=4490))
    source_name: Mapped[str] = mapped_column(Text)
    source_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    cog_sha256: Mapped[str] = mapped_column(String(64))
    display_range: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """Per displayed band [low, high] of the stretch, in stored values."""
    imported_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class LayerVersionRow(Base):
    """One import of one reference layer."""

    __tablename__ = "layer_version"
    __table_args__ = (
        Index("uq_layer_version_source", "layer_kind", "county_code", "source_sha256", unique=True),
    )

    version_id: Mapped[UUID] = mapped_column(primary_key=True)
    layer_kind: Mapped[str] = mapped_column(Text, index=True)
    county_code: Mapped[str] = mapped_column(String(6))
    source_name: Mapped[str] = mapped_column(Text)
    source_sha256: Mapped[str] = mapped_column(String(64))
    source_crs: Mapped[str] = mapped_column(Text)
    feature_count: Mapped[int] = mapped_column(Integer)
    decisions: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """What the importer decided: field mapping, repaired geometries, dropped duplicates."""
    valid_from: Mapped[date] = mapped_column(Date)
    """First day on which this version is the one in force."""
    valid_to: Mapped[date | None] = mapped_column(Date)
    """First day on which it no longer is; None while it is the newest."""
    imported_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class LayerFeatureRow(Base):
    """One feature of one layer version."""

    __tablename__ = "layer_feature"
    __table_args__ = (Index("ix_layer_feature_version_no", "version_id", "feature_no"),)

    feature_id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    version_id: Mapped[UUID] = mapped_column(ForeignKey("layer_version.version_id"), index=True)
    layer_kind: Mapped[str] = mapped_column(Text)
    county_code: Mapped[str] = mapped_column(String(6))
    feature_no: Mapped[str] = mapped_column(Text)
    """BSM, approval number, 宗地代码: the number by which a person finds it."""
    name: Mapped[str] = mapped_column(Text, default="")
    division_code: Mapped[str | None] = mapped_column(String(12))
    land_class_code: Mapped[str | None] = mapped_column(Text)
    class_scheme: Mapped[str | None] = mapped_column(Text)
    valid_from: Mapped[date | None] = mapped_column(Date)
    valid_to: Mapped[date | None] = mapped_column(Date)
    """Validity of the right itself (permit, mining right): valid_to is its last day."""
    attributes: Mapped[dict[str, Any]] = mapped_column(JSONB)
    area_m2: Mapped[float] = mapped_column(Float)
    geometry: Mapped[Any] = mapped_column(Geometry("MULTIPOLYGON", srid=4490))
    geometry_3857: Mapped[Any] = mapped_column(
        Geometry("MULTIPOLYGON", srid=3857), Computed("ST_Transform(geometry, 3857)", persisted=True)
    )
