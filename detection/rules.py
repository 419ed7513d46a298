"""The rules of desk judgement: read from tables, matched on facts, kept by hash so that they replay."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

from detection.taxonomy import Violation, violation_of
from foundation.audit import canonical
from foundation.errors import InvalidInput

RULES_FOLDER = Path(__file__).resolve().parents[1] / "data" / "rules"
TABLES = ("judgement", "taxonomy", "thresholds")
Facts = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Rule:
    """One ordered rule.

    Attributes
    ----------
    when : mapping
        Fact name -> wanted value, or a list of which one is wanted.
    text_zh, text_en : str
        Sentence with ``{names}`` of texts.
    statute : str
        What the rule rests on.
    valid_from, valid_to : str or None
        ISO days of the later image: the first for which it is asked, the first for which it no longer is.
    """

    rule_id: str
    version: int
    when: Mapping[str, Any]
    suggestion: str
    violation_code: str | None
    text_zh: str
    text_en: str = ""
    statute: str = ""
    valid_from: str | None = None
    valid_to: str | None = None

    @property
    def key(self) -> str:
        """Id and version as stored with a judgement: ``J2.9@1``."""
        return f"{self.rule_id}@{self.version}"

    def fits(self, facts: Facts) -> bool:
        """Whether every condition holds."""
        return all(_is_wanted(facts.get(name), wanted) for name, wanted in self.when.items())


@dataclass(frozen=True, slots=True)
class RuleSet:
    """All three tables at one moment; equal content has an equal hash.

    Attributes
    ----------
    text : str
        Canonical JSON of the tables: what is stored, and from which a judgement replays.
    """

    text: str
    content: Mapping[str, Any]

    @classmethod
    def of(cls, text: str) -> RuleSet:
        """Rule set of stored canonical JSON."""
        return cls(text, json.loads(text))

    @property
    def sha256(self) -> str:
        """Hash of the tables."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def thresholds(self) -> Mapping[str, Any]:
        """Numbers of ``thresholds.toml``."""
        thresholds: Mapping[str, Any] = self.content["thresholds"]
        return thresholds

    @property
    def groups(self) -> Mapping[str, Mapping[str, Any]]:
        """What classes of change mean in law."""
        groups: Mapping[str, Mapping[str, Any]] = self.content["judgement"]["groups"]
        return groups

    def group_of(self, change_class: str) -> str:
        """Group of a class of change; ``other`` for one that no group names."""
        for key, group in self.groups.items():
            if change_class in group["classes"]:
                return key
        return "other"

    def name(self, key: str) -> str:
        """Chinese name of a layer kind."""
        return str(self.content["judgement"]["names"].get(key, key))

    def name_en(self, key: str) -> str:
        """English name of a layer kind."""
        return str(self.content["judgement"].get("names_en", {}).get(key, key))

    def suggestion_name(self, suggestion: str) -> str:
        """Chinese name of a suggestion."""
        return str(self.content["judgement"]["suggestions"][suggestion])

    def first_fit(self, facts: Facts, on: date) -> Rule:
        """The first rule of a day whose conditions hold; the last rule of the table has none.

        A rule that names a violation of which the law of that day knows nothing is not asked.
        """
        return next(rule for rule in self.in_force(on) if rule.fits(facts))

    def in_force(self, on: date) -> tuple[Rule, ...]:
        """Rules that are asked for a day, in their order."""
        known = {row.code for row in self.violations(on)}
        return tuple(
            rule
            for rule in self.ordered()
            if _is_valid(rule.valid_from, rule.valid_to, on) and rule.violation_code in {None, *known}
        )

    def ordered(self) -> tuple[Rule, ...]:
        """All rules in the order in which they are asked."""
        return tuple(_rule(row) for row in self.content["judgement"]["rule"])

    def notes(self) -> tuple[Rule, ...]:
        """Remarks; each that fits is added."""
        return tuple(_rule(row) for row in self.content["judgement"]["note"])

    def minimum_m2(self, group: str) -> float:
        """Smallest area that is judged, by group of change."""
        table = self.thresholds["minimum_m2"]
        return float(table.get(group, table["default"]))

    def severity(self, areas_m2: Mapping[str, float]) -> int:
        """Level of the first row all of whose minima are reached: 1 低 … 4 重大."""
        for row in self.thresholds["severity"]:
            minima = {name: least for name, least in row.items() if name != "level"}
            if all(areas_m2.get(name, 0.0) >= least for name, least in minima.items()):
                return int(row["level"])
        return 1

    def violation(self, code: str, on: date) -> Violation:
        """Row of the taxonomy in force on a day.

        Raises
        ------
        InvalidInput
            ``detection.rules.unknown_violation`` when no law of that day knows the code.
        """
        rows = [row for row in self.content["taxonomy"]["violation"] if row["code"] == code]
        for row in rows:
            if _is_valid(row["valid_from"], row.get("valid_to"), on):
                return violation_of(row, self.content["taxonomy"])
        raise InvalidInput("detection.rules.unknown_violation", violation=code, day=on.isoformat())

    def violations(self, on: date) -> tuple[Violation, ...]:
        """Every row of the taxonomy in force on a day, in the order of the table."""
        rows: Sequence[Mapping[str, Any]] = self.content["taxonomy"]["violation"]
        table = self.content["taxonomy"]
        return tuple(
            violation_of(row, table) for row in rows if _is_valid(row["valid_from"], row.get("valid_to"), on)
        )

    def law_changes(self, code: str, first: date, last: date) -> tuple[date, ...]:
        """Days in (first, last] on which the law about a violation changed."""
        days = {
            date.fromisoformat(row["valid_from"])
            for row in self.content["taxonomy"]["violation"]
            if row["code"] == code
        }
        return tuple(sorted(day for day in days if first < day <= last))


@lru_cache(maxsize=1)
def current_rules() -> RuleSet:
    """The rules that ship with the product, read once."""
    return read_rules(RULES_FOLDER)


def read_rules(folder: Path) -> RuleSet:
    """Rule set of a folder with ``judgement.toml``, ``taxonomy.toml`` and ``thresholds.toml``."""
    return rule_set({name: tomllib.loads((folder / f"{name}.toml").read_text("utf-8")) for name in TABLES})


def rule_set(tables: Mapping[str, Any]) -> RuleSet:
    """Rule set of the three tables as read from TOML."""
    return RuleSet.of(canonical(_plain(tables)))


def _rule(row: Mapping[str, Any]) -> Rule:
    return Rule(
        row["id"],
        row["version"],
        row["when"],
        row.get("suggestion", ""),
        row.get("violation"),
        row["zh"],
        row.get("en", ""),
        row.get("statute", ""),
        row.get("valid_from"),
        row.get("valid_to"),
    )


def _is_wanted(value: Any, wanted: Any) -> bool:
    return value in wanted if isinstance(wanted, list) else bool(value == wanted)


def _is_valid(first: str | None, end: str | None, on: date) -> bool:
    day = on.isoformat()
    return (first is None or first <= day) and (end is None or day < end)


def _plain(value: Any) -> Any:
    """Dates as ISO texts, so that the tables are JSON."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.isoformat() if isinstance(value, date) else value
