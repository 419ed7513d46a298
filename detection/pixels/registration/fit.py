"""From shifts of tiles to one registration: similarity by RANSAC, and a slow field if that predicts better.

A similarity is one complex line, ``move = s · point + t``: rotation and scale are the complex ``s``.

References
----------
Cleveland (1979), Robust Locally Weighted Regression and Smoothing Scatterplots, JASA 74(368).
Fischler & Bolles (1981), Random Sample Consensus, Communications of the ACM 24(6).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from detection.pixels.registration.model import LATTICE, FloatArray, Registration

MIN_TILES = 12
MIN_INLIERS = 6
MIN_RESPONSE = 0.02
INLIER_PX = 1.5
MAX_TURN = 0.03
RANSAC_TRIALS = 400
SPAN_SHARE = 0.14
SURFACES = ((1, SPAN_SHARE), (1, 0.1), (2, SPAN_SHARE), (2, 0.2))
"""Order and span (a share of the scene's longer side) of the local surfaces that are tried."""
CLEARLY = 0.9
"""A field is taken that errs so much less than a similarity; another surface, than the first."""
HOLD, LOOSE_HOLD = 0.5, 0.02
"""Ridge of a field that is kept; of one that only says where a neighbouring tile should lie."""
GROWTH_TURNS, MIN_NEIGHBOURS, REACH_TILES = 60, 3, 1.6
SOFT_PX = 0.3

ComplexArray = NDArray[np.complex128]


def fit_tiles(tiles: FloatArray, shape: tuple[int, int]) -> Registration:
    """Similarity and slow field through tiles.

    Parameters
    ----------
    tiles : ndarray, shape (tiles, 5), float64
        ``x, y, dx, dy, response``: centre, total shift, sharpness of the correlation peak.

    Returns
    -------
    Registration
        ``residual_px`` infinite where fewer than six tiles agree.
    """
    points, moves = tiles[:, :2], tiles[:, 2:4]
    centre = complex(shape[1] / 2, shape[0] / 2)
    z, m = _complex(points) - centre, _complex(moves)
    is_usable = tiles[:, 4] >= MIN_RESPONSE
    is_inlier = _followed(points, z, m, _consensus(z, m, is_usable), is_usable, shape)
    share = float(is_inlier.sum()) / len(tiles)
    if is_inlier.sum() < MIN_INLIERS:
        return Registration("measured", np.zeros((2, 3)), None, shape, len(tiles), share, np.inf, "")
    s, t = _line(z[is_inlier], m[is_inlier])
    t_corner = t - s * centre
    matrix = np.array([[s.real, -s.imag, t_corner.real], [s.imag, s.real, t_corner.imag]])
    weights = tiles[is_inlier, 4]
    error = m[is_inlier] - s * z[is_inlier] - t
    plain = typical(np.abs(error) / (1.0 - _leverage(z[is_inlier])), weights)
    rest = np.column_stack([error.real, error.imag])
    lattice, slow = _slow_field(points[is_inlier], rest, weights, shape, CLEARLY * plain)
    if lattice is not None:
        return Registration("measured", matrix, lattice, shape, len(tiles), share, slow, "measured")
    return Registration("measured", matrix, None, shape, len(tiles), share, plain, "measured")


def _followed(
    points: FloatArray,
    z: ComplexArray,
    m: ComplexArray,
    is_inlier: NDArray[np.bool_],
    is_usable: NDArray[np.bool_],
    shape: tuple[int, int],
) -> NDArray[np.bool_]:
    """Tiles that agree with their agreeing neighbours, grown outwards from the consensus.

    Where a field bends, a similarity holds for a part of the scene only; what lies beside that part goes on
    from it. A tile far from all that agree proves nothing and stays outside.
    """
    apart = math.sqrt(shape[0] * shape[1] / len(points))
    reach = max(SPAN_SHARE * max(shape), REACH_TILES * apart)
    for _ in range(GROWTH_TURNS):
        if is_inlier.sum() < MIN_TILES:
            break
        s, t = _line(z[is_inlier], m[is_inlier])
        rest = m - s * z - t
        known = points[is_inlier]
        bend = np.column_stack([rest.real, rest.imag])[is_inlier]
        expected = _complex(_local(known, bend, points, reach, hold=LOOSE_HOLD))
        gaps = np.hypot(points[:, None, 0] - known[None, :, 0], points[:, None, 1] - known[None, :, 1])
        is_near = (gaps < reach).sum(axis=1) >= MIN_NEIGHBOURS
        grown = is_inlier | (is_usable & is_near & (np.abs(rest - expected) < INLIER_PX))
        if (grown == is_inlier).all():
            break
        is_inlier = grown
    return is_inlier


def typical(errors: FloatArray, weights: FloatArray) -> float:
    """Median weighted by the tiles' correlation response: a blurred peak tells little of the fit."""
    order = np.argsort(errors, kind="stable")
    share = np.cumsum(weights[order]) / max(float(weights.sum()), 1e-12)
    return float(errors[order][min(int(np.searchsorted(share, 0.5)), len(errors) - 1)])


def _complex(pairs: FloatArray) -> ComplexArray:
    values: ComplexArray = pairs[:, 0] + 1j * pairs[:, 1]
    return values


def _consensus(z: ComplexArray, m: ComplexArray, is_usable: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tiles within 1.5 px of the similarity through two of them that most agree with."""
    usable = np.flatnonzero(is_usable)
    if len(usable) < MIN_INLIERS:
        return np.zeros(len(z), bool)
    random = np.random.default_rng(4108)
    first = random.integers(0, len(usable), RANSAC_TRIALS)
    second = (first + random.integers(1, len(usable), RANSAC_TRIALS)) % len(usable)
    a, b = usable[first], usable[second]
    s = (m[b] - m[a]) / (z[b] - z[a])
    s, a = s[np.abs(s) <= MAX_TURN], a[np.abs(s) <= MAX_TURN]
    if len(s) == 0:
        return np.zeros(len(z), bool)
    t = m[a] - s * z[a]
    is_close = (np.abs(m - s[:, None] * z - t[:, None]) < INLIER_PX) & is_usable
    best: NDArray[np.bool_] = is_close[int(is_close.sum(axis=1).argmax())]
    for _ in range(3):
        if best.sum() < MIN_INLIERS:
            break
        s1, t1 = _line(z[best], m[best])
        again = (np.abs(m - s1 * z - t1) < INLIER_PX) & is_usable
        if abs(s1) > MAX_TURN or again.sum() < best.sum() or (again == best).all():
            break
        best = again
    return best


def _line(z: ComplexArray, m: ComplexArray) -> tuple[complex, complex]:
    """Least-squares ``m = s · z + t``."""
    z0, m0 = z.mean(), m.mean()
    s = complex(((z - z0).conj() * (m - m0)).sum() / max(float((np.abs(z - z0) ** 2).sum()), 1e-12))
    return s, complex(m0 - s * z0)


def _leverage(z: ComplexArray) -> FloatArray:
    """Share of its own shift that a tile's fitted shift holds: leaving it out divides its error by 1 − h."""
    far = np.abs(z - z.mean()) ** 2
    value: FloatArray = np.minimum(1.0 / len(z) + far / max(float(far.sum()), 1e-12), 0.9)
    return value


def _slow_field(
    points: FloatArray, rest: FloatArray, weights: FloatArray, shape: tuple[int, int], limit: float
) -> tuple[FloatArray | None, float]:
    """Gaussian-weighted local surfaces through the tiles' residuals, and their leave-one-out median error.

    How many tiles they span and whether they bend is what predicts a tile left out best; None where even that
    predicts no better than ``limit``.
    """
    if len(points) < 2 * MIN_TILES:
        return None, np.inf
    errors = {}
    for order, share in SURFACES:
        left_out = _local(points, rest, points, share * max(shape), order=order, is_left_out=True)
        errors[order, share] = typical(np.hypot(*(rest - left_out).T), weights)
    plain, best = SURFACES[0], min(errors, key=lambda surface: errors[surface])
    order, share = best if errors[best] < CLEARLY * errors[plain] else plain
    error = errors[order, share]
    if error >= limit:
        return None, error
    xs, ys = np.meshgrid(np.linspace(0, shape[1] - 1, LATTICE), np.linspace(0, shape[0] - 1, LATTICE))
    at = np.column_stack([xs.ravel(), ys.ravel()])
    nodes = _local(points, rest, at, share * max(shape), order=order)
    return nodes.T.reshape(2, LATTICE, LATTICE), error


def _local(
    points: FloatArray,
    rest: FloatArray,
    at: FloatArray,
    span: float,
    *,
    order: int = 1,
    hold: float = HOLD,
    is_left_out: bool = False,
) -> FloatArray:
    """Robust local surface at each of ``at`` (targets, 2): its value there, (targets, 2).

    Parameters
    ----------
    order : int
        1 for planes, 2 for such that bend.
    hold : float
        Ridge on slopes and bends: what draws the surface flat where few tiles lie near.
    """
    offset = (points[None] - at[:, None]) / span
    nearness = np.exp(-0.5 * (offset**2).sum(axis=2))
    if is_left_out:
        np.fill_diagonal(nearness, 0.0)
    x, y = offset[:, :, :1], offset[:, :, 1:]
    bends = [x * x, x * y, y * y] if order > 1 else []
    design = np.concatenate([np.ones_like(x), x, y, *bends], axis=2)
    ridge = np.diag([1e-3, *[hold] * (design.shape[2] - 1)])
    weight, surface = nearness, np.zeros((len(at), design.shape[2], 2))
    for _ in range(3):
        heavy = design * weight[:, :, None]
        normal = np.swapaxes(heavy, 1, 2) @ design + ridge
        surface = np.linalg.solve(normal, np.swapaxes(heavy, 1, 2) @ rest)
        error = rest[None] - design @ surface
        weight = nearness / (1.0 + (error**2).sum(axis=2) / SOFT_PX**2)
    value: FloatArray = surface[:, 0]
    return value
