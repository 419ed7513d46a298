"""Work on camera files: import a registry, take events with their pictures in, watch a folder of frames."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from detection.cameras.events import CameraEvent, place_of, read_events
from detection.cameras.fields import Fields
from detection.cameras.pictures import clean_copy
from detection.cameras.policy import camera_policy
from detection.cameras.presets import Camera, read_camera
from detection.cameras.service import KeptPicture, TakenEvent
from foundation.errors import InvalidInput, LandwardenError

if TYPE_CHECKING:
    from detection.cameras.watch import WatchReport
    from foundation.runtime import Runtime

REGISTRY_MAX_BYTES = 8 << 20


@dataclass(frozen=True, slots=True)
class EventReport:
    """What became of the events of a file: each taken, or refused with its reason."""

    taken: tuple[tuple[CameraEvent, TakenEvent], ...]
    refused: tuple[tuple[CameraEvent, LandwardenError], ...]


def read_registry(path: Path) -> list[Camera]:
    """Cameras of a TOML or JSON file with a list ``cameras``.

    Raises
    ------
    InvalidInput
        ``detection.camera.unreadable``, ``detection.camera.not_toml``, ``detection.camera.not_json`` or
        ``detection.camera.bad_field``.
    """
    text = _text(path)
    try:
        raw = json.loads(text) if path.suffix.lower() == ".json" else tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        code = "detection.camera.not_json" if path.suffix.lower() == ".json" else "detection.camera.not_toml"
        raise InvalidInput(code, file=path.name, reason=str(error)[:120]) from error
    cameras = [read_camera(one) for one in Fields(raw, file=path.name).objects("cameras")]
    ids = [camera.camera_id for camera in cameras]
    if not cameras or len(set(ids)) != len(ids):
        raise Fields(raw, file=path.name).refusal("cameras", len(ids), "≥ 1, each id once")
    return cameras


def import_cameras(runtime: Runtime, path: Path) -> int:
    """Bring the cameras of a registry file in; returns how many."""
    from detection.cameras import service

    cameras = read_registry(path)
    with runtime.database.transaction(runtime.system) as session:
        return service.put_cameras(session, runtime.system, cameras, runtime.clock())


def take_event_file(runtime: Runtime, path: Path) -> EventReport:
    """Take the events of a JSON file in; their pictures lie beside it. What is refused stops nothing else.

    Raises
    ------
    InvalidInput
        The file as a whole: ``detection.camera.unreadable``, ``detection.camera.not_json``,
        ``detection.camera.bad_field``.
    """
    taken, refused = [], []
    for event in read_events(_text(path), file=path.name):
        try:
            taken.append((event, take_event(runtime, event, _picture_beside(path, event))))
        except LandwardenError as error:
            refused.append((event, error))
    return EventReport(tuple(taken), tuple(refused))


def take_event(runtime: Runtime, event: CameraEvent, picture: bytes) -> TakenEvent:
    """Store a picture and make its event a lead, then fuse it: it joins a patch, or waits for a person.

    The blobs come first: an event without its picture never stands.

    Raises
    ------
    InvalidInput
        ``detection.camera.picture_changed``, what `clean_copy` or `detection.cameras.service.take_event`
        refuses.
    """
    from detection import service as detection
    from detection.cameras import service

    found = hashlib.sha256(picture).hexdigest()
    if event.picture_sha256 is not None and event.picture_sha256 != found:
        raise InvalidInput(
            "detection.camera.picture_changed", file=event.picture, expected=event.picture_sha256, found=found
        )
    served = clean_copy(picture, name=event.picture or event.camera_id)
    kept = KeptPicture(runtime.blobs.put(picture).sha256, runtime.blobs.put(served).sha256)
    now = runtime.clock()
    with runtime.database.transaction(runtime.system) as session:
        done = service.take_event(session, runtime.system, event, kept, now=now)
        if done.fate == "new":
            detection.fuse(session, runtime.system, [done.lead_id], now)
    return done


def take_watched(runtime: Runtime, report: WatchReport) -> list[dict[str, Any]]:
    """Make what was watched leads, each with its frame; what is refused is told with its reason."""
    taken, refused = [], []
    for event, path in report.events:
        try:
            taken.append((event, take_event(runtime, event, path.read_bytes())))
        except LandwardenError as error:
            refused.append((event, error))
    return told(EventReport(tuple(taken), tuple(refused)))


def told_with_place(event: CameraEvent, camera: Camera) -> dict[str, Any]:
    """An event as JSON values, with its place on the ground, or why that is not known."""
    row = _plain(event)
    try:
        place = place_of(event, camera)
    except LandwardenError as error:
        return row | {"place": None, "code": error.code, "reason": error.text("zh")}
    lonlat = [round(value, 7) for value in place.lonlat]
    return row | {"place": lonlat, "radius_m": round(place.radius_m, 1), "place_by": place.means}


def told(report: EventReport) -> list[dict[str, Any]]:
    """A report as JSON values, in the order taken, then refused."""
    rows: list[dict[str, Any]] = [
        {**_plain(event), "lead_id": str(done.lead_id), "fate": done.fate} for event, done in report.taken
    ]
    rows += [
        {**_plain(event), "fate": "refused", "code": error.code, "reason": error.text("zh")}
        for event, error in report.refused
    ]
    return rows


def camera_in(cameras: Sequence[Camera], camera_id: str) -> Camera:
    """A camera of a registry by its id.

    Raises
    ------
    InvalidInput
        ``detection.camera.not_in_registry``.
    """
    for camera in cameras:
        if camera.camera_id == camera_id:
            return camera
    raise InvalidInput("detection.camera.not_in_registry", camera_id=camera_id)


def _plain(event: CameraEvent) -> dict[str, Any]:
    return {
        "camera": event.camera_id,
        "preset": event.preset_no,
        "seen_at": event.seen_at.isoformat(),
        "kind": event.kind,
        "confidence": round(event.confidence, 3),
        "bbox": [round(value, 4) for value in event.bbox],
        "picture": event.picture,
    }


def _picture_beside(path: Path, event: CameraEvent) -> bytes:
    """The picture's bytes: a plain file in the event's own folder, and no other."""
    name = event.picture
    place = path.parent / name
    if Path(name).name != name or name in {".", ".."} or "\\" in name or place.is_symlink():
        raise InvalidInput("detection.camera.picture_elsewhere", file=name[:120])
    limit = camera_policy()["edge"]["picture_max_mb"]
    try:
        if place.stat().st_size > limit << 20:
            raise InvalidInput("detection.camera.picture_too_large", file=name, limit=f"{limit} MB")
        return place.read_bytes()
    except OSError as error:
        raise InvalidInput("detection.camera.unreadable", file=name, reason=error.strerror or "") from error


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > REGISTRY_MAX_BYTES:
            raise InvalidInput("detection.camera.unreadable", file=path.name, reason="> 8 MB")
        return path.read_text("utf-8-sig")
    except OSError as error:
        raise InvalidInput(
            "detection.camera.unreadable", file=path.name, reason=error.strerror or ""
        ) from error
    except UnicodeDecodeError as error:
        raise InvalidInput("detection.camera.unreadable", file=path.name, reason="UTF-8?") from error
