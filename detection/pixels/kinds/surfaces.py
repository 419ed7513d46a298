"""What each pixel's surface became, at 2 m in surface reflectance: the witness that knows seasons.

IR-MAD and the change vector see that a field turned from wheat to stubble. This one asks what lies there
now: a crop field moves between plants and bare soil and nowhere else, so a pixel counts only when it left
that cycle (concrete, roof, film, water, panels, moved subsoil) or came back into it. Soil is measured in the
scene itself at each date.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from detection.pixels.detectors.base import Samples
from detection.pixels.indices import BandRoles, FloatGrid, normalised_difference
from detection.pixels.normalise import Normalisation

RULES_FILE = Path(__file__).resolve().parents[3] / "data" / "rules" / "change_classes.toml"
BANDS = ("blue", "green", "red", "nir")
HALO_PX = 16
NONE, HARD, FILM, EARTH, EARTH_EDGE, DEMOLISHED, WATER, DARK, HARD_EDGE, WATER_EDGE, CLOUD = range(11)
"""Codes of a pixel; the edges are mixed pixels that only count where they touch the full thing."""

BoolGrid = NDArray[np.bool_]


@lru_cache(maxsize=1)
def class_rules() -> dict[str, Any]:
    """Tables of ``data/rules/change_classes.toml``."""
    return tomllib.loads(RULES_FILE.read_text("utf-8"))


@dataclass(frozen=True, slots=True)
class SoilLine:
    """The scene's bare soil at one date: red slope, visible brightness, NDVI (medians)."""

    slope: float
    brightness: float
    ndvi: float


@dataclass(frozen=True)
class Look:
    """Features of one date on a block, each float32 (rows, cols)."""

    brightness: FloatGrid
    slope: FloatGrid
    ndvi: FloatGrid
    nir: FloatGrid
    green_lift: FloatGrid

    @classmethod
    def of(cls, bands: Sequence[FloatGrid]) -> Look:
        """From blue, green, red, near infrared in reflectance 0–1."""
        blue, green, red, nir = bands
        return cls(
            (blue + green + red) / np.float32(3.0),
            normalised_difference(red, blue),
            normalised_difference(nir, red),
            nir,
            normalised_difference(green, blue),
        )

    def cut(self, where: tuple[slice, slice]) -> Look:
        """The same on a part of the block."""
        return Look(
            self.brightness[where],
            self.slope[where],
            self.ndvi[where],
            self.nir[where],
            self.green_lift[where],
        )


