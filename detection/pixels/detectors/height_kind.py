"""What a change of height is: storeys, building, heap, pit, demolition, or plants; and how much was moved.

The surface model is asked for everything: what stood above the ground before and after, whether it is
smooth like a roof or rough like a crown, how regular its outline is. Imagery has no part in it.
"""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from detection.pixels.detectors.base import FloatGrid
from detection.pixels.detectors.surface_height import (
    CROSS,
    LAPLACIAN_GAIN,
    NMAD,
    SurfaceHeightFit,
    height_rules,
    is_known,
)
from ingest.pair import PairPixels

BoolGrid = NDArray[np.bool_]
Kind = tuple[str, Mapping[str, float], Mapping[str, float]]
"""Class of change, probability of each class that was considered, statistics."""

GROUND_TURNS = 5


def height_statistics(
    fit: SurfaceHeightFit, pixels: PairPixels, is_object: BoolGrid, *, gsd_m: float
) -> dict[str, float]:
    """Heights, volumes and shape of one object.

    Parameters
    ----------
    pixels : PairPixels
        The object with at least ``ring_m`` of its surroundings; metres of height.
    is_object : ndarray of bool, shape (rows, cols)
        Some of it known on both dates.

    Returns
    -------
    dict
        ``median_dz_m``, ``max_dz_m`` (98th percentile, with its sign), ``area_m2``, ``volume_m3`` with
        ``volume_min_m3`` and ``volume_max_m3`` (95 %), ``rise_m3``, ``fall_m3``; ``around_dz_m``: upper
        quartile of the unchanged surroundings; ``before_above_m``, ``after_above_m``: of the object above its
        surroundings; ``before_rough_m``, ``after_rough_m``: pixel to pixel, without noise;
        ``relief_share``, ``rectangularity``, ``storeys``.
    """
    is_seen = is_known(pixels)
    inside = is_object & is_seen
    before, after = pixels.before[0], fit.on_datum(pixels)
    gap = fit.difference(pixels)
    inner = gap[inside]
    median_dz_m = float(np.median(inner)) if inner.size else 0.0
    far = np.percentile(inner, 98 if median_dz_m >= 0 else 2) if inner.size else 0.0
    ring = _surroundings(fit, pixels, is_object, gsd_m)
    heart = _heart(inside)
    statistics = {
        "median_dz_m": median_dz_m,
        "max_dz_m": float(far),
        "area_m2": float(is_object.sum()) * gsd_m**2,
        "around_dz_m": float(np.percentile(gap[ring], 75)) if ring.any() else 0.0,
        "before_above_m": _above_ground(before, inside, ring),
        "after_above_m": _above_ground(after, inside, ring),
        "before_rough_m": _roughness(before, heart, fit.sigma_m),
        "after_rough_m": _roughness(after, heart, fit.sigma_m),
        "relief_share": _relief_share(gap[heart]),
        "rectangularity": _rectangularity(is_object),
        "storeys": float(round(max(median_dz_m, 0.0) / height_rules()["kind"]["storey_m"])),
    }
    statistics |= _volumes(fit, gap, is_seen, is_object, ring=ring, gsd_m=gsd_m)
    return {name: round(value, 3) for name, value in statistics.items()}


def height_kind(statistics: Mapping[str, float]) -> Kind:
    """Class of one object from `height_statistics`.

    A rise on what was a building already is added storeys; on open ground a regular level one is a new
    building and any other a heap. A fall below the surroundings is a pit; a fall onto them a demolition.
    What was or became rough is plants, and a field that rose by less than a maize stand is its crop.
    """
    decide = _risen if statistics["median_dz_m"] >= 0 else _fallen
    change_class, rival, margin = decide(statistics)
    likely = round(0.5 + 0.45 * float(np.clip(margin, 0.0, 1.0)), 3)
    return change_class, {change_class: likely, rival: round(1.0 - likely, 3)}, dict(statistics)


