"""Corrected base data (底图更正): a feature of a layer version that an upheld objection showed to be wrong.

The version itself stays as it was imported. Judgement reads it with its corrections, and keeps those that it
used among its inputs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

import shapely
from shapely.geometry.base import BaseGeometry

from detection.judging.overlay import JUDGED_KINDS, LegalFeature
from foundation.calendar import SHANGHAI
from foundation.errors import InvalidInput

Action = Literal["removed", "changed", "added"]
ACTIONS = ("removed", "changed", "added")
DATES = ("valid_from", "valid_to")
TEXTS = ("name", "land_class_code", "use")


@dataclass(frozen=True, slots=True)
class Correction:
    """What is true of one feature instead of what its layer version says.

    Attributes
    ----------
    correction_id : UUID
        Given by whoever decided, so that deciding twice corrects once.
    version_id : UUID
        Layer version that is wrong.
    feature_no : str
        The feature; of an added one the number that it gets.
    action : str
        ``removed``: it was not there; ``changed``: it had other values; ``added``: the version lacks it.
    changes : mapping
        ``name``, ``land_class_code``, ``use``, ``valid_from``, ``valid_to`` (ISO days or None).
    geometry : Polygon or MultiPolygon or None
        True outline, EPSG:4490; None keeps the stored one.
    reason, reference : str
        Why, and the paper or objection that says so.
    """

    correction_id: UUID
    layer_kind: str
    version_id: UUID
    feature_no: str
    action: Action
    reason: str
    reference: str
    decided_by: str
    decided_at: datetime
    changes: Mapping[str, str | None] = field(default_factory=dict)
    geometry: BaseGeometry | None = None


def check_correction(correction: Correction) -> None:
    """Refuse a correction that says nothing, or nothing that judgement can use.

    Raises
    ------
    InvalidInput
        ``detection.correction.unknown_layer``, ``….unknown_action``, ``….unknown_field``, ``….bad_date``,
        ``….empty``, ``….no_outline``, ``….bad_outline``, ``….no_reason``.
    """
    number = correction.feature_no
    if correction.layer_kind not in JUDGED_KINDS:
        raise InvalidInput("detection.correction.unknown_layer", layer=correction.layer_kind)
    if correction.action not in ACTIONS:
        raise InvalidInput("detection.correction.unknown_action", action=str(correction.action)[:40])
    for name in correction.changes:
        if name not in (*DATES, *TEXTS):
            raise InvalidInput("detection.correction.unknown_field", field=str(name)[:40])
    for name in DATES:
        _day(correction.changes.get(name), number)
    if not correction.reason.strip() or not correction.reference.strip():
        raise InvalidInput("detection.correction.no_reason", feature=number)
    if correction.action == "changed" and not correction.changes and correction.geometry is None:
        raise InvalidInput("detection.correction.empty", feature=number)
    if correction.action == "added" and correction.geometry is None:
        raise InvalidInput("detection.correction.no_outline", feature=number)
    if correction.geometry is not None and not _is_outline(correction.geometry):
        raise InvalidInput("detection.correction.bad_outline", feature=number)


def corrected(
    features: Sequence[LegalFeature], corrections: Iterable[Correction], ground: BaseGeometry
) -> tuple[list[LegalFeature], list[dict[str, Any]]]:
    """Features as they truly were, and the rows of the corrections that made a difference here.

    Parameters
    ----------
    features : sequence of LegalFeature
        Those that meet the ground.
    corrections : iterable of Correction
        Of the versions in force, in the order in which they were decided: of two about one feature the later
        one wins.
    ground : Polygon or MultiPolygon
        EPSG:4490; added features elsewhere are left out.
    """
    present = list(features)
    used: dict[tuple[str, str, str], dict[str, Any]] = {}
    for one in corrections:
        key = (one.layer_kind, str(one.version_id), one.feature_no)
        is_known = any(_key(feature) == key for feature in present)
        if one.action == "added" and not is_known and one.geometry is not None:
            if shapely.intersects(one.geometry, ground):
                present.append(_added(one))
                used[key] = as_row(one)
        elif one.action == "removed" and is_known:
            present = [feature for feature in present if _key(feature) != key]
            used[key] = as_row(one)
        elif one.action == "changed" and is_known:
            present = [_changed(feature, one) if _key(feature) == key else feature for feature in present]
            used[key] = as_row(one)
    return present, [used[key] for key in sorted(used)]


def as_row(correction: Correction) -> dict[str, Any]:
    """A correction as JSON values, as judgements keep it."""
    outline = correction.geometry
    return {
        "correction_id": str(correction.correction_id),
        "layer_kind": correction.layer_kind,
        "version_id": str(correction.version_id),
        "feature_no": correction.feature_no,
        "action": correction.action,
        "changes": dict(correction.changes),
        "outline_wkb": None if outline is None else shapely.to_wkb(outline, hex=True),
        "reason": correction.reason,
        "reference": correction.reference,
        "decided_by": correction.decided_by,
        "decided_at": correction.decided_at.astimezone(SHANGHAI).isoformat(timespec="seconds"),
    }


def _key(feature: LegalFeature) -> tuple[str, str, str]:
    return (feature.layer_kind, str(feature.version_id), feature.feature_no)


def _added(one: Correction) -> LegalFeature:
    bare = LegalFeature(one.layer_kind, one.feature_no, "", shapely.MultiPolygon())
    return _changed(replace(bare, version_id=str(one.version_id)), one)


def _changed(feature: LegalFeature, one: Correction) -> LegalFeature:
    values: dict[str, Any] = {name: one.changes[name] or "" for name in TEXTS if name in one.changes}
    values |= {name: _day(one.changes[name], one.feature_no) for name in DATES if name in one.changes}
    if one.geometry is not None:
        values["geometry"] = one.geometry
    return replace(feature, **values)


def _day(text: str | None, number: str) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput("detection.correction.bad_date", feature=number, given=text[:40]) from error


def _is_outline(geometry: BaseGeometry) -> bool:
    is_area = geometry.geom_type in {"Polygon", "MultiPolygon"} and not geometry.is_empty
    return is_area and bool(shapely.is_valid(geometry))
