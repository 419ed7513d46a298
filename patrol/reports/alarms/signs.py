"""Rules of the signs: cases closed in a bulk, one photo for several cases, cases closed unvisited."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

POLICY_FILE = Path(__file__).resolve().parents[3] / "data" / "policies" / "alarms.toml"


class Closing(NamedTuple):
    """A case closed in the period; ``visits`` before that, by anybody."""

    number: str
    division_code: str
    closed_at: datetime
    actor_id: UUID
    actor_name: str
    visits: int


class SharedPhoto(NamedTuple):
    """A photo that came in during the period and stands in several cases."""

    fingerprint: str
    division_code: str
    numbers: tuple[str, ...]


class Sign(NamedTuple):
    """Something for a superior to look at; ``items`` are the numbers of the cases behind it."""

    key: str
    division_code: str
    zh: str
    en: str
    items: tuple[str, ...]


@lru_cache(maxsize=1)
def alarm_policy() -> Mapping[str, Any]:
    """Thresholds and words of the signs."""
    return tomllib.loads(POLICY_FILE.read_text("utf-8"))


def signs_of(
    closings: Sequence[Closing], photos: Iterable[SharedPhoto], *, end: datetime, names_persons: bool
) -> tuple[Sign, ...]:
    """All signs of a period.

    Parameters
    ----------
    end : datetime
        Of the period, or now within a running one.
    names_persons : bool
        False: whoever closed in a bulk is told by their unit alone.
    """
    unvisited = [
        _sign("closed_unvisited", case.division_code, [case.number], number=case.number)
        for case in closings
        if not case.visits
    ]
    return (*_bulks(closings, end, names_persons), *_shared(photos), *unvisited)


def _bulks(closings: Sequence[Closing], end: datetime, names_persons: bool) -> list[Sign]:
    rule = alarm_policy()["bulk_closing"]
    since = end - timedelta(hours=rule["hours"])
    by_actor: dict[UUID, list[Closing]] = {}
    for case in closings:
        by_actor.setdefault(case.actor_id, []).append(case)
    found = []
    for own in by_actor.values():
        late = [case for case in own if case.closed_at >= since]
        share = len(late) / len(own)
        if len(late) < rule["count_min"] or share < rule["share_min"]:
            continue
        who = own[0].actor_name if names_persons else f"{own[0].division_code[:6]}"
        told = {"who": who, "hours": rule["hours"], "count": len(late), "share": f"{share:.0%}"}
        area = f"{own[0].division_code[:6]}000000"
        found.append(_sign("bulk_closing", area, [case.number for case in late], **told))
    return found


def _shared(photos: Iterable[SharedPhoto]) -> list[Sign]:
    least = alarm_policy()["same_photo"]["cases_min"]
    return [
        _sign(
            "same_photo",
            photo.division_code,
            photo.numbers,
            count=len(photo.numbers),
            numbers="、".join(photo.numbers),
        )
        for photo in photos
        if len(photo.numbers) >= least
    ]


def _sign(key: str, division_code: str, items: Iterable[str], **told: Any) -> Sign:
    words = alarm_policy()[key]
    return Sign(key, division_code, words["zh"].format(**told), words["en"].format(**told), tuple(items))
