"""The main job by the installed command: what it finds, that it reuses what stands, and what it survives."""

from __future__ import annotations

import json
import random
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from foundation import audit
from foundation.cluster import OWNER, Cluster
from foundation.jobs import conninfo
from foundation.runtime import open_runtime
from foundation.settings import read_settings

if TYPE_CHECKING:
    from tests.acceptance.conftest import Installation

pytestmark = pytest.mark.acceptance

COUNTS = (
    "SELECT (SELECT count(*) FROM scene), (SELECT count(*) FROM layer_version),"
    " (SELECT count(*) FROM layer_feature),"
    " (SELECT count(*) FROM lead), (SELECT count(*) FROM patch), (SELECT count(*) FROM case_file),"
    " (SELECT count(*) FROM post), (SELECT count(*) FROM patrol), (SELECT count(*) FROM bulletin)"
)


def ask(installation: Installation, statement: str) -> list[tuple[Any, ...]]:
    """A question to the demonstration's database, as its owner."""
    cluster = Cluster(installation.data_dir / "demonstration")
    with cluster.running(), psycopg.connect(conninfo(cluster.url(OWNER))) as connection:
        connection.execute("SET row_security = off")
        return connection.execute(statement).fetchall()  # type: ignore[call-overload, no-any-return]


def test_violations_are_found_and_alarms_are_right(demo_result: dict[str, Any]) -> None:
    assert demo_result["planted"] >= 55
    assert demo_result["recall"] >= 0.9
    assert demo_result["precision"] >= 0.8
    assert demo_result["detection"]["recall"] >= 0.9
    assert demo_result["detection"]["precision"] >= 0.8
    assert len(demo_result["by_kind"]) >= 6
    assert all({"recall", "precision", "planted"} <= set(row) for row in demo_result["by_kind"].values())


def test_every_state_is_on_the_map_and_cases_were_closed(demo_result: dict[str, Any]) -> None:
    expected = {"new", "suspect", "dispatched", "checking", "review", "rectify", "closed", "dismissed"}
    assert set(demo_result["states"]) <= expected
    assert {"suspect", "rectify", "closed", "dismissed"} <= set(demo_result["states"])


def test_bulletins_of_the_weeks_and_the_ranking_are_issued(demo_result: dict[str, Any]) -> None:
    issued = {(row["kind"], row["period"]) for row in demo_result["reports"] if row["status"] == "issued"}
    assert {("weekly_bulletin", f"2026-W{week}") for week in (37, 38, 39, 40)} <= issued
    assert ("monthly_ranking", "2026-09") in issued


def test_cameras_speak_each_event_once_and_some_wait_for_a_person(
    demo_result: dict[str, Any], demo_installation: Installation
) -> None:
    fates = "SELECT fate, count(*) FROM camera_event GROUP BY 1 ORDER BY 1"
    assert ask(demo_installation, fates) == [("new", 6), ("repeated", 1)]
    attached = (
        "SELECT p.lead_id IS NOT NULL, count(*) FROM lead l LEFT JOIN patch_lead p"
        " ON p.lead_id = l.lead_id AND p.detached_at IS NULL WHERE l.source = 'camera' GROUP BY 1 ORDER BY 1"
    )
    assert ask(demo_installation, attached) == [(False, 4), (True, 2)]


def test_a_second_demo_reuses_what_stands(
    demo_result: dict[str, Any], demo_installation: Installation
) -> None:
    before = ask(demo_installation, COUNTS)
    started = ask(demo_installation, "SELECT finished_at FROM detection_run")
    result = demo_installation.data_dir / "again.json"
    done = demo_installation.run("demo", "--no-serve", "--json", str(result))
    assert done.returncode == 0, done.stderr[-3000:]
    again = json.loads(result.read_text("utf-8"))
    assert ask(demo_installation, COUNTS) == before
    assert ask(demo_installation, "SELECT finished_at FROM detection_run") == started
    assert {key: again[key] for key in ("recall", "precision", "states")} == {
        key: demo_result[key] for key in ("recall", "precision", "states")
    }


