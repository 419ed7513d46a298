"""SQL of dispatching: how much work waits for whom."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from patrol.tables import AssignmentRow

UNDONE = ("waiting", "sent", "signed")
ON_SITE = ("verify", "rectify", "recheck")


def open_loads(session: Session, post_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Undone tasks on site of each post, those included that are still on their way down."""
    rows = session.execute(
        select(AssignmentRow.post_id, func.count().label("open_count"))
        .where(
            AssignmentRow.post_id.in_(post_ids),
            AssignmentRow.status.in_(UNDONE),
            AssignmentRow.kind.in_(ON_SITE),
        )
        .group_by(AssignmentRow.post_id)
    )
    return {row.post_id: row.open_count for row in rows}
