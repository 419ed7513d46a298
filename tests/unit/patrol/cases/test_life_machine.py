"""The life of a case walked at random by everybody at once: no illegal state, no review of one's own work."""

from __future__ import annotations

from datetime import datetime, timedelta

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from foundation.access import roles
from foundation.calendar import SHANGHAI
from foundation.errors import Conflict, NotAllowed
from patrol.cases.cases import (
    FINAL_STATES,
    Move,
    Situation,
    add_months,
    name_key,
    next_stage,
    require_other_person,
    transitions,
)
from patrol.cases.clocks import clock_table
from patrol.cases.ledger import clock_of_state
from patrol.cases.stages import Held, Mark, pause_rules, stage_clocks

TABLE = transitions()
EVERY_RIGHT = frozenset(right for role in roles().values() for right in role.rights)
VERDICT_OF = {f"judge_{kind}": kind for kind in ("unlawful", "lawful", "not_new", "other", "doubtful")}
PEOPLE = ("甲", "乙", "丙")
ACCOUNTS = tuple(f"{name}-{number}" for name in PEOPLE for number in (1, 2))
"""Two accounts each: the second of the same name helps nobody."""
ENDING = {"pass_review", "close", "accept_recheck"}
WATCHED = {
    "pass_review": {"judge_lawful", "judge_not_new", "judge_other", "merge"},
    "close": {
        *("accept_recheck", "report_rectified", "case_executed", "record_receipt"),
        *("order_rectification", "file_case", "transfer"),
    },
    "accept_recheck": {"report_rectified", "case_executed", "order_rectification"},
}


