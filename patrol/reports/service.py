"""Verbs of reporting: rankings as they stand, bulletins drafted, issued, and then never changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

import structlog
from sqlalchemy.orm import Session

from foundation import audit
from foundation.access import Actor, require
from foundation.blobs import BlobStore
from foundation.calendar import parse_period
from foundation.divisions import divisions
from foundation.errors import Conflict, InvalidInput, NotFound, Unavailable
from patrol.cases.store import lock_key
from patrol.reports import facts, store
from patrol.reports.alarms.service import sign_facts
from patrol.reports.bulletins import Facts, check_kind, due_papers, number_of
from patrol.reports.indicators import DEFINITIONS, Definition, Indicator, compute
from patrol.reports.ledgers import ledger_archive, ledger_tables
from patrol.reports.rankings import WHOLE, Part, PersonGroup, RankingRow, ranking_policy
from patrol.reports.views import SIGNS, BulletinFile, BulletinView, view_of
from patrol.tables import BulletinRow

log = structlog.get_logger()
OF = ("post", "township", "county")
WITH_DOCUMENT = frozenset({"weekly_bulletin", "monthly_ranking"})
"""Kinds that are printed; a week's ranking is the workbook beside its bulletin."""
DRAFT_READERS = frozenset({"report.review", "report.issue"})


@dataclass(frozen=True, slots=True)
class RankingView:
    """A ranking of a period, with the definitions of its numbers."""

    period: str
    first: date
    last: date
    of: str
    rows: tuple[RankingRow, ...]
    definitions: tuple[Definition, ...]
    persons_ranked: bool
    total: int
    """Lines of the whole ranking, of which `rows` are those that were asked for."""


def rankings(
    session: Session,
    actor: Actor,
    *,
    period: str,
    of: str = "post",
    tier: int | None = None,
    division_code: str | None = None,
    profile: str = "full",
    part: Part = WHOLE,
    now: datetime,
) -> RankingView:
    """A ranking as it stands now.

    Parameters
    ----------
    period : str
        ``2026-W37`` or ``2026-09``.
    of : str
        ``post | township | county``.
    tier : int, optional
        Of persons: 3 township, 4 village. Several groups of a tier follow one another, each ranked by itself.
    part : Part
        Which lines are told.

    Raises
    ------
    InvalidInput
        ``foundation.calendar.bad_period``, ``patrol.ranking.unknown_of``.
    """
    scope = _scope(actor, period, division_code, profile, now)
    require(actor, "report.view", scope.division.code)
    if of not in OF:
        raise InvalidInput("patrol.ranking.unknown_of", of=of, accepted=list(OF))
    if of == "post":

        def wanted(found: PersonGroup) -> bool:
            return (tier is None or found.tier == tier) and part.group in {None, found.key}

        members, total = facts.person_page(session, scope, wanted, part)
        rows = [row for _, group_rows in members for row in group_rows]
    else:
        rows = facts.unit_ranking(session, scope, 4 if of == "township" else 3)
        total = len(rows)
        rows = rows[part.first : part.last]
    persons_ranked = ranking_policy().ranks_persons[profile]
    return RankingView(
        scope.period.label,
        scope.period.first,
        scope.period.last,
        of,
        tuple(rows),
        DEFINITIONS,
        persons_ranked,
        total,
    )


def indicators(
    session: Session,
    actor: Actor,
    *,
    period: str,
    division_code: str | None = None,
    profile: str = "full",
    now: datetime,
) -> dict[str, Indicator]:
    """All indicators of an area and period, each with the items behind it."""
    scope = _scope(actor, period, division_code, profile, now)
    require(actor, "report.view", scope.division.code)
    ledger = facts.load_ledger(session, scope, scope.period)
    return compute(facts.with_coverage(session, scope, ledger), scope.period, now)


def export_ledger(
    session: Session,
    actor: Actor,
    *,
    period: str,
    division_code: str | None = None,
    profile: str = "full",
    now: datetime,
) -> bytes:
    """The ledger behind the indicators of an area and period: an archive of CSV tables, to be counted again.

    Areas in m², moments in UTC. Where only units are shown it names nobody.
    """
    scope = _scope(actor, period, division_code, profile, now)
    require(actor, "report.view", scope.division.code)
    ledger = facts.with_coverage(session, scope, facts.load_ledger(session, scope, scope.period))
    return ledger_archive(ledger_tables(ledger, names_persons=ranking_policy().ranks_persons[profile]))


def draft_bulletin(
    session: Session,
    actor: Actor,
    *,
    kind: str,
    period: str,
    division_code: str,
    blobs: BlobStore,
    profile: str = "full",
    now: datetime,
) -> BulletinView:
    """Draft a bulletin, or draft it anew while it is not issued; an issued one comes back as it is.

    What was reviewed and is drafted anew wants a new review.

    Raises
    ------
    InvalidInput
        ``foundation.calendar.bad_period``, ``patrol.bulletin.unknown_kind``,
        ``patrol.bulletin.kind_and_period``.
    Conflict
        ``patrol.bulletin.not_begun``: the period lies in the future.
    """
    require(actor, "report.draft", division_code)
    scope = _scope(actor, period, division_code, profile, now)
    check_kind(kind, scope.period)
    if now < scope.period.starts_at:
        raise Conflict("patrol.bulletin.not_begun", period=period)
    lock_key(session, f"bulletin/{kind}/{division_code}")
    row = store.find_bulletin(session, kind, period, division_code)
    if row is not None and row.status == "issued":
        return view_of(row, actor)
    row = row or _new_row(session, scope, kind)
    row.facts = facts.gather(session, actor, scope, kind=kind, number=row.number)
    if kind in WITH_DOCUMENT:
        found = sign_facts(session, actor, scope.division, scope.period, profile=profile, end=scope.end)
        row.facts = {**row.facts, SIGNS: found}
    row.status, row.drafted_at = "draft", now
    row.reviewed_at = row.reviewed_by = row.review_note = None
    row.files = _files(row, blobs)
    session.flush()
    audit.record(
        session,
        actor,
        "patrol.bulletin.drafted",
        subject=("bulletin", row.bulletin_id),
        at=now,
        facts={"kind": kind, "period": period, "files": [entry["sha256"] for entry in row.files]},
    )
    return view_of(row, actor)


