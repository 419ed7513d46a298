"""A real browser at a served demonstration: signed-in pages that are watched for what they must not do."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, Response, expect

CHROMIUM = "/usr/bin/chromium"
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
WAIT_MS = 30_000
DESKTOP, PHONE = (1440, 900), (390, 844)
POLICY = ("default-src 'self'", "script-src 'self'", "style-src 'self'", "object-src 'none'")
OWN_SCHEMES = {"blob", "data"}


@dataclass
class Watch:
    """What a context asked for and what its browser complained about."""

    origin: str
    asked: list[str] = field(default_factory=list)
    answers: list[tuple[str, int, dict[str, str]]] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def follow(self, context: BrowserContext) -> None:
        context.on("request", self._ask)
        context.on("response", self._answer)
        context.on("console", self._console)
        context.on("weberror", lambda error: self.errors.append(str(error.error)))

    def answered(self, part: str) -> list[tuple[str, int, dict[str, str]]]:
        """Answers whose address contains a part."""
        return [answer for answer in self.answers if part in answer[0]]

    def must_be_clean(self) -> None:
        """Nothing asked of other hosts, a strict policy on every answer, nothing refused by it, no faults."""
        outside = [
            address
            for address in self.asked
            if urlsplit(address).scheme not in OWN_SCHEMES and not address.startswith(f"{self.origin}/")
        ]
        assert not outside
        assert self.answers
        for address, _, headers in self.answers:
            policy = headers.get("content-security-policy", "")
            assert all(part in policy for part in POLICY), address
            assert "unsafe" not in policy, address
        assert not self.complaints
        assert not self.errors
        assert not [answer for answer in self.answers if answer[1] >= httpx.codes.INTERNAL_SERVER_ERROR]

    def _ask(self, request: Request) -> None:
        self.asked.append(request.url)

    def _answer(self, response: Response) -> None:
        if urlsplit(response.url).scheme not in OWN_SCHEMES:
            self.answers.append((response.url, response.status, response.headers))

    def _console(self, message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            self.complaints.append(message.text)


def open_context(
    browser: Browser, origin: str, *, size: tuple[int, int] = DESKTOP, **options: Any
) -> tuple[BrowserContext, Watch]:
    """A fresh context in Chinese, watched from its first request."""
    width, height = size
    context = browser.new_context(
        base_url=origin,
        viewport={"width": width, "height": height},
        locale="zh-CN",
        timezone_id="Asia/Shanghai",
        reduced_motion="reduce",
        color_scheme="light",
        **options,
    )
    context.set_default_timeout(WAIT_MS)
    watch = Watch(origin)
    watch.follow(context)
    return context, watch


def fill_login(page: Page, login: str, password: str) -> None:
    """Fill in the sign-in form and send it."""
    page.get_by_test_id("login-name").fill(login)
    page.get_by_test_id("login-password").fill(password)
    page.get_by_test_id("login-submit").click()


def wait_for_map(page: Page) -> None:
    """Until everything that the map shows has been drawn."""
    page.locator("[data-map-state=complete]").first.wait_for(timeout=2 * WAIT_MS)


def stay_put(page: Page) -> None:
    """Keep a patch open after saving, and in the table only what the map shows."""
    for key, value in (("advance", "no"), ("in_view", "yes")):
        page.evaluate("([key, value]) => localStorage.setItem(`landwarden.${key}`, value)", [key, value])


def open_patch(page: Page, row: Mapping[str, Any]) -> None:
    """Open a patch by its permalink, near enough that few others are in view."""
    number, (lon, lat) = row["number"], row["label_point"]
    page.goto(f"/#/map?c=17,{lat:.5f},{lon:.5f}&id={number}")
    page.reload()
    drawer = page.get_by_test_id("patch-drawer")
    expect(drawer.get_by_role("heading", name=number)).to_be_visible(timeout=WAIT_MS)
    page.get_by_test_id("chip-after").wait_for()
    wait_for_map(page)


def pixels(page: Page) -> NDArray[np.int16]:
    """What the page shows, shape (height, width, 3)."""
    shot = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    return np.asarray(shot, np.int16)


def apart(one: NDArray[np.int16], other: NDArray[np.int16]) -> float:
    """Mean difference of two pictures of the same size, 0 to 255."""
    return float(np.abs(one - other).mean())


def eventually(
    ask: Callable[[], Any], holds: Callable[[Any], bool], *, page: Page, within_s: float = 15
) -> Any:
    """Ask again, frame by frame, until what is asked for holds; the last answer where it never does."""
    deadline = time.monotonic() + within_s
    while True:
        answer = ask()
        if holds(answer) or time.monotonic() > deadline:
            return answer
        page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


class Api:
    """The server asked directly: what the pages show is held against what it says."""

    def __init__(self, origin: str, login: str, password: str) -> None:
        self._client = httpx.Client(
            base_url=origin, headers={"Origin": origin, "Accept-Language": "zh"}, timeout=60, trust_env=False
        )
        self.me = self.post("/session", {"login": login, "password": password})

    def get(self, path: str, **query: Any) -> Any:
        return self._ok(self._client.get(f"/api/v1{path}", params=query)).json()

    def content(self, path: str) -> bytes:
        return self._ok(self._client.get(f"/api/v1{path}")).content

    def post(self, path: str, body: dict[str, Any], *, version: int | None = None) -> Any:
        headers = {} if version is None else {"If-Match": f'"{version}"'}
        return self._ok(self._client.post(f"/api/v1{path}", json=body, headers=headers)).json()

    def put(self, path: str, **request: Any) -> Any:
        return self._ok(self._client.put(f"/api/v1{path}", **request)).json()

    def close(self) -> None:
        self._client.close()

    @staticmethod
    def _ok(answer: httpx.Response) -> httpx.Response:
        assert answer.is_success, f"{answer.request.method} {answer.request.url}: {answer.text[:800]}"
        return answer


PageAs = Callable[..., Page]
ApiAs = Callable[[str], Api]
TakePatch = Callable[[], dict[str, Any]]
