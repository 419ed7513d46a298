"""Verbs of dispatching: who of several goes."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from patrol.dispatching import store
from patrol.dispatching.loads import Turn, balance_gap, whose_turn
from patrol.net.posts import Post


def take_turn(session: Session, owner: Post, officers: Sequence[Post]) -> Turn:
    """The officer of a cell, or a neighbour of the same village with far less to do.

    Parameters
    ----------
    owner : Post
        Who watches the cell.
    officers : sequence of Post
        The grid officers over the patch, the owner among them.
    """
    loads = store.open_loads(session, [post.post_id for post in officers])
    return whose_turn(owner, officers, loads, gap=balance_gap())
