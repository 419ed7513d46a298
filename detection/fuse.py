"""Which leads speak of one event: a plan made from outlines and windows alone. Nothing is lost by it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import shapely

from detection.leads import Lead
from detection.patches import PatchShape, combine, is_same_place, overlap_share

LOCK_CELL_DEG = 0.02


@dataclass(frozen=True, slots=True)
class Candidate:
    """A patch that stands, with the leads that make it."""

    patch_id: UUID
    leads: tuple[Lead, ...]


@dataclass(slots=True)
class Group:
    """Leads that make one patch.

    Attributes
    ----------
    patch_id : UUID or None
        The patch that stands; None for a new one.
    added : list of Lead
        What is new in it.
    """

    patch_id: UUID | None
    leads: list[Lead]
    shape: PatchShape
    added: list[Lead] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class FusionPlan:
    """Every lead is in exactly one place: added to a group, or waiting.

    Attributes
    ----------
    groups : tuple of Group
        Only those that gain a lead.
    waiting : tuple of Lead
        Observations that may not make a patch alone (a camera's ray).
    """

    groups: tuple[Group, ...]
    waiting: tuple[Lead, ...]


def plan_fusion(
    leads: Sequence[Lead], candidates: Sequence[Candidate], fusion: Mapping[str, Any]
) -> FusionPlan:
    """Attach each lead to the patch that it overlaps most, or let it found one.

    Leads that may found a patch come first, from large to small, so that the result does not depend on
    the order in which they arrived.
    """
    groups = [Group(c.patch_id, list(c.leads), combine(c.leads, fusion)) for c in candidates if c.leads]
    known = [lead for group in groups for lead in group.leads] + list(leads)
    group_of = {lead.lead_id: group for group in groups for lead in group.leads}
    tree = shapely.STRtree([lead.outline for lead in known])
    waiting: list[Lead] = []
    for lead in sorted(leads, key=lambda lead: _founding_order(lead, fusion)):
        touching = [known[int(index)].lead_id for index in tree.query(lead.outline, predicate="intersects")]
        near = {id(group_of[other]): group_of[other] for other in touching if other in group_of}
        group = _best_group(lead, list(near.values()), fusion)
        if group is None and lead.source in fusion["never_founding"]:
            waiting.append(lead)
            continue
        if group is None:
            group = Group(None, [], combine([lead], fusion))
            groups.append(group)
        group.leads.append(lead)
        group.added.append(lead)
        group.shape = combine(group.leads, fusion)
        group_of[lead.lead_id] = group
    return FusionPlan(tuple(group for group in groups if group.added), tuple(waiting))


def lock_cells(leads: Sequence[Lead]) -> list[int]:
    """Numbers of the grid cells that leads touch, in order: fusion locks them one after the other."""
    return sorted({number for lead in leads for number in _cells(lead)})


def windows_meet(
    one: tuple[datetime, datetime], other: tuple[datetime, datetime], *, gap: timedelta = timedelta(0)
) -> bool:
    """Whether two change windows overlap or follow each other within a gap."""
    return one[0] <= other[1] + gap and other[0] <= one[1] + gap


def _founding_order(lead: Lead, fusion: Mapping[str, Any]) -> tuple[bool, float, str]:
    return lead.source in fusion["never_founding"], -lead.area_m2, str(lead.lead_id)


def _best_group(lead: Lead, near: Sequence[Group], fusion: Mapping[str, Any]) -> Group | None:
    matching = [group for group in near if _is_match(lead, group, fusion)]
    return max(matching, key=lambda group: overlap_share(lead.outline, group.shape.outline), default=None)


def _is_match(lead: Lead, group: Group, fusion: Mapping[str, Any]) -> bool:
    window = (group.shape.before_at, group.shape.after_at)
    gap = timedelta(days=fusion["gap_days"])
    is_same_time = windows_meet((lead.observed_from, lead.observed_to), window, gap=gap)
    return is_same_time and is_same_place(lead.outline, group.shape.outline, fusion)


def _cells(lead: Lead) -> Iterator[int]:
    west, south, east, north = lead.outline.bounds
    for column in range(int(west // LOCK_CELL_DEG), int(east // LOCK_CELL_DEG) + 1):
        for row in range(int(south // LOCK_CELL_DEG), int(north // LOCK_CELL_DEG) + 1):
            yield column << 16 | row
