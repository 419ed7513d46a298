"""Verbs of the signs: show them to whoever reviews reports."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy.orm import Session

from foundation.access import Actor, require
from foundation.calendar import Period, parse_period
from foundation.divisions import Division, divisions
from patrol.lists.service import division_name
from patrol.net import service as net
from patrol.reports.alarms import store
from patrol.reports.alarms.roads import Roadside, along_roads, roadside_of
from patrol.reports.alarms.signs import (
    Sign,
    Unchecked,
    Walker,
    alarm_policy,
    roadside_signs,
    signs_of,
    unchecked,
)
from patrol.reports.bulletins import Facts
from patrol.reports.rankings import ranking_policy
from patrol.rounds.packing import unpack
from patrol.rounds.patrols import patrol_policy


class Found(NamedTuple):
    """Signs of a period, and what could not be looked for."""

    signs: tuple[Sign, ...]
    unchecked: tuple[Unchecked, ...]


def signs(
    session: Session,
    actor: Actor,
    *,
    period: str,
    division_code: str | None = None,
    profile: str = "full",
    now: datetime,
) -> Found:
    """Signs of a period in an area, for superiors to look at; nothing follows from them by itself.

    Raises
    ------
    InvalidInput
        ``foundation.calendar.bad_period``.
    """
    division = divisions().get(division_code or actor.area_code)
    require(actor, "report.review", division.code)
    asked = parse_period(period)
    return _found(session, actor, division, asked, profile=profile, end=min(now, asked.ends_at))


def sign_facts(
    session: Session, actor: Actor, division: Division, asked: Period, *, profile: str, end: datetime
) -> Facts:
    """The signs of a period as a bulletin keeps them for superiors; JSON values."""
    require(actor, "report.draft", division.code)
    found = _found(session, actor, division, asked, profile=profile, end=end)
    words = alarm_policy()
    return {
        "signs": [{**_plain(sign), "name": words[sign.key]["name"]} for sign in found.signs],
        "unchecked": [{**_plain(each), "name": words[each.key]["name"]} for each in found.unchecked],
    }


def _plain(value: Sign | Unchecked) -> Facts:
    """A named tuple as JSON has it."""
    return {key: list(part) if isinstance(part, tuple) else part for key, part in value._asdict().items()}


def _found(
    session: Session, actor: Actor, division: Division, asked: Period, *, profile: str, end: datetime
) -> Found:
    names_persons = ranking_policy().ranks_persons[profile]
    told = signs_of(
        store.closings(session, division.prefix, asked.starts_at, end),
        store.shared_photos(session, division.prefix, asked.starts_at, end),
        end=end,
        names_persons=names_persons,
    )
    walkers, missing = _walkers(session, actor, division.prefix, asked, end)
    return Found((*told, *roadside_signs(walkers, names_persons=names_persons)), missing)


def _walkers(
    session: Session, actor: Actor, prefix: str, asked: Period, end: datetime
) -> tuple[list[Walker], tuple[Unchecked, ...]]:
    """County by county, so that the ground of one is drawn at a time."""
    walkers: list[Walker] = []
    lacking: dict[str, list[str]] = {}
    counties = store.counties(session, prefix)
    for county in counties:
        area = prefix if len(prefix) > len(county) else county
        found = _roadside_in(session, area)
        if isinstance(found, str):
            lacking.setdefault(found, []).append(divisions().get(f"{county}000000").name)
            continue
        walkers += _walkers_in(session, actor, area, found, (asked.starts_at, end))
    if not counties:
        lacking["no_fields"] = [divisions().get(prefix.ljust(12, "0")).name]
    return walkers, tuple(
        unchecked("near_road", reason, places) for reason, places in sorted(lacking.items())
    )


def _roadside_in(session: Session, prefix: str) -> Roadside | str:
    """Fields and roads of an area drawn, or the reason why not."""
    rule = alarm_policy()["near_road"]
    fields, roads = store.parcels(session, prefix, fields=rule["field_classes"], roads=rule["road_classes"])
    if not fields:
        return "no_fields"
    if not roads:
        return "no_roads"
    return roadside_of(store.cells(session, prefix), fields, roads, near_m=rule["near_m"])


def _walkers_in(
    session: Session, actor: Actor, prefix: str, roadside: Roadside, span: tuple[datetime, datetime]
) -> list[Walker]:
    outings, packed = store.walked(session, prefix, span[0], span[1])
    if not outings:
        return []
    last = span[1] - timedelta(seconds=1)
    posts = {post.post_id: post for post in net.posts_over(session, actor, f"{prefix:0<12}", now=last)}
    along = along_roads(outings, unpack(packed), roadside, patrol_policy().fix_rules)
    walkers = []
    for post_id, walked in along.items():
        post = posts.get(post_id)
        share = roadside.field_share(divisions().get(post.division_code).prefix) if post else None
        if post is not None and share is not None:
            place = division_name(post.division_code)
            who = (post.title, post.holder_name, post.division_code, place)
            walkers.append(Walker(*who, share, tuple(walked)))
    return walkers
