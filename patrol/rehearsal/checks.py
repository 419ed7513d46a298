"""What security asks of patrols, tried on the play's own database: doors, time zones, the edges of weeks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from foundation.access import Actor, allows, roles
from foundation.calendar import SHANGHAI, Period, month_of, parse_period, week_of
from foundation.errors import LandwardenError, NotAllowed, NotFound
from foundation.ids import derived_id
from foundation.runtime import Runtime
from patrol.net import service as net
from patrol.recheck import service as recheck
from patrol.reports import service as reports
from patrol.reports import store
from patrol.reports.alarms import service as alarms
from patrol.reports.issuing import service as issuing
from patrol.reports.issuing.errata import ErratumBody
from patrol.rounds.patrols import PatrolBody
from patrol.rounds.service import record_patrols

SECOND = timedelta(seconds=1)
FIRST_DAY, LAST_DAY = date(1995, 1, 1), date(2075, 12, 31)
ZONES = ("UTC", "Asia/Shanghai", "America/Los_Angeles", "Pacific/Kiritimati")
"""Of the database's session: what is counted must not depend on it."""
LABELS = text(
    "SELECT to_char(at AT TIME ZONE 'Asia/Shanghai', 'IYYY-\"W\"IW') AS week,"
    " to_char(at AT TIME ZONE 'Asia/Shanghai', 'YYYY-MM') AS month"
    " FROM unnest(CAST(:moments AS timestamptz[])) WITH ORDINALITY AS u (at, nth) ORDER BY nth"
)


class Door(NamedTuple):
    """A verb of patrols and reports, the right it asks for, and the place it speaks of, if of one."""

    name: str
    right: str
    place: str | None
    knock: Callable[[Session, Actor], object]
    post_id: UUID | None = None
    """The post in whose name it is done, where nobody else may."""


@dataclass(frozen=True)
class Site:
    """Where the doors of a play lie: city, county, township, another county; an outing and a paper."""

    runtime: Runtime
    now: datetime
    period: str
    city: str
    county: str
    township: str
    other_county: str
    bulletin_id: UUID
    body: PatrolBody | None
    body_place: str


class _Undone(Exception):
    """Takes a transaction back."""


def check_doors(site: Site) -> dict[str, Any]:
    """Every role of every area knocks at every door; who got in is compared with the table of rights.

    Returns
    -------
    dict
        ``asked``, ``allowed``, ``refused``; ``wrong``: what differs from the table.
    """
    found: dict[str, Any] = {"asked": 0, "allowed": 0, "refused": 0, "wrong": []}
    for door in _doors(site):
        for actor in _actors(site, door):
            is_expected = allows(actor, door.right, door.place) and (
                door.post_id is None or actor.role == "system" or door.post_id in actor.post_ids
            )
            is_open = _is_open(site.runtime, actor, door)
            found["asked"] += 1
            found["allowed" if is_open else "refused"] += 1
            if is_open != is_expected:
                found["wrong"].append(f"{door.name} {door.place or ''} {actor.role} {actor.area_code}")
    return found


def _doors(site: Site) -> list[Door]:
    doors: list[Door] = []
    for place in (site.county, site.township, site.other_county):
        doors += [
            Door("rankings", "report.view", place, _rankings(site, place)),
            Door("signs", "report.review", place, _signs(site, place)),
            Door("draft", "report.draft", place, _lottery(site, place)),
        ]
    paper = site.bulletin_id
    body = ErratumBody("kpis.opened", -1.0, "r", ("e",))
    doors += [
        Door("posts", "post.manage", None, lambda s, a: net.import_posts(s, a, b"", now=site.now)),
        Door(
            "review",
            "report.review",
            site.city,
            lambda s, a: issuing.review_bulletin(s, a, paper, now=site.now),
        ),
        Door(
            "issue", "report.issue", site.city, lambda s, a: issuing.issue_bulletin(s, a, paper, now=site.now)
        ),
        Door(
            "erratum",
            "report.review",
            site.city,
            lambda s, a: issuing.note_erratum(s, a, paper, body, now=site.now),
        ),
    ]
    outing = site.body
    if outing is not None:
        doors.append(
            Door(
                "outing",
                "patrol.record",
                site.body_place,
                lambda s, a: record_patrols(s, a, [outing], now=site.now),
                outing.post_id,
            )
        )
    return doors


