"""Watching one preset: objects that come and stay, smoke, fire; silent on frames that do not compare."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from detection.cameras.dwelling import Box, Dwelling, shared_area
from detection.cameras.frames import (
    Comparability,
    FloatImage,
    Mask,
    difference,
    is_night,
    stabilise,
    take_out_exposure,
    to_working_size,
)
from detection.cameras.plumes import Flames, Plumes
from detection.cameras.presets import Preset

VERSION = "1"


@dataclass(frozen=True, slots=True)
class Watched:
    """Something that the watching reports.

    Attributes
    ----------
    kind : str
        ``dwelling_object``, ``smoke`` or ``fire``.
    bbox : (x, y, width, height)
        Shares of the frame from the upper left.
    """

    kind: str
    bbox: tuple[float, float, float, float]
    seen_at: datetime
    confidence: float


@dataclass(frozen=True, slots=True)
class FrameReport:
    """What one frame was good for, and what it showed."""

    seen_at: datetime
    comparability: Comparability
    is_warming_up: bool
    found: tuple[Watched, ...]


class PresetWatch:
    """The state of watching one preset; frames go in one after the other.

    Parameters
    ----------
    preset : Preset
        Its regions are watched; the whole frame where it has none.
    rules : mapping
        ``[watch]`` of ``cameras.toml``.
    """

    def __init__(self, preset: Preset, rules: Mapping[str, Any]) -> None:
        self._preset, self._rules = preset, rules
        self._reference: FloatImage | None = None
        self._last_at: datetime | None = None
        self._moved = self._jumped = 0
        self._quiet_until: dict[str, list[tuple[Box, float]]] = {"smoke": [], "fire": []}

    @property
    def is_lost(self) -> bool:
        """Whether the camera has looked elsewhere for several frames: the preset needs a person."""
        return self._moved >= int(self._rules["scene"]["moved_frames"])

    def see(self, frame: NDArray[np.uint8], seen_at: datetime) -> FrameReport:
        """Take the next frame in, shape (rows, cols, 3) BGR uint8."""
        image = to_working_size(frame, int(self._rules["scene"]["width_px"]))
        step_s = 0.0 if self._last_at is None else (seen_at - self._last_at).total_seconds()
        self._last_at = seen_at
        if self._reference is None:
            self._begin(image)
        stable = stabilise(image, self._background, self._rules["scene"])
        if stable is None:
            self._moved += 1
            return FrameReport(seen_at, Comparability.MOVED, self._is_warming_up, ())
        self._moved = 0
        if self._is_warming_up:
            even = take_out_exposure(stable.image, self._background)
            self._learn(even, 1.0 / (self._learnt + 1))
            return FrameReport(seen_at, Comparability.GOOD, True, ())
        return self._compare(stable.image, stable.is_inside, seen_at, step_s)

    @property
    def _is_warming_up(self) -> bool:
        return self._learnt < int(self._rules["warm_up_frames"])

    def _begin(self, image: FloatImage) -> None:
        """Start with an empty background on the grid of this frame."""
        is_first = self._reference is None
        self._reference = self._background = image
        self._learnt = 0
        self._model = cv2.createBackgroundSubtractorMOG2(
            history=500, varThreshold=float(self._rules["variance_factor"]), detectShadows=True
        )
        self._model.setBackgroundRatio(float(self._rules["background_share"]))
        if is_first:
            is_watched = watched_pixels(self._preset, image.shape[:2])
            self._dwelling = Dwelling(is_watched, self._rules)
            self._plumes = Plumes(is_watched, self._rules["smoke"])
            self._flames = Flames(is_watched, self._rules["flame"], int(self._rules["smoke"]["frames"]))
        self._dwelling.restart()
        self._plumes.restart()
        self._flames.restart()

    def _learn(self, image: FloatImage, rate: float) -> Mask:
        """Show the model an image; pixels that it holds for foreground, shadows left out."""
        plain = np.clip(image, 0, 255).astype(np.uint8)
        foreground = self._model.apply(plain, learningRate=rate)
        self._background = np.asarray(self._model.getBackgroundImage(), np.float32)
        self._learnt += 1
        is_foreground: Mask = foreground == 255
        return is_foreground

    def _compare(self, image: FloatImage, is_inside: Mask, seen_at: datetime, step_s: float) -> FrameReport:
        even = take_out_exposure(image, self._background)
        change = np.where(is_inside, difference(even, self._background), 0.0).astype(np.float32)
        is_far = change >= self._rules["foreground_level"]
        scene = self._rules["scene"]
        if float(is_far.mean()) > scene["jump_share"] or is_night(image, self._background, scene):
            self._jumped += 1
            if self._jumped >= scene["jump_frames"]:
                self._begin(image)
            return FrameReport(seen_at, Comparability.JUMPED, self._is_warming_up, ())
        self._jumped = 0
        before = self._background
        forgets_s = float(self._rules["learn_factor"]) * float(self._rules["dwell_s"])
        is_foreground = self._learn(even, 1.0 - math.exp(-max(step_s, 0.0) / forgets_s)) & is_far
        found = [
            self._watched("dwelling_object", box, even.shape, seen_at)
            for box in self._dwelling.see(even, is_foreground, before, seen_at.timestamp())
            if not self._is_plume(box, seen_at.timestamp())
        ]
        for kind, boxes in (
            ("smoke", self._plumes.see(even, change, before)),
            ("fire", self._flames.see(even, is_far)),
        ):
            found += [
                self._watched(kind, box, even.shape, seen_at)
                for box in boxes
                if self._is_first(kind, box, seen_at.timestamp())
            ]
        return FrameReport(seen_at, Comparability.GOOD, False, tuple(found))

    def _is_first(self, kind: str, box: Box, at_s: float) -> bool:
        """One event for one plume: quiet about its place while it is there, and for a dwell time after."""
        until_s = at_s + float(self._rules["dwell_s"])
        standing = [entry for entry in self._quiet_until[kind] if entry[1] > at_s]
        known = [entry for entry in standing if shared_area(_around(entry[0]), box) > 0.1]
        rest = [entry for entry in standing if entry not in known]
        self._quiet_until[kind] = [*rest, (_hull([box, *(entry[0] for entry in known)]), until_s)]
        return not known

    def _is_plume(self, box: Box, at_s: float) -> bool:
        """Smoke that hangs is no object."""
        standing = [entry for entries in self._quiet_until.values() for entry in entries if entry[1] > at_s]
        return any(shared_area(known, box) > 0.3 for known, _ in standing)

    def _watched(self, kind: str, box: Box, shape: tuple[int, ...], seen_at: datetime) -> Watched:
        rows, cols = shape[:2]
        column, row, width, height = box
        bbox = (column / cols, row / rows, width / cols, height / rows)
        return Watched(kind, bbox, seen_at, CONFIDENCE[kind])


CONFIDENCE: Mapping[str, float] = {"dwelling_object": 0.6, "smoke": 0.5, "fire": 0.5}
"""For ranking: by rule, without a look at what the thing is."""


def _around(box: Box) -> Box:
    """A plume's place: it spreads to as far as it is large."""
    column, row, width, height = box
    reach = max(width, height)
    return column - reach, row - reach, width + 2 * reach, height + 2 * reach


def _hull(boxes: Sequence[Box]) -> Box:
    """The smallest box around some."""
    left, top = min(box[0] for box in boxes), min(box[1] for box in boxes)
    right, bottom = max(box[0] + box[2] for box in boxes), max(box[1] + box[3] for box in boxes)
    return left, top, right - left, bottom - top


def watched_pixels(preset: Preset, shape: tuple[int, ...]) -> Mask:
    """Pixels of the working size, (rows, cols), in the regions of a preset; all where it has none."""
    rows, cols = shape
    if not preset.regions:
        return np.ones((rows, cols), np.bool_)
    plain = np.zeros((rows, cols), np.uint8)
    scale = np.array([cols / preset.size_px[0], rows / preset.size_px[1]])
    for region in preset.regions:
        corners = np.round(np.asarray(region.pixels) * scale).astype(np.int32)
        cv2.fillPoly(plain, [corners], 1)
    watched: Mask = plain > 0
    return watched
