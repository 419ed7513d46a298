"""What a rehearsal left behind: its ledger, and whether every promise held."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any
from uuid import UUID

from sqlalchemy import text

from foundation import audit
from foundation.calendar import SHANGHAI
from foundation.runtime import Runtime
from patrol import casework
from patrol import service as patrol
from patrol.cases.cases import FINAL_STATES, name_key, transitions
from patrol.cases.reasons import reason_name

LEDGER = """
    SELECT e.seq, p.number, e.version, e.at, e.actor_id, e.actor_name, e.action, e.from_state, e.to_state,
           e.reason_code, e.note, e.due_at, e.undone_by, e.facts - 'before' - 'assignments' AS facts
    FROM case_event e JOIN patch p USING (patch_id) ORDER BY e.seq
"""
Row = dict[str, Any]


def ownerless(runtime: Runtime, now: datetime) -> list[UUID]:
    """Patches without a named owner at this moment."""
    with runtime.database.transaction(runtime.system) as session:
        return casework.ownerless(session, runtime.system, now=now)


def read_ledger(runtime: Runtime) -> list[Row]:
    """Every move of every case in the order in which they were made, as people read them."""
    table = transitions()
    with runtime.database.transaction(runtime.system) as session:
        rows = [dict(row) for row in session.execute(text(LEDGER)).mappings()]
    for row in rows:
        row["action_name"] = table.name(row["action"], row["to_state"])
        row["state_name"] = table.states[row["to_state"]].zh
        row["reason_name"] = reason_name(row["reason_code"])
        row["actor_id"] = str(row["actor_id"])
        for key in ("at", "due_at"):
            row[key] = row[key].astimezone(SHANGHAI).isoformat(timespec="minutes") if row[key] else None
    return rows


def verify(runtime: Runtime, ledger: Sequence[Row], now: datetime) -> dict[str, int | bool]:
    """Every promise, counted: 0 faults of each kind, if all is well."""
    with runtime.database.transaction(runtime.system) as session:
        chain = audit.verify_chain(session)
        counts = patrol.counts_by_state(session, runtime.system, patrol.PatchFilter())
        cases = session.execute(text("SELECT number, state, version FROM patch_overview")).all()
        audited = session.execute(
            text("SELECT count(*) FROM audit_entry WHERE action LIKE 'patrol.case.%'")
        ).scalar_one()
    by_case = _by_case(ledger)
    return {
        "moves": len(ledger),
        "ownerless": len(ownerless(runtime, now)),
        "illegal_moves": sum(not _is_legal(row) for row in ledger),
        "broken_time_lines": sum(not _is_whole(rows) for rows in by_case.values()),
        "own_work_reviewed": sum(_own_reviews(rows) for rows in by_case.values()),
        "ended_by_one_person": sum(_ended_alone(rows) for rows in by_case.values()),
        "states_not_as_ledger": sum(
            by_case[number][-1]["to_state"] != state or by_case[number][-1]["version"] != version
            for number, state, version in cases
        ),
        "counts_off_by": abs(sum(counts.values()) - len(cases)),
        "moves_not_audited": max(0, len(ledger) - audited),
        "audit_chain_holds": chain is None,
    }


def faults(checks: dict[str, int | bool]) -> list[str]:
    """Names of the promises that did not hold."""
    counted = [key for key, value in checks.items() if key not in {"moves", "audit_chain_holds"} and value]
    return counted + ([] if checks["audit_chain_holds"] else ["audit_chain_holds"])


def tallies(ledger: Sequence[Row]) -> dict[str, dict[str, int]]:
    """Moves by action, and by reason."""
    actions = Counter(row["action_name"] for row in ledger)
    reasons = Counter(row["reason_name"] for row in ledger if row["reason_name"])
    return {"actions": dict(actions.most_common()), "reasons": dict(reasons.most_common())}


def _by_case(ledger: Sequence[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in ledger:
        found.setdefault(row["number"], []).append(row)
    return found


def _is_legal(row: Row) -> bool:
    """Whether some row of the transition table leads from there to there."""
    if row["action"] in {"open", "undo"}:
        return True
    return any(
        move.action == row["action"]
        and row["from_state"] in move.from_states
        and row["to_state"] == (move.to_state or row["from_state"])
        for move in transitions().moves
    )


def _is_whole(rows: Sequence[Row]) -> bool:
    """Versions without gaps, each move beginning where the one before ended, time running forward."""
    pairs = list(pairwise(rows))
    return [row["version"] for row in rows] == list(range(1, len(rows) + 1)) and all(
        later["from_state"] == former["to_state"] and later["at"] >= former["at"] for former, later in pairs
    )


def _own_reviews(rows: Sequence[Row]) -> int:
    """Moves made by somebody who had made one of those that they review, by account or by name."""
    found = 0
    done: dict[str, set[str]] = {}
    for row in rows:
        if row["undone_by"] is not None:
            continue
        who = {row["actor_id"], name_key(row["actor_name"])}
        moves = [
            move
            for move in transitions().moves
            if move.action == row["action"] and row["from_state"] in move.from_states
            if row["to_state"] == (move.to_state or row["from_state"])
        ]
        found += bool(moves) and all(
            any(who & done.get(earlier, set()) for earlier in move.not_by) for move in moves
        )
        done.setdefault(row["action"], set()).update(who)
    return found


def _ended_alone(rows: Sequence[Row]) -> int:
    """Suspicions that a single person brought to an end."""
    last = rows[-1]
    suspected = any(row["action"] == "judge_unlawful" and row["undone_by"] is None for row in rows)
    people = {row["actor_name"] for row in rows if row["actor_name"] != "系统"}
    return int(last["to_state"] in FINAL_STATES and suspected and len(people) < 2)
