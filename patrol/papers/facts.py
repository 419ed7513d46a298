"""Values of a paper's fields, from what is stored: patch, judgement, signed verdict, case, party, visits.

The platform's suggestion gives areas and explanations; the verdict, the violation and so the law come from
the person who signed, and stay empty until somebody has.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import shapely

from detection.judgements import Judgement
from detection.leads import Lead
from detection.patches import Patch
from detection.rules import current_rules
from detection.taxonomy import Violation, fine_range
from foundation.calendar import SHANGHAI
from foundation.crs import M2_PER_MU, gauss_krueger_epsg, reproject
from foundation.divisions import divisions
from patrol.cases.clocks import Clock, clock_table
from patrol.lists.service import spoken_name
from patrol.lists.views import CaseDetail, EvidenceView
from patrol.papers.fields import capital_yuan, day_text, written
from patrol.papers.kinds import paper_kind
from patrol.papers.numbering import DAY_TO_COME, NUMBER_TO_COME, Authority
from patrol.papers.parties import ID_NAMES, KINDS
from patrol.papers.tables import PaperRow, PartyRow

CLASSES_FILE = Path(__file__).resolve().parents[2] / "data" / "reference" / "change_classes.toml"
VERDICT_NAMES = {
    "unlawful": "违法",
    "lawful": "合法",
    "not_new": "非新增",
    "doubtful": "存疑待核",
    "other": "其他",
}
SOURCE_NAMES = {
    "satellite": "卫星遥感",
    "drone": "无人机航拍",
    "surface": "地表模型",
    "camera": "铁塔视频",
    "cadastre": "不动产登记变化",
    "public": "群众举报",
    "patrol": "日常巡查",
}
EVIDENCE_NAMES = {"photo": "现场照片", "video": "视频", "audio": "录音", "document": "书证"}
PERIODS = {
    "statement_period": "statement",
    "hearing_period": "hearing_request",
    "payment_period": "payment",
    "service_period": "serve_decision",
    "lawsuit_period": "lawsuit",
    "reconsider_period": "reconsider",
}
NUMBERED = {
    "stop_number": "stop_notice",
    "filing_number": "filing_report",
    "notice_number": "penalty_notice",
    "hearing_number": "hearing_notice",
    "decision_number": "penalty_decision",
}
"""Field -> kind of paper whose newest issued number it shows."""
NUMERALS = {2: "二", 3: "三", 5: "五", 7: "七", 10: "十", 15: "十五", 30: "三十", 60: "六十", 90: "九十"}
POINTS_MAX = 40
TEXT_MAX = 900
BRIEF_MAX = 130


@dataclass(frozen=True)
class Stored:
    """Everything stored that papers speak of.

    Attributes
    ----------
    papers : sequence of PaperRow
        Issued papers of the case, oldest first; voided ones left out.
    served : PaperRow or None
        The paper that this one serves.
    """

    case: CaseDetail
    patch: Patch
    leads: Sequence[Lead]
    judgement: Judgement | None
    authority: Authority
    party: PartyRow | None
    papers: Sequence[PaperRow]
    served: PaperRow | None
    filed_at: datetime | None
    drafter_name: str
    now: datetime


Facts = dict[str, Any]


def field_values(stored: Stored, overrides: Mapping[str, Any]) -> Facts:
    """Field key -> value: what is stored, what people set in its place, and what follows from both.

    Pictures are not among them: see `patrol.papers.making.pictures`.

    Parameters
    ----------
    overrides : mapping
        Field key -> value that a person set.
    """
    values: Facts = {}
    for gather in GATHERERS:
        values |= gather(stored)
    values |= overrides
    for follow in (proposals(values), derived(stored, values)):
        values |= {key: value for key, value in follow.items() if key not in overrides}
    return values


def derived(stored: Stored, values: Mapping[str, Any]) -> Facts:
    """Fields that follow from others, also from those that a person has set."""
    fine = values.get("fine_yuan")
    limits = fine_limits(signed_violation(stored), values.get("unlawful_m2"))
    found: Facts = {
        **{f"{name}_brief": _brief(values.get(f"{name}_note")) for name in ("verdict", "visit")},
        "fine_capital": capital_yuan(float(fine)) if fine else None,
        "fine_min_yuan": limits[0] if limits else None,
        "fine_max_yuan": limits[1] if limits else None,
    }
    for name in ("area", "cropland", "basic_farmland", "unlawful"):
        area_m2 = values.get(f"{name}_m2")
        found[f"{name}_mu"] = None if area_m2 is None else float(area_m2) / M2_PER_MU
    return found


def signed_violation(stored: Stored) -> Violation | None:
    """The row of the taxonomy that a person's verdict names, as in force when the act was done."""
    verdict = stored.case.verdict
    if verdict is None or verdict.violation_code is None:
        return None
    return current_rules().violation(verdict.violation_code, law_day(stored))


