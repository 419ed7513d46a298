"""Nobody is given more than the policy allows; what goes beyond waits with a reason, and nothing vanishes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from sqlalchemy import text

from foundation.errors import Conflict, LandwardenError
from patrol import casework, service
from patrol.dispatching import policies
from tests.integration.patrol.conftest import Net

SMALL = {"day": 2, "week": 6, "longest_wd": 2}
DAY = SMALL["day"]
TASKS = "SELECT status FROM assignment WHERE patch_id = :id ORDER BY created_at"
UNFOUND = """
    SELECT c.patch_id FROM case_file c WHERE c.state IN ('dispatched', 'to_verify')
    AND NOT EXISTS (SELECT FROM assignment a JOIN post p USING (post_id) WHERE a.patch_id = c.patch_id
        AND a.status IN ('sent', 'signed') AND a.holder_name <> ''
        AND a.holder_name IN (p.holder_name, p.deputy_name))
    AND NOT EXISTS (SELECT FROM assignment a WHERE a.patch_id = c.patch_id AND a.status = 'queued'
        AND a.reason_code IN ('budget_day', 'budget_week') AND a.due_at IS NOT NULL)
"""
"""Patches on their way that lie neither with anybody nor in the queue with a reason."""
DOUBLE = """
    SELECT patch_id FROM assignment WHERE status IN ('queued', 'sent', 'signed')
    AND kind IN ('hand_down', 'verify') GROUP BY patch_id HAVING count(*) > 1
"""
GRAVER = """
    INSERT INTO judgement (judgement_id, patch_id, division_code, revision, suggestion, violation_code,
        severity, is_borderline, law_date, inputs, result, result_sha256, basic_farmland_m2, cropland_m2,
        made_at)
    SELECT :judgement, patch_id, division_code, 2, suggestion, violation_code, 4, false, law_date, '{}', '{}',
           '', 4000, 8000, made_at FROM judgement WHERE patch_id = :id
"""


def _smaller(line: str) -> str:
    key = line.split("=")[0].strip()
    return f"{key} = {SMALL[key]}" if key in SMALL else line


@pytest.fixture
def small_budget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two tasks a day, six a week, two working days in the queue."""
    written = policies.POLICY_FILE.read_text("utf-8")
    lines = [_smaller(line) for line in written.splitlines()]
    file = tmp_path / "dispatch.toml"
    file.write_text("\n".join(lines), "utf-8")
    monkeypatch.setattr(policies, "POLICY_FILE", file)
    policies.dispatch_policy.cache_clear()
    yield
    policies.dispatch_policy.cache_clear()


def _statuses(net: Net, patch_id: UUID) -> list[str]:
    return [str(row["status"]) for row in net.rows(TASKS, id=patch_id) if row["status"] != "cancelled"]


def _dispatched(net: Net, **options: Any) -> UUID:
    patch = net.add_patch()
    net.do("county", service.dispatch, patch, **options)
    return patch


def _run_clocks(net: Net) -> service.ClockReport:
    with net.runtime.database.transaction(net.runtime.system) as session:
        report = service.run_clocks(session, net.runtime.system, now=net.clock())
    assert report.failed == []
    return report


