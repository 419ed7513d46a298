"""Findings of a round: what may be told of one, how far its place may be off, and what came of it."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from foundation.audit import canonical
from foundation.errors import InvalidInput
from patrol.visits.visits import to_storage

POLICY_FILE = Path(__file__).resolve().parents[2] / "data" / "policies" / "findings.toml"
STANDINGS: Mapping[str, tuple[str, str]] = {
    "waiting": ("待核", "waits to be looked at"),
    "joined": ("已并入图斑 {number}", "part of patch {number}"),
    "confirmed": ("属实，整改中（图斑 {number}）", "upheld, being rectified (patch {number})"),
    "filed": ("已立案（图斑 {number}）", "case filed (patch {number})"),
    "settled": ("属实，已办结（图斑 {number}）", "upheld and settled (patch {number})"),
    "set_aside": (
        "已了结，未作违法处理（图斑 {number}）",
        "settled, not treated as unlawful (patch {number})",
    ),
    "not_upheld": ("不属实", "not upheld"),
    "repeated": ("重复发现，已有线索", "known already from another lead"),
    "approved": ("经核对为已批准用地", "land that was approved"),
}
"""How a finding stands -> what the finder is told, in Chinese and in English."""
DISMISSED: Mapping[str, str] = {"repeated": "repeated", "approved_site": "approved"}
"""Reasons for which a lead is dismissed although what was found is there; all others: not upheld."""
FILED = frozenset({"case_open", "transferred"})
RECTIFYING = frozenset({"rectifying", "recheck"})


class Category(NamedTuple):
    """One tap of the list."""

    key: str
    zh: str
    en: str
    change_class: str


@dataclass(frozen=True, slots=True)
class FindingPolicy:
    """From ``data/policies/findings.toml``."""

    radius_min_m: float
    radius_moved_m: float
    radius_max_m: float
    confidence: float
    note_max: int
    categories: Mapping[str, Category]


@dataclass(frozen=True, slots=True)
class FindingBody:
    """A finding as the phone sent it.

    Attributes
    ----------
    patrol_id : UUID or None
        The outing during which it was made; that one may arrive later.
    lonlat : (float, float)
        Where it lies, degrees in ``coord_source``.
    own_lonlat : (float, float) or None
        Where the finder stood, if the place was moved on the map.
    accuracy_m : float
        Of the finder's own position.
    """

    finding_id: UUID
    patrol_id: UUID | None
    category: str
    found_at: datetime
    device_counter: int
    lonlat: tuple[float, float]
    accuracy_m: float
    coord_source: str | None
    own_lonlat: tuple[float, float] | None = None
    note: str = ""


class Standing(NamedTuple):
    """What came of a finding: key of `STANDINGS`, and the words for it."""

    key: str
    zh: str
    en: str


def check_finding(body: FindingBody) -> None:
    """Refuse what cannot be a finding.

    Raises
    ------
    InvalidInput
        ``patrol.finding.unknown_category``, ``patrol.finding.note_too_long``,
        ``patrol.finding.place_too_poor``, ``patrol.visit.no_time_zone`` or a code of
        `patrol.visits.visits.to_storage`.
    """
    policy = finding_policy()
    if body.category not in policy.categories:
        accepted = [row.zh for row in policy.categories.values()]
        raise InvalidInput("patrol.finding.unknown_category", category=body.category[:40], accepted=accepted)
    if len(body.note) > policy.note_max:
        raise InvalidInput("patrol.finding.note_too_long", maximum=policy.note_max)
    if not 0 <= body.accuracy_m <= policy.radius_max_m:
        raise InvalidInput(
            "patrol.finding.place_too_poor", accuracy_m=body.accuracy_m, maximum=policy.radius_max_m
        )
    if body.found_at.tzinfo is None:
        raise InvalidInput("patrol.visit.no_time_zone", device_time=body.found_at.isoformat())
    to_storage(body.lonlat, body.coord_source)
    if body.own_lonlat is not None:
        to_storage(body.own_lonlat, body.coord_source)


def radius_m(body: FindingBody) -> float:
    """How far off the place may be (95 %): the position's accuracy, or what a finger on a map can do."""
    policy = finding_policy()
    if body.own_lonlat is not None:
        return policy.radius_moved_m
    return max(policy.radius_min_m, body.accuracy_m)


def body_sha256(body: FindingBody) -> str:
    """Of the canonical body: the same body again is the same finding."""
    return hashlib.sha256(canonical(plain_body(body)).encode()).hexdigest()


def plain_body(body: FindingBody) -> dict[str, Any]:
    """JSON values of a finding."""
    return asdict(body) | {
        "finding_id": str(body.finding_id),
        "patrol_id": str(body.patrol_id) if body.patrol_id else None,
        "found_at": body.found_at.isoformat(),
        "lonlat": list(body.lonlat),
        "own_lonlat": list(body.own_lonlat) if body.own_lonlat else None,
    }


def standing_of(
    *, number: str | None, dismissed: str | None = None, state: str | None = None, verdict: str | None = None
) -> Standing:
    """What came of a finding, from its lead and the case that the lead became part of.

    Parameters
    ----------
    number : str, optional
        Of the patch that its lead belongs to.
    dismissed : str, optional
        Reason for which the lead was laid aside.
    state, verdict : str, optional
        Of that patch's case.
    """
    if number is None:
        key = "waiting" if dismissed is None else DISMISSED.get(dismissed, "not_upheld")
    elif state in {"closed", "dismissed"}:
        key = {None: "set_aside", "unlawful": "settled"}.get(verdict, "not_upheld")
    elif state in FILED:
        key = "filed"
    else:
        key = "confirmed" if state in RECTIFYING else "joined"
    zh, en = STANDINGS[key]
    return Standing(key, zh.format(number=number), en.format(number=number))


@lru_cache(maxsize=1)
def finding_policy() -> FindingPolicy:
    """The policy that ships with the product, read once."""
    raw = tomllib.loads(POLICY_FILE.read_text("utf-8"))
    place = raw["place"]
    return FindingPolicy(
        place["radius_min_m"],
        place["radius_moved_m"],
        place["radius_max_m"],
        place["confidence"],
        raw["note"]["max_chars"],
        {
            row["key"]: Category(row["key"], row["zh"], row["en"], row["change_class"])
            for row in raw["categories"]
        },
    )
