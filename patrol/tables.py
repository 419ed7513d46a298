"""Rows of the human net: grid, posts, cases, assignments, visits, evidence, patrols, bulletins."""

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
    LargeBinary,
    String,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from foundation.db import Base


class EditionRow(Base):
    """One cut of the grid of an area: from a layer, or made here. Inserted only."""

    __tablename__ = "grid_edition"

    edition_id: Mapped[UUID] = mapped_column(primary_key=True)
    division_code: Mapped[str] = mapped_column(String(12), index=True)
    source: Mapped[str] = mapped_column(Text)
    """layer | made"""
    source_name: Mapped[str] = mapped_column(Text)
    parameters: Mapped[dict[str, Any]] = mapped_column(JSONB)
    report: Mapped[dict[str, Any]] = mapped_column(JSONB)
    cell_count: Mapped[int] = mapped_column(Integer)
    made_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    made_by: Mapped[UUID] = mapped_column()
    made_by_name: Mapped[str] = mapped_column(Text)


class GridCellRow(Base):
    """One cell of the supervision grid. A cell that is cut anew ends, and another begins under its number."""

    __tablename__ = "grid_cell"
    __table_args__ = (
        Index("uq_grid_cell_code_now", "code", unique=True, postgresql_where=text("valid_to IS NULL")),
    )

    cell_id: Mapped[UUID] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(Text, index=True)
    name: Mapped[str] = mapped_column(Text)
    division_code: Mapped[str] = mapped_column(String(12), index=True)
    geometry: Mapped[Any] = mapped_column(Geometry("MULTIPOLYGON", srid=4490))
    valid_from: Mapped[date] = mapped_column(Date)
    valid_to: Mapped[date | None] = mapped_column(Date)
    edition_id: Mapped[UUID | None] = mapped_column(ForeignKey("grid_edition.edition_id"))
    field_m2: Mapped[float | None] = mapped_column(Float)
    """Farmland in it, ellipsoidal; None where no land survey was at hand."""
    mountain_m2: Mapped[float | None] = mapped_column(Float)


class PostRow(Base):
    """One post of the human net, its holder and deputy."""

    __tablename__ = "post"

    post_id: Mapped[UUID] = mapped_column(primary_key=True)
    post_no: Mapped[str] = mapped_column(Text, unique=True)
    title: Mapped[str] = mapped_column(Text)
    tier: Mapped[int] = mapped_column(Integer)
    kind: Mapped[str] = mapped_column(Text)
    """field_chief | mountain_chief | grid_officer | station | brigade | detachment"""
    division_code: Mapped[str] = mapped_column(String(12), index=True)
    holder_name: Mapped[str] = mapped_column(Text)
    holder_account_id: Mapped[UUID | None] = mapped_column(ForeignKey("account.account_id"), index=True)
    deputy_name: Mapped[str | None] = mapped_column(Text)
    deputy_account_id: Mapped[UUID | None] = mapped_column(ForeignKey("account.account_id"))
    holder_phone: Mapped[str | None] = mapped_column(Text)
    deputy_phone: Mapped[str | None] = mapped_column(Text)
    valid_from: Mapped[date] = mapped_column(Date)
    valid_to: Mapped[date | None] = mapped_column(Date)


class CaseRow(Base):
    """The life of one patch: its state, its clock, its owner. One row a patch."""

    __tablename__ = "case_file"

    patch_id: Mapped[UUID] = mapped_column(ForeignKey("patch.patch_id"), primary_key=True)
    division_code: Mapped[str] = mapped_column(String(12), index=True)
    state: Mapped[str] = mapped_column(Text, index=True)
    display_state: Mapped[str] = mapped_column(Text, index=True)
    """What the map shows: new | suspect | dispatched | checking | review | rectify | closed | dismissed."""
    version: Mapped[int] = mapped_column(Integer)
    owner_post_id: Mapped[UUID] = mapped_column(ForeignKey("post.post_id"), index=True)
    opened_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    entered_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    due_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True), index=True)
    escalated_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    is_urgent: Mapped[bool] = mapped_column(Boolean, default=False)
    verdict_kind: Mapped[str | None] = mapped_column(Text)
    violation_code: Mapped[str | None] = mapped_column(Text)
    reason_code: Mapped[str | None] = mapped_column(Text)
    verdict_note: Mapped[str | None] = mapped_column(Text)
    verdict_by: Mapped[UUID | None] = mapped_column(ForeignKey("account.account_id"))
    verdict_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    closed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    watch_until: Mapped[date | None] = mapped_column(Date)
    pause_id: Mapped[UUID | None] = mapped_column()
    """The pause that holds the clock now; ``due_at`` is the deadline as it will be when that pause ends."""
    paused_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)


