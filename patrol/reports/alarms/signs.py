"""Rules of the signs: bulk closing, one photo for several cases, closing unvisited, walking on roads."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from foundation.calendar import SHANGHAI
from patrol.reports.alarms.roads import AlongRoad

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


class Walker(NamedTuple):
    """A post-holder's outings of the period, and the share of their own farmland that lies near a road."""

    post_title: str
    holder_name: str
    division_code: str
    place: str
    field_share: float
    outings: tuple[AlongRoad, ...]


class Sign(NamedTuple):
    """Something for a superior to look at.

    Attributes
    ----------
    item_kind : str
        ``patch``: ``items`` are numbers of cases; ``patrol``: ids of outings.
    notes : tuple of str
        What there is to say of each item; empty where the number says all.
    """

    key: str
    division_code: str
    zh: str
    en: str
    items: tuple[str, ...]
    item_kind: str = "patch"
    notes: tuple[str, ...] = ()


class Unchecked(NamedTuple):
    """A sign that could not be looked for in some counties (by name), and why: silence there says nothing."""

    key: str
    reason: str
    zh: str
    en: str
    places: tuple[str, ...]


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


def roadside_signs(walkers: Iterable[Walker], *, names_persons: bool) -> tuple[Sign, ...]:
    """Whoever keeps to the roads although their fields do not lie there, farthest apart first.

    What is compared is the share of the way walked near a road with the share of the own farmland that lies
    near one: whoever walks all of their fields has about the same of both.
    """
    rule = alarm_policy()["near_road"]
    found = []
    for walker in walkers:
        whole = sum(outing.walked_m for outing in walker.outings)
        if whole < rule["walked_min_m"] or len(walker.outings) < rule["outings_min"]:
            continue
        share = sum(outing.near_m for outing in walker.outings) / whole
        excess = share - walker.field_share
        if share < rule["share_min"] or excess < rule["excess_min"]:
            continue
        found.append((excess, _roadside(walker, whole, share, names_persons=names_persons)))
    return tuple(sign for _, sign in sorted(found, key=lambda pair: (-pair[0], pair[1].division_code)))


def _roadside(walker: Walker, whole: float, share: float, *, names_persons: bool) -> Sign:
    rule = alarm_policy()["near_road"]
    sign = _sign(
        "near_road",
        walker.division_code,
        [str(outing.patrol_id) for outing in walker.outings],
        who=f"{walker.post_title}{walker.holder_name}" if names_persons else f"{walker.place}一名巡查人员",
        who_en=walker.holder_name if names_persons else f"somebody in {walker.place}",
        count=len(walker.outings),
        km=f"{whole / 1000.0:.1f}",
        near_m=rule["near_m"],
        share=f"{share:.0%}",
        fields=f"{walker.field_share:.0%}",
    )
    return sign._replace(item_kind="patrol", notes=tuple(_outing_note(each) for each in walker.outings))


def _outing_note(outing: AlongRoad) -> str:
    moment = outing.started_at.astimezone(SHANGHAI)
    share = outing.near_m / outing.walked_m if outing.walked_m else 0.0
    return f"{moment:%Y-%m-%d %H:%M}　{outing.walked_m / 1000.0:.1f}千米，沿路{share:.0%}"


def unchecked(key: str, reason: str, places: Sequence[str]) -> Unchecked:
    """A sign that could not be looked for, with its reason in words."""
    words = alarm_policy()["unchecked"][reason]
    return Unchecked(key, reason, words["zh"], words["en"], tuple(places))


def _sign(key: str, division_code: str, items: Iterable[str], **told: Any) -> Sign:
    words = alarm_policy()[key]
    return Sign(key, division_code, words["zh"].format(**told), words["en"].format(**told), tuple(items))
