"""Verbs of the human net: bring in a list of posts, copy the grid, find who stands where."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType
from uuid import UUID

from sqlalchemy.orm import Session

from foundation import accounts, audit
from foundation.access import Actor, require
from foundation.calendar import SHANGHAI
from foundation.divisions import divisions
from foundation.errors import Conflict, InvalidInput, NotFound
from foundation.ids import derived_id
from patrol.net import store
from patrol.net.answering import manned_watcher, watcher
from patrol.net.grid import CellShare, holding_cell
from patrol.net.posts import ROLES, BadLine, Post, PostLine, read_posts
from patrol.net.rosters import RosterPreview, Standing, area_of, preview_roster
from patrol.net.terms import Absence

ALWAYS = date(2020, 1, 1)
"""Posts of a list that states no dates are in force from here on."""

CELL_TIER = 4
"""Posts of this tier watch cells themselves."""


@dataclass(frozen=True)
class PostImport:
    """What came of a posts list."""

    imported: int
    accounts: int
    bad_lines: tuple[BadLine, ...]


def import_posts(
    session: Session,
    actor: Actor,
    data: bytes,
    *,
    now: datetime,
    password: str | None = None,
    is_demo: bool = False,
    known_accounts: Mapping[str, UUID] | None = None,
    ends_missing: bool = False,
) -> PostImport:
    """Bring in a list of posts; lines that cannot be read are named and left out.

    Parameters
    ----------
    data : bytes
        Excel or CSV with the columns of `patrol.net.posts.COLUMNS`.
    password : str, optional
        Open an account with it for every login of the list that has none yet.

    known_accounts : mapping of login -> account id, optional
        Accounts that were made before.
    ends_missing : bool
        End the posts of the list's own place that are not on it; else they stay as they are.

    Raises
    ------
    InvalidInput
        The file as a whole cannot be read.
    """
    require(actor, "post.manage")
    today = now.astimezone(SHANGHAI).date()
    lines, bad, known = _own_posts(session, data, actor, today)
    if ends_missing and bad:
        raise Conflict("patrol.post.bad_lines_first", count=len(bad))
    people = dict(_accounts(session, actor, lines, now=now, password=password, is_demo=is_demo))
    people |= {login: account for login, account in (known_accounts or {}).items() if login in people}
    store.upsert_posts(session, _rows(lines, people))
    ended = (
        store.end_posts_but(session, area_of(lines), [x.post_no for x in lines], today) if ends_missing else 0
    )
    since = {
        derived_id("post", line.post_no): line.since or ALWAYS
        for line in lines
        if line.since or line.post_no not in known
    }
    settle_tenures(session, actor, now=now, since=since)
    facts = {
        "imported": len(lines),
        "bad_lines": len(bad),
        "ended": ended,
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    audit.record(session, actor, "patrol.posts.imported", subject=("posts", "list"), at=now, facts=facts)
    return PostImport(len(lines), sum(value is not None for value in people.values()), tuple(bad))


def preview_posts(
    session: Session,
    actor: Actor,
    data: bytes,
    *,
    now: datetime,
    ends_missing: bool = False,
    logins: frozenset[str] = frozenset(),
) -> RosterPreview:
    """What a list would do to the posts in force; nothing is stored.

    Parameters
    ----------
    logins : frozenset of str
        Those that have an account.

    Raises
    ------
    InvalidInput
        The file as a whole cannot be read.
    """
    require(actor, "post.manage")
    today = now.astimezone(SHANGHAI).date()
    lines, bad, _ = _own_posts(session, data, actor, today)
    rows = store.post_rows(session, area_of(lines) or actor.area_code, today)
    phones = {row.post_no: (row.holder_phone, row.deputy_phone) for row in rows}
    standing = Standing(
        [store.post_of(row) for row in rows], phones, store.cell_counts(session, actor.area_prefix), logins
    )
    return preview_roster(data, lines, bad, standing, ends_missing=ends_missing)


def settle_tenures(
    session: Session, actor: Actor, *, now: datetime, since: Mapping[UUID, date] = MappingProxyType({})
) -> None:
    """Write down who came to a post and who left it, as the posts are now. Again changes nothing."""
    today = now.astimezone(SHANGHAI).date()
    store.settle_tenures(session, actor, today=today, at=now, since=since)


def posts_over(session: Session, actor: Actor, division_code: str, *, now: datetime) -> list[Post]:
    """Posts in force over and below a division that the actor may see."""
    return store.posts_over(session, division_code, now.astimezone(SHANGHAI).date())


def absences_between(session: Session, first: date, last: date) -> list[Absence]:
    """Leaves that touch some days, as recorded and not taken back."""
    return store.absences_between(session, first, last)


def accounts_in_post(session: Session, post: Post, on: date) -> frozenset[UUID]:
    """Accounts of all who stood in a post on a day, as written down: holder unless away, stand-in, deputy."""
    then = next(
        (one for one in store.posts_then(session, post.division_code, on) if one.post_id == post.post_id),
        None,
    )
    if then is None:
        return frozenset()
    first = then.stand_in_account_id if then.is_away else then.holder_account_id
    return frozenset(one for one in (first, then.deputy_account_id) if one is not None)


def posts_by_ids(session: Session, post_ids: Sequence[UUID]) -> list[Post]:
    """Some posts, by number."""
    return sorted(store.posts_by_ids(session, post_ids).values(), key=lambda post: post.post_no)


def cells_of_post(session: Session, post: Post, on: date) -> list[str]:
    """Codes of the cells that a post of a village watches on a day; a chief's are all of the village.

    None for posts above: they watch through others.
    """
    if post.tier != CELL_TIER:
        return []
    cells = store.cells_in(session, post.division_code, on)
    codes = [cell["code"] for cell in cells]
    if post.kind != "grid_officer":
        return codes
    officers = [
        one
        for one in store.posts_over(session, post.division_code, on)
        if one.kind == "grid_officer" and one.division_code == post.division_code
    ]
    watchers = {cell["code"]: watcher(officers, cell["code"], cell["name"], codes) for cell in cells}
    return [code for code, own in watchers.items() if own is not None and own.post_id == post.post_id]


def get_post(session: Session, post_id: UUID) -> Post:
    """One post.

    Raises
    ------
    NotFound
        ``patrol.post.not_found``.
    """
    post = store.post_by_id(session, post_id)
    if post is None:
        raise NotFound("patrol.post.not_found", post_id=str(post_id))
    return post


def cell_of_patch(session: Session, patch_id: UUID) -> CellShare | None:
    """The smallest grid cell that holds most of a patch."""
    return holding_cell(store.cells_under_patch(session, patch_id))


def officer_of_cell(session: Session, officers: Sequence[Post], cell: CellShare | None) -> Post | None:
    """The grid officer who watches a cell, or another of the village where that one's post is vacant."""
    if cell is None:
        manned = [post for post in officers if post.is_manned]
        return min(manned, key=lambda post: post.post_no, default=None)
    codes = store.cell_codes(session, cell.division_code)
    return manned_watcher(officers, cell.code, cell.name, codes)


