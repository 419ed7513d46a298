"""The harmonic monitor: same bits in whatever portions, one event one alarm, none where nothing happened."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detection.series.kernel import CLOUDED, NEVER, YEAR, MonitorRule
from detection.series.monitor import (
    MonitorState,
    advance,
    forecast,
    monitor_rule,
    new_state,
    observed,
    quantised,
)
from foundation.errors import InvalidInput

START = 17_000


def revisits(count: int, *, every: int = 12) -> np.ndarray:
    return (START + every * np.arange(count)).astype(np.int32)


def seasons(days: np.ndarray, *, size: int, seed: int, noise: float = 0.02) -> np.ndarray:
    """NDVI of crops: (scenes, pixels), each pixel with its own phase, bounded noise."""
    random = np.random.default_rng(seed)
    phase = random.uniform(-0.5, 0.5, size)
    wave = np.cos(2 * np.pi * days[:, None] / YEAR + phase)
    return 0.55 + 0.25 * wave + random.uniform(-noise, noise, (len(days), size))


def clouds(shape: tuple[int, ...], seed: int, share: float = 0.4) -> np.ndarray:
    return np.random.default_rng(seed).random(shape) < share


def watched(values: np.ndarray, days: np.ndarray, rule: MonitorRule, is_clear=None) -> MonitorState:
    return advance(new_state(values.shape[1], rule), days, quantised(values, is_clear), rule)


def same_bits(one: MonitorState, other: MonitorState) -> bool:
    arrays = zip((one.days, one.values, *one.pixels), (other.days, other.values, *other.pixels), strict=True)
    return all(a.dtype == b.dtype and a.tobytes() == b.tobytes() for a, b in arrays)


@settings(max_examples=12, deadline=None)
@given(
    cuts=st.lists(st.integers(0, 90), max_size=6),
    seed=st.integers(0, 1_000),
    has_trend=st.booleans(),
    memory=st.sampled_from([30, 96]),
)
def test_scenes_in_any_portions_give_the_same_bits(cuts, seed, has_trend, memory):
    rule = monitor_rule(has_trend=has_trend, memory_scenes=memory)
    days = revisits(90)
    values = seasons(days, size=40, seed=seed)
    values[55:, :15] = 0.15
    stored = quantised(values, ~clouds(values.shape, seed))
    whole = advance(new_state(40, rule), days, stored, rule)
    state = new_state(40, rule)
    bounds = [0, *sorted(cuts), 90]
    for first, last in pairwise(bounds):
        state = advance(state, days[first:last], stored[first:last], rule)
    assert (whole.pixels.alarm_day != NEVER).any()
    assert same_bits(whole, state)
    singly = new_state(40, rule)
    for scene in range(90):
        singly = advance(singly, days[scene : scene + 1], stored[scene : scene + 1], rule)
    assert same_bits(whole, singly)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), changed_at=st.integers(50, 78))
def test_one_event_is_one_alarm_and_its_day_lies_in_the_interval(seed, changed_at):
    rule, days = monitor_rule(), revisits(120)
    values = seasons(days, size=30, seed=seed)
    changed_on = int(days[changed_at]) - 5
    values[changed_at:] = 0.10 + np.random.default_rng(seed).uniform(-0.02, 0.02, values[changed_at:].shape)
    pixels = watched(values, days, rule, ~clouds(values.shape, seed)).pixels
    found = (pixels.alarm_day != NEVER).sum(axis=0)
    assert (found == 1).mean() >= 0.95
    assert found.max() <= 1
    hit = found == 1
    # Bare fields in winter look like bare ground: the change may be seen later, never dated before.
    assert (pixels.alarm_to[0][hit] >= changed_on).all()
    assert (pixels.alarm_from[0][hit] < pixels.alarm_to[0][hit]).all()
    assert (pixels.alarm_day[0][hit] >= pixels.alarm_to[0][hit]).all()
    assert (pixels.alarm_shift[0][hit] < -0.1).all()


def test_in_summer_the_interval_holds_the_day_of_change():
    rule, days = monitor_rule(), revisits(100)
    values = np.random.default_rng(3).uniform(-0.02, 0.02, (100, 400)) + 0.7
    when = np.random.default_rng(4).integers(days[45], days[80], 400)
    values[days[:, None] >= when[None, :]] = 0.2
    pixels = watched(values, days, rule, ~clouds(values.shape, 5)).pixels
    assert (pixels.alarm_day[0] != NEVER).all()
    assert ((pixels.alarm_from[0] < when) & (when <= pixels.alarm_to[0])).all()


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), level=st.floats(-0.2, 0.9), noise=st.floats(0.0, 0.05))
def test_ground_that_only_has_seasons_or_none_gives_no_alarm(seed, level, noise):
    rule, days = monitor_rule(), revisits(110)
    steady = np.full((110, 20), level) + np.random.default_rng(seed).uniform(-noise, noise, (110, 20))
    crops = seasons(days, size=20, seed=seed, noise=noise)
    for values in (steady, crops):
        state = watched(values, days, rule, ~clouds(values.shape, seed))
        assert (state.pixels.alarm_day == NEVER).all()
        assert (state.pixels.fitted != NEVER).all()


def test_only_clouds_teach_nothing_and_alarm_nobody():
    rule, days = monitor_rule(), revisits(80)
    values = seasons(days, size=10, seed=1)
    state = watched(values, days, rule, np.zeros(values.shape, bool))
    assert (state.values == CLOUDED).all()
    assert (state.pixels.clear == 0).all()
    assert (state.pixels.fitted == NEVER).all()
    assert np.isnan(forecast(state, rule).expected).all()


def test_a_second_event_years_later_is_a_second_alarm():
    rule, days = monitor_rule(memory_scenes=200), revisits(200)
    values = np.full((200, 5), 0.75) + np.random.default_rng(1).uniform(-0.02, 0.02, (200, 5))
    values[60:] -= 0.25
    values[140:] -= 0.25
    pixels = watched(values, days, rule).pixels
    assert (pixels.alarm_to[0] == days[60]).all()
    assert (pixels.alarm_to[1] == days[140]).all()
    assert (pixels.alarm_day[2:] == NEVER).all()


def test_an_index_that_rises_is_watched_by_the_other_direction():
    days = revisits(100)
    values = np.full((100, 5), 0.1) + np.random.default_rng(1).uniform(-0.02, 0.02, (100, 5))
    values[70:] = 0.5
    assert (watched(values, days, monitor_rule()).pixels.alarm_day == NEVER).all()
    up = watched(values, days, monitor_rule(direction=1)).pixels
    assert (up.alarm_to[0] == days[70]).all()
    assert (up.alarm_shift[0] > 0.3).all()


def test_a_scattered_undetected_cloud_is_no_alarm():
    rule, days = monitor_rule(), revisits(110)
    values = seasons(days, size=30, seed=8)
    values[50::9] = 0.02
    values[51::9] = 0.02
    assert (watched(values, days, rule).pixels.alarm_day == NEVER).all()


def test_late_scenes_are_refused():
    rule, days = monitor_rule(), revisits(30)
    state = watched(seasons(days, size=3, seed=1), days, rule)
    with pytest.raises(InvalidInput) as refusal:
        advance(state, days[:1], np.zeros((1, 3), np.int16), rule)
    assert refusal.value.code == "detection.series.out_of_order"


def oracle_fit(
    rows: np.ndarray, targets: np.ndarray, rule: MonitorRule
) -> tuple[np.ndarray, float, np.ndarray]:
    """The same robust regression by numpy's solver."""
    penalty = rule.ridge * np.eye(rows.shape[1])
    penalty[0, 0] = 0.0
    weights = np.ones(len(rows))
    for _ in range(rule.rounds):
        normal = rows.T @ (weights[:, None] * rows) + penalty
        coefficients = np.linalg.solve(normal, rows.T @ (weights * targets))
        misses = np.abs(targets - rows @ coefficients)
        spread = 1.4826 * np.median(misses) * np.sqrt(len(rows) / (len(rows) - rows.shape[1]))
        sigma = max(rule.least_sigma, spread)
        changed = np.minimum(1.0, rule.huber * sigma / np.maximum(misses, 1e-9))
        is_settled = np.abs(changed - weights).max() < 0.02
        weights = changed
        if is_settled:
            break
    return coefficients, sigma, np.linalg.inv(normal)


