"""Quiet hours, collections, and a file of channels that is wrong."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from foundation.calendar import SHANGHAI
from foundation.errors import InvalidInput
from patrol.notices.channels import read_channels
from patrol.notices.notices import word
from patrol.notices.preferences import Choice, Preferences, from_json, quiet_until, slot_of, to_json


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("now", "end"),
    [
        ("2026-12-31 21:59", None),
        ("2026-12-31 22:00", "2027-01-01 07:00"),
        ("2027-01-01 06:59", "2027-01-01 07:00"),
        ("2027-01-01 07:00", None),
    ],
)
def test_quiet_hours_go_over_midnight_and_the_year(now: str, end: str | None) -> None:
    found = quiet_until(Preferences(), at(now), is_urgent=False)
    assert found == (at(end) if end else None)
    assert quiet_until(Preferences(), at(now), is_urgent=True) is None
    kept = Preferences(lets_urgent_through=False)
    assert quiet_until(kept, at(now), is_urgent=True) == found


def test_quiet_hours_within_a_day_and_none_at_all() -> None:
    noon = Preferences(quiet_from="12:00", quiet_to="14:00")
    assert quiet_until(noon, at("2026-09-08 13:00"), is_urgent=False) == at("2026-09-08 14:00")
    assert quiet_until(noon, at("2026-09-08 14:00"), is_urgent=False) is None
    never = Preferences(quiet_from="00:00", quiet_to="00:00")
    assert quiet_until(never, at("2026-09-08 03:00"), is_urgent=False) is None


@pytest.mark.parametrize(
    ("pace", "now", "slot"),
    [
        ("each", "2026-09-08 10:20", None),
        ("each", "2026-09-08 23:20", "2026-09-09 07:00"),
        ("hourly", "2026-09-08 10:20", "2026-09-08 11:00"),
        ("hourly", "2026-09-08 21:20", "2026-09-09 07:00"),
        ("daily", "2026-09-08 08:29", "2026-09-08 08:30"),
        ("daily", "2026-09-08 08:30", "2026-09-09 08:30"),
    ],
)
def test_collections_go_out_at_their_slot(pace: str, now: str, slot: str | None) -> None:
    found = slot_of(Preferences(), pace, at(now), is_urgent=False)  # type: ignore[arg-type]
    assert found == (at(slot) if slot else None)
    assert slot_of(Preferences(), pace, at(now), is_urgent=True) is None  # type: ignore[arg-type]


def test_choices_come_back_as_they_were_kept() -> None:
    chosen = Preferences(
        {"sms": Choice(True, "13800000000", "daily")}, "21:00", "06:00", False, ("warn",), "en"
    )
    assert from_json(to_json(chosen)) == chosen


def test_a_long_message_says_how_many_more() -> None:
    said = word([("warn", "patch", f"N-{serial}") for serial in range(25)] * 2, "zh")
    assert said.title == "守土：25 条通知"
    assert said.text.count("\n") == 21
    assert "另有 5 条" in said.text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('[channels.push]\nzh="a"\nen="a"\ntransport="http"\nurl="x"', "no such name"),
        ('[channels.sms]\nzh="a"\nen="a"\ntransport="http"\nurl="{password}"', "unknown placeholder"),
        ('[channels.sms]\nzh="a"\nen="a"\ntransport="http"\nurl="x"\nsign="hmac"', "needs secret_file"),
        ('[webhooks.oa]\nurl="x"\nsecret_file="y"\nkinds=["rumour"]', "unknown kind"),
        ('[push]\ncontact="admin"', "pattern"),
        ("[channels", ""),
    ],
)
def test_a_wrong_file_of_channels_is_named(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "notices.toml"
    assert read_channels(path).channels == {}
    path.write_text(text)
    with pytest.raises(InvalidInput, match=r"notices\.toml") as caught:
        read_channels(path)
    assert reason in caught.value.facts["reason"]
