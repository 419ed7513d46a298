"""Rights and registers: approvals, permits, filings, temporary use, mining rights, parcels."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry

from ingest.sources.synthetic.landscape.land import Land
from ingest.sources.synthetic.landscape.materials import read_table
from ingest.sources.synthetic.planting.situations import Change, Permit

Row = dict[str, Any]
RIGHT_KINDS = ("construction_approval", "planning_permit", "facility_filing", "temporary_use", "mining_right")


def _area(area_m2: float) -> float:
    return round(area_m2, 2)


def right_rows(land: Land, changes: list[Change]) -> dict[str, list[Row]]:
    """Rows of the five right layers: those of the planted situations and older, lawful ones."""
    rights: dict[str, list[tuple[Permit, BaseGeometry, str]]] = {kind: [] for kind in RIGHT_KINDS}
    for change in changes:
        for permit, shape in change.rights:
            rights[permit.kind].append((permit, shape, change.village_code))
    for permit, shape in _older_rights(land):
        centre = shape.representative_point()
        rights[permit.kind].append((permit, shape, land.village_at(centre.x, centre.y).code))
    rights["mining_right"] = _mining_rights(land, rights["mining_right"])
    return {
        kind: [
            _right_row(land, kind, number, right=right)
            for number, right in enumerate(sorted_rights(items), start=1)
        ]
        for kind, items in rights.items()
    }


def sorted_rights(items: list[tuple[Permit, BaseGeometry, str]]) -> list[tuple[Permit, BaseGeometry, str]]:
    """In order of date, so that numbers tell nothing about what was planted."""
    return sorted(items, key=lambda item: (item[0].valid_from, item[1].centroid.x, item[1].centroid.y))


def _older_rights(land: Land) -> list[tuple[Permit, BaseGeometry]]:
    """Approvals and permits of the works and farms that stand since years."""
    rng = land.seed.stream("older-rights")

    def day(first: int, last: int) -> date:
        return date(first, 1, 5) + timedelta(days=int(rng.integers(365 * (last - first))))

    rights: list[tuple[Permit, BaseGeometry]] = []
    for lot in land.works_lots:
        approved = day(2012, 2024)
        whole = lot.buffer(1.5, join_style="mitre")
        rights.append((Permit("construction_approval", 1.0, approved), whole))
        rights.append((Permit("planning_permit", 1.0, approved + timedelta(days=95)), whole))
    for lot in land.farm_lots:
        rights.append((Permit("facility_filing", 1.0, day(2017, 2025)), lot.buffer(2.0, join_style="mitre")))
    meadow = next((shape for shape, code, _ in reversed(land.countryside.blocks) if code == "0102"), None)
    if meadow is not None:
        camp = meadow.representative_point().buffer(24.0)
        rights.append((Permit("temporary_use", 1.0, date(2023, 3, 1), date(2025, 2, 28)), camp))
    return rights


def _mining_rights(
    land: Land, items: list[tuple[Permit, BaseGeometry, str]]
) -> list[tuple[Permit, BaseGeometry, str]]:
    """One right a quarry: the old pit joined with the covered parts of its planted lobes."""
    terms = {0: (date(2021, 5, 12), date(2029, 5, 11)), 1: (date(2016, 5, 31), date(2026, 5, 30))}
    result = []
    for number, quarry in enumerate(land.quarries):
        own = [shape for permit, shape, _ in items if permit.valid_from == terms[number][0]]
        joined = shapely.union_all([quarry.outline.buffer(3.0), *own]).buffer(2.0).buffer(-2.0)
        code = land.village_at(quarry.x, quarry.y).code
        result.append((Permit("mining_right", 1.0, *terms[number]), joined.simplify(0.4), code))
    if not land.quarries:
        west = land.villages[0].territory.representative_point().buffer(30)
        result.append(
            (Permit("mining_right", 1.0, date(2008, 4, 1), date(2018, 3, 31)), west, land.villages[0].code)
        )
    return result


def _right_row(land: Land, kind: str, number: int, *, right: tuple[Permit, BaseGeometry, str]) -> Row:
    permit, shape, code = right
    names = read_table("names")

    def name(list_name: str) -> str:
        return str(names[list_name][number % len(names[list_name])])

    year, holder, first_day = permit.valid_from.year, name("companies"), permit.valid_from
    row: Row = {"shape": shape, "XZQDM": code}
    match kind:
        case "construction_approval":
            row |= {"PZWH": f"演政土〔{year}〕{number}号", "XMMC": name("projects"), "YDDW": holder}
            return row | {"TDYT": "工业用地", "PZMJ": _area, "PZRQ": first_day}
        case "planning_permit":
            is_home = shape.area < 700
            label = "乡村建设规划许可" if is_home and not land.urban.intersects(shape) else "建设工程规划许可"
            row |= {"XKZH": f"演建字第{year}{number:04d}号", "XKLX": label, "JSDW": holder}
            return row | {
                "XMMC": "村民住宅" if is_home else name("projects"),
                "XKMJ": _area,
                "FZRQ": first_day,
            }
        case "facility_filing":
            row |= {"BAH": f"演设农备〔{year}〕{number}号", "XMMC": name("farms"), "JYZ": holder}
            return row | {
                "SSLX": "种植设施" if number % 2 else "畜禽养殖设施",
                "BAMJ": _area,
                "BARQ": first_day,
            }
        case "temporary_use":
            row |= {
                "PZWH": f"演临地〔{year}〕{number}号",
                "XMMC": name("works"),
                "SYDW": holder,
                "PZMJ": _area,
            }
            return row | {"YT": "施工场地、材料堆场", "PZRQ": first_day, "JSRQ": permit.valid_to}
    quarry = min(land.quarries, key=lambda pit: pit.outline.distance(shape), default=None)
    row |= {"XKZH": f"C4108{year}{number:011d}", "KSMC": quarry.name if quarry else "旧采石场（已关闭）"}
    row |= {"CKQR": holder, "KCKZ": "建筑石料用灰岩", "KQMJ": _area}
    return row | {"YXQQ": first_day, "YXQZ": permit.valid_to}


def parcel_rows(land: Land, changes: list[Change]) -> tuple[list[Row], list[Row]]:
    """Parcels of two register snapshots: before the first image, and 2026-09-01.

    The later snapshot differs by the planted register events only: changed use, split, resurvey.
    """
    rng = land.seed.stream("parcels")
    vacant = {change.outline.wkb for change in changes if change.situation.make == "villa_lot"}
    lots: list[tuple[BaseGeometry, str, str, str]] = []
    for courtyard in land.courtyards:
        if not courtyard.is_vacant and courtyard.outline.wkb not in vacant and rng.random() < 0.9:
            lots.append((courtyard.outline, courtyard.village_code, "JC", "0702"))
    for shapes, letters, use in ((land.works_lots, "GB", "0601"), (land.farm_lots, "JA", "1202")):
        for shape in shapes:
            centre = shape.representative_point()
            lots.append((shape, land.village_at(centre.x, centre.y).code, letters, use))
    events = {
        change.outline.wkb: change.situation.make
        for change in changes
        if change.situation.kind == "cadastral"
    }
    before: list[Row] = []
    later: list[Row] = []
    for number, lot in enumerate(lots, start=1):
        row = _parcel(number, lot, registered=date(2014, 3, 1) + timedelta(days=int(rng.integers(4000))))
        before.append(row)
        later += _later(row, events.get(lot[0].wkb, ""), len(lots))
    return before, later


def _parcel(number: int, lot: tuple[BaseGeometry, str, str, str], *, registered: date) -> Row:
    shape, code, letters, use = lot
    names = read_table("names")
    owner = holder_name(number) if letters == "JC" else names["companies"][number % len(names["companies"])]
    parcel = f"{code}{letters}{number % 100000:05d}"
    return {
        "shape": shape, "YSDM": "6001010000", "ZDDM": parcel, "BDCDYH": f"{parcel}W00000000", "QLRMC": owner,
        "QLLX": {"JC": "宅基地使用权", "GB": "国有建设用地使用权", "JA": "集体土地所有权"}[letters],
        "TDYT": use, "TDYTMC": read_table("county")["land_class"][use], "ZDMJ": _area, "XZQDM": code,
        "DJSJ": registered,
    }  # fmt: skip


def _later(row: Row, event: str, count: int) -> list[Row]:
    """One parcel in the later snapshot."""
    changed = date(2026, 6, 18)
    if event == "use_changed":
        name = read_table("county")["land_class"]["0601"]
        return [row | {"TDYT": "0601", "TDYTMC": name, "DJSJ": changed}]
    if event == "shift":
        return [row | {"shape": shapely.affinity.translate(row["shape"], 0.18, -0.11), "DJSJ": changed}]
    if event == "split":
        left, top, right, bottom = row["shape"].bounds
        middle = (left + right) / 2
        halves = [
            shapely.clip_by_rect(row["shape"], left - 1, top - 1, middle, bottom + 1),
            shapely.clip_by_rect(row["shape"], middle, top - 1, right + 1, bottom + 1),
        ]
        stem = row["ZDDM"][:14]
        codes = [f"{stem}{count + number:05d}" for number in (1, 2)]
        return [
            row | {"shape": half, "ZDDM": code, "BDCDYH": f"{code}W00000000", "DJSJ": changed}
            for half, code in zip(halves, codes, strict=True)
        ]
    return [row]


def holder_name(number: int) -> str:
    """An invented name that is clearly a placeholder, different for every number below 70,000."""
    names = read_table("names")
    surnames, stems = names["surnames"], names["stems"]
    number, surname = divmod(number, len(surnames))
    number, first = divmod(number, len(stems))
    second = stems[number % len(stems)] if number else ""
    return f"{surnames[surname]}某{second}{stems[first]}"
