"""Harmonic monitor: what each pixel does in a year, and the day from which it no longer does it.

A pixel learns its seasons from a year or more of clear observations (robust harmonic regression); each
further one is compared with the forecast. Several anomalous ones in succession are an alarm, and the pixel
then learns anew, so that one event is one alarm. All that is known lies in plain arrays: scenes may come one
by one or all at once, and the result has the same bits.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detection.series.kernel import (
    CLOUDED,
    NEVER,
    SCALE,
    YEAR,
    MonitorRule,
    PixelState,
    Stack,
    advance_pixels,
)
from foundation.calendar import SHANGHAI
from foundation.errors import InvalidInput

RULES_FILE = Path(__file__).resolve().parents[2] / "data" / "rules" / "series.toml"
ALARM_SLOTS = 4
EPOCH = date(1970, 1, 1)

DayList = NDArray[np.int32]
IntGrid = NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class MonitorState:
    """All that a monitor knows of some pixels.

    Attributes
    ----------
    days : ndarray, shape (scenes,), int32
        Dates of the scenes kept, days since 1970-01-01.
    values : ndarray, shape (scenes, pixels), int16
        Their index values, see `quantised`.
    pixels : PixelState
        Model and alarms of each pixel.
    """

    days: DayList
    values: IntGrid
    pixels: PixelState

    @property
    def size(self) -> int:
        """How many pixels."""
        return int(self.pixels.start.size)


@lru_cache(maxsize=1)
def series_rules() -> Mapping[str, Any]:
    """``data/rules/series.toml``."""
    return tomllib.loads(RULES_FILE.read_text("utf-8"))


def monitor_rule(**changed: Any) -> MonitorRule:
    """The rule of the tables, with some numbers changed."""
    return MonitorRule(**{**series_rules()["monitor"], **changed})


def day_number(moment: datetime | date) -> int:
    """Days since 1970-01-01 of a day, or of a moment's day in Shanghai."""
    day = moment.astimezone(SHANGHAI).date() if isinstance(moment, datetime) else moment
    return (day - EPOCH).days


def day_of(number: int) -> date:
    """The day of a number."""
    return EPOCH + timedelta(days=int(number))


def terms_of(rule: MonitorRule) -> int:
    """Number of coefficients of a rule."""
    return 1 + 2 * rule.order + int(rule.has_trend)


