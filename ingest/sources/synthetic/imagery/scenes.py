"""Two dates of imagery from one material map, and the planted changes between them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

import numpy as np
import rasterio
import shapely
from numpy.typing import NDArray

from ingest.sources.synthetic.imagery import nuisance
from ingest.sources.synthetic.imagery.canvas import (
    OVERSAMPLING,
    TALL_M,
    StyleGrid,
    Weather,
    draw,
    height_grid,
    leaned,
    new_grid,
    reflectance,
)
from ingest.sources.synthetic.imagery.surface_model import write_surface_models
from ingest.sources.synthetic.landscape.frame import PROJECTED_EPSG, FloatGrid, Frame
from ingest.sources.synthetic.landscape.land import Land
from ingest.sources.synthetic.landscape.materials import BANDS, DATES, Date
from ingest.sources.synthetic.planting.situations import Change, parts_at

ACQUIRED_AT = {"before": "2026-04-08T11:12:00+08:00", "after": "2026-09-08T11:05:00+08:00"}
SENSOR = "GF-1 PMS (synthetic)"
TREE_HEIGHT_M = 8.0
NO_TREES = (
    *("road_main", "road_village", "lane", "rail", "railway"),
    *("hardstanding", "works_yard", "threshing_grain", "film", "film_shaded"),
    *("river", "bank", "sandbar", "canal_water", "pond", "quarry_floor", "quarry_bench", "quarry_face"),
)


def write_scenes(
    land: Land,
    changes: list[Change],
    folder: Path,
    *,
    omit: Collection[str],
    progress: Callable[[str, float], None],
) -> tuple[Path, Path, Path, Path, Path]:
    """Write ``before.tif``, ``after.tif``, the cloud mask of the second, and both surface models."""
    folder.mkdir(parents=True, exist_ok=True)
    base = new_grid(land.frame)
    low = [ground for ground in land.grounds if land.palette.height_m(ground.style, "before") < TALL_M]
    tall = [ground for ground in land.grounds if land.palette.height_m(ground.style, "before") >= TALL_M]
    draw(land.frame, low, base)
    _clear_trees(land, changes, base)
    trees = nuisance.crowns(land.frame, land.trees, sigma_px=1.05, strength=9.0)
    shrubs = nuisance.crowns(land.frame, land.shrubs, sigma_px=0.85, strength=9.0)
    progress("surface models", 0.46)
    models = write_surface_models(
        land, changes, folder, low=base, tall=tall, crowns=(trees, shrubs), omit=omit, acquired_at=ACQUIRED_AT
    )
    weather = Weather(land.frame, land.seed)
    cloud = place_cloud(land, changes)
    mask = cloud_mask(land, cloud)
    paths = []
    for number, date in enumerate(DATES):
        progress(f"imagery {date}", 0.5 + 0.25 * number)
        planted = [part for change in changes for part in parts_at(change, date, omit)]
        grid = base.copy() if date == "before" else base
        draw(land.frame, leaned([*tall, *planted], land.palette, date), grid)
        image = _render(land, grid, date=date, weather=weather, crowns=(trees, shrubs), cloud=cloud)
        paths.append(folder / f"{date}.tif")
        share = float((mask == 1).mean() * 100) if date == "after" else 0.0
        _write(image, land.frame, path=paths[-1], date=date, cloud_pct=share)
    _write_mask(mask, land.frame, folder / "after_cloud.tif")
    return paths[0], paths[1], folder / "after_cloud.tif", *models


def _clear_trees(land: Land, changes: list[Change], base: StyleGrid) -> None:
    """No trees on roofs, roads and water, nor where something is planted."""
    bare = {land.palette.names[name] for name in NO_TREES if name in land.palette.names}
    bare |= {number for name, number in land.palette.names.items() if name.startswith("roof_")}
    is_bare = np.zeros(len(land.palette.looks), np.bool_)
    is_bare[list(bare)] = True
    changed = shapely.union_all(
        [change.outline.buffer(4.0) for change in changes if change.before or change.after]
    )
    shapely.prepare(changed)
    for name in ("trees", "shrubs"):
        points: NDArray[np.float64] = getattr(land, name)
        scale = OVERSAMPLING / land.frame.gsd_m
        col = np.clip((points[:, 0] * scale).astype(np.int64), 0, base.shape[1] - 1)
        row = np.clip((points[:, 1] * scale).astype(np.int64), 0, base.shape[0] - 1)
        keep = ~is_bare[base[row, col]] & ~shapely.contains_xy(changed, points[:, 0], points[:, 1])
        setattr(land, name, points[keep])


def _render(
    land: Land,
    grid: StyleGrid,
    *,
    date: Date,
    weather: Weather,
    crowns: tuple[FloatGrid, FloatGrid],
    cloud: nuisance.Cloud | None,
) -> NDArray[np.uint16]:
    frame, seed = land.frame, land.seed
    table = land.palette.compile(date)
    image = reflectance(grid, table, frame=frame, weather=weather, terrain_m=land.terrain_m)
    image *= nuisance.hill_shade(land.terrain_m, frame, date)
    trees, shrubs = crowns
    nuisance.plant_trees(image, shrubs, date=date, depth=1.1)
    nuisance.plant_trees(image, trees, date=date, depth=1.7)
    heights = height_grid(grid, table)
    np.maximum(heights, TREE_HEIGHT_M * trees * (heights <= 0), out=heights)
    shadow = nuisance.cast_shadows(heights, frame, date)
    shadow *= 1.0 - 0.5 * trees
    nuisance.darken(image, shadow)
    nuisance.atmosphere(image, frame, date)
    if date == "after":
        if cloud is not None:
            add_cloud(image, land, cloud)
        image = nuisance.misregister(image, frame, seed)
    return nuisance.expose(image, frame, rng=seed.stream("noise", date))


def place_cloud(land: Land, changes: list[Change]) -> nuisance.Cloud | None:
    """One cloud over the second image, where it and its shadow hide nothing planted."""
    frame = land.frame
    rng = land.seed.stream("cloud-place")
    radius = min(260.0, frame.height_m * 0.055)
    outlines = shapely.union_all([change.outline for change in changes])
    for _ in range(400):
        x, y = rng.uniform(0.1, 0.9) * frame.width_m, rng.uniform(0.1, 0.85) * frame.height_m
        cloud = nuisance.Cloud(x, y, radius)
        dx, dy = nuisance.cloud_shift_m(_cloud_height(cloud), "after")
        cover = shapely.union(
            shapely.Point(x, y).buffer(radius * 1.9), shapely.Point(x + dx, y + dy).buffer(radius * 1.9)
        )
        if not cover.intersects(outlines):
            return cloud
    return None


def _cloud_height(cloud: nuisance.Cloud) -> float:
    return cloud.radius_m * 3.2


def _cloud_layers(land: Land, cloud: nuisance.Cloud) -> tuple[FloatGrid, FloatGrid]:
    shift = nuisance.cloud_shift_m(_cloud_height(cloud), "after")
    cover = nuisance.cloud_cover(cloud, land.frame, land.seed)
    return cover, nuisance.cloud_cover(cloud, land.frame, land.seed, shift_m=shift)


def add_cloud(image: FloatGrid, land: Land, cloud: nuisance.Cloud) -> None:
    """Shadow first, then the cloud over everything, in place."""
    cover, shadow = _cloud_layers(land, cloud)
    nuisance.darken(image, shadow * 0.62)
    nuisance.veil(image, cover * 0.93)


def cloud_mask(land: Land, cloud: nuisance.Cloud | None) -> NDArray[np.uint8]:
    """1 cloud, 2 cloud shadow, 0 clear."""
    mask = np.zeros(land.frame.shape, np.uint8)
    if cloud is not None:
        cover, shadow = _cloud_layers(land, cloud)
        mask[shadow > 0.15] = 2
        mask[cover > 0.08] = 1
    return mask


def _write(image: NDArray[np.uint16], frame: Frame, *, path: Path, date: Date, cloud_pct: float) -> None:
    with rasterio.open(
        path, "w", driver="GTiff", width=frame.cols, height=frame.rows, count=4, dtype="uint16", nodata=0,
        crs=f"EPSG:{PROJECTED_EPSG}", transform=frame.affine, tiled=True, blockxsize=256, blockysize=256,
        compress="DEFLATE", predictor=2, zlevel=1, interleave="pixel",
    ) as file:  # fmt: skip
        file.write(image)
        for number, name in enumerate(BANDS, start=1):
            file.set_band_description(number, name)
        file.update_tags(
            ACQUIRED_AT=ACQUIRED_AT[date],
            SENSOR=SENSOR,
            GSD_M=f"{frame.gsd_m:g}",
            CLOUD_PCT=f"{cloud_pct:.2f}",
        )


def _write_mask(mask: NDArray[np.uint8], frame: Frame, path: Path) -> None:
    with rasterio.open(
        path, "w", driver="GTiff", width=frame.cols, height=frame.rows, count=1, dtype="uint8",
        crs=f"EPSG:{PROJECTED_EPSG}", transform=frame.affine, tiled=True, blockxsize=256, blockysize=256,
        compress="DEFLATE",
    ) as file:  # fmt: skip
        file.write(mask, 1)
        file.set_band_description(1, "cloud 1, cloud shadow 2")
