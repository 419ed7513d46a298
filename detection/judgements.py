"""Desk judgement (内业判定): measure once, then judge from the measured numbers alone, so that it replays.

`measure` turns geometry into JSON; `evaluate` turns that JSON and a rule set into the suggestion. Neither
reads a clock, a file or a database. The suggestion ranks and explains; a person decides.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from typing import Any
from uuid import UUID

import shapely
from shapely.geometry.base import BaseGeometry

from detection.judging.corrections import Correction, corrected
from detection.judging.facts import approvals_for, facts_of, legal_group, window
from detection.judging.overlay import (
    APPROVAL_KINDS,
    CONTROL_KINDS,
    JudgedShape,
    LegalFeature,
    control_overlay,
    land_overlay,
    land_partition,
    largest_parcel,
)
from detection.judging.permits import (
    approval_rows,
    coverage,
    ground_throughout,
    mark_renewed,
    nearest_mine,
    timing_of,
)
from detection.judging.sentences import (
    Sentence,
    approval_sentences,
    plain,
    rule_sentence,
    source_of,
    survey_sentences,
)
from detection.judging.wording import words
from detection.rules import Rule, RuleSet
from detection.taxonomy import Violation

INPUTS_FORM = 2
"""Form of inputs and results. A stored form is evaluated for ever as it was: golden files hold it."""
PARTITION_NAMES = {
    "basic_farmland": ("永久基本农田", "bad"),
    "cropland": ("一般耕地", "bad"),
    "other_agricultural": ("其他农用地", "neutral"),
    "construction": ("建设用地", "good"),
    "unused": ("未利用地", "neutral"),
    "unsurveyed": ("调查图层未覆盖", "neutral"),
}
VIOLATING = frozenset({"suspected", "partly_exceeded", "borderline", "order_unknown"})


@dataclass(frozen=True)
class JudgedPatch:
    """What is known of a patch before the layers are asked.

    Attributes
    ----------
    divisions : sequence of mapping
        ``{code, share, area_m2}`` of the villages that it touches, largest first.
    neighbours : sequence of mapping
        ``{number, share}`` of other patches on the same ground.
    """

    number: str
    change_class: str
    shape: JudgedShape
    divisions: Sequence[Mapping[str, Any]]
    neighbours: Sequence[Mapping[str, Any]] = field(default_factory=tuple)


def measure(
    patch: JudgedPatch,
    features: Sequence[LegalFeature],
    *,
    layers: Sequence[Mapping[str, Any]],
    rules: RuleSet,
    corrections: Sequence[Correction] = (),
) -> dict[str, Any]:
    """All inputs of a judgement as JSON values.

    Parameters
    ----------
    features : sequence of LegalFeature
        At least those that touch the patch, from the versions in force; mining rights within 60 m as well.
    layers : sequence of mapping
        ``{kind, version_id, source_name, valid_from, imported_at}`` for every kind that judgement asks;
        ``version_id`` None where none was in force.
    corrections : sequence of Correction
        Upheld objections against features of these versions.
    """
    shape = patch.shape
    features, correction_rows = corrected(features, corrections, shape.outline)
    of_kind = _by_kind(features)
    table = rules.content["judgement"]["land_classes"]
    width_m, length_m = shape.strip()
    land, basic = of_kind.get("land_survey", []), of_kind.get("basic_farmland", [])
    permits = [
        *(f for kind in APPROVAL_KINDS for f in of_kind.get(kind, [])),
        *of_kind.get("planning_permit", []),
    ]
    inputs: dict[str, Any] = {
        "form": INPUTS_FORM,
        "patch": {
            "number": patch.number,
            "change_class": patch.change_class,
            "area_m2": round(shape.area_m2, 3),
            "area_min_m2": round(shape.area_min_m2, 3),
            "area_max_m2": round(shape.area_max_m2, 3),
            "band_m": round(shape.band_m, 3),
            "width_m": round(width_m, 2),
            "length_m": round(length_m, 2),
            "before_on": shape.before_on.isoformat(),
            "after_on": shape.after_on.isoformat(),
            "divisions": [dict(row) for row in patch.divisions],
            "outline_wkb": shapely.to_wkb(shape.outline, hex=True),
        },
        "layers": [dict(layer) for layer in layers],
        "land": land_overlay(shape, land, table),
        "partition": land_partition(shape, land, basic, table),
        "controls": {kind: control_overlay(shape, of_kind.get(kind, [])) for kind in CONTROL_KINDS},
        "approvals": approval_rows(shape, permits),
        "parcel": largest_parcel(shape, of_kind.get("parcel", [])),
        "near_mine": nearest_mine(shape, of_kind.get("mining_right", [])),
        "neighbours": [dict(row) for row in patch.neighbours],
        "corrections": correction_rows,
        "rules_sha256": rules.sha256,
    }
    return inputs | {"coverage": _coverage(inputs, shape, permits, rules)}


def evaluate(inputs: Mapping[str, Any], rules: RuleSet) -> dict[str, Any]:
    """The suggestion with everything that explains it; the same inputs and rules give the same value."""
    facts = facts_of(inputs, rules)
    before_on, law_date = window(inputs)
    rule = rules.first_fit(facts, law_date)
    violation = rules.violation(rule.violation_code, law_date) if rule.violation_code else None
    law_changes = rules.law_changes(violation.code, before_on, law_date) if violation else ()
    facts["has_law_change"] = bool(law_changes)
    vocabulary = words(inputs, facts, rules) | {
        "law_changes": "、".join(day.isoformat() for day in law_changes)
    }
    notes = [note for note in rules.notes() if note.fits(facts)]
    sentences = _sentences(inputs, rules, rule=rule, notes=notes, vocabulary=vocabulary)
    areas = _areas(inputs)
    is_violating = rule.suggestion in VIOLATING
    return {
        "suggestion": rule.suggestion,
        "suggestion_name": rules.suggestion_name(rule.suggestion),
        **_violation_values(violation),
        "law_date": law_date.isoformat(),
        "severity": rules.severity(areas) if is_violating else 1,
        "is_borderline": rule.suggestion == "borderline" or _has_close_call(inputs, facts, rules),
        "group": facts["group"],
        "sentences": sentences,
        "rule_ids": [rule.key, *(note.key for note in notes)],
        "overlay": overlay_rows(inputs, rules),
        "areas_m2": areas,
        "excess_m2": _excess_m2(inputs, rule.suggestion),
        "layer_versions": [dict(layer) for layer in inputs["layers"] if layer["version_id"]],
        "rules_sha256": inputs["rules_sha256"],
        **_split(inputs, rule.suggestion),
    }


def _violation_values(violation: Violation | None) -> dict[str, Any]:
    if violation is None:
        empty = ("violation_code", "violation_name", "competent_authority", "competent_authority_name")
        return {**dict.fromkeys(empty), "measure": None, "legal_basis": []}
    return {
        "violation_code": violation.code,
        "violation_name": violation.name_zh,
        "competent_authority": violation.authority,
        "competent_authority_name": violation.authority_name,
        "measure": violation.measure,
        "legal_basis": [
            {"statute": basis.statute, "article": basis.article, "text": basis.text}
            for basis in violation.basis
        ],
    }


def _sentences(
    inputs: Mapping[str, Any],
    rules: RuleSet,
    *,
    rule: Rule,
    notes: Sequence[Rule],
    vocabulary: Mapping[str, str],
) -> list[Any]:
    """The deciding sentence, remarks, what was taken, permits."""
    decided_m2 = _excess_m2(inputs, rule.suggestion) or float(inputs["patch"]["area_m2"])
    nowhere = source_of(inputs, rules, None)
    source = _deciding_source(inputs, rules)
    found: list[Sentence] = [
        rule_sentence(rule, vocabulary, source=source, area_m2=decided_m2),
        *(rule_sentence(note, vocabulary, source=nowhere) for note in notes),
        *survey_sentences(inputs, rules),
        *approval_sentences(inputs, rules),
    ]
    return [plain(sentence) for sentence in found] if inputs["form"] == 1 else list(found)


def _split(inputs: Mapping[str, Any], suggestion: str) -> dict[str, Any]:
    """Both parts of a patch that exceeds its permit, as GeoJSON; their areas add up to the whole."""
    cover = inputs["coverage"]["valid"] if suggestion == "partly_exceeded" else None
    excess = cover["excess"] if cover else None
    if inputs["form"] == 1:
        return {"excess": excess}
    return {
        "excess": excess,
        "approved": cover["approved"] if cover else None,
        "approved_m2": cover["covered_m2"] if cover else None,
        "corrections": [dict(row) for row in inputs["corrections"]],
    }


def overlay_rows(inputs: Mapping[str, Any], rules: RuleSet) -> list[dict[str, Any]]:
    """Rows of the overlay bar and list; kinds of which nothing was found say 未检出."""
    whole_m2 = inputs["patch"]["area_m2"]
    known = {layer["kind"] for layer in inputs["layers"] if layer["version_id"]}
    rows = [
        _row(key, name, area_m2=inputs["partition"][key], whole_m2=whole_m2, kind="land", tone=tone)
        for key, (name, tone) in PARTITION_NAMES.items()
        if inputs["partition"][key] >= 0.5
    ]
    for kind in ("ecological_redline", "urban_boundary"):
        area_m2 = inputs["controls"][kind]["area_m2"]
        row = _row(kind, rules.name(kind), area_m2=area_m2, whole_m2=whole_m2, kind="control", tone="neutral")
        row["tone"] = "bad" if kind == "ecological_redline" and area_m2 >= 0.5 else "neutral"
        rows.append(row | {"text": _absent(kind, area_m2, known, "未涉及")})
    for kind in (*APPROVAL_KINDS, "planning_permit"):
        found = [row for row in inputs["approvals"] if row["kind"] == kind]
        area_m2 = min(sum(row["area_m2"] for row in found), whole_m2)
        is_good = any(row["timing"] == "valid" for row in found)
        row = _row(
            kind,
            rules.name(kind),
            area_m2=area_m2,
            whole_m2=whole_m2,
            kind="approval",
            tone="good" if is_good else "bad",
        )
        rows.append(row | {"text": _absent(kind, area_m2, known, "未检出")})
    return rows


def _coverage(
    inputs: Mapping[str, Any], shape: JudgedShape, permits: Sequence[LegalFeature], rules: RuleSet
) -> dict[str, Any]:
    """What permits leave open: those in force throughout; with doubtful ones added; works permits."""
    approving = approvals_for(legal_group(inputs, rules), rules)
    rows = [row for row in inputs["approvals"] if row["kind"] in approving]
    for row in inputs["approvals"]:
        row["is_approving"] = row["kind"] in approving
    limits = rules.thresholds
    sliver_m = max(limits["sliver_floor_m"], limits["sliver_band_factor"] * shape.band_m)
    leaves_open = rules.content["judgement"]["context"]["lapsed_leaves_open"]
    counted = [feature for feature in permits if feature.layer_kind in approving]
    works = [feature for feature in permits if feature.layer_kind == "planning_permit"]
    mark_renewed(rows, counted, shape)
    sure = ground_throughout(counted, shape.before_on, shape.after_on)

    def beside(features: Sequence[LegalFeature], *timings: str) -> BaseGeometry:
        chosen = [feature.geometry for feature in features if timing_of(feature, shape) in timings]
        return shapely.union_all(chosen)

    doubtful = [feature for feature in counted if feature.layer_kind in leaves_open]
    grounds = {
        "valid": sure,
        "inside": shapely.union(beside(counted, "inside"), beside(doubtful, "brief")),
        "lapsed": beside(doubtful, "lapsed"),
        "undated": beside(counted, "undated"),
        "works": shapely.union(
            ground_throughout(works, shape.before_on, shape.after_on), beside(works, "undated")
        ),
    }
    open_keys = {"inside", "lapsed", "undated"}
    cover: dict[str, Any] = {"sliver_m": round(sliver_m, 3)}
    for key, ground in grounds.items():
        whole = shapely.union(sure, ground) if key in open_keys else ground
        cover[key] = None if ground.is_empty else coverage(shape, whole, sliver_m)
    return cover


def _deciding_source(inputs: Mapping[str, Any], rules: RuleSet) -> dict[str, Any]:
    approving = [row for row in inputs["approvals"] if row["is_approving"]]
    if approving:
        return source_of(inputs, rules, approving[0]["kind"], [approving[0]["feature_no"]])
    if inputs["land"]:
        return source_of(inputs, rules, "land_survey", inputs["land"][0]["features"])
    return source_of(inputs, rules, None, text="影像变化")


def _has_close_call(inputs: Mapping[str, Any], facts: Mapping[str, Any], rules: RuleSet) -> bool:
    """A threshold of the deciding kind lies inside the error band."""
    patch, limit_m = inputs["patch"], rules.thresholds["road_width_m"]
    is_strip = patch["length_m"] >= rules.thresholds["road_elongation"] * patch["width_m"]
    near_width = is_strip and abs(patch["width_m"] - limit_m) <= 2.0 * patch["band_m"]
    return bool(facts["approval"] == "straddles" or facts["size"] == "straddles" or near_width)


def _excess_m2(inputs: Mapping[str, Any], suggestion: str) -> float:
    """Area that counts as unlawful: the excess only, or the whole."""
    if suggestion == "partly_exceeded":
        return float(inputs["coverage"]["valid"]["excess_m2"])
    return float(inputs["patch"]["area_m2"]) if suggestion in VIOLATING else 0.0


def _areas(inputs: Mapping[str, Any]) -> dict[str, float]:
    land = inputs["land"]
    return {
        "area_m2": inputs["patch"]["area_m2"],
        "basic_farmland_m2": inputs["partition"]["basic_farmland"],
        "cropland_m2": round(sum(row["area_m2"] for row in land if row["group"] == "cropland"), 3),
        "cropland_net_m2": round(sum(row["net_area_m2"] for row in land if row["group"] == "cropland"), 3),
        "ecological_redline_m2": inputs["controls"]["ecological_redline"]["area_m2"],
        "urban_boundary_m2": inputs["controls"]["urban_boundary"]["area_m2"],
    }


def _row(key: str, name: str, *, area_m2: float, whole_m2: float, kind: str, tone: str) -> dict[str, Any]:
    share = round(min(area_m2 / whole_m2, 1.0), 6)
    return {
        "key": key,
        "name": name,
        "area_m2": round(area_m2, 3),
        "share": share,
        "kind": kind,
        "tone": tone,
        "text": None,
    }


def _absent(kind: str, area_m2: float, known: set[str], word: str) -> str | None:
    """What stands in place of an area: not checked, or nothing found."""
    if kind not in known:
        return "无有效图层"
    return None if area_m2 >= 0.5 else word


def _by_kind(features: Sequence[LegalFeature]) -> dict[str, list[LegalFeature]]:
    groups: dict[str, list[LegalFeature]] = {}
    for feature in sorted(features, key=lambda item: (item.layer_kind, item.feature_no)):
        groups.setdefault(feature.layer_kind, []).append(feature)
    return groups


@dataclass(frozen=True)
class Judgement:
    """One stored revision.

    Attributes
    ----------
    inputs_text, result_text : str
        Canonical JSON: what was measured, and what `evaluate` made of it.
    """

    judgement_id: UUID
    patch_id: UUID
    revision: int
    inputs_text: str
    result_text: str
    made_at: datetime

    @cached_property
    def inputs(self) -> dict[str, Any]:
        """What was measured."""
        inputs: dict[str, Any] = json.loads(self.inputs_text)
        return inputs

    @cached_property
    def result(self) -> dict[str, Any]:
        """What was made of it: sentences, overlay, legal basis, rule ids, layer versions."""
        result: dict[str, Any] = json.loads(self.result_text)
        return result

    @property
    def suggestion(self) -> str:
        """lawful | partly_exceeded | not_new | suspected | borderline | order_unknown."""
        return str(self.result["suggestion"])

    @property
    def violation_code(self) -> str | None:
        """Code of the taxonomy."""
        code = self.result["violation_code"]
        return None if code is None else str(code)

    @property
    def severity(self) -> int:
        """1 低 … 4 重大."""
        return int(self.result["severity"])

    @property
    def is_borderline(self) -> bool:
        """A threshold lies inside an error band."""
        return bool(self.result["is_borderline"])

    @property
    def law_date(self) -> date:
        """Day whose law was applied."""
        return date.fromisoformat(self.result["law_date"])

    @property
    def inputs_sha256(self) -> str:
        """Hash of the inputs' bytes."""
        return hashlib.sha256(self.inputs_text.encode()).hexdigest()

    @property
    def result_sha256(self) -> str:
        """Hash of the result's bytes."""
        return hashlib.sha256(self.result_text.encode()).hexdigest()
