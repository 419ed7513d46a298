"""The watch over a closed case: later images are noted by themselves, hidden ground is never "unchanged"."""

from __future__ import annotations

import io
from datetime import datetime, timedelta

import numpy as np
import pytest
from affine import Affine
from rasterio.io import MemoryFile
from sqlalchemy import text

from foundation.ids import derived_id
from patrol import casework, service
from patrol.cases.watching.service import note_later_images

SIZE, STEP = 100, 0.00005
WEST, NORTH = 112.749, 34.953
FOOTPRINT = "SRID=4490;MULTIPOLYGON(((112.74 34.94, 112.76 34.94, 112.76 34.96, 112.74 34.96, 112.74 34.94)))"


def change_raster(value: int, hidden_east_of: float | None = None) -> bytes:
    """A change raster around the patch (112.751–112.752 E, 34.951–34.952 N) with one value inside."""
    pixels = np.zeros((SIZE, SIZE), np.uint8)
    lon = WEST + (np.arange(SIZE) + 0.5) * STEP
    lat = NORTH - (np.arange(SIZE) + 0.5) * STEP
    inside = ((lat > 34.951) & (lat < 34.952))[:, None] & ((lon > 112.751) & (lon < 112.752))[None, :]
    pixels[inside] = value
    if hidden_east_of is not None:
        pixels[:, lon > hidden_east_of] = 255
    with MemoryFile() as memory:
        with memory.open(
            driver="GTiff", width=SIZE, height=SIZE, count=1, dtype="uint8", crs="EPSG:4490", nodata=255,
            transform=Affine(STEP, 0, WEST, 0, -STEP, NORTH),
        ) as target:  # fmt: skip
            target.write(pixels, 1)
        return io.BytesIO(memory.read()).getvalue()


def add_scene(net, name: str, at: datetime, raster: bytes, *, cloud_pct: float = 0.0) -> None:  # type: ignore[no-untyped-def]
    values = {
        "scene": derived_id("scene", name),
        "sha": derived_id("sha", name).hex * 2,
        "at": at,
        "cloud": cloud_pct,
        "footprint": FOOTPRINT,
        "run": derived_id("run", name),
        "change": net.runtime.blobs.put(raster).sha256,
    }
    with net.runtime.database.transaction(net.runtime.system) as session:
        session.execute(
            text(
                "INSERT INTO scene (scene_id, county_code, kind, sensor, acquired_at, bands, gsd_m, crs,"
                " cloud_pct, footprint, source_name, source_sha256, cog_sha256, display_range, imported_at)"
                " VALUES (:scene, '410883', 'satellite', 'GF-2', :at, '{red}', 1, 'EPSG:4490', :cloud,"
                " ST_GeomFromEWKT(:footprint), 'x', :sha, :sha, '{}', :at)"
            ),
            values,
        )
        session.execute(
            text(
                "INSERT INTO detection_run (run_id, county_code, before_scene_id, after_scene_id, method,"
                " method_version, parameters, parameters_sha256, registration, control, statistics,"
                " change_sha256, finished_at) VALUES (:run, '410883', :scene, :scene, 'x', '1', '{}', :sha,"
                " '{}', '{}', '{}', :change, :at)"
            ),
            values,
        )


@pytest.fixture
def closed(net, judged):  # type: ignore[no-untyped-def]
    patch_id = judged()
    net.do("county", service.move_case, patch_id, "order_rectification")
    net.do("station", service.move_case, patch_id, "report_rectified", reason_code="demolished")
    net.do("reviewer", service.move_case, patch_id, "accept_recheck")
    net.do("city", service.move_case, patch_id, "close", reason_code="rectified")
    return patch_id


def note(net) -> int:  # type: ignore[no-untyped-def]
    with net.runtime.database.transaction(net.runtime.system) as session:
        return len(note_later_images(session, net.runtime.system, blobs=net.runtime.blobs, now=net.clock()))


def test_every_later_image_is_noted_once_with_what_it_shows(net, closed) -> None:  # type: ignore[no-untyped-def]
    ended = net.clock()
    add_scene(net, "before the end", ended - timedelta(days=9), change_raster(0))
    add_scene(net, "clear", ended + timedelta(days=30), change_raster(0))
    add_scene(net, "cloud", ended + timedelta(days=60), change_raster(0, 112.7513), cloud_pct=62)
    add_scene(net, "built again", ended + timedelta(days=90), change_raster(1))
    add_scene(net, "after the watch", ended + timedelta(days=380), change_raster(1))
    net.clock.set(ended + timedelta(days=400))
    assert note(net) == 3
    assert note(net) == 0
    found = net.do("county", casework.case_file, closed).watch
    assert [look.outcome for look in found] == ["unchanged", "not_observed", "changed"]
    assert "未见变化" in found[0].text
    assert "云量62%" in found[1].text
    assert net.state(closed)[0] == "closed"  # a look reopens nothing; what detection finds does


def test_ground_at_the_edge_of_an_image_was_not_observed(net, closed) -> None:  # type: ignore[no-untyped-def]
    add_scene(net, "edge", net.clock() + timedelta(days=30), change_raster(0, 112.7505))
    net.clock.set(net.clock() + timedelta(days=31))
    assert note(net) == 1
    (look,) = net.do("county", casework.case_file, closed).watch
    assert look.outcome == "not_observed"
