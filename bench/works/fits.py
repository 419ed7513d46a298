"""IR-MAD: fitted on a sample or on everything, and streamed over a scene."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray

from bench.jobs import Job, Outcome, Place
from bench.scenes import profile_of
from bench.works.blocks import MANY_ACROSS, sample_blocks, whole
from bench.works.chain import pair_of
from detection.pixels.detectors.irmad import Irmad, IrmadFit, fit_irmad
from detection.pixels.threshold import choose_cut
from ingest.pair import PairPixels

SAMPLE_TILES = 6
CUT_STEP = 6
"""Every so manieth pixel of the sample tiles chooses the cut: about as many as in the chain."""
Tile = tuple[NDArray[Any], NDArray[Any]]


def irmad_on_sample(place: Place) -> Job:
    """Fit on sample blocks, as the chain does."""
    pixels = whole(place)

    def run() -> IrmadFit:
        return Irmad().fit(sample_blocks(pixels, MANY_ACROSS))

    return Job(run, lambda fit: _judged(fit, place))


def irmad_on_all(place: Place) -> Job:
    """Fit on every pixel of the scene."""
    pixels = whole(place)

    def run() -> IrmadFit:
        before, after = (
            grid.reshape(len(grid), -1).T.astype(np.float64) for grid in (pixels.before, pixels.after)
        )
        return fit_irmad(before, after)

    return Job(run, lambda fit: _judged(fit, place))


def irmad_streamed(place: Place) -> Job:
    """Fit and cut on sample tiles, score tile by tile, write one byte a pixel: nothing else of the chain."""
    pair = pair_of(place)
    target = place.target("irmad")
    profile = profile_of(place.side_px, "none", count=1, dtype="uint8") | {"compress": "deflate"}
    spec = Irmad.spec

    def run() -> IrmadFit:
        with ExitStack() as stack:
            before, after = (stack.enter_context(rasterio.open(path)) for path in (pair.before, pair.after))
            sink = stack.enter_context(rasterio.open(target, "w", **profile))
            windows = [window for _, window in before.block_windows(1)]
            step = max(1, len(windows) // SAMPLE_TILES)
            tiles = {window: _read(before, after, window) for window in windows[step // 2 :: step]}
            fit = Irmad().fit([_as_pixels(*tile) for tile in tiles.values()])
            scores = [np.sqrt(fit.chi_square(*tile)).ravel()[::CUT_STEP] for tile in tiles.values()]
            cut = choose_cut(np.concatenate(scores), floor_sigmas=spec.floor_sigmas, is_folded=spec.is_folded)
            for window in windows:
                tile = tiles.pop(window, None) or _read(before, after, window)
                is_changed = fit.chi_square(*tile) >= np.float32(cut.value**2)
                sink.write(is_changed.view(np.uint8), 1, window=window)
        return fit

    def judge(fit: IrmadFit) -> Outcome:
        with rasterio.open(target) as source:
            flagged: NDArray[np.uint8] = source.read(1)
        return Outcome(int(flagged.sum()), float(flagged.sum()), _facts(fit))

    return Job(run, judge)


def _read(before: rasterio.DatasetReader, after: rasterio.DatasetReader, window: object) -> Tile:
    return before.read(window=window), after.read(window=window)


def _as_pixels(before: NDArray[Any], after: NDArray[Any]) -> PairPixels:
    first, second = (date.astype(np.float32) for date in (before, after))
    return PairPixels(first, second, np.ones(first.shape[1:], bool))


def _judged(fit: IrmadFit, place: Place) -> Outcome:
    return Outcome(fit.iterations, float(place.side_px**2), _facts(fit))


def _facts(fit: IrmadFit) -> dict[str, list[float]]:
    return {"correlations": [round(float(value), 6) for value in fit.correlations]}
