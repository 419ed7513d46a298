"""A running server: live events within the area, a clean stop, a busy port said clearly."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from queue import Empty, Queue
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from foundation.errors import InvalidInput, Unavailable
from webmap.server import WebServer, check_port, claim_port, free_port, serving

PASSWORD = "test-words"


@pytest.fixture
def server(app: FastAPI) -> Iterator[WebServer]:
    with serving(app) as running:
        assert app.state.web.live.wait_until_listening(10)
        yield running


class Browser:
    """A signed-in browser at the running server."""

    def __init__(self, server: WebServer, login: str) -> None:
        origin = f"http://127.0.0.1:{server.port}"
        self.http = httpx.Client(base_url=origin, headers={"Origin": origin}, trust_env=False, timeout=20)
        answer = self.http.post("/api/v1/session", json={"login": login, "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        self.events: Queue[tuple[str, Any]] = Queue()
        self.has_ended = threading.Event()

    def listen(self) -> Browser:
        threading.Thread(target=self._read, daemon=True).start()
        assert self.next_event()[0] == "hello"
        return self

    def next_event(self, timeout_s: float = 10) -> tuple[str, Any]:
        return self.events.get(timeout=timeout_s)

    def _read(self) -> None:
        name = ""
        try:
            with self.http.stream("GET", "/api/v1/live") as answer:
                assert answer.headers["content-type"].startswith("text/event-stream")
                for line in answer.iter_lines():
                    if line.startswith("event: "):
                        name = line[7:]
                    if line.startswith("data: "):
                        self.events.put((name, json.loads(line[6:])))
        except httpx.HTTPError:
            self.events.put(("broken", None))
        finally:
            self.has_ended.set()


@pytest.fixture
def visitor(server: WebServer) -> Iterator[Callable[[str], Browser]]:
    opened: list[Browser] = []

    def make(login: str) -> Browser:
        opened.append(Browser(server, login))
        return opened[-1]

    yield make
    server.should_exit = True
    for each in opened:
        each.http.close()


def dispatch_one(officer: Browser) -> dict[str, Any]:
    patch: dict[str, Any] = officer.http.get("/api/v1/patches?state=suspect&limit=1").json()["items"][0]
    version = {"If-Match": f'"{patch["version"]}"'}
    answer = officer.http.post(f"/api/v1/patches/{patch['patch_id']}/dispatch", json={}, headers=version)
    assert answer.status_code == 200, answer.text
    return patch


def test_what_one_does_the_others_in_the_area_see_at_once(visitor: Callable[[str], Browser]) -> None:
    officer, other, city, stranger = (visitor(login) for login in ("officer", "officer2", "city", "stranger"))
    for each in (other, city, stranger):
        each.listen()
    started = time.monotonic()
    patch = dispatch_one(officer)
    for each in (other, city):
        name, event = each.next_event()
        assert name == "patch"
        assert (event["patch_id"], event["state"]) == (patch["patch_id"], "dispatched")
        assert (event["actor_name"], event["action_name"]) == ("周某", "派发核查")
        assert event["version"] == patch["version"] + 1
        assert event["at"].endswith("+08:00")
        assert isinstance(event["seq"], int)
    assert time.monotonic() - started < 3
    with pytest.raises(Empty):
        stranger.next_event(1.0)


def test_small_answers_are_not_held_back(visitor: Callable[[str], Browser]) -> None:
    """Nagle's algorithm with delayed acknowledgements would cost 40 ms an answer."""
    officer = visitor("officer")
    spent = []
    for _ in range(30):
        started = time.perf_counter()
        assert officer.http.get("/api/v1/health").status_code == 200
        spent.append(time.perf_counter() - started)
    assert sorted(spent)[len(spent) // 2] < 0.03


def test_streams_end_when_the_server_stops(visitor: Callable[[str], Browser], server: WebServer) -> None:
    listener = visitor("officer").listen()
    started = time.monotonic()
    server.should_exit = True
    assert listener.has_ended.wait(5)
    assert time.monotonic() - started < 3


def test_streams_end_when_the_database_connection_breaks_and_new_ones_hear_again(
    visitor: Callable[[str], Browser], app: FastAPI, owner_of_clone: Callable[[str], None]
) -> None:
    officer, other = visitor("officer"), visitor("officer2").listen()
    owner_of_clone("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'")
    assert other.has_ended.wait(10)
    assert app.state.web.live.wait_until_listening(10)
    again = visitor("officer2").listen()
    patch = dispatch_one(officer)
    assert again.next_event()[1]["patch_id"] == patch["patch_id"]


def test_a_busy_port_is_said_clearly() -> None:
    with claim_port("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Unavailable) as refusal:
            check_port("127.0.0.1", port)
        assert refusal.value.code == "webmap.server.port_busy"
        assert str(port) in refusal.value.text("zh")
        assert free_port("127.0.0.1", port) != port
    check_port("127.0.0.1", port)
    with pytest.raises(InvalidInput):
        check_port("no-such-host.invalid", 0)
