"""From the files of a vendor to leads on real PostGIS: once each, at their patch or waiting, or refused."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import shapely
from PIL import Image
from sqlalchemy import text
from typer.testing import CliRunner

from detection import service
from detection.cameras import jobs
from detection.cameras import service as cameras
from detection.cameras.cli import cameras_app
from detection.cameras.watch import dated_frames, watch_frames
from detection.leads import Lead
from detection.waiting import service as waiting
from foundation.audit import verify_chain
from foundation.crs import destination, ellipsoidal_area_m2, geodesic_disc
from foundation.errors import InvalidInput
from foundation.ids import derived_id
from foundation.runtime import Runtime
from tests.unit.detection import camera_scenes

TOWER = (112.75, 34.95)
REGISTRY = """
[[cameras]]
id = "tower-3"
name = "西虢镇铁塔3号"
lon = 112.75
lat = 34.95
coord_source = "cgcs2000"
height_m = 35.0
[[cameras.presets]]
no = 3
name = "东侧农田"
bearing_deg = 90.0
tilt_deg = 6.0
hfov_deg = 30.0
image_px = [320, 240]
"""
VILLAGE = "410883105201"


@pytest.fixture
def folder(runtime: Runtime, tmp_path: Path) -> Path:
    """Registry imported, its village drawn; the folder to which the vendor writes."""
    village = "SRID=4490;" + shapely.MultiPolygon([shapely.box(112.7, 34.9, 112.8, 35.0)]).wkt
    with runtime.database.transaction(runtime.system) as session:
        session.execute(
            text("UPDATE division SET outline = ST_GeomFromEWKT(:outline) WHERE code = :code"),
            {"outline": village, "code": VILLAGE},
        )
    (tmp_path / "cameras.toml").write_text(REGISTRY, "utf-8")
    assert jobs.import_cameras(runtime, tmp_path / "cameras.toml") == 1
    return tmp_path


def event(folder: Path, name: str = "a.jpg", **changes: Any) -> dict[str, Any]:
    buffer = io.BytesIO()
    Image.new("RGB", (320, 240), (len(name), 90, 60)).save(buffer, "JPEG")
    (folder / name).write_bytes(buffer.getvalue())
    plain = {
        "device_id": "tower-3",
        "preset": 3,
        "ts": "2026-09-01T09:27:05+08:00",
        "class": "excavator",
        "confidence": 0.87,
        "bbox": [0.4, 0.45, 0.1, 0.1],
        "media": {"image": name, "sha256": hashlib.sha256(buffer.getvalue()).hexdigest()},
    }
    return plain | changes


def send(runtime: Runtime, folder: Path, *events: dict[str, Any]) -> jobs.EventReport:
    (folder / "events.json").write_text(json.dumps(events), "utf-8")
    return jobs.take_event_file(runtime, folder / "events.json")


def fates(report: jobs.EventReport) -> list[str]:
    return [done.fate for _, done in report.taken] + [error.code for _, error in report.refused]


def test_an_event_waits_or_joins_its_patch_and_is_one_lead_however_often_sent(
    runtime: Runtime, folder: Path
) -> None:
    sent = event(folder)
    report = send(runtime, folder, sent, sent)
    assert fates(report) == ["new", "known"]
    assert fates(send(runtime, folder, sent)) == ["known"]
    later = event(folder, "later.jpg", ts="2026-09-01T15:00:00+08:00")
    assert fates(send(runtime, folder, later)) == ["repeated"]
    system = runtime.system
    with runtime.database.transaction(system) as session:
        [item] = waiting.list_waiting_leads(session, system).items
        told = item.lead.attributes
        assert (item.lead.division_code, told["camera_name"]) == (VILLAGE, "西虢镇铁塔3号")
        assert runtime.blobs.read(told["picture_sha256"]) == (folder / "a.jpg").read_bytes()
        assert runtime.blobs.read(told["served_sha256"]).startswith(b"\xff\xd8")
    # The foot of the box: 12 px below the centre of a lens of 597 px, 7.15° below the horizon, 279 m off.
    assert item.lead.place is not None
    expected = destination(TOWER, bearing_deg=88.47, distance_m=279.0)
    assert (item.lead.place.x, item.lead.place.y) == pytest.approx(expected, abs=3e-5)
    # A satellite finds the patch: the camera's lead joins it, and the patch is as the satellite drew it.
    outline = geodesic_disc(expected, 40.0)
    area_m2 = ellipsoidal_area_m2(outline)
    now = runtime.clock()
    drawn = Lead(
        derived_id("satellite"), "satellite", VILLAGE, now - timedelta(days=60), now, outline, area_m2,
        area_m2 * 0.9, area_m2 * 1.1, "earthwork", 0.9,
    )  # fmt: skip
    with runtime.database.transaction(system) as session:
        service.record_leads(session, system, [drawn], now)
        [patch_id] = service.fuse(session, system, [drawn.lead_id], now).created
        detail = service.patch_detail(session, system, patch_id)
        assert {lead.source for lead in detail.leads} == {"satellite", "camera"}
        assert detail.patch.shape.area_m2 == area_m2
        assert waiting.list_waiting_leads(session, system).total == 0
        assert verify_chain(session) is None


def test_what_is_wrong_is_refused_and_stops_nothing_else(runtime: Runtime, folder: Path) -> None:
    good = event(folder, "good.jpg", bbox=[0.8, 0.6, 0.1, 0.1])
    (folder / "text.jpg").write_text("no picture", "utf-8")
    (folder.parent / "outside.jpg").write_bytes((folder / "good.jpg").read_bytes())
    (folder / "link.jpg").symlink_to(folder / "good.jpg")
    wrong = {
        "detection.camera.not_found": event(folder, device_id="tower-4"),
        "detection.camera.unknown_preset": event(folder, preset=9),
        "detection.camera.clock_ahead": event(folder, ts="2027-01-01T00:00:00+08:00"),
        "detection.camera.picture_changed": event(folder, media={"image": "good.jpg", "sha256": "0" * 64}),
        "detection.camera.not_a_picture": event(folder, media={"image": "text.jpg"}),
        "detection.camera.unreadable": event(folder, media={"image": "missing.jpg"}),
        "detection.camera.above_horizon": event(folder, bbox=[0.4, 0.0, 0.1, 0.1]),
        "detection.camera.picture_elsewhere": event(folder, media={"image": "../outside.jpg"}),
    }
    linked = event(folder, media={"image": "link.jpg"})
    report = send(runtime, folder, *wrong.values(), linked, good)
    assert fates(report) == ["new", *wrong, "detection.camera.picture_elsewhere"]
    with runtime.database.transaction(runtime.system) as session:
        assert session.execute(text("SELECT count(*) FROM lead")).scalar_one() == 1
    for row in jobs.told(report)[1:]:
        assert row["reason"]
        assert row["code"] not in row["reason"]


def test_the_registry_is_brought_up_to_date_and_kept_apart_by_county(runtime: Runtime, folder: Path) -> None:
    moved = REGISTRY.replace("bearing_deg = 90.0", "bearing_deg = 100.0")
    (folder / "cameras.toml").write_text(moved, "utf-8")
    jobs.import_cameras(runtime, folder / "cameras.toml")
    system = runtime.system
    with runtime.database.transaction(system) as session:
        [camera] = cameras.list_cameras(session, system)
    assert camera == jobs.read_registry(folder / "cameras.toml")[0]
    stranger = replace(system, role="county_officer", area_code="410882000000")
    with runtime.database.transaction(stranger) as session:
        assert cameras.list_cameras(session, stranger) == []
    (folder / "far.toml").write_text(REGISTRY.replace("lon = 112.75", "lon = 100.0"), "utf-8")
    with pytest.raises(InvalidInput) as refused:
        jobs.import_cameras(runtime, folder / "far.toml")
    assert refused.value.code == "detection.lead.outside_divisions"


def test_watched_frames_become_leads_once(runtime: Runtime, folder: Path) -> None:
    """An hour of frames, one every two minutes: an excavator comes and stays."""
    frames = folder / "frames"
    frames.mkdir()
    for image, seen_at in camera_scenes.frames(30, step_s=120.0, machine=(15, 150)):
        cv2.imwrite(str(frames / f"tower-3_{seen_at:%Y%m%dT%H%M%S}.jpg"), np.asarray(image))
    [camera] = jobs.read_registry(folder / "cameras.toml")
    report = watch_frames(dated_frames(frames), camera, 3)
    assert (report.frames, report.warm_up, report.is_lost) == (30, 12, False)
    [row] = jobs.take_watched(runtime, report)
    assert (row["kind"], row["fate"]) == ("dwelling_object", "new")
    assert [one["fate"] for one in jobs.take_watched(runtime, report)] == ["known"]
    with runtime.database.transaction(runtime.system) as session:
        [item] = waiting.list_waiting_leads(session, runtime.system).items
        assert runtime.blobs.read(item.lead.attributes["picture_sha256"]).startswith(b"\xff\xd8")


def test_the_command_watches_without_a_database(tmp_path: Path) -> None:
    (tmp_path / "cameras.toml").write_text(REGISTRY, "utf-8")
    frames = tmp_path / "frames"
    frames.mkdir()
    for number, (image, _) in enumerate(camera_scenes.frames(14)):
        cv2.imwrite(str(frames / f"{number:03d}.jpg"), np.asarray(image))
    options = ["--camera", "tower-3", "--preset", "3", "--registry", str(tmp_path / "cameras.toml"), "--json"]
    dated = ["--from", "2026-09-01T09:00:00", "--step-s", "30"]
    done = CliRunner().invoke(cameras_app, ["watch", str(frames), *options, *dated])
    assert done.exit_code == 0, done.output
    told = json.loads(done.output)
    assert told == {
        "frames": 14, "warm_up": 12, "moved": 0, "jumped": 0, "is_comparable": True, "events": []
    }  # fmt: skip
    undated = CliRunner().invoke(cameras_app, ["watch", str(frames), *options])
    assert isinstance(undated.exception, InvalidInput)
    assert undated.exception.code == "detection.camera.undated_frame"
