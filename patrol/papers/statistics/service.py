"""Verbs of statistics: satellite patches by verdict, progress and unit, as values and as a workbook."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from detection.leads import SOURCES
from foundation import audit
from foundation.access import Actor, require
from foundation.divisions import LEVEL_DIGITS, divisions
from foundation.errors import InvalidInput
from patrol.papers.statistics import store
from patrol.papers.statistics.tallies import (
    DEFINITIONS,
    PROGRESS,
    VERDICTS,
    Item,
    Line,
    Statistics,
    span_of,
    tally,
)

ALL = "all"


def patch_statistics(
    session: Session,
    actor: Actor,
    *,
    period: str,
    division_code: str | None = None,
    source: str = "satellite",
    now: datetime,
) -> Statistics:
    """Patches of a period in an area, by the units next below it.

    Parameters
    ----------
    period : str
        ``2026-W37``, ``2026-09``, ``2026-Q3`` or ``2026``: by the day of the later image.
    division_code : str, optional
        The actor's own area if left out.
    source : str
        Source of a lead of the patch (``satellite`` for 卫片), or ``all``.

    Raises
    ------
    InvalidInput
        ``foundation.calendar.bad_period``, ``patrol.statistics.unknown_source``.
    NotFound
        The division lies outside the actor's area.
    """
    division = divisions().get(division_code or actor.area_code)
    require(actor, "report.view", division.code)
    if source not in (*SOURCES, ALL):
        raise InvalidInput("patrol.statistics.unknown_source", source=source[:40], accepted=[*SOURCES, ALL])
    span = span_of(period)
    below = divisions().children(division.code)
    level = below[0].level if below else division.level
    found = store.items(
        session,
        prefix=division.prefix,
        unit_digits=LEVEL_DIGITS[level],
        starts_at=span.starts_at,
        ends_at=span.ends_at,
        source=source,
    )
    units = [(unit.code, unit.name) for unit in below]
    lines = tally(found, units, whole=(division.code, f"{division.name}合计"))
    return Statistics(span, division, source, tuple(lines), tuple(found), now)


def statistics_workbook(
    session: Session,
    actor: Actor,
    *,
    period: str,
    division_code: str | None = None,
    source: str = "satellite",
    now: datetime,
) -> tuple[str, bytes]:
    """Name and bytes of the workbook: table, definitions, item ledger. Audited as handed out.

    Raises
    ------
    InvalidInput, NotFound
        As `patch_statistics`.
    """
    # What writes documents is loaded where documents are written.
    from patrol.papers.statistics.workbook import workbook_of

    found = patch_statistics(
        session, actor, period=period, division_code=division_code, source=source, now=now
    )
    facts = {"period": found.period.label, "division_code": found.division.code, "source": source}
    subject = ("division", found.division.code)
    audit.record(session, actor, "patrol.statistics.handed_out", subject=subject, at=now, facts=facts)
    return f"{found.division.name}卫片图斑统计表{found.period.label}.xlsx", workbook_of(found)


__all__ = [
    "DEFINITIONS",
    "PROGRESS",
    "VERDICTS",
    "Item",
    "Line",
    "Statistics",
    "patch_statistics",
    "statistics_workbook",
]
