"""The planted situations as a table, and one planted change."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry

from ingest.sources.synthetic.landscape.ground import Ground
from ingest.sources.synthetic.landscape.materials import Date, read_table


@dataclass(frozen=True, slots=True)
class Permit:
    """A right that the layers show for a change.

    Attributes
    ----------
    cover : float
        Share of the outline that it covers; 1.0 is drawn with a small margin.
    """

    kind: str
    cover: float
    valid_from: date
    valid_to: date | None = None


@dataclass(frozen=True, slots=True)
class Situation:
    """One row of ``data/demo/situations.toml``."""

    id: str
    zh: str
    kind: str
    make: str
    zone: str
    count: dict[str, int]
    suggestion: str
    is_violation: bool
    is_visible: bool
    code: str
    basic: bool | None
    size: tuple[tuple[float, ...], ...]
    permits: tuple[Permit, ...]


@dataclass(slots=True)
class Change:
    """One planted change.

    Attributes
    ----------
    outline : Polygon
        True position in the frame of the first image, local metres.
    before, after : list of Ground
        Pieces drawn over the county at each date.
    rights : list of (Permit, geometry)
        What the layers get.
    """

    change_id: str
    situation: Situation
    outline: shapely.Polygon
    village_code: str
    before: list[Ground] = field(default_factory=list)
    after: list[Ground] = field(default_factory=list)
    rights: list[tuple[Permit, BaseGeometry]] = field(default_factory=list)


def parts_at(change: Change, date: Date, omit: Collection[str]) -> list[Ground]:
    """What a change puts on the ground at a date; changes that are left out stay as they were."""
    return change.before if date == "before" or change.change_id in omit else change.after


def read_situations() -> list[Situation]:
    """All situations in the order of the table."""
    return [_situation(entry) for entry in read_table("situations")["situation"]]


def _situation(entry: dict[str, Any]) -> Situation:
    permits = tuple(
        Permit(row["kind"], float(row["cover"]), row["from"], row.get("to"))
        for row in entry.get("permits", ())
    )
    return Situation(
        id=entry["id"],
        zh=entry["zh"],
        kind=entry["kind"],
        make=entry["make"],
        zone=entry["zone"],
        count={"demo": entry["count"], "large": entry["count"], "small": entry.get("small", 0)},
        suggestion=entry["suggestion"],
        is_violation=entry["is_violation"],
        is_visible=entry.get("is_visible", True),
        code=entry.get("code", ""),
        basic=entry.get("basic"),
        size=tuple(tuple(float(number) for number in row) for row in entry.get("size", ())),
        permits=permits,
    )
