"""A stack of scenes: which belong together, what is new in it, and their index block by block."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window

from detection.series.kernel import CLOUDED, MonitorRule
from detection.series.monitor import day_number, quantised, series_rules
from foundation.audit import canonical
from foundation.errors import InvalidInput
from foundation.ids import derived_id
from ingest.pair import Box
from ingest.raster import RasterGrid, describe_raster, open_raster, read_part
from ingest.scenes import Scene

SATELLITE = "satellite"
SCL, CLOUD = "scl", "cloud"
FINER = 1.6
"""From so many pixels a side within one of the grid, values are averaged."""
SAME_PX = 1e-3


@dataclass(frozen=True, slots=True)
class Layer:
    """One scene of a stack, as it is stored with the monitor.

    Attributes
    ----------
    cloud_sha256 : str or None
        Blob of a cloud mask that was delivered beside the image, on the image's grid.
    """

    scene_id: UUID
    acquired_at: datetime
    cog_sha256: str
    cloud_sha256: str | None

    @property
    def day(self) -> int:
        """Days since 1970-01-01."""
        return day_number(self.acquired_at)

    def told(self) -> dict[str, Any]:
        """JSON-serialisable."""
        return {
            "scene_id": str(self.scene_id),
            "acquired_at": self.acquired_at.isoformat(),
            "cog_sha256": self.cog_sha256,
            "cloud_sha256": self.cloud_sha256,
        }

    @staticmethod
    def of(told: Mapping[str, Any]) -> Layer:
        """From what was told."""
        return Layer(
            UUID(told["scene_id"]),
            datetime.fromisoformat(told["acquired_at"]),
            told["cog_sha256"],
            told["cloud_sha256"],
        )


@dataclass(frozen=True, slots=True)
class Monitor:
    """A stack under watch.

    Attributes
    ----------
    layers : tuple of Layer
        Taken in, oldest first.
    state_key, state_sha256 : str
        Folder of the state, and the hash over its blocks.
    """

    monitor_id: UUID
    county_code: str
    sensor: str
    index_name: str
    grid: RasterGrid
    rule: MonitorRule
    block_px: int
    layers: tuple[Layer, ...]
    state_key: str
    state_sha256: str

    def parameters(self) -> dict[str, Any]:
        """The rule and the edge of a block."""
        return {"rule": dict(self.rule._asdict()), "block_px": self.block_px}


@dataclass(frozen=True, slots=True)
class Advance:
    """What is to be done.

    Attributes
    ----------
    monitor : Monitor
        As it will be; without the hash of its state.
    former : Monitor or None
        Whose state goes on; None: from nothing.
    fresh : tuple of Layer
        Scenes to take in.
    seen_sha256 : str or None
        Hash of the state that stood when this was planned; None where there was no monitor.
    """

    monitor: Monitor
    former: Monitor | None
    fresh: tuple[Layer, ...]
    seen_sha256: str | None


def choose_sensor(scenes: Sequence[Scene], county_code: str, wanted: str | None) -> str:
    """The sensor with most scenes of a county that show an index; ties by name.

    Raises
    ------
    InvalidInput
        ``detection.series.no_stack``.
    """
    counts: dict[str, int] = {}
    for scene in scenes:
        if _is_usable(scene, county_code) and wanted in (None, scene.sensor):
            counts[scene.sensor] = counts.get(scene.sensor, 0) + 1
    if not counts:
        raise InvalidInput("detection.series.no_stack", county=county_code, sensor=wanted or "*")
    return max(sorted(counts), key=lambda sensor: counts[sensor])


def stack_of(scenes: Sequence[Scene], county_code: str, sensor: str) -> list[Scene]:
    """Scenes of one stack, oldest first."""
    chosen = [scene for scene in scenes if _is_usable(scene, county_code) and scene.sensor == sensor]
    return sorted(chosen, key=lambda scene: (scene.acquired_at, scene.scene_id))


def index_of(bands: Sequence[str]) -> str | None:
    """The first index of the rules whose bands are there."""
    rows: Mapping[str, Mapping[str, str]] = series_rules()["index"]
    return next((name for name, row in rows.items() if {row["high"], row["low"]} <= set(bands)), None)


def plan_advance(
    layers: Sequence[Layer], known: Monitor | None, blank: Monitor, *, is_state_there: bool
) -> Advance | None:
    """What must be done so that a monitor has seen all scenes; None where it has.

    Scenes that come late, a changed rule or a lost state: everything is built anew, on the grid that stands.

    Parameters
    ----------
    layers : sequence of Layer
        All scenes of the stack.
    blank : Monitor
        The monitor as it would begin.
    """
    kept = {layer.scene_id: layer for layer in known.layers} if known else {}
    told = [_with_known_cloud(layer, kept.get(layer.scene_id)) for layer in layers]
    ordered = tuple(sorted(told, key=lambda layer: (layer.acquired_at, layer.scene_id)))
    if known is not None and is_state_there:
        is_same_rule = (known.rule, known.block_px) == (blank.rule, blank.block_px)
        count = len(known.layers)
        if is_same_rule and ordered[:count] == known.layers:
            if len(ordered) == count:
                return None
            work = _as_planned(known, ordered, blank, is_new=False)
            return Advance(work, known, ordered[count:], known.state_sha256)
    seen_sha256 = known.state_sha256 if known else None
    return Advance(_as_planned(known, ordered, blank, is_new=True), None, ordered, seen_sha256)


def _as_planned(known: Monitor | None, layers: tuple[Layer, ...], blank: Monitor, *, is_new: bool) -> Monitor:
    grid = known.grid if known else blank.grid
    facts = {
        "former": None if is_new or known is None else known.state_sha256,
        "layers": [layer.told() for layer in layers],
        "parameters": blank.parameters(),
        "grid": grid_facts(grid),
    }
    key = hashlib.sha256(canonical(facts).encode()).hexdigest()
    return Monitor(
        blank.monitor_id,
        blank.county_code,
        blank.sensor,
        blank.index_name,
        grid,
        blank.rule,
        blank.block_px,
        layers,
        key,
        "",
    )


def monitor_id_of(county_code: str, sensor: str, index_name: str) -> UUID:
    """One monitor a county, sensor and index."""
    return derived_id("series_monitor", county_code, sensor, index_name)


def grid_facts(grid: RasterGrid) -> dict[str, Any]:
    """A grid as JSON."""
    affine = list(grid.transform)[:6]
    return {"crs_wkt": grid.crs_wkt, "transform": affine, "rows": grid.rows, "cols": grid.cols}


def grid_from(facts: Mapping[str, Any]) -> RasterGrid:
    """A grid from its JSON."""
    return RasterGrid(facts["crs_wkt"], Affine(*facts["transform"]), facts["rows"], facts["cols"])


class StackReader:
    """Index values of some scenes on one grid.

    Parameters
    ----------
    sources : sequence of (image, mask or None, bands of the image)
        Opened datasets, oldest first, on the grid or warped to it.
    """

    def __init__(self, sources: Sequence[tuple[Any, Any, tuple[str, ...]]], index_name: str) -> None:
        self._sources = sources
        row = series_rules()["index"][index_name]
        self._roles = (row["high"], row["low"])
        self._hidden = np.array(series_rules()["clear"]["scl"])

    def read(self, box: Box) -> NDArray[np.int16]:
        """Normalised difference of one block, shape (scenes, pixels), see `monitor.quantised`."""
        values = np.full((len(self._sources), box.rows * box.cols), CLOUDED, np.int16)
        for number, (image, mask, bands) in enumerate(self._sources):
            values[number] = self._index(image, mask, bands, box).ravel()
        return values

    def _index(self, image: Any, mask: Any, bands: tuple[str, ...], box: Box) -> NDArray[np.int16]:
        window = Window(box.col, box.row, box.cols, box.rows)
        path = Path(image.name)
        places = [bands.index(role) + 1 for role in self._roles]
        raw = read_part(image, window, places, path)
        high, low = (
            band.astype(np.float64) * image.scales[place - 1] + image.offsets[place - 1]
            for band, place in zip(raw, places, strict=True)
        )
        is_clear = (image.dataset_mask(window=window) > 0) & (raw != 0).any(axis=0)
        if SCL in bands:
            classes = read_part(image, window, [bands.index(SCL) + 1], path)[0]
            is_clear &= ~np.isin(classes, self._hidden)
        if CLOUD in bands:
            is_clear &= read_part(image, window, [bands.index(CLOUD) + 1], path)[0] == 0
        if mask is not None:
            is_clear &= read_part(mask, window, [1], path)[0] == 0
        total = high + low
        is_clear &= np.isfinite(total) & (total > 1e-6)
        return quantised((high - low) / np.where(is_clear, total, 1.0), is_clear)


@contextmanager
def open_stack(
    layers: Sequence[tuple[Path, Path | None, tuple[str, ...]]], grid: RasterGrid, index_name: str
) -> Iterator[StackReader]:
    """Open scenes for reading on one grid; those on another are warped, masks by nearest neighbour.

    Parameters
    ----------
    layers : sequence of (image, mask or None, bands of the image)
        COGs of the scenes, oldest first.

    Raises
    ------
    InvalidInput
        ``ingest.raster.corrupt``; ``detection.series.mask_grid``: a mask on another grid than its image.
    """
    with ExitStack() as stack:
        sources = []
        for path, mask_path, bands in layers:
            image = stack.enter_context(open_raster(path, "GTiff"))
            mask = stack.enter_context(open_raster(mask_path, "GTiff")) if mask_path else None
            if mask is not None and (mask.shape, mask.transform) != (image.shape, image.transform):
                raise InvalidInput("detection.series.mask_grid", mask=path.name)
            is_masked = bool({SCL, CLOUD} & set(bands))
            placed = _on_grid(stack, image, grid, is_mask=is_masked)
            sources.append(
                (placed, None if mask is None else _on_grid(stack, mask, grid, is_mask=True), bands)
            )
        yield StackReader(sources, index_name)


def grid_of(path: Path) -> RasterGrid:
    """Grid of a scene's COG."""
    return describe_raster(path).grid


