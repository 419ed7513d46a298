"""How plausible a capture is: each doubt on its own, worked by hand, and no doubt that raises a score."""

from __future__ import annotations

import io
import math
import random
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image

from foundation.calendar import SHANGHAI
from foundation.crs import destination
from patrol.visits.pictures import difference_hash, look_at
from patrol.visits.plausibility import (
    Capture,
    EarlierCapture,
    FileClaims,
    Nonce,
    assess,
    evidence_policy,
    sentence,
    view_sector,
)
from patrol.visits.visits import wgs84_to_gcj02

NOW = datetime(2026, 9, 8, 14, 0, tzinfo=SHANGHAI)
CENTRE = (112.75, 34.95)


def square(half_m: float = 50.0) -> shapely.Polygon:
    """About the centre."""
    edge = half_m * math.sqrt(2)
    return shapely.Polygon(
        [destination(CENTRE, bearing_deg=bearing, distance_m=edge) for bearing in (45, 135, 225, 315)]
    )


OUTLINE = square()


def south_of_it(distance_m: float) -> tuple[float, float]:
    """A place so far south of the square's southern edge."""
    return destination(CENTRE, bearing_deg=180.0, distance_m=50.0 + distance_m)


GOOD = Capture(
    kind="photo",
    outline_4490=OUTLINE,
    captured_at=NOW - timedelta(minutes=5),
    received_at=NOW,
    lonlat=south_of_it(30),
    accuracy_m=5.0,
    bearing_deg=0.0,
    visit_at=NOW - timedelta(minutes=20),
    nonce=Nonce(is_own=True, issued_at=NOW - timedelta(hours=2), skew_s=3.0),
    file=FileClaims(taken_at=NOW - timedelta(minutes=5), lonlat=south_of_it(32)),
)


def finding(capture: Capture, check: str):  # type: ignore[no-untyped-def]
    return next(each for each in assess(capture).findings if each.check == check)


def test_a_good_capture_scores_one_and_has_every_reason() -> None:
    good = assess(GOOD)
    assert (good.score, good.flags) == (1.0, ())
    assert [each.check for each in good.findings] == [
        "position", "accuracy", "view", "time", "visit_time", "nonce", "clock_skew", "duplicate", "exif",
        "software",
    ]  # fmt: skip
    assert all(sentence(each.plain(), language) for each in good.findings for language in ("zh", "en"))


@pytest.mark.parametrize(
    ("change", "check", "factor", "flag"),
    [
        ({"lonlat": south_of_it(205)}, "position", 0.75, None),
        ({"lonlat": south_of_it(605)}, "position", 0.0, "非现场"),
        ({"lonlat": None}, "position", 0.5, "无坐标"),
        ({"accuracy_m": 70.0}, "accuracy", 0.5, "定位精度差"),
        ({"bearing_deg": None}, "view", 0.6, "无方位"),
        ({"bearing_deg": 180.0}, "view", 0.027, "未朝向图斑"),
        ({"bearing_deg": 359.0}, "view", 1.0, None),
        ({"captured_at": NOW + timedelta(minutes=60)}, "time", 0.0, "时间偏差"),
        ({"captured_at": NOW - timedelta(days=30)}, "time", 0.0, "时间偏差"),
        ({"captured_at": NOW - timedelta(hours=13, minutes=20)}, "visit_time", 0.5, "与核查时间不符"),
        ({"nonce": None}, "nonce", 0.75, None),
        ({"nonce": Nonce(is_own=False)}, "nonce", 0.0, "校验码不符"),
        ({"nonce": Nonce(True, NOW + timedelta(hours=1), 0.0)}, "nonce", 0.0, "校验码不符"),
        ({"nonce": Nonce(True, NOW - timedelta(hours=17), 0.0)}, "nonce", 0.0, "校验码不符"),
        ({"nonce": Nonce(True, NOW - timedelta(hours=2), 3750.0)}, "clock_skew", 0.5, "手机时钟偏差"),
        (
            {"earlier": EarlierCapture(destination(south_of_it(30), bearing_deg=90, distance_m=20_000), 5.0,
                                       NOW - timedelta(minutes=6))},
            "speed", 0.0, "移动过快",
        ),
        ({"same_count": 1}, "duplicate", 0.0, "重复照片"),
        ({"alike_elsewhere": 2}, "duplicate", 0.4, "疑似重复照片"),
        ({"file": FileClaims(lonlat=south_of_it(2500))}, "exif", 0.0, "照片信息不符"),
        ({"file": FileClaims(taken_at=NOW - timedelta(days=3))}, "exif", 0.0, "照片信息不符"),
        ({"file": FileClaims(software="Adobe Photoshop 25.1")}, "software", 0.3, "经软件处理"),
        ({"file": FileClaims(screenshot_mark="Screenshot")}, "software", 0.2, "疑似截屏"),
        ({"is_from_gallery": True}, "gallery", 0.3, "相册选取"),
        ({"file": FileClaims(is_readable=False, why="cut off")}, "readable", 0.2, "图片无法解码"),
    ],
)  # fmt: skip
def test_each_doubt_on_its_own(change, check: str, factor: float, flag: str | None) -> None:  # type: ignore[no-untyped-def]
    capture = replace(GOOD, **change)
    found, good = assess(capture), assess(GOOD)
    assert finding(capture, check).factor == pytest.approx(factor, abs=0.01)
    assert found.score < good.score or factor == 1.0
    assert (flag in found.flags) if flag else found.flags == ()
    assert sentence(finding(capture, check).plain())


