"""Reason codes: why something was returned, dismissed, transferred or closed."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from foundation.errors import InvalidInput

REASONS_FILE = Path(__file__).resolve().parents[2] / "data" / "rules" / "reasons.toml"
ENGLISH_FILE = REASONS_FILE.with_name("names_en.toml")


class Reason(NamedTuple):
    """One reason: its kind (what it explains), its code, its texts."""

    kind: str
    code: str
    zh: str
    en: str


@lru_cache(maxsize=1)
def reasons() -> Mapping[str, Mapping[str, str]]:
    """Kind -> code -> Chinese text."""
    table: dict[str, dict[str, str]] = tomllib.loads(REASONS_FILE.read_text("utf-8"))
    return table


@lru_cache(maxsize=1)
def reasons_in_english() -> Mapping[str, Mapping[str, str]]:
    """Kind -> code -> English text."""
    table: dict[str, dict[str, str]] = tomllib.loads(ENGLISH_FILE.read_text("utf-8"))["reasons"]
    return table


def all_reasons() -> tuple[Reason, ...]:
    """Every reason, for pickers."""
    return tuple(
        Reason(kind, code, text, reasons_in_english()[kind][code])
        for kind, rows in reasons().items()
        if kind != "names"
        for code, text in rows.items()
    )


def reason_name(code: str | None, kind: str | None = None) -> str | None:
    """Chinese text of a code of a kind, or of the first kind that has it; the code itself where none does."""
    if code is None:
        return None
    known = reasons().get(kind or "", {})
    return known.get(code) or next((reason.zh for reason in all_reasons() if reason.code == code), code)


def require_reason(kind: str | None, code: str | None) -> None:
    """Where a move asks for a reason, one of that kind is given.

    Raises
    ------
    InvalidInput
        ``patrol.reason.missing`` or ``patrol.reason.unknown``.
    """
    if kind is None:
        if code is not None and not any(reason.code == code for reason in all_reasons()):
            raise InvalidInput("patrol.reason.unknown", reason_code=code, accepted=[])
        return
    known = reasons()[kind]
    if not code:
        raise InvalidInput("patrol.reason.missing", kind=reasons()["names"].get(kind, kind))
    if code not in known:
        raise InvalidInput("patrol.reason.unknown", reason_code=code, accepted=sorted(known))