def _on_grid(stack: ExitStack, source: Any, grid: RasterGrid, *, is_mask: bool) -> Any:
    """The dataset itself, or a view of it on the grid. Images that carry classes are not mixed either."""
    wanted = CRS.from_wkt(grid.crs_wkt)
    if source.crs == wanted and source.shape == grid.shape and _is_same(source.transform, grid):
        return source
    fine = RasterGrid(source.crs.to_wkt(), source.transform, *source.shape).gsd_m() or 1.0
    is_finer = (grid.gsd_m() or 1.0) / fine > FINER
    blend = Resampling.average if is_finer else Resampling.bilinear
    options: dict[str, Any] = {
        "crs": wanted,
        "transform": grid.transform,
        "width": grid.cols,
        "height": grid.rows,
        "resampling": Resampling.nearest if is_mask else blend,
    }
    if source.nodata is not None:
        options |= {"src_nodata": source.nodata, "nodata": source.nodata}
    elif not any("per_dataset" in [flag.name for flag in flags] for flags in source.mask_flag_enums):
        options["add_alpha"] = True
    return stack.enter_context(WarpedVRT(source, **options))


def _is_same(transform: Affine, grid: RasterGrid) -> bool:
    shift = ~grid.transform @ transform
    far = shift @ (grid.cols, grid.rows)
    off = (shift.c, shift.f, far[0] - grid.cols, far[1] - grid.rows)
    return all(abs(float(miss)) < SAME_PX for miss in off)


def _is_usable(scene: Scene, county_code: str) -> bool:
    is_here = scene.county_code == county_code and scene.kind == SATELLITE
    return is_here and index_of(scene.bands) is not None


def _with_known_cloud(layer: Layer, known: Layer | None) -> Layer:
    """A mask that was delivered once stays the scene's."""
    if layer.cloud_sha256 is None and known is not None:
        return known
    return layer
