"""A vector file from outside, read by a named driver and nothing else: columns, geometries, CRS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import shapely
from numpy.typing import NDArray
from pyogrio.errors import DataLayerError, DataSourceError

from foundation.crs import STORAGE_EPSG, describe_crs, lies_in_china, parse_crs, transformer
from foundation.errors import InvalidInput

DRIVERS = {
    ".gpkg": ("GPKG", b"SQLite format 3\x00"),
    ".shp": ("ESRI Shapefile", b"\x00\x00\x27\x0a"),
    ".geojson": ("GeoJSON", b"{"),
    ".json": ("GeoJSON", b"{"),
    ".kml": ("KML", b"<"),
}
"""Suffix → driver, and the first bytes that such a file has."""
MAX_FEATURES = 5_000_000


@dataclass(frozen=True)
class VectorTable:
    """Columns by name, one geometry a row (EPSG:4490), and what was decided on the way."""

    columns: dict[str, NDArray[Any]]
    geometries: NDArray[np.object_]
    source_crs: str
    decisions: dict[str, Any]

    def __len__(self) -> int:
        return len(self.geometries)


def read_vector(path: Path, *, names: Sequence[str] = ()) -> VectorTable:
    """Read polygons of one layer, moved to EPSG:4490 and made valid.

    Parameters
    ----------
    names : sequence of str
        Layer names to look for where a file has several.

    Raises
    ------
    InvalidInput
        ``ingest.layer.missing``, ``…unsupported``, ``…corrupt``, ``…no_crs``, ``…swapped_axes``,
        ``…outside``, ``…empty``, ``…not_polygons``, ``…too_many``, or a datum that is not safe.
    """
    layer = _choose_layer(path, names)
    try:
        meta, _, wkb, columns = pyogrio.raw.read(str(path), layer=layer, force_2d=True, **_encoding(path))
    except (DataSourceError, DataLayerError, UnicodeDecodeError, RuntimeError) as error:
        raise InvalidInput("ingest.layer.corrupt", file=path.name, reason=str(error)[:200]) from error
    if len(wkb) == 0:
        raise InvalidInput("ingest.layer.empty", file=path.name)
    if len(wkb) > MAX_FEATURES:
        raise InvalidInput("ingest.layer.too_many", file=path.name, found=len(wkb), most=MAX_FEATURES)
    if not meta["crs"]:
        raise InvalidInput("ingest.layer.no_crs", file=path.name)
    crs = parse_crs(meta["crs"]).to_string()
    geometries, repaired = _polygons(_to_storage(shapely.from_wkb(wkb), crs, path), path)
    decisions = {"layer": layer, "repaired": repaired, "source_crs": describe_crs(crs)}
    return VectorTable(
        dict(zip(meta["fields"].tolist(), columns, strict=True)), geometries, describe_crs(crs), decisions
    )


def _choose_layer(path: Path, names: Sequence[str]) -> str:
    suffix = path.suffix.lower()
    if not path.is_file():
        raise InvalidInput("ingest.layer.missing", file=str(path))
    if suffix not in DRIVERS:
        raise InvalidInput("ingest.layer.unsupported", file=path.name, accepted=", ".join(DRIVERS))
    with path.open("rb") as stream:
        head = stream.read(64).lstrip(b"\xef\xbb\xbf \t\r\n")
    if not head.startswith(DRIVERS[suffix][1]):
        raise InvalidInput("ingest.layer.corrupt", file=path.name, reason="content does not fit the suffix")
    try:
        layers = [str(name) for name in pyogrio.list_layers(path)[:, 0]]
    except (DataSourceError, RuntimeError) as error:
        raise InvalidInput("ingest.layer.corrupt", file=path.name, reason=str(error)[:200]) from error
    if not layers:
        raise InvalidInput("ingest.layer.empty", file=path.name)
    wanted = {name.upper() for name in names}
    return next((name for name in layers if name.upper() in wanted), layers[0])


def _encoding(path: Path) -> dict[str, str]:
    """Shapefiles without a .cpg are GBK here; their own statement wins where there is one."""
    if path.suffix.lower() == ".shp" and not path.with_suffix(".cpg").exists():
        return {"encoding": "GB18030"}
    return {}


def _to_storage(geometries: NDArray[np.object_], crs: str, path: Path) -> NDArray[np.object_]:
    moved = transformer(crs, STORAGE_EPSG)

    def move(points: NDArray[np.float64]) -> NDArray[np.float64]:
        xs, ys = moved.transform(points[:, 0], points[:, 1])
        return np.column_stack([xs, ys])

    result: NDArray[np.object_] = shapely.transform(geometries, move)
    west, south, east, north = shapely.total_bounds(result)
    if lies_in_china((west, south, east, north)):
        return result
    if lies_in_china((south, west, north, east)) or _swapped_plane(geometries, crs):
        raise InvalidInput("ingest.layer.swapped_axes", file=path.name)
    raise InvalidInput("ingest.layer.outside", file=path.name, west=_short(west), south=_short(south))


def _swapped_plane(geometries: NDArray[np.object_], crs: str) -> bool:
    """Whether northing and easting of a plane system, taken the other way round, would lie in China."""
    south, west, north, east = shapely.total_bounds(geometries)
    xs, ys = transformer(crs, STORAGE_EPSG).transform([west, east], [south, north])
    return lies_in_china((min(xs), min(ys), max(xs), max(ys)))


def _polygons(geometries: NDArray[np.object_], path: Path) -> tuple[NDArray[np.object_], int]:
    """Valid MultiPolygons; how many had to be repaired."""
    if np.any(shapely.is_missing(geometries) | shapely.is_empty(geometries)):
        row = int(np.flatnonzero(shapely.is_missing(geometries) | shapely.is_empty(geometries))[0]) + 1
        raise InvalidInput("ingest.layer.no_geometry", file=path.name, row=row)
    kinds = shapely.get_type_id(geometries)
    if not np.isin(kinds, [3, 6]).all():
        row = int(np.flatnonzero(~np.isin(kinds, [3, 6]))[0]) + 1
        raise InvalidInput("ingest.layer.not_polygons", file=path.name, row=row)
    broken = ~shapely.is_valid(geometries)
    fixed = geometries.copy()
    fixed[broken] = shapely.make_valid(geometries[broken], method="structure", keep_collapsed=False)
    whole = np.array([_multi(geometry) for geometry in fixed], dtype=object)
    if np.any(shapely.is_empty(whole)):
        raise InvalidInput(
            "ingest.layer.no_geometry",
            file=path.name,
            row=int(np.flatnonzero(shapely.is_empty(whole))[0]) + 1,
        )
    return whole, int(broken.sum())


def _multi(geometry: Any) -> Any:
    parts = [part for part in shapely.get_parts(geometry) if part.geom_type == "Polygon"]
    return shapely.multipolygons(parts)


def _short(number: float) -> float | str:
    return round(float(number), 4) if np.isfinite(number) else "∞"
