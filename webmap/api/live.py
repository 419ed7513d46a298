"""Live events of the caller's area, as server-sent events."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

from fastapi import Request
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from foundation.errors import LandwardenError, Unavailable
from webmap.deps import Caller, SignedIn, actor_of, noun_router
from webmap.live import LiveEvent
from webmap.schemas.basics import in_shanghai

router = noun_router("live")
HEARTBEAT_S = 15.0
BEATS_BETWEEN_CHECKS = 4
"""A stream ends within a minute of its session."""
EXAMPLE = (
    'event: patch\nid: 17\ndata: {"patch_id": "…", "number": "410883-2609-0001", "state": "dispatched",'
    ' "version": 3, "actor_name": "周某演", "at": "2026-09-09T09:10:00+08:00",'
    ' "action_name": "派发核查", "seq": 17}\n\n'
)


@router.get(
    "/live",
    response_class=StreamingResponse,
    summary="Server-sent events: `hello`, then `patch` for every change",
    responses={200: {"content": {"text/event-stream": {"example": EXAMPLE}}}},
)
async def stream_events(caller: SignedIn, request: Request) -> StreamingResponse:
    """A comment every 15 s while nothing happens. The stream ends with the session and with the server;
    503 while the server itself does not hear of changes."""
    if not caller.web.live.is_listening:
        raise Unavailable("webmap.live.interrupted")
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_events(caller, request), media_type="text/event-stream", headers=headers)


async def _events(caller: Caller, request: Request) -> AsyncIterator[str]:
    beats = 0
    async with caller.web.live.subscribed(caller.actor.area_prefix) as subscription:
        server_time = in_shanghai(caller.now()).isoformat(timespec="seconds")
        yield f"event: hello\ndata: {json.dumps({'server_time': server_time})}\n\n"
        while not await request.is_disconnected():
            try:
                event = await subscription.next(HEARTBEAT_S)
            except TimeoutError:
                beats += 1
                if beats % BEATS_BETWEEN_CHECKS == 0 and not await run_in_threadpool(_is_signed_in, caller):
                    return
                yield ": alive\n\n"
                continue
            if event is None:
                return
            yield _told(event)


def _told(event: LiveEvent) -> str:
    return f"event: patch\nid: {event.seq}\ndata: {event.data}\n\n"


def _is_signed_in(caller: Caller) -> bool:
    try:
        actor_of(caller.web, caller.token)
    except LandwardenError:
        return False
    return True
