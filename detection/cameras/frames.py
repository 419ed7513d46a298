"""Frames of one preset made comparable: stabilised by ECC, exposure taken out, or said to be not comparable.

Arrays are (rows, cols, 3) BGR, float32, grey levels 0–255, at the working size.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

FloatImage = NDArray[np.float32]
Mask = NDArray[np.bool_]
STRUCTURE_FLOOR = 6.0
"""Grey levels: structure weaker than noise stays weak."""
ECC_STEPS, ECC_EPSILON, ECC_BLUR_PX = 40, 1e-4, 5


class Comparability(Enum):
    """Whether a frame can be held against the background."""

    GOOD = "good"
    MOVED = "moved"
    """The camera looks elsewhere, or the frame shows nothing of the scene."""
    JUMPED = "jumped"
    """Light, fog or night changed most of the frame."""


@dataclass(frozen=True, slots=True)
class Stabilised:
    """A frame on the reference's grid.

    Attributes
    ----------
    image : FloatImage
    is_inside : Mask
        Pixels that the frame shows.
    likeness : float
        Correlation with the reference of upright or of level structure, the smaller; -1 to 1.
    shift_px : float
        How far the frame's centre had moved.
    """

    image: FloatImage
    is_inside: Mask
    likeness: float
    shift_px: float


def to_working_size(frame: NDArray[np.uint8], width_px: int) -> FloatImage:
    """A frame, shape (rows, cols, 3) uint8, at the size at which it is watched."""
    height, width = frame.shape[:2]
    size = (width_px, max(1, round(height * width_px / width)))
    is_smaller = width_px < width
    resized = cv2.resize(frame, size, interpolation=cv2.INTER_AREA if is_smaller else cv2.INTER_LINEAR)
    return np.asarray(resized, np.float32)


def stabilise(frame: FloatImage, reference: FloatImage, rules: Mapping[str, Any]) -> Stabilised | None:
    """Bring a frame onto the reference's grid by a rigid motion; None where that fails.

    Failure is an answer: the camera was turned, or something covers it. Only structure finer than a tenth of
    the frame counts: a bright sky over dark ground looks alike whichever way the camera looks.

    References
    ----------
    Evangelidis & Psarakis (2008), Parametric image alignment using enhanced correlation coefficient
    maximization, IEEE TPAMI 30(10).
    """
    fixed, moving = _structure(_halved(reference)), _structure(_halved(frame))
    warp = np.eye(2, 3, dtype=np.float32)
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, ECC_STEPS, ECC_EPSILON)
    everything = np.full(fixed.shape, 255, np.uint8)
    try:
        _, found = cv2.findTransformECC(
            fixed, moving, warp, cv2.MOTION_EUCLIDEAN, criteria, everything, ECC_BLUR_PX
        )
    except cv2.error:
        return None
    warp = np.asarray(found, np.float32)
    # Twice as far at the full size; the centre of a pixel of half size lies between two.
    warp[:, 2] = 2 * warp[:, 2] + 0.5 * (np.eye(2, dtype=np.float32) - warp[:, :2]).sum(axis=1)
    rows, cols = frame.shape[:2]
    everything = np.full((rows, cols), 255, np.uint8)
    centre = np.array([cols / 2, rows / 2, 1.0])
    shift_px = float(np.hypot(*(warp @ centre - centre[:2])))
    turn_deg = abs(float(np.degrees(np.arctan2(warp[1, 0], warp[0, 0]))))
    if shift_px > rules["max_shift_share"] * cols or turn_deg > rules["max_turn_deg"]:
        return None
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    image = cv2.warpAffine(frame, warp, (cols, rows), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    inside = cv2.warpAffine(everything, warp, (cols, rows), flags=flags, borderValue=0)
    likeness = _likeness(np.asarray(image, np.float32), reference)
    if likeness < rules["min_likeness"]:
        return None
    return Stabilised(np.asarray(image, np.float32), inside > 254, likeness, shift_px)


def _likeness(image: FloatImage, reference: FloatImage) -> float:
    """Correlation of what stands upright in two frames, or of what lies level: the smaller of both.

    Horizons, roads and field edges lie level whichever way a camera is turned; trees and poles do not agree.
    """
    one, other = (cv2.GaussianBlur(_structure(_halved(part)), (0, 0), 1.0) for part in (image, reference))
    reach_px = one.shape[1] // 16 * 2 + 1
    found = []
    for window in ((reach_px, 1), (1, reach_px)):
        first, second = one - cv2.blur(one, window), other - cv2.blur(other, window)
        scale = float(np.sqrt((first * first).sum() * (second * second).sum()))
        found.append(float((first * second).sum()) / scale if scale > 0 else 0.0)
    return min(found)


def take_out_exposure(frame: FloatImage, background: FloatImage) -> FloatImage:
    """A frame in the light of the background: one robust line for each channel.

    Fitted to every fourth pixel, thrice, each time without those that lie off the line: what came into the
    frame does not move it.
    """
    sampled, wanted = frame[::4, ::4].reshape(-1, 3), background[::4, ::4].reshape(-1, 3)
    lines = [_robust_line(sampled[:, channel], wanted[:, channel]) for channel in range(3)]
    gain = np.array([line[0] for line in lines], np.float32)
    offset = np.array([line[1] for line in lines], np.float32)
    return np.asarray(np.clip(frame * gain + offset, 0, 255), np.float32)


def _robust_line(values: NDArray[np.float32], wanted: NDArray[np.float32]) -> tuple[float, float]:
    """Gain (0.4 to 2.5) and offset of the line that most pixels follow."""
    gain, offset = 1.0, float(np.median(wanted - values))
    for _ in range(3):
        off = np.abs(values * gain + offset - wanted)
        keep = off <= max(2.5 * 1.4826 * float(np.median(off)), 3.0)
        level, aim = float(values[keep].mean()), float(wanted[keep].mean())
        spread = float(((values[keep] - level) ** 2).sum())
        if spread > 0:
            slope = float(((values[keep] - level) * (wanted[keep] - aim)).sum()) / spread
            gain = min(max(slope, 0.4), 2.5)
        offset = aim - gain * level
    return gain, offset


def difference(frame: FloatImage, background: FloatImage) -> FloatImage:
    """Grey levels by which a pixel leaves what the background shows within one pixel of it.

    Sharp edges that stabilising leaves half a pixel off differ by nothing.

    Returns
    -------
    ndarray, shape (rows, cols), float32
        Of the channel that differs most.
    """
    kernel = np.ones((3, 3), np.uint8)
    above = frame - cv2.dilate(background, kernel)
    below = cv2.erode(background, kernel) - frame
    return np.maximum(strongest(np.maximum(above, below)), np.float32(0.0))


def strongest(image: FloatImage) -> FloatImage:
    """Largest of the three channels, shape (rows, cols)."""
    largest: FloatImage = np.maximum(np.maximum(image[..., 0], image[..., 1]), image[..., 2])
    return largest


def is_night(frame: FloatImage, background: FloatImage, rules: Mapping[str, Any]) -> bool:
    """Whether a coloured scene has lost its colours: the camera sees by infrared."""
    usual = float(chroma(background).mean())
    return usual > 8.0 and float(chroma(frame).mean()) < rules["night_saturation"] * usual


def chroma(image: FloatImage) -> FloatImage:
    """Grey levels between the strongest and the weakest colour, shape (rows, cols)."""
    spread: FloatImage = strongest(image) + strongest(-image)
    return spread


def contrast(image: FloatImage, window_px: int = 7) -> FloatImage:
    """Standard deviation of grey in a window about each pixel, shape (rows, cols)."""
    grey = _grey(image)
    size = (window_px, window_px)
    mean, mean_square = cv2.blur(grey, size), cv2.blur(grey * grey, size)
    return np.sqrt(np.maximum(mean_square - mean * mean, 0.0)).astype(np.float32)


def gradient(image: FloatImage) -> FloatImage:
    """Magnitude of the grey gradient, shape (rows, cols)."""
    grey = _grey(image)
    across, down = cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)
    return np.asarray(cv2.magnitude(across, down), np.float32)


def _halved(image: FloatImage) -> FloatImage:
    size = (image.shape[1] // 2, image.shape[0] // 2)
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.float32)


def _structure(image: FloatImage) -> FloatImage:
    """Grey without its slow changes, weak structure as strong as that of a horizon or a road's edge."""
    grey = _grey(image)
    reach_px = grey.shape[1] / 30.0
    fine = grey - cv2.GaussianBlur(grey, (0, 0), reach_px)
    strength = np.sqrt(cv2.GaussianBlur(fine * fine, (0, 0), reach_px))
    return np.asarray(fine / (strength + STRUCTURE_FLOOR), np.float32)


def _grey(image: FloatImage) -> FloatImage:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.float32)
