"""Alarms by GB/T 28181: the XML of a device's notification, and the camera event that it amounts to. Pure.

References
----------
GB/T 28181 公共安全视频监控联网系统信息传输、交换、控制技术要求, notification ``Alarm``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from detection.cameras.events import CameraEvent
from detection.cameras.policy import camera_policy
from detection.cameras.presets import Camera, GroundPlace
from foundation.calendar import SHANGHAI
from foundation.crs import CHINA_LONLAT, distance_m
from foundation.errors import InvalidInput

DECLARATION = re.compile(rb"""^\s*<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]{1,20})["'][^>]*?\?>""")
ENCODINGS = {
    "utf-8": "utf-8-sig",
    "utf8": "utf-8-sig",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "gb18030": "gb18030",
}
"""What devices declare → how it is read; most write GB 2312, which the XML parser itself cannot read."""
WHOLE_FRAME = (0.0, 0.0, 1.0, 1.0)
LONGEST = 200


@dataclass(frozen=True, slots=True)
class Alarm:
    """What the notification says.

    Attributes
    ----------
    serial : str
        ``SN``: counts from 1 after each start of the device.
    at : datetime
        Shanghai where the device names no zone, as the standard has it.
    lonlat : (float, float) or None
        EPSG:4490.
    """

    device_id: str
    serial: str
    at: datetime
    method: str
    kind: str
    description: str
    lonlat: tuple[float, float] | None

    @property
    def event_id(self) -> str:
        """The same alarm again has the same one; the serial alone begins anew after each start."""
        return f"{self.at.strftime('%Y%m%dT%H%M%S')}-{self.serial}"


def read_alarm(data: bytes) -> Alarm:
    """An alarm of its XML.

    Raises
    ------
    InvalidInput
        ``detection.camera.not_xml`` or ``detection.camera.bad_field``.
    """
    root = _parsed(data)
    if root.tag != "Notify" or _words(root, "CmdType") != "Alarm":
        raise _refusal("CmdType", root.findtext("CmdType") or root.tag, "Notify / Alarm")
    device_id = _words(root, "DeviceID")
    serial = _words(root, "SN")
    if not serial.isdecimal() or len(serial) > 20:
        raise _refusal("SN", serial, "1 …")
    info = root.find("Info")
    kind = (
        root.findtext("AlarmType") or (info.findtext("AlarmType") if info is not None else "") or ""
    ).strip()
    method = (root.findtext("AlarmMethod") or "").strip()
    description = (root.findtext("AlarmDescription") or "").strip()[:LONGEST]
    return Alarm(device_id, serial, _moment(root), method[:10], kind[:10], description, _lonlat(root))


def event_of_alarm(alarm: Alarm, camera: Camera, *, vendor: str = "GB/T 28181") -> CameraEvent:
    """The camera event that an alarm amounts to: seen somewhere about its own coordinates, or about the mast.

    Raises
    ------
    InvalidInput
        ``detection.camera.alarm_unclear``: neither its words nor its type say what was seen.
    """
    rules = camera_policy()["gbt28181"]
    kind = _kind(alarm, rules)
    if kind is None:
        raise InvalidInput(
            "detection.camera.alarm_unclear",
            method=alarm.method or "—",
            kind=alarm.kind or "—",
            description=alarm.description or "—",
        )
    place = GroundPlace(camera.lonlat, float(rules["reach_m"]), "mast")
    if alarm.lonlat is not None and distance_m(alarm.lonlat, camera.lonlat) > rules["own_place_m"]:
        place = GroundPlace(alarm.lonlat, float(rules["place_error_m"]), "vendor")
    return CameraEvent(
        alarm.device_id,
        None,
        alarm.at,
        kind,
        float(rules["confidence"]),
        WHOLE_FRAME,
        vendor=vendor,
        vendor_event_id=alarm.event_id,
        told=place,
    )


def _kind(alarm: Alarm, rules: Mapping[str, Any]) -> str | None:
    for words, kind in rules["words"]:
        if words in alarm.description:
            return str(kind)
    found = rules["types"].get(f"{alarm.method}/{alarm.kind}")
    return None if found is None else str(found)


def _parsed(data: bytes) -> Element:
    declared = DECLARATION.match(data)
    name = declared.group(1).decode("ascii").lower() if declared else "utf-8"
    try:
        if name not in ENCODINGS:
            raise InvalidInput("detection.camera.not_xml", reason=f"encoding {name}")
        text = data.decode(ENCODINGS[name])
        plain = text[text.index("?>") + 2 :] if declared else text
        root: Element = fromstring(plain.strip(), forbid_dtd=True)
    except (ParseError, DefusedXmlException, UnicodeDecodeError, ValueError) as error:
        raise InvalidInput(
            "detection.camera.not_xml", reason=str(error)[:120] or type(error).__name__
        ) from error
    return root


def _words(root: Element, name: str) -> str:
    found = (root.findtext(name) or "").strip()
    if not found or len(found) > 64 or not found.isprintable():
        raise _refusal(name, found, "1 … 64 characters")
    return found


def _moment(root: Element) -> datetime:
    found = (root.findtext("AlarmTime") or "").strip()
    try:
        moment = datetime.fromisoformat(found)
    except ValueError:
        raise _refusal("AlarmTime", found, "2026-03-01T09:27:05") from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=SHANGHAI)


def _lonlat(root: Element) -> tuple[float, float] | None:
    """Both or neither; zero and zero is how devices without a fix write "unknown"."""
    texts = [(root.findtext(name) or "").strip() for name in ("Longitude", "Latitude")]
    if not any(texts):
        return None
    try:
        lon, lat = (float(one) for one in texts)
    except ValueError:
        raise _refusal("Longitude, Latitude", ", ".join(texts), "113.2, 35.2") from None
    if lon == lat == 0.0:
        return None
    west, south, east, north = CHINA_LONLAT
    if not (math.isfinite(lon) and west <= lon <= east and south <= lat <= north):
        raise _refusal("Longitude, Latitude", ", ".join(texts), f"{west:g} … {east:g}, {south:g} … {north:g}")
    return lon, lat


def _refusal(field: str, found: str, expected: str) -> InvalidInput:
    told = found[:80] or "—"
    return InvalidInput(
        "detection.camera.bad_field", file="Alarm", field=field, found=told, expected=expected
    )
