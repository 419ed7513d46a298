"""Rasters from outside: opened without trusting them, described by values, written whole or not at all.

GDAL is given an explicit driver, no sidecar files and no network. A raster whose place is in doubt is
refused; nothing here guesses a coordinate system.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import math
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from foundation.crs import describe_crs, refuse_unsafe_datum
from foundation.errors import InvalidInput, Unavailable

os.environ.setdefault("GDAL_CACHEMAX", "256")
# GDAL fixes its cache (by default 5 % of the memory) at the first block it reads, for all that follow.

GDAL_SETTINGS: dict[str, Any] = {
    "GDAL_PAM_ENABLED": "NO",
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".none",
    "GDAL_VRT_ENABLE_RAWRASTERBAND": "NO",
    "GDAL_VRT_ENABLE_PYTHON": "NO",
    "GDAL_HTTP_MAX_RETRY": "0",
    "PROJ_NETWORK": "OFF",
    "GDAL_NUM_THREADS": "1",
}
"""Settings under which a foreign raster is read (``design`` of untrusted files)."""

MAGIC = {
    b"II*\x00": "GTiff",
    b"MM\x00*": "GTiff",
    b"II+\x00": "GTiff",
    b"MM\x00+": "GTiff",
    b"\x89PNG": "PNG",
    b"\xff\xd8\xff": "JPEG",
}
PICTURE_DRIVERS = frozenset({"PNG", "JPEG"})
MAX_PIXELS = 20_000_000_000
MAX_BANDS = 64
MAX_PICTURE_PIXELS = 120_000_000
AREA_OF_USE_MARGIN_DEG = 3.0
"""Work maps often run a little past their zone; a wrong zone is off by more."""


@dataclass(frozen=True, slots=True)
class RasterGrid:
    """Where pixels lie: ``(rows, cols)``, the affine from ``(col, row)`` to ``(x, y)``, and its CRS.

    ``crs_wkt`` is None for pictures without georeferencing; then x = column, y = row, and ``told_gsd_m`` is
    what a person says of their resolution.
    """

    crs_wkt: str | None
    transform: Affine
    rows: int
    cols: int
    told_gsd_m: float | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """``(rows, cols)``."""
        return self.rows, self.cols

    def gsd_m(self) -> float | None:
        """Ground sampling distance in metres, the root of the pixel's area; None where nobody knows it."""
        if self.crs_wkt is None:
            return self.told_gsd_m
        size = math.sqrt(abs(self.transform.a * self.transform.e - self.transform.b * self.transform.d))
        crs = _crs(self.crs_wkt)
        if not crs.is_geographic:
            factor = crs.axis_info[0].unit_conversion_factor if crs.axis_info else 1.0
            return float(size * factor)
        _, lat = self.transform @ (self.cols / 2, self.rows / 2)
        return float(size * 111_320.0 * math.sqrt(max(math.cos(math.radians(lat)), 1e-6)))

    def corners(self, per_side: int = 8) -> NDArray[np.float64]:
        """Points along the outline in the grid's CRS, shape (n, 2), x before y."""
        t = np.linspace(0.0, 1.0, per_side, endpoint=False)
        cols = np.concatenate([t, np.ones_like(t), 1 - t, np.zeros_like(t)]) * self.cols
        rows = np.concatenate([np.zeros_like(t), t, np.ones_like(t), 1 - t]) * self.rows
        affine = self.transform
        xs = affine.a * cols + affine.b * rows + affine.c
        ys = affine.d * cols + affine.e * rows + affine.f
        return np.column_stack([xs, ys])


@dataclass(frozen=True, slots=True)
class RasterInfo:
    """What a raster says about itself, after the checks."""

    path: Path
    driver: str
    grid: RasterGrid
    bands: int
    dtype: str
    nodata: float | None
    descriptions: tuple[str, ...]
    colors: tuple[str, ...]
    acquired_at: datetime | None
    acquired_from: str | None
    sensor: str | None
    sha256: str
    has_mask: bool
    indexes: tuple[int, ...] = ()
    """Numbers of the bands that hold data, from 1; empty: all."""
    classes: tuple[int, str] | None = None
    """Number and name of the band that tells cloud and shadow; see :data:`HIDDEN_CLASSES`."""

    @property
    def read_indexes(self) -> list[int]:
        """Numbers of the bands to read, from 1."""
        return list(self.indexes or range(1, self.bands + 1))


