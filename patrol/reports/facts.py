"""Gathering the facts of a bulletin from the ledger: every number with the items behind it."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import RowMapping
from sqlalchemy.orm import Session

from detection import service as detection
from foundation.access import Actor
from foundation.audit_heads import head_line
from foundation.calendar import SHANGHAI, Period, previous_period, working_days_between
from foundation.divisions import Division, divisions
from foundation.errors import NotFound
from foundation.ids import derived_id
from patrol.cases.cases import transitions
from patrol.lists.service import division_name, spoken_name
from patrol.recheck import service as recheck
from patrol.reports import store
from patrol.reports.bulletins import (
    COUNTS,
    SOURCES,
    Facts,
    Kpi,
    count_kpis,
    group_fact,
    indicator_fact,
    iso,
    kpi_fact,
    mu,
    period_words,
    requirements,
    row_fact,
    summary,
    title_of,
)
from patrol.reports.ground.covering import covered, cropland_under
from patrol.reports.indicators import DEFINITIONS, Ledger, Person, Step, compute
from patrol.reports.issuing.service import errata_facts
from patrol.reports.people import load_people, walked_apart
from patrol.reports.rankings import (
    WHOLE,
    Part,
    PersonGroup,
    RankingRow,
    Unit,
    rank_units,
    ranking_policy,
    with_changes,
)
from patrol.reports.standings import service as standings

CLASSES_FILE = Path(__file__).resolve().parents[2] / "data" / "reference" / "change_classes.toml"
AREA_LEVELS = {2: "市", 3: "县（市、区）", 4: "乡镇", 5: "村"}
TYPICAL_MAX = 3
SILENT_MAX = 6
PEOPLE_INDICATORS = frozenset({"required", "valid", "completion_rate", "attainment_rate"})


@dataclass(frozen=True)
class Scope:
    """What a report speaks of: an area, a period, and the moment up to which it speaks."""

    division: Division
    period: Period
    as_of: datetime
    profile: str

    @property
    def end(self) -> datetime:
        """The period's end, or now within a running one."""
        return min(self.as_of, self.period.ends_at)

    @property
    def last_day(self) -> date:
        """The last day of which it speaks, in Shanghai."""
        return min(self.as_of.astimezone(SHANGHAI).date(), self.period.last)


def load_ledger(session: Session, scope: Scope, period: Period) -> Ledger:
    """All facts of an area that the indicators of a period need."""
    prefix = scope.division.prefix
    outings = store.outings(session, prefix, period.starts_at, period.ends_at)
    return replace(_cases(session, prefix), persons=_people(session, scope, period), outings=outings)


def _people(session: Session, scope: Scope, period: Period) -> list[Person]:
    return load_people(session, scope.division.prefix, period.first, period.last).in_period(period)


def _cases(session: Session, prefix: str) -> Ledger:
    return Ledger(
        verifications=store.verifications(session, prefix),
        steps=store.steps(session, prefix),
        decisions=store.decisions(session, prefix),
        rectifications=store.rectifications(session, prefix),
    )


def with_coverage(session: Session, scope: Scope, ledger: Ledger) -> Ledger:
    """The ledger with the ground that tracks covered: costs more than all the rest, so asked for by name."""
    prefix = scope.division.prefix
    cropland = cropland_under(session, prefix)
    if cropland is None:
        return ledger
    coverage = covered(session, prefix, scope.period.starts_at, scope.end, cropland=cropland)
    return replace(ledger, coverage=coverage)


def person_rankings(session: Session, scope: Scope) -> list[tuple[PersonGroup, list[RankingRow]]]:
    """Rankings of persons with the change since the period before; none where only units are ranked."""
    return person_page(session, scope, lambda group: True)[0]


def person_page(
    session: Session, scope: Scope, wanted: Callable[[PersonGroup], bool], part: Part = WHOLE
) -> tuple[list[tuple[PersonGroup, list[RankingRow]]], int]:
    """Some lines of the rankings of some groups, and how many lines there are; ranks are over all."""
    policy = ranking_policy()
    groups = [group for group in policy.groups if wanted(group)]
    if not policy.ranks_persons[scope.profile] or not groups:
        return [], 0
    field = standings.load_field(session, scope.division.prefix, scope.period, end=scope.end, groups=groups)
    return standings.lines(session, field, part), len(field)


