"""Scenes as values: one image of one time, and what its bands are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from shapely.geometry.base import BaseGeometry

KNOWN_BANDS = {
    "blue": "blue", "b": "blue", "green": "green", "g": "green", "red": "red", "r": "red",
    "nir": "nir", "near infrared": "nir", "swir1": "swir1", "swir2": "swir2", "gray": "gray", "grey": "gray",
    "scl": "scl", "cloud": "cloud", "cloud mask": "cloud",
    "height": "height", "dsm": "height", "dtm": "height", "dem": "height", "elevation": "height",
}  # fmt: skip
USUAL_BANDS = {1: ("gray",), 3: ("red", "green", "blue"), 4: ("blue", "green", "red", "nir")}
"""What a supplier means by this many bands when the file does not say: stored as a decision, and shown."""


SURFACE = "surface"
SCENE_KINDS = ("satellite", "drone", SURFACE)


@dataclass(frozen=True, slots=True)
class Scene:
    """One imported image, or surface model.

    Attributes
    ----------
    county_code : str
        Six digits.
    kind : str
        ``satellite``, ``drone``, or ``surface``: a surface model, whose only band is metres of height.
    bands : tuple of str
        Names in the order of the file.
    footprint : MultiPolygon
        Of valid pixels, EPSG:4490.
    display_range : mapping
        Band name → (low, high) of the display stretch, in stored values.
    """

    scene_id: UUID
    county_code: str
    kind: str
    sensor: str
    acquired_at: datetime
    bands: tuple[str, ...]
    gsd_m: float
    crs: str
    cloud_pct: float | None
    footprint: BaseGeometry
    source_name: str
    source_sha256: str
    cog_sha256: str
    display_range: Mapping[str, Sequence[float]]
    imported_at: datetime

    @property
    def is_surface(self) -> bool:
        """Whether it holds heights: nothing to look at as a picture."""
        return self.kind == SURFACE

    def display_bands(self) -> tuple[int, int, int]:
        """1-based numbers of the bands shown as red, green, blue; without colour the first thrice."""
        if {"red", "green", "blue"} <= set(self.bands):
            red, green, blue = (self.bands.index(name) + 1 for name in ("red", "green", "blue"))
            return red, green, blue
        return (1, 2, 3) if len(self.bands) >= 3 else (1, 1, 1)


def name_bands(descriptions: Sequence[Any], count: int) -> tuple[str, ...]:
    """Band names from the file's descriptions, else by the usual order for their number."""
    told = [KNOWN_BANDS.get(str(text or "").strip().lower()) for text in descriptions]
    if len(told) == count and all(told):
        return tuple(str(name) for name in told)
    return USUAL_BANDS.get(count, tuple(f"band{number}" for number in range(1, count + 1)))
