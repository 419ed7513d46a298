"""A vector file from outside, read by a named driver and nothing else: columns, geometries, CRS."""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import shapely
from numpy.typing import NDArray
from pyogrio.errors import DataLayerError, DataSourceError, FeatureError

from foundation.crs import STORAGE_EPSG, describe_crs, parse_crs, transformer
from foundation.errors import InvalidInput
from ingest.extent import Bounds, fits, lies_near, likely_crs
from ingest.raster import file_sha256
from ingest.sources.vector_guard import VectorFile, guard

GDAL_SETTINGS = {
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".none",
    "GDAL_HTTP_MAX_RETRY": "0",
    "PROJ_NETWORK": "OFF",
}
DBF_LOOK_BYTES = 64 << 20
"""So much of a table is looked at to tell UTF-8 from GB18030."""
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


def source_sha256(path: Path) -> str:
    """SHA-256 of a vector file; of a shapefile with all parts that carry its content.

    Raises
    ------
    InvalidInput
        As `ingest.sources.vector_guard.guard`.
    """
    parts = guard(path).parts
    if len(parts) == 1:
        return file_sha256(parts[0])
    digest = hashlib.sha256()
    for part in parts:
        digest.update(f"{part.suffix.lower()} {file_sha256(part)}\n".encode())
    return digest.hexdigest()


def read_vector(path: Path, *, names: Sequence[str] = (), county_code: str) -> VectorTable:
    """Read polygons of one layer, moved to EPSG:4490 and made valid.

    Parameters
    ----------
    names : sequence of str
        Layer names to look for where a file has several.
    county_code : str
        Six digits: the data must lie near the city of this county.

    Raises
    ------
    InvalidInput
        ``ingest.layer.missing``, ``…unsupported``, ``…incomplete``, ``…corrupt``, ``…hostile``, ``…no_crs``,
        ``…swapped_axes``, ``…outside``, ``…empty``, ``…not_polygons``, ``…too_many``, ``…which_layer``, or a
        datum that is not safe.
    """
    file = guard(path)
    pyogrio.set_gdal_config_options(GDAL_SETTINGS)
    encoding = dbf_encoding(file)
    try:
        layer = _choose_layer(file, names)
        count = _refuse_other_driver(file, layer)
        if count > MAX_FEATURES:
            raise InvalidInput("ingest.layer.too_many", file=path.name, found=count, most=MAX_FEATURES)
        meta, _, wkb, columns = pyogrio.raw.read(
            file.opened_as, layer=layer, force_2d=True, **({"encoding": encoding} if encoding else {})
        )
    except (DataSourceError, DataLayerError, FeatureError, UnicodeDecodeError, RuntimeError) as error:
        raise InvalidInput("ingest.layer.corrupt", file=path.name, reason=str(error)[:200]) from error
    if len(wkb) == 0:
        raise InvalidInput("ingest.layer.empty", file=path.name)
    with np.errstate(invalid="ignore"):  # coordinates that are no numbers are told below, by row
        given = shapely.from_wkb(wkb, on_invalid="fix")
    _refuse_missing(given, path)
    crs = _crs(meta["crs"], bounds=_bounds(given), path=path, county_code=county_code)
    moved = _to_storage(given, crs, path=path, county_code=county_code)
    geometries, repaired = _polygons(moved, path)
    decisions = {"layer": layer, "repaired": repaired, "source_crs": describe_crs(crs)}
    if encoding:
        decisions["encoding"] = encoding
    return VectorTable(
        dict(zip(meta["fields"].tolist(), columns, strict=True)), geometries, describe_crs(crs), decisions
    )


def dbf_encoding(file: VectorFile) -> str | None:
    """Encoding of a shapefile without .cpg: UTF-8 where its bytes are that, else GB18030."""
    tables = [part for part in file.parts if part.suffix.lower() == ".dbf"]
    if not tables or any(part.suffix.lower() == ".cpg" for part in file.parts):
        return None
    with tables[0].open("rb") as stream:
        start = int.from_bytes(stream.read(12)[8:10], "little")
        stream.seek(start)
        rows = stream.read(DBF_LOOK_BYTES)
    try:
        codecs.getincrementaldecoder("utf-8")().decode(rows)
    except UnicodeDecodeError:
        return "GB18030"
    return "UTF-8"


def _choose_layer(file: VectorFile, names: Sequence[str]) -> str:
    layers = [str(name) for name in pyogrio.list_layers(file.opened_as)[:, 0]]
    wanted = {name.upper() for name in names}
    fitting = [name for name in layers if name.upper() in wanted]
    if not layers:
        raise InvalidInput("ingest.layer.empty", file=file.path.name)
    if len(layers) > 1 and len(fitting) != 1:
        raise InvalidInput(
            "ingest.layer.which_layer",
            file=file.path.name,
            found=", ".join(layers[:20]),
            accepted=", ".join(names) or "—",
        )
    return fitting[0] if fitting else layers[0]


def _refuse_other_driver(file: VectorFile, layer: str) -> int:
    """Number of features, once the driver is known to be one of those meant."""
    info = pyogrio.read_info(file.opened_as, layer=layer)
    if info["driver"] not in file.drivers:
        raise InvalidInput("ingest.layer.hostile", file=file.path.name)
    return int(info["features"])


def _crs(told: str | None, *, bounds: Bounds, path: Path, county_code: str) -> str:
    crs = parse_crs(told) if told else None
    if crs is None or not (crs.is_geographic or crs.is_projected):
        likely = ", ".join(likely_crs(bounds, county_code)) or "—"
        raise InvalidInput("ingest.layer.no_crs", file=path.name, likely=likely)
    return crs.to_string()


def _to_storage(
    geometries: NDArray[np.object_], crs: str, *, path: Path, county_code: str
) -> NDArray[np.object_]:
    moved = transformer(crs, STORAGE_EPSG)

    def move(points: NDArray[np.float64]) -> NDArray[np.float64]:
        xs, ys = moved.transform(points[:, 0], points[:, 1])
        return np.column_stack([xs, ys])

    result: NDArray[np.object_] = shapely.transform(geometries, move)
    boxes = shapely.bounds(result)
    finite = np.isfinite(shapely.get_coordinates(result)).all()
    if finite and lies_near(_bounds(result), county_code):
        return result
    given = _bounds(geometries)
    if fits((given[1], given[0], given[3], given[2]), crs, county_code):
        raise InvalidInput("ingest.layer.swapped_axes", file=path.name)
    row = next((i for i, box in enumerate(boxes.tolist()) if not lies_near(tuple(box), county_code)), 0)
    raise InvalidInput(
        "ingest.layer.outside",
        file=path.name,
        row=row + 1,
        crs=describe_crs(crs),
        west=_short(boxes[row][0]),
        south=_short(boxes[row][1]),
        likely=", ".join(likely_crs(given, county_code)) or "—",
    )


def _bounds(geometries: NDArray[np.object_]) -> Bounds:
    west, south, east, north = (float(number) for number in shapely.total_bounds(geometries))
    return west, south, east, north


def _refuse_missing(geometries: NDArray[np.object_], path: Path) -> None:
    missing = shapely.is_missing(geometries) | shapely.is_empty(geometries)
    if missing.any():
        row = int(np.flatnonzero(missing)[0]) + 1
        raise InvalidInput("ingest.layer.no_geometry", file=path.name, row=row)


def _polygons(geometries: NDArray[np.object_], path: Path) -> tuple[NDArray[np.object_], int]:
    """Valid MultiPolygons; how many had to be repaired."""
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
