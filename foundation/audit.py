"""The audit chain: what was done, by whom, to what, chained by SHA-256, written in the caller's transaction.

Entries are collected while the transaction runs and appended just before it commits, so that the one
writer lock is taken last and held for microseconds.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from foundation.access import Actor

PENDING = "landwarden.audit"
GENESIS = "0" * 64


MARK = 16
"""Hexadecimal digits of an entry's hash that an exported head keeps: enough to name what changed."""
AT_ONCE = 5000
FIELDS = ("actor_name", "action", "subject_kind", "subject_id", "at")


class ChainFault(NamedTuple):
    """First entry that does not fit, and why.

    Attributes
    ----------
    reason : str
        ``missing``, ``broken link``, ``altered``, ``truncated``, or ``rewritten``: the chain fits itself but
        not a head that was exported before.
    """

    seq: int
    reason: str


class KnownHead(NamedTuple):
    """Head of the chain as it was taken elsewhere.

    Attributes
    ----------
    since : int
        Number of the head before it.
    marks : tuple of str
        First `MARK` digits of the hashes of entries ``since + 1`` to ``seq``; empty where only the head is
        known (read off a printed bulletin). A shortened hash is compared by its beginning.
    """

    seq: int
    hash: str
    since: int = 0
    marks: tuple[str, ...] = ()


def record(
    session: Session,
    actor: Actor,
    action: str,
    *,
    subject: tuple[str, UUID | str],
    at: datetime,
    facts: Mapping[str, Any] | None = None,
) -> None:
    """Declare an audit entry beside the write it speaks of; it commits or vanishes with it.

    Parameters
    ----------
    action : str
        Dotted, past tense: ``patrol.case.closed``.
    subject : (kind, id)
        What it was done to.
    facts : mapping
        JSON-serialisable; never a secret or a reporter's identity.
    """
    kind, identity = subject
    session.info.setdefault(PENDING, []).append(
        {
            "at": at.isoformat(),
            "actor_id": str(actor.account_id),
            "actor_name": actor.name,
            "action": action,
            "subject_kind": kind,
            "subject_id": str(identity),
            "facts": dict(facts or {}),
        }
    )


def append_pending(session: Session) -> None:
    """Chain and insert what `record` collected. Called once, by the transaction, just before commit."""
    pending: list[dict[str, Any]] = session.info.pop(PENDING, [])
    if not pending:
        return
    head = session.execute(text("SELECT seq, hash FROM audit_head FOR UPDATE")).one()
    seq, previous = int(head.seq), str(head.hash)
    rows = []
    for entry in pending:
        seq += 1
        digest = entry_hash(seq, previous, entry)
        rows.append(
            {**entry, "facts": canonical(entry["facts"]), "seq": seq, "prev_hash": previous, "hash": digest}
        )
        previous = digest
    session.execute(
        text(
            "INSERT INTO audit_entry (seq, at, actor_id, actor_name, action, subject_kind, subject_id, facts,"
            " prev_hash, hash) VALUES (:seq, :at, :actor_id, :actor_name, :action, :subject_kind,"
            " :subject_id, CAST(:facts AS text), :prev_hash, :hash)"
        ),
        rows,
    )
    session.execute(text("UPDATE audit_head SET seq = :seq, hash = :hash"), {"seq": seq, "hash": previous})


def verify_chain(session: Session, heads: Iterable[KnownHead] = ()) -> ChainFault | None:
    """Walk the whole chain; None when it is whole.

    A chain alone cannot show that its tail was cut off and its head row set back, nor that all of it was
    computed anew: heads taken elsewhere can, up to the newest of them.

    Parameters
    ----------
    heads : iterable of KnownHead
        In any order.
    """
    known = sorted(heads)
    expected_marks = _marks_of(known)
    previous, expected = GENESIS, 1
    for row in _entries(session):
        if row["seq"] != expected:
            return ChainFault(expected, "missing")
        if row["prev_hash"] != previous:
            return ChainFault(expected, "broken link")
        if entry_hash(expected, previous, entry_of(row)) != row["hash"]:
            return ChainFault(expected, "altered")
        if not str(row["hash"]).startswith(expected_marks.get(expected, "")):
            return ChainFault(expected, "rewritten")
        previous, expected = row["hash"], expected + 1
    head = session.execute(text("SELECT seq, hash FROM audit_head")).one()
    if (head.seq, head.hash) != (expected - 1, previous) or (known and known[-1].seq >= expected):
        return ChainFault(expected, "truncated")
    return None


def entry_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """The entry as it was hashed, from its row."""
    entry = {key: row[key] for key in FIELDS}
    return entry | {"actor_id": str(row["actor_id"]), "facts": json.loads(row["facts"])}


def entry_hash(seq: int, previous: str, entry: Mapping[str, Any]) -> str:
    """Hash of a link: of the entry's own digest, its number and the hash before it.

    The entry goes in by its digest, so that a part of the chain can be proved to somebody who may not read
    the entries between.
    """
    return link_hash(seq, previous, entry_digest(entry))


def entry_digest(entry: Mapping[str, Any]) -> str:
    """SHA-256 over the canonical JSON of an entry alone."""
    return hashlib.sha256(canonical(entry).encode()).hexdigest()


def link_hash(seq: int, previous: str, digest: str) -> str:
    """SHA-256 over ``{"entry":…,"prev_hash":…,"seq":…}``."""
    link = {"entry": digest, "seq": seq, "prev_hash": previous}
    return hashlib.sha256(canonical(link).encode()).hexdigest()


def _entries(session: Session) -> Iterator[Mapping[str, Any]]:
    """All entries by number, some at a time: a chain of millions is not held in memory."""
    statement = text("SELECT * FROM audit_entry WHERE seq > :after ORDER BY seq LIMIT :limit")
    after = -(1 << 62)
    while rows := session.execute(statement, {"after": after, "limit": AT_ONCE}).mappings().all():
        yield from (dict(row) for row in rows)
        after = rows[-1]["seq"]


def _marks_of(heads: list[KnownHead]) -> dict[int, str]:
    """Beginning of the hash that each entry must have, as far as it is known."""
    marks: dict[int, str] = {}
    for head in heads:
        marks.update(enumerate(head.marks, start=head.since + 1))
    # The head itself is known in full.
    marks.update({head.seq: head.hash for head in heads if head.seq})
    return marks


def canonical(value: Any) -> str:
    """JSON with sorted keys, no spaces, UTF-8 kept: the same value gives the same bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
