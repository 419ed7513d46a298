"""What cameras bring, and what they are answered."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from pydantic import Field

from webmap.schemas.basics import Answer, Moment


class PictureReceipt(Answer):
    """A picture that is stored."""

    sha256: str


class EventReceipt(Answer):
    """What became of an event. The same body again gets the same answer."""

    event_id: str = Field(description="The device's own; of an alarm, what follows from its time and serial.")
    lead_id: UUID = Field(description="Its lead, or the earlier one that tells the same.")
    fate: Literal["new", "known", "repeated"] = Field(
        description="A new lead; this very event under another id; the same scene within a day."
    )


class DisputeInfo(Answer):
    """Two bodies under one event id; the first became a lead."""

    camera_id: str
    camera_name: str
    event_id: str
    lead_id: UUID
    first_body: str
    first_received_at: Moment
    other_body: str
    other_received_at: Moment


class Disputes(Answer):
    """The newest first."""

    items: list[DisputeInfo]


EVENT_EXAMPLE = {
    "event_id": "0191a5b0-5f0e-7a7b-9d00-0000000000aa",
    "source": "tower_camera",
    "vendor": "x",
    "device_id": "34020000001320000001",
    "preset": 3,
    "ts": "2026-03-01T09:27:05+08:00",
    "class": "excavator",
    "confidence": 0.87,
    "bbox": [0.41, 0.52, 0.06, 0.05],
    "ptz": {"pan_deg": 0, "tilt_deg": 0, "zoom": 1},
    "location": {"lon": 113.2, "lat": 35.2, "error_m": 60, "crs": "EPSG:4490"},
    "media": {"image": "a.jpg", "sha256": "0" * 64},
}
ALARM_EXAMPLE = """<?xml version="1.0" encoding="GB2312"?>
<Notify><CmdType>Alarm</CmdType><SN>17430</SN><DeviceID>34020000001320000001</DeviceID>
<AlarmPriority>4</AlarmPriority><AlarmMethod>5</AlarmMethod><AlarmTime>2026-03-01T09:27:05</AlarmTime>
<AlarmDescription>挖掘机</AlarmDescription><Longitude>113.2</Longitude><Latitude>35.2</Latitude></Notify>"""
