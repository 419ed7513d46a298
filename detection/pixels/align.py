"""Co-registration of the later date onto the earlier one, and the proof that it succeeded.

Tiles of the log-gradient are phase-correlated; a similarity is found among their shifts by RANSAC, and a
slowly varying field is added where the tiles support it. The share of tiles that agree, and how well they
predict a tile that was left out, tell success from failure. Where the quick measure proves nothing, tiles
are refined by ECC and made larger, step by step; a pair that still does not register may be reached through
dates between. A pair that is not registered is never compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from rasterio.warp import transform as transform_points

from detection.pixels.registration.fit import MIN_TILES, fit_tiles
from detection.pixels.registration.model import (
    FloatArray,
    Points,
    Registration,
    as_delivered,
    on_lattice,
    settled,
)
from detection.pixels.registration.resample import read_aligned
from detection.pixels.registration.texture import WHOLE_PX, Texture, log_gradient
from detection.pixels.registration.tiles import (
    Coarse,
    coarse_shift,
    is_sparse,
    measure_tiles,
    tile_boxes,
)
from foundation.errors import InvalidInput
from ingest.pair import Box, ImagePair, PairReader, open_pair
from ingest.raster import RasterGrid

__all__ = ["Registration", "log_gradient", "read_aligned", "register", "register_chain"]

MIN_INLIER_SHARE = 0.2
MAX_RESIDUAL_PX = 0.5
MAX_STEP_RESIDUAL_PX = 1.0
MAX_CHAIN_RESIDUAL_PX = 1.5
"""Steps of a chain add up; beyond this an edge would look like change."""
FOLLOW_SHARE = 0.1
FEW_TILES = 30
CLEAR_SHARE, CLEAR_PX = 0.8, 0.15
"""A first pass this clear needs no second one."""
MORE_PASSES, WIDER_SHARE = 3, 0.05
SMALL_PX = 400
MIN_TILE_PX = 64
SURE_TILES = 12
"""Of few tiles more must agree: up to half of them, where that is fewer than 12; tiles overlap by half."""
TOO_SMALL = "too small to measure; taken as delivered"
CLEAR_SPARSE_PX = 0.2
"""Few tiles that lie far apart suffice below this; a field that varies more is measured with many."""
LADDER = ((1.0, False), (1.0, True), (0.5, True), (1.5, True), (2.0, True))
"""Tile side in units of the first, and whether ECC refines it; a step only follows one that proved nothing.

Halved tiles are for scenes that hold few of them.

