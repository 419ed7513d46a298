"""Accounts and sign-in: argon2id, lock-out, opaque sessions of which only the hash is kept."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from foundation import audit
from foundation.access import Actor, require, rights_of
from foundation.divisions import divisions
from foundation.errors import InvalidInput, NotAuthenticated
from foundation.ids import derived_id
from foundation.tables import AccountRow, WebSessionRow

PASSWORD_MIN = 8
FAILURES_BEFORE_LOCK = 8
LOCK_MINUTES = 10


class SignIn(NamedTuple):
    """A new session: its token goes to the browser once and is never stored."""

    token: str
    actor: Actor
    expires_at: datetime


def create_account(
    session: Session,
    actor: Actor,
    *,
    login: str,
    name: str,
    role: str,
    area_code: str,
    password: str,
    now: datetime,
    is_demo: bool = False,
) -> UUID:
    """Add somebody who can sign in; the same login again returns the same account unchanged.

    Raises
    ------
    NotAllowed
        The actor may not manage accounts.
    InvalidInput
        ``foundation.accounts.weak_password``, an unknown role or an unknown division.
    """
    require(actor, "account.manage")
    rights_of(role)
    divisions().get(area_code)
    if len(password) < PASSWORD_MIN and not is_demo:
        raise InvalidInput("foundation.accounts.weak_password", minimum=PASSWORD_MIN)
    known = session.scalar(select(AccountRow.account_id).where(AccountRow.login == login))
    if known is not None:
        return known
    account_id = derived_id("account", login)
    session.add(
        AccountRow(
            account_id=account_id,
            login=login,
            name=name,
            role=role,
            area_code=area_code,
            password_hash=hash_password(password, is_demo=is_demo),
            is_demo=is_demo,
            created_at=now,
            failed_count=0,
        )
    )
    session.flush()
    facts = {"login": login, "role": role, "area_code": area_code}
    audit.record(
        session, actor, "foundation.account.created", subject=("account", account_id), at=now, facts=facts
    )
    return account_id


def sign_in(session: Session, login: str, password: str, *, now: datetime, hours: int = 12) -> SignIn | None:
    """Check a password and open a session; None when it does not fit, whoever the login belongs to.

    Runs in a transaction of the system actor. A wrong password is counted, so the caller must commit:
    that is why it answers None instead of raising. An unknown login costs the same time as a known one.
    """
    row = session.scalar(select(AccountRow).where(AccountRow.login == login).with_for_update())
    is_right = verify_password(row.password_hash if row else _decoy(), password)
    if row is None or row.disabled_at is not None or (row.locked_until and row.locked_until > now):
        return None
    if not is_right:
        row.failed_count += 1
        if row.failed_count >= FAILURES_BEFORE_LOCK:
            row.failed_count, row.locked_until = 0, now + timedelta(minutes=LOCK_MINUTES)
        return None
    row.failed_count, row.locked_until = 0, None
    token = secrets.token_urlsafe(32)
    expires_at = now + timedelta(hours=hours)
    session.add(
        WebSessionRow(
            token_sha256=_digest(token), account_id=row.account_id, created_at=now, expires_at=expires_at
        )
    )
    actor = _actor(session, row)
    audit.record(session, actor, "foundation.session.opened", subject=("account", row.account_id), at=now)
    return SignIn(token, actor, expires_at)


def actor_of_token(session: Session, token: str, *, now: datetime) -> Actor:
    """Who a session token belongs to. Runs in a transaction of the system actor.

    Raises
    ------
    NotAuthenticated
        ``foundation.accounts.no_session`` when it is unknown, ended, or its account disabled.
    """
    row = session.scalar(
        select(AccountRow)
        .join(WebSessionRow, WebSessionRow.account_id == AccountRow.account_id)
        .where(
            WebSessionRow.token_sha256 == _digest(token),
            WebSessionRow.revoked_at.is_(None),
            WebSessionRow.expires_at > now,
            AccountRow.disabled_at.is_(None),
        )
    )
    if row is None:
        raise NotAuthenticated("foundation.accounts.no_session")
    return _actor(session, row)


def sign_out(session: Session, token: str, *, now: datetime) -> None:
    """End a session; a token that is not known is ended already."""
    session.execute(
        update(WebSessionRow)
        .where(WebSessionRow.token_sha256 == _digest(token), WebSessionRow.revoked_at.is_(None))
        .values(revoked_at=now)
    )


def actor_of_account(session: Session, account_id: UUID) -> Actor:
    """The actor of an account, for work done in its name by a job.

    Raises
    ------
    NotAuthenticated
        ``foundation.accounts.no_session`` when there is no such account.
    """
    row = session.get(AccountRow, account_id)
    if row is None:
        raise NotAuthenticated("foundation.accounts.no_session")
    return _actor(session, row)


def actor_of_login(session: Session, login: str) -> Actor:
    """The actor of a login, for a command that its operator runs in somebody's name.

    Raises
    ------
    NotAuthenticated
        ``foundation.accounts.no_session`` when there is no such account, or it is disabled.
    """
    row = session.scalar(
        select(AccountRow).where(AccountRow.login == login, AccountRow.disabled_at.is_(None))
    )
    if row is None:
        raise NotAuthenticated("foundation.accounts.no_session")
    return _actor(session, row)


def hash_password(password: str, *, is_demo: bool = False) -> str:
    """argon2id; demonstration accounts, whose password is printed anyway, with a light cost."""
    return (_light() if is_demo else PasswordHasher()).hash(password)


def verify_password(stored: str, password: str) -> bool:
    """Whether a password fits a stored hash."""
    try:
        return PasswordHasher().verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False


@lru_cache(maxsize=1)
def _light() -> PasswordHasher:
    return PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1)


@lru_cache(maxsize=1)
def _decoy() -> str:
    return PasswordHasher().hash(secrets.token_urlsafe(16))


def _actor(session: Session, row: AccountRow) -> Actor:
    posts = session.execute(
        text(
            "SELECT post_id FROM post"
            " WHERE holder_account_id = :id OR deputy_account_id = :id ORDER BY post_no"
        ),
        {"id": row.account_id},
    ).scalars()
    return Actor(row.account_id, row.login, row.name, row.role, row.area_code, tuple(posts), row.is_demo)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
