"""Posts of the human net: reading a bureau's list, and finding who owns a piece of ground."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple
from uuid import UUID

from foundation.divisions import divisions
from foundation.errors import Conflict, InvalidInput, LandwardenError
from patrol.net.sheets import rows_of

KINDS: Mapping[str, str] = {
    "field_chief": "田长",
    "mountain_chief": "山长",
    "grid_officer": "网格员",
    "station": "自然资源所",
    "brigade": "执法大队",
    "detachment": "执法支队",
}
ROLES: Mapping[str, str] = {
    "field_chief": "chief",
    "mountain_chief": "chief",
    "grid_officer": "grid_officer",
    "station": "station",
    "brigade": "county_officer",
    "detachment": "city_officer",
}
"""Role of the account that goes with a kind of post."""
COLUMNS = ("post_no", "title", "tier", "kind", "division_code", "holder", "deputy", "login")
"""Columns that a list has to have."""
HEADS: Mapping[str, str] = {
    "post_no": "岗位编号",
    "title": "岗位名称",
    "tier": "层级",
    "kind": "岗位类型",
    "division_code": "区划代码",
    "holder": "责任人",
    "deputy": "代理人",
    "login": "登录名",
    "holder_phone": "责任人电话",
    "deputy_phone": "代理人电话",
    "since": "到岗日期",
}
"""All columns, and how they are headed in Chinese."""
TIERS: Mapping[str, int] = {"一级": 1, "二级": 2, "三级": 3, "四级": 4, "市": 1, "县": 2, "乡": 3, "村": 4}
PHONE = re.compile(r"^\+?[\d\- ]{5,20}$")
KINDS_BY_TIER: Mapping[int, tuple[str, ...]] = {
    1: ("detachment", "field_chief", "mountain_chief"),
    2: ("brigade", "field_chief", "mountain_chief"),
    3: ("station", "field_chief", "mountain_chief"),
    4: ("field_chief", "mountain_chief"),
}
"""Who stands in for, or above, others at a tier, best first."""
TIER_LEVELS: Mapping[int, int] = {1: 2, 2: 3, 3: 4, 4: 5}
"""Division level on which a tier stands here; other provinces number differently."""


class PostLine(NamedTuple):
    """One checked line of a posts file."""

    line: int
    post_no: str
    title: str
    tier: int
    kind: str
    division_code: str
    holder: str
    deputy: str
    login: str
    holder_phone: str | None = None
    deputy_phone: str | None = None
    since: date | None = None
    """First day of the holder in the post, where the list says it."""


class BadLine(NamedTuple):
    """A line that was refused, and why, in Chinese and in English."""

    line: int
    code: str
    reason: str
    reason_en: str = ""
    post_no: str = ""


@dataclass(frozen=True, slots=True)
class Post:
    """One post and who holds it. An absent holder has an empty name."""

    post_id: UUID
    post_no: str
    title: str
    tier: int
    kind: str
    division_code: str
    holder_name: str
    holder_account_id: UUID | None
    deputy_name: str | None
    deputy_account_id: UUID | None
    is_away: bool = False
    """The holder is on leave on the day in question."""
    stand_in_name: str | None = None
    """Who was named for the time of the leave, before the deputy."""
    stand_in_account_id: UUID | None = None

    @property
    def is_manned(self) -> bool:
        """Whether anybody stands in it."""
        return holder_of(self) is not None

    @property
    def names(self) -> frozenset[str]:
        """Everybody who stands in it: the holder unless away, the stand-in, the deputy."""
        holder = self.stand_in_name if self.is_away else self.holder_name
        return frozenset(name for name in (holder, self.deputy_name) if name)


class Holder(NamedTuple):
    """A named person in a post: the holder, or the deputy in an absent holder's place."""

    post: Post
    name: str
    account_id: UUID | None
    is_deputy: bool


def read_posts(data: bytes) -> tuple[list[PostLine], list[BadLine]]:
    """Read a posts list: Excel (.xlsx), or CSV in UTF-8 (with or without BOM) or GB18030.

    Heads may be the names of `COLUMNS` or those in Chinese.

    Returns
    -------
    lines, bad lines
        Every line is in exactly one of the two.

    Raises
    ------
    InvalidInput
        ``patrol.post.no_column`` naming the missing columns, ``patrol.post.not_text``,
        ``patrol.post.old_excel``, ``patrol.post.too_long`` or ``patrol.post.empty``.
    """
    heads = {name: name for name in HEADS} | {zh: name for name, zh in HEADS.items()}
    rows = rows_of(data, heads)
    _, head = next(rows, (0, {}))
    missing = [name for name in COLUMNS if name not in head]
    if missing:
        expected = [f"{HEADS[name]}（{name}）" for name in COLUMNS]
        raise InvalidInput("patrol.post.no_column", missing=missing, expected=expected)
    good: list[PostLine] = []
    bad: list[BadLine] = []
    seen: dict[str, int] = {}
    for line, row in rows:
        try:
            post = _check(line, {name: row.get(name, "") for name in HEADS}, seen)
        except LandwardenError as error:
            bad.append(BadLine(line, error.code, error.text("zh"), error.text("en"), row.get("post_no", "")))
            continue
        seen[post.post_no] = line
        good.append(post)
    if not good and not bad:
        raise InvalidInput("patrol.post.empty")
    return good, bad


