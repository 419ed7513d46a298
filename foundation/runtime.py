"""Everything a command, a job or the web factory works with, opened once and closed in order."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import structlog

from foundation.access import Actor, system_actor
from foundation.blobs import BlobStore, storage_error
from foundation.clock import Clock, system_clock
from foundation.cluster import APPLICATION, OWNER, Cluster
from foundation.db import Database
from foundation.errors import InvalidInput, LandwardenError
from foundation.jobs import JobQueue
from foundation.schema import upgrade
from foundation.settings import Settings


@dataclass(frozen=True)
class Runtime:
    """Open resources of one process."""

    settings: Settings
    database: Database
    blobs: BlobStore
    queue: JobQueue
    clock: Clock = system_clock

    @property
    def system(self) -> Actor:
        """The platform as an actor."""
        return system_actor(self.settings.city_code)


@contextmanager
def open_runtime(settings: Settings, *, clock: Clock = system_clock) -> Iterator[Runtime]:
    """Start the private cluster where no database is named, upgrade the schema, hand out a runtime.

    Raises
    ------
    Unavailable
        PostgreSQL is missing or does not start, a folder cannot be written, the disk is full.
    """
    configure_log()
    with ExitStack() as stack:
        try:
            settings.data_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(error, settings.data_dir) from error
        application_url, owner_url = settings.database_url, settings.migration_url
        if not application_url:
            cluster = Cluster(settings.data_dir, postgres_bin=settings.postgres_bin)
            stack.enter_context(cluster.running())
            application_url, owner_url = cluster.url(APPLICATION), cluster.url(OWNER)
            upgrade(owner_url, admin_url=cluster.url(OWNER, "postgres"))
        elif owner_url:
            upgrade(owner_url)
        else:
            raise InvalidInput(
                "foundation.settings.invalid", setting="LANDWARDEN_MIGRATION_URL", reason="missing"
            )
        yield stack.enter_context(connect(settings, application_url, clock=clock))


def configure_log() -> None:
    """Warnings and worse go to standard error; standard output belongs to the command's answer."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        # Standard error as it is when something is said: who redirected it before may have closed it since.
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )
    logging.getLogger("procrastinate.worker").addFilter(is_unexpected)


def is_unexpected(record: logging.LogRecord) -> bool:
    """Whether a log record speaks of a fault of ours: a refusal has its own text and needs no traceback."""
    return not (record.exc_info and isinstance(record.exc_info[1], LandwardenError))


@contextmanager
def connect(settings: Settings, application_url: str, *, clock: Clock = system_clock) -> Iterator[Runtime]:
    """A runtime on a database that stands and is up to date."""
    database = Database(application_url)
    blobs = BlobStore(settings.data_dir / "blobs", low_water_mb=settings.disk_low_water_mb)
    queue = JobQueue(application_url)
    runtime = Runtime(settings, database, blobs, queue, clock)
    queue.bind(runtime)
    try:
        yield runtime
    finally:
        database.close()
