"""Rows of detection: runs, leads, patches, judgements, and the labels that visits give back."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from geoalchemy2 import Geometry
from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
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
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from foundation.db import Base


class DetectionRunRow(Base):
    """One comparison of two scenes by one method with one set of parameters."""

    __tablename__ = "detection_run"
    __table_args__ = (
        Index(
            "uq_detection_run_inputs",
            *("before_scene_id", "after_scene_id", "method", "method_version", "parameters_sha256"),
            unique=True,
        ),
    )  # fmt: skip

    run_id: Mapped[UUID] = mapped_column(primary_key=True)
    county_code: Mapped[str] = mapped_column(String(6))
    before_scene_id: Mapped[UUID] = mapped_column(ForeignKey("scene.scene_id"))
    after_scene_id: Mapped[UUID] = mapped_column(ForeignKey("scene.scene_id"))
    method: Mapped[str] = mapped_column(Text)
    method_version: Mapped[str] = mapped_column(Text)
    parameters: Mapped[dict[str, Any]] = mapped_column(JSONB)
    parameters_sha256: Mapped[str] = mapped_column(String(64))
    registration: Mapped[dict[str, Any]] = mapped_column(JSONB)
    control: Mapped[dict[str, Any]] = mapped_column(JSONB)
    statistics: Mapped[dict[str, Any]] = mapped_column(JSONB)
    change_sha256: Mapped[str | None] = mapped_column(String(64))
    finished_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class LeadRow(Base):
    """One observation by one source about one place and time. Never edited, never deleted."""

    __tablename__ = "lead"
    __table_args__ = (
        CheckConstraint(
            "num_nonnulls(geometry, place) = 1 AND (place IS NULL) = (radius_m IS NULL)"
            " AND coalesce(radius_m > 0, true)",
            name="outline_or_place",
        ),
    )

    lead_id: Mapped[UUID] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(Text)
    """satellite | drone | camera | cadastre | public | patrol"""
    run_id: Mapped[UUID | None] = mapped_column(ForeignKey("detection_run.run_id"), index=True)
    division_code: Mapped[str] = mapped_column(String(12), index=True)
    observed_from: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    observed_to: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    geometry: Mapped[Any | None] = mapped_column(Geometry("MULTIPOLYGON", srid=4490))
    place: Mapped[Any | None] = mapped_column(Geometry("POINT", srid=4490))
    """What a sighting knows instead of an outline: a point, and within how far of it with 95 %."""
    radius_m: Mapped[float | None] = mapped_column(Float)
    area_m2: Mapped[float] = mapped_column(Float)
    area_min_m2: Mapped[float] = mapped_column(Float)
    area_max_m2: Mapped[float] = mapped_column(Float)
    change_class: Mapped[str] = mapped_column(Text)
    class_probabilities: Mapped[dict[str, Any]] = mapped_column(JSONB)
    confidence: Mapped[float] = mapped_column(Float)
    witnesses: Mapped[dict[str, Any]] = mapped_column(JSONB)
    before_chip_sha256: Mapped[str | None] = mapped_column(String(64))
    after_chip_sha256: Mapped[str | None] = mapped_column(String(64))
    attributes: Mapped[dict[str, Any]] = mapped_column(JSONB)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class PatchRow(Base):
    """One event on one piece of ground; its geometry is the truth."""

    __tablename__ = "patch"
    __table_args__ = (
        Index("uq_patch_number", "number", unique=True),
        CheckConstraint(
            "standing IN ('open', 'closed', 'dismissed') AND (standing = 'open') = (settled_at IS NULL)",
            name="standing",
        ),
    )

    patch_id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(Text)
    """图斑编号: county, period, serial: ``410883-2609-0098``."""
    division_code: Mapped[str] = mapped_column(String(12), index=True)
    geometry: Mapped[Any] = mapped_column(Geometry("MULTIPOLYGON", srid=4490))
    geometry_3857: Mapped[Any] = mapped_column(
        Geometry("MULTIPOLYGON", srid=3857), Computed("ST_Transform(geometry, 3857)", persisted=True)
    )
    area_m2: Mapped[float] = mapped_column(Float)
    area_min_m2: Mapped[float] = mapped_column(Float)
    area_max_m2: Mapped[float] = mapped_column(Float)
    change_class: Mapped[str] = mapped_column(Text)
    confidence: Mapped[float] = mapped_column(Float)
    before_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    after_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    """The change window: last seen without, first seen with."""
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    standing: Mapped[str] = mapped_column(Text, server_default="open", default="open")
    """open | closed | dismissed, as patrol keeps it: what a new lead on this ground means depends on it."""
    settled_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    watched_until: Mapped[date | None] = mapped_column(Date)
    shaped_since: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """After a relapse: only leads that ended later draw the patch."""
    relapsed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """A relapse was found on a closed patch, and patrol has not reopened its case yet."""
    follows_patch_id: Mapped[UUID | None] = mapped_column(ForeignKey("patch.patch_id"))
    """The settled patch on whose ground this one lies."""


class PatchLeadRow(Base):
    """Which leads make up which patch, from when to when: unmerging restores every lead exactly."""

    __tablename__ = "patch_lead"
    __table_args__ = (
        Index("uq_patch_lead_active", "lead_id", unique=True, postgresql_where=text("detached_at IS NULL")),
    )

    link_id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    patch_id: Mapped[UUID] = mapped_column(ForeignKey("patch.patch_id"), index=True)
    lead_id: Mapped[UUID] = mapped_column(ForeignKey("lead.lead_id"), index=True)
    attached_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    detached_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class LeadDecisionRow(Base):
    """What a person decided about a lead that waited: attached it to a patch, or dismissed it."""

    __tablename__ = "lead_decision"
    __table_args__ = (
        Index(
            "uq_lead_decision_standing", "lead_id", unique=True, postgresql_where=text("undone_at IS NULL")
        ),
        CheckConstraint(
            "(kind = 'attached' AND patch_id IS NOT NULL)"
            " OR (kind = 'dismissed' AND reason_code IS NOT NULL)",
            name="kind",
        ),
    )

    decision_id: Mapped[UUID] = mapped_column(primary_key=True)
    lead_id: Mapped[UUID] = mapped_column(ForeignKey("lead.lead_id"), index=True)
    division_code: Mapped[str] = mapped_column(String(12))
    kind: Mapped[str] = mapped_column(Text)
    """attached | dismissed"""
    patch_id: Mapped[UUID | None] = mapped_column(ForeignKey("patch.patch_id"))
    reason_code: Mapped[str | None] = mapped_column(Text)
    note: Mapped[str | None] = mapped_column(Text)
    by_id: Mapped[UUID] = mapped_column()
    by_name: Mapped[str] = mapped_column(Text)
    made_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    undone_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class CameraRow(Base):
    """A tower camera: where it stands, and how far its axes are known."""

    __tablename__ = "camera"

    camera_id: Mapped[str] = mapped_column(Text, primary_key=True)
    """The vendor's or GB/T 28181 device number."""
    name: Mapped[str] = mapped_column(Text)
    division_code: Mapped[str] = mapped_column(String(12), index=True)
    place: Mapped[Any] = mapped_column(Geometry("POINT", srid=4490))
    place_sigma_m: Mapped[float] = mapped_column(Float)
    height_m: Mapped[float] = mapped_column(Float)
    """Of the lens above the ground that it watches."""
    height_sigma_m: Mapped[float] = mapped_column(Float)
    imported_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class CameraPresetRow(Base):
    """One direction into which a camera looks, its lens, and the ground that it watches."""

    __tablename__ = "camera_preset"

    camera_id: Mapped[str] = mapped_column(ForeignKey("camera.camera_id"), primary_key=True)
    preset_no: Mapped[int] = mapped_column(Integer, primary_key=True)
    division_code: Mapped[str] = mapped_column(String(12))
    name: Mapped[str] = mapped_column(Text)
    settings: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """As imported and checked: angles with their uncertainty, image size, regions in pixels."""


