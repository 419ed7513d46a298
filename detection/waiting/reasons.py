"""Why a waiting lead may be dismissed: a table, ``data/rules/leads.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from foundation.errors import InvalidInput

TABLE_FILE = Path(__file__).resolve().parents[2] / "data" / "rules" / "leads.toml"
NOTE_MAX = 500


@dataclass(frozen=True, slots=True)
class DismissReason:
    """One row of the table."""

    code: str
    zh: str
    en: str
    needs_note: bool


@lru_cache(maxsize=1)
def dismiss_reasons() -> Mapping[str, DismissReason]:
    """All reasons, in the order of the table."""
    rows = tomllib.loads(TABLE_FILE.read_text("utf-8"))["dismiss_reasons"]
    return {
        code: DismissReason(code, row["zh"], row["en"], bool(row.get("needs_note", False)))
        for code, row in rows.items()
    }


def require_dismiss_reason(code: str, note: str | None) -> DismissReason:
    """The row of a reason, once its note is there where it needs one.

    Raises
    ------
    InvalidInput
        ``detection.lead.unknown_reason``, ``detection.lead.note_missing`` or
        ``detection.lead.note_too_long``.
    """
    reason = dismiss_reasons().get(code)
    if reason is None:
        raise InvalidInput(
            "detection.lead.unknown_reason", reason=code[:60], known=", ".join(dismiss_reasons())
        )
    if reason.needs_note and not (note or "").strip():
        raise InvalidInput("detection.lead.note_missing", reason=reason.zh)
    if note is not None and len(note) > NOTE_MAX:
        raise InvalidInput("detection.lead.note_too_long", maximum=NOTE_MAX)
    return reason
