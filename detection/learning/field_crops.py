"""Crops of a few labelled pairs, made many: turned, scaled, shifted, recoloured, known objects moved about.

A bureau has tens of pairs, not thousands. What has to be learnt is which difference counts, so each crop is
shown under light, sharpness and fit of the two dates that the pair itself never had, and objects whose
outline is known stand where they never stood: in the later date alone, where they are new, or in both,
where they are not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from detection.learning.augment import Batch, recoloured
from detection.learning.labelled import LabelledPair
from detection.pixels.net.inference import enlarged, land_zoom
from detection.pixels.net.scaling import measure_scale

Float = NDArray[np.float32]
LEAST_OBJECT_PX, LARGEST_SHARE = 60, 0.4
"""Objects to move about: neither specks nor half a crop."""
MARGIN_PX = 2
SHADOW = 0.7
"""How much darker a moved object's shadow is, in scaled colours."""


@dataclass(frozen=True, slots=True)
class CropPlan:
    """How crops are made; shares are chances for each crop.

    Attributes
    ----------
    scale_span : float
        Crops are enlarged or shrunk by up to this factor.
    shift_px : float
        The later date may lie off by up to this much.
    same_share, reversed_share : float
        Crops whose later date stands for both, and crops back to front: what was new is not. Of the rest of
        those nothing is known: what had gone, now comes.
    paste_share : float
        Crops into which up to ``paste_most`` known objects are moved.
    """

    side_px: int
    scale_span: float
    shift_px: float
    same_share: float
    reversed_share: float
    paste_share: float
    paste_most: int


@dataclass(frozen=True, slots=True)
class _Piece:
    """One known object: scaled colours (3, rows, cols), soft edge (rows, cols), head."""

    colours: Float
    alpha: Float
    head: int


@dataclass(frozen=True, slots=True)
class Lessons:
    """Pairs ready to be cropped: scaled colours, targets, and the objects in them."""

    pairs: tuple[tuple[Float, Float, Float, Float], ...]
    pieces: tuple[_Piece, ...]

    @classmethod
    def of(cls, pairs: Sequence[LabelledPair], *, is_land: bool) -> Lessons:
        """Scale the colours of each pair once and cut its objects out, land as large as it will be seen."""
        ready, pieces = [], []
        for pair in pairs:
            before, after = (
                measure_scale(date).apply(date.astype(np.float32)) for date in (pair.before, pair.after)
            )
            labels, weights = pair.labels, pair.weights
            zoom = land_zoom(pair.gsd_m) if is_land else 1
            if zoom > 1:
                before, after = enlarged(before, zoom), enlarged(after, zoom)
                labels, weights = (
                    plane.repeat(zoom, axis=1).repeat(zoom, axis=2) for plane in (labels, weights)
                )
            ready.append((before, after, labels.astype(np.float32), weights.astype(np.float32)))
            pieces += _pieces(after, labels)
        return cls(tuple(ready), tuple(pieces))


def crop_of(rng: np.random.Generator, lessons: Lessons, plan: CropPlan) -> Batch:
    """One crop of one of the pairs."""
    before, after, labels, weights = lessons.pairs[int(rng.integers(len(lessons.pairs)))]
    chance = rng.random()
    if chance < plan.same_share:
        before, labels = after, np.zeros_like(labels)
    elif chance < plan.same_share + plan.reversed_share:
        before, after, labels, weights = after, before, np.zeros_like(labels), labels * weights
    earlier = _view(rng, before.shape[1:], plan)
    later = earlier.copy()
    later[:, 2] += rng.uniform(-plan.shift_px, plan.shift_px, 2)
    side = plan.side_px
    dates = [_warped(before, earlier, side), _warped(after, later, side)]
    labels, weights = (_warped(planes, later, side, is_exact=True) for planes in (labels, weights))
    if lessons.pieces and rng.random() < plan.paste_share:
        for _ in range(int(rng.integers(1, plan.paste_most + 1))):
            _move_in(rng, lessons.pieces[int(rng.integers(len(lessons.pieces)))], dates, labels, weights)
    dates = [_worn(rng, recoloured(rng, date)) for date in dates]
    roofs = np.zeros((2, side, side), np.float32)
    return Batch(*(part[None] for part in (dates[0], dates[1], labels, weights, roofs)))


