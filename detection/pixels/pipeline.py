"""The chain on one pair: register, normalise, screen, score, cut, clean, outline, classify.

Statistics come from sample blocks; then one pass over independent blocks; memory holds two bytes a pixel
of the scene and a few blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detection.pixels.align import Registration, read_aligned, register
from detection.pixels.changes import (
    CHANGED,
    NO_REAL_CHANGE,
    NOT_OBSERVED,
    UNCHANGED,
    DetectedChange,
    Detection,
)
from detection.pixels.classify import UNKNOWN, ObjectView, Verdict, classify_object
from detection.pixels.control import unchanged_twins
from detection.pixels.detectors.base import Scorer
from detection.pixels.detectors.irmad import Irmad, IrmadFit
from detection.pixels.detectors.registry import DETECTORS, PANELS, SensorChoice, choose_sensor
from detection.pixels.executor import BLOCK_PX, block_boxes, default_workers, run_blocks
from detection.pixels.indices import BandRoles, band_roles
from detection.pixels.normalise import Normalisation, fit_normalisation
from detection.pixels.objects import Objects, object_box, objects_of_codes, objects_of_levels
from detection.pixels.screening import CloudScreen
from detection.pixels.surfaces import HALO_PX, SurfaceModel
from detection.pixels.threshold import Cut, choose_cut
from detection.pixels.vectorise import outline_objects
from foundation.errors import InvalidInput
from ingest.pair import Box, ImagePair, PairPixels, PairReader, open_pair

VERSION = "1"
FINE_GSD_M = 5.0
LOW_SHARE = 0.9
"""Hysteresis: an object grows to this share of the cut from any pixel above it."""
SAMPLE_SIDE_PX = 256
WHOLE_SAMPLE_PX = 1 << 20
SAMPLE_BLOCKS = 40
MIN_OBSERVED_PX = 400
CONTROL_BLOCKS = 8
VIEW_PX = 1024
VIEW_MARGIN_PX = 24

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class _Fit:
    """Everything that was estimated from the sample."""

    scorers: Mapping[str, Scorer]
    cuts: Mapping[str, Cut]
    roles: BandRoles
    normalisation: Normalisation
    screen: CloudScreen
    surfaces: SurfaceModel | None


@dataclass(frozen=True)
class _Run:
    """One comparison after its fit."""

    pair: ImagePair
    choice: SensorChoice
    registration: Registration
    fit: _Fit
    samples: Sequence[PairPixels]
    min_area_m2: float | None

    @property
    def is_fine(self) -> bool:
        """Finer than 5 m: objects are many pixels wide; a bare colour picture is taken for fine."""
        gsd_m = self.pair.grid.gsd_m()
        return self.choice.sensor == "rgb" if gsd_m is None else gsd_m <= FINE_GSD_M

    @property
    def min_px(self) -> float:
        """Smallest object in pixels."""
        return min_object_px(self.pair.grid.gsd_m(), self.min_area_m2, is_fine=self.is_fine)


@dataclass(frozen=True)
class _Scene:
    """Scores of the whole scene, one byte a pixel each: levels, a bit for each witness, surface codes."""

    levels: NDArray[np.uint8]
    witnesses: NDArray[np.uint8]
    codes: NDArray[np.uint8] | None


def detect_pair(  # noqa: PLR0913  every option is a keyword
    before: Path,
    after: Path,
    *,
    sensor: str = "auto",
    pixel_grid: bool = False,
    before_date: str | None = None,
    after_date: str | None = None,
    cloud_mask: Path | None = None,
    min_area_m2: float | None = None,
    progress: Progress | None = None,
    cancel: Callable[[], bool] | None = None,
    block_px: int = BLOCK_PX,
    workers: int | None = None,
) -> Detection:
    """Find what changed between two rasters of one place.

    Parameters
    ----------
    before, after : Path
        GeoTIFF or COG; PNG and JPEG with ``pixel_grid``.
    sensor : str
        ``auto``, ``multispectral``, ``rgb`` or ``sar``.
    cloud_mask : Path, optional
        Raster on the BEFORE grid, not 0 where either date is cloud or shadow.
    min_area_m2 : float, optional
        Smallest object; by default by resolution (pixels on a pixel grid).
    progress : callable, optional
        ``progress(stage, share)``, stage a key such as ``register``.
    cancel : callable, optional
        Asked between blocks.

    Raises
    ------
    InvalidInput
        Whatever `ingest.pair.open_pair` refuses; ``detection.pair.not_comparable`` where the dates do not
        register; ``detection.pair.nothing_observed`` where clouds and nodata leave nothing to compare.
    Conflict
        ``detection.pair.cancelled``.
    """
    tell = progress or (lambda _stage, _share: None)
    tell("open", 0.0)
    pair = open_pair(before, after, pixel_grid=pixel_grid, before_date=before_date, after_date=after_date)
    run = _prepare(pair, choose_sensor(pair.before, sensor), cloud_mask, min_area_m2, tell)
    scene = _score_scene(
        run,
        boxes=block_boxes(pair.grid.shape, block_px),
        workers=default_workers() if workers is None else workers,
        progress=lambda share: tell("score", share),
        cancel=cancel,
    )
    tell("outline", 0.0)
    detection = _assemble(run, scene, progress=lambda share: tell("classify", share))
    tell("done", 1.0)
    return detection


def _prepare(
    pair: ImagePair, choice: SensorChoice, cloud_mask: Path | None, min_area_m2: float | None, tell: Progress
) -> _Run:
    """Register the pair and fit the detectors on its samples."""
    tell("register", 0.0)
    registration = register(pair, progress=lambda share: tell("register", share))
    tell("fit", 0.0)
    screen = CloudScreen.of(pair, cloud_mask)
    samples = _samples(pair, registration, screen)
    return _Run(pair, choice, registration, _fit_all(pair, choice, samples, screen), samples, min_area_m2)


def _samples(pair: ImagePair, registration: Registration, screen: CloudScreen) -> list[PairPixels]:
    """The whole of a small scene, else 40 blocks spread evenly over it; read once, used by every fit."""
    rows, cols = pair.grid.shape
    boxes = [Box(0, 0, rows, cols)]
    if rows * cols > WHOLE_SAMPLE_PX:
        side_rows, side_cols = min(SAMPLE_SIDE_PX, rows), min(SAMPLE_SIDE_PX, cols)
        across = max(1, round((SAMPLE_BLOCKS * cols / rows) ** 0.5))
        down = max(1, -(-SAMPLE_BLOCKS // across))
        boxes = [
            Box(
                round((i + 0.5) * (rows - side_rows) / down),
                round((j + 0.5) * (cols - side_cols) / across),
                side_rows,
                side_cols,
            )
            for i in range(down)
            for j in range(across)
        ]
    with pair.reader() as reader:
        samples = [screen.screened(read_aligned(reader, box, registration), box) for box in boxes]
    observed = sum(int(block.is_valid.sum()) for block in samples)
    if observed < MIN_OBSERVED_PX:
        raise InvalidInput("detection.pair.nothing_observed", pixels=observed)
    return samples


def _fit_all(
    pair: ImagePair, choice: SensorChoice, samples: Sequence[PairPixels], screen: CloudScreen
) -> _Fit:
    scorers = {name: DETECTORS[name].fit(samples) for name in PANELS[choice.sensor].deciding}
    cuts = {}
    for name, scorer in scorers.items():
        spec = DETECTORS[name].spec
        scores = np.concatenate([scorer.score(block)[block.is_valid] for block in samples])
        cuts[name] = choose_cut(scores, floor_sigmas=spec.floor_sigmas, is_folded=spec.is_folded)
    irmad = scorers.get(Irmad.spec.name)
    bands = samples[0].before.shape[0]
    normalisation = (
        fit_normalisation(samples, irmad) if isinstance(irmad, IrmadFit) else Normalisation.identity(bands)
    )
    roles = band_roles(pair.before, samples)
    gsd_m = pair.grid.gsd_m()
    is_fine = gsd_m is not None and gsd_m <= FINE_GSD_M and choice.sensor == "multispectral"
    surfaces = SurfaceModel.fit(samples, roles, normalisation) if is_fine and roles.is_reflectance else None
    return _Fit(scorers, cuts, roles, normalisation, screen, surfaces)


def _score_scene(
    run: _Run,
    *,
    boxes: Sequence[Box],
    workers: int,
    progress: Callable[[float], None],
    cancel: Callable[[], bool] | None,
) -> _Scene:
    """Levels (0 none, 1 over the low cut, 2 over the cut, 255 not observed) and witnesses, by block."""
    shape = run.pair.grid.shape
    levels = np.full(shape, NOT_OBSERVED, np.uint8)
    witnesses = np.zeros(shape, np.uint8)
    surfaces = run.fit.surfaces
    codes = None if surfaces is None else np.zeros(shape, np.uint8)
    halo = max(HALO_PX, *(DETECTORS[name].spec.halo_px for name in run.fit.scorers))

    def work(reader: PairReader, box: Box) -> tuple[NDArray[np.uint8], ...]:
        outer = box.grown(halo, shape)
        pixels = run.fit.screen.screened(read_aligned(reader, outer, run.registration), outer)
        inner = box.inside(outer)
        block_levels, block_witnesses = _levels(run.fit, pixels)
        if surfaces is None:
            return block_levels[inner], block_witnesses[inner]
        block_codes = surfaces.codes(pixels.before, pixels.after, pixels.is_valid)
        return block_levels[inner], block_witnesses[inner], block_codes[inner]

    for box, blocks in run_blocks(run.pair, boxes, work, workers=workers, progress=progress, cancel=cancel):
        levels[box.slices], witnesses[box.slices] = blocks[:2]
        if codes is not None:
            codes[box.slices] = blocks[2]
    return _Scene(levels, witnesses, codes)


def _levels(fit: _Fit, pixels: PairPixels) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Mean of the witnesses' scores, each in units of its own cut: none has a veto."""
    fused = np.zeros(pixels.is_valid.shape, np.float32)
    witnesses = np.zeros(pixels.is_valid.shape, np.uint8)
    for bit, (name, scorer) in enumerate(fit.scorers.items()):
        relative = scorer.score(pixels) / np.float32(fit.cuts[name].value)
        fused += relative
        witnesses |= (relative >= 1.0).astype(np.uint8) << np.uint8(bit)
    fused /= len(fit.scorers)
    levels = (fused >= LOW_SHARE).astype(np.uint8) + (fused >= 1.0).astype(np.uint8)
    levels[~pixels.is_valid] = NOT_OBSERVED
    return levels, witnesses


