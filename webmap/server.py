"""Starting and stopping the web server: the port is claimed first, streams are ended before the stop."""

from __future__ import annotations

import errno
import gc
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from foundation.errors import InvalidInput, Unavailable
from webmap.deps import Web

STOP_S = 5
START_S = 30.0
COLLECT_AFTER = (50_000, 20, 20)


class WebServer(uvicorn.Server):
    """uvicorn that ends live streams as soon as it is told to stop; they would hold it up otherwise."""

    def __init__(self, app: FastAPI, listener: socket.socket) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                log_level="warning",
                access_log=False,
                timeout_graceful_shutdown=STOP_S,
                server_header=False,
            )
        )
        self._web: Web = app.state.web
        self._listener = listener
        self.has_started = threading.Event()

    @property
    def port(self) -> int:
        """Port it listens on."""
        return int(self._listener.getsockname()[1])

    def run_until_stopped(self) -> None:
        """Serve until a signal, or until `should_exit` is set."""
        self.run(sockets=[self._listener])

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on SIGINT and SIGTERM, and return.

        uvicorn would raise the signal again, which ends the process before the private database is stopped.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        wanted = (signal.SIGINT, signal.SIGTERM)
        former = {number: signal.signal(number, self.handle_exit) for number in wanted}
        try:
            yield
        finally:
            for number, handler in former.items():
                signal.signal(number, handler)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Also tells whoever waits that it serves now."""
        await super().startup(sockets)
        settle_collector()
        self.has_started.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams, then wait for the other requests."""
        self._web.live.end_streams()
        await super().shutdown(sockets)


def settle_collector() -> None:
    """Spare the garbage collector what is there for good, and let it look less often.

    A ranking of ten thousand people makes a hundred thousand small values; by default the collector goes over
    the whole process several times meanwhile, which took more than half of the answer's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)


def claim_port(host: str, port: int) -> socket.socket:
    """A listening socket; ``port`` 0 takes any free one.

    Raises
    ------
    Unavailable
        ``webmap.server.port_busy``.
    InvalidInput
        ``webmap.server.bad_host``.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        # The protocol by name: asyncio switches Nagle's delay (40 ms an answer) off for such sockets only.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    except OSError as error:
        raise InvalidInput("webmap.server.bad_host", host=host) from error
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        if error.errno in {errno.EADDRINUSE, errno.EACCES}:
            raise Unavailable("webmap.server.port_busy", host=host, port=port) from error
        raise InvalidInput("webmap.server.bad_host", host=host) from error
    return listener


def free_port(host: str = "127.0.0.1", wanted: int = 0) -> int:
    """The wanted port if nobody has it, else any free one."""
    for port in (wanted, 0):
        try:
            with claim_port(host, port) as listener:
                return int(listener.getsockname()[1])
        except Unavailable:
            continue
    raise Unavailable("webmap.server.port_busy", host=host, port=wanted)


def check_port(host: str, port: int) -> None:
    """Say so at once, before minutes of work, when a port cannot be had.

    Raises
    ------
    Unavailable
        ``webmap.server.port_busy``.
    """
    claim_port(host, port).close()


def serve(app: FastAPI, host: str, port: int) -> None:
    """Serve until SIGINT or SIGTERM; requests under way are finished, streams ended.

    Raises
    ------
    Unavailable
        ``webmap.server.port_busy``.
    """
    with claim_port(host, port) as listener:
        WebServer(app, listener).run_until_stopped()


@contextmanager
def serving(app: FastAPI, host: str = "127.0.0.1", port: int = 0) -> Iterator[WebServer]:
    """Serve in a thread of this process for as long as the block runs.

    Raises
    ------
    Unavailable
        ``webmap.server.port_busy``, or ``webmap.server.not_started``.
    """
    with claim_port(host, port) as listener:
        server = WebServer(app, listener)
        thread = threading.Thread(target=server.run_until_stopped, name="web", daemon=True)
        thread.start()
        try:
            if not server.has_started.wait(START_S):
                raise Unavailable("webmap.server.not_started", host=host, port=server.port)
            yield server
        finally:
            server.should_exit = True
            thread.join(timeout=STOP_S * 2)
