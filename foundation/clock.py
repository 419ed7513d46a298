"""Where time comes from. Only edges ask; rules take ``now`` as a parameter."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from foundation.calendar import SHANGHAI

Clock = Callable[[], datetime]


def system_clock() -> datetime:
    """Now, in Shanghai."""
    return datetime.now(SHANGHAI)


class SteppedClock:
    """A clock that starts at a given moment, runs on, and can be set: for the demonstration and tests."""

    def __init__(self, start: datetime) -> None:
        self.set(start)

    def __call__(self) -> datetime:
        return self._start + timedelta(seconds=time.monotonic() - self._since)

    def set(self, moment: datetime) -> None:
        """Go to a moment."""
        self._start = moment.astimezone(SHANGHAI)
        self._since = time.monotonic()
