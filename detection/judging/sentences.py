"""The Chinese sentences of a judgement: each with its rule and its source, areas in 亩 and m²."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from detection.judging.facts import leading
from detection.rules import RuleSet
from foundation.crs import M2_PER_MU
from foundation.divisions import divisions

Sentence = dict[str, str]
GROUP_NAMES = {
    "cropland": "耕地",
    "other_agricultural": "其他农用地",
    "construction": "建设用地",
    "unused": "未利用地",
}
APPROVAL_ORDER = (
    "construction_approval",
    "planning_permit",
    "facility_filing",
    "temporary_use",
    "mining_right",
)
TIMING_NAMES = {
    "valid": "变化前已生效",
    "inside": "日期在两期影像之间",
    "later": "变化之后才批准",
    "expired": "后时相之前已到期",
}
MAX_NUMBERS = 4


def area_text(area_m2: float) -> str:
    """``29.13 亩（19,420 平方米）``: rounded for reading only."""
    return f"{area_m2 / M2_PER_MU:.2f} 亩（{area_m2:,.0f} 平方米）"


def share_text(share: float) -> str:
    """Percent with one decimal."""
    return f"{share * 100:.1f}%"


def source_text(rules: RuleSet, kind: str, numbers: Sequence[str]) -> str:
    """Layer and feature numbers: ``永久基本农田 YN-001、YN-002 等 7 个``."""
    shown = "、".join(numbers[:MAX_NUMBERS])
    rest = f" 等 {len(numbers)} 个" if len(numbers) > MAX_NUMBERS else ""
    return f"{rules.name(kind)} {shown}{rest}".strip()


def survey_sentences(inputs: Mapping[str, Any], rules: RuleSet) -> list[Sentence]:
    """What was taken, by land class; and what the control lines say."""
    whole_m2 = inputs["patch"]["area_m2"]
    found: list[Sentence] = []
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for row in inputs["land"]:
        groups.setdefault(row["group"], []).append(row)
    for group, rows in groups.items():
        area_m2 = sum(row["area_m2"] for row in rows)
        if area_m2 < 1.0:
            continue
        classes = "、".join(f"{row['class_name']}（{row['class_code']}）" for row in rows)
        numbers = [number for row in rows for number in row["features"]]
        found.append(
            {
                "text": f"现状为{GROUP_NAMES[group]} {area_text(area_m2)}，"
                f"占 {share_text(area_m2 / whole_m2)}，地类：{classes}。",
                "rule_id": "A1.1",
                "source": source_text(rules, "land_survey", numbers),
            }
        )
    return found + [
        sentence for kind in inputs["controls"] if (sentence := _control_sentence(inputs, kind, rules))
    ]


def approval_sentences(inputs: Mapping[str, Any], rules: RuleSet) -> list[Sentence]:
    """Each permit that touches the patch, and each kind of which none was found."""
    found = []
    for row in inputs["approvals"]:
        dates = f"{row['valid_from'] or '日期未登记'}" + (f" 至 {row['valid_to']}" if row["valid_to"] else "")
        found.append(
            {
                "text": f"{rules.name(row['kind'])} {row['feature_no']}（{dates}）"
                f"覆盖 {area_text(row['area_m2'])}，"
                f"占 {share_text(row['share'])}，{TIMING_NAMES[row['timing']]}。",
                "rule_id": "A2.1",
                "source": source_text(rules, row["kind"], [row["feature_no"]]),
            }
        )
    known = {layer["kind"] for layer in inputs["layers"] if layer["version_id"]}
    absent = [
        kind
        for kind in APPROVAL_ORDER
        if kind in known and not any(row["kind"] == kind for row in inputs["approvals"])
    ]
    if absent:
        names = "、".join(rules.name(kind) for kind in absent)
        found.append({"text": f"未检出：{names}。", "rule_id": "A2.2", "source": names})
    return found


def words(inputs: Mapping[str, Any], facts: Mapping[str, Any], rules: RuleSet) -> dict[str, str]:
    """Everything that a rule's text may name."""
    patch, partition = inputs["patch"], inputs["partition"]
    group = rules.groups[facts["group"]]
    land_m2: dict[str, float] = dict.fromkeys(GROUP_NAMES, 0.0)
    for row in inputs["land"]:
        land_m2[row["group"]] += row["area_m2"]
    limits = rules.thresholds
    return {
        "change_name": group["zh"],
        "group_name": group["zh"],
        "area": area_text(patch["area_m2"]),
        "area_m2": f"{patch['area_m2']:,.0f}",
        "area_min_m2": f"{patch['area_min_m2']:,.0f}",
        "area_max_m2": f"{patch['area_max_m2']:,.0f}",
        "minimum_m2": f"{rules.minimum_m2(facts['group']):,.0f}",
        "width_m": f"{patch['width_m']:.1f}",
        "road_width_m": f"{limits['road_width_m']:.0f}",
        "approved_limit_pct": share_text(limits["approved_share"]),
        "basic_area": area_text(partition["basic_farmland"]),
        "cropland_area": area_text(land_m2["cropland"]),
        "farmland_area": area_text(land_m2["cropland"] + land_m2["other_agricultural"]),
        "construction_pct": share_text(land_m2["construction"] / patch["area_m2"]),
        "redline_area": area_text(inputs["controls"]["ecological_redline"]["area_m2"]),
        "parcel_no": (inputs["parcel"] or {}).get("feature_no", ""),
        "mine_no": (inputs["near_mine"] or {}).get("feature_no", ""),
        "neighbours": "、".join(row["number"] for row in inputs["neighbours"]),
        "division_shares": "、".join(
            f"{divisions().full_name(row['code'])} {share_text(row['share'])}" for row in patch["divisions"]
        ),
        "missing_layers": "、".join(
            rules.name(row["kind"]) for row in inputs["layers"] if row["version_id"] is None
        ),
        **_permit_words(inputs),
        **_coverage_words(inputs),
    }


