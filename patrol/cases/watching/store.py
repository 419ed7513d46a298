"""SQL of the watch. Never commits."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

# Closed cases, and cases that a relapse has reopened, by their last closing; images taken after it and within
# the watch that were compared with an earlier one, and not noted yet. One comparison an image: the newest.
SCENES_TO_NOTE = text(
    """
    WITH watched AS (
        SELECT c.patch_id, c.division_code, p.geometry, ended.at AS closed_at,
               ((ended.at AT TIME ZONE 'Asia/Shanghai') + make_interval(months => :months))::date AS last_day,
               (SELECT min(e.at) FROM case_event e WHERE e.patch_id = c.patch_id AND e.seq > ended.seq
                AND e.undone_by IS NULL AND e.action IN ('relapse', 'reopen')) AS reopened_at
        FROM case_file c JOIN patch p USING (patch_id)
        JOIN LATERAL (SELECT e.at, e.seq FROM case_event e WHERE e.patch_id = c.patch_id
                      AND e.to_state = 'closed' AND e.from_state <> 'closed' AND e.undone_by IS NULL
                      ORDER BY e.seq DESC LIMIT 1) AS ended ON true
    )
    SELECT w.patch_id, w.division_code, ST_AsBinary(w.geometry) AS outline, s.scene_id, s.sensor,
           s.acquired_at, s.cloud_pct, r.run_id, r.change_sha256,
           (SELECT count(*) FROM lead l WHERE l.run_id = r.run_id AND l.geometry IS NOT NULL
            AND ST_Intersects(l.geometry, w.geometry)) AS leads
    FROM watched w
    JOIN scene s ON s.footprint && w.geometry AND ST_Intersects(s.footprint, w.geometry)
     AND s.acquired_at > w.closed_at AND (s.acquired_at AT TIME ZONE 'Asia/Shanghai')::date <= w.last_day
     AND (w.reopened_at IS NULL OR s.acquired_at <= w.reopened_at)
    JOIN LATERAL (SELECT run_id, change_sha256 FROM detection_run r WHERE r.after_scene_id = s.scene_id
                  ORDER BY r.finished_at DESC, r.run_id LIMIT 1) AS r ON true
    WHERE NOT EXISTS (SELECT FROM case_watch k WHERE k.patch_id = w.patch_id AND k.scene_id = s.scene_id)
    ORDER BY s.acquired_at, w.patch_id
    """
)


def scenes_to_note(session: Session, *, months: int = 12) -> list[dict[str, Any]]:
    """Images of watched ground that were compared and not noted yet, oldest first."""
    return [dict(row) for row in session.execute(SCENES_TO_NOTE, {"months": months}).mappings()]
