"""Evidence: photos and files with their custody, streamed in, handed out again."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Header, Request, Response
from fastapi.responses import FileResponse

from foundation import audit
from foundation.errors import InvalidInput
from patrol import service as patrol
from webmap.deps import SignedIn, noun_router
from webmap.schemas.basics import Problem
from webmap.schemas.fieldwork import EvidenceHeaders, EvidenceReceipt
from webmap.uploads import ReceivedFile

router = noun_router("evidence")


@router.put(
    "/visits/{visit_id}/evidence/{evidence_id}",
    status_code=201,
    summary="Record a photo or file of a visit; the body is its bytes",
    responses={
        200: {"model": EvidenceReceipt, "description": "This very file was recorded before"},
        409: {"model": Problem, "description": "Another file under this id, or its visit has not arrived"},
        413: {"model": Problem, "description": "Larger than the server accepts"},
        507: {"model": Problem, "description": "The server's disk is nearly full; try again later"},
    },
    openapi_extra={
        "requestBody": {"content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}}}
    },
)
def put_evidence(
    caller: SignedIn,
    visit_id: UUID,
    evidence_id: UUID,
    claims: Annotated[EvidenceHeaders, Header()],
    received: ReceivedFile,
    response: Response,
) -> EvidenceReceipt:
    """What arrives must have the hash that was taken at capture, or nothing is kept."""
    expected = claims.x_content_sha256.lower()
    if received.sha256 != expected:
        raise InvalidInput("patrol.evidence.hash_mismatch", expected=expected, found=received.sha256)
    claim = patrol.EvidenceClaim(
        evidence_id=evidence_id,
        visit_id=visit_id,
        media_type=claims.content_type.split(";")[0].strip().lower(),
        sha256=expected,
        captured_at=claims.captured_at,
        lonlat=claims.lonlat,
        accuracy_m=claims.x_accuracy_m,
        bearing_deg=claims.x_bearing_deg,
        coord_source=claims.x_coord_source,
        is_from_gallery=claims.x_from_gallery,
    )
    with caller.transaction() as session:
        recorded = patrol.record_evidence(
            session, caller.actor, claim, received.file, blobs=caller.runtime.blobs, now=caller.now()
        )
    if not recorded.is_new:
        response.status_code = 200
    return EvidenceReceipt(
        evidence_id=evidence_id, distance_m=recorded.distance_m, flags=list(recorded.flags)
    )


@router.get("/evidence/{evidence_id}/file", response_class=FileResponse, summary="The original file")
def read_evidence(caller: SignedIn, request: Request, evidence_id: UUID) -> Response:
    """Every view is entered in the audit chain."""
    with caller.transaction() as session:
        row = patrol.get_evidence(session, caller.actor, evidence_id)
        headers = {"ETag": f'"{row.sha256[:24]}"', "Cache-Control": "private, no-cache"}
        if request.headers.get("if-none-match") == headers["ETag"]:
            return Response(status_code=304, headers=headers)
        path = caller.runtime.blobs.path(row.sha256)
        audit.record(
            session,
            caller.actor,
            "patrol.evidence.viewed",
            subject=("evidence", evidence_id),
            at=caller.now(),
            facts={"sha256": row.sha256},
        )
    kind = "inline" if row.media_type.startswith("image/") else "attachment"
    name = f"{evidence_id}.{row.media_type.split('/')[-1]}"
    headers["Content-Disposition"] = f'{kind}; filename="{name}"'
    return FileResponse(path, media_type=row.media_type, headers=headers)
