"""Objections from below, decided above by others; upheld, every number is right once."""

from __future__ import annotations

from datetime import date

import pytest
import shapely

from foundation.calendar import parse_period
from foundation.errors import Conflict, InvalidInput, NotAllowed
from patrol import casework, service
from patrol.casework import DecisionBody, ObjectionBody

OUTLINE = ObjectionBody("geometry", "includes_old", "图斑东半部为原有院落。")
HALF = shapely.box(112.751, 34.951, 112.7515, 34.952)


def numbers(net):  # type: ignore[no-untyped-def]
    """What reports count: indicators with their items, and patches by state."""
    from foundation.divisions import divisions
    from patrol.reports.facts import Scope, load_ledger
    from patrol.reports.indicators import compute
    from patrol.reports.store import leads_by_source

    with net.runtime.database.transaction(net.runtime.system) as session:
        scope = Scope(divisions().get("410800000000"), parse_period("2026-W37"), net.clock(), "full")
        found = compute(load_ledger(session, scope, scope.period), scope.period, net.clock())
        counts = service.counts_by_state(session, net.runtime.system, service.PatchFilter())
        begin, end = scope.period.starts_at, scope.period.ends_at
        leads = len(leads_by_source(session, scope.division.prefix, begin, end))
    shown = {key: (value.value, value.denominator, value.items) for key, value in found.items()}
    return shown, {key: count for key, count in counts.items() if count}, leads


def test_the_tier_above_corrects_the_outline_and_the_verdict_is_signed_again(net, judged) -> None:  # type: ignore[no-untyped-def]
    patch_id = judged()
    net.do("county", service.move_case, patch_id, "order_rectification")
    before, states, leads = numbers(net)
    assert states == {"rectify": 1}
    row = net.do("station", casework.raise_objection, patch_id, OUTLINE)
    with pytest.raises(Conflict) as refused:
        net.do("chief", casework.raise_objection, patch_id, OUTLINE)
    assert refused.value.code == "patrol.objection.open_already"
    (view,) = net.do("county", lambda s, a, now: casework.open_objections(s, a, now=now))
    assert (view.owner_name, view.can_decide, view.pauses_case) == ("大队甲", True, True)
    assert view.due_at.date() == date(2026, 9, 15)
    body = DecisionBody(True, "checked_on_site", remedy="corrected", outline=HALF)
    for login in ("station", "chief"):
        with pytest.raises(NotAllowed):
            net.do(login, casework.decide_objection, row.objection_id, body)
    with pytest.raises(InvalidInput):
        net.do("county", casework.decide_objection, row.objection_id, DecisionBody(True, "checked_on_site"))
    decided = net.do("county", casework.decide_objection, row.objection_id, body)
    assert decided.outcome["area_m2"]["after"] == pytest.approx(
        decided.outcome["area_m2"]["before"] / 2, rel=0.1
    )
    assert net.state(patch_id)[0] == "to_judge"
    (case,) = net.rows("SELECT verdict_kind, pause_id, owner_post_id FROM case_file")
    assert (case["verdict_kind"], case["pause_id"]) == (None, None)
    with pytest.raises(Conflict) as refused:
        net.do("county", casework.decide_objection, row.objection_id, body)
    assert refused.value.code == "patrol.objection.decided_already"
    after, states, same_leads = numbers(net)
    assert states == {"review": 1}
    assert same_leads == leads
    # One verdict less until it is signed again; nothing is counted twice.
    assert before["false_alarm_rate"][1] == 1
    assert after["false_alarm_rate"][1] == 0
    net.do(
        "county", service.record_verdict, patch_id, service.VerdictBody("unlawful", "L04", "evidence_clear")
    )
    net.do("county", service.move_case, patch_id, "order_rectification")
    final, states, _ = numbers(net)
    assert states == {"rectify": 1}
    assert final["false_alarm_rate"] == before["false_alarm_rate"]
    (area,) = net.rows("SELECT area_m2, (SELECT count(*) FROM judgement) AS judgements FROM patch")
    assert area["area_m2"] == pytest.approx(decided.outcome["area_m2"]["after"], abs=0.01)
    assert area["judgements"] == 2


