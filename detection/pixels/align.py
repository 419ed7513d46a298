"""Co-registration of the later date onto the earlier one, and the proof that it succeeded.

Tiles of the log-gradient are phase-correlated; a similarity is found among their shifts by RANSAC, and a
slowly varying field is added where the tiles support it. The share of tiles that agree tells success from
failure: a pair that is not registered is never compared.

References
----------
Foroosh et al. (2002), Extension of Phase Correlation to Subpixel Registration, IEEE TIP 11(3).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from foundation.errors import InvalidInput
from ingest.pair import Box, ImagePair, PairPixels, PairReader

Status = Literal["measured", "as_delivered"]

MIN_INLIER_SHARE = 0.2
MAX_RESIDUAL_PX = 0.5
MIN_TILES = 12
MIN_TILE_PX = 64
MIN_RESPONSE = 0.02
WORTH_MOVING_PX = 0.35
INLIER_PX = 1.5
COARSE_SIDE_PX = 512
COARSE_REACH_PX = 64
COARSE_WINDOWS = 9
COARSE_SIGNAL = 8.0
RANSAC_TRIALS = 400
LATTICE = 9
GRADIENT_BANDS = 2
TILES_ACROSS = 10
STEPS_PER_PX = 32
"""Shifts are rounded to 1/32 px, so that a block's cut never changes its pixels."""

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Registration:
    """Where AFTER must be read to lie on BEFORE: ``x + dx(x, y)``, ``y + dy(x, y)``, in pixels.

    Attributes
    ----------
    matrix : ndarray, shape (2, 3), float64
        Shift by a similarity: ``[dx, dy] = matrix @ [x, y, 1]``.
    lattice : ndarray, shape (2, rows, cols), float64, or None
        Further slow shift at nodes spread evenly over the scene.
    """

    status: Status
    matrix: FloatArray
    lattice: FloatArray | None
    shape: tuple[int, int]
    tiles: int
    inlier_share: float
    residual_px: float
    note: str

    def is_identity(self) -> bool:
        """Whether nothing is to be moved."""
        return self.lattice is None and not self.matrix.any()

    def shifts(self, xs: FloatArray, ys: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Shift at points given by column and row, rounded to 1/32 px."""
        dx = self.matrix[0, 0] * xs + self.matrix[0, 1] * ys + self.matrix[0, 2]
        dy = self.matrix[1, 0] * xs + self.matrix[1, 1] * ys + self.matrix[1, 2]
        if self.lattice is not None:
            slow = _bilinear(self.lattice, xs / max(self.shape[1] - 1, 1), ys / max(self.shape[0] - 1, 1))
            dx, dy = dx + slow[0], dy + slow[1]
        return np.round(dx * STEPS_PER_PX) / STEPS_PER_PX, np.round(dy * STEPS_PER_PX) / STEPS_PER_PX

    def report(self) -> dict[str, Any]:
        """What is stored with a run."""
        rows, cols = self.shape
        xs, ys = (axis.ravel().astype(float) for axis in np.meshgrid([0, cols - 1], [0, rows - 1]))
        dx, dy = self.shifts(xs, ys)
        return {
            "status": self.status,
            "note": self.note,
            "tiles": self.tiles,
            "inlier_share": round(self.inlier_share, 4),
            "residual_px": round(self.residual_px, 4),
            "is_slowly_varying": self.lattice is not None,
            "corner_shifts_px": [
                [round(float(x), 3), round(float(y), 3)] for x, y in zip(dx, dy, strict=True)
            ],
        }


def register(pair: ImagePair, *, progress: Callable[[float], None] | None = None) -> Registration:
    """Measure how AFTER lies on BEFORE.

    Small pictures (fewer than 12 tiles) that share a grid are taken as delivered, and the note says so.

    Raises
    ------
    InvalidInput
        ``detection.pair.not_comparable``: too few tiles agree (below 0.2), or they disagree by ≥ 0.5 px.
    """
    shape = pair.grid.shape
    side = _tile_side(shape)
    if side == 0:
        return _as_delivered(shape, "too small to measure; taken as delivered")
    with pair.reader() as reader:
        coarse, signal = _coarse_shift(reader, shape)
        start = np.array([[0.0, 0.0, coarse[0]], [0.0, 0.0, coarse[1]]])
        first = Registration("measured", start, None, shape, 0, 0.0, 0.0, "")
        boxes = _tile_boxes(shape, side)
        tiles = _measure(reader, first, boxes, progress)
        if len(tiles) < MIN_TILES:
            return _small_or_flat(shape, coarse, signal, tiles=len(tiles), boxes=len(boxes))
        fitted = _fit(tiles, shape)
        if fitted.inlier_share >= MIN_INLIER_SHARE:
            again = _fit(_measure(reader, fitted, boxes, None), shape)
            fitted = again if again.residual_px <= fitted.residual_px else fitted
    if fitted.inlier_share < MIN_INLIER_SHARE or fitted.residual_px >= MAX_RESIDUAL_PX:
        raise InvalidInput(
            "detection.pair.not_comparable",
            inlier_share=round(fitted.inlier_share, 2),
            residual_px=round(fitted.residual_px, 2),
            tiles=fitted.tiles,
        )
    return _settled(fitted)


def read_aligned(reader: PairReader, box: Box, registration: Registration) -> PairPixels:
    """Both dates on a block, AFTER resampled by bicubic interpolation where it must move."""
    before, is_before = reader.read_before(box)
    if registration.is_identity():
        after, is_after = reader.read_after(box)
    else:
        after, is_after = _moved(reader, box, registration)
    is_valid = is_before & is_after
    before[:, ~is_valid] = 0.0
    after[:, ~is_valid] = 0.0
    return PairPixels(before, after, is_valid, box.row, box.col)


def log_gradient(pixels: NDArray[np.float32], is_valid: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Edge strength that a change of gain hardly moves, float32 (rows, cols); 0 where not valid."""
    total = np.zeros(is_valid.shape, np.float32)
    if not is_valid.any():
        return total
    for band in pixels[:: max(1, len(pixels) // GRADIENT_BANDS)]:
        level = float(np.median(band[::3, ::3][is_valid[::3, ::3]])) if is_valid[::3, ::3].any() else 0.0
        floor = max(0.05 * abs(level), 1e-4)
        logged = np.log(np.maximum(np.where(is_valid, band, level), 0.0) + floor).astype(np.float32)
        logged = np.asarray(cv2.GaussianBlur(logged, (5, 5), 1.0), np.float32)
        total += cv2.magnitude(cv2.Sobel(logged, cv2.CV_32F, 1, 0), cv2.Sobel(logged, cv2.CV_32F, 0, 1))
    total[~cv2.erode(is_valid.astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool)] = 0.0
    middle = float(np.median(total[::2, ::2])) + 1e-6
    compressed: NDArray[np.float32] = np.log1p(total / middle).astype(np.float32)
    return compressed


def _settled(fitted: Registration) -> Registration:
    """Leave the pixels alone where resampling would cost more than the shift it mends."""
    rows, cols = fitted.shape
    xs, ys = (axis.ravel() for axis in np.meshgrid(np.linspace(0, cols - 1, 9), np.linspace(0, rows - 1, 9)))
    dx, dy = fitted.shifts(xs, ys)
    largest = float(np.hypot(dx, dy).max())
    if largest >= WORTH_MOVING_PX:
        return fitted
    note = f"measured: shifts up to {largest:.2f} px, left as they are"
    residual_px = float(np.hypot(fitted.residual_px, largest))
    return replace(fitted, matrix=np.zeros((2, 3)), lattice=None, residual_px=residual_px, note=note)


def _tile_side(shape: tuple[int, int]) -> int:
    for side, least in ((256, 1500), (128, 256), (MIN_TILE_PX, MIN_TILE_PX)):
        if min(shape) >= least:
            return side
    return 0


def _tile_boxes(shape: tuple[int, int], side: int) -> list[Box]:
    """At most 10 × 10 tiles, evenly spread, overlapping by half where the scene is small."""

    def starts(length: int) -> list[int]:
        count = min(max(2 * (length // side) - 1, 1), TILES_ACROSS)
        return [round(i * (length - side) / max(count - 1, 1)) for i in range(count)]

    return [Box(row, col, side, side) for row in starts(shape[0]) for col in starts(shape[1])]


def _coarse_shift(reader: PairReader, shape: tuple[int, int]) -> tuple[tuple[float, float], float]:
    """Whole-pixel shift from the summed cross-correlation of a few windows, and its signal in σ."""
    side_rows, side_cols = min(COARSE_SIDE_PX, shape[0]), min(COARSE_SIDE_PX, shape[1])
    reach = min(COARSE_REACH_PX, side_rows // 4, side_cols // 4)
    total = np.zeros((2 * reach + 1, 2 * reach + 1))
    for row in sorted({round(i * (shape[0] - side_rows) / 2) for i in range(3)}):
        for col in sorted({round(i * (shape[1] - side_cols) / 2) for i in range(3)}):
            box = Box(row, col, side_rows, side_cols)
            first = log_gradient(*reader.read_before(box))
            second = log_gradient(*reader.read_after(box))
            total += _correlation(first, second, reach)
    peak = np.unravel_index(int(total.argmax()), total.shape)
    offsets = np.hypot(*np.mgrid[-reach : reach + 1, -reach : reach + 1])
    far = total[offsets > reach / 2]
    signal = float((total.max() - far.mean()) / max(float(far.std()), 1e-12))
    shift = (float(peak[1] - reach), float(peak[0] - reach))
    gain = total.max() - total[reach, reach]
    if signal < COARSE_SIGNAL / 2 or gain < 0.02:
        return (0.0, 0.0), signal
    return shift, signal


def _correlation(first: NDArray[np.float32], second: NDArray[np.float32], reach: int) -> FloatArray:
    """Normalised cross-correlation for shifts up to ``reach``, zero shift in the middle."""
    rows, cols = first.shape
    a, b = first - first.mean(), second - second.mean()
    scale = float(a.std() * b.std()) * a.size
    if scale < 1e-9:
        return np.zeros((2 * reach + 1, 2 * reach + 1))
    size = (cv2.getOptimalDFTSize(rows + reach), cv2.getOptimalDFTSize(cols + reach))
    spectrum = np.conj(np.fft.rfft2(a, size)) * np.fft.rfft2(b, size)
    surface = np.fft.irfft2(spectrum, size) / scale
    index = np.arange(-reach, reach + 1)
    cut: FloatArray = surface[np.ix_(index % size[0], index % size[1])]
    return cut


def _measure(
    reader: PairReader,
    registration: Registration,
    boxes: list[Box],
    progress: Callable[[float], None] | None,
) -> FloatArray:
    """Total shift at each textured tile: rows of (x, y, dx, dy, response)."""
    found = []
    for number, box in enumerate(boxes):
        pixels = read_aligned(reader, box, registration)
        if pixels.is_valid.mean() > 0.6:
            first = log_gradient(pixels.before, pixels.is_valid).astype(np.float64)
            second = log_gradient(pixels.after, pixels.is_valid).astype(np.float64)
            if min(first.std(), second.std()) > 1e-6:
                window = cv2.createHanningWindow((box.cols, box.rows), cv2.CV_64F)
                (dx, dy), response = cv2.phaseCorrelate(first - first.mean(), second - second.mean(), window)
                x, y = box.col + box.cols / 2, box.row + box.rows / 2
                known_x, known_y = registration.shifts(np.array([x]), np.array([y]))
                found.append((x, y, dx + known_x[0], dy + known_y[0], response))
        if progress is not None:
            progress((number + 1) / len(boxes))
    return np.array(found, np.float64).reshape(-1, 5)


def _fit(tiles: FloatArray, shape: tuple[int, int]) -> Registration:
    """Similarity by RANSAC over the tiles, then a slow field over its inliers if that predicts better."""
    points, moves = tiles[:, :2], tiles[:, 2:4]
    centre = np.array([shape[1], shape[0]]) / 2
    is_usable = tiles[:, 4] >= MIN_RESPONSE
    is_inlier = _consensus(points - centre, moves, is_usable)
    share = float(is_inlier.sum()) / len(tiles)
    if is_inlier.sum() < 4:
        return Registration("measured", np.zeros((2, 3)), None, shape, len(tiles), share, np.inf, "")
    similarity = _similarity(points[is_inlier] - centre, moves[is_inlier])
    matrix = similarity.copy()
    matrix[:, 2] -= similarity[:, :2] @ centre
    rest = moves[is_inlier] - _apply(similarity, points[is_inlier] - centre)
    weights = tiles[is_inlier, 4]
    plain = _typical(np.hypot(rest[:, 0], rest[:, 1]), weights)
    lattice, slow = _slow_field(points[is_inlier], rest, weights, shape)
    if slow < 0.9 * plain:
        return Registration("measured", matrix, lattice, shape, len(tiles), share, slow, "measured")
    return Registration("measured", matrix, None, shape, len(tiles), share, plain, "measured")


def _consensus(points: FloatArray, moves: FloatArray, is_usable: NDArray[np.bool_]) -> NDArray[np.bool_]:
    best = np.zeros(len(points), bool)
    usable = np.flatnonzero(is_usable)
    if len(usable) < 4:
        return best
    random = np.random.default_rng(4108)
    for _ in range(RANSAC_TRIALS):
        pick = random.choice(usable, 2, replace=False)
        model = _similarity(points[pick], moves[pick])
        if np.abs(model[:, :2]).max() > 0.05:
            continue
        error = moves - _apply(model, points)
        is_close = is_usable & (np.hypot(error[:, 0], error[:, 1]) < INLIER_PX)
        if is_close.sum() > best.sum():
            best = is_close
    return best


def _similarity(points: FloatArray, moves: FloatArray) -> FloatArray:
    """Least-squares ``[dx, dy] = [[a, −b], [b, a]] p + t``, as (2, 3)."""
    x, y = points[:, 0], points[:, 1]
    zero, one = np.zeros_like(x), np.ones_like(x)
    design = np.concatenate([np.column_stack([x, -y, one, zero]), np.column_stack([y, x, zero, one])])
    wanted = np.concatenate([moves[:, 0], moves[:, 1]])
    a, b, u, v = np.linalg.lstsq(design, wanted, rcond=None)[0]
    return np.array([[a, -b, u], [b, a, v]])


def _apply(model: FloatArray, points: FloatArray) -> FloatArray:
    moved: FloatArray = points @ model[:, :2].T + model[:, 2]
    return moved


def _typical(errors: FloatArray, weights: FloatArray) -> float:
    """Median weighted by the tiles' correlation response: a blurred peak tells little of the fit."""
    order = np.argsort(errors, kind="stable")
    share = np.cumsum(weights[order]) / max(float(weights.sum()), 1e-12)
    return float(errors[order][min(int(np.searchsorted(share, 0.5)), len(errors) - 1)])


def _slow_field(
    points: FloatArray, rest: FloatArray, weights: FloatArray, shape: tuple[int, int]
) -> tuple[FloatArray | None, float]:
    """Gaussian-weighted local lines through the tiles' residuals, and their leave-one-out median error."""
    if len(points) < 2 * MIN_TILES:
        return None, np.inf
    span = 0.14 * max(shape)
    left_out = np.array(
        [_local(points, rest, point, span, skip=number) for number, point in enumerate(points)]
    )
    error = _typical(np.hypot(*(rest - left_out).T), weights)
    xs, ys = np.linspace(0, shape[1] - 1, LATTICE), np.linspace(0, shape[0] - 1, LATTICE)
    nodes = np.array([[_local(points, rest, np.array([x, y]), span, skip=None) for x in xs] for y in ys])
    return np.moveaxis(nodes, -1, 0), error


def _local(
    points: FloatArray, rest: FloatArray, at: FloatArray, span: float, *, skip: int | None
) -> FloatArray:
    offset = (points - at) / span
    weight = np.exp(-0.5 * (offset**2).sum(axis=1))
    if skip is not None:
        weight[skip] = 0.0
    design = np.column_stack([np.ones(len(points)), offset])
    for _ in range(3):
        normal = (design * weight[:, None]).T @ design + np.diag([1e-3, 0.5, 0.5])
        line = np.linalg.solve(normal, (design * weight[:, None]).T @ rest)
        error = np.hypot(*(rest - design @ line).T)
        weight = np.exp(-0.5 * (offset**2).sum(axis=1)) / (1.0 + (error / 0.3) ** 2)
        if skip is not None:
            weight[skip] = 0.0
    value: FloatArray = line[0]
    return value


def _bilinear(lattice: FloatArray, u: FloatArray, v: FloatArray) -> FloatArray:
    rows, cols = lattice.shape[1:]
    x, y = np.clip(u, 0, 1) * (cols - 1), np.clip(v, 0, 1) * (rows - 1)
    left, top = np.minimum(x.astype(int), cols - 2), np.minimum(y.astype(int), rows - 2)
    fx, fy = x - left, y - top
    upper = lattice[:, top, left] * (1 - fx) + lattice[:, top, left + 1] * fx
    lower = lattice[:, top + 1, left] * (1 - fx) + lattice[:, top + 1, left + 1] * fx
    value: FloatArray = upper * (1 - fy) + lower * fy
    return value


def _moved(
    reader: PairReader, box: Box, registration: Registration
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    rows, cols = box.rows, box.cols
    ys, xs = np.mgrid[box.row : box.row + rows, box.col : box.col + cols].astype(np.float64)
    dx, dy = registration.shifts(xs, ys)
    want_x, want_y = xs + dx, ys + dy
    shape = registration.shape
    row, col = int(np.floor(want_y.min())) - 3, int(np.floor(want_x.min())) - 3
    last_row, last_col = int(np.ceil(want_y.max())) + 4, int(np.ceil(want_x.max())) + 4
    row, col = max(row, 0), max(col, 0)
    last_row, last_col = min(last_row, shape[0]), min(last_col, shape[1])
    if last_row - row < 2 or last_col - col < 2:
        return np.zeros((reader.pair.after.bands, rows, cols), np.float32), np.zeros((rows, cols), bool)
    source, is_seen = reader.read_after(Box(row, col, last_row - row, last_col - col))
    map_x, map_y = (want_x - col).astype(np.float32), (want_y - row).astype(np.float32)
    moved = np.stack(
        [cv2.remap(band, map_x, map_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE) for band in source]
    )
    solid = cv2.erode(is_seen.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=1)
    nearest = cv2.remap(solid, map_x, map_y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
    return moved.astype(np.float32), nearest.astype(bool)


def _as_delivered(shape: tuple[int, int], note: str, *, tiles: int = 0) -> Registration:
    return Registration("as_delivered", np.zeros((2, 3)), None, shape, tiles, 0.0, 1.0, note)


def _small_or_flat(
    shape: tuple[int, int], coarse: tuple[float, float], signal: float, *, tiles: int, boxes: int
) -> Registration:
    """Too few tiles to prove anything: one global shift if it stands out, else as delivered."""
    if boxes < MIN_TILES and signal >= COARSE_SIGNAL and any(coarse):
        matrix = np.array([[0.0, 0.0, coarse[0]], [0.0, 0.0, coarse[1]]])
        note = "small picture: one whole-pixel shift, not verified by tiles"
        return Registration("as_delivered", matrix, None, shape, tiles, 0.0, 1.0, note)
    reason = "small picture" if boxes < MIN_TILES else "too little texture"
    return _as_delivered(shape, f"{reason}: registration not measurable; taken as delivered", tiles=tiles)
