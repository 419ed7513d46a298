"""Numbers of cells that stay when the grid is cut anew, and what such a cut changes."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from foundation.crs import ellipsoidal_area_m2

SAME_M2 = 0.5
"""Two outlines that differ by less are one."""
HEIR_SHARE = 0.5
"""Of the smaller cell: a new cell that has this much in common with an old one may take over its number."""
SERIAL = re.compile(r"(\d{1,3})$")


class OldCell(NamedTuple):
    """A cell in force."""

    cell_id: object
    code: str
    name: str
    division_code: str
    geometry: BaseGeometry


class NewCell(NamedTuple):
    """A cell that is to be; areas are None where no land survey was at hand."""

    code: str
    name: str
    division_code: str
    geometry: BaseGeometry
    area_m2: float
    field_m2: float | None
    mountain_m2: float | None


class GridChange(NamedTuple):
    """What becomes of the cells of an area."""

    kept: tuple[OldCell, ...]
    changed: tuple[tuple[OldCell, NewCell], ...]
    added: tuple[NewCell, ...]
    retired: tuple[OldCell, ...]


def heirs(shapes: Sequence[BaseGeometry], old: Sequence[OldCell]) -> dict[int, str]:
    """Which new shapes take over the number of which old cell: the pair with most in common first."""
    if not shapes or not old:
        return {}
    before = np.array([cell.geometry for cell in old], dtype=object)
    after = np.array(shapes, dtype=object)
    new, former = shapely.STRtree(before).query(after, predicate="intersects")
    common = shapely.area(shapely.intersection(after[new], before[former]))
    enough = common >= HEIR_SHARE * np.minimum(shapely.area(after[new]), shapely.area(before[former]))
    found: dict[int, str] = {}
    taken: set[int] = set()
    for pair in np.lexsort((former, new, -common)):
        place, heir_of = int(new[pair]), int(former[pair])
        if enough[pair] and place not in found and heir_of not in taken:
            found[place] = old[heir_of].code
            taken.add(heir_of)
    return found


def numbers(
    shapes: Sequence[BaseGeometry], old: Sequence[OldCell], *, village_code: str, used: Collection[str]
) -> list[str]:
    """A number for every cell of a village: inherited, or the next that was never used.

    Parameters
    ----------
    used : collection of str
        Every number that the village has ever had; none is given out twice.
    """
    inherited = heirs(shapes, old)
    last = max((serial_of(code, village_code) for code in used), default=0)
    codes = []
    for place in range(len(shapes)):
        if place not in inherited:
            last += 1
        codes.append(inherited.get(place, f"{village_code}{last:03d}"))
    return codes


def serial_of(code: str, village_code: str) -> int:
    """The running number within the village; 0 for a number of another form."""
    found = SERIAL.search(code.removeprefix(village_code)) if code.startswith(village_code) else None
    return int(found[1]) if found else 0


def compare(new: Sequence[NewCell], old: Sequence[OldCell]) -> GridChange:
    """What a set of cells changes about another of the same area, by number."""
    known = {cell.code: cell for cell in old}
    kept, changed, added = [], [], []
    for cell in new:
        former = known.pop(cell.code, None)
        if former is None:
            added.append(cell)
        elif _is_same(cell, former):
            kept.append(former)
        else:
            changed.append((former, cell))
    return GridChange(tuple(kept), tuple(changed), tuple(added), tuple(known.values()))


def _is_same(new: NewCell, old: OldCell) -> bool:
    if (new.name, new.division_code) != (old.name, old.division_code):
        return False
    if shapely.equals_exact(new.geometry, old.geometry):
        return True
    difference = shapely.symmetric_difference(
        shapely.make_valid(new.geometry), shapely.make_valid(old.geometry)
    )
    return ellipsoidal_area_m2(difference) < SAME_M2
