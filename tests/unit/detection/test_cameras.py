"""Cameras: where a pixel lies and how far off that may be; what is refused at the edge, and by name."""

from __future__ import annotations

import copy
import io
import json
import math
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from detection.cameras.events import box_iou, first_told, place_of, read_events, sighting_of
from detection.cameras.fields import Fields
from detection.cameras.pictures import clean_copy
from detection.cameras.policy import camera_policy, event_kind, season_of
from detection.cameras.presets import (
    Camera,
    Offset,
    Preset,
    locate,
    ray_of,
    read_camera,
    read_preset,
    settings_of,
)
from foundation.calendar import SHANGHAI
from foundation.crs import destination, distance_m
from foundation.errors import InvalidInput

TOWER = (112.75, 34.95)
REGISTERED: dict[str, Any] = {
    "id": "34020000001320000001",
    "name": "西虢镇铁塔3号",
    "lon": TOWER[0],
    "lat": TOWER[1],
    "coord_source": "cgcs2000",
    "height_m": 35.0,
    "presets": [
        {
            "no": 3,
            "name": "东侧农田",
            "bearing_deg": 90.0,
            "tilt_deg": 5.0,
            "hfov_deg": 30.0,
            "image_px": [1920, 1080],
            "regions": [
                {"id": "open", "pixels": [[0, 500], [1900, 500], [1900, 1080], [0, 1080]]},
            ],
        }
    ],
}
EVENT: dict[str, Any] = {
    "event_id": "e-1",
    "source": "tower_camera",
    "vendor": "x",
    "device_id": REGISTERED["id"],
    "preset": 3,
    "ts": "2026-03-01T09:27:05+08:00",
    "class": "excavator",
    "confidence": 0.87,
    "bbox": [0.41, 0.52, 0.06, 0.05],
    "ptz": {"pan_deg": 0, "tilt_deg": 0, "zoom": 1},
    "media": {"image": "a.jpg"},
}


def camera(**changes: Any) -> Camera:
    values = copy.deepcopy(REGISTERED)
    values["presets"][0] |= changes
    return read_camera(Fields(values, file="cameras.toml"))


def preset(**changes: Any) -> Preset:
    return camera(**changes).presets[0]


@given(
    east_m=st.floats(-200, 200),
    ahead_m=st.floats(150, 1500),
    bearing_deg=st.floats(0, 359),
    tilt_deg=st.floats(2, 15),
    hfov_deg=st.floats(15, 60),
)
@settings(max_examples=60)
def test_a_known_point_projected_into_the_frame_is_found_again(
    east_m: float, ahead_m: float, bearing_deg: float, tilt_deg: float, hfov_deg: float
) -> None:
    """The pinhole is written here once more, forward: from ground to pixel."""
    height_m = 35.0
    looking = preset(bearing_deg=bearing_deg, tilt_deg=tilt_deg, hfov_deg=hfov_deg, tilt_sigma_deg=0.01)
    tilt = math.radians(tilt_deg)
    focal_px = 960 / math.tan(math.radians(hfov_deg) / 2)
    depth = ahead_m * math.cos(tilt) + height_m * math.sin(tilt)
    down = (height_m * math.cos(tilt) - ahead_m * math.sin(tilt)) / depth * focal_px
    pixel = (960 + east_m / depth * focal_px, 540 + down)
    found = locate(camera(), looking, pixel, far_m=5000.0)
    range_m = math.hypot(east_m, ahead_m)
    bearing = bearing_deg + math.degrees(math.atan2(east_m, ahead_m))
    expected = destination(TOWER, bearing_deg=bearing, distance_m=range_m)
    assert distance_m(found.lonlat, expected) < 0.01 + 1e-6 * range_m


def test_a_tenth_of_a_degree_at_three_kilometres_is_hundreds_of_metres() -> None:
    """35 m mast, 3 km: 0.1° of tilt is about 450 m (one σ), and the far side reaches farther still."""
    tilt_deg = math.degrees(math.atan2(35.0, 3000.0))
    far = locate(camera(), preset(tilt_deg=tilt_deg), (960, 540), far_m=5000.0)
    assert distance_m(TOWER, far.lonlat) == pytest.approx(3000.0, abs=0.5)
    assert far.radius_m > 2.4 * 449
    near = locate(camera(), preset(tilt_deg=10.0), (960, 540), far_m=5000.0)
    assert near.radius_m < 35


@given(error=st.integers(0, 10_000), tilt_deg=st.floats(1.0, 20.0), sigma_deg=st.floats(0.02, 0.3))
@settings(max_examples=60)
def test_the_radius_holds_the_true_place(error: int, tilt_deg: float, sigma_deg: float) -> None:
    """Within two standard deviations of tilt and bearing, the truth lies in the disc."""
    rng = np.random.default_rng(error)
    off_tilt, off_bearing = rng.uniform(-2, 2, 2)
    told = preset(tilt_deg=tilt_deg, tilt_sigma_deg=sigma_deg, bearing_sigma_deg=0.5)
    true_tilt = tilt_deg + off_tilt * sigma_deg
    if tilt_deg - 2.5 * sigma_deg <= 0.3:
        return
    found = locate(camera(), told, (960, 540), far_m=1e5)
    truth = destination(
        TOWER,
        bearing_deg=90 + off_bearing * 0.5,
        distance_m=35.0 / math.tan(math.radians(true_tilt)),
    )
    assert distance_m(found.lonlat, truth) <= found.radius_m