def _view(rng: np.random.Generator, shape: tuple[int, ...], plan: CropPlan) -> NDArray[np.float64]:
    """Affine map (2, 3) from the crop to the pair: any turn, mirrored or not, any scale of the span."""
    scale = plan.scale_span ** rng.uniform(-1.0, 1.0)
    quarter = 0.5 * np.pi * int(rng.integers(4))
    angle = quarter if rng.random() < 0.5 else rng.uniform(0.0, 2.0 * np.pi)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    if rng.random() < 0.5:
        turn[:, 0] *= -1.0
    rows, cols = shape
    reach = 0.5 * scale * plan.side_px
    centre = [_within(rng, cols, reach), _within(rng, rows, reach)]
    half = 0.5 * (plan.side_px - 1)
    return np.column_stack([turn, np.asarray(centre) - turn @ np.array([half, half])])


def _within(rng: np.random.Generator, side: int, reach: float) -> float:
    """A coordinate at least ``reach`` from both ends, or the middle."""
    return float(rng.uniform(reach, side - reach)) if side > 2 * reach else 0.5 * (side - 1)


def _warped(planes: Float, view: NDArray[np.float64], side_px: int, *, is_exact: bool = False) -> Float:
    how = (cv2.INTER_NEAREST if is_exact else cv2.INTER_LINEAR) | cv2.WARP_INVERSE_MAP
    size = (side_px, side_px)
    return np.stack(
        [cv2.warpAffine(one, view, size, flags=how, borderMode=cv2.BORDER_REFLECT_101) for one in planes]
    ).astype(np.float32, copy=False)


def _worn(rng: np.random.Generator, date: Float) -> Float:
    """Sometimes softer, sometimes with noise, as another sensor or another day would have it."""
    if rng.random() < 0.3:
        sigma = float(rng.uniform(0.4, 1.2))
        date = np.stack([cv2.GaussianBlur(one, (0, 0), sigma) for one in date])
    if rng.random() < 0.3:
        date = date + rng.normal(0.0, rng.uniform(0.02, 0.12), date.shape).astype(np.float32)
    return np.ascontiguousarray(np.clip(date, -4.0, 4.0), np.float32)


def _move_in(
    rng: np.random.Generator, piece: _Piece, dates: list[Float], labels: Float, weights: Float
) -> None:
    """Set an object into the later date, where it is new, or into both, where it is not."""
    side = labels.shape[1]
    rows, cols = piece.alpha.shape
    angle, scale = rng.uniform(0.0, 360.0), rng.uniform(0.8, 1.25)
    turn = np.asarray(cv2.getRotationMatrix2D((0.5 * cols, 0.5 * rows), angle, scale), np.float64)
    turn[:, 2] += rng.uniform(0.0, side, 2) - 0.5 * np.array([cols, rows])
    alpha = np.asarray(cv2.warpAffine(piece.alpha, turn, (side, side)), np.float32)
    colours = np.stack(
        [cv2.warpAffine(one, turn, (side, side), borderMode=cv2.BORDER_REFLECT_101) for one in piece.colours]
    )
    tint = rng.normal(0.0, 0.25) + rng.normal(0.0, 0.08, 3)
    colours = colours + tint.astype(np.float32)[:, None, None]
    fall = np.array([[1.0, 0.0, rng.uniform(-7, 7)], [0.0, 1.0, rng.uniform(-7, 7)]])
    shadow = np.float32(SHADOW) * cv2.warpAffine(alpha, fall, (side, side)) * (1 - alpha)
    is_old = rng.random() < 0.35
    for number in (0, 1) if is_old else (1,):
        date = dates[number] - shadow
        dates[number] = (date + alpha * (colours - date)).astype(np.float32)
    is_there = alpha > 0.5
    labels[piece.head][is_there] = 0.0 if is_old else 1.0
    weights[piece.head][is_there] = 1.0


def _pieces(after: Float, labels: NDArray[np.uint8]) -> list[_Piece]:
    """Objects of the later date, cut out with a little of their surroundings."""
    found: list[_Piece] = []
    for head, plane in enumerate(labels):
        count, numbers, boxes, _ = cv2.connectedComponentsWithStats(plane, connectivity=4)
        for number in range(1, count):
            left, top, width, height, area = (int(value) for value in boxes[number])
            if LEAST_OBJECT_PX <= area <= LARGEST_SHARE * plane.size:
                pad = 2 * MARGIN_PX
                window = (
                    slice(max(top - pad, 0), top + height + pad),
                    slice(max(left - pad, 0), left + width + pad),
                )
                found.append(_Piece(after[:, *window].copy(), _soft(numbers[window] == number), head))
    return found


def _soft(is_object: NDArray[Any]) -> Float:
    """Mask with a soft edge."""
    return np.asarray(cv2.GaussianBlur(is_object.astype(np.float32), (0, 0), 0.8), np.float32)
