"""Verbs that make a paper binding: approved by another person, issued with its number, served, or voided."""

from __future__ import annotations

from datetime import date, datetime, time
from uuid import UUID

from sqlalchemy.orm import Session

from foundation import audit
from foundation.access import Actor
from foundation.blobs import BlobStore
from foundation.calendar import SHANGHAI
from foundation.errors import Conflict, InvalidInput, NotAllowed
from patrol.cases.clocks import clock_table
from patrol.papers import store
from patrol.papers.drafting import (
    changed_fields,
    current_version,
    locked_draft,
    locked_paper,
    occasion_of,
    render_version,
    require_reason,
    require_version,
)
from patrol.papers.fields import day_text, paper_fields
from patrol.papers.kinds import PaperKind, obstacles, paper_kind, require_waited
from patrol.papers.numbering import authority_of, number_text
from patrol.papers.tables import PaperRow, PaperVersionRow

SERVICE_WAYS = ("直接送达", "留置送达", "委托送达", "邮寄送达", "转交送达", "电子送达", "公告送达")


def approve_paper(
    session: Session, actor: Actor, paper_id: UUID, *, expected_version: int | None = None, now: datetime
) -> PaperRow:
    """Approve the newest version. Whoever drafted or changed it may not, administrators included.

    Raises
    ------
    NotAllowed
        No right, or ``patrol.paper.same_person``.
    Conflict
        ``patrol.paper.frozen``, ``patrol.paper.version_changed``, ``patrol.paper.empty_fields``.
    """
    row = locked_paper(session, actor, paper_id, right="paper.approve")
    if row.status not in {"draft", "approved"}:
        raise Conflict("patrol.paper.frozen", status=row.status, number=row.number or "-")
    require_version(row, expected_version, session)
    _require_other_person(session, actor, row)
    _require_filled(paper_kind(row.kind), current_version(session, row))
    row.status, row.approved_at = "approved", now
    row.approved_by, row.approved_name = actor.account_id, actor.name
    facts = {"kind": row.kind, "version": row.version}
    audit.record(session, actor, "patrol.paper.approved", subject=("paper", paper_id), at=now, facts=facts)
    return row


def send_back_paper(
    session: Session, actor: Actor, paper_id: UUID, *, reason: str, now: datetime
) -> PaperRow:
    """Give a draft back to its drafter with a reason; an approval is taken back."""
    said = require_reason(reason)
    row = locked_paper(session, actor, paper_id, right="paper.approve")
    if row.status not in {"draft", "approved"}:
        raise Conflict("patrol.paper.frozen", status=row.status, number=row.number or "-")
    row.status, row.approved_at, row.approved_by, row.approved_name = "draft", None, None, None
    facts = {"kind": row.kind, "version": row.version, "reason": said}
    audit.record(session, actor, "patrol.paper.sent_back", subject=("paper", paper_id), at=now, facts=facts)
    return row


def issue_paper(
    session: Session,
    actor: Actor,
    paper_id: UUID,
    *,
    blobs: BlobStore,
    expected_version: int | None = None,
    now: datetime,
) -> PaperRow:
    """Issue a paper: it takes its number, its Word and PDF files are stored by their hash and never change.

    The number is taken last, under a lock that holds until the transaction ends; a roll-back gives it back.

    Raises
    ------
    Conflict
        ``patrol.paper.not_approved``, ``patrol.paper.facts_changed``, ``patrol.paper.empty_fields``,
        ``patrol.paper.time_runs``, ``patrol.paper.not_served``, or an obstacle of its kind.
    Unavailable
        ``patrol.paper.no_font``.
    """
    from patrol.papers.making.merge import stamp
    from patrol.reports.making.typesetting import pdf_of

    row = locked_draft(session, actor, paper_id, expected_version=expected_version)
    kind, version = paper_kind(row.kind), current_version(session, row)
    if kind.is_two_person and row.status != "approved":
        raise Conflict("patrol.paper.not_approved", paper=kind.zh)
    for obstacle in obstacles(kind, occasion_of(session, actor, row.patch_id, now=now)):
        raise obstacle
    _require_filled(kind, version)
    if changed := changed_fields(session, actor, row, version, now=now):
        raise Conflict("patrol.paper.facts_changed", paper=kind.zh, fields="、".join(changed))
    _require_times(session, kind, row, now)
    today = now.astimezone(SHANGHAI).date()
    serial = store.take_serial(session, series=row.series, county_code=row.county_code, year=today.year)
    number = number_text(authority_of(row.division_code), sign=kind.sign, year=today.year, serial=serial)
    document = stamp(blobs.read(version.docx_sha256), number=number, day=day_text(today), at=now)
    row.issued_pdf_sha256 = blobs.put(pdf_of(document, at=now, title=f"{kind.zh} {number}")).sha256
    row.issued_docx_sha256 = blobs.put(document).sha256
    row.status, row.number, row.year, row.serial = "issued", number, today.year, serial
    row.issued_at, row.issued_by, row.issued_name = now, actor.account_id, actor.name
    session.flush()
    facts = {
        "kind": row.kind,
        "patch_id": str(row.patch_id),
        "number": number,
        "version": row.version,
        "docx_sha256": row.issued_docx_sha256,
        "pdf_sha256": row.issued_pdf_sha256,
        "approved_by": row.approved_name,
    }
    audit.record(session, actor, "patrol.paper.issued", subject=("paper", paper_id), at=now, facts=facts)
    return row


