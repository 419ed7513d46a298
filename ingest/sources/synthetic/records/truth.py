"""The planted truth, in a folder that only the evaluation opens."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import Any

import geopandas
import numpy as np

from foundation.crs import STORAGE_EPSG, ellipsoidal_area_m2
from foundation.divisions import divisions
from ingest.sources.synthetic.landscape.land import Land
from ingest.sources.synthetic.landscape.territory import short_name
from ingest.sources.synthetic.planting.situations import Change


def write_truth(land: Land, changes: list[Change], folder: Path, *, omitted: Collection[str]) -> Path:
    """``truth.gpkg`` with one outline a change and ``truth.json`` with the counts.

    ``is_visible`` says that the change can be seen between the two images; an omitted one cannot.
    """
    folder.mkdir(parents=True, exist_ok=True)
    outlines = land.frame.to_lonlat(np.array([change.outline for change in changes], dtype=object))
    rows = [
        _row(land, change, area_m2=ellipsoidal_area_m2(outline), is_omitted=change.change_id in omitted)
        for change, outline in zip(changes, outlines, strict=True)
    ]
    frame = geopandas.GeoDataFrame(rows, geometry=list(outlines), crs=f"EPSG:{STORAGE_EPSG}")
    path = folder / "truth.gpkg"
    path.unlink(missing_ok=True)
    frame.to_file(path, driver="GPKG", engine="pyogrio", layer="truth")
    summary = {
        "seed": land.seed.value,
        "changes": len(rows),
        "visible": sum(row["is_visible"] for row in rows),
        "violations": sum(row["is_violation"] for row in rows),
        "by_kind": dict(sorted(Counter(row["kind"] for row in rows).items())),
        "by_situation": dict(sorted(Counter(row["situation"] for row in rows).items())),
        "by_suggestion": dict(sorted(Counter(row["expected_suggestion"] for row in rows).items())),
    }
    (folder / "truth.json").write_text(json.dumps(summary, ensure_ascii=False, indent=1) + "\n", "utf-8")
    return folder


def _row(land: Land, change: Change, *, area_m2: float, is_omitted: bool) -> dict[str, Any]:
    situation = change.situation
    villages = sorted(
        (village.territory.intersection(change.outline).area, village.code) for village in land.villages
    )
    shares = [code for area, code in reversed(villages) if area > 0.01 * change.outline.area]
    tree = divisions()
    return {
        "change_id": change.change_id,
        "kind": situation.kind,
        "situation": situation.id,
        "situation_zh": situation.zh,
        "is_visible": situation.is_visible and not is_omitted,
        "is_omitted": is_omitted,
        "is_violation": situation.is_violation,
        "expected_suggestion": situation.suggestion,
        "violation_code": situation.code or None,
        "is_basic_farmland": situation.basic,
        "village_code": change.village_code,
        "village_name": short_name(tree.get(change.village_code).name),
        "township_code": change.village_code[:9] + "000",
        "county_code": change.village_code[:6] + "000000",
        "touched_villages": ",".join(shares),
        "area_m2": round(area_m2, 2),
        "date_before": "2026-04-08",
        "date_after": "2026-09-08",
    }
