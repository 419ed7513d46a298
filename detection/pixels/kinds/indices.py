"""What an object is by its spectral indices, where pixels are too coarse or reflectance is not known."""

from __future__ import annotations

from detection.pixels.detectors.base import Samples
from detection.pixels.detectors.index_difference import (
    fit_indices,
    index_kind,
    index_statistics,
)
from detection.pixels.indices import BandRoles
from detection.pixels.kinds.windows import NO_REAL_CHANGE, Kind, ObjectWindow, Verdict, no_kind

LEAST_ROLES = 3


def spectral_kind(samples: Samples, roles: BandRoles) -> Kind:
    """Kind by indices whose scales are taken from the samples; none where too few bands are known."""
    if len(roles.index) < LEAST_ROLES or not samples:
        return no_kind
    ordered = [""] * len(samples[0].before)
    for role, number in roles.index.items():
        ordered[number] = role
    fit = fit_indices(samples, ordered)

    def kind(window: ObjectWindow) -> Verdict:
        change_class, probabilities, facts = index_kind(
            index_statistics(fit, window.pixels, window.is_object)
        )
        # Ratios of two dates cannot rule a change out: a season is told by its chance, not by silence.
        named = "other" if change_class in NO_REAL_CHANGE else change_class
        return Verdict(named, {"other": 0.0} | dict(probabilities), facts)

    return kind
