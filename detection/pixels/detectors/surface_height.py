"""Height difference of two surface models: the only witness for added storeys and for pits.

Two surface models never share their datum exactly, and often lean against each other. Offset and tilt are
those of roofs, which no season raises or cuts, or of the unchanged majority where there are none. Building
edges move by a pixel from one model to the next: a pixel counts only where it stands above (or below)
everything within that reach on the other date, so that a moved edge leaves no sliver.

References
----------
Höhle & Höhle (2009), Accuracy assessment of digital elevation models by means of robust statistical
methods, ISPRS J. 64(4): NMAD. Beaton & Tukey (1974), The fitting of power series, Technometrics 16(2).
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from detection.pixels.detectors.base import DetectorSpec, FloatGrid, Samples
from foundation.errors import InvalidInput
from ingest.pair import PairPixels

RULES_FILE = Path(__file__).resolve().parents[3] / "data" / "rules" / "height.toml"
MIN_PIXELS = 256
NMAD = 1.4826
FAR_M = 1e6
"""Stands for a height that is not known, above or below everything."""
CROSS = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], np.float32) / 4.0
LAPLACIAN_GAIN = float(np.sqrt(1.25))
"""Noise of a pixel minus the mean of its four neighbours, in units of the noise of one."""

FloatArray = NDArray[np.float64]


@lru_cache(maxsize=1)
def height_rules() -> dict[str, Any]:
    """Tables of ``data/rules/height.toml``."""
    return tomllib.loads(RULES_FILE.read_text("utf-8"))


@dataclass(frozen=True)
class SurfaceHeightFit:
    """Datum between the dates, and the noise that is left.

    Attributes
    ----------
    plane : (float, float, float)
        AFTER − BEFORE of unchanged ground: metres at the grid's first pixel, per row, per column.
    sigma_m : float
        Robust σ (NMAD) of the unchanged majority's height difference.
    """

    plane: tuple[float, float, float]
    sigma_m: float

    def on_datum(self, pixels: PairPixels) -> FloatGrid:
        """AFTER on the datum of BEFORE, float32 (rows, cols), metres."""
        rows, cols = pixels.is_valid.shape
        offset, per_row, per_col = self.plane
        down = np.float32(per_row) * np.arange(pixels.row, pixels.row + rows, dtype=np.float32)
        across = np.float32(per_col) * np.arange(pixels.col, pixels.col + cols, dtype=np.float32)
        tilt = down[:, None] + across[None, :] + np.float32(offset)
        level: FloatGrid = pixels.after[0] - tilt
        return level

    def difference(self, pixels: PairPixels) -> FloatGrid:
        """AFTER − BEFORE without offset and tilt, float32 (rows, cols), metres; 0 where not known."""
        gap: FloatGrid = self.on_datum(pixels) - pixels.before[0]
        gap[~is_known(pixels)] = 0.0
        return gap

    def signed(self, pixels: PairPixels) -> FloatGrid:
        """Rise (> 0) or fall (< 0) beyond all that lies within reach of an edge on the other date.

        Float32 (rows, cols), metres; 0 where not known. Depends on a neighbourhood of ``edge_px``.
        """
        is_seen = is_known(pixels)
        before, after = pixels.before[0], self.on_datum(pixels)
        rise = np.maximum(after - _highest(before, is_seen), _lowest(after, is_seen) - before)
        fall = np.maximum(_lowest(before, is_seen) - after, before - _highest(after, is_seen))
        signed = np.maximum(rise, 0.0) - np.maximum(fall, 0.0)
        signed[~is_seen] = 0.0
        return np.asarray(signed, np.float32)

    def score(self, pixels: PairPixels) -> FloatGrid:
        """Rise or fall as a multiple of the least one that counts; 0 where not known."""
        signed = self.signed(pixels)
        return np.asarray(np.where(signed > 0, signed / self.least_rise_m, -signed / self.least_fall_m))

    @property
    def least_rise_m(self) -> np.float32:
        """Physical floor, or the noise where that is larger."""
        return self._least("min_rise_m")

    @property
    def least_fall_m(self) -> np.float32:
        """Physical floor, or the noise where that is larger."""
        return self._least("min_fall_m")

    def _least(self, name: str) -> np.float32:
        rule = height_rules()["change"]
        return np.float32(max(rule[name], rule["sigmas"] * self.sigma_m))

    def report(self) -> Mapping[str, Any]:
        """Datum, tilt and noise in metres."""
        offset, per_row, per_col = self.plane
        return {
            "offset_m": round(offset, 3),
            "tilt_m_per_1000_px": [round(1000 * per_row, 3), round(1000 * per_col, 3)],
            "sigma_m": round(self.sigma_m, 3),
            "least_rise_m": round(float(self.least_rise_m), 3),
            "least_fall_m": round(float(self.least_fall_m), 3),
        }


class SurfaceHeight:
    """Height difference as a registered detector; one band of metres on both dates."""

    spec = DetectorSpec(
        name="surface_height",
        version="1",
        sensors=frozenset({"height"}),
        min_bands=1,
        max_bands=1,
        dtypes=frozenset({"float32", "float64", "int16", "int32", "uint16"}),
        halo_px=4,
        floor_sigmas=4.0,
        is_folded=True,
        parameters=MappingProxyType(dict(height_rules()["change"])),
        cut=1.0,
    )

    def fit(self, samples: Samples) -> SurfaceHeightFit:
        """Plane of the unchanged majority by reweighted least squares, and its NMAD."""
        noise_m = _pixel_noise(samples)
        ground = _gather(samples, noise_m)
        if len(ground.gap) < MIN_PIXELS:
            raise InvalidInput("detection.pair.sample_too_small", pixels=len(ground.gap), needed=MIN_PIXELS)
        return SurfaceHeightFit(*_robust_plane(ground, noise_m))


def is_known(pixels: PairPixels) -> NDArray[np.bool_]:
    """Where both dates hold a height that can be one."""
    limit = height_rules()["change"]["plausible_m"]
    return np.asarray(
        pixels.is_valid & (np.abs(pixels.before[0]) < limit) & (np.abs(pixels.after[0]) < limit)
    )


@dataclass(frozen=True)
class _Ground:
    """Sample: rows and columns on the grid, AFTER − BEFORE there, and whether the ground is firm."""

    rows: FloatArray
    cols: FloatArray
    gap: FloatArray
    is_firm: NDArray[np.bool_]

    def only(self, keep: NDArray[np.bool_]) -> _Ground:
        """Part of it."""
        return _Ground(self.rows[keep], self.cols[keep], self.gap[keep], self.is_firm[keep])


def _gather(samples: Samples, noise_m: float) -> _Ground:
    """Known pixels of all blocks, the firm ones and the others each thinned evenly."""
    found = []
    for block in samples:
        row, col = np.nonzero(is_known(block))
        gap = block.after[0][row, col].astype(np.float64) - block.before[0][row, col]
        found.append(np.stack([row + block.row, col + block.col, gap, _firm(block, noise_m)[row, col]]))
    joined = np.concatenate(found, axis=1) if found else np.zeros((4, 0))
    ground = _Ground(joined[0], joined[1], joined[2], joined[3] > 0)
    limit = int(height_rules()["datum"]["limit_px"])
    keep = np.zeros(len(ground.gap), bool)
    for group in (np.flatnonzero(ground.is_firm), np.flatnonzero(~ground.is_firm)):
        keep[group[:: max(1, len(group) // limit)]] = True
    return ground.only(keep)


def _firm(block: PairPixels, noise_m: float) -> NDArray[np.bool_]:
    """Smooth and standing out on both dates: roofs, which no season raises or cuts."""
    rule = height_rules()["datum"]
    is_firm = is_known(block)
    for height in (block.before[0], block.after[0]):
        stands = height - _foot(height, int(rule["firm_reach_px"])) >= rule["firm_least_m"]
        smooth = np.abs(height - cv2.filter2D(height, cv2.CV_32F, CROSS)) <= rule["firm_noise"] * noise_m
        is_firm &= cv2.erode((stands & smooth).astype(np.uint8), np.ones((2, 2), np.uint8)) > 0
    return is_firm


def _foot(height: FloatGrid, reach_px: int) -> FloatGrid:
    """Lowest height within reach to the left, right, up and down: the second highest of the four.

    A roof stands above it on at least three sides, even in a row; a slope falls on two at most.
    """
    last = reach_px - 1
    feet = [
        cv2.erode(height, np.ones(size, np.uint8), anchor=anchor)
        for size, anchor in (
            ((1, reach_px), (last, 0)),
            ((1, reach_px), (0, 0)),
            ((reach_px, 1), (0, last)),
            ((reach_px, 1), (0, 0)),
        )
    ]
    return np.asarray(np.sort(np.stack(feet), axis=0)[2], np.float32)


def _pixel_noise(samples: Samples) -> float:
    """Robust σ of the height difference from a pixel to its neighbours, metres: no crop's growth is in it."""
    bends = [np.zeros(0, np.float32)]
    for block in samples:
        gap = block.after[0] - block.before[0]
        is_inner = cv2.erode(is_known(block).astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=0) > 0
        bend = gap - cv2.filter2D(gap, cv2.CV_32F, CROSS)
        bends.append(bend[is_inner][::3])
    joined = np.concatenate(bends)
    spread = NMAD * float(np.median(np.abs(joined))) / LAPLACIAN_GAIN if len(joined) else 0.0
    return max(spread, float(height_rules()["change"]["least_sigma_m"]))


