"""Every indicator, defined once, over one ledger of facts. Each value opens to its items.

Periods are half-open moments in Asia/Shanghai. ``as_of`` is the moment up to which the ledger speaks: the end
of the period, or now within a running one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from foundation.calendar import SHANGHAI, Period

SELF_FOUND_SOURCES = frozenset({"patrol", "camera", "public"})
SMALL_BELOW = 5


class Person(NamedTuple):
    """A post-holder of whom patrols are asked; ``required`` for the period in question.

    Attributes
    ----------
    since, until : datetime, optional
        Where several persons had the post in the period: outings from ``since`` to before ``until`` are this
        person's. Both None: all of the post are.
    days_away : int
        Days of approved leave or exemption for which nothing is asked.
    """

    post_id: UUID
    name: str
    title: str
    tier: int
    kind: str
    division_code: str
    required: float
    since: datetime | None = None
    until: datetime | None = None
    days_away: int = 0

    @property
    def seat(self) -> str:
        """The post, and since when, where several had it: the item that stands for this person."""
        if self.since is None:
            return str(self.post_id)
        return f"{self.post_id}/{self.since.astimezone(SHANGHAI).date()}"


class Outing(NamedTuple):
    """One patrol of a person."""

    patrol_id: UUID
    post_id: UUID
    started_at: datetime
    is_valid: bool


class Verification(NamedTuple):
    """One visit that was asked for; ``done_at`` None while nobody went or when it was taken away overdue."""

    assignment_id: UUID
    patch_id: UUID
    division_code: str
    due_at: datetime
    done_at: datetime | None


class Step(NamedTuple):
    """One step of a case with a deadline; ``left_at`` None while it is still in it."""

    key: str
    patch_id: UUID
    division_code: str
    due_at: datetime
    left_at: datetime | None


class Decision(NamedTuple):
    """One verdict in force, and the source that found the patch first."""

    patch_id: UUID
    division_code: str
    source: str
    kind: str
    reason_code: str | None
    decided_at: datetime


class Rectification(NamedTuple):
    """One ordered rectification; ``accepted_at`` when another person's re-check accepted it."""

    patch_id: UUID
    division_code: str
    area_m2: float
    ordered_at: datetime
    due_at: datetime
    accepted_at: datetime | None


class Coverage(NamedTuple):
    """Cultivated ground of one grid cell, and how much of it lies near valid tracks of the period."""

    cell_code: str
    division_code: str
    cropland_m2: float
    near_m2: float


@dataclass(frozen=True)
class Ledger:
    """All facts that indicators are counted from."""

    persons: Sequence[Person] = ()
    outings: Sequence[Outing] = ()
    verifications: Sequence[Verification] = ()
    steps: Sequence[Step] = ()
    decisions: Sequence[Decision] = ()
    rectifications: Sequence[Rectification] = ()
    coverage: Sequence[Coverage] = ()
    walked: Mapping[UUID, int] | None = None
    """Valid outings of each post, where the database has counted them: for rankings, which show no items."""
    walked_apart: Mapping[str, int] | None = None
    """Likewise by seat, of those who shared a post."""

    def by_unit(self, prefixes: Sequence[str]) -> dict[str, Ledger]:
        """The facts of each unit: the division and all below it. Prefixes are of one length.

        One pass over the facts, however many units there are.
        """
        length = max((len(prefix) for prefix in prefixes), default=0)
        facts = [field.name for field in fields(self) if not field.name.startswith("walked")]
        parts: dict[str, dict[str, list[Any]]] = {prefix: {name: [] for name in facts} for prefix in prefixes}
        posts = {person.post_id: person.division_code for person in self.persons}
        for name in facts:
            for item in getattr(self, name):
                code = posts.get(item.post_id, "") if name == "outings" else item.division_code
                if code[:length] in parts:
                    parts[code[:length]][name].append(item)
        return {
            prefix: Ledger(**found, walked=self.walked, walked_apart=self.walked_apart)
            for prefix, found in parts.items()
        }


