"""How a bureau's table becomes our columns: fields, dates, codes; and where data may lie."""

from __future__ import annotations

import tomllib
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from foundation.divisions import divisions
from foundation.errors import InvalidInput
from ingest.extent import lies_near, likely_crs, touches
from ingest.layers import catalogue, layer_kind, map_fields, read_date, read_division, read_period, read_text

DEMO_LAYERS = Path(__file__).resolve().parents[3] / "data" / "demo" / "layers.toml"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("2026-03-01", date(2026, 3, 1)),
        ("2026/3/1", date(2026, 3, 1)),
        ("2026.3.1", date(2026, 3, 1)),
        ("20260301", date(2026, 3, 1)),
        ("2026-03-01T08:00:00", date(2026, 3, 1)),
        (datetime(2026, 3, 1, 23, 59), date(2026, 3, 1)),
        (date(2026, 3, 1), date(2026, 3, 1)),
        ("", None),
        (None, None),
        (float("nan"), None),
    ],
)
def test_dates(given: Any, expected: date | None) -> None:
    assert read_date(given, file="f", row=1, field_name="PZRQ") == expected


@pytest.mark.parametrize("given", ["2026-02-30", "去年", "2026", "31-12-2026", "2026-13-01"])
def test_dates_that_are_none(given: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_date(given, file="YDSP.gpkg", row=7, field_name="PZRQ")
    assert caught.value.code == "ingest.layer.bad_date"
    assert "YDSP.gpkg" in caught.value.text("zh")
    assert "7" in caught.value.text("zh")
    assert given in caught.value.text("zh")


def test_a_right_does_not_end_before_it_begins() -> None:
    one_day = read_period("2026-03-01", "2026-03-01", file="f", row=1, names=("PZRQ", "JSRQ"))
    assert one_day == (date(2026, 3, 1), date(2026, 3, 1))
    with pytest.raises(InvalidInput) as caught:
        read_period("2026-03-02", "2026-03-01", file="f", row=1, names=("PZRQ", "JSRQ"))
    assert caught.value.code == "ingest.layer.dates_reversed"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("410883", "410883000000"),
        ("410883104", "410883104000"),
        ("410883104203", "410883104203"),
        ("4108831042030000000", "410883104203"),
        (410883, "410883000000"),
        (410883.0, "410883000000"),
        ("  ", None),
        (None, None),
    ],
)
def test_division_codes(given: Any, expected: str | None) -> None:
    assert read_division(given, divisions(), file="f", row=1) == expected


@pytest.mark.parametrize("given", ["410899", "410883104999", "孟州市", "999999999999"])
def test_division_codes_that_do_not_exist(given: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_division(given, divisions(), file="DLTB.gpkg", row=3)
    assert caught.value.code == "ingest.layer.unknown_division"
    assert given in caught.value.text("zh")


def test_codes_that_were_stored_as_numbers_stay_codes() -> None:
    assert read_text(4108830001.0) == "4108830001"
    assert read_text("0101 ") == "0101"
    assert read_text("   ") is None


def test_missing_field_is_named_with_what_is_accepted_and_what_is_there() -> None:
    with pytest.raises(InvalidInput) as caught:
        map_fields(layer_kind("temporary_use"), ["PZWH", "XMMC", "PZRQ"], file="LSYD.shp")
    assert caught.value.code == "ingest.layer.missing_field"
    assert caught.value.facts["accepted"] == "JSRQ, YXQZ"
    assert caught.value.facts["found"] == "PZWH, XMMC, PZRQ"


def test_fields_are_found_in_any_letter_case_and_by_any_accepted_name() -> None:
    mapping = map_fields(layer_kind("temporary_use"), ["pzwh", "pzrq", "yxqz"], file="f")
    assert mapping == {"feature_no": "pzwh", "valid_from": "pzrq", "valid_to": "yxqz"}


def test_unknown_kind_names_the_known_ones() -> None:
    with pytest.raises(InvalidInput) as caught:
        layer_kind("farm")
    assert caught.value.code == "ingest.layer.unknown_kind"
    assert "basic_farmland" in caught.value.text("zh")


def test_catalogue_takes_every_layer_of_the_demonstration_by_its_own_names() -> None:
    demo = tomllib.loads(DEMO_LAYERS.read_text("utf-8"))["layer"]
    assert set(demo) == set(catalogue())
    for kind, row in demo.items():
        spec = layer_kind(kind)
        mapping = map_fields(spec, row["fields"], file=row["file"])
        assert Path(row["file"]).stem in spec.names
        assert mapping["feature_no"] == row["number"]
        for column in ("valid_from", "valid_to"):
            assert mapping.get(column) == row.get(column) or column not in row
        assert ("land_class" in row) == ("land_class_code" in mapping), kind


def test_extent_tells_neighbouring_zones_apart() -> None:
    assert lies_near((112.7, 34.9, 112.8, 35.0), "410883")
    assert not lies_near((109.7, 34.9, 109.8, 35.0), "410883")  # 3° west: central meridian 111 for 114
    assert not lies_near((34.9, 112.7, 35.0, 112.8), "410883")
    assert lies_near((116.3, 39.8, 116.4, 39.9), "110101")  # a city without an extent: anywhere in China
    assert touches((110.0, 30.0, 115.0, 40.0), "410883")  # a whole satellite frame
    assert not touches((109.7, 34.9, 109.8, 35.0), "410883")
    # Ranges of the plane coordinates of Jiaozuo do not overlap, so numbers alone name the system.
    assert likely_crs((367_000, 3_852_000, 468_300, 3_934_000), "410883") == ("EPSG:4547",)
    assert likely_crs((38_367_000, 3_852_000, 38_468_300, 3_934_000), "410883") == ("EPSG:4526",)
    assert likely_crs((640_600, 3_852_000, 742_600, 3_934_000), "410883") == ("EPSG:4546", "EPSG:4508")
