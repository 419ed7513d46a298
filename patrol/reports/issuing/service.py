"""Verbs on a drafted bulletin: reviewed by one, issued by another, sent out, signed for, corrected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from foundation import audit
from foundation.access import Actor, require
from foundation.calendar import SHANGHAI, parse_period
from foundation.divisions import divisions
from foundation.errors import Conflict, InvalidInput, NotAllowed, NotFound
from foundation.ids import derived_id
from patrol.notices import service as notices
from patrol.reports.bulletins import Facts, iso
from patrol.reports.issuing import store
from patrol.reports.issuing.errata import TEXT_MAX, ErratumBody, check_erratum, told_number
from patrol.reports.issuing.tables import BulletinErratumRow, BulletinReceiptRow
from patrol.reports.rankings import ranking_policy
from patrol.reports.store import bulletin_by_id
from patrol.reports.views import BulletinView, view_of
from patrol.tables import BulletinRow, PostRow


@dataclass(frozen=True, slots=True)
class ErratumView:
    """One correction; ``told_in`` names the later bulletin that prints it."""

    erratum_id: UUID
    number: str
    name: str
    unit: str
    was: float | None
    should_be: float | None
    reason: str
    evidence: tuple[str, ...]
    noted_at: datetime
    told_in: UUID | None


@dataclass(frozen=True, slots=True)
class ReceiptView:
    """One office that a bulletin went to; who signed is left out where only units are shown."""

    receipt_id: UUID
    division_code: str
    division_name: str
    post_title: str
    sent_at: datetime
    signed_at: datetime | None
    signed_by_name: str | None
    is_own: bool
    """Whether the reader may sign for the office."""


def review_bulletin(
    session: Session, actor: Actor, bulletin_id: UUID, *, note: str = "", now: datetime
) -> BulletinView:
    """Say that a draft was checked and may be issued, by another person. Reviewing twice changes nothing.

    Raises
    ------
    NotFound
        ``patrol.bulletin.not_found``.
    Conflict
        ``patrol.bulletin.period_runs``: there is nothing final to check yet.
    InvalidInput
        ``patrol.bulletin.note_too_long``.
    """
    row = _locked(session, bulletin_id)
    require(actor, "report.review", row.division_code)
    if row.status != "draft":
        return view_of(row, actor)
    _check_ended(row, now)
    if len(note) > TEXT_MAX:
        raise InvalidInput("patrol.bulletin.note_too_long", maximum=TEXT_MAX)
    row.status, row.reviewed_at, row.reviewed_by = "reviewed", now, actor.account_id
    row.review_note = note.strip() or None
    _record(session, actor, "patrol.bulletin.reviewed", row, now)
    return view_of(row, actor)


def issue_bulletin(session: Session, actor: Actor, bulletin_id: UUID, *, now: datetime) -> BulletinView:
    """Issue a reviewed bulletin: from here on it is frozen. Issuing twice changes nothing.

    The platform itself never issues: its role lacks the right.

    Raises
    ------
    NotFound
        ``patrol.bulletin.not_found``.
    Conflict
        ``patrol.bulletin.period_runs``: its period has not ended; ``patrol.bulletin.not_reviewed``.
    NotAllowed
        ``patrol.bulletin.same_person``: the reviewer does not issue.
    """
    row = _locked(session, bulletin_id)
    require(actor, "report.issue", row.division_code)
    if row.status == "issued":
        return view_of(row, actor)
    _check_ended(row, now)
    if row.status != "reviewed":
        raise Conflict("patrol.bulletin.not_reviewed", number=row.number)
    if row.reviewed_by == actor.account_id:
        raise NotAllowed("patrol.bulletin.same_person", number=row.number)
    row.status, row.issued_at, row.issued_by = "issued", now, actor.account_id
    session.flush()
    told = [UUID(fact["erratum_id"]) for fact in row.facts.get("errata", ())]
    if told:
        store.mark_told(session, told, row.bulletin_id)
    _send_out(session, row, now)
    _record(session, actor, "patrol.bulletin.issued", row, now)
    return view_of(row, actor)


def note_erratum(
    session: Session, actor: Actor, bulletin_id: UUID, body: ErratumBody, *, now: datetime
) -> ErratumView:
    """Put a number of an issued bulletin right: printed in the next one, while this one stays as it is.

    Raises
    ------
    NotFound
        ``patrol.bulletin.not_found``.
    Conflict
        ``patrol.erratum.not_issued``: a draft is drafted anew instead.
    InvalidInput
        ``patrol.erratum.unknown_number`` and the refusals of `errata.check_erratum`.
    """
    row = _locked(session, bulletin_id)
    require(actor, "report.review", row.division_code)
    if row.status != "issued":
        raise Conflict("patrol.erratum.not_issued", number=row.number)
    earlier = store.errata_of(session, bulletin_id)
    told = told_number(row.facts, body.number)
    for erratum in earlier:
        if erratum.number == body.number:
            # A correction may itself be wrong: the next one begins where it ended.
            told = told._replace(value=erratum.should_be)
    check_erratum(body, told)
    erratum = BulletinErratumRow(
        erratum_id=derived_id("bulletin_erratum", bulletin_id, len(earlier) + 1),
        bulletin_id=bulletin_id,
        division_code=row.division_code,
        number=body.number,
        name=told.name,
        unit=told.unit,
        was=told.value,
        should_be=body.should_be,
        reason=body.reason.strip(),
        evidence=[entry.strip() for entry in body.evidence if entry.strip()],
        noted_by=actor.account_id,
        noted_at=now,
    )
    session.add(erratum)
    session.flush()
    audit.record(
        session,
        actor,
        "patrol.erratum.noted",
        subject=("bulletin", bulletin_id),
        at=now,
        facts={"number": body.number, "was": told.value, "should_be": body.should_be, "reason": body.reason},
    )
    return _erratum_view(erratum)


def errata_of(session: Session, actor: Actor, bulletin_id: UUID) -> tuple[ErratumView, ...]:
    """Corrections of an issued bulletin, oldest first."""
    require(actor, "report.view")
    _issued(session, bulletin_id)
    return tuple(_erratum_view(erratum) for erratum in store.errata_of(session, bulletin_id))


def receipts_of(
    session: Session, actor: Actor, bulletin_id: UUID, *, profile: str = "full"
) -> tuple[ReceiptView, ...]:
    """The distribution list inside the actor's area: who got the bulletin, and when they signed for it."""
    require(actor, "report.view")
    _issued(session, bulletin_id)
    shows_persons = ranking_policy().ranks_persons[profile]
    own = store.own_receipt_ids(session, bulletin_id, actor.account_id)
    return tuple(
        _receipt_view(receipt, shows_persons=shows_persons, is_own=receipt.receipt_id in own)
        for receipt in store.receipts_of(session, bulletin_id)
    )


