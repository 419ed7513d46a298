"""A county's time series on real PostGIS: begun, continued, killed, rebuilt; its alarms become patches."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from sqlalchemy import text

from detection import service as detection
from detection.jobs import detect
from detection.series import jobs, service
from detection.store import leads_by_id
from foundation.access import Actor
from foundation.audit import verify_chain
from foundation.crs import reproject
from foundation.errors import InvalidInput
from foundation.ids import derived_id
from foundation.runtime import Runtime
from ingest.jobs import import_layer, import_scene
from ingest.scenes import Scene
from ingest.sources.synthetic.county import CountyFiles, build_county

COUNTY = "410883"
SIDE = 40
GSD_M = 10.0
FIRST = date(2024, 9, 1)
EVERY = 16
COUNT = 38
CHANGED_AT = 30
CHANGED = (slice(10, 18), slice(22, 30))
CROPS = (slice(24, 36), slice(4, 16))


@pytest.fixture(scope="session")
def county(tmp_path_factory: pytest.TempPathFactory) -> CountyFiles:
    return build_county(tmp_path_factory.mktemp("county"), size="small")


@pytest.fixture
def corner(county: CountyFiles) -> tuple[float, float]:
    """Where the stack lies: in the middle of the county's villages, EPSG:4547."""
    with rasterio.open(county.before) as source:
        return (
            (source.bounds.left + source.bounds.right) / 2 - SIDE * GSD_M / 2,
            (source.bounds.bottom + source.bounds.top) / 2 + SIDE * GSD_M / 2,
        )


@pytest.fixture
def watched(runtime: Runtime, county: CountyFiles) -> Runtime:
    """A runtime that knows the villages."""
    runtime.settings.data_dir.mkdir(parents=True, exist_ok=True)
    import_layer(
        runtime, county.layers["division"], kind="division", county_code=COUNTY, valid_from=date(2024, 1, 1)
    )
    return runtime


def day_of_scene(number: int) -> date:
    return FIRST + timedelta(days=EVERY * number)


def ndvi(number: int) -> np.ndarray:
    """Forest with a field that is harvested in winter and in summer; a square turns bare for good."""
    day = day_of_scene(number)
    turns = 2 * np.pi * day.timetuple().tm_yday / 365.0
    values = np.full((SIDE, SIDE), 0.75)
    values[CROPS] = 0.5 - 0.3 * np.cos(2 * turns)
    if number >= CHANGED_AT:
        values[CHANGED] = 0.12
    return values + np.random.default_rng(number).normal(0, 0.015, values.shape)


