"""From a mask to exact polygons without small parts: by runs and boundaries, and as GDAL does it."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import rasterio.features
import shapely
from numpy.typing import NDArray
from shapely.geometry import shape as as_geometry

from bench.jobs import Job, Outcome, Place, digest
from bench.scenes import SEED
from detection.pixels.objects.components import at_least
from detection.pixels.objects.runs import Runs
from detection.pixels.objects.trace import traced

LEAST_PX = 8
CHANGED_SHARE = 0.03
SALT_SHARE = 0.001
BLOB_SIGMA_PX = 5.0


def changed_mask(side_px: int) -> NDArray[np.uint8]:
    """Blobs with ragged edges and holes over 3 % of the scene, and salt; uint8 0 or 1.

    Holes smaller than the sieve are filled: a sieve would fill them too, and outlines keep them.
    """
    random = np.random.default_rng((SEED, side_px))
    noise = random.standard_normal((side_px, side_px), np.float32)
    smooth = np.asarray(cv2.GaussianBlur(noise, (0, 0), BLOB_SIGMA_PX), np.float32)
    smooth *= np.float32(1.0 / smooth.std())
    smooth += np.float32(0.25) * np.asarray(cv2.GaussianBlur(noise, (0, 0), 1.0), np.float32)
    mask: NDArray[np.bool_] = smooth > np.quantile(smooth[::7, ::7], 1.0 - CHANGED_SHARE)
    mask |= random.random((side_px, side_px), np.float32) < SALT_SHARE
    _, holes, stats, _ = cv2.connectedComponentsWithStats((~mask).astype(np.uint8), connectivity=4)
    mask |= (stats[:, cv2.CC_STAT_AREA] < LEAST_PX)[holes] & (holes > 0)
    return np.asarray(mask, np.uint8)


def runs_traced(place: Place) -> Job:
    """Ours: runs, components, boundaries followed; polygons as the product keeps them."""
    mask = changed_mask(place.side_px)

    def run() -> NDArray[np.object_]:
        return traced(at_least(Runs.of(mask), LEAST_PX))[0]

    return Job(run, _judged)


def sieve_and_shapes(place: Place) -> Job:
    """What rasterio's users write; the polygons stay dictionaries, as it hands them out."""
    mask = changed_mask(place.side_px)

    def run() -> list[Any]:
        sieved = rasterio.features.sieve(mask, LEAST_PX, connectivity=8)
        return [geometry for geometry, _ in rasterio.features.shapes(sieved, mask=sieved > 0, connectivity=4)]

    return Job(run, lambda found: _judged(np.array([as_geometry(geometry) for geometry in found], object)))


def _judged(polygons: NDArray[np.object_]) -> Outcome:
    """Sorted by what they are, so that neither order nor first corner matters."""
    packed = sorted(shapely.to_wkb(shapely.normalize(polygons)).tolist())
    facts = {
        "polygons": digest(np.frombuffer(b"".join(packed), np.uint8)),
        "valid_share": float(shapely.is_valid(polygons).mean()),
    }
    return Outcome(len(polygons), float(shapely.area(polygons).sum()), facts)
