"""What came and stays: pixels that left the background and have shown the same thing ever since."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from detection.cameras.frames import FloatImage, Mask, gradient, strongest

Box = tuple[int, int, int, int]
"""Column, row, width, height in pixels of the working size."""


@dataclass(slots=True)
class Reported:
    """An object that was reported; not again while it stands."""

    box: Box
    last_seen_s: float


class Dwelling:
    """Times for every pixel how long it has shown one thing that is not the background.

    What drives past hides an object for a while and does not restart its time; other things of the same
    colour, one after the other, do not add up to one that stands: it must be there in most of the frames.

    Parameters
    ----------
    is_watched : Mask
        Pixels of the preset's regions.
    rules : mapping
        ``[watch]`` of ``cameras.toml``.
    """

    def __init__(self, is_watched: Mask, rules: Mapping[str, Any]) -> None:
        self._is_watched, self._rules = is_watched, rules
        self.reported: list[Reported] = []
        self.restart()

    def restart(self) -> None:
        """Forget all times; what was reported stays reported."""
        shape = self._is_watched.shape
        self._colour: FloatImage = np.zeros((*shape, 3), np.float32)
        self._since: NDArray[np.float64] = np.full(shape, np.nan)
        self._last: NDArray[np.float64] = np.full(shape, -np.inf)
        self._held = np.zeros(shape, np.float32)
        self._frames = np.zeros(shape, np.float32)

    def see(self, frame: FloatImage, is_foreground: Mask, background: FloatImage, at_s: float) -> list[Box]:
        """Take one frame in; boxes of objects that have stood for the whole time, each once.

        Parameters
        ----------
        at_s : float
            Seconds of any clock that runs forward.
        """
        holds = self._time_pixels(frame, is_foreground, at_s)
        rules = self._rules
        has_stood = holds & (at_s - np.nan_to_num(self._since, nan=np.inf) >= rules["dwell_s"])
        has_stood &= self._held >= rules["held_share"] * self._frames
        has_stood &= self._frames >= rules["least_frames"]
        self._age_reported(is_foreground, at_s)
        found = []
        for box, is_object in self._objects(has_stood, holds, at_s):
            if self._is_new(box, is_object) and self._has_come(is_object, frame, background):
                self.reported.append(Reported(box, at_s))
                found.append(box)
        return found

    def _time_pixels(self, frame: FloatImage, is_foreground: Mask, at_s: float) -> Mask:
        """Bring the times up to date; pixels that show their standing thing now."""
        rules = self._rules
        is_timed = np.isfinite(self._since)
        is_same = strongest(np.abs(frame - self._colour)) <= rules["stable_level"]
        holds: Mask = is_foreground & is_timed & is_same
        self._frames += is_timed
        self._held += holds
        self._last[holds] = at_s
        self._colour[holds] += 0.1 * (frame[holds] - self._colour[holds])
        is_lost = is_timed & ~holds & (at_s - self._last > rules["lost_s"])
        starts = is_foreground & (~is_timed | is_lost | self._is_passing(is_timed & ~holds))
        self._since[is_lost & ~is_foreground] = np.nan
        self._since[starts], self._last[starts] = at_s, at_s
        self._colour[starts] = frame[starts]
        self._held[starts] = self._frames[starts] = 1
        return holds

    def _is_passing(self, is_hidden: Mask) -> Mask:
        """Things seen in less than half of their frames were passing: their pixels begin anew."""
        passing: Mask = is_hidden & (self._frames >= 4) & (self._held < 0.5 * self._frames)
        return passing

    def _objects(self, has_stood: Mask, holds: Mask, at_s: float) -> list[tuple[Box, Mask]]:
        """Whole objects about the pixels that have stood long enough."""
        kernel = np.ones((3, 3), np.uint8)
        core = cv2.morphologyEx(has_stood.astype(np.uint8), cv2.MORPH_OPEN, kernel) > 0
        half = at_s - np.nan_to_num(self._since, nan=np.inf) >= 0.5 * self._rules["dwell_s"]
        body = cv2.morphologyEx((holds & half).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5))) > 0
        count, labels, stats, _ = cv2.connectedComponentsWithStats(
            (body | core).astype(np.uint8), connectivity=8
        )
        least, most = self._rules["min_area_px"], self._rules["max_share"] * labels.size
        found = []
        for number in range(1, count):
            column, row, width, height, area = (int(value) for value in stats[number])
            is_object = labels == number
            stood = int((is_object & core).sum())
            if stood < least or area > most or stood < 0.5 * area:
                continue
            if float(self._is_watched[is_object].mean()) >= self._rules["region_share"]:
                found.append(((column, row, width, height), is_object))
        return found

    def _is_new(self, box: Box, is_object: Mask) -> bool:
        return all(
            share_inside(is_object, known.box) <= self._rules["overlap_reported"]
            and shared_area(box, known.box) <= self._rules["overlap_reported"]
            for known in self.reported
        )

    def _has_come(self, is_object: Mask, frame: FloatImage, background: FloatImage) -> bool:
        """Whether the frame, rather than the background, has the outline: else the thing has left."""
        kernel = np.ones((3, 3), np.uint8)
        plain = is_object.astype(np.uint8)
        ring = cv2.dilate(plain, kernel, iterations=2) - cv2.erode(plain, kernel)
        now, before = gradient(frame)[ring > 0].mean(), gradient(background)[ring > 0].mean()
        return bool(now >= self._rules["edge_ratio"] * before)

    def _age_reported(self, is_foreground: Mask, at_s: float) -> None:
        """What the background shows through, or has taken in, stands no longer."""
        for known in self.reported:
            column, row, width, height = known.box
            if is_foreground[row : row + height, column : column + width].mean() > 0.1:
                known.last_seen_s = at_s
        limit_s = self._rules["lost_s"]
        self.reported = [known for known in self.reported if at_s - known.last_seen_s <= limit_s]


def share_inside(is_object: Mask, box: Box) -> float:
    """Share of an object inside a box widened by a quarter."""
    column, row, width, height = box
    wide, high = width // 4 + 2, height // 4 + 2
    inside = is_object[
        max(row - high, 0) : row + height + high, max(column - wide, 0) : column + width + wide
    ]
    return float(inside.sum()) / float(is_object.sum())


def shared_area(one: Box, other: Box) -> float:
    """Shared area of two boxes over the smaller."""
    wide = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    high = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    smaller = min(one[2] * one[3], other[2] * other[3])
    return max(wide, 0) * max(high, 0) / smaller
