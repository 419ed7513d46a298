"""Watching on a folder of frames of one fixed camera on which nothing came to stay."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np

from detection.cameras.frames import Comparability
from detection.cameras.motion import PresetWatch
from detection.cameras.policy import camera_policy
from detection.cameras.presets import Preset

STEP_S = 60
"""Frames count as a minute apart, the cadence of a preset on patrol: queueing traffic must not alarm."""


def measure_camera(frames: Path) -> dict[str, float]:
    """Alarms on frames without events, and the share of frames that could be compared.

    Returns
    -------
    dict
        ``frames``, ``compared_share``, and alarms of each kind: all are false where nothing happened.
    """
    paths = sorted(frames.glob("*.jpg"))
    first = cv2.imread(str(paths[0]))
    if first is None:
        return {"frames": 0.0}
    preset = Preset(1, "", 0.0, 10.0, 60.0, (first.shape[1], first.shape[0]), 1.0, 1.0)
    watch = PresetWatch(preset, camera_policy()["watch"])
    counts = {"dwelling_object": 0, "smoke": 0, "fire": 0}
    compared = 0
    start = datetime(2026, 1, 1, 8, 0, tzinfo=UTC)
    for number, path in enumerate(paths):
        frame = cv2.imread(str(path))
        report = watch.see(np.asarray(frame, np.uint8), start + timedelta(seconds=STEP_S * number))
        compared += report.comparability is Comparability.GOOD
        for found in report.found:
            counts[found.kind] += 1
    alarms = {f"{kind}_alarms": float(count) for kind, count in counts.items()}
    return {"frames": float(len(paths)), "compared_share": compared / len(paths), **alarms}
