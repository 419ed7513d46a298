"""Objections (图斑异议, 底图异议): who may object to what, who decides, and whether the clock stops."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import UUID

from shapely.geometry.base import BaseGeometry

from foundation.errors import Conflict, InvalidInput, NotAllowed

RULES_FILE = Path(__file__).resolve().parents[3] / "data" / "rules" / "objections.toml"
KINDS = ("geometry", "date", "class", "base")
REMEDIES = ("corrected", "dismissed")


@dataclass(frozen=True, slots=True)
class ObjectionRule:
    """One row of ``objections.toml``.

    Attributes
    ----------
    reason_kind : str
        Kind of ``reasons.toml`` that must be given.
    clock : str
        Row of ``clocks.toml`` by which it is decided.
    pauses_in : frozenset of str
        States of the case whose clock stands still meanwhile.
    """

    key: str
    zh: str
    en: str
    reason_kind: str
    clock: str
    pauses_in: frozenset[str]
    remedies: tuple[str, ...]


@dataclass(frozen=True)
class ObjectionTable:
    """All rules, and the tier that decides by the tier that objects."""

    rules: Mapping[str, ObjectionRule]
    decided_by_tier: Mapping[int, int]

    def rule(self, kind: str) -> ObjectionRule:
        """The rule of a kind.

        Raises
        ------
        InvalidInput
            ``patrol.objection.unknown_kind``.
        """
        if kind not in self.rules:
            raise InvalidInput("patrol.objection.unknown_kind", kind=kind[:40], accepted=list(self.rules))
        return self.rules[kind]


@dataclass(frozen=True, slots=True)
class ObjectionBody:
    """What somebody objects to.

    Attributes
    ----------
    evidence_ids : sequence of UUID
        Evidence of this patch that supports it.
    layer_kind, version_id, feature_no : optional
        Of base data: which layer, version and feature.
    """

    kind: str
    reason_code: str
    note: str
    evidence_ids: Sequence[UUID] = ()
    layer_kind: str | None = None
    version_id: UUID | None = None
    feature_no: str | None = None

    @property
    def target(self) -> dict[str, Any]:
        """What of the base data it is about; JSON."""
        version = str(self.version_id) if self.version_id else None
        known = {"layer_kind": self.layer_kind, "version_id": version, "feature_no": self.feature_no}
        return {key: value for key, value in known.items() if value}


@dataclass(frozen=True, slots=True)
class DecisionBody:
    """How an objection is decided.

    Attributes
    ----------
    remedy : str, optional
        Upheld: ``corrected`` (with what is true) or ``dismissed`` (the patch is no new matter).
    outline : Polygon or MultiPolygon, optional
        True outline of the patch, or of the base feature; EPSG:4490.
    feature_action : str
        Base data: ``removed | changed | added``.
    feature_changes : mapping
        Base data: ``name, land_class_code, use, valid_from, valid_to``.
    """

    is_upheld: bool
    reason_code: str
    note: str | None = None
    remedy: str | None = None
    outline: BaseGeometry | None = None
    change_class: str | None = None
    before_on: date | None = None
    after_on: date | None = None
    feature_action: str = "changed"
    feature_changes: Mapping[str, str | None] = field(default_factory=dict)
    version_id: UUID | None = None
    feature_no: str | None = None


def check_body(body: ObjectionBody) -> ObjectionRule:
    """Refuse an objection that does not say what is wrong.

    Raises
    ------
    InvalidInput
        ``patrol.objection.unknown_kind``, ``patrol.objection.no_note``, ``patrol.objection.no_layer``.
    """
    rule = objection_table().rule(body.kind)
    if not body.note.strip():
        raise InvalidInput("patrol.objection.no_note")
    if body.kind == "base" and not body.layer_kind:
        raise InvalidInput("patrol.objection.no_layer")
    return rule


def check_decision(kind: str, body: DecisionBody) -> None:
    """An upheld objection says what is true.

    Raises
    ------
    InvalidInput
        ``patrol.objection.no_remedy``, ``patrol.objection.nothing_corrected``.
    """
    rule = objection_table().rule(kind)
    if not body.is_upheld:
        return
    if body.remedy not in rule.remedies:
        raise InvalidInput("patrol.objection.no_remedy", accepted=list(rule.remedies))
    given = {
        "geometry": body.outline is not None,
        "date": body.before_on is not None or body.after_on is not None,
        "class": body.change_class is not None,
        "base": bool(body.feature_changes)
        or body.outline is not None
        or body.feature_action in {"removed", "added"},
    }
    if body.remedy == "corrected" and not given[kind]:
        raise InvalidInput("patrol.objection.nothing_corrected", kind_name=rule.zh)


def require_tier_above(*, raised_tier: int, decided_tier: int, actor_tier: int) -> None:
    """Who decides stands where the rule says, or above.

    Raises
    ------
    NotAllowed
        ``patrol.objection.tier_too_low``.
    """
    if actor_tier > decided_tier or actor_tier >= raised_tier > 1:
        raise NotAllowed("patrol.objection.tier_too_low", tier=actor_tier, decided_tier=decided_tier)


def require_open(status: str) -> None:
    """An objection is decided once.

    Raises
    ------
    Conflict
        ``patrol.objection.decided_already``.
    """
    if status != "open":
        raise Conflict("patrol.objection.decided_already", status=status)


@lru_cache(maxsize=1)
def objection_table() -> ObjectionTable:
    """The rules that ship with the product, read once."""
    raw = tomllib.loads(RULES_FILE.read_text("utf-8"))
    rules = {
        key: ObjectionRule(
            key,
            row["zh"],
            row["en"],
            row["reasons"],
            row["clock"],
            frozenset(row["pauses_in"]),
            tuple(row["remedies"]),
        )
        for key, row in raw["kinds"].items()
    }
    tiers = {int(tier): int(decider) for tier, decider in raw["decided_by_tier"].items()}
    return ObjectionTable(rules, tiers)
