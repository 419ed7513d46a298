"""Rows of papers: parties, papers and their versions, number series, the bureaus' own templates."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Date, DateTime, ForeignKey, Index, Integer, String, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from foundation.db import Base


class PartyRow(Base):
    """A party (当事人) of a case. A correction is a new row; the old one says what it was until then."""

    __tablename__ = "case_party"
    __table_args__ = (CheckConstraint("kind IN ('person', 'organisation')", name="kind"),)

    party_id: Mapped[UUID] = mapped_column(primary_key=True)
    patch_id: Mapped[UUID] = mapped_column(ForeignKey("patch.patch_id"), index=True)
    division_code: Mapped[str] = mapped_column(String(12))
    kind: Mapped[str] = mapped_column(Text)
    """person | organisation"""
    name: Mapped[str] = mapped_column(Text)
    id_number: Mapped[str | None] = mapped_column(Text)
    """Resident identity number, or unified social credit code. Masked for those without ``party.reveal``."""
    representative: Mapped[str | None] = mapped_column(Text)
    address: Mapped[str | None] = mapped_column(Text)
    phone: Mapped[str | None] = mapped_column(Text)
    recorded_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    recorded_by: Mapped[UUID] = mapped_column(ForeignKey("account.account_id"))
    recorded_name: Mapped[str] = mapped_column(Text)
    replaced_by: Mapped[UUID | None] = mapped_column(ForeignKey("case_party.party_id"))


class PaperRow(Base):
    """One paper of one case. Its number is taken when it is issued; from then on its bytes are frozen."""

    __tablename__ = "paper"
    __table_args__ = (
        Index(
            "uq_paper_number",
            *("series", "county_code", "year", "serial"),
            unique=True,
            postgresql_where=text("serial IS NOT NULL"),
        ),
        CheckConstraint("status IN ('draft', 'approved', 'issued', 'void', 'withdrawn')", name="status"),
        CheckConstraint(
            "(status IN ('issued', 'void')) = (number IS NOT NULL)"
            " AND num_nulls(number, year, serial, issued_at, issued_docx_sha256) IN (0, 5)",
            name="numbered_when_issued",
        ),
    )  # fmt: skip

    paper_id: Mapped[UUID] = mapped_column(primary_key=True)
    patch_id: Mapped[UUID] = mapped_column(ForeignKey("patch.patch_id"), index=True)
    division_code: Mapped[str] = mapped_column(String(12), index=True)
    kind: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text)
    """draft | approved | issued | void | withdrawn"""
    version: Mapped[int] = mapped_column(Integer)
    party_id: Mapped[UUID | None] = mapped_column(ForeignKey("case_party.party_id"))
    refers_to: Mapped[UUID | None] = mapped_column(ForeignKey("paper.paper_id"))
    """The paper that this one serves, or answers."""
    series: Mapped[str] = mapped_column(Text)
    county_code: Mapped[str] = mapped_column(String(6))
    year: Mapped[int | None] = mapped_column(Integer)
    serial: Mapped[int | None] = mapped_column(Integer)
    number: Mapped[str | None] = mapped_column(Text)
    drafted_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    drafted_by: Mapped[UUID] = mapped_column(ForeignKey("account.account_id"))
    drafted_name: Mapped[str] = mapped_column(Text)
    approved_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    approved_by: Mapped[UUID | None] = mapped_column(ForeignKey("account.account_id"))
    approved_name: Mapped[str | None] = mapped_column(Text)
    issued_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    issued_by: Mapped[UUID | None] = mapped_column(ForeignKey("account.account_id"))
    issued_name: Mapped[str | None] = mapped_column(Text)
    issued_docx_sha256: Mapped[str | None] = mapped_column(String(64))
    issued_pdf_sha256: Mapped[str | None] = mapped_column(String(64))
    ended_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """When it was voided or withdrawn."""
    ended_name: Mapped[str | None] = mapped_column(Text)
    ended_reason: Mapped[str | None] = mapped_column(Text)
    served_on: Mapped[date | None] = mapped_column(Date)
    served_how: Mapped[str | None] = mapped_column(Text)
    served_to: Mapped[str | None] = mapped_column(Text)


class PaperVersionRow(Base):
    """One version of a draft: its fields, who changed what and why, its Word file. Inserted only."""

    __tablename__ = "paper_version"
    __table_args__ = (CheckConstraint("origin IN ('generated', 'edited')", name="origin"),)

    paper_id: Mapped[UUID] = mapped_column(ForeignKey("paper.paper_id"), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    division_code: Mapped[str] = mapped_column(String(12))
    origin: Mapped[str] = mapped_column(Text)
    """generated: from fields and template | edited: a Word file that a person sent"""
    template_sha256: Mapped[str] = mapped_column(String(64))
    fields: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """Field -> value as filled in."""
    overrides: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """Field -> {value, was, reason, by_name, at}."""
    docx_sha256: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str | None] = mapped_column(Text)
    made_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    made_by: Mapped[UUID] = mapped_column(ForeignKey("account.account_id"))
    made_name: Mapped[str] = mapped_column(Text)


class PaperSeriesRow(Base):
    """The last number given in a series: locked while one is taken, so that none is missed or given twice."""

    __tablename__ = "paper_series"

    series: Mapped[str] = mapped_column(Text, primary_key=True)
    county_code: Mapped[str] = mapped_column(String(6), primary_key=True)
    year: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    last_serial: Mapped[int] = mapped_column(Integer)


class PaperTemplateRow(Base):
    """A bureau's own template of a kind; the newest that is not retired counts."""

    __tablename__ = "paper_template"

    template_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    county_code: Mapped[str] = mapped_column(String(6), index=True)
    """Six digits; a city's own code serves all its counties."""
    sha256: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(Text)
    added_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    added_by: Mapped[UUID] = mapped_column(ForeignKey("account.account_id"))
    added_name: Mapped[str] = mapped_column(Text)
    retired_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