def _assemble(run: _Run, scene: _Scene, *, progress: Callable[[float], None]) -> Detection:
    is_seen = scene.levels != NOT_OBSERVED
    if scene.codes is None:
        found = objects_of_levels(scene.levels, is_seen, min_px=run.min_px, is_fine=run.is_fine)
    else:
        found = objects_of_codes(scene.codes, is_seen, min_px=run.min_px, gsd_m=run.pair.grid.gsd_m() or 1.0)
    outlines = outline_objects(found.labels, run.pair.grid, residual_px=run.registration.residual_px)
    verdicts = _classify(run, scene, found, progress=progress)
    changes = []
    is_real = np.zeros(len(found.groups), bool)
    for label, outline in outlines.items():
        verdict = verdicts[label]
        witnesses = _agreement(run.fit, scene, found, label)
        is_real[label] = verdict.change_class not in NO_REAL_CHANGE
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
            )
        )
    is_cloud = np.array([group == "cloud" for group in found.groups])
    raster = np.where(is_seen & ~is_cloud[found.labels], UNCHANGED, NOT_OBSERVED).astype(np.uint8)
    raster[is_real[found.labels] & is_seen] = CHANGED
    return _detection(run, tuple(changes), raster)


def _classify(
    run: _Run, scene: _Scene, found: Objects, *, progress: Callable[[float], None]
) -> dict[int, Verdict]:
    """Verdict of every object; reads each object's window once more, at most ``VIEW_PX`` on a side."""
    count = len(found.groups)
    model, gsd_m = run.fit.surfaces, run.pair.grid.gsd_m()
    if scene.codes is None or model is None or gsd_m is None:
        return dict.fromkeys(range(1, count), UNKNOWN)
    verdicts = {}
    with run.pair.reader() as reader:
        for label in range(1, count):
            box = _view_box(found, label, run.pair.grid.shape)
            pixels = read_aligned(reader, box, run.registration)
            view = ObjectView(
                model.look(pixels.before, is_after=False),
                model.look(pixels.after, is_after=True),
                scene.codes[box.slices],
                found.labels[box.slices] == label,
                gsd_m,
            )
            verdicts[label] = classify_object(view, found.groups[label], model)
            progress(label / count)
    return verdicts


