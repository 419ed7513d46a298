"""A quarter of a city's patrols, week by week: outings, bulletins, late data, and what was told of cheats."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import geopandas
import numpy as np
from sqlalchemy import text

from foundation.calendar import SHANGHAI, Period, month_of, parse_period, week_of
from foundation.divisions import divisions
from foundation.runtime import Runtime
from ingest import jobs as ingest
from patrol import jobs
from patrol.net import service as net
from patrol.rehearsal.checks import Site, check_doors, check_edges, check_zones
from patrol.rehearsal.city import City, Mix, Person, make_city
from patrol.rehearsal.papers import Office, Paper, is_same_again, issue, open_office, read_back
from patrol.rehearsal.walks import CHEATS, TOLD_BY, Walk, walk_of
from patrol.reports import service as reports
from patrol.rounds.measures import grounds_of
from patrol.rounds.patrols import PatrolBody, patrol_policy
from patrol.rounds.service import GroundBook, PatrolRecorded, record_patrols

Progress = Callable[[str, float], None]
CITY_CODE = "410800000000"
OFFICERS_A_VILLAGE = 2
A_TRANSACTION = 600
LATE_SHARE = 0.02
"""Of the outings reaches the server only after the week's bulletin was issued: no signal in the hills."""
MISSED_SHARE = 0.05
LAZY_MISSED_SHARE = 0.6
LAZY_MINUTES = (5.0, 11.0)
HONEST_MINUTES = (18.0, 50.0)


@dataclass
class PlayClock:
    """The time in the play; moved on by the play alone."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now


class Made(NamedTuple):
    """An outing on its way to the server; ``kind``: honest, lazy, or how it was made up."""

    person: Person
    kind: str
    body: PatrolBody


@dataclass
class Told:
    """What was found of the outings of one character."""

    outings: int = 0
    valid: int = 0
    told: int = 0
    doubted: int = 0
    people: set[str] = field(default_factory=set)
    told_people: set[str] = field(default_factory=set)


@dataclass
class Play:
    """State of a play between weeks."""

    runtime: Runtime
    clock: PlayClock
    city: City
    rng: np.random.Generator
    post_ids: dict[str, UUID]
    book: GroundBook
    office: Office
    earlier: dict[str, list[Walk]] = field(default_factory=dict)
    late: list[Made] = field(default_factory=list)
    told: dict[str, Told] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)


def rehearse(
    runtime: Runtime,
    clock: PlayClock,
    *,
    seed: int,
    first: date,
    weeks: int,
    prefix: str = "",
    folder: Path | None = None,
    progress: Progress = lambda stage, share: None,
) -> dict[str, Any]:
    """Play the weeks from a Monday on and say what came of it.

    Parameters
    ----------
    runtime : Runtime
        Of a database that holds nothing else.
    prefix : str
        Only a county, where not the whole city.
    folder : Path, optional
        Where the issued files are written.

    Returns
    -------
    dict
        ``people, outings, cheats, honest, bulletins, regenerated`` and more; JSON values.
    """
    play = prepare(runtime, clock, seed=seed, prefix=prefix, progress=progress)
    issued: list[Paper] = []
    for number in range(weeks):
        monday = first + timedelta(days=7 * number)
        _play_week(play, monday)
        clock.now = datetime.combine(monday + timedelta(days=7), datetime.min.time(), SHANGHAI) + timedelta(
            hours=9
        )
        issued += _issue_due(play, monday, folder)
        progress(f"{week_of(clock.now - timedelta(days=7)).label}", (number + 1) / weeks)
    progress("重新生成、用办公软件打开 made again, opened", 1.0)
    again = _issue_again(play, issued)
    found = _outcome(play, issued, again) | {"opened": read_back(runtime, issued)}
    progress("权限、时区、周界 doors, zones, edges", 1.0)
    return found | {"security": _security(play, issued, first, weeks)}


def _security(play: Play, issued: Sequence[Paper], first: date, weeks: int) -> dict[str, Any]:
    """Doors, time zones and edges, on what was played."""
    noon = datetime.combine(first, datetime.min.time(), SHANGHAI) + timedelta(hours=12)
    played = [week_of(noon + timedelta(days=7 * number)) for number in range(weeks)]
    village = play.city.villages[0].division.code
    one = play.late[0] if play.late else None
    county = f"{village[:6]}000000"
    other = next(
        division.code
        for division in divisions().all()
        if division.level == 3 and division.code != county and division.code.startswith(CITY_CODE[:4])
    )
    site = Site(
        play.runtime,
        play.clock.now,
        played[-1].label,
        CITY_CODE,
        county,
        f"{village[:9]}000",
        other,
        issued[-1].view.bulletin_id,
        one.body if one else None,
        one.person.division_code if one else village,
    )
    labels = [played[-1].label, month_of(played[-1].starts_at).label]
    return {
        "doors": check_doors(site),
        "zones": check_zones(play.runtime, labels, now=play.clock.now),
        "edges": check_edges(play.runtime, prefix=CITY_CODE[:4], weeks=played),
    }


def prepare(runtime: Runtime, clock: PlayClock, *, seed: int, prefix: str = "", progress: Progress) -> Play:
    """Import the city's ground and posts through the doors that a bureau uses."""
    mix = Mix(lazy=0.10, cheats=dict.fromkeys(CHEATS, 0.015))
    city = make_city(CITY_CODE, seed=seed, officers_a_village=OFFICERS_A_VILLAGE, mix=mix, prefix=prefix)
    _import_ground(runtime, city, progress)
    data = _posts_csv(city.people)
    with runtime.database.transaction(runtime.system) as session:
        report = net.import_posts(session, runtime.system, data.encode(), now=clock.now)
        if report.bad_lines:
            raise RuntimeError(report.bad_lines[0].reason)
        rows = session.execute(text("SELECT post_no, post_id FROM post")).all()
    grounds = grounds_of([village.outline for village in city.villages])
    spans = {person.division_code: person.villages for person in city.people}
    return Play(
        runtime,
        clock,
        city,
        np.random.default_rng(seed + 1),
        {row.post_no: row.post_id for row in rows},
        GroundBook(lattice=grounds, spans=spans),
        open_office(runtime, CITY_CODE, now=clock.now),
    )


