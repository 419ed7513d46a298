"""What of the queue is shown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class QueueView:
    """One patch that waits: for whom, why, since when, and when it goes out at the latest."""

    patch_id: UUID
    patch_number: str
    version: int
    division_code: str
    division_name: str
    severity: int
    post_title: str
    holder_name: str
    reason_code: str
    reason_name: str
    queued_at: datetime
    latest_at: datetime
