"""Transactions on behalf of an actor, with area rights in the database and the audit chain at the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from sqlalchemy import MetaData, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, Session

from foundation import audit
from foundation.access import Actor
from foundation.errors import Conflict, LandwardenError, Unavailable

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
CONFLICTS = (
    psycopg.errors.UniqueViolation,
    psycopg.errors.SerializationFailure,
    psycopg.errors.DeadlockDetected,
)
FULL = (psycopg.errors.DiskFull,)


class Base(DeclarativeBase):
    """Declarative base of all tables."""

    metadata = MetaData(naming_convention=NAMING)


class Database:
    """One engine, used as the application role, which owns nothing and cannot bypass row-level security."""

    def __init__(self, url: str, *, pool_size: int = 10) -> None:
        self.url = url
        self.engine = create_engine(url, pool_size=pool_size, max_overflow=10, pool_pre_ping=True)

    @contextmanager
    def transaction(self, actor: Actor) -> Iterator[Session]:
        """One transaction: area rights set, committed at the end with its audit entries, or nothing.

        Raises
        ------
        Unavailable
            ``foundation.database.unreachable`` or ``foundation.database.disk_full``.
        Conflict
            ``foundation.database.conflict`` when another transaction was first.
        """
        with translated(), Session(self.engine, expire_on_commit=False) as session, session.begin():
            set_actor(session, actor)
            yield session
            session.flush()
            audit.append_pending(session)

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()


def set_actor(session: Session, actor: Actor) -> None:
    """Tell row-level security for whom this transaction runs; it ends with the transaction."""
    session.execute(
        text(
            "SELECT set_config('landwarden.area', :area, true),"
            " set_config('landwarden.account', :account, true),"
            " set_config('landwarden.role', :role, true)"
        ),
        {"area": actor.area_prefix, "account": str(actor.account_id), "role": actor.role},
    )


def driver_connection(session: Session) -> psycopg.Connection[Any]:
    """The psycopg connection of a session's transaction: for COPY, and for jobs deferred inside it."""
    connection: psycopg.Connection[Any] = session.connection().connection.driver_connection  # type: ignore[assignment]
    return connection


@contextmanager
def translated() -> Iterator[None]:
    """Turn driver errors into ours, in one place."""
    try:
        yield
    except LandwardenError:
        raise
    except (DBAPIError, psycopg.Error) as error:
        # COPY runs on the driver's own connection, past SQLAlchemy.
        cause = error.orig if isinstance(error, DBAPIError) else error
        reason = (str(cause).splitlines() or [""])[0]
        if isinstance(cause, CONFLICTS):
            raise Conflict("foundation.database.conflict", reason=reason) from error
        if isinstance(cause, FULL):
            raise Unavailable("foundation.database.disk_full") from error
        if isinstance(cause, psycopg.OperationalError):
            raise Unavailable("foundation.database.unreachable", reason=reason) from error
        raise