def test_nobody_is_without_an_owner_and_the_chain_is_whole(
    demo_result: dict[str, Any], demo_installation: Installation
) -> None:
    ownerless = (
        "SELECT count(*) FROM case_file LEFT JOIN post ON post_id = owner_post_id WHERE holder_name IS NULL"
    )
    assert ask(demo_installation, ownerless) == [(0,)]
    settings = read_settings(data_dir=demo_installation.data_dir / "demonstration")
    with open_runtime(settings) as runtime, runtime.database.transaction(runtime.system) as session:
        assert audit.verify_chain(session) is None


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_at_any_step_the_next_start_goes_on(installation: Installation, seed: int) -> None:
    """`kill -9` at random moments; in the end everything is there exactly once."""
    lot = random.Random(seed)
    kills = 0
    for _ in range(4):
        process = installation.start("demo", "--size", "small", "--no-serve")
        time.sleep(lot.uniform(1.0, 9.0))
        if process.poll() is None:
            kills += 1
        installation.stop(process, by=signal.SIGKILL)
    assert kills >= 2
    done = installation.run("demo", "--size", "small", "--no-serve")
    assert done.returncode == 0, done.stderr[-3000:]
    ((scenes, *_rest),) = ask(installation, COUNTS)
    assert scenes == 4
    doubled = (
        "SELECT count(*) FROM (SELECT lead_id FROM patch_lead WHERE detached_at IS NULL"
        " GROUP BY lead_id HAVING count(*) > 1) d"
    )
    assert ask(installation, doubled) == [(0,)]
    orphans = (
        "SELECT count(*) FROM lead l WHERE l.source <> 'camera'"
        " AND NOT EXISTS (SELECT FROM patch_lead p WHERE p.lead_id = l.lead_id)"
    )
    assert ask(installation, orphans) == [(0,)]
    gaps = "SELECT max(right(number, 4)::int) - count(*) FROM patch WHERE left(number, 6) = '410883'"
    assert ask(installation, gaps) == [(0,)]
    versions = (
        "SELECT count(*) FROM case_file c WHERE version <>"
        " (SELECT max(version) FROM case_event e WHERE e.patch_id = c.patch_id)"
    )
    assert ask(installation, versions) == [(0,)]
    settings = read_settings(data_dir=installation.data_dir / "demonstration")
    with open_runtime(settings) as runtime, runtime.database.transaction(runtime.system) as session:
        assert audit.verify_chain(session) is None


def refused(installation: Installation, *arguments: str, code: str, **environment: str) -> str:
    done = installation.run(*arguments, **environment)
    assert done.returncode == 2, done.stdout + done.stderr
    assert f"[{code}]" in done.stderr
    assert "Traceback" not in done.stderr
    assert any("\u4e00" <= letter <= "\u9fff" for letter in done.stderr)
    return done.stderr


def test_missing_postgres_is_said_with_the_mend(installation: Installation) -> None:
    told = refused(
        installation, "demo", "--no-serve", code="foundation.cluster.no_postgres",
        LANDWARDEN_POSTGRES_BIN="/nowhere",
    )  # fmt: skip
    assert "apt-get install" in told


def test_a_busy_port_is_said_before_the_work(installation: Installation) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", installation.free_port()))
        taken.listen()
        refused(installation, "demo", "--port", str(taken.getsockname()[1]), code="webmap.server.port_busy")
    assert not (installation.data_dir / "demonstration").exists()


def test_a_folder_that_cannot_be_written(installation: Installation) -> None:
    blocker = installation.data_dir / "file"
    blocker.write_text("")
    refused(
        installation,
        "demo",
        "--no-serve",
        code="foundation.blobs.not_writable",
        LANDWARDEN_DATA_DIR=str(blocker),
    )


def test_a_full_disk_stops_the_import_and_leaves_no_half(installation: Installation) -> None:
    told = refused(
        installation, "demo", "--size", "small", "--no-serve", code="foundation.blobs.disk_full",
        LANDWARDEN_DISK_LOW_WATER_MB=str(1 << 30),
    )  # fmt: skip
    assert "磁盘" in told
    assert ask(installation, "SELECT count(*) FROM scene") == [(0,)]
    done = installation.run("demo", "--size", "small", "--no-serve")
    assert done.returncode == 0, done.stderr[-3000:]


def test_result_file_that_cannot_be_written_is_said_before_the_work(installation: Installation) -> None:
    target = Path("/proc/nothing/result.json")
    refused(installation, "demo", "--no-serve", "--json", str(target), code="foundation.blobs.not_writable")
    assert not (installation.data_dir / "demonstration" / "demo").exists()
