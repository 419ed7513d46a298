"""The sentences of a judgement, Chinese and English: each with its rule, its source, its m² and 亩."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from detection.judging.wording import (
    GROUP_NAMES,
    GROUP_NAMES_EN,
    area_text,
    area_text_en,
    share_text,
    source_text,
)
from detection.rules import Rule, RuleSet
from foundation.crs import M2_PER_MU

Sentence = dict[str, Any]
STATEMENT_VERSION = 1
"""Of the sentences A1.1 … A4.1 below, which state what was measured and decide nothing."""
APPROVAL_ORDER = (
    "construction_approval",
    "planning_permit",
    "facility_filing",
    "temporary_use",
    "mining_right",
)
TIMING_NAMES = {
    "valid": "变化前已生效",
    "renewed": "与前后批准衔接，变化时段内有效",
    "inside": "日期在两期影像之间",
    "brief": "起止日期均在两期影像之间",
    "lapsed": "在两期影像之间到期",
    "later": "变化之后才批准",
    "expired": "后时相之前已到期",
    "undated": "未登记批准日期",
}
TIMING_NAMES_EN = {
    "valid": "in force before the change",
    "renewed": "in force through the window together with the permits next to it",
    "inside": "granted between the images",
    "brief": "granted and ended between the images",
    "lapsed": "ended between the images",
    "later": "granted after the change",
    "expired": "ended before the later image",
    "undated": "without a date",
}


def rule_sentence(
    rule: Rule, vocabulary: Mapping[str, str], *, source: Mapping[str, Any], area_m2: float | None = None
) -> Sentence:
    """What one rule or remark says."""
    return {
        "text": rule.text_zh.format_map(vocabulary),
        "text_en": rule.text_en.format_map(vocabulary),
        "rule_id": rule.rule_id,
        "rule_version": rule.version,
        "statute": rule.statute,
        "source": dict(source),
        **_both_areas(area_m2),
    }


def source_of(
    inputs: Mapping[str, Any], rules: RuleSet, kind: str | None, features: Sequence[str] = (), text: str = ""
) -> dict[str, Any]:
    """Where a sentence comes from: the layer, its versions in force, the features.

    ``version_id`` and ``version_date`` are those of the only version; ``versions`` names all where a patch
    touches several counties.
    """
    versions = [
        {"version_id": layer["version_id"], "valid_from": layer.get("valid_from")}
        for layer in inputs["layers"]
        if kind is not None and layer["kind"] == kind and layer["version_id"]
    ]
    only = versions[0] if len(versions) == 1 else {"version_id": None, "valid_from": None}
    return {
        "layer": kind,
        "version_id": only["version_id"],
        "version_date": only["valid_from"],
        "versions": versions,
        "features": list(features),
        "text": text or ("" if kind is None else source_text(rules, kind, features)),
    }


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
        codes = ", ".join(row["class_code"] for row in rows)
        share = share_text(area_m2 / whole_m2)
        numbers = [number for row in rows for number in row["features"]]
        found.append(
            _statement(
                "A1.1",
                f"现状为{GROUP_NAMES[group]} {area_text(area_m2)}，占 {share}，地类：{classes}。",
                f"{GROUP_NAMES_EN[group]}: {area_text_en(area_m2)}, {share}; land classes {codes}.",
                source=source_of(inputs, rules, "land_survey", numbers),
                area_m2=area_m2,
            )
        )
    return found + [
        sentence for kind in inputs["controls"] if (sentence := _control_sentence(inputs, kind, rules))
    ]


def approval_sentences(inputs: Mapping[str, Any], rules: RuleSet) -> list[Sentence]:
    """Each permit that touches the patch, and each kind of which none was found."""
    found = [_permit_sentence(inputs, row, rules) for row in inputs["approvals"]]
    known = {layer["kind"] for layer in inputs["layers"] if layer["version_id"]}
    absent = [
        kind
        for kind in APPROVAL_ORDER
        if kind in known and not any(row["kind"] == kind for row in inputs["approvals"])
    ]
    if absent:
        names = "、".join(rules.name(kind) for kind in absent)
        names_en = ", ".join(rules.name_en(kind) for kind in absent)
        source = source_of(inputs, rules, None, text=names)
        source["versions"] = [
            version for kind in absent for version in source_of(inputs, rules, kind)["versions"]
        ]
        found.append(_statement("A2.2", f"未检出：{names}。", f"Not found: {names_en}.", source=source))
    return found


def plain(sentence: Sentence) -> dict[str, str]:
    """A sentence as the first form of results kept it."""
    return {"text": sentence["text"], "rule_id": sentence["rule_id"], "source": sentence["source"]["text"]}


def _permit_sentence(inputs: Mapping[str, Any], row: Mapping[str, Any], rules: RuleSet) -> Sentence:
    kind, number = row["kind"], row["feature_no"]
    dates = f"{row['valid_from'] or '日期未登记'}" + (f" 至 {row['valid_to']}" if row["valid_to"] else "")
    dates_en = f"{row['valid_from'] or 'no date'}" + (f" to {row['valid_to']}" if row["valid_to"] else "")
    source = source_of(inputs, rules, kind, [number])
    own = [version for version in source["versions"] if version["version_id"] == row.get("version_id")]
    if own:
        source |= {"version_id": own[0]["version_id"], "version_date": own[0]["valid_from"], "versions": own}
    return _statement(
        "A2.1",
        f"{rules.name(kind)} {number}（{dates}）覆盖 {area_text(row['area_m2'])}，"
        f"占 {share_text(row['share'])}，{TIMING_NAMES[row['timing']]}。",
        f"{rules.name_en(kind).capitalize()} {number} ({dates_en}) covers {area_text_en(row['area_m2'])}, "
        f"{share_text(row['share'])}; {TIMING_NAMES_EN[row['timing']]}.",
        source=source,
        area_m2=row["area_m2"],
    )


def _control_sentence(inputs: Mapping[str, Any], kind: str, rules: RuleSet) -> Sentence | None:
    known = {layer["kind"] for layer in inputs["layers"] if layer["version_id"]}
    if kind not in known:
        return None
    row, name, name_en = inputs["controls"][kind], rules.name(kind), rules.name_en(kind)
    is_urban = kind == "urban_boundary"
    inside = "内" if is_urban else ""
    if row["area_m2"] < 1.0:
        verb, verb_en = ("不在", "Not inside the") if is_urban else ("未占用", "Does not touch the")
        source = source_of(inputs, rules, kind, text=name)
        return _statement(
            "A3.2", f"{verb}{name}{inside}。", f"{verb_en} {name_en}.", source=source, area_m2=0.0
        )
    share = share_text(row["area_m2"] / inputs["patch"]["area_m2"])
    verb, verb_en = ("位于", "Inside the") if is_urban else ("占用", "Takes")
    band = f"（误差范围 {row['area_min_m2']:,.0f}～{row['area_max_m2']:,.0f} 平方米）"
    return _statement(
        "A3.1",
        f"{verb}{name}{inside} {area_text(row['area_m2'])}，占 {share}{band}。",
        f"{verb_en} {name_en}: {area_text_en(row['area_m2'])}, {share} "
        f"(error band {row['area_min_m2']:,.0f}–{row['area_max_m2']:,.0f} m²).",
        source=source_of(inputs, rules, kind, row["features"]),
        area_m2=row["area_m2"],
    )


def _statement(
    rule_id: str, text: str, text_en: str, *, source: Mapping[str, Any], area_m2: float | None = None
) -> Sentence:
    return {
        "text": text,
        "text_en": text_en,
        "rule_id": rule_id,
        "rule_version": STATEMENT_VERSION,
        "statute": "",
        "source": dict(source),
        **_both_areas(area_m2),
    }


def _both_areas(area_m2: float | None) -> dict[str, float | None]:
    """m² as measured and 亩 without rounding: that is for display."""
    return {"area_m2": area_m2, "mu": None if area_m2 is None else area_m2 / M2_PER_MU}
