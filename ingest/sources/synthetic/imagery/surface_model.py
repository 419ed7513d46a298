"""Surface models of both dates from the same material map: terrain, roofs, crowns, crops, pits.

What is no change is in them as it is in real ones: another datum and a slight tilt, noise, crowns that
stereo matching is unsure of, crops that stand, building edges that move by a pixel.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import cv2
import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.features import rasterize

from ingest.sources.synthetic.imagery.canvas import OVERSAMPLING, StyleGrid
from ingest.sources.synthetic.landscape.frame import PROJECTED_EPSG, FloatGrid, Frame, fractal
from ingest.sources.synthetic.landscape.ground import Ground
from ingest.sources.synthetic.landscape.land import Land
from ingest.sources.synthetic.landscape.materials import DATES, Date, Palette, read_table
from ingest.sources.synthetic.planting.situations import Change, parts_at

SENSOR = "Stereo DSM (synthetic)"
BAND = "height"


def write_surface_models(
    land: Land,
    changes: Sequence[Change],
    folder: Path,
    *,
    low: StyleGrid,
    tall: Sequence[Ground],
    crowns: tuple[FloatGrid, FloatGrid],
    omit: Collection[str],
    acquired_at: dict[str, str],
) -> tuple[Path, Path]:
    """Write ``dsm_before.tif`` and ``dsm_after.tif``: EPSG:4547, float32 metres, on the grid of the imagery.

    Parameters
    ----------
    low : ndarray
        Style grid of all that is not tall, oversampled.
    tall : sequence of Ground
        Drawn over it upright: a surface model does not lean.
    crowns : (trees, shrubs)
        Crown cover 0–1.
    """
    flat = low[::OVERSAMPLING, ::OVERSAMPLING]
    terrain = _terrain(land)
    paths = []
    for date in DATES:
        styles = flat.copy()
        _draw(land.frame, [*tall, *(part for c in changes for part in parts_at(c, date, omit))], styles)
        height = _standing(land.palette, styles, crowns, date)
        height += terrain
        height += _dug(land, changes, date, omit)
        paths.append(folder / f"dsm_{date}.tif")
        _write(_measured(height, land, crowns[0], date), land.frame, paths[-1], acquired_at[date])
    return paths[0], paths[1]


def _draw(frame: Frame, grounds: Sequence[Ground], out: StyleGrid) -> None:
    pairs = [(ground.shape, ground.style) for ground in grounds if not ground.shape.is_empty]
    if pairs:
        rasterize(pairs, out=out, transform=_local(frame))


def _local(frame: Frame) -> Affine:
    return Affine(frame.gsd_m, 0, 0, 0, frame.gsd_m, 0)


def _terrain(land: Land) -> FloatGrid:
    """Hills on a plain that falls to the south, float32 metres."""
    rule, frame = read_table("surface")["plain"], land.frame
    coarse = land.terrain_m + rule["relief_m"] * fractal(
        land.seed.stream("plain"), land.terrain_m.shape, cell_px=rule["cell_px"], octaves=3
    )
    terrain = cv2.resize(coarse.astype(np.float32), (frame.cols, frame.rows), interpolation=cv2.INTER_LINEAR)
    south_km = np.arange(frame.rows, dtype=np.float32)[:, None] * np.float32(frame.gsd_m / 1000.0)
    level: FloatGrid = terrain + (np.float32(rule["height_m"]) - np.float32(rule["fall_m_per_km"]) * south_km)
    return level


def _standing(
    palette: Palette, styles: StyleGrid, crowns: tuple[FloatGrid, FloatGrid], date: Date
) -> FloatGrid:
    """What stands on the terrain: roofs, crops, and crowns where no roof is."""
    rule = read_table("surface")["model"]
    roofs, ground = _style_heights(palette, date)
    height: FloatGrid = np.take(ground, styles)
    for cover, tallest_m in zip(crowns, (rule["tree_m"], rule["shrub_m"]), strict=True):
        np.maximum(height, cover * np.float32(tallest_m), out=height)
    roof = np.take(roofs, styles)
    np.copyto(height, roof, where=roof > 0)
    return height


def _style_heights(palette: Palette, date: Date) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """By style number: height of a made thing (0 for none), and of ground with its plants."""
    table = read_table("surface")
    names = {number: name.split("@")[0] for name, number in palette.names.items()}
    looks = [pair[DATES.index(date)] for pair in palette.looks]
    roofs = np.array([look.height_m for look in looks], np.float32)
    ground = [
        table["relief"].get(names.get(number, ""), 0.0) + table["canopy"].get(look.a, 0.0) * (1.0 - look.mix)
        for number, look in enumerate(looks)
    ]
    return roofs, np.array(ground, np.float32)


def _dug(land: Land, changes: Sequence[Change], date: Date, omit: Collection[str]) -> FloatGrid:
    """Quarries and pits below the terrain, float32 metres ≤ 0."""
    table = read_table("surface")["dug"]
    holes = [(quarry.outline, "quarry") for quarry in land.quarries]
    for change in changes:
        make = change.situation.make
        is_there = date == "after" and change.change_id not in omit
        # A restored slope keeps its form: it gets soil and plants, not twenty metres of filling.
        if make == "restored_quarry" or (make == "lobe" and is_there):
            holes.append((change.outline, "quarry"))
        elif make == "pit" and is_there:
            holes.append((change.outline, "pit"))
    steps = [
        (inner, depth_m)
        for outline, kind in holes
        for inside_m, depth_m in table[kind]
        if not (inner := outline.buffer(-inside_m)).is_empty
    ]
    depth = np.zeros(land.frame.shape, np.float32)
    if steps:
        rasterize(steps, out=depth, transform=_local(land.frame))
    return depth


def _measured(height: FloatGrid, land: Land, trees: FloatGrid, date: Date) -> FloatGrid:
    """What stereo matching makes of the surface."""
    rule, frame = read_table("surface")["model"], land.frame
    rng = land.seed.stream("surface", date)
    soft = cv2.GaussianBlur(height, (0, 0), rule["point_spread_px"])
    cell = int(rule["jitter_cell_px"])
    coarse_shape = (frame.rows // cell + 2, frame.cols // cell + 2)
    maps = []
    for along in (np.arange(frame.cols)[None, :], np.arange(frame.rows)[:, None]):
        shift = np.clip(rng.normal(0.0, rule["jitter_px"], coarse_shape), -0.9, 0.9).astype(np.float32)
        moved = cv2.resize(shift, (frame.cols, frame.rows), interpolation=cv2.INTER_LINEAR)
        maps.append(moved + along.astype(np.float32))
    measured: FloatGrid = np.asarray(
        cv2.remap(soft, maps[0], maps[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32
    )
    noise = rng.standard_normal(frame.shape, dtype=np.float32)
    noise *= np.float32(rule["noise_m"]) + np.float32(rule["crown_noise_m"]) * trees
    shared = rng.standard_normal((frame.rows // 3 + 1, frame.cols // 3 + 1), dtype=np.float32)
    noise += np.float32(rule["shared_noise_m"]) * cv2.resize(shared, (frame.cols, frame.rows))
    measured += noise
    if date == "after":
        measured += _lean(frame)
    step = np.float32(rule["step_m"])
    np.rint(measured / step, out=measured)
    measured *= step
    return np.asarray(measured, np.float32)


def _lean(frame: Frame) -> FloatGrid:
    """Other datum and tilt of the second model."""
    rule = read_table("surface")["model"]["after"]
    east, south = (value * frame.gsd_m / 1000.0 for value in rule["tilt_m_per_km"])
    across = np.arange(frame.cols, dtype=np.float32) * np.float32(east)
    down = np.arange(frame.rows, dtype=np.float32) * np.float32(south)
    return np.asarray(down[:, None] + across[None, :] + np.float32(rule["offset_m"]), np.float32)


def _write(height: FloatGrid, frame: Frame, path: Path, acquired_at: str) -> None:
    with rasterio.open(
        path, "w", driver="GTiff", width=frame.cols, height=frame.rows, count=1, dtype="float32",
        nodata=-9999.0, crs=f"EPSG:{PROJECTED_EPSG}", transform=frame.affine, tiled=True, blockxsize=256,
        blockysize=256, compress="ZSTD", predictor=3, zstd_level=1,
    ) as file:  # fmt: skip
        file.write(height, 1)
        file.set_band_description(1, BAND)
        file.update_tags(ACQUIRED_AT=acquired_at, SENSOR=SENSOR, GSD_M=f"{frame.gsd_m:g}")