def unit_ranking(session: Session, scope: Scope, level: int) -> list[RankingRow]:
    """Ranking of the townships (level 4) or counties (level 3) of the area."""
    prefix, period, policy = scope.division.prefix, scope.period, ranking_policy()
    units = [
        Unit(row["code"], row["prefix"], spoken_name(row["name"]))
        for row in store.units_below(session, prefix, level)
    ]
    former = previous_period(period)
    spans = [(former.starts_at, former.ends_at), (period.starts_at, scope.end)]
    counts = store.walked(session, prefix, spans)
    cases = _cases(session, prefix)

    def ranked(place: int, period: Period, people: Sequence[Person]) -> list[RankingRow]:
        ledger = _counted(session, cases, people, walked=counts[place], span=spans[place])
        return rank_units(ledger, period, as_of=scope.as_of, units=units, policy=policy)

    # People are asked for again only where the weights speak of them.
    counts_people = not PEOPLE_INDICATORS.isdisjoint(policy.weights)
    people_before = _people(session, scope, former) if counts_people else ()
    rows = ranked(1, period, _people(session, scope, period))
    return with_changes(rows, ranked(0, former, people_before))


def _counted(
    session: Session,
    ledger: Ledger,
    people: Sequence[Person],
    *,
    walked: Mapping[UUID, int],
    span: tuple[datetime, datetime],
) -> Ledger:
    """The ledger with people, and their outings as the database counts them."""
    return replace(ledger, persons=people, walked=walked, walked_apart=walked_apart(session, people, *span))


def bulletin_id_of(kind: str, scope: Scope) -> UUID:
    """Id of the bulletin of a kind, period and area."""
    return derived_id("bulletin", kind, scope.period.label, scope.division.code)


def gather(session: Session, actor: Actor, scope: Scope, *, kind: str, number: str) -> Facts:
    """All facts of a bulletin. What is not in them is in no document."""
    prefix, period = scope.division.prefix, scope.period
    ledger = with_coverage(session, scope, load_ledger(session, scope, period))
    moves = store.moves(session, prefix, period.starts_at, scope.end)
    leads = store.leads_by_source(session, prefix, period.starts_at, scope.end)
    unlawful = _numbers(moves, "confirm_unlawful")
    by_id = store.patches_by_ids(session, sorted({str(row["patch_id"]) for row in moves}), scope.last_day)
    taken = [row for row in by_id.values() if row["number"] in unlawful]
    overdue = _overdue(session, ledger, scope)
    stopped = store.stopped_visits(session, prefix, period.starts_at, scope.end)
    kpis = count_kpis([dict(row) for row in moves])
    kpis += [
        kpi_fact(Kpi("stopped", "现场制止", "宗"), sorted({str(row["patch_id"]) for row in stopped})),
        kpi_fact(Kpi("dismissed", "合法或排除", "个"), _entered(moves, "dismissed")),
        kpi_fact(Kpi("overdue", "超期未办", "件"), [row["number"] for row in overdue]),
    ]
    townships = unit_ranking(session, scope, 4)
    facts: Facts = {
        "kind": kind,
        "number": number,
        "period": period.label,
        "first": period.first.isoformat(),
        "last": period.last.isoformat(),
        "as_of": iso(scope.end),
        "dated": scope.as_of.astimezone(SHANGHAI).date().isoformat(),
        "title": title_of(kind, period, scope.division.name),
        "title_period": period_words(period),
        "masthead": f"{scope.division.name}自然资源监测通报",
        "issuer": f"{scope.division.name}自然资源和规划局",
        "area_level": AREA_LEVELS[scope.division.level],
        "division_code": scope.division.code,
        "profile": scope.profile,
        "leads": _lead_facts(leads),
        "lead_total": len(leads),
        "kpis": kpis,
        "unlawful_cropland_m2": round(sum(row["cropland_m2"] for row in taken), 2),
        "unlawful_basic_farmland_m2": round(sum(row["basic_farmland_m2"] for row in taken), 2),
        "indicators": [indicator_fact(value) for value in compute(ledger, period, scope.as_of).values()],
        "townships": _townships(townships, moves, overdue),
        "units": _units(session, scope, townships),
        "persons": [group_fact(group, rows) for group, rows in person_rankings(session, scope)],
        "overdue": overdue,
        "due_next": _due_next(ledger, scope),
        "typical": _typical(taken, scope),
        "definitions": [definition._asdict() for definition in DEFINITIONS],
        "audit_head": _audit_head(session),
        "audit_head_line": head_line(session),
        "recheck": _recheck(session, actor, scope, kind),
        "errata": errata_facts(session, kind, scope.division.code, bulletin_id_of(kind, scope)),
    }
    facts["best_and_worst"] = _best_and_worst(townships)
    facts["unreported"], facts["unobserved"] = _unobserved(session, scope)
    facts["summary"] = summary(facts)
    facts["requirements"] = requirements(facts)
    return facts


