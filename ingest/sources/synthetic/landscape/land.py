"""The whole county before anything happens in it: one ordered material map."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from ingest.sources.synthetic.landscape.fields import Countryside, build_countryside, hill_line_y
from ingest.sources.synthetic.landscape.frame import FloatGrid, Frame, Seed, fractal, frame_around
from ingest.sources.synthetic.landscape.ground import Ground, blob, polygons_of, rect, split_oriented
from ingest.sources.synthetic.landscape.materials import Palette, read_table, standard_palette
from ingest.sources.synthetic.landscape.network import Network, build_network
from ingest.sources.synthetic.landscape.quarry import Quarry, build_quarries
from ingest.sources.synthetic.landscape.settlement import (
    Courtyard,
    Settlement,
    build_settlement,
    lay_out_settlement,
)
from ingest.sources.synthetic.landscape.templates import Template, at, factory, gable, greenhouses, livestock
from ingest.sources.synthetic.landscape.territory import Village, lay_out_villages


@dataclass(slots=True)
class Land:
    """The county's ground before the first image.

    Attributes
    ----------
    grounds : list of Ground
        Drawing order; empty until :func:`draw_land`.
    trees, shrubs : ndarray, shape (n, 2)
        Feet of tall trees and of orchard trees and bushes, local metres.
    terrain_m : ndarray, float32
        Heights above the plain on a coarse grid over the frame.
    farm_lots : list of (Polygon, str)
        Facility farms that stood before, and their names.
    """

    frame: Frame
    seed: Seed
    size: dict[str, Any]
    palette: Palette
    villages: list[Village]
    network: Network
    countryside: Countryside
    courtyards: list[Courtyard]
    quarries: list[Quarry]
    urban: shapely.Polygon
    works: list[Ground]
    works_lots: list[shapely.Polygon]
    farm_lots: list[shapely.Polygon]
    terrain_m: FloatGrid
    grounds: list[Ground] = field(default_factory=list)
    trees: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 2)))
    shrubs: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 2)))

    def village_at(self, x: float, y: float) -> Village:
        """The village whose territory holds a place."""
        point = shapely.Point(x, y)
        return min(self.villages, key=lambda village: village.territory.distance(point))


def lay_out_land(size_name: str, seed_value: int) -> Land:
    """Everything that stands, without appearance yet: lots may still be reserved for planted changes."""
    county = read_table("county")
    size = county["size"][size_name]
    seed = Seed(seed_value)
    frame = frame_around(tuple(county["centre_lonlat"]), cols=size["cols"], rows=size["rows"])
    palette = standard_palette()
    villages = lay_out_villages(frame, seed, size)
    network = build_network(frame, seed, size=size, villages=villages, palette=palette)
    cover = fractal(seed.stream("cover"), (frame.rows // 8, frame.cols // 8), cell_px=46, octaves=3)
    countryside = build_countryside(
        frame, seed, villages=villages, palette=palette, has_hills=size["has_hills"], cover=cover
    )
    quarries = build_quarries(frame, seed, palette) if size["has_hills"] else []
    courtyards = [lot for village in villages for lot in lay_out_settlement(village, seed)]
    urban = _urban_outline(frame, size)
    land = Land(
        frame, seed, size, palette, villages, network, countryside, courtyards, quarries, urban,
        works=[], works_lots=[], farm_lots=[], terrain_m=_terrain(frame, seed, has_hills=size["has_hills"]),
    )  # fmt: skip
    _industrial_park(land)
    _old_farms(land)
    return land


def draw_land(land: Land) -> None:
    """Put all pieces in drawing order and gather the trees."""
    settlements: list[Settlement] = []
    for village in land.villages:
        lots = [lot for lot in land.courtyards if lot.village_code == village.code]
        settlements.append(build_settlement(village, lots, seed=land.seed, palette=land.palette))
    land.grounds = [*land.countryside.grounds, *land.network.under]
    for settlement in settlements:
        land.grounds += settlement.grounds
    land.grounds += land.network.over
    land.grounds += _threshing_grounds(land)
    land.grounds += land.works
    for quarry in land.quarries:
        land.grounds += quarry.grounds
    trees = [*land.countryside.trees, *land.network.trees]
    for settlement in settlements:
        trees += settlement.trees
    land.trees = np.concatenate([np.zeros((0, 2)), *trees])
    land.shrubs = np.concatenate([np.zeros((0, 2)), *land.countryside.shrubs])


def _terrain(frame: Frame, seed: Seed, *, has_hills: bool) -> FloatGrid:
    """Heights on an 8 m grid; the plain is flat."""
    step = 4
    shape = (frame.rows // step, frame.cols // step)
    if not has_hills:
        return np.zeros(shape, np.float32)
    rows, cols = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32) * step * frame.gsd_m
    above = (hill_line_y(frame, cols) - rows) / 420.0
    rise = np.clip(above, 0.0, 1.6) ** 1.2
    ridges = 1.0 - np.abs(fractal(seed.stream("terrain"), shape, cell_px=70, octaves=4, persistence=0.42))
    return np.asarray(rise * (34.0 + 22.0 * ridges), dtype=np.float32)


def _urban_outline(frame: Frame, size: dict[str, Any]) -> shapely.Polygon:
    x, y, width, depth = size["urban"]
    corner = rect(frame.width_m * x, frame.height_m * y, width, depth, -3.0)
    bay = rect(
        frame.width_m * x + width * 0.42, frame.height_m * y + depth * 0.40, width * 0.3, depth * 0.3, -3.0
    )
    inside = corner.difference(bay).intersection(frame.rectangle)
    return max(polygons_of(inside), key=lambda part: part.area)


def _industrial_park(land: Land) -> None:
    """Works that stand since years on the west half of the urban area, with streets between."""
    rng = land.seed.stream("industrial-park")
    left, top, right, bottom = land.urban.bounds
    west = shapely.box(left, top, left + 0.5 * (right - left), bottom)
    half = west.intersection(land.urban).difference(shapely.union_all(land.network.obstacles))
    lots = split_oriented(half, angle_deg=-3.0, max_m=(165.0, 125.0), rng=rng, least_m2=3500.0)
    for lot in lots:
        inner = lot.buffer(-7.0, join_style="mitre")
        width, depth = _extent(inner, -3.0)
        if inner.is_empty or min(width, depth) < 34 or inner.area < 0.72 * width * depth:
            continue
        roof = str(rng.choice(("blue", "grey", "white", "red"), p=(0.5, 0.2, 0.2, 0.1)))
        made = factory(rng, land.palette, width=width - 2, depth=depth - 2, roof=roof, is_new=False)
        centre = inner.envelope.centroid
        whole = at(made, centre.x, centre.y, -3.0)
        land.works.append(Ground(lot, land.palette["road_village"], "1004"))
        land.works.append(Ground(whole.outline, land.palette["gravel"], "0601"))
        land.works += whole.parts
        land.works_lots.append(whole.outline)


def _extent(shape: shapely.Polygon, angle_deg: float) -> tuple[float, float]:
    level = shapely.affinity.rotate(shape, -angle_deg, origin=(0, 0))
    if level.is_empty:
        return 0.0, 0.0
    left, top, right, bottom = level.bounds
    return right - left, bottom - top


def _old_farms(land: Land) -> None:
    """Greenhouses, barns and lone workshops that were there before."""
    rng = land.seed.stream("old-farms")
    keep_out = [*land.network.obstacles, land.urban, *(village.built.buffer(25) for village in land.villages)]
    keep_out += [quarry.outline.buffer(120) for quarry in land.quarries]
    taken = shapely.STRtree(keep_out)
    blocks = [block for block in land.countryside.blocks if block[1] == "0102" and block[0].area > 30000]
    for index in rng.permutation(len(blocks))[: max(2, len(blocks) // 9)]:
        shape, _, code = blocks[int(index)]
        village = next(village for village in land.villages if village.code == code)
        if rng.random() < 0.55:
            made = greenhouses(rng, land.palette, count=int(rng.integers(4, 11)), length=rng.uniform(55, 95))
        else:
            made = livestock(rng, land.palette, count=int(rng.integers(2, 4)), length=rng.uniform(45, 80))
        spot = shape.representative_point()
        whole = at(made, spot.x, spot.y, village.angle_deg)
        if not shape.contains(whole.outline) or len(taken.query(whole.outline, predicate="intersects")):
            continue
        land.works.append(Ground(whole.outline, land.palette["yard_soil"], "1202"))
        land.works += whole.parts
        land.farm_lots.append(whole.outline)


def _threshing_grounds(land: Land) -> list[Ground]:
    """Hard ground at the village edge (grain dries there in September), and a school in bigger villages."""
    grounds: list[Ground] = []
    for village in land.villages:
        rng = land.seed.stream("threshing", village.code)
        x = village.site[0] + rng.uniform(-45, 45)
        edge = shapely.LineString([(x, village.site[1]), (x, village.site[1] + 900)]).intersection(
            village.built
        )
        y = shapely.get_coordinates(edge)[:, 1].max(initial=village.site[1]) - rng.uniform(2, 8)
        ground = rect(x, y, rng.uniform(22, 38), rng.uniform(16, 26), village.angle_deg)
        grounds.append(Ground(ground, land.palette["threshing_grain"], "0702"))
        if village.built.area > 60000:
            turn, sx, sy = village.angle_deg, village.site[0] + 40, village.site[1] - 45
            school = _school(land.palette, rng, sx, sy, turn)
            grounds += school
    return grounds


def _school(palette: Palette, rng: np.random.Generator, x: float, y: float, angle_deg: float) -> list[Ground]:
    """A school: two long buildings on a yard with a playing field."""

    lot = rect(0, 0, 72, 58)
    parts = [
        Ground(lot, palette["hardstanding"], "08H2"),
        Ground(blob(rng, 8, 12, 17, roughness=0.02, flat=0.6), palette["garden"]),
    ]
    parts += gable(palette, "flat", 2, x=0, y=-19, width=56, depth=11)
    parts += gable(palette, "red", 1, x=-27, y=8, width=10, depth=34)
    return at(Template(lot, parts), x, y, angle_deg).parts
