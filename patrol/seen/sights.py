"""What counts as seen, and how long ago is too long."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

POLICY_FILE = Path(__file__).resolve().parents[2] / "data" / "policies" / "seen.toml"
KINDS = {"patrol": "巡查", "visit": "现场核查", "image": "影像", "camera": "视频监控"}
"""Kinds of sources, and what officers call them."""


@dataclass(frozen=True, slots=True)
class SeenPolicy:
    """From which share a parcel is seen, and after how many days without it is a blind spot."""

    share_min: float
    camera_error_max_m: float
    camera_far_m: float
    blind_days: int
    steps_days: tuple[int, ...]

    def blind_m2(self, ages_m2: Sequence[float]) -> float:
        """Ground not seen for so long that it is a blind spot, and ground never seen.

        Parameters
        ----------
        ages_m2 : sequence of float
            One entry for each step, one beyond the last, one for never.
        """
        return sum(ages_m2[self.steps_days.index(self.blind_days) + 1 :])


class Sight(NamedTuple):
    """A parcel as one kind of source last saw it; ``at`` None: never, as far as is known.

    Attributes
    ----------
    source : str, optional
        Id of the outing, visit or comparison; of a camera its id, preset and lead.
    label : str
        Who or what it was, in an officer's words.
    """

    kind: str
    at: datetime | None
    source: str | None
    label: str


@lru_cache(maxsize=1)
def seen_policy() -> SeenPolicy:
    """The table ``seen.toml``."""
    raw = tomllib.loads(POLICY_FILE.read_text("utf-8"))
    seen, blind = raw["seen"], raw["blind"]
    return SeenPolicy(
        seen["share_min"],
        seen["camera_error_max_m"],
        seen["camera_far_m"],
        blind["days"],
        tuple(blind["steps_days"]),
    )


def days_since(at: datetime | None, now: datetime) -> int | None:
    """Whole days since a moment; None where there was none."""
    return None if at is None else max(0, (now - at).days)
