"""Smoke and open fire by rule: a grey veil growing upward from one base; a red glow that flickers."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from detection.cameras.dwelling import Box
from detection.cameras.frames import FloatImage, Mask, chroma, contrast

VEIL_LEVEL = 10.0
"""Grey levels by which even thin smoke leaves the background."""


@dataclass(frozen=True, slots=True)
class Veil:
    """One connected veil in one frame."""

    is_veil: Mask
    box: Box
    area: int

    @property
    def top(self) -> int:
        """First row."""
        return self.box[1]

    @property
    def base(self) -> int:
        """Row below the last."""
        return self.box[1] + self.box[3]


class Plumes:
    """Follows veils through the last frames, and reports one that behaves like smoke, once.

    Parameters
    ----------
    is_watched : Mask
    rules : mapping
        ``[watch.smoke]`` of ``cameras.toml``.
    """

    def __init__(self, is_watched: Mask, rules: Mapping[str, Any]) -> None:
        self._is_watched, self._rules = is_watched, rules
        self._chains: list[deque[Veil]] = []

    def restart(self) -> None:
        """Forget what was followed."""
        self._chains = []

    def see(self, frame: FloatImage, change: FloatImage, background: FloatImage) -> list[Box]:
        """Take one frame in; boxes of plumes.

        Parameters
        ----------
        change : FloatImage
            Shape (rows, cols): by how much each pixel leaves the background.
        """
        veils = self._veils(frame, change, background)
        chains = []
        for veil in veils:
            former = [chain for chain in self._chains if _is_same_veil(chain[-1], veil)]
            best = max(former, key=len, default=deque(maxlen=self._rules["frames"]))
            chains.append(deque([*best, veil], maxlen=self._rules["frames"]))
        self._chains = chains
        return [chain[-1].box for chain in chains if self._is_plume(chain)]

    def _veils(self, frame: FloatImage, change: FloatImage, background: FloatImage) -> list[Veil]:
        """Parts of the frame that lost colour and contrast to something grey in front of them."""
        rules = self._rules
        grey = chroma(frame)
        looks = (change >= VEIL_LEVEL) & (grey <= rules["max_chroma"])
        looks &= grey <= chroma(background) + rules["max_chroma_gain"]
        looks &= contrast(frame) <= rules["max_contrast"] * contrast(background) + 1.0
        kernel = np.ones((3, 3), np.uint8)
        plain = cv2.morphologyEx(looks.astype(np.uint8), cv2.MORPH_OPEN, kernel)
        plain = cv2.morphologyEx(plain, cv2.MORPH_CLOSE, np.ones((7, 7), np.uint8))
        count, labels, stats, _ = cv2.connectedComponentsWithStats(plain, connectivity=8)
        veils = []
        for number in range(1, count):
            column, row, width, height, area = (int(value) for value in stats[number])
            if rules["min_area_px"] <= area <= rules["max_share"] * labels.size:
                veils.append(Veil(labels == number, (column, row, width, height), area))
        return veils

    def _is_plume(self, chain: deque[Veil]) -> bool:
        rules = self._rules
        if len(chain) < rules["frames"]:
            return False
        first, last = chain[0], chain[-1]
        tops = [veil.top for veil in chain]
        climbs = sum(after <= before for before, after in pairwise(tops))
        foot = (
            last.is_veil[max(last.base - 3, 0) : last.base]
            & self._is_watched[max(last.base - 3, 0) : last.base]
        )
        return bool(
            last.area >= rules["growth"] * first.area
            and first.top - last.top >= rules["min_rise_px"]
            and climbs >= len(tops) - 2
            and last.box[3] >= max(rules["min_height_px"], rules["min_slenderness"] * last.box[2])
            and max(veil.base for veil in chain) - min(veil.base for veil in chain)
            <= rules["max_base_drift_px"]
            and foot.any()
        )


class Flames:
    """Follows what glows red in place.

    Parameters
    ----------
    is_watched : Mask
    rules : mapping
        ``[watch.flame]`` of ``cameras.toml``.
    frames : int
        For so many it must glow.
    """

    def __init__(self, is_watched: Mask, rules: Mapping[str, Any], frames: int) -> None:
        self._is_watched, self._rules = is_watched, rules
        self._glows: deque[Mask] = deque(maxlen=frames)

    def restart(self) -> None:
        """Forget what was followed."""
        self._glows.clear()

    def see(self, frame: FloatImage, is_foreground: Mask) -> list[Box]:
        """Take one frame in; boxes of flames."""
        blue, green, red = (frame[..., channel] for channel in range(3))
        glows = (red >= self._rules["min_red"]) & (red - blue >= self._rules["min_red_over_blue"])
        glows &= (red >= green) & (green >= blue) & is_foreground & self._is_watched
        self._glows.append(glows)
        if len(self._glows) < (self._glows.maxlen or 0):
            return []
        often: NDArray[np.float32] = np.mean(self._glows, axis=0, dtype=np.float32)
        count, _, stats, _ = cv2.connectedComponentsWithStats((often >= 0.5).astype(np.uint8), connectivity=8)
        return [
            (int(stats[n][0]), int(stats[n][1]), int(stats[n][2]), int(stats[n][3]))
            for n in range(1, count)
            if stats[n][4] >= self._rules["min_area_px"]
            and self._restlessness(stats[n]) >= self._rules["min_restless"]
        ]

    def _restlessness(self, stats: NDArray[np.int32]) -> float:
        """Usual share of the glow about a box that comes or goes from one frame to the next: 0 for paint."""
        column, row, width, height = (int(value) for value in stats[:4])
        window = (
            slice(max(row - height, 0), row + 2 * height),
            slice(max(column - width, 0), column + 2 * width),
        )
        shares = []
        for before, after in pairwise(self._glows):
            either = int((before[window] | after[window]).sum())
            shares.append(int((before[window] ^ after[window]).sum()) / either if either else 0.0)
        return float(np.median(shares))


def _is_same_veil(former: Veil, veil: Veil) -> bool:
    shared = int((former.is_veil & veil.is_veil).sum())
    return shared >= 0.3 * min(former.area, veil.area)
