"""Which patches meet which features, by a grid over boxes, and how much ground each pair shares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detection.judging.areas.compiled import compiled
from detection.judging.areas.integral import cut_to_box, shared_area, to_strips
from detection.judging.areas.ragged import Ragged

ENTRIES_A_PART = 4
LEAST_M2 = 1e-9
"""Less is what rounding makes of outlines that only touch."""
LEAST_CELL_M = 1.0
MOST_CELLS = 4_000_000


@dataclass(frozen=True, slots=True)
class Grid:
    """Parts by square cells.

    Attributes
    ----------
    left, low, cell_m : float
        Corner and side of the cells.
    cols, rows : int
        How many there are.
    starts : ndarray, shape (rows × cols + 1,), int64
        First entry of each cell in ``parts``.
    parts : ndarray, int32
        Parts whose box meets the cell.
    """

    left: float
    low: float
    cell_m: float
    cols: int
    rows: int
    starts: NDArray[np.int64]
    parts: NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Layer:
    """Features of one layer, ready to be asked: their edges and the grid over them."""

    ragged: Ragged
    grid: Grid


@dataclass(frozen=True, slots=True)
class SharedAreas:
    """Areas that patches share with features, only pairs that share ground, by patch and then by feature.

    Attributes
    ----------
    patch, feature : ndarray, shape (pairs,), int32
        Places in the sequences that were compared.
    area_m2 : ndarray, shape (pairs,), float64
        Ellipsoidal where both sides lie on one authalic cylinder.
    """

    patch: NDArray[np.int32]
    feature: NDArray[np.int32]
    area_m2: NDArray[np.float64]

    def by_patch_m2(self, count: int) -> NDArray[np.float64]:
        """Sum over features for each of ``count`` patches; ground under two features counts twice."""
        return np.asarray(np.bincount(self.patch, weights=self.area_m2, minlength=count), dtype=np.float64)


def layer_of(ragged: Ragged) -> Layer:
    """Lay the grid over features, and put those near each other next to each other in memory.

    Cells are as large as the boxes are on average, or larger until a part stands in four cells on average.
    """
    if len(ragged.feature) == 0:
        nothing = Grid(0.0, 0.0, LEAST_CELL_M, 1, 1, np.zeros(2, np.int64), np.empty(0, np.int32))
        return _closed(Layer(ragged, nothing))
    boxes = ragged.boxes
    left, low = boxes[:, 0].min(), boxes[:, 1].min()
    width, height = boxes[:, 2].max() - left, boxes[:, 3].max() - low
    mean_m = float(np.mean(boxes[:, 2:] - boxes[:, :2]))
    cell_m = max(mean_m, (width * height / MOST_CELLS) ** 0.5, LEAST_CELL_M)
    while _entries(boxes, left, low, cell_m) > ENTRIES_A_PART * len(boxes) + MOST_CELLS // 1000:
        cell_m *= 1.5
    cols, rows = int(width / cell_m) + 1, int(height / cell_m) + 1
    near = _near_each_other(ragged, left, low, 8.0 * cell_m)
    starts = np.zeros(rows * cols + 1, dtype=np.int64)
    entries = _entries(near.boxes, left, low, cell_m)
    parts = np.empty(entries, dtype=np.int32)
    _fill_cells(near.boxes, left, low, cell_m, cols, starts, parts)
    return _closed(Layer(near, Grid(float(left), float(low), cell_m, cols, rows, starts, parts)))


def _closed(layer: Layer) -> Layer:
    """Arrays that nobody writes any more, as those of a file: the loops are compiled for one kind only."""
    ragged, grid = layer.ragged, layer.grid
    for array in (ragged.edges, ragged.starts, ragged.boxes, ragged.feature, grid.starts, grid.parts):
        array.flags.writeable = False
    return layer


def shared_areas(patches: Ragged, layer: Layer, *, least_m2: float = LEAST_M2) -> SharedAreas:
    """Ground that every patch shares with every feature of a layer.

    Parameters
    ----------
    patches : Ragged
        On the plane of the layer.
    least_m2 : float
        Pairs that share no more are left out.
    """
    grid, ragged = layer.grid, layer.ragged
    order = _reading_order(patches.boxes, 32.0 * grid.cell_m)
    patch, feature, area_m2 = _measured(
        (patches.edges, patches.starts, patches.boxes, patches.feature),
        (ragged.edges, ragged.starts, ragged.boxes, ragged.feature),
        (grid.left, grid.low, grid.cell_m, grid.cols, grid.rows),
        grid.starts,
        grid.parts,
        order,
    )
    key = patch.astype(np.int64) * max(ragged.count, 1) + feature
    places = np.argsort(key, kind="stable")
    key, area_m2 = key[places], area_m2[places]
    first = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]])) if len(key) else places
    sums = np.add.reduceat(area_m2, first) if len(key) else area_m2
    kept = sums > least_m2
    chosen = places[first][kept]
    return SharedAreas(patch[chosen], feature[chosen], sums[kept])


def _entries(boxes: NDArray[np.float64], left: float, low: float, cell_m: float) -> int:
    first_col, first_row, last_col, last_row = (
        ((boxes[:, side] - corner) / cell_m).astype(np.int64)
        for side, corner in enumerate((left, low, left, low))
    )
    return int(((last_col - first_col + 1) * (last_row - first_row + 1)).sum())


def _reading_order(boxes: NDArray[np.float64], cell_m: float) -> NDArray[np.int64]:
    """Parts row by row of coarse cells."""
    if len(boxes) == 0:
        return np.empty(0, dtype=np.int64)
    cols = ((boxes[:, 0] - boxes[:, 0].min()) / cell_m).astype(np.int64)
    rows = ((boxes[:, 1] - boxes[:, 1].min()) / cell_m).astype(np.int64)
    order: NDArray[np.int64] = np.argsort(rows * (int(cols.max()) + 1) + cols, kind="stable")
    return order


def _near_each_other(ragged: Ragged, left: float, low: float, cell_m: float) -> Ragged:
    """The same features, ordered by coarse cells of the lower left corner of their first part."""
    first = np.flatnonzero(np.concatenate([[True], ragged.feature[1:] != ragged.feature[:-1]]))
    runs = np.diff(np.concatenate([first, [len(ragged.feature)]]))
    order = _reading_order(ragged.boxes[first], cell_m)
    parts = _spread(first[order], runs[order])
    sizes = np.diff(ragged.starts)
    rows = _spread(ragged.starts[parts], sizes[parts])
    starts = np.concatenate([[0], np.cumsum(sizes[parts])])
    return Ragged(ragged.edges[rows], starts, ragged.boxes[parts], ragged.feature[parts], ragged.count)


def _spread(firsts: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Runs of consecutive numbers, one after the other."""
    ends = np.cumsum(lengths)
    places: NDArray[np.int64] = np.arange(int(ends[-1]), dtype=np.int64)
    places += np.repeat(firsts - (ends - lengths), lengths)
    return places


