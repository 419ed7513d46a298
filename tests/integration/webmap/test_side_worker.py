"""The worker beside the server: begun again when it dies, gone when the server is gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from tests.integration.webmap.test_serve_command import COMMAND, environment, wait_until_ready
from webmap.server import free_port
from webmap.workers import SideWorker

__all__ = ["environment"]
Answer = TypeVar("Answer")


def children(parent: int) -> list[int]:
    """Ids of the worker processes that this process began."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                status = (folder / "stat").read_text().rsplit(")", 1)[1].split()
                line = (folder / "cmdline").read_bytes()
            except OSError:
                continue
            if int(status[1]) == parent and status[0] != "Z" and b"--with-parent" in line:
                found.append(int(folder.name))
    return found


def within(seconds: float, ask: Callable[[], Answer]) -> Answer:
    deadline = time.monotonic() + seconds
    while not (answer := ask()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return answer


def is_gone(number: int) -> bool:
    try:
        return (Path("/proc") / str(number) / "stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def test_a_killed_worker_comes_back_and_an_orphan_goes(environment: dict[str, str]) -> None:
    port = free_port()
    process = subprocess.Popen(
        (*COMMAND, "serve", "--port", str(port)), env=environment,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        wait_until_ready(f"http://127.0.0.1:{port}", process)
        first = within(10, lambda: children(process.pid))[0]
        os.kill(first, signal.SIGKILL)
        second = within(20, lambda: [child for child in children(process.pid) if child != first])[0]
        time.sleep(3)  # until it listens to its parent
        process.kill()
        assert within(40, lambda: is_gone(second))
        assert within(20, lambda: not list(Path(environment["LANDWARDEN_DATA_DIR"]).rglob("postmaster.pid")))
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("code", ["import time; time.sleep(60)", "raise SystemExit(3)"])
def test_stopping_ends_the_worker_whatever_it_does(code: str) -> None:
    worker = SideWorker([sys.executable, "-c", code], dict(os.environ))
    worker.start()
    time.sleep(0.5)
    started = time.monotonic()
    worker.stop()
    assert time.monotonic() - started < 5
    assert worker.has_ended
