"""A small human net on a fresh database: one city, one county, one township, two villages, some patches."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import pytest
from sqlalchemy import text

from foundation import accounts
from foundation.access import Actor
from foundation.clock import SteppedClock
from foundation.ids import derived_id
from foundation.runtime import Runtime
from patrol import service

CITY, COUNTY, TOWNSHIP = "410800000000", "410883000000", "410883105000"
VILLAGE, OTHER_VILLAGE = "410883105201", "410883105202"
POSTS = f"""post_no,title,tier,kind,division_code,holder,deputy,login
C-1,焦作市执法支队,1,detachment,{CITY},支队甲,支队乙,city
X-1,孟州市执法大队,2,brigade,{COUNTY},大队甲,大队乙,county
T-1,西虢镇自然资源所,3,station,{TOWNSHIP},所长甲,所长乙,station
T-2,西虢镇田长,3,field_chief,{TOWNSHIP},镇长甲,,town-chief
V-1,一村田长,4,field_chief,{VILLAGE},村长甲,村长乙,chief
G-1,一村网格员,4,grid_officer,{VILLAGE},网格甲,,grid-1
G-2,一村网格员,4,grid_officer,{VILLAGE},网格乙,,grid-2
V-2,二村田长,4,field_chief,{OTHER_VILLAGE},村长丙,,chief-2
W-1,市级网格员,1,grid_officer,{CITY},市网格甲,,
"""
PEOPLE = {
    "county-2": ("县员乙", "county_officer", COUNTY),
    "reviewer": ("复核甲", "reviewer", COUNTY),
    "city-2": ("市员乙", "city_officer", CITY),
    "manager": ("管理甲", "manager", CITY),
}
SQUARE = "MULTIPOLYGON((({w} {s},{e} {s},{e} {n},{w} {n},{w} {s})))"


def square(west: float, south: float, size_deg: float = 0.001) -> str:
    return "SRID=4490;" + SQUARE.format(w=west, s=south, e=west + size_deg, n=south + size_deg)


@dataclass
class Net:
    """The net, its people, and ways to add patches."""

    runtime: Runtime
    clock: SteppedClock
    patches: list[UUID] = field(default_factory=list)

    def actor(self, login: str) -> Actor:
        with self.runtime.database.transaction(self.runtime.system) as session:
            account_id = session.execute(
                text("SELECT account_id FROM account WHERE login = :login"), {"login": login}
            ).scalar_one()
            return accounts.actor_of_account(session, account_id)

    def post(self, post_no: str) -> UUID:
        return derived_id("post", post_no)

    def add_patch(
        self,
        *,
        suggestion: str | None = "suspected",
        division_code: str = VILLAGE,
        at: tuple[float, float] = (112.751, 34.951),
        source: str = "satellite",
        open_case: bool = True,
    ) -> UUID:
        serial = len(self.patches) + 1
        patch_id = derived_id("test-patch", serial)
        values = {
            "id": patch_id,
            "number": f"410883-2609-{serial:04d}",
            "code": division_code,
            "geometry": square(*at),
            "at": self.clock(),
            "lead": derived_id("test-lead", serial),
            "source": source,
        }
        with self.runtime.database.transaction(self.runtime.system) as session:
            session.execute(
                text(
                    "INSERT INTO patch (patch_id, number, division_code, geometry, area_m2, area_min_m2,"
                    " area_max_m2, change_class, confidence, before_at, after_at, created_at) VALUES (:id,"
                    " :number, :code, ST_GeomFromEWKT(:geometry), 10000, 9500, 10500, 'new_building', 0.9,"
                    " '2026-04-08T11:12+08', '2026-09-08T11:05+08', :at)"
                ),
                values,
            )
            session.execute(
                text(
                    "INSERT INTO lead (lead_id, source, division_code, observed_from, observed_to, geometry,"
                    " area_m2, area_min_m2, area_max_m2, change_class, class_probabilities, confidence,"
                    " witnesses, attributes, created_at) VALUES (:lead, :source, :code,"
                    " '2026-04-08T11:12+08', '2026-09-08T11:05+08', ST_GeomFromEWKT(:geometry), 10000,"
                    " 9500, 10500, 'new_building', '{}', 0.9, '{}', '{}', :at)"
                ),
                values,
            )
            session.execute(
                text("INSERT INTO patch_lead (patch_id, lead_id, attached_at) VALUES (:id, :lead, :at)"),
                values,
            )
            if suggestion:
                session.execute(
                    text(
                        "INSERT INTO judgement (judgement_id, patch_id, division_code, revision, suggestion,"
                        " violation_code, severity, is_borderline, law_date, inputs, result, result_sha256,"
                        " basic_farmland_m2, cropland_m2, made_at) VALUES (:judgement, :id, :code, 1,"
                        " :suggestion, 'L04', 3, false, '2026-09-08', '{}', '{}', '', 4000, 8000, :at)"
                    ),
                    {**values, "judgement": derived_id("test-judgement", serial), "suggestion": suggestion},
                )
            if open_case:
                service.open_case(session, self.runtime.system, patch_id, now=self.clock())
        self.patches.append(patch_id)
        return patch_id

    def state(self, patch_id: UUID) -> tuple[str, str, int]:
        with self.runtime.database.transaction(self.runtime.system) as session:
            row = session.execute(
                text("SELECT state, display_state, version FROM case_file WHERE patch_id = :id"),
                {"id": patch_id},
            ).one()
        return row.state, row.display_state, row.version

    def rows(self, sql: str, **values: object) -> list[dict[str, object]]:
        with self.runtime.database.transaction(self.runtime.system) as session:
            return [dict(row) for row in session.execute(text(sql), values).mappings()]

    def at(self, *moment: int) -> datetime:
        self.clock.set(datetime(*moment, tzinfo=self.clock().tzinfo))
        return self.clock()

    def do(self, login: str, verb: Callable[..., object], *args: object, **kwargs: object) -> object:
        actor = self.actor(login)
        with self.runtime.database.transaction(actor) as session:
            return verb(session, actor, *args, **kwargs, now=self.clock())

    def open_assignment(self, patch_id: UUID) -> UUID:
        (row,) = self.rows(
            "SELECT assignment_id FROM assignment WHERE patch_id = :id AND status IN ('sent', 'signed')",
            id=patch_id,
        )
        return UUID(str(row["assignment_id"]))


@pytest.fixture
def net(runtime: Runtime, clock: SteppedClock) -> Net:
    """Posts, accounts and grid cells of the small net."""
    with runtime.database.transaction(runtime.system) as session:
        report = service.import_posts(
            session, runtime.system, POSTS.encode("utf-8-sig"), now=clock(), password="demo", is_demo=True
        )
        assert report.bad_lines == ()
        for login, (name, role, area_code) in PEOPLE.items():
            accounts.create_account(
                session,
                runtime.system,
                login=login,
                name=name,
                role=role,
                area_code=area_code,
                password="demo",
                is_demo=True,
                now=clock(),
            )
        for index, west in enumerate((112.74, 112.76)):
            session.execute(
                text(
                    "INSERT INTO grid_cell (cell_id, code, name, division_code, geometry, valid_from)"
                    " VALUES (:id, :code, :name, :division, ST_GeomFromEWKT(:geometry), '2026-01-01')"
                ),
                {
                    "id": derived_id("cell", index),
                    "code": f"{VILLAGE}-{index + 1:02d}",
                    "name": f"第{index + 1}网格",
                    "division": VILLAGE,
                    "geometry": square(west, 34.94, 0.02),
                },
            )
    return Net(runtime, clock)


def live_payloads(events: list[str]) -> list[dict[str, object]]:
    return [json.loads(event) for event in events]
