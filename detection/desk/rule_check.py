"""Whether tables of rules can judge at all: told before they are used, not by a crash in the middle."""

from __future__ import annotations

import string
import tomllib
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from detection.rules import RULES_FOLDER, TABLES, RuleSet, current_rules, rule_set
from foundation.errors import InvalidInput

RULE_KEYS = ("id", "version", "when", "zh")
WORDS = frozenset(
    {
        *("change_name", "group_name", "change_name_en", "group_name_en", "area_m2", "area_min_m2"),
        *(
            "area_max_m2",
            "minimum_m2",
            "width_m",
            "road_width_m",
            "approved_limit_pct",
            "parcel_no",
            "mine_no",
        ),
        *(
            "neighbours",
            "division_shares",
            "missing_layers",
            "missing_layers_en",
            "corrections",
            "law_changes",
        ),
        *(
            f"{key}{ending}"
            for key in ("area", "basic_area", "cropland_area", "farmland_area", "redline_area", "excess_area")
            for ending in ("", "_en")
        ),
        *("construction_pct", "permit_no", "renewed_nos", "approved_pct", "excess_pct"),
        *(
            f"{key}_{ending}"
            for key in ("approval", "inside", "lapsed", "undated", "expired")
            for ending in ("no", "from", "until", "use")
        ),
    }
)
"""Everything that `detection.judging.wording.words` gives."""


def read_checked(folder: Path) -> RuleSet:
    """Rule set of a folder; a table that it lacks is the current one.

    Raises
    ------
    InvalidInput
        ``detection.rules.no_tables``, ``detection.rules.unreadable``, ``detection.rules.unsound``.
    """
    found = {name: folder / f"{name}.toml" for name in TABLES if (folder / f"{name}.toml").is_file()}
    if not found:
        raise InvalidInput("detection.rules.no_tables", folder=str(folder), accepted=", ".join(TABLES))
    return from_texts({name: path.read_text("utf-8", errors="replace") for name, path in found.items()})


def from_texts(texts: Mapping[str, str]) -> RuleSet:
    """Rule set of TOML texts by table; a table that is missing is the current one.

    Raises
    ------
    InvalidInput
        ``detection.rules.unreadable``, ``detection.rules.unsound``.
    """
    tables = {}
    for name in TABLES:
        content = texts.get(name) or (RULES_FOLDER / f"{name}.toml").read_text("utf-8")
        try:
            tables[name] = tomllib.loads(content)
        except tomllib.TOMLDecodeError as error:
            raise InvalidInput("detection.rules.unreadable", table=name, reason=str(error)[:200]) from error
    rules = rule_set(tables)
    check_rules(rules)
    return rules


def check_rules(rules: RuleSet) -> None:
    """Refuse rule tables that cannot judge.

    Raises
    ------
    InvalidInput
        ``detection.rules.unsound`` with the first problem.
    """
    try:
        problem = next(_problems(rules), None)
    except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
        problem = f"{type(error).__name__}: {error}"
    if problem is not None:
        raise InvalidInput("detection.rules.unsound", problem=problem[:300])


def _problems(rules: RuleSet) -> Iterator[str]:
    table = rules.content["judgement"]
    codes = {row["code"] for row in rules.content["taxonomy"]["violation"]}
    seen = set()
    for row in [*table["rule"], *table["note"]]:
        name = row.get("id", "?")
        yield from (f"{name}: {key} is missing" for key in RULE_KEYS if key not in row)
        if name in seen:
            yield f"{name}: the id is used twice"
        seen.add(name)
        yield from _text_problems(name, row)
        if row.get("violation") not in {None, *codes}:
            yield f"{name}: unknown violation {row['violation']}"
    yield from (
        f"{row['id']}: unknown suggestion {row.get('suggestion')}"
        for row in table["rule"]
        if row.get("suggestion") not in table["suggestions"]
    )
    last = table["rule"][-1]
    if last["when"] or last.get("violation") or "valid_from" in last or "valid_to" in last:
        yield f"{last['id']}: the last rule must fit always"
    yield from _number_problems(rules)


def _text_problems(name: str, row: Mapping[str, Any]) -> Iterator[str]:
    for key in ("zh", "en"):
        for _, field, form, conversion in string.Formatter().parse(row.get(key, "")):
            if field is not None and (field not in WORDS or form or conversion):
                yield f"{name}: unknown word {{{field}}}"


def _number_problems(rules: RuleSet) -> Iterator[str]:
    today = date(2026, 1, 1)
    yield from (f"{row.code}: no basis" for row in rules.violations(today) if not row.basis)
    limits = rules.thresholds
    for key, value in current_rules().thresholds.items():
        if isinstance(value, int | float) and not isinstance(limits.get(key), int | float):
            yield f"thresholds: {key} must be a number like {value}"
    yield from (
        f"thresholds: {key} is missing" for key in ("fusion", "minimum_m2", "severity") if key not in limits
    )
    contexts = rules.content["judgement"]["context"]
    for key in ("mining_group", "mining_from", "lapsed_leaves_open"):
        if key not in contexts:
            yield f"context: {key} is missing"
    for key, group in rules.groups.items():
        if not {"zh", "classes", "approvals"} <= set(group):
            yield f"groups.{key}: zh, classes and approvals are needed"
