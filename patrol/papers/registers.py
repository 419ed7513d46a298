"""Verbs on what papers are made from: the parties of a case, and a bureau's own templates."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from foundation import audit
from foundation.access import Actor, require
from foundation.blobs import BlobStore
from foundation.divisions import divisions
from foundation.errors import InvalidInput, NotFound
from foundation.ids import uuid7
from patrol.cases import store as cases
from patrol.papers import store
from patrol.papers.kinds import paper_kind, paper_kinds
from patrol.papers.numbering import authority_of
from patrol.papers.parties import KINDS, PartyBody, check_party, masked
from patrol.papers.tables import PaperTemplateRow, PartyRow
from patrol.papers.views import PartyView, TemplateReport, TemplateView

NAME_MAX = 120


def record_party(
    session: Session,
    actor: Actor,
    patch_id: UUID,
    body: PartyBody,
    *,
    replaces: UUID | None = None,
    now: datetime,
) -> PartyView:
    """Add a party to a case, or correct one: the former row stays and names the one that replaces it.

    Raises
    ------
    NotFound
        ``patrol.case.not_found``, ``patrol.party.not_found``.
    InvalidInput
        As `patrol.papers.parties.check_party`.
    """
    case = cases.find_case(session, patch_id)
    if case is None:
        raise NotFound("patrol.case.not_found", patch_id=str(patch_id))
    require(actor, "paper.draft", case.division_code)
    sound = check_party(body)
    former = store.lock_party(session, replaces) if replaces else None
    if replaces and (former is None or former.patch_id != patch_id or former.replaced_by is not None):
        raise NotFound("patrol.party.not_found", party_id=str(replaces))
    row = PartyRow(
        party_id=uuid7(now),
        patch_id=patch_id,
        division_code=case.division_code,
        kind=sound.kind,
        name=sound.name,
        id_number=sound.id_number,
        representative=sound.representative,
        address=sound.address,
        phone=sound.phone,
        recorded_at=now,
        recorded_by=actor.account_id,
        recorded_name=actor.name,
    )
    session.add(row)
    session.flush()
    if former is not None:
        former.replaced_by = row.party_id
    # The number itself stays out of the chain, which more people read.
    facts = {
        "kind": row.kind,
        "name": row.name,
        "id_number": masked(row.id_number),
        "replaces": str(replaces) if replaces else None,
        "party_id": str(row.party_id),
    }
    audit.record(session, actor, "patrol.party.recorded", subject=("patch", patch_id), at=now, facts=facts)
    return party_view(actor, row)


def parties_of(session: Session, actor: Actor, patch_id: UUID) -> tuple[PartyView, ...]:
    """Parties of a case as they stand.

    Raises
    ------
    NotFound
        ``patrol.case.not_found``.
    """
    case = cases.find_case(session, patch_id)
    if case is None:
        raise NotFound("patrol.case.not_found", patch_id=str(patch_id))
    require(actor, "paper.view", case.division_code)
    return tuple(party_view(actor, row) for row in store.parties_of(session, patch_id))


def party_view(actor: Actor, row: PartyRow) -> PartyView:
    """A party as this actor may see it."""
    is_masked = "party.reveal" not in actor.rights
    return PartyView(
        row.party_id,
        row.kind,
        KINDS[row.kind],
        row.name,
        masked(row.id_number) if is_masked else row.id_number,
        is_masked and row.id_number is not None,
        row.representative,
        row.address,
        masked(row.phone) if is_masked else row.phone,
        row.recorded_at,
        row.recorded_name,
    )


def _require_own(actor: Actor, county_code: str) -> None:
    """A county (or city) that holds the actor's area, or lies in it; its templates are theirs to read."""
    require(actor, "paper.view")
    own, asked = actor.area_prefix, divisions().get(county_code.ljust(12, "0")).prefix
    if not (own.startswith(asked) or asked.startswith(own)):
        raise NotFound("foundation.access.not_found")


def template_bytes(
    session: Session, kind: str, division_code: str, blobs: BlobStore
) -> tuple[bytes, TemplateView]:
    """The template in use for a kind and place: the county's own, the city's, or the built-in one."""
    # What writes documents is loaded where documents are written.
    from patrol.papers.making.layout import built_in_template

    row = store.template_in_use(session, kind, division_code[:6])
    if row is not None:
        return blobs.read(row.sha256), _template_view(row)
    data = built_in_template(kind)
    view = TemplateView(kind, paper_kind(kind).zh, None, "内置模板", blobs.put(data).sha256, None, None)
    return data, view


def read_template(
    session: Session, actor: Actor, kind: str, division_code: str, blobs: BlobStore
) -> tuple[bytes, TemplateView]:
    """As `template_bytes`, for somebody who asks.

    Raises
    ------
    NotFound
        As `templates_in_use`.
    """
    _require_own(actor, division_code)
    return template_bytes(session, paper_kind(kind).key, division_code, blobs)


def templates_in_use(
    session: Session, actor: Actor, division_code: str, blobs: BlobStore
) -> tuple[TemplateView, ...]:
    """The template in use of every kind.

    Raises
    ------
    NotFound
        The county neither lies in the actor's area nor holds it.
    """
    _require_own(actor, division_code)
    return tuple(template_bytes(session, kind, division_code, blobs)[1] for kind in paper_kinds())


