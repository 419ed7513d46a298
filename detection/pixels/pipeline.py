"""The chain on one pair: register, normalise, screen, score, cut, clean, outline, classify.

Statistics come from sample blocks; then one pass over independent blocks; memory holds a row of blocks and
the runs of what was found.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from detection.pixels.align import Registration, read_aligned, register, register_chain
from detection.pixels.changes import DetectedChange, Detection
from detection.pixels.detectors.registry import DETECTORS, PANELS, SensorChoice, choose_sensor
from detection.pixels.detectors.surface_height import SurfaceHeightFit, height_rules
from detection.pixels.executor import BLOCK_PX, Executor, Threads, aside, default_workers
from detection.pixels.fitting import (
    FINE_GSD_M,
    Fit,
    fit_panel,
    is_sampled,
    no_change_control,
    read_samples,
)
from detection.pixels.kinds.heads import head_kind
from detection.pixels.kinds.height import surface_model_kind
from detection.pixels.kinds.indices import spectral_kind
from detection.pixels.kinds.rules import surface_kind
from detection.pixels.kinds.windows import NO_REAL_CHANGE, UNKNOWN, Kind, ObjectWindow, Verdict, no_kind
from detection.pixels.net.inference import Weights
from detection.pixels.objects.components import sites_of
from detection.pixels.objects.outlines import outline_objects
from detection.pixels.objects.recipes import (
    CODE_OF,
    WITNESS_SHIFT,
    Objects,
    objects_of_codes,
    objects_of_heads,
    objects_of_levels,
    unseen,
)
from detection.pixels.objects.runs import Runs
from detection.pixels.objects.tally import bits_under, sizes
from detection.pixels.scoring import ScoreBlock, score_scene
from detection.pixels.screening import CloudScreen
from ingest.decoded import DecodedBlocks
from ingest.pair import Box, ImagePair, PairPixels, PairReader, open_pair
from ingest.scenes import Scene

VERSION = "7"
VIEW_PX = 1024
WIDE_HALO_PX, WIDE_BLOCK_PX = 32, 2048
"""Where blocks overlap widely, larger ones repeat less."""
VIEW_MARGIN_PX = 24

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class _Run:
    """One comparison after its fit."""

    pair: ImagePair
    choice: SensorChoice
    registration: Registration
    screen: CloudScreen
    fit: Fit
    samples: Sequence[PairPixels]
    decoded: DecodedBlocks
    min_area_m2: float | None = None
    is_typed: bool = True

    @property
    def block(self) -> ScoreBlock:
        """What a worker does to a block."""
        return ScoreBlock(self.pair, self.registration, self.screen, self.fit, self.decoded)

    @property
    def block_px(self) -> int:
        """Edge of a block where none was asked for."""
        return WIDE_BLOCK_PX if self.fit.halo_px >= WIDE_HALO_PX else BLOCK_PX

    @property
    def is_fine(self) -> bool:
        """Finer than 5 m: objects are many pixels wide; a bare colour picture is taken for fine."""
        gsd_m = self.pair.grid.gsd_m()
        return self.choice.sensor == "rgb" if gsd_m is None else gsd_m <= FINE_GSD_M

    @property
    def min_px(self) -> float:
        """Smallest object in pixels."""
        min_area_m2 = self.min_area_m2
        if min_area_m2 is None and self.choice.sensor == "height":
            min_area_m2 = height_rules()["change"]["min_area_m2"]
        return min_object_px(self.pair.grid.gsd_m(), min_area_m2, is_fine=self.is_fine)

    def control(self) -> float:
        """Share flagged where nothing happened."""
        weights = None if self.fit.net is None else self.fit.net.model
        return no_change_control(self.pair, self.choice, self.samples, weights)

    @cached_property
    def kind(self) -> Kind:
        """What tells the class of an object."""
        if not self.is_typed:
            return no_kind
        if self.fit.surfaces is not None:
            return surface_kind(self.fit.surfaces)
        deciding = self.fit.scorers[self.fit.deciding[0]]
        if isinstance(deciding, SurfaceHeightFit):
            return surface_model_kind(deciding)
        if self.fit.net is not None:
            return head_kind
        is_spectral = self.choice.sensor == "multispectral"
        return spectral_kind(self.samples, self.fit.roles) if is_spectral else no_kind


def detect_pair(  # noqa: PLR0913  every option is a keyword
    before: Path,
    after: Path,
    *,
    sensor: str = "auto",
    pixel_grid: bool = False,
    gsd_m: float | None = None,
    before_date: str | None = None,
    after_date: str | None = None,
    cloud_mask: Path | None = None,
    min_area_m2: float | None = None,
    through: Sequence[Path] = (),
    progress: Progress | None = None,
    cancel: Callable[[], bool] | None = None,
    block_px: int | None = None,
    executor: Executor | None = None,
    spool: Path | None = None,
    is_typed: bool = True,
    weights: Weights | None = None,
    sha256: tuple[str, str] | None = None,
) -> Detection:
    """Find what changed between two rasters of one place (GeoTIFF, COG; pictures with ``pixel_grid``).

    Parameters
    ----------
    gsd_m, min_area_m2 : float, optional
        Resolution of pictures without georeferencing; smallest object, by default by resolution.
    cloud_mask : Path, optional
        Raster on the BEFORE grid, not 0 where either date is cloud or shadow.
    through : sequence of Path
        Dates between, in order, through which to register two that are too unlike each other.
    progress, cancel : callable, optional
        ``progress(stage, share)``; ``cancel()`` is asked between blocks.
    executor : Executor, optional
        Where blocks are scored; by default on threads. Neither it nor ``block_px`` changes the result.
    spool : Path, optional
        Folder that keeps finished rows of blocks, so that a killed run goes on; see `scoring.score_scene`.
    is_typed : bool
        Whether each object is looked at again to tell what it is; else all are ``other``.
    weights, sha256 : optional
        Of the net, by default those that the product ships; of both files, see `ingest.pair.open_pair`.

    Raises
    ------
    InvalidInput, Conflict
        As `open_pair` and `choose_sensor`; ``detection.pair.not_comparable``, ``.cancelled`` and others.
    """
    tell = progress or _silent
    tell("open", 0.0)
    workers = executor or Threads(default_workers())
    workers.warm()
    dates = before_date, after_date
    pair, choice = _opened(
        before, after, sensor, pixel_grid=pixel_grid, gsd_m=gsd_m, dates=dates, sha256=sha256
    )
    fitted = _prepared(pair, choice, through, cloud_mask, weights=weights, workers=workers.workers, tell=tell)
    run = replace(fitted, min_area_m2=min_area_m2, is_typed=is_typed)
    control = aside(run.control, workers=workers.workers)
    scores = _scored(run, workers, block_px or run.block_px, tell=tell, cancel=cancel, spool=spool)
    return _assemble(run, scores, control, tell)


def _scored(
    run: _Run,
    workers: Executor,
    block_px: int,
    *,
    tell: Progress,
    cancel: Callable[[], bool] | None,
    spool: Path | None,
) -> Runs:
    return score_scene(
        run.block,
        executor=workers,
        block_px=block_px,
        progress=lambda share: tell("score", share),
        cancel=cancel,
        spool=spool,
    )


def _opened(
    before: Path,
    after: Path,
    sensor: str,
    *,
    pixel_grid: bool,
    gsd_m: float | None,
    dates: tuple[str | None, str | None],
    sha256: tuple[str, str] | None = None,
) -> tuple[ImagePair, SensorChoice]:
    pair = open_pair(
        before,
        after,
        pixel_grid=pixel_grid,
        before_date=dates[0],
        after_date=dates[1],
        allow_different_bands=sensor in ("auto", "cross"),
        gsd_m=gsd_m,
        sha256=sha256,
    )
    return pair, choose_sensor(pair.before, pair.after, sensor)


def _prepared(
    pair: ImagePair,
    choice: SensorChoice,
    through: Sequence[Path],
    cloud_mask: Path | None,
    *,
    weights: Weights | None,
    workers: int,
    tell: Progress,
) -> _Run:
    """Register the pair and fit the panel on its samples."""
    decoded = DecodedBlocks()
    keeps = decoded if is_sampled(pair.grid.shape) else None
    with pair.reader(is_double=workers > 1, keeps=keeps) as reader:
        tell("register", 0.0)
        registration = _registered(reader, through, tell)
        tell("fit", 0.0)
        screen = CloudScreen.of(pair, cloud_mask)
        samples = read_samples(reader, registration, screen)
    fit = fit_panel(pair, choice, samples, weights)
    return _Run(pair, choice, registration, screen, fit, samples, decoded)


def _registered(reader: PairReader, through: Sequence[Path], tell: Progress) -> Registration:
    pair = reader.pair
    if through:
        dates = [pair.before.path, *through, pair.after.path]
        return register_chain(dates, pixel_grid=pair.grid.crs_wkt is None)
    return register(pair, progress=lambda share: tell("register", share), reader=reader)


def _silent(_stage: str, _share: float) -> None:
    """Tell nobody."""


def _assemble(run: _Run, scores: Runs, control: Callable[[], float], tell: Progress) -> Detection:
    tell("outline", 0.0)
    found = _objects(run, scores)
    outlines = outline_objects(found.runs, run.pair.grid, residual_px=run.registration.residual_px)
    changes = []
    looks = _looks(run, scores, found, progress=lambda share: tell("classify", share))
    is_real = np.array([True, *(verdict.change_class not in NO_REAL_CHANGE for verdict, _ in looks)])
    sites = sites_of(found.runs.where(is_real[found.runs.value]), found.count)
    for label, (verdict, witnesses) in enumerate(looks, start=1):
        outline = outlines[label]
        changes.append(
            DetectedChange(
                outline.polygon,
                outline.polygon_px,
                outline.area_m2,
                outline.area_min_m2,
                outline.area_max_m2,
                verdict.change_class,
                verdict.probabilities,
                _confidence(verdict, witnesses),
                {name: share >= 0.5 for name, share in witnesses.items()},
                verdict.statistics,
                int(sites[label]),
            )
        )
    detection = _detection(run, tuple(changes), found.runs, unseen(scores), control())
    tell("done", 1.0)
    return detection


def _objects(run: _Run, scores: Runs) -> Objects:
    """Objects by the recipe of what scored: surface codes, heads of the net, or levels alone."""
    if run.fit.surfaces is not None:
        return objects_of_codes(scores, min_px=run.min_px, gsd_m=run.pair.grid.gsd_m() or 1.0)
    recipe = objects_of_levels if run.fit.net is None else objects_of_heads
    return recipe(scores, min_px=run.min_px, is_fine=run.is_fine)


def _margin_px(run: _Run) -> int:
    """How far around an object its kind and those that are only heard look.

    By spectral indices alone an object is what lies within it; every other kind asks its surroundings too.
    """
    if run.fit.surfaces is None and run.fit.net is None and run.choice.sensor == "multispectral":
        return max((DETECTORS[name].spec.halo_px for name in run.fit.heard), default=0)
    return VIEW_MARGIN_PX


def _looks(
    run: _Run, scores: Runs, found: Objects, *, progress: Callable[[float], None]
) -> list[tuple[Verdict, dict[str, float]]]:
    """Verdict and witnesses of every object; windows are read once more where a kind or a witness asks."""
    agreed = _agreement(run.fit, scores, found)
    if run.kind is no_kind and not run.fit.heard:
        return [(UNKNOWN, witnesses) for witnesses in agreed]
    looks = []
    with run.pair.reader() as reader:
        for label, witnesses in enumerate(agreed, start=1):
            window = _window(run, reader, scores, found, label)
            for name in run.fit.heard:
                is_loud = run.fit.relative(name, window.pixels)[window.is_object] >= 1.0
                witnesses[name] = float(is_loud.mean())
            looks.append((run.kind(window), witnesses))
            progress(label / found.count)
    return looks


def _window(run: _Run, reader: PairReader, scores: Runs, found: Objects, label: int) -> ObjectWindow:
    box = _view_box(found, label, run.pair.grid.shape, _margin_px(run))
    return ObjectWindow(
        run.screen.screened(read_aligned(reader, box, run.registration), box),
        found.runs.paint(box) == label,
        CODE_OF[scores.paint(box)],
        found.groups[label],
        run.pair.grid.gsd_m(),
        run.fit.roles,
        run.fit.normalisation,
    )


def _view_box(found: Objects, label: int, shape: tuple[int, int], margin_px: int) -> Box:
    """The object with its surroundings; of a giant only the middle."""
    box = found.box(label)
    if max(box.rows, box.cols) > VIEW_PX:
        mine = found.runs.where(found.runs.value == label)
        middle = len(mine) // 2
        middle_row, middle_col = int(mine.row[middle]), int(mine.start[middle])
        row, rows = max(box.row, middle_row - VIEW_PX // 2), min(box.rows, VIEW_PX)
        col, cols = max(box.col, middle_col - VIEW_PX // 2), min(box.cols, VIEW_PX)
        box = Box(row, col, min(rows, shape[0] - row), min(cols, shape[1] - col))
    return box.grown(margin_px, shape)


def net_version(weights: Weights) -> str:
    """Version of a comparison by the net: its answers depend on the weights, which a bureau may teach."""
    return f"{VERSION}+{weights.sha256[:12]}"


def version_for(scenes: Sequence[Scene], weights: Weights) -> str:
    """Version that names a comparison before it has run: pictures of three bands may come to the net."""
    return net_version(weights) if all(len(scene.bands) == 3 for scene in scenes) else VERSION


def min_object_px(gsd_m: float | None, min_area_m2: float | None, *, is_fine: bool) -> float:
    """Smallest object: 20 m² below 0.35 m, 200 m² to 5 m, 400 m² to 10 m, beyond that two pixels.

    On a pixel grid 50 pixels of a picture, else 4.
    """
    if gsd_m is None:
        return min_area_m2 if min_area_m2 is not None else (50.0 if is_fine else 4.0)
    if min_area_m2 is None:
        steps = ((0.35, 20.0), (1.2, 80.0), (FINE_GSD_M, 200.0), (12.0, 400.0))
        min_area_m2 = next((area for limit, area in steps if gsd_m <= limit), 2.0 * gsd_m**2)
    return max(1.0, min_area_m2 / gsd_m**2)


def _agreement(fit: Fit, scores: Runs, found: Objects) -> list[dict[str, float]]:
    """For each object the share of its pixels on which each deciding witness alone finds change."""
    bits = bits_under(found.runs, scores, found.count, WITNESS_SHIFT + len(fit.deciding))
    area = np.maximum(sizes(found.runs, found.count), 1)
    coded = scores.where(CODE_OF[scores.value] > 0, np.ones(len(scores), np.int32))
    is_typed = bits_under(found.runs, coded, found.count, 1)[:, 0] / area
    shares = bits[:, WITNESS_SHIFT:] / area[:, None]
    names = fit.deciding
    if fit.surfaces is not None:
        names, shares = (*names, "surface_type"), np.column_stack([shares, is_typed])
    return [dict(zip(names, line, strict=True)) for line in shares[1:].tolist()]


def _confidence(verdict: Verdict, witnesses: Mapping[str, float]) -> float:
    """Chance that the land changed (of a season or a cloud: that it is one), by the witnesses' agreement."""
    agreement = sum(witnesses.values()) / len(witnesses)
    unreal = sum(verdict.probabilities.get(name, 0.0) for name in NO_REAL_CHANGE)
    likely = unreal if verdict.change_class in NO_REAL_CHANGE else 1.0 - unreal
    return round(float(likely) * (0.5 + 0.5 * agreement), 4)


