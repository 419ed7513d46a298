"""The installed command on a data folder of its own, and the demonstration that several tests look at."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from foundation.cluster import Cluster

PROJECT = Path(__file__).resolve().parents[2]
COMMAND = Path(sys.executable).with_name("landwarden")


@dataclass
class Installation:
    """One data folder, and the command on it."""

    data_dir: Path
    environment: dict[str, str] = field(default_factory=dict)

    def run(
        self, *arguments: str, timeout_s: float = 600, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [COMMAND, *arguments], env=self._environment(environment), cwd=PROJECT, capture_output=True,
            text=True, timeout=timeout_s, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [COMMAND, *arguments], env=self._environment(environment), cwd=PROJECT, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip

    @staticmethod
    def free_port() -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return int(probe.getsockname()[1])

    @staticmethod
    def stop(process: subprocess.Popen[str], *, by: signal.Signals = signal.SIGINT) -> None:
        if process.poll() is None:
            process.send_signal(by)
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()

    def _environment(self, more: dict[str, str]) -> dict[str, str]:
        return {**os.environ, "LANDWARDEN_DATA_DIR": str(self.data_dir), **self.environment, **more}


@dataclass(frozen=True)
class ServedDemo:
    """A running demonstration."""

    origin: str
    logins: dict[str, tuple[str, str]]
    installation: Installation


def new_installation() -> Installation:
    folder = Path(tempfile.mkdtemp(prefix="lw-", dir="/tmp"))
    folder.chmod(0o755)
    return Installation(folder, {"LANDWARDEN_DISK_LOW_WATER_MB": "50"})


def remove_installation(installation: Installation) -> None:
    for folder in (installation.data_dir / "demonstration", installation.data_dir):
        if folder.exists():
            Cluster(folder).discard()
    shutil.rmtree(installation.data_dir, ignore_errors=True)


@pytest.fixture
def installation() -> Iterator[Installation]:
    """An empty data folder."""
    made = new_installation()
    yield made
    remove_installation(made)


@pytest.fixture(scope="session")
def demo_installation() -> Iterator[Installation]:
    """The data folder of the one demonstration that the tests share."""
    made = new_installation()
    yield made
    remove_installation(made)


@pytest.fixture(scope="session")
def demo_result(demo_installation: Installation) -> dict[str, Any]:
    """The full demonstration, run once by the installed command."""
    result = demo_installation.data_dir / "result.json"
    done = demo_installation.run("demo", "--no-serve", "--json", str(result), timeout_s=900)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    measured: dict[str, Any] = json.loads(result.read_text("utf-8"))
    return measured


@pytest.fixture(scope="session")
def served_demo(demo_result: dict[str, Any], demo_installation: Installation) -> Iterator[ServedDemo]:
    """The same demonstration, started a second time and served."""
    port = demo_installation.free_port()
    process = demo_installation.start("demo", "--port", str(port), PYTHONUNBUFFERED="1")
    lines: list[str] = []
    try:
        deadline = time.monotonic() + 240
        assert process.stdout is not None
        while time.monotonic() < deadline and not any("Ctrl+C" in line for line in lines):
            line = process.stdout.readline()
            if not line:
                break
            lines.append(line)
        logins = {
            kind: (match[1], match[2])
            for kind in ("officer", "inspector", "manager")
            for line in lines
            if (match := re.search(rf"\b{kind}\s+(\S+) / (\S+)", line))
        }
        assert len(logins) == 3, "".join(lines)
        origin = f"http://127.0.0.1:{port}"
        assert any(origin in line for line in lines)
        _wait_until_listening(port)
        yield ServedDemo(origin, logins, demo_installation)
    finally:
        demo_installation.stop(process)


def _wait_until_listening(port: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError("the server does not listen")
