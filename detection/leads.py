"""A lead (线索): one observation by one source about one place and time. Never edited, never deleted.

Some leads draw an outline. Others are sightings: they know a place and how far they may be off it, and never
more than that; a camera's ray makes no polygon.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import shapely
from shapely.geometry.base import BaseGeometry

from foundation.crs import geodesic_disc
from foundation.errors import InvalidInput

SOURCES = ("satellite", "drone", "surface", "camera", "cadastre", "public", "patrol")
SIGHTING_ONLY = frozenset({"camera"})
"""Sources that see along a ray: they tell a place, never an outline."""
RADIUS_TO_SIGMA = 2.4477
"""A circle of so many standard deviations holds 95 % of a two-dimensional normal error."""


@dataclass(frozen=True, slots=True)
class Lead:
    """One observation.

    Attributes
    ----------
    observed_from, observed_to : datetime
        The change lies between the two; with a time zone. Equal for what was seen at one moment.
    outline : Polygon or MultiPolygon, or None
        EPSG:4490. None for a sighting.
    area_m2, area_min_m2, area_max_m2 : float
        Ellipsoidal, with the error band of the observation; 0 for a sighting, which knows none.
    confidence : float
        0–1, for ranking.
    witnesses : mapping
        Detector name -> whether it agrees.
    place : Point or None
        EPSG:4490. What a sighting knows instead of an outline.
    radius_m : float or None
        Within so much of the place the thing lies, with 95 %.

    Raises
    ------
    InvalidInput
        ``detection.lead.outline_or_place``, ``detection.lead.ray_with_outline`` or
        ``detection.lead.bad_radius``.
    """

    lead_id: UUID
    source: str
    division_code: str
    observed_from: datetime
    observed_to: datetime
    outline: BaseGeometry | None
    area_m2: float
    area_min_m2: float
    area_max_m2: float
    change_class: str
    confidence: float
    run_id: UUID | None = None
    class_probabilities: Mapping[str, float] = field(default_factory=dict)
    witnesses: Mapping[str, bool] = field(default_factory=dict)
    before_chip_sha256: str | None = None
    after_chip_sha256: str | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    place: shapely.Point | None = None
    radius_m: float | None = None

    def __post_init__(self) -> None:
        if (self.outline is None) == (self.place is None) or (self.place is None) != (self.radius_m is None):
            raise InvalidInput("detection.lead.outline_or_place", lead_id=str(self.lead_id))
        if self.radius_m is not None and not 0.0 < self.radius_m < 1e5:
            raise InvalidInput("detection.lead.bad_radius", radius_m=self.radius_m)
        if self.outline is not None and self.source in SIGHTING_ONLY:
            raise InvalidInput("detection.lead.ray_with_outline", source=self.source)

    @property
    def is_sighting(self) -> bool:
        """Whether it knows a place only."""
        return self.outline is None

    @property
    def corrects(self) -> bool:
        """Whether a person drew it to correct a patch, so that it is no finding of its own."""
        return "corrects" in self.attributes

    @property
    def site(self) -> tuple[UUID, int] | None:
        """The same for leads of one comparison whose pixels touch; None for other sources."""
        number = self.attributes.get("site")
        return None if self.run_id is None or number is None else (self.run_id, int(number))

    @property
    def sigma_m(self) -> float:
        """Standard deviation of a sighting's place along one axis; 0 for a lead with an outline."""
        return (self.radius_m or 0.0) / RADIUS_TO_SIGMA

    @property
    def ground(self) -> BaseGeometry:
        """Where it may lie: its outline, or the disc of its error. EPSG:4490."""
        if self.outline is not None:
            return self.outline
        point = self.place or shapely.Point()
        return geodesic_disc((point.x, point.y), self.radius_m or 0.0)


def sighting(
    *,
    lead_id: UUID,
    source: str,
    division_code: str,
    seen_at: datetime,
    lonlat: tuple[float, float],
    radius_m: float,
    change_class: str,
    confidence: float,
    attributes: Mapping[str, Any] | None = None,
) -> Lead:
    """A lead that knows a place (degrees, EPSG:4490) and an error radius.

    Raises
    ------
    InvalidInput
        ``detection.lead.bad_radius``.
    """
    return Lead(
        lead_id,
        source,
        division_code,
        seen_at,
        seen_at,
        None,
        *(0.0, 0.0, 0.0),
        change_class,
        confidence,
        attributes=dict(attributes or {}),
        place=shapely.Point(lonlat),
        radius_m=radius_m,
    )