def sign_receipt(
    session: Session, actor: Actor, bulletin_id: UUID, *, now: datetime
) -> tuple[ReceiptView, ...]:
    """Sign for a bulletin on behalf of one's office; signing twice keeps the first time.

    Raises
    ------
    NotFound
        ``patrol.bulletin.not_found``.
    Conflict
        ``patrol.bulletin.not_addressed``.
    """
    require(actor, "report.view")
    row = _issued(session, bulletin_id)
    mine = store.own_receipts(session, bulletin_id, actor.account_id)
    if not mine:
        raise Conflict("patrol.bulletin.not_addressed", number=row.number)
    for receipt in mine:
        if receipt.signed_at is None:
            receipt.signed_at, receipt.signed_by, receipt.signed_by_name = now, actor.account_id, actor.name
            audit.record(
                session,
                actor,
                "patrol.bulletin.received",
                subject=("bulletin", bulletin_id),
                at=now,
                facts={"number": row.number, "office": receipt.post_title},
            )
    session.flush()
    return tuple(_receipt_view(receipt, shows_persons=True, is_own=True) for receipt in mine)


def errata_facts(session: Session, kind: str, division_code: str, bulletin_id: UUID) -> list[Facts]:
    """Corrections that the next bulletin prints; JSON values, and nobody's name."""
    return [
        {
            **{key: row[key] for key in ("name", "unit", "was", "should_be", "reason", "evidence")},
            **{key: row[key] for key in ("bulletin_number", "period", "title")},
            "erratum_id": str(row["erratum_id"]),
            "noted_at": iso(row["noted_at"]),
        }
        for row in store.errata_to_tell(session, kind, division_code, bulletin_id)
    ]


