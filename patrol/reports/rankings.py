"""Rankings of persons by patrol frequency and of units by score; ties share a rank."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from foundation.calendar import Period
from patrol.reports.indicators import Ledger, Person, compute, valid_of_persons

TIE = 1e-9
POLICY_FILE = Path(__file__).resolve().parents[2] / "data" / "policies" / "ranking.toml"


class PersonGroup(NamedTuple):
    """Persons who are ranked against each other."""

    key: str
    zh: str
    tier: int
    kinds: tuple[str, ...]


class Part(NamedTuple):
    """Which lines of a ranking are told; ranks and changes are over all of them all the same.

    Attributes
    ----------
    group : str, optional
        One group of persons only: a key of ``data/policies/ranking.toml``.
    first, limit : int, int or None
        From which line on, and how many at most.
    """

    group: str | None = None
    first: int = 0
    limit: int | None = None

    @property
    def last(self) -> int | None:
        """The first line that is not told any more; None where all are."""
        return None if self.limit is None else self.first + self.limit


WHOLE = Part()


class Unit(NamedTuple):
    """A township or county that is ranked."""

    division_code: str
    prefix: str
    name: str


@dataclass(frozen=True)
class RankingPolicy:
    """Weights, groups and what each profile computes."""

    weights: Mapping[str, float]
    small_below: int
    groups: tuple[PersonGroup, ...]
    ranks_persons: Mapping[str, bool]
    receiving_kinds: tuple[str, ...]
    """Kinds of offices that an issued bulletin is sent to."""
    unsigned_days: int
    """Working days after which an office that has not signed is told to whoever stands above it."""


@dataclass(frozen=True, slots=True)
class RankingRow:
    """One line of a ranking.

    Attributes
    ----------
    rank : int or None
        1 is best; ties share it and the next rank is left out; None where nothing was asked.
    change : int or None
        Places won (+) or lost (-) since the period before.
    valid, raw : float
        Valid patrols capped at the quota, and as they were.
    """

    key: str
    rank: int | None
    change: int | None
    name: str
    unit_name: str
    post_title: str
    required: float
    valid: float
    raw: float
    completion_rate: float | None
    attainment_rate: float | None
    score: float | None
    small_sample: bool
    rates: Mapping[str, float | None]
    group: str = ""
    """Persons who are ranked against each other; empty for units."""


def rank_persons(
    ledger: Ledger,
    period: Period,
    *,
    as_of: datetime,
    group: PersonGroup,
    unit_names: Mapping[str, str],
    former: Mapping[str, int] = MappingProxyType({}),
) -> list[RankingRow]:
    """Persons of a group by patrol frequency: share of the quota, capped, so that mileage wins nothing.

    The rule in plain words; `patrol.reports.standings` follows it for a whole city at once.

    Parameters
    ----------
    former : mapping of key -> rank
        Of the period before, as `person_ranks` says it.
    """
    rated = _of_group(ledger, period, as_of, group)
    ranks = _ranks(rated)
    rows = []
    for key, person, count in rated:
        raw = float(count)
        capped = min(raw, person.required)
        rate = capped / person.required if person.required else None
        rank, before = ranks.get(key), former.get(key)
        rows.append(
            RankingRow(
                key=key,
                rank=rank,
                change=None if rank is None or before is None else before - rank,
                name=person.name,
                unit_name=unit_names.get(person.division_code, ""),
                post_title=person.title,
                required=round(person.required, 2),
                valid=round(capped, 2),
                raw=raw,
                completion_rate=rate,
                attainment_rate=None if rate is None else float(raw >= person.required - 1e-9),
                score=rate,
                # A person's quota of one or two is a person's quota; smallness speaks of samples.
                small_sample=False,
                rates={},
                group=group.key,
            )
        )
    return sorted(rows, key=_order)


def person_ranks(ledger: Ledger, period: Period, *, as_of: datetime, group: PersonGroup) -> dict[str, int]:
    """Rank of every person of a group by key; ties share it. Who was asked for nothing has none."""
    return _ranks(_of_group(ledger, period, as_of, group))


def _of_group(
    ledger: Ledger, period: Period, as_of: datetime, group: PersonGroup
) -> list[tuple[str, Person, int]]:
    """Key, person and valid outings of everybody in a group."""
    done = valid_of_persons(ledger, period, as_of)
    return [
        (person.seat, person, count)
        for person, count in zip(ledger.persons, done, strict=True)
        if person.tier == group.tier and person.kind in group.kinds
    ]


def _ranks(rated: Sequence[tuple[str, Person, int]]) -> dict[str, int]:
    rates = [
        (min(count, person.required) / person.required, key)
        for key, person, count in rated
        if person.required
    ]
    rates.sort(reverse=True)
    ranks: dict[str, int] = {}
    rank, last = 0, None
    for place, (rate, key) in enumerate(rates, start=1):
        if last is None or abs(last - rate) >= TIE:
            rank = place
        ranks[key], last = rank, rate
    return ranks


def rank_units(
    ledger: Ledger, period: Period, *, as_of: datetime, units: Sequence[Unit], policy: RankingPolicy
) -> list[RankingRow]:
    """Units by weighted score; an indicator of which nothing was asked lends its weight to the others."""
    rows = []
    parts = ledger.by_unit([unit.prefix for unit in units])
    for unit in units:
        own = parts[unit.prefix]
        found = compute(own, period, as_of)
        rates = {key: found[key].value for key in found if key not in {"required", "valid"}}
        behind = sum(len(found[key].items) for key in policy.weights)
        rows.append(
            RankingRow(
                key=unit.division_code,
                rank=None,
                change=None,
                name=unit.name,
                unit_name=unit.name,
                post_title="",
                required=round(found["required"].numerator, 2),
                valid=round(found["completion_rate"].numerator, 2),
                raw=found["valid"].numerator,
                completion_rate=rates["completion_rate"],
                attainment_rate=rates["attainment_rate"],
                score=score(rates, policy.weights),
                small_sample=behind < policy.small_below,
                rates=rates,
            )
        )
    return with_ranks(rows)


def score(rates: Mapping[str, float | None], weights: Mapping[str, float]) -> float | None:
    """Weighted mean of the rates that exist; None where none does."""
    known = {key: rate for key in weights if (rate := rates.get(key)) is not None}
    total = sum(weights[key] for key in known)
    return sum(weights[key] * rate for key, rate in known.items()) / total if total else None


def with_ranks(rows: Sequence[RankingRow]) -> list[RankingRow]:
    """Rows in order with ranks 1, 1, 3 …; rows without a score stand last, unranked."""
    ordered = sorted(rows, key=_order)
    ranked: list[RankingRow] = []
    for place, row in enumerate(ordered, start=1):
        before = ranked[-1] if ranked else None
        if row.score is None:
            rank = None
        elif before is not None and before.score is not None and abs(before.score - row.score) < TIE:
            rank = before.rank
        else:
            rank = place
        ranked.append(replace(row, rank=rank))
    return ranked


def _order(row: RankingRow) -> tuple[bool, float, float, str, str, str]:
    return (row.score is None, -(row.score or 0.0), -row.raw, row.unit_name, row.name, row.key)


def with_changes(rows: Sequence[RankingRow], former: Sequence[RankingRow]) -> list[RankingRow]:
    """Places won or lost since the former ranking."""
    ranks = {row.key: row.rank for row in former}

    def change(row: RankingRow) -> int | None:
        before = ranks.get(row.key)
        return before - row.rank if before is not None and row.rank is not None else None

    return [replace(row, change=change(row)) for row in rows]


@lru_cache(maxsize=1)
def ranking_policy() -> RankingPolicy:
    """The policy that ships with the product, read once."""
    raw = tomllib.loads(POLICY_FILE.read_text("utf-8"))
    return RankingPolicy(
        weights=raw["score"],
        small_below=raw["small_numbers"]["below"],
        groups=tuple(
            PersonGroup(row["key"], row["zh"], row["tier"], tuple(row["kinds"])) for row in raw["persons"]
        ),
        ranks_persons={key: row["ranks_persons"] for key, row in raw["profiles"].items()},
        receiving_kinds=tuple(raw["distribution"]["kinds"]),
        unsigned_days=raw["distribution"]["unsigned_days"],
    )
