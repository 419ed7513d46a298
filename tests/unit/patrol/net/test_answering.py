"""Who answers: always somebody by name, as long as anybody stands over the place; leave and days on duty."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.errors import Conflict
from patrol.net.answering import answer, manned_watcher, watcher
from patrol.net.posts import KINDS, Post, covers, holder_of
from patrol.net.terms import Absence, duty_spans

VILLAGE = "410883105201"
PLACES = {1: "410800000000", 2: "410883000000", 3: "410883105000", 4: VILLAGE}
ELSEWHERE = {1: "410800000000", 2: "410825000000", 3: "410883001000", 4: "410883105202"}


def post(number: int, *, tier: int = 4, kind: str = "grid_officer", **more: object) -> Post:
    plain = Post(
        UUID(int=number),
        f"P-{number:02d}",
        f"岗{number}",
        tier,
        kind,
        PLACES[tier],
        f"某{number}",
        None,
        None,
        None,
    )
    return replace(plain, **more)  # type: ignore[arg-type]


@st.composite
def nets(draw: st.DrawFn) -> list[Post]:
    found = []
    for number in range(draw(st.integers(1, 9))):
        tier = draw(st.integers(1, 4))
        found.append(
            post(
                number,
                tier=tier,
                kind=draw(st.sampled_from(list(KINDS))),
                division_code=draw(st.sampled_from([PLACES[tier], ELSEWHERE[tier]])),
                holder_name=draw(st.sampled_from(["", f"某{number}", "同一人"])),
                deputy_name=draw(st.sampled_from([None, f"副{number}"])),
                is_away=draw(st.booleans()),
                stand_in_name=draw(st.sampled_from([None, f"代{number}"])),
            )
        )
    return found


@given(posts=nets(), data=st.data())
def test_whoever_is_taken_away_somebody_named_answers(posts: list[Post], data: st.DataObject) -> None:
    codes = [f"{VILLAGE}-{number:03d}" for number in range(3)]
    while True:
        officers = [each for each in posts if each.kind == "grid_officer" and each.division_code == VILLAGE]
        own, instead = (rule(officers, codes[1], "", codes) for rule in (watcher, manned_watcher))
        over = [each for each in posts if covers(each, VILLAGE) and each.is_manned]
        if not over:
            with pytest.raises(Conflict) as refused:
                answer(posts, VILLAGE, own=own, instead=instead)
            assert refused.value.code == "patrol.post.no_owner"
            break
        found = answer(posts, VILLAGE, own=own, instead=instead)
        assert found.answering.name
        assert found.answering.name in found.answering.post.names
        assert found.answering.post in over
        # Take a person out of all posts, or a post off the net.
        if data.draw(st.booleans()):
            posts = [each for each in posts if each != found.answering.post]
        else:
            gone = found.answering.name
            posts = [
                replace(
                    each,
                    holder_name="" if each.holder_name == gone else each.holder_name,
                    deputy_name=None if each.deputy_name == gone else each.deputy_name,
                    stand_in_name=None if each.stand_in_name == gone else each.stand_in_name,
                )
                for each in posts
            ]


def test_a_vacant_officers_cell_goes_to_another_and_comes_back() -> None:
    first, second = post(1), post(2, holder_name="")
    codes = ["a", "b", "c"]
    assert [watcher([first, second], code, "", codes) for code in codes] == [first, second, first]
    assert [manned_watcher([first, second], code, "", codes) for code in codes] == [first] * 3
    named = post(3, title="第二网格网格员")
    assert watcher([first, second, named], "a", "第二网格", codes) == named


def test_who_is_away_is_stood_in_for() -> None:
    away = post(1, is_away=True, deputy_name="副甲", stand_in_name="代甲")
    assert [holder_of(each).name for each in (away, replace(away, stand_in_name=None))] == ["代甲", "副甲"]  # type: ignore[union-attr]
    assert holder_of(replace(away, stand_in_name=None, deputy_name=None)) is None
    assert away.names == {"代甲", "副甲"}


@given(
    first=st.integers(0, 20), length=st.integers(-1, 12),
    leaves=st.lists(st.tuples(st.integers(-5, 30), st.integers(0, 10)), max_size=4),
)  # fmt: skip
def test_days_on_duty_are_all_days_but_those_away(
    first: int, length: int, leaves: list[tuple[int, int]]
) -> None:
    zero = date(2026, 9, 1)

    def day(number: int) -> date:
        return zero + timedelta(days=number)

    absences = [
        Absence(
            UUID(int=1), UUID(int=1), VILLAGE, "某", None, "leave", day(at), day(at + days), None, None, ""
        )
        for at, days in leaves
    ]
    spans = duty_spans(day(first), day(first + length), absences)
    told = [span.first + timedelta(days=step) for span in spans for step in range(span.days)]
    wanted = [day(n) for n in range(first, first + length + 1) if not any(x.covers(day(n)) for x in absences)]
    assert told == wanted
