"""Alarms by GB/T 28181 read as devices write them, and how far an event is believed."""

from __future__ import annotations

from datetime import datetime

import pytest

from detection.cameras.door.alarms import event_of_alarm, read_alarm
from detection.cameras.events import place_of
from detection.cameras.policy import camera_policy
from detection.cameras.presets import Camera
from detection.cameras.trust import DeviceRecord, believed
from foundation.calendar import SHANGHAI
from foundation.errors import InvalidInput

TOWER = Camera("34020000001320000001", "铁塔", (112.75, 34.95), 5.0, 35.0, 1.0)
SPRING = datetime(2026, 3, 1, 9, tzinfo=SHANGHAI)
HARVEST = datetime(2026, 6, 1, 9, tzinfo=SHANGHAI)


def alarm(encoding: str = "GB2312", *, extra: str = "", description: str = "发现挖掘机作业") -> bytes:
    text = (
        f'<?xml version="1.0" encoding="{encoding}"?>\r\n<Notify><CmdType>Alarm</CmdType><SN>7</SN>'
        f"<DeviceID>{TOWER.camera_id}</DeviceID><AlarmPriority>4</AlarmPriority><AlarmMethod>5</AlarmMethod>"
        "<AlarmTime>2026-03-01T09:27:05</AlarmTime>"
        f"<AlarmDescription>{description}</AlarmDescription>{extra}</Notify>"
    )
    return text.encode({"GB2312": "gb18030"}.get(encoding, encoding))


@pytest.mark.parametrize("encoding", ["GB2312", "UTF-8", "gbk"])
def test_an_alarm_is_read_in_the_encoding_that_devices_write(encoding: str) -> None:
    found = read_alarm(alarm(encoding))
    event = event_of_alarm(found, TOWER)
    assert (event.kind, event.seen_at.isoformat()) == ("excavator", "2026-03-01T09:27:05+08:00")
    assert found.event_id == "20260301T092705-7"


def test_its_place_is_what_it_says_or_anywhere_about_the_mast() -> None:
    rules = camera_policy()["gbt28181"]
    far = read_alarm(alarm(extra="<Longitude>112.76</Longitude><Latitude>34.95</Latitude>"))
    place = place_of(event_of_alarm(far, TOWER), TOWER)
    assert (place.lonlat, place.radius_m) == ((112.76, 34.95), rules["place_error_m"])
    for extra in (
        "",
        "<Longitude>0</Longitude><Latitude>0</Latitude>",
        "<Longitude>112.75001</Longitude><Latitude>34.95</Latitude>",
    ):
        place = place_of(event_of_alarm(read_alarm(alarm(extra=extra)), TOWER), TOWER)
        assert (place.lonlat, place.radius_m, place.means) == (TOWER.lonlat, rules["reach_m"], "mast")


def test_the_type_speaks_where_the_words_do_not_and_neither_is_refused() -> None:
    left = read_alarm(alarm(description="", extra="<Info><AlarmType>3</AlarmType></Info>"))
    assert event_of_alarm(left, TOWER).kind == "dwelling_object"
    for description, extra in (("画面遮挡", ""), ("", "<Info><AlarmType>2</AlarmType></Info>")):
        with pytest.raises(InvalidInput, match="AlarmDescription"):
            event_of_alarm(read_alarm(alarm(description=description, extra=extra)), TOWER)


BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "bbbbbbbb"><!ENTITY c "&b;&b;&b;&b;">]>'
    b"<Notify><CmdType>Alarm</CmdType><SN>1</SN><DeviceID>&c;</DeviceID></Notify>"
)
OUTSIDE = (
    b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><Notify><CmdType>Alarm</CmdType>'
    b"<DeviceID>&x;</DeviceID></Notify>"
)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (BOMB, "detection.camera.not_xml"),
        (OUTSIDE, "detection.camera.not_xml"),
        (b"\xff\xfe<", "detection.camera.not_xml"),
        (b"", "detection.camera.not_xml"),
        (alarm().replace(b"GB2312", b"UTF-7"), "detection.camera.not_xml"),
        (alarm().replace(b"<Notify>", b"<Notify><a>"), "detection.camera.not_xml"),
        (alarm().replace(b"Alarm</CmdType>", b"Keepalive</CmdType>"), "detection.camera.bad_field"),
        (alarm().replace(b"T09:27:05", b"T25:27:05"), "detection.camera.bad_field"),
        (alarm().replace(b"<SN>7", b"<SN>x"), "detection.camera.bad_field"),
        (alarm(extra="<Longitude>35.2</Longitude><Latitude>113.2</Latitude>"), "detection.camera.bad_field"),
        (alarm(extra="<Longitude>nan</Longitude><Latitude>35</Latitude>"), "detection.camera.bad_field"),
    ],
)
def test_what_is_no_alarm_is_refused_by_name(data: bytes, code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_alarm(data)
    assert refused.value.code == code


def chance(
    told: float, *, right: int = 0, wrong: int = 0, at: datetime = SPRING, kind: str = "excavator"
) -> float:
    record = DeviceRecord(right, wrong)
    return believed(told, kind=kind, seen_at=at, record=record, rules=camera_policy()["trust"])[0]


def test_a_new_device_in_a_quiet_week_is_taken_at_its_word() -> None:
    assert chance(0.87) == 0.87
    assert chance(1.0) == camera_policy()["trust"]["most"]
    assert chance(0.0) == camera_policy()["trust"]["least"]


def test_a_device_is_believed_as_it_deserves() -> None:
    assert chance(0.8, wrong=10) < 0.6 < 0.8 < chance(0.8, right=10)
    # Ten wrong ones on an expected 5 of 10: 5 of 20 were right, odds 4 × (1/3) = 4/3, that is 4 of 7.
    assert chance(0.8, wrong=10) == pytest.approx(4 / 7, abs=1e-3)
    assert [chance(0.8, wrong=wrong) for wrong in (0, 5, 20)] == sorted(
        (chance(0.8, wrong=wrong) for wrong in (0, 5, 20)), reverse=True
    )


def test_a_farm_machine_in_the_harvest_is_doubted_and_smoke_is_not() -> None:
    # Odds 4 × 0.4 = 1.6, that is 8 of 13.
    assert chance(0.8, at=HARVEST) == pytest.approx(8 / 13, abs=1e-3)
    assert chance(0.8, at=HARVEST, kind="blue_roof") == 0.8
    assert chance(0.5, at=datetime(2026, 10, 1, tzinfo=SHANGHAI), kind="smoke") > 0.5
