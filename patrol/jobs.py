"""Long work of this floor: import posts, grid and outings, open cases, run the clocks, draft bulletins.

Every job may run twice: what stands is found and left.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import structlog

from foundation.calendar import month_of, previous_period, week_of
from foundation.errors import InvalidInput, NotFound
from foundation.jobs import JobQueue
from patrol.seen import jobs as seen

if TYPE_CHECKING:
    from foundation.runtime import Runtime
    from patrol.cases.escalation import ClockReport
    from patrol.net.service import PostImport
    from patrol.reports.views import BulletinView
    from patrol.rounds.patrols import PatrolBody

PATROLS_A_TRANSACTION = 100
log = structlog.get_logger()


def register(queue: JobQueue) -> None:
    """Add this floor's jobs to the queue."""
    jobs: Mapping[str, Callable[..., object]] = {
        "patrol.import_posts": import_posts,
        "patrol.import_grid": import_grid,
        "patrol.import_patrols": import_patrols,
        "patrol.open_cases": open_cases,
        "patrol.draft_bulletin": draft_bulletin,
    }
    for name, job in jobs.items():
        queue.add(name, _without_result(job))
    seen.register(queue)
    queue.add("patrol.run_clocks", _without_result(run_clocks), cron="*/5 * * * *")
    queue.add("patrol.watch_closed", _without_result(watch_closed), cron="40 * * * *")


def import_posts(
    runtime: Runtime,
    path: str,
    accounts: Mapping[str, str] | None = None,
    password: str | None = None,
) -> PostImport:
    """Bring in a list of posts.

    Parameters
    ----------
    accounts : mapping of login -> account id, optional
        Accounts that were made before.
    password : str, optional
        Open an account for every login that has none.

    Raises
    ------
    InvalidInput
        ``patrol.file.unreadable`` or what is wrong with the list as a whole.
    """
    from patrol import service

    known = {login: UUID(account) for login, account in (accounts or {}).items()}
    with runtime.database.transaction(runtime.system) as session:
        report = service.import_posts(
            session,
            runtime.system,
            _read(path),
            now=runtime.clock(),
            password=password,
            known_accounts=known,
        )
    for bad in report.bad_lines:
        log.warning("patrol.posts.bad_line", line=bad.line, code=bad.code, reason=bad.reason)
    return report


def import_grid(runtime: Runtime, county_code: str | None = None) -> int:
    """Copy the newest grid layer (of one county: six digits) into the supervision grid."""
    from patrol import service

    with runtime.database.transaction(runtime.system) as session:
        return service.import_grid(session, runtime.system, now=runtime.clock(), county_code=county_code)


def import_patrols(runtime: Runtime, path: str) -> tuple[int, list[tuple[int, str]]]:
    """Bring in outings, one JSON object a line; returns how many are new, and the bad lines by number.

    Commits every so many lines: after a crash the rest is done.
    """
    from patrol import service
    from patrol.net import store as posts
    from patrol.rounds.patrols import check_body
    from patrol.rounds.service import GroundBook

    new, bad, grounds = 0, [], GroundBook()
    for lines in _chunks(enumerate(_read(path).decode("utf-8-sig").splitlines(), start=1)):
        with runtime.database.transaction(runtime.system) as session:
            bodies = []
            for number, line in lines:
                try:
                    body = _patrol(line, partial(posts.post_id_by_number, session))
                    check_body(body)
                except (InvalidInput, NotFound) as error:
                    log.warning("patrol.patrols.bad_line", line=number, code=error.code)
                    bad.append((number, error.text("zh")))
                else:
                    bodies.append(body)
            done = service.record_patrols(
                session,
                runtime.system,
                bodies,
                now=runtime.clock(),
                profile=runtime.settings.policy_profile,
                grounds=grounds,
            )
        new += sum(outing.is_new for outing in done)
    return new, bad


def open_cases(runtime: Runtime) -> int:
    """Note what new images say of watched ground; open the case of every patch that has none; how many."""
    from patrol import service

    watch_closed(runtime)
    with runtime.database.transaction(runtime.system) as session:
        return service.open_cases_for(session, runtime.system, now=runtime.clock())


