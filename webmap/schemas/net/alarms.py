"""Signs that numbers were made rather than earned, as superiors see them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from webmap.schemas.basics import Answer


class AlarmInfo(Answer):
    """Something to look at; nothing follows from it by itself."""

    key: str = Field(
        examples=["bulk_closing"], description="bulk_closing | same_photo | closed_unvisited | near_road"
    )
    division_code: str
    zh: str
    en: str
    items: list[str] = Field(description="Numbers of the cases behind it, or ids of outings.")
    item_kind: Literal["patch", "patrol"]
    notes: list[str] = Field(description="What there is to say of each item; empty where numbers say all.")


class UncheckedInfo(Answer):
    """A sign that could not be looked for in some counties: silence there says nothing."""

    key: str = Field(examples=["near_road"])
    reason: str = Field(examples=["no_roads"], description="no_roads | no_fields")
    zh: str
    en: str
    places: list[str] = Field(description="Names of the counties.", examples=[["孟州市"]])


class AlarmList(Answer):
    """Signs of a period, and what could not be looked for."""

    items: list[AlarmInfo]
    unchecked: list[UncheckedInfo]