def _rankings(site: Site, place: str) -> Callable[[Session, Actor], object]:
    def knock(session: Session, actor: Actor) -> object:
        return reports.rankings(
            session, actor, period=site.period, of="township", division_code=place, now=site.now
        )

    return knock


def _signs(site: Site, place: str) -> Callable[[Session, Actor], object]:
    def knock(session: Session, actor: Actor) -> object:
        return alarms.signs(session, actor, period=site.period, division_code=place, now=site.now)

    return knock


def _lottery(site: Site, place: str) -> Callable[[Session, Actor], object]:
    def knock(session: Session, actor: Actor) -> object:
        return recheck.draw_week(session, actor, now=site.now, week=site.period, division_code=place)

    return knock


def _actors(site: Site, door: Door) -> list[Actor]:
    areas = (site.city, site.county, site.township, site.other_county)
    found = [
        Actor(derived_id("rehearsal-actor", role, area), role, role, role, area)
        for role in roles()
        for area in areas
    ]
    if door.post_id is not None:
        found += [replace(actor, post_ids=(door.post_id,)) for actor in found]
    return found


def _is_open(runtime: Runtime, actor: Actor, door: Door) -> bool:
    """Whether the verb was begun; whatever it did is taken back."""
    try:
        with runtime.database.transaction(actor) as session:
            door.knock(session, actor)
            raise _Undone
    except (NotAllowed, NotFound):
        return False
    except (_Undone, LandwardenError):
        # Refused for another reason: whoever hears it was let in.
        return True


def check_zones(runtime: Runtime, periods: Sequence[str], *, now: datetime) -> dict[str, Any]:
    """Rankings asked for while the database's session lives in other time zones: answers must be equal."""
    found: dict[str, Any] = {"zones": len(ZONES), "answers": 0, "different": 0}
    for period in periods:
        answers = []
        for zone in ZONES:
            with runtime.database.transaction(runtime.system) as session:
                session.execute(text("SELECT set_config('TimeZone', :zone, true)"), {"zone": zone})
                answers.append(
                    [
                        reports.rankings(session, runtime.system, period=period, of=of, now=now).rows
                        for of in ("post", "township", "county")
                    ]
                )
        found["answers"] += len(answers)
        found["different"] += sum(answer != answers[0] for answer in answers)
    return found


def check_edges(runtime: Runtime, *, prefix: str, weeks: Sequence[Period]) -> dict[str, Any]:
    """Whether calendar and database name the same week and month at every edge, and each outing counts once.

    Returns
    -------
    dict
        ``moments`` around midnight before each Monday and first of a month, of which ``wrong``; ``outings``
        that are valid in the weeks played, and how many the weeks, and the months, counted in all.
    """
    moments = _edges()
    with runtime.database.transaction(runtime.system) as session:
        rows = session.execute(LABELS, {"moments": [moment.astimezone(UTC) for moment in moments]}).all()
        wrong = sum(
            (week_of(moment).label, month_of(moment).label) != (row.week, row.month)
            for moment, row in zip(moments, rows, strict=True)
        )
        first, last = weeks[0].starts_at, weeks[-1].ends_at
        months = list(
            dict.fromkeys(month_of(first + timedelta(days=day)).label for day in range((last - first).days))
        )
        spans = [(period.starts_at, period.ends_at) for period in weeks]
        cut = [
            (max(period.starts_at, first), min(period.ends_at, last)) for period in map(parse_period, months)
        ]
        whole = sum(outing.is_valid for outing in store.outings(session, prefix, first, last))
        by_week, by_month = (
            sum(sum(each.values()) for each in store.walked(session, prefix, asked)) for asked in (spans, cut)
        )
    return {
        "moments": len(moments),
        "wrong": wrong,
        "outings": whole,
        "counted_by_weeks": by_week,
        "counted_by_months": by_month,
    }


def _edges() -> list[datetime]:
    """One second before, at and after each midnight in Shanghai that begins a week or a month."""
    found = []
    for number in range((LAST_DAY - FIRST_DAY).days + 1):
        day = FIRST_DAY + timedelta(days=number)
        if day.weekday() == 0 or day.day == 1:
            midnight = datetime.combine(day, datetime.min.time(), SHANGHAI)
            found += [midnight - SECOND, midnight, midnight + SECOND]
    return found
