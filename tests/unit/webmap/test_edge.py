"""The HTTP floor's own small rules, without a database."""

from __future__ import annotations

import asyncio
import json
import math
import threading
import time

import pytest

from foundation.errors import (
    Conflict,
    Defect,
    InvalidInput,
    LandwardenError,
    NotAllowed,
    NotAuthenticated,
    NotFound,
    Unavailable,
    known_codes,
)
from webmap.live import BACKLOG, LiveEvent, Subscription, read_event
from webmap.names import STATES, class_name
from webmap.problems import STATUS_OF_CODE, STATUS_OF_KIND, language_of, status_of
from webmap.tiles.grid import HALF_M, tile_of
from webmap.tiles.shelf import TileShelf


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("zh", "zh"),
        ("zh-Hans-CN", "zh"),
        ("en-US,en;q=0.5", "en"),
        ("zh;q=0.4,en;q=0.8", "en"),
        ("fr, zh;q=0.1", "zh"),
        ("zh;q=0", "en"),
        ("zh;q=much", "en"),
        ("," * 500, "en"),
    ],
)
def test_language(header: str, language: str) -> None:
    assert language_of({"accept-language": header}, "en") == language


def test_every_kind_and_status_has_one_meaning_and_a_heading() -> None:
    kinds: tuple[type[LandwardenError], ...] = (
        InvalidInput, NotAuthenticated, NotAllowed, NotFound, Conflict, Unavailable, Defect,
    )  # fmt: skip
    assert [status_of(kind("x.y.z")) for kind in kinds] == [422, 401, 403, 404, 409, 503, 500]
    statuses = {*STATUS_OF_KIND.values(), *STATUS_OF_CODE.values()}
    assert {f"webmap.status.s{status}" for status in statuses} <= known_codes()
    assert status_of(Conflict("patrol.case.version_changed")) == 412
    assert status_of(Unavailable("foundation.blobs.disk_full")) == 507


def test_shelf_forgets_the_longest_unused_first() -> None:
    shelf = TileShelf(capacity_mb=1)
    made: list[str] = []

    def tile(name: str) -> bytes:
        def make() -> bytes:
            made.append(name)
            return name.encode() * (400_000 // len(name))

        return shelf.get_or_make(name, make)

    for name in ("a", "b", "a", "c", "a", "b"):
        assert tile(name).startswith(name.encode())
    assert made == ["a", "b", "c", "b"]


def test_shelf_makes_a_tile_once_for_many_who_wait_and_again_after_a_failure() -> None:
    shelf, made = TileShelf(), []

    def slow() -> bytes:
        made.append(1)
        time.sleep(0.05)
        return b"tile"

    threads = [threading.Thread(target=shelf.get_or_make, args=("k", slow)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1

    def broken() -> bytes:
        raise Unavailable("webmap.tile.unreadable", reason="x")

    with pytest.raises(Unavailable):
        shelf.get_or_make("other", broken)
    assert shelf.get_or_make("other", lambda: b"better") == b"better"


def test_tiles_cover_the_world_once() -> None:
    assert tile_of(0, 0, 0).bounds_3857 == (-HALF_M, -HALF_M, HALF_M, HALF_M)
    west, south, east, north = tile_of(3, 6, 3).bounds_3857
    assert (east - west, north - south) == pytest.approx((HALF_M / 4, HALF_M / 4))
    assert tile_of(3, 7, 3).bounds_3857[0] == pytest.approx(east)
    assert tile_of(3, 6, 4).bounds_3857[3] == pytest.approx(south, abs=1e-6)
    lat = math.degrees(2 * math.atan(math.exp((south + north) / 2 / HALF_M * math.pi)) - math.pi / 2)
    assert tile_of(3, 6, 3).stretch == pytest.approx(1 / math.cos(math.radians(lat)))
    for z, x, y in ((3, 8, 0), (3, -1, 0), (23, 0, 0), (-1, 0, 0), (5, 0, 32)):
        with pytest.raises(NotFound):
            tile_of(z, x, y)


def test_a_notification_that_is_no_event_is_left_out() -> None:
    good = read_event('{"seq": 4, "division_code": "410883105201", "patch_id": "p", "state": "new"}')
    assert good is not None
    assert (good.seq, good.division_code) == (4, "410883105201")
    assert json.loads(good.data) == {"seq": 4, "patch_id": "p", "state": "new"}
    assert "\n" not in good.data
    for payload in ("", "[]", "{}", '{"seq": "x", "division_code": "1"}', "3"):
        assert read_event(payload) is None


def test_a_reader_that_lags_behind_is_sent_away_and_others_are_not_told_of_other_counties() -> None:
    async def read() -> list[LiveEvent | None]:
        subscription = Subscription("410883", asyncio.get_running_loop())
        subscription.offer(LiveEvent(1, "410882100000", "{}"))
        subscription.offer(LiveEvent(2, "410883100000", "{}"))
        await asyncio.sleep(0)
        first = await subscription.next(1)
        for seq in range(BACKLOG + 1):
            subscription.offer(LiveEvent(seq, "410883100000", "{}"))
        await asyncio.sleep(0)
        return [first, await subscription.next(1)]

    first, second = asyncio.run(read())
    assert first is not None
    assert first.seq == 2
    assert second is None


def test_names() -> None:
    assert class_name("new_building") == "新增建（构）筑物"
    assert class_name("of-next-year") == "of-next-year"
    assert next(iter(STATES)) == "new"
    assert len(STATES) == 8
