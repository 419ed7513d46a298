"""One pair against its truth: pixels, objects, false alarms without change, and what it cost."""

from __future__ import annotations

import platform
import resource
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import rasterio
import scipy
import shapely
from numpy.typing import NDArray
from rasterio.features import shapes

from detection.accuracy.truth import Frame, Truth, moved_truth, read_truth
from detection.evaluation.scores import PixelScores, match_objects, score_pixels
from detection.pairs import compare_files
from detection.pixels.align import register, register_chain
from detection.pixels.changes import CHANGED, NOT_OBSERVED, UNCHANGED, DetectedChange, Detection
from detection.pixels.net.inference import Weights
from detection.pixels.pair_files import write_change_raster
from ingest.pair import Box, ImagePair, open_pair
from ingest.raster import write_byte_raster

FLOOR_ROWS = 512
REPEATED_PX = 1 << 21
"""Small pairs are run twice: the second knows whether the first repeats, and carries no start-up cost."""
KNOWN_SHARE = 0.5
"""A found object counts only where at least half of it is labelled."""


@dataclass(frozen=True)
class Question:
    """A pair, its truth and how to run it.

    Attributes
    ----------
    frame : str
        Image on which the truth was drawn; truth on the later one is moved by the registration.
    through : tuple of Path
        Dates between, for registration.
    gsd_m : float, optional
        Resolution of pictures without georeferencing, m.
    classes : tuple of str
        Classes of change that the truth shows; others found do not count. Empty: every change of the land.
    weights : Weights, optional
        Of the net; by default those that the product ships.
    """

    before: Path
    after: Path
    truth: Path | None
    sensor: str = "auto"
    pixel_grid: bool = False
    frame: Frame = "before"
    changed_value: int | None = None
    unchanged_value: int | None = None
    through: tuple[Path, ...] = ()
    gsd_m: float | None = None
    classes: tuple[str, ...] = ()
    weights: Weights | None = None

    def asks_for(self, change: DetectedChange) -> bool:
        """Whether the truth says anything about such a change."""
        return change.is_real and (not self.classes or change.change_class in self.classes)


@dataclass(frozen=True)
class Answer:
    """What came out of it; ``pixels`` is None without truth."""

    detection: Detection
    truth: Truth | None
    pixels: PixelScores | None
    objects: dict[str, Any] | None
    cpu_s: float
    floor_cpu_s: float
    is_repeatable: bool | None

    def report(self) -> dict[str, Any]:
        """JSON-serialisable: scores, control, cost as a ratio, versions."""
        detection, summary = self.detection, self.detection.summary()
        return {
            "sensor": detection.sensor,
            "sensor_reason": detection.sensor_reason_en,
            "method": detection.method,
            "version": detection.version,
            "registration": dict(detection.registration),
            "pixels": None if self.pixels is None else pixel_report(self.pixels),
            "objects": self.objects,
            "truth": None if self.truth is None else _truth_report(self.truth),
            "changed_share": summary["changed_share"],
            "observed_share": summary["observed_share"],
            "no_change_control": summary["no_change_control"],
            "is_repeatable": self.is_repeatable,
            "cpu_s": round(self.cpu_s, 3),
            "floor_cpu_s": round(self.floor_cpu_s, 4),
            "cpu_over_read_write": round(self.cpu_s / max(self.floor_cpu_s, 1e-4), 2),
            "peak_memory_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
            "before_sha256": detection.before_sha256,
            "after_sha256": detection.after_sha256,
            "versions": library_versions(),
        }


def evaluate_pair(question: Question) -> Answer:
    """Run the product's own chain on a pair and compare with the truth, which the chain never sees.

    CPU seconds are those of the whole chain with its change raster written, and of reading both rasters and
    writing a raster of the same size, in the same process; small pairs run twice, the quicker counts.

    Raises
    ------
    InvalidInput
        Whatever `detect_pair` and `read_truth` refuse.
    """
    pair = open_pair(
        question.before, question.after, pixel_grid=question.pixel_grid, allow_different_bands=True
    )
    is_small = pair.grid.rows * pair.grid.cols <= REPEATED_PX
    with tempfile.TemporaryDirectory() as folder:
        runs = [_run(question, Path(folder) / "change.tif") for _ in range(2 if is_small else 1)]
        floor_cpu_s = min(_floor(pair, Path(folder) / "floor.tif") for _ in runs)
    detection, cpu_s = runs[0][0], min(seconds for _, seconds in runs)
    is_repeatable = None
    if is_small:
        is_repeatable = bool((runs[0][0].change_raster == runs[1][0].change_raster).all())
    if question.truth is None:
        return Answer(detection, None, None, None, cpu_s, floor_cpu_s, is_repeatable)
    truth = read_truth(
        question.truth,
        pair.grid,
        changed_value=question.changed_value,
        unchanged_value=question.unchanged_value,
    )
    if question.frame == "after":
        truth = moved_truth(truth, _registration(question, pair))
    raster = _asked_raster(detection, question)
    pixels = score_pixels(raster == CHANGED, truth.is_changed, truth.is_labelled & (raster != NOT_OBSERVED))
    objects = _object_report(detection, truth, question)
    return Answer(detection, truth, pixels, objects, cpu_s, floor_cpu_s, is_repeatable)


