"""SQL of outings: where a post's ground lies."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

MIDDLE = text(
    """
    SELECT ST_X(at) AS lon, ST_Y(at) AS lat FROM (
        SELECT ST_Centroid(ST_Collect(c.geometry)) AS at FROM grid_cell c
        WHERE c.valid_to IS NULL AND EXISTS (
            SELECT FROM post p WHERE p.post_id = ANY(:post_ids)
              AND starts_with(c.division_code, landwarden_prefix(p.division_code)))
    ) middle WHERE at IS NOT NULL
    """
)


def middle_of_ground(session: Session, post_ids: Sequence[UUID]) -> tuple[float, float] | None:
    """Middle (degrees, EPSG:4490) of the grid cells of the divisions of posts; None without cells."""
    row = session.execute(MIDDLE, {"post_ids": list(post_ids)}).one_or_none()
    return None if row is None else (row.lon, row.lat)
