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
from playwright.sync_api import Browser, Page, Playwright, expect

from foundation.cluster import Cluster
from tests.acceptance.browsing import (
    CHROMIUM,
    FLAGS,
    Api,
    ApiAs,
    PageAs,
    TakePatch,
    Watch,
    fill_login,
    open_context,
)

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
        """Errors go where the test's own go: a pipe that nobody reads stops a server that has much to say."""
        return subprocess.Popen(
            [COMMAND, *arguments], env=self._environment(environment), cwd=PROJECT, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True,
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
        if process.stdout is not None:
            process.stdout.close()

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


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """The system's own Chromium."""
    made = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
    yield made
    made.close()


@pytest.fixture
def watches() -> list[Watch]:
    """One for each context of a test, in the order in which they were opened."""
    return []


@pytest.fixture
def page_as(browser: Browser, served_demo: ServedDemo, watches: list[Watch]) -> Iterator[PageAs]:
    """A page in a context of its own, signed in by the form; afterwards each must have been clean."""
    contexts = []

    def sign_in(login: str | None, path: str = "/", **options: Any) -> Page:
        context, watch = open_context(browser, served_demo.origin, **options)
        contexts.append(context)
        watches.append(watch)
        page = context.new_page()
        page.goto(path)
        if login is not None:
            fill_login(page, login, served_demo.logins["officer"][1])
            expect(page.get_by_test_id("login-name")).to_have_count(0)
        return page

    yield sign_in
    for context in contexts:
        context.close()
    for watch in watches:
        watch.must_be_clean()


@pytest.fixture(scope="session")
def api_as(served_demo: ServedDemo) -> Iterator[ApiAs]:
    made: dict[str, Api] = {}

    def sign_in(login: str) -> Api:
        if login not in made:
            made[login] = Api(served_demo.origin, login, served_demo.logins["officer"][1])
        return made[login]

    yield sign_in
    for api in made.values():
        api.close()


@pytest.fixture(scope="session")
def take_patch(api_as: ApiAs) -> TakePatch:
    """Suspected violations that wait for a verdict, each handed out once."""
    api = api_as("officer")
    rows = api.get("/patches", state="suspect,new", sort="-severity", limit=100)["items"]
    waiting = (
        row
        for row in rows
        if row["violation_code"] and api.get(f"/patches/{row['patch_id']}")["verdict"] is None
    )
    return lambda: next(waiting)


def _wait_until_listening(port: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError("the server does not listen")