def _detection(
    run: _Run, changes: tuple[DetectedChange, ...], objects: Runs, hidden: Runs, control: float
) -> Detection:
    pair, fit = run.pair, run.fit
    weights = None if fit.net is None else fit.net.model
    parameters = {
        "low_share": fit.low_share,
        "min_object_px": round(run.min_px, 3),
        "is_fine": run.is_fine,
        "sample_blocks": len(run.samples),
        "panel": {"deciding": list(fit.deciding), "heard": list(fit.heard)},
    }
    rows, cols = pair.grid.shape
    return Detection(
        changes=changes,
        objects=objects,
        unseen=hidden,
        grid=pair.grid,
        sensor=run.choice.sensor,
        sensor_reason_zh=run.choice.reason_zh,
        sensor_reason_en=run.choice.reason_en,
        method="+".join([*PANELS[run.choice.sensor].deciding, *(["surface_type"] if fit.surfaces else [])]),
        version=VERSION if weights is None else net_version(weights),
        parameters=parameters,
        registration=run.registration.report(),
        normalisation=fit.normalisation.report(),
        detectors=fit.report(),
        no_change_control=control,
        observed_share=1.0 - hidden.pixels / (rows * cols),
        cloud_share=run.screen.share,
        before_sha256=pair.before.sha256,
        after_sha256=pair.after.sha256,
        before_at=pair.before_at,
        after_at=pair.after_at,
    )
