"""Deadlines: how long each step may take, in working days with make-up days; pauses, and when to warn."""

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
from patrol.cases.cases import add_months

CLOCKS_FILE = Path(__file__).resolve().parents[2] / "data" / "rules" / "clocks.toml"
UNITS = ("hours", "working_hours", "working_days", "days", "years", "month_end")


@dataclass(frozen=True, slots=True)
class Clock:
    """One row of the clock table: an amount of one unit."""

    key: str
    zh: str
    unit: str
    amount: float


@dataclass(frozen=True, slots=True)
class Level:
    """When a warning is due: at a share of the clock, or so long before its end."""

    share: float | None
    before: timedelta | None

    def moment(self, started_at: datetime, due_at: datetime) -> datetime:
        """The moment at which this warning of a clock is due."""
        if self.share is not None:
            return started_at + (due_at - started_at) * self.share
        return due_at - (self.before or timedelta(0))


@dataclass(frozen=True)
class ClockTable:
    """All clocks, office hours, warnings, and how escalation repeats."""

    clocks: Mapping[str, Clock]
    opens: time
    closes: time
    repeat: Clock
    repeat_by_tier: Mapping[int, Clock]
    warnings: Mapping[str, tuple[Level, ...]]

    def find(self, key: str) -> Clock:
        """A row of the table; a ``triage_…`` of an unknown source runs like that of a satellite.

        Raises
        ------
        InvalidInput
            ``patrol.clock.unknown``.
        """
        if key.startswith("triage_") and key not in self.clocks:
            key = "triage_satellite"
        if key not in self.clocks:
            raise InvalidInput("patrol.clock.unknown", clock=key)
        return self.clocks[key]

    def deadline(self, key: str, start: datetime, *, tier: int | None = None) -> datetime:
        """When a step that starts now must be done.

        Parameters
        ----------
        key : str
            Row of ``clocks.toml``.
        start : datetime
            With a time zone.
        tier : int, optional
            A row ``<key>_<tier>`` goes before ``<key>``.

        Raises
        ------
        InvalidInput
            ``patrol.clock.unknown``.
        """
        own = f"{key}_{tier}"
        return self.run(self.find(own if own in self.clocks else key), start)

    def run(self, clock: Clock, start: datetime) -> datetime:
        """The moment at which a clock that starts at ``start`` runs out."""
        if clock.unit == "hours":
            return start + timedelta(hours=clock.amount)
        if clock.unit == "working_hours":
            return self._add_working_time(start, timedelta(hours=clock.amount))
        if clock.unit == "working_days":
            return add_working_days(start, int(clock.amount))
        if clock.unit == "days":
            day = start.astimezone(SHANGHAI).date() + timedelta(days=int(clock.amount))
            return datetime.combine(day, self.closes, SHANGHAI)
        if clock.unit == "years":
            day = add_months(start.astimezone(SHANGHAI).date(), 12 * int(clock.amount))
            return datetime.combine(day, self.closes, SHANGHAI)
        return self._month_end(start)

    def shift(self, unit: str, due_at: datetime, *, paused_at: datetime, resumed_at: datetime) -> datetime:
        """The deadline after a pause: what was left of the clock is left when it goes on.

        Days are counted as a clock counts them: the day of the pause has been used, the day on which it ends
        does not count anew. A deadline that had passed stays passed; a pause of no length changes nothing.

        Parameters
        ----------
        unit : str
            Of the clock, one of `UNITS`.
        """
        if resumed_at <= paused_at or due_at <= paused_at:
            return due_at
        if unit == "hours":
            return due_at + (resumed_at - paused_at)
        if unit == "working_hours":
            return self._add_working_time(resumed_at, self._working_time(paused_at, due_at))
        due, begin, again = (moment.astimezone(SHANGHAI) for moment in (due_at, paused_at, resumed_at))
        counts = _every_day if unit in {"days", "years"} else is_working_day
        left = _counted(begin.date(), due.date(), counts)
        day = again.date()
        if left == 0 and counts(day) and again.time() < due.time():
            return datetime.combine(day, due.time(), SHANGHAI)
        for _ in range(max(left, 1)):
            day += timedelta(days=1)
            while not counts(day):
                day += timedelta(days=1)
        return datetime.combine(day, due.time(), SHANGHAI)

    def escalates_again(self, last: datetime, now: datetime, *, tier: int | None = None) -> bool:
        """Whether the interval since the last escalation has run out, for the tier that is told next."""
        return now >= self.run(self.repeat_by_tier.get(tier or 0, self.repeat), last)

    def levels(self, key: str) -> tuple[Level, ...]:
        """When to warn of the end of a clock."""
        return self.warnings.get(key, self.warnings["default"])

    def due_warnings(self, key: str, *, started_at: datetime, due_at: datetime, now: datetime) -> list[int]:
        """Numbers of the warnings of a running clock that are due by now; none once it has run out."""
        if now >= due_at:
            return []
        levels = enumerate(self.levels(key))
        return [number for number, level in levels if level.moment(started_at, due_at) <= now]

    def newest_warning(
        self, key: str, *, started_at: datetime, due_at: datetime, now: datetime
    ) -> int | None:
        """Number of the warning due by now that is nearest to the end; None where there is none."""
        due = self.due_warnings(key, started_at=started_at, due_at=due_at, now=now)
        levels = self.levels(key)
        return max(due, key=lambda number: levels[number].moment(started_at, due_at), default=None)

    def _add_working_time(self, start: datetime, left: timedelta) -> datetime:
        moment = start.astimezone(SHANGHAI)
        while True:
            opens, closes = self._office(moment.date())
            if opens is not None and moment < closes:
                begin = max(moment, opens)
                if begin + left <= closes:
                    return begin + left
                left -= closes - begin
            moment = datetime.combine(moment.date() + timedelta(days=1), time(0), SHANGHAI)

    def _working_time(self, start: datetime, end: datetime) -> timedelta:
        total, moment, last = timedelta(0), start.astimezone(SHANGHAI), end.astimezone(SHANGHAI)
        while moment < last:
            opens, closes = self._office(moment.date())
            if opens is not None:
                total += max(timedelta(0), min(closes, last) - max(opens, moment))
            moment = datetime.combine(moment.date() + timedelta(days=1), time(0), SHANGHAI)
        return total

    def _office(self, day: date) -> tuple[datetime | None, datetime]:
        closes = datetime.combine(day, self.closes, SHANGHAI)
        return (datetime.combine(day, self.opens, SHANGHAI) if is_working_day(day) else None), closes

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