def watch_closed(runtime: Runtime) -> int:
    """Look at later images of the ground of closed cases; returns how many looks were noted."""
    from patrol.cases.watching.service import note_later_images

    with runtime.database.transaction(runtime.system) as session:
        noted = note_later_images(session, runtime.system, blobs=runtime.blobs, now=runtime.clock())
    return len(noted)


def run_clocks(runtime: Runtime) -> ClockReport:
    """Escalate what is overdue and name what soon will be."""
    from patrol import service
    from patrol.staffing import service as staffing

    with runtime.database.transaction(runtime.system) as session:
        staffing.hand_over_due(session, runtime.system, now=runtime.clock())
    with runtime.database.transaction(runtime.system) as session:
        report = service.run_clocks(session, runtime.system, now=runtime.clock())
    for patch_id, code in report.failed:
        log.error("patrol.clocks.case_failed", patch_id=str(patch_id), code=code)
    log.info("patrol.clocks.run", escalated=len(report.escalated), warned=len(report.warned))
    return report


def draft_bulletin(
    runtime: Runtime,
    kind: str = "weekly_bulletin",
    period: str | None = None,
    division_code: str | None = None,
) -> BulletinView:
    """Draft a bulletin for people to review and issue; one that is issued stays as it is.

    Parameters
    ----------
    period : str, optional
        The last full week or month when left out.
    division_code : str, optional
        The whole city when left out.
    """
    from patrol import service

    now = runtime.clock()
    label = period or _last_period(kind, now)
    with runtime.database.transaction(runtime.system) as session:
        return service.draft_bulletin(
            session,
            runtime.system,
            kind=kind,
            period=label,
            division_code=division_code or runtime.settings.city_code,
            blobs=runtime.blobs,
            profile=runtime.settings.policy_profile,
            now=now,
        )


def save_file(runtime: Runtime, sha256: str, path: Path) -> None:
    """Write a stored file to a place of the user's.

    Raises
    ------
    Unavailable
        The folder cannot be written, or the disk is full.
    """
    from foundation.blobs import storage_error

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(runtime.blobs.read(sha256))
    except OSError as error:
        raise storage_error(error, path.parent) from error


def _last_period(kind: str, now: datetime) -> str:
    running = month_of(now) if kind.startswith("monthly") else week_of(now)
    return previous_period(running).label


def _patrol(line: str, post_id_of: Callable[[str], UUID | None]) -> PatrolBody:
    from patrol.rounds.patrols import PatrolBody
    from patrol.rounds.tracks import Fix, tracks_of

    try:
        raw = json.loads(line)
        fixes = tuple(
            Fix(
                datetime.fromisoformat(fix["t"]),
                float(fix["lon"]),
                float(fix["lat"]),
                float(fix["accuracy_m"]),
                bool(fix.get("is_mock", False)),
            )
            for fix in raw["fixes"]
        )
        post_id = post_id_of(str(raw["post_no"]))
        if post_id is None:
            raise NotFound("patrol.post.not_found", post_id=raw["post_no"])
        return PatrolBody(
            UUID(raw["patrol_id"]),
            post_id,
            datetime.fromisoformat(raw["started_at"]),
            datetime.fromisoformat(raw["ended_at"]),
            tracks_of([fixes]),
            int(raw.get("tasks_visited", 0)),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidInput("patrol.patrol.unreadable", reason=repr(error)[:200]) from error


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise InvalidInput("patrol.file.unreadable", file=path, reason=error.strerror or "") from error


def _chunks(lines: Iterator[tuple[int, str]]) -> Iterator[list[tuple[int, str]]]:
    chunk: list[tuple[int, str]] = []
    for number, line in lines:
        if line.strip():
            chunk.append((number, line))
        if len(chunk) == PATROLS_A_TRANSACTION:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _without_result(job: Callable[..., object]) -> Callable[..., None]:
    def run(runtime: Runtime, **arguments: Any) -> None:
        job(runtime, **arguments)

    return run
