"""How a bureau's table becomes our columns: field names, dates, division codes, texts."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.divisions import divisions
from foundation.errors import InvalidInput
from ingest.layers import catalogue, layer_kind, map_fields, read_date, read_division, read_text
from ingest.scenes import name_bands

WHERE: dict[str, Any] = {"file": "LSYD.gpkg", "row": 7}


def day_of(value: Any) -> date | None:
    return read_date(value, **WHERE, field_name="PZRQ")


def test_the_catalogue_is_whole() -> None:
    names = [name for kind in catalogue().values() for name in kind.names]
    assert len(names) == len(set(names))
    for kind in catalogue().values():
        assert set(kind.required) <= set(kind.fields), kind.kind
        assert kind.group in {"business", "control", "tenure"}
        assert ("land_class_code" in kind.fields) == (kind.class_scheme is not None), kind.kind
        assert all(name == name.upper() for names in kind.fields.values() for name in names)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (["pzwh", "PzRq", "jsrq"], {"feature_no": "pzwh", "valid_from": "PzRq", "valid_to": "jsrq"}),
        (["YXQZ", "JSRQ", "PZRQ", "PZWH"], {"feature_no": "PZWH", "valid_from": "PZRQ", "valid_to": "JSRQ"}),
        (["YXQZ", "PZRQ", "PZWH"], {"feature_no": "PZWH", "valid_from": "PZRQ", "valid_to": "YXQZ"}),
    ],
)
def test_fields_are_found_in_any_case_and_the_first_name_wins(
    found: list[str], expected: dict[str, str]
) -> None:
    assert map_fields(layer_kind("temporary_use"), found, file="f") == expected


def test_a_missing_field_is_named_with_what_would_do_and_what_there_is() -> None:
    with pytest.raises(InvalidInput) as caught:
        map_fields(layer_kind("temporary_use"), ["PZWH", "PZRQ", "备注"], file="LSYD.gpkg")
    assert caught.value.code == "ingest.layer.missing_field"
    for language in ("zh", "en"):
        text = caught.value.text(language)  # type: ignore[arg-type]
        assert all(word in text for word in ("LSYD.gpkg", "临时用地", "JSRQ, YXQZ", "备注"))


@pytest.mark.parametrize(
    "value",
    [
        "2026-03-01", "2026-3-1", "2026/3/1", "2026.03.01", "2026年3月1日", "2026年03月01日", "20260301",
        20260301, 20260301.0, " 2026-03-01 ", "2026-03-01T10:20:30+08:00", "2026/3/1 0:00:00",
        date(2026, 3, 1), datetime(2026, 3, 1, 23, 59),
    ],
)  # fmt: skip
def test_dates_as_bureaus_write_them(value: Any) -> None:
    assert day_of(value) == date(2026, 3, 1)


@pytest.mark.parametrize("value", [None, "", "  ", "NaT", float("nan")])
def test_an_empty_date_is_none(value: Any) -> None:
    assert day_of(value) is None


@pytest.mark.parametrize(
    "value",
    ["2026-02-29", "2026-13-01", "永久", "2026", "2026-03", "03/01/2026", "2026-3-1-1", 0, "20260230"],
)
def test_what_is_no_date_is_refused_by_file_row_and_field(value: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        day_of(value)
    assert caught.value.code == "ingest.layer.bad_date"
    assert caught.value.facts == {"file": "LSYD.gpkg", "row": 7, "field": "PZRQ", "value": str(value)}


@given(st.dates(min_value=date(1900, 1, 1), max_value=date(2199, 12, 31)))
def test_every_day_is_read_back_from_every_form(day: date) -> None:
    forms = [
        day.isoformat(),
        day.strftime("%Y%m%d"),
        f"{day.year}/{day.month}/{day.day}",
        str(day) + " 08:00",
    ]
    assert [day_of(form) for form in forms] == [day] * len(forms)


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("410883", "410883000000"),
        ("410883105", "410883105000"),
        ("410883105202", "410883105202"),
        ("4108831052020000000", "410883105202"),
        (410883105202, "410883105202"),
        (410883105202.0, "410883105202"),
        (" 410883 ", "410883000000"),
        (None, None),
        ("", None),
        (float("nan"), None),
    ],
)
def test_division_codes_of_every_length(value: Any, code: str | None) -> None:
    assert read_division(value, divisions(), **WHERE) == code


@pytest.mark.parametrize("value", ["410883999", "99", "西虢镇", "41088310520", "000000000000"])
def test_a_division_that_does_not_exist_is_refused_by_row(value: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_division(value, divisions(), **WHERE)
    assert caught.value.code == "ingest.layer.unknown_division"
    assert (caught.value.facts["row"], caught.value.facts["division"]) == (7, value)


@pytest.mark.parametrize(
    ("value", "text"),
    [("0101", "0101"), (101, "101"), (101.0, "101"), (10.5, "10.5"), ("  ", None), (float("nan"), None)],
)
def test_numbers_that_are_codes_lose_no_digit_and_gain_no_point(value: Any, text: str | None) -> None:
    assert read_text(value) == text


@pytest.mark.parametrize(
    ("descriptions", "count", "bands"),
    [
        (("Blue", "GREEN", " red ", "Near Infrared"), 4, ("blue", "green", "red", "nir")),
        (("nir", "red", "green", "blue"), 4, ("nir", "red", "green", "blue")),
        ((None, None, None, None), 4, ("blue", "green", "red", "nir")),
        (("", "", ""), 3, ("red", "green", "blue")),
        (("VV", "VH"), 2, ("band1", "band2")),
    ],
)
def test_bands_by_what_the_file_says_then_by_usage(
    descriptions: tuple[Any, ...], count: int, bands: tuple[str, ...]
) -> None:
    assert name_bands(descriptions, count) == bands
