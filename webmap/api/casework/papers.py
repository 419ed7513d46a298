"""Papers of a case: offers, parties, drafts, approval, issue, service, files."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from urllib.parse import quote
from uuid import UUID

from fastapi import Query, Response
from sqlalchemy.orm import Session

from patrol.papers import service as papers
from webmap.deps import PREFIX, Caller, ExpectedVersion, SignedIn, noun_router
from webmap.schemas.basics import Problem
from webmap.schemas.casework.papers import (
    CasePapers,
    DraftBody,
    FieldsBody,
    ObstacleInfo,
    OfferInfo,
    PaperDetailInfo,
    PaperFieldInfo,
    PaperInfo,
    PaperVersionInfo,
    PartyBody,
    PartyInfo,
    ReasonBody,
    ServiceBody,
)
from webmap.uploads import ReceivedFile

router = noun_router("papers")
CONFLICTS: dict[int | str, dict[str, Any]] = {
    409: {"model": Problem, "description": "Not possible as the paper or its case stands now"},
    412: {"model": Problem, "description": "Somebody changed it since; facts say who, and when"},
    428: {"model": Problem, "description": "`If-Match` is missing"},
}
STATE: dict[int | str, dict[str, Any]] = {409: CONFLICTS[409]}
WORD_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document": {
                "schema": {"type": "string", "format": "binary"}
            }
        },
    }
}


@router.get("/patches/{patch_id}/papers", summary="Papers of a case, what may be drafted now, its parties")
def read_case_papers(caller: SignedIn, patch_id: UUID) -> CasePapers:
    """Every offer says what still stands in its way."""
    with caller.transaction() as session:
        found = papers.papers_of(session, caller.actor, patch_id)
        offers = papers.offers(session, caller.actor, patch_id, now=caller.now())
        parties = papers.parties_of(session, caller.actor, patch_id)
    return CasePapers(
        papers=[_info(row) for row in found],
        offers=[_offer(caller, row) for row in offers],
        parties=[PartyInfo.model_validate(row) for row in parties],
    )


@router.get("/patches/{patch_id}/parties", summary="Parties of a case")
def list_parties(caller: SignedIn, patch_id: UUID) -> list[PartyInfo]:
    """Numbers are hidden from roles without the right to see them."""
    with caller.transaction() as session:
        found = papers.parties_of(session, caller.actor, patch_id)
    return [PartyInfo.model_validate(row) for row in found]


@router.post("/patches/{patch_id}/parties", status_code=201, summary="Record or correct a party")
def record_party(caller: SignedIn, patch_id: UUID, body: PartyBody) -> PartyInfo:
    """The number's check digit is checked."""
    given = papers.PartyBody(**body.model_dump(exclude={"replaces"}))
    with caller.transaction() as session:
        row = papers.record_party(
            session, caller.actor, patch_id, given, replaces=body.replaces, now=caller.now()
        )
    return PartyInfo.model_validate(row)


@router.post(
    "/patches/{patch_id}/papers", status_code=201, summary="Draft a paper from stored facts", responses=STATE
)
def draft_paper(caller: SignedIn, patch_id: UUID, body: DraftBody, response: Response) -> PaperDetailInfo:
    """Legal papers need a verdict that a person signed."""
    with caller.transaction() as session:
        row = papers.draft_paper(
            session,
            caller.actor,
            patch_id,
            body.kind,
            overrides={key: change.model_dump() for key, change in body.fields.items()},
            party_id=body.party_id,
            refers_to=body.refers_to,
            blobs=caller.runtime.blobs,
            now=caller.now(),
        )
        return _detail(session, caller, row.paper_id, response)


