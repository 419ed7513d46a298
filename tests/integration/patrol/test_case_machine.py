"""The life of cases walked at random through the services, on a real database, by everybody at once.

What is offered works, what is not is refused and changes nothing, nobody's case is nobody's, and the chain of
the audit holds. ``LANDWARDEN_TEST_WALKS`` and ``LANDWARDEN_TEST_STEPS`` make the walk longer.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import hypothesis.strategies as st
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from foundation import audit
from foundation.calendar import SHANGHAI
from foundation.errors import Conflict, LandwardenError, NotFound
from patrol import casework, service
from patrol.cases.cases import FINAL_STATES, transitions
from patrol.cases.reasons import reasons
from patrol.service import VerdictBody
from tests.integration.patrol.conftest import PEOPLE, POSTS, Net
from tests.integration.patrol.test_case_life import UNLAWFUL, visit_body, walk_to_judge

TABLE = transitions()
WALKS = int(os.environ.get("LANDWARDEN_TEST_WALKS", "12"))
STEPS = int(os.environ.get("LANDWARDEN_TEST_STEPS", "50"))
UNDO_MINUTES = 10
POST_NOS = tuple(line.split(",")[0] for line in POSTS.strip().splitlines()[1:])
LOGINS = ("city", "county", "station", "town-chief", "chief", "grid-1", "grid-2", "chief-2", *PEOPLE)
BY_NAME = sorted({move.action for move in TABLE.moves if move.via in {"move", "verdict", "dispatch"}})
UNSETTLED = {"dispatched", "to_verify"}
MORE_FACTS: dict[str, dict[str, Any]] = {
    "merge": {"into_number": "410883-2609-0001"},
    "advance_case": {"heard": True, "decision_no": "〔2026〕7号", "fine_yuan": 900},
    "record_receipt": {"paper_no": "移〔2026〕7号"},
}
BEGINNINGS: dict[str, tuple[str, dict[str, Any]]] = {
    "rectification ordered": ("order_rectification", {}),
    "filed": ("file_case", {}),
    "transferred": ("transfer", {"reason_code": "public_security", "note": "涉嫌犯罪"}),
}
TASKS: dict[str, Callable[..., object]] = {
    "sign": service.sign,
    "forward": service.forward,
    "return": service.return_,
    "visit": service.record_visit,
}


class Walk(RuleBasedStateMachine):
    """Every walk opens a case of its own on one net, and leaves those of earlier walks behind."""

    net: Net
    counts: Counter[str]
    patch_id: UUID
    version = 1
    undoable: tuple[int, dict[str, Any]] | None = None

    # ---- what is known of the case

    def row(self) -> dict[str, Any]:
        (row,) = self.net.rows("SELECT * FROM case_file WHERE patch_id = :id", id=self.patch_id)
        return row

    def detail(self, login: str) -> service.CaseDetail | None:
        try:
            return self.net.do(login, service.case_detail, self.patch_id, undo_minutes=UNDO_MINUTES)  # type: ignore[return-value]
        except NotFound:
            return None

    def file(self, login: str) -> casework.CaseFile | None:
        try:
            return self.net.do(login, casework.case_file, self.patch_id)  # type: ignore[return-value]
        except NotFound:
            return None

    # ---- how it is acted upon

    def accepted(
        self, what: str, login: str, verb: Callable[..., object], *args: object, **more: object
    ) -> None:
        before = self.row()
        self.net.do(login, verb, *args, **more)
        self.counts[what] += 1
        now = self.row()
        assert now["version"] > before["version"]
        self.undoable = (int(now["version"]), before)

    def refused_or_done(
        self, what: str, login: str, verb: Callable[..., object], *args: object, **more: object
    ) -> None:
        before = self.row()
        try:
            self.net.do(login, verb, *args, **more)
        except LandwardenError:
            self.counts[f"{what} refused"] += 1
            assert self.row() == before
        else:
            self.counts[what] += 1
            self.undoable = (int(self.row()["version"]), before)

    def send(self, how: Callable[..., object], what: str, login: str, action: str, pick: int) -> None:
        """One of the moves made by name, with a body that is whole."""
        rows = [move for move in TABLE.moves if move.action == action]
        kinds = [move.reason_kind for move in rows if move.reason_kind]
        codes = sorted(reasons()[kinds[0]]) if kinds else []
        reason = codes[pick % len(codes)] if codes else None
        today = self.net.clock().astimezone(SHANGHAI).date()
        if action.startswith("judge_"):
            kind = action.removeprefix("judge_")
            is_violation = kind in {"unlawful", "doubtful"}
            ended = today - timedelta(days=pick) if kind == "unlawful" and pick % 3 == 0 else None
            body = VerdictBody(
                kind,
                violation_code="L04" if is_violation else None,
                reason_code=reason,
                act_ended_on=ended,
            )
            how(what, login, service.record_verdict, self.patch_id, body)
        elif action == "dispatch":
            how(what, login, service.dispatch, self.patch_id, is_urgent=pick % 4 == 0)
        else:
            facts: dict[str, Any] = {
                name: today.isoformat() if name.endswith("_on") else "7" for name in rows[0].facts
            }
            facts |= MORE_FACTS.get(action, {})
            how(
                what, login, service.move_case, self.patch_id, action,
                reason_code=reason, note="随机走查", facts=facts,
            )  # fmt: skip

    # ---- the walk

    @initialize(
        suggestion=st.sampled_from(
            ["suspected", "lawful", "not_new", "partly_exceeded", "order_unknown", None]
        ),
        source=st.sampled_from(["satellite", "drone", "public", "camera"]),
        so_far=st.sampled_from(["found", "visited", "rectification ordered", "filed", "transferred"]),
    )
    def a_patch_is_found(self, suggestion: str | None, source: str, so_far: str) -> None:
        if not self.net.patches:
            self.net.add_patch()
        self.everybody_is_back()
        self.patch_id = self.net.add_patch(suggestion=suggestion, source=source)
        self.counts["walks"] += 1
        if so_far != "found":
            walk_to_judge(self.net, self.patch_id)
        if so_far in BEGINNINGS:
            action, more = BEGINNINGS[so_far]
            self.net.do("county", service.record_verdict, self.patch_id, UNLAWFUL)
            self.net.do("county", service.move_case, self.patch_id, action, **more)

    @rule(first=st.integers(0, len(LOGINS) - 1), pick=st.integers(0, 60))
    def what_is_offered_is_accepted(self, first: int, pick: int) -> None:
        for login in (*LOGINS[first:], *LOGINS[:first]):
            detail = self.detail(login)
            if detail is not None and detail.actions:
                action = detail.actions[pick % len(detail.actions)].action
                self.send(self.accepted, action, login, action, pick)
                return

    @rule(first=st.integers(0, len(LOGINS) - 1), pick=st.integers(0, 60))
    def somebody_else_goes_on(self, first: int, pick: int) -> None:
        self.what_is_offered_is_accepted(first, pick)

    @rule(task=st.sampled_from(("sign", "forward", "visit", "visit", "return")), pick=st.integers(0, 20))
    def the_task_is_done(self, task: str, pick: int) -> None:
        self.whoever_has_the_task_acts(task, True, pick)

    @rule(pick=st.integers(0, 20))
    def the_task_is_brought_to_its_end(self, pick: int) -> None:
        for task in ("sign", "forward", "sign", "visit"):
            self.whoever_has_the_task_acts(task, True, pick)

    @rule(login=st.sampled_from(LOGINS), action=st.sampled_from(BY_NAME), pick=st.integers(0, 9))
    def what_is_not_offered_is_refused(self, login: str, action: str, pick: int) -> None:
        detail = self.detail(login)
        if detail is not None and action in {one.action for one in detail.actions}:
            return
        before = self.row()
        try:
            self.send(lambda _w, who, verb, *a, **k: self.net.do(who, verb, *a, **k), "", login, action, pick)
        except LandwardenError:
            self.counts["not offered, refused"] += 1
            assert self.row() == before
        else:
            raise AssertionError(f"{login} was not offered {action} at {before['state']}, and did it")

    @rule(task=st.sampled_from(sorted(TASKS)), is_right_person=st.booleans(), pick=st.integers(0, 20))
    def whoever_has_the_task_acts(self, task: str, is_right_person: bool, pick: int) -> None:
        rows = self.net.rows(
            "SELECT s.assignment_id, s.kind, a.login FROM assignment s LEFT JOIN account a"
            " ON a.account_id = s.holder_account_id WHERE s.patch_id = :id"
            " AND s.status IN ('sent', 'signed') AND s.kind IN ('hand_down', 'verify')",
            id=self.patch_id,
        )
        if not rows:
            return
        held = rows[pick % len(rows)]
        login = held["login"] if is_right_person and held["login"] else LOGINS[pick % len(LOGINS)]
        if task == "visit":
            body = visit_body(
                self.net, UUID(str(held["assignment_id"])), device_counter=int(self.row()["version"])
            )
            self.refused_or_done("visit", str(login), service.record_visit, body)
            return
        codes = sorted(reasons()["return"])
        more = {"reason_code": codes[pick % len(codes)]} if task == "return" else {}
        self.refused_or_done(task, str(login), TASKS[task], UUID(str(held["assignment_id"])), **more)

    @rule(
        login=st.sampled_from(("county", "county-2", "city", "station", "grid-1")),
        pick=st.integers(0, 40),
    )
    def a_clock_is_paused_or_goes_on(self, login: str, pick: int) -> None:
        file = self.file(login)
        if file is None:
            return
        if "resume" in file.verbs:
            self.accepted("resume", login, casework.resume_case, self.patch_id)
        elif "pause" in file.verbs and file.pause_choices:
            choice = file.pause_choices[pick % len(file.pause_choices)]
            self.accepted("pause", login, casework.pause_case, self.patch_id, reason_code=choice.reason_code)

    @rule(login=st.sampled_from(("county", "station", "chief", "grid-1", "city")), pick=st.integers(0, 40))
    def somebody_objects(self, login: str, pick: int) -> None:
        file = self.file(login)
        if file is None or "raise_objection" not in file.verbs:
            return
        kind = ("geometry", "date", "class")[pick % 3]
        codes = sorted(reasons()[f"objection_{kind}"])
        body = casework.ObjectionBody(kind, codes[pick % len(codes)], "边界与现场不符")
        if any(one.kind == kind and one.status == "open" for one in file.objections):
            self.refused_or_done("objection", login, casework.raise_objection, self.patch_id, body)
        else:
            self.accepted("objection", login, casework.raise_objection, self.patch_id, body)

    @rule(login=st.sampled_from(LOGINS), is_upheld=st.booleans(), pick=st.integers(0, 40))
    def an_objection_ends(self, login: str, is_upheld: bool, pick: int) -> None:
        file = self.file(login)
        for one in file.objections if file else ():
            if one.can_withdraw:
                self.accepted("objection withdrawn", login, casework.withdraw_objection, one.objection_id)
                return
            if one.can_decide:
                codes = sorted(reasons()["objection_upheld" if is_upheld else "objection_rejected"])
                body = casework.DecisionBody(
                    is_upheld, codes[pick % len(codes)], note="经复核", remedy="dismissed"
                )
                what = "objection upheld" if is_upheld else "objection rejected"
                self.accepted(what, login, casework.decide_objection, one.objection_id, body)
                return

    @rule(login=st.sampled_from(LOGINS))
    def the_last_step_is_taken_back(self, login: str) -> None:
        detail = self.detail(login)
        if detail is None or self.undoable is None:
            return
        version, before = self.undoable
        if detail.undo is None:
            self.refused_or_done("undo", login, service.undo, self.patch_id, undo_minutes=UNDO_MINUTES)
            return
        self.net.do(login, service.undo, self.patch_id, undo_minutes=UNDO_MINUTES)
        self.counts["undo"] += 1
        after = self.row()
        if after["version"] == version + 1:
            for row in (before, after):
                row.pop("version"), row.pop("updated_at")
            assert after == before
        self.undoable = None

    @rule(minutes=st.integers(1, 30))
    def minutes_pass(self, minutes: int) -> None:
        self.net.clock.set(self.net.clock() + timedelta(minutes=minutes))

    @rule(days=st.sampled_from((1, 2, 5, 11, 40, 100)))
    def days_pass(self, days: int) -> None:
        self.net.clock.set(self.net.clock() + timedelta(days=days, hours=days % 7))
        with self.net.runtime.database.transaction(self.net.runtime.system) as session:
            service.run_clocks(session, self.net.runtime.system, now=self.net.clock())
        self.counts["days passed"] += days
        self.undoable = None

    @rule(post_no=st.sampled_from(POST_NOS), who=st.sampled_from(("holder", "deputy", "both")))
    def somebody_leaves(self, post_no: str, who: str) -> None:
        self.undoable = None
        with self.net.runtime.database.transaction(self.net.runtime.system) as session:
            try:
                with session.begin_nested():
                    casework.vacate_post(
                        session,
                        self.net.runtime.system,
                        self.net.post(post_no),
                        who=who,
                        now=self.net.clock(),
                    )
            except Conflict as error:
                if error.code != "patrol.post.no_owner":
                    raise
                self.counts["last one stays"] += 1
            else:
                self.counts["somebody left"] += 1

    @rule()
    def everybody_is_back(self) -> None:
        self.undoable = None
        with self.net.runtime.database.transaction(self.net.runtime.system) as session:
            report = service.import_posts(
                session, self.net.runtime.system, POSTS.encode("utf-8-sig"), now=self.net.clock()
            )
        assert report.bad_lines == ()

    # ---- what always holds

    @invariant()
    def nobodys_case_is_nobodys(self) -> None:
        with self.net.runtime.database.transaction(self.net.runtime.system) as session:
            assert casework.ownerless(session, self.net.runtime.system, now=self.net.clock()) == []

    @invariant()
    def the_case_is_one_of_the_table(self) -> None:
        if not hasattr(self, "patch_id"):
            return
        self.counts["states looked at"] += 1
        row = self.row()
        assert row["state"] in TABLE.states
        assert row["version"] >= self.version
        self.version = int(row["version"])
        assert (row["due_at"] is None) == (row["state"] in FINAL_STATES)
        assert (row["pause_id"] is None) == (row["paused_until"] is None)
        assert row["pause_id"] is None or row["state"] not in FINAL_STATES
        if row["due_at"] is not None and row["pause_id"] is None:
            assert row["due_at"] > row["opened_at"]
        self.counts[f"in {row['state']}"] += 1

    @invariant()
    def ledger_tasks_and_pauses_agree_with_it(self) -> None:
        if not hasattr(self, "patch_id"):
            return
        row = self.row()
        (facts,) = self.net.rows(
            "SELECT (SELECT count(*) FROM case_event WHERE patch_id = :id) AS events,"
            " (SELECT max(version) FROM case_event WHERE patch_id = :id) AS newest,"
            " (SELECT count(*) FROM assignment WHERE patch_id = :id"
            "  AND status IN ('queued', 'sent', 'signed')"
            "  AND kind IN ('hand_down', 'verify')) AS handed,"
            " (SELECT count(*) FROM assignment WHERE patch_id = :id AND status IN"
            "  ('queued', 'sent', 'signed', 'waiting')) AS open,"
            " (SELECT count(*) FROM case_pause WHERE patch_id = :id AND ended_at IS NULL"
            "  AND NOT is_undone) AS pauses",
            id=self.patch_id,
        )
        assert facts["events"] == facts["newest"] == row["version"]
        assert (facts["handed"] == 1) == (row["state"] in UNSETTLED)
        assert facts["open"] == 0 or row["state"] not in FINAL_STATES
        assert facts["pauses"] == (row["pause_id"] is not None)

    @invariant()
    def what_is_over_was_seen_by_two(self) -> None:
        """Against a suspicion, a case ends by at least two persons since it was last opened."""
        if not hasattr(self, "patch_id"):
            return
        row = self.row()
        if row["state"] not in FINAL_STATES or row["verdict_kind"] is None:
            return
        events = self.net.rows(
            "SELECT action, from_state, actor_name FROM case_event WHERE patch_id = :id AND undone_by IS NULL"
            " AND seq >= (SELECT max(seq) FROM case_event WHERE patch_id = :id AND undone_by IS NULL"
            "  AND action IN ('open', 'reopen')) ORDER BY seq",
            id=self.patch_id,
        )
        agreed_at_once = events[-1]["from_state"] == "triage" or any(
            one["from_state"] == "triage" and one["action"] in {"judge_lawful", "judge_not_new", "dismiss"}
            for one in events[-2:]
        )
        if not agreed_at_once:
            assert len({one["actor_name"] for one in events if one["action"] not in {"open", "reopen"}}) >= 2

    @invariant()
    def stage_clocks_run_forward(self) -> None:
        file = self.file("city-2") if hasattr(self, "patch_id") else None
        for clock in file.clocks if file else ():
            assert clock.due_at >= clock.started_at

    def teardown(self) -> None:
        with self.net.runtime.database.transaction(self.net.runtime.system) as session:
            assert audit.verify_chain(session) is None


def test_cases_walked_at_random_through_the_services(net: Net) -> None:
    counts: Counter[str] = Counter()
    run_state_machine_as_test(
        type("OneWalk", (Walk,), {"net": net, "counts": counts}),
        settings=settings(
            max_examples=WALKS,
            stateful_step_count=STEPS,
            deadline=None,
            phases=(Phase.generate,),
            report_multiple_bugs=False,
            derandomize="LANDWARDEN_TEST_WALKS" not in os.environ,
            suppress_health_check=list(HealthCheck),
        ),
    )
    print(dict(counts.most_common()))  # noqa: T201  # shown by -s and on failure
    assert counts["not offered, refused"]
    assert len([key for key in counts if key.startswith("in ")]) >= 5, "the walk stays where it is"