@dataclass(frozen=True)
class SurfaceModel:
    """Soil lines of both dates and how to read the bands."""

    roles: BandRoles
    normalisation: Normalisation
    before: SoilLine
    after: SoilLine

    @classmethod
    def fit(cls, samples: Samples, roles: BandRoles, normalisation: Normalisation) -> SurfaceModel:
        """Measure the soil line of each date on the sample."""
        blank = SoilLine(0.0, 0.0, 0.0)
        draft = cls(roles, normalisation, blank, blank)
        lines = []
        for is_after in (False, True):
            looks = [
                draft.look(block.after if is_after else block.before, is_after=is_after) for block in samples
            ]
            seen = [block.is_valid for block in samples]
            lines.append(_soil_line(looks, seen))
        return cls(roles, normalisation, *lines)

    def look(self, pixels: NDArray[np.float32], *, is_after: bool) -> Look:
        """Features of one date; AFTER is brought onto BEFORE's scale first."""
        if is_after:
            pixels = self.normalisation.apply(pixels)
        scale = np.float32(self.roles.reflectance_scale or 1.0)
        return Look.of([pixels[self.roles.index[band]] * scale for band in BANDS])

    def codes(
        self, before: NDArray[np.float32], after: NDArray[np.float32], is_valid: BoolGrid
    ) -> NDArray[np.uint8]:
        """Code of each pixel, uint8 (rows, cols); depends on a neighbourhood of ``HALO_PX``."""
        first, second = self.look(before, is_after=False), self.look(after, is_after=True)
        was_hard, is_hard = is_hard_surface(first, self.before), is_hard_surface(second, self.after)
        was_film, is_film = is_film_like(first, self.before), is_film_like(second, self.after)
        was_solid = is_hard_surface(first, self.before, slack=class_rules()["hard"]["slack"]) & ~was_film
        was_firm = was_hard & ~was_film
        codes = np.zeros(is_valid.shape, np.uint8)
        codes[self._hard_edge(first, second) & ~was_solid] = HARD_EDGE
        codes[(second.nir < 0.6 * first.nir) & (second.ndvi < 0.35) & ~is_hard] = WATER_EDGE
        codes[opened(_dark(first, second, self), 5)] = DARK
        edge, seed = self._earth(first, second, was_solid, is_hard)
        codes[edge] = EARTH_EDGE
        codes[opened(seed, 3)] = EARTH
        codes[opened(was_firm & ~grown(is_hard, 3), 3)] = DEMOLISHED
        codes[opened(is_water(second) & ~grown(is_water(first), 3), 3)] = WATER
        stripes, old_stripes = texture(second.brightness), texture(first.brightness)
        was_tunnel = grown(was_film, 3) & (old_stripes > 0.75 * stripes)
        fresh = is_hard & ~grown(was_solid, 3)
        is_tunnel = stripes > class_rules()["film"]["min_texture"]
        codes[opened(fresh & is_film & is_tunnel & ~was_tunnel, 2)] = FILM
        codes[opened(fresh, 2) & ~is_film & ~was_tunnel] = HARD
        codes[_cloud(first, second)] = CLOUD
        codes[~is_valid] = NONE
        return codes

    def _hard_edge(self, first: Look, second: Look) -> BoolGrid:
        """Pixels half covered by something hard."""
        rule = class_rules()["hard"]
        return np.asarray(
            (second.ndvi < rule["edge_max_ndvi"])
            & (second.slope < rule["edge_max_slope_soil"] * self.after.slope)
            & (second.brightness > rule["edge_min_brightness_soil"] * self.after.brightness)
            & (second.brightness > first.brightness)
        )

    def _earth(
        self, first: Look, second: Look, was_solid: BoolGrid, is_hard: BoolGrid
    ) -> tuple[BoolGrid, BoolGrid]:
        """Moved subsoil, generous and strict."""
        rule, soil = class_rules()["earth"], self.after
        was_bare = (first.ndvi < 0.25) & (first.slope > rule["min_slope_soil"] * self.before.slope)
        gain = second.brightness / soil.brightness - first.brightness / self.before.brightness
        can_be = (second.slope >= rule["min_slope_soil"] * soil.slope) & ~is_hard & ~grown(was_solid, 3)
        found = [
            can_be
            & (~was_bare | (gain > rule[f"{kind}_gain"]))
            & (second.brightness > rule[f"{kind}_brightness_soil"] * soil.brightness)
            & (second.ndvi < rule[f"{kind}_ndvi_soil"] * soil.ndvi)
            for kind in ("grow", "seed")
        ]
        return found[0], found[1]


def is_hard_surface(look: Look, soil: SoilLine, *, slack: float = 0.0) -> BoolGrid:
    """Concrete, roof, stone, film: nothing that a field turns into by itself.

    ``slack`` lowers the least brightness by that share: worn asphalt before is no new asphalt now.
    """
    rule = class_rules()["hard"]
    less = np.float32(1.0 - slack)
    flat = (look.brightness > less * rule["min_brightness_soil"] * soil.brightness) & (
        look.slope < rule["max_slope_soil"] * soil.slope
    )
    red = (
        (look.slope > rule["red_min_slope_soil"] * soil.slope)
        & (look.green_lift < rule["red_max_green_ratio"] * look.slope)
        & (look.brightness > rule["red_min_brightness_soil"] * soil.brightness)
    )
    is_land = look.nir > rule["min_nir_ratio"] * look.brightness
    return np.asarray(is_land & (look.ndvi < rule["max_ndvi"]) & (flat | red))


def is_film_like(look: Look, soil: SoilLine) -> BoolGrid:
    """Hard by its flat spectrum, yet with the near infrared of plastic over plants or soil."""
    rule = class_rules()["film"]
    return np.asarray(
        (look.ndvi > rule["min_ndvi"])
        & (look.ndvi < rule["max_ndvi"])
        & (look.brightness > class_rules()["hard"]["min_brightness_soil"] * soil.brightness)
        & (look.slope > rule["min_slope_soil"] * soil.slope)
        & (look.slope < class_rules()["hard"]["max_slope_soil"] * soil.slope)
        & (look.brightness < rule["bright_soil"] * soil.brightness)
    )


