"""A stored judgement made again from its stored inputs and rules, and exactly what differs where it does."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any
from uuid import UUID

from detection.judgements import Judgement, evaluate
from detection.rules import RuleSet
from foundation.audit import canonical
from foundation.errors import LandwardenError

MAX_DIFFERENCES = 200
UNREADABLE = (KeyError, TypeError, ValueError, IndexError, AttributeError, ArithmeticError, StopIteration)
"""What altered inputs or rules make of an evaluation that was sound when it was stored."""
COLUMNS = ("suggestion", "violation_code", "severity", "is_borderline", "law_date")


@dataclass(frozen=True, slots=True)
class StoredJudgement:
    """A revision with everything that was stored beside it.

    Attributes
    ----------
    columns : mapping
        What lists and reports read: ``suggestion``, ``violation_code``, ``severity``, ``is_borderline``,
        ``law_date``, ``result_sha256``, ``basic_farmland_m2``, ``cropland_m2``.
    rules_text : str or None
        The rule set that the inputs name; None where it is not stored.
    recorded : mapping or None
        ``inputs_sha256`` and ``result_sha256`` of its entry in the audit chain; None where the reader may not
        see the chain, empty where an older version wrote the entry.
    """

    number: str
    judgement: Judgement
    columns: Mapping[str, Any]
    rules_text: str | None
    recorded: Mapping[str, str] | None


@dataclass(frozen=True, slots=True)
class Difference:
    """One place that is not the same: ``sentences[3].area_m2``."""

    path: str
    stored: Any
    again: Any


@dataclass(frozen=True, slots=True)
class Replay:
    """What making a judgement again showed.

    Attributes
    ----------
    faults : tuple of str
        ``inputs_unreadable``, ``inputs_altered``, ``rules_missing``, ``rules_altered``, ``result_altered``,
        ``columns_altered``, ``not_evaluable``: what no longer fits what was recorded.
    differences : tuple of Difference
        Between the stored result (or the stored columns) and what the inputs give.
    is_chain_checked : bool
        The hashes in the audit chain were compared as well.
    """

    number: str
    patch_id: UUID
    revision: int
    stored_sha256: str
    again_sha256: str | None
    faults: tuple[str, ...] = ()
    differences: tuple[Difference, ...] = field(default_factory=tuple)
    is_chain_checked: bool = False

    @property
    def is_equal(self) -> bool:
        """The same bytes, and nothing beside them was altered."""
        return self.again_sha256 == self.stored_sha256 and not self.faults and not self.differences


def check(stored: StoredJudgement) -> Replay:
    """Make a judgement again and compare every stored byte with what was recorded."""
    kept = stored.judgement
    faults = [*_chain_faults(stored)]
    inputs = _read(kept.inputs_text)
    again: str | None = None
    if not isinstance(inputs, dict):
        faults.append("inputs_unreadable")
    elif stored.rules_text is None:
        faults.append("rules_missing")
    else:
        if _sha256(stored.rules_text) != inputs.get("rules_sha256"):
            faults.append("rules_altered")
        if canonical(inputs) != kept.inputs_text:
            faults.append("inputs_altered")
        again = _evaluated(inputs, stored.rules_text)
        if again is None:
            faults.append("not_evaluable")
    differences = [] if again is None else list(_differences(kept.result_text, again))
    columns = list(_column_differences(stored))
    if columns:
        faults.append("columns_altered")
    return Replay(
        stored.number,
        kept.patch_id,
        kept.revision,
        kept.result_sha256,
        None if again is None else _sha256(again),
        tuple(dict.fromkeys(faults)),
        tuple([*differences, *columns][:MAX_DIFFERENCES]),
        bool(stored.recorded),
    )


def _chain_faults(stored: StoredJudgement) -> Iterator[str]:
    recorded, kept = stored.recorded or {}, stored.judgement
    if recorded.get("inputs_sha256", kept.inputs_sha256) != kept.inputs_sha256:
        yield "inputs_altered"
    if recorded.get("result_sha256", kept.result_sha256) != kept.result_sha256:
        yield "result_altered"
    if stored.columns["result_sha256"] != kept.result_sha256:
        yield "result_altered"


def _evaluated(inputs: Mapping[str, Any], rules_text: str) -> str | None:
    try:
        return canonical(evaluate(inputs, RuleSet.of(rules_text)))
    except (*UNREADABLE, LandwardenError):
        return None


def _differences(stored_text: str, again_text: str) -> Iterator[Difference]:
    if stored_text == again_text:
        return
    stored, again = _read(stored_text), _read(again_text)
    found = list(_walk("", stored, again))
    # The same value written otherwise: another order of keys, a blank, another form of a number.
    yield from found or [Difference("(bytes)", stored_text[:200], again_text[:200])]


def _column_differences(stored: StoredJudgement) -> Iterator[Difference]:
    """What lists and reports read must be what the result says."""
    result = _read(stored.judgement.result_text)
    wanted: dict[str, Callable[[Any], Any]] = {name: itemgetter(name) for name in COLUMNS}
    wanted |= {
        "basic_farmland_m2": lambda told: told["areas_m2"]["basic_farmland_m2"],
        "cropland_m2": lambda told: told["areas_m2"]["cropland_m2"],
    }
    for name, read in wanted.items():
        try:
            told = read(result)
        except UNREADABLE:
            told = None
        if stored.columns[name] != told:
            yield Difference(f"(column) {name}", stored.columns[name], told)


def _walk(path: str, stored: Any, again: Any) -> Iterator[Difference]:
    if isinstance(stored, dict) and isinstance(again, dict):
        for key in sorted({*stored, *again}):
            yield from _walk(f"{path}.{key}" if path else key, stored.get(key), again.get(key))
    elif isinstance(stored, list) and isinstance(again, list):
        for index in range(max(len(stored), len(again))):
            pair = (rows[index] if index < len(rows) else None for rows in (stored, again))
            yield from _walk(f"{path}[{index}]", *pair)
    elif stored != again or type(stored) is not type(again):
        yield Difference(path, stored, again)


def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