def test_the_view_is_a_sector_against_the_outline() -> None:
    """From 100 m south of a square of 100 m: its edges lie 26.6° to either side; half the view is 33°."""
    from_south = replace(GOOD, lonlat=south_of_it(100), accuracy_m=0.0, nonce=None)
    edge = 26.57 + 33.0 + evidence_policy()["checks"]["view"]["compass_error_deg"]
    for bearing, is_seen in ((0, True), (edge - 1, True), (edge + 1, False), (360 - edge + 1, True)):
        assert (finding(replace(from_south, bearing_deg=bearing), "view").factor == 1.0) is is_seen, bearing
    beside = finding(replace(from_south, bearing_deg=90.0 + 26.57), "view")
    assert beside.factor == pytest.approx((90 - (90 - 33)) / 75, abs=0.01)
    far = replace(from_south, lonlat=south_of_it(2000))
    assert finding(far, "view").reason == "view_too_far"
    sector = view_sector(CENTRE, bearing_deg=90.0, fov_deg=60.0, range_m=100.0)
    assert sector.contains(shapely.Point(destination(CENTRE, bearing_deg=115, distance_m=90)))
    assert not sector.contains(shapely.Point(destination(CENTRE, bearing_deg=125, distance_m=90)))


def test_a_poor_fix_does_not_excuse_a_far_place() -> None:
    poor = replace(GOOD, lonlat=south_of_it(700), accuracy_m=5000.0)
    assert finding(poor, "position").factor == 0.0
    assert assess(poor).score < 0.1


def test_exif_shifted_as_map_services_do_counts_as_agreeing() -> None:
    shifted = replace(GOOD, file=FileClaims(lonlat=wgs84_to_gcj02(GOOD.lonlat or CENTRE)))
    assert finding(shifted, "exif").factor == 1.0


@given(
    distance=st.floats(0, 3000),
    accuracy=st.floats(0, 300),
    bearing=st.floats(0, 360),
    late_h=st.floats(-3, 900),
    same=st.integers(0, 3),
    gallery=st.booleans(),
)
def test_scores_lie_between_nought_and_one_and_a_doubt_more_never_raises_them(
    distance: float, accuracy: float, bearing: float, late_h: float, same: int, gallery: bool
) -> None:
    capture = replace(
        GOOD,
        lonlat=south_of_it(distance),
        accuracy_m=accuracy,
        bearing_deg=bearing,
        captured_at=NOW - timedelta(hours=late_h),
        nonce=None,
    )
    plain = assess(capture).score
    doubted = assess(replace(capture, same_count=same, is_from_gallery=gallery)).score
    assert 0.0 <= doubted <= plain <= 1.0


def drawn(seed: int = 5) -> Image.Image:
    """Large blocks of grey, as a picture with houses and sky has them."""
    small = Image.frombytes("L", (9, 8), random.Random(seed).randbytes(72))
    return small.resize((640, 480), Image.Resampling.BICUBIC).convert("RGB")


def test_what_a_file_says_is_read_and_the_copy_says_nothing(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Software] = "Snapseed 2.0\x00"
    exif[ExifTags.Base.Make], exif[ExifTags.Base.Model] = "HUAWEI", "P60"
    exif[ExifTags.Base.Orientation] = 6
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "2026:09:08 13:55:00"
    gps = exif.get_ifd(ExifTags.IFD.GPSInfo)
    gps[ExifTags.GPS.GPSLatitudeRef], gps[ExifTags.GPS.GPSLatitude] = "N", (34.0, 57.0, 0.0)
    gps[ExifTags.GPS.GPSLongitudeRef], gps[ExifTags.GPS.GPSLongitude] = "E", (112.0, 45.0, 0.0)
    file = tmp_path / "a.jpg"
    drawn().save(file, exif=exif)
    seen = look_at(file)
    assert seen.claims.lonlat == pytest.approx((112.75, 34.95))
    assert seen.claims.taken_at == datetime(2026, 9, 8, 13, 55, tzinfo=SHANGHAI)
    assert (seen.claims.software, seen.claims.camera) == ("Snapseed 2.0", "HUAWEI P60")
    assert seen.public_jpeg is not None
    assert b"HUAWEI" in file.read_bytes()
    assert b"HUAWEI" not in seen.public_jpeg
    with Image.open(io.BytesIO(seen.public_jpeg)) as copy:
        assert dict(copy.getexif()) == {}
        assert copy.size == (480, 640)


def test_pictures_that_look_alike_differ_in_few_bits() -> None:
    def bits(one: Image.Image, other: Image.Image) -> int:
        hashes = difference_hash(one), difference_hash(other)
        return (int(hashes[0] or "", 16) ^ int(hashes[1] or "", 16)).bit_count()

    buffer = io.BytesIO()
    drawn().resize((320, 240)).save(buffer, "JPEG", quality=40)
    assert bits(drawn(), Image.open(buffer)) <= evidence_policy()["near_alike_bits"]
    assert bits(drawn(), drawn(6)) > 15


def test_a_bare_wall_looks_like_every_other_bare_wall_and_is_not_compared() -> None:
    assert difference_hash(Image.new("RGB", (640, 480), "grey")) is None
    assert difference_hash(Image.linear_gradient("L")) is None


@pytest.mark.parametrize(
    "data", [b"\xff\xd8\xff\xe0 cut", b"\x89PNG\r\n\x1a\n" + b"\x00" * 40, b"GIF89a", b""]
)
def test_what_cannot_be_decoded_is_told_not_raised(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "x"
    file.write_bytes(data)
    seen = look_at(file)
    assert (seen.claims.is_readable, seen.public_jpeg) == (False, None)
    assert seen.claims.why


def test_a_picture_of_too_many_pixels_is_not_decoded(tmp_path: Path) -> None:
    file = tmp_path / "big.png"
    Image.new("1", (8000, 7000)).save(file)
    seen = look_at(file)
    assert (seen.claims.is_readable, seen.claims.why) == (False, "8000 x 7000")