def test_a_surveyed_region_and_a_surveyed_range_beat_the_ray() -> None:
    surveyed = {"id": "field", "pixels": [[800, 400], [1100, 400], [1100, 700], [800, 700]]}
    surveyed |= {"lon": 112.7565, "lat": 34.9501, "radius_m": 40.0}
    found = locate(camera(), preset(regions=[surveyed]), (960, 540), far_m=5000.0)
    assert (found.means, found.region_id, found.radius_m) == ("region", "field", 40.0)
    assert found.lonlat == (112.7565, 34.9501)
    turned = locate(camera(), preset(regions=[surveyed]), (960, 540), offset=Offset(pan_deg=4), far_m=5000.0)
    assert turned.means == "ray"
    # Where the distance at the centre was surveyed, the tilt that was told no longer matters.
    ranged = locate(
        camera(), preset(tilt_deg=6.0, range_m=500.0, range_sigma_m=4.0), (960, 540), far_m=5000.0
    )
    assert distance_m(TOWER, ranged.lonlat) == pytest.approx(500.0, abs=0.1)
    assert ranged.radius_m < locate(camera(), preset(tilt_deg=4.0), (960, 540), far_m=5000.0).radius_m


def test_zoom_and_pan_turn_the_ray() -> None:
    looking = preset()
    assert ray_of(looking, (960, 540), Offset(pan_deg=10, tilt_deg=2)) == pytest.approx((100.0, 7.0))
    wide, narrow = (ray_of(looking, (1919.999, 540), Offset(zoom=zoom))[0] - 90 for zoom in (1, 4))
    assert wide == pytest.approx(15, abs=0.1)
    assert narrow == pytest.approx(math.degrees(math.atan(math.tan(math.radians(15)) / 4)), abs=0.1)


@pytest.mark.parametrize(
    ("tilt_deg", "code"),
    [
        (-1.0, "detection.camera.above_horizon"),
        (0.2, "detection.camera.too_far"),
        (0.3, "detection.camera.too_far"),
    ],
)
def test_a_ray_into_the_sky_or_far_away_tells_no_place(tilt_deg: float, code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        locate(camera(), preset(tilt_deg=tilt_deg), (960, 540), far_m=5000.0)
    assert refused.value.code == code
    assert "预置位" in refused.value.text("zh")


def test_a_preset_is_stored_and_read_back_as_it_was() -> None:
    surveyed = {"id": "f", "pixels": [[1, 1], [9, 1], [5, 9]], "lon": 112.7, "lat": 34.9, "radius_m": 40.0}
    one = preset(regions=[surveyed], range_m=500.0, range_sigma_m=4.0)
    stored = json.loads(json.dumps(settings_of(one)))
    assert read_preset(Fields(stored, file="db")) == one


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        (("coord_source",), "gcj02", "coord_source"),
        (("coord_source",), None, "coord_source"),
        (("lon",), 34.95, "lon"),
        (("height_m",), "35", "height_m"),
        (("height_m",), float("nan"), "height_m"),
        (("presets", 0, "tilt_deg"), True, "presets[0].tilt_deg"),
        (("presets", 0, "image_px"), [1920], "presets[0].image_px"),
        (("presets", 0, "regions", 0, "pixels"), [[0, 0], [1, 1]], "presets[0].regions[0].pixels"),
        (
            ("presets", 0, "regions", 0, "pixels"),
            [[0, 0], [9, 9], [9, 0], [0, 9]],
            "presets[0].regions[0].pixels",
        ),
        (("presets", 0, "regions", 0, "pixels"), [[0, 0], [9, 9], [9999, 0]], "presets[0].regions[0].pixels"),
        (("name",), "\x00", "name"),
    ],
)
def test_the_registry_is_refused_field_by_field(path: tuple[Any, ...], value: object, field: str) -> None:
    values: Any = copy.deepcopy(REGISTERED)
    inside = values
    for step in path[:-1]:
        inside = inside[step]
    inside[path[-1]] = value
    with pytest.raises(InvalidInput) as refused:
        read_camera(Fields(values, file="登记表.toml"))
    assert refused.value.code == "detection.camera.bad_field"
    assert refused.value.facts["field"] == field
    assert "登记表.toml" in refused.value.text("zh")


