"""The audit chain: what was done, by whom, to what, chained by SHA-256, written in the caller's transaction.

Entries are collected while the transaction runs and appended just before it commits, so that the one
writer lock is taken last and held for microseconds.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from foundation.access import Actor

PENDING = "landwarden.audit"
GENESIS = "0" * 64


class ChainFault(NamedTuple):
    """First entry that does not fit, and why."""

    seq: int
    reason: str


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


def verify_chain(session: Session) -> ChainFault | None:
    """Walk the whole chain; None when it is whole."""
    previous, expected = GENESIS, 1
    rows = session.execute(text("SELECT * FROM audit_entry ORDER BY seq")).mappings()
    for row in rows:
        if row["seq"] != expected:
            return ChainFault(expected, "missing")
        entry = {key: row[key] for key in ("actor_name", "action", "subject_kind", "subject_id", "at")}
        entry |= {"actor_id": str(row["actor_id"]), "facts": json.loads(row["facts"])}
        if row["prev_hash"] != previous:
            return ChainFault(expected, "broken link")
        if entry_hash(row["seq"], previous, entry) != row["hash"]:
            return ChainFault(expected, "altered")
        previous, expected = row["hash"], expected + 1
    head = session.execute(text("SELECT seq, hash FROM audit_head")).one()
    if (head.seq, head.hash) != (expected - 1, previous):
        return ChainFault(expected, "truncated")
    return None


def entry_hash(seq: int, previous: str, entry: Mapping[str, Any]) -> str:
    """SHA-256 over the canonical JSON of an entry, its number and the hash before it."""
    return hashlib.sha256(canonical({**entry, "seq": seq, "prev_hash": previous}).encode()).hexdigest()


def canonical(value: Any) -> str:
    """JSON with sorted keys, no spaces, UTF-8 kept: the same value gives the same bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
