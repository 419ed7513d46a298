"""Two snapshots of the parcel register compared: what was split, merged, moved, put to another use. Pure.

Numbers change when parcels are divided, and outlines move a little whenever somebody measures again, so
parcels are matched by the ground they hold, with the tolerance of a resurvey, and by number beside it.
Distances are measured in the 3° Gauss-Krüger zone of the register.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import shapely
from shapely.geometry.base import BaseGeometry

from detection.judging.overlay import land_group
from foundation.crs import STORAGE_EPSG, ellipsoidal_area_m2, gauss_krueger_epsg, reproject

VERSION = "1"
ChangeKind = Literal[
    "split", "merge", "rearranged", "renumbered", "boundary", "resurvey", "added", "removed", "use", "right"
]
READABLE_USE = re.compile(r"(0[1-9]|1[0-2])[0-9H]\d[A-Z]?|0[1-35-9]")
"""Class codes that name one use; parents such as 10 or 12 hold both farmland and construction land."""
FARM_CHAPTERS = ("01", "02", "03", "04")


@dataclass(frozen=True, slots=True)
class Parcel:
    """One parcel (宗地) of one snapshot.

    Attributes
    ----------
    number : str
        宗地代码.
    use_code : str or None
        Land class of the registered use.
    right_type : str or None
        权利类型.
    outline : Polygon or MultiPolygon
        EPSG:4490, valid.
    """

    number: str
    use_code: str | None
    use_name: str
    right_type: str | None
    outline: BaseGeometry


@dataclass(frozen=True, slots=True)
class RegisterChange:
    """One difference between two snapshots.

    Attributes
    ----------
    kind : str
        split, merge, rearranged (several into several), renumbered, boundary (moved beyond the tolerance),
        resurvey (moved within it), added, removed; use and right for what the register says of the ground.
    before, after : tuple of Parcel
        The parcels concerned. A change of use or right has one parcel after.
    """

    kind: ChangeKind
    before: tuple[Parcel, ...]
    after: tuple[Parcel, ...]


@dataclass(frozen=True, slots=True)
class Taking:
    """Ground that the register moved from agricultural or unused land to construction land.

    Attributes
    ----------
    former : tuple of Parcel
        What held the ground before, with its former use.
    outline : Polygon or MultiPolygon
        EPSG:4490; the whole parcel where all of it was taken.
    area_m2, area_min_m2, area_max_m2 : float
        Ellipsoidal; the band moves every edge by the tolerance of a resurvey.
    """

    parcel: Parcel
    former: tuple[Parcel, ...]
    outline: BaseGeometry
    area_m2: float
    area_min_m2: float
    area_max_m2: float


@dataclass(frozen=True, slots=True)
class _Piece:
    parcel: Parcel
    plane: BaseGeometry
    core: BaseGeometry
    """The outline without the strip in which a resurvey may move its edge."""


def compare_registers(
    before: Sequence[Parcel], after: Sequence[Parcel], *, tolerance_m: float
) -> list[RegisterChange]:
    """All differences between two snapshots, in the order of the parcels' numbers.

    Parcels that are the same in number, use, right and outline are left out first. What remains is joined
    where an outline reaches deeper into another than a resurvey explains, or where the number is the same;
    each joined set is one change of outlines, and each parcel after tells its changes of use and right.

    Parameters
    ----------
    tolerance_m : float
        How far an edge may move between two surveys without having changed.
    """
    first, second = _differing(before, after)
    if not first and not second:
        return []
    epsg = _zone((first or second)[0].outline)
    olds, news = _pieces(first, epsg, tolerance_m), _pieces(second, epsg, tolerance_m)
    links = _links(olds, news)
    changes: list[RegisterChange] = []
    for old_set, new_set in _joined_sets(len(olds), len(news), links):
        changes += _outline_changes([olds[i] for i in old_set], [news[j] for j in new_set], tolerance_m)
    for number, piece in enumerate(news):
        sources = [olds[i].parcel for i, j in links if j == number]
        changes += _said_otherwise("use", sources, piece.parcel, lambda parcel: parcel.use_code)
        changes += _said_otherwise("right", sources, piece.parcel, lambda parcel: parcel.right_type)
    return sorted(changes, key=_order)


def takings(
    changes: Iterable[RegisterChange], land_classes: Mapping[str, Sequence[str]], *, tolerance_m: float
) -> list[Taking]:
    """Changes of use toward construction land; strips narrower than a resurvey explains are none.

    Parameters
    ----------
    land_classes : mapping
        The ``land_classes`` table of ``judgement.toml``. A use that cannot be read proves nothing.
    """
    found = []
    for change in changes:
        if change.kind == "use" and use_group(change.after[0].use_code, land_classes) == "construction":
            taken = {"cropland", "other_agricultural", "unused"}
            former = tuple(p for p in change.before if use_group(p.use_code, land_classes) in taken)
            taking = _taking(change.after[0], former, tolerance_m) if former else None
            if taking is not None:
                found.append(taking)
    return found


def use_group(use_code: str | None, land_classes: Mapping[str, Sequence[str]]) -> str | None:
    """cropland, other_agricultural, unused or construction; None for a code that cannot be read."""
    if use_code is None or not READABLE_USE.fullmatch(use_code):
        return None
    group = land_group(use_code, land_classes)
    return None if group == "construction" and use_code.startswith(FARM_CHAPTERS) else group


def _differing(before: Sequence[Parcel], after: Sequence[Parcel]) -> tuple[list[Parcel], list[Parcel]]:
    """Both snapshots without the parcels that stand in the other just as they are."""
    old_keys, new_keys = [_key(parcel) for parcel in before], [_key(parcel) for parcel in after]
    return _without(before, old_keys, Counter(new_keys)), _without(after, new_keys, Counter(old_keys))


def _without(parcels: Sequence[Parcel], keys: Sequence[object], others: Counter[object]) -> list[Parcel]:
    kept = []
    for parcel, key in zip(parcels, keys, strict=True):
        if others[key]:
            others[key] -= 1
        else:
            kept.append(parcel)
    return sorted(kept, key=lambda parcel: (parcel.number, shapely.to_wkb(parcel.outline)))


def _key(parcel: Parcel) -> object:
    outline = shapely.to_wkb(shapely.normalize(parcel.outline))
    return parcel.number, parcel.use_code, parcel.right_type, outline


def _pieces(parcels: Sequence[Parcel], epsg: int, tolerance_m: float) -> list[_Piece]:
    pieces = []
    for parcel in parcels:
        plane = reproject(parcel.outline, STORAGE_EPSG, epsg)
        pieces.append(_Piece(parcel, plane, plane.buffer(-tolerance_m, join_style="mitre")))
    return pieces


def _zone(outline: BaseGeometry) -> int:
    """One zone for all that is compared: a county beside its edge is drawn true to 1 m in 1,000."""
    return gauss_krueger_epsg(float(outline.bounds[0]))


def _links(olds: Sequence[_Piece], news: Sequence[_Piece]) -> list[tuple[int, int]]:
    """Pairs that hold the same ground. A parcel moved by d reaches at most d into its old neighbour."""
    tree = shapely.STRtree([piece.plane for piece in olds])
    links = []
    for j, new in enumerate(news):
        for i in sorted(int(index) for index in tree.query(new.plane, predicate="intersects")):
            old = olds[i]
            is_deep = old.core.intersects(new.plane) and new.core.intersects(old.plane)
            if is_deep or old.parcel.number == new.parcel.number:
                links.append((i, j))
    return links


def _joined_sets(
    olds: int, news: int, links: Sequence[tuple[int, int]]
) -> Iterator[tuple[list[int], list[int]]]:
    """Old and new parcels that hang together, each set once."""
    neighbours: dict[tuple[str, int], list[tuple[str, int]]] = {
        **{("old", i): [] for i in range(olds)},
        **{("new", j): [] for j in range(news)},
    }
    for i, j in links:
        neighbours["old", i].append(("new", j))
        neighbours["new", j].append(("old", i))
    seen: set[tuple[str, int]] = set()
    for start in neighbours:
        if start in seen:
            continue
        reached, waiting = {start}, [start]
        while waiting:
            fresh = [node for node in neighbours[waiting.pop()] if node not in reached]
            reached.update(fresh)
            waiting += fresh
        seen |= reached
        yield (
            sorted(index for side, index in reached if side == "old"),
            sorted(index for side, index in reached if side == "new"),
        )


def _outline_changes(
    olds: Sequence[_Piece], news: Sequence[_Piece], tolerance_m: float
) -> list[RegisterChange]:
    before, after = tuple(p.parcel for p in olds), tuple(p.parcel for p in news)
    if sorted(p.number for p in before) == sorted(p.number for p in after):
        return [
            RegisterChange(_moved(old, new, tolerance_m), (old.parcel,), (new.parcel,))
            for old, new in zip(_by_number(olds), _by_number(news), strict=True)
            if not shapely.equals(old.plane, new.plane)
        ]
    return [RegisterChange(_kind(len(before), len(after)), before, after)]


def _kind(before: int, after: int) -> ChangeKind:
    if not before or not after:
        return "removed" if before else "added"
    if before == 1:
        return "renumbered" if after == 1 else "split"
    return "merge" if after == 1 else "rearranged"


def _moved(old: _Piece, new: _Piece, tolerance_m: float) -> ChangeKind:
    is_near = all(
        one.plane.boundary.within(other.plane.boundary.buffer(tolerance_m, quad_segs=32))
        for one, other in ((old, new), (new, old))
    )
    return "resurvey" if is_near else "boundary"


def _by_number(pieces: Sequence[_Piece]) -> list[_Piece]:
    return sorted(pieces, key=lambda piece: piece.parcel.number)


def _said_otherwise(
    kind: ChangeKind, sources: Sequence[Parcel], parcel: Parcel, said: Callable[[Parcel], str | None]
) -> list[RegisterChange]:
    """The parcels of which the register said something else before, if any."""
    others = tuple(source for source in sources if said(source) != said(parcel))
    return [RegisterChange(kind, others, (parcel,))] if others else []


def _taking(parcel: Parcel, former: Sequence[Parcel], tolerance_m: float) -> Taking | None:
    """The ground in common; None where a resurvey explains all of it."""
    epsg = _zone(parcel.outline)
    plane = reproject(parcel.outline, STORAGE_EPSG, epsg)
    ground = shapely.union_all([reproject(source.outline, STORAGE_EPSG, epsg) for source in former])
    shared = _opened(_polygons(shapely.intersection(plane, ground)), tolerance_m)
    left_out = shapely.difference(plane, shared).buffer(-tolerance_m, join_style="mitre")
    taken = plane if left_out.is_empty else shared
    smaller = taken.buffer(-tolerance_m, join_style="mitre")
    if smaller.is_empty:
        return None
    larger = taken.buffer(tolerance_m, join_style="mitre")
    outline = parcel.outline if taken is plane else reproject(taken, epsg, STORAGE_EPSG)
    area_m2, low_m2, high_m2 = (
        ellipsoidal_area_m2(shape)
        for shape in (
            outline,
            reproject(smaller, epsg, STORAGE_EPSG),
            reproject(larger, epsg, STORAGE_EPSG),
        )
    )
    return Taking(parcel, tuple(former), outline, area_m2, low_m2, high_m2)


def _opened(shape: BaseGeometry, tolerance_m: float) -> BaseGeometry:
    """A shape without its parts narrower than twice the tolerance."""
    kept = shape.buffer(-tolerance_m, join_style="mitre").buffer(tolerance_m, join_style="mitre")
    return _polygons(shapely.intersection(kept, shape))


def _polygons(shape: BaseGeometry) -> BaseGeometry:
    """The areal part of an overlay."""
    return shapely.union_all([part for part in shapely.get_parts(shape) if part.geom_type == "Polygon"])


def _order(change: RegisterChange) -> tuple[str, str, tuple[str, ...]]:
    parcels = change.after or change.before
    return parcels[0].number, change.kind, tuple(parcel.number for parcel in change.before)
