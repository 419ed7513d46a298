"""How often one address may knock at a door that is open to everybody."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from datetime import datetime, timedelta

from foundation.errors import TooMany

ADDRESSES_MAX = 20_000


class Gate:
    """Lets an address pass so many times within a span; counted in this process.

    Parameters
    ----------
    most : int
        Passes of one address within ``span``.
    """

    def __init__(self, *, most: int, span: timedelta) -> None:
        self._most, self._span = most, span
        self._passed: OrderedDict[str, deque[datetime]] = OrderedDict()
        self._lock = threading.Lock()

    def enter(self, address: str, now: datetime) -> None:
        """Pass, and be counted.

        Raises
        ------
        TooMany
            ``webmap.request.too_many`` with the minutes to wait.
        """
        with self._lock:
            passed = self._passed.setdefault(address, deque())
            self._passed.move_to_end(address)
            while passed and passed[0] <= now - self._span:
                passed.popleft()
            if len(passed) >= self._most:
                wait = passed[0] + self._span - now
                raise TooMany("webmap.request.too_many", minutes=max(1, round(wait.total_seconds() / 60)))
            passed.append(now)
            while len(self._passed) > ADDRESSES_MAX:
                self._passed.popitem(last=False)
