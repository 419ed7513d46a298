"""Deadlines across make-up days, and posts of which somebody always answers."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.calendar import SHANGHAI, is_working_day
from foundation.errors import Conflict, InvalidInput
from patrol.cases.assignments import plan_chain, plan_to
from patrol.cases.clocks import clock_table, remaining_working_days
from patrol.net.grid import CellShare, holding_cell
from patrol.net.posts import KINDS, Post, deputy_of, holder_of, read_posts, resolve_owner

CITY, COUNTY, TOWNSHIP = "410800000000", "410883000000", "410883105000"
VILLAGE, ELSEWHERE = "410883105201", "410883105202"
BY_TIER = {1: CITY, 2: COUNTY, 3: TOWNSHIP, 4: VILLAGE}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("clock", "start", "due"),
    [
        # 2026: Sunday 20 September and Saturday 10 October work; 25-27 September and 1-7 October are off.
        ("verify", "2026-09-08 14:00", "2026-09-11 18:00"),
        ("verify", "2026-09-17 09:00", "2026-09-21 18:00"),
        ("verify", "2026-09-30 09:00", "2026-10-10 18:00"),
        ("verify_urgent", "2026-09-30 16:00", "2026-10-01 16:00"),
        ("triage_satellite", "2026-09-24 09:00", "2026-09-29 18:00"),
        ("triage_camera", "2026-10-03 09:00", "2026-10-03 11:00"),
        ("triage_weather_balloon", "2026-09-08 09:00", "2026-09-10 18:00"),
        ("hand_down", "2026-09-08 14:00", "2026-09-08 18:00"),
        ("hand_down", "2026-09-08 17:00", "2026-09-09 11:30"),
        ("hand_down", "2026-09-08 22:00", "2026-09-09 12:30"),
        ("hand_down", "2026-09-30 16:00", "2026-10-08 10:30"),
        ("review", "2026-09-08 09:00", "2026-09-30 18:00"),
        ("review", "2026-09-30 19:00", "2026-10-30 18:00"),
        ("penalty", "2026-09-08 09:00", "2026-12-07 18:00"),
        ("recheck", "2026-09-22 09:00", "2026-10-13 18:00"),
    ],
)
def test_deadlines(clock: str, start: str, due: str) -> None:
    assert clock_table().deadline(clock, at(start)) == at(due)


@given(
    start=st.datetimes(datetime(2024, 1, 1), datetime(2026, 12, 1)).map(lambda t: t.replace(tzinfo=SHANGHAI)),
    clock=st.sampled_from(["hand_down", "verify", "judge", "review", "recheck"]),
)
def test_deadlines_lie_ahead_in_office_hours(start: datetime, clock: str) -> None:
    due = clock_table().deadline(clock, start)
    assert due > start
    assert is_working_day(due.date())
    assert due.time() <= clock_table().closes
    assert clock_table().deadline(clock, start + timedelta(hours=1)) >= due


def test_unknown_clock_is_refused() -> None:
    with pytest.raises(InvalidInput):
        clock_table().deadline("tea", at("2026-09-08 09:00"))


def test_remaining_days() -> None:
    due = at("2026-10-10 18:00")
    assert remaining_working_days(due, at("2026-09-30 09:00")) == 3
    assert remaining_working_days(due, at("2026-10-10 17:59")) == 0
    assert remaining_working_days(due, at("2026-10-10 18:01")) == -1
    assert remaining_working_days(due, at("2026-10-13 09:00")) == -2
    assert remaining_working_days(None, due) is None


def post(
    number: int, tier: int, kind: str, holder: str = "甲", deputy: str | None = None, code: str = ""
) -> Post:
    where = code or BY_TIER[tier]
    return Post(
        UUID(int=number), f"P-{number}", f"岗位{number}", tier, kind, where, holder, None, deputy, None
    )


kinds_wanted = st.sampled_from([("station", "field_chief"), ("grid_officer",)])
people = st.sampled_from(["", "甲", "乙"])
nets = st.lists(
    st.tuples(st.integers(1, 4), st.sampled_from(sorted(KINDS)), people, st.none() | people, st.booleans()),
    max_size=12,
)


@given(net=nets, tier=st.integers(1, 4), kinds=kinds_wanted)
def test_nothing_is_ever_without_an_owner(net: list, tier: int, kinds: tuple[str, ...]) -> None:  # type: ignore[type-arg]
    """As long as one post of the city is manned, every piece of ground has a named owner at every tier."""
    posts = [post(0, 1, "detachment", "支队长")]
    for number, (level, kind, holder, deputy, is_here) in enumerate(net, start=1):
        code = BY_TIER[level] if is_here or level < 4 else ELSEWHERE
        posts.append(post(number, level, kind, holder, deputy, code))
    owner = resolve_owner(posts, VILLAGE, tier=tier, kinds=kinds)
    assert owner.name
    assert owner.post.tier <= tier
    assert VILLAGE.startswith(BY_TIER[owner.post.tier].rstrip("0"))
    manned = [
        p
        for p in posts
        if p.tier == tier and p.kind in kinds and p.is_manned and p.division_code != ELSEWHERE
    ]
    assert not manned or owner.post in manned
    chain = plan_chain(posts, VILLAGE, from_tier=2, officer=None)
    assert chain[-1].kind == "verify"
    assert len({step.holder.post.post_id for step in chain}) == len(chain)
    assert all(step.holder.name for step in chain)
    assert [step.tier for step in chain[:-1]] == sorted(step.tier for step in chain[:-1])


def test_a_net_without_anybody_says_so() -> None:
    with pytest.raises(Conflict) as error:
        resolve_owner([post(1, 4, "field_chief", holder="")], VILLAGE, tier=4, kinds=("field_chief",))
    assert error.value.code == "patrol.post.no_owner"


def test_the_deputy_stands_in_for_an_absent_holder() -> None:
    vacant = post(1, 4, "field_chief", holder="", deputy="副职")
    holder = holder_of(vacant)
    assert holder is not None
    assert (holder.name, holder.is_deputy) == ("副职", True)
    assert deputy_of(vacant, "副职") is None


def test_a_target_must_stand_over_the_patch() -> None:
    posts = [post(0, 1, "detachment"), post(1, 3, "station"), post(2, 4, "field_chief", code=ELSEWHERE)]
    with pytest.raises(InvalidInput) as error:
        plan_to(posts, posts[2], VILLAGE, officer=None)
    assert error.value.code == "patrol.post.not_over_patch"
    vacant = post(3, 4, "field_chief", holder="")
    with pytest.raises(Conflict):
        plan_to(posts, vacant, VILLAGE, officer=None)
    assert [step.kind for step in plan_to(posts, posts[1], VILLAGE, officer=None)] == ["verify"]


def test_the_smallest_cell_with_most_of_the_patch_wins() -> None:
    def cell(code: str, area: float, overlap: float) -> CellShare:
        return CellShare(UUID(int=1), code, code, VILLAGE, area, overlap)

    assert holding_cell([]) is None
    assert holding_cell([cell("a", 10, 0)]) is None
    nested = [cell("outer", 100, 5), cell("inner", 20, 4.99), cell("beside", 5, 1)]
    found = holding_cell(nested)
    assert found is not None
    assert found.code == "inner"


def test_posts_lists_in_every_usual_encoding() -> None:
    text = (
        "post_no,title,tier,kind,division_code,holder,deputy,login\nA,田长,4,field_chief,410883105201,甲,,\n"
    )
    for data in (
        text.encode(),
        text.encode("utf-8-sig"),
        text.encode("gb18030"),
        text.replace("\n", "\r\n").encode(),
    ):
        lines, bad = read_posts(data)
        assert (lines[0].holder, bad) == ("甲", [])
    for data, code in (
        (b"post_no,title\n", "patrol.post.no_column"),
        (text.split("\n")[0].encode(), "patrol.post.empty"),
        (b"\xff\xfe\x00\x81", "patrol.post.not_text"),
    ):
        with pytest.raises(InvalidInput) as error:
            read_posts(data)
        assert error.value.code == code
