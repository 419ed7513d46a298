"""Two dates of one place: refused unless comparable, read on the grid of the earlier one.

The later raster is brought onto the earlier one's grid window by window; neither is ever held whole.
"""

from __future__ import annotations

import contextlib
import math
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.errors import NotGeoreferencedWarning
from rasterio.vrt import WarpedVRT
from rasterio.warp import transform as transform_points
from rasterio.windows import Window

from foundation.errors import InvalidInput
from ingest.decoded import DecodedBlocks, Stored
from ingest.raster import (
    PICTURE_DRIVERS,
    RasterGrid,
    RasterInfo,
    describe_raster,
    open_raster,
    parse_acquired,
    read_part,
    without_classes,
)
from ingest.seen import band_step, converted, seen_by, validity, without_hidden

First = TypeVar("First")
Second = TypeVar("Second")
PROBE_SIDE = 128
SAME_TRANSFORM_PX = 1e-3


@dataclass(frozen=True, slots=True)
class Box:
    """A block of pixels of the common grid: rows ``row`` to ``row + rows``, columns likewise."""

    row: int
    col: int
    rows: int
    cols: int

    def grown(self, margin: int, shape: tuple[int, int]) -> Box:
        """Larger by ``margin`` on each side, cut at the scene's edge."""
        row, col = max(self.row - margin, 0), max(self.col - margin, 0)
        last_row = min(self.row + self.rows + margin, shape[0])
        last_col = min(self.col + self.cols + margin, shape[1])
        return Box(row, col, last_row - row, last_col - col)

    @property
    def window(self) -> Window:
        """For reading it from a file."""
        return Window(self.col, self.row, self.cols, self.rows)

    @property
    def slices(self) -> tuple[slice, slice]:
        """Numpy slices ``(rows, cols)`` into a whole-scene array."""
        return slice(self.row, self.row + self.rows), slice(self.col, self.col + self.cols)

    def inside(self, outer: Box) -> tuple[slice, slice]:
        """Slices that cut this box out of an array that covers ``outer``."""
        row, col = self.row - outer.row, self.col - outer.col
        return slice(row, row + self.rows), slice(col, col + self.cols)


@dataclass(frozen=True, slots=True)
class PairPixels:
    """Both dates on one block: float32 (bands, rows, cols) in the files' units, and where each is seen.

    Attributes
    ----------
    before, after : ndarray
        They may have different numbers of bands.
    row, col : int
        First row and column of the block on the common grid, for what varies slowly across a scene.
    """

    before: NDArray[np.float32]
    after: NDArray[np.float32]
    is_valid: NDArray[np.bool_]
    row: int = 0
    col: int = 0


@dataclass(frozen=True, slots=True)
class ImagePair:
    """A checked pair and the grid on which it is compared, which is the BEFORE raster's own."""

    before: RasterInfo
    after: RasterInfo
    grid: RasterGrid
    before_at: datetime | None
    after_at: datetime | None
    same_grid: bool

    @property
    def bands(self) -> int:
        """Bands that both have; those of BEFORE where the two differ."""
        return self.before.bands

    @property
    def has_same_bands(self) -> bool:
        """Whether both have as many bands: only then can they be compared band by band."""
        return self.before.bands == self.after.bands

    @property
    def is_plain(self) -> bool:
        """Whether both are small whole numbers whose validity shows in the pixels themselves."""
        return all(
            np.dtype(info.dtype).kind in "ui"
            and np.dtype(info.dtype).itemsize <= 2
            and info.driver not in PICTURE_DRIVERS
            and info.classes is None
            and not (info.has_mask and info.nodata is None)
            for info in (self.before, self.after)
        )

    def reader(self, *, is_double: bool = False, keeps: DecodedBlocks | None = None) -> PairReader:
        """A reader of its own for one thread; use as a context manager.

        ``is_double`` gives the later date a thread of its own, see `PairReader.both`; ``keeps`` takes the
        file blocks that `PairReader.read_before` and `PairReader.read_after` decode.
        """
        return PairReader(self, is_double=is_double, keeps=keeps)


