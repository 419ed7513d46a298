"""What the rules of judgement ask about a patch: plain facts from measured areas, dates and thresholds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Literal

from detection.rules import RuleSet

State = Literal["full", "straddles", "part", "none"]
Inputs = Mapping[str, Any]
CRIME_SCALE_BASIC_M2 = 5 * 2000.0 / 3.0
MIN_NEIGHBOUR_SHARE = 0.02
ENDED = ("expired", "lapsed", "brief")
"""Timings of permits that were over on the day of the image after."""
OPEN_TIMINGS = {"inside": ("inside", "brief"), "lapsed": ("lapsed",), "undated": ("undated",)}
"""Coverage that stays open -> timings of the permits that it counts beside those in force throughout."""


def facts_of(inputs: Inputs, rules: RuleSet) -> dict[str, Any]:
    """All facts of one patch.

    Parameters
    ----------
    inputs : mapping
        As `detection.judgements.measure` makes and stores them.
    """
    patch, limits = inputs["patch"], rules.thresholds
    group = legal_group(inputs, rules)
    partition, land = inputs["partition"], _land_areas(inputs["land"])
    touched = _Touch(patch["area_m2"], limits["touch_share"], limits["touch_m2"])
    taken = _Touch(patch["area_m2"], limits["farmland_share"], limits["touch_m2"])
    farmland_m2 = land["cropland"] + land["other_agricultural"]
    controls = inputs["controls"]
    urban_share = controls["urban_boundary"]["area_m2"] / patch["area_m2"]
    facts = {
        "group": group,
        "size": _size(patch, rules.minimum_m2(group)),
        "is_house": group == "building" and patch["area_m2"] <= limits["house_max_m2"],
        "is_road": _is_road(patch, limits, play_m=0.0),
        "is_road_unsure": _is_road(patch, limits, play_m=patch["band_m"]),
        "is_urban": urban_share >= limits["dominant_share"],
        "is_construction_land": land["construction"] / patch["area_m2"] >= limits["own_site_share"],
        "is_near_mine": inputs["near_mine"] is not None,
        "takes_farmland": taken.holds(farmland_m2),
        "takes_cropland": taken.holds(land["cropland"]),
        "takes_basic_farmland": touched.holds(partition["basic_farmland"]),
        "takes_redline": touched.holds(controls["ecological_redline"]["area_m2"]),
        "is_crime_scale_basic": partition["basic_farmland"] >= CRIME_SCALE_BASIC_M2,
        "has_straddle": sum(row["share"] >= MIN_NEIGHBOUR_SHARE for row in patch["divisions"]) > 1,
        "has_missing_layers": any(row["version_id"] is None for row in inputs["layers"]),
        "has_neighbours": bool(inputs["neighbours"]),
        "has_corrections": bool(inputs.get("corrections")),
    }
    return facts | _approval_facts(inputs, limits)


def legal_group(inputs: Inputs, rules: RuleSet) -> str:
    """Group of change, with ground opened beside or inside a mining right taken for mining."""
    group = rules.group_of(inputs["patch"]["change_class"])
    context = rules.content["judgement"]["context"]
    is_mine = inputs["near_mine"] is not None or any(
        row["kind"] == "mining_right" for row in inputs["approvals"]
    )
    return str(context["mining_group"]) if is_mine and group in context["mining_from"] else group


def approvals_for(group: str, rules: RuleSet) -> frozenset[str]:
    """Kinds of layer that can make a group of change lawful."""
    return frozenset(rules.groups[group]["approvals"])


def coverage_state(cover: Mapping[str, Any] | None, area_m2: float, limits: Mapping[str, Any]) -> State:
    """Full, part or none; ``straddles`` where the limit of full lies inside the error band."""
    if cover is None:
        return "none"
    share = 1.0 - cover["excess_m2"] / area_m2
    low, high = 1.0 - cover["excess_max_m2"] / area_m2, 1.0 - cover["excess_min_m2"] / area_m2
    limit = limits["approved_share"]
    if low < limit <= high and cover["excess_m2"] > 0:
        return "straddles"
    if share >= limit:
        return "full"
    return "part" if share >= limits["part_share"] else "none"


def leading(rows: Sequence[Mapping[str, Any]], *timings: str) -> Mapping[str, Any] | None:
    """The permit of the first of some timings that covers most."""
    found = (row for timing in timings for row in rows if row["timing"] == timing)
    return next(found, None)


def ended(rows: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The permit that ended before the image after and covers most."""
    return next((row for row in rows if row["timing"] in ENDED), None)


def _approval_facts(inputs: Inputs, limits: Mapping[str, Any]) -> dict[str, Any]:
    area_m2, cover = inputs["patch"]["area_m2"], inputs["coverage"]
    approving = [row for row in inputs["approvals"] if row["is_approving"]]
    valid, expired = leading(approving, "valid", "renewed"), ended(approving)
    is_expired = expired is not None and expired["share"] >= limits["dominant_share"]
    state = coverage_state(cover["valid"], area_m2, limits)

    def state_of(key: str) -> State:
        """Of the ground covered if permits of one timing counted as well; none where there are none."""
        if leading(approving, *OPEN_TIMINGS[key]) is None:
            return "none"
        return coverage_state(cover.get(key), area_m2, limits)

    works = [row for row in inputs["approvals"] if row["kind"] == "planning_permit"]
    is_old_form_undated = valid is not None and state != "none" and valid["valid_from"] is None
    return {
        "approval": state,
        "approval_kind": valid["kind"] if valid is not None and state != "none" else None,
        "approval_inside": state_of("inside"),
        "approval_lapsed": state_of("lapsed"),
        "approval_undated": state_of("undated"),
        "expired_kind": expired["kind"] if expired is not None and is_expired else None,
        "expired_timing": expired["timing"] if expired is not None and is_expired else None,
        "works_permit": coverage_state(cover["works"], area_m2, limits),
        "has_undated_approval": is_old_form_undated or leading(works, "undated") is not None,
        "has_renewed_approval": leading(approving, "renewed") is not None,
    }


class _Touch:
    """Whether an area inside a patch is more than a slip of the outline."""

    def __init__(self, whole_m2: float, share: float, least_m2: float) -> None:
        self._least_m2 = max(whole_m2 * share, min(least_m2, whole_m2 * 0.5))

    def holds(self, area_m2: float) -> bool:
        return area_m2 >= self._least_m2


def _land_areas(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    areas_m2 = {"cropland": 0.0, "other_agricultural": 0.0, "construction": 0.0, "unused": 0.0}
    for row in rows:
        areas_m2[row["group"]] += row["area_m2"]
    return areas_m2


def _size(patch: Mapping[str, Any], minimum_m2: float) -> str:
    if patch["area_max_m2"] < minimum_m2:
        return "below"
    return "straddles" if patch["area_min_m2"] < minimum_m2 else "above"


def _is_road(patch: Mapping[str, Any], limits: Mapping[str, Any], *, play_m: float) -> bool:
    """A strip that is narrow enough, each edge lying up to ``play_m`` further in."""
    width_m, length_m = patch["width_m"], patch["length_m"]
    is_narrow = width_m - 2.0 * play_m <= limits["road_width_m"]
    return bool(is_narrow and length_m >= limits["road_elongation"] * width_m)


def window(inputs: Inputs) -> tuple[date, date]:
    """Change window of stored inputs: days of the image before and the image after."""
    patch = inputs["patch"]
    return date.fromisoformat(patch["before_on"]), date.fromisoformat(patch["after_on"])
