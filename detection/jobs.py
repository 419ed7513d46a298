"""Long work of this floor."""

from __future__ import annotations

from foundation.jobs import JobQueue


def register(queue: JobQueue) -> None:
    """Add this floor's jobs to the queue."""
