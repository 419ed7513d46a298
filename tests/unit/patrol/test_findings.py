"""What came of a finding, in the finder's words; and how far off its place may be."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import uuid4

import pytest

from foundation.calendar import SHANGHAI
from patrol.findings.findings import FindingBody, body_sha256, radius_m, standing_of

BODY = FindingBody(
    uuid4(), None, "building", datetime(2026, 9, 8, 9, 0, tzinfo=SHANGHAI), 1, (112.7, 35.0), 8.0, "wgs84"
)


@pytest.mark.parametrize(
    ("number", "dismissed", "state", "verdict", "told"),
    [
        (None, None, None, None, "待核"),
        (None, "not_land", None, None, "不属实"),
        (None, "repeated", None, None, "重复发现，已有线索"),
        (None, "approved_site", None, None, "经核对为已批准用地"),
        ("甲1", None, None, None, "已并入图斑 甲1"),
        ("甲1", None, "triage", "unlawful", "已并入图斑 甲1"),
        ("甲1", None, "rectifying", "unlawful", "属实，整改中（图斑 甲1）"),
        ("甲1", None, "case_open", "unlawful", "已立案（图斑 甲1）"),
        ("甲1", None, "closed", "unlawful", "属实，已办结（图斑 甲1）"),
        ("甲1", None, "dismissed", "lawful", "不属实"),
        ("甲1", None, "dismissed", None, "已了结，未作违法处理（图斑 甲1）"),
    ],
)
def test_the_finder_is_told_how_it_stands(
    number: str | None, dismissed: str | None, state: str | None, verdict: str | None, told: str
) -> None:
    found = standing_of(number=number, dismissed=dismissed, state=state, verdict=verdict)
    assert found.zh == told
    assert "{" not in found.en


def test_a_place_is_as_certain_as_the_position_or_the_finger_on_the_map() -> None:
    assert radius_m(BODY) == 15.0
    assert radius_m(replace(BODY, accuracy_m=60.0)) == 60.0
    assert radius_m(replace(BODY, own_lonlat=(112.71, 35.0))) == 30.0


def test_any_other_word_is_another_body() -> None:
    assert body_sha256(BODY) == body_sha256(replace(BODY))
    assert body_sha256(BODY) != body_sha256(replace(BODY, note="改"))
    assert body_sha256(BODY) != body_sha256(replace(BODY, patrol_id=uuid4()))