def open_pair(
    before: Path,
    after: Path,
    *,
    pixel_grid: bool = False,
    before_date: str | None = None,
    after_date: str | None = None,
    allow_different_bands: bool = False,
    gsd_m: float | None = None,
    sha256: tuple[str, str] | None = None,
) -> ImagePair:
    """Check that two rasters can be compared.

    Parameters
    ----------
    before, after : Path
        GeoTIFF or COG; PNG and JPEG with ``pixel_grid``.
    before_date, after_date : str, optional
        ISO dates that stand in for the files' own.
    gsd_m : float, optional
        Resolution in metres of pictures without georeferencing; others know their own.
    sha256 : (str, str), optional
        SHA-256 of both files where it is known already, as it is of scenes in the archive, which are kept by
        it; otherwise the files are read once for it.
    allow_different_bands : bool
        Also accept images of two kinds of sensor, which differ in their number of bands.

    Raises
    ------
    InvalidInput
        The codes of :func:`ingest.raster.describe_raster`, and ``ingest.pair.same_file``, ``.same_picture``,
        ``.same_date``, ``.date_order``, ``.band_count``, ``.size_differs``, ``.mixed_georeference``,
        ``.no_overlap``, ``.nodata_everywhere``.
    """
    first, second = (
        _told(without_classes(describe_raster(path, pixel_grid=pixel_grid, sha256=known)), gsd_m)
        for path, known in zip((before, after), sha256 or ("", ""), strict=True)
    )
    if first.sha256 == second.sha256:
        raise InvalidInput("ingest.pair.same_file", before=before.name, after=after.name)
    before_at, after_at = _ordered_dates(first, second, before_date=before_date, after_date=after_date)
    if first.bands != second.bands and not allow_different_bands:
        raise InvalidInput("ingest.pair.band_count", before=first.bands, after=second.bands)
    same_grid = _check_grids(first, second)
    pair = ImagePair(first, second, first.grid, before_at, after_at, same_grid)
    _probe_content(pair)
    return pair


def _told(info: RasterInfo, gsd_m: float | None) -> RasterInfo:
    """With the resolution that a person gave, where the file does not know its own."""
    if gsd_m is None or info.grid.crs_wkt is not None:
        return info
    return replace(info, grid=replace(info.grid, told_gsd_m=gsd_m))


