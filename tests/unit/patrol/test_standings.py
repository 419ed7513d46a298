"""Ranks over columns against ranks counted one by one."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from patrol.reports.standings.columns import ranks_of

rates = st.lists(
    st.one_of(
        st.integers(0, 7).map(lambda count: min(count, 3.5) / 3.5),
        st.sampled_from([0.5, 0.5 + 4e-10, 0.5 + 8e-10, 0.5 + 3e-9]),
        st.floats(0, 1),
    ),
    max_size=40,
)


def one_by_one(values: list[float]) -> list[int]:
    """1 for the best; whoever lies within 1e-9 of the one before shares its rank."""
    ranks, rank = {}, 0
    order = sorted(range(len(values)), key=lambda place: -values[place])
    for number, place in enumerate(order):
        if number == 0 or values[order[number - 1]] - values[place] >= 1e-9:
            rank = number + 1
        ranks[place] = rank
    return [ranks[place] for place in range(len(values))]


@given(rates)
def test_ties_share_a_rank_and_the_next_is_left_out(values: list[float]) -> None:
    assert ranks_of(np.array(values, dtype=np.float64)).tolist() == one_by_one(values)
