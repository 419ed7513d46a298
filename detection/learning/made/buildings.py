"""Roofs as seen from above: facets lit by the sun, ribs, parapets, walls where the view leans, shadows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from detection.learning.made.canvas import Canvas, Colour, Grid, Points, coverage, polygon_box, rectangle

RoofKind = Literal["flat", "gable", "hip", "ribbed"]


@dataclass(frozen=True, slots=True)
class View:
    """Light and viewpoint of one date, shared by all its objects.

    Attributes
    ----------
    sun : ndarray, shape (2,)
        Unit vector on the ground, in x, y pixels, towards the sun.
    shadow_per_m, lean_per_m : ndarray, shape (2,)
        Pixels by which a shadow, and a roof's image, move for each metre of height.
    """

    gsd_m: float
    sun: Points
    shadow_per_m: Points
    lean_per_m: Points
    shadow_depth: float
    facet_contrast: float


@dataclass(frozen=True, slots=True)
class Building:
    """One rectangular block under one roof; sizes in metres, place in pixels."""

    centre: Points
    length_m: float
    width_m: float
    angle_rad: float
    height_m: float
    kind: RoofKind
    colour: tuple[float, float, float]
    detail: int
    """Seed of what lies on the roof: the same at both dates."""

    def outline(self, gsd_m: float) -> Points:
        """Footprint on the ground, pixels."""
        return rectangle(self.centre, self.length_m / gsd_m, self.width_m / gsd_m, self.angle_rad)

    def roof(self, view: View) -> Points:
        """Outline of the roof where it is seen."""
        return self.outline(view.gsd_m) + view.lean_per_m * self.height_m

    def painted(self, colour: Colour) -> Building:
        """The same building under another colour."""
        red, green, blue = (float(value) for value in colour)
        return replace(self, colour=(red, green, blue))


def cast_shadow(canvas: Canvas, building: Building, view: View) -> None:
    """Note the ground that the building keeps from the sun."""
    foot = building.outline(view.gsd_m)
    far = foot + view.shadow_per_m * building.height_m
    both = np.concatenate([foot, far]).astype(np.float32)
    canvas.cast(cv2.convexHull(both)[:, 0].astype(np.float64), view.shadow_depth)


def draw_building(canvas: Canvas, building: Building, view: View) -> None:
    """Paint walls, then the roof."""
    foot, roof = building.outline(view.gsd_m), building.roof(view)
    if float(np.abs(roof - foot).max()) > 1.0:
        wall = np.asarray(building.colour) * 0.45 + 45.0
        for k in range(4):
            following = (k + 1) % 4
            canvas.polygon(np.stack([foot[k], foot[following], roof[following], roof[k]]), wall * 0.75)
    rng = np.random.default_rng(building.detail)
    _PAINTERS[building.kind](canvas, building, view, rng)
    if building.kind in ("flat", "ribbed") and building.length_m * building.width_m > 180.0:
        _draw_fixtures(canvas, building, view, rng)


def _lit(building: Building, view: View, across: float) -> Colour:
    """Colour of a facet that falls towards ``across`` radians."""
    facing = float(np.cos(across) * view.sun[0] + np.sin(across) * view.sun[1])
    return np.asarray(building.colour) * (1.0 + view.facet_contrast * facing)


def _draw_flat(canvas: Canvas, building: Building, view: View, rng: np.random.Generator) -> None:
    roof = building.roof(view)
    canvas.polygon(roof, building.colour, texture=0.04 + 0.08 * rng.random())
    if rng.random() < 0.7 and building.width_m > 5.0 * view.gsd_m:
        edge = np.concatenate([roof, roof[:1]])
        tone = np.asarray(building.colour) * (1.25 if rng.random() < 0.6 else 0.7)
        canvas.stroke(edge, 0.5 / view.gsd_m, np.minimum(tone, 250.0))


def _halves(roof: Points) -> tuple[Points, Points, Points, Points]:
    """The two halves of a roof along its length, and the ends of its ridge."""
    start, end = (roof[0] + roof[3]) / 2.0, (roof[1] + roof[2]) / 2.0
    return np.stack([roof[0], roof[1], end, start]), np.stack([start, end, roof[2], roof[3]]), start, end


def _draw_gable(canvas: Canvas, building: Building, view: View, rng: np.random.Generator) -> None:
    upper, lower, start, end = _halves(building.roof(view))
    grain = 0.03 + 0.07 * rng.random()
    canvas.polygon(upper, _lit(building, view, building.angle_rad - np.pi / 2), texture=grain)
    canvas.polygon(lower, _lit(building, view, building.angle_rad + np.pi / 2), texture=grain)
    if rng.random() < 0.5 and building.width_m > 8.0 * view.gsd_m:
        canvas.stroke(np.stack([start, end]), 0.3 / view.gsd_m, np.asarray(building.colour) * 1.15)


def _draw_hip(canvas: Canvas, building: Building, view: View, rng: np.random.Generator) -> None:
    roof = building.roof(view)
    _, _, start, end = _halves(roof)
    share = min(0.5, 0.5 * building.width_m / building.length_m)
    first, last = start + (end - start) * share, end + (start - end) * share
    grain = 0.05 + 0.08 * rng.random()
    facets = (
        (np.stack([roof[0], roof[1], last, first]), -np.pi / 2),
        (np.stack([roof[1], roof[2], last]), 0.0),
        (np.stack([first, last, roof[2], roof[3]]), np.pi / 2),
        (np.stack([roof[3], roof[0], first]), np.pi),
    )
    for facet, turn in facets:
        canvas.polygon(facet, _lit(building, view, building.angle_rad + turn), texture=grain)


def _draw_ribbed(canvas: Canvas, building: Building, view: View, rng: np.random.Generator) -> None:
    """Metal sheet: ribs across the length, panels of slightly different age."""
    roof = building.roof(view)
    _draw_gable(canvas, building, view, rng)
    box = polygon_box(roof, canvas.shape)
    if box is None:
        return
    rows, cols = np.mgrid[box]
    along = (cols * np.cos(building.angle_rad) + rows * np.sin(building.angle_rad)) * view.gsd_m
    rib_m = max(1.2 + 3.0 * rng.random(), 2.2 * view.gsd_m)
    depth = 0.02 + 0.07 * rng.random()
    panel = np.floor(along / (4.0 + 8.0 * rng.random()))
    tone = 1.0 + depth * np.sin(2 * np.pi * along / rib_m) + 0.03 * np.sin(panel * 12.9898)
    part = canvas.pixels[box]
    canvas.blend(box, coverage(roof, box), part * tone.astype(np.float32)[..., None])


def _draw_fixtures(canvas: Canvas, building: Building, view: View, rng: np.random.Generator) -> None:
    """Skylights, air handlers, stairheads."""
    count = int(rng.integers(0, 4 + int(building.length_m * building.width_m / 250.0)))
    axis = np.array([np.cos(building.angle_rad), np.sin(building.angle_rad)])
    side = np.array([-axis[1], axis[0]])
    size_m = 1.0 + 2.5 * rng.random()
    tone = 235.0 if rng.random() < 0.6 else 70.0
    for _ in range(min(count, 30)):
        along, across = (rng.random(2) - 0.5) * 0.85
        spot = building.centre + view.lean_per_m * building.height_m
        spot = spot + (axis * along * building.length_m + side * across * building.width_m) / view.gsd_m
        shadow = rectangle(
            spot - view.sun * 0.8 / view.gsd_m, size_m / view.gsd_m, size_m / view.gsd_m, building.angle_rad
        )
        canvas.polygon(shadow, np.asarray(building.colour) * 0.5, alpha=0.7)
        canvas.polygon(
            rectangle(spot, size_m / view.gsd_m, size_m / view.gsd_m, building.angle_rad), (tone, tone, tone)
        )


_PAINTERS = {"flat": _draw_flat, "gable": _draw_gable, "hip": _draw_hip, "ribbed": _draw_ribbed}


def mask_of(outline: Points, side_px: int) -> NDArray[np.bool_]:
    """Where a polygon covers most of a pixel, (rows, cols)."""
    plane = np.zeros((side_px, side_px), np.float32)
    mark(plane, outline)
    return plane > 0


def mark(labels: Grid, outline: Points, value: float = 1.0) -> None:
    """Set a label plane (rows, cols) to ``value`` where a polygon covers most of a pixel."""
    box = polygon_box(outline, (labels.shape[0], labels.shape[1]))
    if box is not None:
        labels[box][coverage(outline, box) >= 0.5] = value
