"""What is shown of a bulletin."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from foundation.access import Actor, allows
from patrol.reports.bulletins import KINDS, Facts
from patrol.tables import BulletinRow

SIGNS = "alarms"
"""Fact of a bulletin that superiors alone are shown."""


@dataclass(frozen=True, slots=True)
class BulletinFile:
    """One file of a bulletin."""

    name: str
    media_type: str
    sha256: str
    is_restricted: bool = False
    """For whoever reviews the bulletin alone."""


@dataclass(frozen=True, slots=True)
class BulletinView:
    """A bulletin and what it says.

    Attributes
    ----------
    reviewed_by, issued_by : UUID or None
        Never the same person. An issued bulletin without them comes from a time when the platform could still
        issue by itself.
    """

    bulletin_id: UUID
    kind: str
    kind_name: str
    period: str
    division_code: str
    number: str
    status: str
    drafted_at: datetime
    reviewed_at: datetime | None
    reviewed_by: UUID | None
    review_note: str | None
    issued_at: datetime | None
    issued_by: UUID | None
    facts: Facts
    files: tuple[BulletinFile, ...]


def view_of(row: BulletinRow, actor: Actor) -> BulletinView:
    """A row as an actor is shown it: signs to look at are for whoever reviews or drafts it."""
    is_superior = any(allows(actor, right, row.division_code) for right in ("report.review", "report.draft"))
    files = tuple(BulletinFile(**entry) for entry in row.files)
    return BulletinView(
        row.bulletin_id,
        row.kind,
        KINDS[row.kind],
        row.period,
        row.division_code,
        row.number,
        row.status,
        row.drafted_at,
        row.reviewed_at,
        row.reviewed_by,
        row.review_note,
        row.issued_at,
        row.issued_by,
        row.facts if is_superior else {key: fact for key, fact in row.facts.items() if key != SIGNS},
        files if is_superior else tuple(file for file in files if not file.is_restricted),
    )
