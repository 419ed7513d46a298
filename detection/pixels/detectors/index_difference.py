"""Spectral indices on both dates: a witness that is heard, and what they say an object became.

Indices are ratios, so that sun height and most of a gain between the dates cancel; what is left is taken off
as the median of their difference. Where reflectance is not known no index has an absolute meaning: an object
is judged by how far it moved against the scene's own noise, and by its rank in the scene.

References
----------
Tucker (1979), NDVI, Remote Sensing of Environment 8; Xu (2006), MNDWI, Int. J. Remote Sensing 27(14);
McFeeters (1996), NDWI, ibid. 17(7); Zha, Gao, Ni (2003), NDBI, ibid. 24(3); Rikimaru et al. (2002), BSI,
Tropical Ecology 43; Woebbecke et al. (1995), excess green, Trans. ASAE 38(1).
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from detection.pixels.detectors.base import DetectorSpec, FloatGrid, Samples
from detection.pixels.indices import DEFAULT_ROLES, normalised_difference
from foundation.errors import InvalidInput
from ingest.pair import PairPixels

RULES_FILE = Path(__file__).resolve().parents[3] / "data" / "rules" / "indices.toml"
MIN_PIXELS = 256
SCALE_PIXELS = 100_000
NMAD = 1.4826
RANKS = 101

Bands = Mapping[str, FloatGrid]
Kind = tuple[str, Mapping[str, float], Mapping[str, float]]


def _nd(first: str, second: str) -> Callable[[Bands], FloatGrid]:
    return lambda bands: normalised_difference(bands[first], bands[second])


def _brightness(bands: Bands) -> FloatGrid:
    """Logarithm of the mean of what is visible: a factor of light becomes an offset."""
    seen = [bands[role] for role in ("blue", "green", "red")]
    return np.asarray(np.log(np.maximum(sum(seen[1:], start=seen[0]) / np.float32(3.0), 1e-4)), np.float32)


def _infrared(bands: Bands) -> FloatGrid:
    """Logarithm of the near infrared, in which water is black."""
    return np.asarray(np.log(np.maximum(bands["nir"], 1e-4)), np.float32)


def _bare_soil(bands: Bands) -> FloatGrid:
    return normalised_difference(bands["swir1"] + bands["red"], bands["nir"] + bands["blue"])


def _excess_green(bands: Bands) -> FloatGrid:
    return normalised_difference(2.0 * bands["green"], bands["red"] + bands["blue"])


FORMULAS: Mapping[str, tuple[tuple[str, ...], Callable[[Bands], FloatGrid]]] = MappingProxyType(
    {
        "ndvi": (("nir", "red"), _nd("nir", "red")),
        "exg": (("red", "green", "blue"), _excess_green),
        "mndwi": (("green", "swir1"), _nd("green", "swir1")),
        "ndwi": (("green", "nir"), _nd("green", "nir")),
        "ndbi": (("swir1", "nir"), _nd("swir1", "nir")),
        "bsi": (("swir1", "red", "nir", "blue"), _bare_soil),
        "blueness": (("blue", "red"), _nd("blue", "red")),
        "brightness": (("blue", "green", "red"), _brightness),
        "infrared": (("nir",), _infrared),
    }
)
"""Name → bands it needs, formula."""


@lru_cache(maxsize=1)
def index_rules() -> dict[str, Any]:
    """Tables of ``data/rules/indices.toml``."""
    return tomllib.loads(RULES_FILE.read_text("utf-8"))


def spectral_indices(pixels: NDArray[np.float32], roles: Sequence[str]) -> dict[str, FloatGrid]:
    """All indices that the bands allow.

    Parameters
    ----------
    pixels : ndarray, shape (bands, rows, cols) or (bands, pixels)
        Any unit that is about proportional to reflectance.
    roles : sequence of str
        Role of each band in order (``blue`` … ``swir2``); empty text where unknown.

    Returns
    -------
    dict
        Name → float32 array of one band's shape; ``brightness`` and ``infrared`` are logarithms,
        the others lie in −1…1.
    """
    bands = {role: pixels[number] for number, role in enumerate(roles) if role}
    return {
        name: formula(bands)
        for name, (needed, formula) in FORMULAS.items()
        if all(role in bands for role in needed)
    }


@dataclass(frozen=True)
class IndexScale:
    """One index in the scene: shift and σ of its difference, and its values on the first date by rank."""

    shift: float
    sigma: float
    ranked: NDArray[np.float32]

    def rank(self, value: float) -> float:
        """Share of the scene's first date that lies below a value."""
        return float(np.searchsorted(self.ranked, value)) / len(self.ranked)