def law_day(stored: Stored) -> date:
    """The day whose law applies."""
    if stored.judgement is not None and "law_date" in stored.judgement.result:
        return stored.judgement.law_date
    return stored.patch.shape.after_at.astimezone(SHANGHAI).date()


def fine_limits(violation: Violation | None, area_m2: float | None) -> tuple[float, float] | None:
    """Least and greatest fine in yuan where the law counts by area or names a sum; None where it does not."""
    if violation is None:
        return None
    ranges = [
        fine_range(fine, area_m2=area_m2)
        for fine in violation.fines
        if fine.kind == "fixed" or (fine.kind == "per_m2" and area_m2 is not None)
    ]
    if not ranges:
        return None
    return min(row.low_yuan for row in ranges), max(row.high_yuan for row in ranges)


def _authority(stored: Stored) -> Facts:
    authority, served = stored.authority, stored.served
    newest = {paper.kind: paper for paper in stored.papers}
    notice, decision = newest.get("penalty_notice"), newest.get("penalty_decision")
    return {
        "authority_name": authority.name,
        "authority_address": authority.address or None,
        "authority_phone": authority.phone or None,
        "government_name": authority.government,
        "court_name": authority.court,
        "paper_number": NUMBER_TO_COME,
        "issued_on": DAY_TO_COME,
        "drafter_name": stored.drafter_name,
        "drafted_on": _day(stored.now),
        "served_paper": paper_kind(served.kind).zh if served else None,
        "served_number": served.number if served else None,
        "notice_served_on": notice.served_on.isoformat() if notice and notice.served_on else None,
        "decision_on": _day(decision.issued_at) if decision else None,
        **{key: newest[kind].number if kind in newest else None for key, kind in NUMBERED.items()},
    }


def _patch(stored: Stored) -> Facts:
    patch, shape = stored.patch, stored.patch.shape
    names = {level.level: level.name for level in divisions().ancestors(patch.division_code)}
    names[divisions().get(patch.division_code).level] = divisions().get(patch.division_code).name
    point = shape.outline.representative_point()
    points, note = _boundary(shape.outline)
    sources = dict.fromkeys(SOURCE_NAMES.get(lead.source, lead.source) for lead in stored.leads)
    return {
        "patch_number": patch.number,
        "place": "".join(spoken_name(names[level]) for level in (3, 4, 5) if level in names),
        "county_name": names.get(3),
        "township_name": names.get(4),
        "village_name": spoken_name(names[5]) if 5 in names else None,
        "longitude_deg": round(point.x, 6),
        "latitude_deg": round(point.y, 6),
        "change_class": class_names().get(shape.change_class, shape.change_class),
        "before_on": _day(shape.before_at),
        "after_on": _day(shape.after_at),
        "area_m2": shape.area_m2,
        "area_min_m2": shape.area_min_m2,
        "area_max_m2": shape.area_max_m2,
        "source_names": "、".join(sources) or None,
        "lead_count": len(stored.leads),
        "found_on": _day(min((lead.observed_to for lead in stored.leads), default=shape.after_at)),
        "boundary_points": points,
        "boundary_note": note,
    }