def _recheck(session: Session, actor: Actor, scope: Scope, kind: str) -> Facts | None:
    """The lottery drawn for the week, and the one before with its answers; none beside a ranking."""
    if kind != "weekly_bulletin":
        return None

    def told(period: Period) -> Facts | None:
        try:
            view = recheck.lottery(session, actor, period.label, division_code=scope.division.code)
        except NotFound:
            return None
        return recheck.facts_of(view)

    return {"drawn": told(scope.period), "answered": told(previous_period(scope.period))}


def _lead_facts(leads: Sequence[RowMapping]) -> list[Facts]:
    found: dict[str, list[str]] = {}
    for row in leads:
        found.setdefault(row["source"], []).append(str(row["lead_id"]))
    return [
        kpi_fact(Kpi(source, SOURCES.get(source, source), "条"), items)
        for source, items in sorted(found.items())
    ]


def _numbers(moves: Sequence[RowMapping], action: str) -> set[str]:
    return {row["number"] for row in moves if row["action"] == action}


def _entered(moves: Sequence[RowMapping], state: str) -> list[str]:
    return sorted({row["number"] for row in moves if row["to_state"] == state})


def _overdue(session: Session, ledger: Ledger, scope: Scope) -> list[Facts]:
    """Steps open and overdue at the end of the period, longest overdue first."""
    late = [step for step in ledger.steps if _is_open(step, scope.end) and step.due_at < scope.end]
    patches = store.patches_by_ids(session, [str(step.patch_id) for step in late], scope.last_day)
    states = transitions().states
    shows_persons = ranking_policy().ranks_persons[scope.profile]
    rows = []
    for step in sorted(late, key=lambda item: (item.due_at, item.key)):
        patch = patches.get(str(step.patch_id))
        if patch is None:
            continue
        rows.append(
            {
                "key": step.key,
                "number": patch["number"],
                "place": division_name(patch["division_code"]),
                "township": _township(patch["division_code"]),
                "state_name": states[patch["state"]].zh if step.left_at is None else "期后已办",
                "owner": patch["owner_name" if shows_persons else "owner_title"] or "",
                "due_at": iso(step.due_at),
                "overdue_wd": max(1, working_days_between(step.due_at, scope.end)),
            }
        )
    return rows


def _is_open(step: Step, at: datetime) -> bool:
    return step.left_at is None or step.left_at >= at


def _due_next(ledger: Ledger, scope: Scope) -> list[str]:
    length = scope.period.ends_at - scope.period.starts_at
    return [
        step.key
        for step in ledger.steps
        if _is_open(step, scope.end) and scope.end <= step.due_at < scope.end + length
    ]


def _townships(
    ranking: Sequence[RankingRow], moves: Sequence[RowMapping], overdue: Sequence[Facts]
) -> list[Facts]:
    rows = []
    for row in ranking:
        prefix = row.key[:9]
        own = [move for move in moves if move["division_code"].startswith(prefix)]
        counts = {
            kpi.key: len({move["number"] for move in own if move["action"] in actions})
            for kpi, actions in COUNTS
        }
        late = [item for item in overdue if item["township"] == row.name]
        rows.append(
            {
                "code": row.key,
                "name": row.name,
                **counts,
                "overdue": len(late),
                "score": None if row.score is None else round(row.score, 6),
                "is_small": row.small_sample,
                "rank": row.rank,
            }
        )
    return rows


def _units(session: Session, scope: Scope, townships: Sequence[RankingRow]) -> list[Facts]:
    blocks = []
    if scope.division.level < 3:
        counties = unit_ranking(session, scope, 3)
        blocks.append(
            {"key": "counties", "zh": "县（市、区）排名", "rows": [row_fact(row) for row in counties]}
        )
    blocks.append(
        {"key": "townships", "zh": "乡镇（街道）排名", "rows": [row_fact(row) for row in townships]}
    )
    return blocks


