"""SQL of papers, parties, numbers and templates. Never commits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import shapely
from shapely.geometry.base import BaseGeometry
from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from patrol.papers.tables import PaperRow, PaperSeriesRow, PaperTemplateRow, PaperVersionRow, PartyRow


@dataclass(frozen=True, slots=True)
class Outline:
    """Something with a name on the location map; EPSG:4490."""

    name: str
    shape: BaseGeometry


def parties_of(session: Session, patch_id: UUID) -> list[PartyRow]:
    """Parties of a case as they stand, in the order of recording."""
    statement = select(PartyRow).where(PartyRow.patch_id == patch_id, PartyRow.replaced_by.is_(None))
    return list(session.scalars(statement.order_by(PartyRow.recorded_at, PartyRow.party_id)))


def find_party(session: Session, party_id: UUID) -> PartyRow | None:
    """One party."""
    return session.get(PartyRow, party_id)


def standing_party(session: Session, party_id: UUID) -> PartyRow | None:
    """A party as corrected last."""
    row = session.get(PartyRow, party_id)
    while row is not None and row.replaced_by is not None:
        row = session.get(PartyRow, row.replaced_by)
    return row


def lock_party(session: Session, party_id: UUID) -> PartyRow | None:
    """One party, locked."""
    statement = select(PartyRow).where(PartyRow.party_id == party_id)
    return session.scalar(statement.with_for_update().execution_options(populate_existing=True))


def papers_of(session: Session, patch_id: UUID) -> list[PaperRow]:
    """Papers of a case, oldest first."""
    statement = select(PaperRow).where(PaperRow.patch_id == patch_id)
    return list(session.scalars(statement.order_by(PaperRow.drafted_at, PaperRow.paper_id)))


def find_paper(session: Session, paper_id: UUID) -> PaperRow | None:
    """One paper."""
    return session.get(PaperRow, paper_id)


def paper_by_number(session: Session, number: str) -> PaperRow | None:
    """One paper by its number; the number names series, county and year."""
    return session.scalar(select(PaperRow).where(PaperRow.number == number))


def lock_paper(session: Session, paper_id: UUID) -> PaperRow | None:
    """One paper, locked until the transaction ends."""
    statement = select(PaperRow).where(PaperRow.paper_id == paper_id)
    return session.scalar(statement.with_for_update().execution_options(populate_existing=True))


def versions_of(session: Session, paper_id: UUID) -> list[PaperVersionRow]:
    """Versions of a paper, oldest first."""
    statement = select(PaperVersionRow).where(PaperVersionRow.paper_id == paper_id)
    return list(session.scalars(statement.order_by(PaperVersionRow.version)))


def version_of(session: Session, paper_id: UUID, version: int) -> PaperVersionRow | None:
    """One version of a paper."""
    return session.get(PaperVersionRow, (paper_id, version))


def take_serial(session: Session, *, series: str, county_code: str, year: int) -> int:
    """The next number of a series. The row stays locked until the transaction ends.

    Whoever comes next waits: after a commit they take the number that follows, after a roll-back the same one
    again. So numbers run from 1 without gaps and without doubles.
    """
    key = {"series": series, "county_code": county_code, "year": year}
    session.execute(insert(PaperSeriesRow).values(**key, last_serial=0).on_conflict_do_nothing())
    row = session.scalars(
        select(PaperSeriesRow)
        .filter_by(**key)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()  # fmt: skip
    row.last_serial += 1
    session.flush()
    return row.last_serial


def template_in_use(session: Session, kind: str, county_code: str) -> PaperTemplateRow | None:
    """The bureau's own template: the county's newest, else the city's newest, else none."""
    statement = select(PaperTemplateRow).where(
        PaperTemplateRow.kind == kind,
        PaperTemplateRow.retired_at.is_(None),
        PaperTemplateRow.county_code.in_((county_code, county_code[:4] + "00")),
    )
    ordered = statement.order_by(
        (PaperTemplateRow.county_code == county_code).desc(),
        PaperTemplateRow.added_at.desc(),
        PaperTemplateRow.template_id.desc(),
    )
    return session.scalar(ordered.limit(1))


def own_templates(session: Session, county_code: str) -> list[PaperTemplateRow]:
    """Templates of a county and of its city, newest first, retired ones too."""
    statement = select(PaperTemplateRow).where(
        PaperTemplateRow.county_code.in_((county_code, county_code[:4] + "00"))
    )
    return list(session.scalars(statement.order_by(PaperTemplateRow.added_at.desc())))


def standing_templates(session: Session, kind: str, county_code: str) -> list[PaperTemplateRow]:
    """Templates of a kind and county that are not retired."""
    statement = select(PaperTemplateRow).where(
        PaperTemplateRow.kind == kind,
        PaperTemplateRow.county_code == county_code,
        PaperTemplateRow.retired_at.is_(None),
    )
    return list(session.scalars(statement))


def divisions_near(session: Session, bounds: tuple[float, float, float, float]) -> list[Outline]:
    """Villages whose outline meets a box in degrees."""
    rows = session.execute(
        text(
            "SELECT name, ST_AsBinary(outline) AS shape FROM division WHERE level = 5 AND outline &&"
            " ST_MakeEnvelope(:west, :south, :east, :north, 4490) ORDER BY code"
        ),
        dict(zip(("west", "south", "east", "north"), bounds, strict=True)),
    )
    return [Outline(row.name, shapely.from_wkb(bytes(row.shape))) for row in rows]


def patches_near(
    session: Session, patch_id: UUID, bounds: tuple[float, float, float, float]
) -> list[Outline]:
    """Other patches that meet a box in degrees."""
    rows = session.execute(
        text(
            "SELECT number AS name, ST_AsBinary(geometry) AS shape FROM patch WHERE patch_id <> :id AND"
            " geometry && ST_MakeEnvelope(:west, :south, :east, :north, 4490) ORDER BY number LIMIT 50"
        ),
        {"id": patch_id, **dict(zip(("west", "south", "east", "north"), bounds, strict=True))},
    )
    return [Outline(row.name, shapely.from_wkb(bytes(row.shape))) for row in rows]


def filed_at(session: Session, patch_id: UUID) -> datetime | None:
    """When the case was filed last; a filing that was taken back does not count."""
    found: datetime | None = session.scalar(
        text(
            "SELECT max(at) FROM case_event WHERE patch_id = :id AND action = 'file_case'"
            " AND undone_by IS NULL"
        ),
        {"id": patch_id},
    )
    return found


def papers_in_area(
    session: Session, *, status: str | None, kind: str | None, limit: int
) -> Sequence[PaperRow]:
    """Papers that are to be seen, newest first."""
    statement = select(PaperRow)
    if status is not None:
        statement = statement.where(PaperRow.status == status)
    if kind is not None:
        statement = statement.where(PaperRow.kind == kind)
    return list(
        session.scalars(statement.order_by(PaperRow.drafted_at.desc(), PaperRow.paper_id).limit(limit))
    )
