"""Counting patches by verdict, progress and unit: every number with the items behind it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from uuid import UUID

from foundation.calendar import Period, parse_period
from foundation.divisions import Division
from foundation.errors import InvalidInput

VERDICTS: Mapping[str, str] = {
    "unlawful": "违法",
    "lawful": "合法",
    "not_new": "非新增",
    "other": "存疑或其他",
    "pending": "待判定",
}
"""In the order of the columns."""
PROGRESS: Mapping[str, tuple[str, frozenset[str]]] = {
    "desk": ("内业研判", frozenset({"triage"})),
    "field": ("外业核查", frozenset({"dispatched", "to_verify", "to_judge"})),
    "county_review": ("县级审核", frozenset({"county_review"})),
    "city_review": ("市级审核", frozenset({"city_review"})),
    "acting": ("整改查处", frozenset({"rectifying", "case_open", "transferred", "recheck"})),
    "done": ("已办结", frozenset({"closed", "dismissed"})),
}
DEFINITIONS: tuple[tuple[str, str], ...] = (
    ("图斑", "统计期内形成、来源相符的图斑；期次按后时相影像日期（北京时间）归入，并入其他图斑的不重复计算"),
    ("违法、合法、非新增", "以人员签署的判定结论为准；系统建议不计入"),
    ("存疑或其他", "判定为存疑待核或者其他的图斑"),
    ("待判定", "尚无人员签署判定结论的图斑"),
    ("面积", "图斑椭球面积（平方米），1亩＝2000/3平方米，只在显示时取舍"),
    ("耕地面积", "图斑范围内最新适用的年度变更调查耕地面积（平方米），取自内业判定"),
    ("永久基本农田面积", "图斑范围内永久基本农田面积（平方米），取自内业判定"),
    ("审核进度", "已办结（销号、排除）图斑数除以全部图斑数；没有图斑的不计算"),
)
QUARTER = re.compile(r"^(\d{4})-Q([1-4])$")
YEAR = re.compile(r"^\d{4}$")


@dataclass(frozen=True, slots=True)
class Item:
    """One patch as it is counted. Areas in m²."""

    patch_id: UUID
    number: str
    division_code: str
    unit_code: str
    state: str
    verdict_kind: str | None
    area_m2: float
    cropland_m2: float
    basic_farmland_m2: float
    after_on: date

    @property
    def verdict(self) -> str:
        """Key of `VERDICTS`."""
        if self.verdict_kind is None:
            return "pending"
        return self.verdict_kind if self.verdict_kind in VERDICTS else "other"

    @property
    def progress(self) -> str:
        """Key of `PROGRESS`; states that are not named there are being acted on."""
        return next((key for key, (_, states) in PROGRESS.items() if self.state in states), "acting")


@dataclass(slots=True)
class Tally:
    """Number and areas of some patches. m²."""

    count: int = 0
    area_m2: float = 0.0
    cropland_m2: float = 0.0
    basic_farmland_m2: float = 0.0

    def add(self, item: Item) -> None:
        """Count one more."""
        self.count += 1
        self.area_m2 += item.area_m2
        self.cropland_m2 += item.cropland_m2
        self.basic_farmland_m2 += item.basic_farmland_m2


@dataclass(slots=True)
class Line:
    """One unit, or the whole: tallies by verdict, counts by progress."""

    code: str
    name: str
    total: Tally = field(default_factory=Tally)
    by_verdict: dict[str, Tally] = field(default_factory=lambda: {key: Tally() for key in VERDICTS})
    by_progress: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PROGRESS, 0))

    @property
    def done_rate(self) -> float | None:
        """Share of patches that are done; None without any."""
        return self.by_progress["done"] / self.total.count if self.total.count else None

    def add(self, item: Item) -> None:
        """Count one more."""
        self.total.add(item)
        self.by_verdict[item.verdict].add(item)
        self.by_progress[item.progress] += 1


@dataclass(frozen=True, slots=True)
class Statistics:
    """A table of units, the whole last, and every item that was counted."""

    period: Period
    division: Division
    source: str
    lines: tuple[Line, ...]
    items: tuple[Item, ...]
    as_of: datetime


def tally(items: Iterable[Item], units: Sequence[tuple[str, str]], *, whole: tuple[str, str]) -> list[Line]:
    """Lines of all units in their order, then the whole; what lies in no unit counts in the whole only.

    Parameters
    ----------
    units : sequence of (code, name)
    whole : (code, name)
    """
    lines = {code: Line(code, name) for code, name in units}
    total = Line(*whole)
    for item in items:
        total.add(item)
        if item.unit_code in lines:
            lines[item.unit_code].add(item)
    return [*lines.values(), total]


def span_of(label: str) -> Period:
    """Days of a week (2026-W37), month (2026-09), quarter (2026-Q3) or year (2026).

    Raises
    ------
    InvalidInput
        ``foundation.calendar.bad_period``.
    """
    if match := QUARTER.match(label):
        year, quarter = int(match[1]), int(match[2])
        if year < 1990:
            raise InvalidInput("foundation.calendar.bad_period", period=label)
        following = date(year + (quarter == 4), quarter * 3 % 12 + 1, 1)
        return Period(label, date(year, quarter * 3 - 2, 1), following - timedelta(days=1))
    if YEAR.match(label) and int(label) >= 1990:
        return Period(label, date(int(label), 1, 1), date(int(label), 12, 31))
    return parse_period(label)
