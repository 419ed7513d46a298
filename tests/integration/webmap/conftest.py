"""A whole county behind the API: imported, compared, judged, its cases open, its people with accounts.

Made once a session as a template database; each test works on a clone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from starlette.testclient import TestClient

from detection import jobs as detection
from foundation import accounts
from foundation.calendar import SHANGHAI
from foundation.clock import SteppedClock
from foundation.cluster import APPLICATION, OWNER, Cluster
from foundation.jobs import conninfo
from foundation.runtime import Runtime, connect
from foundation.settings import Settings, read_settings
from ingest.jobs import import_layer, import_scene
from ingest.layers import catalogue
from ingest.sources.synthetic.county import build_county
from patrol import service as patrol
from webmap.app import create_app

TEMPLATE, COUNTY_TEMPLATE = "landwarden_template", "landwarden_county"
PASSWORD = "test-words"
CITY, COUNTY, OTHER_COUNTY = "410800000000", "410883000000", "410882000000"
OFFICE = {
    "officer": ("周某", "county_officer", COUNTY),
    "officer2": ("吴某", "county_officer", COUNTY),
    "reviewer": ("郑某", "reviewer", COUNTY),
    "city": ("王某", "city_officer", CITY),
    "manager": ("陈某", "manager", CITY),
    "stranger": ("钱某", "county_officer", OTHER_COUNTY),
    "guard": ("孙某", "security_admin", CITY),
}
ORIGIN = "http://testserver"


@dataclass(frozen=True)
class County:
    """The template: its database, its folder, what was found."""

    folder: Path
    before_scene: UUID
    after_scene: UUID


def _settings(folder: Path) -> Settings:
    return read_settings(data_dir=folder, disk_low_water_mb=1, upload_max_mb=2)


@pytest.fixture(scope="session")
def county(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> County:
    """The small demonstration county, from files to open cases."""
    folder = tmp_path_factory.mktemp("county")
    files = build_county(folder / "files", size="small")
    with psycopg.connect(conninfo(cluster.url(OWNER, "postgres")), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {COUNTY_TEMPLATE} TEMPLATE {TEMPLATE}")
    clock = SteppedClock(datetime(2026, 9, 8, 14, 0, tzinfo=SHANGHAI))
    data = folder / "data"
    data.mkdir()
    with connect(_settings(data), cluster.url(APPLICATION, COUNTY_TEMPLATE), clock=clock) as runtime:
        for kind, path in files.layers.items():
            if kind in catalogue():
                import_layer(runtime, path, kind=kind, county_code=COUNTY[:6], valid_from=date(2026, 1, 1))
        before, after = (
            import_scene(runtime, path, county_code=COUNTY[:6]) for path in (files.before, files.after)
        )
        detection.detect(runtime, str(before.scene_id), str(after.scene_id))
        detection.fuse_and_judge(runtime)
        _people_and_cases(runtime, files.posts.read_bytes(), clock)
    return County(data, before.scene_id, after.scene_id)


def _people_and_cases(runtime: Runtime, posts: bytes, clock: SteppedClock) -> None:
    system = runtime.system
    with runtime.database.transaction(system) as session:
        patrol.import_posts(session, system, posts, now=clock(), password=PASSWORD, is_demo=True)
        patrol.import_grid(session, system, now=clock())
        for login, (name, role, area_code) in OFFICE.items():
            accounts.create_account(
                session,
                system,
                login=login,
                name=name,
                role=role,
                area_code=area_code,
                password=PASSWORD,
                is_demo=True,
                now=clock(),
            )
    with runtime.database.transaction(system) as session:
        patrol.open_cases_for(session, system, now=clock())


@pytest.fixture
def web_runtime(cluster: Cluster, county: County, clock: SteppedClock) -> Iterator[Runtime]:
    """A runtime on a clone of the county; its blobs are shared, for they never change."""
    name = f"w_{uuid4().hex[:12]}"
    with psycopg.connect(conninfo(cluster.url(OWNER, "postgres")), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE {COUNTY_TEMPLATE}")
    try:
        with connect(_settings(county.folder), cluster.url(APPLICATION, name), clock=clock) as opened:
            yield opened
    finally:
        with psycopg.connect(conninfo(cluster.url(OWNER, "postgres")), autocommit=True) as admin:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def app(web_runtime: Runtime) -> FastAPI:
    """The application on the clone."""
    return create_app(web_runtime)


SignIn = Callable[..., TestClient]


@pytest.fixture
def sign_in(app: FastAPI) -> SignIn:
    """A signed-in browser by login; without a login one that is not."""

    def signed_in(login: str | None = None, *, language: str = "zh") -> TestClient:
        client = TestClient(app, base_url=ORIGIN, raise_server_exceptions=False)
        client.headers.update({"Origin": ORIGIN, "Accept-Language": language})
        if login is not None:
            answer = client.post("/api/v1/session", json={"login": login, "password": PASSWORD})
            assert answer.status_code == 200, answer.text
        return client

    return signed_in


@pytest.fixture
def rows(web_runtime: Runtime) -> Callable[..., list[dict[str, object]]]:
    """Rows of a query as the platform itself."""

    def query(sql: str, **values: object) -> list[dict[str, object]]:
        with web_runtime.database.transaction(web_runtime.system) as session:
            return [dict(row) for row in session.execute(text(sql), values).mappings()]

    return query


@pytest.fixture
def owner_of_clone(cluster: Cluster, web_runtime: Runtime) -> Callable[[str], None]:
    """Runs a statement on the clone as its owner."""
    name = web_runtime.database.engine.url.database

    def execute(statement: str) -> None:
        with psycopg.connect(conninfo(cluster.url(OWNER, str(name))), autocommit=True) as connection:
            connection.execute(statement)  # type: ignore[call-overload]

    return execute