@compiled
def _fill_cells(
    boxes: NDArray[Any],
    left: float,
    low: float,
    cell_m: float,
    cols: int,
    starts: NDArray[Any],
    parts: NDArray[Any],
) -> None:
    for turn in range(2):
        for part in range(len(boxes)):
            for row in range(int((boxes[part, 1] - low) / cell_m), int((boxes[part, 3] - low) / cell_m) + 1):
                for col in range(
                    int((boxes[part, 0] - left) / cell_m), int((boxes[part, 2] - left) / cell_m) + 1
                ):
                    if turn == 0:
                        starts[row * cols + col + 1] += 1
                    else:
                        parts[starts[row * cols + col]] = part
                        starts[row * cols + col] += 1
        if turn == 0:
            for cell in range(len(starts) - 1):
                starts[cell + 1] += starts[cell]
    for cell in range(len(starts) - 1, 0, -1):
        starts[cell] = starts[cell - 1]
    starts[0] = 0


@compiled
def _candidates(
    box: NDArray[Any],
    boxes: NDArray[Any],
    frame: tuple[float, float, float, int, int],
    starts: NDArray[Any],
    parts: NDArray[Any],
    found: NDArray[Any],
) -> int:
    """Parts whose box shares ground with a box, each once; more than fit are only counted."""
    left, low, cell_m, cols, rows = frame
    count = 0
    first_row = max(int(np.floor((box[1] - low) / cell_m)), 0)
    last_row = min(int(np.floor((box[3] - low) / cell_m)), rows - 1)
    first_col = max(int(np.floor((box[0] - left) / cell_m)), 0)
    last_col = min(int(np.floor((box[2] - left) / cell_m)), cols - 1)
    for row in range(first_row, last_row + 1):
        for col in range(first_col, last_col + 1):
            for entry in range(starts[row * cols + col], starts[row * cols + col + 1]):
                part = parts[entry]
                corner_x, corner_y = max(box[0], boxes[part, 0]), max(box[1], boxes[part, 1])
                if corner_x >= min(box[2], boxes[part, 2]) or corner_y >= min(box[3], boxes[part, 3]):
                    continue
                if int((corner_x - left) / cell_m) == col and int((corner_y - low) / cell_m) == row:
                    if count < len(found):
                        found[count] = part
                    count += 1
    return count