@pytest.mark.usefixtures("small_budget")
def test_what_is_too_much_waits_with_its_reason_and_goes_out_in_order(net: Net) -> None:
    sent = [_dispatched(net) for _ in range(DAY)]
    third, fourth = _dispatched(net), _dispatched(net)
    assert all(_statuses(net, patch)[0] == "sent" for patch in sent)
    assert [_statuses(net, patch) for patch in (third, fourth)] == [["queued"], ["queued"]]
    assert net.state(third)[0] == "dispatched"
    (owner,) = net.rows("SELECT owner_post_id FROM case_file WHERE patch_id = :id", id=third)
    assert owner["owner_post_id"] == net.post("X-1")  # the county's while it waits
    queue = net.do("station", lambda s, a, now: casework.list_queue(s, a))
    assert [(row.patch_id, row.reason_code) for row in queue] == [
        (third, "budget_day"),
        (fourth, "budget_day"),
    ]
    assert queue[0].reason_name == "承办人当日任务已满"

    # What is urgent, and what is grave, never waits.
    assert _statuses(net, _dispatched(net, is_urgent=True))[0] == "sent"
    grave = net.add_patch()
    with net.runtime.database.transaction(net.runtime.system) as session:
        session.execute(text(GRAVER), {"id": grave, "judgement": uuid4()})
    net.do("county", service.dispatch, grave)
    assert _statuses(net, grave)[0] == "sent"
    assert _run_clocks(net).released == []  # the day is still full

    # Nobody but the desk may send it out by hand; a phone cannot sign for what waits.
    with pytest.raises(LandwardenError):
        net.do("grid-1", casework.release_now, third)
    (row,) = net.rows("SELECT assignment_id FROM assignment WHERE patch_id = :id", id=third)
    with pytest.raises(LandwardenError):
        net.do("grid-1", service.sign, row["assignment_id"])

    net.clock.set(net.clock() + timedelta(days=1))
    assert _run_clocks(net).released == [third, fourth]
    assert [_statuses(net, patch)[0] for patch in (third, fourth)] == ["sent", "sent"]
    assert _run_clocks(net).released == []


@pytest.mark.usefixtures("small_budget")
def test_room_made_by_a_return_is_used_and_the_longest_wait_ends(net: Net) -> None:
    owner = _officer_of(net, _dispatched(net))
    _dispatched(net)
    late, by_hand = _dispatched(net), _dispatched(net, post_id=owner)
    assert _statuses(net, by_hand) == ["queued"]
    returned = net.patches[0]
    net.do("station", service.return_, net.open_assignment(returned), reason_code="wrong_division")
    assert _run_clocks(net).released == [late]

    net.do("county", casework.release_now, by_hand, note="急")
    assert net.open_assignment(by_hand)
    assert _officer_of(net, by_hand) == owner  # the post chosen by hand is kept to
    with pytest.raises(Conflict) as refused:
        net.do("county", casework.release_now, by_hand)
    assert refused.value.code == "patrol.dispatch.not_queued"

    # Three were given this week. Two more tomorrow, one on Thursday; on Friday the limit sends out the rest.
    waiting = [_dispatched(net) for _ in range(4)]
    (row,) = net.rows("SELECT max(due_at) AS latest_at FROM assignment WHERE status = 'queued'")
    for count in (2, 1, 1):
        net.clock.set(net.clock() + timedelta(days=1))
        assert _run_clocks(net).released == waiting[:count]
        waiting = waiting[count:]
        assert (net.clock() > row["latest_at"]) == (waiting == [])  # type: ignore[operator]


def _officer_of(net: Net, patch_id: UUID) -> UUID:
    (row,) = net.rows(
        "SELECT post_id FROM assignment WHERE patch_id = :id AND kind = 'verify' AND status <> 'cancelled'",
        id=patch_id,
    )
    return UUID(str(row["post_id"]))


def _task(net: Net, which: int, where: str) -> tuple[str, object]:
    """Who holds one of the tasks, and its id."""
    rows = net.rows(
        "SELECT a.login, t.assignment_id FROM assignment t"
        f" JOIN account a ON a.account_id = t.holder_account_id WHERE {where}"
        " ORDER BY t.created_at, t.assignment_id"
    )
    row = rows[which % len(rows)]
    return str(row["login"]), row["assignment_id"]


def _return(net: Net, which: int) -> None:
    login, task = _task(net, which, "t.status IN ('sent', 'signed') AND t.kind IN ('hand_down', 'verify')")
    net.do(login, service.return_, task, reason_code="wrong_grid")


def _sign(net: Net, which: int) -> None:
    login, task = _task(net, which, "t.status = 'sent'")
    net.do(login, service.sign, task)