class CaseEventRow(Base):
    """One move of one case; the time line. Inserted only."""

    __tablename__ = "case_event"
    __table_args__ = (Index("uq_case_event_version", "patch_id", "version", unique=True),)

    seq: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    patch_id: Mapped[UUID] = mapped_column(ForeignKey("patch.patch_id"))
    division_code: Mapped[str] = mapped_column(String(12))
    version: Mapped[int] = mapped_column(Integer)
    """Version of the case after this move."""
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)
    actor_id: Mapped[UUID] = mapped_column()
    actor_name: Mapped[str] = mapped_column(Text)
    action: Mapped[str] = mapped_column(Text)
    from_state: Mapped[str | None] = mapped_column(Text)
    to_state: Mapped[str] = mapped_column(Text)
    reason_code: Mapped[str | None] = mapped_column(Text)
    note: Mapped[str | None] = mapped_column(Text)
    due_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """Deadline of the state that this move left: what on-time rates are counted from."""
    facts: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """What undo needs: the case's fields before the move."""
    undone_by: Mapped[int | None] = mapped_column(BigInteger)


class AssignmentRow(Base):
    """Work for one post-holder."""

    __tablename__ = "assignment"

    assignment_id: Mapped[UUID] = mapped_column(primary_key=True)
    patch_id: Mapped[UUID] = mapped_column(ForeignKey("patch.patch_id"), index=True)
    division_code: Mapped[str] = mapped_column(String(12), index=True)
    kind: Mapped[str] = mapped_column(Text)
    """hand_down | verify | rectify | recheck"""
    tier: Mapped[int] = mapped_column(Integer)
    post_id: Mapped[UUID] = mapped_column(ForeignKey("post.post_id"), index=True)
    holder_name: Mapped[str] = mapped_column(Text)
    holder_account_id: Mapped[UUID | None] = mapped_column(ForeignKey("account.account_id"), index=True)
    status: Mapped[str] = mapped_column(Text, index=True)
    """waiting | sent | signed | forwarded | returned | done | cancelled"""
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    due_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    signed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    done_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    reason_code: Mapped[str | None] = mapped_column(Text)
    note: Mapped[str | None] = mapped_column(Text)


class VisitRow(Base):
    """What was found on site. The id is made by the phone and never expires."""

    __tablename__ = "visit"

    visit_id: Mapped[UUID] = mapped_column(primary_key=True)
    assignment_id: Mapped[UUID] = mapped_column(ForeignKey("assignment.assignment_id"), index=True)
    patch_id: Mapped[UUID] = mapped_column(ForeignKey("patch.patch_id"), index=True)
    division_code: Mapped[str] = mapped_column(String(12))
    visitor_id: Mapped[UUID] = mapped_column(ForeignKey("account.account_id"))
    visitor_name: Mapped[str] = mapped_column(Text)
    device_time: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    device_counter: Mapped[int] = mapped_column(Integer)
    received_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    location: Mapped[Any] = mapped_column(Geometry("POINT", srid=4490))
    accuracy_m: Mapped[float] = mapped_column(Float)
    coord_source: Mapped[str] = mapped_column(Text)
    distance_m: Mapped[float] = mapped_column(Float)
    finding: Mapped[str] = mapped_column(Text)
    findings: Mapped[dict[str, Any]] = mapped_column(JSONB)
    body_sha256: Mapped[str] = mapped_column(String(64))
    """Of the canonical body: the same body again is the same visit, another body under one id a conflict."""


