"""The monitor on real series: the figures that are promised, on ground and seeds that chose nothing."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest
import rasterio

from detection.accuracy.series import measure_series
from detection.accuracy.series_gate import measure_gate
from detection.series.kernel import NEVER
from detection.series.monitor import advance, day_number, monitor_rule, new_state, quantised

pytestmark = pytest.mark.shared


def test_injected_change_is_found_in_time_and_little_else(shared_scenes: Path):
    measured = measure_series(shared_scenes / "s2_eopatch_slovenia")
    for part in ("held_out", "whole"):
        events = measured[part]["events"]
        assert events["f1"] >= 0.96
        assert events["recall"] >= 0.97
        assert events["median_delay_days"] <= 56
        assert events["date_within_share"] >= 0.97
        assert measured[part]["pixels"]["false_alarm_share"] <= 0.012
        assert events["false_alarm_share"] <= 0.006
        assert measured["control"][part]["events"] <= 0.006
    assert measured["scenes"] == 68


def test_the_gate_explains_seasons_and_harms_no_conversion(shared_scenes: Path):
    told = measure_gate(shared_scenes / "s2_eopatch_slovenia", seeds=(101,))
    assert told["changed"]["squares"] >= 50
    assert told["changed"]["at_once"]["disagrees"] <= 0.02
    assert told["changed"]["later"]["agrees"] >= 0.9
    assert told["same"]["at_once"]["disagrees"] >= 0.3
    assert told["same"]["later"]["agrees"] <= 0.01


def test_twelve_dry_and_wet_years_are_no_conversion_but_a_cleared_half_is(shared_scenes: Path):
    """16-day MODIS NDVI of Somali savanna, 2000 to 2012: the rains come and fail, the land stays."""
    with rasterio.open(shared_scenes / "modis_bfast" / "modisraster.tif") as source:
        values = source.read().astype(np.float64)
        days = [day_number(date(*map(int, text[1:].split(".")))) for text in source.descriptions]
    rule, days = monitor_rule(), np.array(days, np.int32)
    flat = values.reshape(len(days), -1)
    calm = advance(new_state(25, rule), days, quantised(flat), rule)
    assert (calm.pixels.alarm_day == NEVER).all()
    flat[150:, :12] = 0.12
    cleared = advance(new_state(25, rule), days, quantised(flat), rule)
    has_alarm = (cleared.pixels.alarm_day != NEVER).any(axis=0)
    assert has_alarm[:12].all()
    assert not has_alarm[12:].any()
