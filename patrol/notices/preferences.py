"""How a person wants to be told: which ways, one by one or collected, and when not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, time, timedelta
from typing import Any, Literal

from foundation.calendar import SHANGHAI
from foundation.errors import InvalidInput, Language
from patrol.notices.notices import kinds, notice_policy

Pace = Literal["each", "hourly", "daily"]
PACES: tuple[Pace, ...] = ("each", "hourly", "daily")
PUSH = "push"
DAILY_AT = time(8, 30)
MAIL = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
PHONE = re.compile(r"\+?[0-9]{5,15}")
ACCOUNT = re.compile(r"[A-Za-z0-9_.@-]{1,64}")
FORMS: Mapping[str, re.Pattern[str]] = {"email": MAIL, "phone": PHONE, "account": ACCOUNT}


@dataclass(frozen=True, slots=True)
class Choice:
    """One way of being told."""

    is_on: bool = False
    address: str = ""
    pace: Pace = "each"


@dataclass(frozen=True, slots=True)
class Preferences:
    """What one person chose.

    Attributes
    ----------
    quiet_from, quiet_to : str
        ``HH:MM`` in Shanghai; the same twice means never quiet. Nothing goes out in between.
    lets_urgent_through : bool
        Whether what is urgent goes out in quiet hours as well.
    muted : tuple of str
        Kinds that are seen inside the platform alone.
    """

    channels: Mapping[str, Choice] = field(default_factory=dict)
    quiet_from: str = notice_policy()["quiet"]["from"]
    quiet_to: str = notice_policy()["quiet"]["to"]
    lets_urgent_through: bool = True
    muted: tuple[str, ...] = ()
    language: Language = "zh"


def from_json(raw: Mapping[str, Any] | None) -> Preferences:
    """Preferences as stored; those of nobody are the default."""
    if raw is None:
        return Preferences()
    channels = {key: Choice(**row) for key, row in raw["channels"].items()}
    return Preferences(**{**raw, "channels": channels, "muted": tuple(raw["muted"])})


def to_json(preferences: Preferences) -> dict[str, Any]:
    """Preferences to be stored."""
    return asdict(preferences) | {
        "channels": {key: asdict(choice) for key, choice in preferences.channels.items()},
        "muted": list(preferences.muted),
    }


def check(preferences: Preferences, forms: Mapping[str, str]) -> None:
    """What is asked for can be done.

    Parameters
    ----------
    forms : mapping of channel -> form of its address
        ``email``, ``phone``, ``account``; ``""`` where the person gives none.

    Raises
    ------
    InvalidInput
        ``patrol.notice.unknown_channel``, ``.bad_address``, ``.bad_time``, ``.unknown_kind``.
    """
    for key, choice in preferences.channels.items():
        if key not in forms:
            raise InvalidInput("patrol.notice.unknown_channel", channel=key[:40])
        form = forms[key]
        if form and (choice.is_on or choice.address) and not FORMS[form].fullmatch(choice.address):
            raise InvalidInput("patrol.notice.bad_address", channel=key)
    for kind in preferences.muted:
        if kind not in kinds():
            raise InvalidInput("patrol.notice.unknown_kind", kind=kind[:40])
    for moment in (preferences.quiet_from, preferences.quiet_to):
        _time(moment)


def quiet_until(preferences: Preferences, now: datetime, *, is_urgent: bool) -> datetime | None:
    """End of the quiet hours that ``now`` lies in; None outside."""
    start, end = _time(preferences.quiet_from), _time(preferences.quiet_to)
    local = now.astimezone(SHANGHAI)
    if start == end or (is_urgent and preferences.lets_urgent_through):
        return None
    clock = local.time()
    is_quiet = start <= clock < end if start < end else clock >= start or clock < end
    if not is_quiet:
        return None
    day = local.date() + timedelta(days=1 if clock >= end else 0)
    return datetime.combine(day, end, SHANGHAI)


def slot_of(preferences: Preferences, pace: Pace, now: datetime, *, is_urgent: bool) -> datetime | None:
    """When the collection goes out that a notice joins; None: by itself, at once.

    Whatever falls into quiet hours is collected, so that the morning rings once.
    """
    quiet = quiet_until(preferences, now, is_urgent=is_urgent)
    if is_urgent or pace == "each":
        return quiet
    local = now.astimezone(SHANGHAI)
    if pace == "hourly":
        slot = local.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    else:
        slot = datetime.combine(local.date(), DAILY_AT, SHANGHAI)
        slot += timedelta(days=1 if slot <= local else 0)
    return quiet_until(preferences, slot, is_urgent=False) or slot


def _time(text: str) -> time:
    try:
        return datetime.strptime(text, "%H:%M").time()
    except ValueError as error:
        raise InvalidInput("patrol.notice.bad_time", given=text[:20]) from error
