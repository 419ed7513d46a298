"""The towers of the demonstration: each says what it sees on its day, through the door of cameras."""

from __future__ import annotations

import hashlib
import io
import json
from datetime import datetime
from pathlib import Path
from typing import Any
from zlib import crc32

from PIL import Image, ImageDraw, ImageFilter

from detection.cameras import service as registry
from detection.cameras.door import jobs as door
from detection.cameras.door.service import ROLE, Device
from detection.cameras.jobs import import_cameras
from foundation.access import Actor
from foundation.ids import derived_id
from foundation.runtime import Runtime
from webmap.demo.photos import stamp_font

SIZE = (960, 540)
HORIZON_PX = 150
COLOURS = {
    "excavator": (222, 168, 38),
    "truck": (196, 66, 44),
    "blue_roof": (58, 110, 176),
    "smoke": (206, 206, 204),
}
EVENTS_FILE = "camera_events.jsonl"


class Towers:
    """What the towers have still to say. Said twice, it is heard once.

    Parameters
    ----------
    file : Path
        The registry; the events lie beside it.
    area_code : str
        County in which the towers stand.
    """

    def __init__(self, runtime: Runtime, file: Path, area_code: str) -> None:
        self._runtime, self._area_code = runtime, area_code
        with runtime.database.transaction(runtime.system) as session:
            is_known = bool(registry.list_cameras(session, runtime.system))
        if not is_known:
            import_cameras(runtime, file)
        lines = (file.parent / EVENTS_FILE).read_text("utf-8").splitlines()
        self._waiting: list[dict[str, Any]] = [json.loads(line) for line in lines]

    def speak(self, now: datetime) -> None:
        """Send everything that was seen until a moment."""
        due = [event for event in self._waiting if datetime.fromisoformat(event["ts"]) <= now]
        for event in due:
            self._send(event)
        self._waiting = [event for event in self._waiting if event not in due]

    def _send(self, event: dict[str, Any]) -> None:
        device = self._device(event["device_id"])
        if "alarm" in event:
            door.receive_alarm(self._runtime, device, event["alarm"].encode())
            return
        picture = draw_frame(event)
        sha256 = hashlib.sha256(picture).hexdigest()
        door.receive_picture(self._runtime, device, picture, sha256=sha256)
        media = {"image": f"{event['event_id']}.jpg", "sha256": sha256}
        door.receive_event(self._runtime, device, json.dumps(event | {"media": media}).encode())

    def _device(self, camera_id: str) -> Device:
        """As it is known by its key; the demonstration's devices are of this very process."""
        name = f"演示摄像机 {camera_id[-4:]}"
        account_id = derived_id("demo-camera", camera_id)
        return Device(camera_id, Actor(account_id, camera_id, name, ROLE, self._area_code, is_demo=True))


def draw_frame(event: dict[str, Any]) -> bytes:
    """JPEG of what a camera may have seen: sky, fields, the object in its box; stamped as simulated."""
    picture = Image.new("RGB", SIZE, (176, 196, 214))
    draw = ImageDraw.Draw(picture)
    shade = crc32(event["event_id"].encode())
    for row in range(HORIZON_PX, SIZE[1], 6):
        lot = crc32(f"{shade}/{row}".encode())
        depth = (row - HORIZON_PX) / (SIZE[1] - HORIZON_PX)
        colour = (104 + lot % 22 + int(20 * depth), 120 + lot // 22 % 18, 66 + int(14 * depth))
        draw.rectangle((0, row, SIZE[0], row + 6), fill=colour)
    x, y, width, height = (share * side for share, side in zip(event["bbox"], (*SIZE, *SIZE), strict=True))
    fill = COLOURS.get(event["class"], (150, 150, 150))
    if event["class"] == "smoke":
        for step in range(8):
            grown = 6 + 5 * step
            draw.ellipse((x + 40 - grown, y - 12 * step, x + 40 + grown, y - 12 * step + grown), fill=fill)
        picture = picture.filter(ImageFilter.GaussianBlur(3))
        draw = ImageDraw.Draw(picture)
    else:
        draw.rectangle((x, y + height * 0.35, x + width * 0.7, y + height), fill=fill)
        draw.polygon(
            [(x + width * 0.6, y + height * 0.5), (x + width, y), (x + width * 0.75, y + height * 0.6)],
            fill=fill,
        )
    draw.rectangle((0, SIZE[1] - 34, SIZE[0], SIZE[1]), fill=(16, 36, 58))
    line = f"演示画面（非现场拍摄） SIMULATED   {event['ts'][:19].replace('T', ' ')}"
    draw.text((12, SIZE[1] - 30), line, fill=(255, 255, 255), font=stamp_font())
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=82)
    return buffer.getvalue()
