"""Bring a database to the newest schema: the database, its roles, extensions, tables, policies, divisions."""

from __future__ import annotations

from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from psycopg import sql
from sqlalchemy.engine import make_url

from foundation.divisions import divisions
from foundation.errors import Unavailable
from foundation.jobs import conninfo

MIGRATIONS = Path(__file__).resolve().parents[1] / "migrations"
LOCK = 4108_0001


def upgrade(owner_url: str, *, admin_url: str = "") -> None:
    """Upgrade to the newest version; safe to call at every start and from several processes at once.

    Parameters
    ----------
    owner_url : str
        SQLAlchemy URL of the role that owns the tables.
    admin_url : str, optional
        URL of a database in which to create the product's database when it is missing.

    Raises
    ------
    Unavailable
        ``foundation.database.unreachable``.
    """
    try:
        if admin_url:
            _create_database(admin_url, make_url(owner_url).database or "landwarden")
        with psycopg.connect(conninfo(owner_url), autocommit=True) as connection:
            connection.execute("SELECT pg_advisory_lock(%s)", [LOCK])
            if _current(connection) != newest_version():
                command.upgrade(alembic_config(owner_url), "head")
            _load_divisions(connection)
    except psycopg.OperationalError as error:
        raise Unavailable("foundation.database.unreachable", reason=str(error).splitlines()[0]) from error


def alembic_config(owner_url: str) -> Config:
    """Alembic's configuration without a file."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    config.attributes["url"] = owner_url
    return config


def newest_version() -> str:
    """Version of the newest migration, by file name."""
    return max(path.name.split("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def _current(connection: psycopg.Connection[tuple[object, ...]]) -> str | None:
    if connection.execute("SELECT to_regclass('alembic_version')").fetchone() == (None,):
        return None
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return str(row[0]) if row else None


def _create_database(admin_url: str, name: str) -> None:
    with psycopg.connect(conninfo(admin_url), autocommit=True) as connection:
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            return
        try:
            connection.execute(sql.SQL("CREATE DATABASE {} ENCODING 'UTF8'").format(sql.Identifier(name)))
        except psycopg.errors.DuplicateDatabase:
            return


def _load_divisions(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    """Insert divisions that are not there yet; outlines and names already there stay."""
    rows = [(d.code, d.name, d.level, d.parent_code) for d in divisions().all()]
    count = connection.execute("SELECT count(*) FROM division").fetchone()
    if count and count[0] == len(rows):
        return
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO division (code, name, level, parent_code) VALUES (%s, %s, %s, %s)"
            " ON CONFLICT (code) DO NOTHING",
            rows,
        )
