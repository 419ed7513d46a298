"""Evidence: photos and files with their custody, streamed in, handed out again."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any
from urllib.parse import unquote
from uuid import UUID

from fastapi import Header, Request, Response
from fastapi.responses import FileResponse

from foundation.access import Actor
from foundation.errors import Conflict, InvalidInput
from patrol import service as patrol
from patrol.custody import service as custody
from patrol.dispatching import service as dispatching
from webmap.deps import Caller, SignedIn, noun_router
from webmap.schemas.basics import Problem
from webmap.schemas.fieldwork import EvidenceHeaders, EvidenceReceipt
from webmap.uploads import Received, ReceivedFile

router = noun_router("evidence")
RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"model": EvidenceReceipt, "description": "This very file was recorded before"},
    202: {"model": EvidenceReceipt, "description": "Kept until its visit arrives, then recorded"},
    409: {"model": Problem, "description": "Another file under this id; both are kept for review"},
    413: {"model": Problem, "description": "Larger than the server accepts"},
    507: {"model": Problem, "description": "The server's disk is nearly full; try again later"},
}
BODY: dict[str, Any] = {
    "requestBody": {"content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}}}
}
Claims = Annotated[EvidenceHeaders, Header()]


@router.put(
    "/visits/{visit_id}/evidence/{evidence_id}",
    status_code=201,
    summary="Record a photo or file of a visit; the body is its bytes",
    responses=RESPONSES,
    openapi_extra=BODY,
)
def put_evidence(
    caller: SignedIn,
    visit_id: UUID,
    evidence_id: UUID,
    claims: Claims,
    received: ReceivedFile,
    response: Response,
) -> EvidenceReceipt:
    """What arrives must have the hash that was taken at capture, or nothing is kept."""
    claim = _claim(claims, evidence_id, received, visit_id=visit_id)
    return _record(caller, claim, received, response)


@router.put(
    "/patches/{patch_id}/evidence/{evidence_id}",
    status_code=201,
    summary="Add evidence to a case at the office: a document, a statement, a chip, a drone photo",
    responses={status: answer for status, answer in RESPONSES.items() if status != 202},
    openapi_extra=BODY,
)
def put_case_evidence(
    caller: SignedIn,
    patch_id: UUID,
    evidence_id: UUID,
    claims: Claims,
    received: ReceivedFile,
    response: Response,
) -> EvidenceReceipt:
    """Needs no visit; the id is made by the client, and sending it again is safe."""
    with caller.transaction() as session:
        patrol.patch_row(session, caller.actor, patch_id, now=caller.now())
    claim = _claim(claims, evidence_id, received, patch_id=patch_id)
    return _record(caller, claim, received, response)


@router.put(
    "/helps/{helper_id}/evidence/{evidence_id}",
    status_code=201,
    summary="Add evidence to a patch with which the caller helps",
    responses={status: answer for status, answer in RESPONSES.items() if status != 202},
    openapi_extra=BODY,
)
def put_helpers_evidence(
    caller: SignedIn,
    helper_id: UUID,
    evidence_id: UUID,
    claims: Claims,
    received: ReceivedFile,
    response: Response,
) -> EvidenceReceipt:
    """The patch may lie in another village: the caller acts there as its helper, and in nothing else."""
    with caller.transaction() as session:
        helping, patch_id = dispatching.stand_by(session, caller.actor, helper_id)
    claim = _claim(claims, evidence_id, received, patch_id=patch_id)
    return _record(replace(caller, actor=helping), claim, received, response)


@router.put(
    "/findings/{finding_id}/evidence/{evidence_id}",
    status_code=201,
    summary="Record a photo of a finding; the body is its bytes",
    responses=RESPONSES,
    openapi_extra=BODY,
)
def put_findings_evidence(
    caller: SignedIn,
    finding_id: UUID,
    evidence_id: UUID,
    claims: Claims,
    received: ReceivedFile,
    response: Response,
) -> EvidenceReceipt:
    """As with a visit: one that comes before its finding is kept until that has come."""
    claim = _claim(claims, evidence_id, received, finding_id=finding_id)
    # The finding may lie just beyond the caller's own ground: whose it is, is checked instead of where.
    return _record(caller, claim, received, response, writer=caller.runtime.system)


@router.get("/evidence/{evidence_id}/file", response_class=FileResponse, summary="The copy that is served")
def read_evidence(caller: SignedIn, request: Request, evidence_id: UUID) -> Response:
    """A photo without EXIF; every look is entered in its custody."""
    return _hand_out(caller, request, evidence_id, is_original=False)


@router.get("/evidence/{evidence_id}/original", response_class=FileResponse, summary="The sealed original")
def read_original(caller: SignedIn, request: Request, evidence_id: UUID) -> Response:
    """As it was received, byte for byte; every look is entered in its custody."""
    return _hand_out(caller, request, evidence_id, is_original=True)


def _claim(
    claims: EvidenceHeaders,
    evidence_id: UUID,
    received: Received,
    *,
    visit_id: UUID | None = None,
    patch_id: UUID | None = None,
    finding_id: UUID | None = None,
) -> patrol.EvidenceClaim:
    expected = claims.x_content_sha256.lower()
    if received.sha256 != expected:
        raise InvalidInput("patrol.evidence.hash_mismatch", expected=expected, found=received.sha256)
    return patrol.EvidenceClaim(
        evidence_id=evidence_id,
        visit_id=visit_id,
        patch_id=patch_id,
        finding_id=finding_id,
        media_type=claims.content_type.split(";")[0].strip().lower(),
        sha256=expected,
        sm3=claims.x_content_sm3.lower() if claims.x_content_sm3 else None,
        captured_at=claims.captured_at,
        lonlat=claims.lonlat,
        accuracy_m=claims.x_accuracy_m,
        bearing_deg=claims.x_bearing_deg,
        fov_deg=claims.x_fov_deg,
        coord_source=claims.x_coord_source,
        is_from_gallery=claims.x_from_gallery,
        kind=claims.x_evidence_kind,
        title=unquote(claims.x_title) if claims.x_title else None,
        nonce=claims.x_capture_nonce,
        device_counter=claims.x_device_counter,
        device=claims.x_device,
    )


def _record(
    caller: Caller,
    claim: patrol.EvidenceClaim,
    received: Received,
    response: Response,
    *,
    writer: Actor | None = None,
) -> EvidenceReceipt:
    blobs, database = caller.runtime.blobs, caller.runtime.database
    try:
        with database.transaction(writer or caller.actor) as session:
            recorded = patrol.record_evidence(
                session, caller.actor, claim, received.file, blobs=blobs, now=caller.now()
            )
    except Conflict as refused:
        if refused.code == "patrol.evidence.other_body":
            # Refused, and kept: a person compares the two.
            received.file.seek(0)
            with database.transaction(writer or caller.actor) as session:
                patrol.keep_other_body(
                    session, caller.actor, claim, received.file, blobs=blobs, now=caller.now()
                )
        raise
    if recorded.is_held:
        response.status_code = 202
    elif not recorded.is_new:
        response.status_code = 200
    return EvidenceReceipt(
        evidence_id=claim.evidence_id,
        status="held" if recorded.is_held else "recorded",
        distance_m=recorded.distance_m,
        plausibility=recorded.plausibility,
        flags=list(recorded.flags),
    )


def _hand_out(caller: Caller, request: Request, evidence_id: UUID, *, is_original: bool) -> Response:
    with caller.transaction() as session:
        copy = custody.copy_of(session, caller.actor, evidence_id, is_original=is_original)
        headers = {"ETag": f'"{copy.sha256[:24]}"', "Cache-Control": "private, no-cache"}
        if request.headers.get("if-none-match") == headers["ETag"]:
            return Response(status_code=304, headers=headers)
        path = caller.runtime.blobs.path(copy.sha256)
        custody.note_viewed(session, caller.actor, copy, now=caller.now())
    kind = "inline" if copy.is_inline else "attachment"
    headers["Content-Disposition"] = f'{kind}; filename="{copy.name}"'
    return FileResponse(path, media_type=copy.media_type, headers=headers)
