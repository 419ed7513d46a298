"""The monitor's inner loop, compiled: one pixel after the other, one scene after the other.

Whatever outlives a scene is read from and written to the arrays of the state, so that the result does not
depend on how many scenes come at once. The tests hold the same rules in plain numpy.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detection.pixels.compiled import compiled
from detection.series.regression import Bench, inverted, reweighted, room_for_fits

CLOUDED = -32_768
SCALE = 10_000
"""Index values are kept as int16 in ten-thousandths: what is stored is what is computed with."""
NEVER = -1
YEAR = 365.2425


class MonitorRule(NamedTuple):
    """Numbers of a monitor; their reasons stand in ``data/rules/series.toml``.

    Attributes
    ----------
    order : int
        Harmonics of the year.
    has_trend : bool
        Whether a straight line is fitted beside them.
    successive : int
        Anomalous clear observations in succession that make an alarm.
    k_sigma : float
        Forecast errors from which an observation is anomalous.
    direction : int
        -1: the index falls (vegetation); 1: it rises (bare soil index).
    history_days, history_clear : int
        Least length of the learning period in days, and clear observations in it.
    refit_days : int
        After so many days the seasons are learnt again, with what came since.
    memory_scenes : int
        Newest scenes that are kept in the state for that.
    huber, rounds : float, int
        Tuning constant and most rounds of the reweighting.
    ridge : float
        Weight, in observations, of the prior that a harmonic is 0.
    least_sigma : float
        Floor of the residual spread, index units.
    shift_days : float
        How early or late a season may come (standard deviation): the forecast is that much less certain
        where it is steep.
    """

    order: int
    has_trend: bool
    successive: int
    k_sigma: float
    direction: int
    history_days: int
    history_clear: int
    refit_days: int
    memory_scenes: int
    huber: float
    rounds: int
    ridge: float
    least_sigma: float
    shift_days: float


class PixelState(NamedTuple):
    """What is known of each pixel. Days are counted from 1970-01-01; `NEVER` where there is none.

    Attributes
    ----------
    start : ndarray, shape (pixels,), int32
        First day of the land as it is now: what came before an alarm is not learnt from.
    fitted : ndarray, shape (pixels,), int32
        Day of the last fit; `NEVER` while learning.
    coefficients : ndarray, shape (pixels, terms), float32
        Mean, cosine and sine of each harmonic, then the trend a year since `start`. Index units.
    spread : ndarray, shape (pixels, terms * (terms + 1) / 2), float32
        Lower triangle, row by row, of the coefficients' covariance over the residual variance.
    sigma : ndarray, shape (pixels,), float32
        Robust residual spread, index units.
    run : ndarray, shape (pixels,), int32
        Anomalous clear observations in succession, up to the last one.
    run_first, last_normal : ndarray, shape (pixels,), int32
        Day of the first of them; day of the last clear observation that was none.
    run_sum : ndarray, shape (pixels,), float32
        Sum of their residuals.
    clear : ndarray, shape (pixels,), int32
        Clear observations since `start`.
    alarm_from, alarm_to, alarm_day : ndarray, shape (slots, pixels), int32
        Alarms, oldest first: the change lies after the first day and not after the second; confirmed on the
        third.
    alarm_shift : ndarray, shape (slots, pixels), float32
        Mean residual of the observations that made the alarm, index units.
    """

    start: NDArray[np.int32]
    fitted: NDArray[np.int32]
    coefficients: NDArray[np.float32]
    spread: NDArray[np.float32]
    sigma: NDArray[np.float32]
    run: NDArray[np.int32]
    run_first: NDArray[np.int32]
    last_normal: NDArray[np.int32]
    run_sum: NDArray[np.float32]
    clear: NDArray[np.int32]
    alarm_from: NDArray[np.int32]
    alarm_to: NDArray[np.int32]
    alarm_day: NDArray[np.int32]
    alarm_shift: NDArray[np.float32]


class Stack(NamedTuple):
    """Scenes kept and new ones: days (scenes,), values (pixels, scenes) int16, rows of the regression.

    ``slope`` holds the derivatives of the rows by the day, ``terms`` the coefficients' numbers (`Bench`).
    """

    days: NDArray[np.int32]
    values: NDArray[np.int16]
    design: NDArray[np.float64]
    slope: NDArray[np.float64]
    terms: tuple[int, ...]


@compiled
def advance_pixels(stack: Stack, first_new: int, rule: MonitorRule, state: PixelState) -> None:
    """Take the scenes from ``first_new`` on into the state, in place."""
    bench = room_for_fits(max(rule.memory_scenes, 1), stack.terms)
    for pixel in range(stack.values.shape[0]):
        for scene in range(first_new, stack.days.size):
            value = stack.values[pixel, scene]
            if value == CLOUDED:
                continue
            day = stack.days[scene]
            state.clear[pixel] += 1
            if state.fitted[pixel] == NEVER:
                if state.start[pixel] == NEVER:
                    state.start[pixel] = day
                is_long = day - state.start[pixel] >= rule.history_days
                is_due = is_long and state.clear[pixel] >= rule.history_clear
            else:
                years = (day - state.start[pixel]) / YEAR if rule.has_trend else 0.0
                miss = _miss(value, stack.design, scene, years, state.coefficients, pixel)
                if rule.direction * miss > rule.k_sigma * state.sigma[pixel]:
                    error = _forecast_error(stack, scene, years, rule.shift_days, state, pixel)
                    if rule.direction * miss > rule.k_sigma * error:
                        _count_anomaly(day, miss, rule.successive, state, pixel)
                        continue
                state.run[pixel] = 0
                is_due = day - state.fitted[pixel] >= rule.refit_days
            state.last_normal[pixel] = day
            if is_due:
                _fit(stack, scene, rule, state, pixel, bench)


@compiled
def _miss(
    value: int,
    design: NDArray[np.float64],
    scene: int,
    years: float,
    coefficients: NDArray[np.float32],
    pixel: int,
) -> float:
    """Observed less expected, index units; the trend's column of ``design`` is 0."""
    last = design.shape[1] - 1
    total = value / SCALE - years * coefficients[pixel, last]
    for term in range(last + 1):
        total -= design[scene, term] * coefficients[pixel, term]
    return float(total)


