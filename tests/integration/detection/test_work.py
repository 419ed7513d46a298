"""Long work called off: what waits never begins, what runs ends and keeps what is done."""

from __future__ import annotations

import time
from datetime import date
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import text

from detection import jobs
from detection.running import service
from foundation.access import Actor
from foundation.audit import verify_chain
from foundation.errors import Conflict, NotAllowed, NotFound
from foundation.jobs import check_called_off, tell_nobody
from foundation.runtime import Runtime
from foundation.settings import Settings, read_settings
from ingest.jobs import import_layer, import_scene
from ingest.sources.synthetic.county import CountyFiles, build_county

COUNTY = "410883"
STRANGER = Actor(UUID(int=5), "s", "外地", "city_officer", "410882000000")
OFFICER = Actor(UUID(int=6), "o", "县", "county_officer", "410883000000")


@pytest.fixture(scope="session")
def county(tmp_path_factory: pytest.TempPathFactory) -> CountyFiles:
    return build_county(tmp_path_factory.mktemp("county"), size="small")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Small blocks: several rows of them in a small county."""
    return read_settings(data_dir=tmp_path / "data", disk_low_water_mb=1, block_px=128)


@pytest.fixture
def pair(runtime: Runtime, county: CountyFiles) -> dict[str, str]:
    """Two scenes of a county, as a job is given them."""
    runtime.settings.data_dir.mkdir(parents=True, exist_ok=True)
    layer = county.layers["division"]
    import_layer(runtime, layer, kind="division", county_code=COUNTY, valid_from=date(2026, 1, 1))
    before, after = (
        import_scene(runtime, path, county_code=COUNTY) for path in (county.before, county.after)
    )
    return {"before_scene_id": str(before.scene_id), "after_scene_id": str(after.scene_id)}


def queued(runtime: Runtime, pair: dict[str, str]) -> int:
    with runtime.database.transaction(runtime.system) as session:
        return runtime.queue.defer(session, "detection.detect", **pair)


def call_off(runtime: Runtime, number: int) -> service.Work:
    with runtime.database.transaction(runtime.system) as session:
        return service.cancel(session, runtime.system, number, now=runtime.clock())


def status(runtime: Runtime, number: int) -> str:
    with runtime.database.transaction(runtime.system) as session:
        query = text("SELECT status::text FROM procrastinate_jobs WHERE id = :number")
        return str(session.scalar(query, {"number": number}))


def counts(runtime: Runtime) -> tuple[int, int, int]:
    with runtime.database.transaction(runtime.system) as session:
        assert verify_chain(session) is None
        tables = ("detection_run", "lead", "patch")
        found = [session.scalar(text(f"SELECT count(*) FROM {name}")) for name in tables]
    return int(found[0] or 0), int(found[1] or 0), int(found[2] or 0)


def test_work_that_waits_is_seen_called_off_and_never_begins(runtime: Runtime, pair: dict[str, str]) -> None:
    number = queued(runtime, pair)
    with runtime.database.transaction(runtime.system) as session:
        [work] = service.list_work(session, runtime.system)
        assert (work.number, work.county_code, work.is_running) == (number, COUNTY, False)
    with runtime.database.transaction(STRANGER) as session:
        assert service.list_work(session, STRANGER) == []
        with pytest.raises(NotFound):
            service.cancel(session, STRANGER, number, now=runtime.clock())
    with runtime.database.transaction(OFFICER) as session, pytest.raises(NotAllowed):
        service.cancel(session, OFFICER, number, now=runtime.clock())
    call_off(runtime, number)
    assert status(runtime, number) == "cancelled"
    runtime.queue.work(until_empty=True)
    assert counts(runtime) == (0, 0, 0)
    with pytest.raises(NotFound):
        call_off(runtime, number)


def test_work_that_runs_ends_at_its_next_block_and_goes_on_when_asked_again(
    runtime: Runtime, pair: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    number = queued(runtime, pair)
    told: list[tuple[str, float]] = []

    def watch(stage: str, share: float) -> None:
        told.append((stage, share))
        if stage == "score" and 0.3 < share < 0.9 and sum(name == "score" for name, _ in told) > 1:
            if not any(name == "off" for name, _ in told):
                assert call_off(runtime, number).is_running
                told.append(("off", share))
            give_up = time.monotonic() + 20.0
            while time.monotonic() < give_up:
                try:
                    check_called_off()
                except Conflict:
                    break
                time.sleep(0.1)
        tell_nobody(stage, share)

    monkeypatch.setattr(jobs, "tell_nobody", watch)
    runtime.queue.work(until_empty=True)
    assert told[-1][0] == "off"
    assert status(runtime, number) == "aborted"
    assert counts(runtime) == (0, 0, 0)
    [spool] = (runtime.settings.data_dir / "spool").iterdir()
    assert any(path.is_file() for path in spool.rglob("*"))
    # Asked again, it takes what is done and does the rest.
    resumed: list[float] = []
    monkeypatch.setattr(
        jobs, "tell_nobody", lambda stage, share: resumed.append(share) if stage == "score" else None
    )
    again = queued(runtime, pair)
    runtime.queue.work(until_empty=True)
    assert status(runtime, again) == "succeeded"
    runs, leads, patches = counts(runtime)
    assert (runs, leads > 0, patches > 0) == (1, True, True)
    assert min(resumed) >= told[-1][1] - 0.2
    assert not spool.exists()