def _forward(net: Net, which: int) -> None:
    login, task = _task(net, which, "t.status IN ('sent', 'signed') AND t.kind = 'hand_down'")
    net.do(login, service.forward, task, post_id=net.post(("G-1", "G-2")[which % 2]))


def _recall(net: Net, which: int) -> None:
    rows = net.rows("SELECT patch_id FROM case_file WHERE state IN ('dispatched') ORDER BY patch_id")
    patch = rows[which % len(rows)]["patch_id"]
    net.do("county", service.move_case, patch, "recall", reason_code="other")


def _again(net: Net, which: int) -> None:
    rows = net.rows("SELECT patch_id FROM case_file WHERE state = 'triage' ORDER BY patch_id")
    net.do("county", service.dispatch, rows[which % len(rows)]["patch_id"])


def _undo(net: Net, which: int) -> None:
    patch = net.patches[-1 - which % min(3, len(net.patches))]
    net.do("county", service.undo, patch, undo_minutes=10)


def _leave(net: Net, which: int) -> None:
    net.do("county", casework.vacate_post, net.post(("G-1", "G-2", "V-1")[which % 3]), who="both")


def _come(net: Net, which: int) -> None:
    number = ("G-1", "G-2")[which % 2]
    listed = (
        "post_no,title,tier,kind,division_code,holder,deputy,login\n"
        f"{number},一村网格员,4,grid_officer,410883105201,新人{which},,\n"
    )
    with net.runtime.database.transaction(net.runtime.system) as session:
        service.import_posts(session, net.runtime.system, listed.encode("utf-8-sig"), now=net.clock())


def _pause(net: Net, which: int) -> None:
    rows = net.rows("SELECT patch_id FROM case_file WHERE state = 'dispatched' ORDER BY patch_id")
    patch = rows[which % len(rows)]["patch_id"]
    file = net.do("county", casework.case_file, patch)
    choice = file.pause_choices[which % len(file.pause_choices)]  # type: ignore[attr-defined]
    net.do("county", casework.pause_case, patch, reason_code=choice.reason_code)


def _resume(net: Net, which: int) -> None:
    rows = net.rows("SELECT patch_id FROM case_file WHERE pause_id IS NOT NULL ORDER BY patch_id")
    net.do("county", casework.resume_case, rows[which % len(rows)]["patch_id"])


def _pass_time(net: Net, which: int) -> None:
    net.clock.set(net.clock() + timedelta(hours=6 * (1 + which % 5)))
    _run_clocks(net)


STEPS: dict[str, Callable[[Net, int], object]] = {
    "dispatch": lambda net, which: _dispatched(net, is_urgent=which % 7 == 0),
    "by hand": lambda net, which: _dispatched(net, post_id=net.post(("G-1", "G-2")[which % 2])),
    "return": _return,
    "sign": _sign,
    "forward": _forward,
    "recall": _recall,
    "again": _again,
    "undo": _undo,
    "pause": _pause,
    "resume": _resume,
    "leave": _leave,
    "come": _come,
    "release": lambda net, which: _pass_time(net, 0),
    "time": _pass_time,
}
WALK = st.lists(
    st.tuples(st.sampled_from([*STEPS, "dispatch", "dispatch", "again"]), st.integers(0, 30)),
    min_size=25,
    max_size=45,
)


@pytest.mark.usefixtures("small_budget")
@given(walk=WALK)
@settings(
    max_examples=6,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_none_vanishes_under_any_order(net: Net, walk: list[tuple[str, int]]) -> None:
    done = 0
    for step, which in walk:
        try:
            STEPS[step](net, which)
            done += 1
        except (LandwardenError, ZeroDivisionError):
            pass  # refused, or nothing there to do it to: then nothing has changed, which is looked at below
        assert net.rows(UNFOUND) == [], step
        assert net.rows(DOUBLE) == [], step
    assert done > len(walk) // 4
