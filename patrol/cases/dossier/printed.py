"""The transition table and the clocks as a page of documentation: printed from the data, never by hand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from foundation.access import roles
from patrol.cases.cases import Move, transitions
from patrol.cases.clocks import Clock, clock_table
from patrol.cases.objections.objections import objection_table
from patrol.cases.reasons import reasons
from patrol.cases.stages import pause_rules, stage_rules

UNITS = {
    "hours": "{n} 小时",
    "working_hours": "{n} 个办公小时",
    "working_days": "{n} 个工作日",
    "days": "{n} 日",
    "years": "{n} 年",
    "month_end": "当月最后一个工作日",
}
DUTIES = {"bureau": "本单位", "party": "当事人", "limit": "法定期限"}
HEAD = """# States of a case

Printed from `data/rules/case_transitions.toml`, `clocks.toml` and `objections.toml` by
`landwarden cases table --out docs/case-states.md`; a test holds the page to the data. A move that stands in
no row is refused (409 `patrol.case.illegal_move`). What the data mark with [confirm] is the bureau's to
confirm.
"""


def case_states_page() -> str:
    """The whole page, Markdown."""
    table = transitions()
    states = (
        (f"`{key}`", state.zh, state.en, _clock_of(state.clock), state.owner)
        for key, state in table.states.items()
    )
    parts = [
        HEAD,
        "## States\n\n" + _grid(("state", "状态", "", "时限 clock", "owner"), states),
        "## Moves\n\n" + _grid(MOVE_HEAD, (_move(move) for move in table.moves)),
        "## Stages of a filed case\n\n" + _grid(("stage", "环节", "时限 clock", "须先届满 after"), _stages()),
        "## Clocks of stages\n\n"
        + _grid(("clock", "名称", "期限", "谁的 whose", "starts", "ends"), _clocks()),
        "## Pauses\n\n" + _grid(("reason", "事由", "最长 longest", "states", "roles", "holds"), _pauses()),
        "## Objections\n\n"
        + _grid(("kind", "异议", "时限 clock", "clock stands still in", "remedies"), _kinds()),
    ]
    return "\n".join(parts)


MOVE_HEAD = (
    "action",
    "事项",
    "from",
    "to",
    "who (roles)",
    "reason",
    "facts",
    "not by whoever did",
    "only with",
)


def _move(move: Move) -> Sequence[str]:
    able = [key for key, role in roles().items() if move.right in role.rights]
    only = [f"suggestion {_list(move.suggestions)}"] if move.suggestions else []
    only += [f"verdict {_list(move.verdicts)}"] if move.verdicts else []
    only += [f"stage {_list(move.stages)}"] if move.stages else []
    order = list(transitions().states)
    return (
        f"`{move.action}`",
        move.zh,
        ", ".join(sorted(move.from_states, key=order.index)) or "–",
        move.to_state or "(stays)",
        ", ".join(able),
        reasons()["names"].get(move.reason_kind or "", move.reason_kind or ""),
        ", ".join(move.facts),
        _list(move.not_by),
        "; ".join(only),
    )


def _stages() -> Iterable[Sequence[str]]:
    for stage in transitions().stage_rules:
        yield f"`{stage.key}`", stage.zh, _clock_of(stage.clock), ", ".join(stage.after)


def _clocks() -> Iterable[Sequence[str]]:
    for rule in stage_rules().values():
        starts = ", ".join(rule.starts)
        if rule.from_fact:
            starts += f" from `{rule.from_fact}`" + (" (needed)" if rule.needs_fact else "")
        yield f"`{rule.key}`", rule.zh, _period(rule.clock), DUTIES[rule.duty], starts, ", ".join(rule.ends)


def _pauses() -> Iterable[Sequence[str]]:
    order = list(transitions().states)
    for rule in pause_rules().values():
        states = ", ".join(sorted(rule.states, key=order.index))
        yield (
            f"`{rule.key}`",
            rule.zh,
            _period(rule.longest),
            states,
            ", ".join(sorted(rule.roles)),
            rule.holds,
        )


def _kinds() -> Iterable[Sequence[str]]:
    order = list(transitions().states)
    for rule in objection_table().rules.values():
        states = ", ".join(sorted(rule.pauses_in, key=order.index))
        yield f"`{rule.key}`", rule.zh, _clock_of(rule.clock), states, ", ".join(rule.remedies)


def _clock_of(key: str | None) -> str:
    return _period(clock_table().find(key)) if key else "–"


def _period(clock: Clock) -> str:
    return UNITS[clock.unit].format(n=f"{clock.amount:g}")


def _list(keys: Iterable[str]) -> str:
    return ", ".join(sorted(keys))


def _grid(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "| " + " | ".join("---" for _ in head) + " |"]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines) + "\n"
