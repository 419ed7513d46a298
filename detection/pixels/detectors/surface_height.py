"""Height difference of two surface models: the only witness for added storeys and for pits.

Two surface models never share their datum exactly, and often lean against each other. Offset and tilt are
those of the unchanged majority. Building edges move by a pixel from one model to the next: a pixel counts
only where it stands above (or below) everything within that reach on the other date, so that a moved edge
leaves no sliver.

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
        rows, cols, gap = _gather(samples)
        if len(gap) < MIN_PIXELS:
            raise InvalidInput("detection.pair.sample_too_small", pixels=len(gap), needed=MIN_PIXELS)
        plane, rest = _robust_plane(rows, cols, gap)
        sigma_m = NMAD * float(np.median(np.abs(rest - np.median(rest))))
        return SurfaceHeightFit(plane, max(sigma_m, float(height_rules()["change"]["least_sigma_m"])))


def is_known(pixels: PairPixels) -> NDArray[np.bool_]:
    """Where both dates hold a height that can be one."""
    limit = height_rules()["change"]["plausible_m"]
    return np.asarray(
        pixels.is_valid & (np.abs(pixels.before[0]) < limit) & (np.abs(pixels.after[0]) < limit)
    )


def _gather(samples: Samples) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Rows and columns on the grid, and AFTER − BEFORE there, thinned evenly."""
    found = []
    for block in samples:
        row, col = np.nonzero(is_known(block))
        gap = block.after[0][row, col].astype(np.float64) - block.before[0][row, col]
        found.append(np.stack([row + block.row, col + block.col, gap]))
    joined = np.concatenate(found, axis=1) if found else np.zeros((3, 0))
    step = max(1, joined.shape[1] // int(height_rules()["datum"]["limit_px"]))
    rows, cols, gap = joined[:, ::step]
    return rows, cols, gap


def _robust_plane(
    rows: FloatArray, cols: FloatArray, gap: FloatArray
) -> tuple[tuple[float, float, float], FloatArray]:
    """Offset and slopes, and what the plane leaves; starts at the median and forgets what lies far off."""
    rule = height_rules()["datum"]
    extent = max(float(np.ptp(rows)), float(np.ptp(cols)))
    middle_row, middle_col = float(rows.mean()), float(cols.mean())
    columns = [np.ones_like(gap)]
    if min(float(np.ptp(rows)), float(np.ptp(cols))) >= rule["least_extent_px"]:
        columns += [(rows - middle_row) / extent, (cols - middle_col) / extent]
    design = np.stack(columns, axis=1)
    line = np.zeros(design.shape[1])
    line[0] = np.median(gap)
    for _ in range(int(rule["turns"])):
        rest = gap - design @ line
        scale = max(NMAD * float(np.median(np.abs(rest))), 0.02)
        weight = np.clip(1.0 - (rest / (rule["tukey"] * scale)) ** 2, 0.0, None) ** 2
        weighted = design * weight[:, None]
        line = np.linalg.lstsq(weighted.T @ design, weighted.T @ gap, rcond=None)[0]
    per_row, per_col = (line[1] / extent, line[2] / extent) if len(line) == 3 else (0.0, 0.0)
    offset = float(line[0] - per_row * middle_row - per_col * middle_col)
    return (offset, float(per_row), float(per_col)), gap - design @ line


def _kernel() -> NDArray[np.uint8]:
    side = 2 * int(height_rules()["change"]["edge_px"]) + 1
    return np.ones((side, side), np.uint8)


def _highest(height: FloatGrid, is_seen: NDArray[np.bool_]) -> FloatGrid:
    filled = np.where(is_seen, height, np.float32(-FAR_M))
    return np.asarray(cv2.dilate(filled, _kernel()), np.float32)


def _lowest(height: FloatGrid, is_seen: NDArray[np.bool_]) -> FloatGrid:
    filled = np.where(is_seen, height, np.float32(FAR_M))
    return np.asarray(cv2.erode(filled, _kernel()), np.float32)