def holder_of(post: Post) -> Holder | None:
    """The holder; of one on leave the stand-in; else the deputy."""
    if post.holder_name and not post.is_away:
        return Holder(post, post.holder_name, post.holder_account_id, is_deputy=False)
    if post.is_away and post.stand_in_name:
        return Holder(post, post.stand_in_name, post.stand_in_account_id, is_deputy=True)
    if post.deputy_name:
        return Holder(post, post.deputy_name, post.deputy_account_id, is_deputy=True)
    return None


def deputy_of(post: Post, current_name: str) -> Holder | None:
    """The deputy, where somebody else than the deputy is in charge now."""
    if post.deputy_name and post.deputy_name != current_name:
        return Holder(post, post.deputy_name, post.deputy_account_id, is_deputy=True)
    return None


def resolve_owner(posts: Sequence[Post], division_code: str, *, tier: int, kinds: Sequence[str]) -> Holder:
    """Who owns a piece of ground at a tier: holder, else deputy, else the tier above.

    Parameters
    ----------
    posts : sequence of Post
        At least those over the ground.
    division_code : str
        12-digit code of the division that holds the ground.
    kinds : sequence of str
        Kinds of post wanted, best first; above the wanted tier every kind but grid officers serves.

    Raises
    ------
    Conflict
        ``patrol.post.no_owner``: not even the city has a manned post.
    """
    over = [post for post in posts if covers(post, division_code) and post.is_manned]
    for level in range(tier, 0, -1):
        wanted = list(kinds) if level == tier else _superiors(kinds)
        if level == 1:
            # Above the city stands nobody: there everybody who is at a post answers.
            wanted = list(dict.fromkeys([*wanted, *_superiors(kinds), *KINDS]))
        found = sorted(
            (post for post in over if post.tier == level and post.kind in wanted),
            key=lambda post: (wanted.index(post.kind), post.post_no),
        )
        for post in found:
            holder = holder_of(post)
            if holder is not None:
                return holder
    raise Conflict("patrol.post.no_owner", division_code=division_code)


def covers(post: Post, division_code: str) -> bool:
    """Whether the post's division is the given one or lies above it."""
    return division_code.startswith(divisions().get(post.division_code).prefix)


def _superiors(kinds: Iterable[str]) -> list[str]:
    order = [kind for kind in kinds if kind not in {"grid_officer", "station", "brigade", "detachment"}]
    return ["detachment", "brigade", "station", *(order or ["field_chief"]), *_others(order)]


def _others(order: Sequence[str]) -> list[str]:
    return [kind for kind in ("field_chief", "mountain_chief") if kind not in (order or ["field_chief"])]


def _check(line: int, row: Mapping[str, str], seen: Mapping[str, int]) -> PostLine:
    for name in ("post_no", "title", "kind", "division_code"):
        if not row[name]:
            raise InvalidInput("patrol.post.no_value", line=line, column=HEADS[name])
    if row["post_no"] in seen:
        raise InvalidInput(
            "patrol.post.twice", line=line, post_no=row["post_no"], first_line=seen[row["post_no"]]
        )
    kind = {zh: key for key, zh in KINDS.items()}.get(row["kind"], row["kind"])
    if kind not in KINDS:
        raise InvalidInput("patrol.post.unknown_kind", line=line, kind=kind, accepted=list(KINDS.values()))
    tier = TIERS.get(row["tier"]) or (int(row["tier"]) if row["tier"] in {"1", "2", "3", "4"} else None)
    if tier is None:
        raise InvalidInput("patrol.post.bad_tier", line=line, tier=row["tier"])
    division = divisions().get(row["division_code"])
    if division.level != TIER_LEVELS[tier]:
        raise InvalidInput("patrol.post.tier_and_division", line=line, tier=tier, division=division.name)
    return PostLine(
        line,
        row["post_no"],
        row["title"],
        tier,
        kind,
        row["division_code"],
        row["holder"],
        row["deputy"],
        row["login"],
        _phone(line, row["holder_phone"]),
        _phone(line, row["deputy_phone"]),
        _day(line, row["since"]),
    )


def _phone(line: int, given: str) -> str | None:
    if given and not PHONE.match(given):
        raise InvalidInput("patrol.post.bad_phone", line=line)
    return given or None


def _day(line: int, given: str) -> date | None:
    if not given:
        return None
    try:
        return date.fromisoformat(given.replace("/", "-"))
    except ValueError as error:
        raise InvalidInput("patrol.post.bad_day", line=line, given=given[:20]) from error
