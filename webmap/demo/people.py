"""The people of the demonstration: an account for every post, each at the public API over HTTP."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

from foundation.accounts import create_account
from foundation.clock import Clock
from foundation.errors import Defect
from foundation.runtime import Runtime

DEMO_PASSWORD = "shoutu-demo"
"""Printed at every start: demonstration accounts only, on a server that listens on this machine only."""
ROLE_OF_KIND = {
    "detachment": "city_officer",
    "brigade": "county_officer",
    "station": "station",
    "field_chief": "chief",
    "mountain_chief": "chief",
    "grid_officer": "grid_officer",
}
CITY, COUNTY = "410800000000", "410883000000"
OFFICE = {
    "officer": ("周某演", "county_officer", COUNTY),
    "officer2": ("吴某演", "county_officer", COUNTY),
    "reviewer": ("郑某演", "reviewer", COUNTY),
    "city": ("王某演", "city_officer", CITY),
    "city2": ("冯某演", "reviewer", CITY),
    "manager": ("陈某演", "manager", CITY),
}
"""login: (placeholder name, role, area)."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Somebody who holds a post."""

    login: str
    name: str
    kind: str
    tier: int
    division_code: str


def read_holders(posts_file: Path) -> dict[str, Holder]:
    """Holders of a posts file by name (placeholder names are unique)."""
    with posts_file.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    return {
        row["holder"]: Holder(
            row["login"], row["holder"], row["kind"], int(row["tier"]), row["division_code"]
        )
        for row in rows
        if row["holder"] and row["login"]
    }


def make_accounts(runtime: Runtime, holders: Mapping[str, Holder], *, clock: Clock) -> dict[str, UUID]:
    """Accounts of the office and of all holders; login → account id. Repeating it changes nothing."""
    wanted = {login: (name, role, area) for login, (name, role, area) in OFFICE.items()}
    for holder in holders.values():
        wanted.setdefault(holder.login, (holder.name, ROLE_OF_KIND[holder.kind], holder.division_code))
    system = runtime.system
    with runtime.database.transaction(system) as session:
        return {
            login: create_account(
                session,
                system,
                login=login,
                name=name,
                role=role,
                area_code=area,
                password=DEMO_PASSWORD,
                is_demo=True,
                now=clock(),
            )
            for login, (name, role, area) in wanted.items()
        }


class People:
    """Signed-in persons at one server; each signs in when first needed."""

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._clients: dict[str, httpx.Client] = {}

    def get(self, login: str, path: str, **query: Any) -> Any:
        """GET below ``/api/v1`` as a person; JSON."""
        return self._send(login, "GET", path, params=query).json()

    def content(self, login: str, path: str) -> bytes:
        """GET bytes (chips, files)."""
        return self._send(login, "GET", path).content

    def post(self, login: str, path: str, body: Mapping[str, Any], *, version: int | None = None) -> Any:
        """POST JSON, with ``If-Match`` where a version is given."""
        headers = {} if version is None else {"If-Match": f'"{version}"'}
        return self._send(login, "POST", path, json=dict(body), headers=headers).json()

    def put(self, login: str, path: str, **request: Any) -> httpx.Response:
        """PUT, as the phone does."""
        return self._send(login, "PUT", path, **request)

    def close(self) -> None:
        """Close all connections."""
        for client in self._clients.values():
            client.close()

    def _send(self, login: str, method: str, path: str, **request: Any) -> httpx.Response:
        """A request; somebody whose session has ended over night signs in again."""
        answer = self._client(login).request(method, f"/api/v1{path}", **request)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            self._clients.pop(login).close()
            answer = self._client(login).request(method, f"/api/v1{path}", **request)
        return _accepted(answer, login, f"{method} {path}")

    def _client(self, login: str) -> httpx.Client:
        if login not in self._clients:
            headers = {"Origin": self._origin, "Accept-Language": "zh"}
            client = httpx.Client(base_url=self._origin, headers=headers, timeout=60, trust_env=False)
            self._clients[login] = client
            answer = client.post("/api/v1/session", json={"login": login, "password": DEMO_PASSWORD})
            _accepted(answer, login, "POST /session")
        return self._clients[login]


def _accepted(answer: httpx.Response, login: str, request: str) -> httpx.Response:
    if answer.is_error:
        raise Defect(
            "webmap.demo.refused",
            login=login,
            request=request,
            status=answer.status_code,
            answer=answer.text[:600],
        )
    return answer
