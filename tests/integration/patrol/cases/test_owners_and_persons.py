"""Whoever leaves, nothing is without an owner; under no other account does anybody review their own."""

from __future__ import annotations

import random
from uuid import UUID

import pytest
from sqlalchemy import text

from foundation import accounts
from foundation.errors import Conflict, NotAllowed
from patrol import casework, service


def orphans(net) -> list[UUID]:  # type: ignore[no-untyped-def]
    with net.runtime.database.transaction(net.runtime.system) as session:
        return casework.ownerless(session, net.runtime.system, now=net.clock())


def leave(net, post_id: UUID, who: str) -> None:  # type: ignore[no-untyped-def]
    with net.runtime.database.transaction(net.runtime.system) as session:
        casework.vacate_post(session, net.runtime.system, post_id, who=who, now=net.clock())


def end(net, post_id: UUID) -> None:  # type: ignore[no-untyped-def]
    with net.runtime.database.transaction(net.runtime.system) as session:
        casework.end_post(session, net.runtime.system, post_id, on=net.clock().date(), now=net.clock())


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_remove_anybody_at_any_step_and_nothing_is_without_an_owner(net, judged, seed: int) -> None:  # type: ignore[no-untyped-def]
    lot = random.Random(seed)
    waiting, on_the_way, ordered = net.add_patch(), net.add_patch(), judged()
    net.do("county", service.dispatch, on_the_way)
    net.do("county", service.move_case, ordered, "order_rectification")
    objected = judged()
    body = casework.ObjectionBody("geometry", "outline_wrong", "范围不符。")
    net.do("station", casework.raise_objection, objected, body)
    posts = [UUID(str(row["post_id"])) for row in net.rows("SELECT post_id FROM post ORDER BY post_no")]
    steps = [(post, what) for post in posts for what in ("holder", "deputy", "both", "end")]
    lot.shuffle(steps)
    refused = 0
    for post, what in steps:
        before = net.rows("SELECT patch_id, state, due_at FROM case_file ORDER BY patch_id")
        codes = []
        try:
            end(net, post) if what == "end" else leave(net, post, what)
        except Conflict as error:
            codes.append(error.code)
        assert set(codes) <= {"patrol.post.no_owner"}
        refused += len(codes)
        assert orphans(net) == []
        # Only who has it changes: neither state nor deadline.
        assert net.rows("SELECT patch_id, state, due_at FROM case_file ORDER BY patch_id") == before
        (named,) = net.rows(
            "SELECT count(*) AS named FROM case_file c JOIN post p ON p.post_id = c.owner_post_id"
            " WHERE p.holder_name <> '' OR p.deputy_name <> ''"
        )
        assert named["named"] == 4
    # The last person of the city cannot be removed while anything is open.
    assert refused > 0
    assert net.state(waiting)[0] == "triage"


def test_a_task_goes_to_the_deputy_and_then_up_with_its_deadline(net) -> None:  # type: ignore[no-untyped-def]
    patch_id = net.add_patch()
    net.do("county", service.dispatch, patch_id, post_id=net.post("V-1"))
    (was,) = net.rows("SELECT due_at FROM assignment WHERE status = 'sent'")
    leave(net, net.post("V-1"), "holder")
    (now,) = net.rows("SELECT holder_name, due_at FROM assignment WHERE status = 'sent'")
    assert (now["holder_name"], now["due_at"]) == ("村长乙", was["due_at"])
    leave(net, net.post("V-1"), "deputy")
    (now,) = net.rows("SELECT holder_name, due_at FROM assignment WHERE status = 'sent'")
    assert (now["holder_name"], now["due_at"]) == ("所长甲", was["due_at"])
    net.do("station", service.sign, net.open_assignment(patch_id))
    events = net.rows("SELECT action, due_at FROM case_event WHERE action = 'reassign'")
    assert [row["due_at"] for row in events] == [None, None]


def test_a_closed_account_and_a_new_list_leave_nobody_without_an_owner(net, judged, owner_url: str) -> None:  # type: ignore[no-untyped-def]
    import psycopg

    from foundation.jobs import conninfo
    from tests.integration.patrol.conftest import POSTS

    patch_id = judged()
    with psycopg.connect(conninfo(owner_url)) as admin:
        admin.execute("SELECT set_config('landwarden.role', 'system', false)")
        admin.execute("UPDATE account SET disabled_at = now() WHERE login = 'county'")
    with net.runtime.database.transaction(net.runtime.system) as session:
        service.run_clocks(session, net.runtime.system, now=net.clock())
    (row,) = net.rows(
        "SELECT p.holder_name, p.deputy_name FROM case_file c JOIN post p ON p.post_id = c.owner_post_id"
        " WHERE patch_id = :id",
        id=patch_id,
    )
    assert (row["holder_name"], row["deputy_name"]) == ("", "大队乙")
    without = POSTS.replace("大队甲,大队乙,county", ",,")
    with net.runtime.database.transaction(net.runtime.system) as session:
        service.import_posts(session, net.runtime.system, without.encode(), now=net.clock())
    assert orphans(net) == []
    nobody = "\n".join([POSTS.splitlines()[0], *(",".join([*line.split(",")[:5], "", "", ""]) for line in
                                                 POSTS.splitlines()[1:])])  # fmt: skip
    with pytest.raises(Conflict), net.runtime.database.transaction(net.runtime.system) as session:
        service.import_posts(session, net.runtime.system, nobody.encode(), now=net.clock())
    assert orphans(net) == []


def test_a_second_account_another_role_or_an_undo_is_no_way_round_the_second_person(net, judged) -> None:  # type: ignore[no-untyped-def]
    patch_id = judged()
    net.do("county", service.move_case, patch_id, "order_rectification")
    net.do("station", service.move_case, patch_id, "report_rectified", reason_code="demolished")
    with net.runtime.database.transaction(net.runtime.system) as session:
        for login, role in (("second", "reviewer"), ("third", "city_officer")):
            accounts.create_account(
                session, net.runtime.system, login=login, name="大队甲", role=role,
                area_code="410800000000", password="demo", is_demo=True, now=net.clock(),
            )  # fmt: skip
    for login in ("county", "second", "third"):
        with pytest.raises(NotAllowed) as refused:
            net.do(login, service.move_case, patch_id, "accept_recheck")
        assert refused.value.code == "patrol.case.same_person"
    # Another role for the same account changes nothing either: what was done stays done.
    with net.runtime.database.transaction(net.runtime.system) as session:
        session.execute(text("UPDATE account SET role = 'reviewer' WHERE login = 'county'"))
    with pytest.raises(NotAllowed):
        net.do("county", service.move_case, patch_id, "accept_recheck")
    # Undoing and doing again by others does not clean the hands of whoever did it before.
    net.do("reviewer", service.move_case, patch_id, "accept_recheck")
    with pytest.raises(Conflict):
        net.do("second", service.undo, patch_id, undo_minutes=10)
    net.do("reviewer", service.undo, patch_id, undo_minutes=10)
    for login in ("station", "second"):
        with pytest.raises(NotAllowed):
            net.do(login, service.move_case, patch_id, "accept_recheck")
    net.do("county-2", service.move_case, patch_id, "accept_recheck")
    for login in ("manager", "county-2", "third"):
        with pytest.raises((NotAllowed, Conflict)):
            net.do(login, service.move_case, patch_id, "close", reason_code="rectified")
        if login == "third":
            break
    assert net.state(patch_id)[0] in {"city_review", "closed"}
