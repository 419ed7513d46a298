"""Kinds of paper, read from data: which one is offered when, and what keeps it from being issued."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from foundation.calendar import SHANGHAI
from foundation.errors import Conflict, InvalidInput

KINDS_FILE = Path(__file__).resolve().parents[2] / "data" / "papers" / "kinds.toml"


@dataclass(frozen=True, slots=True)
class PaperKind:
    """One row of ``data/papers/kinds.toml``."""

    key: str
    zh: str
    en: str
    sign: str
    is_legal: bool
    is_two_person: bool
    states: frozenset[str]
    stages: frozenset[str] = frozenset()
    verdicts: frozenset[str] = frozenset()
    after: tuple[str, ...] = ()
    not_before: Mapping[str, str] = field(default_factory=dict)
    needs: frozenset[str] = frozenset()
    required: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Occasion:
    """What decides which papers a case may have now.

    Attributes
    ----------
    issued : frozenset of str
        Kinds of which an issued paper, not voided, exists.
    """

    state: str
    stage: str | None
    verdict_kind: str | None
    verdict_is_signed: bool
    has_violation: bool
    has_visit: bool
    has_party: bool
    issued: frozenset[str]


def obstacles(kind: PaperKind, occasion: Occasion) -> list[Conflict]:
    """Why a paper of this kind cannot be drafted now; empty when it can."""
    found: list[Conflict] = []
    if occasion.state not in kind.states:
        found.append(Conflict("patrol.paper.wrong_state", paper=kind.zh, state=occasion.state))
    elif kind.stages and occasion.state == "case_open" and occasion.stage not in kind.stages:
        found.append(Conflict("patrol.paper.wrong_stage", paper=kind.zh, stage=occasion.stage or "-"))
    if kind.is_legal and not (occasion.verdict_is_signed and occasion.verdict_kind):
        found.append(Conflict("patrol.paper.no_verdict", paper=kind.zh))
    elif kind.verdicts and occasion.verdict_kind not in kind.verdicts:
        found.append(
            Conflict("patrol.paper.other_verdict", paper=kind.zh, verdict=occasion.verdict_kind or "-")
        )
    elif kind.is_legal and not occasion.has_violation:
        found.append(Conflict("patrol.paper.no_violation", paper=kind.zh))
    if "visit" in kind.needs and not occasion.has_visit:
        found.append(Conflict("patrol.paper.no_visit", paper=kind.zh))
    if "party" in kind.needs and not occasion.has_party:
        found.append(Conflict("patrol.paper.no_party", paper=kind.zh))
    for key in kind.after:
        if key not in occasion.issued:
            found.append(Conflict("patrol.paper.not_yet", paper=kind.zh, before=paper_kind(key).zh))
    return found


def require_waited(
    kind: PaperKind, *, served_kind: str, is_served: bool, runs_out_at: datetime | None, now: datetime
) -> None:
    """A decision waits until the party's time to speak, counted from service, has run out.

    Raises
    ------
    Conflict
        ``patrol.paper.not_served`` or ``patrol.paper.time_runs``.
    """
    name = paper_kind(served_kind).zh
    if not is_served or runs_out_at is None:
        raise Conflict("patrol.paper.not_served", paper=kind.zh, before=name)
    if now <= runs_out_at:
        until = runs_out_at.astimezone(SHANGHAI)
        raise Conflict("patrol.paper.time_runs", paper=kind.zh, before=name, until=f"{until:%Y-%m-%d %H:%M}")


def paper_kind(key: str) -> PaperKind:
    """One kind.

    Raises
    ------
    InvalidInput
        ``patrol.paper.unknown_kind``.
    """
    kinds = paper_kinds()
    if key not in kinds:
        raise InvalidInput("patrol.paper.unknown_kind", kind=key[:40], accepted=list(kinds))
    return kinds[key]


@lru_cache(maxsize=1)
def paper_kinds() -> Mapping[str, PaperKind]:
    """All kinds in the order of the table."""
    table = tomllib.loads(KINDS_FILE.read_text("utf-8"))["kind"]
    return {key: _kind(key, row) for key, row in table.items()}


def _kind(key: str, row: Mapping[str, Any]) -> PaperKind:
    return PaperKind(
        key,
        row["zh"],
        row["en"],
        row["sign"],
        row["is_legal"],
        row["is_two_person"],
        frozenset(row["states"]),
        frozenset(row.get("stages", ())),
        frozenset(row.get("verdicts", ())),
        tuple(row.get("after", ())),
        row.get("not_before", {}),
        frozenset(row.get("needs", ())),
        tuple(row.get("required", ())),
    )
