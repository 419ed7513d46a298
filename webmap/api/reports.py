"""Rankings and bulletins."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import quote
from uuid import UUID

from fastapi import Query
from fastapi.responses import FileResponse

from patrol.reports import service as reports
from patrol.reports.issuing import service as issuing
from patrol.reports.issuing.errata import ErratumBody
from patrol.reports.rankings import Part
from patrol.reports.views import BulletinView
from webmap.deps import PREFIX, SignedIn, noun_router
from webmap.schemas.reports import (
    BulletinFileInfo,
    BulletinInfo,
    ErratumForm,
    ErratumInfo,
    Ranking,
    ReceiptInfo,
    ReviewNote,
)

router = noun_router("reports")


@router.get("/rankings", summary="A ranking of persons or units, as it stands")
def read_ranking(
    caller: SignedIn,
    period: Annotated[str, Query(description="2026-W37 or 2026-09", examples=["2026-W37"], max_length=8)],
    of: Literal["post", "township", "county"] = "post",
    tier: Annotated[int | None, Query(ge=1, le=4, description="Of persons: 3 township, 4 village.")] = None,
    group: Annotated[str | None, Query(max_length=64, description="One group of persons.")] = None,
    division: Annotated[str | None, Query(description="12-digit code; none: the own area.")] = None,
    offset: Annotated[int, Query(ge=0, le=1_000_000, description="Lines to leave out.")] = 0,
    limit: Annotated[
        int | None, Query(ge=1, le=1_000, description="Lines at most; none: all. Ranks are over all lines.")
    ] = None,
) -> Ranking:
    """With the definition and formula of every number."""
    with caller.transaction() as session:
        view = reports.rankings(
            session,
            caller.actor,
            period=period,
            of=of,
            tier=tier,
            division_code=division,
            profile=caller.runtime.settings.policy_profile,
            part=Part(group, offset, limit),
            now=caller.now(),
        )
    return Ranking.model_validate(view)


@router.get("/bulletins", summary="Bulletins, newest period first")
def list_bulletins(caller: SignedIn) -> list[BulletinInfo]:
    """Drafts only for those who may issue them."""
    with caller.transaction() as session:
        return [_info(view) for view in reports.list_bulletins(session, caller.actor)]


@router.post("/bulletins/{bulletin_id}/review", summary="Say that a draft was checked")
def review_bulletin(caller: SignedIn, bulletin_id: UUID, body: ReviewNote | None = None) -> BulletinInfo:
    """Whoever reviews does not issue. Drafting anew asks for a new review."""
    note = body.note if body else ""
    with caller.transaction() as session:
        return _info(issuing.review_bulletin(session, caller.actor, bulletin_id, note=note, now=caller.now()))


@router.post("/bulletins/{bulletin_id}/issue", summary="Issue a reviewed bulletin: it never changes again")
def issue_bulletin(caller: SignedIn, bulletin_id: UUID) -> BulletinInfo:
    """Issuing twice changes nothing."""
    with caller.transaction() as session:
        return _info(issuing.issue_bulletin(session, caller.actor, bulletin_id, now=caller.now()))


@router.get("/bulletins/{bulletin_id}/errata", summary="Corrections of an issued bulletin")
def list_errata(caller: SignedIn, bulletin_id: UUID) -> list[ErratumInfo]:
    """Oldest first."""
    with caller.transaction() as session:
        found = issuing.errata_of(session, caller.actor, bulletin_id)
    return [ErratumInfo.model_validate(erratum) for erratum in found]


@router.post("/bulletins/{bulletin_id}/errata", status_code=201, summary="Put a number right")
def note_erratum(caller: SignedIn, bulletin_id: UUID, body: ErratumForm) -> ErratumInfo:
    """The bulletin stays as it is; the next one prints the correction."""
    given = ErratumBody(body.number, body.should_be, body.reason, tuple(body.evidence))
    with caller.transaction() as session:
        noted = issuing.note_erratum(session, caller.actor, bulletin_id, given, now=caller.now())
    return ErratumInfo.model_validate(noted)


@router.get("/bulletins/{bulletin_id}/receipts", summary="Offices a bulletin went to, and who signed")
def list_receipts(caller: SignedIn, bulletin_id: UUID) -> list[ReceiptInfo]:
    """Those inside the caller's area."""
    profile = caller.runtime.settings.policy_profile
    with caller.transaction() as session:
        found = issuing.receipts_of(session, caller.actor, bulletin_id, profile=profile)
    return [ReceiptInfo.model_validate(receipt) for receipt in found]


@router.post("/bulletins/{bulletin_id}/receipt", summary="Sign for a bulletin on behalf of one's office")
def sign_receipt(caller: SignedIn, bulletin_id: UUID) -> list[ReceiptInfo]:
    """Signing twice keeps the first time."""
    with caller.transaction() as session:
        found = issuing.sign_receipt(session, caller.actor, bulletin_id, now=caller.now())
    return [ReceiptInfo.model_validate(receipt) for receipt in found]


@router.get(
    "/bulletins/{bulletin_id}/files/{name}", response_class=FileResponse, summary="A file of a bulletin"
)
def read_bulletin_file(caller: SignedIn, bulletin_id: UUID, name: str) -> FileResponse:
    """Word or Excel, as it was issued."""
    with caller.transaction() as session:
        entry = reports.bulletin_file(session, caller.actor, bulletin_id, name)
    path = caller.runtime.blobs.path(entry.sha256)
    headers = {"ETag": f'"{entry.sha256[:24]}"', "Cache-Control": "private, no-cache"}
    return FileResponse(path, media_type=entry.media_type, filename=entry.name, headers=headers)


def _info(view: BulletinView) -> BulletinInfo:
    names = set(BulletinInfo.model_fields) - {"files"}
    values = {name: getattr(view, name) for name in names}
    folder = f"{PREFIX}/bulletins/{view.bulletin_id}/files"
    files = [
        BulletinFileInfo(
            name=entry.name,
            media_type=entry.media_type,
            sha256=entry.sha256,
            url=f"{folder}/{quote(entry.name)}",
            is_restricted=entry.is_restricted,
        )
        for entry in view.files
    ]
    return BulletinInfo(**values, files=files)
