"""A float colour canvas: polygons, strokes and seeded textures, all drawn inside their own bounding box."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

Grid = NDArray[np.float32]
Points = NDArray[np.float64]
Colour = Sequence[float] | NDArray[np.floating]

_SHIFT = 4
_SCALE = 1 << _SHIFT


def fractal(
    rng: np.random.Generator, shape: tuple[int, int], cell_px: float, octaves: int = 3, fade: float = 0.55
) -> Grid:
    """Smooth random field of zero mean and about unit spread.

    Parameters
    ----------
    cell_px : float
        Size of the largest features; each octave halves it and weighs ``fade`` as much.

    Returns
    -------
    ndarray, shape (rows, cols), float32
    """
    total = np.zeros(shape, np.float32)
    weight, norm = 1.0, 0.0
    for _ in range(octaves):
        rows, cols = (max(2, int(side / max(cell_px, 1.0)) + 2) for side in shape)
        coarse = rng.standard_normal((rows, cols), dtype=np.float32)
        total += weight * cv2.resize(coarse, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
        norm += weight**2
        weight *= fade
        cell_px /= 2.0
    return total / np.float32(norm**0.5)


def polygon_box(points: Points, shape: tuple[int, int]) -> tuple[slice, slice] | None:
    """Pixels that a polygon (n, 2) of x, y touches; None where it lies outside."""
    xs, ys = points[:, 0].tolist(), points[:, 1].tolist()
    top, left = max(int(min(ys)) - 2, 0), max(int(min(xs)) - 2, 0)
    bottom, right = min(int(max(ys)) + 3, shape[0]), min(int(max(xs)) + 3, shape[1])
    if top >= bottom or left >= right:
        return None
    return slice(top, bottom), slice(left, right)


def coverage(points: Points, box: tuple[slice, slice]) -> Grid:
    """Share of each pixel of the box that the polygon covers, 0–1."""
    mask = np.zeros((box[0].stop - box[0].start, box[1].stop - box[1].start), np.uint8)
    moved = np.rint((points - (box[1].start, box[0].start)) * _SCALE).astype(np.int32)
    cv2.fillPoly(mask, [moved], 255, cv2.LINE_AA, _SHIFT)
    return mask.astype(np.float32) / np.float32(255.0)


class Canvas:
    """One date's picture while it is drawn: float32 (rows, cols, 3), values of an 8-bit display.

    Attributes
    ----------
    shade : ndarray, shape (rows, cols), float32
        Depth of shadow, 0–1, collected first and laid on the ground at once.
    """

    def __init__(self, side_px: int, rng: np.random.Generator) -> None:
        self.shape = (side_px, side_px)
        self.rng = rng
        self.pixels = np.zeros((side_px, side_px, 3), np.float32)
        self.shade = np.zeros(self.shape, np.float32)
        self.grain = fractal(rng, self.shape, 3.0, 2, 0.8)
        self.cloudy = fractal(rng, self.shape, side_px / 5.0, 4)

    def flood(self, colour: Colour, texture: Grid | None = None) -> None:
        """Paint everything; ``texture`` multiplies the colour."""
        self.pixels[:] = np.asarray(colour, np.float32)
        if texture is not None:
            self.pixels *= texture[..., None]

    def polygon(self, points: Points, colour: Colour, *, texture: float = 0.0, alpha: float = 1.0) -> None:
        """Fill a polygon of x, y pixels; ``texture`` is the share by which the grain varies the colour."""
        box = polygon_box(points, self.shape)
        if box is None:
            return
        cover = coverage(points, box)[..., None] * np.float32(alpha)
        paint = np.asarray(colour, np.float32)
        if texture:
            paint = paint * (1.0 + np.float32(texture) * self.grain[box])[..., None]
        part = self.pixels[box]
        part += (paint - part) * cover

    def blend(self, box: tuple[slice, slice], cover: Grid, paint: Grid) -> None:
        """Lay ready pixels over a box, weighted by ``cover`` (rows, cols)."""
        part = self.pixels[box]
        part += (paint - part) * cover[..., None]

    def stroke(self, points: Points, width_px: float, colour: Colour, *, texture: float = 0.0) -> None:
        """Paint along a line of x, y pixels; thinner than a pixel means fainter."""
        strength = min(1.0, max(width_px, 0.15))
        box = polygon_box(
            np.concatenate([points - max(width_px, 1.0), points + max(width_px, 1.0)]), self.shape
        )
        if box is None:
            return
        mask = np.zeros((box[0].stop - box[0].start, box[1].stop - box[1].start), np.uint8)
        moved = np.rint((points - (box[1].start, box[0].start)) * _SCALE).astype(np.int32)
        cv2.polylines(mask, [moved], False, 255, max(1, round(width_px)), cv2.LINE_AA, _SHIFT)
        cover = mask.astype(np.float32) * np.float32(strength / 255.0)
        paint: Grid = np.broadcast_to(np.asarray(colour, np.float32), (*cover.shape, 3))
        if texture:
            paint = paint * (1.0 + texture * self.grain[box])[..., None]
        self.blend(box, cover, paint)

    def cast(self, points: Points, depth: float) -> None:
        """Note that a polygon lies in shadow."""
        box = polygon_box(points, self.shape)
        if box is not None:
            part = self.shade[box]
            np.maximum(part, coverage(points, box) * np.float32(depth), out=part)

    def lay_shadows(self, softness_px: float) -> None:
        """Darken the ground where shadows were noted, slightly blue, and begin anew."""
        soft = cv2.GaussianBlur(self.shade, (0, 0), max(softness_px, 0.3))
        self.pixels *= 1.0 - soft[..., None] * np.array([1.0, 0.96, 0.88], np.float32)
        self.shade[:] = 0.0


def rectangle(centre: Points, length: float, width: float, angle_rad: float) -> Points:
    """Corners (4, 2) of a turned rectangle; ``length`` runs along the angle."""
    ax, ay = math.cos(angle_rad) * length / 2.0, math.sin(angle_rad) * length / 2.0
    bx, by = -math.sin(angle_rad) * width / 2.0, math.cos(angle_rad) * width / 2.0
    x, y = float(centre[0]), float(centre[1])
    return np.array(
        [
            [x - ax - bx, y - ay - by],
            [x + ax - bx, y + ay - by],
            [x + ax + bx, y + ay + by],
            [x - ax + bx, y - ay + by],
        ]
    )
