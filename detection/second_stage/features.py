"""Facts of one object by name, the same from a comparison just made as from a stored lead."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from foundation.calendar import SHANGHAI

RUN_PREFIX = "run."
"""Facts that all objects of one comparison share: they may join a model only when there are many runs."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a detected change and a lead have in common.

    Attributes
    ----------
    outline : Polygon or MultiPolygon
        EPSG:4490.
    area_m2, area_min_m2, area_max_m2 : float
        Ellipsoidal, with the error band.
    witnesses : mapping
        Detector name -> whether it agrees.
    """

    outline: BaseGeometry
    area_m2: float
    area_min_m2: float
    area_max_m2: float
    witnesses: Mapping[str, bool]


@dataclass(frozen=True, slots=True)
class FirstStage:
    """What the rules said of an object, with what they looked at."""

    change_class: str
    confidence: float
    class_probabilities: Mapping[str, float]
    statistics: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Occasion:
    """The comparison in which an object was seen.

    Attributes
    ----------
    before_at, after_at : datetime or None
        Acquisition times of the two dates.
    residual_px, no_change_control : float or None
        Registration residual; share flagged on an unchanged twin.
    """

    source: str
    before_at: datetime | None
    after_at: datetime | None
    residual_px: float | None
    no_change_control: float | None


def facts_of(seen: Seen, first: FirstStage, occasion: Occasion) -> dict[str, float]:
    """All facts of one object; what is not known is absent.

    Parameters
    ----------
    seen : Seen
        What was drawn.
    first : FirstStage
        What the rules measured and said.

    Returns
    -------
    dict
        ``statistics.*`` as the rules measured them; ``shape.*``; ``class.*`` one-hot; ``witness.*`` 1 or 0;
        ``season.*``; ``run.*``; ``source.*`` one-hot.
    """
    facts = {f"statistics.{name}": float(value) for name, value in first.statistics.items()}
    facts |= _shape(seen)
    facts[f"class.{first.change_class}"] = 1.0
    facts["class.probability"] = float(first.class_probabilities.get(first.change_class, math.nan))
    facts["class.confidence"] = float(first.confidence)
    facts |= {f"witness.{name}": float(agrees) for name, agrees in seen.witnesses.items()}
    facts |= _season(occasion)
    facts[f"source.{occasion.source}"] = 1.0
    for name, value in (
        ("residual_px", occasion.residual_px),
        ("no_change_control", occasion.no_change_control),
    ):
        if value is not None:
            facts[f"{RUN_PREFIX}{name}"] = float(value)
    return facts


def matrix(rows: Sequence[Mapping[str, float]], names: Sequence[str]) -> NDArray[np.float64]:
    """Facts as a table, shape (rows, names); one-hot facts that are absent are 0, all others NaN."""
    table = np.full((len(rows), len(names)), np.nan)
    for number, facts in enumerate(rows):
        for column, name in enumerate(names):
            table[number, column] = facts.get(name, 0.0 if _is_one_hot(name) else math.nan)
    return table


def _is_one_hot(name: str) -> bool:
    return name.startswith(("class.", "source.")) and name not in {"class.probability", "class.confidence"}


def _shape(seen: Seen) -> dict[str, float]:
    """Ratios of the outline on a local plane; metres where they are lengths."""
    latitude = seen.outline.centroid.y
    to_metres = np.array([111_320.0 * math.cos(math.radians(latitude)), 110_950.0])
    flat = shapely.transform(seen.outline, lambda lonlat: lonlat * to_metres)
    box = flat.minimum_rotated_rectangle
    sides = _sides(box)
    hull_m2 = float(flat.convex_hull.area)
    area, edge = float(flat.area), float(flat.length)
    holes = sum(len(part.interiors) for part in shapely.get_parts(flat) if part.geom_type == "Polygon")
    return {
        "shape.area_m2": float(seen.area_m2),
        "shape.band": (seen.area_max_m2 - seen.area_min_m2) / seen.area_m2 if seen.area_m2 else math.nan,
        "shape.compactness": 4.0 * math.pi * area / edge**2 if edge else math.nan,
        "shape.rectangularity": area / float(box.area) if box.area else math.nan,
        "shape.elongation": sides[1] / sides[0] if sides[0] else math.nan,
        "shape.breadth_m": sides[0],
        "shape.solidity": area / hull_m2 if hull_m2 else math.nan,
        "shape.holes": float(holes),
    }


def _sides(box: BaseGeometry) -> tuple[float, float]:
    """Short and long side of a rectangle."""
    if box.geom_type != "Polygon":
        return 0.0, float(box.length)
    corners = shapely.get_coordinates(box)
    first, second = (float(np.hypot(*(corners[i + 1] - corners[i]))) for i in (0, 1))
    return min(first, second), max(first, second)


def _season(occasion: Occasion) -> dict[str, float]:
    """Place in the year as a point on a circle, and the months between."""
    facts = {}
    for name, moment in (("before", occasion.before_at), ("after", occasion.after_at)):
        if moment is not None:
            turn = 2.0 * math.pi * moment.astimezone(SHANGHAI).timetuple().tm_yday / 365.25
            facts[f"season.{name}_sin"], facts[f"season.{name}_cos"] = math.sin(turn), math.cos(turn)
    if occasion.before_at is not None and occasion.after_at is not None:
        facts["season.months"] = (occasion.after_at - occasion.before_at).days / 30.44
    return facts
