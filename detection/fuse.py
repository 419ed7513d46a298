"""Which leads speak of one event: a plan made from places, windows and standings. Nothing is lost by it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import cos, radians
from typing import Any
from uuid import UUID

import shapely
from shapely.geometry.base import BaseGeometry

from detection.leads import Lead
from detection.patches import (
    OPEN,
    PatchShape,
    Standing,
    combine,
    is_restoring,
    is_same_place,
    overlap_share,
    windows_meet,
)
from foundation.calendar import SHANGHAI
from foundation.crs import distance_m

LOCK_CELL_DEG = 0.02
JOIN, RELAPSE, ASK, FOLLOW = "join", "relapse", "ask", "follow"
"""What a lead on the ground of a patch is to it: the same matter; a new violation after it was closed; one or
the other, so that a person must say; a new matter on known ground."""
STRONGEST = (JOIN, RELAPSE, ASK, FOLLOW)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A patch that stands, with the leads that make it."""

    patch_id: UUID
    leads: tuple[Lead, ...]
    standing: Standing = OPEN


@dataclass(slots=True)
class Group:
    """Leads that make one patch.

    Attributes
    ----------
    patch_id : UUID or None
        The patch that stands; None for a new one.
    added : list of Lead
        What is new in it.
    is_relapse : bool
        A closed patch, on whose ground it happened again.
    follows : UUID or None
        For a new one: the settled patch on whose ground it lies.
    """

    patch_id: UUID | None
    leads: list[Lead]
    shape: PatchShape
    standing: Standing = OPEN
    added: list[Lead] = field(default_factory=list)
    is_relapse: bool = False
    follows: UUID | None = None

    def take(self, lead: Lead, fusion: Mapping[str, Any]) -> None:
        """Add a lead; what it draws changes the shape, unless the matter is settled."""
        self.leads.append(lead)
        self.added.append(lead)
        if not lead.is_sighting and self.standing.settled_at is None:
            self.shape = combine(self.leads, fusion, since=self.standing.shaped_since)


