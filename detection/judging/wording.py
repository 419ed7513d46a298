"""Words for measured values: areas in 亩 and m², shares, and everything that the text of a rule may name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from detection.judging.facts import ended, leading
from detection.rules import RuleSet
from foundation.crs import M2_PER_MU
from foundation.divisions import divisions

GROUP_NAMES = {
    "cropland": "耕地",
    "other_agricultural": "其他农用地",
    "construction": "建设用地",
    "unused": "未利用地",
}
GROUP_NAMES_EN = {
    "cropland": "Cropland",
    "other_agricultural": "Other farmland",
    "construction": "Construction land",
    "unused": "Unused land",
}
ACTION_NAMES = {"removed": "删除", "changed": "更正", "added": "补充"}
MAX_NUMBERS = 4


def area_text(area_m2: float) -> str:
    """``29.13 亩（19,420 平方米）``: rounded for reading only."""
    return f"{area_m2 / M2_PER_MU:.2f} 亩（{area_m2:,.0f} 平方米）"


def area_text_en(area_m2: float) -> str:
    """``19,420 m² (29.13 mu)``: rounded for reading only."""
    return f"{area_m2:,.0f} m² ({area_m2 / M2_PER_MU:.2f} mu)"


def share_text(share: float) -> str:
    """Percent with one decimal."""
    return f"{share * 100:.1f}%"


def source_text(rules: RuleSet, kind: str, numbers: Sequence[str]) -> str:
    """Layer and feature numbers: ``永久基本农田 YN-001、YN-002 等 7 个``."""
    shown = "、".join(numbers[:MAX_NUMBERS])
    rest = f" 等 {len(numbers)} 个" if len(numbers) > MAX_NUMBERS else ""
    return f"{rules.name(kind)} {shown}{rest}".strip()


def words(inputs: Mapping[str, Any], facts: Mapping[str, Any], rules: RuleSet) -> dict[str, str]:
    """Everything that a rule's text may name."""
    patch = inputs["patch"]
    group = rules.groups[facts["group"]]
    limits = rules.thresholds
    missing = [row["kind"] for row in inputs["layers"] if row["version_id"] is None]
    return {
        "change_name": group["zh"],
        "group_name": group["zh"],
        "change_name_en": group.get("en", facts["group"]),
        "group_name_en": str(group.get("en", facts["group"])).capitalize(),
        "area_m2": f"{patch['area_m2']:,.0f}",
        "area_min_m2": f"{patch['area_min_m2']:,.0f}",
        "area_max_m2": f"{patch['area_max_m2']:,.0f}",
        "minimum_m2": f"{rules.minimum_m2(facts['group']):,.0f}",
        "width_m": f"{patch['width_m']:.1f}",
        "road_width_m": f"{limits['road_width_m']:.0f}",
        "approved_limit_pct": share_text(limits["approved_share"]),
        "parcel_no": (inputs["parcel"] or {}).get("feature_no", ""),
        "mine_no": (inputs["near_mine"] or {}).get("feature_no", ""),
        "neighbours": "、".join(row["number"] for row in inputs["neighbours"]),
        "division_shares": "、".join(
            f"{divisions().full_name(row['code'])} {share_text(row['share'])}" for row in patch["divisions"]
        ),
        "missing_layers": "、".join(rules.name(kind) for kind in missing),
        "missing_layers_en": ", ".join(rules.name_en(kind) for kind in missing),
        "corrections": "、".join(
            f"{rules.name(row['layer_kind'])} {row['feature_no']}（{ACTION_NAMES[row['action']]}，"
            f"{row['reference']}）"
            for row in inputs.get("corrections", ())
        ),
        **_area_words(inputs),
        **_permit_words(inputs),
        **_coverage_words(inputs),
    }


def _area_words(inputs: Mapping[str, Any]) -> dict[str, str]:
    land_m2: dict[str, float] = dict.fromkeys(GROUP_NAMES, 0.0)
    for row in inputs["land"]:
        land_m2[row["group"]] += row["area_m2"]
    areas_m2 = {
        "area": inputs["patch"]["area_m2"],
        "basic_area": inputs["partition"]["basic_farmland"],
        "cropland_area": land_m2["cropland"],
        "farmland_area": land_m2["cropland"] + land_m2["other_agricultural"],
        "redline_area": inputs["controls"]["ecological_redline"]["area_m2"],
    }
    return {
        **{key: area_text(value) for key, value in areas_m2.items()},
        **{f"{key}_en": area_text_en(value) for key, value in areas_m2.items()},
        "construction_pct": share_text(land_m2["construction"] / inputs["patch"]["area_m2"]),
    }


def _permit_words(inputs: Mapping[str, Any]) -> dict[str, str]:
    approving = [row for row in inputs["approvals"] if row["is_approving"]]
    permits = [
        row
        for row in inputs["approvals"]
        if row["kind"] == "planning_permit" and row["timing"] in {"valid", "undated"}
    ]
    named = {
        "approval": leading(approving, "valid", "renewed"),
        "inside": leading(approving, "inside", "brief"),
        "lapsed": leading(approving, "lapsed"),
        "undated": leading(approving, "undated"),
        "expired": ended(approving),
    }
    renewed = [row["feature_no"] for row in approving if row["timing"] == "renewed"]
    found = {
        "permit_no": permits[0]["feature_no"] if permits else "",
        "renewed_nos": "、".join(renewed),
    }
    for prefix, permit in named.items():
        row = permit or {}
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
        "excess_area_en": area_text_en(excess_m2),
        "excess_pct": share_text(excess_m2 / area_m2),
    }
