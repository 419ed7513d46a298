"""Long work of this floor: compare two scenes, fuse what was found, judge what was fused."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from foundation.errors import InvalidInput
from foundation.ids import derived_id
from foundation.jobs import JobQueue, check_called_off, tell_nobody

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

    from detection.leads import Lead
    from detection.pixels.changes import Detection
    from detection.pixels.net.inference import Weights
    from detection.registers.compare import Comparison
    from foundation.runtime import Runtime
    from ingest.scenes import Scene

Progress = Callable[[str, float], None]


def register(queue: JobQueue) -> None:
    """Add this floor's jobs to the queue."""
    from detection.desk import jobs as desk
    from detection.second_stage import jobs as second_stage

    desk.register(queue)
    queue.add("detection.detect", _detect_job)
    queue.add("detection.judge", _judge_job)
    queue.add("detection.compare_registers", _registers_job)
    queue.add("detection.monitor", _monitor_job)
    second_stage.register(queue)


def detect(
    runtime: Runtime,
    before_scene_id: str,
    after_scene_id: str,
    *,
    cloud_mask: str | None = None,
    progress: Progress | None = None,
) -> UUID:
    """Compare two imported scenes and store what changed as leads.

    The run's id follows from its inputs: a run that is stored already is not made again, and a run that was
    killed leaves its scored rows of blocks and its chips, with which the next one goes on.

    Parameters
    ----------
    before_scene_id, after_scene_id : str
        Ids of imported scenes.
    cloud_mask : str, optional
        Path of a raster on the BEFORE grid, not 0 where either date is cloud or shadow.

    Returns
    -------
    UUID
        The run.

    Raises
    ------
    InvalidInput
        Whatever `detection.pixels.pipeline.detect_pair` refuses; ``detection.run.different_counties``.
    """
    from detection import runs
    from detection.pixels.net.inference import Weights
    from detection.pixels.pipeline import version_for
    from detection.second_stage import service as second_stage
    from detection.second_stage.jobs import rescore_with
    from detection.series.jobs import opinions
    from ingest.raster import file_sha256

    before, after = _scenes(runtime, before_scene_id, after_scene_id)
    mask_sha256 = file_sha256(Path(cloud_mask)) if cloud_mask else "none"
    weights = Weights.in_force(runtime.settings.data_dir)
    with runtime.database.transaction(runtime.system) as session:
        serving = second_stage.serving_model(session, runtime.blobs)
        settled = version_for((before, after), weights), mask_sha256, serving.sha256
        run_id = derived_id("detection_run", before.scene_id, after.scene_id, *settled)
        if runs.is_stored(session, run_id):
            return run_id
    spool = runtime.settings.data_dir / "spool" / str(run_id)
    files = _Files(cloud_mask, spool, weights)
    detection = _compare(runtime, before, after, files=files, progress=progress)
    rescored = rescore_with(serving, detection, source=after.kind)
    change_sha256 = _keep_change(runtime, rescored.detection)
    outlines = [change.outline for change in rescored.detection.real_changes]
    chips = _keep_chips(runtime, before, after, outlines)
    heard = opinions(runtime, before.county_code, (before.acquired_at, after.acquired_at), outlines)
    run = runs.Run(run_id, before, after, rescored, chips, change_sha256, mask_sha256, heard)
    with runtime.database.transaction(runtime.system) as session:
        runs.record_run(session, runtime.system, run, runtime.clock())
    shutil.rmtree(spool, ignore_errors=True)
    return run_id


def compare_registers(runtime: Runtime, county_code: str) -> Comparison:
    """Compare the two newest snapshots of a county's parcel register; store takings of farmland as leads.

    Lead ids follow from the two snapshots: comparing again stores nothing twice.

    Parameters
    ----------
    county_code : str
        Six digits.

    Raises
    ------
    Conflict
        ``detection.registers.single_snapshot``.
    """
    from detection.registers import compare as registers

    with runtime.database.transaction(runtime.system) as session:
        comparison = registers.compare(session, runtime.system, county_code)
        fresh = registers.unrecorded(session, comparison.leads)
    pictured = _with_newest_pictures(runtime, county_code, fresh)
    with runtime.database.transaction(runtime.system) as session:
        registers.record(session, runtime.system, comparison, pictured, runtime.clock())
    return comparison


def fuse_and_judge(runtime: Runtime) -> tuple[int, int]:
    """Fuse every lead that waits, then judge every patch that has no judgement.

    Returns
    -------
    (int, int)
        Patches founded or extended, and judgements made.
    """
    from detection import service

    with runtime.database.transaction(runtime.system) as session:
        fusion = service.fuse(session, runtime.system, None, runtime.clock())
    touched = [*fusion.created, *fusion.extended]
    with runtime.database.transaction(runtime.system) as session:
        made = service.judge_many(session, runtime.system, None, runtime.clock())
        if fusion.extended:
            made += service.judge_many(session, runtime.system, fusion.extended, runtime.clock())
    return len(touched), len(made)