class Life(RuleBasedStateMachine):
    """One case, three persons with two accounts each and every right there is."""

    def __init__(self) -> None:
        super().__init__()
        self.state, self.verdict, self.suggestion = "triage", None, "suspected"
        self.stage: str | None = None
        self.is_paused = False
        self.now = datetime(2026, 9, 8, 9, tzinfo=SHANGHAI)
        self.due = self.deadline()
        self.entered = self.now
        self.ledger: list[tuple[str, str, Mark]] = []
        self.paused: list[Held] = []
        self.kept: list[tuple[object, ...]] = []

    def deadline(self) -> datetime | None:
        clock = clock_of_state(self.state, source="satellite", is_urgent=False, stage=self.stage)
        return None if clock is None else clock_table().deadline(clock, self.now)

    @property
    def situation(self) -> Situation:
        done: dict[str, set[str]] = {}
        for who, action, _ in self.ledger:
            done.setdefault(action, set()).update({who, name_key(who[0])})
        return Situation(
            self.state,
            self.suggestion,
            self.verdict,
            {action: frozenset(people) for action, people in done.items()},
            is_paused=self.is_paused,
        )

    def keep(self) -> None:
        self.kept.append(
            (self.state, self.verdict, self.stage, self.is_paused, self.due, self.entered,
             len(self.ledger), list(self.paused))
        )  # fmt: skip

    def make(self, who: str, move: Move) -> None:
        self.keep()
        former = self.state
        to = move.to_state or former
        facts: dict[str, object] = {}
        if move.action == "file_case":
            self.stage = TABLE.stages[0]
            facts["stage"] = self.stage
        if move.action == "advance_case":
            self.stage = next_stage(TABLE, self.stage, None)
            facts["stage"] = self.stage
        if move.action in VERDICT_OF:
            self.verdict = VERDICT_OF[move.action]
        if move.action in {"reopen", "relapse"}:
            self.verdict = None
        if move.action == "uphold_dismissing":
            self.verdict = "not_new"
        self.ledger.append((who, move.action, Mark(move.action, former, to, self.now, facts)))
        if to != former:
            self.state, self.entered = to, self.now
            self.stage = self.stage if to == "case_open" else None
            if self.is_paused:
                self.is_paused = False
                self.paused[-1] = self.paused[-1]._replace(ends_at=self.now)
            self.due = self.deadline()

    @rule(who=st.sampled_from(ACCOUNTS), choice=st.integers(0, 200), days=st.integers(0, 20))
    def somebody_moves(self, who: str, choice: int, days: int) -> None:
        self.now += timedelta(days=days, hours=choice % 9)
        name = who[0]
        legal = TABLE.legal(self.situation, rights=EVERY_RIGHT, account=who, name=name)
        legal = tuple(m for m in legal if m.action not in {"undo", "open", "pause", "resume"})
        if not legal:
            return
        move = legal[choice % len(legal)]
        if move.action == "advance_case" and self.stage == TABLE.stages[-1]:
            return
        assert self.state in move.from_states
        forbidden = {who, name_key(name)}
        assert not any(forbidden & self.situation.done_by.get(a, frozenset()) for a in move.not_by)
        if move.action in ENDING:
            earlier = {person[0] for person, action, _ in self.ledger if action in WATCHED[move.action]}
            assert name not in earlier
        self.make(who, move)

    @rule(who=st.sampled_from(ACCOUNTS), action=st.sampled_from(sorted({m.action for m in TABLE.moves})))
    def somebody_tries_anything(self, who: str, action: str) -> None:
        """What the table does not allow is refused, whoever asks."""
        named = [m for m in TABLE.moves if m.action == action and self.state in m.from_states]
        try:
            move = TABLE.find(action, self.situation)
        except Conflict:
            return
        assert move in named
        legal = TABLE.legal(self.situation, rights=EVERY_RIGHT, account=who, name=who[0])
        if action not in {m.action for m in legal}:
            with pytest.raises(NotAllowed):
                require_other_person(move, self.situation, who, who[0])

    @precondition(lambda self: self.kept and self.ledger)
    @rule()
    def the_last_move_is_taken_back(self) -> None:
        who, action, _ = self.ledger[-1]
        if action in TABLE.never_undone:
            return
        (self.state, self.verdict, self.stage, self.is_paused, self.due, self.entered, length, paused) = (
            self.kept.pop()
        )  # type: ignore[assignment]
        self.ledger, self.paused = self.ledger[:length], paused
        assert who not in self.situation.done_by.get(action, frozenset()) or any(
            (person, what) == (who, action) for person, what, _ in self.ledger
        )

    @precondition(lambda self: not self.is_paused and self.due is not None)
    @rule(reason=st.sampled_from(sorted(pause_rules())), lasts=st.integers(1, 400))
    def the_clock_is_paused(self, reason: str, lasts: int) -> None:
        rules = pause_rules()[reason]
        if self.state not in rules.states:
            return
        ends = min(self.now + timedelta(days=lasts), clock_table().run(rules.longest, self.now))
        clock = clock_of_state(self.state, source="satellite", is_urgent=False, stage=self.stage)
        former = self.due
        self.kept.clear()  # a pause is taken back by its own means
        self.due = clock_table().shift(
            clock_table().find(clock).unit, former, paused_at=self.now, resumed_at=ends
        )
        assert self.due >= former
        assert former <= self.now or self.due >= ends
        self.is_paused = True
        self.paused.append(Held(self.now, ends, rules.holds))

    @precondition(lambda self: self.is_paused)
    @rule()
    def the_pause_runs_out(self) -> None:
        self.kept.clear()
        self.now = max(self.now, self.paused[-1].ends_at)
        self.is_paused = False

    @invariant()
    def the_state_is_one_of_the_table(self) -> None:
        assert self.state in TABLE.states
        assert (self.due is None) == (self.state in FINAL_STATES)
        assert self.due is None or self.due >= self.entered
        assert (self.stage is not None) == (self.state == "case_open")
        TABLE.display(self.state, suggestion=self.suggestion, verdict_kind=self.verdict)

    @invariant()
    def what_is_over_was_seen_by_two(self) -> None:
        """A suspicion is closed or excluded by at least two persons since it was last opened."""
        if self.state not in FINAL_STATES:
            return
        names = {who[0] for who, _, _ in self.ledger}
        assert len(names) >= 2

    @invariant()
    def somebody_can_go_on(self) -> None:
        legal = TABLE.legal(self.situation, rights=EVERY_RIGHT, account="丁-1", name="丁")
        assert any(m.to_state not in {"", self.state} for m in legal) or self.is_paused

    @invariant()
    def stage_clocks_never_end_before_they_begin(self) -> None:
        for clock in stage_clocks([mark for _, _, mark in self.ledger], self.paused):
            assert clock.due_at >= clock.started_at
            assert clock.ended_at is None or clock.ended_at >= clock.started_at


Life.TestCase.settings = settings(
    max_examples=50,
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)
TestLife = Life.TestCase


def test_twelve_months_end_on_the_same_day() -> None:
    assert add_months(datetime(2024, 2, 29).date(), 12).isoformat() == "2025-02-28"


@pytest.mark.parametrize("role", sorted(roles()))
def test_no_role_reviews_its_own_work(role: str) -> None:
    """Every role with every order of doing and reviewing: the same name is refused, whatever the account."""
    rights = roles()[role].rights
    for move in TABLE.moves:
        if not move.not_by or move.right not in rights:
            continue
        for done in move.not_by:
            for doer in ("1", name_key("甲")):
                situation = Situation(
                    sorted(move.from_states)[0],
                    sorted(move.suggestions)[0] if move.suggestions else "suspected",
                    sorted(move.verdicts)[0] if move.verdicts else "unlawful",
                    {done: frozenset({doer})},
                )
                with pytest.raises(NotAllowed):
                    require_other_person(move, situation, "1", "甲 ")
    administrators = {"system_admin", "security_admin", "audit_admin"}
    if role in administrators:
        assert not any(move.right in rights for move in TABLE.moves)