def _risen(facts: Mapping[str, float]) -> tuple[str, str, float]:
    """Class, its rival, and how clear it is."""
    rule = height_rules()["kind"]
    rise = facts["median_dz_m"]
    is_even = facts["relief_share"] <= rule["relief_share"]
    if facts["after_rough_m"] > rule["rough_m"] and not is_even:
        return "crop_season", "other", facts["after_rough_m"] / rule["rough_m"] - 1.0
    was_roof = facts["before_above_m"] >= rule["building_least_m"]
    if was_roof and facts["before_rough_m"] <= rule["rough_m"]:
        clear = min(rise / rule["storey_m"], facts["before_above_m"] / rule["building_least_m"]) - 0.5
        return "storeys_added", "new_building", clear
    if rise <= rule["crop_most_m"] and _is_stand(facts):
        return "crop_season", "other", 0.6
    if rise >= rule["new_building_least_m"] and facts["rectangularity"] >= rule["regular"] and is_even:
        return "new_building", "earthwork", 1.0 - facts["relief_share"]
    return "earthwork", "new_building", facts["relief_share"] - 0.3


def _is_stand(facts: Mapping[str, float]) -> bool:
    """Whether a low rise is a crop: level on top, or a field wide, or one of several plots that rose."""
    rule = height_rules()["kind"]
    rise = facts["median_dz_m"]
    is_level = facts["relief_share"] <= rule["crop_relief"] and rise < rule["new_building_least_m"]
    is_wide = facts["area_m2"] >= rule["crop_least_m2"]
    return bool(is_level or is_wide or facts["around_dz_m"] >= rule["crop_around"] * rise)


def _fallen(facts: Mapping[str, float]) -> tuple[str, str, float]:
    """Class, its rival, and how clear it is."""
    rule = height_rules()["kind"]
    fall, stood = -facts["median_dz_m"], facts["before_above_m"]
    rough = max(facts["before_rough_m"], facts["after_rough_m"])
    if stood >= rule["building_least_m"] / 3 and rough > rule["rough_m"]:
        felled = fall > rule["crop_most_m"]
        return "vegetation_loss" if felled else "crop_season", "other", rough / rule["rough_m"] - 1.0
    if facts["after_above_m"] <= -rule["pit_least_m"]:
        return "excavation", "earthwork", -facts["after_above_m"] / rule["pit_least_m"] - 0.5
    if stood >= rule["building_least_m"]:
        is_regular = facts["rectangularity"] >= rule["regular"]
        is_gone = facts["after_above_m"] <= rule["ground_most_m"]
        return (
            ("demolition", "earthwork", 0.7 if is_regular else 0.1)
            if is_gone
            else ("other", "demolition", 0.1)
        )
    if fall <= rule["crop_most_m"]:
        return "crop_season", "excavation", 0.3
    return "earthwork", "excavation", 0.2


def _surroundings(fit: SurfaceHeightFit, pixels: PairPixels, is_object: BoolGrid, gsd_m: float) -> BoolGrid:
    """Unchanged pixels around an object."""
    rule = height_rules()["surroundings"]
    away = cv2.distanceTransform((~is_object).astype(np.uint8), cv2.DIST_L2, 3)
    near = (away > rule["gap_px"]) & (away <= max(rule["ring_m"] / gsd_m, rule["gap_px"] + 4))
    return np.asarray(near & is_known(pixels) & (fit.score(pixels) < 1.0))


