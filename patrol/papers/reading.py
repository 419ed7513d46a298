"""Reading verbs of papers: lists, one with its fields, files; every copy handed out is a step of custody."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from foundation.access import Actor, require
from foundation.blobs import BlobStore
from foundation.errors import InvalidInput, NotFound
from patrol.cases import store as cases
from patrol.papers import store
from patrol.papers.drafting import current_version, right_of
from patrol.papers.fields import FIXED, group_names, paper_fields, shown, shown_rows
from patrol.papers.issuing import missing_fields
from patrol.papers.kinds import PaperKind, paper_kind
from patrol.papers.parties import masked
from patrol.papers.tables import PaperRow, PaperVersionRow
from patrol.papers.views import FieldView, PaperDetail, PaperFile, PaperView, VersionView
from patrol.visits.custody import add_file_step

STATUS_NAMES = {
    "draft": "草稿",
    "approved": "已审批",
    "issued": "已签发",
    "void": "作废",
    "withdrawn": "已撤稿",
}
HIDDEN = frozenset({"party_id_number", "party_phone"})
FORMATS = ("docx", "pdf")
LIST_MAX = 500
WORD_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


def papers_of(session: Session, actor: Actor, patch_id: UUID) -> tuple[PaperView, ...]:
    """Papers of a case, oldest first.

    Raises
    ------
    NotFound
        ``patrol.case.not_found``.
    """
    case = cases.find_case(session, patch_id)
    if case is None:
        raise NotFound("patrol.case.not_found", patch_id=str(patch_id))
    require(actor, "paper.view", case.division_code)
    return tuple(paper_view(row) for row in store.papers_of(session, patch_id))


def list_papers(
    session: Session, actor: Actor, *, status: str | None = None, kind: str | None = None, limit: int = 100
) -> tuple[PaperView, ...]:
    """Papers in the actor's area, newest first.

    Raises
    ------
    InvalidInput
        ``patrol.paper.unknown_status``, ``patrol.paper.unknown_kind``.
    """
    require(actor, "paper.view")
    if status is not None and status not in STATUS_NAMES:
        raise InvalidInput("patrol.paper.unknown_status", status=status[:40], accepted=list(STATUS_NAMES))
    if kind is not None:
        paper_kind(kind)
    rows = store.papers_in_area(session, status=status, kind=kind, limit=max(1, min(limit, LIST_MAX)))
    return tuple(paper_view(row) for row in rows)


def paper_detail(session: Session, actor: Actor, paper_id: UUID) -> PaperDetail:
    """One paper with the fields of its newest version, and what this actor may do with it.

    Raises
    ------
    NotFound
        ``patrol.paper.not_found``.
    """
    row = _visible(session, actor, paper_id)
    kind, version = paper_kind(row.kind), current_version(session, row)
    versions = store.versions_of(session, paper_id)
    return PaperDetail(
        paper_view(row),
        tuple(_fields(actor, kind, version)),
        missing_fields(kind, version),
        tuple(
            VersionView(
                entry.version,
                entry.origin,
                entry.docx_sha256,
                entry.template_sha256,
                entry.reason,
                entry.made_at,
                entry.made_name,
            )
            for entry in versions
        ),
        tuple(_actions(actor, row, kind, {entry.made_by for entry in versions} | {row.drafted_by})),
    )


def paper_file(
    session: Session,
    actor: Actor,
    paper_id: UUID,
    *,
    form: str,
    version: int | None = None,
    blobs: BlobStore,
    now: datetime,
) -> PaperFile:
    """A Word or PDF file: of an issued paper the frozen bytes, else of the version asked for (the newest).

    A legal paper names its party in full, so it is handed to those who draft or approve such papers only.

    Raises
    ------
    NotFound
        ``patrol.paper.not_found``, ``patrol.paper.no_version``.
    InvalidInput
        ``patrol.paper.unknown_form``.
    """
    row = _visible(session, actor, paper_id)
    kind = paper_kind(row.kind)
    if kind.is_legal and "paper.approve" not in actor.rights:
        require(actor, right_of(kind), row.division_code)
    if form not in FORMATS:
        raise InvalidInput("patrol.paper.unknown_form", form=form[:20], accepted=list(FORMATS))
    data, title = _bytes(session, row, kind, form, version, blobs)
    sha256 = hashlib.sha256(data).hexdigest()
    facts = {
        "kind": row.kind,
        "number": row.number,
        "form": form,
        "paper_id": str(paper_id),
        "version": version or row.version,
    }
    add_file_step(
        session,
        actor,
        "printed" if form == "pdf" else "exported",
        patch_id=row.patch_id,
        division_code=row.division_code,
        at=now,
        sha256=sha256,
        facts=facts,
    )
    media_type = WORD_TYPE if form == "docx" else "application/pdf"
    return PaperFile(f"{title}.{form}", media_type, data, sha256)


def find_by_number(session: Session, actor: Actor, number: str) -> PaperView:
    """One issued paper by its number.

    Raises
    ------
    NotFound
        ``patrol.paper.not_found``.
    """
    row = store.paper_by_number(session, number)
    if row is None:
        raise NotFound("patrol.paper.not_found", number=number[:60])
    require(actor, "paper.view", row.division_code)
    return paper_view(row)


def paper_view(row: PaperRow) -> PaperView:
    """A paper as lists show it."""
    kind = paper_kind(row.kind)
    same = (
        "paper_id", "patch_id", "division_code", "kind", "status", "version", "number", "party_id",
        "refers_to",
        "drafted_at", "drafted_name", "approved_at", "approved_name", "issued_at", "issued_name", "ended_at",
        "ended_name", "ended_reason", "served_on", "served_how", "served_to",
    )  # fmt: skip
    return PaperView(
        **{name: getattr(row, name) for name in same},
        kind_name=kind.zh,
        is_legal=kind.is_legal,
        is_two_person=kind.is_two_person,
        status_name=STATUS_NAMES[row.status],
        docx_sha256=row.issued_docx_sha256,
        pdf_sha256=row.issued_pdf_sha256,
    )


def _visible(session: Session, actor: Actor, paper_id: UUID) -> PaperRow:
    row = store.find_paper(session, paper_id)
    if row is None:
        raise NotFound("patrol.paper.not_found", paper_id=str(paper_id))
    require(actor, "paper.view", row.division_code)
    return row


def _bytes(
    session: Session, row: PaperRow, kind: PaperKind, form: str, version: int | None, blobs: BlobStore
) -> tuple[bytes, str]:
    if row.issued_docx_sha256 is not None and row.issued_pdf_sha256 is not None and version is None:
        sha256 = row.issued_docx_sha256 if form == "docx" else row.issued_pdf_sha256
        return blobs.read(sha256), f"{row.number}{kind.zh}"
    chosen = store.version_of(session, row.paper_id, version or row.version)
    if chosen is None:
        raise NotFound("patrol.paper.no_version", version=version)
    title = f"{kind.zh}第{chosen.version}稿"
    data = blobs.read(chosen.docx_sha256)
    if form == "docx":
        return data, title
    # What sets documents is loaded where documents are set.
    from patrol.reports.making.typesetting import pdf_of

    return pdf_of(data, at=chosen.made_at, title=title), title


def _fields(actor: Actor, kind: PaperKind, version: PaperVersionRow) -> list[FieldView]:
    is_masked = "party.reveal" not in actor.rights
    found = []
    for key, item in paper_fields().items():
        value, override = version.fields.get(key), version.overrides.get(key)
        text = shown(item, value)
        if is_masked and key in HIDDEN and value:
            value = text = masked(str(value)) or ""
            override = _masked_override(override)
        if item.type == "list":
            value = shown_rows(item, value or [])
        found.append(
            FieldView(
                key=key,
                name=item.zh,
                name_en=item.en,
                group=item.group,
                group_name=group_names()[item.group],
                type=item.type,
                value=value,
                text=text,
                is_required=key in kind.required,
                is_fixed=key in FIXED or item.type in {"list", "picture"},
                override=override,
            )
        )
    return found


def _masked_override(override: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if override is None:
        return None
    return dict(override) | {name: masked(str(override.get(name) or "")) for name in ("value", "was")}


def _actions(actor: Actor, row: PaperRow, kind: PaperKind, hands: set[UUID]) -> list[str]:
    """Verbs that this actor may try now, in the order in which they are done."""
    may_draft, may_approve = right_of(kind) in actor.rights, "paper.approve" in actor.rights
    found = []
    if row.status in {"draft", "approved"}:
        if may_draft:
            found += ["revise", "edit"]
        if may_approve and kind.is_two_person and row.status == "draft" and actor.account_id not in hands:
            found.append("approve")
        if may_approve:
            found.append("send_back")
        if may_draft and (row.status == "approved" or not kind.is_two_person):
            found.append("issue")
        if may_draft:
            found.append("withdraw")
    elif row.status == "issued" and row.served_on is None:
        if may_draft:
            found.append("serve")
        if may_approve and not (kind.is_two_person and actor.account_id == row.drafted_by):
            found.append("void")
    return found