def write_scene(folder: Path, number: int, corner: tuple[float, float], *, shift_px: int = 0) -> Path:
    """Four bands and a cloud band, reflectance × 10,000; every fifth has clouds over a third of it."""
    index = ndvi(number)
    index = np.pad(index, shift_px, mode="edge") if shift_px else index
    bands = np.empty((5, *index.shape), np.uint16)
    bands[:2] = 600
    bands[2] = np.rint(2000 * (1 - index))
    bands[3] = np.rint(2000 * (1 + index))
    bands[4] = 0
    if number % 5 == 0:
        bands[:4, : SIDE // 3] = 9000
        bands[4, : SIDE // 3] = 1
    path = folder / f"S2_{day_of_scene(number):%Y%m%d}.tif"
    west, north = corner
    profile = {
        "driver": "GTiff",
        "count": 5,
        "dtype": "uint16",
        "height": index.shape[0],
        "width": index.shape[1],
        "crs": "EPSG:4547",
        "transform": Affine(GSD_M, 0, west - shift_px * GSD_M, 0, -GSD_M, north + shift_px * GSD_M),
    }
    with rasterio.open(path, "w", **profile) as sink:
        sink.write(bands)
        sink.descriptions = ("blue", "green", "red", "nir", "cloud")
    return path


def bring(
    runtime: Runtime, folder: Path, corner: tuple[float, float], numbers: Iterator[int] | range, **how: int
) -> list[Scene]:
    return [
        import_scene(
            runtime,
            write_scene(folder, number, corner, **how),
            county_code=COUNTY,
            acquired_at=day_of_scene(number).isoformat(),
            sensor="S2",
        )
        for number in numbers
    ]


def counts(runtime: Runtime) -> dict[str, int]:
    names = ("series_monitor", "series_alarm", "lead", "patch", "judgement")
    with runtime.database.transaction(runtime.system) as session:
        return {name: session.scalar(text(f"SELECT count(*) FROM {name}")) or 0 for name in names}


def stored(runtime: Runtime) -> tuple[str, list[service.Alarm]]:
    with runtime.database.transaction(runtime.system) as session:
        [monitor] = service.list_monitors(session, runtime.system, COUNTY)
        return monitor.state_sha256, service.list_alarms(session, runtime.system, monitor.monitor_id)


def ground(corner: tuple[float, float], place: tuple[slice, slice]) -> shapely.Polygon:
    rows, cols = place
    west, north = corner
    box = shapely.box(
        west + cols.start * GSD_M,
        north - rows.stop * GSD_M,
        west + cols.stop * GSD_M,
        north - rows.start * GSD_M,
    )
    return reproject(box, 4547)


def test_a_change_becomes_one_alarm_one_lead_one_patch(watched, tmp_path, corner):
    bring(watched, tmp_path, corner, range(CHANGED_AT))
    assert jobs.monitor(watched, COUNTY).alarms == 0
    bring(watched, tmp_path, corner, range(CHANGED_AT, COUNT))
    outcome = jobs.monitor(watched, COUNTY)
    assert (outcome.fresh, outcome.is_rebuilt) == (COUNT - CHANGED_AT, False)
    assert (outcome.alarms, outcome.leads, outcome.patches) == (1, 1, 1)
    _, [alarm] = stored(watched)
    wanted = ground(corner, CHANGED)
    shared = alarm.outline.intersection(wanted).area
    assert shared / alarm.outline.union(wanted).area > 0.9
    assert alarm.change_from < day_of_scene(CHANGED_AT) <= alarm.change_to
    assert alarm.area_m2 == pytest.approx(64 * GSD_M**2, rel=0.15)
    with watched.database.transaction(watched.system) as session:
        [patch] = detection.list_patches(session, watched.system)
        [lead] = detection.patch_detail(session, watched.system, patch.patch_id).leads
        assert verify_chain(session) is None
    assert lead.witnesses == {"harmonic_monitor": True}
    assert lead.change_class == "vegetation_loss"
    assert lead.observed_from < lead.observed_to
    assert {scene["cog_sha256"] for scene in lead.attributes["scenes"]}
    for sha256 in (lead.before_chip_sha256, lead.after_chip_sha256):
        assert watched.blobs.read(str(sha256)).startswith(b"\xff\xd8")
    before = counts(watched)
    with watched.database.transaction(watched.system) as session:
        watched.queue.defer(session, "detection.monitor", county_code=COUNTY)
    watched.queue.work(until_empty=True)
    assert watched.queue.last_refusal is None
    assert jobs.monitor(watched, COUNTY).fresh == 0
    assert counts(watched) == before


def test_one_by_one_equals_all_at_once_and_late_scenes_keep_the_ids(watched, tmp_path, corner):
    late = (7, 27)
    early = [number for number in range(COUNT) if number not in late]
    for first, last in ((0, 20), (20, 31), (31, 33), (33, len(early))):
        bring(watched, tmp_path, corner, early[first:last])
        jobs.monitor(watched, COUNTY)
    _, [once] = stored(watched)
    bring(watched, tmp_path, corner, late)
    outcome = jobs.monitor(watched, COUNTY)
    assert outcome.is_rebuilt
    assert (outcome.leads, outcome.withdrawn) == (0, 0)
    rebuilt, [again] = stored(watched)
    assert again.alarm_id == once.alarm_id
    assert again.lead_id == once.lead_id
    assert counts(watched)["patch"] == 1
    # The same bits as from nothing: the state is lost, and made again.
    [folder] = list((watched.settings.data_dir / "series").iterdir())
    for block in folder.rglob("*.npz"):
        block.unlink()
    assert jobs.monitor(watched, COUNTY).is_rebuilt
    assert stored(watched)[0] == rebuilt
    assert counts(watched)["lead"] == 1


def test_what_was_killed_goes_on_and_doubles_nothing(watched, tmp_path, corner, monkeypatch):
    monkeypatch.setitem(jobs.series_rules()["state"], "block_px", 16)
    bring(watched, tmp_path, corner, range(COUNT))
    folder = watched.settings.data_dir / "series"
    code = (
        "import sys, time; from detection.series import jobs; from foundation.runtime import connect;"
        " from foundation.settings import read_settings;"
        " jobs.series_rules()['state']['block_px'] = 16;"
        " settings = read_settings(data_dir=sys.argv[1], disk_low_water_mb=1);"
        " slow = lambda stage, share: time.sleep(0.4 if share > 0.3 else 0);"
        " runtime = connect(settings, sys.argv[2]).__enter__();"
        f" jobs.monitor(runtime, '{COUNTY}', progress=slow)"
    )
    url = watched.database.url
    child = subprocess.Popen([sys.executable, "-c", code, str(watched.settings.data_dir), url])
    try:
        deadline = time.monotonic() + 120
        while len(list(folder.rglob("r*.npz"))) < 3 and time.monotonic() < deadline:
            assert child.poll() is None
            time.sleep(0.05)
    finally:
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    left = {path: path.stat().st_mtime_ns for path in folder.rglob("r*.npz")}
    assert 3 <= len(left) < 9
    assert counts(watched)["series_alarm"] == 0
    outcome = jobs.monitor(watched, COUNTY)
    assert (outcome.alarms, outcome.leads, outcome.patches) == (1, 1, 1)
    assert all(path.stat().st_mtime_ns == moment for path, moment in left.items())
    assert counts(watched) == {
        "series_monitor": 1, "series_alarm": 1, "lead": 1, "patch": 1, "judgement": 1
    }  # fmt: skip


def test_scenes_on_another_grid_are_brought_onto_the_first(watched, tmp_path, corner):
    bring(watched, tmp_path, corner, range(CHANGED_AT - 2))
    west, north = corner
    bring(watched, tmp_path, (west + 3.0, north - 4.0), range(CHANGED_AT - 2, COUNT), shift_px=4)
    outcome = jobs.monitor(watched, COUNTY)
    assert outcome.alarms == 1
    _, [alarm] = stored(watched)
    wanted = ground(corner, CHANGED)
    assert alarm.outline.intersection(wanted).area / alarm.outline.union(wanted).area > 0.75


def test_the_series_speaks_against_a_harvest_and_for_a_conversion(watched, tmp_path, corner):
    scenes = bring(watched, tmp_path, corner, range(COUNT))
    before, after = scenes[CHANGED_AT - 4], scenes[CHANGED_AT + 2]
    field, square = ground(corner, CROPS), ground(corner, CHANGED)
    window = (before.acquired_at, after.acquired_at)
    assert [heard.opinion for heard in jobs.opinions(watched, COUNTY, window, [field])] == ["silent"]
    jobs.monitor(watched, COUNTY)
    elsewhere = shapely.box(112.0, 34.0, 112.1, 34.1)
    heard = jobs.opinions(watched, COUNTY, window, [field, square, elsewhere])
    assert [one.opinion for one in heard] == ["disagrees", "agrees", "silent"]
    run_id = detect(watched, str(before.scene_id), str(after.scene_id))
    with watched.database.transaction(watched.system) as session:
        rows = session.execute(
            text("SELECT lead_id FROM lead WHERE run_id = :run"), {"run": run_id}
        ).scalars()
        leads = leads_by_id(session, list(rows))
    [harvest] = [lead for lead in leads if lead.ground.intersection(field).area > 0.5 * field.area]
    [conversion] = [lead for lead in leads if lead.ground.intersection(square).area > 0.5 * square.area]
    assert harvest.witnesses["irmad"] or harvest.witnesses["change_vector"]
    assert harvest.witnesses["harmonic_monitor"] is False
    assert conversion.witnesses["harmonic_monitor"] is True
    assert "季相" in harvest.attributes["harmonic_monitor"]["zh"]
    assert "zh" not in conversion.attributes["harmonic_monitor"]
    assert harvest.confidence < 0.6 * conversion.confidence


def test_alarms_are_seen_in_their_own_area_only(watched, tmp_path, corner):
    bring(watched, tmp_path, corner, range(COUNT))
    jobs.monitor(watched, COUNTY)
    officer = Actor(derived_id("t"), "o", "县级", "county_officer", "410883000000")
    stranger = replace(officer, area_code="410882000000")
    for actor, seen in ((officer, 1), (stranger, 0)):
        with watched.database.transaction(actor) as session:
            assert session.scalar(text("SELECT count(*) FROM series_alarm")) == seen
            assert len(service.list_monitors(session, actor)) == seen
    with pytest.raises(Exception, match="permission denied"), watched.database.engine.begin() as connection:
        connection.execute(text("DELETE FROM series_alarm"))


def test_a_county_without_a_stack_is_told_so(watched):
    with pytest.raises(InvalidInput) as refusal:
        jobs.monitor(watched, COUNTY)
    assert refusal.value.code == "detection.series.no_stack"