On eleven dates of one building site (55 pairs) the first step proves 17, all of them 26; loops of three
proven pairs close within 0.5 px (median), 0.9 px at most.
"""


def register(
    pair: ImagePair,
    *,
    progress: Callable[[float], None] | None = None,
    reader: PairReader | None = None,
) -> Registration:
    """Measure how AFTER lies on BEFORE.

    ``reader`` is the caller's, so that what it has decoded serves again; by default one is opened here.

    Pictures under 400 px are measured with tiles of 64 px; where these prove nothing, and where there is no
    texture to measure, the pair is taken as delivered, and status and note say so.

    Raises
    ------
    InvalidInput
        ``detection.pair.not_comparable``: too few tiles agree (below 0.2), or they disagree by ≥ 0.5 px;
        ``detection.pair.repeating_pattern``: another shift fits almost as well.
    """
    fitted, common, coarse = _best_fit(pair, MAX_RESIDUAL_PX, progress, reader)
    if _is_proven(fitted, MAX_RESIDUAL_PX):
        _refuse_repeating(pair, coarse)
        return settled(fitted)
    return _unproven(pair, fitted, common)


def register_chain(
    dates: Sequence[Path], *, pixel_grid: bool = False, progress: Callable[[float], None] | None = None
) -> Registration:
    """Measure how the last date lies on the first through the dates between, on the first date's grid.

    Parameters
    ----------
    dates : sequence of Path
        In order of time, at least two; each is registered to the next.

    Returns
    -------
    Registration
        Status ``chained``; ``residual_px`` is the root of the summed squares of the steps, in pixels of the
        first date; ``inlier_share`` the weakest step's.

    Raises
    ------
    InvalidInput
        ``detection.pair.chain_too_short``; ``detection.pair.chain_broken`` names the step that does not
        register (share below 0.2, or residual ≥ 1 px); ``detection.pair.not_comparable`` where the steps
        add up to 1.5 px or more.
    """
    if len(dates) < 2:
        raise InvalidInput("detection.pair.chain_too_short", dates=len(dates))
    steps: list[tuple[ImagePair, Registration]] = []
    for number, (first, second) in enumerate(pairwise(dates)):
        pair = open_pair(first, second, pixel_grid=pixel_grid)
        fitted, _, coarse = _best_fit(pair, MAX_STEP_RESIDUAL_PX, None)
        if not _is_proven(fitted, MAX_STEP_RESIDUAL_PX):
            raise InvalidInput(
                "detection.pair.chain_broken",
                before=first.name,
                after=second.name,
                inlier_share=round(fitted.inlier_share, 2),
                residual_px=_told(fitted.residual_px),
            )
        _refuse_repeating(pair, coarse)
        steps.append((pair, fitted))
        if progress is not None:
            progress((number + 1) / (len(dates) - 1))
    return settled(_composed(steps))


def _best_fit(
    pair: ImagePair,
    limit_px: float,
    progress: Callable[[float], None] | None,
    held: PairReader | None = None,
) -> tuple[Registration, Box, Coarse]:
    """Climb the ladder until a step proves the registration; else the step with the most agreement."""
    shape = pair.grid.shape
    best: Registration | None = None
    with nullcontext(held) if held is not None else pair.reader() as reader:
        texture = Texture(reader, shape)
        common = texture.common()
        side = _tile_side(common)
        if side == 0:
            return as_delivered(shape, TOO_SMALL), common, Coarse((0.0, 0.0), 0.0, 0.0)
        coarse = coarse_shift(texture, common, is_whole=shape[0] * shape[1] <= WHOLE_PX)
        start = _shifted(shape, coarse)
        for scale, is_refined, is_dense in _looks(common, side):
            boxes = tile_boxes(common, round(scale * side), is_dense=is_dense)
            if not _is_worth(len(boxes), scale, round(scale * side), best):
                continue
            tell = progress if best is None else None
            fitted = _in_passes(texture, start, boxes, is_refined=is_refined, progress=tell)
            if best is None or _rank(fitted, limit_px) > _rank(best, limit_px):
                best = fitted
            if _is_proven(best, limit_px if is_dense else CLEAR_SPARSE_PX):
                break
            if best.inlier_share >= FOLLOW_SHARE and np.isfinite(best.residual_px):
                start = best
    return best or as_delivered(shape, TOO_SMALL), common, coarse


def _looks(common: Box, side: int) -> Iterator[tuple[float, bool, bool]]:
    """Scale of the tiles, whether ECC refines them, whether there are many: the ladder; of a large scene
    first a look at few tiles."""
    if is_sparse(common, side):
        yield 1.0, False, False
    for scale, is_refined in LADDER:
        yield scale, is_refined, True


def _in_passes(
    texture: Texture,
    start: Registration,
    boxes: list[Box],
    *,
    is_refined: bool,
    progress: Callable[[float], None] | None,
) -> Registration:
    """Measure, fit, and measure again where the fit says, as long as more tiles agree; the better one."""
    tiles = measure_tiles(texture, start, boxes, progress=progress)
    if len(tiles) < MIN_TILES:
        return as_delivered(texture.shape, "too little texture", tiles=len(tiles))
    first = fit_tiles(tiles, texture.shape)
    if first.inlier_share >= CLEAR_SHARE and first.residual_px < CLEAR_PX and not is_refined:
        return first
    if first.inlier_share < FOLLOW_SHARE or not np.isfinite(first.residual_px):
        if not is_refined:
            return first
        first = replace(first, matrix=start.matrix, lattice=start.lattice)
    for _ in range(MORE_PASSES):
        tiles = measure_tiles(texture, first, boxes, is_refined=is_refined)
        again = fit_tiles(tiles, texture.shape) if len(tiles) >= MIN_TILES else first
        is_wider = again.inlier_share > first.inlier_share + WIDER_SHARE
        first = again if is_wider or again.residual_px <= first.residual_px else first
        if not is_wider:
            break  # tiles measured where they lie agree no wider than before
    return first


def _is_proven(fitted: Registration, limit_px: float) -> bool:
    needed = max(MIN_INLIER_SHARE, min(SURE_TILES, fitted.tiles / 2) / max(fitted.tiles, 1))
    is_measured = fitted.status == "measured" and fitted.inlier_share >= needed
    return is_measured and fitted.residual_px < limit_px


def _is_worth(count: int, scale: float, side: int, best: Registration | None) -> bool:
    if scale >= 1.0 or best is None:
        return count >= MIN_TILES
    return best.tiles < FEW_TILES and side >= MIN_TILE_PX


def _rank(fitted: Registration, limit_px: float) -> tuple[bool, float]:
    """Proven ones by their residual, others by agreement."""
    if _is_proven(fitted, limit_px):
        return True, -fitted.residual_px
    return False, fitted.inlier_share


def _refuse_repeating(pair: ImagePair, coarse: Coarse) -> None:
    """Orchards, greenhouses and terraces fit beside themselves: agreement of tiles then proves nothing."""
    if coarse.is_ambiguous:
        raise InvalidInput(
            "detection.pair.repeating_pattern",
            before=pair.before.path.name,
            after=pair.after.path.name,
            rival_pct=round(100 * coarse.rival),
        )


def _unproven(pair: ImagePair, fitted: Registration, common: Box) -> Registration:
    """Small or plain pictures that came on one grid are taken as delivered; all others are refused."""
    reason = ""
    if _tile_side(common) == 0:
        reason = "too small to measure"
    elif fitted.tiles < MIN_TILES:
        reason = "too little texture: registration not measurable"
    elif min(common.rows, common.cols) < SMALL_PX:
        reason = f"small picture: {fitted.tiles} tiles prove nothing (agreement {fitted.inlier_share:.0%})"
    if reason and pair.same_grid:
        delivered = as_delivered(fitted.shape, f"{reason}; taken as delivered", tiles=fitted.tiles)
        return replace(delivered, inlier_share=fitted.inlier_share)
    raise InvalidInput(
        "detection.pair.not_comparable",
        inlier_share=round(fitted.inlier_share, 2),
        residual_px=_told(fitted.residual_px),
        tiles=fitted.tiles,
    )


def _told(residual_px: float) -> float:
    """A residual that a person and JSON can read: no tile agreed where it is infinite."""
    return round(min(residual_px, 99.0), 2)


def _tile_side(common: Box) -> int:
    for side, least in ((256, 1500), (128, SMALL_PX), (MIN_TILE_PX, 2 * MIN_TILE_PX)):
        if min(common.rows, common.cols) >= least:
            return side
    return 0


def _shifted(shape: tuple[int, int], coarse: Coarse) -> Registration:
    matrix = np.array([[0.0, 0.0, coarse.shift[0]], [0.0, 0.0, coarse.shift[1]]])
    return Registration("measured", matrix, None, shape, 0, 0.0, np.inf, "")


def _composed(steps: Sequence[tuple[ImagePair, Registration]]) -> Registration:
    """One shift field on the first date's grid; positions walk from step to step through the ground."""
    grid = steps[0][0].grid
    spans = [(pair.grid.gsd_m() or 1.0) / (grid.gsd_m() or 1.0) for pair, _ in steps]
    residual_px = float(
        np.sqrt(sum((step.residual_px * span) ** 2 for (_, step), span in zip(steps, spans, strict=True)))
    )
    share = min(step.inlier_share for _, step in steps)
    tiles = min(step.tiles for _, step in steps)
    if residual_px >= MAX_CHAIN_RESIDUAL_PX:
        raise InvalidInput(
            "detection.pair.not_comparable",
            inlier_share=round(share, 2),
            residual_px=_told(residual_px),
            tiles=tiles,
        )
    matrix, lattice = on_lattice(grid.shape, _walk(grid, steps))
    note = f"chained over {len(steps)} steps"
    return Registration("chained", matrix, lattice, grid.shape, tiles, share, residual_px, note)