class PairReader:
    """Reads blocks of both dates on the common grid; not shared between threads.

    PNG and JPEG can only be decoded from their first line on: they are held whole once read.
    """

    def __init__(
        self, pair: ImagePair, *, is_double: bool = False, keeps: DecodedBlocks | None = None
    ) -> None:
        self.pair = pair
        self._keeps = keeps
        self._stack = contextlib.ExitStack()
        self._second: ThreadPoolExecutor | None = None
        if is_double:
            self._second = self._stack.enter_context(ThreadPoolExecutor(max_workers=1))
        self._before: Any = None
        self._after: Any = None
        self._after_classes: Any = None
        self._pictures: dict[Path, tuple[NDArray[np.float32], NDArray[np.bool_]]] = {}
        self._carried: dict[tuple[int, int], tuple[int, tuple[Stored, ...]]] = {}
        self._rooms: dict[int, Stored] = {}

    def __enter__(self) -> PairReader:
        self._before = self._stack.enter_context(open_raster(self.pair.before.path, self.pair.before.driver))
        self._after = self._stack.enter_context(open_raster(self.pair.after.path, self.pair.after.driver))
        self._after_classes = self._after
        if not self.pair.same_grid:
            plain = self._after
            self._after = self._stack.enter_context(_warped(plain, self.pair))
            if self.pair.after.classes is not None:
                self._after_classes = self._stack.enter_context(_warped(plain, self.pair, is_classes=True))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def both(self, before: Callable[[], First], after: Callable[[], Second]) -> tuple[First, Second]:
        """Work on each date, at the same time where the reader is double.

        ``before`` may read only BEFORE and ``after`` only AFTER: a dataset serves one thread at a time.
        """
        if self._second is None:
            return before(), after()
        second = self._second.submit(after)
        try:
            first = before()
        finally:
            second.exception()  # its thread has left the dataset
        return first, second.result()

    def read_before(
        self, box: Box, *, at_least: int | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """BEFORE on a block: float32 (bands, rows, cols) and validity (rows, cols).

        Of many bands ``at_least`` so many are enough, evenly chosen; what is valid is told by all of them.
        """
        pixels, is_valid = self._read(0, self._before, self.pair.before, box, at_least)
        return without_hidden(pixels, is_valid, self._before, self.pair.before, box.window)

    def read_after(
        self, box: Box, *, at_least: int | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """AFTER on a block of BEFORE's grid, not yet co-registered."""
        pixels, is_valid = self._read(1, self._after, self.pair.after, box, at_least)
        return without_hidden(pixels, is_valid, self._after_classes, self.pair.after, box.window)

    def read_onward(
        self, box: Box, overlap: int, decoded: DecodedBlocks
    ) -> tuple[Stored, Stored, NDArray[np.bool_]]:
        """Both dates of a plain pair on a block as they are stored, (bands, rows, cols), and validity.

        The last ``overlap`` rows are held for the block below of the same columns: read from top to bottom,
        no row is decoded twice, nor what lies in ``decoded``. The pixels lie in the reader's own memory and
        hold until its next call.
        """
        place = (box.col, box.cols)
        row, held = self._carried.pop(place, (-1, ()))
        known = held[0].shape[1] if held and row == box.row and held[0].shape[1] < box.rows else 0
        rest = box.row + known, box.col, box.rows - known, box.cols
        dates: list[Stored] = []
        for number, (source, info) in enumerate(
            ((self._before, self.pair.before), (self._after, self.pair.after))
        ):
            pixels = self._room(number, info, box)
            if known:
                pixels[:, :known] = held[number]
            decoded.fill(number, source, rest, info.read_indexes, info.path, pixels[:, known:])
            dates.append(pixels)
        if 0 < overlap <= box.rows:
            kept = tuple(pixels[:, -overlap:].copy() for pixels in dates)
            self._carried[place] = (box.row + box.rows - overlap, kept)
        is_valid = validity(dates[0], self.pair.before)
        is_valid &= validity(dates[1], self.pair.after)
        return dates[0], dates[1], is_valid

    def _room(self, number: int, info: RasterInfo, box: Box) -> Stored:
        """Memory for a block of one date, the same for every block that fits into it."""
        shape = (info.bands, box.rows, box.cols)
        wanted = math.prod(shape)
        if number not in self._rooms or self._rooms[number].size < wanted:
            self._rooms[number] = np.empty(wanted, info.dtype)
        return self._rooms[number][:wanted].reshape(shape)

    def _read(
        self, number: int, source: Any, info: RasterInfo, box: Box, at_least: int | None
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        step = 1 if at_least is None else band_step(info.bands, at_least)
        if info.driver in PICTURE_DRIVERS:
            if info.path not in self._pictures:
                whole = Box(0, 0, *info.grid.shape).window
                raw = read_part(source, whole, info.read_indexes, info.path)
                self._pictures[info.path] = converted(raw, seen_by(source, info, whole, raw))
            pixels, is_valid = self._pictures[info.path]
            return pixels[(slice(None, None, step), *box.slices)].copy(), is_valid[box.slices].copy()
        raw = self._raw(number, source, info, box)
        is_warped = number == 1 and not self.pair.same_grid
        is_valid = seen_by(source, info, box.window, raw, is_warped=is_warped)
        return converted(raw, is_valid, step=step)

    def _raw(self, number: int, source: Any, info: RasterInfo, box: Box) -> Stored:
        """The block's pixels; where file blocks are kept of this pair, with the one around them kept."""
        if self._keeps is None or not (self.pair.is_plain and self.pair.same_grid):
            return read_part(source, box.window, info.read_indexes, info.path)
        rect = box.row, box.col, box.rows, box.cols
        return self._keeps.sample(number, source, rect, info.read_indexes, info.path)


def _warped(source: Any, pair: ImagePair, *, is_classes: bool = False) -> Any:
    """AFTER as a view on BEFORE's grid: cubic, averaged where AFTER is the finer one; classes as they are."""
    scale = _scale_ratio(pair)
    smooth = Resampling.average if scale > 1.6 else Resampling.cubic
    options: dict[str, Any] = {
        "crs": rasterio.crs.CRS.from_wkt(pair.grid.crs_wkt),
        "transform": pair.grid.transform,
        "width": pair.grid.cols,
        "height": pair.grid.rows,
        "resampling": Resampling.nearest if is_classes else smooth,
        "tolerance": 0.05,
        "warp_mem_limit": 64,
    }
    if pair.after.nodata is None and not pair.after.has_mask:
        options["add_alpha"] = True
    elif pair.after.nodata is not None:
        options |= {"src_nodata": pair.after.nodata, "nodata": pair.after.nodata}
    return WarpedVRT(source, **options)


def _scale_ratio(pair: ImagePair) -> float:
    """How many AFTER pixels one BEFORE pixel holds along a side."""
    coarse, fine = pair.grid.gsd_m(), pair.after.grid.gsd_m()
    return coarse / fine if coarse and fine else 1.0


def _ordered_dates(
    first: RasterInfo, second: RasterInfo, *, before_date: str | None, after_date: str | None
) -> tuple[datetime | None, datetime | None]:
    before_at = parse_acquired(before_date, field="--before-date") if before_date else first.acquired_at
    after_at = parse_acquired(after_date, field="--after-date") if after_date else second.acquired_at
    if before_at is None or after_at is None:
        return before_at, after_at
    facts = {"before": before_at.isoformat(), "after": after_at.isoformat()}
    if before_at == after_at:
        raise InvalidInput("ingest.pair.same_date", **facts)
    if before_at > after_at:
        raise InvalidInput("ingest.pair.date_order", **facts)
    return before_at, after_at


def _check_grids(first: RasterInfo, second: RasterInfo) -> bool:
    """Whether both lie on one grid; refuses grids that cannot be brought together."""
    if (first.grid.crs_wkt is None) != (second.grid.crs_wkt is None):
        raise InvalidInput(
            "ingest.pair.mixed_georeference",
            file=(first if first.grid.crs_wkt is None else second).path.name,
        )
    if first.grid.crs_wkt is None:
        if first.grid.shape != second.grid.shape:
            raise InvalidInput(
                "ingest.pair.size_differs",
                before=f"{first.grid.cols}×{first.grid.rows}",
                after=f"{second.grid.cols}×{second.grid.rows}",
            )
        return True
    if _is_same_grid(first.grid, second.grid):
        return True
    if not _overlaps(first.grid, second.grid):
        raise InvalidInput("ingest.pair.no_overlap", before=first.path.name, after=second.path.name)
    return False


def _is_same_grid(first: RasterGrid, second: RasterGrid) -> bool:
    if first.shape != second.shape:
        return False
    if rasterio.crs.CRS.from_wkt(first.crs_wkt) != rasterio.crs.CRS.from_wkt(second.crs_wkt):
        return False
    shift: Affine = ~first.transform @ second.transform
    corners = [
        shift @ point for point in ((0, 0), (first.cols, 0), (0, first.rows), (first.cols, first.rows))
    ]
    wanted = ((0, 0), (first.cols, 0), (0, first.rows), (first.cols, first.rows))
    return all(
        max(abs(x - u), abs(y - v)) < SAME_TRANSFORM_PX
        for (x, y), (u, v) in zip(corners, wanted, strict=True)
    )


def _overlaps(first: RasterGrid, second: RasterGrid) -> bool:
    """Whether the outline of AFTER, drawn on BEFORE's pixel grid, meets BEFORE's rectangle."""
    points = second.corners(16)
    xs, ys = transform_points(
        rasterio.crs.CRS.from_wkt(second.crs_wkt),
        rasterio.crs.CRS.from_wkt(first.crs_wkt),
        points[:, 0].tolist(),
        points[:, 1].tolist(),
    )
    inverse, east, north = ~first.transform, np.asarray(xs), np.asarray(ys)
    cols = inverse.a * east + inverse.b * north + inverse.c
    rows = inverse.d * east + inverse.e * north + inverse.f
    if not (np.isfinite(cols).all() and np.isfinite(rows).all()):
        return False
    inside_cols = cols.min() < first.cols - 1 and cols.max() > 1
    return bool(inside_cols and rows.min() < first.rows - 1 and rows.max() > 1)


def _probe_content(pair: ImagePair) -> None:
    """Look at a lattice of small windows: is anything seen on both dates, and is it two pictures?"""
    rows, cols = pair.grid.shape
    side = min(PROBE_SIDE, rows, cols)
    seen = {"before": False, "after": False, "both": False}
    differs = False
    with pair.reader() as reader, warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        for row in _lattice(rows, side):
            for col in _lattice(cols, side):
                box = Box(row, col, side, side)
                before, is_before = reader.read_before(box)
                after, is_after = reader.read_after(box)
                seen["before"] |= bool(is_before.any())
                seen["after"] |= bool(is_after.any())
                is_both = is_before & is_after
                seen["both"] |= bool(is_both.any())
                differs |= not pair.has_same_bands or bool((before[:, is_both] != after[:, is_both]).any())
                if seen["both"] and differs:
                    return
    for epoch, info in (("before", pair.before), ("after", pair.after)):
        if not seen[epoch] and (epoch == "before" or pair.same_grid):
            raise InvalidInput("ingest.pair.nodata_everywhere", file=info.path.name)
    if not seen["both"]:
        raise InvalidInput("ingest.pair.no_overlap", before=pair.before.path.name, after=pair.after.path.name)
    if not differs:
        raise InvalidInput(
            "ingest.pair.same_picture", before=pair.before.path.name, after=pair.after.path.name
        )


def _lattice(length: int, side: int) -> list[int]:
    """Starts of windows that cover a short side wholly, a long one at 8 even places."""
    if length <= 8 * side:
        return sorted({min(start, length - side) for start in range(0, length, side)})
    return sorted({round(i * (length - side) / 7) for i in range(8)})