def test_the_compiled_fit_equals_plain_numpy():
    rule, days = monitor_rule(refit_days=10_000), revisits(34)
    values = seasons(days, size=25, seed=5, noise=0.06)
    values[7] -= 0.4
    is_clear = ~clouds(values.shape, 6, 0.2)
    state = watched(values, days, rule, is_clear)
    turns = 2 * np.pi * days / YEAR
    rows = np.stack([np.ones(34), np.cos(turns), np.sin(turns), np.cos(2 * turns), np.sin(2 * turns)], axis=1)
    for pixel in range(25):
        assert state.pixels.fitted[pixel] != NEVER
        used = is_clear[:, pixel] & (days <= state.pixels.fitted[pixel])
        targets = quantised(values)[used, pixel] / 10_000
        coefficients, sigma, inverse = oracle_fit(rows[used], targets, rule)
        np.testing.assert_allclose(state.pixels.coefficients[pixel], coefficients, atol=2e-6)
        np.testing.assert_allclose(state.pixels.sigma[pixel], sigma, rtol=1e-5)
        np.testing.assert_allclose(state.pixels.spread[pixel], inverse[np.tril_indices(5)], atol=2e-5)


def test_the_forecast_that_is_shown_is_the_one_that_decides():
    """Runs of anomalies, counted again from `forecast`, equal those of the compiled loop."""
    rule, days = monitor_rule(successive=9), revisits(60)
    values = seasons(days, size=200, seed=2, noise=0.08)
    values[57:, :100] -= 0.3
    state = watched(values, days, rule, ~clouds(values.shape, 3))
    model = forecast(state, rule)
    excess = rule.direction * (observed(state) - model.expected) / model.error
    for pixel in range(200):
        clear = np.flatnonzero(np.isfinite(excess[:, pixel]))
        run = 0
        for scene in clear[::-1]:
            if excess[scene, pixel] <= rule.k_sigma:
                break
            run += 1
        assert run == state.pixels.run[pixel]
    assert (state.pixels.run > 0).any()
