"""Frames of a fixed camera, made: a field with a road, and what happens on it. Everything is seeded."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import cv2
import numpy as np
from numpy.typing import NDArray

from foundation.calendar import SHANGHAI

Frame = NDArray[np.uint8]
ROWS, COLS = 240, 320
START = datetime(2026, 6, 1, 9, tzinfo=SHANGHAI)
ROAD_ROW = 190


def scene(seed: int = 4) -> NDArray[np.float32]:
    """Sky, hills, textured fields and a road; shape (240 + 40, 320 + 40, 3), so that it can be shaken."""
    rng = np.random.default_rng(seed)
    rows, cols = ROWS + 40, COLS + 40
    image = np.empty((rows, cols, 3), np.float32)
    image[:70] = (205, 190, 170)
    image[70:] = (60, 120, 95)
    for number in range(9):
        row = 80 + number * 20
        image[row : row + 20] += rng.normal(0, 12, 3)
        image[row : row + 2] -= 25
    image[ROAD_ROW + 20 : ROAD_ROW + 52] = (120, 120, 122)
    texture = cv2.GaussianBlur(rng.normal(0, 1, (rows, cols)).astype(np.float32), (0, 0), 1.3)
    image[70:] += (texture[70:, :, None] / texture.std()) * 7
    for _ in range(40):
        x, y = int(rng.integers(10, cols - 10)), int(rng.integers(78, rows - 80))
        cv2.circle(image, (x, y), int(rng.integers(2, 6)), (35, 80, 50), -1)
    return image


def excavator(image: NDArray[np.float32], x: int, y: int) -> None:
    """A yellow machine with dark tracks, foot at (x, y)."""
    cv2.rectangle(image, (x - 12, y - 16), (x + 10, y - 5), (40, 170, 220), -1)
    cv2.rectangle(image, (x - 14, y - 5), (x + 12, y), (35, 35, 38), -1)
    cv2.line(image, (x + 8, y - 14), (x + 24, y - 26), (40, 165, 215), 4)


def car(image: NDArray[np.float32], x: int, shade: int) -> None:
    """A car on the road."""
    cv2.rectangle(
        image, (x - 11, ROAD_ROW + 26), (x + 11, ROAD_ROW + 38), (shade, shade - 10, shade - 20), -1
    )
    cv2.rectangle(image, (x - 9, ROAD_ROW + 36), (x + 9, ROAD_ROW + 40), (25, 25, 25), -1)


def smoke(image: NDArray[np.float32], x: int, y: int, age: int, rng: np.random.Generator) -> None:
    """A plume of some frames' age that rises and spreads from (x, y)."""
    veil = np.zeros(image.shape[:2], np.float32)
    for height in range(0, 8 + 7 * age, 3):
        reach = 4 + height * 0.28
        centre = (int(x + rng.normal(0, 1.5) + height * 0.15), y - height)
        cv2.circle(veil, centre, int(reach), 1.0, -1)
    veil = cv2.GaussianBlur(veil, (0, 0), 2.5)[..., None] * 0.75
    image += veil * (np.array([205, 205, 208], np.float32) - image)


def flame(image: NDArray[np.float32], x: int, y: int, rng: np.random.Generator) -> None:
    """A flickering red glow."""
    for _ in range(14):
        centre = (int(x + rng.normal(0, 3)), int(y - abs(rng.normal(0, 5))))
        cv2.circle(image, centre, 2, (40, 120 + int(rng.integers(80)), 235), -1)


def frames(
    count: int,
    *,
    step_s: float = 30.0,
    seed: int = 1,
    shake_px: float = 0.0,
    light: float = 0.0,
    noise: float = 2.0,
    rain: int = 0,
    traffic: bool = False,
    machine: tuple[int, int] | None = None,
    gone_at: int | None = None,
    smoke_at: int | None = None,
    flame_at: int | None = None,
    turned_at: int | None = None,
) -> Iterator[tuple[Frame, datetime]]:
    """Dated frames.

    Parameters
    ----------
    light : float
        Share by which gain and offset drift up and down, with a jump of as much every seventh frame.
    rain : int
        Streaks a frame.
    machine : (frame, column), optional
        From this frame an excavator stands in the field, until ``gone_at``.
    """
    rng, ground = np.random.default_rng(seed), scene()
    for number in range(count):
        image = ground.copy()
        if machine and number >= machine[0] and (gone_at is None or number < gone_at):
            excavator(image, machine[1], 170)
        if smoke_at is not None and number >= smoke_at:
            smoke(image, 230, 165, min(number - smoke_at, 12), rng)
        if flame_at is not None and number >= flame_at:
            flame(image, 230, 165, rng)
        if traffic:
            for _ in range(int(rng.integers(1, 4))):
                car(image, int(rng.integers(20, COLS)), int(rng.integers(40, 250)))
        dx, dy = rng.uniform(-shake_px, shake_px, 2)
        if turned_at is not None and number >= turned_at:
            dx, dy = 0, 0
            image = np.roll(image, 110, axis=1)
        moved = cv2.warpAffine(image, np.float32([[1, 0, -20 + dx], [0, 1, -20 + dy]]), (COLS, ROWS))
        for _ in range(rain):
            x, y = int(rng.integers(COLS)), int(rng.integers(ROWS))
            cv2.line(moved, (x, y), (x + 1, y + int(rng.integers(6, 16))), (215, 215, 215), 1)
        gain = 1 + light * np.sin(number / 5) + (light if light and number % 7 == 0 else 0)
        moved = moved * gain + 20 * light * np.cos(number / 9) + rng.normal(0, noise, moved.shape)
        yield np.clip(moved, 0, 255).astype(np.uint8), START + timedelta(seconds=step_s * number)
