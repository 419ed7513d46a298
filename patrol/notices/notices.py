"""Kinds of notices and their words. A notice says a number and a kind, never more."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from foundation.errors import Language

POLICY_FILE = Path(__file__).resolve().parents[2] / "data" / "policies" / "notices.toml"


class Kind(NamedTuple):
    """The names of one kind of notice."""

    zh: str
    en: str
    is_urgent: bool


class Notice(NamedTuple):
    """A notice as its reader sees it."""

    notice_id: UUID
    kind: str
    kind_name: str
    kind_name_en: str
    subject_kind: str
    subject_name: str
    subject_name_en: str
    subject_id: UUID
    number: str
    created_at: datetime
    read_at: datetime | None


class Wording(NamedTuple):
    """What a message says."""

    title: str
    text: str


@lru_cache(maxsize=1)
def notice_policy() -> Mapping[str, Any]:
    """``data/policies/notices.toml``, read once."""
    return tomllib.loads(POLICY_FILE.read_text("utf-8"))


@lru_cache(maxsize=1)
def kinds() -> Mapping[str, Kind]:
    """Kinds by key."""
    rows = notice_policy()["kinds"].items()
    return {key: Kind(row["zh"], row["en"], row.get("is_urgent", False)) for key, row in rows}


def subject_name(key: str, language: Language) -> str:
    """What a number belongs to."""
    return str(notice_policy()["subjects"][key][language])


def word(notices: Sequence[tuple[str, str, str]], language: Language) -> Wording:
    """Title and text of a message.

    Parameters
    ----------
    notices : sequence of (kind, subject kind, number)
        Oldest first; the same one twice is said once.

    Returns
    -------
    Wording
        One line a notice; from the twenty-first on only how many more.
    """
    said = list(dict.fromkeys(notices))
    rules = notice_policy()["wording"]
    lines = [_line(kind, subject, number, language) for kind, subject, number in said[: rules["at_most"]]]
    rest = len(said) - len(lines)
    if rest:
        lines.append(rules[f"more_{language}"].format(count=rest))
    lines.append(rules[f"ending_{language}"])
    return Wording(rules[f"title_{language}"].format(count=len(said)), "\n".join(lines))


def _line(kind: str, subject: str, number: str, language: Language) -> str:
    name = kinds()[kind]
    if language == "zh":
        return f"{subject_name(subject, 'zh')} {number}：{name.zh}"
    return f"{subject_name(subject, 'en')} {number}: {name.en}"