@router.get("/papers", summary="Papers in the caller's area, newest first")
def list_papers(
    caller: SignedIn,
    status: Annotated[str | None, Query(max_length=20)] = None,
    kind: Annotated[str | None, Query(max_length=40)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> list[PaperInfo]:
    """By status and kind."""
    with caller.transaction() as session:
        found = papers.list_papers(session, caller.actor, status=status, kind=kind, limit=limit)
    return [_info(row) for row in found]


@router.get("/papers/{paper_id}", summary="One paper with its fields and versions")
def read_paper(caller: SignedIn, paper_id: UUID, response: Response) -> PaperDetailInfo:
    """The `ETag` is the version that writes name in `If-Match`."""
    with caller.transaction() as session:
        return _detail(session, caller, paper_id, response)


@router.post("/papers/{paper_id}/fields", summary="Change fields of a draft", responses=CONFLICTS)
def revise_paper(
    caller: SignedIn, paper_id: UUID, body: FieldsBody, expected: ExpectedVersion, response: Response
) -> PaperDetailInfo:
    """A new version; an approval no longer counts."""
    with caller.transaction() as session:
        papers.revise_paper(
            session,
            caller.actor,
            paper_id,
            {key: change.model_dump() for key, change in body.fields.items()},
            blobs=caller.runtime.blobs,
            expected_version=expected,
            now=caller.now(),
        )
        return _detail(session, caller, paper_id, response)


@router.put(
    "/papers/{paper_id}/document",
    summary="Send an edited Word file as the next version; the body is its bytes",
    responses=CONFLICTS,
    openapi_extra=WORD_BODY,
)
def replace_document(
    caller: SignedIn,
    paper_id: UUID,
    received: ReceivedFile,
    expected: ExpectedVersion,
    reason: Annotated[str, Query(min_length=1, max_length=400)],
    response: Response,
) -> PaperDetailInfo:
    """It must keep the mark where the number is put at issue."""
    with caller.transaction() as session:
        papers.replace_document(
            session,
            caller.actor,
            paper_id,
            received.file.read(),
            reason=reason,
            blobs=caller.runtime.blobs,
            expected_version=expected,
            now=caller.now(),
        )
        return _detail(session, caller, paper_id, response)


@router.post("/papers/{paper_id}/approve", summary="Approve the newest version", responses=CONFLICTS)
def approve_paper(
    caller: SignedIn, paper_id: UUID, expected: ExpectedVersion, response: Response
) -> PaperDetailInfo:
    """Whoever drafted or changed it may not, administrators included."""
    with caller.transaction() as session:
        papers.approve_paper(session, caller.actor, paper_id, expected_version=expected, now=caller.now())
        return _detail(session, caller, paper_id, response)


@router.post("/papers/{paper_id}/send-back", summary="Give a draft back with a reason", responses=STATE)
def send_back_paper(
    caller: SignedIn, paper_id: UUID, body: ReasonBody, response: Response
) -> PaperDetailInfo:
    """An approval is taken back."""
    with caller.transaction() as session:
        papers.send_back_paper(session, caller.actor, paper_id, reason=body.reason, now=caller.now())
        return _detail(session, caller, paper_id, response)


@router.post("/papers/{paper_id}/issue", summary="Issue: number taken, files frozen", responses=CONFLICTS)
def issue_paper(
    caller: SignedIn, paper_id: UUID, expected: ExpectedVersion, response: Response
) -> PaperDetailInfo:
    """Numbers of a kind, county and year run without gaps."""
    with caller.transaction() as session:
        papers.issue_paper(
            session,
            caller.actor,
            paper_id,
            blobs=caller.runtime.blobs,
            expected_version=expected,
            now=caller.now(),
        )
        return _detail(session, caller, paper_id, response)


@router.post("/papers/{paper_id}/service", summary="Record that a paper reached its party", responses=STATE)
def record_service(
    caller: SignedIn, paper_id: UUID, body: ServiceBody, response: Response
) -> PaperDetailInfo:
    """The party's periods are counted from this day."""
    with caller.transaction() as session:
        papers.record_service(
            session,
            caller.actor,
            paper_id,
            served_on=body.served_on,
            how=body.how,
            to=body.to,
            now=caller.now(),
        )
        return _detail(session, caller, paper_id, response)


@router.post("/papers/{paper_id}/void", summary="Void an issued paper", responses=STATE)
def void_paper(caller: SignedIn, paper_id: UUID, body: ReasonBody, response: Response) -> PaperDetailInfo:
    """Its number stays taken. Not once it has been served."""
    with caller.transaction() as session:
        papers.void_paper(session, caller.actor, paper_id, reason=body.reason, now=caller.now())
        return _detail(session, caller, paper_id, response)


@router.post("/papers/{paper_id}/withdraw", summary="Give up a draft", responses=STATE)
def withdraw_paper(caller: SignedIn, paper_id: UUID, body: ReasonBody, response: Response) -> PaperDetailInfo:
    """It never had a number."""
    with caller.transaction() as session:
        papers.withdraw_paper(session, caller.actor, paper_id, reason=body.reason, now=caller.now())
        return _detail(session, caller, paper_id, response)


@router.get(
    "/papers/{paper_id}/files/paper.{form}", response_class=Response, summary="A paper as Word or PDF"
)
def read_paper_file(
    caller: SignedIn,
    paper_id: UUID,
    form: Literal["docx", "pdf"],
    version: Annotated[int | None, Query(ge=1, le=100_000)] = None,
) -> Response:
    """Of an issued paper the frozen bytes, else the newest version or the one asked for. Audited."""
    with caller.transaction() as session:
        file = papers.paper_file(
            session,
            caller.actor,
            paper_id,
            form=form,
            version=version,
            blobs=caller.runtime.blobs,
            now=caller.now(),
        )
    headers = {
        "Content-Disposition": f"attachment; filename*=utf-8''{quote(file.name)}",
        "ETag": f'"{file.sha256[:24]}"',
        "Cache-Control": "private, no-store",
    }
    return Response(file.data, media_type=file.media_type, headers=headers)


def _detail(session: Session, caller: Caller, paper_id: UUID, response: Response) -> PaperDetailInfo:
    session.flush()
    found = papers.paper_detail(session, caller.actor, paper_id)
    response.headers["ETag"] = f'"{found.paper.version}"'
    return PaperDetailInfo(
        **_info(found.paper).model_dump(),
        fields=[PaperFieldInfo.model_validate(row) for row in found.fields],
        missing=list(found.missing),
        versions=[PaperVersionInfo.model_validate(row) for row in found.versions],
        actions=list(found.actions),
    )


def _info(row: papers.PaperView) -> PaperInfo:
    folder = f"{PREFIX}/papers/{row.paper_id}/files/paper"
    names = set(PaperInfo.model_fields) - {"docx_url", "pdf_url"}
    values = {name: getattr(row, name) for name in names}
    return PaperInfo(**values, docx_url=f"{folder}.docx", pdf_url=f"{folder}.pdf")


def _offer(caller: Caller, row: papers.OfferView) -> OfferInfo:
    told = [ObstacleInfo(code=error.code, text=error.text(caller.language)) for error in row.obstacles]
    names = set(OfferInfo.model_fields) - {"obstacles"}
    return OfferInfo(**{name: getattr(row, name) for name in names}, obstacles=told)
