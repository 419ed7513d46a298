"""Villages with true names and codes on invented outlines that tile the frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from foundation.divisions import DivisionTree, divisions
from ingest.sources.synthetic.landscape.frame import Frame, Seed, bend
from ingest.sources.synthetic.landscape.ground import blob, polygons_of
from ingest.sources.synthetic.landscape.materials import read_table


@dataclass(frozen=True, slots=True)
class Village:
    """One administrative village.

    Attributes
    ----------
    territory : Polygon
        Invented outline in local metres; the territories tile the frame.
    built : Polygon
        The settlement.
    angle_deg : float
        Direction of its lanes and fields.
    cell : (int, int)
        Column and row in the layout grid.
    """

    code: str
    name: str
    territory: shapely.Polygon
    built: shapely.Polygon
    site: tuple[float, float]
    angle_deg: float
    cell: tuple[int, int]

    @property
    def township_code(self) -> str:
        """12-digit code of the township."""
        return self.code[:9] + "000"

    @property
    def county_code(self) -> str:
        """12-digit code of the county."""
        return self.code[:6] + "000000"


def short_name(name: str) -> str:
    """``义井村村民委员会`` → ``义井村``; ``杨洼村民委员会`` → ``杨洼村``."""
    for suffix in ("村村民委员会", "村民委员会"):
        if name.endswith(suffix):
            return name.removesuffix(suffix) + "村"
    return name


def lay_out_villages(frame: Frame, seed: Seed, size: dict[str, Any]) -> list[Village]:
    """Villages of a size preset in order of rows and columns."""
    columns, rows = size["grid"]
    rng = seed.stream("villages")
    step_x, step_y = frame.width_m / columns, frame.height_m / rows
    cells = [(column, row) for row in range(rows) for column in range(columns)]
    jitter = rng.uniform(-0.16, 0.16, (len(cells), 2))
    sites = np.array([((c + 0.5) * step_x, (r + 0.5) * step_y) for c, r in cells]) + jitter * (step_x, step_y)
    if size["has_river"]:
        sites[:, 1] = np.minimum(sites[:, 1], frame.height_m * 0.84)
    territories = _territories(frame, sites, step_x)
    codes = _codes(cells, size)
    tree = divisions()
    low, high = size["village_radius_m"]
    villages = []
    for cell, site, territory, code in zip(cells, sites, territories, codes, strict=True):
        radius = rng.uniform(low, high) * (0.72 if size["has_hills"] and cell[1] == 0 else 1.0)
        built = blob(rng, site[0], site[1], radius, roughness=0.34, flat=rng.uniform(0.7, 1.0))
        angle = float(rng.normal(-4.0, 7.0))
        name = short_name(tree.get(code).name)
        villages.append(Village(code, name, territory, built, (site[0], site[1]), angle, cell))
    return villages


def _territories(frame: Frame, sites: NDArray[np.float64], step_m: float) -> list[shapely.Polygon]:
    """Bent Voronoi cells, clipped to the frame; neighbours share their vertices."""
    far = frame.rectangle.buffer(step_m, join_style="mitre")
    cells = shapely.voronoi_polygons(shapely.MultiPoint(sites), extend_to=far)
    bent = bend(
        shapely.get_parts(cells), step_m=60.0, amplitude_m=step_m * 0.028, wave_m=step_m * 0.55, phase=1.3
    )
    lines = shapely.intersection(shapely.boundary(bent), frame.rectangle)
    noded = shapely.union_all([*lines, frame.rectangle.exterior], grid_size=0.02)
    faces = shapely.get_parts(shapely.polygonize(shapely.get_parts(noded)))
    nearest = [
        int(np.argmin(shapely.distance(face.point_on_surface(), shapely.points(sites)))) for face in faces
    ]
    holder = [int(np.argmin(shapely.distance(faces, shapely.Point(site)))) for site in sites]
    joined = []
    for number in range(len(sites)):
        own = {holder[number]} | {
            index for index, near in enumerate(nearest) if near == number and index not in holder
        }
        joined.append(shapely.union_all(faces[sorted(own)]))
    return [max(polygons_of(shape), key=lambda part: part.area) for shape in joined]


def _codes(cells: list[tuple[int, int]], size: dict[str, Any]) -> list[str]:
    """A true village code for every cell; the settlement order within a township is that of the code."""
    table = read_table("county")["townships"]
    columns, rows = size["grid"]
    tree = divisions()
    queues = {
        quarter: _village_codes(tree, table[quarter]) for quarter in ("north_west", "north_east", "south")
    }
    corner = _village_codes(tree, [table["corner"]])
    taken: set[str] = set()
    codes = []
    for column, row in cells:
        if size["has_corner_county"] and row < int(rows * 0.4) and column == columns - 1:
            queue = corner
        elif row < rows / 2:
            queue = queues["north_west" if column < columns / 2 else "north_east"]
        else:
            queue = queues["south"]
        code = next(candidate for candidate in queue if candidate not in taken)
        taken.add(code)
        codes.append(code)
    return codes


def _village_codes(tree: DivisionTree, townships: list[str]) -> list[str]:
    return [division.code for township in townships for division in tree.children(township)]
