"""Custody of evidence: score and steps, review, the backlog, the bundle; the head of the audit chain."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated
from uuid import UUID

from fastapi import Query, Response
from fastapi.responses import FileResponse
from sqlalchemy.orm import Session
from starlette.background import BackgroundTask

from foundation import audit_heads
from patrol import service as patrol
from patrol.custody import jobs
from patrol.custody import service as custody
from patrol.custody.views import EvidenceDetail as Detail
from webmap.deps import PREFIX, Caller, SignedIn, noun_router
from webmap.schemas.basics import Problem
from webmap.schemas.casework.custody import (
    AuditHead,
    CustodyList,
    CustodyStep,
    EvidenceDetail,
    Finding,
    HeldList,
    HeldSubmission,
    Nonce,
    NonceBody,
    PrintedBody,
    Review,
    ReviewBody,
    SettleBody,
)

router = noun_router("custody")
Held = Annotated[bool, Query(description="Also what has been settled.")]


@router.get("/evidence/held", summary="Submissions that wait for their visit, or of which there are two")
def list_held(
    caller: SignedIn, settled: Held = False, limit: Annotated[int, Query(ge=1, le=500)] = 200
) -> HeldList:
    """Newest first. What waits for a visit is recorded by itself when the visit arrives."""
    with caller.transaction() as session:
        rows = custody.held_submissions(session, caller.actor, is_open=not settled, limit=limit)
    return HeldList(items=[HeldSubmission.model_validate(row) for row in rows])


@router.post(
    "/evidence/held/{held_id}/settle",
    summary="Say what comes of a second body under one id",
    responses={409: {"model": Problem, "description": "Settled before, or still waiting for its visit"}},
)
def settle_held(caller: SignedIn, held_id: UUID, body: SettleBody) -> HeldSubmission:
    """Both bodies stay; nothing is replaced."""
    with caller.transaction() as session:
        row = custody.settle_held(
            session, caller.actor, held_id, outcome=body.outcome, note=body.note, now=caller.now()
        )
    return HeldSubmission.model_validate(row)


@router.get("/evidence/{evidence_id}", summary="One piece of evidence: score, reasons, reviews, custody")
def read_detail(caller: SignedIn, evidence_id: UUID) -> EvidenceDetail:
    """Texts of the findings are in the language asked for."""
    with caller.transaction() as session:
        return _detail(session, caller, evidence_id)


@router.post("/evidence/{evidence_id}/review", summary="Legal or technical review of a piece of evidence")
def post_review(caller: SignedIn, evidence_id: UUID, body: ReviewBody) -> EvidenceDetail:
    """Reviewed once both aspects are accepted, by two people, neither of whom captured it."""
    with caller.transaction() as session:
        custody.review_evidence(
            session,
            caller.actor,
            evidence_id,
            aspect=body.aspect,
            outcome=body.outcome,
            note=body.note,
            now=caller.now(),
        )
        return _detail(session, caller, evidence_id)


@router.post("/evidence/{evidence_id}/printed", summary="Enter in custody that it was printed")
def post_printed(caller: SignedIn, evidence_id: UUID, body: PrintedBody) -> EvidenceDetail:
    """Called by the page that prints."""
    with caller.transaction() as session:
        custody.note_printed(session, caller.actor, [evidence_id], now=caller.now(), paper=body.paper)
        return _detail(session, caller, evidence_id)


@router.get("/patches/{patch_id}/custody", summary="Every custody step of a case")
def read_custody(caller: SignedIn, patch_id: UUID) -> CustodyList:
    """In the order in which they were entered."""
    with caller.transaction() as session:
        steps = custody.custody_of_case(session, caller.actor, patch_id)
    return CustodyList(items=[CustodyStep.model_validate(step) for step in steps])


@router.get(
    "/patches/{patch_id}/evidence-bundle.zip",
    response_class=FileResponse,
    summary="The evidence bundle of a case: verified by anyone with sha256sum and openssl",
)
def read_bundle(caller: SignedIn, patch_id: UUID) -> Response:
    """Chips, originals, tracks, judgement, verdict, time line, custody, audit chain, summary, map."""
    with tempfile.NamedTemporaryFile(
        dir=caller.runtime.settings.data_dir, prefix="bundle-", delete=False
    ) as file:
        path = Path(file.name)
    with ExitStack() as on_failure:
        on_failure.callback(path.unlink, missing_ok=True)
        made = jobs.make_bundle(caller.runtime, caller.actor, patch_id, path)
        on_failure.pop_all()
    headers = {
        "Content-Disposition": f'attachment; filename="{made.name}"',
        "Cache-Control": "no-store",
        "X-Content-SHA256": made.sha256,
        "X-Key-Fingerprint": made.fingerprint,
    }
    return FileResponse(
        path, media_type="application/zip", headers=headers, background=BackgroundTask(path.unlink)
    )


@router.post("/capture-nonces", status_code=201, summary="The capture number of a phone's shift")
def post_nonce(caller: SignedIn, body: NonceBody) -> Nonce:
    """Captures that name it were made after this moment, by this person; the clock's error is noted."""
    with caller.transaction() as session:
        issued = patrol.issue_nonce(session, caller.actor, device_time=body.device_time, now=caller.now())
    return Nonce.model_validate(issued)


@router.get("/audit/head", summary="Head of the audit chain")
def read_head(caller: SignedIn) -> AuditHead:
    """And the newest head that was taken elsewhere."""
    with caller.transaction() as session:
        head, last = audit_heads.chain_head(session), audit_heads.last_export(session)
        return AuditHead(
            seq=head.seq,
            hash=head.hash,
            exported_seq=last.seq if last else None,
            exported_hash=last.hash if last else None,
            exported_at=last.at if last else None,
            fingerprint=audit_heads.key_of(caller.runtime).fingerprint,
            line=audit_heads.head_line(session),
        )


def _detail(session: Session, caller: Caller, evidence_id: UUID) -> EvidenceDetail:
    found: Detail = custody.evidence_detail(session, caller.actor, evidence_id, blobs=caller.runtime.blobs)
    names = set(EvidenceDetail.model_fields) - {"findings", "reviews", "custody", "url", "original_url"}
    where = f"{PREFIX}/evidence/{evidence_id}"
    return EvidenceDetail(
        **{name: getattr(found, name) for name in names},
        findings=[
            Finding(
                check=each.check,
                reason=each.reason,
                factor=each.factor,
                weight=each.weight,
                text=each.text_zh if caller.language == "zh" else each.text_en,
            )
            for each in found.findings
        ],
        reviews=[Review.model_validate(each) for each in found.reviews],
        custody=[CustodyStep.model_validate(each) for each in found.custody],
        url=f"{where}/file",
        original_url=f"{where}/original" if "evidence.original" in caller.actor.rights else None,
    )
