"""SQL of the judgement desk. Never commits."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from detection import store as detection_store
from detection.desk.replays import StoredJudgement
from detection.judgements import Judgement
from detection.tables import JudgementRow, PatchRow, RuleSetRow, WhatIfRow

BATCH = 500
HASHES = ("inputs_sha256", "result_sha256")


def stored_judgements(
    session: Session, *, patch_id: UUID | None, revision: int | None, reads_chain: bool
) -> Iterator[StoredJudgement]:
    """Revisions with their columns, rule sets and recorded hashes, by patch number and revision.

    Parameters
    ----------
    patch_id, revision : optional
        None: all.
    reads_chain : bool
        Whoever asks may read the audit chain.
    """
    query = select(JudgementRow, PatchRow.number).join(PatchRow, PatchRow.patch_id == JudgementRow.patch_id)
    if patch_id is not None:
        query = query.where(JudgementRow.patch_id == patch_id)
    if revision is not None:
        query = query.where(JudgementRow.revision == revision)
    rules = {row.sha256: row.text for row in session.scalars(select(RuleSetRow))}
    rows = session.execute(
        query.order_by(PatchRow.number, JudgementRow.revision).execution_options(yield_per=BATCH)
    )
    for part in rows.partitions(BATCH):
        recorded = _recorded(session, [row.patch_id for row, _ in part]) if reads_chain else None
        for row, number in part:
            yield _stored(row, number, rules, recorded)


def count_judgements(session: Session) -> int:
    """How many revisions are stored where the actor sees them."""
    return int(session.execute(text("SELECT count(*) FROM judgement")).scalar_one())


def add_question(session: Session, values: Mapping[str, Any]) -> None:
    """Insert a question."""
    session.add(WhatIfRow(**values))
    session.flush()


def question(session: Session, what_if_id: UUID) -> WhatIfRow | None:
    """One question of whoever asked it."""
    return session.get(WhatIfRow, what_if_id)


def questions(session: Session, limit: int) -> Sequence[WhatIfRow]:
    """Own questions, newest first."""
    return session.scalars(select(WhatIfRow).order_by(WhatIfRow.asked_at.desc()).limit(limit)).all()


def answer(
    session: Session, what_if_id: UUID, *, at: datetime, result: str | None, refusal: str | None
) -> None:
    """Store the answer to a question, or why there is none."""
    session.execute(
        update(WhatIfRow)
        .where(WhatIfRow.what_if_id == what_if_id)
        .values(result=result, refusal=refusal, finished_at=at)
    )


def judgement_of(row: JudgementRow) -> Judgement:
    """A stored revision as a value."""
    return Judgement(row.judgement_id, row.patch_id, row.revision, row.inputs, row.result, row.made_at)


def newest(session: Session, patch_ids: Sequence[UUID]) -> dict[UUID, Judgement]:
    """The newest revision of each patch that has one."""
    return detection_store.newest_judgements(session, patch_ids)


def _recorded(session: Session, patch_ids: Sequence[UUID]) -> dict[tuple[str, int], dict[str, str]]:
    """Hashes in the audit chain by patch and revision; of several entries the first counts."""
    rows = session.execute(
        text(
            "SELECT subject_id, facts FROM audit_entry WHERE action = 'detection.judgement.made'"
            " AND subject_kind = 'patch' AND subject_id = ANY(:ids) ORDER BY seq"
        ),
        {"ids": [str(patch_id) for patch_id in patch_ids]},
    )
    found: dict[tuple[str, int], dict[str, str]] = {}
    for subject_id, told in rows:
        facts = json.loads(told)
        hashes = {name: facts[name] for name in HASHES if name in facts}
        found.setdefault((subject_id, int(facts["revision"])), hashes)
    return found


def _stored(
    row: JudgementRow,
    number: str,
    rules: Mapping[str, str],
    recorded: Mapping[tuple[str, int], Mapping[str, str]] | None,
) -> StoredJudgement:
    columns = {
        "suggestion": row.suggestion,
        "violation_code": row.violation_code,
        "severity": row.severity,
        "is_borderline": row.is_borderline,
        "law_date": row.law_date.isoformat(),
        "result_sha256": row.result_sha256,
        "basic_farmland_m2": row.basic_farmland_m2,
        "cropland_m2": row.cropland_m2,
    }
    told = None if recorded is None else recorded.get((str(row.patch_id), row.revision), {})
    return StoredJudgement(number, judgement_of(row), columns, _rules_of(row.inputs, rules), told)


def _rules_of(inputs_text: str, rules: Mapping[str, str]) -> str | None:
    try:
        return rules.get(str(json.loads(inputs_text)["rules_sha256"]))
    except (ValueError, KeyError, TypeError):
        return None