def raw_clocks() -> Mapping[str, Any]:
    """The clock file as it stands: clocks, stage clocks, pauses, warnings."""
    return tomllib.loads(CLOCKS_FILE.read_text("utf-8"))


@lru_cache(maxsize=1)
def clock_table() -> ClockTable:
    """The clocks that ship with the product, read once."""
    raw = raw_clocks()
    told = {"default": raw["warnings"]["default"], **raw["warnings"]["of"]}
    tiers = raw["escalation"].get("tiers", {})
    return ClockTable(
        clocks={key: read_clock(key, row) for key, row in raw["clocks"].items()},
        opens=time.fromisoformat(raw["office"]["opens"]),
        closes=time.fromisoformat(raw["office"].get("closes", OFFICE_CLOSES.isoformat())),
        repeat=read_clock("escalation", raw["escalation"]),
        repeat_by_tier={
            int(tier): read_clock(f"escalation_{tier}", {"zh": "督办间隔", **row})
            for tier, row in tiers.items()
        },
        warnings={key: tuple(_level(key, row) for row in rows) for key, rows in told.items()},
    )


def read_clock(key: str, row: Mapping[str, Any]) -> Clock:
    """A row that states exactly one unit.

    Raises
    ------
    InvalidInput
        ``patrol.clock.bad_row``.
    """
    units = [unit for unit in UNITS if unit in row]
    if len(units) != 1:
        raise InvalidInput("patrol.clock.bad_row", clock=key, units=units)
    return Clock(key, row["zh"], units[0], float(row[units[0]]))


def _level(key: str, row: Mapping[str, float]) -> Level:
    if set(row) == {"share"}:
        return Level(row["share"], None)
    if set(row) in ({"hours"}, {"days"}):
        return Level(None, timedelta(**row))
    raise InvalidInput("patrol.clock.bad_row", clock=f"warnings.{key}", units=sorted(row))


def _counted(after: date, last: date, counts: Any) -> int:
    """Days that count after a day up to and with another."""
    return sum(bool(counts(after + timedelta(days=step))) for step in range(1, (last - after).days + 1))


def _every_day(_day: date) -> bool:
    return True
