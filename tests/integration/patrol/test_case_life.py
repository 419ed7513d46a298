"""One patch from the desk to closure, and what is refused on the way."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from uuid import UUID, uuid4

import psycopg
import pytest
from sqlalchemy import text

from detection.second_stage.service import quality
from foundation import audit
from foundation.errors import Conflict, InvalidInput, NotAllowed, NotFound
from foundation.jobs import conninfo
from patrol import service
from patrol.service import VerdictBody, VisitBody

UNLAWFUL = VerdictBody("unlawful", violation_code="L04")
LAWFUL = VerdictBody("lawful", reason_code="approved")


def visit_body(net, assignment_id: UUID, **changes) -> VisitBody:  # type: ignore[no-untyped-def]
    values = {
        "visit_id": uuid4(),
        "assignment_id": assignment_id,
        "device_time": net.clock(),
        "device_counter": 1,
        "lonlat": (112.7515, 34.9515),
        "accuracy_m": 6.0,
        "coord_source": "wgs84",
        "finding": "built",
        "note": "已建成钢结构厂房",
    }
    return VisitBody(**{**values, **changes})


def walk_to_judge(net, patch_id: UUID) -> None:  # type: ignore[no-untyped-def]
    net.do("county", service.record_verdict, patch_id, UNLAWFUL)
    net.do("county", service.dispatch, patch_id)
    for login in ("station", "chief"):
        net.do(login, service.sign, net.open_assignment(patch_id))
    net.do("grid-1", service.sign, net.open_assignment(patch_id))
    net.do("grid-1", service.record_visit, visit_body(net, net.open_assignment(patch_id)))


def test_a_patch_travels_tier_by_tier_to_closure(net) -> None:  # type: ignore[no-untyped-def]
    patch_id = net.add_patch()
    assert net.state(patch_id) == ("triage", "suspect", 1)
    walk_to_judge(net, patch_id)
    assert net.state(patch_id)[:2] == ("to_judge", "review")
    chain = net.rows(
        "SELECT a.kind, a.tier, a.holder_name, a.status FROM assignment a WHERE patch_id = :id ORDER BY tier,"
        " kind",
        id=patch_id,
    )
    assert [(row["kind"], row["holder_name"], row["status"]) for row in chain] == [
        ("hand_down", "所长甲", "forwarded"),
        ("hand_down", "村长甲", "forwarded"),
        ("verify", "网格甲", "done"),
    ]
    net.do("county", service.record_verdict, patch_id, UNLAWFUL)
    net.do("county", service.move_case, patch_id, "order_rectification", facts={"due_on": "2026-09-30"})
    assert net.state(patch_id)[1] == "rectify"
    net.do("station", service.move_case, patch_id, "report_rectified", reason_code="demolished")
    with pytest.raises(NotAllowed) as refused:
        net.do("county", service.move_case, patch_id, "accept_recheck")
    assert refused.value.code == "patrol.case.same_person"
    net.do("reviewer", service.move_case, patch_id, "accept_recheck")
    with pytest.raises(NotAllowed) as refused:
        net.do("reviewer", service.move_case, patch_id, "close", reason_code="rectified")
    assert refused.value.code == "patrol.case.same_person"
    net.do("city", service.move_case, patch_id, "close", reason_code="rectified")
    assert net.state(patch_id)[:2] == ("closed", "closed")
    (row,) = net.rows(
        "SELECT closed_at, watch_until, due_at FROM case_file WHERE patch_id = :id", id=patch_id
    )
    assert str(row["watch_until"]) == "2027-09-08"
    assert row["due_at"] is None
    # Every move is an event, an audit entry, and both agree.
    events = net.rows("SELECT action, version FROM case_event WHERE patch_id = :id ORDER BY seq", id=patch_id)
    assert [row["version"] for row in events] == list(range(1, len(events) + 1))
    audited = net.rows(
        "SELECT action FROM audit_entry WHERE subject_id = :id AND action LIKE 'patrol.case.%' ORDER BY seq",
        id=str(patch_id),
    )
    assert [f"patrol.case.{row['action']}" for row in events] == [row["action"] for row in audited]
    with net.runtime.database.transaction(net.runtime.system) as session:
        assert audit.verify_chain(session) is None
    labels = net.rows("SELECT verdict FROM field_label WHERE patch_id = :id", id=patch_id)
    assert labels == [{"verdict": "unlawful"}]
    net.do("city", service.move_case, patch_id, "reopen", reason_code="relapse")
    assert net.rows("SELECT closed_at FROM case_file")[0]["closed_at"] is None


def test_dismissing_a_suspicion_takes_three_people(net) -> None:  # type: ignore[no-untyped-def]
    patch_id = net.add_patch()
    net.do("county", service.record_verdict, patch_id, LAWFUL)
    assert net.state(patch_id)[0] == "county_review"
    with pytest.raises(NotAllowed):
        net.do("county", service.move_case, patch_id, "pass_review")
    net.do("county-2", service.move_case, patch_id, "pass_review")
    net.do("city", service.move_case, patch_id, "pass_review")
    assert net.state(patch_id)[:2] == ("dismissed", "dismissed")


def test_agreeing_with_the_system_takes_one(net) -> None:  # type: ignore[no-untyped-def]
    patch_id = net.add_patch(suggestion="lawful")
    assert net.state(patch_id)[1] == "new"
    net.do("county", service.record_verdict, patch_id, LAWFUL)
    assert net.state(patch_id)[0] == "dismissed"


def test_version_conflict_says_who_changed_what(net) -> None:  # type: ignore[no-untyped-def]
    patch_id = net.add_patch()
    net.do("county", service.record_verdict, patch_id, UNLAWFUL, expected_version=1)
    with pytest.raises(Conflict) as refused:
        net.do("county-2", service.dispatch, patch_id, expected_version=1)
    assert refused.value.code == "patrol.case.version_changed"
    assert refused.value.facts["changed_by"] == "大队甲"
    assert refused.value.facts["version"] == 2
    assert refused.value.facts["changed_at"].startswith("2026-09-08T14:0")
    assert net.state(patch_id)[0] == "triage"


def test_illegal_moves_and_missing_rights_change_nothing(net) -> None:  # type: ignore[no-untyped-def]
    patch_id = net.add_patch()
    with pytest.raises(Conflict) as refused:
        net.do("county", service.move_case, patch_id, "order_rectification")
    assert refused.value.code == "patrol.case.illegal_move"
    with pytest.raises(NotAllowed):
        net.do("grid-1", service.dispatch, patch_id)
    with pytest.raises(NotFound):
        net.do("chief-2", service.dispatch, patch_id)
    with pytest.raises(InvalidInput) as missing:
        net.do("county", service.record_verdict, patch_id, VerdictBody("not_new"))
    assert missing.value.code == "patrol.reason.missing"
    assert net.state(patch_id)[2] == 1


def test_undo_restores_case_and_assignments_and_stays_in_the_time_line(net) -> None:  # type: ignore[no-untyped-def]
    patch_id = net.add_patch()
    before = net.rows("SELECT * FROM case_file")
    net.do("county", service.record_verdict, patch_id, VerdictBody("unlawful", dispatch_to=net.post("T-1")))
    assert net.state(patch_id)[0] == "dispatched"
    with pytest.raises(Conflict) as refused:
        net.do("county-2", service.undo, patch_id, undo_minutes=10)
    assert refused.value.code == "patrol.case.somebody_acted"
    net.do("county", service.undo, patch_id, undo_minutes=10)
    after = net.rows("SELECT * FROM case_file")
    for row in before + after:
        row.pop("version"), row.pop("updated_at")
    assert before == after
    assert {row["status"] for row in net.rows("SELECT status FROM assignment")} == {"cancelled"}
    events = net.rows("SELECT action, undone_by, seq FROM case_event ORDER BY seq")
    assert [row["action"] for row in events] == ["open", "judge_unlawful", "dispatch", "undo"]
    assert events[1]["undone_by"] == events[2]["undone_by"] == events[3]["seq"]
    with pytest.raises(Conflict) as refused:
        net.do("county", service.undo, patch_id, undo_minutes=10)
    assert refused.value.code == "patrol.case.nothing_to_undo"


def test_undo_ends_when_time_is_up_or_somebody_acted(net) -> None:  # type: ignore[no-untyped-def]
    patch_id = net.add_patch()
    net.do("county", service.dispatch, patch_id)
    net.do("station", service.sign, net.open_assignment(patch_id))
    with pytest.raises(Conflict) as refused:
        net.do("county", service.undo, patch_id, undo_minutes=10)
    assert refused.value.code == "patrol.case.somebody_acted"
    net.at(2026, 9, 8, 15, 0)
    with pytest.raises(Conflict) as refused:
        net.do("station", service.undo, patch_id, undo_minutes=10)
    assert refused.value.code == "patrol.case.undo_too_late"


def test_every_move_is_told_to_listeners_only_when_it_commits(net, owner_url: str) -> None:  # type: ignore[no-untyped-def]
    patch_id = net.add_patch()
    with psycopg.connect(conninfo(owner_url), autocommit=True) as listener:
        listener.execute("LISTEN landwarden_live")
        with pytest.raises(NotAllowed):
            net.do("grid-1", service.dispatch, patch_id)
        net.do("county", service.dispatch, patch_id)
        (told,) = list(listener.notifies(timeout=2, stop_after=1))
        payload = json.loads(told.payload)
        assert list(listener.notifies(timeout=0.2)) == []
    assert payload["patch_id"] == str(patch_id)
    assert payload["state"] == "dispatched"
    assert payload["division_code"] == "410883105201"
    assert (payload["version"], payload["actor_name"], payload["action_name"]) == (2, "大队甲", "派发核查")


def test_return_goes_back_up_the_way_it_came(net) -> None:  # type: ignore[no-untyped-def]
    patch_id = net.add_patch()
    net.do("county", service.dispatch, patch_id)
    net.do("station", service.forward, net.open_assignment(patch_id))
    net.do("chief", service.return_, net.open_assignment(patch_id), reason_code="wrong_grid")
    (row,) = net.rows("SELECT holder_name, kind FROM assignment WHERE status = 'sent'")
    assert row == {"holder_name": "所长甲", "kind": "hand_down"}
    assert net.state(patch_id)[0] == "dispatched"
    net.do("station", service.forward, net.open_assignment(patch_id), post_id=net.post("G-2"))
    (row,) = net.rows("SELECT holder_name, kind FROM assignment WHERE status = 'sent'")
    assert row == {"holder_name": "网格乙", "kind": "verify"}
    with pytest.raises(NotAllowed) as refused:
        net.do("grid-1", service.sign, net.open_assignment(patch_id))
    assert refused.value.code == "patrol.assignment.not_yours"
    net.do("grid-2", service.return_, net.open_assignment(patch_id), reason_code="no_access")
    net.do("station", service.return_, net.open_assignment(patch_id), reason_code="not_responsible")
    assert net.state(patch_id)[0] == "triage"


def test_the_cell_decides_which_officer_goes(net) -> None:  # type: ignore[no-untyped-def]
    east = net.add_patch(at=(112.765, 34.951))
    net.do("county", service.dispatch, east)
    (row,) = net.rows("SELECT holder_name FROM assignment WHERE kind = 'verify'")
    assert row["holder_name"] == "网格乙"


def test_opening_twice_changes_nothing_and_newer_suggestions_are_noted(net) -> None:  # type: ignore[no-untyped-def]
    first = net.add_patch(open_case=False, suggestion=None)
    with net.runtime.database.transaction(net.runtime.system) as session:
        assert service.open_cases_for(session, net.runtime.system, now=net.clock()) == 1
    assert net.state(first)[1] == "new"
    with net.runtime.database.transaction(net.runtime.system) as session:
        session.execute(
            text(
                "INSERT INTO judgement (judgement_id, patch_id, division_code, revision, suggestion,"
                " severity, is_borderline, law_date, inputs, result, result_sha256, basic_farmland_m2,"
                " cropland_m2, made_at)"
                " VALUES (gen_random_uuid(), :id, '410883105201', 1, 'borderline', 2, true,"
                " '2026-09-08', '{}', '{}', '', 0, 0, :at)"
            ),
            {"id": first, "at": net.clock()},
        )
    with net.runtime.database.transaction(net.runtime.system) as session:
        assert service.open_cases_for(session, net.runtime.system, now=net.clock()) == 0
    assert net.state(first) == ("triage", "suspect", 2)


def test_of_two_officers_at_one_moment_one_wins_and_the_other_is_told(net) -> None:  # type: ignore[no-untyped-def]
    patch_id = net.add_patch()
    together = Barrier(2)

    def act(login: str) -> str:
        together.wait()
        try:
            net.do(login, service.record_verdict, patch_id, UNLAWFUL, expected_version=1)
        except Conflict as error:
            return error.code
        return "done"

    with ThreadPoolExecutor(2) as pool:
        answers = sorted(pool.map(act, ("county", "county-2")))
    assert answers == ["done", "patrol.case.version_changed"]
    assert net.state(patch_id)[2] == 2
    assert len(net.rows("SELECT seq FROM case_event")) == 2


def test_a_verdict_taken_back_no_longer_counts(net) -> None:  # type: ignore[no-untyped-def]
    def counted() -> int:
        since, until = net.clock() - timedelta(days=1), net.clock() + timedelta(days=1)
        with net.runtime.database.transaction(net.runtime.system) as session:
            return quality(session, net.runtime.system, since=since, until=until).all.decided

    patch_id = net.add_patch()
    walk_to_judge(net, patch_id)
    net.do("county", service.record_verdict, patch_id, UNLAWFUL)
    assert counted() == 1
    net.do("county", service.undo, patch_id, undo_minutes=10)
    labels = net.rows("SELECT verdict FROM field_label ORDER BY recorded_at, label_id")
    assert [row["verdict"] for row in labels] == ["unlawful", "withdrawn"]
    assert counted() == 0
