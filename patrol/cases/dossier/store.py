"""SQL of the case file. Never commits."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from patrol.cases.tables import WarningRow, WatchRow


def cases_of(session: Session, patch_ids: Iterable[UUID]) -> dict[UUID, dict[str, Any]]:
    """Number and version of cases."""
    rows = session.execute(
        text("SELECT patch_id, number, version FROM patch_overview WHERE patch_id = ANY(:ids)"),
        {"ids": list(set(patch_ids))},
    )
    return {row["patch_id"]: dict(row) for row in rows.mappings()}


def warnings_since(
    session: Session, since: datetime, *, account_id: UUID | None, limit: int
) -> list[WarningRow]:
    """Warnings told since a moment, newest first, to one account or to anybody."""
    statement = select(WarningRow).where(WarningRow.told_at >= since)
    if account_id is not None:
        statement = statement.where(WarningRow.to_account_id == account_id)
    return list(
        session.scalars(statement.order_by(WarningRow.told_at.desc(), WarningRow.warning_id).limit(limit))
    )


def watch_of(session: Session, patch_id: UUID) -> list[WatchRow]:
    """Sightings of the ground of a closed case, oldest first."""
    statement = select(WatchRow).where(WatchRow.patch_id == patch_id)
    return list(session.scalars(statement.order_by(WatchRow.observed_at, WatchRow.watch_id)))