def _import_ground(runtime: Runtime, city: City, progress: Progress) -> None:
    """Outlines, grid cells and cropland as the files that a bureau would hand over, county by county."""
    folder = runtime.settings.data_dir / "rehearsal"
    folder.mkdir(parents=True, exist_ok=True)
    counties = itertools.groupby(city.villages, key=lambda village: village.division.code[:6])
    for number, (county, group) in enumerate(counties):
        villages = list(group)
        codes = [village.division.code for village in villages]
        names = [village.division.name for village in villages]
        outlines = [village.outline for village in villages]
        tables = {
            "division": {"XZQDM": codes, "XZQMC": names, "geometry": outlines},
            "grid_cell": {"WGBH": codes, "WGMC": names, "XZQDM": codes, "geometry": outlines},
            "land_survey": {
                "BSM": [f"{code}-1" for code in codes],
                "DLBM": ["0103"] * len(codes),
                "DLMC": ["旱地"] * len(codes),
                "ZLDWDM": codes,
                "geometry": [village.cropland for village in villages],
            },
        }
        names_of = {"division": "XZQ", "grid_cell": "WGTB", "land_survey": "DLTB"}
        for kind, columns in tables.items():
            path = folder / f"{county}-{names_of[kind]}.gpkg"
            geopandas.GeoDataFrame(columns, crs=4490).to_file(path, layer=names_of[kind], driver="GPKG")
            ingest.import_layer(runtime, path, kind=kind, county_code=county, valid_from=date(2026, 1, 1))
        jobs.import_grid(runtime, county_code=county)
        progress(f"{county}", number / 11)


