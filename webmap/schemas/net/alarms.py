"""Signs that numbers were made rather than earned, as superiors see them."""

from __future__ import annotations

from pydantic import Field

from webmap.schemas.basics import Answer


class AlarmInfo(Answer):
    """Something to look at; nothing follows from it by itself."""

    key: str = Field(examples=["bulk_closing"], description="bulk_closing | same_photo | closed_unvisited")
    division_code: str
    zh: str
    en: str
    items: list[str] = Field(description="Numbers of the cases behind it.")