HIDDEN_CLASSES: Mapping[str, frozenset[int]] = MappingProxyType(
    {"scl": frozenset({0, 1, 3, 8, 9, 10, 11}), "cloud": frozenset(range(1, 256))}
)
"""Values of a class band that say: nothing to see. Scene classification of Sentinel-2 level 2A: no data,
saturated, cloud shadow, cloud medium and high, cirrus, snow; of a cloud band anything but 0."""


def without_classes(info: RasterInfo) -> RasterInfo:
    """The raster as its data bands alone, with the class band set apart; itself where it has none."""
    names = [text.strip().lower() for text in info.descriptions]
    told = [(number, name) for number, name in enumerate(names, start=1) if name in HIDDEN_CLASSES]
    if not told or len(told) == info.bands:
        return info
    indexes = tuple(number for number in range(1, info.bands + 1) if number not in dict(told))
    return replace(
        info,
        bands=len(indexes),
        descriptions=tuple(info.descriptions[number - 1] for number in indexes),
        colors=tuple(info.colors[number - 1] for number in indexes),
        indexes=indexes,
        classes=told[0],
    )


@lru_cache(maxsize=64)
def _crs(wkt: str) -> CRS:
    """By its EPSG number where it has one: WKT inside a TIFF has lost the area of use."""
    crs = CRS.from_user_input(wkt)
    epsg = crs.to_epsg()
    return CRS.from_epsg(epsg) if epsg else crs


def describe_raster(path: Path, *, pixel_grid: bool = False, sha256: str = "") -> RasterInfo:
    """Check one raster and say what it is; pixels are not decoded here.

    Parameters
    ----------
    path : Path
        GeoTIFF or COG; PNG and JPEG only with ``pixel_grid``.
    pixel_grid : bool
        Accept a raster without georeferencing; its coordinates are then columns and rows.
    sha256 : str
        Of the file, where it is known already; else the file is read once for it.

    Raises
    ------
    InvalidInput
        ``ingest.raster.missing``, ``.driver``, ``.corrupt``, ``.hostile``, ``.too_large``, ``.dtype``,
        ``.no_crs``, ``.swapped_axes``, ``.implausible_crs``.
    """
    driver = sniff_driver(path)
    if driver in PICTURE_DRIVERS and not pixel_grid:
        raise InvalidInput("ingest.raster.picture_needs_pixel_grid", file=path.name, driver=driver)
    with open_raster(path, driver) as source:
        _refuse_unreadable(source, path)
        grid = _grid_of(source, path, pixel_grid=pixel_grid)
        acquired_at, acquired_from = _acquired_at(source.tags(), path)
        return RasterInfo(
            path=path,
            driver=driver,
            grid=grid,
            bands=_colour_bands(source),
            dtype=str(source.dtypes[0]),
            nodata=None if source.nodata is None else float(source.nodata),
            descriptions=tuple((text or "").strip().lower() for text in source.descriptions),
            colors=tuple(color.name for color in source.colorinterp),
            acquired_at=acquired_at,
            acquired_from=acquired_from,
            sensor=source.tags().get("SENSOR"),
            sha256=sha256 or file_sha256(path),
            has_mask=_colour_bands(source) < source.count
            or any("per_dataset" in [flag.name for flag in flags] for flags in source.mask_flag_enums),
        )


def sniff_driver(path: Path) -> str:
    """GDAL driver by the file's first bytes, never by its name."""
    if not path.is_file():
        raise InvalidInput("ingest.raster.missing", file=str(path))
    try:
        with path.open("rb") as stream:
            head = stream.read(16)
    except OSError as error:
        raise InvalidInput("ingest.raster.unreadable", file=str(path), reason=error.strerror) from error
    for magic, driver in MAGIC.items():
        if head.startswith(magic):
            return driver
    code = "ingest.raster.empty_file" if not head else "ingest.raster.driver"
    raise InvalidInput(code, file=path.name)


@contextlib.contextmanager
def open_raster(path: Path, driver: str) -> Iterator[Any]:
    """Open for reading under :data:`GDAL_SETTINGS`; GDAL's own errors become ``ingest.raster.corrupt``.

    The settings hold for the opening only, so that the dataset may be closed by another thread.
    """
    try:
        with rasterio.Env(**GDAL_SETTINGS), warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            source = rasterio.open(str(path.resolve()), driver=driver)
    except RasterioError as error:
        raise InvalidInput("ingest.raster.corrupt", file=path.name, reason=_short(error)) from error
    try:
        if source.tags(ns="OVERVIEWS") or source.tags(ns="GEOLOCATION"):
            raise InvalidInput("ingest.raster.hostile", file=path.name)
        yield source
    finally:
        source.close()


