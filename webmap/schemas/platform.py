"""The platform itself: its health, its configuration, divisions and scenes."""

from __future__ import annotations

from datetime import date
from typing import Literal
from uuid import UUID

from pydantic import Field

from webmap.schemas.basics import Answer, Bbox, Geometry, Lonlat, Moment

Check = Literal["ok", "failed"]


class Health(Answer):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Ready(Answer):
    """Whether everything behind the process answers too."""

    status: Check
    database: Check
    schema_version: Check = Field(serialization_alias="schema")
    blobs: Check
    jobs: Check = Field(description="`failed` while dead-lettered jobs wait for somebody to look at them.")


class StateName(Answer):
    """A state that the map shows."""

    key: str = Field(examples=["suspect"])
    zh: str = Field(examples=["疑似违法"])
    en: str = Field(examples=["suspected"])


class LayerInfo(Answer):
    """A reference layer and its newest version."""

    kind: str = Field(examples=["basic_farmland"])
    zh: str = Field(examples=["永久基本农田"])
    en: str = Field(examples=["Permanent basic farmland"])
    group: Literal["business", "control", "tenure"]
    min_zoom: int = Field(description="Tiles are empty below this zoom.")
    versions: int
    features: int = Field(description="Features of the versions now in force.")
    source_date: date | None = Field(description="First day of the newest version.")


class ViolationName(Answer):
    """A row of the taxonomy that is in force today."""

    code: str = Field(examples=["L04"])
    zh: str
    en: str
    basis: str = Field(description="Statutes and articles.")


class ReasonName(Answer):
    """A reason that a move may state."""

    kind: str = Field(examples=["dismiss"])
    code: str
    zh: str
    en: str


class Periods(Answer):
    """Periods that reports can be asked for, newest first."""

    weeks: list[str] = Field(examples=[["2026-W37"]])
    months: list[str] = Field(examples=[["2026-09"]])


class Config(Answer):
    """What a client needs before it draws anything."""

    city_name: str = Field(examples=["焦作市"])
    center: Lonlat
    extent: Bbox = Field(description="Of all scenes in the caller's area; of the city while there are none.")
    clock_is_demo: bool
    version: str
    states: list[StateName]
    layers: list[LayerInfo]
    violations: list[ViolationName]
    reasons: list[ReasonName]
    periods: Periods


class DivisionInfo(Answer):
    """An administrative division."""

    code: str = Field(examples=["410883105000"])
    name: str = Field(examples=["西虢镇"])
    level: int = Field(description="1 province … 5 village.")
    has_children: bool


class SceneInfo(Answer):
    """One image of one time."""

    scene_id: UUID
    acquired_at: Moment
    sensor: str
    platform: str | None
    gsd_m: float
    cloud_pct: float | None
    kind: str = Field(examples=["satellite"])
    footprint: Geometry
    bands: list[str]


class SceneList(Answer):
    """All scenes of the caller's area, newest first."""

    items: list[SceneInfo]