@dataclass(frozen=True, slots=True)
class Indicator:
    """One number with what it is made of.

    Attributes
    ----------
    value : float or None
        None where nothing was asked (the denominator is 0): neither good nor bad.
    items, counted : tuple of str
        Ids behind the denominator, and those of them that count in the numerator.
    """

    key: str
    value: float | None
    numerator: float
    denominator: float
    items: tuple[str, ...] = ()
    counted: tuple[str, ...] = ()

    @property
    def is_small(self) -> bool:
        """Fewer than five items stand behind it: marked, not hidden."""
        return len(self.items) < SMALL_BELOW


class Definition(NamedTuple):
    """Name and formula, printed beside the numbers."""

    key: str
    zh: str
    formula: str


DEFINITIONS: tuple[Definition, ...] = (
    Definition("required", "应巡次数", "本期每人定额之和，按在岗天数折算，扣除经批准的请假和免巡天数"),
    Definition("valid", "有效巡查次数", "本期内符合有效巡查条件的次数（每人封顶前为实际次数）"),
    Definition("completion_rate", "巡查完成率", "Σ min(有效次数, 定额) ÷ Σ 定额，每人封顶"),
    Definition("attainment_rate", "达标率", "完成定额的人数 ÷ 有定额的人数"),
    Definition("coverage_rate", "覆盖率", "有效轨迹100米以内的耕地面积 ÷ 网格耕地面积"),
    Definition("self_found_rate", "自主发现率", "由巡查、视频或群众首先发现的确认违法 ÷ 本期全部确认违法"),
    Definition(
        "on_time_verification_rate", "核实及时率", "按期完成的现场核查 ÷ 到期的现场核查（含超期未办）"
    ),
    Definition(
        "on_time_closure_rate",
        "按期办结率",
        "按期办结的环节 ÷ 本期到期和期末仍超期未办的环节",
    ),
    Definition("rectified_rate", "整改到位率", "经他人复核通过的整改面积 ÷ 应整改到位的面积"),
    Definition("rectified_count_rate", "整改到位率（按宗数）", "经他人复核通过的宗数 ÷ 应整改到位的宗数"),
    Definition("false_alarm_rate", "误报率", "判定为非新增的图斑 ÷ 本期全部判定（重复并入的除外）"),
    Definition("duplicate_rate", "重复率", "判定为重复并入的图斑 ÷ 本期全部判定"),
    Definition("score", "综合得分", "按期办结率×0.40＋自主发现率×0.30＋整改到位率×0.30，无应办事项的不计权"),
)


def ratio(key: str, items: Iterable[str], counted: Iterable[str]) -> Indicator:
    """An indicator that counts items."""
    every, good = tuple(sorted(items)), tuple(sorted(counted))
    value = len(good) / len(every) if every else None
    return Indicator(key, value, float(len(good)), float(len(every)), every, good)


def required(ledger: Ledger, period: Period, as_of: datetime) -> Indicator:
    """应巡次数: quotas of all persons."""
    total = sum(person.required for person in ledger.persons)
    items = tuple(sorted(person.seat for person in ledger.persons if person.required > 0))
    return Indicator("required", total, total, float(len(items)), items, items)


def valid(ledger: Ledger, period: Period, as_of: datetime) -> Indicator:
    """有效巡查次数: outings that count, not capped."""
    if ledger.walked is not None:
        counted = float(sum(valid_of_persons(ledger, period, as_of)))
        return Indicator("valid", counted, counted, counted)
    outings = [outing for outing in ledger.outings if _begins_in(outing, period, as_of)]
    good = [str(outing.patrol_id) for outing in outings if outing.is_valid]
    every = tuple(sorted(str(outing.patrol_id) for outing in outings))
    return Indicator(
        "valid", float(len(good)), float(len(good)), float(len(every)), every, tuple(sorted(good))
    )


def completion_rate(ledger: Ledger, period: Period, as_of: datetime) -> Indicator:
    """巡查完成率, capped per person: one walker cannot hide an absentee."""
    people = _asked(ledger, period, as_of)
    asked = sum(person.required for person, _ in people)
    walked = sum(min(done, person.required) for person, done in people)
    items = tuple(sorted(person.seat for person, _ in people))
    counted = tuple(sorted(person.seat for person, done in people if done > 0))
    return Indicator("completion_rate", walked / asked if asked else None, walked, asked, items, counted)


