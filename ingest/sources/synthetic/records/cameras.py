"""Two towers of the demonstration county and what their cameras say in its weeks: some true, some not."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import numpy as np
import shapely

from ingest.sources.synthetic.landscape.land import Land
from ingest.sources.synthetic.planting.situations import Change

EVENT_SPACE = UUID("6f0d5c1e-4108-4883-8000-0000000000ca")
MAST_M = 35.0
IMAGE_PX = (960, 540)
HFOV_DEG = 24.0
RANGE_SIGMA_M = 6.0
DIGGING = ("mining", "quarry", "excavation", "earthwork", "road", "pond")
BUILDING = ("shed", "house", "greenhouse", "livestock", "solar")
CENTRE_BOX = (0.45, 0.42, 0.1, 0.08)
"""Its foot is the middle of the frame, where the preset's surveyed distance holds."""
EARTH_RADIUS_M = 6_371_000.0
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Tower:
    """A mast in local metres and what its presets look at, in order."""

    camera_id: str
    name: str
    foot: Point
    looks_at: tuple[tuple[str, Point], ...]


def write_cameras(land: Land, changes: list[Change], folder: Path, truth: Path) -> Path:
    """``cameras.json`` (the registry), ``camera_events.jsonl`` (what they say), and which of it is true.

    An event is a canonical one, or an alarm by GB/T 28181 as text. Its picture is drawn by whoever sends it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    towers, targets = _towers(land, changes)
    registry = {"cameras": [_registered(land, tower) for tower in towers]}
    path = folder / "cameras.json"
    path.write_text(json.dumps(registry, ensure_ascii=False, indent=1) + "\n", "utf-8")
    events = _events(towers, targets)
    lines = (json.dumps(event, ensure_ascii=False) for event, _ in events)
    (folder / "camera_events.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    told = {event["event_id"]: truth_of for event, truth_of in events}
    (truth / "cameras.json").write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", "utf-8")
    return path


def _towers(land: Land, changes: list[Change]) -> tuple[tuple[Tower, Tower], tuple[Change, Change]]:
    """One mast by ground that is dug, one by a new building, which also overlooks fields."""
    rng = land.seed.stream("cameras")
    dug, built = _target(changes, DIGGING), _target(changes, BUILDING)
    first, second = (_beside(land, change.outline, rng) for change in (dug, built))
    field, other_field = _quiet(land, changes, second)
    return (
        Tower("34088300001320000001", "1号铁塔", first, (("采挖区", _middle(dug)),)),
        Tower(
            "34088300001320000002",
            "2号铁塔",
            second,
            (("建设区", _middle(built)), ("东侧农田", field), ("西侧农田", other_field)),
        ),
    ), (dug, built)


def _events(
    towers: tuple[Tower, Tower], targets: tuple[Change, Change]
) -> list[tuple[dict[str, Any], str | None]]:
    """What is said, and the change that it is about; None for what is no matter of land."""
    dug, built = (change.change_id for change in targets)
    one, two = towers
    again = "2026-09-09T13:05:40+08:00"
    alarm = (
        '<?xml version="1.0" encoding="UTF-8"?><Notify><CmdType>Alarm</CmdType><SN>17</SN>'
        f"<DeviceID>{two.camera_id}</DeviceID><AlarmPriority>4</AlarmPriority><AlarmMethod>5</AlarmMethod>"
        "<AlarmTime>2026-09-24T07:48:10</AlarmTime>"
        "<AlarmDescription>发现渣土车</AlarmDescription></Notify>"
    )
    return [
        (_event(one, 1, "2026-09-09T10:12:05+08:00", kind="excavator", confidence=0.91), dug),
        (_event(one, 1, again, kind="excavator", confidence=0.88), dug),
        (_event(two, 1, "2026-09-10T09:27:31+08:00", kind="blue_roof", confidence=0.84), built),
        (_event(two, 2, "2026-09-21T15:02:44+08:00", kind="excavator", confidence=0.77), None),
        (_event(two, 3, "2026-09-23T11:40:18+08:00", kind="smoke", confidence=0.63), None),
        ({"event_id": "20260924T074810-17", "ts": "2026-09-24T07:48:10+08:00", "alarm": alarm,
          "device_id": two.camera_id}, None),
        (_event(two, 2, "2026-09-29T08:55:09+08:00", kind="truck", confidence=0.71), None),
    ]  # fmt: skip


def _event(tower: Tower, preset: int, at: str, *, kind: str, confidence: float) -> dict[str, Any]:
    return {
        "event_id": str(uuid5(EVENT_SPACE, f"{tower.camera_id}/{at}")),
        "source": "tower_camera",
        "vendor": "演示",
        "device_id": tower.camera_id,
        "preset": preset,
        "ts": at,
        "class": kind,
        "confidence": confidence,
        "bbox": list(CENTRE_BOX),
    }


def _registered(land: Land, tower: Tower) -> dict[str, Any]:
    lon, lat = _lonlat(land, tower.foot)
    return {
        "id": tower.camera_id,
        "name": tower.name,
        "lon": round(lon, 7),
        "lat": round(lat, 7),
        "coord_source": "cgcs2000",
        "height_m": MAST_M,
        "presets": [
            _preset(land, tower, number, name, target)
            for number, (name, target) in enumerate(tower.looks_at, start=1)
        ],
    }


def _preset(land: Land, tower: Tower, number: int, name: str, target: Point) -> dict[str, Any]:
    (lon, lat), (far_lon, far_lat) = _lonlat(land, tower.foot), _lonlat(land, target)
    east = math.radians(far_lon - lon) * math.cos(math.radians(lat)) * EARTH_RADIUS_M
    north = math.radians(far_lat - lat) * EARTH_RADIUS_M
    range_m = math.hypot(east, north)
    return {
        "no": number,
        "name": name,
        "bearing_deg": round(math.degrees(math.atan2(east, north)) % 360.0, 2),
        "tilt_deg": round(math.degrees(math.atan2(MAST_M, range_m)), 2),
        "hfov_deg": HFOV_DEG,
        "image_px": list(IMAGE_PX),
        "range_m": round(range_m, 1),
        "range_sigma_m": RANGE_SIGMA_M,
    }


def _target(changes: list[Change], kinds: Sequence[str]) -> Change:
    """The largest visible change, of the first kind that there is; any visible one where there is none."""
    seen = [change for change in changes if change.situation.is_visible]
    for kind in kinds:
        same = [change for change in seen if change.situation.kind == kind]
        if same:
            return max(same, key=lambda change: (change.outline.area, change.change_id))
    return seen[0]


def _beside(land: Land, outline: shapely.Polygon, rng: np.random.Generator) -> Point:
    """A place for a mast, 250 to 450 m from an outline, inside a village."""
    centre = outline.centroid
    ground = shapely.union_all([village.territory for village in land.villages]).buffer(-10.0)
    for _ in range(200):
        turn, far_m = rng.uniform(0.0, 2.0 * math.pi), rng.uniform(250.0, 450.0)
        foot = (centre.x + far_m * math.cos(turn), centre.y + far_m * math.sin(turn))
        if ground.contains(shapely.Point(foot)):
            return foot
    spot = shapely.point_on_surface(ground)
    return spot.x, spot.y


def _quiet(land: Land, changes: list[Change], foot: Point) -> tuple[Point, Point]:
    """Two places in sight of a mast, as far from all that was planted as they can be, and from each other."""
    busy = shapely.union_all([change.outline for change in changes])
    ground = shapely.union_all([village.territory for village in land.villages]).buffer(-20.0)
    found: list[tuple[float, Point]] = []
    for far_m in (300.0, 500.0, 700.0, 900.0):
        for step in range(24):
            turn = 2.0 * math.pi * step / 24.0
            spot = (foot[0] + far_m * math.cos(turn), foot[1] + far_m * math.sin(turn))
            if ground.contains(shapely.Point(spot)):
                found.append((float(busy.distance(shapely.Point(spot))), spot))
    found.sort(reverse=True)
    first = found[0][1]
    second = next((spot for _, spot in found if math.dist(spot, first) > 200.0), first)
    return first, second


def _middle(change: Change) -> Point:
    spot = shapely.point_on_surface(change.outline)
    return float(spot.x), float(spot.y)


def _lonlat(land: Land, place: Point) -> Point:
    spot = land.frame.to_lonlat(shapely.Point(place))
    return float(spot.x), float(spot.y)
