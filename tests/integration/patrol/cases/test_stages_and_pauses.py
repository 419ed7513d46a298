"""A filed case through its stages with their clocks; pauses; transfer with receipt."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from foundation.calendar import SHANGHAI
from foundation.errors import Conflict, InvalidInput, NotAllowed
from patrol import casework, service


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


def due(net, patch_id) -> datetime:  # type: ignore[no-untyped-def]
    (row,) = net.rows("SELECT due_at FROM case_file WHERE patch_id = :id", id=patch_id)
    return row["due_at"].astimezone(SHANGHAI)


def move(net, patch_id, action: str, login: str = "county", reason: str | None = None, **facts) -> None:  # type: ignore[no-untyped-def]
    net.do(login, service.move_case, patch_id, action, reason_code=reason, facts=facts or None)


def file_of(net, patch_id, login: str = "county"):  # type: ignore[no-untyped-def]
    return net.do(login, casework.case_file, patch_id)


def run(net):  # type: ignore[no-untyped-def]
    with net.runtime.database.transaction(net.runtime.system) as session:
        return service.run_clocks(session, net.runtime.system, now=net.clock())


def test_a_penalty_keeps_every_period_of_the_statute(net, judged) -> None:  # type: ignore[no-untyped-def]
    patch_id = judged()
    assert [c.key for c in file_of(net, patch_id).clocks] == ["file_case"]
    move(net, patch_id, "file_case", filing_no="孟自然资立〔2026〕1号")
    assert due(net, patch_id) == at("2026-12-07 18:00")
    with pytest.raises(Conflict) as refused:
        move(net, patch_id, "case_executed")
    assert refused.value.code == "patrol.case.stage_not_reached"
    move(net, patch_id, "advance_case", stage="investigated")
    with pytest.raises(InvalidInput):
        move(net, patch_id, "advance_case", stage="decided")
    net.at(2026, 9, 16, 10)
    with pytest.raises(InvalidInput) as refused:
        move(net, patch_id, "advance_case", stage="notified", served_on="2026-09-17")
    assert refused.value.code == "patrol.case.bad_date"
    move(net, patch_id, "advance_case", stage="notified", served_on="2026-09-16")
    net.at(2026, 9, 18, 10)
    with pytest.raises(Conflict) as refused:
        move(net, patch_id, "advance_case", stage="decided")
    # Sunday the 20th works: 17, 18, 20, 21, 22.
    assert (refused.value.code, refused.value.facts["until"]) == ("patrol.case.period_running", "2026-09-22")
    move(net, patch_id, "advance_case", stage="decided", heard=True, decision_no="孟自然资罚〔2026〕1号")
    assert due(net, patch_id) == at("2026-09-29 18:00")
    # Taking the decision back takes back its clock.
    net.do("county", service.undo, patch_id, undo_minutes=10)
    assert due(net, patch_id) == at("2026-12-07 18:00")
    assert "serve_decision" not in {c.key for c in file_of(net, patch_id).clocks}
    net.at(2026, 9, 23, 10)
    move(net, patch_id, "advance_case", stage="decided")
    with pytest.raises(InvalidInput) as refused:
        move(net, patch_id, "record_service")
    assert refused.value.code == "patrol.case.fact_missing"
    net.at(2026, 9, 29, 10)
    move(net, patch_id, "record_service", served_on="2026-09-29", how="直接送达")
    assert due(net, patch_id) == at("2026-10-14 18:00")
    net.at(2026, 10, 12, 10)
    move(net, patch_id, "advance_case", stage="executed", paid_on="2026-10-12")
    found = file_of(net, patch_id)
    assert {c.key: c.status for c in found.clocks} == {
        "file_case": "done",
        "penalty": "done",
        "statement": "over",
        "hearing_request": "over",
        "serve_decision": "done",
        "payment": "done",
        "lawsuit": "running",
        "reconsider": "running",
    }
    assert all(stage.reached_at for stage in found.stages)
    move(net, patch_id, "case_executed")
    move(net, patch_id, "accept_recheck", "reviewer")
    move(net, patch_id, "close", "city", "executed")
    assert net.state(patch_id)[0] == "closed"


def test_a_hearing_stops_the_clock_and_the_deadline_moves_by_what_it_took(net, judged) -> None:  # type: ignore[no-untyped-def]
    patch_id = judged()
    with pytest.raises(Conflict) as refused:
        net.do("county", casework.pause_case, patch_id, reason_code="hearing")
    assert refused.value.code == "patrol.pause.not_in_state"
    move(net, patch_id, "file_case")
    with pytest.raises(NotAllowed):
        net.do("station", casework.pause_case, patch_id, reason_code="hearing")
    with pytest.raises(InvalidInput) as refused:
        net.do("county", casework.pause_case, patch_id, reason_code="hearing", until=date(2027, 1, 1))
    assert refused.value.code == "patrol.pause.bad_end"
    net.do("county", casework.pause_case, patch_id, reason_code="hearing", until=date(2026, 9, 28))
    assert due(net, patch_id) == at("2026-12-27 18:00")
    with pytest.raises(Conflict) as refused:
        move(net, patch_id, "advance_case")
    assert refused.value.code == "patrol.case.paused"
    actions = net.do("county", service.case_detail, patch_id, undo_minutes=10).actions
    assert [action.action for action in actions] == []
    net.at(2026, 9, 18, 10)
    net.do("county", casework.resume_case, patch_id)
    # Ten natural days, not the twenty that were planned.
    assert due(net, patch_id) == at("2026-12-17 18:00")
    penalty = next(c for c in file_of(net, patch_id).clocks if c.key == "penalty")
    assert penalty.due_at.astimezone(SHANGHAI) == at("2026-12-17 18:00")
    steps = net.rows("SELECT action, due_at FROM case_event WHERE action IN ('pause', 'resume') ORDER BY seq")
    assert [row["due_at"] for row in steps] == [None, None]  # no step was left, so none is on time or late


def test_a_pause_ends_by_itself_and_undoing_it_restores_the_deadline(net, judged) -> None:  # type: ignore[no-untyped-def]
    patch_id = judged()
    before = due(net, patch_id)
    net.do("county", casework.pause_case, patch_id, reason_code="appraisal")
    assert due(net, patch_id) > before
    net.do("county", service.undo, patch_id, undo_minutes=10)
    assert due(net, patch_id) == before
    assert file_of(net, patch_id).pauses == ()
    net.do("county", casework.pause_case, patch_id, reason_code="appraisal", until=date(2026, 9, 15))
    planned = due(net, patch_id)
    # The worker was down for a week: the pause ended when it was to end all the same.
    net.at(2026, 9, 16, 9)
    assert run(net).resumed == [patch_id]
    assert due(net, patch_id) == planned == at("2026-09-18 18:00")
    assert run(net).resumed == []
    (pause,) = file_of(net, patch_id).pauses
    assert (pause.is_automatic, pause.is_running) == (True, False)


def test_a_visit_that_comes_in_a_flood_ends_the_pause(net) -> None:  # type: ignore[no-untyped-def]
    from tests.integration.patrol.cases.conftest import visit

    patch_id = net.add_patch()
    net.do("county", service.dispatch, patch_id, post_id=net.post("G-1"))
    net.do("county", casework.pause_case, patch_id, reason_code="force_majeure")
    (task,) = net.rows("SELECT due_at FROM assignment")
    assert task["due_at"] > at("2026-11-01 00:00")
    visit(net, patch_id)
    assert net.state(patch_id)[0] == "to_judge"
    (pause,) = file_of(net, patch_id).pauses
    assert (pause.is_running, pause.ended_name) == (False, "网格甲")


def test_transfers_go_to_the_authority_of_the_law_and_wait_for_its_receipt(net, judged) -> None:  # type: ignore[no-untyped-def]
    patch_id = judged("L05")
    with pytest.raises(Conflict) as refused:
        move(net, patch_id, "transfer", reason="planning")
    assert refused.value.code == "patrol.transfer.not_competent"
    move(net, patch_id, "transfer", reason="agriculture", sent_on="2026-09-08")
    assert [c.key for c in file_of(net, patch_id).clocks if c.status == "running"] == ["remind_receipt"]
    net.at(2026, 9, 24, 10)
    assert [name for _, name in run(net).escalated] == ["大队乙"]
    move(net, patch_id, "remind_receipt", reminder_no="催1号")
    net.at(2026, 9, 29, 10)
    for facts, code in (
        ({"receipt_no": "农执收1号"}, "patrol.case.fact_missing"),
        ({"receipt_no": "农执收1号", "received_on": "2026-09-28"}, "patrol.case.fact_missing"),
        (
            {"receipt_no": "农执收1号", "received_on": "2026-09-01", "paper_no": "孟自然资移1号"},
            "patrol.transfer.received_before_sent",
        ),
    ):
        with pytest.raises(InvalidInput) as wrong:
            move(net, patch_id, "record_receipt", **facts)
        assert wrong.value.code == code
    move(
        net, patch_id, "record_receipt", receipt_no="农执收1号", received_on="2026-09-28", paper_no="孟移1号"
    )
    found = file_of(net, patch_id).transfer
    assert (found.authority, found.status, found.receipt_no) == ("agriculture", "received", "农执收1号")
    assert (found.sent_on, found.reminded_on) == (date(2026, 9, 8), (date(2026, 9, 24),))
    with pytest.raises(NotAllowed):
        move(net, patch_id, "close", "county", "transferred")
    move(net, patch_id, "close", "city", "transferred")


def test_warnings_are_told_once_to_a_named_person(net, judged) -> None:  # type: ignore[no-untyped-def]
    patch_id = judged()
    move(net, patch_id, "file_case")
    assert run(net).warned == []
    net.at(2026, 11, 28, 9)
    assert [name for _, name in run(net).warned] == ["立案查处"]
    assert run(net).warned == []
    net.at(2026, 12, 5, 9)
    assert len(run(net).warned) == 1
    told = net.rows("SELECT level, kind, to_name, clock FROM case_warning ORDER BY level")
    assert told == [
        {"level": level, "kind": "warn", "to_name": "大队甲", "clock": "state:case_open"}
        for level in (1, 2)  # 30 and 10 days before were due at once: the nearer one was told
    ]
    mine = net.do("county", lambda s, a, now: casework.warnings_for(
        s, a, since=at("2026-09-01 00:00"), is_mine=True, limit=10))  # fmt: skip
    assert len(mine) == 2