def _above_ground(height: FloatGrid, inside: BoolGrid, ring: BoolGrid) -> float:
    """Median height of the object over a plane through the lower part of its surroundings, metres."""
    rule = height_rules()["surroundings"]
    rows, cols = np.nonzero(ring)
    if len(rows) < rule["least_px"] or not inside.any():
        return 0.0
    target_rows, target_cols = np.nonzero(inside)
    row, col = float(target_rows.mean()), float(target_cols.mean())
    design = np.stack([np.ones(len(rows)), rows - row, cols - col], axis=1)
    values = height[ring].astype(np.float64)
    line = np.array([float(np.percentile(values, 25)), 0.0, 0.0])
    for _ in range(GROUND_TURNS):
        rest = values - design @ line
        is_low = rest <= np.quantile(rest, rule["ground_share"])
        line = np.linalg.lstsq(design[is_low], values[is_low], rcond=None)[0]
    ground = line[0] + line[1] * (target_rows - row) + line[2] * (target_cols - col)
    return float(np.median(height[inside] - ground))


def _roughness(height: FloatGrid, heart: BoolGrid, sigma_m: float) -> float:
    """Robust σ of a pixel against its four neighbours without the model's own noise; 0 on any plane."""
    if not heart.any():
        return 0.0
    bend = height - cv2.filter2D(height, cv2.CV_32F, CROSS, borderType=cv2.BORDER_REPLICATE)
    spread = NMAD * float(np.median(np.abs(bend[heart]))) / LAPLACIAN_GAIN
    return float(np.sqrt(max(spread**2 - sigma_m**2 / 2.0, 0.0)))


def _heart(inside: BoolGrid) -> BoolGrid:
    """The object without its edge, or all of it where it is too thin to have an inside."""
    heart = cv2.erode(inside.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    return np.asarray(heart if heart.sum() >= 4 else inside)


def _relief_share(gap: NDArray[np.float32]) -> float:
    """Spread of the height difference within an object as a share of its median: small for a roof."""
    if not gap.size:
        return 0.0
    low, middle, high = np.percentile(gap.astype(np.float64), (10.0, 50.0, 90.0))
    return float((high - low) / max(abs(middle), 0.1))


def _rectangularity(is_object: BoolGrid) -> float:
    rows, cols = np.nonzero(is_object)
    if not len(rows):
        return 0.0
    (_, _), (one, other), _ = cv2.minAreaRect(np.column_stack([cols, rows]).astype(np.float32))
    return float(len(rows) / ((one + 1.0) * (other + 1.0)))


def _volumes(
    fit: SurfaceHeightFit,
    gap: FloatGrid,
    is_seen: BoolGrid,
    is_object: BoolGrid,
    *,
    ring: BoolGrid,
    gsd_m: float,
) -> dict[str, float]:
    """Moved volume with its band: noise of the heights, datum of the place, half a pixel of outline."""
    rule = height_rules()["volume"]
    grown = cv2.dilate(is_object.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    is_edge = grown & ~is_object & (np.abs(gap) > 3.0 * fit.sigma_m)
    counted = (is_object | is_edge) & is_seen
    cell_m2 = gsd_m**2
    values = gap[counted].astype(np.float64)
    total = float(values.sum()) * cell_m2
    number = max(len(values), 1)
    noise = fit.sigma_m * np.sqrt(number * rule["correlated_px"])
    around = gap[ring].astype(np.float64)
    datum = fit.sigma_m
    if len(around) >= height_rules()["surroundings"]["least_px"]:
        settled = fit.sigma_m * np.sqrt(rule["correlated_px"] / len(around))
        datum = float(np.hypot(settled, min(abs(float(np.median(around))), fit.sigma_m)))
    rim = grown & ~(cv2.erode(is_object.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0)
    middle = abs(float(np.median(values))) if len(values) else 0.0
    edge = rule["edge_px"] / 2.0 * (float(rim.sum()) / 2.0) * middle
    band = rule["coverage"] * float(np.sqrt(noise**2 + (datum * number) ** 2 + edge**2)) * cell_m2
    return {
        "volume_m3": total,
        "volume_min_m3": total - band,
        "volume_max_m3": total + band,
        "rise_m3": float(values[values > 0].sum()) * cell_m2,
        "fall_m3": float(-values[values < 0].sum()) * cell_m2,
    }