def _best_and_worst(townships: Sequence[RankingRow]) -> list[str]:
    ranked = [row for row in townships if row.score is not None]
    if len(ranked) < 2 or ranked[0].rank == ranked[-1].rank:
        return []
    best = "、".join(row.name for row in ranked if row.rank == 1)
    worst = "、".join(row.name for row in ranked if row.rank == ranked[-1].rank)
    return [f"综合得分排名靠前的是{best}，靠后的是{worst}。"]


def _typical(taken: Sequence[RowMapping], scope: Scope) -> list[Facts]:
    """The gravest patches judged unlawful in the period."""
    names = {violation.code: violation.name_zh for violation in detection.violations(scope.end)}
    gravest = sorted(taken, key=lambda row: (-row["severity"], -row["basic_farmland_m2"], row["number"]))
    return [_typical_fact(row, names) for row in gravest[:TYPICAL_MAX]]


def _typical_fact(row: RowMapping, names: Mapping[str, str]) -> Facts:
    place = division_name(row["division_code"])
    what = change_classes().get(row["change_class"], row["change_class"])
    code = row["violation_code"]
    text = (
        f"该图斑位于{place}，变化类型为{what}，面积{mu(row['area_m2'])}亩，占用耕地{mu(row['cropland_m2'])}亩，"
        f"其中永久基本农田{mu(row['basic_farmland_m2'])}亩。"
    )
    if code:
        text += f"涉嫌{names.get(code, code)}（{code}）。"
    text += f"目前处于“{transitions().states[row['state']].zh}”。"
    return {
        "number": row["number"],
        "place": place,
        "text": text,
        "area_m2": round(row["area_m2"], 2),
        "before_chip": row["before_chip"],
        "after_chip": row["after_chip"],
        "before_at": iso(row["before_at"]),
        "after_at": iso(row["after_at"]),
    }


def _unobserved(session: Session, scope: Scope) -> tuple[list[Facts], list[str]]:
    """Areas and sources of which nothing is known: never told as "no change"."""
    scenes = store.scenes_between(session, scope.division.prefix, scope.period.starts_at, scope.end)
    hidden: list[Facts] = []
    sentences = []
    for row in scenes:
        moment = iso(row["acquired_at"]) or ""
        cloud = row["cloud_pct"]
        if cloud is None:
            words = "，云量未载明"
        elif cloud > 0:
            words = f"，云及云影遮挡约{cloud:.1f}%，遮挡范围内未观测"
            hidden.append({"scene_id": str(row["scene_id"]), "cloud_pct": round(cloud, 2)})
        else:
            words = "，无云"
        sentences.append(f"{moment[:16].replace('T', ' ')} {row['sensor']} 影像{words}。")
    if not scenes:
        hidden.append({"scene_id": None, "cloud_pct": None})
        sentences.append("本期没有获取新的卫星影像，全域遥感未观测；未发现新图斑不等于没有变化。")
    cameras = store.camera_signs(session, scope.division.prefix, scope.period.starts_at, scope.end)
    sentences.append(_camera_sentence(cameras))
    return hidden, sentences


def _camera_sentence(cameras: Sequence[RowMapping]) -> str:
    """Which cameras said anything; one that was silent is not one that saw nothing."""
    if not cameras:
        return "视频监控未接入，本期无视频观测。"
    silent = [row for row in cameras if not row["signs"]]
    told = f"已登记视频监控{len(cameras)}路，本期有上报的{len(cameras) - len(silent)}路。"
    if not silent:
        return told
    names = "、".join(
        f"{row['name']}（{f'最近上报{moment[:10]}' if (moment := iso(row['last_at'])) else '从未上报'}）"
        for row in silent[:SILENT_MAX]
    )
    more = "等" if len(silent) > SILENT_MAX else ""
    return f"{told}本期无上报的{len(silent)}路：{names}{more}，其视域按未观测处理，不得视为没有变化。"


def _audit_head(session: Session) -> Facts:
    row = session.execute(text("SELECT seq, hash FROM audit_head")).one()
    return {"seq": row.seq, "hash": row.hash}


def _township(code: str) -> str:
    tree = divisions()
    return spoken_name(tree.at_level(code, 4).name) if tree.get(code).level >= 4 else ""


@lru_cache(maxsize=1)
def change_classes() -> Mapping[str, str]:
    """What people call a class of change."""
    table: dict[str, Any] = tomllib.loads(CLASSES_FILE.read_text("utf-8"))
    return {key: str(value) for key, value in table.items()}
