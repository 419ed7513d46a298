"""Watching a preset: what came and stays is told once; what passes, shines, shakes or rains is not."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from detection.cameras.motion import PresetWatch, Watched
from detection.cameras.policy import camera_policy
from detection.cameras.presets import Preset, Region
from tests.unit.detection import camera_scenes

RULES: dict[str, Any] = camera_policy()["watch"] | {"dwell_s": 240.0}
PRESET = Preset(1, "东侧", 0.0, 5.0, 40.0, (camera_scenes.COLS, camera_scenes.ROWS), 0.5, 0.1)
MACHINE = (15, 150)
"""Comes with frame 15, after the background was learnt, at column 150 (130 in the frame)."""


def watch(
    frames: Any, preset: Preset = PRESET, rules: dict[str, Any] = RULES
) -> tuple[list[Watched], Counter[str], bool]:
    state, found, comparable = PresetWatch(preset, rules), [], Counter[str]()
    for image, seen_at in frames:
        report = state.see(image, seen_at)
        comparable[report.comparability.value] += 1
        found += report.found
    return found, comparable, state.is_lost


def test_an_excavator_that_comes_and_stays_is_one_event() -> None:
    """With cars before it, light that drifts and jumps, and a camera that shakes by 3 px."""
    frames = camera_scenes.frames(36, machine=MACHINE, traffic=True, light=0.15, shake_px=3.0)
    [event], comparable, _ = watch(frames)
    assert comparable == {"good": 36}
    assert event.kind == "dwelling_object"
    came_at = camera_scenes.START + timedelta(seconds=30 * MACHINE[0])
    assert timedelta(seconds=240) <= event.seen_at - came_at <= timedelta(seconds=330)
    x, y, width, height = (share * size for share, size in zip(event.bbox, (320, 240) * 2, strict=True))
    # Painted from column 116 to 156, row 124 to 150.
    assert (x, y, x + width, y + height) == pytest.approx((116, 124, 156, 150), abs=6)


@pytest.mark.parametrize(
    "nuisance",
    [
        {"traffic": True},
        {"light": 0.25},
        {"shake_px": 3.0},
        {"rain": 120},
        {"traffic": True, "light": 0.2, "shake_px": 3.0, "rain": 60},
        {"machine": (0, 150), "gone_at": 16},  # what stood there from the start leaves
        {"machine": MACHINE, "gone_at": 20},  # stays for less than the time
    ],
    ids=["cars", "light", "shake", "rain", "all", "leaves", "leaves early"],
)
def test_nuisances_are_no_events(nuisance: dict[str, Any]) -> None:
    found, comparable, is_lost = watch(camera_scenes.frames(30, **nuisance))
    assert found == []
    assert comparable == {"good": 30}
    assert not is_lost


def test_only_inside_the_regions() -> None:
    def region(left: int, right: int) -> Preset:
        corners = ((left, 60.0), (right, 60.0), (right, 200.0), (left, 200.0))
        return Preset(1, "p", 0.0, 5.0, 40.0, (320, 240), 0.5, 0.1, regions=(Region("r", corners),))

    assert len(watch(camera_scenes.frames(28, machine=MACHINE), region(90, 200))[0]) == 1
    assert watch(camera_scenes.frames(28, machine=MACHINE), region(220, 310))[0] == []


@pytest.mark.parametrize(
    ("scene", "kind"),
    [({"smoke_at": 16, "step_s": 2.0}, "smoke"), ({"flame_at": 16, "step_s": 1.0}, "fire")],
)
def test_smoke_and_fire_are_one_event_each(scene: dict[str, Any], kind: str) -> None:
    found, _, _ = watch(camera_scenes.frames(30, **scene))
    assert [event.kind for event in found] == [kind]
    x, _, width, _ = found[0].bbox
    assert x <= 210 / 320 <= x + width


def test_a_camera_that_was_turned_is_not_comparable() -> None:
    found, comparable, is_lost = watch(camera_scenes.frames(24, turned_at=16))
    assert found == []
    assert comparable == {"good": 16, "moved": 8}
    assert is_lost


def test_night_and_fog_begin_a_new_background_without_an_alarm() -> None:
    frames = list(camera_scenes.frames(40))
    dark = [
        (np.repeat(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)[..., None] // 2, 3, axis=2), at)
        for image, at in frames[20:]
    ]
    found, comparable, _ = watch([*frames[:20], *dark])
    assert found == []
    assert comparable["jumped"] == RULES["scene"]["jump_frames"]


@pytest.mark.shared
def test_a_real_motorway_makes_no_alarm(shared_scenes: Path) -> None:
    """51 frames of traffic: vehicles in every one of them, none that stays, no smoke."""
    paths = sorted((shared_scenes / "fixedcam_i5" / "frames").glob("*.jpg"))
    assert len(paths) == 51
    frames = [
        (cv2.imread(str(path)), camera_scenes.START + timedelta(seconds=20 * index))
        for index, path in enumerate(paths)
    ]
    found, comparable, _ = watch(frames, rules=RULES | {"dwell_s": 120.0})
    assert found == []
    assert comparable == {"good": 51}


@pytest.mark.shared
@pytest.mark.parametrize("foot", [(180, 203), (60, 174)], ids=["among the cars", "on the slope"])
def test_a_machine_painted_into_the_real_frames_is_told_once(
    shared_scenes: Path, foot: tuple[int, int]
) -> None:
    frames = []
    for number, path in enumerate(sorted((shared_scenes / "fixedcam_i5" / "frames").glob("*.jpg"))):
        image = cv2.imread(str(path)).astype(np.float32)
        if number >= 18:
            camera_scenes.excavator(image, *foot)
        seen_at = camera_scenes.START + timedelta(seconds=30 * number)
        frames.append((np.clip(image, 0, 255).astype(np.uint8), seen_at))
    [event] = watch(frames[:40])[0]
    assert event.kind == "dwelling_object"
    x, y, width, height = event.bbox
    assert ((x + width / 2) * 320, (y + height) * 240) == pytest.approx((foot[0] + 5, foot[1]), abs=10)
