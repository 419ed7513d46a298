"""What many bodies share: the base model, problems, points and pages."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

import shapely
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from shapely.geometry.base import BaseGeometry

from foundation.calendar import SHANGHAI
from foundation.errors import InvalidInput

Item = TypeVar("Item")


def in_shanghai(moment: datetime) -> datetime:
    """The same moment, told in +08:00."""
    return moment.astimezone(SHANGHAI)


Moment = Annotated[datetime, AfterValidator(in_shanghai)]
"""ISO 8601 with +08:00."""
Lonlat = tuple[float, float]
"""Longitude, latitude in degrees, CGCS2000 (EPSG:4490)."""
Bbox = tuple[float, float, float, float]
"""West, south, east, north in degrees."""


class Body(BaseModel):
    """Base of everything a client sends: what is not known is refused."""

    model_config = ConfigDict(extra="forbid", str_max_length=4000)


class Answer(BaseModel):
    """Base of everything the server answers."""

    model_config = ConfigDict(from_attributes=True)


class Problem(Answer):
    """RFC 9457 problem."""

    type: str = Field(examples=["urn:landwarden:problem:patrol.case.version_changed"])
    title: str = Field(examples=["版本已变化"])
    status: int = Field(examples=[412])
    code: str = Field(examples=["patrol.case.version_changed"])
    detail: str = Field(description="What is wrong and how to mend it, in the language asked for.")
    facts: dict[str, Any] = Field(default_factory=dict)


class Page(Answer, Generic[Item]):
    """One page of a list in a total order."""

    items: list[Item]
    next_cursor: str | None = Field(
        description="Give it back as `cursor` for the next page; null at the end."
    )
    total: int = Field(description="Number of all items that fit the filter.", examples=[63])


class Geometry(Answer):
    """GeoJSON geometry, longitude before latitude, EPSG:4490."""

    type: str = Field(examples=["MultiPolygon"])
    coordinates: list[Any]

    def shape(self) -> BaseGeometry:
        """As shapely holds it.

        Raises
        ------
        InvalidInput
            ``detection.redrawing.bad_outline``.
        """
        try:
            return shapely.from_geojson(self.model_dump_json())
        except shapely.errors.GEOSException as error:
            raise InvalidInput("detection.redrawing.bad_outline", reason=str(error)[:120]) from error
