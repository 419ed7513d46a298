"""What a verdict says beside its kind: the end of the act, a known violation; what is offered when."""

from __future__ import annotations

from datetime import date

import pytest

from foundation.errors import Conflict, InvalidInput
from patrol import casework, service
from patrol.service import VerdictBody
from tests.integration.patrol.cases.conftest import visit

STEPS = ("advance_case", "record_service", "case_executed")


def seen(net):  # type: ignore[no-untyped-def]
    patch_id = net.add_patch()
    net.do("county", service.dispatch, patch_id, post_id=net.post("G-1"))
    visit(net, patch_id)
    return patch_id


def test_two_years_run_from_the_day_on_which_the_act_ended(net) -> None:  # type: ignore[no-untyped-def]
    patch_id = seen(net)
    ended = VerdictBody("unlawful", "L04", "evidence_clear", act_ended_on=date(2026, 8, 31))
    net.do("county", service.record_verdict, patch_id, ended)
    (limit,) = [c for c in net.do("county", casework.case_file, patch_id).clocks if c.key == "limitation"]
    assert (limit.due_at.date(), limit.status) == (date(2028, 8, 31), "running")
    net.at(2028, 9, 1, 10)
    (late,) = [c for c in net.do("county", casework.case_file, patch_id).clocks if c.key == "limitation"]
    assert late.status == "over"
    net.at(2026, 9, 9, 10)
    net.do("county", service.move_case, patch_id, "file_case")
    (done,) = [c for c in net.do("county", casework.case_file, patch_id).clocks if c.key == "limitation"]
    assert done.status == "done"


def test_an_act_that_goes_on_has_no_limitation(net, judged) -> None:  # type: ignore[no-untyped-def]
    clocks = net.do("county", casework.case_file, judged()).clocks
    assert "limitation" not in {clock.key for clock in clocks}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (
            VerdictBody("lawful", None, "approved", act_ended_on=date(2026, 8, 1)),
            "patrol.verdict.no_act_to_end",
        ),
        (VerdictBody("unlawful", "L04", None, act_ended_on=date(2099, 1, 1)), "patrol.case.bad_date"),
        (VerdictBody("unlawful", "L99"), "patrol.verdict.unknown_violation"),
        (VerdictBody("unlawful", "X1"), "patrol.verdict.bad_violation"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_changes(net, body: VerdictBody, code: str) -> None:  # type: ignore[no-untyped-def]
    patch_id = seen(net)
    before = net.state(patch_id)
    with pytest.raises(InvalidInput) as refused:
        net.do("county", service.record_verdict, patch_id, body)
    assert refused.value.code == code
    assert net.state(patch_id) == before


def test_steps_of_a_filed_case_are_offered_when_they_can_be_made_and_not_before(net, judged) -> None:  # type: ignore[no-untyped-def]
    patch_id = judged()
    net.do("county", service.move_case, patch_id, "file_case")
    offered = []
    for stage in ("investigated", "notified", "decided", "executed", None):
        net.at(2026, 9, 9 + len(offered), 10)
        detail = net.do("county", service.case_detail, patch_id, undo_minutes=10)
        now = {action.action for action in detail.actions} & set(STEPS)
        offered.append(now)
        for step in set(STEPS) - now:
            with pytest.raises((Conflict, InvalidInput)):
                net.do("county", service.move_case, patch_id, step, facts={"served_on": "2026-09-09"})
        if stage is not None:
            assert "advance_case" in now
            if "record_service" in now:
                net.do(
                    "county", service.move_case, patch_id, "record_service", facts={"served_on": "2026-09-09"}
                )
            facts = {"stage": stage, "heard": True}
            net.do("county", service.move_case, patch_id, "advance_case", facts=facts)
    assert offered == [
        {"advance_case"},
        {"advance_case"},
        {"advance_case"},
        {"advance_case", "record_service"},
        {"case_executed"},
    ]
    net.do("county", service.move_case, patch_id, "case_executed")
    assert net.state(patch_id)[0] == "recheck"
