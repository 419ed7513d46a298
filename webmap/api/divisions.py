"""Administrative divisions of the caller's area, level by level."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from foundation.access import Actor
from foundation.divisions import Division, divisions
from foundation.errors import NotFound
from webmap.deps import SignedIn, noun_router
from webmap.schemas.platform import DivisionInfo

router = noun_router("divisions")


@router.get("/divisions", summary="Divisions below one, as far as the caller's area reaches")
def list_divisions(
    caller: SignedIn,
    parent: Annotated[str | None, Query(description="12-digit code; none: the own area.")] = None,
) -> list[DivisionInfo]:
    """In order of their codes. A division above the own area shows only the branch that leads to it."""
    tree = divisions()
    if parent is None:
        return [_info(tree.get(caller.actor.area_code))]
    above = tree.get(parent)
    if not _touches(caller.actor, above):
        raise NotFound("foundation.access.not_found")
    return [_info(child) for child in tree.children(parent) if _touches(caller.actor, child)]


def _touches(actor: Actor, division: Division) -> bool:
    """Inside the actor's area, or above it."""
    return division.code.startswith(actor.area_prefix) or actor.area_prefix.startswith(division.prefix)


def _info(division: Division) -> DivisionInfo:
    return DivisionInfo(
        code=division.code,
        name=division.name,
        level=division.level,
        has_children=bool(divisions().children(division.code)),
    )
