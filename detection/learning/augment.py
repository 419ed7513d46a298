"""Batches for training: crops of stored pairs, turned, recoloured, some reversed or made unchanged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detection.learning.made.pair_store import unpack_bits
from detection.pixels.net.scaling import measure_scale

Float = NDArray[np.float32]
SCALE_STEP = 3
"""Colour scales are measured on every third pixel of each side."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Scaled colours (n, 3, side, side) and targets of the same size, float32."""

    before: Float
    after: Float
    labels: Float
    weights: Float
    roofs: Float


def make_batch(
    rng: np.random.Generator,
    draw: Callable[[np.random.Generator], NDArray[np.uint8]],
    *,
    count: int,
    side_px: int,
) -> Batch:
    """Draw pairs (7, rows, cols) uint8 and make ``count`` crops of ``side_px`` of them."""
    rows = [_example(rng, draw(rng), side_px) for _ in range(count)]
    before, after, bits = (np.stack(part) for part in zip(*rows, strict=True))
    labels, weights, roofs = (np.moveaxis(planes, 0, 1) for planes in unpack_bits(bits))
    return Batch(before, after, labels, weights, roofs)


def _example(
    rng: np.random.Generator, pair: NDArray[np.uint8], side_px: int
) -> tuple[Float, Float, NDArray[np.uint8]]:
    before, after, bits = pair[:3], pair[3:6], pair[6]
    chance = rng.random()
    if chance < 0.08:
        before, after, bits = after, before, _reversed_bits(bits)
    elif chance < 0.14:
        before, bits = after, _unchanged_bits(bits)
    sides = pair.shape[1:]
    row, col = (int(rng.integers(0, side - side_px + 1)) for side in sides)
    window = (slice(row, row + side_px), slice(col, col + side_px))
    turns, is_mirrored = int(rng.integers(4)), bool(rng.random() < 0.5)
    dates = []
    for date in (before, after):
        scale = measure_scale(date[:, ::SCALE_STEP, ::SCALE_STEP])
        scaled = scale.apply(date[(slice(None), *window)].astype(np.float32))
        dates.append(_turned(recoloured(rng, scaled), turns, is_mirrored))
    return dates[0], dates[1], _turned(bits[window], turns, is_mirrored)


def recoloured(rng: np.random.Generator, scaled: Float) -> Float:
    """Gain, offset and cast beyond what the made pairs have; often paler, as real ground mostly is."""
    gain = np.exp(rng.normal(0.0, 0.12)) * np.exp(rng.normal(0.0, 0.05, 3))
    offset = rng.normal(0.0, 0.12) + rng.normal(0.0, 0.06, 3)
    changed = scaled * gain[:, None, None].astype(np.float32) + offset[:, None, None].astype(np.float32)
    if rng.random() < 0.4:
        grey = changed.mean(axis=0, keepdims=True)
        changed = grey + (changed - grey) * np.float32(rng.uniform(0.2, 0.9))
    return np.ascontiguousarray(changed, np.float32)


def _turned(planes: NDArray[Any], turns: int, is_mirrored: bool) -> NDArray[Any]:
    turned = np.rot90(planes, turns, axes=(-2, -1))
    return np.ascontiguousarray(turned[..., ::-1] if is_mirrored else turned)


def _reversed_bits(bits: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Time reversed: what went is nobody's new building or land."""
    return ((bits >> 6 & 1) << 7 | (bits >> 7 & 1) << 6).astype(np.uint8)


def _unchanged_bits(bits: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The later date against itself: its roofs at both dates, nothing to find."""
    later = bits >> 7 & 1
    return (later << 6 | later << 7).astype(np.uint8)


def join_batches(batches: Sequence[Batch]) -> Batch:
    """One batch of several."""
    parts = ("before", "after", "labels", "weights", "roofs")
    return Batch(*(np.concatenate([getattr(batch, part) for batch in batches]) for part in parts))
