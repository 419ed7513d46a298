"""The harmonic monitor on a stack of 70 dates."""

from __future__ import annotations

import numpy as np

from bench.jobs import Job, Outcome, Place, digest
from bench.scenes import SEED
from detection.series.monitor import MonitorState, advance, monitor_rule, new_state, quantised

DATES = 70
REVISIT_DAYS = 15
CLOUD_SHARE = 0.35
CHANGED_SHARE = 0.02


def monitored(place: Place) -> Job:
    """All dates at once into an empty state; a pixel in fifty turns bare after date 50."""
    pixels = place.side_px**2
    random = np.random.default_rng((SEED, pixels, 5))
    days = (17_000 + REVISIT_DAYS * np.arange(DATES)).astype(np.int32)
    season = 0.45 + 0.25 * np.sin(2 * np.pi * days / 365.25)[:, None]
    level = random.normal(0.0, 0.06, pixels).astype(np.float32)
    index = (season + level + random.normal(0.0, 0.03, (DATES, pixels))).astype(np.float32)
    is_changed = random.random(pixels) < CHANGED_SHARE
    index[50:, is_changed] = 0.08
    values = quantised(index, random.random(index.shape) > CLOUD_SHARE)
    rule = monitor_rule()

    def judge(state: MonitorState) -> Outcome:
        has_alarm = np.asarray((state.pixels.alarm_day >= 0).any(axis=0)).reshape(-1)
        facts = {
            "alarms": digest(state.pixels.alarm_day),
            "found": round(float(has_alarm[is_changed].mean()), 4),
            "false": round(float(has_alarm[~is_changed].mean()), 5),
        }
        return Outcome(int(has_alarm.sum()), float(pixels), facts)

    return Job(lambda: advance(new_state(pixels, rule), days, values, rule), judge)