def _walk(grid: RasterGrid, steps: Sequence[tuple[ImagePair, Registration]]) -> Points:
    def move(xs: FloatArray, ys: FloatArray) -> tuple[FloatArray, FloatArray]:
        at_x, at_y = xs, ys
        here = grid
        for pair, step in steps:
            at_x, at_y = _on_grid(here, pair.grid, at_x, at_y)
            dx, dy = step.exact_shifts(at_x, at_y)
            at_x, at_y = at_x + dx, at_y + dy
            here = pair.grid
        at_x, at_y = _on_grid(here, grid, at_x, at_y)
        return at_x - xs, at_y - ys

    return move


def _on_grid(
    source: RasterGrid, target: RasterGrid, xs: FloatArray, ys: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Pixel positions of one grid in those of another; pixel grids are one grid."""
    if source is target or source.crs_wkt is None or target.crs_wkt is None:
        return xs, ys
    a = source.transform
    east, north = a.a * (xs + 0.5) + a.b * (ys + 0.5) + a.c, a.d * (xs + 0.5) + a.e * (ys + 0.5) + a.f
    if source.crs_wkt != target.crs_wkt:
        moved = transform_points(source.crs_wkt, target.crs_wkt, east.tolist(), north.tolist())
        east, north = np.asarray(moved[0]), np.asarray(moved[1])
    b = ~target.transform
    return b.a * east + b.b * north + b.c - 0.5, b.d * east + b.e * north + b.f - 0.5
