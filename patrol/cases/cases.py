"""The transition table of a case, read from data: which move is legal, for whom, and where it leads."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from foundation.errors import Conflict, InvalidInput, NotAllowed

TABLE_FILE = Path(__file__).resolve().parents[2] / "data" / "rules" / "case_transitions.toml"
VERDICT_KINDS = ("unlawful", "lawful", "not_new", "other", "doubtful")
FINAL_STATES = frozenset({"closed", "dismissed"})


@dataclass(frozen=True, slots=True)
class State:
    """One state of a case.

    Attributes
    ----------
    display : str
        What the map shows.
    clock : str or None
        Row of ``clocks.toml`` that starts on entering.
    owner : str
        Row of the owners table, or ``assignment``: whoever holds the open assignment.
    """

    key: str
    zh: str
    en: str
    display: str
    clock: str | None
    owner: str


@dataclass(frozen=True, slots=True)
class OwnerRule:
    """Tier, and the kinds of post in order of preference, that own a case."""

    tier: int
    kinds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Move:
    """One row of the transition table."""

    action: str
    zh: str
    en: str
    from_states: frozenset[str]
    to_state: str
    right: str
    via: str
    reason_kind: str | None = None
    not_by: frozenset[str] = frozenset()
    suggestions: frozenset[str] = frozenset()
    verdicts: frozenset[str] = frozenset()
    facts: tuple[str, ...] = ()
    stages: frozenset[str] = frozenset()
    """Stages of a filed case at which the move may be made; empty where its stage does not matter."""


class Stage(NamedTuple):
    """One stage of a filed case.

    Attributes
    ----------
    clock : str or None
        Row of ``clocks.toml`` to which the case's deadline is set on entering.
    after : tuple of str
        Stage clocks that must have run out before.
    """

    key: str
    zh: str
    en: str
    clock: str | None
    after: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Situation:
    """What decides which moves of a case are legal.

    Attributes
    ----------
    done_by : mapping of action -> account ids and names
        Who did what on this case; undone moves left out. A name stands there as ``name_key`` makes it, so
        that a second account of the same name is the same person.
    is_paused : bool
        Whether the clock stands still: only some moves are possible.
    stage : str, optional
        Stage that a filed case has reached.
    """

    state: str
    suggestion: str | None = None
    verdict_kind: str | None = None
    done_by: Mapping[str, frozenset[str]] = field(default_factory=dict)
    is_paused: bool = False
    stage: str | None = None


@dataclass(frozen=True)
class TransitionTable:
    """States, moves and owners. Immutable."""

    states: Mapping[str, State]
    moves: tuple[Move, ...]
    owners: Mapping[str, OwnerRule]
    never_undone: frozenset[str]
    suspicious: frozenset[str]
    while_paused: frozenset[str]
    stage_rules: tuple[Stage, ...]
    fact_names: Mapping[str, str]
    watch_months: int

    @property
    def stages(self) -> tuple[str, ...]:
        """Stages of a filed case in their order."""
        return tuple(stage.key for stage in self.stage_rules)

    @property
    def stage_names(self) -> Mapping[str, str]:
        """Chinese names of the stages."""
        return {stage.key: stage.zh for stage in self.stage_rules}

    def find(self, action: str, situation: Situation) -> Move:
        """The row that allows an action in a situation.

        Raises
        ------
        Conflict
            ``patrol.case.illegal_move``: no row does; ``patrol.case.paused``: one does, but the clock stands
            still; ``patrol.case.stage_not_reached``.
        """
        for move in self.moves:
            if move.action == action and fits(move, situation):
                if situation.is_paused and action not in self.while_paused:
                    raise Conflict("patrol.case.paused", action=action, action_name=move.zh)
                self._require_stage(move, situation)
                return move
        names = [move.zh for move in self.moves if move.action == action]
        raise Conflict(
            "patrol.case.illegal_move",
            action=action,
            action_name=names[0] if names else action,
            state=situation.state,
            state_name=self.states[situation.state].zh,
        )

    def _require_stage(self, move: Move, situation: Situation) -> None:
        """A step of one stage is not made before it; past the last stage `next_stage` refuses."""
        if len(move.stages) != 1 or situation.stage in move.stages:
            return
        (wanted,) = move.stages
        names = self.stage_names
        raise Conflict(
            "patrol.case.stage_not_reached",
            stage_name=names[wanted],
            reached=names.get(situation.stage or "", "-"),
        )

    def legal(
        self, situation: Situation, *, rights: frozenset[str], account: str, name: str | None = None
    ) -> tuple[Move, ...]:
        """Moves that an account with these rights may make now, one a kind of action."""
        found: dict[str, Move] = {}
        for move in self.moves:
            if situation.is_paused and move.action not in self.while_paused:
                continue
            if move.stages and situation.stage not in move.stages:
                continue
            if move.right in rights and fits(move, situation) and not _did(account, name, move, situation):
                found.setdefault(move.action, move)
        return tuple(found.values())

    def barred(
        self, situation: Situation, *, rights: frozenset[str], account: str, name: str | None = None
    ) -> tuple[Move, ...]:
        """Moves that would be possible now, but that the two-person rule keeps for somebody else."""
        found = {
            move.action: move
            for move in self.moves
            if move.right in rights and fits(move, situation) and _did(account, name, move, situation)
        }
        return tuple(found.values())

    def display(self, state: str, *, suggestion: str | None, verdict_kind: str | None) -> str:
        """What the map shows; at the desk a suspicion, by the system or a person, shows as one."""
        if state == "triage" and (
            verdict_kind in {"unlawful", "doubtful"}
            or (verdict_kind is None and suggestion in self.suspicious)
        ):
            return "suspect"
        return self.states[state].display

    def name(self, action: str, to_state: str, language: str = "zh") -> str:
        """How people call a move that was made."""
        rows = [move for move in self.moves if move.action == action]
        best = next((move for move in rows if move.to_state == to_state), rows[0] if rows else None)
        if best is None:
            return action
        return best.zh if language == "zh" else best.en


def fits(move: Move, situation: Situation) -> bool:
    """Whether a row of the table speaks of this situation."""
    return (
        situation.state in move.from_states
        and (not move.suggestions or situation.suggestion in move.suggestions)
        and (not move.verdicts or situation.verdict_kind in move.verdicts)
    )


def name_key(name: str) -> str:
    """How a person's name stands among the ids of `Situation.done_by`."""
    return "name:" + "".join(name.split())


