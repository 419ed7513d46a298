"""Coverage of a place and a period, from what the database holds."""

from __future__ import annotations

from datetime import datetime

import shapely
from sqlalchemy.orm import Session

from patrol.reports import store
from patrol.reports.ground.coverage import Cropland, Field, Walked, cover, cropland_of
from patrol.reports.indicators import Coverage
from patrol.rounds.measures import measure, spans_of
from patrol.rounds.packing import unpack
from patrol.rounds.patrols import patrol_policy


def cropland_under(session: Session, prefix: str) -> Cropland | None:
    """Cropland of all cells of a place, drawn once for many periods; None without a survey or a grid."""
    fields = [
        Field(row["code"], row["division_code"], shapely.from_wkb(bytes(row["shape"])), row["area_m2"])
        for row in store.cropland(session, prefix)
    ]
    return cropland_of(fields) if fields else None


def covered(
    session: Session, prefix: str, begin: datetime, end: datetime, *, cropland: Cropland
) -> list[Coverage]:
    """How much of each cell's cropland lies near the valid tracks of a place between two moments."""
    rows = store.tracks(session, prefix, begin, end)
    tracks = unpack([row["fixes"] for row in rows])
    spans = spans_of([(row["started_at"], row["ended_at"]) for row in rows])
    rules = patrol_policy().fix_rules
    return cover(cropland, Walked(tracks, measure(tracks, spans, rules).codes, rules.gap_max))
