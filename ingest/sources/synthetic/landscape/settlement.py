"""Villages house by house: courtyards with walls, two-faced roofs, wings, lanes, trees."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import shapely
from numpy.typing import NDArray

from ingest.sources.synthetic.landscape.frame import Seed
from ingest.sources.synthetic.landscape.ground import Ground, rects, scatter
from ingest.sources.synthetic.landscape.materials import ROOF_SHADES, Palette
from ingest.sources.synthetic.landscape.territory import Village

LOT_WIDTH_M, LOT_DEPTH_M, LANE_M = 15.5, 21.0, 4.6
ROOFS = ("red", "dull", "grey", "flat", "blue_low", "white")
ROOF_WEIGHTS = (0.46, 0.20, 0.13, 0.14, 0.05, 0.02)


@dataclass(slots=True)
class Courtyard:
    """One family's lot.

    Attributes
    ----------
    x, y : float
        Centre in local metres.
    is_vacant : bool
        No house stands there: trees or vegetables.
    """

    x: float
    y: float
    angle_deg: float
    village_code: str
    is_vacant: bool
    is_reserved: bool = False

    @property
    def outline(self) -> shapely.Polygon:
        """The lot within its walls."""
        made: shapely.Polygon = rects([[self.x, self.y, LOT_WIDTH_M - 0.6, LOT_DEPTH_M, self.angle_deg]])[0]
        return made


@dataclass(slots=True)
class Settlement:
    """A village's ground pieces, its lots and its trees."""

    grounds: list[Ground] = field(default_factory=list)
    courtyards: list[Courtyard] = field(default_factory=list)
    trees: list[NDArray[np.float64]] = field(default_factory=list)


def lay_out_settlement(village: Village, seed: Seed) -> list[Courtyard]:
    """Rows of lots along lanes, inside the village's built outline."""
    rng = seed.stream("courtyards", village.code)
    left, top, right, bottom = village.built.bounds
    reach = float(np.hypot(right - left, bottom - top)) / 2
    columns = np.arange(-reach, reach, LOT_WIDTH_M)
    columns = columns + 4.5 * np.floor(np.arange(len(columns)) / 6)
    columns = columns - columns.mean()
    rows = np.arange(-reach, reach, LOT_DEPTH_M + LANE_M)
    across, along = np.meshgrid(columns, rows)
    across = (
        across
        + rng.normal(0, 0.5, across.shape)
        + np.repeat(rng.uniform(-5, 5, (len(rows), 1)), len(columns), 1)
    )
    along = along + rng.normal(0, 0.7, along.shape)
    turn = np.deg2rad(village.angle_deg)
    x = village.site[0] + across * np.cos(turn) - along * np.sin(turn)
    y = village.site[1] + across * np.sin(turn) + along * np.cos(turn)
    inner = village.built.buffer(-4.0)
    shapely.prepare(inner)
    inside = shapely.contains_xy(inner, x.ravel(), y.ravel()) & (rng.random(x.size) > 0.03)
    vacant = rng.random(x.size) < 0.10
    return [
        Courtyard(
            float(px), float(py), village.angle_deg + float(rng.normal(0, 1.2)), village.code, bool(empty)
        )
        for px, py, empty in zip(x.ravel()[inside], y.ravel()[inside], vacant[inside], strict=True)
    ]


def build_settlement(
    village: Village, courtyards: list[Courtyard], *, seed: Seed, palette: Palette
) -> Settlement:
    """Draw all lots that are not reserved for a planted change."""
    rng = seed.stream("settlement", village.code)
    settlement = Settlement(courtyards=courtyards)
    settlement.grounds.append(Ground(village.built, palette["village_ground"], "0702"))
    settlement.grounds += _lanes(village, palette)
    for lot in courtyards:
        if lot.is_vacant:
            style = palette["garden"] if rng.random() < 0.5 else palette["yard_soil"]
            settlement.grounds.append(Ground(lot.outline, style))
            settlement.trees.append(scatter(rng, lot.outline, 1 / 45))
        elif not lot.is_reserved:
            settlement.grounds += house(lot, rng, palette)
    ring = village.built.buffer(9.0).difference(village.built.buffer(-6.0))
    settlement.trees += [scatter(rng, ring, 1 / 42), scatter(rng, village.built, 1 / 120)]
    return settlement


def _lanes(village: Village, palette: Palette) -> list[Ground]:
    """The two streets that cross in the middle."""
    turn = np.deg2rad(village.angle_deg)
    x, y = village.site
    streets = []
    for cos, sin in ((np.cos(turn), np.sin(turn)), (-np.sin(turn), np.cos(turn))):
        line = shapely.LineString([(x - 600 * cos, y - 600 * sin), (x + 600 * cos, y + 600 * sin)])
        streets.append(Ground(line.buffer(3.4).intersection(village.built), palette["lane"]))
    return streets


def house(
    lot: Courtyard, rng: np.random.Generator, palette: Palette, *, roof: str | None = None
) -> list[Ground]:
    """Wall, yard, main house at the north end with two roof faces, a wing, sometimes a gate house."""
    kind = roof or str(rng.choice(ROOFS, p=ROOF_WEIGHTS))
    shade = int(rng.integers(len(ROOF_SHADES)))
    width = LOT_WIDTH_M - rng.uniform(0.8, 2.2)
    depth = rng.uniform(7.0, 9.0) if kind != "flat" else rng.uniform(8.5, 11.0)
    north = -(LOT_DEPTH_M / 2 - depth / 2 - 0.4)
    side = 1.0 if rng.random() < 0.5 else -1.0
    wing_depth = rng.uniform(6.0, 9.5)
    wing_y = north + depth / 2 + wing_depth / 2
    yard = palette["yard_concrete" if rng.random() < 0.62 else "yard_soil"]
    wing = str(rng.choice(("flat", "dull", "red", "blue_low"), p=(0.45, 0.25, 0.18, 0.12)))
    rows = [
        (0.0, 0.0, LOT_WIDTH_M - 0.6, LOT_DEPTH_M, palette["wall"]),
        (0.0, 0.0, LOT_WIDTH_M - 2.0, LOT_DEPTH_M - 1.4, yard),
        (0.0, north - depth / 4, width, depth / 2, palette[f"roof_{kind}_dim_{shade}"]),
        (0.0, north + depth / 4, width, depth / 2, palette[f"roof_{kind}_lit_{shade}"]),
    ]
    if rng.random() < 0.75:
        other = int(rng.integers(len(ROOF_SHADES)))
        rows.append((side * (width / 2 - 2.2), wing_y, 4.2, wing_depth, palette[f"roof_{wing}_lit_{other}"]))
    if rng.random() < 0.35:
        rows.append((0.0, LOT_DEPTH_M / 2 - 2.4, width * 0.8, 4.0, palette[f"roof_{wing}_lit_{shade}"]))
    return _turned(lot, rows)


def _turned(lot: Courtyard, rows: list[tuple[float, float, float, float, int]]) -> list[Ground]:
    turn = np.deg2rad(lot.angle_deg)
    cos, sin = float(np.cos(turn)), float(np.sin(turn))
    table = [
        (lot.x + x * cos - y * sin, lot.y + x * sin + y * cos, width, depth, lot.angle_deg)
        for x, y, width, depth, _ in rows
    ]
    return [Ground(shape, row[4]) for shape, row in zip(rects(table), rows, strict=True)]
