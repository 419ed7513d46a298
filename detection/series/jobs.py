"""Long work of time series: bring a county's monitor up to its newest scene; ask monitors about changes."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from affine import Affine
from shapely.geometry.base import BaseGeometry

from detection.series import service
from detection.series.alarms import AlarmPixels, alarm_pixels, group_events, outline_event
from detection.series.gate import SILENT, SeriesView, Verdict, verdict
from detection.series.monitor import DayList, advance, monitor_rule, new_state, series_rules
from detection.series.stack import (
    Advance,
    Layer,
    Monitor,
    choose_sensor,
    grid_of,
    index_of,
    monitor_id_of,
    open_stack,
    plan_advance,
    stack_of,
)
from detection.series.states import StateFolder, joined_view
from foundation.crs import STORAGE_EPSG, reproject
from foundation.errors import InvalidInput
from foundation.jobs import tell_nobody
from ingest import service as ingest
from ingest.pair import Box
from ingest.raster import RasterGrid

if TYPE_CHECKING:
    from detection.series.service import Findings, Told
    from foundation.runtime import Runtime
    from ingest.scenes import Scene

Progress = Callable[[str, float], None]
"""Told a stage and the share of it that is done; what it raises ends the work, which later goes on."""
MASK_SUFFIX = "_cloud.tif"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What bringing a monitor up to date came to.

    Attributes
    ----------
    fresh : int
        Scenes taken in.
    is_rebuilt : bool
        Whether everything was computed anew.
    alarms : int
        Events that stand.
    leads : int
        Told now.
    """

    monitor: Monitor
    fresh: int
    is_rebuilt: bool
    alarms: int
    leads: int
    withdrawn: int
    outside: int
    patches: int


def run_job(
    runtime: Runtime, county_code: str, *, sensor: str | None = None, clouds: str | None = None
) -> None:
    """`monitor` with a queue's plain values; called off, it keeps the blocks that are done."""
    folder = Path(clouds) if clouds else None
    monitor(runtime, county_code, sensor=sensor, clouds=folder, progress=tell_nobody)


def silent(stage: str, share: float) -> None:
    """Progress that nobody watches."""


def monitor(
    runtime: Runtime,
    county_code: str,
    *,
    sensor: str | None = None,
    clouds: Path | None = None,
    progress: Progress = silent,
) -> Outcome:
    """Bring the monitor of a county up to its newest scene; the first time, begin it.

    Ids follow from what is found: work that was killed goes on with the blocks that are done, and stores
    nothing twice. Scenes that come late are given their place by computing everything anew.

    Parameters
    ----------
    county_code : str
        Six digits.
    sensor : str, optional
        Which stack; the largest where not given.
    clouds : Path, optional
        Folder with masks ``NAME_cloud.tif`` beside scenes imported from ``NAME.tif``: not 0 where the ground
        is hidden, on the grid of the scene. Kept with the monitor.

    Raises
    ------
    InvalidInput
        ``detection.series.no_stack``; ``detection.series.mask_grid``.
    Conflict
        ``detection.series.advanced_meanwhile``.
    """
    progress("open", 0.0)
    ingest.county_division(county_code)
    with runtime.database.transaction(runtime.system) as session:
        scenes = ingest.list_scenes(session, runtime.system)
        chosen = stack_of(scenes, county_code, choose_sensor(scenes, county_code, sensor))
        blank = _blank(runtime, chosen)
        known = service.find_monitor(session, runtime.system, blank.monitor_id)
    layers = [_layer(runtime, scene, clouds) for scene in chosen]
    planned = plan_advance(layers, known, blank, is_state_there=_is_there(runtime, known))
    if planned is None:
        return _standing(runtime, known or blank)
    bands = {scene.scene_id: scene.bands for scene in chosen}
    pixels, state_sha256 = _watch(runtime, planned, bands, progress)
    work = replace(planned, monitor=replace(planned.monitor, state_sha256=state_sha256))
    return _conclude(runtime, work, pixels, {scene.scene_id: scene for scene in chosen}, progress)


def opinions(
    runtime: Runtime, county_code: str, window: tuple[datetime, datetime], outlines: Sequence[BaseGeometry]
) -> list[Verdict]:
    """What the monitors of a county say of changes between two moments; silent where none covers them.

    Parameters
    ----------
    outlines : sequence of Polygon or MultiPolygon
        EPSG:4490.
    """
    with runtime.database.transaction(runtime.system) as session:
        monitors = service.list_monitors(session, runtime.system, county_code)
    gate = series_rules()["gate"]
    heard: list[list[Verdict]] = [[] for _ in outlines]
    for known in monitors:
        if not _is_there(runtime, known, is_deep=False):
            continue
        blocks = _Blocks(_folder(runtime, known), known)
        windows = [_window(outline, known.grid) for outline in outlines]
        for number in sorted(range(len(outlines)), key=lambda number: blocks.order(windows[number])):
            view = blocks.view(windows[number])
            one = verdict(outlines[number], window, view, gate)
            heard[number].append(replace(one, state_key=known.state_key))
    return [min(told, key=_weight, default=SILENT) for told in heard]