class EvidenceRow(Base):
    """One piece of evidence with its custody: hashes at capture and on receipt, claims of position."""

    __tablename__ = "evidence"
    __table_args__ = (CheckConstraint("patch_id IS NOT NULL OR finding_id IS NOT NULL", name="parent"),)

    evidence_id: Mapped[UUID] = mapped_column(primary_key=True)
    visit_id: Mapped[UUID | None] = mapped_column(ForeignKey("visit.visit_id"), index=True)
    """None: brought in at the office, to the case itself."""
    finding_id: Mapped[UUID | None] = mapped_column(ForeignKey("finding.finding_id"), index=True)
    """Of an officer's round; the patch is then the one that the finding's lead belongs to, if any."""
    patch_id: Mapped[UUID | None] = mapped_column(ForeignKey("patch.patch_id"), index=True)
    division_code: Mapped[str] = mapped_column(String(12))
    kind: Mapped[str] = mapped_column(Text)
    """photo | drone_photo | video | audio | track | chip | document | statement"""
    title: Mapped[str | None] = mapped_column(Text)
    media_type: Mapped[str] = mapped_column(Text)
    sha256: Mapped[str] = mapped_column(String(64), index=True)
    sm3: Mapped[str | None] = mapped_column(String(64))
    size: Mapped[int] = mapped_column(BigInteger)
    captured_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    received_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    location: Mapped[Any | None] = mapped_column(Geometry("POINT", srid=4490))
    accuracy_m: Mapped[float | None] = mapped_column(Float)
    bearing_deg: Mapped[float | None] = mapped_column(Float)
    coord_source: Mapped[str | None] = mapped_column(Text)
    distance_m: Mapped[float | None] = mapped_column(Float)
    claims: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """As the sender said it, and what the file says of itself: claims, not facts."""
    device_counter: Mapped[int | None] = mapped_column(Integer)
    picture_hash: Mapped[str | None] = mapped_column(String(16))
    """Difference hash, 64 bits in hex: pictures that look alike differ in few bits."""
    public_sha256: Mapped[str | None] = mapped_column(String(64))
    """Copy without EXIF that is served; the original stays sealed."""
    plausibility: Mapped[float | None] = mapped_column(Float)
    doubts: Mapped[list[Any]] = mapped_column(JSONB)
    """Every check behind the score: [{check, reason, factor, weight, facts}]."""
    flags: Mapped[list[str]] = mapped_column(JSONB)
    is_reviewed: Mapped[bool] = mapped_column(Boolean, default=False)
    by_id: Mapped[UUID] = mapped_column(ForeignKey("account.account_id"))
    by_name: Mapped[str] = mapped_column(Text)


class PatrolRow(Base):
    """One outing of one post-holder; its fixes packed, its validity with reasons."""

    __tablename__ = "patrol"

    patrol_id: Mapped[UUID] = mapped_column(primary_key=True)
    post_id: Mapped[UUID] = mapped_column(ForeignKey("post.post_id"), index=True)
    division_code: Mapped[str] = mapped_column(String(12), index=True)
    started_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)
    ended_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    fixes: Mapped[bytes] = mapped_column(LargeBinary)
    fix_count: Mapped[int] = mapped_column(Integer)
    track: Mapped[Any | None] = mapped_column(Geometry("LINESTRING", srid=4490))
    distance_m: Mapped[float] = mapped_column(Float)
    duration_min: Mapped[float] = mapped_column(Float)
    tasks_visited: Mapped[int] = mapped_column(Integer)
    is_valid: Mapped[bool] = mapped_column(Boolean)
    reasons: Mapped[list[Any]] = mapped_column(JSONB)
    """Why it does not count, and which fixes were refused: shown, never dropped."""
    plausibility: Mapped[float | None] = mapped_column(Float)
    """Trust in the track, 0 to 1; None where no track was kept."""
    doubts: Mapped[list[Any]] = mapped_column(JSONB, server_default=text("'[]'"), default=list)
    """What takes from the trust, in words; for people to look at."""
    body_sha256: Mapped[str] = mapped_column(String(64))
    walker_id: Mapped[UUID | None] = mapped_column(index=True)
    """Who walked: the holder, the deputy or a stand-in. None: brought in with a list of outings."""
    walker_name: Mapped[str | None] = mapped_column(Text)