def attainment_rate(ledger: Ledger, period: Period, as_of: datetime) -> Indicator:
    """达标率: people who met their quota."""
    people = _asked(ledger, period, as_of)
    met = [person.seat for person, done in people if done >= person.required - 1e-9]
    return ratio("attainment_rate", (person.seat for person, _ in people), met)


def coverage_rate(ledger: Ledger, period: Period, as_of: datetime) -> Indicator:
    """覆盖率: cultivated area (m²) within 100 m of valid tracks; the coverage is of the ledger's period."""
    asked, near = sum(c.cropland_m2 for c in ledger.coverage), sum(c.near_m2 for c in ledger.coverage)
    items = tuple(sorted(cell.cell_code for cell in ledger.coverage))
    counted = tuple(sorted(cell.cell_code for cell in ledger.coverage if cell.near_m2 > 0))
    return Indicator("coverage_rate", near / asked if asked else None, near, asked, items, counted)


def self_found_rate(ledger: Ledger, period: Period, as_of: datetime) -> Indicator:
    """自主发现率 among violations confirmed in the period."""
    confirmed = [item for item in _decided(ledger, period, as_of) if item.kind == "unlawful"]
    own = [str(item.patch_id) for item in confirmed if item.source in SELF_FOUND_SOURCES]
    return ratio("self_found_rate", (str(item.patch_id) for item in confirmed), own)


def on_time_verification_rate(ledger: Ledger, period: Period, as_of: datetime) -> Indicator:
    """核实及时率 among visits due in the period."""
    due = [item for item in ledger.verifications if _is_due(item.due_at, item.done_at, period, as_of)]
    good = [str(item.assignment_id) for item in due if item.done_at and item.done_at <= item.due_at]
    return ratio("on_time_verification_rate", (str(item.assignment_id) for item in due), good)


def on_time_closure_rate(ledger: Ledger, period: Period, as_of: datetime) -> Indicator:
    """按期办结率: open overdue steps count against it, also those overdue since before the period."""
    due = [item for item in ledger.steps if _is_due(item.due_at, item.left_at, period, as_of)]
    good = [item.key for item in due if item.left_at and item.left_at <= item.due_at]
    return ratio("on_time_closure_rate", (item.key for item in due), good)


def rectified_rate(ledger: Ledger, period: Period, as_of: datetime) -> Indicator:
    """整改到位率 by area (m²)."""
    due = _rectifications(ledger, period, as_of)
    good = [item for item in due if item.accepted_at and item.accepted_at <= as_of]
    asked, done = sum(item.area_m2 for item in due), sum(item.area_m2 for item in good)
    return Indicator(
        "rectified_rate",
        done / asked if asked else None,
        done,
        asked,
        tuple(sorted(str(item.patch_id) for item in due)),
        tuple(sorted(str(item.patch_id) for item in good)),
    )


def rectified_count_rate(ledger: Ledger, period: Period, as_of: datetime) -> Indicator:
    """整改到位率 by count."""
    due = _rectifications(ledger, period, as_of)
    good = [str(item.patch_id) for item in due if item.accepted_at and item.accepted_at <= as_of]
    return ratio("rectified_count_rate", (str(item.patch_id) for item in due), good)


def false_alarm_rate(ledger: Ledger, period: Period, as_of: datetime) -> Indicator:
    """误报率 among all verdicts of the period but duplicates."""
    decided = [item for item in _decided(ledger, period, as_of) if item.reason_code != "duplicate"]
    false = [str(item.patch_id) for item in decided if item.kind == "not_new"]
    return ratio("false_alarm_rate", (str(item.patch_id) for item in decided), false)


