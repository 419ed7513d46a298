"""Deadlines: how long each step may take, in working days with make-up days, and when to warn."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from foundation.calendar import (
    OFFICE_CLOSES,
    SHANGHAI,
    add_working_days,
    is_working_day,
    month_of,
    working_days_between,
)
from foundation.errors import InvalidInput

CLOCKS_FILE = Path(__file__).resolve().parents[2] / "data" / "rules" / "clocks.toml"
UNITS = ("hours", "working_hours", "working_days", "days", "month_end")


@dataclass(frozen=True, slots=True)
class Clock:
    """One row of the clock table: an amount of one unit."""

    key: str
    zh: str
    unit: str
    amount: float


@dataclass(frozen=True)
class ClockTable:
    """All clocks, office hours, and how escalation repeats."""

    clocks: Mapping[str, Clock]
    opens: time
    closes: time
    repeat: Clock
    warn_hours: float

    def deadline(self, key: str, start: datetime) -> datetime:
        """When a step that starts now must be done.

        Parameters
        ----------
        key : str
            Row of ``clocks.toml``; a ``triage_…`` of an unknown source runs like that of a satellite.
        start : datetime
            With a time zone.

        Raises
        ------
        InvalidInput
            ``patrol.clock.unknown``.
        """
        if key.startswith("triage_") and key not in self.clocks:
            key = "triage_satellite"
        if key not in self.clocks:
            raise InvalidInput("patrol.clock.unknown", clock=key)
        return self.run(self.clocks[key], start)

    def run(self, clock: Clock, start: datetime) -> datetime:
        """The moment at which a clock that starts at ``start`` runs out."""
        if clock.unit == "hours":
            return start + timedelta(hours=clock.amount)
        if clock.unit == "working_hours":
            return self._add_working_hours(start, clock.amount)
        if clock.unit == "working_days":
            return add_working_days(start, int(clock.amount))
        if clock.unit == "days":
            day = start.astimezone(SHANGHAI).date() + timedelta(days=int(clock.amount))
            return datetime.combine(day, self.closes, SHANGHAI)
        return self._month_end(start)

    def escalates_again(self, last: datetime, now: datetime) -> bool:
        """Whether the interval since the last escalation has run out."""
        return now >= self.run(self.repeat, last)

    def is_due_soon(self, due_at: datetime, now: datetime) -> bool:
        """Whether the warning before a deadline is due."""
        return now < due_at <= now + timedelta(hours=self.warn_hours)

    def _add_working_hours(self, start: datetime, hours: float) -> datetime:
        moment, left = start.astimezone(SHANGHAI), timedelta(hours=hours)
        while True:
            day = moment.date()
            opens = datetime.combine(day, self.opens, SHANGHAI)
            closes = datetime.combine(day, self.closes, SHANGHAI)
            if is_working_day(day) and moment < closes:
                begin = max(moment, opens)
                if begin + left <= closes:
                    return begin + left
                left -= closes - begin
            moment = datetime.combine(day + timedelta(days=1), time(0), SHANGHAI)

    def _month_end(self, start: datetime) -> datetime:
        month = month_of(start)
        end = self._last_office_hour(month.last)
        if start < end:
            return end
        following = month_of(month.ends_at)
        return self._last_office_hour(following.last)

    def _last_office_hour(self, day: date) -> datetime:
        while not is_working_day(day):
            day -= timedelta(days=1)
        return datetime.combine(day, self.closes, SHANGHAI)


def remaining_working_days(due_at: datetime | None, now: datetime) -> int | None:
    """Working days left until a deadline; negative when it has passed, None without one.

    A deadline later today has 0 left; one that has passed counts at least -1.
    """
    if due_at is None:
        return None
    if now > due_at:
        return min(-1, -working_days_between(due_at, now))
    return max(0, working_days_between(now, due_at))


@lru_cache(maxsize=1)
def clock_table() -> ClockTable:
    """The clocks that ship with the product, read once."""
    raw = tomllib.loads(CLOCKS_FILE.read_text("utf-8"))
    return ClockTable(
        clocks={key: _clock(key, row) for key, row in raw["clocks"].items()},
        opens=time.fromisoformat(raw["office"]["opens"]),
        closes=time.fromisoformat(raw["office"].get("closes", OFFICE_CLOSES.isoformat())),
        repeat=_clock("escalation", raw["escalation"]),
        warn_hours=float(raw["escalation"]["warn_hours"]),
    )


def _clock(key: str, row: Mapping[str, Any]) -> Clock:
    units = [unit for unit in UNITS if unit in row]
    if len(units) != 1:
        raise InvalidInput("patrol.clock.bad_row", clock=key, units=units)
    return Clock(key, row["zh"], units[0], float(row[units[0]]))
