"""Where a planted change finds room: zones on a coarse grid, and a search that never overlaps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio.features import rasterize
from scipy.ndimage import distance_transform_edt
from shapely.geometry.base import BaseGeometry

from foundation.errors import Defect
from ingest.sources.synthetic.landscape.land import Land
from ingest.sources.synthetic.landscape.templates import Template, at

CELL_M = 8.0
APART_M = 70.0
TRIES = 6000
LEAST_CROPLAND = 0.92
"""Share of a change that must be cropland; the rest are farm tracks."""
SearchZone = tuple[NDArray[np.intp], NDArray[np.intp]]


@dataclass(slots=True)
class Sites:
    """Free ground.

    Attributes
    ----------
    is_free : ndarray of bool
        Cells of ``CELL_M`` where farmland may be built over.
    """

    land: Land
    is_free: NDArray[np.bool_]
    is_taken: NDArray[np.bool_]
    zones: dict[str, NDArray[np.bool_]]
    blocks: shapely.STRtree

    def find(
        self, template: Template, zone: str, *, rng: np.random.Generator, margin_m: float = 10.0
    ) -> tuple[Template, str]:
        """Place a template in a zone.

        Returns
        -------
        (Template, str)
            The template on its place, and the code of the village with its largest share.

        Raises
        ------
        Defect
            ``ingest.synthetic.no_room`` when the zone is full.
        """
        rows, cols = np.nonzero(self.zones[zone] & self.is_free & ~self.is_taken)
        for _ in range(TRIES if len(rows) else 0):
            pick = int(rng.integers(len(rows)))
            x, y = (cols[pick] + rng.random()) * CELL_M, (rows[pick] + rng.random()) * CELL_M
            village = self.land.village_at(x, y)
            quarter = 90.0 * float(rng.integers(2))
            candidate = at(template, x, y, village.angle_deg + quarter)
            if self._fits(candidate.outline, zone, margin_m):
                self.take(candidate.outline)
                return candidate, self._owner(candidate.outline)
        raise Defect("ingest.synthetic.no_room", zone=zone, area_m2=round(template.outline.area))

    def take(self, outline: BaseGeometry) -> None:
        """Keep later changes away from an outline."""
        self.is_taken |= _burn(self.land, [outline.buffer(APART_M)])

    def _fits(self, outline: shapely.Polygon, zone: str, margin_m: float) -> bool:
        if not self.land.frame.rectangle.buffer(-30.0).contains(outline):
            return False
        rows, cols = _cells(self, outline.buffer(margin_m))
        if not rows.size or not (self.is_free[rows, cols] & ~self.is_taken[rows, cols]).all():
            return False
        if zone in ("village_line", "county_line"):
            shares = sorted(
                (v.territory.intersection(outline).area, v.county_code) for v in self.land.villages
            )
            is_home = shares[-1][1] == self.land.villages[0].county_code
            return is_home and shares[-2][0] > 0.25 * outline.area
        if zone == "urban":
            return bool(self.land.urban.contains(outline))
        return self._cropland_share(outline) >= LEAST_CROPLAND

    def _cropland_share(self, outline: shapely.Polygon) -> float:
        near = self.blocks.geometries[self.blocks.query(outline, predicate="intersects")]
        return float(shapely.area(shapely.intersection(near, outline)).sum() / outline.area)

    def _owner(self, outline: shapely.Polygon) -> str:
        shares = [
            (village.territory.intersection(outline).area, village.code) for village in self.land.villages
        ]
        return max(shares)[1]


def _cells(sites: Sites, shape: BaseGeometry) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Cells whose centres lie in a shape."""
    limit = sites.is_free.shape
    left, top, right, bottom = (int(number / CELL_M) for number in shape.bounds)
    cols, rows = np.meshgrid(
        np.arange(max(left, 0), min(right + 1, limit[1])), np.arange(max(top, 0), min(bottom + 1, limit[0]))
    )
    inside = shapely.contains_xy(shape, (cols.ravel() + 0.5) * CELL_M, (rows.ravel() + 0.5) * CELL_M)
    return rows.ravel()[inside], cols.ravel()[inside]


def _burn(land: Land, shapes: Sequence[BaseGeometry]) -> NDArray[np.bool_]:
    shape = (int(np.ceil(land.frame.height_m / CELL_M)), int(np.ceil(land.frame.width_m / CELL_M)))
    kept = [item for item in shapes if not item.is_empty]
    if not kept:
        return np.zeros(shape, np.bool_)
    burnt = rasterize(kept, out_shape=shape, transform=Affine(CELL_M, 0, 0, 0, CELL_M, 0), all_touched=True)
    return np.asarray(burnt > 0)


def survey_sites(land: Land) -> Sites:
    """Free farmland and its zones, before anything is planted."""
    blocks = [shape.buffer(4.0) for shape, code, _ in land.countryside.blocks if code == "0102"]
    built = _burn(land, [village.built for village in land.villages])
    blocked: list[BaseGeometry] = [
        *land.network.obstacles,
        *land.works_lots,
        *land.farm_lots,
        *land.countryside.details,
    ]
    blocked += [village.built.buffer(6.0) for village in land.villages]
    blocked += [quarry.outline.buffer(150.0) for quarry in land.quarries]
    is_free = _burn(land, blocks) & ~_burn(land, blocked)
    urban = _burn(land, [land.urban])
    from_village = distance_transform_edt(~built) * CELL_M
    rows = np.arange(is_free.shape[0])[:, None] * CELL_M / land.frame.height_m
    low = np.broadcast_to(rows > (0.74 if land.size["has_river"] else 0.5), is_free.shape)
    lines = [village.territory.boundary.buffer(14.0) for village in land.villages]
    zones = {
        "field": ~urban & (from_village > 60.0),
        "village_edge": ~urban & (from_village < 48.0),
        "urban": urban,
        "river_plain": ~urban & low & (from_village > 50.0),
        "village_line": ~urban & _burn(land, lines),
        "county_line": _burn(land, [_county_line(land)]),
    }
    cropland = [shape for shape, code, _ in land.countryside.blocks if code == "0102"]
    return Sites(land, is_free, np.zeros_like(is_free), zones, shapely.STRtree(cropland))


def _county_line(land: Land) -> BaseGeometry:
    main = land.villages[0].county_code
    other = [village.territory for village in land.villages if village.county_code != main]
    own = [village.territory for village in land.villages if village.county_code == main]
    if not other:
        return shapely.Polygon()
    line: BaseGeometry = (
        shapely.union_all(other).buffer(14.0).intersection(shapely.union_all(own).buffer(14.0))
    )
    return line