@dataclass(frozen=True)
class IndexDifferenceFit:
    """Scales of all indices that the bands allow.

    Attributes
    ----------
    bare_blueness : ndarray
        Blueness on the second date of the ground that bears fewest plants then, in ascending order.
    """

    roles: tuple[str, ...]
    scales: Mapping[str, IndexScale]
    bare_blueness: NDArray[np.float32]

    def score(self, pixels: PairPixels) -> FloatGrid:
        """Root mean square of the standardised index differences; 0 where not valid."""
        total = np.zeros(pixels.is_valid.shape, np.float32)
        before, after = (spectral_indices(date, self.roles) for date in (pixels.before, pixels.after))
        for name, scale in self.scales.items():
            moved = (after[name] - before[name] - np.float32(scale.shift)) / np.float32(scale.sigma)
            total += moved * moved
        score: FloatGrid = np.sqrt(total / np.float32(len(self.scales)))
        score[~pixels.is_valid] = 0.0
        return score

    def report(self) -> Mapping[str, Any]:
        """Shift and σ of each index."""
        return {name: [round(scale.shift, 4), round(scale.sigma, 4)] for name, scale in self.scales.items()}


class IndexDifference:
    """Index differences as a registered detector; meant to be heard, not to decide."""

    spec = DetectorSpec(
        name="index_difference",
        version="1",
        sensors=frozenset({"multispectral", "rgb"}),
        min_bands=3,
        max_bands=13,
        dtypes=frozenset({"uint8", "uint16", "int16", "float32", "float64"}),
        halo_px=0,
        floor_sigmas=3.0,
        is_folded=False,
        parameters=MappingProxyType({"indices": list(FORMULAS)}),
    )

    def fit(self, samples: Samples) -> IndexDifferenceFit:
        """Scales from the samples, bands taken in the usual order for their number."""
        bands = len(samples[0].before) if samples else 0
        return fit_indices(samples, DEFAULT_ROLES.get(bands, ("blue", "green", "red", "nir")[:bands]))


def fit_indices(samples: Samples, roles: Sequence[str]) -> IndexDifferenceFit:
    """Scales of the indices, with bands by role.

    Raises
    ------
    InvalidInput
        ``detection.pair.sample_too_small``: too few valid pixels.
    """
    before = _thinned([block.before[:, block.is_valid] for block in samples])
    after = _thinned([block.after[:, block.is_valid] for block in samples])
    if before.shape[-1] < MIN_PIXELS:
        raise InvalidInput("detection.pair.sample_too_small", pixels=before.shape[-1], needed=MIN_PIXELS)
    first, second = spectral_indices(before, roles), spectral_indices(after, roles)
    scales = {name: _scale(first[name], second[name]) for name in first}
    return IndexDifferenceFit(tuple(roles), scales, _bare_blueness(second))


def _bare_blueness(second: Mapping[str, FloatGrid]) -> NDArray[np.float32]:
    plants = second.get("ndvi", second.get("exg"))
    if plants is None or "blueness" not in second:
        return np.zeros(0, np.float32)
    is_bare = plants <= np.quantile(plants, index_rules()["rank"]["bare"])
    return np.sort(second["blueness"][is_bare])


