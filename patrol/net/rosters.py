"""A list of posts against the posts as they are: what it brings, ends and leaves open."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from foundation.divisions import LEVEL_DIGITS, divisions
from patrol.net.posts import BadLine, Post, PostLine

POLICY_FILE = Path(__file__).resolve().parents[2] / "data" / "policies" / "posts.toml"
FIELDS = ("title", "tier", "kind", "division_code", "holder", "deputy", "holder_phone", "deputy_phone")
"""What a line can change in a known post."""


class Brief(NamedTuple):
    """One post in a finding."""

    post_no: str
    title: str
    division_code: str
    holder: str
    deputy: str
    line: int | None


class Change(NamedTuple):
    """What a line changes in a known post: (field, before, after). Telephones are told as changed only."""

    post: Brief
    fields: tuple[tuple[str, str, str], ...]


class Gap(NamedTuple):
    """A place that has no post of a kind, or a cell that nobody watches."""

    division_code: str
    division_name: str
    kind: str
    cells: int


class Overlap(NamedTuple):
    """Posts of a kind of which a place has one only."""

    division_code: str
    division_name: str
    kind: str
    post_nos: tuple[str, ...]


class SeveralPosts(NamedTuple):
    """A person who holds several posts: allowed, and said."""

    name: str
    login: str
    post_nos: tuple[str, ...]


@dataclass(frozen=True)
class Expected:
    """What kinds of post a level of division has."""

    level: int
    kinds: tuple[str, ...]


@dataclass(frozen=True)
class RosterPolicy:
    """The policy file, read."""

    expected: tuple[Expected, ...]
    once: frozenset[str]


@dataclass(frozen=True)
class RosterPreview:
    """Everything that a list would do, before it is done.

    Attributes
    ----------
    division_code : str
        The smallest place that holds every line: of it the gaps and the missing posts are told.
    missing : tuple of Brief
        In force, and not on the list. They stay, unless one asks to end them.
    doubled : tuple of Brief
        Holder and deputy are one person.
    token : str
        Of the file, of the posts as they are, and of what was asked: to confirm with.
    """

    division_code: str
    line_count: int
    unchanged: int
    added: tuple[Brief, ...]
    changed: tuple[Change, ...]
    missing: tuple[Brief, ...]
    vacant: tuple[Brief, ...]
    acting: tuple[Brief, ...]
    doubled: tuple[Brief, ...]
    overlaps: tuple[Overlap, ...]
    gaps: tuple[Gap, ...]
    several: tuple[SeveralPosts, ...]
    without_account: tuple[str, ...]
    bad_lines: tuple[BadLine, ...]
    ends_missing: bool
    token: str


class Standing(NamedTuple):
    """The net as it is: posts in force, their telephones, cells of each village, logins with an account."""

    posts: Sequence[Post]
    phones: Mapping[str, tuple[str | None, str | None]]
    cells: Mapping[str, int]
    logins: frozenset[str]


@lru_cache(maxsize=1)
def roster_policy() -> RosterPolicy:
    """The policy that ships with the product, read once."""
    table = tomllib.loads(POLICY_FILE.read_text("utf-8"))
    expected = tuple(Expected(row["level"], tuple(row["kinds"])) for row in table["expected"])
    return RosterPolicy(expected, frozenset(table["once"]["kinds"]))


def area_of(lines: Sequence[PostLine]) -> str:
    """Code of the smallest division that holds all lines; an empty string where there are none."""
    prefixes = [divisions().get(line.division_code).prefix for line in lines]
    if not prefixes:
        return ""
    first, shortest = prefixes[0], min(len(prefix) for prefix in prefixes)
    digits = [
        count
        for count in LEVEL_DIGITS.values()
        if count <= shortest and all(prefix.startswith(first[:count]) for prefix in prefixes)
    ]
    return first[: max(digits, default=0)].ljust(12, "0")


def preview_roster(
    data: bytes,
    lines: Sequence[PostLine],
    bad_lines: Sequence[BadLine],
    standing: Standing,
    *,
    ends_missing: bool,
) -> RosterPreview:
    """What a list would do to the posts as they are."""
    area = area_of(lines)
    prefix = divisions().get(area).prefix if area else "-"
    known = {post.post_no: post for post in standing.posts}
    given = {line.post_no for line in lines} | {bad.post_no for bad in bad_lines}
    changes = {
        line.post_no: _changes(line, known[line.post_no], standing) for line in lines if line.post_no in known
    }
    missing = [
        post for post in standing.posts if post.post_no not in given and post.division_code.startswith(prefix)
    ]
    after = [_brief_line(line) for line in lines] + (
        [] if ends_missing else [_brief_post(p) for p in missing]
    )
    kinds = {line.post_no: line.kind for line in lines} | {post.post_no: post.kind for post in missing}
    return RosterPreview(
        division_code=area,
        line_count=len(lines),
        unchanged=sum(not fields for fields in changes.values()),
        added=tuple(_brief_line(line) for line in lines if line.post_no not in known),
        changed=tuple(
            Change(_brief_line(line), changes[line.post_no]) for line in lines if changes.get(line.post_no)
        ),
        missing=tuple(_brief_post(post) for post in missing),
        vacant=tuple(post for post in after if not post.holder and not post.deputy),
        acting=tuple(post for post in after if not post.holder and post.deputy),
        doubled=tuple(post for post in after if post.holder and post.holder == post.deputy),
        overlaps=_overlaps(after, kinds),
        gaps=_gaps(prefix, after, kinds, standing.cells),
        several=_several(lines),
        without_account=tuple(
            sorted({line.login for line in lines if line.login and line.login not in standing.logins})
        ),
        bad_lines=tuple(bad_lines),
        ends_missing=ends_missing,
        token=_token(data, standing, ends_missing=ends_missing),
    )


def _changes(line: PostLine, post: Post, standing: Standing) -> tuple[tuple[str, str, str], ...]:
    phones = standing.phones.get(post.post_no, (None, None))
    before = {
        "title": post.title,
        "tier": str(post.tier),
        "kind": post.kind,
        "division_code": post.division_code,
        "holder": post.holder_name,
        "deputy": post.deputy_name or "",
        # A list without telephones leaves them as they are.
        "holder_phone": phones[0] if line.holder_phone else "",
        "deputy_phone": phones[1] if line.deputy_phone else "",
    }
    found = []
    for name in FIELDS:
        was, now = str(before[name] or ""), str(getattr(line, name) or "")
        if was != now:
            found.append((name, "", "") if name.endswith("phone") else (name, was, now))
    return tuple(found)


def _overlaps(posts: Iterable[Brief], kinds: Mapping[str, str]) -> tuple[Overlap, ...]:
    places: dict[tuple[str, str], list[str]] = defaultdict(list)
    for post in posts:
        if kinds[post.post_no] in roster_policy().once:
            places[post.division_code, kinds[post.post_no]].append(post.post_no)
    return tuple(
        Overlap(code, divisions().get(code).name, kind, tuple(sorted(numbers)))
        for (code, kind), numbers in sorted(places.items())
        if len(numbers) > 1
    )


def _gaps(
    prefix: str, posts: Iterable[Brief], kinds: Mapping[str, str], cells: Mapping[str, int]
) -> tuple[Gap, ...]:
    there: dict[str, set[str]] = defaultdict(set)
    for post in posts:
        there[post.division_code].add(kinds[post.post_no])
    return tuple(
        Gap(place.code, place.name, row.kinds[0], cells.get(place.code, 0))
        for place in divisions().all()
        if place.code.startswith(prefix)
        for row in roster_policy().expected
        if row.level == place.level and there[place.code].isdisjoint(row.kinds)
    )


def _several(lines: Iterable[PostLine]) -> tuple[SeveralPosts, ...]:
    people: dict[tuple[str, str], list[str]] = defaultdict(list)
    for line in lines:
        if line.holder and line.login:
            people[line.holder, line.login].append(line.post_no)
    return tuple(
        SeveralPosts(name, login, tuple(sorted(numbers)))
        for (name, login), numbers in sorted(people.items())
        if len(numbers) > 1
    )


def _token(data: bytes, standing: Standing, *, ends_missing: bool) -> str:
    digest = hashlib.sha256(hashlib.sha256(data).digest())
    posts = [
        (post.post_no, post.title, post.tier, post.kind, post.division_code, post.holder_name,
         post.deputy_name, *standing.phones.get(post.post_no, ()))
        for post in sorted(standing.posts, key=lambda post: post.post_no)
    ]  # fmt: skip
    digest.update(json.dumps([posts, ends_missing], ensure_ascii=False).encode())
    return digest.hexdigest()


def _brief_line(line: PostLine) -> Brief:
    return Brief(line.post_no, line.title, line.division_code, line.holder, line.deputy, line.line)


def _brief_post(post: Post) -> Brief:
    return Brief(post.post_no, post.title, post.division_code, post.holder_name, post.deputy_name or "", None)
