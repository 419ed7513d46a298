"""Live events: one LISTEN connection a process, fanned out to every open map within its area.

A writer's ``pg_notify`` commits with its transaction, so nothing is told that did not happen. When the
database connection drops, all streams end: the maps connect again and load what they may have missed.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import psycopg
import structlog

from foundation.jobs import conninfo

CHANNEL = "landwarden_live"
BACKLOG = 256
"""Events a slow reader may lag behind before its stream is ended."""
RETRY_S = 1.0
WAKE_S = 0.5
log = structlog.get_logger()


class LiveEvent(NamedTuple):
    """One change of one patch."""

    seq: int
    division_code: str
    data: str
    """JSON, as sent to the browser."""


class Subscription:
    """One open stream: a queue that the hub fills; None ends it."""

    def __init__(self, area_prefix: str, loop: asyncio.AbstractEventLoop) -> None:
        self._area_prefix = area_prefix
        self._loop = loop
        self._events: asyncio.Queue[LiveEvent | None] = asyncio.Queue(BACKLOG)

    async def next(self, timeout_s: float) -> LiveEvent | None:
        """The next event; None when the stream has ended.

        Raises
        ------
        TimeoutError
            Nothing happened for so long: time for a sign of life.
        """
        return await asyncio.wait_for(self._events.get(), timeout_s)

    def offer(self, event: LiveEvent | None) -> None:
        """From any thread: hand an event over if it lies in the area."""
        if event is None or event.division_code.startswith(self._area_prefix):
            self._loop.call_soon_threadsafe(self._put, event)

    def _put(self, event: LiveEvent | None) -> None:
        if event is None or self._events.full():
            while not self._events.empty():
                self._events.get_nowait()
            self._events.put_nowait(None)
        else:
            self._events.put_nowait(event)


class LiveHub:
    """Listens in a thread of its own and fans out.

    Parameters
    ----------
    database_url : str
        SQLAlchemy URL of the application role.
    """

    def __init__(self, database_url: str) -> None:
        self._conninfo = conninfo(database_url)
        self._subscriptions: set[Subscription] = set()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._listening = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def is_listening(self) -> bool:
        """Whether the database connection stands."""
        return self._listening.is_set()

    def start(self) -> None:
        """Begin to listen."""
        self._stopping.clear()
        self._thread = threading.Thread(target=self._listen, name="live", daemon=True)
        self._thread.start()

    def wait_until_listening(self, timeout_s: float) -> bool:
        """Wait for the database connection."""
        return self._listening.wait(timeout_s)

    def end_streams(self) -> None:
        """End every open stream, so that the server can stop."""
        with self._lock:
            for subscription in self._subscriptions:
                subscription.offer(None)

    def stop(self) -> None:
        """End all streams and stop listening."""
        self._stopping.set()
        self._listening.clear()
        self.end_streams()
        if self._thread is not None:
            self._thread.join(timeout=5)

    @asynccontextmanager
    async def subscribed(self, area_prefix: str) -> AsyncIterator[Subscription]:
        """A subscription for as long as its stream is open; it ends at once where nobody listens."""
        subscription = Subscription(area_prefix, asyncio.get_running_loop())
        with self._lock:
            self._subscriptions.add(subscription)
        if not self._listening.is_set():
            subscription.offer(None)
        try:
            yield subscription
        finally:
            with self._lock:
                self._subscriptions.discard(subscription)

    def _listen(self) -> None:
        while not self._stopping.is_set():
            try:
                with psycopg.connect(self._conninfo, autocommit=True, connect_timeout=5) as connection:
                    connection.execute(f"LISTEN {CHANNEL}")
                    self._listening.set()
                    self._pass_on(connection)
            except psycopg.Error as error:
                # First no longer listening, then the end: a map that connects again in between is told so.
                self._listening.clear()
                self.end_streams()
                log.warning("live.interrupted", reason=str(error).splitlines()[0] if str(error) else "")
                self._stopping.wait(RETRY_S)
        self._listening.clear()

    def _pass_on(self, connection: psycopg.Connection[Any]) -> None:
        while not self._stopping.is_set():
            for notification in connection.notifies(timeout=WAKE_S):
                event = read_event(notification.payload)
                if event is not None:
                    with self._lock:
                        for subscription in self._subscriptions:
                            subscription.offer(event)


def read_event(payload: str) -> LiveEvent | None:
    """The event of a notification; None, and a line in the log, where it is not one."""
    try:
        fields = json.loads(payload)
        division_code, seq = str(fields.pop("division_code")), int(fields["seq"])
    except (ValueError, KeyError, TypeError, AttributeError):
        log.warning("live.not_an_event", payload=payload[:200])
        return None
    return LiveEvent(seq, division_code, json.dumps(fields, ensure_ascii=False, separators=(",", ":")))
