"""Fixes of outings as arrays: one outing or many, one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from foundation.calendar import SHANGHAI
from foundation.errors import InvalidInput

DEGREE_UNITS = 10_000_000
"""Degrees are whole ten-millionths: about one centimetre."""
TICKS_A_SECOND = 100
ACCURACY_UNITS = 10
ACCURACY_MOST = 32_767
"""Decimetres; whatever is worse, or no number, counts as this."""
HEADER, SEGMENT, POINT = 16, 20, 8
"""Bytes of a packed outing: its head, each anchor, each fix."""
USABLE, MOCK, ACCURACY, TIME, JUMP = range(5)
"""Codes of fixes: usable, or why not."""


class Fix(NamedTuple):
    """One position. Degrees in CGCS2000 (or WGS-84, which agrees), time with a zone."""

    t: datetime
    lon: float
    lat: float
    accuracy_m: float
    is_mock: bool = False


class FixRules(NamedTuple):
    """Which fixes count."""

    accuracy_max_m: float
    speed_max_m_s: float
    gap_max: timedelta


@dataclass(frozen=True)
class Tracks:
    """Fixes of n outings, m in all, in order of time within each.

    Attributes
    ----------
    starts : (n + 1,) int64
        Outing i owns fixes ``starts[i]:starts[i + 1]``.
    ticks : (m,) int64
        Hundredths of a second since 1970 (UTC).
    lon, lat : (m,) int32
        1e-7 degrees, EPSG:4490.
    accuracy : (m,) uint16
        Decimetres, 95 %.
    is_mock : (m,) bool
        Made by a mock provider, as the phone says.
    """

    starts: NDArray[np.int64]
    ticks: NDArray[np.int64]
    lon: NDArray[np.int32]
    lat: NDArray[np.int32]
    accuracy: NDArray[np.uint16]
    is_mock: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def fix_count(self) -> int:
        """Fixes of all outings."""
        return len(self.ticks)

    def lonlat_deg(
        self, where: NDArray[np.bool_] | NDArray[np.int64] | slice = slice(None)
    ) -> NDArray[np.float64]:
        """Positions (k, 2) in degrees, lon before lat."""
        return np.column_stack([self.lon[where], self.lat[where]]) / DEGREE_UNITS

    def fixes(self, outing: int) -> list[Fix]:
        """One outing as values, to the centimetre, the decimetre of accuracy and the hundredth second."""
        begin, end = self.starts[outing], self.starts[outing + 1]
        return [
            Fix(
                datetime.fromtimestamp(int(self.ticks[place]) / TICKS_A_SECOND, SHANGHAI),
                int(self.lon[place]) / DEGREE_UNITS,
                int(self.lat[place]) / DEGREE_UNITS,
                int(self.accuracy[place]) / ACCURACY_UNITS,
                bool(self.is_mock[place]),
            )
            for place in range(begin, end)
        ]


def tracks_of(outings: Iterable[Sequence[Fix]]) -> Tracks:
    """Outings as arrays, each sorted by time.

    Raises
    ------
    InvalidInput
        ``patrol.patrol.no_time_zone``.
    """
    given = [list(fixes) for fixes in outings]
    if any(fix.t.tzinfo is None for fixes in given for fix in fixes):
        raise InvalidInput("patrol.patrol.no_time_zone")
    ordered = [sorted(fixes) for fixes in given]
    starts = np.concatenate([[0], np.cumsum([len(fixes) for fixes in ordered])]).astype(np.int64)
    flat = [fix for fixes in ordered for fix in fixes]
    accuracy = np.array([fix.accuracy_m for fix in flat], dtype=np.float64) * ACCURACY_UNITS
    is_told = (accuracy >= 0) & (accuracy < ACCURACY_MOST)
    return Tracks(
        starts,
        np.array([tick_of(fix.t) for fix in flat], dtype=np.int64),
        np.rint(np.array([fix.lon for fix in flat]) * DEGREE_UNITS).astype(np.int32),
        np.rint(np.array([fix.lat for fix in flat]) * DEGREE_UNITS).astype(np.int32),
        np.where(is_told, np.rint(accuracy), ACCURACY_MOST).astype(np.uint16),
        np.array([fix.is_mock for fix in flat], dtype=np.bool_),
    )


def joined(tracks: Sequence[Tracks]) -> Tracks:
    """The outings of several as one."""
    if not tracks:
        return tracks_of([])
    offsets = np.cumsum([0, *(part.fix_count for part in tracks)])
    starts = [part.starts[:-1] + offset for part, offset in zip(tracks, offsets[:-1], strict=True)]
    return Tracks(
        np.concatenate([*starts, offsets[-1:]]).astype(np.int64),
        np.concatenate([part.ticks for part in tracks]),
        np.concatenate([part.lon for part in tracks]),
        np.concatenate([part.lat for part in tracks]),
        np.concatenate([part.accuracy for part in tracks]),
        np.concatenate([part.is_mock for part in tracks]),
    )


def tick_of(moment: datetime) -> int:
    """Hundredths of a second since 1970."""
    return round(moment.timestamp() * TICKS_A_SECOND)
