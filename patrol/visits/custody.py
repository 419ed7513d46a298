"""The custody chain: every step that a piece of evidence takes, by whom, when, under which hash."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from foundation import audit
from foundation.access import Actor
from patrol.tables import EvidenceRow
from patrol.visits.tables import CustodyEventRow

STEPS: Mapping[str, tuple[str, str]] = {
    "captured": ("采集", "captured"),
    "received": ("接收", "received"),
    "stored": ("封存", "stored"),
    "viewed": ("调阅", "viewed"),
    "exported": ("导出", "exported"),
    "printed": ("打印", "printed"),
    "reviewed": ("审核", "reviewed"),
}
CHUNK = 1 << 20


def add_step(
    session: Session,
    actor: Actor,
    evidence: EvidenceRow,
    step: str,
    *,
    at: datetime,
    facts: Mapping[str, Any] | None = None,
    sha256: str | None = None,
    is_audited: bool = True,
) -> None:
    """Append a step to the custody of one piece of evidence.

    Parameters
    ----------
    step : str
        Key of `STEPS`.
    sha256 : str, optional
        Of what went out at this step; that of the original when left out.
    is_audited : bool
        False where an audit entry beside it says the same already.
    """
    _append(
        session,
        actor,
        step,
        patch_id=evidence.patch_id,
        evidence_id=evidence.evidence_id,
        division_code=evidence.division_code,
        at=at,
        sha256=sha256 or evidence.sha256,
        sm3=evidence.sm3 if sha256 in {None, evidence.sha256} else None,
        facts=facts,
    )
    if is_audited:
        told = {"sha256": sha256 or evidence.sha256, **(facts or {})}
        subject = ("evidence", evidence.evidence_id)
        audit.record(session, actor, f"patrol.evidence.{step}", subject=subject, at=at, facts=told)


def add_file_step(
    session: Session,
    actor: Actor,
    step: str,
    *,
    patch_id: UUID,
    division_code: str,
    at: datetime,
    sha256: str,
    facts: Mapping[str, Any] | None = None,
) -> None:
    """Append a step of the whole file of a case: a bundle or a paper that went out."""
    _append(
        session,
        actor,
        step,
        patch_id=patch_id,
        evidence_id=None,
        division_code=division_code,
        at=at,
        sha256=sha256,
        sm3=None,
        facts=facts,
    )
    told = {"sha256": sha256, **(facts or {})}
    audit.record(session, actor, f"patrol.file.{step}", subject=("patch", patch_id), at=at, facts=told)


def sm3_of(path: Path) -> str | None:
    """SM3 of a file in hex (GB/T 32905-2016); None where this machine's OpenSSL has it not."""
    try:
        digest = hashlib.new("sm3")
    except ValueError:
        return None
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _append(session: Session, actor: Actor, step: str, **values: Any) -> None:
    values["facts"] = dict(values["facts"] or {})
    row = CustodyEventRow(step=step, actor_id=actor.account_id, actor_name=actor.name, **values)
    session.add(row)
    # One by one: their order is the chain's.
    session.flush()
