"""What bad input gets: a clear code, and nothing half-written."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest
from affine import Affine

from foundation.errors import InvalidInput, LandwardenError, Unavailable, known_codes
from ingest.pair import open_pair
from ingest.raster import RasterGrid, check_writable, write_byte_raster, written_whole

GK = Affine.translation(500_000.0, 3_870_000.0) @ Affine.scale(2.0, -2.0)


@pytest.fixture
def tiles(scenes, tmp_path):
    pair = scenes.optical_pair((200, 220))
    pixels = scenes.as_words(pair.before), scenes.as_words(pair.after)
    return tmp_path, pixels, scenes.write


def refused(before: Path, after: Path, **options) -> LandwardenError:
    with pytest.raises(InvalidInput) as caught:
        open_pair(before, after, **options)
    error = caught.value
    assert error.code in known_codes()
    assert "{" not in error.text("zh") + error.text("en")
    return error


def test_missing_empty_and_foreign_files(tiles, tmp_path):
    folder, (first, _), write = tiles
    good = write(folder / "a.tif", first)
    assert refused(folder / "none.tif", good).code == "ingest.raster.missing"
    (folder / "empty.tif").touch()
    assert refused(good, folder / "empty.tif").code == "ingest.raster.empty_file"
    (folder / "vrt.tif").write_text("<VRTDataset rasterXSize='1' rasterYSize='1'/>")
    assert refused(good, folder / "vrt.tif").code == "ingest.raster.driver"


def test_a_file_cut_short_is_corrupt(tiles):
    folder, (first, second), write = tiles
    before = write(folder / "a.tif", first)
    after = write(folder / "b.tif", second, compress="deflate", tiled=True, blockxsize=64, blockysize=64)
    whole = after.read_bytes()
    for share in (0.9, 0.5, 0.002):
        after.write_bytes(whole[: int(len(whole) * share)])
        assert refused(before, after).code == "ingest.raster.corrupt"


def test_no_georeference_needs_pixel_grid(tiles):
    folder, (first, second), write = tiles
    before, after = write(folder / "a.tif", first, crs=None), write(folder / "b.tif", second, crs=None)
    assert refused(before, after).code == "ingest.raster.no_crs"
    assert open_pair(before, after, pixel_grid=True).grid.crs_wkt is None
    small = write(folder / "c.tif", second[:, :100], crs=None)
    assert refused(before, small, pixel_grid=True).code == "ingest.pair.size_differs"
    placed = write(folder / "d.tif", second)
    assert refused(before, placed, pixel_grid=True).code == "ingest.pair.mixed_georeference"


@pytest.mark.parametrize(
    ("crs", "transform", "code"),
    [
        (
            "EPSG:4490",
            Affine.translation(500_000.0, 3_870_000.0) @ Affine.scale(2.0, -2.0),
            "implausible_crs",
        ),
        ("EPSG:4490", Affine.translation(34.9, 112.7) @ Affine.scale(2e-5, -2e-5), "swapped_axes"),
        ("EPSG:4547", Affine.translation(3_870_000.0, 500_000.0) @ Affine.scale(2.0, -2.0), "swapped_axes"),
        (
            "EPSG:4547",
            Affine.translation(38_500_000.0, 3_870_000.0) @ Affine.scale(2.0, -2.0),
            "implausible_crs",
        ),
        ("EPSG:4547", Affine.translation(112.7, 34.9) @ Affine.scale(2e-5, -2e-5), "implausible_crs"),
    ],
)
def test_wrong_places_are_refused(tiles, crs, transform, code):
    folder, (first, second), write = tiles
    before = write(folder / "a.tif", first, crs="EPSG:4547", transform=GK)
    after = write(folder / "b.tif", second, crs=crs, transform=transform)
    assert refused(before, after).code == f"ingest.raster.{code}"


def test_old_datums_are_refused(tiles):
    folder, (first, second), write = tiles
    before = write(folder / "a.tif", first, crs="EPSG:2382", transform=GK)
    assert refused(before, write(folder / "b.tif", second)).code == "foundation.crs.unsafe_datum"


def test_no_overlap(tiles):
    folder, (first, second), write = tiles
    before = write(folder / "a.tif", first, crs="EPSG:4547", transform=GK)
    away = Affine.translation(510_000.0, 3_870_000.0) @ Affine.scale(2.0, -2.0)
    after = write(folder / "b.tif", second, crs="EPSG:4547", transform=away)
    assert refused(before, after).code == "ingest.pair.no_overlap"


def test_nodata_everywhere(tiles):
    folder, (first, second), write = tiles
    before = write(folder / "a.tif", first)
    after = write(folder / "b.tif", np.zeros_like(second), nodata=0)
    assert refused(before, after).code == "ingest.pair.nodata_everywhere"
    assert refused(after, before).code == "ingest.pair.nodata_everywhere"


def test_one_image_twice_in_every_disguise(tiles):
    folder, (first, second), write = tiles
    before = write(folder / "a.tif", first)
    copy = folder / "copy.tif"
    copy.write_bytes(before.read_bytes())
    assert refused(before, copy).code == "ingest.pair.same_file"
    packed = write(folder / "packed.tif", first, compress="deflate")
    assert refused(before, packed).code == "ingest.pair.same_picture"
    one, two = (
        write(folder / f"{name}.tif", pixels, tags={"ACQUIRED_AT": stamp})
        for name, pixels, stamp in (
            ("one", first, "2026-04-08T11:12:00+08:00"),
            ("two", second, "2026-04-08T03:12:00+00:00"),
        )
    )
    assert refused(one, two).code == "ingest.pair.same_date"
    assert open_pair(one, two, after_date="2026-09-08").after_at is not None


def test_dates_in_the_wrong_order(tiles):
    folder, (first, second), write = tiles
    before = write(folder / "a.tif", first, tags={"ACQUIRED_AT": "2026-09-08T11:05:00+08:00"})
    after = write(folder / "b.tif", second, tags={"TIFFTAG_DATETIME": "2026:04:08 11:12:00"})
    assert refused(before, after).code == "ingest.pair.date_order"
    assert refused(before, after, before_date="spring").code == "ingest.raster.bad_date"


def test_band_counts_must_agree(tiles):
    folder, (first, second), write = tiles
    before, after = write(folder / "a.tif", first), write(folder / "b.tif", second[:3])
    assert refused(before, after).code == "ingest.pair.band_count"


def test_complex_pixels_are_refused(tiles):
    folder, (first, second), write = tiles
    before = write(folder / "a.tif", first)
    after = write(folder / "b.tif", second.astype(np.complex64))
    assert refused(before, after).code == "ingest.raster.dtype"


def test_outputs_that_cannot_be_written(tiles):
    folder, (first, _), write = tiles
    before = write(folder / "a.tif", first)
    for target, code in (
        (folder / "none" / "x.tif", "ingest.raster.not_writable"),
        (folder, "ingest.raster.not_writable"),
        (before, "ingest.raster.overwrites_input"),
    ):
        with pytest.raises(InvalidInput) as caught:
            check_writable(target, (before,))
        assert caught.value.code == code


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    target = tmp_path / "out.tif"
    target.write_bytes(b"old")

    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    grid = RasterGrid(None, Affine.identity(), 8, 8)
    with pytest.raises(Unavailable) as caught:
        write_byte_raster(target, grid, lambda a, b: np.zeros((b - a, 8), np.uint8), nodata=255, tags={})
    assert caught.value.code == "ingest.raster.disk_full"
    assert target.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["out.tif"]


def test_a_failure_inside_leaves_nothing(tmp_path):
    def fail() -> None:
        with written_whole(tmp_path / "x.bin") as part:
            part.write_bytes(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert list(tmp_path.iterdir()) == []
