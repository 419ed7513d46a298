"""A registration: where AFTER must be read to lie on BEFORE, and how far that is proven."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Status = Literal["measured", "chained", "as_delivered"]
FloatArray = NDArray[np.float64]
Points = Callable[[FloatArray, FloatArray], tuple[FloatArray, FloatArray]]

WORTH_MOVING_PX = 0.5
"""Bicubic resampling costs about as much sharpness as half a pixel of shift costs agreement."""
STEPS_PER_PX = 32
"""Shifts are rounded to 1/32 px, so that a block's cut never changes its pixels."""
LATTICE = 9


@dataclass(frozen=True)
class Registration:
    """Where AFTER must be read to lie on BEFORE: ``x + dx(x, y)``, ``y + dy(x, y)``, in pixels.

    Attributes
    ----------
    matrix : ndarray, shape (2, 3), float64
        Shift by a similarity: ``[dx, dy] = matrix @ [x, y, 1]``.
    lattice : ndarray, shape (2, rows, cols), float64, or None
        Further slow shift at nodes spread evenly over the scene.
    residual_px : float
        What a tile that was left out of the fit still disagrees by (weighted median over the tiles).
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

    def exact_shifts(self, xs: FloatArray, ys: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Shift at points given by column and row, not rounded."""
        dx = self.matrix[0, 0] * xs + self.matrix[0, 1] * ys + self.matrix[0, 2]
        dy = self.matrix[1, 0] * xs + self.matrix[1, 1] * ys + self.matrix[1, 2]
        if self.lattice is not None:
            slow = _bilinear(self.lattice, xs / max(self.shape[1] - 1, 1), ys / max(self.shape[0] - 1, 1))
            dx, dy = dx + slow[0], dy + slow[1]
        return dx, dy

    def shifts(self, xs: FloatArray, ys: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Shift at points given by column and row, rounded to 1/32 px."""
        dx, dy = self.exact_shifts(xs, ys)
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


def as_delivered(shape: tuple[int, int], note: str, *, tiles: int = 0) -> Registration:
    """Nothing moved and nothing proven: the residual is taken as one pixel."""
    return Registration("as_delivered", np.zeros((2, 3)), None, shape, tiles, 0.0, 1.0, note)


def settled(fitted: Registration) -> Registration:
    """Leave the pixels alone where resampling would cost more than the shift it mends."""
    rows, cols = fitted.shape
    xs, ys = (axis.ravel() for axis in np.meshgrid(np.linspace(0, cols - 1, 9), np.linspace(0, rows - 1, 9)))
    dx, dy = fitted.shifts(xs, ys)
    largest = float(np.hypot(dx, dy).max())
    if largest >= WORTH_MOVING_PX:
        return fitted
    note = f"{fitted.note}: shifts up to {largest:.2f} px, left as they are"
    residual_px = float(np.hypot(fitted.residual_px, largest))
    return replace(fitted, matrix=np.zeros((2, 3)), lattice=None, residual_px=residual_px, note=note)


def on_lattice(shape: tuple[int, int], move: Points) -> tuple[FloatArray, FloatArray]:
    """Any smooth shift field as a matrix and a lattice: ``move(xs, ys)`` gives the shift at points."""
    rows, cols = shape
    xs, ys = np.meshgrid(np.linspace(0, cols - 1, LATTICE), np.linspace(0, rows - 1, LATTICE))
    dx, dy = move(xs.ravel(), ys.ravel())
    design = np.column_stack([xs.ravel(), ys.ravel(), np.ones(xs.size)])
    solved = np.linalg.lstsq(design, np.column_stack([dx, dy]), rcond=None)[0]
    matrix = np.asarray(solved.T, np.float64)
    rest = np.stack([dx, dy]) - matrix @ design.T
    return matrix, np.asarray(rest.reshape(2, LATTICE, LATTICE), np.float64)


def _bilinear(lattice: FloatArray, u: FloatArray, v: FloatArray) -> FloatArray:
    rows, cols = lattice.shape[1:]
    x, y = np.clip(u, 0, 1) * (cols - 1), np.clip(v, 0, 1) * (rows - 1)
    left, top = np.minimum(x.astype(int), cols - 2), np.minimum(y.astype(int), rows - 2)
    fx, fy = x - left, y - top
    upper = lattice[:, top, left] * (1 - fx) + lattice[:, top, left + 1] * fx
    lower = lattice[:, top + 1, left] * (1 - fx) + lattice[:, top + 1, left + 1] * fx
    value: FloatArray = upper * (1 - fy) + lower * fy
    return value
