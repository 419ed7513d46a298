"""Findings of officers' rounds, as the phone sends them and as their finders follow them."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field

from webmap.schemas.basics import Answer, Body, Lonlat, Moment

Degrees = Annotated[float, Field(ge=-180, le=180)]
Place = tuple[Degrees, Annotated[float, Field(ge=-90, le=90)]]


class PatrolFindingForm(Body):
    """A finding as it was noted; its id is made by the phone."""

    patrol_id: UUID | None = Field(
        default=None, description="The outing during which it was made; that one may arrive later."
    )
    category: str = Field(max_length=40, examples=["building"])
    found_at: AwareDatetime
    device_counter: int = Field(ge=0, le=2_000_000_000)
    lonlat: Place = Field(description="Where it lies.")
    accuracy_m: float = Field(ge=0, lt=100_000, description="Of the finder's own position.")
    coord_source: Literal["wgs84", "cgcs2000", "gcj02", "bd09"]
    own_lonlat: Place | None = Field(
        default=None, description="Where the finder stood, if the place was moved on the map."
    )
    note: str = Field(default="", max_length=2000)


class FindingCategory(Answer):
    """One tap of the list."""

    key: str
    zh: str
    en: str


class FindingStanding(Answer):
    """What came of a finding."""

    key: Literal[
        "waiting",
        "joined",
        "confirmed",
        "filed",
        "settled",
        "set_aside",
        "not_upheld",
        "repeated",
        "approved",
    ]
    zh: str = Field(examples=["已并入图斑 410883-2609-0001"])
    en: str


class FindingInfo(Answer):
    """A finding as it stands."""

    finding_id: UUID
    patrol_id: UUID | None
    category: str
    category_name: str
    category_name_en: str
    found_at: Moment
    lonlat: Lonlat
    radius_m: float = Field(description="How far off the place may be, with 95 %.")
    note: str
    by_name: str
    lead_id: UUID
    patch_id: UUID | None
    patch_number: str | None
    standing: FindingStanding
    photos: list[UUID] = Field(description="Evidence; those that have arrived, in the order of capture.")


class FindingList(Answer):
    """One's own findings, newest first, and the list to choose from."""

    categories: list[FindingCategory]
    items: list[FindingInfo]
