"""One root error, seven kinds; every leaf names what went wrong, in Chinese and English, and the mend.

LandwardenError
├── InvalidInput       the caller's data is wrong; nothing was stored
├── NotAuthenticated   nobody is signed in
├── NotAllowed         somebody is, and may not do this
├── NotFound           it does not exist, or lies outside the caller's area
├── Conflict           it exists in another state than the caller thought
├── Unavailable        something that is needed does not answer; trying again may help
└── Defect             our fault
"""

from __future__ import annotations

import string
import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

Language = Literal["zh", "en"]
MESSAGES_FOLDER = Path(__file__).resolve().parents[1] / "data" / "messages"


class LandwardenError(Exception):
    """Root of all errors that a person is meant to read.

    Parameters
    ----------
    code : str
        Dotted, like ``ingest.scene.no_crs``; the key of its text in ``data/messages/*.toml``.
    **facts
        Values named in the text (file, field, line, found, expected); JSON-serialisable.
    """

    def __init__(self, code: str, /, **facts: Any) -> None:
        self.code = code
        self.facts = facts
        super().__init__(self.text("zh") + "\n" + self.text("en"))

    def text(self, language: Language) -> str:
        """Message and mend in one language; falls back to the code and its facts."""
        entry = _messages().get(self.code, {})
        template = entry.get(language)
        if template is None:
            details = ", ".join(f"{key}={value}" for key, value in sorted(self.facts.items()))
            return f"{self.code} ({details})" if details else self.code
        return _Forgiving().format(template, **self.facts)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.code, self.facts)


class InvalidInput(LandwardenError):
    """What was given breaks a stated rule."""


class NotAuthenticated(LandwardenError):
    """No valid session."""


class NotAllowed(LandwardenError):
    """The policy refuses this actor."""


class NotFound(LandwardenError):
    """Not there, or not within the caller's area: the two are indistinguishable on purpose."""


class Conflict(LandwardenError):
    """An illegal move, a lost race, or a second body under one id."""


class TooMany(LandwardenError):
    """Too often in too short a time."""


class Unavailable(LandwardenError):
    """A database, a disk, a port or a library that is needed and missing."""


class Defect(LandwardenError):
    """A broken promise inside the product."""


def known_codes() -> frozenset[str]:
    """Every code that has a text."""
    return frozenset(_messages())


class _Forgiving(string.Formatter):
    """Keeps ``{name}`` where a fact is missing: an incomplete message beats a second error."""

    def get_value(self, key: int | str, args: Any, kwargs: Any) -> Any:
        if isinstance(key, str) and key not in kwargs:
            return "{" + key + "}"
        return super().get_value(key, args, kwargs)

    def format_field(self, value: Any, format_spec: str) -> Any:
        try:
            return super().format_field(value, format_spec)
        except (ValueError, TypeError):
            return str(value)


@lru_cache(maxsize=1)
def _messages() -> dict[str, dict[str, str]]:
    """All texts: ``["code"] zh = "…" en = "…"``, one file a package."""
    texts: dict[str, dict[str, str]] = {}
    for path in sorted(MESSAGES_FOLDER.glob("*.toml")):
        texts.update(tomllib.loads(path.read_text("utf-8")))
    return texts


def _rebuild(kind: type[LandwardenError], code: str, facts: dict[str, Any]) -> LandwardenError:
    return kind(code, **facts)
