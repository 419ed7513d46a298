"""What the web process does for a device: store its picture, take its event in."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from detection.cameras import service as cameras
from detection.cameras.door import service
from detection.cameras.door.alarms import event_of_alarm, read_alarm
from detection.cameras.door.service import Device, Sent, Taken
from detection.cameras.events import read_event
from detection.cameras.fields import Fields
from detection.cameras.pictures import clean_copy
from detection.cameras.policy import camera_policy
from detection.cameras.service import KeptPicture
from foundation.audit import canonical
from foundation.errors import Conflict, InvalidInput

if TYPE_CHECKING:
    from foundation.runtime import Runtime

BODY = "event"


def receive_picture(runtime: Runtime, device: Device, data: bytes, *, sha256: str) -> bool:
    """Check and store a picture; False where this camera had brought it before.

    Parameters
    ----------
    sha256 : str
        As the device says.

    Raises
    ------
    InvalidInput
        ``detection.camera.picture_changed``; what `clean_copy` refuses.
    """
    found = hashlib.sha256(data).hexdigest()
    if found != sha256.lower():
        raise InvalidInput(
            "detection.camera.picture_changed", file=sha256[:12], expected=sha256[:64], found=found
        )
    served = clean_copy(data, name=sha256[:12])
    kept = KeptPicture(runtime.blobs.put(data).sha256, runtime.blobs.put(served).sha256)
    with runtime.database.transaction(runtime.system) as session:
        return service.keep_picture(session, device, kept, now=runtime.clock())


def receive_event(runtime: Runtime, device: Device, data: bytes) -> tuple[str, Taken]:
    """Take a canonical event (JSON) in; its own id, and what became of it.

    Raises
    ------
    InvalidInput
        ``detection.camera.not_json``, ``detection.camera.bad_field``, ``detection.camera.unknown_kind``;
        what `detection.cameras.door.service.take_sent` refuses.
    Conflict
        ``detection.camera.other_body``; the other body is kept.
    """
    try:
        raw = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("detection.camera.not_json", file=BODY, reason=str(error)[:120]) from error
    event_id = Fields(raw, file=BODY).words("event_id", longest=64)
    event = read_event(raw, file=BODY)
    return event_id, _take(runtime, device, Sent(event, event_id, "canonical", canonical(raw)))


def receive_alarm(runtime: Runtime, device: Device, data: bytes) -> tuple[str, Taken]:
    """Take an alarm by GB/T 28181 (XML) in; the id that follows from it, and what became of it.

    Raises
    ------
    InvalidInput
        ``detection.camera.alarm_too_large``, ``detection.camera.not_xml``, ``detection.camera.bad_field`` or
        ``detection.camera.alarm_unclear``; what `detection.cameras.door.service.take_sent` refuses.
    Conflict
        ``detection.camera.other_body``; the other body is kept.
    """
    limit_kb = int(camera_policy()["gbt28181"]["max_kb"])
    if len(data) > limit_kb << 10:
        raise InvalidInput("detection.camera.alarm_too_large", limit_kb=limit_kb)
    alarm = read_alarm(data)
    with runtime.database.transaction(runtime.system) as session:
        camera = cameras.get_camera(session, runtime.system, device.camera_id)
    body = data.decode("utf-8", "backslashreplace").replace("\x00", "")
    sent = Sent(event_of_alarm(alarm, camera), alarm.event_id, "gbt28181", body)
    return alarm.event_id, _take(runtime, device, sent)


def _take(runtime: Runtime, device: Device, sent: Sent) -> Taken:
    now = runtime.clock()
    try:
        with runtime.database.transaction(runtime.system) as session:
            return service.take_sent(session, device, runtime.system, sent, now=now)
    except Conflict as refused:
        if refused.code == "detection.camera.other_body":
            with runtime.database.transaction(runtime.system) as session:
                service.keep_other(session, device, sent, now=now)
        raise