def _asked_raster(detection: Detection, question: Question) -> NDArray[np.uint8]:
    """The change raster with only the classes that are asked for."""
    raster = detection.change_raster
    is_asked = np.array([False, *(question.asks_for(change) for change in detection.changes)])
    numbers = detection.objects.paint(Box(0, 0, *raster.shape))
    raster[(raster == CHANGED) & ~is_asked[numbers]] = UNCHANGED
    return raster


def _run(question: Question, target: Path) -> tuple[Detection, float]:
    start = time.process_time()
    detection = compare_files(
        question.before,
        question.after,
        sensor=question.sensor,
        pixel_grid=question.pixel_grid,
        through=question.through,
        gsd_m=question.gsd_m,
        weights=question.weights,
    ).detection
    write_change_raster(detection, target)
    return detection, time.process_time() - start


def pixel_report(scores: PixelScores) -> dict[str, float]:
    """The figures of a confusion matrix, rounded."""
    unchanged = scores.false_positive + scores.true_negative
    return {
        "precision": round(scores.precision, 4),
        "recall": round(scores.recall, 4),
        "f1": round(scores.f1, 4),
        "iou": round(scores.iou, 4),
        "kappa": round(scores.kappa, 4),
        "false_positive_rate": round(scores.false_positive / unchanged, 5) if unchanged else 0.0,
        "labelled_px": unchanged + scores.true_positive + scores.false_negative,
    }


def pooled(scores: Sequence[PixelScores]) -> PixelScores:
    """Several pairs counted as one."""
    return PixelScores(
        sum(one.true_positive for one in scores),
        sum(one.false_positive for one in scores),
        sum(one.false_negative for one in scores),
        sum(one.true_negative for one in scores),
    )


def library_versions() -> dict[str, str]:
    """What the figures were made with."""
    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": str(scipy.__version__),
        "opencv": str(cv2.__version__),
        "rasterio": str(rasterio.__version__),
        "gdal": str(rasterio.__gdal_version__),
    }


def _registration(question: Question, pair: ImagePair) -> Any:
    if question.through:
        dates = [question.before, *question.through, question.after]
        return register_chain(dates, pixel_grid=question.pixel_grid)
    return register(pair)


def _truth_report(truth: Truth) -> dict[str, Any]:
    changed = truth.is_changed & truth.is_labelled
    return {
        "coding": truth.coding,
        "is_partial": truth.is_partial,
        "labelled_share": round(float(truth.is_labelled.mean()), 4),
        "changed_share": round(float(changed.sum()) / max(int(truth.is_labelled.sum()), 1), 4),
    }


def _object_report(detection: Detection, truth: Truth, question: Question) -> dict[str, Any]:
    """Objects by overlap in pixels; true ones below the smallest object do not count."""
    least_px = float(detection.parameters["min_object_px"])
    planted = [shape for shape in _outlines(truth.is_changed & truth.is_labelled) if shape.area >= least_px]
    found = [change.outline_px for change in detection.changes if question.asks_for(change)]
    judged = [
        outline for outline in found if not truth.is_partial or _labelled_share(outline, truth) >= KNOWN_SHARE
    ]
    recall = match_objects(found, planted, kinds=["all"] * len(planted), classes=["any"] * len(found)).recall
    scores = match_objects(judged, planted, kinds=["all"] * len(planted), classes=["any"] * len(judged))
    both = recall + scores.precision
    return {
        "true": scores.truths,
        "found": scores.found,
        "recall": round(recall, 4),
        "precision": round(scores.precision, 4),
        "f1": round(2 * recall * scores.precision / both, 4) if both else 0.0,
        "least_px": round(least_px, 1),
    }


def _outlines(mask: NDArray[np.bool_]) -> list[Any]:
    """Polygons of a mask, in columns and rows."""
    found = shapes(mask.astype(np.uint8), mask=mask, connectivity=8)
    return [shapely.make_valid(shapely.geometry.shape(geometry)) for geometry, _ in found]


def _labelled_share(outline: Any, truth: Truth) -> float:
    left, top, right, bottom = outline.bounds
    rows, cols = truth.is_labelled.shape
    box = Box(max(int(top), 0), max(int(left), 0), 0, 0)
    box = Box(box.row, box.col, min(int(bottom) + 1, rows) - box.row, min(int(right) + 1, cols) - box.col)
    if box.rows <= 0 or box.cols <= 0:
        return 0.0
    shift = rasterio.Affine.translation(box.col, box.row)
    drawn = rasterio.features.rasterize([outline], out_shape=(box.rows, box.cols), transform=shift)
    is_inside = np.asarray(drawn) > 0
    return float(truth.is_labelled[box.slices][is_inside].mean()) if is_inside.any() else 0.0


def _floor(pair: ImagePair, target: Path) -> float:
    """CPU seconds of reading both rasters and writing a byte raster of the same size."""
    start = time.process_time()
    rows, cols = pair.grid.shape
    seen = np.zeros((rows, cols), np.uint8)
    with pair.reader() as reader:
        for row in range(0, rows, FLOOR_ROWS):
            box = Box(row, 0, min(FLOOR_ROWS, rows - row), cols)
            _, is_before = reader.read_before(box)
            _, is_after = reader.read_after(box)
            seen[box.slices] = is_before & is_after
    write_byte_raster(target, pair.grid, lambda first, last: seen[first:last], nodata=255, tags={})
    return time.process_time() - start
