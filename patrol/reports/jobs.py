"""The schedule of reports: what is due is drafted, for people to review and issue."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from foundation.errors import Conflict
from foundation.jobs import JobQueue

if TYPE_CHECKING:
    from foundation.runtime import Runtime

EVERY_HOUR = "0 * * * *"
"""Due is 06:00 in Shanghai; the other hours catch up what a machine without power has missed."""
EVERY_MORNING = "30 0 * * *"
"""08:30 in Shanghai."""
log = structlog.get_logger()


def register(queue: JobQueue) -> None:
    """Add this package's jobs to the queue."""

    def due(runtime: Runtime) -> None:
        draft_due(runtime)

    def unsigned(runtime: Runtime) -> None:
        remind_unsigned(runtime)

    queue.add("patrol.draft_due_reports", due, cron=EVERY_HOUR)
    queue.add("patrol.remind_unsigned", unsigned, cron=EVERY_MORNING)


def remind_unsigned(runtime: Runtime) -> int:
    """Tell whoever stands above an office that did not sign for a bulletin; how many receipts are late."""
    from patrol.reports.issuing.reminders import remind_unsigned

    with runtime.database.transaction(runtime.system) as session:
        return len(remind_unsigned(session, runtime.system, now=runtime.clock()))


def draft_due(runtime: Runtime) -> list[tuple[str, str]]:
    """Draw the week's lottery, then draft every paper that is due; returns (kind, period) of each.

    Each paper is committed by itself, so that a stop in the middle costs nothing that was done.
    """
    from patrol.reports import service

    with runtime.database.transaction(runtime.system) as session:
        due = service.draft_due(session, runtime.system, now=runtime.clock())
    for kind, period in due:
        if kind == "weekly_bulletin":
            _draw(runtime, period)
        with runtime.database.transaction(runtime.system) as session:
            view = service.draft_bulletin(
                session,
                runtime.system,
                kind=kind,
                period=period,
                division_code=runtime.system.area_code,
                blobs=runtime.blobs,
                profile=runtime.settings.policy_profile,
                now=runtime.clock(),
            )
        log.info("patrol.bulletin.due", kind=kind, period=period, number=view.number)
    return list(due)


def _draw(runtime: Runtime, week: str) -> None:
    """The lottery comes first; where it cannot be drawn the bulletin says that it was not."""
    from patrol.recheck import service as recheck

    try:
        with runtime.database.transaction(runtime.system) as session:
            recheck.draw_week(session, runtime.system, now=runtime.clock(), week=week)
    except Conflict as refusal:
        log.warning("patrol.recheck.not_drawn", week=week, code=refusal.code, reason=refusal.text("zh"))
