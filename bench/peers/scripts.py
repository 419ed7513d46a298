"""What a user's own script would be: whole scenes in memory, numpy, scipy and rasterio, textbook formulas."""

from __future__ import annotations

from typing import Any

import numpy as np
import rasterio
import rasterio.features
from numpy.typing import NDArray
from scipy import linalg, ndimage, stats
from shapely.geometry import shape as as_geometry

from bench.jobs import Job, Outcome, Place
from bench.works.chain import pair_of, planted_facts
from bench.works.scores import radar_pair

LEAST_PX = 4
FloatArray = NDArray[np.float64]
FloatGrid = NDArray[np.float32]


def chain(place: Place) -> Job:
    """Read both, normalise, change vector, Otsu, open and close, sieve, polygons, mask file."""
    pair = pair_of(place)
    target = place.target("script")

    def run() -> list[Any]:
        with rasterio.open(pair.before) as first, rasterio.open(pair.after) as second:
            before, after = first.read().astype(np.float32), second.read().astype(np.float32)
            profile = first.profile
        magnitude = _change_vector(before, after)
        mask = magnitude > _otsu(magnitude)
        mask = ndimage.binary_opening(ndimage.binary_closing(mask, np.ones((3, 3))), np.ones((2, 2)))
        clean = rasterio.features.sieve(mask.astype(np.uint8), LEAST_PX, connectivity=8)
        transform = profile["transform"]
        found = rasterio.features.shapes(clean, mask=clean > 0, connectivity=8, transform=transform)
        polygons = [as_geometry(geometry) for geometry, _ in found]
        for name in ("predictor", "zstd_level", "zlevel"):
            profile.pop(name, None)
        profile.update(count=1, dtype="uint8", compress="deflate")
        with rasterio.open(target, "w", **profile) as sink:
            sink.write(clean, 1)
        return polygons

    def judge(polygons: list[Any]) -> Outcome:
        area = sum(polygon.area for polygon in polygons)
        return Outcome(len(polygons), area, planted_facts(target, place.side_px))

    return Job(run, judge)


def change_vector(place: Place, *, otsu: str) -> Job:
    """Change vector and Otsu (see `OTSU`) on arrays."""
    before, after = _arrays(place)

    def run() -> NDArray[np.bool_]:
        magnitude = _change_vector(before.astype(np.float32), after.astype(np.float32))
        return np.asarray(magnitude > OTSU[otsu](magnitude))

    return Job(run, _flagged)


def sar_log_ratio(place: Place, *, otsu: str) -> Job:
    """Box means, log-ratio and Otsu (see `OTSU`) on arrays."""
    before, after = radar_pair(place.side_px)

    def run() -> NDArray[np.bool_]:
        first, second = (ndimage.uniform_filter(date, 5) for date in (before, after))
        ratio = np.abs(np.log((second + 1e-6) / (first + 1e-6)))
        return np.asarray(ratio > OTSU[otsu](ratio))

    return Job(run, _flagged)


def irmad(place: Place) -> Job:
    """IR-MAD on every pixel: read, iterate to 1e-3 with a general eigensolver, χ², write."""
    pair = pair_of(place)
    target = place.target("irmad-script")

    def run() -> tuple[FloatArray, NDArray[np.bool_]]:
        with rasterio.open(pair.before) as first, rasterio.open(pair.after) as second:
            before, after = first.read().astype(float), second.read().astype(float)
            profile = first.profile
        bands = len(before)
        correlations, chi = _irmad(before.reshape(bands, -1), after.reshape(bands, -1))
        flagged = (chi > stats.chi2.ppf(0.999, bands)).reshape(before.shape[1:])
        for name in ("predictor", "zstd_level", "zlevel"):
            profile.pop(name, None)
        profile.update(count=1, dtype="uint8", compress="deflate")
        with rasterio.open(target, "w", **profile) as sink:
            sink.write(flagged.astype(np.uint8), 1)
        return correlations, flagged

    def judge(result: tuple[FloatArray, NDArray[np.bool_]]) -> Outcome:
        facts = {"correlations": [round(float(value), 6) for value in result[0]]}
        return Outcome(int(result[1].sum()), float(result[1].sum()), facts)

    return Job(run, judge)


def _irmad(before: FloatArray, after: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Nielsen (2007), as the formulas stand; inputs (bands, pixels)."""
    bands, pixels = before.shape
    weights = np.ones(pixels)
    correlations = np.zeros(bands)
    both = np.vstack([before, after])
    while True:
        mean = np.average(both, axis=1, weights=weights)
        covariance = np.cov(both, aweights=weights)
        xx, yy = covariance[:bands, :bands], covariance[bands:, bands:]
        xy = covariance[:bands, bands:]
        squares, a = linalg.eigh(xy @ linalg.inv(yy) @ xy.T, xx)
        found = np.sqrt(squares)
        b = linalg.inv(yy) @ xy.T @ a / found
        mads = a.T @ (before - mean[:bands, None]) - b.T @ (after - mean[bands:, None])
        chi = (mads**2 / (2 * (1 - found))[:, None]).sum(axis=0)
        if np.abs(found - correlations).max() < 1e-3:
            return found, chi
        correlations = found
        weights = stats.chi2.sf(chi, bands)


def _change_vector(before: FloatGrid, after: FloatGrid) -> FloatGrid:
    """Length of the difference of standardised bands."""
    difference = _standardised(after) - _standardised(before)
    return np.asarray(np.sqrt((difference**2).sum(axis=0)), np.float32)


def _standardised(grid: FloatGrid) -> FloatGrid:
    middle, spread = grid.mean(axis=(1, 2), keepdims=True), grid.std(axis=(1, 2), keepdims=True)
    return np.asarray((grid - middle) / spread, np.float32)


def _otsu(values: FloatGrid) -> float:
    counts, edges = np.histogram(values, 256)
    centres = (edges[:-1] + edges[1:]) / 2
    below, above = np.cumsum(counts), np.cumsum(counts[::-1])[::-1]
    low = np.cumsum(counts * centres) / np.maximum(below, 1)
    high = (np.cumsum((counts * centres)[::-1]) / np.maximum(np.cumsum(counts[::-1]), 1))[::-1]
    between = below[:-1] * above[1:] * (low[:-1] - high[1:]) ** 2
    return float(centres[:-1][np.argmax(between)])


def _otsu_scanning(values: FloatGrid) -> float:
    """Every one of 400 levels tried on all pixels, as public collections of change detection scripts do."""
    best, found = -1.0, float(values.min())
    flat = values.ravel()
    for level in np.linspace(flat.min(), flat.max(), 402)[1:-1]:
        low, high = flat[flat <= level], flat[flat > level]
        between = len(low) * len(high) * (low.mean() - high.mean()) ** 2
        if between > best:
            best, found = between, float(level)
    return found


OTSU = {"histogram": _otsu, "scanning": _otsu_scanning}
"""Two ways to write Otsu's rule: from a histogram, or trying each level on the pixels."""


def _arrays(place: Place) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    pair = pair_of(place)
    with rasterio.open(pair.before) as first, rasterio.open(pair.after) as second:
        return first.read(), second.read()


def _flagged(flagged: NDArray[np.bool_]) -> Outcome:
    return Outcome(int(flagged.sum()), float(flagged.sum()))
