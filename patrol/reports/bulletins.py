"""What a bulletin says: facts with the items behind each number, and sentences made of the facts alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from foundation.calendar import SHANGHAI, Period, month_of, previous_period, week_of
from foundation.errors import InvalidInput
from patrol.reports.indicators import DEFINITIONS, Indicator
from patrol.reports.rankings import PersonGroup, RankingRow

KINDS: Mapping[str, str] = {
    "weekly_bulletin": "周通报",
    "weekly_ranking": "周排名",
    "monthly_ranking": "月排名",
}
SOURCES: Mapping[str, str] = {
    "satellite": "卫星遥感",
    "drone": "无人机",
    "surface": "地表模型",
    "camera": "视频监控",
    "cadastre": "地籍变更",
    "public": "群众举报",
    "patrol": "巡查发现",
}
M2_PER_MU = 2000.0 / 3.0
DUE_AFTER = timedelta(hours=6)
CATCH_UP = 8
"""Periods of a kind that are caught up at most."""
Facts = dict[str, Any]


class Kpi(NamedTuple):
    """One number of the bulletin: how it is called, its unit, and the items it counts."""

    key: str
    zh: str
    unit: str


COUNTS: tuple[tuple[Kpi, frozenset[str]], ...] = (
    (Kpi("opened", "新增图斑", "个"), frozenset({"open"})),
    (Kpi("dispatched", "下发图斑", "个"), frozenset({"dispatch"})),
    (Kpi("verified", "现场核查", "个"), frozenset({"record_visit"})),
    (Kpi("unlawful", "判定违法", "个"), frozenset({"confirm_unlawful"})),
    (Kpi("ordered", "责令整改", "宗"), frozenset({"order_rectification"})),
    (Kpi("filed", "立案查处", "宗"), frozenset({"file_case"})),
    (Kpi("transferred", "移送处理", "宗"), frozenset({"transfer"})),
    (Kpi("closed", "销号", "宗"), frozenset({"close"})),
)
"""Numbers that count patches by the moves made in the period."""


def check_kind(kind: str, period: Period) -> None:
    """A weekly kind goes with a week, a monthly one with a month.

    Raises
    ------
    InvalidInput
        ``patrol.bulletin.unknown_kind`` or ``patrol.bulletin.kind_and_period``.
    """
    if kind not in KINDS:
        raise InvalidInput("patrol.bulletin.unknown_kind", kind=kind, accepted=list(KINDS))
    if kind.startswith("weekly") != ("W" in period.label):
        raise InvalidInput("patrol.bulletin.kind_and_period", kind=KINDS[kind], period=period.label)


def due_papers(now: datetime, known: Set[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Papers that are due and missing, oldest first: Mondays and firsts of the month, 06:00 in Shanghai.

    After a time without power what was missed is caught up, back to the last paper there is; without any,
    only the newest is due.

    Parameters
    ----------
    known : set of (kind, period label)
        Those that exist, drafts included.
    """
    due: list[tuple[datetime, str, str]] = []
    for kind in KINDS:
        running = month_of(now) if kind.startswith("monthly") else week_of(now)
        if now < running.starts_at + DUE_AFTER:
            running = previous_period(running)
        period = previous_period(running)
        missing: list[tuple[datetime, str, str]] = []
        while (kind, period.label) not in known and len(missing) < CATCH_UP:
            missing.append((period.ends_at, kind, period.label))
            period = previous_period(period)
        due += missing if any(kind == other for other, _ in known) else missing[:1]
    order = list(KINDS)
    due.sort(key=lambda paper: (paper[0], order.index(paper[1])))
    return tuple((kind, label) for _, kind, label in due)