class FindingRow(Base):
    """What an officer found on a round, as it was told; what came of it stands with its lead."""

    __tablename__ = "finding"

    finding_id: Mapped[UUID] = mapped_column(primary_key=True)
    patrol_id: Mapped[UUID | None] = mapped_column(index=True)
    """The outing of which it is; no foreign key, for that one may arrive later."""
    lead_id: Mapped[UUID] = mapped_column(ForeignKey("lead.lead_id"), unique=True)
    division_code: Mapped[str] = mapped_column(String(12), index=True)
    category: Mapped[str] = mapped_column(Text)
    note: Mapped[str] = mapped_column(Text)
    found_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    received_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    device_counter: Mapped[int] = mapped_column(Integer)
    place: Mapped[Any] = mapped_column(Geometry("POINT", srid=4490))
    radius_m: Mapped[float] = mapped_column(Float)
    own_place: Mapped[Any | None] = mapped_column(Geometry("POINT", srid=4490))
    """Where the finder stood, if the place was moved on the map."""
    accuracy_m: Mapped[float] = mapped_column(Float)
    by_id: Mapped[UUID] = mapped_column(ForeignKey("account.account_id"), index=True)
    by_name: Mapped[str] = mapped_column(Text)
    body_sha256: Mapped[str] = mapped_column(String(64))


class ParcelSeenRow(Base):
    """When a parcel of cropland was last seen, by each kind of source. All None: never, as far as known."""

    __tablename__ = "parcel_seen"

    feature_id: Mapped[int] = mapped_column(
        ForeignKey("layer_feature.feature_id"), primary_key=True, autoincrement=False
    )
    version_id: Mapped[UUID] = mapped_column(ForeignKey("layer_version.version_id"), index=True)
    division_code: Mapped[str] = mapped_column(String(12), index=True)
    cell_id: Mapped[UUID | None] = mapped_column(ForeignKey("grid_cell.cell_id"), index=True)
    """Cell that holds a point of it; None outside the grid."""
    area_m2: Mapped[float] = mapped_column(Float)
    patrol_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    patrol_source: Mapped[str | None] = mapped_column(Text)
    visit_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    visit_source: Mapped[str | None] = mapped_column(Text)
    image_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    image_source: Mapped[str | None] = mapped_column(Text)
    camera_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    camera_source: Mapped[str | None] = mapped_column(Text)
    last_at: Mapped[datetime | None] = mapped_column(
        DateTime(timezone=True),
        Computed("GREATEST(patrol_at, visit_at, image_at, camera_at)", persisted=True),
    )


class SeenSourceRow(Base):
    """One outing, visit, comparison or camera's sign whose ground was noted, for a version of the survey."""

    __tablename__ = "seen_source"

    kind: Mapped[str] = mapped_column(Text, primary_key=True)
    """patrol | visit | image | camera"""
    source: Mapped[str] = mapped_column(Text, primary_key=True)
    version_id: Mapped[UUID] = mapped_column(ForeignKey("layer_version.version_id"), primary_key=True)
    division_code: Mapped[str] = mapped_column(String(12))
    parcels: Mapped[int] = mapped_column(Integer)
    noted_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class CellCoverageRow(Base):
    """Cropland of one cell, and how much of it lies within 100 m of valid tracks of a period."""

    __tablename__ = "cell_coverage"

    period: Mapped[str] = mapped_column(Text, primary_key=True)
    cell_code: Mapped[str] = mapped_column(Text, primary_key=True)
    division_code: Mapped[str] = mapped_column(String(12), index=True)
    cropland_m2: Mapped[float] = mapped_column(Float)
    near_m2: Mapped[float] = mapped_column(Float)
    measured_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class BulletinRow(Base):
    """A weekly bulletin or monthly ranking. Frozen once issued: its files never change."""

    __tablename__ = "bulletin"
    __table_args__ = (
        Index("uq_bulletin_period", "kind", "period", "division_code", unique=True),
        CheckConstraint("reviewed_by <> issued_by", name="two_persons"),
    )

    bulletin_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    """weekly_bulletin | weekly_ranking | monthly_ranking"""
    period: Mapped[str] = mapped_column(Text)
    division_code: Mapped[str] = mapped_column(String(12))
    number: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text)
    """draft | reviewed | issued"""
    facts: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """Every number in it, and the items behind each."""
    files: Mapped[list[Any]] = mapped_column(JSONB)
    """[{name, media_type, sha256}]"""
    drafted_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    issued_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    issued_by: Mapped[UUID | None] = mapped_column(ForeignKey("account.account_id"))
    reviewed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    reviewed_by: Mapped[UUID | None] = mapped_column(ForeignKey("account.account_id"))
    review_note: Mapped[str | None] = mapped_column(Text)
