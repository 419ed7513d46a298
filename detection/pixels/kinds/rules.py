"""What kind of change each object is: rules a person can read, from surfaces, texture, width and context.

This is the first stage. Where reflectance is not known (other sensors) the class is ``other``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from detection.pixels.kinds.surfaces import (
    DEMOLISHED,
    EARTH,
    EARTH_EDGE,
    FILM,
    HARD,
    Look,
    SurfaceModel,
    class_rules,
    grown,
    is_film_like,
    is_hard_surface,
    texture,
)
from detection.pixels.kinds.windows import Kind, ObjectWindow, Verdict

CLASSES = (
    *("new_building", "hard_surface", "road", "earthwork", "excavation", "water", "greenhouse", "solar"),
    *("demolition_restored", "vegetation_loss", "crop_season", "cloud_shadow", "other"),
)
GROUPS = ("cloud", "new", "demolished", "water", "dark")
RING_PX = 12


@dataclass(frozen=True)
class ObjectView:
    """One object with its surroundings: features of both dates and codes on one window."""

    before: Look
    after: Look
    codes: NDArray[np.int32]
    is_object: NDArray[np.bool_]
    gsd_m: float


def surface_kind(model: SurfaceModel) -> Kind:
    """What an object is, for four bands of reflectance at 5 m or finer."""

    def kind(window: ObjectWindow) -> Verdict:
        view = ObjectView(
            model.look(window.pixels.before, is_after=False),
            model.look(window.pixels.after, is_after=True),
            window.codes,
            window.is_object,
            window.gsd_m or 1.0,
        )
        return classify_object(view, window.group, model)

    return kind


def classify_object(view: ObjectView, group: str, model: SurfaceModel) -> Verdict:
    """Class of one object of one group (:data:`GROUPS`)."""
    if group == "cloud":
        return Verdict("cloud_shadow", {"cloud_shadow": 0.9, "other": 0.1}, {})
    facts = _facts(view, model)
    rule = class_rules()["object"]
    decide = {"new": _new, "demolished": _demolished, "water": _water, "dark": _dark}[group]
    change_class, margin = decide(facts, rule, model)
    likely = round(0.5 + 0.45 * float(np.clip(margin, 0.0, 1.0)), 3)
    rival = "crop_season" if change_class != "crop_season" else "other"
    kept = {name: round(float(value), 4) for name, value in sorted(facts.items())}
    return Verdict(change_class, {change_class: likely, rival: round(1.0 - likely, 3)}, kept)


def _facts(view: ObjectView, model: SurfaceModel) -> dict[str, float]:
    """Shares, medians, width and context of an object."""
    inside = view.is_object
    area_px = int(inside.sum())
    rows, cols = np.nonzero(inside)
    (_, _), (side_a, side_b), _ = cv2.minAreaRect(np.column_stack([cols, rows]).astype(np.float32))
    length_px, breadth_px = max(side_a, side_b) + 1.0, min(side_a, side_b) + 1.0
    depth = cv2.distanceTransform(np.pad(inside, 1).astype(np.uint8), cv2.DIST_L2, 3)
    heart = inside & (depth[1:-1, 1:-1] > min(1.5, 0.5 * float(depth.max())))
    ring = grown(inside, 2 * RING_PX + 1) & ~grown(inside, 5)
    was_hard = is_hard_surface(view.before, model.before) & ~is_film_like(view.before, model.before)
    near = grown(inside, 7) & ~inside
    facts = {
        "area_m2": area_px * view.gsd_m**2,
        "length_m": length_px * view.gsd_m,
        "width_m": (2.0 * float(depth.max()) - 1.0) * view.gsd_m,
        "aspect": length_px / breadth_px,
        "rectangularity": area_px / (length_px * breadth_px),
        "ring_hard_share": _share(was_hard, ring),
        "contact_hard_share": _share(was_hard, near),
        "texture": float(np.median(texture(view.after.brightness)[inside])),
        "before_texture": float(np.median(texture(view.before.brightness)[inside])),
        "nir_texture": float(np.median(texture(view.after.nir, 5)[heart])),
    }
    for name, look in (("before", view.before), ("after", view.after)):
        for feature in ("brightness", "slope", "ndvi", "nir"):
            facts[f"{name}_{feature}"] = float(np.median(getattr(look, feature)[inside]))
    facts |= _shares(view, model)
    return facts


def _shares(view: ObjectView, model: SurfaceModel) -> dict[str, float]:
    inside, after, before = view.is_object, view.after, view.before
    soil = model.after
    is_red = (after.slope > 0.7 * soil.slope) & (after.green_lift < 0.33 * after.slope)
    return {
        "hard_share": _share(view.codes == HARD, inside),
        "film_share": _share(view.codes == FILM, inside),
        "earth_share": _share((view.codes == EARTH) | (view.codes == EARTH_EDGE), inside),
        "demolished_share": _share(view.codes == DEMOLISHED, inside),
        "coloured_share": _share((after.slope < 0.0) | (is_red & (view.codes == HARD)), inside),
        "core_after_share": _share((after.ndvi < 0.15) | (after.slope < 0.0), inside),
        "core_before_share": _share((before.ndvi < 0.145) | (before.slope < 0.0), inside),
    }


def _new(facts: dict[str, float], rule: Mapping[str, Any], model: SurfaceModel) -> tuple[str, float]:
    """Something lies there now that no field turns into: earthwork, film, road, roof or paving."""
    if _is_same(facts, rule):
        return "crop_season", 0.6
    artificial = facts["hard_share"] + facts["film_share"]
    if facts["earth_share"] > min(artificial, rule["earth_mixed_share"]):
        return _earthwork(facts, rule, model)
    if facts["film_share"] > facts["hard_share"]:
        striped = facts["texture"] > class_rules()["film"]["min_texture"]
        if striped and facts["area_m2"] >= rule["greenhouse_least_m2"]:
            return "greenhouse", 0.8
        return "crop_season", 0.5
    return _hard(facts, rule)


def _is_same(facts: dict[str, float], rule: Mapping[str, Any]) -> bool:
    """A limit was crossed, but hardly anything moved."""
    gap = abs(facts["after_brightness"] - facts["before_brightness"]) / max(facts["before_brightness"], 1e-3)
    restriped = facts["texture"] - facts["before_texture"]
    return bool(
        abs(facts["after_ndvi"] - facts["before_ndvi"]) < rule["same_max_ndvi"]
        and abs(facts["after_slope"] - facts["before_slope"]) < rule["same_max_slope"]
        and gap < rule["same_max_brightness"]
        and not (facts["film_share"] > 0.3 and abs(restriped) >= rule["same_max_texture"])
    )


def _earthwork(facts: dict[str, float], rule: Mapping[str, Any], model: SurfaceModel) -> tuple[str, float]:
    """Moved subsoil, bigger and rawer than a corner of a bare field; beside a quarry it is the quarry."""
    is_wide = facts["area_m2"] >= rule["earth_least_m2"] and facts["width_m"] >= rule["earth_least_width_m"]
    is_subsoil = facts["after_ndvi"] <= rule["earth_max_ndvi_soil"] * model.after.ndvi
    is_mixed = facts["hard_share"] > rule["earth_mixed_hard_share"]
    is_rough = facts["nir_texture"] >= rule["earth_least_texture"]
    if not (is_wide and is_subsoil and (is_rough or is_mixed)):
        return "crop_season", 0.5
    is_large = facts["area_m2"] > rule["quarry_least_m2"]
    if is_large and facts["contact_hard_share"] > rule["quarry_least_contact"]:
        return "excavation", 0.5
    return "earthwork", min(1.0, facts["area_m2"] / 5000.0)


def _hard(facts: dict[str, float], rule: Mapping[str, Any]) -> tuple[str, float]:
    is_narrow = facts["width_m"] <= rule["road_max_width_m"]
    is_long = facts["aspect"] >= rule["road_min_aspect"] and facts["length_m"] >= rule["road_min_length_m"]
    if is_narrow and is_long:
        return "road", 0.7
    is_haze = facts["core_after_share"] < rule["least_core"]
    if facts["width_m"] < rule["least_width_m"] or is_haze:
        return "crop_season", 0.4
    is_meagre = facts["width_m"] < rule["village_least_width_m"]
    is_meagre = is_meagre or facts["core_after_share"] < rule["village_least_core"]
    if facts["ring_hard_share"] > rule["village_share"] and is_meagre:
        return "crop_season", 0.3
    if facts["coloured_share"] >= rule["coloured_roof_share"]:
        return "new_building", 0.9
    is_large = facts["area_m2"] >= rule["quarry_least_m2"]
    is_pit = facts["contact_hard_share"] >= rule["quarry_least_contact"]
    if is_large and (is_pit or facts["rectangularity"] < rule["quarry_max_rectangularity"]):
        return "excavation", 0.7
    if facts["area_m2"] < 1000.0 or facts["rectangularity"] > 0.75:
        return "new_building", 0.6
    return "hard_surface", 0.6


def _demolished(facts: dict[str, float], rule: Mapping[str, Any], model: SurfaceModel) -> tuple[str, float]:
    """A hard surface is gone; mulch film and grain drying on a yard only look so."""
    is_firm = facts["core_before_share"] >= rule["demolition_least_core"]
    is_large = facts["area_m2"] >= rule["demolition_least_m2"] and (
        facts["width_m"] >= rule["demolition_least_width_m"]
    )
    is_grain = (
        facts["after_ndvi"] < 0.25
        and facts["after_brightness"] > rule["grain_brightness_soil"] * model.after.brightness
    )
    if is_firm and is_large and not is_grain:
        return "demolition_restored", 0.8
    return "crop_season", 0.5


def _water(facts: dict[str, float], rule: Mapping[str, Any], model: SurfaceModel) -> tuple[str, float]:
    is_large = facts["area_m2"] >= rule["water_least_m2"] and facts["width_m"] >= rule["water_least_width_m"]
    if is_large and facts["after_ndvi"] < rule["water_max_ndvi"]:
        return "water", 0.9
    return "crop_season", 0.3


def _dark(facts: dict[str, float], rule: Mapping[str, Any], model: SurfaceModel) -> tuple[str, float]:
    """Panels stripe the ground coarsely; a burnt or wet field is smooth."""
    if (
        facts["area_m2"] >= rule["solar_least_m2"]
        and facts["nir_texture"] >= rule["solar_least_texture"]
        and facts["after_ndvi"] >= rule["solar_least_ndvi"]
        and facts["rectangularity"] >= rule["solar_least_rectangularity"]
    ):
        return "solar", 0.8
    return "crop_season", 0.6


def _share(mask: NDArray[np.bool_], within: NDArray[np.bool_]) -> float:
    count = int(within.sum())
    return float((mask & within).sum()) / count if count else 0.0