def _judgement(stored: Stored) -> Facts:
    judgement = stored.judgement
    result: Mapping[str, Any] = judgement.result if judgement else {}
    areas = result.get("areas_m2", {})
    is_partly = result.get("suggestion") == "partly_exceeded"
    unlawful_m2 = result.get("excess_m2") if is_partly else stored.patch.shape.area_m2
    sentences = "".join(str(row["text"]) for row in result.get("sentences", ()))
    return {
        "overlay": [
            {
                "name": row["name"],
                "area_m2": row["area_m2"],
                "area_mu": row["area_m2"] / M2_PER_MU,
                "share": row["share"],
                "note": row.get("text") or "",
            }
            for row in result.get("overlay", ())
        ],
        "cropland_m2": areas.get("cropland_m2"),
        "basic_farmland_m2": areas.get("basic_farmland_m2"),
        "redline_m2": areas.get("ecological_redline_m2"),
        "unlawful_m2": unlawful_m2,
        "judgement_revision": judgement.revision if judgement else None,
        "law_date": law_day(stored).isoformat(),
        "judgement_text": sentences[:TEXT_MAX] or None,
    }


def _verdict(stored: Stored) -> Facts:
    verdict = stored.case.verdict
    if verdict is None:
        return {}
    violation = signed_violation(stored)
    found: Facts = {
        "verdict_name": VERDICT_NAMES.get(verdict.kind, verdict.kind),
        "verdict_by": verdict.by_name or None,
        "verdict_on": _day(verdict.at),
        "verdict_note": verdict.note,
    }
    if violation is None:
        return found
    return found | {
        "violation_name": violation.name_zh,
        "basis": [
            {"statute": row.statute, "article": row.article, "text": row.text} for row in violation.basis
        ],
        "basis_text": "、".join(f"《{row.statute}》{row.article}" for row in violation.basis),
        "measure": violation.measure,
        "competent_authority": violation.authority_name,
        "fine_text": "；".join(fine.text for fine in violation.fines if fine.text) or None,
    }


def _case(stored: Stored) -> Facts:
    case = stored.case
    return {
        "state_name": case.row.internal_state_name,
        "stage_name": case.stage_name,
        "opened_on": _day(case.opened_at),
        "filed_on": _day(stored.filed_at),
        "rectify_until": _day(case.row.due_at) if case.row.internal_state == "rectifying" else None,
        "decision_due_on": _day(case.row.due_at) if case.row.internal_state == "case_open" else None,
        "owner_name": case.row.owner_name or None,
    }


def _party(stored: Stored) -> Facts:
    party = stored.party
    if party is None:
        return {"party_id_name": "证件号码"}
    return {
        "party_name": party.name,
        "party_kind": KINDS[party.kind],
        "party_id_number": party.id_number,
        "party_id_name": ID_NAMES[party.kind],
        "party_representative": party.representative,
        "party_address": party.address,
        "party_phone": party.phone,
    }


def _fieldwork(stored: Stored) -> Facts:
    case = stored.case
    found: Facts = {"evidence": [_piece(no, row) for no, row in enumerate(case.evidence, start=1)]}
    found["photo_count"] = sum(row.kind == "photo" for row in case.evidence)
    if case.evidence:
        counts = {
            name: sum(row.kind == kind for row in case.evidence) for kind, name in EVIDENCE_NAMES.items()
        }
        listed = "、".join(f"{name}{count}份" for name, count in counts.items() if count)
        found["evidence_text"] = f"以上事实有现场核查记录{len(case.visits)}份、{listed}等证据在案。"
    elif case.visits:
        found["evidence_text"] = f"以上事实有现场核查记录{len(case.visits)}份在案。"
    if not case.visits:
        return found
    visit = max(case.visits, key=lambda row: row.device_time)
    return found | {
        "visit_on": _day(visit.device_time),
        "visit_at": visit.device_time.astimezone(SHANGHAI).isoformat(),
        "visitor_name": visit.visitor_name,
        "finding_name": visit.finding_name,
        "use_text": visit.findings.get("use_text") or None,
        "stopped_text": "已停工" if visit.findings.get("is_stopped") else "未停工",
        "visit_note": visit.findings.get("note") or None,
    }


