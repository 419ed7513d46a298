"""Before GDAL sees a vector file: is it what its name says, and does it refer to nothing outside itself?

GDAL chooses a driver by content. A file named ``.kml`` that begins ``<OGRVRTDataSource`` would make it read
other files; so every kind is recognised here first, and the driver that GDAL chose is compared afterwards.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.parsers import expat

from foundation.errors import InvalidInput

MAX_JSON_BYTES = 128 << 20
MAX_XML_BYTES = 512 << 20
SHAPEFILE_PARTS = (".shp", ".shx", ".dbf", ".prj", ".cpg")
NEEDED_PARTS = (".shx", ".dbf")
VIRTUAL = re.compile(r"^\s*CREATE\s+VIRTUAL\s+TABLE\s+.*?\s+USING\s+\"?(\w+)", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class VectorFile:
    """A file that was looked at.

    Attributes
    ----------
    parts : tuple of Path
        All files that carry its content.
    opened_as : str
        What GDAL is given.
    drivers : frozenset of str
        GDAL drivers that may serve it.
    """

    path: Path
    parts: tuple[Path, ...]
    opened_as: str
    drivers: frozenset[str]


def guard(path: Path) -> VectorFile:
    """Recognise a vector file by name and content together.

    Raises
    ------
    InvalidInput
        ``ingest.layer.missing``, ``…unsupported``, ``…incomplete``, ``…corrupt``, ``…hostile``,
        ``…too_large``.
    """
    if not path.is_file():
        raise InvalidInput("ingest.layer.missing", file=str(path))
    whole = path.resolve()
    suffix = path.suffix.lower()
    if suffix == ".shp":
        return _shapefile(whole)
    if suffix == ".gpkg":
        _check_geopackage(whole)
        return VectorFile(whole, (whole,), str(whole), frozenset({"GPKG"}))
    if suffix in {".geojson", ".json"}:
        _check_geojson(whole)
        return VectorFile(whole, (whole,), f"GeoJSON:{whole}", frozenset({"GeoJSON"}))
    if suffix == ".kml":
        _check_kml(whole)
        return VectorFile(whole, (whole,), str(whole), frozenset({"KML", "LIBKML"}))
    raise InvalidInput("ingest.layer.unsupported", file=path.name, accepted=".gpkg, .shp, .geojson, .kml")


def _shapefile(path: Path) -> VectorFile:
    with path.open("rb") as stream:
        head = stream.read(32)
    if head[:4] != b"\x00\x00\x27\x0a" or head[28:32] != b"\xe8\x03\x00\x00":
        raise _corrupt(path, "not a shapefile")
    beside = {file.suffix.lower(): file for file in path.parent.iterdir() if file.stem == path.stem}
    missing = [suffix for suffix in NEEDED_PARTS if suffix not in beside]
    if missing:
        raise InvalidInput("ingest.layer.incomplete", file=path.name, missing=", ".join(missing))
    parts = tuple(beside[suffix] for suffix in SHAPEFILE_PARTS if suffix in beside)
    return VectorFile(path, parts, str(path), frozenset({"ESRI Shapefile"}))


def _check_geopackage(path: Path) -> None:
    """A SQLite file of plain tables: no view, no virtual table but the R-tree."""
    with path.open("rb") as stream:
        if not stream.read(16).startswith(b"SQLite format 3\x00"):
            raise _corrupt(path, "not a GeoPackage")
    address = f"{path.as_uri()}?mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(address, uri=True)) as database:
            rows = database.execute("SELECT lower(name), type, sql FROM sqlite_master").fetchall()
            listed = database.execute("SELECT lower(table_name) FROM gpkg_contents").fetchall()
    except sqlite3.Error as error:
        raise _corrupt(path, str(error)) from error
    if any(not _is_harmless(kind, sql or "") for _, kind, sql in rows):
        raise InvalidInput("ingest.layer.hostile", file=path.name)
    if not {name for (name,) in listed} <= {name for name, kind, _ in rows if kind == "table"}:
        raise _corrupt(path, "gpkg_contents names a table that is not there")


def _is_harmless(kind: str, sql: str) -> bool:
    if kind == "view":
        return False
    virtual = VIRTUAL.match(sql)
    return virtual is None or virtual.group(1).lower() == "rtree"


def _check_geojson(path: Path) -> None:
    """A feature collection whose CRS is a name: GDAL would fetch one that is a link."""
    if path.stat().st_size > MAX_JSON_BYTES:
        raise InvalidInput("ingest.layer.too_large", file=path.name, most_mb=MAX_JSON_BYTES >> 20)
    try:
        document = json.loads(path.read_bytes(), object_pairs_hook=_unique)
    except _RepeatedKeyError as error:
        raise _corrupt(path, f"key {error} twice") from error
    except (ValueError, RecursionError) as error:
        raise _corrupt(path, str(error)) from error
    if not isinstance(document, dict) or document.get("type") != "FeatureCollection":
        raise _corrupt(path, "not a FeatureCollection")
    if not isinstance(document.get("features"), list):
        raise _corrupt(path, "no list of features")
    crs = document.get("crs")
    if crs is not None and not (isinstance(crs, dict) and crs.get("type") in {"name", "EPSG"}):
        raise InvalidInput("ingest.layer.hostile", file=path.name)


class _RepeatedKeyError(ValueError):
    """Two readers may take different values: refused."""


def _unique(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            raise _RepeatedKeyError(key)
        result[key] = value
    return result


def _check_kml(path: Path) -> None:
    """Well-formed XML with root ``kml`` and no document type (which may define entities)."""
    if path.stat().st_size > MAX_XML_BYTES:
        raise InvalidInput("ingest.layer.too_large", file=path.name, most_mb=MAX_XML_BYTES >> 20)
    roots: list[str] = []

    def start(name: str, _: dict[str, str]) -> None:
        if not roots:
            roots.append(name.rpartition(":")[2])
            if roots[0] != "kml":
                raise _corrupt(path, f"root element is {name}")

    def refuse_doctype(*_: Any) -> None:
        raise InvalidInput("ingest.layer.hostile", file=path.name)

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.StartDoctypeDeclHandler = refuse_doctype
    try:
        with path.open("rb") as stream:
            parser.ParseFile(stream)
    except expat.ExpatError as error:
        raise _corrupt(path, str(error)) from error


def _corrupt(path: Path, reason: str) -> InvalidInput:
    return InvalidInput("ingest.layer.corrupt", file=path.name, reason=reason[:200])