def test_an_upheld_dismissal_needs_a_third_person(net, judged) -> None:  # type: ignore[no-untyped-def]
    patch_id = judged()
    body = ObjectionBody("class", "no_change_on_site", "实地为打谷场，没有建设。")
    row = net.do("grid-1", casework.raise_objection, patch_id, body)
    net.do("county", casework.decide_objection, row.objection_id,
           DecisionBody(True, "checked_on_site", remedy="dismissed"))  # fmt: skip
    assert net.state(patch_id)[0] == "city_review"
    with pytest.raises(NotAllowed):
        net.do("grid-1", service.move_case, patch_id, "pass_review")
    with pytest.raises(NotAllowed):
        net.do("county", service.move_case, patch_id, "pass_review")
    net.do("city", service.move_case, patch_id, "pass_review")
    assert net.state(patch_id)[0] == "dismissed"
    shown, states, _ = numbers(net)
    assert states == {"dismissed": 1}
    assert (shown["false_alarm_rate"][0], shown["false_alarm_rate"][1]) == (1.0, 1)


def test_a_rejected_objection_stands_with_its_reason_and_can_be_undone(net, judged) -> None:  # type: ignore[no-untyped-def]
    patch_id = judged()
    (was,) = net.rows("SELECT due_at FROM case_file")
    row = net.do("station", casework.raise_objection, patch_id, OUTLINE)
    net.at(2026, 9, 10, 10)
    assert "resume" not in net.do("county", casework.case_file, patch_id).verbs
    with pytest.raises(Conflict) as refused:
        net.do("county", casework.resume_case, patch_id)
    assert refused.value.code == "patrol.pause.objection_open"
    net.do("county", casework.decide_objection, row.objection_id, DecisionBody(False, "image_clear"))
    (now,) = net.rows("SELECT due_at, pause_id FROM case_file")
    assert now["pause_id"] is None
    assert (now["due_at"] - was["due_at"]).days == 4  # two working days over a weekend
    net.do("county", service.undo, patch_id, undo_minutes=10)
    file = net.do("county", casework.case_file, patch_id)
    assert ([o.status for o in file.objections], file.paused_until is not None) == (["open"], True)
    net.do("county", casework.decide_objection, row.objection_id, DecisionBody(False, "image_clear"))
    assert net.state(patch_id)[0] == "to_judge"


def test_county_objections_are_the_citys_and_overdue_ones_escalate(net) -> None:  # type: ignore[no-untyped-def]
    patch_id = net.add_patch()
    row = net.do("county", casework.raise_objection, patch_id, OUTLINE)
    for login in ("county", "county-2"):
        with pytest.raises(NotAllowed):
            net.do(login, casework.decide_objection, row.objection_id, DecisionBody(False, "image_clear"))
    net.at(2026, 9, 15, 18, 1)
    with net.runtime.database.transaction(net.runtime.system) as session:
        report = service.run_clocks(session, net.runtime.system, now=net.clock())
    assert (patch_id, "支队乙") in report.escalated
    net.do("city-2", casework.decide_objection, row.objection_id, DecisionBody(False, "image_clear"))


def test_withdrawing_is_the_objectors_own(net, judged) -> None:  # type: ignore[no-untyped-def]
    patch_id = judged()
    row = net.do("station", casework.raise_objection, patch_id, OUTLINE)
    with pytest.raises(NotAllowed):
        net.do("chief", casework.withdraw_objection, row.objection_id)
    net.do("station", casework.withdraw_objection, row.objection_id)
    (case,) = net.rows("SELECT pause_id FROM case_file")
    assert case["pause_id"] is None
    net.do("station", casework.raise_objection, patch_id, OUTLINE)
    net.do("station", service.undo, patch_id, undo_minutes=10)
    found = net.do("county", casework.case_file, patch_id)
    assert [o.status for o in found.objections] == ["withdrawn", "withdrawn"]
    assert found.paused_until is None
