"""How two results of desk judgement differ: what flips, and by how many m² and 亩 in which layer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from foundation.crs import M2_PER_MU

LEAST_M2 = 0.005
"""Smaller than the rounding of two stored areas: no difference."""
WHOLE = {
    "cropland_total": ("耕地合计", "cropland_m2"),
    "cropland_net": ("耕地净面积合计", "cropland_net_m2"),
}


@dataclass(frozen=True, slots=True)
class Standing:
    """What a judgement suggests."""

    suggestion: str
    suggestion_name: str
    violation_code: str | None
    severity: int
    unlawful_m2: float
    deciding_rule: str


@dataclass(frozen=True, slots=True)
class AreaChange:
    """Area of a patch in one layer, before and after; 亩 not rounded."""

    key: str
    name: str
    before_m2: float
    after_m2: float
    delta_m2: float
    delta_mu: float


@dataclass(frozen=True, slots=True)
class Change:
    """One patch whose judgement would be another.

    Attributes
    ----------
    is_flip : bool
        Another suggestion, violation or severity; else only areas move.
    """

    patch_id: UUID
    number: str
    division_code: str
    before: Standing
    after: Standing
    areas: tuple[AreaChange, ...]

    @property
    def is_flip(self) -> bool:
        """Another suggestion, violation or severity; else only areas move."""
        return _decided(self.before) != _decided(self.after)


def change_between(
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    *,
    patch_id: UUID,
    number: str,
    division_code: str,
) -> Change | None:
    """The change from one result to another; None where neither suggestion nor areas differ.

    Parameters
    ----------
    before, after : mapping
        Results as `detection.judgements.evaluate` makes them, of any form.
    """
    change = Change(
        patch_id,
        number,
        division_code,
        _standing(before),
        _standing(after),
        tuple(_area_changes(before, after)),
    )
    is_same = change.before == change.after and not change.areas
    return None if is_same else change


def totals(changes: Iterable[Change]) -> dict[str, AreaChange]:
    """Sum of the changes by layer."""
    found: dict[str, AreaChange] = {}
    for change in changes:
        for area in change.areas:
            former = found.get(area.key)
            before_m2 = area.before_m2 + (former.before_m2 if former else 0.0)
            after_m2 = area.after_m2 + (former.after_m2 if former else 0.0)
            found[area.key] = _area_change(area.key, area.name, before_m2, after_m2)
    return found


def _decided(standing: Standing) -> tuple[str, str | None, int]:
    return standing.suggestion, standing.violation_code, standing.severity


def _standing(result: Mapping[str, Any]) -> Standing:
    return Standing(
        result["suggestion"],
        result["suggestion_name"],
        result["violation_code"],
        result["severity"],
        result["excess_m2"],
        result["rule_ids"][0],
    )


def _area_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterable[AreaChange]:
    old, new = _areas(before), _areas(after)
    for key in dict.fromkeys([*old, *new]):
        name = (old.get(key) or new[key])[0]
        change = _area_change(key, name, *(rows[key][1] if key in rows else 0.0 for rows in (old, new)))
        if abs(change.delta_m2) >= LEAST_M2:
            yield change


def _areas(result: Mapping[str, Any]) -> dict[str, tuple[str, float]]:
    found = {row["key"]: (row["name"], float(row["area_m2"])) for row in result["overlay"]}
    for key, (name, field) in WHOLE.items():
        found[key] = (name, float(result["areas_m2"][field]))
    found["unlawful"] = ("计入违法面积", float(result["excess_m2"]))
    return found


def _area_change(key: str, name: str, before_m2: float, after_m2: float) -> AreaChange:
    delta_m2 = round(after_m2 - before_m2, 3)
    return AreaChange(key, name, round(before_m2, 3), round(after_m2, 3), delta_m2, delta_m2 / M2_PER_MU)