def block_boxes(grid: RasterGrid, block_px: int) -> list[Box]:
    """The grid cut into blocks, row by row."""
    rows, cols = grid.shape
    return [
        Box(row, col, min(block_px, rows - row), min(block_px, cols - col))
        for row in range(0, rows, block_px)
        for col in range(0, cols, block_px)
    ]


def _blank(runtime: Runtime, scenes: Sequence[Scene]) -> Monitor:
    """The monitor as it would begin, on the grid of the oldest scene."""
    first = scenes[0]
    index_name = str(index_of(first.bands))
    grid = grid_of(runtime.blobs.path(first.cog_sha256))
    return Monitor(
        monitor_id_of(first.county_code, first.sensor, index_name),
        first.county_code,
        first.sensor,
        index_name,
        grid,
        monitor_rule(),
        int(series_rules()["state"]["block_px"]),
        (),
        "",
        "",
    )


def _layer(runtime: Runtime, scene: Scene, clouds: Path | None) -> Layer:
    """A scene with its mask, where one was delivered, kept as a blob."""
    mask = clouds / f"{Path(scene.source_name).stem}{MASK_SUFFIX}" if clouds else None
    cloud_sha256 = runtime.blobs.put_file(mask).sha256 if mask is not None and mask.is_file() else None
    return Layer(scene.scene_id, scene.acquired_at, scene.cog_sha256, cloud_sha256)


def _folder(runtime: Runtime, known: Monitor) -> StateFolder:
    return StateFolder(runtime.settings.data_dir, known.monitor_id, known.state_key)


def _is_there(runtime: Runtime, known: Monitor | None, *, is_deep: bool = True) -> bool:
    """Whether a monitor's state lies on disk, bit by bit as it was stored; a rotten one is dropped."""
    if known is None:
        return False
    folder, boxes = _folder(runtime, known), block_boxes(known.grid, known.block_px)
    if not is_deep:
        return all(folder.has(box) for box in boxes)
    if folder.sha256(boxes) == known.state_sha256:
        return True
    shutil.rmtree(folder.root, ignore_errors=True)
    return False


def _watch(
    runtime: Runtime, work: Advance, bands: dict[UUID, tuple[str, ...]], progress: Progress
) -> tuple[AlarmPixels, str]:
    """Advance block by block; blocks that an interrupted run left are taken as they are."""
    target = _folder(runtime, work.monitor)
    source = _folder(runtime, work.former) if work.former else None
    boxes = block_boxes(work.monitor.grid, work.monitor.block_px)
    runtime.blobs.require_room()
    found = []
    with open_stack(_files(runtime, work.fresh, bands), work.monitor.grid, work.monitor.index_name) as reader:
        days = _days(work.fresh)
        for number, box in enumerate(boxes):
            progress("watch", number / len(boxes))
            if target.has(box):
                found.append(target.alarms(box))
                continue
            former = source.read(box) if source else new_state(box.rows * box.cols, work.monitor.rule)
            state = advance(former, days, reader.read(box), work.monitor.rule)
            target.write(box, state)
            found.append(alarm_pixels(state.pixels, first_row=box.row, first_col=box.col, cols=box.cols))
    progress("watch", 1.0)
    return AlarmPixels.joined(found), str(target.sha256(boxes))


def _files(
    runtime: Runtime, layers: Sequence[Layer], bands: dict[UUID, tuple[str, ...]]
) -> list[tuple[Path, Path | None, tuple[str, ...]]]:
    return [
        (
            runtime.blobs.path(layer.cog_sha256),
            runtime.blobs.path(layer.cloud_sha256) if layer.cloud_sha256 else None,
            bands[layer.scene_id],
        )
        for layer in layers
    ]


def _days(layers: Sequence[Layer]) -> DayList:
    import numpy as np

    return np.array([layer.day for layer in layers], np.int32)


