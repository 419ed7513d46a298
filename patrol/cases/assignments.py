"""Work for post-holders: through whose hands a patch goes on its way down, and who may act on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from foundation.errors import Conflict, InvalidInput, NotAllowed
from patrol.net.posts import Holder, Post, covers, holder_of, resolve_owner

KIND_NAMES: Mapping[str, str] = {
    "hand_down": "逐级下发",
    "verify": "现场核查",
    "rectify": "督促整改",
    "recheck": "整改复核",
}
STATUS_NAMES: Mapping[str, str] = {
    "queued": "排队待派",
    "waiting": "待上级转派",
    "sent": "待签收",
    "signed": "已签收",
    "forwarded": "已转派",
    "returned": "已退回",
    "done": "已完成",
    "cancelled": "已取消",
}
OPEN = ("sent", "signed")
UNFINISHED = ("queued", "waiting", *OPEN)
OFFICERS = ("grid_officer",)
VERIFIERS = ("grid_officer", "field_chief", "mountain_chief", "station")
"""Kinds of post whose holders go to the site."""


class Step(NamedTuple):
    """One pair of hands on the way down."""

    kind: str
    tier: int
    holder: Holder


def plan_chain(
    posts: Sequence[Post], division_code: str, *, from_tier: int, officer: Post | None
) -> list[Step]:
    """County brigade → township station → village chief → grid officer; nobody stands in it twice.

    Parameters
    ----------
    from_tier : int
        Tier that hands down; the chain begins below it.
    officer : Post, optional
        The grid officer whose cell holds the patch. Without one the village's chief verifies, or whoever
        stands above.

    Raises
    ------
    Conflict
        ``patrol.post.no_owner``.
    """
    wanted = {
        2: ("brigade", "field_chief", "mountain_chief"),
        3: ("station", "field_chief", "mountain_chief"),
        4: ("field_chief", "mountain_chief"),
    }
    verifier = holder_of(officer) if officer else None
    if verifier is None:
        verifier = resolve_owner(posts, division_code, tier=4, kinds=wanted[4])
    steps: list[Step] = []
    for tier in range(from_tier + 1, 5):
        holder = resolve_owner(posts, division_code, tier=tier, kinds=wanted[tier])
        known = {step.holder.post.post_id for step in steps} | {verifier.post.post_id}
        # Where a tier is not manned the one above has it already.
        if holder.post.post_id not in known and holder.post.tier > from_tier:
            steps.append(Step("hand_down", holder.post.tier, holder))
    return [*steps, Step("verify", verifier.post.tier, verifier)]


def plan_to(posts: Sequence[Post], target: Post, division_code: str, *, officer: Post | None) -> list[Step]:
    """The way down from a post that was chosen by hand.

    A post that can go to the site and stands in the village, and every grid officer, verifies at once;
    others hand down further.

    Raises
    ------
    InvalidInput
        ``patrol.post.not_over_patch``: the post's area does not hold the patch, so that its holder could
        not even see it.
    Conflict
        ``patrol.post.vacant``.
    """
    if not covers(target, division_code):
        raise InvalidInput("patrol.post.not_over_patch", post=target.title, division_code=division_code)
    holder = holder_of(target)
    if holder is None:
        raise Conflict("patrol.post.vacant", post=target.title)
    if target.kind in OFFICERS:
        return [Step("verify", target.tier, holder)]
    below = plan_chain(posts, division_code, from_tier=target.tier, officer=officer)
    if below[-1].holder.post.post_id == target.post_id:
        return [Step("verify", target.tier, holder)]
    return [Step("hand_down", target.tier, holder), *below]


def require_status(status: str, accepted: Sequence[str]) -> None:
    """The assignment is still where the caller thinks.

    Raises
    ------
    Conflict
        ``patrol.assignment.not_open``.
    """
    if status not in accepted:
        raise Conflict("patrol.assignment.not_open", status=status, status_name=STATUS_NAMES[status])


def require_holder(
    *, account_id: UUID, post_ids: Sequence[UUID], holder_account_id: UUID | None, post_id: UUID
) -> None:
    """Only the holder, or the deputy of the post, acts on an assignment.

    Raises
    ------
    NotAllowed
        ``patrol.assignment.not_yours``.
    """
    if account_id != holder_account_id and post_id not in post_ids:
        raise NotAllowed("patrol.assignment.not_yours")