def file_sha256(path: Path) -> str:
    """SHA-256 of the file's bytes, hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def parse_acquired(text: str, *, field: str) -> datetime:
    """A date or instant, ``YYYY-MM-DD``, ISO 8601 or TIFF's ``YYYY:MM:DD HH:MM:SS``; Beijing time if bare.

    Raises
    ------
    InvalidInput
        ``ingest.raster.bad_date``.
    """
    cleaned = text.strip()
    if len(cleaned) >= 10 and cleaned[4:5] == ":" and cleaned[7:8] == ":":
        cleaned = cleaned[:10].replace(":", "-") + cleaned[10:]
    try:
        moment = datetime.fromisoformat(cleaned)
    except ValueError as error:
        raise InvalidInput("ingest.raster.bad_date", field=field, value=text[:40]) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone(timedelta(hours=8)))


def read_part(
    source: Any, window: Any, indexes: list[int], path: Path, *, out: NDArray[Any] | None = None
) -> NDArray[Any]:
    """Bands of one window, (bands, rows, cols), in the file's own type; a cut file is refused clearly.

    ``out`` takes them, of that shape and type; it may be a part of a larger array.
    """
    try:
        pixels: NDArray[Any] = source.read(indexes, window=window, out=out)
    except RasterioError as error:
        raise InvalidInput("ingest.raster.corrupt", file=path.name, reason=_short(error)) from error
    return pixels


@contextlib.contextmanager
def written_whole(target: Path) -> Iterator[Path]:
    """A temporary path in the target's folder that takes the target's place only when all went well.

    Raises
    ------
    InvalidInput
        ``ingest.raster.not_writable``: the folder is missing or may not be written.
    Unavailable
        ``ingest.raster.disk_full``.
    """
    folder = target.resolve().parent
    if not folder.is_dir() or target.is_dir():
        raise InvalidInput("ingest.raster.not_writable", path=str(target))
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.stem[:40]}-", suffix=target.suffix, dir=folder)
    except OSError as error:
        raise _write_error(error, target) from error
    os.close(handle)
    part = Path(name)
    try:
        yield part
        with part.open("rb+") as stream:
            os.fsync(stream.fileno())
        part.chmod(0o644)
        part.replace(target)
        _sync_folder(folder)
    except OSError as error:
        raise _write_error(error, target) from error
    except RasterioError as error:
        raise _write_error(OSError(_errno_of(error), str(error)), target) from error
    finally:
        part.unlink(missing_ok=True)
        Path(name + "-journal").unlink(missing_ok=True)


def write_byte_raster(
    target: Path,
    grid: RasterGrid,
    rows_of: Callable[[int, int], NDArray[np.uint8]],
    *,
    nodata: int,
    tags: dict[str, str],
) -> None:
    """Write a one-band uint8 GeoTIFF on ``grid``, strip by strip, whole or not at all.

    Parameters
    ----------
    rows_of : callable
        ``rows_of(first, last)`` gives rows ``first`` to ``last`` (exclusive), shape (rows, cols).
    """
    profile: dict[str, Any] = {
        "driver": "GTiff",
        "width": grid.cols,
        "height": grid.rows,
        "count": 1,
        "dtype": "uint8",
        "nodata": nodata,
        "compress": "deflate",
        "tiled": True,
        "blockxsize": 256,
        "blockysize": 256,
        "BIGTIFF": "IF_SAFER",
    }
    if grid.crs_wkt is not None:
        profile |= {"crs": rasterio.crs.CRS.from_wkt(grid.crs_wkt), "transform": grid.transform}
    with written_whole(target) as part, warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.Env(**GDAL_SETTINGS), rasterio.open(part, "w", **profile) as sink:
            sink.update_tags(**tags)
            for first in range(0, grid.rows, 256):
                last = min(first + 256, grid.rows)
                window = rasterio.windows.Window(0, first, grid.cols, last - first)
                sink.write(rows_of(first, last), 1, window=window)


def check_writable(target: Path, inputs: tuple[Path, ...]) -> None:
    """Refuse, before the long work, an output that cannot be written or would overwrite an input."""
    resolved = target.resolve()
    if any(resolved == path.resolve() for path in inputs):
        raise InvalidInput("ingest.raster.overwrites_input", path=str(target))
    with contextlib.ExitStack() as stack:
        folder = resolved.parent
        if not folder.is_dir() or resolved.is_dir():
            raise InvalidInput("ingest.raster.not_writable", path=str(target))
        try:
            stack.enter_context(tempfile.NamedTemporaryFile(dir=folder, prefix=".landwarden-"))
        except OSError as error:
            raise _write_error(error, target) from error


def _refuse_unreadable(source: Any, path: Path) -> None:
    limit = MAX_PICTURE_PIXELS if source.driver in PICTURE_DRIVERS else MAX_PIXELS
    if source.width * source.height > limit or source.count > MAX_BANDS:
        raise InvalidInput(
            "ingest.raster.too_large",
            file=path.name,
            cols=source.width,
            rows=source.height,
            bands=source.count,
        )
    kind = np.dtype(source.dtypes[0]).kind if not source.dtypes[0].startswith("complex") else "c"
    if kind not in "uif" or len(set(source.dtypes)) > 1:
        raise InvalidInput("ingest.raster.dtype", file=path.name, dtype=", ".join(sorted(set(source.dtypes))))


def _colour_bands(source: Any) -> int:
    """Bands that carry measurements: an alpha channel is validity, not colour."""
    return int(sum(color.name != "alpha" for color in source.colorinterp)) or int(source.count)


def _grid_of(source: Any, path: Path, *, pixel_grid: bool) -> RasterGrid:
    rows, cols = int(source.height), int(source.width)
    if source.crs is None or source.transform.is_identity:
        if source.gcps[0]:
            raise InvalidInput("ingest.raster.control_points", file=path.name)
        if not pixel_grid:
            raise InvalidInput("ingest.raster.no_crs", file=path.name)
        return RasterGrid(None, Affine.identity(), rows, cols)
    if source.transform.determinant == 0:
        raise InvalidInput("ingest.raster.corrupt", file=path.name, reason="degenerate geotransform")
    grid = RasterGrid(source.crs.to_wkt(), source.transform, rows, cols)
    check_place(grid, path.name)
    return grid


def check_place(grid: RasterGrid, name: str) -> None:
    """Refuse a raster that lies far outside the area its coordinate system is made for."""
    if grid.crs_wkt is None:
        return
    crs = _crs(grid.crs_wkt)
    refuse_unsafe_datum(crs)
    points = grid.corners()
    if _lies_within_use(crs, points):
        return
    swapped = _lies_within_use(crs, points[:, ::-1])
    code = "ingest.raster.swapped_axes" if swapped else "ingest.raster.implausible_crs"
    raise InvalidInput(
        code,
        file=name,
        crs=describe_crs(crs),
        x=round(float(points[0, 0]), 3),
        y=round(float(points[0, 1]), 3),
    )


def _lies_within_use(crs: CRS, points: NDArray[np.float64]) -> bool:
    lons, lats = points[:, 0], points[:, 1]
    if not crs.is_geographic:
        geographic = crs.geodetic_crs
        if geographic is None:
            return False
        lons, lats = Transformer.from_crs(crs, geographic, always_xy=True).transform(lons, lats)
    if not (np.isfinite(lons).all() and np.isfinite(lats).all()):
        return False
    if np.abs(lats).max() > 90.001 or np.abs(lons).max() > 360.001:
        return False
    area = crs.area_of_use
    if area is None:
        return True
    lon, lat, margin = float(np.mean(lons)), float(np.mean(lats)), AREA_OF_USE_MARGIN_DEG
    width = (area.east - area.west) % 360.0 or 360.0
    offset = (lon - area.west + margin) % 360.0
    return area.south - margin <= lat <= area.north + margin and offset <= width + 2 * margin


def _acquired_at(tags: dict[str, str], path: Path) -> tuple[datetime | None, str | None]:
    for field in ("ACQUIRED_AT", "TIFFTAG_DATETIME"):
        if tags.get(field, "").strip():
            try:
                return parse_acquired(tags[field], field=f"{path.name}: {field}"), field
            except InvalidInput:
                if field == "ACQUIRED_AT":
                    raise
    return None, None


def _write_error(error: OSError, target: Path) -> InvalidInput | Unavailable:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return Unavailable("ingest.raster.disk_full", path=str(target))
    return InvalidInput("ingest.raster.not_writable", path=str(target))


def _errno_of(error: BaseException) -> int:
    text = f"{error} {error.__cause__ or ''}".lower()
    full = (
        "no space",
        "disk full",
        "file too large",
        "quota",
        "writeblock failed",
        "write error",
        "failed to write",
    )
    return errno.ENOSPC if any(word in text for word in full) else errno.EACCES


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _short(error: BaseException) -> str:
    return str(error).splitlines()[0][:160] if str(error) else type(error).__name__
