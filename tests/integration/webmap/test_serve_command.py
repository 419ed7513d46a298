"""The installed command serves, says when it cannot, and stops when told."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from webmap.server import claim_port, free_port

COMMAND = (str(Path(sys.executable).with_name("landwarden")),)


@pytest.fixture
def environment() -> Iterator[dict[str, str]]:
    folder = Path(tempfile.mkdtemp(prefix="lw-serve-", dir="/tmp"))
    folder.chmod(0o755)
    try:
        yield {**os.environ, "LANDWARDEN_DATA_DIR": str(folder), "LANDWARDEN_DISK_LOW_WATER_MB": "1"}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def wait_until_ready(origin: str, process: subprocess.Popen[str]) -> dict[str, str]:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            answer: dict[str, str] = httpx.get(f"{origin}/api/v1/ready", trust_env=False).json()
            return answer
        except httpx.TransportError:
            time.sleep(0.2)
    raise AssertionError(process.communicate(timeout=5))


def test_serve_answers_and_stops_cleanly(environment: dict[str, str]) -> None:
    port = free_port()
    command = (*COMMAND, "serve", "--port", str(port))
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert wait_until_ready(f"http://127.0.0.1:{port}", process)["status"] == "ok"
        started = time.monotonic()
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=20)
        assert time.monotonic() - started < 10
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 0
    left = list(Path(environment["LANDWARDEN_DATA_DIR"]).rglob("postmaster.pid"))
    assert left == []  # the private database has stopped as well
    assert f"http://127.0.0.1:{port}/" in out
    assert "Traceback" not in err


def test_serve_says_that_the_port_is_busy_before_anything_starts(environment: dict[str, str]) -> None:
    with claim_port("127.0.0.1", 0) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            (*COMMAND, "serve", "--port", port), env=environment, capture_output=True, text=True, check=False
        )
    assert done.returncode == 2
    assert port in done.stderr
    assert "webmap.server.port_busy" in done.stderr
    assert list(Path(environment["LANDWARDEN_DATA_DIR"]).iterdir()) == []


def test_openapi_is_written_without_a_database(environment: dict[str, str], tmp_path: Path) -> None:
    target = tmp_path / "api.json"
    subprocess.run((*COMMAND, "openapi", str(target)), env=environment, check=True)
    document = json.loads(target.read_text("utf-8"))
    assert "/api/v1/patches/{patch_id}/verdict" in document["paths"]
    assert document["components"]["schemas"]["PatchRow"]["properties"]["number"]["examples"]
    assert "://" not in json.dumps(document.get("servers", []))
