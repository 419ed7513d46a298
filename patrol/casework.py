"""The second front door of the human net: what is done to a case beside its moves."""

from __future__ import annotations

from typing import Any

from patrol.cases.cases import transitions
from patrol.cases.dossier.english import english_names
from patrol.cases.dossier.printed import case_states_page
from patrol.cases.dossier.service import (
    case_file,
    objections_of,
    open_objections,
    warnings_for,
)
from patrol.cases.dossier.views import CaseFile, ObjectionView, WarningView
from patrol.cases.objections.objections import DecisionBody, ObjectionBody, objection_table
from patrol.cases.objections.service import decide_objection, raise_objection, withdraw_objection
from patrol.cases.pausing import pause_case, resume_case
from patrol.cases.queueing.service import list_queue, release_now
from patrol.cases.queueing.views import QueueView
from patrol.cases.reasons import reasons
from patrol.cases.stages import pause_rules
from patrol.cases.succession import end_post, leave_all_posts, ownerless, rehome, vacate_post
from patrol.cases.tables import ObjectionRow
from patrol.papers.kinds import paper_kinds
from patrol.visits.evidence import kind_name
from patrol.visits.plausibility import evidence_policy

__all__ = [
    "CaseFile",
    "DecisionBody",
    "ObjectionBody",
    "ObjectionRow",
    "ObjectionView",
    "QueueView",
    "WarningView",
    "case_file",
    "case_states_page",
    "decide_objection",
    "described_table",
    "end_post",
    "leave_all_posts",
    "list_queue",
    "objections_of",
    "open_objections",
    "ownerless",
    "pause_case",
    "raise_objection",
    "rehome",
    "release_now",
    "resume_case",
    "vacate_post",
    "warnings_for",
    "withdraw_objection",
]


def described_table() -> dict[str, Any]:
    """The transition table with its names, as plain values."""
    table = transitions()
    return {
        "states": [
            {"key": state.key, "name": state.zh, "clock": state.clock, "owner": state.owner}
            for state in table.states.values()
        ],
        "moves": [
            {
                "action": move.action,
                "name": move.zh,
                "from_states": [key for key in table.states if key in move.from_states],
                "to_state": move.to_state,
                "via": move.via,
                "reason_kind": move.reason_kind,
                "facts": list(move.facts),
            }
            for move in table.moves
        ],
        "stages": [{"code": stage.key, "name": stage.zh} for stage in table.stage_rules],
        "reasons": {
            kind: [{"code": code, "name": name} for code, name in rows.items()]
            for kind, rows in reasons().items()
            if kind != "names"
        },
        "fact_names": dict(table.fact_names),
        "pauses": [{"code": rule.key, "name": rule.zh} for rule in pause_rules().values()],
        "names_en": {
            **{named: dict(names) for named, names in english_names().items()},
            "papers": {key: kind.en for key, kind in paper_kinds().items()},
            "evidence": {key: kind_name(key, "en") for key in evidence_policy()["kinds"]},
        },
        "objection_kinds": {key: rule.reason_kind for key, rule in objection_table().rules.items()},
    }
