"""Verbs on drafts: which papers a case may have, a draft from stored facts, its changes, each a version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from detection import service as detection
from foundation import audit
from foundation.access import SYSTEM_ACCOUNT_ID, Actor, require
from foundation.audit import canonical
from foundation.blobs import BlobStore
from foundation.calendar import SHANGHAI
from foundation.errors import Conflict, InvalidInput, NotFound
from foundation.ids import uuid7
from patrol.cases import store as cases
from patrol.lists.service import case_detail
from patrol.papers import store
from patrol.papers.facts import Facts, Stored, field_values, signed_violation
from patrol.papers.fields import checked_override, paper_fields
from patrol.papers.kinds import Occasion, PaperKind, obstacles, paper_kind, paper_kinds
from patrol.papers.numbering import authority_of
from patrol.papers.registers import template_bytes
from patrol.papers.tables import PaperRow, PaperVersionRow, PartyRow
from patrol.papers.views import OfferView

Overrides = Mapping[str, Mapping[str, Any]]
"""Field -> {value, reason}."""
REASON_MAX = 400
TRACKED = (
    "verdict_name", "verdict_on", "violation_name", "area_m2", "unlawful_m2", "cropland_m2",
    "basic_farmland_m2", "party_name", "party_id_number",
)  # fmt: skip
"""Fields whose change since the draft keeps a paper from being issued."""


def right_of(kind: PaperKind) -> str:
    """The right that drafting and issuing a kind needs."""
    return "paper.legal" if kind.is_legal else "paper.draft"


def offers(session: Session, actor: Actor, patch_id: UUID, *, now: datetime) -> tuple[OfferView, ...]:
    """Every kind of paper, with what keeps this case from having it now.

    Raises
    ------
    NotFound
        ``patrol.case.not_found``.
    """
    require(actor, "paper.view")
    occasion = occasion_of(session, actor, patch_id, now=now)
    return tuple(
        OfferView(
            kind.key,
            kind.zh,
            kind.en,
            kind.is_legal,
            kind.is_two_person,
            "served" in kind.needs,
            tuple(obstacles(kind, occasion)),
        )
        for kind in paper_kinds().values()
        if right_of(kind) in actor.rights
    )


def draft_paper(
    session: Session,
    actor: Actor,
    patch_id: UUID,
    kind: str,
    *,
    blobs: BlobStore,
    overrides: Overrides | None = None,
    party_id: UUID | None = None,
    refers_to: UUID | None = None,
    now: datetime,
) -> PaperRow:
    """Draft a paper from what is stored. It has no number yet.

    Parameters
    ----------
    overrides : mapping, optional
        Field -> {value, reason} set by the drafter in place of what is stored.
    party_id : UUID, optional
        The party it speaks of; left out, the only party of the case.
    refers_to : UUID, optional
        The issued paper that it serves.

    Raises
    ------
    Conflict
        ``patrol.paper.no_verdict`` and the other obstacles of `patrol.papers.kinds.obstacles`.
    InvalidInput
        ``patrol.paper.which_party``, ``patrol.paper.serves_what``, or a code of an override.
    """
    row_kind = paper_kind(kind)
    case = cases.find_case(session, patch_id)
    if case is None:
        raise NotFound("patrol.case.not_found", patch_id=str(patch_id))
    require(actor, right_of(row_kind), case.division_code)
    for obstacle in obstacles(row_kind, occasion_of(session, actor, patch_id, now=now)):
        raise obstacle
    party = _party_for(session, patch_id, party_id)
    served = _served_for(session, row_kind, patch_id, refers_to)
    row = PaperRow(
        paper_id=uuid7(now),
        patch_id=patch_id,
        division_code=case.division_code,
        kind=kind,
        status="draft",
        version=0,
        party_id=party.party_id if party else None,
        refers_to=served.paper_id if served else None,
        series=row_kind.key,
        county_code=authority_of(case.division_code).county_code,
        drafted_at=now,
        drafted_by=actor.account_id,
        drafted_name=actor.name,
    )
    session.add(row)
    session.flush()
    _new_version(session, actor, row, _settled({}, overrides, actor, now), blobs=blobs, reason=None, now=now)
    return row


def revise_paper(
    session: Session,
    actor: Actor,
    paper_id: UUID,
    overrides: Overrides,
    *,
    blobs: BlobStore,
    expected_version: int | None = None,
    now: datetime,
) -> PaperRow:
    """Set fields of a draft by hand, or take the stored value back with an empty one; facts are read anew.

    An approval given before no longer counts. An edited Word file is replaced by one made from the fields.

    Raises
    ------
    Conflict
        ``patrol.paper.frozen``, ``patrol.paper.version_changed``.
    InvalidInput
        ``patrol.paper.unknown_field``, ``patrol.paper.fixed_field``, ``patrol.paper.no_reason``,
        ``patrol.paper.bad_value``, ``patrol.paper.fine_outside``.
    """
    row = locked_draft(session, actor, paper_id, expected_version=expected_version)
    former = current_version(session, row)
    settled = _settled(former.overrides, overrides, actor, now)
    _new_version(session, actor, row, settled, blobs=blobs, reason=None, now=now)
    return row


def replace_document(
    session: Session,
    actor: Actor,
    paper_id: UUID,
    data: bytes,
    *,
    reason: str,
    blobs: BlobStore,
    expected_version: int | None = None,
    now: datetime,
) -> PaperRow:
    """Keep a Word file that a person edited as the next version; it must still wait for its number.

    Raises
    ------
    InvalidInput
        ``patrol.paper.reason_missing``, or a code of `patrol.papers.making.merge.check_edited`.
    Conflict
        ``patrol.paper.frozen``, ``patrol.paper.version_changed``.
    """
    from patrol.papers.making.merge import check_edited

    said = require_reason(reason)
    row = locked_draft(session, actor, paper_id, expected_version=expected_version)
    former = current_version(session, row)
    sha256 = blobs.put(check_edited(data)).sha256
    version = PaperVersionRow(
        origin="edited",
        template_sha256=former.template_sha256,
        fields=former.fields,
        overrides=former.overrides,
        docx_sha256=sha256,
        reason=said,
    )
    _add_version(session, actor, row, version, now)
    return row


def occasion_of(session: Session, actor: Actor, patch_id: UUID, *, now: datetime) -> Occasion:
    """What decides which papers a case may have now."""
    detail = case_detail(session, actor, patch_id, now=now, undo_minutes=0)
    case = cases.find_case(session, patch_id)
    is_signed = case is not None and case.verdict_by is not None and case.verdict_by != SYSTEM_ACCOUNT_ID
    verdict = detail.verdict if is_signed else None
    return Occasion(
        detail.row.internal_state,
        detail.stage,
        verdict.kind if verdict else None,
        is_signed,
        bool(verdict and verdict.violation_code),
        bool(detail.visits),
        bool(store.parties_of(session, patch_id)),
        frozenset(paper.kind for paper in store.papers_of(session, patch_id) if paper.status == "issued"),
    )


def stored_facts(session: Session, actor: Actor, row: PaperRow, *, now: datetime) -> Stored:
    """Everything stored that this paper speaks of."""
    detail = case_detail(session, actor, row.patch_id, now=now, undo_minutes=0)
    found = detection.patch_detail(session, actor, row.patch_id)
    issued = [paper for paper in store.papers_of(session, row.patch_id) if paper.status == "issued"]
    return Stored(
        case=detail,
        patch=found.patch,
        leads=found.leads,
        judgement=found.judgement,
        authority=authority_of(row.division_code),
        party=store.standing_party(session, row.party_id) if row.party_id else None,
        papers=issued,
        served=store.find_paper(session, row.refers_to) if row.refers_to else None,
        filed_at=store.filed_at(session, row.patch_id),
        drafter_name=row.drafted_name,
        now=now,
    )


def locked_paper(session: Session, actor: Actor, paper_id: UUID, *, right: str | None = None) -> PaperRow:
    """A paper, locked.

    Raises
    ------
    NotFound
        ``patrol.paper.not_found``, also outside the actor's area.
    """
    row = store.lock_paper(session, paper_id)
    if row is None:
        raise NotFound("patrol.paper.not_found", paper_id=str(paper_id))
    require(actor, right or right_of(paper_kind(row.kind)), row.division_code)
    return row


def locked_draft(session: Session, actor: Actor, paper_id: UUID, *, expected_version: int | None) -> PaperRow:
    """A paper that may still be changed, locked.

    Raises
    ------
    Conflict
        ``patrol.paper.frozen``, ``patrol.paper.version_changed``.
    """
    row = locked_paper(session, actor, paper_id)
    if row.status not in {"draft", "approved"}:
        raise Conflict("patrol.paper.frozen", status=row.status, number=row.number or "-")
    require_version(row, expected_version, session)
    return row


def require_version(row: PaperRow, expected: int | None, session: Session) -> None:
    """Refuse a change that is based on an older version.

    Raises
    ------
    Conflict
        ``patrol.paper.version_changed`` with who changed it, and when.
    """
    if expected is None or expected == row.version:
        return
    last = current_version(session, row)
    raise Conflict(
        "patrol.paper.version_changed",
        version=row.version,
        changed_by=last.made_name,
        changed_at=last.made_at.astimezone(SHANGHAI).isoformat(),
    )


def current_version(session: Session, row: PaperRow) -> PaperVersionRow:
    """The newest version of a paper; every paper has one."""
    version = store.version_of(session, row.paper_id, row.version)
    if version is None:
        raise NotFound("patrol.paper.not_found", paper_id=str(row.paper_id))
    return version


def require_reason(reason: str | None) -> str:
    """A reason in words.

    Raises
    ------
    InvalidInput
        ``patrol.paper.reason_missing``.
    """
    said = (reason or "").strip()
    if not said or len(said) > REASON_MAX:
        raise InvalidInput("patrol.paper.reason_missing", maximum=REASON_MAX)
    return said


def changed_fields(
    session: Session, actor: Actor, row: PaperRow, version: PaperVersionRow, *, now: datetime
) -> list[str]:
    """Chinese names of the facts that are no longer what the draft says."""
    values = field_values(
        stored_facts(session, actor, row, now=now),
        {key: kept["value"] for key, kept in version.overrides.items()},
    )
    fields = paper_fields()
    return [fields[key].zh for key in TRACKED if values.get(key) != version.fields.get(key)]


def render_version(version: PaperVersionRow, *, blobs: BlobStore) -> bytes:
    """The Word file of a version made from its fields, made again: the same bytes as the stored ones."""
    from patrol.papers.making.merge import merge

    pictures = {
        value: blobs.read(value)
        for key, value in version.fields.items()
        if value and paper_fields()[key].type == "picture"
    }
    template = blobs.read(version.template_sha256)
    return merge(template, version.fields, pictures=pictures, at=version.made_at)


def _new_version(
    session: Session,
    actor: Actor,
    row: PaperRow,
    overrides: dict[str, Any],
    *,
    blobs: BlobStore,
    reason: str | None,
    now: datetime,
) -> None:
    from patrol.papers.making.pictures import picture_values

    stored = stored_facts(session, actor, row, now=now)
    plain = {key: kept["value"] for key, kept in overrides.items()}
    values = field_values(stored, plain)
    require_fine(stored, values)
    before = field_values(stored, {})
    for key, kept in overrides.items():
        kept["was"] = before.get(key)
    values |= picture_values(session, stored, blobs)
    _, view = template_bytes(session, row.kind, row.division_code, blobs)
    version = PaperVersionRow(
        origin="generated",
        template_sha256=view.sha256,
        fields=values,
        overrides=overrides,
        reason=reason,
        made_at=now,
    )
    version.docx_sha256 = blobs.put(render_version(version, blobs=blobs)).sha256
    _add_version(session, actor, row, version, now)


def require_fine(stored: Stored, values: Facts) -> None:
    """A fine that a person sets lies inside the range of the law, where the law can be counted.

    Raises
    ------
    InvalidInput
        ``patrol.paper.fine_outside``.
    """
    fine, low, high = (values.get(key) for key in ("fine_yuan", "fine_min_yuan", "fine_max_yuan"))
    if fine is None or low is None or high is None or signed_violation(stored) is None:
        return
    if not float(low) - 0.005 <= float(fine) <= float(high) + 0.005:
        raise InvalidInput(
            "patrol.paper.fine_outside",
            fine=fine,
            low=round(low, 2),
            high=round(high, 2),
            range=values["fine_text"],
        )


def _add_version(
    session: Session, actor: Actor, row: PaperRow, version: PaperVersionRow, now: datetime
) -> None:
    is_first = row.version == 0
    row.version += 1
    row.status, row.approved_at, row.approved_by, row.approved_name = "draft", None, None, None
    version.paper_id, version.version, version.division_code = row.paper_id, row.version, row.division_code
    version.made_at, version.made_by, version.made_name = now, actor.account_id, actor.name
    session.add(version)
    session.flush()
    audit.record(
        session,
        actor,
        "patrol.paper.drafted" if is_first else "patrol.paper.revised",
        subject=("paper", row.paper_id),
        at=now,
        facts={
            "kind": row.kind,
            "patch_id": str(row.patch_id),
            "version": row.version,
            "origin": version.origin,
            "docx_sha256": version.docx_sha256,
            "overridden": sorted(version.overrides),
        },
    )


def _settled(
    former: Mapping[str, Any], given: Overrides | None, actor: Actor, now: datetime
) -> dict[str, Any]:
    """Overrides after a change: an empty value takes the override back."""
    kept: dict[str, Any] = {key: dict(row) for key, row in former.items()}
    for key, change in (given or {}).items():
        value = checked_override(key, change.get("value"), change.get("reason"))
        if value is None:
            kept.pop(key, None)
            continue
        kept[key] = {
            "value": value,
            "reason": (change.get("reason") or "").strip()[:REASON_MAX] or None,
            "by_name": actor.name,
            "at": now.astimezone(SHANGHAI).isoformat(),
        }
    if len(canonical(kept)) > 60_000:
        raise InvalidInput("patrol.paper.too_much_text")
    return kept


def _party_for(session: Session, patch_id: UUID, party_id: UUID | None) -> PartyRow | None:
    parties = store.parties_of(session, patch_id)
    if party_id is None:
        if len(parties) > 1:
            raise InvalidInput("patrol.paper.which_party", count=len(parties))
        return parties[0] if parties else None
    chosen: Sequence[PartyRow] = [party for party in parties if party.party_id == party_id]
    if not chosen:
        raise NotFound("patrol.party.not_found", party_id=str(party_id))
    return chosen[0]


def _served_for(session: Session, kind: PaperKind, patch_id: UUID, refers_to: UUID | None) -> PaperRow | None:
    if "served" not in kind.needs:
        return None
    served = store.find_paper(session, refers_to) if refers_to else None
    if served is None or served.patch_id != patch_id or served.status != "issued" or served.kind == kind.key:
        raise InvalidInput("patrol.paper.serves_what", paper=kind.zh)
    return served
