"""Rankings and bulletins."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import quote
from uuid import UUID

from fastapi import Query
from fastapi.responses import FileResponse

from patrol.reports import service as reports
from webmap.deps import PREFIX, SignedIn, noun_router
from webmap.schemas.reports import BulletinFileInfo, BulletinInfo, Ranking

router = noun_router("reports")


@router.get("/rankings", summary="A ranking of persons or units, as it stands")
def read_ranking(
    caller: SignedIn,
    period: Annotated[str, Query(description="2026-W37 or 2026-09", examples=["2026-W37"], max_length=8)],
    of: Literal["post", "township", "county"] = "post",
    tier: Annotated[int | None, Query(ge=1, le=4, description="Of persons: 3 township, 4 village.")] = None,
    group: Annotated[str | None, Query(max_length=64, description="One group of persons.")] = None,
    division: Annotated[str | None, Query(description="12-digit code; none: the own area.")] = None,
) -> Ranking:
    """With the definition and formula of every number."""
    with caller.transaction() as session:
        view = reports.rankings(
            session,
            caller.actor,
            period=period,
            of=of,
            tier=tier,
            group=group,
            division_code=division,
            profile=caller.runtime.settings.policy_profile,
            now=caller.now(),
        )
    return Ranking.model_validate(view)


@router.get("/bulletins", summary="Bulletins, newest period first")
def list_bulletins(caller: SignedIn) -> list[BulletinInfo]:
    """Drafts only for those who may issue them."""
    with caller.transaction() as session:
        return [_info(view) for view in reports.list_bulletins(session, caller.actor)]


@router.post("/bulletins/{bulletin_id}/issue", summary="Issue a bulletin: it never changes again")
def issue_bulletin(caller: SignedIn, bulletin_id: UUID) -> BulletinInfo:
    """Issuing twice changes nothing."""
    with caller.transaction() as session:
        return _info(reports.issue_bulletin(session, caller.actor, bulletin_id, now=caller.now()))


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


def _info(view: reports.BulletinView) -> BulletinInfo:
    names = set(BulletinInfo.model_fields) - {"files"}
    values = {name: getattr(view, name) for name in names}
    folder = f"{PREFIX}/bulletins/{view.bulletin_id}/files"
    files = [
        BulletinFileInfo(
            name=entry.name,
            media_type=entry.media_type,
            sha256=entry.sha256,
            url=f"{folder}/{quote(entry.name)}",
        )
        for entry in view.files
    ]
    return BulletinInfo(**values, files=files)