@dataclass(frozen=True, slots=True)
class FusionPlan:
    """Every lead is in exactly one place: added to a group, or waiting for a person.

    Attributes
    ----------
    groups : tuple of Group
        Only those that gain a lead.
    waiting : tuple of Lead
    """

    groups: tuple[Group, ...]
    waiting: tuple[Lead, ...]


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A patch that a waiting lead may belong to.

    Attributes
    ----------
    distance_m : float
        From the sighting's place to the outline; 0 inside, and for a lead with an outline.
    sigmas : float or None
        The same in standard deviations of the sighting; None for a lead with an outline.
    """

    patch_id: UUID
    distance_m: float
    sigmas: float | None


def plan_fusion(
    leads: Sequence[Lead],
    candidates: Sequence[Candidate],
    fusion: Mapping[str, Any],
    *,
    parted: frozenset[tuple[UUID, UUID]] = frozenset(),
) -> FusionPlan:
    """Attach each lead to the patch that it speaks of, or let it found one, or let it wait.

    Leads that draw come first, from large to small, and sightings when all outlines stand, so that the
    result does not depend on the order in which they arrived.

    Parameters
    ----------
    parted : set of (lead id, patch id)
        What a person took apart stays apart.
    """
    groups = [
        Group(c.patch_id, list(c.leads), combine(c.leads, fusion, since=c.standing.shaped_since), c.standing)
        for c in candidates
        if any(not lead.is_sighting for lead in c.leads)
    ]
    waiting = _place_drawn([lead for lead in leads if not lead.is_sighting], groups, fusion, parted)
    for lead in sorted((lead for lead in leads if lead.is_sighting), key=lambda one: str(one.lead_id)):
        group = _group_of_sighting(lead, groups, fusion, parted)
        if group is None:
            waiting.append(lead)
        else:
            group.take(lead, fusion)
    return FusionPlan(tuple(group for group in groups if group.added), tuple(waiting))


def relation(lead: Lead, group: Group, fusion: Mapping[str, Any]) -> str | None:
    """What a lead is to a patch on whose ground it lies; None where it is another place.

    A patch whose matter is open takes whatever is seen on its ground, however late: only a restoration that
    nobody settled hides no later violation. Once it is settled, what was seen until then belongs to it.
    """
    if lead.outline is None:
        return None
    settled_at = group.standing.settled_at
    if settled_at is None and _is_same_site(lead, group, fusion):
        return JOIN
    if not is_same_place(lead.outline, group.shape.outline, fusion):
        return None
    if settled_at is None:
        return _while_open(lead, group, fusion)
    if lead.observed_to <= settled_at:
        return JOIN
    return _after_settling(lead, group, settled_at, fusion)


def suggestions(lead: Lead, groups: Sequence[Candidate], fusion: Mapping[str, Any]) -> tuple[Suggestion, ...]:
    """Patches that a person may attach a waiting lead to, the nearest first; settled ones as well."""
    found = []
    for group in groups:
        if all(one.is_sighting for one in group.leads):
            continue
        outline = combine(group.leads, fusion, since=group.standing.shaped_since).outline
        metres = distance_to_m(lead, outline)
        if metres <= (lead.radius_m or 0.0) + fusion["sighting"]["suggest_m"]:
            sigmas = metres / lead.sigma_m if lead.is_sighting else None
            found.append(Suggestion(group.patch_id, metres, sigmas))
    return tuple(sorted(found, key=lambda one: (one.distance_m, str(one.patch_id))))


def distance_to_m(lead: Lead, outline: BaseGeometry) -> float:
    """Geodesic distance in metres from where a lead lies to an outline (EPSG:4490); 0 where they touch."""
    ground = lead.place if lead.place is not None else lead.ground
    if shapely.intersects(ground, outline):
        return 0.0
    # Nearest in a plane with equal units along both axes; a degree of longitude is the shorter one.
    factor = cos(radians(float(ground.centroid.y)))
    line = shapely.shortest_line(_scaled(ground, factor), _scaled(outline, factor))
    (x0, y0), (x1, y1) = shapely.get_coordinates(line)
    return distance_m((x0 / factor, y0), (x1 / factor, y1))


def lock_cells(leads: Sequence[Lead], *, reach_deg: float = 0.0) -> list[int]:
    """Numbers of the grid cells that leads touch, in order: fusion locks them one after the other.

    Parameters
    ----------
    reach_deg : float
        Further around leads with outlines: with the cells of a sighting that may join them.
    """
    return sorted(
        {number for lead in leads for number in _cells(lead, 0.0 if lead.is_sighting else reach_deg)}
    )


def _place_drawn(
    leads: Sequence[Lead],
    groups: list[Group],
    fusion: Mapping[str, Any],
    parted: frozenset[tuple[UUID, UUID]],
) -> list[Lead]:
    """Put leads with outlines into groups, making new ones; those that need a person are given back."""
    known = [lead for group in groups for lead in group.leads if not lead.is_sighting] + list(leads)
    groups_of: dict[UUID, list[Group]] = {}
    for group in groups:
        for lead in group.leads:
            groups_of.setdefault(lead.lead_id, []).append(group)
    tree = shapely.STRtree([lead.ground for lead in known])
    beside_of: dict[tuple[UUID, int], list[UUID]] = {}
    for lead in known:
        if lead.site is not None:
            beside_of.setdefault(lead.site, []).append(lead.lead_id)
    waiting = []
    for lead in sorted(leads, key=lambda one: (-one.area_m2, str(one.lead_id))):
        touching = [known[int(index)].lead_id for index in tree.query(lead.ground, predicate="intersects")]
        beside = beside_of.get(lead.site, ()) if lead.site else ()
        near = {id(group): group for other in (*touching, *beside) for group in groups_of.get(other, ())}
        bond, nearest = _strongest_bond(lead, list(near.values()), fusion, parted)
        if bond == ASK:
            waiting.append(lead)
            continue
        if nearest is None or bond == FOLLOW:
            follows = nearest.patch_id if nearest is not None else None
            home = Group(None, [], combine([lead], fusion), follows=follows)
            groups.append(home)
        else:
            home = nearest
        if bond == RELAPSE:
            home.is_relapse = True
            home.standing = Standing(shaped_since=home.standing.settled_at)
        home.take(lead, fusion)
        groups_of.setdefault(lead.lead_id, []).append(home)
    return waiting


def _strongest_bond(
    lead: Lead, near: Sequence[Group], fusion: Mapping[str, Any], parted: frozenset[tuple[UUID, UUID]]
) -> tuple[str | None, Group | None]:
    bonds = []
    for group in near:
        bond = relation(lead, group, fusion)
        if bond is not None and (lead.lead_id, group.patch_id) not in parted:
            bonds.append((bond, group))
    if not bonds:
        return None, None
    return min(bonds, key=lambda pair: _bond_order(lead, *pair))


def _bond_order(lead: Lead, bond: str, group: Group) -> tuple[int, bool, float, tuple[float, ...], str]:
    """Open before settled, newest settlement first, then by overlap."""
    settled_at = group.standing.settled_at
    shares = overlap_share(lead.ground, group.shape.outline)
    return (
        STRONGEST.index(bond),
        settled_at is not None,
        -settled_at.timestamp() if settled_at else 0.0,
        tuple(-share for share in shares),
        str(group.leads[0].lead_id if group.leads else ""),
    )


def _is_same_site(lead: Lead, group: Group, fusion: Mapping[str, Any]) -> bool:
    """Whether one comparison found the lead beside a lead of the group, both of them built or both undone."""
    was_restored = is_restoring(lead.change_class, fusion)
    return lead.site is not None and any(
        other.site == lead.site and is_restoring(other.change_class, fusion) == was_restored
        for other in group.leads
    )


def _while_open(lead: Lead, group: Group, fusion: Mapping[str, Any]) -> str | None:
    shape, was_restored = group.shape, is_restoring(group.shape.change_class, fusion)
    gap = timedelta(days=fusion["gap_days"])
    is_near = windows_meet((lead.observed_from, lead.observed_to), (shape.before_at, shape.after_at), gap=gap)
    if is_near or was_restored == is_restoring(lead.change_class, fusion):
        return JOIN
    if was_restored and lead.observed_from >= shape.after_at:
        return FOLLOW
    if not was_restored and lead.observed_to <= shape.before_at:
        return None
    return JOIN


def _after_settling(lead: Lead, group: Group, settled_at: datetime, fusion: Mapping[str, Any]) -> str:
    """A lead whose window ends after its patch was settled."""
    standing = group.standing
    if is_restoring(lead.change_class, fusion):
        return JOIN
    if lead.observed_from < group.shape.after_at:
        # The pair spans the first finding and the closing: not put right, or found a second time.
        return JOIN if standing.state == "dismissed" else ASK
    if standing.state == "dismissed":
        return FOLLOW
    last_day = standing.watched_until
    is_watched = last_day is None or lead.observed_to.astimezone(SHANGHAI).date() <= last_day
    return RELAPSE if is_watched else FOLLOW


def _group_of_sighting(
    lead: Lead, groups: Sequence[Group], fusion: Mapping[str, Any], parted: frozenset[tuple[UUID, UUID]]
) -> Group | None:
    """The one open patch that a sighting certainly speaks of; None when a person must say."""
    rules = fusion["sighting"]
    if lead.change_class in rules["apart"] or (lead.radius_m or 0.0) > rules["radius_max_m"]:
        return None
    near = sorted(
        (
            (distance_to_m(lead, group.shape.outline) / lead.sigma_m, str(group.leads[0].lead_id), group)
            for group in groups
            if (lead.lead_id, group.patch_id) not in parted and _meets(lead, group, fusion)
        ),
        key=lambda row: row[:2],
    )
    if not near or near[0][2].standing.settled_at is not None:
        return None
    if len(near) > 1 and near[1][0] - near[0][0] < rules["ambiguous_sigma"]:
        return None
    return near[0][2]


def _meets(lead: Lead, group: Group, fusion: Mapping[str, Any]) -> bool:
    """Whether the disc touches the outline, near in time to the change window."""
    gap = timedelta(days=fusion["sighting"]["gap_days"])
    shape = group.shape
    return windows_meet(
        (lead.observed_from, lead.observed_to), (shape.before_at, shape.after_at), gap=gap
    ) and distance_to_m(lead, shape.outline) <= (lead.radius_m or 0.0)


def _cells(lead: Lead, reach_deg: float) -> Iterator[int]:
    west, south, east, north = lead.ground.bounds
    west, south, east, north = west - reach_deg, south - reach_deg, east + reach_deg, north + reach_deg
    for column in range(int(west // LOCK_CELL_DEG), int(east // LOCK_CELL_DEG) + 1):
        for row in range(int(south // LOCK_CELL_DEG), int(north // LOCK_CELL_DEG) + 1):
            yield column << 16 | row


def _scaled(geometry: BaseGeometry, factor: float) -> BaseGeometry:
    scaled: BaseGeometry = shapely.transform(geometry, lambda points: points * [factor, 1.0])
    return scaled