def _conclude(
    runtime: Runtime, work: Advance, pixels: AlarmPixels, scenes: dict[UUID, Scene], progress: Progress
) -> Outcome:
    """Events, their pictures, and one transaction that keeps everything; then leads become patches."""
    progress("events", 0.0)
    grid, now = work.monitor.grid, runtime.clock()
    events = group_events(pixels, cols=grid.cols, rule=series_rules()["event"])
    drawn = [(event, outline_event(event, grid)) for event in events]
    with runtime.database.transaction(runtime.system) as session:
        findings = service.compare_events(session, runtime.system, work, drawn, now)
    findings = replace(findings, told=tuple(_pictured(runtime, findings, scenes)))
    with runtime.database.transaction(runtime.system) as session:
        leads = service.record_advance(session, runtime.system, work, findings, now)
    _folder(runtime, work.monitor).remove_others()
    progress("patches", 0.0)
    patches = _fuse_and_judge(runtime)
    progress("done", 1.0)
    return Outcome(
        work.monitor,
        len(work.fresh),
        work.former is None,
        len(findings.told),
        len(leads),
        len(findings.withdrawn),
        findings.outside,
        patches,
    )


def _pictured(runtime: Runtime, findings: Findings, scenes: dict[UUID, Scene]) -> Iterator[Told]:
    from detection.pixels.chips import chip_source, cut_chips

    for told in findings.told:
        if told.lead is None or told.lead.outline is None:
            yield told
            continue
        chips = []
        for layer in told.layers:
            source = chip_source(scenes[layer.scene_id], runtime.blobs.path(layer.cog_sha256))
            chips.append(runtime.blobs.put(cut_chips(source, [told.lead.outline])[0]).sha256)
        yield service.with_chips(told, (chips[0], chips[1]))


def _fuse_and_judge(runtime: Runtime) -> int:
    """Leads that wait become patches; patches that wait are judged."""
    from detection import service as detection

    with runtime.database.transaction(runtime.system) as session:
        fusion = detection.fuse(session, runtime.system, None, runtime.clock())
    with runtime.database.transaction(runtime.system) as session:
        detection.judge_many(session, runtime.system, None, runtime.clock())
        if fusion.extended:
            detection.judge_many(session, runtime.system, fusion.extended, runtime.clock())
    return len(fusion.created) + len(fusion.extended)


def _standing(runtime: Runtime, known: Monitor) -> Outcome:
    """Nothing new: what an interrupted run left to fuse is fused all the same."""
    with runtime.database.transaction(runtime.system) as session:
        alarms = service.list_alarms(session, runtime.system, known.monitor_id)
    standing = sum(alarm.withdrawn_at is None for alarm in alarms)
    return Outcome(known, 0, False, standing, 0, 0, 0, _fuse_and_judge(runtime))


class _Blocks:
    """Blocks of a state, the last few kept: outlines are asked block by block."""

    def __init__(self, folder: StateFolder, known: Monitor) -> None:
        self._known = known
        self._boxes = block_boxes(known.grid, known.block_px)
        self._read = lru_cache(maxsize=4)(folder.read)

    def order(self, window: Box | None) -> tuple[int, int]:
        """Number of the block in which a window begins."""
        if window is None:
            return -1, -1
        return window.row // self._known.block_px, window.col // self._known.block_px

    def view(self, window: Box | None) -> SeriesView | None:
        """The pixels of a window."""
        if window is None:
            return None
        boxes = [box for box in self._boxes if _meets(box, window)]
        state = joined_view([(box, self._read(box)) for box in boxes], window)
        whole = self._known.grid
        corner = whole.transform @ Affine.translation(window.col, window.row)
        return SeriesView(
            state, RasterGrid(whole.crs_wkt, corner, window.rows, window.cols), self._known.rule
        )


def _weight(heard: Verdict) -> tuple[bool, bool, int]:
    """An alarm before calm before silence; of equals the one that asked more pixels."""
    return heard.opinion != "agrees", heard.opinion == "silent", -heard.pixels


def _window(outline: BaseGeometry, grid: RasterGrid) -> Box | None:
    """Pixels of the grid around an outline; None where it lies outside, if only in part."""
    if grid.crs_wkt is None:
        raise InvalidInput("detection.run.not_georeferenced")
    west, south, east, north = reproject(outline, STORAGE_EPSG, grid.crs_wkt).bounds
    corners = [
        ~grid.transform @ point for point in ((west, north), (east, north), (west, south), (east, south))
    ]
    cols, rows = [x for x, _ in corners], [y for _, y in corners]
    if min(cols) < 0 or min(rows) < 0 or max(cols) > grid.cols or max(rows) > grid.rows:
        return None
    first_row, first_col = int(min(rows)), int(min(cols))
    last_row, last_col = min(int(max(rows)) + 1, grid.rows), min(int(max(cols)) + 1, grid.cols)
    return Box(first_row, first_col, last_row - first_row, last_col - first_col)


def _meets(one: Box, other: Box) -> bool:
    is_rows = one.row < other.row + other.rows and other.row < one.row + one.rows
    return is_rows and one.col < other.col + other.cols and other.col < one.col + one.cols
