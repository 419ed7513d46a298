"""Posts of every tier, with placeholder holders."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from foundation.divisions import divisions
from ingest.sources.synthetic.landscape.fields import hill_line_y
from ingest.sources.synthetic.landscape.land import Land
from ingest.sources.synthetic.landscape.materials import read_table
from ingest.sources.synthetic.landscape.territory import Village, short_name
from ingest.sources.synthetic.records.registers import holder_name

FIELDS = ("post_no", "title", "tier", "kind", "division_code", "holder", "deputy", "login")
TITLES = {
    ("field_chief", 1): "总田长", ("mountain_chief", 1): "总山长",
    ("detachment", 1): "自然资源综合行政执法支队", ("grid_officer", 1): "市级网格员",
    ("field_chief", 2): "县级田长", ("mountain_chief", 2): "县级山长", ("brigade", 2): "自然资源执法大队",
    ("grid_officer", 2): "县级网格员",
    ("field_chief", 3): "乡级田长", ("mountain_chief", 3): "乡级山长", ("station", 3): "自然资源所",
    ("grid_officer", 3): "乡级网格员",
    ("field_chief", 4): "村级田长", ("mountain_chief", 4): "村级山长", ("grid_officer", 4): "村级网格员",
}  # fmt: skip
KIND_LETTERS = {
    "field_chief": "T", "mountain_chief": "S", "grid_officer": "W",
    "station": "Z", "brigade": "D", "detachment": "U",
}  # fmt: skip
PREFIX = {
    "field_chief": "tz", "mountain_chief": "sz", "grid_officer": "wgy",
    "station": "zrs", "brigade": "dd", "detachment": "zd",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Post:
    """One post of one tier (1 city … 4 village) and who holds it."""

    post_no: str
    title: str
    tier: int
    kind: str
    division_code: str
    holder: str
    deputy: str
    login: str


def list_posts(land: Land) -> list[Post]:
    """Chiefs and grid staff of the city, the counties, the townships and the villages of the land.

    Mountain chiefs exist where there are hills; a village has one grid officer, a large one two.
    """
    city = str(read_table("county")["city_code"])
    wanted: list[tuple[str, int, str]] = [(city, 1, kind) for kind in _kinds(1, is_hilly=True)]
    for county in sorted({village.county_code for village in land.villages}, reverse=True):
        wanted += [(county, 2, kind) for kind in _kinds(2, is_hilly=True)]
    hilly = {village.code for village in land.villages if is_hilly(land, village)}
    hilly_townships = {code[:9] + "000" for code in hilly}
    for township in sorted({village.township_code for village in land.villages}):
        wanted += [(township, 3, kind) for kind in _kinds(3, is_hilly=township in hilly_townships)]
    for village in sorted(land.villages, key=lambda item: item.code):
        wanted += [(village.code, 4, kind) for kind in _kinds(4, is_hilly=village.code in hilly)]
        if village.territory.area > 1_900_000:
            wanted.append((village.code, 4, "grid_officer"))
    names = count(0)
    serial: dict[tuple[str, str], int] = {}
    posts = []
    for code, tier, kind in wanted:
        number = serial[code, kind] = serial.get((code, kind), 0) + 1
        suffix = "" if number == 1 else str(number)
        posts.append(
            Post(
                post_no=f"{code}-{KIND_LETTERS[kind]}{number:02d}",
                title=f"{short_name(divisions().get(code).name)}{TITLES[kind, tier]}{suffix}",
                tier=tier,
                kind=kind,
                division_code=code,
                holder=holder_name(next(names)),
                deputy=holder_name(next(names)),
                login=f"{PREFIX[kind]}{code}{suffix and '-' + suffix}",
            )
        )
    return posts


def is_hilly(land: Land, village: Village) -> bool:
    """Part of the village lies in the hills."""
    top = village.territory.bounds[1]
    return bool(land.size["has_hills"]) and top + 150.0 < float(hill_line_y(land.frame, village.site[0]))


def _kinds(tier: int, *, is_hilly: bool) -> list[str]:
    kinds = ["field_chief"]
    if is_hilly:
        kinds.append("mountain_chief")
    office = {1: "detachment", 2: "brigade", 3: "station"}.get(tier)
    if office:
        kinds.append(office)
    return [*kinds, "grid_officer"]


def write_posts(land: Land, path: Path) -> Path:
    """``posts.csv``, UTF-8 with a byte order mark, as spreadsheets expect it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow(FIELDS)
        for post in list_posts(land):
            writer.writerow([getattr(post, name) for name in FIELDS])
    return path