def _own_posts(
    session: Session, data: bytes, actor: Actor, today: date
) -> tuple[list[PostLine], list[BadLine], Mapping[str, str]]:
    """Lines of a list, refused ones, and the places of posts that are known.

    Refused are also lines of days to come, and those that would bring in or move a post of another area.
    """
    lines, bad = read_posts(data)
    known = store.post_places(session, [line.post_no for line in lines])
    good = []
    for line in lines:
        error: InvalidInput | None = None
        for code in (line.division_code, known.get(line.post_no, line.division_code)):
            if not code.startswith(actor.area_prefix):
                error = InvalidInput(
                    "patrol.post.outside", line=line.line, division=divisions().get(code).name
                )
        if error is None and line.since is not None and line.since > today:
            error = InvalidInput("patrol.post.day_to_come", line=line.line, given=str(line.since))
        if error is None:
            good.append(line)
        else:
            bad.append(BadLine(line.line, error.code, error.text("zh"), error.text("en"), line.post_no))
    return good, sorted(bad), known


def _rows(lines: Sequence[PostLine], people: Mapping[str, UUID | None]) -> list[dict[str, object]]:
    by_name = {line.holder: people.get(line.login) for line in lines if line.holder}
    return [
        {
            "post_id": derived_id("post", line.post_no),
            "post_no": line.post_no,
            "title": line.title,
            "tier": line.tier,
            "kind": line.kind,
            "division_code": line.division_code,
            "holder_name": line.holder,
            "holder_account_id": people.get(line.login) if line.holder else None,
            "deputy_name": line.deputy or None,
            "deputy_account_id": by_name.get(line.deputy),
            "holder_phone": line.holder_phone,
            "deputy_phone": line.deputy_phone,
            "valid_from": ALWAYS,
        }
        for line in lines
    ]


def _accounts(
    session: Session,
    actor: Actor,
    lines: Sequence[PostLine],
    *,
    now: datetime,
    password: str | None,
    is_demo: bool,
) -> Mapping[str, UUID | None]:
    if password is None:
        return {
            login: store.account_by_login(session, login) for login in {x.login for x in lines if x.login}
        }
    found: dict[str, UUID | None] = {}
    for line in lines:
        if line.login and line.login not in found:
            found[line.login] = accounts.create_account(
                session,
                actor,
                login=line.login,
                name=line.holder or line.title,
                role=ROLES[line.kind],
                area_code=divisions().get(line.division_code).code,
                password=password,
                is_demo=is_demo,
                now=now,
            )
    return found