def test_the_canonical_event_becomes_a_sighting() -> None:
    [event] = read_events(json.dumps(EVENT), file="e.json")
    place = place_of(event, camera())
    lead = sighting_of(
        event, camera(), place, division_code="410883105201", picture_sha256="a" * 64, served_sha256="b" * 64
    )
    assert lead.is_sighting
    assert lead.change_class == "earthwork"
    assert lead.observed_to == datetime(2026, 3, 1, 9, 27, 5, tzinfo=SHANGHAI)
    assert lead.attributes["kind_name"] == "挖掘机作业"
    assert lead.radius_m == place.radius_m
    again = sighting_of(
        event, camera(), place, division_code="x", picture_sha256="a" * 64, served_sha256="c" * 64
    )
    assert again.lead_id == lead.lead_id
    told = read_events(
        json.dumps([EVENT | {"location": {"lon": 113.2, "lat": 35.2, "error_m": 60, "crs": "EPSG:4490"}}]),
        file="e.json",
    )
    assert place_of(told[0], camera()).lonlat == (113.2, 35.2)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"ts": "2026-03-01T09:27:05"}, "bad_field"),
        ({"ts": "yesterday"}, "bad_field"),
        ({"class": "dragon"}, "unknown_kind"),
        ({"confidence": 1.2}, "bad_field"),
        ({"bbox": [0.9, 0.5, 0.2, 0.1]}, "bad_field"),
        ({"bbox": [0.9, 0.5, 0.0, 0.1]}, "bad_field"),
        ({"preset": "3"}, "bad_field"),
        ({"media": None}, "bad_field"),
        ({"media": []}, "bad_field"),
        ({"location": {"lon": 113.2, "lat": 35.2, "error_m": 60, "crs": "GCJ-02"}}, "bad_field"),
        ({"location": {"lon": 35.2, "lat": 113.2, "error_m": 60, "crs": "EPSG:4490"}}, "bad_field"),
    ],
)
def test_a_wrong_event_is_refused(change: dict[str, object], code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_events(json.dumps([EVENT, EVENT | change]), file="e.json")
    assert refused.value.code == f"detection.camera.{code}"
    if code == "bad_field":
        assert str(refused.value.facts["field"]).startswith("[1].")


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "3", '"a"', "[1]"])
def test_what_is_no_event_file_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_events(text, file="e.json")
    assert refused.value.code in {"detection.camera.not_json", "detection.camera.bad_field"}


def test_the_same_scene_within_a_day_is_told_once() -> None:
    def lead(**changes: Any) -> Any:
        [event] = read_events(json.dumps(EVENT | changes), file="e.json")
        return sighting_of(
            event,
            camera(),
            place_of(event, camera()),
            division_code="4",
            picture_sha256=event.seen_at.isoformat(),
            served_sha256="",
        )

    first = lead()
    later = (first.observed_to + timedelta(hours=23)).isoformat()
    next_day = (first.observed_to + timedelta(hours=25)).isoformat()
    assert first_told(lead(ts=later), [first]) == first
    assert first_told(lead(ts=next_day), [first]) is None
    assert first_told(lead(ts=later, **{"class": "truck"}), [first]) is None
    assert first_told(lead(ts=later, bbox=[0.7, 0.52, 0.06, 0.05]), [first]) is None
    assert box_iou([0, 0, 0.2, 0.2], [0.1, 0, 0.2, 0.2]) == pytest.approx(1 / 3)


def picture(size: tuple[int, int] = (640, 480), kind: str = "JPEG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, (90, 120, 60)).save(buffer, kind, **options)
    return buffer.getvalue()


def test_a_picture_is_served_without_what_it_carried() -> None:
    exif = Image.Exif()
    exif[0x010E] = "secret place"
    data = picture((3000, 2000), exif=exif)
    assert b"secret place" in data
    clean = clean_copy(data, name="a.jpg")
    assert b"secret place" not in clean
    with Image.open(io.BytesIO(clean)) as served:
        assert served.size == (1600, 1067)
    assert clean_copy(picture(kind="PNG"), name="a.png").startswith(b"\xff\xd8")


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "not_a_picture"),
        (b"<svg xmlns='x'/>", "not_a_picture"),
        (picture(kind="GIF"), "not_a_picture"),
        (picture(kind="TIFF"), "not_a_picture"),
        (picture()[:400], "picture_broken"),
        (picture((8, 8), "PNG"), "picture_broken"),
        (picture((9000, 6000), "PNG"), "picture_too_large"),
        (picture() + bytes(21 << 20), "picture_too_large"),
    ],
    ids=["empty", "svg", "gif", "tiff", "cut off", "tiny", "54 MP", "21 MB"],
)
def test_a_hostile_picture_is_refused(data: bytes, code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        clean_copy(data, name="a.jpg")
    assert refused.value.code == f"detection.camera.{code}"


def test_every_kind_has_a_name_and_seasons_are_told() -> None:
    for key in camera_policy()["kinds"]:
        kind = event_kind(key)
        assert kind.zh
        assert kind.change_class
    assert season_of("excavator", datetime(2026, 6, 1, tzinfo=SHANGHAI)) == "三夏农忙期"
    assert season_of("excavator", datetime(2026, 8, 1, tzinfo=SHANGHAI)) is None
