"""Notices of the person who is signed in, how that person is told, and what could not be delivered."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Query

from patrol.notices import jobs, service
from patrol.notices.notices import kinds
from webmap.deps import Caller, SignedIn, noun_router
from webmap.schemas.net.notices import (
    NoticeChannel,
    NoticeInfo,
    NoticeKind,
    NoticeList,
    NoticePreferences,
    NoticePreferencesBody,
    PushDevice,
    PushDeviceBody,
    UndeliveredInfo,
    UndeliveredList,
)

router = noun_router("notices")


@router.get("/notices", summary="The caller's notices, and how many are unread")
def list_notices(
    caller: SignedIn,
    unread: Annotated[bool, Query(description="Only what has not been read.")] = False,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> NoticeList:
    """Newest first; nobody sees another person's."""
    return _listed(caller, is_unread=unread, limit=limit)


@router.post("/notices/read", summary="Mark all as read")
def read_all(caller: SignedIn) -> NoticeList:
    """What comes later is unread again."""
    with caller.transaction() as session:
        service.read_all(session, caller.actor, now=caller.now())
    return _listed(caller, is_unread=False, limit=100)


@router.post("/notices/test", summary="Tell the caller something by all chosen ways", status_code=202)
def post_test(caller: SignedIn) -> NoticeList:
    """At most once a minute; more often changes nothing."""
    with caller.transaction() as session:
        service.tell_myself(session, caller.actor, now=caller.now())
    return _listed(caller, is_unread=False, limit=100)


@router.get("/notices/preferences", summary="How the caller wants to be told")
def read_preferences(caller: SignedIn) -> NoticePreferences:
    """With the channels that this installation has."""
    return _preferences(caller)


@router.put("/notices/preferences", summary="Set how the caller wants to be told")
def put_preferences(body: NoticePreferencesBody, caller: SignedIn) -> NoticePreferences:
    """Whole, not in parts."""
    forms = {key: channel.address for key, channel in jobs.channels_of(caller.runtime).channels.items()}
    wanted = service.preferences_from(body.model_dump())
    with caller.transaction() as session:
        service.keep_preferences(session, caller.actor, wanted, forms={**forms, "push": ""}, now=caller.now())
    return _preferences(caller)


@router.post("/notices/devices", summary="Let this browser show notices", status_code=201)
def post_device(body: PushDeviceBody, caller: SignedIn) -> PushDevice:
    """The same address again is the same device."""
    push = jobs.channels_of(caller.runtime).push
    hosts = push.hosts if push else ()
    with caller.transaction() as session:
        row = service.add_device(
            session, caller.actor, body.endpoint, body.name, hosts=hosts, now=caller.now()
        )
        return PushDevice.model_validate(row)


@router.delete("/notices/devices/{device_id}", summary="This browser shows no more notices", status_code=204)
def delete_device(device_id: UUID, caller: SignedIn) -> None:
    """Ended again, nothing changes."""
    with caller.transaction() as session:
        service.end_device(session, caller.actor, device_id, now=caller.now())


@router.get("/notices/undelivered", summary="Messages that were given up")
def list_undelivered(caller: SignedIn, limit: Annotated[int, Query(ge=1, le=500)] = 100) -> UndeliveredList:
    """Newest first."""
    with caller.transaction() as session:
        found = service.list_undelivered(session, caller.actor, limit=limit)
    return UndeliveredList(items=[UndeliveredInfo.model_validate(one) for one in found])


@router.post("/notices/undelivered/{message_id}/retry", summary="Try a message again")
def post_retry(message_id: UUID, caller: SignedIn) -> UndeliveredInfo:
    """Under the same key."""
    with caller.transaction() as session:
        found = service.send_again(session, caller.actor, message_id, now=caller.now())
    return UndeliveredInfo.model_validate(found)


@router.post("/notices/{notice_id}/read", summary="Mark one as read")
def read_notice(notice_id: UUID, caller: SignedIn) -> NoticeInfo:
    """The first reading stays; the same again changes nothing."""
    with caller.transaction() as session:
        found = service.read_notice(session, caller.actor, notice_id, now=caller.now())
    return NoticeInfo.model_validate(found)


def _listed(caller: Caller, *, is_unread: bool, limit: int) -> NoticeList:
    with caller.transaction() as session:
        found = service.list_notices(session, caller.actor, is_unread=is_unread, limit=limit)
        unread_count = service.count_unread(session, caller.actor)
    items = [NoticeInfo.model_validate(notice) for notice in found]
    return NoticeList(unread_count=unread_count, items=items)


def _preferences(caller: Caller) -> NoticePreferences:
    known = jobs.channels_of(caller.runtime)
    with caller.transaction() as session:
        chosen = service.preferences_of(session, caller.actor)
        devices = [PushDevice.model_validate(row) for row in service.devices_of(session, caller.actor)]
    channels = []
    for key, channel in known.channels.items():
        choice = chosen.channels.get(key, service.NOT_CHOSEN)
        channels.append(
            NoticeChannel(
                key=key,
                zh=channel.zh,
                en=channel.en,
                address_form=channel.address,
                is_on=choice.is_on,
                address=choice.address,
                pace=choice.pace,
            )
        )
    return NoticePreferences(
        channels=channels,
        kinds=[
            NoticeKind(key=key, zh=kind.zh, en=kind.en, is_urgent=kind.is_urgent)
            for key, kind in kinds().items()
            if key != "test"
        ],
        devices=devices,
        push_key=jobs.push_key_of(caller.runtime).public if known.push else None,
        quiet_from=chosen.quiet_from,
        quiet_to=chosen.quiet_to,
        lets_urgent_through=chosen.lets_urgent_through,
        muted=list(chosen.muted),
        language=chosen.language,
    )