def _view_box(found: Objects, label: int, shape: tuple[int, int]) -> Box:
    """The object with its surroundings; of a giant only the middle."""
    row, col, rows, cols = object_box(found.stats, label)
    if max(rows, cols) > VIEW_PX:
        inside = np.argwhere(found.labels[row : row + rows, col : col + cols] == label)
        middle_row, middle_col = inside[len(inside) // 2]
        row, rows = max(row, row + int(middle_row) - VIEW_PX // 2), min(rows, VIEW_PX)
        col, cols = max(col, col + int(middle_col) - VIEW_PX // 2), min(cols, VIEW_PX)
    return Box(row, col, rows, cols).grown(VIEW_MARGIN_PX, shape)


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


def _agreement(fit: _Fit, scene: _Scene, found: Objects, label: int) -> dict[str, float]:
    """Share of the object's pixels on which each witness alone finds change."""
    row, col, rows, cols = object_box(found.stats, label)
    cut = slice(row, row + rows), slice(col, col + cols)
    is_object = found.labels[cut] == label
    bits = scene.witnesses[cut][is_object]
    shares = {name: float(((bits >> bit) & 1).mean()) for bit, name in enumerate(fit.scorers)}
    if scene.codes is not None:
        shares["surface_type"] = float((scene.codes[cut][is_object] > 0).mean())
    return shares


def _confidence(verdict: Verdict, witnesses: Mapping[str, float]) -> float:
    """Probability of the class times the mean agreement of the witnesses."""
    agreement = sum(witnesses.values()) / len(witnesses)
    return round(float(verdict.probabilities[verdict.change_class]) * (0.5 + 0.5 * agreement), 4)


def _control(run: _Run) -> float:
    """Share of pixels flagged when the same chain fits an unchanged twin of the sample."""
    some = run.samples[:: max(1, len(run.samples) // CONTROL_BLOCKS)]
    twins = unchanged_twins(some, is_speckle=run.choice.sensor == "sar")
    fit = _fit_all(run.pair, run.choice, twins, run.fit.screen)
    flags = [_levels(fit, twin)[0][twin.is_valid] == 2 for twin in twins]
    return float(np.concatenate(flags).mean())


def _detection(run: _Run, changes: tuple[DetectedChange, ...], raster: NDArray[np.uint8]) -> Detection:
    pair, fit = run.pair, run.fit
    detectors = {
        name: {
            "version": DETECTORS[name].spec.version,
            "parameters": dict(DETECTORS[name].spec.parameters),
            "fit": dict(scorer.report()),
            "cut": fit.cuts[name].report(),
        }
        for name, scorer in fit.scorers.items()
    }
    parameters = {
        "low_share": LOW_SHARE,
        "min_object_px": round(run.min_px, 3),
        "is_fine": run.is_fine,
        "sample_blocks": len(run.samples),
    }
    return Detection(
        changes=changes,
        change_raster=raster,
        grid=pair.grid,
        sensor=run.choice.sensor,
        sensor_reason_zh=run.choice.reason_zh,
        sensor_reason_en=run.choice.reason_en,
        method="+".join([*fit.scorers, *(["surface_type"] if fit.surfaces else [])]),
        version=VERSION,
        parameters=parameters,
        registration=run.registration.report(),
        normalisation=fit.normalisation.report(),
        detectors=detectors,
        no_change_control=_control(run),
        observed_share=float((raster != NOT_OBSERVED).mean()),
        cloud_share=fit.screen.share,
        before_sha256=pair.before.sha256,
        after_sha256=pair.after.sha256,
        before_at=pair.before_at,
        after_at=pair.after_at,
    )
