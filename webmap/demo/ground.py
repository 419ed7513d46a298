"""What really lies on the ground of the demonstration county.

Two may know it: the simulated inspectors, who stand there, and the measurement, which compares. Nothing of
the product reads it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pyogrio
import shapely
from shapely.geometry.base import BaseGeometry

from foundation.crs import parse_crs, reproject

PLANE_EPSG = 4547
MIN_SHARE = 0.2
"""Share of either outline that must lie in the overlap: outlines drawn at 2 m are no better than that."""
SUSPICIONS = frozenset({"suspected", "partly_exceeded"})
"""Suggestions of a violation; borderline and order unknown are questions."""


@dataclass(frozen=True, slots=True)
class PlantedChange:
    """One change that was planted. Outline in EPSG:4547, metres."""

    change_id: str
    kind: str
    situation: str
    is_visible: bool
    is_violation: bool
    expected_suggestion: str
    violation_code: str | None
    village_name: str
    outline_gk: BaseGeometry


class Ground:
    """All planted changes of one county."""

    def __init__(self, changes: tuple[PlantedChange, ...]) -> None:
        self.changes = changes

    @cached_property
    def _tree(self) -> shapely.STRtree:
        return shapely.STRtree([change.outline_gk for change in self.changes])

    def seen_at(self, outline: BaseGeometry) -> PlantedChange | None:
        """The planted change that somebody standing in an outline (EPSG:4490) sees; None: nothing new."""
        outline_gk = reproject(outline, 4490, PLANE_EPSG)
        shares = [
            (shapely.area(shapely.intersection(outline_gk, change.outline_gk)), change)
            for change in (self.changes[i] for i in sorted(self._tree.query(outline_gk)))
        ]
        best: tuple[float, PlantedChange] | None = max(shares, key=lambda pair: pair[0], default=None)
        if best is None or best[0] < MIN_SHARE * min(outline_gk.area, best[1].outline_gk.area):
            return None
        return best[1]


def read_ground(folder: Path) -> Ground:
    """Ground truth of a county folder (``truth/truth.gpkg``)."""
    meta, _, wkb, columns = pyogrio.raw.read(folder / "truth" / "truth.gpkg")
    fields = dict(zip(meta["fields"].tolist(), columns, strict=True))
    outlines = shapely.from_wkb(wkb)
    source = parse_crs(meta["crs"]).to_string()
    changes = [
        PlantedChange(
            change_id=str(fields["change_id"][i]),
            kind=str(fields["kind"][i]),
            situation=str(fields["situation"][i]),
            is_visible=bool(fields["is_visible"][i]),
            is_violation=bool(fields["is_violation"][i]),
            expected_suggestion=str(fields["expected_suggestion"][i]),
            violation_code=_text(fields["violation_code"][i]),
            village_name=str(fields["village_name"][i]),
            outline_gk=reproject(outlines[i], source, PLANE_EPSG),
        )
        for i in range(len(outlines))
    ]
    return Ground(tuple(changes))


def _text(value: object) -> str | None:
    """A text column's value; None where it is empty."""
    return value if isinstance(value, str) and value else None
