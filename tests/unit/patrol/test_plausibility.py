"""Trust in tracks: what was put on is found with its reason, and honest walks are left in peace."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from foundation.calendar import SHANGHAI
from patrol.rounds.measures import measure
from patrol.rounds.patrols import patrol_policy
from patrol.rounds.plausibility import Former, Plausibility, path_of, weigh
from patrol.rounds.tracks import Fix, tick_of, tracks_of

START = datetime(2026, 9, 8, 9, 0, tzinfo=SHANGHAI)
EAST_DEG, NORTH_DEG = 1 / 91_000, 1 / 111_000
ROUND_M = np.array([[0, 0], [400, 120], [900, 60], [1100, 500], [600, 760], [100, 420], [0, 0]], dtype=float)


def honest(seed: int, *, speed_m_s: float = 1.2, step_s: float = 15.0) -> list[Fix]:
    """A person on the usual round: never twice the same pace, and a receiver that wanders."""
    rng = np.random.default_rng(seed)
    legs = np.hypot(*np.diff(ROUND_M, axis=0).T)
    ends = np.concatenate([[0], np.cumsum(legs)])
    paces = speed_m_s * rng.uniform(0.7, 1.2, size=400) * (rng.random(400) > 0.08)
    way = np.cumsum(paces * step_s)
    way = way[way < ends[-1]]
    x, y = np.interp(way, ends, ROUND_M[:, 0]), np.interp(way, ends, ROUND_M[:, 1])
    wander = np.cumsum(rng.normal(0, 0.8, size=(len(way), 2)), axis=0) * 0.3
    noise = rng.normal(0, 1.5, size=(len(way), 2)) + wander
    return fixes(x + noise[:, 0], y + noise[:, 1], step_s, rng.choice([4.0, 5.0, 6.5, 9.0], size=len(way)))


def fixes(x: NDArray[np.float64], y: NDArray[np.float64], step_s: float, accuracy: object) -> list[Fix]:
    accuracies = np.broadcast_to(np.asarray(accuracy, dtype=float), len(x))
    return [
        Fix(
            START + timedelta(seconds=step_s * place),
            112.75 + float(x[place]) * EAST_DEG,
            34.95 + float(y[place]) * NORTH_DEG,
            float(accuracies[place]),
        )
        for place in range(len(x))
    ]


def trust(sent: list[Fix], *formers: list[Fix]) -> Plausibility:
    def measured(every: list[list[Fix]]):  # type: ignore[no-untyped-def]
        tracks = tracks_of(every)
        span = [[tick_of(min(track).t), tick_of(max(track).t)] for track in every]
        return tracks, measure(
            tracks, np.array(span, dtype=np.int64).reshape(-1, 2), patrol_policy().fix_rules
        )

    before, walked = measured(list(formers))
    known = [Former(f"第{place}次", path_of(before, walked, place)) for place in range(len(formers))]
    return weigh(*measured([sent]), known)


def codes(found: Plausibility) -> set[str]:
    return {doubt.code for doubt in found.doubts}


@pytest.mark.parametrize("seed", range(40))
def test_honest_walks_of_one_round_are_not_doubted(seed: int) -> None:
    found = trust(honest(seed), *(honest(100 + other) for other in range(10)))
    assert (found.score, found.doubts) == (1.0, ())


@pytest.mark.parametrize("noise_m", [0.0, 3.0])
def test_a_replay_is_found_whatever_noise_was_put_on_it(noise_m: float) -> None:
    rng = np.random.default_rng(7)
    old = honest(3)
    replay = [
        fix._replace(
            t=fix.t + timedelta(days=7),
            lon=fix.lon + rng.normal(0, noise_m) * EAST_DEG,
            lat=fix.lat + rng.normal(0, noise_m) * NORTH_DEG,
        )
        for fix in old
    ]
    found = trust(replay, honest(1), old, honest(2))
    assert codes(found) == {"replay"}
    assert "第1次" in found.doubts[0].zh
    assert found.score == pytest.approx(0.1)


def test_a_drawn_track_is_found() -> None:
    way = np.linspace(0, 1, 80)
    found = trust(fixes(900 * way, 300 * way, 15.0, 5.0 + np.arange(80) % 3))
    assert codes(found) == {"drawn"}


def test_a_phone_on_a_table_is_found() -> None:
    rng = np.random.default_rng(1)
    found = trust(fixes(rng.normal(0, 6, 120), rng.normal(0, 6, 120), 15.0, rng.uniform(5, 20, 120)))
    assert codes(found) == {"still"}


def test_a_drive_mock_fixes_and_jumps_are_told() -> None:
    assert "vehicle" in codes(trust(honest(5, speed_m_s=11.0, step_s=5.0)))
    mocked = [fix._replace(is_mock=place == 4) for place, fix in enumerate(honest(6))]
    assert "mock" in codes(trust(mocked))
    jumping = [fix._replace(lat=fix.lat + 0.3 * (place % 10 == 5)) for place, fix in enumerate(honest(8))]
    assert "jumps" in codes(trust(jumping))


def test_nothing_is_said_of_an_outing_without_fixes() -> None:
    assert (
        weigh(
            tracks_of([()]),
            measure(tracks_of([()]), np.zeros((1, 2), dtype=np.int64), patrol_policy().fix_rules),
        ).doubts
        == ()
    )