def new_state(size: int, rule: MonitorRule) -> MonitorState:
    """A state of so many pixels that has seen nothing."""
    terms = terms_of(rule)

    def days(*shape: int) -> DayList:
        return np.full(shape, NEVER, np.int32)

    pixels = PixelState(
        start=days(size),
        fitted=days(size),
        coefficients=np.zeros((size, terms), np.float32),
        spread=np.zeros((size, terms * (terms + 1) // 2), np.float32),
        sigma=np.zeros(size, np.float32),
        run=np.zeros(size, np.int32),
        run_first=days(size),
        last_normal=days(size),
        run_sum=np.zeros(size, np.float32),
        clear=np.zeros(size, np.int32),
        alarm_from=days(ALARM_SLOTS, size),
        alarm_to=days(ALARM_SLOTS, size),
        alarm_day=days(ALARM_SLOTS, size),
        alarm_shift=np.zeros((ALARM_SLOTS, size), np.float32),
    )
    return MonitorState(np.empty(0, np.int32), np.empty((0, size), np.int16), pixels)


def quantised(index: NDArray[np.floating[Any]], is_clear: NDArray[np.bool_] | None = None) -> IntGrid:
    """Index values as they are kept: int16 × `SCALE`, `CLOUDED` where not finite or not clear."""
    is_seen = np.isfinite(index) if is_clear is None else np.isfinite(index) & is_clear
    whole = np.rint(np.clip(np.where(is_seen, index, 0.0), -3.2, 3.2) * SCALE)
    return np.where(is_seen, whole, CLOUDED).astype(np.int16)


def advance(state: MonitorState, days: DayList, values: IntGrid, rule: MonitorRule) -> MonitorState:
    """Take in scenes, oldest first.

    Parameters
    ----------
    days : ndarray, shape (scenes,), int32
        Days since 1970-01-01, ascending and not before those of the state.
    values : ndarray, shape (scenes, pixels), int16
        See `quantised`.

    Returns
    -------
    MonitorState
        A new state; the given one is not touched.

    Raises
    ------
    InvalidInput
        ``detection.series.out_of_order``.

    References
    ----------
    Zhu & Woodcock (2014), Continuous change detection and classification, RSE 144. Huber (1981), Robust
    Statistics.
    """
    joined_days = np.concatenate([state.days, np.asarray(days, np.int32)])
    late = np.flatnonzero(np.diff(joined_days) < 0)
    if late.size:
        first, second = (day_of(joined_days[late[0] + step]).isoformat() for step in (0, 1))
        raise InvalidInput("detection.series.out_of_order", first=first, second=second)
    joined = np.concatenate([state.values, np.asarray(values, np.int16)])
    pixels = PixelState._make(array.copy() for array in state.pixels)
    stack = Stack(
        joined_days,
        np.ascontiguousarray(joined.T),
        design(joined_days, rule),
        slope(joined_days, rule),
        tuple(range(terms_of(rule))),
    )
    advance_pixels(stack, len(state.days), rule, pixels)
    kept = slice(max(0, len(joined_days) - rule.memory_scenes), None)
    return MonitorState(joined_days[kept].copy(), joined[kept].copy(), pixels)


def design(days: DayList, rule: MonitorRule) -> NDArray[np.float64]:
    """Rows of the regression, shape (scenes, terms); a trend's column stays 0, it begins with each pixel."""
    turns = 2.0 * np.pi * days.astype(np.float64) / YEAR
    rows = np.zeros((len(days), terms_of(rule)))
    rows[:, 0] = 1.0
    for harmonic in range(1, rule.order + 1):
        rows[:, 2 * harmonic - 1] = np.cos(harmonic * turns)
        rows[:, 2 * harmonic] = np.sin(harmonic * turns)
    return rows


def slope(days: DayList, rule: MonitorRule) -> NDArray[np.float64]:
    """Derivatives of the rows of `design` by the day, shape (scenes, terms)."""
    a_day = 2.0 * np.pi / YEAR
    rows = np.zeros((len(days), terms_of(rule)))
    for harmonic in range(1, rule.order + 1):
        turns = harmonic * a_day * days.astype(np.float64)
        rows[:, 2 * harmonic - 1] = -harmonic * a_day * np.sin(turns)
        rows[:, 2 * harmonic] = harmonic * a_day * np.cos(turns)
    return rows


@dataclass(frozen=True, slots=True)
class Forecast:
    """What the model says of the kept scenes: index units, shape (scenes, pixels), NaN where not fitted."""

    expected: NDArray[np.float64]
    error: NDArray[np.float64]


def forecast(state: MonitorState, rule: MonitorRule) -> Forecast:
    """Expected values of the kept scenes and their standard errors; NaN before a pixel's `start`."""
    pixels, size = state.pixels, terms_of(rule)
    rows = np.repeat(design(state.days, rule)[:, None, :], state.size, axis=1)
    if rule.has_trend:
        rows[:, :, -1] = (state.days[:, None] - pixels.start[None, :]) / YEAR
    lower = np.tril_indices(size)
    spread = np.zeros((state.size, size, size))
    spread[:, lower[0], lower[1]] = pixels.spread
    spread[:, lower[1], lower[0]] = pixels.spread
    variance = 1.0 + np.einsum("spi,pij,spj->sp", rows, spread, rows, optimize=True)
    is_known = (pixels.fitted != NEVER) & (state.days[:, None] >= pixels.start)
    expected = np.einsum("spi,pi->sp", rows, pixels.coefficients.astype(np.float64))
    steepness = slope(state.days, rule) @ pixels.coefficients.T.astype(np.float64)
    error = np.hypot(pixels.sigma * np.sqrt(np.maximum(variance, 1.0)), rule.shift_days * steepness)
    return Forecast(np.where(is_known, expected, np.nan), np.where(is_known, error, np.nan))


def observed(state: MonitorState) -> NDArray[np.float64]:
    """Kept index values, shape (scenes, pixels); NaN where clouded."""
    return np.where(state.values != CLOUDED, state.values / SCALE, np.nan)
