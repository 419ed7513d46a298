"""The towers of the demonstration county: true events point at what was planted, others lie far from it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import shapely

from detection.cameras.door.alarms import event_of_alarm, read_alarm
from detection.cameras.events import place_of, read_event
from detection.cameras.jobs import camera_in, read_registry
from detection.rules import current_rules
from ingest.sources.synthetic.landscape.land import lay_out_land
from ingest.sources.synthetic.planting.changes import plant_changes
from ingest.sources.synthetic.records.cameras import write_cameras


@pytest.mark.parametrize("seed", [4108, 77])
def test_true_events_point_at_what_was_planted_and_false_ones_do_not(tmp_path: Path, seed: int) -> None:
    land = lay_out_land("small", seed)
    changes = plant_changes(land, "small")
    (tmp_path / "truth").mkdir()
    file = write_cameras(land, changes, tmp_path, tmp_path / "truth")
    cameras = read_registry(file)
    truth = json.loads((tmp_path / "truth" / "cameras.json").read_text("utf-8"))
    outlines = land.frame.to_lonlat(np.array([change.outline for change in changes], dtype=object))
    by_id = {change.change_id: outline for change, outline in zip(changes, outlines, strict=True)}
    surest_m = current_rules().thresholds["fusion"]["sighting"]["radius_max_m"]
    for line in (tmp_path / "camera_events.jsonl").read_text("utf-8").splitlines():
        raw = json.loads(line)
        camera = camera_in(cameras, raw["device_id"])
        if "alarm" in raw:
            event = event_of_alarm(read_alarm(raw["alarm"].encode()), camera)
        else:
            event = read_event(raw | {"media": {"image": "a.jpg"}}, file="a")
        place = place_of(event, camera)
        spot = shapely.Point(place.lonlat)
        target = truth[raw["event_id"]]
        if target is not None:
            assert place.radius_m <= surest_m
            assert by_id[target].buffer(place.radius_m * 1e-5).contains(spot)
        else:
            assert not any(outline.contains(spot) for outline in by_id.values())
    assert sum(target is not None for target in truth.values()) == 3
    assert len(truth) == 7