def _thinned(parts: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """About ``SCALE_PIXELS`` pixels of all blocks, evenly, (bands, pixels)."""
    if not parts:
        return np.zeros((0, 0), np.float32)
    step = max(1, sum(part.shape[1] for part in parts) // SCALE_PIXELS)
    return np.concatenate([part[:, ::step] for part in parts], axis=1)


def _scale(first: NDArray[np.float32], second: NDArray[np.float32]) -> IndexScale:
    moved = second - first
    shift = float(np.median(moved))
    ranked = np.percentile(first, np.linspace(0.0, 100.0, RANKS)).astype(np.float32)
    least = index_rules()["change"]["floor_share"] * float(ranked[84] - ranked[16])
    return IndexScale(shift, max(NMAD * float(np.median(np.abs(moved - shift))), least, 1e-4), ranked)


def index_statistics(
    fit: IndexDifferenceFit, pixels: PairPixels, is_object: NDArray[np.bool_]
) -> dict[str, float]:
    """Indices of one object.

    Returns
    -------
    dict
        For each index x: ``before_x``, ``after_x`` (medians), ``moved_x`` (σ), ``was_rank_x`` and
        ``is_rank_x`` (rank on the scene's first date; the second date without the scene's own shift).
        ``redness_of_bare``: rank among the bare ground of the second date.
    """
    inside = is_object & pixels.is_valid
    heart = cv2.erode(inside.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=0) > 0
    chosen = heart if heart.sum() >= 4 else inside
    if not chosen.any():
        return {}
    first = spectral_indices(pixels.before[:, chosen], fit.roles)
    second = spectral_indices(pixels.after[:, chosen], fit.roles)
    facts: dict[str, float] = {}
    # All medians at once: one by one they would cost more than everything else here.
    values = [(first[name], second[name], second[name] - first[name]) for name in fit.scales]
    middles = np.median(np.array(values), axis=2)
    for (name, scale), (was, now, moved) in zip(fit.scales.items(), middles, strict=True):
        facts[f"before_{name}"], facts[f"after_{name}"] = float(was), float(now)
        facts[f"moved_{name}"] = float(moved - scale.shift) / scale.sigma
        facts[f"was_rank_{name}"] = scale.rank(was)
        facts[f"is_rank_{name}"] = scale.rank(now - scale.shift)
    if len(fit.bare_blueness) and "blueness" in second:
        place = np.searchsorted(fit.bare_blueness, np.median(second["blueness"]))
        facts["redness_of_bare"] = 1.0 - float(place) / len(fit.bare_blueness)
    return {name: round(value, 4) for name, value in facts.items()}


def index_kind(statistics: Mapping[str, float]) -> Kind:
    """Class of one object from `index_statistics`, with honest probabilities; ``other`` where none is clear.

    Blue roofs, water, plants that gave way to bright and grey (hard surface) or bright and reddish ground
    (earthwork), plants lost, plants that came.
    """
    for rule in (_blue_roof, _water, _opened, _greened, _brightened):
        found = rule(statistics)
        if found is not None:
            return found[0], found[1], dict(statistics)
    return "other", {"other": 1.0}, dict(statistics)


Found = tuple[str, dict[str, float]] | None


def _told(change_class: str, rivals: Mapping[str, float], rule: str) -> Found:
    """The class with its probability of the table, the rest by weight to its rivals."""
    likely = float(index_rules()["probability"][rule])
    rest = (1.0 - likely) / sum(rivals.values())
    told = {change_class: likely} | {name: round(weight * rest, 3) for name, weight in rivals.items()}
    return change_class, told


def _plants(facts: Mapping[str, float]) -> str:
    return "ndvi" if "moved_ndvi" in facts else "exg"


def _blue_roof(facts: Mapping[str, float]) -> Found:
    change, rank = index_rules()["change"], index_rules()["rank"]
    is_blue = facts.get("is_rank_blueness", 0.0) >= rank["blue"]
    if is_blue and facts["moved_blueness"] >= change["strong"] and facts.get("moved_brightness", 0.0) > 0.0:
        return _told("new_building", {"hard_surface": 2.0, "other": 1.0}, "roof")
    return None


def _water(facts: Mapping[str, float]) -> Found:
    change, rank = index_rules()["change"], index_rules()["rank"]
    name = "mndwi" if "moved_mndwi" in facts else "ndwi"
    if f"moved_{name}" in facts:
        is_wet = facts[f"is_rank_{name}"] >= rank["wet"] and facts[f"moved_{name}"] >= change["clear"]
        is_wet = is_wet and facts[f"after_{name}"] >= rank["wet_index"]
        # Concrete is flat as well and raises the index, but only water is black in the near infrared.
        if is_wet and facts.get("is_rank_infrared", 0.0) <= rank["dark"]:
            return _told("water", {"vegetation_loss": 1.0, "other": 1.0}, "water")
        return None
    is_dark = facts.get("is_rank_brightness", 1.0) <= rank["dark"]
    blue = facts.get("moved_blueness", 0.0) >= change["clear"]
    lost = facts.get("moved_exg", 0.0) <= -change["clear"]
    if is_dark and blue and lost and facts["moved_brightness"] < 0.0:
        return _told("water", {"vegetation_loss": 1.0, "other": 1.5}, "water_by_colour")
    return None


def _opened(facts: Mapping[str, float]) -> Found:
    """Plants stood there and do not any more."""
    change, rank = index_rules()["change"], index_rules()["rank"]
    plants = _plants(facts)
    if facts.get(f"moved_{plants}", 0.0) > -change["clear"] or facts[f"was_rank_{plants}"] < rank["green"]:
        return None
    brighter = facts.get("moved_brightness", facts.get("moved_ndbi", 0.0)) >= change["clear"] / 2.0
    is_black = facts.get("is_rank_infrared", 1.0) <= rank["black"]
    if is_black or not brighter or facts.get("is_rank_brightness", 1.0) < rank["bright"]:
        return _told("vegetation_loss", {"crop_season": 1.5, "other": 1.0}, "loss")
    return _soil_or_stone(facts)


def _greened(facts: Mapping[str, float]) -> Found:
    change, rank = index_rules()["change"], index_rules()["rank"]
    plants = _plants(facts)
    if facts.get(f"moved_{plants}", 0.0) < change["clear"]:
        return None
    was_hard = (
        facts[f"was_rank_{plants}"] <= rank["bare"] and facts.get("was_rank_blueness", 0.0) > 1 - rank["soil"]
    )
    if was_hard and facts.get("moved_brightness", 0.0) <= -change["clear"]:
        return _told("demolition_restored", {"crop_season": 2.0, "other": 1.0}, "regrown")
    return _told("crop_season", {"demolition_restored": 1.0, "other": 3.0}, "season")


def _brightened(facts: Mapping[str, float]) -> Found:
    """Ground without plants on both dates that became much brighter."""
    change, rank = index_rules()["change"], index_rules()["rank"]
    plants = _plants(facts)
    is_bare = facts.get(f"is_rank_{plants}", 1.0) <= rank["green"]
    if is_bare and facts.get("moved_brightness", 0.0) >= change["clear"]:
        return _soil_or_stone(facts)
    return None


def _soil_or_stone(facts: Mapping[str, float]) -> Found:
    """Opened ground is soil where it is redder than most bare ground, else concrete, gravel or roofs."""
    if facts.get("redness_of_bare", 0.5) >= index_rules()["rank"]["soil"]:
        return _told("earthwork", {"hard_surface": 2.0, "crop_season": 2.0, "other": 1.0}, "earth")
    return _told("hard_surface", {"earthwork": 1.0, "new_building": 1.0, "other": 1.0}, "hard")
