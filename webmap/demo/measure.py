"""The result against what was planted: recall and precision, by kind, and why alarms were false."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry
from sqlalchemy import text

from detection.evaluation.scores import ObjectScores, match_objects
from foundation.crs import reproject
from foundation.runtime import Runtime
from webmap.demo.ground import MIN_SHARE, PLANE_EPSG, SUSPICIONS, Ground, PlantedChange


@dataclass(frozen=True, slots=True)
class FoundPatch:
    """What the product says of one patch. Outline in EPSG:4547."""

    number: str
    change_class: str
    suggestion: str
    violation_code: str | None
    outline_gk: BaseGeometry


def found_patches(runtime: Runtime) -> list[FoundPatch]:
    """Patches that detection found, with their newest judgement; what a person drew measures no detector."""
    with runtime.database.transaction(runtime.system) as session:
        rows = session.execute(
            text(
                "SELECT number, change_class, coalesce(suggestion, '') AS suggestion,"
                " suggested_violation_code, ST_AsBinary(geometry) AS wkb FROM patch_overview p"
                " WHERE EXISTS (SELECT FROM patch_lead k JOIN lead d USING (lead_id)"
                " WHERE k.patch_id = p.patch_id AND k.detached_at IS NULL AND d.place IS NULL"
                " AND NOT d.attributes ? 'drawn_for')"
                " ORDER BY number"
            )
        ).all()
    return [
        FoundPatch(
            row.number,
            row.change_class,
            row.suggestion,
            row.suggested_violation_code,
            reproject(shapely.from_wkb(bytes(row.wkb)), 4490, PLANE_EPSG),
        )
        for row in rows
    ]


def measure(patches: Sequence[FoundPatch], ground: Ground) -> dict[str, Any]:
    """Recall and precision over all planted violations and, beside them, over all visible changes.

    A planted violation is found when patches cover at least a fifth of it, whatever the desk suggests: some
    show themselves only on site (a filed greenhouse that is a workshop). Violations that no image can show
    (a changed register, storeys under the same roof) stay in the count. Precision is over the patches that
    the desk suggests as violations: those that meet a planted violation.
    """
    suspected = [patch for patch in patches if patch.suggestion in SUSPICIONS]
    violations = [change for change in ground.changes if change.is_violation]
    visible = [change for change in ground.changes if change.is_visible]
    found, alarms = _match(patches, violations), _match(suspected, violations)
    pixels = _match(patches, visible)
    false_alarms = [_why(suspected[i], ground) for i in alarms.false_alarms]
    seen_violations = [change for change in violations if change.is_visible]
    return {
        "planted": len(ground.changes),
        "planted_violations": len(violations),
        "planted_violations_invisible": len(violations) - len(seen_violations),
        "patches": len(patches),
        "suspected_patches": len(suspected),
        "recall": round(found.recall, 4),
        "precision": round(alarms.precision, 4),
        "by_kind": _by_kind(patches, suspected, violations),
        "recall_of_visible_violations": round(_match(patches, seen_violations).recall, 4),
        "recall_suspected": round(alarms.recall, 4),
        "detection": {
            "planted_visible": len(visible),
            "recall": round(pixels.recall, 4),
            "precision": round(pixels.precision, 4),
            "by_kind": _by_kind(patches, patches, visible),
            "missed": [_told(change) for i, change in enumerate(visible) if i not in pixels.matched_truth],
            "false_alarms": [_why(patches[i], ground) for i in pixels.false_alarms],
        },
        "judgement": _judgement_agreement(patches, ground),
        "missed": [_told(change) for i, change in enumerate(violations) if i not in found.matched_truth],
        "false_alarms": false_alarms,
        "false_alarm_reasons": dict(sorted(Counter(alarm["reason"] for alarm in false_alarms).items())),
    }


def _match(patches: Sequence[FoundPatch], changes: Sequence[PlantedChange]) -> ObjectScores:
    return match_objects(
        [patch.outline_gk for patch in patches],
        [change.outline_gk for change in changes],
        kinds=[change.kind for change in changes],
        classes=[patch.change_class for patch in patches],
        min_share=MIN_SHARE,
    )


def _by_kind(
    patches: Sequence[FoundPatch], alarms: Sequence[FoundPatch], changes: Sequence[PlantedChange]
) -> dict[str, dict[str, Any]]:
    """Recall of each kind; precision over the alarms that touch a change of that kind."""
    result: dict[str, dict[str, Any]] = {}
    for kind in sorted({change.kind for change in changes}):
        of_kind = [change for change in changes if change.kind == kind]
        scores = _match(patches, of_kind)
        nearby = [patch for patch in alarms if _touches(patch, of_kind)]
        right = len(nearby) - len(_match(nearby, of_kind).false_alarms)
        result[kind] = {
            "planted": len(of_kind),
            "found": len(scores.matched_truth),
            "recall": round(scores.recall, 4),
            "precision": round(right / len(nearby), 4) if nearby else None,
        }
    return result


def _touches(patch: FoundPatch, changes: Sequence[PlantedChange]) -> bool:
    return any(patch.outline_gk.intersects(change.outline_gk) for change in changes)


def _judgement_agreement(patches: Sequence[FoundPatch], ground: Ground) -> dict[str, Any]:
    """How often the suggestion and the violation code equal the planted situation, where pixels found it."""
    pairs = [(patch, change) for patch in patches if (change := _seen(patch, ground)) is not None]
    agreed = [pair for pair in pairs if pair[0].suggestion == pair[1].expected_suggestion]
    coded = [pair for pair in pairs if pair[1].violation_code]
    return {
        "compared": len(pairs),
        "suggestion_agrees": len(agreed),
        "violation_compared": len(coded),
        "violation_agrees": sum(patch.violation_code == change.violation_code for patch, change in coded),
        "differences": [
            {**_told(change), "number": patch.number, "suggested": patch.suggestion}
            for patch, change in pairs
            if patch.suggestion != change.expected_suggestion
        ],
    }


def _seen(patch: FoundPatch, ground: Ground) -> PlantedChange | None:
    return ground.seen_at(reproject(patch.outline_gk, PLANE_EPSG, 4490))


def _told(change: PlantedChange) -> dict[str, Any]:
    return {
        "change_id": change.change_id,
        "kind": change.kind,
        "situation": change.situation,
        "is_visible": change.is_visible,
        "expected": change.expected_suggestion,
    }


def _why(patch: FoundPatch, ground: Ground) -> dict[str, Any]:
    """A false alarm and its cause: no change at all, or a change that is lawful."""
    change = _seen(patch, ground)
    reason = "no_change" if change is None else f"lawful_{change.kind}"
    return {
        "number": patch.number,
        "change_class": patch.change_class,
        "reason": reason,
        "situation": change.situation if change else None,
        "area_m2": round(patch.outline_gk.area, 1),
    }
