"""Files that a comparison leaves: outlines as GeoPackage, the change raster, the run as JSON."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray

from detection.pixels.changes import NOT_OBSERVED, Detection
from foundation.crs import STORAGE_EPSG
from ingest.raster import write_byte_raster, written_whole


def write_outlines(detection: Detection, target: Path) -> None:
    """All changes as layer ``patches`` of a GeoPackage, EPSG:4490 (no CRS on a pixel grid).

    Raises
    ------
    InvalidInput, Unavailable
        ``ingest.raster.not_writable``, ``ingest.raster.disk_full``; nothing half-written is left.
    """
    rows = [
        {
            "number": number,
            "change_class": change.change_class,
            "is_real": change.is_real,
            "confidence": round(change.confidence, 4),
            "area_m2": round(change.area_m2, 2),
            "area_min_m2": round(change.area_min_m2, 2),
            "area_max_m2": round(change.area_max_m2, 2),
            "class_probabilities": json.dumps(dict(change.class_probabilities), sort_keys=True),
            "witnesses": json.dumps(dict(change.witnesses), sort_keys=True),
            "statistics": json.dumps(dict(change.statistics), sort_keys=True),
        }
        for number, change in enumerate(detection.changes, start=1)
    ]
    columns = [
        *("number", "change_class", "is_real", "confidence", "area_m2", "area_min_m2", "area_max_m2"),
        *("class_probabilities", "witnesses", "statistics"),
    ]
    crs = None if detection.grid.crs_wkt is None else STORAGE_EPSG
    outlines = [change.outline for change in detection.changes]
    frame = gpd.GeoDataFrame(rows, columns=columns, geometry=outlines, crs=crs)
    with written_whole(target) as part, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="'crs' was not provided")
        part.unlink()
        frame.to_file(
            part,
            layer="patches",
            driver="GPKG",
            engine="pyogrio",
            promote_to_multi=True,
            geometry_type="MultiPolygon",
        )


def write_change_raster(detection: Detection, target: Path) -> None:
    """0 unchanged, 1 changed, nodata 255, on the exact BEFORE grid."""

    def rows_of(first: int, last: int) -> NDArray[np.uint8]:
        return detection.change_rows(first, last)

    tags = {"METHOD": detection.method, "VERSION": detection.version, "SENSOR_KIND": detection.sensor}
    write_byte_raster(target, detection.grid, rows_of, nodata=NOT_OBSERVED, tags=tags)


def write_summary(detection: Detection, target: Path, *, second_stage: Mapping[str, Any]) -> None:
    """The run's account as JSON, with what the second stage decided."""
    account = detection.summary() | {"second_stage": dict(second_stage)}
    text = json.dumps(account, ensure_ascii=False, indent=2, sort_keys=True) + "\n"
    with written_whole(target) as part:
        part.write_text(text, "utf-8")