def is_reproducible(row: PaperRow, version: PaperVersionRow, *, blobs: BlobStore) -> bool:
    """Whether making an issued paper again gives its stored bytes; the stored ones count either way."""
    from patrol.papers.making.merge import stamp

    if row.number is None or row.issued_at is None:
        return False
    source = (
        render_version(version, blobs=blobs)
        if version.origin == "generated"
        else blobs.read(version.docx_sha256)
    )
    day = day_text(row.issued_at.astimezone(SHANGHAI).date())
    made = stamp(source, number=row.number, day=day, at=row.issued_at)
    return made == blobs.read(row.issued_docx_sha256 or "")


def void_paper(session: Session, actor: Actor, paper_id: UUID, *, reason: str, now: datetime) -> PaperRow:
    """Void an issued paper (作废): its number stays taken, its files stay as they are.

    Raises
    ------
    Conflict
        ``patrol.paper.not_issued``; ``patrol.paper.already_served``: by then it takes a new decision.
    NotAllowed
        ``patrol.paper.same_person``: whoever drafted it may not void it.
    """
    said = require_reason(reason)
    row = locked_paper(session, actor, paper_id, right="paper.approve")
    if row.status != "issued":
        raise Conflict("patrol.paper.not_issued", status=row.status)
    if row.served_on is not None:
        raise Conflict("patrol.paper.already_served", number=row.number or "-")
    if paper_kind(row.kind).is_two_person and actor.account_id == row.drafted_by:
        raise NotAllowed("patrol.paper.same_person", paper=paper_kind(row.kind).zh)
    row.status, row.ended_at, row.ended_name, row.ended_reason = "void", now, actor.name, said
    facts = {"kind": row.kind, "number": row.number, "reason": said}
    audit.record(session, actor, "patrol.paper.voided", subject=("paper", paper_id), at=now, facts=facts)
    return row


def withdraw_paper(session: Session, actor: Actor, paper_id: UUID, *, reason: str, now: datetime) -> PaperRow:
    """Give up a draft; it never had a number."""
    said = require_reason(reason)
    row = locked_draft(session, actor, paper_id, expected_version=None)
    row.status, row.ended_at, row.ended_name, row.ended_reason = "withdrawn", now, actor.name, said
    facts = {"kind": row.kind, "version": row.version, "reason": said}
    audit.record(session, actor, "patrol.paper.withdrawn", subject=("paper", paper_id), at=now, facts=facts)
    return row


def record_service(
    session: Session,
    actor: Actor,
    paper_id: UUID,
    *,
    served_on: date,
    how: str,
    to: str,
    now: datetime,
) -> PaperRow:
    """Record that an issued paper reached its party: from this day the party's periods are counted.

    Raises
    ------
    Conflict
        ``patrol.paper.not_issued``, ``patrol.paper.already_served``.
    InvalidInput
        ``patrol.paper.bad_service``: a day before its issue or in the future, an unknown way, nobody named.
    """
    row = locked_paper(session, actor, paper_id)
    if row.status != "issued" or row.issued_at is None:
        raise Conflict("patrol.paper.not_issued", status=row.status)
    if row.served_on is not None:
        raise Conflict("patrol.paper.already_served", number=row.number or "-")
    issued_on, today = (moment.astimezone(SHANGHAI).date() for moment in (row.issued_at, now))
    if not issued_on <= served_on <= today or how not in SERVICE_WAYS or not to.strip():
        raise InvalidInput(
            "patrol.paper.bad_service", served_on=served_on.isoformat(), accepted="、".join(SERVICE_WAYS)
        )
    row.served_on, row.served_how, row.served_to = served_on, how, to.strip()[:100]
    facts = {"kind": row.kind, "number": row.number, "served_on": served_on.isoformat(), "how": how}
    audit.record(session, actor, "patrol.paper.served", subject=("paper", paper_id), at=now, facts=facts)
    return row


def period_ends_at(row: PaperRow, clock: str) -> datetime | None:
    """When a period that began with the service of a paper runs out; None while it is not served."""
    if row.served_on is None:
        return None
    return clock_table().deadline(clock, datetime.combine(row.served_on, time(12), SHANGHAI))


def missing_fields(kind: PaperKind, version: PaperVersionRow) -> tuple[str, ...]:
    """Chinese names of the fields that must be filled before the paper is issued."""
    fields = paper_fields()
    return tuple(fields[key].zh for key in kind.required if version.fields.get(key) in (None, "", []))


def _require_filled(kind: PaperKind, version: PaperVersionRow) -> None:
    if missing := missing_fields(kind, version):
        raise Conflict("patrol.paper.empty_fields", paper=kind.zh, fields="、".join(missing))


def _require_other_person(session: Session, actor: Actor, row: PaperRow) -> None:
    hands = {version.made_by for version in store.versions_of(session, row.paper_id)} | {row.drafted_by}
    if actor.account_id in hands:
        raise NotAllowed("patrol.paper.same_person", paper=paper_kind(row.kind).zh)


def _require_times(session: Session, kind: PaperKind, row: PaperRow, now: datetime) -> None:
    """Periods of the party that must have run since earlier papers were served."""
    issued = {
        paper.kind: paper for paper in store.papers_of(session, row.patch_id) if paper.status == "issued"
    }
    for earlier, clock in kind.not_before.items():
        if earlier in issued:
            paper = issued[earlier]
            ends_at = period_ends_at(paper, clock)
            is_served = paper.served_on is not None
            require_waited(kind, served_kind=earlier, is_served=is_served, runs_out_at=ends_at, now=now)
