"""Verbs of the signs: show them to whoever reviews reports."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from foundation.access import Actor, require
from foundation.calendar import parse_period
from foundation.divisions import divisions
from patrol.reports.alarms import store
from patrol.reports.alarms.signs import Sign, signs_of
from patrol.reports.rankings import ranking_policy


def signs(
    session: Session,
    actor: Actor,
    *,
    period: str,
    division_code: str | None = None,
    profile: str = "full",
    now: datetime,
) -> tuple[Sign, ...]:
    """Signs of a period in an area, for superiors to look at; nothing follows from them by itself.

    Raises
    ------
    InvalidInput
        ``foundation.calendar.bad_period``.
    """
    division = divisions().get(division_code or actor.area_code)
    require(actor, "report.review", division.code)
    asked = parse_period(period)
    end = min(now, asked.ends_at)
    return signs_of(
        store.closings(session, division.prefix, asked.starts_at, end),
        store.shared_photos(session, division.prefix, asked.starts_at, end),
        end=end,
        names_persons=ranking_policy().ranks_persons[profile],
    )
