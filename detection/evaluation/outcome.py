"""Files of found and of true patches compared: recall by kind, precision, false alarms by reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas as gpd
import shapely

from detection.evaluation.scores import match_objects
from detection.pixels.kinds.windows import NO_REAL_CHANGE
from foundation.crs import gauss_krueger_epsg, parse_crs
from foundation.errors import InvalidInput


def measure_files(found: Path, truth: Path, *, kind_field: str = "kind") -> dict[str, Any]:
    """Scores of a GeoPackage of patches against one of true outlines.

    Found objects of a class without real change, and true objects that the images cannot show
    (``is_visible`` false), do not count.

    Raises
    ------
    InvalidInput
        ``detection.evaluate.unreadable`` for a file that is missing, empty, or without a CRS.
    """
    true = _read(truth)
    epsg = gauss_krueger_epsg(float(true.to_crs(4490).geometry.iloc[0].representative_point().x))
    true = true[true["is_visible"].astype(bool)] if "is_visible" in true else true
    got = _read(found)
    if "change_class" not in got:
        got["change_class"] = "—"
    got = got[~got["change_class"].isin(NO_REAL_CHANGE)]
    kinds = true[kind_field].astype(str).tolist() if kind_field in true else ["all"] * len(true)
    scores = match_objects(
        _outlines(got, epsg),
        _outlines(true, epsg),
        kinds=kinds,
        classes=got["change_class"].astype(str).tolist(),
    )
    return {
        "found": scores.found,
        "planted": scores.truths,
        "recall": round(scores.recall, 4),
        "precision": round(scores.precision, 4),
        "by_kind": {
            kind: {"found": hit, "planted": planted, "recall": round(hit / planted, 4)}
            for kind, (hit, planted) in scores.recall_by_kind.items()
        },
        "missed": [
            {"kind": kinds[i], "position": i} for i in range(scores.truths) if i not in scores.matched_truth
        ],
        "false_alarm_reasons": dict(scores.false_alarm_reasons),
    }


def _read(path: Path) -> gpd.GeoDataFrame:
    try:
        frame = gpd.read_file(path, engine="pyogrio")
    except (OSError, RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0][:200]
        raise InvalidInput("detection.evaluate.unreadable", file=path.name, reason=reason) from error
    if not isinstance(frame, gpd.GeoDataFrame) or frame.crs is None or frame.empty:
        raise InvalidInput("detection.evaluate.unreadable", file=path.name, reason="无要素或无坐标系")
    parse_crs(frame.crs.to_wkt())
    return frame.reset_index(drop=True)


def _outlines(frame: gpd.GeoDataFrame, epsg: int) -> list[Any]:
    return [shapely.make_valid(shape) for shape in frame.to_crs(epsg).geometry]