def _locked(session: Session, bulletin_id: UUID) -> BulletinRow:
    row = store.lock_bulletin(session, bulletin_id)
    if row is None:
        raise NotFound("patrol.bulletin.not_found", bulletin_id=str(bulletin_id))
    return row


def _issued(session: Session, bulletin_id: UUID) -> BulletinRow:
    row = bulletin_by_id(session, bulletin_id)
    if row is None or row.status != "issued":
        raise NotFound("patrol.bulletin.not_found", bulletin_id=str(bulletin_id))
    return row


def _check_ended(row: BulletinRow, now: datetime) -> None:
    """Its period has ended, and it was drafted after that: no half week is issued as a whole one."""
    ends_at = parse_period(row.period).ends_at
    if now < ends_at:
        raise Conflict("patrol.bulletin.period_runs", period=row.period)
    if row.drafted_at < ends_at:
        raise Conflict("patrol.bulletin.drafted_early", period=row.period)


def _send_out(session: Session, row: BulletinRow, now: datetime) -> None:
    """Put every office on the distribution list, and tell its holder and deputy."""
    prefix = divisions().get(row.division_code).prefix
    for post in store.offices(
        session, prefix, ranking_policy().receiving_kinds, now.astimezone(SHANGHAI).date()
    ):
        receipt_id = derived_id("bulletin_receipt", row.bulletin_id, post.post_id)
        session.add(
            BulletinReceiptRow(
                receipt_id=receipt_id,
                bulletin_id=row.bulletin_id,
                post_id=post.post_id,
                division_code=post.division_code,
                post_title=post.title,
                sent_at=now,
            )
        )
        for account_id in _accounts(post):
            notices.tell(
                session,
                event_id=receipt_id,
                account_id=account_id,
                kind="bulletin",
                subject=("bulletin", row.bulletin_id),
                number=row.number,
                now=now,
            )
    session.flush()


def _accounts(post: PostRow) -> list[UUID]:
    """Who may sign for an office."""
    return [each for each in (post.holder_account_id, post.deputy_account_id) if each is not None]


def _record(session: Session, actor: Actor, action: str, row: BulletinRow, now: datetime) -> None:
    session.flush()
    facts: Mapping[str, Any] = {
        "number": row.number,
        "is_reviewed": row.reviewed_by is not None,
        "files": [entry["sha256"] for entry in row.files],
    }
    audit.record(session, actor, action, subject=("bulletin", row.bulletin_id), at=now, facts=dict(facts))


def _erratum_view(row: BulletinErratumRow) -> ErratumView:
    return ErratumView(
        row.erratum_id,
        row.number,
        row.name,
        row.unit,
        row.was,
        row.should_be,
        row.reason,
        tuple(row.evidence),
        row.noted_at,
        row.told_in,
    )


def _receipt_view(row: BulletinReceiptRow, *, shows_persons: bool, is_own: bool) -> ReceiptView:
    return ReceiptView(
        row.receipt_id,
        row.division_code,
        divisions().full_name(row.division_code) or divisions().get(row.division_code).name,
        row.post_title,
        row.sent_at,
        row.signed_at,
        row.signed_by_name if shows_persons else None,
        is_own,
    )
