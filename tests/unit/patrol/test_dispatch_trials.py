"""A policy tried on the past: easing, budgets, corrections, help; and files that are refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.calendar import SHANGHAI
from foundation.errors import InvalidInput
from patrol.dispatching.policies import POLICY_FILE, DispatchPolicy, dispatch_policy, read_policy
from patrol.dispatching.trials import Past, try_policy
from patrol.net.posts import Post

MORNING = datetime(2026, 9, 7, 9, 0, tzinfo=SHANGHAI)
"""A Monday."""
UNTIL = datetime(2026, 10, 1, tzinfo=SHANGHAI)
LOOSE = replace(dispatch_policy(), gap=1000)


def _officer(number: int) -> Post:
    return Post(
        uuid4(), f"G-{number}", "网格员", 4, "grid_officer", "410883105201", f"甲{number}", None, None, None
    )


A, B = _officer(1), _officer(2)


def _past(nth: int = 0, **more: object) -> Past:
    at = MORNING + timedelta(minutes=nth)
    return replace(Past(uuid4(), f"{nth:04d}", at, 3, False, A, (A, B)), **more)  # type: ignore[arg-type]


def test_what_goes_beyond_the_day_goes_out_on_the_next_ones() -> None:
    trial = try_policy([_past(n) for n in range(7)], replace(LOOSE, day=3), until=UNTIL)
    share = trial.shares[A.post_id]
    assert (trial.sent, trial.people, trial.still_queued) == (7, 1, 0)
    assert share.waited == 4
    assert share.longest_wait_days == pytest.approx(2 - 9 / 24, abs=0.01)  # to the midnight of Wednesday


def test_urgent_and_grave_ones_never_wait_and_the_longest_wait_ends() -> None:
    full = replace(LOOSE, day=1, week=1, longest_wd=1)
    pasts = [_past(0), _past(1, is_urgent=True), _past(2, severity=4), _past(3)]
    share = try_policy(pasts, full, until=UNTIL).shares[A.post_id]
    assert (share.sent, share.waited) == (4, 1)
    assert share.longest_wait_days == pytest.approx(2 - 9 / 24, abs=0.01)  # after Tuesday 18:00
    assert try_policy(pasts, full, until=MORNING + timedelta(days=1)).still_queued == 1


def test_a_neighbour_eases_until_tasks_end() -> None:
    eased = try_policy([_past(n) for n in range(4)], replace(LOOSE, gap=2), until=UNTIL)
    assert {post: share.sent for post, share in eased.shares.items()} == {A.post_id: 3, B.post_id: 1}
    quick = [_past(n, lasted=timedelta(seconds=30)) for n in range(4)]
    assert try_policy(quick, replace(LOOSE, gap=2), until=UNTIL).shares[A.post_id].sent == 4


def test_corrections_hands_and_second_cells() -> None:
    pasts = [
        _past(0, corrected=[(0.6, B)]),
        _past(1, by_hand=B),
        _past(2, second=(0.4, B)),
        _past(3, owner=None),
    ]
    shares = try_policy(pasts, LOOSE, until=UNTIL).shares
    assert (shares[A.post_id].sent, shares[B.post_id].sent, shares[B.post_id].helped) == (1, 2, 1)
    strict = try_policy(pasts, replace(LOOSE, overlap=0.7, share=0.5), until=UNTIL)
    assert (strict.shares[A.post_id].sent, strict.shares[B.post_id].helped, strict.to_others) == (2, 0, 1)


@given(
    minutes=st.lists(st.integers(0, 30_000), max_size=60),
    day=st.integers(1, 4),
    week=st.integers(1, 9),
    gap=st.integers(1, 5),
)
def test_nothing_vanishes_and_nobody_gets_too_much(minutes: list[int], day: int, week: int, gap: int) -> None:
    policy = replace(LOOSE, day=day, week=week, gap=gap, longest_wd=60)
    trial = try_policy([_past(n) for n in minutes], policy, until=UNTIL)
    assert trial.sent + trial.still_queued == len(minutes)
    weeks = 4
    assert all(share.sent <= week * weeks for share in trial.shares.values())


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("gap = 8", "gap = 0", "balance.gap"),
        ("gap = 8", "gap = 1.5", "balance.gap"),
        ("gap = 8", "gap = true", "balance.gap"),
        ("share = 0.3", "share = 1.2", "shared.share"),
        ("[budget]", "[budget]\nhour = 3", "budget.hour"),
        ("day = 20", "", "budget.day"),
        ("[shared]", "[sharing]", "sharing"),
    ],
)
def test_a_policy_file_is_read_whole_or_refused(old: str, new: str, key: str) -> None:
    text = POLICY_FILE.read_text("utf-8")
    assert isinstance(read_policy(text.encode()), DispatchPolicy)
    with pytest.raises(InvalidInput) as refused:
        read_policy(text.replace(old, new, 1).encode())
    assert refused.value.code == "patrol.dispatch.bad_policy"
    assert refused.value.facts["key"] == key


@pytest.mark.parametrize("data", [b"\xff\xfe", b"[balance", b" " * 30_000])
def test_what_is_no_policy_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_policy(data)
    assert refused.value.code == "patrol.dispatch.bad_file"
