"""Violations as rows of the taxonomy: legal basis, authority, measure, and what may be fined, as numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from foundation.errors import InvalidInput

FineKind = Literal["per_m2", "multiple", "share", "fixed", "none"]


@dataclass(frozen=True, slots=True)
class Basis:
    """One article of one statute."""

    statute: str
    article: str
    text: str


@dataclass(frozen=True, slots=True)
class Fine:
    """What one article allows to fine.

    Attributes
    ----------
    low, high : float
        Both inclusive: yuan for each m² (``per_m2``), times the base (``multiple``), part of the base
        (``share``), yuan (``fixed``); 0 where nothing may be fined (``none``).
    base, base_name : str or None
        What a multiple or a share is taken of; only the investigation knows its amount.
    is_optional : bool
        The authority may leave the fine out (可以并处).
    must_confirm : bool
        A bureau has to check the numbers before use.
    """

    kind: FineKind
    low: float
    high: float
    base: str | None
    base_name: str | None
    is_optional: bool
    must_confirm: bool
    text: str


@dataclass(frozen=True, slots=True)
class FineRange:
    """Least and greatest fine in yuan, not rounded."""

    low_yuan: float
    high_yuan: float


@dataclass(frozen=True, slots=True)
class Violation:
    """A row of the taxonomy, as in force on some day.

    Attributes
    ----------
    is_found_by_rule : bool
        A rule of desk judgement suggests it; else only a person gives the code.
    valid_from, valid_to : str or None
        ISO days: the first on which the row applies, the first on which it no longer does.
    """

    code: str
    name_zh: str
    name_en: str
    authority: str
    authority_name: str
    basis: tuple[Basis, ...]
    measure: str
    measure_en: str = ""
    authority_name_en: str = ""
    fines: tuple[Fine, ...] = ()
    is_found_by_rule: bool = False
    valid_from: str | None = None
    valid_to: str | None = None


def fine_range(fine: Fine, *, area_m2: float | None = None, base_yuan: float | None = None) -> FineRange:
    """What may be fined for one act.

    Parameters
    ----------
    area_m2 : float, optional
        Unlawful area, for ``per_m2``.
    base_yuan : float, optional
        Amount of the base in yuan, for ``multiple`` and ``share``.

    Raises
    ------
    InvalidInput
        ``detection.fine.no_area``, ``detection.fine.no_base``: what the fine is taken of is not known, or
        below zero. Nothing is assumed in its place.
    """
    if fine.kind in {"none", "fixed"}:
        return FineRange(fine.low, fine.high)
    if fine.kind == "per_m2":
        if area_m2 is None or area_m2 < 0.0:
            raise InvalidInput("detection.fine.no_area", fine=fine.text)
        return FineRange(fine.low * area_m2, fine.high * area_m2)
    if base_yuan is None or base_yuan < 0.0:
        raise InvalidInput("detection.fine.no_base", fine=fine.text, base=fine.base_name or "")
    return FineRange(fine.low * base_yuan, fine.high * base_yuan)


def violation_of(row: Mapping[str, Any], table: Mapping[str, Any]) -> Violation:
    """A row of ``taxonomy.toml``; rule sets stored before fines were data have none."""
    return Violation(
        row["code"],
        row["zh"],
        row["en"],
        row["authority"],
        table["names"][row["authority"]],
        tuple(Basis(basis["statute"], basis["article"], basis["text"]) for basis in row["basis"]),
        row["measure"],
        row.get("measure_en", ""),
        table.get("names_en", {}).get(row["authority"], ""),
        tuple(_fine(fine, table) for fine in row.get("fines", ())),
        row.get("found_by") == "rule",
        row["valid_from"],
        row.get("valid_to"),
    )


def _fine(row: Mapping[str, Any], table: Mapping[str, Any]) -> Fine:
    base = row.get("base")
    return Fine(
        row["kind"],
        float(row.get("low", 0.0)),
        float(row.get("high", 0.0)),
        base,
        None if base is None else table["fine_bases"][base],
        bool(row.get("is_optional", False)),
        bool(row.get("confirm", False)),
        row["zh"],
    )