def _robust_plane(ground: _Ground, noise_m: float) -> tuple[tuple[float, float, float], float]:
    """Datum plane and its σ.

    All ground gives a first plane. Crops that grew or were cut stand beside the rest as a second hump and
    pull it: so where there are roofs, these decide, and else the densest place of what the plane leaves.
    """
    rule = height_rules()["datum"]
    plane = _fitted(ground, (float(np.median(ground.gap)), 0.0, 0.0), least_m=noise_m)
    firm = ground.only(ground.is_firm)
    if len(firm.gap) < rule["firm_least_px"]:
        firm = ground
    offset, per_row, per_col = plane
    start = (offset + _densest(_rest(firm, plane), noise_m), per_row, per_col)
    reach_m = rule["tukey"] * rule["firm_spread"] * noise_m
    plane = _fitted(firm, start, least_m=noise_m, reach_m=reach_m)
    rest = np.abs(_rest(firm, plane))
    sigma_m = NMAD * float(np.median(rest[rest <= reach_m]))
    return plane, max(sigma_m, noise_m)


def _rest(ground: _Ground, plane: tuple[float, float, float]) -> FloatArray:
    return ground.gap - plane[0] - plane[1] * ground.rows - plane[2] * ground.cols


def _fitted(
    ground: _Ground, start: tuple[float, float, float], *, least_m: float, reach_m: float | None = None
) -> tuple[float, float, float]:
    """Plane by least squares with Tukey's weights, which forget what lies further off than a reach.

    The reach follows the spread unless it is given. Where the ground is too short to show a tilt, that of
    the start stays.
    """
    rule = height_rules()["datum"]
    extents = float(np.ptp(ground.rows)), float(np.ptp(ground.cols))
    middle_row, middle_col = float(ground.rows.mean()), float(ground.cols.mean())
    columns = [np.ones_like(ground.gap)]
    if min(extents) >= rule["least_extent_px"]:
        columns += [(ground.rows - middle_row) / max(extents), (ground.cols - middle_col) / max(extents)]
    design = np.stack(columns, axis=1)
    first = _rest(ground, start)
    line: NDArray[np.float64] = np.zeros(design.shape[1])
    for _ in range(int(rule["turns"])):
        rest = first - design @ line
        reach = reach_m or rule["tukey"] * max(NMAD * float(np.median(np.abs(rest))), least_m)
        weight = np.clip(1.0 - (rest / reach) ** 2, 0.0, None) ** 2
        weighted = design * weight[:, None]
        line = np.asarray(np.linalg.lstsq(weighted.T @ design, weighted.T @ first, rcond=None)[0], np.float64)
    per_row, per_col = (line[1] / max(extents), line[2] / max(extents)) if len(line) == 3 else (0.0, 0.0)
    offset = line[0] - per_row * middle_row - per_col * middle_col
    return float(start[0] + offset), float(start[1] + per_row), float(start[2] + per_col)


def _densest(rest: FloatArray, width_m: float) -> float:
    """Place with most values within ± ``width_m``."""
    ordered = np.sort(rest)
    inside = np.searchsorted(ordered, ordered + 2.0 * width_m, side="right") - np.arange(len(ordered))
    first = int(np.argmax(inside))
    return float(np.median(ordered[first : first + int(inside[first])]))


def _kernel() -> NDArray[np.uint8]:
    side = 2 * int(height_rules()["change"]["edge_px"]) + 1
    return np.ones((side, side), np.uint8)


def _highest(height: FloatGrid, is_seen: NDArray[np.bool_]) -> FloatGrid:
    filled = np.where(is_seen, height, np.float32(-FAR_M))
    return np.asarray(cv2.dilate(filled, _kernel()), np.float32)


def _lowest(height: FloatGrid, is_seen: NDArray[np.bool_]) -> FloatGrid:
    filled = np.where(is_seen, height, np.float32(FAR_M))
    return np.asarray(cv2.erode(filled, _kernel()), np.float32)
