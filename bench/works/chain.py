"""The whole chain on one pair, and the physical floor under it: read both files, write one byte a pixel."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray

from bench.jobs import Job, Outcome, Place, digest
from bench.scenes import Pair, make_pair, planted_boxes, profile_of
from detection.pixels.changes import CHANGED, Detection
from detection.pixels.executor import choose_executor
from detection.pixels.pair_files import write_change_raster
from detection.pixels.pipeline import detect_pair
from ingest.raster import file_sha256

BRIGHT_COUNTS = 4096
EDGE_PX = 3
"""A flagged pixel this near a planted change belongs to it: mixed pixels, smoothing."""


def pair_of(place: Place) -> Pair:
    """The place's multispectral pair."""
    return make_pair(place.folder, side_px=place.side_px, compression=place.compression, bands=place.bands)


def detect(place: Place, *, workers: int = 1, mode: str = "threads") -> Job:
    """Scene to outlines and change raster, objects not named: rows R1 to R3 end at polygons.

    The files' digests are known, as they are of scenes in the archive.
    """
    pair = pair_of(place)
    digests = file_sha256(pair.before), file_sha256(pair.after)
    target = place.target(f"detect-{mode}-{workers}")

    def run() -> Detection:
        executor = choose_executor(mode, workers=workers)
        detection = detect_pair(pair.before, pair.after, executor=executor, is_typed=False, sha256=digests)
        write_change_raster(detection, target)
        return detection

    def judge(detection: Detection) -> Outcome:
        real = detection.real_changes
        facts = {"raster": file_digest(target), **planted_facts(target, place.side_px)}
        return Outcome(len(real), sum(change.area_m2 for change in real), facts)

    return Job(run, judge)


def read_write(place: Place) -> Job:
    """Read every pixel of both files, tile by tile in the order they lie in, and write one byte for each."""
    pair = pair_of(place)
    target = place.target("floor")
    profile = profile_of(place.side_px, "none", count=1, dtype="uint8") | {"compress": "deflate"}

    def run() -> int:
        pixels = 0
        with ExitStack() as stack:
            before, after = (stack.enter_context(rasterio.open(path)) for path in (pair.before, pair.after))
            sink = stack.enter_context(rasterio.open(target, "w", **profile))
            for _, window in before.block_windows(1):
                first, second = before.read(window=window), after.read(window=window)
                sink.write((first[0] >= BRIGHT_COUNTS).astype(np.uint8), 1, window=window)
                pixels += first.size + second.size
        return pixels

    return Job(run, lambda pixels: Outcome(pixels, float(place.side_px**2)))


def planted_facts(raster: Path, side_px: int) -> dict[str, float]:
    """Share of planted changes of which half is flagged, and share of all other pixels that is flagged."""
    with rasterio.open(raster) as source:
        flagged = source.read(1) == CHANGED
    around = np.zeros(flagged.shape, bool)
    found = 0
    boxes = planted_boxes(side_px)
    for row, col, rows, cols in boxes:
        found += bool(flagged[row : row + rows, col : col + cols].mean() >= 0.5)
        around[row - EDGE_PX : row + rows + EDGE_PX, col - EDGE_PX : col + cols + EDGE_PX] = True
    return {
        "planted_found": round(found / len(boxes), 4),
        "flagged_elsewhere": round(float(flagged[~around].mean()), 6),
    }


def file_digest(path: Path) -> str:
    """Digest of a raster's pixels; how they are packed in the file does not matter."""
    with rasterio.open(path) as source:
        pixels: NDArray[np.uint8] = source.read(1)
    return digest(pixels)
