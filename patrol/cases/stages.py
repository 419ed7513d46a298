"""Clocks of the stages of a case, read from its ledger: undoing a move undoes its clocks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import lru_cache
from typing import Any, NamedTuple

from foundation.calendar import SHANGHAI
from foundation.errors import InvalidInput
from patrol.cases.clocks import Clock, ClockTable, clock_table, raw_clocks, read_clock

ENDS_ALL = frozenset({"triage", "to_judge", "county_review", "closed", "dismissed"})
"""Entering one of these ends whatever runs: the matter is over, or is decided again."""
HELD_BY: Mapping[str, frozenset[str]] = {
    "bureau": frozenset({"bureau"}),
    "all": frozenset({"bureau", "party"}),
}
"""Whose clocks a pause holds; limits of the law are held by none."""


class Mark(NamedTuple):
    """A move of the ledger, as far as clocks care. Undone moves are left out."""

    action: str
    from_state: str | None
    to_state: str
    at: datetime
    facts: Mapping[str, Any]


class Held(NamedTuple):
    """A span in which clocks stood still; one that is open ends, as planned, in the future."""

    started_at: datetime
    ends_at: datetime
    holds: str


@dataclass(frozen=True, slots=True)
class StageRule:
    """One row of ``stage_clocks``."""

    key: str
    zh: str
    clock: Clock
    starts: tuple[str, ...]
    ends: tuple[str, ...]
    from_fact: str | None
    needs_fact: bool
    duty: str


@dataclass(frozen=True, slots=True)
class StageClock:
    """One run of a stage's clock.

    Attributes
    ----------
    due_at : datetime
        With all pauses.
    ended_at : datetime or None
        When a move ended it; None while it runs, or ran out by itself.
    """

    key: str
    zh: str
    duty: str
    started_at: datetime
    due_at: datetime
    ended_at: datetime | None = None

    def status(self, now: datetime) -> str:
        """``running | done | late | over``: late and over have passed their deadline, over without an end."""
        if self.ended_at is not None:
            return "done" if self.ended_at <= self.due_at else "late"
        return "running" if now <= self.due_at else "over"


@dataclass(frozen=True, slots=True)
class PauseRule:
    """One row of ``pauses``: why a clock may stand still, how long, where, by whom."""

    key: str
    zh: str
    longest: Clock
    states: frozenset[str]
    roles: frozenset[str]
    holds: str


def stage_clocks(
    marks: Sequence[Mark], pauses: Iterable[Held], *, table: ClockTable | None = None
) -> list[StageClock]:
    """All stage clocks of a case in the order in which they started.

    Parameters
    ----------
    marks : sequence of Mark
        In order of the ledger.
    pauses : iterable of Held
        In order of time.
    """
    clocks, spans = table or clock_table(), list(pauses)
    found: list[StageClock] = []
    running: dict[str, int] = {}
    for mark in marks:
        for key in _ended(mark, running):
            found[running[key]] = replace(found[running[key]], ended_at=mark.at)
            del running[key]
        for rule in stage_rules().values():
            started_at = _start(rule, mark)
            if started_at is None:
                continue
            if rule.key in running:
                found[running[rule.key]] = replace(found[running[rule.key]], ended_at=mark.at)
            running[rule.key] = len(found)
            due_at = _held_due(clocks, rule, started_at, spans)
            found.append(StageClock(rule.key, rule.zh, rule.duty, started_at, due_at))
    return found


def still_running(clocks: Iterable[StageClock], keys: Iterable[str], now: datetime) -> list[StageClock]:
    """The newest run of each of some clocks, as far as it has neither ended nor run out."""
    newest = {clock.key: clock for clock in clocks}
    return [
        newest[key]
        for key in keys
        if key in newest and newest[key].ended_at is None and now <= newest[key].due_at
    ]


def as_date(name: str, value: object) -> date:
    """A fact that is a date.

    Raises
    ------
    InvalidInput
        ``patrol.case.bad_date``.
    """
    try:
        return date.fromisoformat(str(value))
    except ValueError as error:
        raise InvalidInput("patrol.case.bad_date", fact=name, given=str(value)[:40]) from error


@lru_cache(maxsize=1)
def stage_rules() -> Mapping[str, StageRule]:
    """Rows of ``stage_clocks``, read once."""
    return {key: _rule(key, row) for key, row in raw_clocks()["stage_clocks"].items()}


@lru_cache(maxsize=1)
def pause_rules() -> Mapping[str, PauseRule]:
    """Rows of ``pauses``, read once."""
    return {
        key: PauseRule(
            key,
            row["zh"],
            read_clock(key, row),
            frozenset(row["states"]),
            frozenset(row["roles"]),
            row["holds"],
        )
        for key, row in raw_clocks()["pauses"].items()
    }


def _ended(mark: Mark, running: Mapping[str, int]) -> list[str]:
    if mark.from_state != mark.to_state and mark.to_state in ENDS_ALL:
        return list(running)
    return [key for key in running if any(_fits(mark, trigger) for trigger in stage_rules()[key].ends)]


def _start(rule: StageRule, mark: Mark) -> datetime | None:
    if not any(_fits(mark, trigger) for trigger in rule.starts):
        return None
    given = mark.facts.get(rule.from_fact) if rule.from_fact else None
    if given:
        return datetime.combine(as_date(str(rule.from_fact), given), clock_table().opens, SHANGHAI)
    return None if rule.needs_fact else mark.at


def _fits(mark: Mark, trigger: str) -> bool:
    action, _, state = trigger.partition("/")
    action, _, stage = action.partition(":")
    return (
        mark.action == action
        and (not stage or mark.facts.get("stage") == stage)
        and (not state or mark.from_state == state)
    )


def _held_due(clocks: ClockTable, rule: StageRule, started_at: datetime, pauses: Sequence[Held]) -> datetime:
    due_at = clocks.run(rule.clock, started_at)
    for pause in pauses:
        if pause.ends_at > started_at and rule.duty in HELD_BY[pause.holds]:
            begin = max(pause.started_at, started_at)
            due_at = clocks.shift(rule.clock.unit, due_at, paused_at=begin, resumed_at=pause.ends_at)
    return due_at


def _rule(key: str, row: Mapping[str, Any]) -> StageRule:
    clock = clock_table().find(row.get("clock", key))
    fact: str = row.get("from_fact", "")
    return StageRule(
        key,
        clock.zh,
        clock,
        tuple(row["starts"]),
        tuple(row["ends"]),
        fact.rstrip("!") or None,
        fact.endswith("!"),
        row["duty"],
    )
