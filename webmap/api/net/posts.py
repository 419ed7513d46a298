"""Who answers for what; lists of posts, leave, handover."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID

from fastapi import Query, Response

from foundation.errors import InvalidInput
from patrol.net import service as net
from patrol.net.posts import read_posts
from patrol.staffing import answers
from patrol.staffing import service as staffing
from patrol.staffing.service import Handover, Leave
from webmap.deps import Caller, SignedIn, noun_router
from webmap.schemas.net.posts import (
    BadLineInfo,
    HandoverForm,
    LeaveForm,
    NetInfo,
    PlaceAnswerInfo,
    PostHistory,
    ReturnForm,
    RosterPreviewInfo,
    RosterReceipt,
    StaffedInfo,
)
from webmap.uploads import Received, ReceivedFile

router = noun_router("posts")
LIST_MAX = 16 << 20
EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
LIST_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in (EXCEL, "text/csv")},
    }
}
EXCEL_ANSWER: dict[int | str, dict[str, Any]] = {
    200: {"content": {EXCEL: {"schema": {"type": "string", "format": "binary"}}}}
}
Day = Annotated[date | None, Query(description="Any day, past or to come; none: today.")]
EndsMissing = Annotated[bool, Query(description="End posts of the list's own place that are not on it.")]


@router.get("/net", summary="The net of a place on a day: cells with who answers, and posts")
def read_net(
    caller: SignedIn,
    division: Annotated[str, Query(pattern=r"^\d{12}$", description="County, township or village.")],
    on: Day = None,
) -> NetInfo:
    """Every cell names somebody: where its own post is vacant, a colleague or whoever stands above."""
    with caller.transaction() as session:
        view = answers.net_of(session, caller.actor, division, now=caller.now(), on=on)
    return NetInfo.model_validate(view)


@router.get("/net/answers", summary="Who answers for a place on a day, and the chain above")
def read_answer(
    caller: SignedIn,
    lon: Annotated[float, Query(description="Degrees, EPSG:4490.")],
    lat: Annotated[float, Query(description="Degrees, EPSG:4490.")],
    on: Day = None,
) -> PlaceAnswerInfo:
    """Never nobody."""
    with caller.transaction() as session:
        view = answers.who_answers(session, caller.actor, lon=lon, lat=lat, now=caller.now(), on=on)
    return PlaceAnswerInfo.model_validate(view)


@router.get("/posts/{post_id}/history", summary="Everybody who ever stood in a post, and its leaves")
def read_history(caller: SignedIn, post_id: UUID) -> PostHistory:
    """Oldest first; leaves newest first."""
    with caller.transaction() as session:
        return PostHistory.model_validate(staffing.history_of(session, caller.actor, post_id))


@router.post("/posts/{post_id}/absences", status_code=201, summary="Record leave of a post's holder")
def record_leave(caller: SignedIn, post_id: UUID, body: LeaveForm) -> StaffedInfo:
    """Open work goes to the stand-in, the deputy or above when it begins, and comes back with the holder."""
    leave = Leave(
        body.kind,
        body.starts_on,
        body.ends_on,
        body.stand_in_name,
        _account(caller, body.stand_in_login),
        body.note,
        body.every_post,
    )
    with caller.transaction() as session:
        done = staffing.take_leave(session, caller.actor, post_id, leave, now=caller.now())
    return StaffedInfo.model_validate(done)


@router.post("/absences/{absence_id}/end", summary="Back from leave; before it began, it is taken back")
def end_leave(caller: SignedIn, absence_id: UUID, body: ReturnForm) -> StaffedInfo:
    """From that day on the holder stands in the post again."""
    with caller.transaction() as session:
        done = staffing.end_leave(session, caller.actor, absence_id, back_on=body.back_on, now=caller.now())
    return StaffedInfo.model_validate(done)


@router.post("/posts/{post_id}/handover", summary="Somebody else takes a post over")
def hand_over(caller: SignedIn, post_id: UUID, body: HandoverForm) -> StaffedInfo:
    """Open work of whoever leaves moves with it; both stay written down."""
    to = Handover(body.part, body.name.strip(), body.on, _account(caller, body.login), body.phone, body.note)
    with caller.transaction() as session:
        done = staffing.hand_over(session, caller.actor, post_id, to, now=caller.now())
    return StaffedInfo.model_validate(done)


@router.post("/handovers/{handover_id}/call-off", status_code=204, summary="An arranged handover will not be")
def call_off(caller: SignedIn, handover_id: UUID) -> None:
    """Until the day itself."""
    with caller.transaction() as session:
        staffing.call_off(session, caller.actor, handover_id, now=caller.now())


@router.get(
    "/post-lists/template.xlsx",
    response_class=Response,
    responses=EXCEL_ANSWER,
    summary="An empty list of posts, with how to fill it in",
)
def read_template(caller: SignedIn) -> Response:
    """Excel with choices for tier and kind."""
    return _excel(staffing.blank_roster(), "岗位名单（空表）.xlsx")


@router.get(
    "/post-lists/current.xlsx",
    response_class=Response,
    responses=EXCEL_ANSWER,
    summary="The posts of the caller's area, in the form in which they are brought in",
)
def export_list(caller: SignedIn) -> Response:
    """With telephones and logins; written into the audit chain."""
    runtime = caller.runtime
    with caller.transaction() as session:
        held = net.posts_over(session, caller.actor, caller.actor.area_code, now=caller.now())
    wanted = [post.holder_account_id for post in held if post.holder_account_id]
    with runtime.database.transaction(runtime.system) as session:
        logins = staffing.logins_of(session, wanted)
    with caller.transaction() as session:
        data = staffing.export_posts(session, caller.actor, now=caller.now(), logins=logins)
    return _excel(data, "岗位名单.xlsx")


@router.post(
    "/post-lists/preview",
    summary="Look at what a list would do; the body is the Excel or CSV file",
    openapi_extra=LIST_BODY,
)
def preview_list(
    caller: SignedIn, received: ReceivedFile, ends_missing: EndsMissing = False
) -> RosterPreviewInfo:
    """Gaps, overlaps, doubled, vacant, changed and missing posts, and refused lines; nothing is stored."""
    data = _data(received)
    logins = frozenset(_accounts(caller, data))
    with caller.transaction() as session:
        preview = net.preview_posts(
            session, caller.actor, data, now=caller.now(), ends_missing=ends_missing, logins=logins
        )
    return RosterPreviewInfo.model_validate(preview)


@router.post(
    "/post-lists/import",
    summary="Bring in the list that was looked at; the body is the same file",
    openapi_extra=LIST_BODY,
)
def import_list(
    caller: SignedIn,
    received: ReceivedFile,
    token: Annotated[str, Query(max_length=64, description="Of the preview.")],
    ends_missing: EndsMissing = False,
) -> RosterReceipt:
    """Refused where the file or the posts are others than at the preview. Open work finds its new owners."""
    data = _data(received)
    known = _accounts(caller, data)
    with caller.transaction() as session:
        preview, report = staffing.confirm_posts(
            session,
            caller.actor,
            data,
            token=token,
            now=caller.now(),
            ends_missing=ends_missing,
            known_accounts=known,
        )
    return RosterReceipt(
        imported=report.imported,
        ended=len(preview.missing) if ends_missing else 0,
        bad_lines=[BadLineInfo.model_validate(bad) for bad in report.bad_lines],
    )


def _data(received: Received) -> bytes:
    if received.size > LIST_MAX:
        raise InvalidInput("webmap.request.too_large", limit_mb=LIST_MAX >> 20)
    return received.file.read()


def _accounts(caller: Caller, data: bytes) -> dict[str, UUID]:
    lines, _ = read_posts(data)
    return _by_login(caller, {line.login for line in lines if line.login})


def _account(caller: Caller, login: str | None) -> UUID | None:
    if not login:
        return None
    found = _by_login(caller, {login})
    if login not in found:
        raise InvalidInput("patrol.post.unknown_login", login=login)
    return found[login]


def _by_login(caller: Caller, logins: set[str]) -> dict[str, UUID]:
    """Accounts of the caller's area; only the platform itself sees them."""
    runtime = caller.runtime
    with runtime.database.transaction(runtime.system) as session:
        return staffing.accounts_by_login(session, caller.actor, logins)


def _excel(data: bytes, name: str) -> Response:
    disposition = f"attachment; filename*=UTF-8''{quote(name)}"
    return Response(data, media_type=EXCEL, headers={"Content-Disposition": disposition})
