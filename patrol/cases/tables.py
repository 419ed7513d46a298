"""Rows beside a case: pauses of its clock, objections, warnings told, sightings while it is watched."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Boolean, CheckConstraint, DateTime, ForeignKey, Index, Integer, String, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from foundation.db import Base


class PauseRow(Base):
    """A span in which the clock of a case stands still, with its reason."""

    __tablename__ = "case_pause"
    __table_args__ = (
        Index(
            "uq_case_pause_open",
            "patch_id",
            unique=True,
            postgresql_where=text("ended_at IS NULL AND NOT is_undone"),
        ),
        CheckConstraint("ends_at > started_at", name="forward"),
    )

    pause_id: Mapped[UUID] = mapped_column(primary_key=True)
    patch_id: Mapped[UUID] = mapped_column(ForeignKey("patch.patch_id"), index=True)
    division_code: Mapped[str] = mapped_column(String(12))
    reason_code: Mapped[str] = mapped_column(Text)
    note: Mapped[str | None] = mapped_column(Text)
    started_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    ends_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    """When it ends by itself: as planned, at the latest the longest that its reason allows."""
    ended_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    started_by: Mapped[UUID] = mapped_column()
    started_name: Mapped[str] = mapped_column(Text)
    ended_by: Mapped[UUID | None] = mapped_column()
    ended_name: Mapped[str | None] = mapped_column(Text)
    is_automatic: Mapped[bool] = mapped_column(Boolean, default=False, server_default=text("false"))
    """It ran out, or the case went on."""
    is_undone: Mapped[bool] = mapped_column(Boolean, default=False, server_default=text("false"))
    held: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """Deadlines as they were: ``{unit, due_at, assignments: {id: {unit, due_at}}}``."""


class ObjectionRow(Base):
    """An objection to a patch or to the base data, and what became of it."""

    __tablename__ = "objection"
    __table_args__ = (
        Index("uq_objection_open", "patch_id", "kind", unique=True, postgresql_where=text("status = 'open'")),
        CheckConstraint("kind IN ('geometry', 'date', 'class', 'base')", name="kind"),
        CheckConstraint(
            "status IN ('open', 'upheld', 'rejected', 'withdrawn')"
            " AND (status = 'open') = (decided_at IS NULL)",
            name="status",
        ),
        CheckConstraint(
            "decided_by IS NULL OR status = 'withdrawn' OR decided_by <> raised_by", name="others"
        ),
    )

    objection_id: Mapped[UUID] = mapped_column(primary_key=True)
    patch_id: Mapped[UUID] = mapped_column(ForeignKey("patch.patch_id"), index=True)
    division_code: Mapped[str] = mapped_column(String(12), index=True)
    kind: Mapped[str] = mapped_column(Text)
    reason_code: Mapped[str] = mapped_column(Text)
    note: Mapped[str] = mapped_column(Text)
    evidence_ids: Mapped[list[str]] = mapped_column(JSONB)
    target: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """Of the base data: ``{layer_kind, version_id, feature_no}``."""
    status: Mapped[str] = mapped_column(Text)
    raised_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    raised_by: Mapped[UUID] = mapped_column(ForeignKey("account.account_id"))
    raised_name: Mapped[str] = mapped_column(Text)
    raised_tier: Mapped[int] = mapped_column(Integer)
    decided_tier: Mapped[int] = mapped_column(Integer)
    """Who decides stands at this tier or above."""
    owner_post_id: Mapped[UUID] = mapped_column(ForeignKey("post.post_id"))
    due_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)
    pause_id: Mapped[UUID | None] = mapped_column(ForeignKey("case_pause.pause_id"))
    decided_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    decided_by: Mapped[UUID | None] = mapped_column(ForeignKey("account.account_id"))
    decided_name: Mapped[str | None] = mapped_column(Text)
    decision_code: Mapped[str | None] = mapped_column(Text)
    decision_note: Mapped[str | None] = mapped_column(Text)
    outcome: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """What was corrected: remedy, the correcting lead, areas before and after, the new judgement."""


class WarningRow(Base):
    """One warning, or one escalation of a stage's clock, told to a named person. Inserted only."""

    __tablename__ = "case_warning"
    __table_args__ = (
        Index("uq_case_warning", "patch_id", "clock", "due_at", "kind", "level", unique=True),
        CheckConstraint("kind IN ('warn', 'escalate')", name="kind"),
    )

    warning_id: Mapped[UUID] = mapped_column(primary_key=True)
    patch_id: Mapped[UUID] = mapped_column(ForeignKey("patch.patch_id"))
    division_code: Mapped[str] = mapped_column(String(12), index=True)
    clock: Mapped[str] = mapped_column(Text)
    """``state:<state>``, ``stage:<clock>`` or ``objection:<id>``."""
    clock_name: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    level: Mapped[int] = mapped_column(Integer)
    due_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    told_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)
    post_id: Mapped[UUID] = mapped_column(ForeignKey("post.post_id"))
    to_name: Mapped[str] = mapped_column(Text)
    to_account_id: Mapped[UUID | None] = mapped_column(ForeignKey("account.account_id"), index=True)


class WatchRow(Base):
    """What a later image says of the ground of a closed case. Inserted only."""

    __tablename__ = "case_watch"
    __table_args__ = (
        Index("uq_case_watch_scene", "patch_id", "scene_id", unique=True),
        CheckConstraint("outcome IN ('unchanged', 'changed', 'not_observed')", name="outcome"),
    )

    watch_id: Mapped[UUID] = mapped_column(primary_key=True)
    patch_id: Mapped[UUID] = mapped_column(ForeignKey("patch.patch_id"))
    division_code: Mapped[str] = mapped_column(String(12))
    scene_id: Mapped[UUID] = mapped_column(ForeignKey("scene.scene_id"))
    observed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    outcome: Mapped[str] = mapped_column(Text)
    facts: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """Sensor, comparison, leads found, what hid the ground."""
    noted_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
