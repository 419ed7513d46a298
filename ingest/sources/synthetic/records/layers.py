"""Reference layers as a bureau has them, with true field names, written as GeoPackage in EPSG:4490."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from foundation.crs import STORAGE_EPSG, ellipsoidal_area_m2
from foundation.divisions import divisions
from ingest.sources.synthetic.landscape.fields import hill_line_y
from ingest.sources.synthetic.landscape.land import Land
from ingest.sources.synthetic.landscape.materials import read_table
from ingest.sources.synthetic.landscape.territory import short_name
from ingest.sources.synthetic.planting.situations import Change
from ingest.sources.synthetic.records.registers import parcel_rows, right_rows
from ingest.sources.synthetic.records.survey import SurveyPatch, basic_farmland, survey_patches

Row = dict[str, Any]
SLOPE_SHARE = 0.0936
"""Share of ridges and paths within sloping cropland (扣除系数)."""


def write_layers(land: Land, changes: list[Change], folder: Path) -> dict[str, Path]:
    """All layers of the table ``data/demo/layers.toml``.

    Returns
    -------
    dict
        Layer kind → file; ``parcel_later`` is the second snapshot of the register.
    """
    folder.mkdir(parents=True, exist_ok=True)
    patches = survey_patches(land, changes)
    rows: dict[str, list[Row]] = {
        "division": _divisions(land),
        "land_survey": _survey_rows(land, patches),
        "basic_farmland": _basic_rows(land, basic_farmland(land, patches, changes)),
        "ecological_redline": _redline(land, patches),
        "urban_boundary": _urban(land),
        "grid_cell": _grid_cells(land),
        **right_rows(land, changes),
    }
    rows["parcel"], later = parcel_rows(land, changes)
    table = read_table("layers")["layer"]
    files = {kind: folder / table[kind]["file"] for kind in table}
    for kind, path in files.items():
        _write(land, rows[kind], fields=table[kind]["fields"], path=path)
    files["parcel_later"] = folder / table["parcel"]["later_snapshot"]
    _write(land, later, fields=table["parcel"]["fields"], path=files["parcel_later"])
    return files


def _write(land: Land, rows: list[Row], *, fields: list[str], path: Path) -> None:
    """Rows with local shapes → file; area fields that hold a callable get the ellipsoidal area."""
    shapes = land.frame.to_lonlat(np.array([row["shape"] for row in rows], dtype=object))
    columns: dict[str, list[Any]] = {name: [] for name in fields}
    for number, (row, shape) in enumerate(zip(rows, shapes, strict=True), start=1):
        area = ellipsoidal_area_m2(shape)
        for name in fields:
            value = row[name] if name in row else f"{land.villages[0].code[:6]}{number:012d}"
            columns[name].append(value(area) if callable(value) else value)
    frame = geopandas.GeoDataFrame(columns, geometry=list(shapes), crs=f"EPSG:{STORAGE_EPSG}")
    path.unlink(missing_ok=True)
    frame.to_file(path, driver="GPKG", engine="pyogrio", layer=path.stem)


def whole_area(area_m2: float) -> float:
    """Area as layers store it: square metres with two decimals."""
    return round(area_m2, 2)


def _divisions(land: Land) -> list[Row]:
    rows = [_division_row(village.code, "村", village.territory) for village in land.villages]
    for township in sorted({village.township_code for village in land.villages}):
        members = [village.territory for village in land.villages if village.township_code == township]
        rows.append(_division_row(township, "乡", shapely.union_all(members)))
    return rows


def _division_row(code: str, level: str, shape: BaseGeometry) -> Row:
    name = short_name(divisions().get(code).name)
    return {
        "shape": shape,
        "YSDM": "1000600100",
        "XZQDM": code,
        "XZQMC": name,
        "JB": level,
        "DCMJ": whole_area,
    }


def _survey_rows(land: Land, patches: list[SurveyPatch]) -> list[Row]:
    names = read_table("county")["land_class"]
    villages = {village.code: village.name for village in land.villages}
    counters: dict[str, int] = {}
    rows = []
    for patch in patches:
        counters[patch.village_code] = counters.get(patch.village_code, 0) + 1
        number = f"{counters[patch.village_code]:04d}"
        is_cropland = patch.land_class.startswith("01")
        share = SLOPE_SHARE if patch.land_class == "0103" else 0.0
        unit = patch.village_code + "0000000"
        is_state = patch.land_class in ("1001", "1003", "1101", "1106", "1109")
        rows.append({
            "shape": patch.shape, "YSDM": "2001010100", "TBYBH": number, "TBBH": number,
            "DLBM": patch.land_class, "DLMC": names[patch.land_class], "QSXZ": "20" if is_state else "30",
            "QSDWDM": unit, "QSDWMC": villages[patch.village_code],
            "ZLDWDM": unit, "ZLDWMC": villages[patch.village_code],
            "TBMJ": whole_area, "KCDLBM": "1203" if share else None, "KCXS": share,
            "KCMJ": _deducted(share), "TBDLMJ": _remaining(share),
            "GDLX": ("TT" if share else "PD") if is_cropland else None,
            "GDPDJB": ("3" if share else "1") if is_cropland else None, "SJNF": 2025,
        })  # fmt: skip
    return rows


def _deducted(share: float) -> Callable[[float], float]:
    return lambda area_m2: round(round(area_m2, 2) * share, 2)


def _remaining(share: float) -> Callable[[float], float]:
    return lambda area_m2: round(round(area_m2, 2) - round(round(area_m2, 2) * share, 2), 2)


def _basic_rows(land: Land, patches: list[SurveyPatch]) -> list[Row]:
    names = read_table("county")["land_class"]
    villages = {village.code: village.name for village in land.villages}
    return [
        {
            "shape": patch.shape, "YSDM": "2005010300", "YJJBNTTBBH": f"{number:06d}",
            "XZQDM": patch.village_code, "XZQMC": villages[patch.village_code],
            "DLBM": patch.land_class, "DLMC": names[patch.land_class],
            "YJJBNTMJ": whole_area, "HDRQ": date(2023, 6, 30),
        }
        for number, patch in enumerate(patches, start=1)
    ]  # fmt: skip


def _redline(land: Land, patches: list[SurveyPatch]) -> list[Row]:
    """Woods of the hills away from the quarries; the river where there is one."""
    x = np.linspace(0, land.frame.width_m, 60)
    hills = shapely.Polygon(
        [*zip(x, hill_line_y(land.frame, x) - 60.0, strict=True), (land.frame.width_m, 0), (0, 0)]
    )
    pits = shapely.union_all([quarry.outline.buffer(220.0) for quarry in land.quarries])
    woods = [patch.shape for patch in patches if patch.land_class in ("0301", "0305")]
    shapes: list[tuple[str, str, BaseGeometry]] = []
    if land.size["has_hills"]:
        core = shapely.union_all(woods).buffer(30).buffer(-55).intersection(hills).difference(pits)
        big = [part for part in shapely.get_parts(core) if part.area > 60_000]
        shapes += [("太行山南麓水土保持生态保护红线", "水土保持", part.simplify(4.0)) for part in big]
        water = land.network.river.intersection(land.frame.rectangle)
        shapes += [("黄河湿地生态保护红线", "生物多样性维护", part) for part in shapely.get_parts(water)]
    if not shapes:
        corner = shapely.box(4, 4, 60, 44)
        shapes = [("农田防护林生态保护红线", "水土保持", corner)]
    county = land.villages[0].county_code
    return [
        {"shape": shape, "YSDM": "2003010100", "XZQDM": county, "HXMC": name, "HXLX": kind,
         "HXMJ": whole_area, "PFRQ": date(2022, 9, 28)}
        for name, kind, shape in shapes
    ]  # fmt: skip


def _urban(land: Land) -> list[Row]:
    return [
        {"shape": part, "YSDM": "2003010300", "XZQDM": land.villages[0].county_code,
         "BJMC": "孟州市产业集聚区（演示）", "BJLX": "城镇集中建设区",
         "BJMJ": whole_area, "PFRQ": date(2022, 9, 28)}
        for part in shapely.get_parts(land.urban)
    ]  # fmt: skip


def _grid_cells(land: Land) -> list[Row]:
    """One or two supervision cells a village, cut through its site."""
    rows = []
    for village in land.villages:
        x = village.site[0]
        left, top, right, bottom = village.territory.bounds
        halves: list[BaseGeometry] = [village.territory]
        if village.territory.area > 1_600_000:
            west, east = (left - 1, top - 1, x, bottom + 1), (x, top - 1, right + 1, bottom + 1)
            halves = [shapely.clip_by_rect(village.territory, *half) for half in (west, east)]
        for number, half in enumerate(halves, start=1):
            rows.append({
                "shape": half, "WGBH": f"{village.code}{number:03d}",
                "WGMC": f"{village.name}第{'一二'[number - 1]}网格", "WGJB": 4, "XZQDM": village.code,
                "WGMJ": whole_area,
            })  # fmt: skip
    return rows
