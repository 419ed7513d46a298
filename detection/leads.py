"""A lead (线索): one observation by one source about one place and time. Never edited, never deleted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from shapely.geometry.base import BaseGeometry

SOURCES = ("satellite", "drone", "camera", "cadastre", "public", "patrol")


@dataclass(frozen=True, slots=True)
class Lead:
    """One observation.

    Attributes
    ----------
    observed_from, observed_to : datetime
        The change lies between the two; with a time zone.
    outline : Polygon or MultiPolygon
        EPSG:4490.
    area_m2, area_min_m2, area_max_m2 : float
        Ellipsoidal, with the error band of the observation.
    confidence : float
        0–1, for ranking.
    witnesses : mapping
        Detector name -> whether it agrees.
    """

    lead_id: UUID
    source: str
    division_code: str
    observed_from: datetime
    observed_to: datetime
    outline: BaseGeometry
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