def judge(runtime: Runtime, patch_id: str | None = None) -> int:
    """Judge one patch again, or all that the layers in force may say something new about.

    Returns
    -------
    int
        How many were judged; those with unchanged inputs keep their revision.
    """
    from detection import service

    with runtime.database.transaction(runtime.system) as session:
        if patch_id is None:
            ids = [patch.patch_id for patch in service.list_patches(session, runtime.system)]
        else:
            ids = [UUID(patch_id)]
        return len(service.judge_many(session, runtime.system, ids, runtime.clock()))


def _detect_job(runtime: Runtime, **arguments: Any) -> None:
    detect(runtime, **arguments, progress=tell_nobody)
    fuse_and_judge(runtime)


def _judge_job(runtime: Runtime, patch_id: str | None = None) -> None:
    if patch_id is None:
        fuse_and_judge(runtime)
    judge(runtime, patch_id)


def _registers_job(runtime: Runtime, county_code: str) -> None:
    check_called_off()
    compare_registers(runtime, county_code)
    fuse_and_judge(runtime)


def _monitor_job(runtime: Runtime, **arguments: Any) -> None:
    from detection.series import jobs as series

    series.run_job(runtime, **arguments)


def _scenes(runtime: Runtime, before_scene_id: str, after_scene_id: str) -> tuple[Scene, Scene]:
    from ingest import service as ingest

    with runtime.database.transaction(runtime.system) as session:
        before = ingest.get_scene(session, runtime.system, UUID(before_scene_id))
        after = ingest.get_scene(session, runtime.system, UUID(after_scene_id))
    if before.county_code != after.county_code:
        raise InvalidInput(
            "detection.run.different_counties", before=before.county_code, after=after.county_code
        )
    return before, after


class _Files(NamedTuple):
    """What a comparison reads besides its scenes, and where it keeps what is finished."""

    cloud_mask: str | None
    spool: Path
    weights: Weights


def _compare(
    runtime: Runtime, before: Scene, after: Scene, *, files: _Files, progress: Progress | None
) -> Detection:
    from detection.pixels.executor import choose_executor
    from detection.pixels.pipeline import detect_pair

    settings = runtime.settings
    return detect_pair(
        runtime.blobs.path(before.cog_sha256),
        runtime.blobs.path(after.cog_sha256),
        before_date=_date_text(before.acquired_at),
        after_date=_date_text(after.acquired_at),
        cloud_mask=Path(files.cloud_mask) if files.cloud_mask else None,
        progress=progress,
        block_px=settings.block_px,
        executor=choose_executor(settings.executor, workers=settings.workers, address=settings.dask_address),
        spool=files.spool,
        weights=files.weights,
        sha256=(before.cog_sha256, after.cog_sha256),
    )


def _date_text(moment: datetime) -> str:
    return moment.isoformat()


def _keep_change(runtime: Runtime, detection: Detection) -> str:
    from detection.pixels.pair_files import write_change_raster

    with TemporaryDirectory(prefix="change-", dir=runtime.settings.data_dir) as folder:
        path = Path(folder) / "change.tif"
        write_change_raster(detection, path)
        return runtime.blobs.put_file(path).sha256


def _keep_chips(
    runtime: Runtime, before: Scene, after: Scene, outlines: Sequence[BaseGeometry]
) -> list[tuple[str, str]]:
    """Chips of each outline at both dates, as blobs."""
    from detection.pixels.chips import chip_source, cut_chips

    pictures = [
        cut_chips(chip_source(scene, runtime.blobs.path(scene.cog_sha256)), outlines)
        for scene in (before, after)
    ]
    return [
        (runtime.blobs.put(first).sha256, runtime.blobs.put(second).sha256)
        for first, second in zip(*pictures, strict=True)
    ]


def _with_newest_pictures(runtime: Runtime, county_code: str, leads: Sequence[Lead]) -> list[Lead]:
    """Leads that no image made, with chips of the county's two newest images that show their ground."""
    from detection.registers.compare import with_chips
    from ingest import service as ingest

    with runtime.database.transaction(runtime.system) as session:
        scenes = ingest.list_scenes(session, runtime.system)
    stored = [scene for scene in scenes if scene.county_code == county_code and not scene.is_surface]
    pictured = []
    for lead in leads:
        pair = [scene for scene in stored if scene.footprint.covers(lead.ground)][-2:]
        if len(pair) == 2:
            [chips] = _keep_chips(runtime, pair[0], pair[1], [lead.ground])
            pictured.append(with_chips(lead, chips, (pair[0].scene_id, pair[1].scene_id)))
        else:
            pictured.append(lead)
    return pictured
