"""A city's divisions with their true names on made-up ground, and the people who hold its posts."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import numpy as np
import shapely

from foundation.divisions import Division, divisions

EXTENTS_FILE = Path(__file__).resolve().parents[2] / "data" / "reference" / "extents.toml"
SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕"
GIVEN = "建国志强秀英军伟敏静磊洋勇艳杰娟涛明超霞平刚桂兰玉华海燕春梅红霞文博宇航"
CROPLAND_SHARE = 0.6
"""Of each village, its middle: fields lie within, houses and roads around."""


class Village(NamedTuple):
    """One village: a rectangle of made-up ground, EPSG:4490, and the cropland within it."""

    division: Division
    outline: shapely.Polygon
    cropland: shapely.Polygon


class Person(NamedTuple):
    """Who holds a post, and how they walk.

    Attributes
    ----------
    character : str
        ``honest``, ``lazy``, or a kind of cheat: a key of `patrol.rehearsal.walks.CHEATS`.
    villages : tuple of (first, last)
        Places in the city's villages of the ground that is theirs.
    """

    post_no: str
    post_id: UUID
    title: str
    tier: int
    kind: str
    division_code: str
    name: str
    character: str
    villages: tuple[int, int]


@dataclass(frozen=True)
class Mix:
    """How many of the people are of which character; the rest is honest."""

    lazy: float = 0.10
    cheats: Mapping[str, float] | None = None


@dataclass(frozen=True)
class City:
    """Villages in the order of their codes, and the people of all tiers that walk."""

    villages: Sequence[Village]
    people: Sequence[Person]


def make_city(city_code: str, *, seed: int, officers_a_village: int, mix: Mix, prefix: str = "") -> City:
    """A city from the division table: its ground shared out, its posts filled.

    Parameters
    ----------
    officers_a_village : int
        Grid officers; each village has a field chief as well, each township a field and a mountain chief.
    prefix : str
        Only divisions whose code begins so: a county for a small play.
    """
    rng = np.random.default_rng(seed)
    tree = divisions()
    found = [
        division
        for division in tree.all()
        if division.level == 5 and division.code.startswith(prefix or city_code[:4])
    ]
    found.sort(key=lambda division: division.code)
    extents = tomllib.loads(EXTENTS_FILE.read_text("utf-8"))
    west, south, east, north = extents[city_code[:4]]["lonlat"]
    boxes = share_out(shapely.box(west, south, east, north), len(found))
    villages = [Village(division, box, _middle(box)) for division, box in zip(found, boxes, strict=True)]
    return City(villages, _people(villages, rng, officers_a_village, mix))


def share_out(box: shapely.Polygon, count: int) -> list[shapely.Polygon]:
    """A rectangle cut into ``count`` of equal size; neighbours in the list are neighbours on the ground."""
    if count == 1:
        return [box]
    west, south, east, north = shapely.bounds(box)
    first = count // 2
    share = first / count
    if (east - west) * math.cos(math.radians(south)) >= north - south:
        middle = west + share * (east - west)
        parts = shapely.box(west, south, middle, north), shapely.box(middle, south, east, north)
    else:
        middle = south + share * (north - south)
        parts = shapely.box(west, south, east, middle), shapely.box(west, middle, east, north)
    return share_out(parts[0], first) + share_out(parts[1], count - first)


def _middle(box: shapely.Polygon) -> shapely.Polygon:
    scale = math.sqrt(CROPLAND_SHARE)
    west, south, east, north = shapely.bounds(box)
    x, y, dx, dy = (
        (west + east) / 2,
        (south + north) / 2,
        (east - west) / 2 * scale,
        (north - south) / 2 * scale,
    )
    middle: shapely.Polygon = shapely.box(x - dx, y - dy, x + dx, y + dy)
    return middle


def _people(villages: Sequence[Village], rng: np.random.Generator, officers: int, mix: Mix) -> list[Person]:
    slots: list[tuple[str, str, int, str, str, tuple[int, int]]] = []
    spans: dict[str, tuple[int, int]] = {}
    tree = divisions()
    for place, village in enumerate(villages):
        code, name = village.division.code, village.division.name
        parent = village.division.parent_code or ""
        spans[parent] = (spans.get(parent, (place, place))[0], place)
        slots.append((f"{code}-T", f"{name}田长", 4, "field_chief", code, (place, place)))
        slots += [
            (f"{code}-W{number}", f"{name}网格员", 4, "grid_officer", code, (place, place))
            for number in range(1, officers + 1)
        ]
    for code, span in spans.items():
        name = tree.get(code).name
        slots.append((f"{code}-T", f"{name}田长", 3, "field_chief", code, span))
        slots.append((f"{code}-S", f"{name}山长", 3, "mountain_chief", code, span))
    characters = _characters(len(slots), rng, mix)
    return [
        Person(
            post_no,
            UUID(bytes=rng.bytes(16), version=4),
            title,
            tier,
            kind,
            code,
            _name(rng),
            characters[place] if tier == 4 else "honest",
            span,
        )
        for place, (post_no, title, tier, kind, code, span) in enumerate(slots)
    ]


def _characters(count: int, rng: np.random.Generator, mix: Mix) -> list[str]:
    cheats = dict(mix.cheats or {})
    names = ["honest", "lazy", *cheats]
    shares = [1.0 - mix.lazy - sum(cheats.values()), mix.lazy, *cheats.values()]
    return [names[place] for place in rng.choice(len(names), size=count, p=shares)]


def _name(rng: np.random.Generator) -> str:
    given = rng.choice(list(GIVEN), size=int(rng.integers(1, 3)), replace=False)
    return str(rng.choice(list(SURNAMES))) + "".join(str(part) for part in given)