def recheck_sentences(recheck: Mapping[str, Any]) -> list[str]:
    """What the lottery says: this week's draw, that anybody can repeat, and what last week's has shown."""
    said = []
    drawn, answered = recheck["drawn"], recheck["answered"]
    if drawn is None:
        said.append("本期未抽取已销号图斑。")
    elif not drawn["population"]:
        said.append(f"本期没有可抽取的已销号图斑。抽取种子：{drawn['seed']}。")
    else:
        numbers = "、".join(f"{row['number']}（{row['by']}复查）" for row in drawn["tickets"])
        said.append(
            f"从{drawn['population']}宗已销号图斑中分县抽取{drawn['drawn']}宗，由其他县（市、区）人员到场复查："
            f"{numbers}。抽取种子：{drawn['seed']}（由审计链第{drawn['audit_seq']}条得出，任何人可据此重抽核对）。"
        )
    if answered is not None and answered["drawn"]:
        said.append(_answers(answered))
    return said


def _answers(answered: Mapping[str, Any]) -> str:
    found = answered["estimate"]
    counts: dict[str, int] = {}
    for row in answered["tickets"]:
        outcome = row["outcome"] or "尚未填报"
        counts[outcome] = counts.get(outcome, 0) + 1
    told = "，".join(f"{outcome}{count}宗" for outcome, count in sorted(counts.items()))
    sentence = f"上期（{answered['week']}）抽取{answered['drawn']}宗：{told}。"
    if found["rate"] is None:
        return sentence + "尚无到场结果，不作推断。"
    return sentence + (
        f"据此估计{found['population']}宗中真正整改到位的占{percent(found['rate'])}"
        f"（置信区间{percent(found['low'])}至{percent(found['high'])}）。"
    )


def count_kpis(moves: Sequence[Mapping[str, Any]]) -> list[Facts]:
    """Patches by kind of move; a patch counts once however often it was moved."""
    return [
        kpi_fact(kpi, sorted({row["number"] for row in moves if row["action"] in actions}))
        for kpi, actions in COUNTS
    ]


def kpi_fact(kpi: Kpi, items: Iterable[str], *, value: float | None = None) -> Facts:
    """One number and its items; the number is the count of the items unless it is given."""
    listed = list(items)
    return {**kpi._asdict(), "value": len(listed) if value is None else value, "items": listed}


def indicator_fact(indicator: Indicator) -> Facts:
    """An indicator as stored in a bulletin."""
    names = {definition.key: definition for definition in DEFINITIONS}
    definition = names[indicator.key]
    return {
        "key": indicator.key,
        "zh": definition.zh,
        "formula": definition.formula,
        "value": rounded(indicator.value),
        "numerator": round(indicator.numerator, 4),
        "denominator": round(indicator.denominator, 4),
        "items": list(indicator.items),
        "counted": list(indicator.counted),
        "is_small": indicator.is_small,
    }


def row_fact(row: RankingRow) -> Facts:
    """A line of a ranking as stored."""
    plain = asdict(row)
    for key in ("completion_rate", "attainment_rate", "score"):
        plain[key] = rounded(plain[key])
    plain["rates"] = {key: rounded(value) for key, value in row.rates.items()}
    return plain


def group_fact(group: PersonGroup, rows: Sequence[RankingRow]) -> Facts:
    """A ranking of persons as stored."""
    return {"key": group.key, "zh": group.zh, "rows": [row_fact(row) for row in rows]}


