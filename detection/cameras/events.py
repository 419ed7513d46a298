"""A camera's event: what it says, checked at the edge, and the sighting that it becomes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from detection.cameras.fields import Fields
from detection.cameras.policy import camera_policy, event_kind, season_of
from detection.cameras.presets import Camera, GroundPlace, Offset, locate
from detection.leads import Lead, sighting
from foundation.crs import CHINA_LONLAT
from foundation.errors import InvalidInput
from foundation.ids import derived_id

SOURCE = "camera"
EVENTS_MAX = 10_000
IN_PRESET = Offset()


@dataclass(frozen=True, slots=True)
class CameraEvent:
    """One event as a vendor sends it, or as our own watching makes it.

    Attributes
    ----------
    bbox : (x, y, width, height)
        Of the object, as shares of the frame from the upper left.
    picture : str
        File beside the event's.
    picture_sha256 : str or None
        As the sender took it.
    preset_no : int or None
        None where the form names none; the place is told then.
    told : GroundPlace or None
        The vendor's own place.
    """

    camera_id: str
    preset_no: int | None
    seen_at: datetime
    kind: str
    confidence: float
    bbox: tuple[float, float, float, float]
    picture: str = ""
    picture_sha256: str | None = None
    vendor: str = ""
    vendor_event_id: str = ""
    offset: Offset = IN_PRESET
    told: GroundPlace | None = None


def read_event(raw: object, *, file: str) -> CameraEvent:
    """One event of a JSON value.

    Raises
    ------
    InvalidInput
        ``detection.camera.bad_field`` or ``detection.camera.unknown_kind``.
    """
    return _read_event(Fields(raw, file=file))


def read_events(text: str, *, file: str) -> list[CameraEvent]:
    """Events of a JSON text: one object, or a list of them.

    Raises
    ------
    InvalidInput
        ``detection.camera.not_json``, ``detection.camera.bad_field`` or ``detection.camera.unknown_kind``.
    """
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("detection.camera.not_json", file=file, reason=str(error)[:120]) from error
    rows = raw if isinstance(raw, list) else [raw]
    if len(rows) > EVENTS_MAX:
        raise InvalidInput("detection.camera.too_many_events", file=file, found=len(rows), maximum=EVENTS_MAX)
    places = [f"[{index}]" if isinstance(raw, list) else "" for index in range(len(rows))]
    return [_read_event(Fields(row, file=file, place=p)) for row, p in zip(rows, places, strict=True)]


def check_clock(event: CameraEvent, now: datetime) -> None:
    """An event from the future has a wrong clock.

    Raises
    ------
    InvalidInput
        ``detection.camera.clock_ahead``.
    """
    ahead = timedelta(minutes=camera_policy()["edge"]["clock_ahead_min"])
    if event.seen_at > now + ahead:
        raise InvalidInput(
            "detection.camera.clock_ahead", camera_id=event.camera_id, seen_at=event.seen_at.isoformat()
        )


def place_of(event: CameraEvent, camera: Camera) -> GroundPlace:
    """Where the foot of the object stands: as the vendor says, else by the preset.

    Raises
    ------
    InvalidInput
        As `detection.cameras.presets.locate`; ``detection.camera.unknown_preset``,
        ``detection.camera.no_place``.
    """
    preset = None if event.preset_no is None else camera.preset(event.preset_no)
    if event.told is not None:
        return event.told
    if preset is None:
        raise InvalidInput("detection.camera.no_place", camera_id=event.camera_id)
    x, y, width, height = event.bbox
    foot = ((x + width / 2) * preset.size_px[0], (y + height) * preset.size_px[1])
    far_m = float(camera_policy()["edge"]["far_m"])
    return locate(camera, preset, foot, offset=event.offset, far_m=far_m)


def sighting_of(
    event: CameraEvent,
    camera: Camera,
    place: GroundPlace,
    *,
    division_code: str,
    picture_sha256: str,
    served_sha256: str,
) -> Lead:
    """The lead of an event. Its id follows from camera, time, kind and picture: sent twice, it is one.

    Parameters
    ----------
    picture_sha256, served_sha256 : str
        The picture as it came, and the clean copy that officers see.
    """
    kind = event_kind(event.kind)
    preset = None if event.preset_no is None else camera.preset(event.preset_no)
    attributes: dict[str, Any] = {
        "camera_id": camera.camera_id,
        "camera_name": camera.name,
        "preset": event.preset_no,
        "preset_name": None if preset is None else preset.name,
        "kind": event.kind,
        "kind_name": kind.zh,
        "bbox": list(event.bbox),
        "picture_sha256": picture_sha256,
        "served_sha256": served_sha256,
        "place_by": place.means,
        "region_id": place.region_id,
        "vendor": event.vendor,
        "vendor_event_id": event.vendor_event_id,
        "season": season_of(event.kind, event.seen_at),
    }
    return sighting(
        lead_id=derived_id("lead", SOURCE, camera.camera_id, event.seen_at, event.kind, picture_sha256),
        source=SOURCE,
        division_code=division_code,
        seen_at=event.seen_at,
        lonlat=place.lonlat,
        radius_m=place.radius_m,
        change_class=kind.change_class,
        confidence=event.confidence,
        attributes={key: value for key, value in attributes.items() if value not in (None, "")},
    )


def first_told(lead: Lead, others: Sequence[Lead]) -> Lead | None:
    """The earlier lead that tells the same: one camera, preset and kind, hours apart, boxes overlapping."""
    rules = camera_policy()["repeats"]
    span = timedelta(hours=rules["hours"])
    same = [
        other
        for other in others
        if other.lead_id != lead.lead_id
        and all(
            other.attributes.get(key) == lead.attributes.get(key) for key in ("camera_id", "preset", "kind")
        )
        and abs(other.observed_to - lead.observed_to) <= span
        and box_iou(other.attributes["bbox"], lead.attributes["bbox"]) > rules["iou"]
    ]
    return min(same, key=lambda other: (other.observed_to, str(other.lead_id)), default=None)


def box_iou(one: Sequence[float], other: Sequence[float]) -> float:
    """Intersection over union of two (x, y, width, height) boxes."""
    wide = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    high = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    shared = max(wide, 0.0) * max(high, 0.0)
    return shared / (one[2] * one[3] + other[2] * other[3] - shared)


def _read_event(values: Fields) -> CameraEvent:
    values.one_of("source", ("tower_camera",), default="tower_camera")
    kind = event_kind(values.words("class", longest=60))
    x, y, width, height = values.numbers("bbox", 4, 0.0, 1.0)
    if width <= 0 or height <= 0 or x + width > 1.000001 or y + height > 1.000001:
        raise values.refusal("bbox", [x, y, width, height], "x + w ≤ 1, y + h ≤ 1, w > 0, h > 0")
    media = values.inside("media")
    sha256 = media.words("sha256", longest=64).lower() if media.has("sha256") else None
    return CameraEvent(
        values.words("device_id", longest=64),
        values.whole("preset", 0, 9999),
        values.moment("ts"),
        kind.key,
        values.number("confidence", 0.0, 1.0),
        (x, y, width, height),
        media.words("image", longest=200),
        sha256,
        values.words("vendor", default="—"),
        values.words("event_id", default="—"),
        _read_offset(values),
        _read_place(values),
    )


def _read_offset(values: Fields) -> Offset:
    """``ptz``: how far the camera was turned from the preset."""
    if not values.has("ptz"):
        return Offset()
    ptz = values.inside("ptz")
    return Offset(
        ptz.number("pan_deg", -180.0, 180.0, default=0.0),
        ptz.number("tilt_deg", -90.0, 90.0, default=0.0),
        ptz.number("zoom", 0.1, 100.0, default=1.0),
    )


def _read_place(values: Fields) -> GroundPlace | None:
    if not values.has("location"):
        return None
    location = values.inside("location")
    location.one_of("crs", ("EPSG:4490", "EPSG:4326"))
    west, south, east, north = CHINA_LONLAT
    lonlat = (location.number("lon", west, east), location.number("lat", south, north))
    return GroundPlace(lonlat, location.number("error_m", 1.0, 20000.0), "vendor")
