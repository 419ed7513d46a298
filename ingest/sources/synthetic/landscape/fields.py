"""Farmland and hills: blocks between farm tracks, plots in the blocks, woods, groves, ponds, graves."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from ingest.sources.synthetic.landscape.frame import FloatGrid, Frame, Seed, bend
from ingest.sources.synthetic.landscape.ground import (
    Ground,
    beside,
    blob,
    polygons_of,
    scatter,
    split_oriented,
)
from ingest.sources.synthetic.landscape.materials import Palette, crop_style
from ingest.sources.synthetic.landscape.territory import Village


@dataclass(slots=True)
class Countryside:
    """What lies between the villages.

    Attributes
    ----------
    blocks : list of (Polygon, land class, village code)
        The units of the land survey.
    details : list of Polygon
        Ponds, graves and groves inside the blocks.
    """

    grounds: list[Ground] = field(default_factory=list)
    trees: list[NDArray[np.float64]] = field(default_factory=list)
    shrubs: list[NDArray[np.float64]] = field(default_factory=list)
    blocks: list[tuple[shapely.Polygon, str, str]] = field(default_factory=list)
    details: list[shapely.Polygon] = field(default_factory=list)


def hill_line_y(frame: Frame, x: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """South edge of the hills in local metres for given x."""
    t = np.asarray(x, dtype=np.float64) / frame.width_m * 2 * np.pi
    return frame.height_m * (
        0.225 + 0.045 * np.sin(0.9 * t + 0.5) + 0.022 * np.sin(3.1 * t) + 0.01 * np.sin(8 * t)
    )


def build_countryside(
    frame: Frame, seed: Seed, *, villages: list[Village], palette: Palette, has_hills: bool, cover: FloatGrid
) -> Countryside:
    """Blocks, plots and woods of every village.

    Parameters
    ----------
    cover : ndarray, float32
        Coarse fractal noise over the frame (any shape); decides woods against terraces in the hills.
    """
    land = Countryside()
    for village in villages:
        rng = seed.stream("fields", village.code)
        land.grounds.append(Ground(village.territory, palette["track"], "1006"))
        if has_hills:
            slope = _hills(frame).intersection(village.territory)
            land.grounds += [Ground(part, palette["grassland"], "0404") for part in polygons_of(slope)]
        pieces = split_oriented(
            village.territory, angle_deg=village.angle_deg, max_m=(420.0, 250.0), rng=rng, least_m2=2500.0
        )
        for piece in pieces:
            x, y = piece.centroid.coords[0]
            if has_hills and y < float(hill_line_y(frame, x)):
                _hill_block(
                    land, piece, rng=rng, village=village, palette=palette, dense=_sample(cover, frame, x, y)
                )
            else:
                _field_block(land, piece, rng=rng, village=village, palette=palette)
    return land


def _hills(frame: Frame) -> shapely.Polygon:
    """Everything north of the hill line."""
    x = np.linspace(0.0, frame.width_m, 160)
    return shapely.Polygon([*zip(x, hill_line_y(frame, x), strict=True), (frame.width_m, 0.0), (0.0, 0.0)])


def _sample(grid: FloatGrid, frame: Frame, x: float, y: float) -> float:
    row = min(int(y / frame.height_m * grid.shape[0]), grid.shape[0] - 1)
    col = min(int(x / frame.width_m * grid.shape[1]), grid.shape[1] - 1)
    return float(grid[row, col])


def _field_block(
    land: Countryside, piece: shapely.Polygon, *, rng: np.random.Generator, village: Village, palette: Palette
) -> None:
    block = piece.buffer(-rng.uniform(1.6, 2.6), join_style="mitre")
    kind = rng.random()
    for part in polygons_of(block):
        if kind < 0.055:
            _orchard(land, part, rng=rng, village=village, palette=palette)
        elif kind < 0.085:
            land.grounds.append(Ground(part, palette.turned("nursery", village.angle_deg), "0204"))
            land.blocks.append((part, "0204", village.code))
        else:
            land.grounds.append(Ground(part, palette["baulk"], "0102"))
            land.blocks.append((part, "0102", village.code))
            _plots(
                land,
                part,
                rng=rng,
                angle_deg=village.angle_deg,
                palette=palette,
                is_crosswise=rng.random() < 0.5,
            )
            _details(land, part, rng=rng, palette=palette)
    if rng.random() < 0.42:
        edge = shapely.LineString(piece.exterior.coords)
        left, top, right, bottom = piece.bounds
        side = shapely.box(left - 5, top - 5, right + 5, top + (bottom - top) * rng.uniform(0.1, 0.35))
        row = edge.intersection(side)
        for line in shapely.get_parts(shapely.line_merge(row) if row.geom_type == "MultiLineString" else row):
            if line.geom_type == "LineString" and line.length > 40:
                land.trees.append(beside(rng, line, offset_m=2.0, spacing_m=rng.uniform(5.0, 9.0)))


def _plots(
    land: Countryside,
    block: BaseGeometry,
    *,
    rng: np.random.Generator,
    angle_deg: float,
    palette: Palette,
    is_crosswise: bool,
) -> None:
    """Strips of households in a block of the plain."""
    narrow, long = rng.uniform(24.0, 58.0), rng.uniform(130.0, 250.0)
    extent = (narrow, long) if is_crosswise else (long, narrow)
    plots = split_oriented(block, angle_deg=angle_deg, max_m=extent, rng=rng, least_m2=120.0)
    rows_deg = angle_deg + (90.0 if is_crosswise else 0.0)
    main, other = (crop_style(palette, rng, angle_deg=rows_deg, is_terraced=False) for _ in range(2))
    shrunk = shapely.buffer(np.array(plots, dtype=object), -0.45, join_style="mitre")
    for plot in shrunk:
        if plot.is_empty:
            continue
        own = rng.random() < 0.40
        style = crop_style(palette, rng, angle_deg=rows_deg, is_terraced=False) if own else main
        style = other if not own and rng.random() < 0.22 else style
        land.grounds.append(Ground(plot, style))


def _terraces(
    land: Countryside, part: shapely.Polygon, *, rng: np.random.Generator, angle_deg: float, palette: Palette
) -> None:
    """Curved steps of a slope: long narrow plots bent with the ground."""
    plots = split_oriented(part, angle_deg=angle_deg, max_m=(170.0, 38.0), rng=rng, least_m2=150.0)
    shared = [crop_style(palette, rng, angle_deg=angle_deg, is_terraced=True) for _ in range(3)]
    bent = bend(np.array(plots, dtype=object), step_m=14.0, amplitude_m=11.0, wave_m=330.0, phase=0.4)
    for plot in shapely.buffer(bent, -0.9):
        own = rng.random() < 0.35
        style = (
            crop_style(palette, rng, angle_deg=angle_deg, is_terraced=True)
            if own
            else shared[int(rng.integers(3))]
        )
        clipped = plot.intersection(part)
        if not clipped.is_empty:
            land.grounds.append(Ground(clipped, style))


def _orchard(
    land: Countryside, part: shapely.Polygon, *, rng: np.random.Generator, village: Village, palette: Palette
) -> None:
    land.grounds.append(Ground(part, palette["orchard"], "0201"))
    land.blocks.append((part, "0201", village.code))
    left, top, right, bottom = part.bounds
    reach = float(np.hypot(right - left, bottom - top)) / 2
    along, across = np.meshgrid(np.arange(-reach, reach, 5.5), np.arange(-reach, reach, 7.0))
    turn = np.deg2rad(village.angle_deg)
    x = (left + right) / 2 + along.ravel() * np.cos(turn) - across.ravel() * np.sin(turn)
    y = (top + bottom) / 2 + along.ravel() * np.sin(turn) + across.ravel() * np.cos(turn)
    shapely.prepare(part)
    inside = shapely.contains_xy(part, x, y) & (rng.random(x.size) > 0.06)
    land.shrubs.append(np.column_stack([x, y])[inside] + rng.normal(0, 0.4, (int(inside.sum()), 2)))


def _details(
    land: Countryside, block: shapely.Polygon, *, rng: np.random.Generator, palette: Palette
) -> None:
    """A pond, graves, a grove, a threshing ground or a parked machine here and there."""
    inner = block.buffer(-38.0)
    if inner.is_empty:
        return
    luck = rng.random()
    left, top, right, bottom = inner.bounds
    x, y = rng.uniform(left, right), rng.uniform(top, bottom)
    if not inner.contains(shapely.Point(x, y)):
        return
    if luck < 0.035:
        outline = blob(rng, x, y, rng.uniform(18, 34), flat=0.8)
        land.grounds += [
            Ground(outline, palette["pond_bank"], "1104"),
            Ground(outline.buffer(-3.5), palette["pond"]),
        ]
        land.details.append(outline)
    elif luck < 0.11:
        graves = blob(rng, x, y, rng.uniform(10, 22))
        land.grounds.append(Ground(graves, palette["cemetery"], "09"))
        land.details.append(graves)
        land.trees.append(scatter(rng, graves, 1 / 40))
    elif luck < 0.16:
        grove = blob(rng, x, y, rng.uniform(16, 36), roughness=0.25)
        land.grounds.append(Ground(grove, palette["woodland"], "0301"))
        land.details.append(grove)
        land.trees.append(scatter(rng, grove, 1 / 14))
    elif luck < 0.25:
        land.grounds.append(Ground(blob(rng, x, y, 2.6), palette["machine_after"]))
    if rng.random() < 0.5:
        land.trees.append(scatter(rng, block, 1 / 9000))


def _hill_block(
    land: Countryside,
    piece: shapely.Polygon,
    *,
    rng: np.random.Generator,
    village: Village,
    palette: Palette,
    dense: float,
) -> None:
    """Woods, scrub, grass or terraces on a natural outline."""
    natural = bend(piece.buffer(2.0), step_m=12.0, amplitude_m=16.0, wave_m=190.0, phase=village.site[0])
    natural = natural.buffer(0).intersection(village.territory)
    kind = dense + rng.normal(0.0, 0.45)
    for part in polygons_of(natural):
        if kind > 0.45:
            land.grounds.append(Ground(part, palette["woodland"], "0301"))
            land.trees.append(scatter(rng, part, 1 / 17))
        elif kind > -0.15:
            land.grounds.append(Ground(part, palette["shrubland"], "0305"))
            land.shrubs.append(scatter(rng, part, 1 / 32))
        elif kind > -0.45:
            land.grounds.append(Ground(part, palette["grassland"], "0404"))
            land.shrubs.append(scatter(rng, part, 1 / 160))
        else:
            land.grounds.append(Ground(part, palette["baulk"], "0103"))
            land.blocks.append((part, "0103", village.code))
            _terraces(land, part, rng=rng, angle_deg=village.angle_deg + rng.normal(0, 12), palette=palette)
            land.trees.append(scatter(rng, part, 1 / 3500))
