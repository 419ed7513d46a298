"""Who answers for a place, or for each cell of a division, on any day. Never nobody."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy.engine import RowMapping
from sqlalchemy.orm import Session

from foundation.access import Actor, allows, require
from foundation.calendar import SHANGHAI
from foundation.divisions import divisions
from foundation.errors import InvalidInput, NotFound
from patrol.net import store
from patrol.net.answering import (
    ACTING,
    HOLDER,
    VACANT,
    Answer,
    Link,
    answer,
    link_of,
    manned_watcher,
    watcher,
)
from patrol.net.posts import KINDS, Holder, Post
from patrol.net.terms import Absence

COUNTY_LEVEL = 3


class Person(NamedTuple):
    """Somebody who answers; the telephone only for who may see it."""

    name: str
    title: str
    tier: int
    kind: str
    kind_name: str
    post_id: UUID
    is_acting: bool
    phone: str | None


class ChainLink(NamedTuple):
    """One post of a chain: who holds it, who stands in it, until when the holder is away."""

    post_id: UUID
    post_no: str
    title: str
    tier: int
    kind: str
    kind_name: str
    division_code: str
    division_name: str
    state: str
    name: str
    phone: str | None
    holder: str
    deputy: str
    deputy_phone: str | None
    away_kind: str | None
    away_until: date | None


@dataclass(frozen=True)
class PlaceAnswer:
    """Who answers for a place on a day."""

    on: date
    cell_code: str | None
    cell_name: str | None
    division_code: str
    division_name: str
    answering: Person
    chain: tuple[ChainLink, ...]


class CellAnswer(NamedTuple):
    """Who answers for one cell; its outline is GeoJSON in EPSG:4490."""

    code: str
    name: str
    division_code: str
    division_name: str
    state: str
    person: str
    title: str
    tier: int
    field_m2: float | None
    mountain_m2: float | None
    outline: Mapping[str, Any]


@dataclass(frozen=True)
class NetView:
    """The net of a place on a day: its cells, and its posts from the city down."""

    on: date
    division_code: str
    division_name: str
    cells: tuple[CellAnswer, ...]
    posts: tuple[ChainLink, ...]

    @property
    def counts(self) -> dict[str, int]:
        """Cells by state."""
        return {state: sum(cell.state == state for cell in self.cells) for state in (HOLDER, ACTING, VACANT)}


def who_answers(
    session: Session, actor: Actor, *, lon: float, lat: float, now: datetime, on: date | None = None
) -> PlaceAnswer:
    """Who answers for a place on a day, past or to come; today when left out.

    Parameters
    ----------
    lon, lat : float
        Degrees, EPSG:4490.

    Raises
    ------
    InvalidInput
        ``patrol.net.bad_place``.
    NotFound
        ``patrol.net.nowhere``: no cell and no division of the actor's area holds the place.
    Conflict
        ``patrol.post.no_owner``: the city has not a single manned post.
    """
    require(actor, "net.view")
    if not (-180 <= lon <= 180 and -90 <= lat <= 90):
        raise InvalidInput("patrol.net.bad_place", lon=lon, lat=lat)
    day = on or _today(now)
    place = store.place_at(session, lon, lat, day)
    if place is None or not place["division_code"].startswith(actor.area_prefix):
        raise NotFound("patrol.net.nowhere", lon=lon, lat=lat)
    code = place["division_code"]
    posts = posts_on(session, code, day, now=now)
    own = instead = None
    if place["code"]:
        cells = [row["code"] for row in store.cells_in(session, code, day) if row["division_code"] == code]
        officers = _officers(posts, code)
        own = watcher(officers, place["code"], place["name"], cells)
        instead = manned_watcher(officers, place["code"], place["name"], cells)
    teller = _Teller(session, actor, code, day)
    found = answer(posts, code, own=own, instead=instead)
    return PlaceAnswer(
        day,
        place["code"] or None,
        place["name"] or None,
        code,
        divisions().get(code).name,
        teller.person(found.answering),
        tuple(teller.link(link) for link in found.chain),
    )


def net_of(
    session: Session, actor: Actor, division_code: str, *, now: datetime, on: date | None = None
) -> NetView:
    """Cells and posts of a county, township or village on a day, each cell with who answers for it.

    Raises
    ------
    NotFound
        The division lies outside the actor's area.
    InvalidInput
        ``patrol.net.too_wide``: a whole city has too many cells for one look.
    """
    require(actor, "net.view", division_code)
    division = divisions().get(division_code)
    if division.level < COUNTY_LEVEL:
        raise InvalidInput("patrol.net.too_wide", division=division.name)
    day = on or _today(now)
    posts = posts_on(session, division_code, day, now=now)
    rows = store.cells_in(session, division.prefix, day)
    codes: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        codes[row["division_code"]].append(row["code"])
    by_place: dict[str, list[Post]] = defaultdict(list)
    for post in posts:
        by_place[post.division_code].append(post)
    answers: dict[tuple[str, UUID | None, UUID | None], Answer] = {}
    cells = []
    for row in rows:
        village = row["division_code"]
        over = [post for each in divisions().ancestors(village) for post in by_place[each.code]]
        officers = _officers(over, village)
        own = watcher(officers, row["code"], row["name"], codes[village])
        instead = manned_watcher(officers, row["code"], row["name"], codes[village])
        key = village, own.post_id if own else None, instead.post_id if instead else None
        if key not in answers:
            answers[key] = answer(over, village, own=own, instead=instead)
        cells.append(_cell(row, own, answers[key]))
    teller = _Teller(session, actor, division_code, day)
    links = [teller.link(link_of(post)) for post in sorted(posts, key=lambda post: (post.tier, post.post_no))]
    return NetView(day, division_code, division.name, tuple(cells), tuple(links))


def posts_on(session: Session, division_code: str, on: date, *, now: datetime) -> list[Post]:
    """Posts over and below a division as they stand on a day: past ones as they were written down."""
    if on < _today(now):
        return store.posts_then(session, division_code, on)
    return store.posts_over(session, division_code, on)


class _Teller:
    """Says who somebody is, with telephones where the actor may see them."""

    def __init__(self, session: Session, actor: Actor, division_code: str, on: date) -> None:
        self._phones: Mapping[tuple[UUID, str], str] = {}
        if allows(actor, "post.phone"):
            self._phones = store.phones_of(session, division_code)
        self._by_name = {name: phone for (_, name), phone in self._phones.items()}
        self._away: dict[UUID, Absence] = {
            absence.post_id: absence for absence in store.absences_on(session, on)
        }

    def phone(self, post: Post, name: str) -> str | None:
        return self._phones.get((post.post_id, name))

    def person(self, holder: Holder) -> Person:
        post = holder.post
        return Person(
            holder.name,
            post.title,
            post.tier,
            post.kind,
            KINDS[post.kind],
            post.post_id,
            holder.is_deputy,
            self.phone(post, holder.name),
        )

    def link(self, link: Link) -> ChainLink:
        post = link.post
        away = self._away.get(post.post_id) if post.is_away else None
        return ChainLink(
            post.post_id,
            post.post_no,
            post.title,
            post.tier,
            post.kind,
            KINDS[post.kind],
            post.division_code,
            divisions().get(post.division_code).name,
            link.state,
            link.name,
            self.phone(post, link.name),
            post.holder_name,
            post.deputy_name or "",
            self.phone(post, post.deputy_name or ""),
            away.kind if away else None,
            away.ends_on if away else None,
        )


def _cell(row: RowMapping, own: Post | None, found: Answer) -> CellAnswer:
    state = VACANT if own is None else link_of(own).state
    post = found.answering.post
    return CellAnswer(
        row["code"],
        row["name"],
        row["division_code"],
        divisions().get(row["division_code"]).name,
        state,
        found.answering.name,
        post.title,
        post.tier,
        row["field_m2"],
        row["mountain_m2"],
        json.loads(row["outline"]),
    )


def _officers(posts: Sequence[Post], village: str) -> list[Post]:
    return [post for post in posts if post.kind == "grid_officer" and post.division_code == village]


def _today(now: datetime) -> date:
    return now.astimezone(SHANGHAI).date()
