"""What of dispatching is shown: corrections of the grid, and shared patches."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from sqlalchemy.engine import RowMapping


@dataclass(frozen=True, slots=True)
class CorrectionView:
    """Ground for which another officer answers than the grid says: who said so, when, why."""

    correction_id: UUID
    division_code: str
    patch_id: UUID
    patch_number: str
    from_title: str
    from_name: str
    to_title: str
    to_name: str
    why: str
    recorded_at: datetime
    recorded_by_name: str
    revoked_at: datetime | None
    revoked_by_name: str | None
    revoked_reason: str | None


@dataclass(frozen=True, slots=True)
class HelpView:
    """A patch in two cells: who leads, who helps, and where it lies (EPSG:4490)."""

    helper_id: UUID
    patch_id: UUID
    patch_number: str
    division_code: str
    cell_code: str
    share: float
    named_at: datetime
    post_id: UUID
    helper_title: str
    helper_name: str
    lead_post_id: UUID
    lead_named: str
    """Post and person that led when the help began."""
    outline: dict[str, Any]
    lonlat: tuple[float, float]

    @classmethod
    def of(cls, row: RowMapping) -> Self:
        """From a row of the store."""
        plain = {field.name: row[field.name] for field in fields(cls) if field.name in row}
        return cls(**{**plain, "outline": json.loads(row["outline"]), "lonlat": (row["lon"], row["lat"])})
