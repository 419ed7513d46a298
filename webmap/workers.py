"""A worker beside the web server: a process of its own that ends with it and is begun again when it dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import structlog

from foundation.settings import Settings

log = structlog.get_logger(__name__)

STOP_S = 20.0
"""How long a job may take to leave off; a killed one is simply run again later."""
PAUSES_S = (1.0, 5.0, 15.0, 60.0)
"""Before a worker that died is begun again; the last one repeats."""
STEADY_S = 300.0
"""A worker that lived this long died of something new: pauses start afresh."""


class SideWorker:
    """One worker process, watched.

    Parameters
    ----------
    command : Sequence[str]
        What to run; told by the end of its standard input that its parent is gone.
    environment : dict of str
        Of the process.
    """

    def __init__(self, command: Sequence[str], environment: dict[str, str]) -> None:
        self._command = list(command)
        self._environment = environment
        self._is_ending = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._watcher = threading.Thread(target=self._watch, name="worker-watch", daemon=True)

    def start(self) -> None:
        """Begin the first process and watch over it."""
        self._process = self._begin()
        self._watcher.start()

    def stop(self) -> None:
        """End it: politely, then not."""
        self._is_ending.set()
        process = self._process
        if process is not None and process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
        self._watcher.join(STOP_S)

    @property
    def has_ended(self) -> bool:
        """Whether no process of it runs, nor will run."""
        is_over = self._process is None or self._process.poll() is not None
        return is_over and not self._watcher.is_alive()

    def _begin(self) -> subprocess.Popen[bytes]:
        # A session of its own: Ctrl+C reaches the server, which then ends its worker.
        return subprocess.Popen(
            self._command, env=self._environment, stdin=subprocess.PIPE, start_new_session=True
        )

    def _watch(self) -> None:
        deaths = 0
        while self._process is not None:
            since = time.monotonic()
            code = self._process.wait()
            if self._process.stdin is not None:
                self._process.stdin.close()
            if self._is_ending.is_set():
                return
            deaths = 0 if time.monotonic() - since > STEADY_S else deaths
            pause = PAUSES_S[min(deaths, len(PAUSES_S) - 1)]
            deaths += 1
            log.warning("worker.died", code=code, again_in_s=pause)
            if self._is_ending.wait(pause):
                return
            self._process = self._begin()


@contextmanager
def working(settings: Settings, *, is_demonstration: bool = False) -> Iterator[None]:
    """A worker on the same data folder for as long as the block runs.

    Parameters
    ----------
    settings : Settings
        Of the installation, not of the demonstration inside it.
    is_demonstration : bool
        Work for the demonstration, by its clock.
    """
    command = [sys.executable, "-c", "from foundation.cli import main; main()", "worker", "--with-parent"]
    if is_demonstration:
        command.append("--demonstration")
    worker = SideWorker(command, {**os.environ, "LANDWARDEN_DATA_DIR": str(settings.data_dir)})
    worker.start()
    try:
        yield
    finally:
        worker.stop()


def end_with_parent() -> None:
    """Stop this process as by SIGTERM when its standard input ends: nobody is left who would stop it."""

    def listen() -> None:
        while os.read(sys.stdin.fileno(), 1024):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=listen, name="parent-watch", daemon=True).start()
