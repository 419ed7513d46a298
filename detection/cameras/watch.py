"""A folder of dated frames of one preset, watched from the first to the last."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from detection.cameras.events import CameraEvent
from detection.cameras.motion import PresetWatch, Watched
from detection.cameras.pictures import clean_copy
from detection.cameras.policy import camera_policy
from detection.cameras.presets import Camera
from foundation.calendar import SHANGHAI
from foundation.errors import InvalidInput

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
STAMP = re.compile(r"(20\d{2})-?(\d{2})-?(\d{2})[T_ -]?(\d{2})[:-]?(\d{2})[:-]?(\d{2})(?:\.(\d{1,6}))?")


@dataclass(frozen=True, slots=True)
class DatedFrame:
    """A frame's file and its moment."""

    path: Path
    seen_at: datetime


@dataclass(slots=True)
class WatchReport:
    """What a folder showed.

    Attributes
    ----------
    frames, warm_up, moved, jumped : int
        Frames read; those that made the background; those that did not compare, by why.
    is_lost : bool
        At the end the camera looks elsewhere: the preset must be set again.
    events : list of (CameraEvent, Path)
        Each with the frame that shows it.
    """

    frames: int = 0
    warm_up: int = 0
    moved: int = 0
    jumped: int = 0
    is_lost: bool = False
    events: list[tuple[CameraEvent, Path]] = field(default_factory=list)


def dated_frames(
    folder: Path, *, starts_at: datetime | None = None, step_s: float | None = None
) -> list[DatedFrame]:
    """Frames of a folder in the order of time.

    Parameters
    ----------
    starts_at, step_s : optional
        Moment of the first frame by name, and seconds between frames, where names hold no time. Else the
        name must hold one: ``…20260301T092705….jpg``, in Shanghai.

    Raises
    ------
    InvalidInput
        ``detection.camera.no_frames`` or ``detection.camera.undated_frame``.
    """
    paths = sorted(path for path in folder.glob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    if not paths:
        raise InvalidInput("detection.camera.no_frames", folder=folder.name)
    if starts_at is not None and step_s is not None:
        step = timedelta(seconds=step_s)
        return [DatedFrame(path, starts_at + step * index) for index, path in enumerate(paths)]
    return sorted((_dated(path) for path in paths), key=lambda frame: (frame.seen_at, frame.path.name))


def watch_frames(frames: Sequence[DatedFrame], camera: Camera, preset_no: int) -> WatchReport:
    """Watch frames of a preset; a frame that cannot be read is refused by name.

    Raises
    ------
    InvalidInput
        ``detection.camera.unknown_preset``; what `detection.cameras.pictures.clean_copy` refuses.
    """
    preset = camera.preset(preset_no)
    watch, report = PresetWatch(preset, camera_policy()["watch"]), WatchReport()
    for frame, image in _images(frames):
        seen = watch.see(image, frame.seen_at)
        report.frames += 1
        report.warm_up += seen.is_warming_up
        report.moved += seen.comparability.value == "moved"
        report.jumped += seen.comparability.value == "jumped"
        report.events += [(_event(camera, preset_no, one, frame), frame.path) for one in seen.found]
    report.is_lost = watch.is_lost
    return report


def _images(frames: Sequence[DatedFrame]) -> Iterator[tuple[DatedFrame, NDArray[np.uint8]]]:
    """Decoded from clean copies: only what passed the checks reaches OpenCV."""
    limit = camera_policy()["edge"]["picture_max_mb"]
    for frame in frames:
        if frame.path.stat().st_size > limit << 20:
            raise InvalidInput(
                "detection.camera.picture_too_large", file=frame.path.name, limit=f"{limit} MB"
            )
        clean = np.frombuffer(clean_copy(frame.path.read_bytes(), name=frame.path.name), np.uint8)
        image = cv2.imdecode(clean, cv2.IMREAD_COLOR)
        if image is None:
            raise InvalidInput("detection.camera.picture_broken", file=frame.path.name, reason="JPEG")
        yield frame, np.asarray(image, np.uint8)


def _event(camera: Camera, preset_no: int, found: Watched, frame: DatedFrame) -> CameraEvent:
    return CameraEvent(
        camera.camera_id,
        preset_no,
        found.seen_at,
        found.kind,
        found.confidence,
        found.bbox,
        frame.path.name,
        vendor="landwarden",
    )


def _dated(path: Path) -> DatedFrame:
    match = STAMP.search(path.stem)
    if match is None:
        raise InvalidInput("detection.camera.undated_frame", file=path.name)
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    fraction = int((match.group(7) or "0").ljust(6, "0"))
    try:
        seen_at = datetime(year, month, day, hour, minute, second, fraction, tzinfo=SHANGHAI)
    except ValueError as error:
        raise InvalidInput("detection.camera.undated_frame", file=path.name) from error
    return DatedFrame(path, seen_at)
