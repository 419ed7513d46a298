"""A made place at two dates: what is drawn where, in which order, and which head learns it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from detection.learning.made.buildings import Building, View, cast_shadow, draw_building, mark
from detection.learning.made.canvas import Canvas, Colour, Grid, Points, coverage, polygon_box
from detection.pixels.net.inference import HEADS

DATES = (0, 1)

Draw = Callable[[Canvas, View], None]


@dataclass(frozen=True, slots=True)
class Tree:
    """A crown: place in pixels, radius at each date in metres (0: not there)."""

    centre: Points
    radius_m: tuple[float, float]
    tone: float


@dataclass
class Place:
    """Everything on one made square of ground.

    Attributes
    ----------
    labels : ndarray, shape (heads, rows, cols), float32
        1 where a head should answer.
    weights : ndarray, shape (heads, rows, cols), float32
        0 where the answer is a matter of opinion and nothing is learned.
    roofs : ndarray, shape (2, rows, cols), float32
        Where roofs are at each date, for the net's side task.
    """

    side_px: int
    gsd_m: float
    rng: np.random.Generator
    ground: list[tuple[Draw, Draw]] = field(default_factory=list)
    buildings: list[tuple[Building | None, Building | None]] = field(default_factory=list)
    ground_tone: Points = field(default_factory=lambda: np.array([110.0, 104.0, 92.0]))
    """About how the open ground looks, for things that should not stand out."""
    rebuilt: list[tuple[Building | None, Building | None]] = field(default_factory=list)
    """Houses that took each other's place on old building ground: drawn, not learned as new."""
    trees: list[Tree] = field(default_factory=list)
    small: list[tuple[Draw, Draw]] = field(default_factory=list)

    def __post_init__(self) -> None:
        shape = (self.side_px, self.side_px)
        self.labels = np.zeros((len(HEADS), *shape), np.float32)
        self.weights = np.ones((len(HEADS), *shape), np.float32)
        self.taken = np.zeros(shape, bool)
        self.roofs = np.zeros((len(DATES), *shape), np.float32)

    @property
    def extent_m(self) -> float:
        """Side of the square, metres."""
        return self.side_px * self.gsd_m

    def spot(self, margin: float = 0.0) -> Points:
        """A random point, pixels, at least this share of the side from its edge."""
        return self.side_px * (margin + (1.0 - 2.0 * margin) * self.rng.random(2))

    def both(self, draw: Draw) -> None:
        """Ground that is drawn alike at both dates."""
        self.ground.append((draw, draw))

    def each(self, before: Draw, after: Draw) -> None:
        """Ground that differs between the dates."""
        self.ground.append((before, after))

    def claim(self, outline: Points, *, share: float = 0.1) -> bool:
        """Take ground for one object; False where more than ``share`` of it is taken already."""
        box = polygon_box(outline, (self.side_px, self.side_px))
        if box is None:
            return False
        cover = coverage(outline, box) >= 0.5
        total = int(cover.sum())
        if total == 0 or int((self.taken[box] & cover).sum()) > share * total:
            return False
        self.taken[box] |= cover
        return True

    def fell_trees(self, centre: Points, reach_px: float) -> None:
        """Remove from the later date the trees within a square."""
        self.trees = [
            replace(tree, radius_m=(tree.radius_m[0], 0.0))
            if float(np.abs(tree.centre - centre).max()) < reach_px
            else tree
            for tree in self.trees
        ]

    def label(self, head: str, outline: Points, *, weight: float = 1.0) -> None:
        """Say that a polygon changed in the sense of one head; ``weight`` 0: leave it open."""
        index = HEADS.index(head)
        if weight == 0.0:
            mark(self.weights[index], outline, 0.0)
        else:
            mark(self.labels[index], outline)

    def render(self, views: tuple[View, View]) -> tuple[Grid, Grid]:
        """Draw both dates; float32 (rows, cols, 3), values of an 8-bit display."""
        return self._render(0, views[0]), self._render(1, views[1])

    def settle_roofs(self, views: tuple[View, View]) -> None:
        """Mark roofs of both dates and label the new ones, where the later date shows them."""
        for before, after in (*self.rebuilt, *self.buildings):
            for date, building in enumerate((before, after)):
                if building is not None:
                    mark(self.roofs[date], building.roof(views[date]))
        for before, after in self.buildings:
            if before is None and after is not None:
                mark(self.labels[HEADS.index("building")], after.roof(views[1]))

    def _render(self, date: int, view: View) -> Grid:
        canvas = Canvas(self.side_px, np.random.default_rng(self.rng.integers(1 << 62)))
        for draws in self.ground:
            draws[date](canvas, view)
        for draws in self.small:
            draws[date](canvas, view)
        standing = [one for pair in (*self.rebuilt, *self.buildings) if (one := pair[date]) is not None]
        for building in standing:
            cast_shadow(canvas, building, view)
        _cast_trees(canvas, self.trees, date, view)
        canvas.lay_shadows(0.4)
        low = [tree for tree in self.trees if tree.tone < 0.5]
        draw_trees(canvas, low, date, view)
        for building in standing:
            draw_building(canvas, building, view)
        draw_trees(canvas, [tree for tree in self.trees if tree.tone >= 0.5], date, view)
        return canvas.pixels


def _cast_trees(canvas: Canvas, trees: list[Tree], date: int, view: View) -> None:
    for tree in trees:
        radius_px = tree.radius_m[date] / view.gsd_m
        if radius_px < 1.5:
            continue
        middle = tree.centre + view.shadow_per_m * tree.radius_m[date] * 1.3
        canvas.cast(_crown(middle, radius_px, tree.tone), view.shadow_depth * 0.8)


def _crown(centre: Points, radius_px: float, tone: float) -> Points:
    turn = np.linspace(0, 2 * np.pi, 10)[:-1] + tone * 6.0
    lumpy = radius_px * (0.85 + 0.25 * np.sin(turn * 3.0 + tone * 40.0))
    outline: Points = centre + np.stack([np.cos(turn), np.sin(turn)], axis=1) * lumpy[:, None]
    return outline


def draw_trees(canvas: Canvas, trees: list[Tree], date: int, view: View) -> None:
    """Paint crowns: leafy or bare by the canvas's season, brighter towards the sun."""
    season = np.random.default_rng(round(view.shadow_depth * 1e6) + date)
    leafless = season.random() < 0.3
    summer = np.array([52.0, 66.0, 40.0]) * season.uniform(0.7, 1.35) + season.normal(0, 6, 3)
    winter = np.array([96.0, 86.0, 76.0]) * season.uniform(0.8, 1.2)
    base = winter if leafless else summer
    alpha = 0.5 if leafless else 0.95
    for tree in trees:
        radius_px = tree.radius_m[date] / view.gsd_m
        if radius_px < 0.4:
            continue
        colour: Colour = base * (0.7 + 0.6 * ((tree.tone * 7.3) % 1.0))
        canvas.polygon(_crown(tree.centre, radius_px, tree.tone), colour, texture=0.22, alpha=alpha)
        if radius_px > 2.0:
            bright = tree.centre + view.sun * radius_px * 0.3
            canvas.polygon(
                _crown(bright, radius_px * 0.55, tree.tone),
                np.asarray(colour) * 1.3,
                texture=0.25,
                alpha=alpha * 0.6,
            )
