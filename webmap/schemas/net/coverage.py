"""Coverage of the net and its blind spots; by whom or what a parcel was last seen."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from pydantic import Field

from webmap.schemas.basics import Answer, Lonlat, Moment

AGES = "Cropland in m² by the time since it was last seen: one entry a step, one beyond, one for never."


class UnitCoverInfo(Answer):
    """A division: sums over its cells."""

    code: str
    name: str
    cropland_m2: float = Field(description="Of the cells whose coverage was measured.")
    near_m2: float = Field(description="Within 100 m of valid tracks of the period.")
    ages_m2: list[float] = Field(description=AGES)


class CellCoverInfo(Answer):
    """One cell of the grid."""

    code: str
    name: str
    division_code: str
    division_name: str
    cropland_m2: float | None = Field(description="None: the period was not measured, or no cropland.")
    near_m2: float | None
    ages_m2: list[float] = Field(description=AGES)


class CoverageInfo(Answer):
    """Coverage of a period, and blind spots as of now."""

    division_code: str
    division_name: str
    period: str = Field(examples=["2026-W38"])
    steps_days: list[int]
    blind_days: int = Field(description="Not seen for so long: a blind spot. Not observed is not unchanged.")
    measured_at: Moment | None = Field(description="None: the period was not measured.")
    total: UnitCoverInfo
    units: list[UnitCoverInfo] = Field(description="The divisions one level below.")
    cells: list[CellCoverInfo] = Field(description="Empty for a whole city.")


class OutingNearInfo(Answer):
    """A valid outing that passed within 100 m of the cell's cropland."""

    patrol_id: UUID
    title: str
    name: str = Field(description="Empty where only units are told.")
    started_at: Moment
    ended_at: Moment


class UnseenInfo(Answer):
    """A parcel by when it was last seen."""

    number: str
    area_m2: float
    last_at: Moment | None = Field(description="None: never, as far as is known.")
    days: int | None
    lonlat: Lonlat


class CellGroundInfo(Answer):
    """The ground of a cell that was walked in a period, measured with rulers on the outlines."""

    cell: str
    name: str
    division_code: str
    period: str
    cropland_m2: float
    covered_m2: float
    share: float | None = Field(description="None: no cropland in the cell.")
    covered: dict[str, Any] = Field(description="GeoJSON, EPSG:4490.")
    not_covered: dict[str, Any] = Field(description="GeoJSON, EPSG:4490.")
    as_of: Moment
    outings: list[OutingNearInfo]
    unseen: list[UnseenInfo] = Field(description="As of now, those never seen first; at most 20.")


class SightInfo(Answer):
    """When one kind of source saw the parcel last."""

    kind: str = Field(description="patrol | visit | image | camera")
    at: Moment | None = Field(description="None: never, as far as is known.")
    days: int | None
    source: str | None = Field(description="Id of the outing, visit or comparison; camera/preset/lead.")
    label: str


class ParcelSeenInfo(Answer):
    """A parcel of cropland, and by whom or what it was last seen."""

    number: str
    land_class_code: str
    area_m2: float
    division_code: str
    cell_code: str | None
    cell_name: str | None
    outline: dict[str, Any] = Field(description="GeoJSON, EPSG:4490.")
    last_at: Moment | None
    days: int | None
    is_blind: bool
    sights: list[SightInfo]
