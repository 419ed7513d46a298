"""Where cameras bring pictures and events; each device comes with its own key (``Authorization: Bearer``)."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Path, Query, Request, Response

from detection.cameras.door import jobs, service
from detection.cameras.door.service import Taken
from detection.cameras.policy import camera_policy
from webmap.deps import CallingDevice, SignedIn, WebOfProcess, noun_router
from webmap.schemas.basics import Problem
from webmap.schemas.cameras import (
    ALARM_EXAMPLE,
    EVENT_EXAMPLE,
    DisputeInfo,
    Disputes,
    EventReceipt,
    PictureReceipt,
)
from webmap.uploads import body_within

router = noun_router("cameras")
SMALL = 64 << 10
"""Bytes of an event or an alarm: a form of a few fields."""


def _answers(receipt: type[EventReceipt] | type[PictureReceipt]) -> dict[int | str, dict[str, Any]]:
    return {
        200: {"model": receipt, "description": "This very body came before"},
        409: {"model": Problem, "description": "Another body came under this id; both are kept"},
        413: {"model": Problem, "description": "Too large"},
    }


def _body(media_type: str, example: object) -> dict[str, Any]:
    content = {media_type: {"schema": {"type": "object"}, "example": example}}
    return {"requestBody": {"required": True, "content": content}}


async def small_body(request: Request) -> bytes:
    """An event or an alarm."""
    return await body_within(request, SMALL)


async def picture_body(request: Request) -> bytes:
    """A picture, at most so large as the table of cameras says."""
    return await body_within(request, int(camera_policy()["edge"]["picture_max_mb"]) << 20)


@router.put(
    "/cameras/pictures/{sha256}",
    status_code=201,
    summary="Bring a picture, before the event that names it",
    responses={key: value for key, value in _answers(PictureReceipt).items() if key != 409},
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
def put_picture(
    device: CallingDevice,
    web: WebOfProcess,
    sha256: Annotated[str, Path(pattern="^[0-9a-fA-F]{64}$", description="Of the body.")],
    body: Annotated[bytes, Depends(picture_body)],
    response: Response,
) -> PictureReceipt:
    """JPEG, PNG or WebP. Safe to send again."""
    web.runtime.blobs.require_room()
    if not jobs.receive_picture(web.runtime, device, body, sha256=sha256):
        response.status_code = 200
    return PictureReceipt(sha256=sha256.lower())


@router.post(
    "/cameras/events",
    status_code=201,
    summary="Bring an event",
    responses=_answers(EventReceipt),
    openapi_extra=_body("application/json", EVENT_EXAMPLE),
)
def post_event(
    device: CallingDevice, web: WebOfProcess, body: Annotated[bytes, Depends(small_body)], response: Response
) -> EventReceipt:
    """Its picture comes first, and is named by ``media.sha256``. Safe to send again under the same id."""
    event_id, taken = jobs.receive_event(web.runtime, device, body)
    return _receipt(event_id, taken, response)


@router.post(
    "/cameras/gbt28181-alarms",
    status_code=201,
    summary="Bring an alarm by GB/T 28181",
    responses=_answers(EventReceipt),
    openapi_extra=_body("application/xml", ALARM_EXAMPLE),
)
def post_alarm(
    device: CallingDevice, web: WebOfProcess, body: Annotated[bytes, Depends(small_body)], response: Response
) -> EventReceipt:
    """The XML of the notification, as the device wrote it. Safe to send again."""
    event_id, taken = jobs.receive_alarm(web.runtime, device, body)
    return _receipt(event_id, taken, response)


@router.get("/cameras/disputes", summary="Events under whose id something else came")
def list_disputes(caller: SignedIn, limit: Annotated[int, Query(ge=1, le=500)] = 100) -> Disputes:
    """For a person to compare; the first body became a lead, the other did not."""
    with caller.transaction() as session:
        found = service.list_disputes(session, caller.actor, limit=limit)
    return Disputes(items=[DisputeInfo(**one._asdict()) for one in found])


def _receipt(event_id: str, taken: Taken, response: Response) -> EventReceipt:
    if not taken.is_first:
        response.status_code = 200
    told = {"event_id": event_id, "lead_id": taken.event.lead_id, "fate": taken.event.fate}
    return EventReceipt.model_validate(told)
