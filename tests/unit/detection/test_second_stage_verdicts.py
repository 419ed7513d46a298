"""Quality by verdicts: counts, intervals and their patches."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import pytest

from detection.evaluation.verdicts import Outcome, Source, iso_week, measure_quality, wilson
from foundation.calendar import SHANGHAI

MONDAY = datetime(2026, 9, 7, 0, 30, tzinfo=SHANGHAI)
SATELLITE = Source("satellite", "irmad@1", 0.92)
CAMERA = Source("camera", None, None)


def make_outcome(number: int, is_real: bool | None, *sources: Source, **other: object) -> Outcome:
    values: dict[str, object] = {
        "change_class": "road",
        "verdict": "unlawful" if is_real else "not_new",
        "reason_code": None if is_real else "season",
        "recorded_at": MONDAY,
        **other,
    }
    return Outcome(UUID(int=number), f"410883-2609-{number:04d}", is_real=is_real, sources=sources, **values)  # type: ignore[arg-type]


def test_wilson_is_wilsons() -> None:
    assert wilson(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert wilson(0, 5)[0] == pytest.approx(0.0, abs=1e-9)
    assert wilson(5, 5)[1] == pytest.approx(1.0, abs=1e-9)
    assert wilson(5, 5)[0] == pytest.approx(0.5655, abs=1e-4)


def test_each_count_is_the_number_of_its_patches() -> None:
    outcomes = [
        make_outcome(1, True, SATELLITE),
        make_outcome(2, True, SATELLITE, SATELLITE, CAMERA),
        make_outcome(3, False, SATELLITE, change_class="water"),
        make_outcome(4, None, CAMERA, reason_code="survey_class"),
        make_outcome(5, False, CAMERA, recorded_at=MONDAY - timedelta(hours=1), reason_code="farm_machine"),
    ]
    quality = measure_quality(outcomes)
    assert quality.all.decided == 4
    assert quality.all.precision == 0.5
    assert [ref.number[-4:] for ref in quality.all.confirmed] == ["0001", "0002"]
    by_source = {row.key: row for row in quality.by_source}
    assert len(by_source["satellite"].confirmed) == 2
    assert len(by_source["satellite"].false_alarms) == 1
    assert [len(by_source["camera"].undecided), by_source["camera"].decided] == [1, 2]
    assert [row.key for row in quality.by_method] == ["irmad@1"]
    assert [row.key for row in quality.by_week] == ["2026-W36", "2026-W37"]
    assert {row.key: row.decided for row in quality.by_class} == {"road": 3, "water": 1}
    assert [(row.reason_code, len(row.patches)) for row in quality.reasons] == [
        ("farm_machine", 1),
        ("season", 1),
    ]
    top = quality.reliability[9]
    assert (top.row.decided, top.mean_probability) == (4, 0.92)
    assert all(row.is_small for row in quality.by_class)


def test_nothing_judged_gives_no_number() -> None:
    quality = measure_quality([])
    assert quality.all.precision is None
    assert quality.all.interval is None
    assert quality.brier is None


def test_weeks_turn_over_in_shanghai() -> None:
    assert iso_week(MONDAY) == "2026-W37"
    assert iso_week(MONDAY - timedelta(hours=1)) == "2026-W36"
    assert iso_week(datetime(2027, 1, 1, tzinfo=SHANGHAI)) == "2026-W53"
