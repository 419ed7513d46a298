"""One object with its surroundings, and how each kind of sensor tells what it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from detection.pixels.indices import BandRoles
from detection.pixels.normalise import Normalisation
from ingest.pair import PairPixels

NO_REAL_CHANGE = frozenset({"crop_season", "cloud_shadow"})
"""Classes that say: seen, and not a change of the land."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Class of one object, with a probability for each class that was considered."""

    change_class: str
    probabilities: Mapping[str, float]
    statistics: Mapping[str, float] = field(default_factory=dict)


UNKNOWN = Verdict("other", {"other": 1.0}, {})


@dataclass(frozen=True)
class ObjectWindow:
    """Both dates around one object.

    Attributes
    ----------
    pixels : PairPixels
        As read, AFTER co-registered, not normalised.
    is_object : ndarray, shape (rows, cols), bool
    codes : ndarray, shape (rows, cols), int32
        Surface codes; 0 where the sensor has none.
    group : str
        Which recipe found it.
    gsd_m : float or None
        None on a pixel grid.
    """

    pixels: PairPixels
    is_object: NDArray[np.bool_]
    codes: NDArray[np.int32]
    group: str
    gsd_m: float | None
    roles: BandRoles
    normalisation: Normalisation


Kind = Callable[[ObjectWindow], Verdict]
"""Tells what one object is."""


def no_kind(_window: ObjectWindow) -> Verdict:
    """For sensors that cannot tell."""
    return UNKNOWN