@compiled
def _forecast_error(
    stack: Stack, scene: int, years: float, shift_days: float, state: PixelState, pixel: int
) -> float:
    """Residual spread, what the coefficients are uncertain by, and a season that comes early or late."""
    last = stack.design.shape[1] - 1
    quadratic = 1.0
    steepness = 0.0
    place = 0
    for one in range(last + 1):
        steepness += stack.slope[scene, one] * state.coefficients[pixel, one]
        left = stack.design[scene, one] + (years if one == last else 0.0)
        for other in range(one):
            quadratic += 2.0 * left * stack.design[scene, other] * state.spread[pixel, place]
            place += 1
        quadratic += left * left * state.spread[pixel, place]
        place += 1
    spread = state.sigma[pixel] * math.sqrt(max(quadratic, 1.0))
    return math.sqrt(spread * spread + (shift_days * steepness) ** 2)


@compiled
def _count_anomaly(day: int, miss: float, successive: int, state: PixelState, pixel: int) -> None:
    """One more; enough of them are an alarm, and the land is learnt anew as it is now."""
    if state.run[pixel] == 0:
        state.run_first[pixel] = day
        state.run_sum[pixel] = 0.0
    state.run[pixel] += 1
    state.run_sum[pixel] += miss
    if state.run[pixel] < successive:
        return
    slot = _free_slot(state, pixel)
    state.alarm_from[slot, pixel] = state.last_normal[pixel]
    state.alarm_to[slot, pixel] = state.run_first[pixel]
    state.alarm_day[slot, pixel] = day
    state.alarm_shift[slot, pixel] = state.run_sum[pixel] / state.run[pixel]
    state.start[pixel] = state.run_first[pixel]
    state.clear[pixel] = state.run[pixel]
    state.fitted[pixel] = NEVER
    state.run[pixel] = 0
    state.last_normal[pixel] = day