def _posts_csv(people: Sequence[Person]) -> str:
    lines = ["post_no,title,tier,kind,division_code,holder,deputy,login"]
    lines += [
        f"{person.post_no},{person.title},{person.tier},{person.kind},{person.division_code},{person.name},,"
        for person in people
    ]
    return "\n".join(lines)


def _play_week(play: Play, monday: date) -> None:
    week = week_of(datetime.combine(monday, datetime.min.time(), SHANGHAI) + timedelta(hours=12))
    made = list(_outings(play, week))
    made.sort(key=lambda one: (one.person.division_code, one.body.started_at))
    is_late = play.rng.random(len(made)) < LATE_SHARE
    late = [one for one, late in zip(made, is_late, strict=True) if late]
    # What was late last week has arrived by now.
    in_time = [one for one, late in zip(made, is_late, strict=True) if not late] + play.late
    play.counts["late"] += len(play.late)
    play.late = late
    play.clock.now = datetime.combine(week.last, datetime.min.time(), SHANGHAI) + timedelta(hours=23)
    _record(play, in_time)


def _record(play: Play, made: Sequence[Made]) -> None:
    for begin in range(0, len(made), A_TRANSACTION):
        batch = made[begin : begin + A_TRANSACTION]
        with play.runtime.database.transaction(play.runtime.system) as session:
            done = record_patrols(
                session,
                play.runtime.system,
                [one.body for one in batch],
                now=play.clock.now,
                profile="full",
                grounds=play.book,
            )
        for one, found in zip(batch, done, strict=True):
            _note(play, one, found)
            play.counts["fixes"] += one.body.track.fix_count


def _note(play: Play, one: Made, found: PatrolRecorded) -> None:
    told = play.told.setdefault(one.kind, Told())
    doubts = {str(doubt["code"]) for doubt in found.doubts}
    reasons = {str(reason["code"]) for reason in found.reasons if reason["decides"]}
    told.outings += 1
    told.valid += found.is_valid
    told.doubted += bool(doubts)
    told.people.add(one.person.post_no)
    if TOLD_BY.get(one.kind) in doubts | reasons or (one.kind == "honest" and doubts):
        told.told += 1
        told.told_people.add(one.person.post_no)


def _outings(play: Play, week: Period) -> Iterator[Made]:
    policy = patrol_policy()
    for _, group in itertools.groupby(play.city.people, key=lambda person: person.division_code):
        seen: list[Walk] = []
        # Whoever carries another's phone must have somebody to carry it: honest people go first.
        for person in sorted(group, key=lambda person: (person.character != "honest", person.post_no)):
            quota = policy.required(tier=person.tier, kind=person.kind, period=week, since=date(2020, 1, 1))
            for walk in _walks(play, person, week, quota, seen):
                seen.append(walk)
                body = PatrolBody(
                    UUID(bytes=play.rng.bytes(16), version=4),
                    play.post_ids[person.post_no],
                    walk.started_at,
                    walk.ended_at,
                    walk.track,
                )
                is_own = person.character in {"honest", "lazy"} or walk.is_made_up
                yield Made(person, person.character if is_own else "honest", body)


def _walks(play: Play, person: Person, week: Period, quota: float, seen: Sequence[Walk]) -> Iterator[Walk]:
    rng = play.rng
    asked = int(quota) + int(rng.random() < quota - int(quota))
    missed = LAZY_MISSED_SHARE if person.character == "lazy" else MISSED_SHARE
    for day in sorted(rng.permutation(7)[: sum(rng.random() >= missed for _ in range(asked))].tolist()):
        begin = datetime.combine(week.first + timedelta(days=day), datetime.min.time(), SHANGHAI)
        start = begin + timedelta(seconds=float(rng.uniform(6.5 * 3600, 18.0 * 3600)))
        minutes = rng.uniform(
            *(LAZY_MINUTES if person.character == "lazy" and rng.random() < 0.5 else HONEST_MINUTES)
        )
        earlier = play.earlier.setdefault(person.post_no, [])
        walk = walk_of(
            person,
            play.city,
            start,
            rng,
            minutes=float(minutes),
            earlier=earlier,
            colleague=seen[0] if seen else None,
        )
        if person.character == "replay" and not earlier:
            earlier.append(walk)
        yield walk


