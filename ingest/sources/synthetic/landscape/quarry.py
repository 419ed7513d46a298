"""Limestone quarries in the hills: floor, benches, faces, stockpiles, and the lobes by which they grow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from shapely import affinity

from ingest.sources.synthetic.landscape.frame import Frame, Seed, bend
from ingest.sources.synthetic.landscape.ground import Ground, blob, polygons_of, rect
from ingest.sources.synthetic.landscape.materials import Palette
from ingest.sources.synthetic.landscape.templates import gable


@dataclass(frozen=True, slots=True)
class Quarry:
    """One pit.

    Attributes
    ----------
    outline : Polygon
        Ground opened before the first image, local metres.
    """

    name: str
    x: float
    y: float
    outline: shapely.Polygon
    grounds: list[Ground]

    def lobe(self, direction_deg: float, *, reach_m: float, spread_deg: float) -> shapely.Polygon:
        """New ground that adjoins the pit in a direction (0 east, 90 south)."""
        turn = np.deg2rad(direction_deg + np.linspace(-spread_deg, spread_deg, 25))
        rim = [self._rim(float(angle)) for angle in turn]
        bulge = reach_m * np.cos(np.linspace(-1.25, 1.25, 25)) ** 0.6
        outer = [
            (x + b * np.cos(a), y + b * np.sin(a)) for (x, y), b, a in zip(rim, bulge, turn, strict=True)
        ]
        made = shapely.Polygon([*rim, *reversed(outer)]).buffer(0).difference(self.outline)
        round_off = made.buffer(-9.0).buffer(9.0).intersection(made)
        return max(polygons_of(round_off), key=lambda part: part.area)

    def _rim(self, turn: float) -> tuple[float, float]:
        ray = shapely.LineString(
            [(self.x, self.y), (self.x + 900 * np.cos(turn), self.y + 900 * np.sin(turn))]
        )
        hit = ray.intersection(self.outline)
        x, y = shapely.get_coordinates(hit)[-1]
        return float(x), float(y)


def build_quarries(frame: Frame, seed: Seed, palette: Palette) -> list[Quarry]:
    """Two pits in the hills."""
    places = (("雷山石灰岩矿", 0.335, 0.105, 165.0), ("西坡建筑石料矿", 0.665, 0.11, 115.0))
    return [
        _quarry(
            name,
            frame.width_m * x,
            frame.height_m * y,
            radius,
            rng=seed.stream("quarry", name),
            palette=palette,
        )
        for name, x, y, radius in places
    ]


def _quarry(
    name: str, x: float, y: float, radius: float, *, rng: np.random.Generator, palette: Palette
) -> Quarry:
    outline = blob(rng, x, y, radius, roughness=0.22, flat=0.8)
    spoil = blob(rng, x + radius * 0.5, y + radius * 0.55, radius * 0.6, roughness=0.35)
    grounds = [
        Ground(spoil.difference(outline), palette["bank"], "0602"),
        Ground(outline, palette["quarry_face"], "0602"),
    ]
    grounds += bench_parts(outline, palette)
    for _ in range(4):
        px, py = x + rng.uniform(-0.4, 0.4) * radius, y + rng.uniform(-0.3, 0.3) * radius
        grounds.append(Ground(blob(rng, px, py, rng.uniform(6, 12), flat=0.8), palette["stockpile"]))
    grounds += gable(palette, "blue", 1, x=x - radius * 0.3, y=y + radius * 0.3, width=34, depth=13)
    grounds.append(Ground(rect(x - radius * 0.3 + 32, y + radius * 0.3 - 6, 40, 3, 24), palette["truck"]))
    return Quarry(name, x, y, outline, grounds)


def bench_parts(outline: shapely.Polygon, palette: Palette) -> list[Ground]:
    """Rings of faces and benches from the rim to the floor."""
    parts: list[Ground] = []
    for depth_m, style in (
        (7, "quarry_bench"),
        (20, "quarry_face"),
        (26, "quarry_bench"),
        (42, "quarry_face"),
        (48, "quarry_floor"),
    ):
        ring = affinity.translate(outline.buffer(-depth_m), 0, 2)
        ring = (
            bend(ring, step_m=6.0, amplitude_m=3.2, wave_m=70.0, phase=float(depth_m))
            .buffer(0)
            .intersection(outline)
        )
        if not ring.is_empty:
            parts.append(Ground(ring, palette[style]))
    return parts
