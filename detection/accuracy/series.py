"""The monitor on a real series with changes put in: how many it finds, how late, how often for nothing."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detection.series.alarms import alarm_pixels, group_events
from detection.series.kernel import NEVER, MonitorRule
from detection.series.monitor import (
    MonitorState,
    advance,
    day_of,
    monitor_rule,
    new_state,
    quantised,
    series_rules,
)

SEEDS = (101, 102, 103, 104, 105, 106, 107, 108, 109, 110)
"""None of them was looked at while the rule was chosen (that was 1 to 3, on the western half)."""
SIZES_PX = (2, 3, 5, 8, 12)
CHANGED_SHARE = 0.10
BARE_NDVI = (0.08, 0.22)
NOISE = 0.02
WATCHED_DAYS = 120
"""Days of the series that follow the last change: twice the delay that is allowed."""


@dataclass(frozen=True, slots=True)
class Series:
    """An index series: values (scenes, rows, cols), where they are clear, and days since 1970-01-01."""

    values: NDArray[np.float64]
    is_clear: NDArray[np.bool_]
    days: NDArray[np.int32]


def measure_series(scene_folder: Path) -> dict[str, Any]:
    """Scores of the harmonic monitor on a folder with ``cube.npz`` (NDVI, cloud mask, timestamps).

    Squares of 2 to 12 pixels over a tenth of the ground turn to bare or built values (NDVI 0.08–0.22, noise
    of 0.02 a date and a pixel) on days drawn at random; the cloud masks stay as they are. The first day
    is that on which 95 % of the pixels have a model; `WATCHED_DAYS` of series follow the last one. A changed
    pixel is found if its first alarm is confirmed after the change; an earlier one is a false alarm. The rule
    was chosen on the western half with other seeds; ``held_out`` is the eastern half.

    Returns
    -------
    dict
        ``held_out`` and ``whole``: means over the seeds for single pixels (``pixels``) and for events of the
        least size (``events``): f1, recall, precision, ``false_alarm_share`` of unchanged pixels,
        ``median_delay_days`` until confirmed, ``date_within_share`` (the true day lies in the interval).
        ``control``: the same series with nothing put in. ``seeds``: each seed's event scores, eastern half.
    """
    series, rule = read_cube(scene_folder / "cube.npz"), monitor_rule()
    cols = series.values.shape[2]
    halves = {"held_out": slice(cols // 2, None), "whole": slice(None)}
    unchanged = watch(series, rule)
    span = injection_span(series, unchanged)
    rows: dict[str, list[dict[str, dict[str, float]]]] = {name: [] for name in halves}
    for seed in SEEDS:
        changed, when = inject(series, span, seed)
        state = watch(changed, rule)
        for name, part in halves.items():
            rows[name].append(_scores(state, when, part))
    return {
        "scenes": len(series.days),
        "pixels": int(series.values[0].size),
        "injected": {
            "first": day_of(span[0]).isoformat(),
            "last": day_of(span[1]).isoformat(),
            "share": CHANGED_SHARE,
            "seeds": list(SEEDS),
        },
        **{name: _mean(found) for name, found in rows.items()},
        "control": {
            name: _false_alarms(unchanged, series.values.shape[1:], part) for name, part in halves.items()
        },
        "seeds": [scores["events"] for scores in rows["held_out"]],
        "rule": rule._asdict(),
    }


def measure_speed(*, pixels: int = 100_000, scenes: int = 70, rounds: int = 3) -> dict[str, float]:
    """Pixels a second of CPU, one thread, of a whole history of cloudy crops: learning, watching, alarms.

    A tenth of the ground turns bare; two observations of five are hidden. The best of some rounds, after one
    that compiles.
    """
    random, rule = np.random.default_rng(0), monitor_rule()
    days = (17_000 + 10 * np.arange(scenes)).astype(np.int32)
    wave = 0.5 - 0.3 * np.cos(4 * np.pi * days / 365.2425)
    values = wave[:, None] + random.normal(0, 0.03, (scenes, pixels))
    values[3 * scenes // 4 :, : pixels // 10] = 0.12
    stored = quantised(values, random.random(values.shape) < 0.6)
    seconds = []
    for _ in range(rounds + 1):
        begun = time.thread_time()
        state = advance(new_state(pixels, rule), days, stored, rule)
        seconds.append(time.thread_time() - begun)
    has_alarm = (state.pixels.alarm_day != NEVER).any(axis=0)
    return {
        "pixels_per_s": pixels / min(seconds[1:]),
        "scenes": scenes,
        "alarm_share": float(has_alarm.mean()),
    }


def read_cube(path: Path) -> Series:
    """A cube of NDVI × 10,000 with its cloud mask (not 0 where cloud)."""
    with np.load(path) as cube:
        days = cube["timestamps"].astype("datetime64[D]").astype(np.int64)
        values = cube["ndvi"].astype(np.float64) / 10_000.0
        return Series(values, cube["cloud"] == 0, days.astype(np.int32))


def watch(series: Series, rule: MonitorRule) -> MonitorState:
    """The monitor after the whole series."""
    values = quantised(series.values, series.is_clear).reshape(len(series.days), -1)
    return advance(new_state(values.shape[1], rule), series.days, values, rule)


def injection_span(series: Series, unchanged: MonitorState) -> tuple[int, int]:
    """First and last day on which a change can be put in."""
    fitted = unchanged.pixels.fitted
    first = int(np.quantile(fitted[fitted != NEVER], 0.95, method="higher"))
    return first, int(series.days[-1]) - WATCHED_DAYS


def inject(series: Series, span: tuple[int, int], seed: int) -> tuple[Series, NDArray[np.int32]]:
    """Turn squares of ground bare, each on a day of its own.

    Returns
    -------
    Series, ndarray
        The changed series, and the day of each pixel's change, shape (rows, cols), 0 where there is none.
    """
    random = np.random.default_rng(seed)
    values = series.values.copy()
    rows, cols = values.shape[1:]
    when = np.zeros((rows, cols), np.int32)
    while (when > 0).mean() < CHANGED_SHARE:
        size = int(random.choice(SIZES_PX))
        top, left = int(random.integers(0, rows - size)), int(random.integers(0, cols - size))
        if when[max(0, top - 1) : top + size + 1, max(0, left - 1) : left + size + 1].any():
            continue
        day, level = int(random.integers(span[0], span[1] + 1)), random.uniform(*BARE_NDVI)
        for scene in np.flatnonzero(series.days >= day):
            noise = random.normal(0, NOISE) + random.normal(0, NOISE, (size, size))
            values[scene, top : top + size, left : left + size] = level + noise
        when[top : top + size, left : left + size] = day
    return Series(values, series.is_clear, series.days), when


def _scores(state: MonitorState, when: NDArray[np.int32], part: slice) -> dict[str, dict[str, float]]:
    return {
        name: _score(found[:, :, part], when[:, part])
        for name, found in _alarm_days(state, when.shape).items()
    }


def _alarm_days(state: MonitorState, shape: tuple[int, ...]) -> dict[str, NDArray[np.int32]]:
    """First alarm of each pixel, (from, to, confirmed) by (3, rows, cols): of all, and of those in events."""
    pixels = alarm_pixels(state.pixels, first_row=0, first_col=0, cols=shape[1])
    events = group_events(pixels, cols=shape[1], rule=series_rules()["event"])
    single, joined = (np.full((3, *shape), NEVER, np.int32) for _ in range(2))
    single[:, pixels.row, pixels.col] = pixels.first, pixels.last, pixels.confirmed
    for event in events:
        place = (event.pixels.row, event.pixels.col)
        joined[0][place], joined[1][place] = event.change_from, event.change_to
        joined[2][place] = event.pixels.confirmed
    return {"pixels": single, "events": joined}


def _score(found: NDArray[np.int32], when: NDArray[np.int32]) -> dict[str, float]:
    first, last, confirmed = found
    is_changed, is_alarm = when > 0, confirmed != NEVER
    is_hit = is_changed & is_alarm & (confirmed >= when)
    hits, alarms = int(is_hit.sum()), int(is_alarm.sum())
    recall, precision = hits / int(is_changed.sum()), hits / max(alarms, 1)
    return {
        "f1": 2 * hits / (int(is_changed.sum()) + alarms),
        "recall": recall,
        "precision": precision,
        "false_alarm_share": float(is_alarm[~is_changed].mean()),
        "median_delay_days": float(np.median((confirmed - when)[is_hit])),
        "date_within_share": float(((first < when) & (when <= last))[is_hit].mean()),
    }


def _false_alarms(state: MonitorState, shape: tuple[int, ...], part: slice) -> dict[str, float]:
    return {
        name: float((found[2][:, part] != NEVER).mean()) for name, found in _alarm_days(state, shape).items()
    }


def _mean(rows: list[dict[str, dict[str, float]]]) -> dict[str, dict[str, float]]:
    return {
        name: {key: round(float(np.mean([row[name][key] for row in rows])), 4) for key in rows[0][name]}
        for name in ("pixels", "events")
    }