def draft_due(session: Session, actor: Actor, *, now: datetime) -> tuple[tuple[str, str], ...]:
    """Papers of the actor's own area that the schedule wants and that nobody has drafted: (kind, period).

    None before the net has a post: there is nothing to tell.
    """
    require(actor, "report.draft")
    if not store.has_posts(session):
        return ()
    return due_papers(now, store.drafted(session, actor.area_code))


def list_bulletins(session: Session, actor: Actor) -> tuple[BulletinView, ...]:
    """Bulletins that the actor may see, newest period first; drafts only for who may review or issue."""
    require(actor, "report.view")
    sees_drafts = not DRAFT_READERS.isdisjoint(actor.rights)
    return tuple(
        view_of(row, actor) for row in store.list_bulletins(session) if row.status == "issued" or sees_drafts
    )


def get_bulletin(session: Session, actor: Actor, bulletin_id: UUID) -> BulletinView:
    """One bulletin.

    Raises
    ------
    NotFound
        ``patrol.bulletin.not_found``.
    """
    require(actor, "report.view")
    row = _get(session, bulletin_id)
    if row.status != "issued" and DRAFT_READERS.isdisjoint(actor.rights):
        raise NotFound("patrol.bulletin.not_found", bulletin_id=str(bulletin_id))
    return view_of(row, actor)


def bulletin_file(session: Session, actor: Actor, bulletin_id: UUID, name: str) -> BulletinFile:
    """One file of a bulletin, by its name.

    Raises
    ------
    NotFound
        ``patrol.bulletin.no_file``.
    """
    for entry in get_bulletin(session, actor, bulletin_id).files:
        if entry.name == name:
            return entry
    raise NotFound("patrol.bulletin.no_file", name=name)


class Made(NamedTuple):
    """One file of a bulletin, made from its facts."""

    name: str
    media_type: str
    data: bytes
    is_restricted: bool = False


def render(said: Facts, *, at: datetime, blobs: BlobStore) -> list[Made]:
    """Files of a bulletin; equal facts give equal bytes."""

    # The web process only reads: what writes documents is loaded where documents are written.
    from patrol.reports import annex, excel, word
    from patrol.reports.making import typesetting

    def picture(sha256: str) -> bytes | None:
        return blobs.read(sha256) if sha256 and sha256 in blobs else None

    stem = f"{said['title']}{said['period']}"
    files = [Made(f"{stem}.xlsx", excel.MEDIA_TYPE, excel.ranking_workbook(said, at=at))]
    if said["kind"] in WITH_DOCUMENT:
        document = word.bulletin_document(said, at=at, picture=picture)
        files.insert(0, Made(f"{stem}.docx", word.MEDIA_TYPE, document))
        try:
            page = typesetting.pdf_of(document, at=at, title=said["title"])
            files.insert(1, Made(f"{stem}.pdf", typesetting.MEDIA_TYPE, page))
        except Unavailable as refusal:
            # A machine without a Chinese typeface still makes the Word file and the workbook.
            log.warning("patrol.bulletin.without_pdf", title=said["title"], reason=refusal.text("zh"))
    if SIGNS in said:
        document = annex.annex_document(said, at=at)
        files.append(Made(annex.annex_name(stem), word.MEDIA_TYPE, document, is_restricted=True))
    return files


def _new_row(session: Session, scope: facts.Scope, kind: str) -> BulletinRow:
    """A draft with its number; a week is numbered in the year that its label names."""
    year, code = int(scope.period.label[:4]), scope.division.code
    row = BulletinRow(
        bulletin_id=facts.bulletin_id_of(kind, scope),
        kind=kind,
        period=scope.period.label,
        division_code=code,
        number=number_of(kind, year, store.next_serial(session, kind, year, code)),
        status="draft",
        drafted_at=scope.as_of,
        facts={},
        files=[],
    )
    session.add(row)
    return row


def _files(row: BulletinRow, blobs: BlobStore) -> list[dict[str, Any]]:
    made = render(row.facts, at=row.drafted_at, blobs=blobs)
    return [
        {
            "name": file.name,
            "media_type": file.media_type,
            "sha256": blobs.put(file.data).sha256,
            **({"is_restricted": True} if file.is_restricted else {}),
        }
        for file in made
    ]


def _scope(actor: Actor, period: str, division_code: str | None, profile: str, now: datetime) -> facts.Scope:
    division = divisions().get(division_code or actor.area_code)
    return facts.Scope(division, parse_period(period), now, profile)


def _get(session: Session, bulletin_id: UUID) -> BulletinRow:
    row = store.bulletin_by_id(session, bulletin_id)
    if row is None:
        raise NotFound("patrol.bulletin.not_found", bulletin_id=str(bulletin_id))
    return row