def is_water(look: Look) -> BoolGrid:
    """Dark beyond red."""
    rule = class_rules()["water"]
    return np.asarray((look.nir < rule["max_nir"]) & (look.ndvi < rule["max_ndvi"]))


def texture(grid: FloatGrid, side: int = 9) -> FloatGrid:
    """Local standard deviation over local mean, float32."""
    mean = cv2.blur(grid, (side, side))
    square = cv2.blur(grid * grid, (side, side))
    spread = np.sqrt(np.maximum(square - mean * mean, 0.0))
    return np.asarray(spread / np.maximum(mean, 1e-3), np.float32)


def opened(mask: BoolGrid, side: int) -> BoolGrid:
    """Parts that a square of ``side`` pixels fits into."""
    kernel = np.ones((side, side), np.uint8)
    return np.asarray(cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, kernel) > 0)


def closed(mask: BoolGrid, side: int) -> BoolGrid:
    """Gaps narrower than ``side`` filled."""
    kernel = np.ones((side, side), np.uint8)
    padded = np.pad(mask.astype(np.uint8), side)
    filled = cv2.morphologyEx(padded, cv2.MORPH_CLOSE, kernel)
    return np.asarray(filled[side:-side, side:-side] > 0)


def grown(mask: BoolGrid, side: int) -> BoolGrid:
    """Dilated by a square of ``side`` pixels."""
    return np.asarray(cv2.dilate(mask.astype(np.uint8), np.ones((side, side), np.uint8)) > 0)


def _cloud(first: Look, second: Look) -> BoolGrid:
    """Brighter than any ground over tens of metres, on one date only."""
    rule = class_rules()["cloud"]
    bright = [np.asarray(cv2.blur(look.brightness, (9, 9)), np.float32) for look in (first, second)]
    is_bright = np.maximum(bright[0], bright[1]) > rule["least_brightness"]
    return opened(is_bright & (np.abs(bright[1] - bright[0]) > rule["least_gap"]), 9)


def _dark(first: Look, second: Look, model: SurfaceModel) -> BoolGrid:
    """Low in every band, smoothed over 7 pixels so that panels and the grass between them are one."""
    was = _is_dark(_smooth(first), model.before) | is_hard_surface(_smooth(first), model.before)
    return np.asarray(_is_dark(_smooth(second), model.after) & ~grown(was, 5))


def _is_dark(look: Look, soil: SoilLine) -> BoolGrid:
    rule = class_rules()["dark"]
    return np.asarray(
        (look.nir < rule["max_nir_soil"] * soil.brightness)
        & (look.slope < rule["max_slope_soil"] * soil.slope)
        & (look.ndvi > rule["min_ndvi"])
        & (look.ndvi < rule["max_ndvi"])
        & (look.brightness < rule["max_brightness_soil"] * soil.brightness)
    )


def _smooth(look: Look) -> Look:
    blurred = [
        np.asarray(cv2.blur(grid, (7, 7)), np.float32)
        for grid in (look.brightness, look.slope, look.ndvi, look.nir, look.green_lift)
    ]
    return Look(*blurred)


def _soil_line(looks: Sequence[Look], seen: Sequence[BoolGrid]) -> SoilLine:
    """Medians over pixels that are bare, reddish and not tiles."""
    rule = class_rules()["soil_line"]
    picked: list[NDArray[np.float32]] = []
    total = 0
    for look, is_valid in zip(looks, seen, strict=True):
        is_soil = is_valid & (look.slope > 0.17) & (look.ndvi < 0.25) & (look.ndvi > 0.08)
        is_soil &= (look.brightness > 0.08) & (look.green_lift > 0.4 * look.slope)
        picked.append(np.stack([look.slope[is_soil], look.brightness[is_soil], look.ndvi[is_soil]]))
        total += int(is_valid.sum())
    joined = np.concatenate(picked, axis=1)
    if joined.shape[1] < max(200, rule["least_share"] * total):
        return SoilLine(rule["default_slope"], rule["default_brightness"], rule["default_ndvi"])
    slope, brightness, ndvi = (float(value) for value in np.median(joined, axis=1))
    return SoilLine(slope, brightness, ndvi)
