"""The transition table: which moves are legal, which are not, and who may not make them."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from foundation.access import roles
from foundation.errors import Conflict, InvalidInput, NotAllowed
from patrol.cases.cases import (
    FINAL_STATES,
    Situation,
    add_months,
    next_stage,
    read_table,
    require_other_person,
    transitions,
)
from patrol.cases.reasons import reasons, require_reason

LEGAL = {
    ("triage", "dispatch"): "dispatched",
    ("triage", "judge_unlawful"): "triage",
    ("dispatched", "receive"): "to_verify",
    ("dispatched", "record_visit"): "to_judge",
    ("dispatched", "recall"): "triage",
    ("to_verify", "record_visit"): "to_judge",
    ("to_verify", "return_task"): "dispatched",
    ("to_judge", "judge_lawful"): "county_review",
    ("to_judge", "dispatch"): "dispatched",
    ("county_review", "pass_review"): "city_review",
    ("county_review", "send_back"): "to_judge",
    ("rectifying", "report_rectified"): "recheck",
    ("case_open", "advance_case"): "case_open",
    ("case_open", "case_executed"): "recheck",
    ("transferred", "record_receipt"): "city_review",
    ("recheck", "accept_recheck"): "city_review",
    ("recheck", "reject_recheck"): "rectifying",
    ("closed", "reopen"): "triage",
    ("closed", "relapse"): "triage",
    ("dismissed", "reopen"): "triage",
}


@pytest.mark.parametrize(("state", "action"), LEGAL, ids=lambda value: value)
def test_legal_moves_lead_where_they_should(state: str, action: str) -> None:
    stage = {"case_executed": "executed", "advance_case": "filed"}.get(action)
    assert transitions().find(action, Situation(state, stage=stage)).to_state == LEGAL[state, action]


@pytest.mark.parametrize("stage", ["filed", "investigated", "notified", "decided", "executed"])
def test_a_step_of_one_stage_is_refused_at_every_other(stage: str) -> None:
    table = transitions()
    for action, at in (("record_service", "decided"), ("case_executed", "executed")):
        situation = Situation("case_open", stage=stage)
        if stage == at:
            assert table.find(action, situation).action == action
            continue
        with pytest.raises(Conflict) as error:
            table.find(action, situation)
        assert error.value.code == "patrol.case.stage_not_reached"
        assert error.value.facts["reached"] == table.stage_names[stage]


def test_every_other_move_is_refused() -> None:
    """A move that the table does not name for a state is a conflict, for every pair there is."""
    table = transitions()
    refused = 0
    for state in table.states:
        for action in {move.action for move in table.moves}:
            named = [move for move in table.moves if move.action == action and state in move.from_states]
            if named:
                continue
            with pytest.raises(Conflict) as error:
                table.find(action, Situation(state, "suspected", "unlawful"))
            assert error.value.code == "patrol.case.illegal_move"
            refused += 1
    assert refused > 200


@pytest.mark.parametrize(
    ("state", "suggestion", "verdict", "action", "to_state"),
    [
        ("triage", "lawful", None, "judge_lawful", "dismissed"),
        ("triage", "not_new", None, "judge_not_new", "dismissed"),
        ("triage", "suspected", None, "judge_lawful", "county_review"),
        ("triage", "suspected", None, "dismiss", None),
        ("triage", None, None, "dismiss", None),
        ("city_review", "suspected", "lawful", "pass_review", "dismissed"),
        ("city_review", "suspected", "unlawful", "pass_review", None),
        ("city_review", "suspected", "unlawful", "close", "closed"),
        ("city_review", "suspected", "lawful", "close", None),
        ("city_review", "suspected", "unlawful", "send_back", "rectifying"),
        ("to_judge", "suspected", "doubtful", "order_rectification", None),
        ("to_judge", "suspected", "unlawful", "order_rectification", "rectifying"),
    ],
)
def test_suggestion_and_verdict_decide(
    state: str, suggestion: str | None, verdict: str | None, action: str, to_state: str | None
) -> None:
    situation = Situation(state, suggestion, verdict)
    if to_state is None:
        with pytest.raises(Conflict):
            transitions().find(action, situation)
    else:
        assert transitions().find(action, situation).to_state == to_state


@pytest.mark.parametrize(
    ("state", "verdict", "done", "action"),
    [
        ("county_review", "lawful", "judge_lawful", "pass_review"),
        ("county_review", "not_new", "merge", "pass_review"),
        ("city_review", "lawful", "pass_review", "pass_review"),
        ("recheck", "unlawful", "report_rectified", "accept_recheck"),
        ("recheck", "unlawful", "record_visit", "accept_recheck"),
        ("recheck", "unlawful", "order_rectification", "accept_recheck"),
        ("city_review", "unlawful", "accept_recheck", "close"),
        ("to_judge", None, "record_visit", "judge_unlawful"),
    ],
)
def test_nobody_reviews_their_own_work(state: str, verdict: str, done: str, action: str) -> None:
    situation = Situation(state, "suspected", verdict, {done: frozenset({"me"})})
    move = transitions().find(action, situation)
    require_other_person(move, situation, "you")
    with pytest.raises(NotAllowed) as error:
        require_other_person(move, situation, "me")
    assert error.value.code == "patrol.case.same_person"
    every_right = frozenset(right for role in roles().values() for right in role.rights)
    offered = transitions().legal(situation, rights=every_right, account="me")
    assert action not in {entry.action for entry in offered}
    barred = transitions().barred(situation, rights=every_right, account="me")
    assert action in {entry.action for entry in barred}
    assert action not in {
        entry.action for entry in transitions().barred(situation, rights=every_right, account="you")
    }


def test_the_table_is_whole() -> None:
    table = transitions()
    rights = {right for role in roles().values() for right in role.rights}
    assert {move.right for move in table.moves} <= rights
    assert {move.reason_kind for move in table.moves if move.reason_kind} <= set(reasons())
    assert {state.owner for state in table.states.values()} <= set(table.owners) | {"assignment"}
    # From every state somebody can go on, and every state but the first is entered by some move.
    for state in table.states:
        assert any(state in move.from_states and move.to_state not in {"", state} for move in table.moves)
        assert state == "triage" or any(move.to_state == state for move in table.moves)
    # Whatever ends a suspected violation needs a second person.
    for move in table.moves:
        if move.to_state in FINAL_STATES and not move.suggestions:
            assert move.not_by, move


def test_display_states() -> None:
    table = transitions()
    assert table.display("triage", suggestion="lawful", verdict_kind=None) == "new"
    assert table.display("triage", suggestion=None, verdict_kind=None) == "new"
    for suggestion in ("suspected", "partly_exceeded", "borderline", "order_unknown"):
        assert table.display("triage", suggestion=suggestion, verdict_kind=None) == "suspect"
    assert table.display("triage", suggestion="lawful", verdict_kind="unlawful") == "suspect"
    assert table.display("case_open", suggestion="suspected", verdict_kind="unlawful") == "rectify"


def test_case_stages_are_not_skipped() -> None:
    table = transitions()
    assert next_stage(table, "filed", "investigated") == "investigated"
    assert next_stage(table, "notified", None) == "decided"
    for current, wanted in (("filed", "decided"), ("executed", None)):
        with pytest.raises(InvalidInput):
            next_stage(table, current, wanted)


def test_a_table_that_names_unknown_states_is_refused(tmp_path: Path) -> None:
    source = Path(__file__).resolve().parents[3] / "data" / "rules" / "case_transitions.toml"
    broken = tmp_path / "table.toml"
    broken.write_text(source.read_text("utf-8").replace('to = "recheck"', 'to = "limbo"'), "utf-8")
    with pytest.raises(InvalidInput) as error:
        read_table(broken)
    assert error.value.facts["states"] == ["limbo"]


def test_reasons_are_asked_for_by_kind() -> None:
    require_reason("lawful", "approved")
    require_reason(None, None)
    for kind, code, expected in (
        ("lawful", None, "patrol.reason.missing"),
        ("lawful", "rural_road", "patrol.reason.unknown"),
        (None, "no such reason", "patrol.reason.unknown"),
    ):
        with pytest.raises(InvalidInput) as error:
            require_reason(kind, code)
        assert error.value.code == expected


def test_twelve_months_of_watching() -> None:
    assert add_months(date(2026, 9, 30), 12) == date(2027, 9, 30)
    assert add_months(date(2024, 2, 29), 12) == date(2025, 2, 28)
    assert add_months(date(2026, 12, 31), 2) == date(2027, 2, 28)
