"""Long work of the judgement desk: answer a question of what would flip."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy.orm import Session

from detection.desk import rule_check, store, what_if
from detection.rules import RuleSet
from foundation import access, audit
from foundation.access import Actor
from foundation.audit import canonical
from foundation.errors import InvalidInput, LandwardenError, NotFound
from foundation.ids import uuid7
from foundation.jobs import JobQueue

if TYPE_CHECKING:
    from datetime import datetime

    from detection.judging.reference import Supposed
    from detection.tables import WhatIfRow
    from foundation.runtime import Runtime

JOB = "detection.what_if"


def register(queue: JobQueue) -> None:
    """Add this room's jobs to the queue."""
    queue.add(JOB, _what_if_job)


def suppose_file(
    runtime: Runtime, path: Path, *, kind: str, county_code: str, valid_from: date | None
) -> Supposed:
    """A layer file taken for imported: read behind the same guard, with the same checks, and not stored.

    Raises
    ------
    InvalidInput
        As `ingest.jobs.import_layer`.
    """
    from ingest.jobs import read_layer

    version, features = read_layer(path, kind=kind, county_code=county_code, now=runtime.clock())
    return what_if.suppose(version, features, valid_from=valid_from)


def put_question(
    session: Session, actor: Actor, queue: JobQueue, question: Mapping[str, Any], now: datetime
) -> UUID:
    """Store a question and leave its answer to the worker.

    Parameters
    ----------
    question : mapping
        Either ``version_id`` (and ``valid_from``, ISO day or None) or ``rules`` (TOML texts by table).

    Raises
    ------
    InvalidInput
        ``detection.what_if.nothing_asked``; what `rule_check.from_texts` refuses.
    NotFound
        ``ingest.layer.version_not_found``.
    """
    access.require(actor, what_if.RIGHT)
    rules, version_id = question.get("rules"), question.get("version_id")
    if bool(rules) == bool(version_id):
        raise InvalidInput("detection.what_if.nothing_asked")
    if rules:
        rule_check.from_texts(rules)
    if version_id:
        from ingest import service as ingest

        ingest.get_layer_version(session, actor, UUID(str(version_id)))
    what_if_id = uuid7(now)
    store.add_question(session, what_if.question_values(what_if_id, actor, question, now))
    facts = {"version_id": version_id, "rules": sorted(rules or ())}
    audit.record(
        session, actor, "detection.what_if.asked", subject=("what_if", what_if_id), at=now, facts=facts
    )
    queue.defer(session, JOB, what_if_id=what_if_id)
    return what_if_id


def get_question(session: Session, actor: Actor, what_if_id: UUID) -> WhatIfRow:
    """A question that the actor asked, with its answer once there is one.

    Raises
    ------
    NotFound
        ``detection.what_if.not_found``.
    """
    access.require(actor, what_if.RIGHT)
    row = store.question(session, what_if_id)
    if row is None:
        raise NotFound("detection.what_if.not_found")
    return row


def list_questions(session: Session, actor: Actor, limit: int) -> list[WhatIfRow]:
    """Questions that the actor asked, newest first."""
    access.require(actor, what_if.RIGHT)
    return list(store.questions(session, limit))


def answer_question(runtime: Runtime, what_if_id: UUID) -> None:
    """Answer a stored question within the asker's area; answering twice changes nothing."""
    with runtime.database.transaction(runtime.system) as session:
        row = store.question(session, what_if_id)
        if row is None or row.finished_at is not None:
            return
        asker, question = _asker(row), dict(row.question)
    result: str | None = None
    refusal: str | None = None
    try:
        with runtime.database.transaction(asker) as session:
            result = canonical(_answer(session, asker, question))
    except LandwardenError as error:
        refusal = error.code
    with runtime.database.transaction(runtime.system) as session:
        store.answer(session, what_if_id, at=runtime.clock(), result=result, refusal=refusal)


def result_of(row: WhatIfRow) -> dict[str, Any] | None:
    """The answer as JSON values; None as long as there is none."""
    if row.result is None:
        return None
    told: dict[str, Any] = json.loads(row.result)
    return told


def _answer(session: Session, asker: Actor, question: Mapping[str, Any]) -> dict[str, Any]:
    supposed: Supposed | None = None
    rules: RuleSet | None = None
    if question.get("version_id"):
        day = question.get("valid_from")
        supposed = what_if.suppose_stored(
            session,
            asker,
            UUID(str(question["version_id"])),
            valid_from=date.fromisoformat(day) if day else None,
        )
    if question.get("rules"):
        rules = rule_check.from_texts(question["rules"])
    return what_if.ask(session, asker, supposed=supposed, rules=rules).as_json()


def _asker(row: WhatIfRow) -> Actor:
    told = row.question["asker"]
    return Actor(row.asked_by, told["login"], told["name"], told["role"], told["area_code"])


def _what_if_job(runtime: Runtime, what_if_id: str) -> None:
    answer_question(runtime, UUID(what_if_id))
