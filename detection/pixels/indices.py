"""What bands mean, and spectral indices of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detection.pixels.threshold import percentiles
from ingest.pair import PairPixels
from ingest.raster import RasterInfo

FloatGrid = NDArray[np.float32]

DEFAULT_ROLES: Mapping[int, tuple[str, ...]] = {
    3: ("red", "green", "blue"),
    4: ("blue", "green", "red", "nir"),
    6: ("blue", "green", "red", "nir", "swir1", "swir2"),
    7: ("blue", "green", "red", "nir", "swir1", "thermal", "swir2"),
    13: (
        *("coastal", "blue", "green", "red", "edge1", "edge2", "edge3"),
        *("nir", "nir2", "vapour", "cirrus", "swir1", "swir2"),
    ),
}
"""Band order where the file does not say: picture, GF, TM without and with thermal, Sentinel-2."""

NAMES: Mapping[str, str] = {
    "near infrared": "nir",
    "near-infrared": "nir",
    "nir1": "nir",
    "b": "blue",
    "g": "green",
    "r": "red",
}
REFLECTANCE_SCALES = ((1.6, 1.0), (16_000.0, 1e-4))


@dataclass(frozen=True, slots=True)
class BandRoles:
    """Which band is which (index from 0), and the factor to surface reflectance, None where unknown."""

    index: Mapping[str, int]
    reflectance_scale: float | None

    def has(self, *roles: str) -> bool:
        """Whether all these roles are there."""
        return all(role in self.index for role in roles)

    @property
    def is_reflectance(self) -> bool:
        """Blue to near infrared in known reflectance: spectral rules may speak in absolute numbers."""
        return self.reflectance_scale is not None and self.has("blue", "green", "red", "nir")


def band_roles(info: RasterInfo, samples: Sequence[PairPixels]) -> BandRoles:
    """Roles by the bands' descriptions, else by the usual order for their number.

    Reflectance is recognised by its range: floats up to 1.6, or integers wider than 8 bits of which 99.9 %
    stay below 16,000 with a median above 200 (the ×10,000 convention).
    """
    names = [NAMES.get(name, name) for name in info.descriptions]
    known = {"blue", "green", "red", "nir", "swir1", "swir2"}
    if len(known & set(names)) >= min(3, info.bands):
        index = {name: names.index(name) for name in known & set(names)}
    else:
        index = {role: number for number, role in enumerate(DEFAULT_ROLES.get(info.bands, ()))}
    return BandRoles(index, _reflectance_scale(info, samples))


def _reflectance_scale(info: RasterInfo, samples: Sequence[PairPixels]) -> float | None:
    if info.dtype == "uint8":
        return None
    values = [
        (block.before if block.is_valid.all() else block.before[:, block.is_valid]).ravel()[::7]
        for block in samples
        if block.is_valid.any()
    ]
    if not values:
        return None
    joined = np.concatenate(values)
    middle, high = percentiles(joined, 50.0, 99.9)
    if high <= 1.6 and middle > 0.005:
        return 1.0
    if np.dtype(info.dtype).kind in "ui" and middle > 200 and 1000 < high <= 16_000:
        return 1e-4
    return None


def normalised_difference(first: FloatGrid, second: FloatGrid) -> FloatGrid:
    """(first − second) / (first + second), 0 where the sum vanishes."""
    total = first + second
    safe = np.where(np.abs(total) > 1e-6, total, 1.0)
    ratio: FloatGrid = np.where(np.abs(total) > 1e-6, (first - second) / safe, 0.0).astype(np.float32)
    return ratio
