"""SQL of the facts behind the signs. Never commits."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from patrol.reports.alarms.signs import Closing, SharedPhoto

CLOSINGS = text(
    """
    SELECT p.number, e.division_code, e.at AS closed_at, e.actor_id, e.actor_name,
           (SELECT count(*) FROM visit v WHERE v.patch_id = e.patch_id AND v.received_at <= e.at) AS visits
    FROM case_event e JOIN patch p USING (patch_id)
    WHERE e.action = 'close' AND e.undone_by IS NULL AND starts_with(e.division_code, :prefix)
      AND e.at >= :begin AND e.at < :end
    ORDER BY e.at, p.number
    """
)
PHOTOS = text(
    """
    WITH fresh AS (
        SELECT DISTINCT sha256 FROM evidence WHERE starts_with(media_type, 'image/')
          AND starts_with(division_code, :prefix) AND received_at >= :begin AND received_at < :end
    )
    SELECT e.sha256 AS fingerprint, min(e.division_code) AS division_code,
           array_agg(DISTINCT p.number ORDER BY p.number) AS numbers
    FROM evidence e JOIN fresh USING (sha256) JOIN patch p ON p.patch_id = e.patch_id
    WHERE e.received_at < :end
    GROUP BY e.sha256 HAVING count(DISTINCT e.patch_id) > 1 ORDER BY e.sha256
    """
)


def closings(session: Session, prefix: str, begin: datetime, end: datetime) -> list[Closing]:
    """Cases closed in a period and not opened again by an undo."""
    rows = session.execute(CLOSINGS, {"prefix": prefix, "begin": begin, "end": end}).mappings()
    return [Closing(**row) for row in rows]


def shared_photos(session: Session, prefix: str, begin: datetime, end: datetime) -> list[SharedPhoto]:
    """Photos received in a period whose very bytes stand in more than one case, whenever those came."""
    rows = session.execute(PHOTOS, {"prefix": prefix, "begin": begin, "end": end}).mappings()
    return [SharedPhoto(row["fingerprint"], row["division_code"], tuple(row["numbers"])) for row in rows]