def summary(facts: Facts) -> list[str]:
    """The opening sentences; every number in them stands in the facts."""
    kpi = {row["key"]: row for row in facts["kpis"]}
    leads = "、".join(f"{row['zh']}{row['value']}条" for row in facts["leads"]) or "无"
    sentences = [
        f"{facts['title_period']}，全{facts['area_level']}共接收违法用地线索"
        f"{facts['lead_total']}条（{leads}），新增图斑{kpi['opened']['value']}个，"
        f"下发图斑{kpi['dispatched']['value']}个，完成现场核查{kpi['verified']['value']}个，"
        f"判定违法{kpi['unlawful']['value']}个，涉及耕地{mu(facts['unlawful_cropland_m2'])}亩，"
        f"其中永久基本农田{mu(facts['unlawful_basic_farmland_m2'])}亩。",
        f"现场制止{kpi['stopped']['value']}宗，责令整改{kpi['ordered']['value']}宗，"
        f"立案查处{kpi['filed']['value']}宗，移送处理{kpi['transferred']['value']}宗，"
        f"销号{kpi['closed']['value']}宗。截至期末，超期未办{kpi['overdue']['value']}件。",
    ]
    rates = {row["key"]: row for row in facts["indicators"]}
    parts = [
        f"{rates[key]['zh']}{percent(rates[key]['value'])}"
        for key in ("completion_rate", "on_time_verification_rate", "on_time_closure_rate", "rectified_rate")
    ]
    sentences.append("、".join(parts) + "。")
    return sentences


def requirements(facts: Facts) -> list[str]:
    """What the next period must bring, from the facts of this one."""
    kpi = {row["key"]: row for row in facts["kpis"]}
    is_monthly = facts["kind"].startswith("monthly")
    following, until = ("下月", "下月10日") if is_monthly else ("下周", "下周三")
    wanted = []
    if kpi["overdue"]["value"]:
        units = sorted({row["township"] for row in facts["overdue"] if row["township"]})
        wanted.append(
            f"超期未办的{kpi['overdue']['value']}件须于{until}前办结或说明原因，"
            f"由{'、'.join(units[:6])}{'等地' if len(units) > 6 else ''}负责落实。"
        )
    if facts["due_next"]:
        wanted.append(f"下一期到期{len(facts['due_next'])}件，各承办人应在时限内办结。")
    absent = [
        row for group in facts["persons"] for row in group["rows"] if row["required"] > 0 and row["raw"] == 0
    ]
    if absent:
        wanted.append(
            f"本期未开展有效巡查的田长、山长和网格员共{len(absent)}人，由上一级约谈提醒，{following}补齐。"
        )
    if facts["unreported"]:
        wanted.append(f"对未观测区域（{len(facts['unreported'])}处）安排人工巡查，不得以“无变化”上报。")
    wanted.append("继续做好永久基本农田日常巡查，发现违法用地苗头当日制止、当日报告。")
    return wanted


def title_of(kind: str, period: Period, area_name: str) -> str:
    """Title of a document."""
    what = {
        "weekly_bulletin": "违法用地监测与处置周通报",
        "weekly_ranking": "“一网两长”巡查周排名",
        "monthly_ranking": "“一网两长”巡查月排名",
    }[kind]
    return f"{area_name}{what}"


def number_of(kind: str, year: int, serial: int) -> str:
    """Number of a document in its year: ``〔2026〕第1期``."""
    return f"〔{year}〕第{serial}期"


def period_words(period: Period) -> str:
    """The days of a period in words."""
    first, last = period.first, period.last
    if "W" in period.label:
        return f"{first.year}年{first.month}月{first.day}日至{_short(first, last)}"
    return f"{first.year}年{first.month}月"


def mu(area_m2: float) -> str:
    """Area in 亩 with two decimals, as documents print it."""
    return f"{area_m2 / M2_PER_MU:.2f}"


def percent(value: float | None) -> str:
    """A share as documents print it; a dash where nothing was asked."""
    return "—（本期无应办事项）" if value is None else f"{value * 100:.1f}%"


def rounded(value: float | None) -> float | None:
    """Stored with six digits, so that the same facts give the same bytes everywhere."""
    return None if value is None else round(value, 6)


def iso(moment: datetime | None) -> str | None:
    """Shanghai time for facts."""
    return moment.astimezone(SHANGHAI).isoformat(timespec="seconds") if moment else None


def _short(first: date, last: date) -> str:
    if first.year != last.year:
        return f"{last.year}年{last.month}月{last.day}日"
    return f"{last.day}日" if first.month == last.month else f"{last.month}月{last.day}日"