class CameraKeyRow(Base):
    """A device's key to the door: only the hash of its token is kept."""

    __tablename__ = "camera_key"
    __table_args__ = (Index("uq_camera_key_token", "token_sha256", unique=True),)

    key_id: Mapped[UUID] = mapped_column(primary_key=True)
    camera_id: Mapped[str] = mapped_column(ForeignKey("camera.camera_id"), index=True)
    division_code: Mapped[str] = mapped_column(String(12))
    token_sha256: Mapped[str] = mapped_column(String(64))
    made_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    revoked_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class CameraPictureRow(Base):
    """A picture that a device brought before its event: the original, and the clean copy. Inserted only."""

    __tablename__ = "camera_picture"

    camera_id: Mapped[str] = mapped_column(ForeignKey("camera.camera_id"), primary_key=True)
    picture_sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    served_sha256: Mapped[str] = mapped_column(String(64))
    division_code: Mapped[str] = mapped_column(String(12))
    received_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class CameraEventRow(Base):
    """An event as a device sent it, and its fate; a second body under its id is kept. Inserted only."""

    __tablename__ = "camera_event"
    __table_args__ = (
        CheckConstraint(
            "fate IN ('new', 'known', 'repeated', 'disputed') AND (fate = 'disputed') = (lead_id IS NULL)",
            name="fate",
        ),
        CheckConstraint("form IN ('canonical', 'gbt28181')", name="form"),
        Index(
            "uq_camera_event_taken",
            "camera_id",
            "event_id",
            unique=True,
            postgresql_where=text("fate <> 'disputed'"),
        ),
        Index("uq_camera_event_body", "camera_id", "event_id", "body_sha256", unique=True),
    )

    receipt_id: Mapped[UUID] = mapped_column(primary_key=True)
    camera_id: Mapped[str] = mapped_column(ForeignKey("camera.camera_id"))
    division_code: Mapped[str] = mapped_column(String(12))
    event_id: Mapped[str] = mapped_column(Text)
    form: Mapped[str] = mapped_column(Text)
    """canonical | gbt28181"""
    body_sha256: Mapped[str] = mapped_column(String(64))
    body: Mapped[str] = mapped_column(Text)
    """As it came."""
    fate: Mapped[str] = mapped_column(Text)
    """new | known | repeated | disputed"""
    lead_id: Mapped[UUID | None] = mapped_column(ForeignKey("lead.lead_id"))
    received_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class RuleSetRow(Base):
    """The three rule tables as they stood when a judgement used them. Inserted only."""

    __tablename__ = "rule_set"

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    text: Mapped[str] = mapped_column(Text)
    """Canonical JSON."""
    first_used_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class JudgementRow(Base):
    """The system's suggestion for one patch, with every input it used. Replays to the same bytes."""

    __tablename__ = "judgement"
    __table_args__ = (Index("uq_judgement_revision", "patch_id", "revision", unique=True),)

    judgement_id: Mapped[UUID] = mapped_column(primary_key=True)
    patch_id: Mapped[UUID] = mapped_column(ForeignKey("patch.patch_id"))
    division_code: Mapped[str] = mapped_column(String(12))
    revision: Mapped[int] = mapped_column(Integer)
    suggestion: Mapped[str] = mapped_column(Text)
    """lawful | partly_exceeded | not_new | suspected | borderline | order_unknown"""
    violation_code: Mapped[str | None] = mapped_column(Text)
    severity: Mapped[int] = mapped_column(Integer)
    """1 低 … 4 重大"""
    is_borderline: Mapped[bool] = mapped_column(Boolean)
    law_date: Mapped[date] = mapped_column(Date)
    inputs: Mapped[str] = mapped_column(Text)
    """Canonical JSON of all inputs: areas by layer, features, layer versions, dates, rule versions."""
    result: Mapped[str] = mapped_column(Text)
    """Canonical JSON of the result: areas, sentences with sources, legal basis, rule ids."""
    result_sha256: Mapped[str] = mapped_column(String(64))
    basic_farmland_m2: Mapped[float] = mapped_column(Float)
    cropland_m2: Mapped[float] = mapped_column(Float)
    made_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class FieldLabelRow(Base):
    """What people found: the labels from which detection learns and by which it is measured."""

    __tablename__ = "field_label"

    label_id: Mapped[UUID] = mapped_column(primary_key=True)
    patch_id: Mapped[UUID] = mapped_column(ForeignKey("patch.patch_id"), index=True)
    division_code: Mapped[str] = mapped_column(String(12))
    verdict: Mapped[str] = mapped_column(Text)
    change_class: Mapped[str | None] = mapped_column(Text)
    reason_code: Mapped[str | None] = mapped_column(Text)
    recorded_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class BaseCorrectionRow(Base):
    """What an upheld objection showed to be true instead of a feature of a layer version. Inserted only."""

    __tablename__ = "base_correction"
    __table_args__ = (CheckConstraint("action IN ('removed', 'changed', 'added')", name="action"),)

    correction_id: Mapped[UUID] = mapped_column(primary_key=True)
    county_code: Mapped[str] = mapped_column(String(6))
    layer_kind: Mapped[str] = mapped_column(Text)
    version_id: Mapped[UUID] = mapped_column(ForeignKey("layer_version.version_id"), index=True)
    feature_no: Mapped[str] = mapped_column(Text)
    action: Mapped[str] = mapped_column(Text)
    changes: Mapped[dict[str, Any]] = mapped_column(JSONB)
    geometry: Mapped[Any | None] = mapped_column(Geometry("MULTIPOLYGON", srid=4490, spatial_index=False))
    reason: Mapped[str] = mapped_column(Text)
    reference: Mapped[str] = mapped_column(Text)
    """The objection or paper that says so."""
    decided_by: Mapped[str] = mapped_column(Text)
    decided_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class WhatIfRow(Base):
    """A question of what would flip, and its answer. Seen by who asked."""

    __tablename__ = "what_if"

    what_if_id: Mapped[UUID] = mapped_column(primary_key=True)
    asked_by: Mapped[UUID] = mapped_column(index=True)
    asked_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    question: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """Layer version or rule texts, and whose area."""
    result: Mapped[str | None] = mapped_column(Text)
    refusal: Mapped[str | None] = mapped_column(Text)
    """Code of the error where there is no answer."""
    finished_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