def template_versions(
    session: Session, actor: Actor, kind: str, *, county_code: str
) -> tuple[TemplateView, ...]:
    """Every template of a kind that a county or its city ever took into use, newest first.

    Raises
    ------
    NotFound
        As `templates_in_use`.
    """
    _require_own(actor, county_code)
    known = paper_kind(kind).key
    rows = store.own_templates(session, county_code)
    return tuple(_template_view(row) for row in rows if row.kind == known)


def template_version(
    session: Session, actor: Actor, kind: str, template_id: UUID, *, county_code: str
) -> TemplateView:
    """One of them.

    Raises
    ------
    NotFound
        ``patrol.template.not_found``.
    """
    for version in template_versions(session, actor, kind, county_code=county_code):
        if version.template_id == template_id:
            return version
    raise NotFound("patrol.template.not_found", template_id=str(template_id))


def reuse_template(
    session: Session,
    actor: Actor,
    kind: str,
    template_id: UUID,
    *,
    county_code: str,
    blobs: BlobStore,
    now: datetime,
) -> TemplateView:
    """Take a former template into use again, as the newest; it is checked like one that is sent.

    Raises
    ------
    NotFound
        ``patrol.template.not_found``; or the county lies outside the actor's area.
    InvalidInput
        As `replace_template`: the fields of the kind may have changed since.
    """
    former = template_version(session, actor, kind, template_id, county_code=county_code)
    return replace_template(
        session,
        actor,
        kind,
        blobs.read(former.sha256),
        name=former.name,
        county_code=county_code,
        blobs=blobs,
        now=now,
    )


def check_template(data: bytes, kind: str) -> TemplateReport:
    """Which fields a template names, which it should not, and which it lacks.

    Raises
    ------
    InvalidInput
        As `patrol.papers.making.merge.check_template`.
    """
    from patrol.papers.making import merge

    return merge.check_template(data, paper_kind(kind))


def preview_template(data: bytes, kind: str, *, form: str, at: datetime) -> bytes:
    """A template filled with a made case, as PDF or Word; nothing is kept.

    Raises
    ------
    InvalidInput
        ``patrol.paper.bad_template`` and others of `patrol.papers.making.merge.require_template`;
        ``patrol.paper.cannot_typeset`` where the PDF would lose something.
    """
    from patrol.papers.making.merge import merge, require_template
    from patrol.papers.making.samples import sample_pictures, sample_values
    from patrol.reports.making.typesetting import pdf_of

    known = paper_kind(kind)
    require_template(data, known)
    filled = merge(data, sample_values(), pictures=sample_pictures(), at=at)
    return filled if form == "docx" else pdf_of(filled, at=at, title=f"{known.zh}（样例）")


def replace_template(
    session: Session,
    actor: Actor,
    kind: str,
    data: bytes,
    *,
    name: str,
    county_code: str,
    blobs: BlobStore,
    now: datetime,
) -> TemplateView:
    """Take a bureau's own Word template into use for its county, or for the whole city by the city's code.

    Papers that are drafted already keep the template that they were drafted with.

    Raises
    ------
    NotFound
        The county lies outside the actor's area.
    InvalidInput
        ``patrol.paper.bad_template`` with the unknown and the missing fields, or a code of
        `patrol.papers.making.merge.check_template`.
    """
    from patrol.papers.making.merge import require_template

    require(actor, "paper.template", county_code.ljust(12, "0"))
    authority_of(county_code)
    require_template(data, paper_kind(kind))
    if not 0 < len(name) <= NAME_MAX:
        raise InvalidInput("patrol.paper.bad_template_name", maximum=NAME_MAX)
    cases.lock_key(session, f"paper-template/{kind}/{county_code}")
    _retire(session, kind, county_code, now)
    row = PaperTemplateRow(
        template_id=uuid7(now),
        kind=kind,
        county_code=county_code,
        sha256=blobs.put(data).sha256,
        name=name,
        added_at=now,
        added_by=actor.account_id,
        added_name=actor.name,
    )
    session.add(row)
    session.flush()
    facts = {"kind": kind, "county_code": county_code, "sha256": row.sha256, "name": name}
    audit.record(
        session,
        actor,
        "patrol.template.replaced",
        subject=("paper_template", row.template_id),
        at=now,
        facts=facts,
    )
    return _template_view(row)


def restore_template(session: Session, actor: Actor, kind: str, *, county_code: str, now: datetime) -> None:
    """Go back to the built-in template."""
    require(actor, "paper.template", county_code.ljust(12, "0"))
    paper_kind(kind)
    for row in _retire(session, kind, county_code, now):
        audit.record(
            session,
            actor,
            "patrol.template.retired",
            subject=("paper_template", row.template_id),
            at=now,
            facts={"kind": kind, "county_code": county_code},
        )


def _retire(session: Session, kind: str, county_code: str, now: datetime) -> list[PaperTemplateRow]:
    rows = store.standing_templates(session, kind, county_code)
    for row in rows:
        row.retired_at = now
    session.flush()
    return rows


def _template_view(row: PaperTemplateRow) -> TemplateView:
    return TemplateView(
        row.kind,
        paper_kind(row.kind).zh,
        row.county_code,
        row.name,
        row.sha256,
        row.added_at,
        row.added_name,
        row.template_id,
        row.retired_at,
    )
