"""The ground that was seen, noted as it comes in; coverage of the running and the last periods."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from foundation.jobs import JobQueue

if TYPE_CHECKING:
    from foundation.runtime import Runtime

EVERY_HOUR = "25 * * * *"


def register(queue: JobQueue) -> None:
    """Add this package's job to the queue."""

    def refresh(runtime: Runtime) -> None:
        refresh_seen(runtime)

    queue.add("patrol.refresh_seen", refresh, cron=EVERY_HOUR)


def refresh_seen(runtime: Runtime, county_code: str | None = None) -> dict[str, int]:
    """Note what was seen since the last time and measure what it changes; sources by kind, and periods.

    Parameters
    ----------
    county_code : str, optional
        Six digits; else all counties with a land survey.

    Raises
    ------
    NotFound
        ``patrol.seen.no_survey``.
    """
    from patrol.seen import noting

    done: Counter[str] = Counter()
    with runtime.database.transaction(runtime.system) as session:
        surveys = noting.surveyed_counties(session, runtime.system, county_code)
    for survey in surveys:
        ground = noting.Ground(survey)
        while True:
            with runtime.database.transaction(runtime.system) as session:
                noted = noting.note_sights(
                    session, runtime.system, ground, blobs=runtime.blobs, now=runtime.clock()
                )
            done.update(noted)
            if max(noted.values()) < noting.SOURCES_A_TURN:
                break
        with runtime.database.transaction(runtime.system) as session:
            measured = noting.measure_coverage(session, runtime.system, survey, now=runtime.clock())
        done["periods"] += len(measured)
    return dict(done)
