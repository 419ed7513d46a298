"""The lottery: anybody can draw it again, nobody looks at their own county, and the interval holds."""

from __future__ import annotations

import hashlib
from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.errors import Conflict
from patrol.recheck.draws import ClosedCase, Draw, draw, estimate, recheck_policy, sample_sizes, seed_of

COUNTIES = [f"4108{place:02d}" for place in range(2, 13)]
SEED = seed_of("2026-W37", audit_seq=120, audit_hash="ab" * 32)

cases = st.lists(
    st.builds(
        ClosedCase,
        st.integers(0, 9999).map(lambda serial: f"2609-{serial:04d}"),
        st.sampled_from(COUNTIES),
        st.dates(date(2026, 8, 1), date(2026, 9, 1)),
    ),
    unique_by=lambda case: case.number,
    max_size=300,
)


@given(population=cases, order=st.randoms())
def test_a_draw_is_the_same_in_whatever_order_the_cases_come(population: list[ClosedCase], order) -> None:  # type: ignore[no-untyped-def]
    first = draw(SEED, population, COUNTIES)
    shuffled = list(population)
    order.shuffle(shuffled)
    assert draw(SEED, shuffled, COUNTIES[::-1]) == first


@given(population=cases)
def test_every_county_is_drawn_and_by_another(population: list[ClosedCase]) -> None:
    found = draw(SEED, population, COUNTIES)
    county_of = {case.number: case.county_code for case in population}
    assert {ticket.county_code for ticket in found.tickets} == set(county_of.values())
    assert all(ticket.by_county != ticket.county_code == county_of[ticket.number] for ticket in found.tickets)
    assert len({ticket.number for ticket in found.tickets}) == len(found.tickets)
    assert len(found.tickets) <= recheck_policy()["draw"]["most"]


def test_a_reader_of_the_bulletin_draws_the_same() -> None:
    population = [ClosedCase(f"410883-2609-{n:04d}", "410883", date(2026, 9, 1)) for n in range(40)]
    found = draw(SEED, population, COUNTIES)
    by_hand = sorted(
        population, key=lambda case: hashlib.sha256(f"{SEED}/{case.number}".encode()).hexdigest()
    )
    assert {ticket.number for ticket in found.tickets} == {case.number for case in by_hand[:4]}


def test_nobody_can_look_at_the_only_county() -> None:
    with pytest.raises(Conflict):
        draw(SEED, [ClosedCase("1", "410883", date(2026, 9, 1))], ["410883"])


def test_sizes_keep_to_the_most() -> None:
    sizes = sample_sizes(dict.fromkeys(COUNTIES, 200))
    assert sum(sizes.values()) == recheck_policy()["draw"]["most"]
    assert min(sizes.values()) >= 2


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(5)
    held = 0
    for trial in range(300):
        population, truth = [], {}
        for county in COUNTIES:
            rate = rng.uniform(0.6, 0.98)
            for serial in range(int(rng.integers(8, 40))):
                number = f"{county}-{serial}"
                population.append(ClosedCase(number, county, date(2026, 9, 1)))
                truth[number] = "restored" if rng.random() < rate else "not_restored"
        drawn = draw(seed_of("2026-W01", audit_seq=trial, audit_hash="0" * 64), population, COUNTIES)
        found = estimate(drawn, {ticket.number: truth[ticket.number] for ticket in drawn.tickets})
        share = sum(outcome == "restored" for outcome in truth.values()) / len(truth)
        assert found.low is not None
        assert found.high is not None
        held += found.low <= share <= found.high
    assert held / 300 >= 0.92


def test_all_seen_leaves_no_doubt_and_nothing_seen_says_nothing() -> None:
    population = tuple(ClosedCase(str(n), COUNTIES[n % 2], date(2026, 9, 1)) for n in range(6))
    everything = Draw(SEED, population, ())
    found = estimate(everything, {str(n): "restored" if n < 3 else "relapsed" for n in range(6)})
    assert (found.rate, found.low, found.high) == (0.5, 0.5, 0.5)
    half = estimate(everything, {str(n): "restored" for n in (0, 2, 4)})
    assert (half.low, half.high) == (0.5, 1.0), "nothing is known of the other county"
    assert estimate(everything, {}).rate is None
    assert estimate(everything, {"0": "not_reached"}).looked_at == 0
