"""What a comparison of two dates found: changed objects, their proofs, and how far to trust the whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from detection.pixels.kinds.windows import NO_REAL_CHANGE
from detection.pixels.objects.runs import Runs
from ingest.pair import Box
from ingest.raster import RasterGrid

UNCHANGED, CHANGED, NOT_OBSERVED = 0, 1, 255


@dataclass(frozen=True, slots=True)
class DetectedChange:
    """One changed object.

    Attributes
    ----------
    outline : Polygon or MultiPolygon
        EPSG:4490 lon/lat; columns and rows on a pixel grid.
    outline_px : Polygon or MultiPolygon
        Columns and rows of the BEFORE raster.
    area_m2, area_min_m2, area_max_m2 : float
        Ellipsoidal, with the error band of edge and registration; pixels on a pixel grid.
    confidence : float
        0–1, for ranking. The calibrated chance that the statement holds, where a second stage has spoken.
    witnesses : mapping
        Detector name -> whether it agrees.
    site : int
        The same for objects that touch: a roof and the ground made hard around it are one piece of work.
    """

    outline: BaseGeometry
    outline_px: BaseGeometry
    area_m2: float
    area_min_m2: float
    area_max_m2: float
    change_class: str
    class_probabilities: Mapping[str, float]
    confidence: float
    witnesses: Mapping[str, bool]
    statistics: Mapping[str, float]
    site: int

    @property
    def is_real(self) -> bool:
        """Whether the class means a change of the land."""
        return self.change_class not in NO_REAL_CHANGE


@dataclass(frozen=True)
class Detection:
    """Result of one run; the same inputs give the same result bit for bit.

    Attributes
    ----------
    changes : tuple of DetectedChange
        Ordered from top left, real changes and explained ones alike.
    objects : Runs
        Pixels of each change on ``grid``; value is its position among ``changes``, from 1.
    unseen : Runs
        Pixels that were not observed.
    no_change_control : float
        Share of pixels the same fit flags on an unchanged twin of the pair.
    """

    changes: tuple[DetectedChange, ...]
    objects: Runs
    unseen: Runs
    grid: RasterGrid
    sensor: str
    sensor_reason_zh: str
    sensor_reason_en: str
    method: str
    version: str
    parameters: Mapping[str, Any]
    registration: Mapping[str, Any]
    normalisation: Mapping[str, Any]
    detectors: Mapping[str, Any]
    no_change_control: float
    observed_share: float
    cloud_share: float
    before_sha256: str
    after_sha256: str
    before_at: datetime | None
    after_at: datetime | None

    def change_rows(self, first: int, last: int) -> NDArray[np.uint8]:
        """Rows ``first`` to ``last``: 0 unchanged, 1 changed, 255 not observed (clouds too)."""
        box = Box(first, 0, last - first, self.grid.cols)
        rows = np.zeros((box.rows, box.cols), np.uint8)
        for runs in self._shown:
            runs.paint_on(rows, box)
        return rows

    @cached_property
    def _shown(self) -> tuple[Runs, Runs]:
        """What `change_rows` paints, with the values that it paints."""
        shown = np.zeros(len(self.changes) + 1, np.int32)
        for number, change in enumerate(self.changes, start=1):
            hidden = NOT_OBSERVED if change.change_class == "cloud_shadow" else UNCHANGED
            shown[number] = CHANGED if change.is_real else hidden
        values = shown[self.objects.value]
        unseen = self.unseen.where(self.unseen.value > 0, np.full(len(self.unseen), NOT_OBSERVED, np.int32))
        return self.objects.where(values > 0, values), unseen

    @property
    def change_raster(self) -> NDArray[np.uint8]:
        """The whole of `change_rows`, uint8 (rows, cols)."""
        return self.change_rows(0, self.grid.rows)

    @property
    def flagged_px(self) -> int:
        """Pixels of real changes."""
        is_real = np.array([False, *(change.is_real for change in self.changes)])
        return self.objects.where(is_real[self.objects.value]).pixels

    @property
    def observed_px(self) -> int:
        """Pixels that were seen and are no cloud."""
        is_cloud = np.array([False, *(c.change_class == "cloud_shadow" for c in self.changes)])
        rows, cols = self.grid.shape
        return rows * cols - self.unseen.pixels - self.objects.where(is_cloud[self.objects.value]).pixels

    @property
    def real_changes(self) -> tuple[DetectedChange, ...]:
        """Changes of the land, without season, cloud and shadow."""
        return tuple(change for change in self.changes if change.is_real)

    def summary(self) -> dict[str, Any]:
        """JSON-serialisable account of the run, without geometry."""
        by_class: dict[str, int] = {}
        for change in self.changes:
            by_class[change.change_class] = by_class.get(change.change_class, 0) + 1
        flagged, observed = self.flagged_px, self.observed_px
        return {
            "sensor": self.sensor,
            "sensor_reason_zh": self.sensor_reason_zh,
            "sensor_reason_en": self.sensor_reason_en,
            "method": self.method,
            "version": self.version,
            "parameters": dict(self.parameters),
            "registration": dict(self.registration),
            "normalisation": dict(self.normalisation),
            "detectors": dict(self.detectors),
            "no_change_control": round(self.no_change_control, 6),
            "observed_share": round(self.observed_share, 4),
            "cloud_share": round(self.cloud_share, 4),
            "changed_share": round(flagged / observed, 6) if observed else 0.0,
            "changes": len(self.changes),
            "real_changes": len(self.real_changes),
            "by_class": dict(sorted(by_class.items())),
            "area_unit": "m2" if self.grid.crs_wkt is not None else "px",
            "area": round(sum(change.area_m2 for change in self.real_changes), 1),
            "before_sha256": self.before_sha256,
            "after_sha256": self.after_sha256,
            "before_at": self.before_at.isoformat() if self.before_at else None,
            "after_at": self.after_at.isoformat() if self.after_at else None,
        }
