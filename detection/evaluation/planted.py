"""The planted changes of a synthetic county: its truth, for whoever measures or learns from the generator."""

from __future__ import annotations

from pathlib import Path

import pyogrio
import shapely
from shapely.geometry.base import BaseGeometry


def read_planted(folder: Path) -> list[tuple[BaseGeometry, str]]:
    """Outlines (EPSG:4490) and kinds of the planted changes that an image can show."""
    meta, _, wkb, columns = pyogrio.raw.read(folder / "truth.gpkg")
    fields = dict(zip(meta["fields"].tolist(), columns, strict=True))
    return [
        (outline, str(kind))
        for outline, kind, is_visible in zip(
            shapely.from_wkb(wkb), fields["kind"], fields["is_visible"], strict=True
        )
        if is_visible
    ]