def duplicate_rate(ledger: Ledger, period: Period, as_of: datetime) -> Indicator:
    """重复率 among all verdicts of the period."""
    decided = _decided(ledger, period, as_of)
    twice = [str(item.patch_id) for item in decided if item.reason_code == "duplicate"]
    return ratio("duplicate_rate", (str(item.patch_id) for item in decided), twice)


INDICATORS: Mapping[str, Callable[[Ledger, Period, datetime], Indicator]] = {
    "required": required,
    "valid": valid,
    "completion_rate": completion_rate,
    "attainment_rate": attainment_rate,
    "coverage_rate": coverage_rate,
    "self_found_rate": self_found_rate,
    "on_time_verification_rate": on_time_verification_rate,
    "on_time_closure_rate": on_time_closure_rate,
    "rectified_rate": rectified_rate,
    "rectified_count_rate": rectified_count_rate,
    "false_alarm_rate": false_alarm_rate,
    "duplicate_rate": duplicate_rate,
}


def compute(ledger: Ledger, period: Period, as_of: datetime) -> dict[str, Indicator]:
    """All indicators of a ledger."""
    return {key: rule(ledger, period, min(as_of, period.ends_at)) for key, rule in INDICATORS.items()}


def valid_by_post(ledger: Ledger, period: Period, as_of: datetime) -> Mapping[UUID, int]:
    """Valid outings of each post in the period, not capped."""
    if ledger.walked is not None:
        return ledger.walked
    counts: dict[UUID, int] = {}
    for outing in ledger.outings:
        if outing.is_valid and _begins_in(outing, period, as_of):
            counts[outing.post_id] = counts.get(outing.post_id, 0) + 1
    return counts


def valid_of_persons(ledger: Ledger, period: Period, as_of: datetime) -> list[int]:
    """Valid outings of each person in the period, not capped: those of the post within the person's days."""
    by_post = valid_by_post(ledger, period, as_of)
    apart = ledger.walked_apart or {}
    shared = {person.post_id for person in ledger.persons if person.since is not None}
    own = [
        outing
        for outing in ledger.outings
        if outing.post_id in shared and outing.is_valid and _begins_in(outing, period, as_of)
    ]

    def count(person: Person) -> int:
        if person.since is None:
            return by_post.get(person.post_id, 0)
        if ledger.walked is not None:
            return apart.get(person.seat, 0)
        return sum(_is_of(outing, person) for outing in own)

    return [count(person) for person in ledger.persons]


def _asked(ledger: Ledger, period: Period, as_of: datetime) -> list[tuple[Person, int]]:
    """Persons of whom something is asked, and their valid outings."""
    done = valid_of_persons(ledger, period, as_of)
    return [each for each in zip(ledger.persons, done, strict=True) if each[0].required > 0]


def _is_of(outing: Outing, person: Person) -> bool:
    return (
        outing.post_id == person.post_id
        and (person.since is None or outing.started_at >= person.since)
        and (person.until is None or outing.started_at < person.until)
    )


def _begins_in(outing: Outing, period: Period, as_of: datetime) -> bool:
    return period.starts_at <= outing.started_at < min(period.ends_at, as_of)


def _decided(ledger: Ledger, period: Period, as_of: datetime) -> list[Decision]:
    return [
        item
        for item in ledger.decisions
        if item.kind != "doubtful" and period.starts_at <= item.decided_at < min(period.ends_at, as_of)
    ]


def _is_due(due_at: datetime, ended_at: datetime | None, period: Period, as_of: datetime) -> bool:
    """Due in the period, or open and overdue in it since before."""
    if due_at >= as_of and (ended_at is None or ended_at >= as_of):
        return False
    if due_at >= period.ends_at:
        return False
    return due_at >= period.starts_at or ended_at is None or ended_at >= period.starts_at


def _rectifications(ledger: Ledger, period: Period, as_of: datetime) -> list[Rectification]:
    """Due by the end and not settled before the beginning, or accepted early within the period."""
    return [
        item
        for item in ledger.rectifications
        if item.ordered_at < as_of
        and (item.accepted_at is None or item.accepted_at >= period.starts_at)
        and (item.due_at < as_of or (item.accepted_at is not None and item.accepted_at < as_of))
    ]
