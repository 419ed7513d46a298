"""Who answers for a piece of ground: tier by tier, and in the end somebody by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from foundation.errors import Conflict
from patrol.net.posts import Holder, Post, covers, holder_of, resolve_owner

TIERS = (4, 3, 2, 1)
CHAIN_KINDS: Mapping[int, tuple[str, ...]] = {
    4: ("grid_officer", "field_chief", "mountain_chief"),
    3: ("station", "field_chief", "mountain_chief"),
    2: ("brigade", "field_chief", "mountain_chief"),
    1: ("detachment", "field_chief", "mountain_chief"),
}
HOLDER, ACTING, VACANT = "holder", "acting", "vacant"


@dataclass(frozen=True, slots=True)
class Link:
    """One post of the chain, and who stands in it.

    Attributes
    ----------
    state : str
        ``holder``, ``acting`` (a stand-in or the deputy) or ``vacant``.
    """

    post: Post
    state: str
    name: str

    @property
    def is_manned(self) -> bool:
        """Whether anybody stands in it."""
        return self.state != VACANT


@dataclass(frozen=True, slots=True)
class Answer:
    """Who answers for a place on a day: the person, and the chain above, nearest first."""

    division_code: str
    answering: Holder
    chain: tuple[Link, ...]


def link_of(post: Post) -> Link:
    """A post with who stands in it."""
    holder = holder_of(post)
    if holder is None:
        return Link(post, VACANT, "")
    return Link(post, ACTING if holder.is_deputy else HOLDER, holder.name)


def watcher(officers: Sequence[Post], code: str, name: str, codes: Sequence[str]) -> Post | None:
    """The officer of a village who watches a cell.

    By the cell's code or name in the post's number or title; where the posts do not say, the cells are shared
    out among the officers in order of their codes.

    Parameters
    ----------
    officers : sequence of Post
        Grid officers of the village, manned or not.
    codes : sequence of str
        Codes of all cells of the village, in order.
    """
    officers = sorted(officers, key=lambda post: post.post_no)
    if not officers:
        return None
    for post in officers:
        if code in post.post_no or (name and name in post.title):
            return post
    return officers[codes.index(code) % len(officers) if code in codes else 0]


def manned_watcher(officers: Sequence[Post], code: str, name: str, codes: Sequence[str]) -> Post | None:
    """Likewise, and in a vacant officer's place another officer of the village."""
    own = watcher(officers, code, name, codes)
    if own is not None and own.is_manned:
        return own
    return watcher([post for post in officers if post.is_manned], code, name, codes)


def answer(
    posts: Sequence[Post], division_code: str, *, own: Post | None = None, instead: Post | None = None
) -> Answer:
    """Who answers for the ground of a division.

    Parameters
    ----------
    posts : sequence of Post
        At least those over the place, as they stand on the day.
    own : Post, optional
        The grid officer whose cell it is; the village's others are left out of the chain then.
    instead : Post, optional
        Who watches it as things are: the same, or another officer of the village where that post is vacant.

    Raises
    ------
    Conflict
        ``patrol.post.no_owner``: there is nobody at all, up to the city.
    """
    over = [post for post in posts if covers(post, division_code)]
    wanted = {post.post_id for post in (own, instead) if post is not None}
    chain = tuple(
        link_of(post)
        for tier in TIERS
        for post in sorted(over, key=_order)
        if post.tier == tier and post.kind in CHAIN_KINDS[tier]
        and (not wanted or tier != 4 or post.kind != "grid_officer" or post.post_id in wanted)
    )  # fmt: skip
    holder = holder_of(instead) if instead is not None else None
    return Answer(division_code, holder or _anybody(over, division_code), chain)


def _anybody(over: Sequence[Post], division_code: str) -> Holder:
    """Somebody of the usual kinds, tier by tier; where there is none, whoever stands there at all."""
    try:
        return resolve_owner(over, division_code, tier=4, kinds=CHAIN_KINDS[4])
    except Conflict:
        for post in sorted(over, key=lambda post: (-post.tier, *_order(post))):
            holder = holder_of(post)
            if holder is not None:
                return holder
        raise


def _order(post: Post) -> tuple[int, str]:
    kinds = CHAIN_KINDS.get(post.tier, ())
    return (kinds.index(post.kind) if post.kind in kinds else len(kinds), post.post_no)
