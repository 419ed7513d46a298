"""How far a track can be trusted: a score with reasons for people to look at, never a punishment."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from foundation.crs import gauss_krueger_epsg, transformer
from patrol.rounds.measures import Walks
from patrol.rounds.tracks import TICKS_A_SECOND, Tracks

POLICY_FILE = Path(__file__).resolve().parents[2] / "data" / "policies" / "plausibility.toml"
SHARE_FEWEST = 10
"""Below so many moments a share says nothing."""


class Doubt(NamedTuple):
    """One thing held against a track, in words, and how much trust it takes."""

    code: str
    zh: str
    en: str
    weight: float


class WalkedPath(NamedTuple):
    """Usable fixes of one outing: seconds since the first, metres east and north (Gauss-Krüger)."""

    seconds: NDArray[np.float64]
    x_m: NDArray[np.float64]
    y_m: NDArray[np.float64]

    @property
    def duration_s(self) -> float:
        """From first to last."""
        return float(self.seconds[-1]) if len(self.seconds) else 0.0


class Former(NamedTuple):
    """An earlier outing that a new one is compared with; ``path`` as `path_of` gives it."""

    label: str
    path: WalkedPath


@dataclass(frozen=True, slots=True)
class Plausibility:
    """Trust in a track, 0 to 1, and the doubts that took from it."""

    score: float
    doubts: tuple[Doubt, ...]


def path_of(tracks: Tracks, walks: Walks, outing: int = 0) -> WalkedPath:
    """The usable fixes of one outing on the plane."""
    own = slice(int(tracks.starts[outing]), int(tracks.starts[outing + 1]))
    is_usable = walks.codes[own] == 0
    if not is_usable.any():
        return WalkedPath(np.zeros(0), np.zeros(0), np.zeros(0))
    ticks = tracks.ticks[own][is_usable]
    lonlat = tracks.lonlat_deg(own)[is_usable]
    plane = transformer(4490, gauss_krueger_epsg(float(lonlat[0, 0])))
    x_m, y_m = plane.transform(lonlat[:, 0], lonlat[:, 1])
    return WalkedPath((ticks - ticks[0]) / TICKS_A_SECOND, np.asarray(x_m), np.asarray(y_m))


def weigh(tracks: Tracks, walks: Walks, formers: Sequence[Former] = (), outing: int = 0) -> Plausibility:
    """Trust in one outing.

    Parameters
    ----------
    formers : sequence of Former
        Earlier outings on the same ground, the person's own and those of others.
    """
    policy, path = plausibility_policy(), path_of(tracks, walks, outing)
    total = int(tracks.starts[outing + 1] - tracks.starts[outing])
    found: list[tuple[str, Mapping[str, str]]] = []
    if walks.refused["mock"][outing]:
        found.append(("mock", {}))
    if total and (share := walks.refused["jump"][outing] / total) > policy["jumps"]["share"]:
        found.append(("jumps", {"share": f"{share:.0%}"}))
    if walks.is_even[outing]:
        found.append(("even", {}))
    found += _shape(path, policy)
    if (twin := most_alike(path, formers)) is not None:
        found.append(("replay", {"of": twin[0], "share": f"{twin[1]:.0%}"}))
    doubts = tuple(_doubt(code, policy[code], facts) for code, facts in found)
    return Plausibility(float(np.prod([1.0 - doubt.weight for doubt in doubts])), doubts)


def most_alike(path: WalkedPath, formers: Sequence[Former]) -> tuple[str, float] | None:
    """The earlier outing that a path repeats point by point, and the share of moments; None for none.

    Two honest walks of one round differ by tens of metres at the same minute; a replay does not, whatever
    noise was put on it.
    """
    policy = plausibility_policy()["replay"]
    if path.duration_s < policy["minutes_min"] * 60.0:
        return None
    best: tuple[str, float] | None = None
    for former in formers:
        share = alike_share(path, former.path)
        if share >= policy["share"] and (best is None or share > best[1]):
            best = former.label, share
    return best


def alike_share(path: WalkedPath, former: WalkedPath) -> float:
    """Share of moments since the start at which two paths stand together; 0 for other lengths."""
    policy = plausibility_policy()["replay"]
    if abs(former.duration_s - path.duration_s) > policy["tolerance"] * max(path.duration_s, 1.0):
        return 0.0
    moments = np.arange(0.0, min(path.duration_s, former.duration_s), policy["step_s"])
    if len(moments) < SHARE_FEWEST or _extent_m(path) < policy["near_m"] * 4:
        return 0.0
    apart = np.hypot(
        np.interp(moments, path.seconds, path.x_m) - np.interp(moments, former.seconds, former.x_m),
        np.interp(moments, path.seconds, path.y_m) - np.interp(moments, former.seconds, former.y_m),
    )
    return float(np.mean(apart < policy["near_m"]))


def _shape(path: WalkedPath, policy: Mapping[str, Any]) -> list[tuple[str, Mapping[str, str]]]:
    found: list[tuple[str, Mapping[str, str]]] = []
    if len(path.seconds) < 3:
        return found
    still, drawn = policy["still"], policy["drawn"]
    radius_m = _extent_m(path)
    if radius_m < still["radius_m"]:
        if path.duration_s >= still["minutes_min"] * 60.0:
            found.append(("still", {"radius_m": f"{radius_m:.0f}"}))
        return found
    step_m = np.hypot(np.diff(path.x_m), np.diff(path.y_m))
    speed_m_s = step_m / np.maximum(np.diff(path.seconds), 0.01)
    bend_m = np.hypot(np.diff(path.x_m, 2), np.diff(path.y_m, 2)) / 2.0
    is_moving = np.minimum(step_m[1:], step_m[:-1]) >= drawn["step_min_m"]
    if is_moving.sum() >= SHARE_FEWEST:
        share = float(np.mean(bend_m[is_moving] < drawn["bend_max_m"]))
        if share > drawn["share"]:
            found.append(("drawn", {"share": f"{share:.0%}"}))
    middle = float(np.median(speed_m_s))
    if middle > policy["vehicle"]["speed_m_s"]:
        found.append(("vehicle", {"speed_kmh": f"{middle * 3.6:.0f}"}))
    return found


def _extent_m(path: WalkedPath) -> float:
    """Distance from the middle within which nine tenths of the fixes lie."""
    away = np.hypot(path.x_m - np.median(path.x_m), path.y_m - np.median(path.y_m))
    return float(np.quantile(away, 0.9))


def _doubt(code: str, row: Mapping[str, Any], facts: Mapping[str, str]) -> Doubt:
    return Doubt(code, row["zh"].format_map(facts), row["en"].format_map(facts), row["weight"])


@lru_cache(maxsize=1)
def plausibility_policy() -> Mapping[str, Any]:
    """The weights that ship with the product, read once."""
    return tomllib.loads(POLICY_FILE.read_text("utf-8"))
