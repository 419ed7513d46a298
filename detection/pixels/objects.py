"""From codes and levels of pixels to labelled objects, each of one group."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from detection.pixels.surfaces import (
    CLOUD,
    DARK,
    DEMOLISHED,
    EARTH,
    EARTH_EDGE,
    FILM,
    HARD,
    HARD_EDGE,
    WATER,
    WATER_EDGE,
    class_rules,
    closed,
    grown,
    opened,
)
from detection.pixels.threshold import hysteresis
from detection.pixels.vectorise import clean_mask, label_objects

CLOSE_PX = 5
EDGE_PX = 3
"""Mixed pixels of an edge fail every pure rule: one pixel all round belongs to the object."""
LEAST_SHARE = 0.8
"""An object this much below the smallest area may still reach it within the error of its edge."""


@dataclass(frozen=True)
class Objects:
    """Labels int32 (rows, cols), 0 elsewhere; stats as OpenCV gives them; the group of each label."""

    labels: NDArray[np.int32]
    stats: NDArray[np.int32]
    groups: tuple[str, ...]


def objects_of_levels(
    levels: NDArray[np.uint8], is_seen: NDArray[np.bool_], *, min_px: float, is_fine: bool
) -> Objects:
    """Connected change above the cut, grown to the low cut."""
    is_change = hysteresis((levels >= 1) & is_seen, (levels == 2) & is_seen)
    is_change = clean_mask(is_change, is_fine=is_fine) & is_seen
    count, labels, stats = label_objects(is_change, min_px=min_px)
    return Objects(labels, stats, ("",) + ("change",) * count)


def objects_of_codes(
    codes: NDArray[np.uint8], is_seen: NDArray[np.bool_], *, min_px: float, gsd_m: float
) -> Objects:
    """Objects of each group in turn; a pixel belongs to the first that claims it."""
    least = LEAST_SHARE * min_px
    is_earth = hysteresis((codes == EARTH_EDGE) | (codes == EARTH), codes == EARTH)
    is_built = (codes == HARD) | (codes == FILM)
    is_built |= grown(is_built, 3) & (codes == HARD_EDGE)
    is_wet = opened(closed(codes == WATER, CLOSE_PX), 3)
    is_wet |= grown(is_wet, 3) & (codes == WATER_EDGE)
    masks = {
        "cloud": _clouds(codes, gsd_m),
        "new": closed(is_built | grown(_least(opened(is_earth, 3), least), EDGE_PX), CLOSE_PX),
        "demolished": grown(_least(opened(closed(codes == DEMOLISHED, CLOSE_PX), 3), least), EDGE_PX),
        "water": grown(_least(is_wet, least), EDGE_PX),
        "dark": grown(_least(opened(closed(codes == DARK, CLOSE_PX), CLOSE_PX), least), EDGE_PX),
    }
    labels = np.zeros(codes.shape, np.int32)
    stats = [np.zeros((1, 5), np.int32)]
    groups = [""]
    for group, mask in masks.items():
        free = mask & is_seen & (labels == 0)
        count, found, found_stats = label_objects(free, min_px=least)
        labels = np.where(found > 0, found + (len(groups) - 1), labels).astype(np.int32)
        stats.append(found_stats[1:])
        groups.extend([group] * count)
    return Objects(labels, np.concatenate(stats), tuple(groups))


def _least(mask: NDArray[np.bool_], min_px: float) -> NDArray[np.bool_]:
    """Without the parts that are too small even before their edge is added."""
    _, labels, _ = label_objects(mask, min_px=min_px)
    return np.asarray(labels > 0)


def _clouds(codes: NDArray[np.uint8], gsd_m: float) -> NDArray[np.bool_]:
    """Cores that are large enough for a cloud, with the haze around them."""
    rule = class_rules()["cloud"]
    count, labels, _ = label_objects(codes == CLOUD, min_px=rule["least_m2"] / gsd_m**2)
    if count == 0:
        return np.zeros(codes.shape, bool)
    return grown(labels > 0, 2 * round(rule["reach_m"] / gsd_m) + 1)


def object_box(stats: NDArray[np.int32], label: int) -> tuple[int, int, int, int]:
    """Row, column, rows, columns of one object."""
    left, top, width, height = (int(stats[label][index]) for index in range(cv2.CC_STAT_AREA))
    return top, left, height, width