@compiled
def _measured(
    patches: tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]],
    features: tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]],
    frame: tuple[float, float, float, int, int],
    starts: NDArray[Any],
    parts: NDArray[Any],
    order: NDArray[Any],
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Areas of all pairs of parts; several rows for one pair of features where one has several parts."""
    p_edges, p_starts, p_boxes, p_feature = patches
    f_edges, f_starts, f_boxes, f_feature = features
    patch = np.empty(4 * len(order) + 16, dtype=np.int32)
    feature, area_m2 = np.empty_like(patch), np.empty(len(patch))
    found = np.empty(256, dtype=np.int32)
    one, other = np.empty((512, 5)), np.empty((512, 5))
    count = 0
    for mine in order:
        near = _candidates(p_boxes[mine], f_boxes, frame, starts, parts, found)
        if near > len(found):
            found = np.empty(2 * near, dtype=np.int32)
            near = _candidates(p_boxes[mine], f_boxes, frame, starts, parts, found)
        if count + near > len(patch):
            room = 2 * len(patch) + near
            patch, feature = _grown(patch, count, room), _grown(feature, count, room)
            area_m2 = _grown(area_m2, count, room)
        size = 3 * (p_starts[mine + 1] - p_starts[mine])
        if size > len(one):
            one = np.empty((2 * size, 5))
        for place in range(near):
            theirs = found[place]
            size = 3 * (f_starts[theirs + 1] - f_starts[theirs])
            if size > len(other):
                other = np.empty((2 * size, 5))
            left, low = max(p_boxes[mine, 0], f_boxes[theirs, 0]), max(p_boxes[mine, 1], f_boxes[theirs, 1])
            right = min(p_boxes[mine, 2], f_boxes[theirs, 2])
            high = min(p_boxes[mine, 3], f_boxes[theirs, 3])
            others = cut_to_box(
                f_edges, f_starts[theirs], f_starts[theirs + 1], left, low, right, high, other
            )
            if others == 0:
                continue
            own = cut_to_box(p_edges, p_starts[mine], p_starts[mine + 1], left, low, right, high, one)
            if own == 0:
                continue
            patch[count], feature[count] = p_feature[mine], f_feature[theirs]
            to_strips(one, 0, own, low, one)
            to_strips(other, 0, others, low, other)
            area_m2[count] = shared_area(one, own, other, others)
            count += 1
    return patch[:count], feature[:count], area_m2[:count]


@compiled
def _grown(array: NDArray[Any], count: int, room: int) -> NDArray[Any]:
    larger = np.empty(room, dtype=array.dtype)
    for place in range(count):
        larger[place] = array[place]
    return larger