def _control_sentence(inputs: Mapping[str, Any], kind: str, rules: RuleSet) -> Sentence | None:
    known = {layer["kind"] for layer in inputs["layers"] if layer["version_id"]}
    if kind not in known:
        return None
    row, name = inputs["controls"][kind], rules.name(kind)
    if row["area_m2"] < 1.0:
        verb = "不在" if kind == "urban_boundary" else "未占用"
        inside = "内" if kind == "urban_boundary" else ""
        return {"text": f"{verb}{name}{inside}。", "rule_id": "A3.2", "source": name}
    share = share_text(row["area_m2"] / inputs["patch"]["area_m2"])
    verb = "位于" if kind == "urban_boundary" else "占用"
    inside = "内" if kind == "urban_boundary" else ""
    band = f"（误差范围 {row['area_min_m2']:,.0f}～{row['area_max_m2']:,.0f} 平方米）"
    return {
        "text": f"{verb}{name}{inside} {area_text(row['area_m2'])}，占 {share}{band}。",
        "rule_id": "A3.1",
        "source": source_text(rules, kind, row["features"]),
    }


def _permit_words(inputs: Mapping[str, Any]) -> dict[str, str]:
    approving = [row for row in inputs["approvals"] if row["is_approving"]]
    permits = [
        row for row in inputs["approvals"] if row["kind"] == "planning_permit" and row["timing"] == "valid"
    ]
    found: dict[str, str] = {"permit_no": permits[0]["feature_no"] if permits else ""}
    for timing, prefix in (("valid", "approval"), ("inside", "inside"), ("expired", "expired")):
        row = leading(approving, timing) or {}
        found[f"{prefix}_no"] = str(row.get("feature_no", ""))
        found[f"{prefix}_from"] = str(row.get("valid_from") or "日期未登记")
        found[f"{prefix}_until"] = str(row.get("valid_to") or "未登记")
        found[f"{prefix}_use"] = str(row.get("use", ""))
    return found


def _coverage_words(inputs: Mapping[str, Any]) -> dict[str, str]:
    area_m2, cover = inputs["patch"]["area_m2"], inputs["coverage"]["valid"]
    excess_m2 = cover["excess_m2"] if cover else area_m2
    return {
        "approved_pct": share_text(1.0 - excess_m2 / area_m2),
        "excess_area": area_text(excess_m2),
        "excess_pct": share_text(excess_m2 / area_m2),
    }