@compiled
def _free_slot(state: PixelState, pixel: int) -> int:
    """The first empty slot; where all are full the oldest alarm makes room."""
    slots = int(state.alarm_day.shape[0])
    for slot in range(slots):
        if state.alarm_day[slot, pixel] == NEVER:
            return slot
    for slot in range(1, slots):
        state.alarm_from[slot - 1, pixel] = state.alarm_from[slot, pixel]
        state.alarm_to[slot - 1, pixel] = state.alarm_to[slot, pixel]
        state.alarm_day[slot - 1, pixel] = state.alarm_day[slot, pixel]
        state.alarm_shift[slot - 1, pixel] = state.alarm_shift[slot, pixel]
    return slots - 1


@compiled
def _fit(stack: Stack, scene: int, rule: MonitorRule, state: PixelState, pixel: int, bench: Bench) -> None:
    """Robust regression on what the pixel showed since `start`, as far back as is kept."""
    terms = bench.right.size
    first = max(0, scene + 1 - rule.memory_scenes)
    count = _gathered(stack.values[pixel], stack.days, state.start[pixel], first, scene, bench.scenes)
    _lay_out(stack.values[pixel], stack.design, bench.scenes[:count], bench.columns, bench.targets)
    if rule.has_trend:
        for number in range(count):
            day = stack.days[bench.scenes[number]]
            bench.columns[terms - 1, number] = (day - state.start[pixel]) / YEAR
    if count < max(rule.history_clear, terms + 2):
        return
    sigma = reweighted(count, rule.rounds, rule.huber, rule.ridge, rule.least_sigma, bench)
    for term in range(terms):
        state.coefficients[pixel, term] = bench.right[term]
    state.sigma[pixel] = sigma
    state.fitted[pixel] = stack.days[scene]
    inverted(bench, state.spread[pixel])
    _look_back(stack, count, rule, state, pixel, bench)


@compiled
def _gathered(
    values: NDArray[np.int16],
    days: NDArray[np.int32],
    start: int,
    first: int,
    last: int,
    scenes: NDArray[np.int64],
) -> int:
    """Clear scenes from ``first`` to ``last`` that are not older than the start; how many."""
    count = 0
    for scene in range(first, last + 1):
        if values[scene] != CLOUDED and days[scene] >= start:
            scenes[count] = scene
            count += 1
    return count


@compiled
def _lay_out(
    values: NDArray[np.int16],
    design: NDArray[np.float64],
    scenes: NDArray[np.int64],
    columns: NDArray[np.float64],
    targets: NDArray[np.float64],
) -> None:
    for number in range(scenes.size):
        targets[number] = values[scenes[number]] / SCALE
    for term in range(design.shape[1]):
        for number in range(scenes.size):
            columns[term, number] = design[scenes[number], term]


@compiled
def _look_back(
    stack: Stack, count: int, rule: MonitorRule, state: PixelState, pixel: int, bench: Bench
) -> None:
    """Whether what was learnt from ended in anomalous observations: they count."""
    state.run[pixel] = 0
    state.run_sum[pixel] = 0.0
    for number in range(count - 1, -1, -1):
        scene = bench.scenes[number]
        day = stack.days[scene]
        years = (day - state.start[pixel]) / YEAR if rule.has_trend else 0.0
        miss = _miss(stack.values[pixel, scene], stack.design, scene, years, state.coefficients, pixel)
        error = _forecast_error(stack, scene, years, rule.shift_days, state, pixel)
        if rule.direction * miss <= rule.k_sigma * error:
            state.last_normal[pixel] = day
            return
        state.run[pixel] += 1
        state.run_first[pixel] = day
        state.run_sum[pixel] += miss
