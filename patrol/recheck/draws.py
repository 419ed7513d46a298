"""The lottery: drawn so that anybody can draw it again, and what its outcomes say of all closed cases."""

from __future__ import annotations

import hashlib
import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from statistics import NormalDist
from typing import Any, NamedTuple

from foundation.audit import canonical
from foundation.errors import Conflict

POLICY_FILE = Path(__file__).resolve().parents[2] / "data" / "policies" / "recheck.toml"
UPHELD = frozenset({"restored"})
FOUND_WANTING = frozenset({"not_restored", "relapsed"})


class ClosedCase(NamedTuple):
    """A case that may be drawn; the number names it, the county is its stratum."""

    number: str
    county_code: str
    closed_on: date


class Ticket(NamedTuple):
    """One drawn case, and the county whose officer looks."""

    number: str
    county_code: str
    by_county: str


@dataclass(frozen=True, slots=True)
class Draw:
    """One lottery.

    Attributes
    ----------
    seed : str
        64 hex digits, published; `seed_of` tells how it came about.
    population : tuple of ClosedCase
        All that could be drawn, by number.
    """

    seed: str
    population: tuple[ClosedCase, ...]
    tickets: tuple[Ticket, ...]


@dataclass(frozen=True, slots=True)
class Estimate:
    """Share of all closed cases that are truly put right, with an interval; None where nothing was seen."""

    rate: float | None
    low: float | None
    high: float | None
    looked_at: int
    upheld: int
    population: int


def seed_of(week: str, *, audit_seq: int, audit_hash: str) -> str:
    """Seed of a week's lottery: the head of the audit chain when the week ended, which nobody could choose.

    SHA-256 of the canonical JSON of ``{"audit_hash", "audit_seq", "week"}``.
    """
    told = {"week": week, "audit_seq": audit_seq, "audit_hash": audit_hash}
    return hashlib.sha256(canonical(told).encode()).hexdigest()


def lot(seed: str, number: str) -> str:
    """What orders the cases: SHA-256 of seed, slash, number. The smallest lots are drawn."""
    return hashlib.sha256(f"{seed}/{number}".encode()).hexdigest()


def draw(seed: str, population: Sequence[ClosedCase], counties: Sequence[str]) -> Draw:
    """Draw a stratified sample, and give each case to another county.

    Parameters
    ----------
    counties : sequence of str
        Those whose officers can be sent.

    Raises
    ------
    Conflict
        ``patrol.recheck.one_county``: there is nobody else to look.
    """
    ordered = tuple(sorted(population))
    strata: dict[str, list[ClosedCase]] = {}
    for case in ordered:
        strata.setdefault(case.county_code, []).append(case)
    sizes = sample_sizes({county: len(cases) for county, cases in strata.items()})
    chosen = [
        case
        for county, cases in sorted(strata.items())
        for case in sorted(cases, key=lambda case: lot(seed, case.number))[: sizes[county]]
    ]
    return Draw(seed, ordered, tuple(_given_out(seed, chosen, sorted(set(counties)))))


def sample_sizes(counts: Mapping[str, int]) -> dict[str, int]:
    """How many of each stratum: the share of it, at least the least, together at most the most."""
    policy = recheck_policy()["draw"]
    sizes = {
        county: min(count, max(policy["least"], math.ceil(policy["share"] * count)))
        for county, count in counts.items()
    }
    while sum(sizes.values()) > policy["most"]:
        # The stratum that is looked at most closely gives one back; the smallest keep their one.
        county = max(sorted(sizes), key=lambda key: (sizes[key] > policy["least"], sizes[key]))
        if sizes[county] <= policy["least"]:
            break
        sizes[county] -= 1
    return sizes


def _given_out(seed: str, chosen: Sequence[ClosedCase], counties: Sequence[str]) -> list[Ticket]:
    loads = dict.fromkeys(counties, 0)
    tickets = []
    for case in sorted(chosen, key=lambda case: lot(seed, case.number)):
        others = [county for county in counties if county != case.county_code]
        if not others:
            raise Conflict("patrol.recheck.one_county", county=case.county_code)
        county = min(others, key=lambda key: (loads[key], lot(seed, f"{case.number}/{key}")))
        loads[county] += 1
        tickets.append(Ticket(case.number, case.county_code, county))
    return sorted(tickets)


def estimate(draw: Draw, outcomes: Mapping[str, str]) -> Estimate:
    """What the outcomes say of all cases that could be drawn.

    The share is the stratified one; the interval is Wilson's, with the number of cases that a simple sample
    as telling would have had, finite populations counted. Of a county where nobody was reached nothing is
    known: the interval allows for all of its cases being good, or none.

    Parameters
    ----------
    outcomes : mapping of number -> key of the policy's outcomes

    References
    ----------
    Cochran (1977), Sampling Techniques, 3rd ed., ch. 5; Wilson (1927), J. Am. Stat. Assoc. 22.
    """
    strata: dict[str, list[str]] = {}
    for case in draw.population:
        strata.setdefault(case.county_code, []).append(case.number)
    whole, rows = len(draw.population), []
    for numbers in strata.values():
        seen = [outcomes.get(number, "") for number in numbers]
        good = sum(outcome in UPHELD for outcome in seen)
        looked_at = good + sum(outcome in FOUND_WANTING for outcome in seen)
        if looked_at:
            rows.append((len(numbers), looked_at, good))
    if not rows:
        return Estimate(None, None, None, 0, 0, whole)
    known = sum(size for size, _, _ in rows)
    rate = sum(size / known * good / looked_at for size, looked_at, good in rows)
    doubt = sum((size / known) ** 2 * (1.0 - looked_at / size) / looked_at for size, looked_at, _ in rows)
    low, high = _wilson(rate, doubt)
    share = known / whole
    return Estimate(
        rate,
        low * share,
        high * share + 1.0 - share,
        sum(looked_at for _, looked_at, _ in rows),
        sum(good for _, _, good in rows),
        whole,
    )


def _wilson(rate: float, doubt: float) -> tuple[float, float]:
    """Interval of a share whose variance is ``doubt`` times rate times (1 - rate)."""
    confidence = recheck_policy()["estimate"]["confidence"]
    spread = NormalDist().inv_cdf(0.5 + confidence / 2.0) ** 2 * doubt
    middle = (rate + spread / 2.0) / (1.0 + spread)
    half = math.sqrt(spread * rate * (1.0 - rate) + spread**2 / 4.0) / (1.0 + spread)
    return max(middle - half, 0.0), min(middle + half, 1.0)


@lru_cache(maxsize=1)
def recheck_policy() -> Mapping[str, Any]:
    """The policy that ships with the product, read once."""
    return tomllib.loads(POLICY_FILE.read_text("utf-8"))
