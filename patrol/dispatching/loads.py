"""Loads: when a neighbour goes in the place of an officer who has far more to do."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from foundation.errors import Defect
from patrol.net.posts import Post

POLICY_FILE = Path(__file__).resolve().parents[2] / "data" / "policies" / "dispatch.toml"


class Turn(NamedTuple):
    """Who goes to the site."""

    officer: Post
    instead_of: Post | None
    """The officer of the cell, where a neighbour with less to do goes in that one's place."""


@lru_cache(maxsize=1)
def balance_gap() -> int:
    """Open tasks on site that the cell's own officer must have more than a neighbour.

    Raises
    ------
    Defect
        ``patrol.dispatch.bad_gap``: less than one.
    """
    gap = int(tomllib.loads(POLICY_FILE.read_text("utf-8"))["balance"]["gap"])
    if gap < 1:
        raise Defect("patrol.dispatch.bad_gap", gap=gap)
    return gap


def whose_turn(owner: Post, officers: Sequence[Post], loads: Mapping[UUID, int], *, gap: int) -> Turn:
    """The officer of the cell, or the least loaded officer of the same village when the gap is reached.

    Parameters
    ----------
    owner : Post
        The officer who watches the cell that holds the patch.
    officers : sequence of Post
        Candidates; those of other divisions and vacant posts are passed over.
    loads : mapping of post id -> count
        Open tasks on site of each; none where it is missing.
    gap : int
        Difference from which the neighbour goes. Of neighbours with equal loads the lower post number goes.
    """
    neighbours = [post for post in officers if post.is_manned and post.division_code == owner.division_code]
    least = min(neighbours, key=lambda post: (loads.get(post.post_id, 0), post.post_no), default=owner)
    if loads.get(owner.post_id, 0) - loads.get(least.post_id, 0) >= gap:
        return Turn(least, owner)
    return Turn(owner, None)