def require_other_person(move: Move, situation: Situation, account: str, name: str | None = None) -> None:
    """Two-person rule: nobody reviews their own work, administrators included.

    Another account, role or post of the same person does not help: accounts that carry the same name are
    taken for one person. Accounts of one person under two names cannot be told apart here; opening them is
    the security administrator's to prevent.

    Raises
    ------
    NotAllowed
        ``patrol.case.same_person``.
    """
    if _did(account, name, move, situation):
        raise NotAllowed("patrol.case.same_person", action=move.action, action_name=move.zh)


def require_version(expected: int | None, *, actual: int, facts: Mapping[str, Any]) -> None:
    """The caller saw the newest version, or is told who changed it.

    Raises
    ------
    Conflict
        ``patrol.case.version_changed`` with ``changed_by, changed_at, version, state``.
    """
    if expected is not None and expected != actual:
        raise Conflict("patrol.case.version_changed", version=actual, **facts)


def next_stage(table: TransitionTable, current: str | None, wanted: str | None) -> str:
    """The stage that follows in a filed case; stages are not skipped.

    Raises
    ------
    InvalidInput
        ``patrol.case.bad_stage``.
    """
    place = table.stages.index(current) + 1 if current else 1
    following = table.stages[place] if place < len(table.stages) else None
    if following is None or (wanted and wanted != following):
        expected = table.stage_names[following] if following else "-"
        raise InvalidInput("patrol.case.bad_stage", stage=wanted or "-", expected=expected)
    return following


def add_months(day: date, months: int) -> date:
    """The same day so many months later, or the last day of that month."""
    total = day.year * 12 + day.month - 1 + months
    year, month = divmod(total, 12)
    following = date(year + (month + 1) // 12, (month + 1) % 12 + 1, 1)
    last = date.fromordinal(following.toordinal() - 1)
    return date(year, month + 1, min(day.day, last.day))


def _did(account: str, name: str | None, move: Move, situation: Situation) -> bool:
    same = {account} | ({name_key(name)} if name else set())
    return any(same & situation.done_by.get(action, frozenset()) for action in move.not_by)


@lru_cache(maxsize=1)
def transitions() -> TransitionTable:
    """The table that ships with the product, read once."""
    return read_table(TABLE_FILE)


def read_table(path: Path) -> TransitionTable:
    """Read and check a transition table.

    Raises
    ------
    InvalidInput
        ``patrol.case.bad_table``: a move speaks of a state that does not exist.
    """
    raw = tomllib.loads(path.read_text("utf-8"))
    states = {key: _state(key, row) for key, row in raw["states"].items()}
    moves = tuple(_move(row) for row in raw["moves"])
    for move in moves:
        unknown = (move.from_states | ({move.to_state} if move.to_state else set())) - set(states)
        if unknown:
            raise InvalidInput("patrol.case.bad_table", action=move.action, states=sorted(unknown))
        strange = move.stages - {row["key"] for row in raw["stages"]}
        if strange:
            raise InvalidInput("patrol.case.bad_table", action=move.action, states=sorted(strange))
    rules = raw["rules"]
    return TransitionTable(
        states=states,
        moves=moves,
        owners={key: OwnerRule(row["tier"], tuple(row["kinds"])) for key, row in raw["owners"].items()},
        never_undone=frozenset(rules["never_undone"]),
        suspicious=frozenset(rules["suspicious"]),
        while_paused=frozenset(rules["while_paused"]),
        stage_rules=tuple(
            Stage(row["key"], row["zh"], row["en"], row.get("clock"), tuple(row.get("after", ())))
            for row in raw["stages"]
        ),
        fact_names=raw["fact_names"],
        watch_months=rules["watch_months"],
    )


def _state(key: str, row: Mapping[str, Any]) -> State:
    return State(key, row["zh"], row["en"], row["display"], row.get("clock"), row["owner"])


def _move(row: Mapping[str, Any]) -> Move:
    def keys(name: str) -> frozenset[str]:
        values: Iterable[str] = row.get(name, ())
        return frozenset(values)

    return Move(
        action=row["action"],
        zh=row["zh"],
        en=row["en"],
        from_states=keys("from"),
        to_state=row["to"],
        right=row["right"],
        via=row["via"],
        reason_kind=row.get("reason"),
        not_by=keys("not_by"),
        suggestions=keys("suggestions"),
        verdicts=keys("verdicts"),
        facts=tuple(row.get("facts", ())),
        stages=keys("stages"),
    )
