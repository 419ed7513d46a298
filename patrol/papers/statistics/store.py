"""SQL of statistics. Never commits."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from foundation.calendar import SHANGHAI
from patrol.papers.statistics.tallies import Item

ITEMS = text(
    """
    SELECT o.patch_id, o.number, o.division_code, o.state, o.verdict_kind, o.area_m2, o.cropland_m2,
           o.basic_farmland_m2, o.after_at
    FROM patch_overview o
    WHERE starts_with(o.division_code, :prefix) AND o.after_at >= :starts_at AND o.after_at < :ends_at
      AND (:source = 'all' OR EXISTS (
            SELECT FROM patch_lead pl JOIN lead l USING (lead_id)
            WHERE pl.patch_id = o.patch_id AND pl.detached_at IS NULL AND l.source = :source))
      AND NOT EXISTS (SELECT FROM case_event e WHERE e.patch_id = o.patch_id AND e.action = 'merge'
                      AND e.undone_by IS NULL AND o.state = 'dismissed')
    ORDER BY o.number
    """
)


def items(
    session: Session,
    *,
    prefix: str,
    unit_digits: int,
    starts_at: datetime,
    ends_at: datetime,
    source: str,
) -> list[Item]:
    """Patches of an area whose later image falls in a span.

    Parameters
    ----------
    unit_digits : int
        How many leading digits of a division code name its unit.
    source : str
        A source of leads, or ``all``.
    """
    given = {"prefix": prefix, "starts_at": starts_at, "ends_at": ends_at, "source": source}
    return [
        Item(
            row.patch_id,
            row.number,
            row.division_code,
            row.division_code[:unit_digits].ljust(12, "0"),
            row.state,
            row.verdict_kind,
            row.area_m2,
            row.cropland_m2,
            row.basic_farmland_m2,
            row.after_at.astimezone(SHANGHAI).date(),
        )
        for row in session.execute(ITEMS, given)
    ]
