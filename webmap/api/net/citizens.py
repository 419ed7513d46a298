"""Citizens' reports: the doors that are open to everybody, and what officers see behind them."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import Form, Query, Request, Response
from fastapi.responses import FileResponse

from foundation.divisions import divisions
from foundation.errors import InvalidInput
from patrol.citizens import service as citizens
from patrol.citizens.reports import (
    CATEGORIES,
    OUTCOMES,
    PHOTO_MAX_BYTES,
    PHOTOS_MAX,
    TEXT_RANGE,
    Identity,
    ReportView,
    Said,
)
from patrol.citizens.vault import Vault
from patrol.lists.service import division_name
from webmap.deps import SignedIn, Web, WebOfProcess, noun_router
from webmap.schemas.basics import Problem
from webmap.schemas.net.citizens import (
    AnswerBody,
    CategoryInfo,
    CitizenReportInfo,
    CitizenReports,
    CodeBody,
    IdentityInfo,
    PlaceBody,
    PlaceInfo,
    ProgressInfo,
    ReportBody,
    ReportForm,
    ReportReceipt,
    RevealBody,
)

router = noun_router("citizens")
OFTEN: dict[int | str, dict[str, Any]] = {
    429: {"model": Problem, "description": "Too often from one address"}
}
ONCE: dict[int | str, dict[str, Any]] = {409: {"model": Problem, "description": "Done already, or too early"}}
CODE_GROUP = 4
CITY_LEVEL, FINEST_LEVEL = 2, 4
"""Townships; villages would name the reporter's neighbours."""


@router.get("/public/report-form", summary="What may be reported, and where")
def read_form() -> ReportForm:
    """For the public page; open to everybody."""
    return ReportForm(
        categories=[CategoryInfo(key=key, name=name) for key, (name, _) in CATEGORIES.items()],
        places=[
            PlaceInfo(code=one.code, name=one.name, parent_code=one.parent_code)
            for one in divisions().all()
            if CITY_LEVEL < one.level <= FINEST_LEVEL
        ],
        text_least=TEXT_RANGE[0],
        text_most=TEXT_RANGE[1],
        photos_most=PHOTOS_MAX,
        photo_max_bytes=PHOTO_MAX_BYTES,
    )


@router.post(
    "/public/reports", status_code=201, summary="Report; tells the code that follows it", responses=OFTEN
)
def post_report(
    request: Request,
    web: WebOfProcess,
    body: Annotated[ReportBody, Form(media_type="multipart/form-data")],
) -> ReportReceipt:
    """Name and telephone may be left out; they are sealed apart. Photos are kept without their metadata."""
    if (body.lon is None) != (body.lat is None):
        raise InvalidInput("patrol.citizen.half_place")
    runtime, now = web.runtime, web.runtime.clock()
    lonlat = None if body.lon is None or body.lat is None else (body.lon, body.lat)
    said = Said(body.division_code, body.category, body.description, lonlat, body.radius_m)
    if len(body.photos) > PHOTOS_MAX:
        raise InvalidInput("patrol.citizen.too_many_photos", most=PHOTOS_MAX)
    web.report_gate.enter(_address(request), now)
    runtime.blobs.require_room()
    with runtime.database.transaction(runtime.system) as session:
        _, code = citizens.receive(
            session,
            runtime.system,
            said,
            identity=Identity(body.name.strip(), body.phone.strip()),
            photos=[photo.file.read(PHOTO_MAX_BYTES + 1) for photo in body.photos],
            blobs=runtime.blobs,
            vault=_vault(web),
            now=now,
        )
    groups = [code[at : at + CODE_GROUP] for at in range(0, len(code), CODE_GROUP)]
    return ReportReceipt(code="-".join(groups), received_at=now)


@router.post("/public/report-progress", summary="How the report of a code stands", responses=OFTEN)
def post_progress(request: Request, web: WebOfProcess, body: CodeBody) -> ProgressInfo:
    """In plain words; whose report it is, nobody is told."""
    runtime = web.runtime
    web.code_gate.enter(_address(request), runtime.clock())
    with runtime.database.transaction(runtime.system) as session:
        found = citizens.progress(session, runtime.system, body.code)
    return ProgressInfo.model_validate(found)


@router.post(
    "/public/report-answer", status_code=204, summary="Answer when asked back", responses={**OFTEN, **ONCE}
)
def post_answer(request: Request, web: WebOfProcess, body: AnswerBody) -> Response:
    """Once, after the report is finished."""
    runtime, now = web.runtime, web.runtime.clock()
    web.code_gate.enter(_address(request), now)
    with runtime.database.transaction(runtime.system) as session:
        citizens.answer_back(
            session,
            runtime.system,
            body.code,
            satisfaction=body.satisfaction,
            remark=body.remark,
            now=now,
        )
    return Response(status_code=204)


@router.get("/citizen-reports", summary="Newest reports of the caller's area")
def list_reports(caller: SignedIn, limit: Annotated[int, Query(ge=1, le=500)] = 100) -> CitizenReports:
    """Never who reported; place and hour are blurred for lower tiers."""
    with caller.transaction() as session:
        found = citizens.list_reports(session, caller.actor, limit=limit)
    return CitizenReports(items=[_info(one) for one in found])


@router.get(
    "/citizen-reports/{report_id}/photos/{place}.jpg",
    response_class=FileResponse,
    summary="A photo of a report",
)
def read_photo(caller: SignedIn, report_id: UUID, place: int) -> Response:
    """A copy without what the original carried beside its pixels."""
    with caller.transaction() as session:
        sha256 = citizens.photo_of(session, caller.actor, report_id, place)
    headers = {"Cache-Control": "private, no-cache"}
    return FileResponse(caller.runtime.blobs.path(sha256), media_type="image/jpeg", headers=headers)


@router.post("/citizen-reports/{report_id}/place", summary="Say where it lies", responses=ONCE)
def post_place(caller: SignedIn, report_id: UUID, body: PlaceBody) -> CitizenReportInfo:
    """A report told in words becomes a lead."""
    with caller.transaction() as session:
        placed = citizens.place_report(
            session,
            caller.actor,
            report_id,
            lonlat=body.lonlat,
            radius_m=body.radius_m,
            now=caller.now(),
        )
    return _info(placed)


@router.post("/citizen-reports/{report_id}/reveal", summary="Who reported, for a stated reason")
def post_reveal(caller: SignedIn, report_id: UUID, body: RevealBody) -> IdentityInfo:
    """Every reveal stands in the audit chain, without the identity."""
    with caller.transaction() as session:
        found = citizens.reveal(
            session,
            caller.actor,
            report_id,
            reason=body.reason,
            vault=_vault(caller.web),
            now=caller.now(),
        )
    return IdentityInfo(name=found.name, phone=found.phone)


def _info(report: ReportView) -> CitizenReportInfo:
    shared = set(CitizenReportInfo.model_fields) & set(ReportView.__slots__) - {"photos"}
    return CitizenReportInfo(
        division_name=division_name(report.division_code),
        category_name=CATEGORIES[report.category][0],
        told=OUTCOMES[report.standing],
        photos=len(report.photos),
        **{name: getattr(report, name) for name in shared},
    )


def _vault(web: Web) -> Vault:
    return Vault(web.runtime.settings.data_dir / "keys")


def _address(request: Request) -> str:
    return request.client.host if request.client is not None else "-"
