"""Real PostGIS: one private cluster a worker, one template database, one clone a test."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from foundation.calendar import SHANGHAI
from foundation.clock import SteppedClock
from foundation.cluster import APPLICATION, OWNER, Cluster
from foundation.jobs import conninfo
from foundation.runtime import Runtime, connect
from foundation.schema import upgrade
from foundation.settings import Settings, read_settings

TEMPLATE = "landwarden_template"


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A private cluster in a short path that the server's user can reach."""
    folder = Path(tempfile.mkdtemp(prefix="lw-", dir="/tmp"))
    folder.chmod(0o755)
    try:
        cluster = Cluster(folder)
        with cluster.running():
            upgrade(cluster.url(OWNER, TEMPLATE), admin_url=cluster.url(OWNER, "postgres"))
            yield cluster
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def database_name(cluster: Cluster) -> Iterator[str]:
    """A fresh copy of the template, dropped afterwards."""
    name = f"t_{uuid4().hex[:12]}"
    with psycopg.connect(conninfo(cluster.url(OWNER, "postgres")), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
    yield name
    with psycopg.connect(conninfo(cluster.url(OWNER, "postgres")), autocommit=True) as admin:
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def clock() -> SteppedClock:
    """Tuesday morning of the first demonstration week."""
    return SteppedClock(datetime(2026, 9, 8, 14, 0, tzinfo=SHANGHAI))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings with a data folder of the test's own."""
    return read_settings(data_dir=tmp_path / "data", disk_low_water_mb=1)


@pytest.fixture
def runtime(
    cluster: Cluster, database_name: str, settings: Settings, clock: SteppedClock
) -> Iterator[Runtime]:
    """An open runtime on the fresh database, as the application role."""
    with connect(settings, cluster.url(APPLICATION, database_name), clock=clock) as opened:
        yield opened


@pytest.fixture
def owner_url(cluster: Cluster, database_name: str) -> str:
    """URL of the fresh database as its owner, for tests that tamper."""
    return cluster.url(OWNER, database_name)
