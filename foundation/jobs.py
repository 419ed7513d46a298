"""Long work on procrastinate: deferred inside the caller's transaction, resumed after a crash, dead-lettered.

A row, its job and its audit entry commit together. Each floor registers its jobs through the entry point
group ``landwarden.jobs``; the kernel names none of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from importlib.metadata import entry_points
from typing import Any, cast
from uuid import UUID

import procrastinate
import structlog
from procrastinate import JobContext
from procrastinate.exceptions import JobAborted
from procrastinate.jobs import Job as QueuedJob
from procrastinate.retry import BaseRetryStrategy, RetryDecision
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from foundation.db import driver_connection
from foundation.errors import Conflict, InvalidInput, LandwardenError, NotAllowed, NotFound

Job = Callable[..., None]
"""``job(runtime, **arguments)``; the runtime is what `JobQueue.bind` was given, arguments are JSON values.

Idempotent: a job may run twice.
"""
MAX_TRIES = 5
STALLED_AFTER_S = 45.0
log = structlog.get_logger()
_CURRENT: ContextVar[JobContext | None] = ContextVar("job", default=None)


def check_called_off() -> None:
    """Go on, unless the job that runs here was called off, or its worker is about to stop.

    Long work asks this wherever it may end and leave nothing half; outside a job it always goes on.

    Raises
    ------
    Conflict
        ``foundation.job.called_off``.
    """
    context = _CURRENT.get()
    if context is not None and context.should_abort():
        raise Conflict("foundation.job.called_off")


def tell_nobody(_stage: str, _share: float) -> None:
    """Progress of a job: nobody watches, but somebody may have called it off."""
    check_called_off()


class RetryUnlessRefused(BaseRetryStrategy):
    """Try again with growing pauses, but not what will be refused again: bad input, a missing right."""

    def get_retry_decision(self, *, exception: BaseException, job: QueuedJob) -> RetryDecision | None:
        """When to try next; None gives up and leaves the job among the failed ones."""
        if isinstance(exception, InvalidInput | NotAllowed | NotFound) or job.attempts + 1 >= MAX_TRIES:
            return None
        return RetryDecision(retry_in={"seconds": 2**job.attempts})


class JobQueue:
    """The jobs of all floors, and the worker that runs them.

    Parameters
    ----------
    database_url : str
        SQLAlchemy URL of the application role.
    """

    def __init__(self, database_url: str) -> None:
        self._conninfo = conninfo(database_url)
        self._runtime: object | None = None
        self.listener: Callable[[str], None] | None = None
        """Told the name of each job that begins in this process: for progress."""
        self.last_refusal: LandwardenError | None = None
        """Why a job last failed in this process, for whoever waits for it."""
        self.app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=self._conninfo))
        sweep = self.app.task(name="foundation.retry_stalled", pass_context=True)(self._retry_stalled)
        self.app.periodic(cron="* * * * *")(sweep)

    def bind(self, runtime: object) -> None:
        """Give jobs the runtime they work with, and load those of all floors."""
        self._runtime = runtime
        for point in sorted(entry_points(group="landwarden.jobs"), key=lambda entry: entry.name):
            point.load()(self)

    def add(self, name: str, job: Job, *, cron: str | None = None) -> None:
        """Register a job under its dotted name (``ingest.import_scene``).

        Parameters
        ----------
        cron : str, optional
            Run it, without arguments, at these times as long as a worker works.
        """

        def run(context: JobContext, /, **arguments: Any) -> None:
            if cron is not None:
                arguments.pop("timestamp", None)
            token = _CURRENT.set(context)
            try:
                if self.listener is not None:
                    self.listener(name)
                if self._runtime is not None:
                    job(self._runtime, **arguments)
            except LandwardenError as error:
                if error.code == "foundation.job.called_off":
                    # By a person: it ends. By a worker that stops: it begins again with the next one.
                    raise JobAborted from error
                self.last_refusal = error
                log.warning("job.refused", job=name, code=error.code, reason=error.text("zh"))
                raise
            finally:
                _CURRENT.reset(token)

        task = self.app.task(name=name, retry=RetryUnlessRefused(), pass_context=True)(run)
        if cron is not None:
            self.app.periodic(cron=cron)(cast(Any, task))

    def defer(self, session: Session, name: str, *, lock: str | None = None, **arguments: Any) -> int:
        """Put a job in the queue as part of the caller's transaction; returns its number.

        Parameters
        ----------
        lock : str, optional
            Jobs with one lock run one after the other.
        """
        plain = {key: str(value) if isinstance(value, UUID) else value for key, value in arguments.items()}
        deferrer = self.app.configure_task(name, lock=lock, connection=driver_connection(session))
        with self.app.replace_connector(self._sync_connector()):
            return int(deferrer.defer(**plain))

    def work(self, *, until_empty: bool = False, concurrency: int = 1) -> None:
        """Run jobs in this process until stopped, or until the queue is empty."""
        asyncio.run(self._work(wait=not until_empty, concurrency=concurrency))

    async def _work(self, *, wait: bool, concurrency: int) -> None:
        async with self.app.open_async():
            await self._revive(STALLED_AFTER_S if wait else 0.0)
            while True:
                await self.app.run_worker_async(
                    wait=wait, concurrency=concurrency, install_signal_handlers=wait, listen_notify=wait
                )
                if wait or not await self.app.job_manager.list_jobs_async(status="todo"):
                    return
                await asyncio.sleep(0.5)

    async def _revive(self, seconds: float) -> None:
        """Put jobs of dead workers back: their heartbeat stopped."""
        stalled = await self.app.job_manager.get_stalled_jobs(seconds_since_heartbeat=seconds)
        for job in stalled:
            log.warning("job.revived", job=job.id, task=job.task_name)
            await self.app.job_manager.retry_job(job)

    async def _retry_stalled(self, context: JobContext, /, timestamp: int) -> None:
        await self._revive(STALLED_AFTER_S)

    def _sync_connector(self) -> procrastinate.SyncPsycopgConnector:
        return procrastinate.SyncPsycopgConnector(conninfo=self._conninfo)


def failed_jobs(session: Session) -> list[dict[str, Any]]:
    """Dead-lettered jobs, newest first."""
    rows = session.execute(
        text(
            "SELECT id, task_name, args, attempts FROM procrastinate_jobs"
            " WHERE status = 'failed' ORDER BY id DESC"
        )
    )
    return [dict(row) for row in rows.mappings()]


def pending_jobs(session: Session, names: Sequence[str]) -> list[dict[str, Any]]:
    """Jobs of these names that wait or run, oldest first: id, task_name, args, status, abort_requested."""
    rows = session.execute(
        text(
            "SELECT j.id, j.task_name, j.args, j.status::text AS status, j.abort_requested,"
            " (SELECT max(e.at) FROM procrastinate_events e WHERE e.job_id = j.id) AS since"
            " FROM procrastinate_jobs j WHERE j.status IN ('todo', 'doing') AND j.task_name = ANY(:names)"
            " ORDER BY j.id"
        ),
        {"names": list(names)},
    )
    return [dict(row) for row in rows.mappings()]


def call_off(session: Session, number: int) -> bool:
    """Call a job off as part of the caller's transaction: one that waits never begins, one that runs is told.

    Returns
    -------
    bool
        False where it had ended already.
    """
    done = session.scalar(
        text("SELECT procrastinate_cancel_job_v1(:number, true, false)"), {"number": number}
    )
    return done is not None


def conninfo(url: str) -> str:
    """libpq connection string of a SQLAlchemy URL (sockets included)."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