def _periods(stored: Stored) -> Facts:
    return {key: period_text(clock_table().clocks[clock]) for key, clock in PERIODS.items()}


def proposals(values: Mapping[str, Any]) -> Facts:
    """Sentences that the platform proposes from stored facts, for the drafter to correct."""
    violation = values.get("violation_name")
    who = values.get("party_name") or "有关单位和个人"
    parts = [
        f"{day_text(date.fromisoformat(values['before_on']))}至{day_text(date.fromisoformat(values['after_on']))}期间，"
        f"{who}在{values['place']}（图斑编号{values['patch_number']}）"
        f"{'用于' + values['use_text'] + '，' if values.get('use_text') else ''}"
        f"占用土地{written('area', values['unlawful_m2'])}平方米"
    ]
    if values.get("cropland_m2"):
        parts.append(f"，其中耕地{written('area', values['cropland_m2'])}平方米")
    if values.get("visit_on"):
        day = day_text(date.fromisoformat(values["visit_on"]))
        parts.append(f"。{day}经现场核查，{values['finding_name']}，{values['stopped_text']}")
    return {
        "facts_text": "".join(parts) + "。",
        "case_title": f"{who}涉嫌{violation}案" if violation else None,
        "receiving_authority": values.get("competent_authority"),
    }


GATHERERS: tuple[Callable[[Stored], Facts], ...] = (
    _authority,
    _patch,
    _judgement,
    _verdict,
    _case,
    _party,
    _fieldwork,
    _periods,
)


def period_text(clock: Clock) -> str:
    """A period as papers write it: 五个工作日, 十五日."""
    amount = int(clock.amount)
    number = NUMERALS.get(amount, str(amount))
    return (
        number
        + {"working_days": "个工作日", "days": "日", "hours": "小时", "working_hours": "个工作小时"}[
            clock.unit
        ]
    )


@lru_cache(maxsize=1)
def class_names() -> Mapping[str, str]:
    """Chinese names of classes of change."""
    table: dict[str, str] = tomllib.loads(CLASSES_FILE.read_text("utf-8"))
    return table


def _piece(no: int, row: EvidenceView) -> Facts:
    at = row.captured_at.astimezone(SHANGHAI)
    return {
        "no": str(no),
        "kind": EVIDENCE_NAMES.get(row.kind, row.kind),
        "at": f"{at:%Y-%m-%d %H:%M}",
        "by": row.by_name,
        "digest": row.sha256[:16],
    }


def _brief(text: str | None) -> str | None:
    return text if text is None or len(text) <= BRIEF_MAX else text[: BRIEF_MAX - 1] + "…"


def _boundary(outline: shapely.MultiPolygon) -> tuple[list[Facts], str]:
    """Points of all rings in the 3° zone of the place: X to the north, Y to the east, metres."""
    epsg = gauss_krueger_epsg(outline.centroid.x)
    moved = reproject(outline, 4490, epsg)
    points: list[Facts] = []
    for polygon in shapely.get_parts(moved):
        for ring in (polygon.exterior, *polygon.interiors):
            for x, y in list(ring.coords)[:-1]:
                points.append({"point": f"J{len(points) + 1}", "x_m": round(y, 3), "y_m": round(x, 3)})
    meridian = (epsg - 4534 + 25) * 3
    note = f"坐标系：2000国家大地坐标系，3度分带，中央经线{meridian}度，共{len(points)}个界址点"
    if len(points) > POINTS_MAX:
        note += f"，表列前{POINTS_MAX}个，全部坐标见图斑矢量成果"
    return points[:POINTS_MAX], note + "。"


def _day(moment: datetime | None) -> str | None:
    return moment.astimezone(SHANGHAI).date().isoformat() if moment else None