def _issue_due(play: Play, monday: date, folder: Path | None) -> list[Paper]:
    """The weekly papers of the week that ended, and the monthly ones where a month ended in it."""
    week = week_of(datetime.combine(monday, datetime.min.time(), SHANGHAI) + timedelta(hours=12))
    due = [("weekly_bulletin", week.label), ("weekly_ranking", week.label)]
    following = monday + timedelta(days=7)
    if following.month != monday.month or following.day == 1:
        ended = (following.replace(day=1) - timedelta(days=1)).strftime("%Y-%m")
        due.append(("monthly_ranking", ended))
    papers = [
        issue(play.runtime, play.office, kind=kind, period=period, city_code=CITY_CODE)
        for kind, period in due
    ]
    if folder is not None:
        for file in (file for paper in papers for file in paper.view.files):
            jobs.save_file(play.runtime, file.sha256, folder / file.name)
    return papers


def _told(paper: Paper) -> dict[str, Any]:
    view = paper.view
    files = [{"name": file.name, "sha256": file.sha256} for file in view.files]
    return {
        "kind": view.kind,
        "period": view.period,
        "number": view.number,
        "files": files,
        "two_persons": None not in (view.reviewed_by, view.issued_by) and view.reviewed_by != view.issued_by,
    }


def _issue_again(play: Play, issued: Sequence[Paper]) -> dict[str, Any]:
    """Every paper asked for and made again after late data came: the bytes must be the first ones."""
    same = [paper for paper in issued if is_same_again(play.runtime, paper, city_code=CITY_CODE)]
    return {"papers": len(issued), "same_bytes": len(same), "late_outings": play.counts["late"]}


def _outcome(play: Play, issued: Sequence[Paper], regenerated: dict[str, Any]) -> dict[str, Any]:
    honest = play.told.get("honest", Told())
    cheats = {
        kind: {
            "told_by": TOLD_BY[kind],
            "outings": found.outings,
            "told": found.told,
            "share": round(found.told / found.outings, 4) if found.outings else None,
            "people": len(found.people),
            "told_people": len(found.told_people),
            "counted_as_valid": found.valid,
        }
        for kind, found in sorted(play.told.items())
        if kind in CHEATS
    }
    return {
        "villages": len(play.city.villages),
        "people": len(play.city.people),
        "outings": sum(found.outings for found in play.told.values()),
        "fixes": play.counts["fixes"],
        "cheats": cheats,
        "honest": {
            "outings": honest.outings,
            "flagged": honest.doubted,
            "share": round(honest.doubted / honest.outings, 6) if honest.outings else None,
            "flagged_people": len(honest.told_people),
            "valid": honest.valid,
        },
        "bulletins": [_told(paper) for paper in issued],
        "regenerated": regenerated,
        "rankings_s": _ranking_seconds(play, issued),
    }


def _ranking_seconds(play: Play, issued: Sequence[Paper]) -> dict[str, float]:
    """How long the newest week's ranking takes to answer."""
    import time

    period = parse_period(issued[-1].view.period) if issued else week_of(play.clock.now)
    seconds = {}
    with play.runtime.database.transaction(play.runtime.system) as session:
        for of in ("post", "township", "county"):
            started = time.perf_counter()
            reports.rankings(
                session, play.runtime.system, period=period.label, of=of, profile="full", now=play.clock.now
            )
            seconds[of] = round(time.perf_counter() - started, 3)
    return seconds
