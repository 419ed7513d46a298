"""The table of cameras, ``data/policies/cameras.toml``: kinds of event, limits, seasons, watching."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from foundation.calendar import SHANGHAI
from foundation.errors import InvalidInput

TABLE_FILE = Path(__file__).resolve().parents[2] / "data" / "policies" / "cameras.toml"


@dataclass(frozen=True, slots=True)
class EventKind:
    """What a camera says it saw, and the class of change that its lead carries."""

    key: str
    zh: str
    en: str
    change_class: str


@lru_cache(maxsize=1)
def camera_policy() -> Mapping[str, Any]:
    """The whole table, read once."""
    return tomllib.loads(TABLE_FILE.read_text("utf-8"))


def event_kind(key: str) -> EventKind:
    """A kind of event.

    Raises
    ------
    InvalidInput
        ``detection.camera.unknown_kind``.
    """
    kinds: Mapping[str, list[str]] = camera_policy()["kinds"]
    if key not in kinds:
        raise InvalidInput("detection.camera.unknown_kind", kind=key[:60], known=", ".join(kinds))
    return EventKind(key, *kinds[key])


def season_row(kind: str, seen_at: datetime) -> Mapping[str, Any] | None:
    """The farming season in which such an event is common, in Shanghai; None outside any."""
    day = seen_at.astimezone(SHANGHAI).strftime("%m-%d")
    for season in camera_policy()["seasons"]:
        if kind in season["kinds"] and season["from"] <= day <= season["to"]:
            found: Mapping[str, Any] = season
            return found
    return None


def season_of(kind: str, seen_at: datetime) -> str | None:
    """Name of that season."""
    season = season_row(kind, seen_at)
    return None if season is None else str(season["zh"])
