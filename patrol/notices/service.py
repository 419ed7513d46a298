"""Notices: told in the transaction of the event, listed and read by the person alone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy.orm import Session

from foundation import audit
from foundation.access import Actor, require
from foundation.errors import Conflict, InvalidInput, NotFound
from foundation.ids import derived_id
from patrol.notices import store
from patrol.notices.notices import Notice, kinds, notice_policy, subject_name
from patrol.notices.preferences import Choice, Preferences, check, from_json, to_json
from patrol.notices.tables import NoticeMessageRow, NoticeRow, PushDeviceRow

NOT_CHOSEN = Choice()


class Undelivered(NamedTuple):
    """A message that was given up."""

    message_id: UUID
    channel: str
    target: str
    tries: int
    fault: str
    created_at: datetime
    ended_at: datetime


def tell(
    session: Session,
    *,
    event_id: UUID,
    account_id: UUID,
    kind: str,
    subject: tuple[str, UUID],
    number: str,
    now: datetime,
) -> None:
    """Write a notice beside the event it tells of; both are committed, or neither.

    Parameters
    ----------
    event_id : UUID
        What happened; with the account it makes the notice's id, so that telling again changes nothing.
    kind : str
        A key of ``data/policies/notices.toml``.
    subject : (str, UUID)
        What the number belongs to: ``patch``, ``bulletin`` or ``account``, and its id.
    number : str
        All that is said beside the kind: no name, no place.
    """
    subject_kind, subject_id = subject
    values = {
        "notice_id": derived_id("notice", event_id, account_id),
        "event_id": event_id,
        "account_id": account_id,
        "kind": kind,
        "subject_kind": subject_kind,
        "subject_id": subject_id,
        "number": number,
        "created_at": now,
    }
    store.add_notice(session, values)


def tell_of_patch(
    session: Session, *, event_id: UUID, account_id: UUID, kind: str, patch_id: UUID, now: datetime
) -> None:
    """Write a notice that names a patch."""
    number = store.number_of_patch(session, patch_id)
    tell(
        session,
        event_id=event_id,
        account_id=account_id,
        kind=kind,
        subject=("patch", patch_id),
        number=number,
        now=now,
    )


def list_notices(session: Session, actor: Actor, *, is_unread: bool, limit: int) -> list[Notice]:
    """The actor's own notices, newest first."""
    return [_view(row) for row in store.newest(session, actor.account_id, is_unread=is_unread, limit=limit)]


def count_unread(session: Session, actor: Actor) -> int:
    """How many of the actor's own notices wait to be read."""
    return store.count_unread(session, actor.account_id)


def read_notice(session: Session, actor: Actor, notice_id: UUID, *, now: datetime) -> Notice:
    """Mark one of the actor's notices as read; the first reading stays.

    Raises
    ------
    NotFound
        ``patrol.notice.not_found``, for others' notices too.
    """
    row = store.find_notice(session, actor.account_id, notice_id)
    if row is None:
        raise NotFound("patrol.notice.not_found")
    if row.read_at is None:
        row.read_at = now
        session.flush()
    return _view(row)


def read_all(session: Session, actor: Actor, *, now: datetime) -> None:
    """Mark all of the actor's notices as read."""
    store.read_all(session, actor.account_id, now)


def preferences_of(session: Session, actor: Actor) -> Preferences:
    """How the actor wants to be told."""
    return from_json(store.choices_of(session, [actor.account_id]).get(actor.account_id))


def preferences_from(raw: Mapping[str, Any]) -> Preferences:
    """Preferences out of plain values, as a form sends them."""
    return from_json(raw)


def keep_preferences(
    session: Session, actor: Actor, preferences: Preferences, *, forms: Mapping[str, str], now: datetime
) -> None:
    """Set how the actor wants to be told; addresses are not written into the audit chain.

    Raises
    ------
    InvalidInput
        What `preferences.check` finds.
    """
    check(preferences, forms)
    store.keep_choices(session, actor.account_id, to_json(preferences), now)
    ways = sorted(key for key, choice in preferences.channels.items() if choice.is_on)
    audit.record(
        session,
        actor,
        "patrol.notice.preferences_set",
        subject=("account", actor.account_id),
        at=now,
        facts={"channels": ways},
    )


def devices_of(session: Session, actor: Actor) -> list[PushDeviceRow]:
    """Browsers that show the actor's notices."""
    return store.devices_of(session, [actor.account_id])


def add_device(
    session: Session,
    actor: Actor,
    endpoint: str,
    name: str,
    *,
    hosts: tuple[str, ...],
    now: datetime,
) -> PushDeviceRow:
    """Let a browser show the actor's notices; the same one again is the same device.

    Parameters
    ----------
    endpoint : str
        Address that the browser's push service gave out.
    hosts : tuple of str
        Push services beside those of the policy; with ``http`` before them where that may be.

    Raises
    ------
    InvalidInput
        ``patrol.notice.bad_endpoint``, ``patrol.notice.too_many_devices``.
    """
    if not is_push_service(endpoint, hosts):
        raise InvalidInput("patrol.notice.bad_endpoint")
    device_id = derived_id("push_device", actor.account_id, endpoint)
    row = store.find_device(session, device_id)
    if row is None:
        if len(devices_of(session, actor)) >= notice_policy()["push"]["devices_a_person"]:
            raise InvalidInput("patrol.notice.too_many_devices")
        row = PushDeviceRow(
            device_id=device_id,
            account_id=actor.account_id,
            endpoint=endpoint,
            name=name,
            created_at=now,
            ended_at=None,
        )
        session.add(row)
    row.name, row.ended_at = name, None
    session.flush()
    return row


def end_device(session: Session, actor: Actor, device_id: UUID, *, now: datetime) -> None:
    """A browser shows no more notices; ended again, nothing changes.

    Raises
    ------
    NotFound
        ``patrol.notice.no_device``, for others' devices too.
    """
    row = store.find_device(session, device_id)
    if row is None or row.account_id != actor.account_id:
        raise NotFound("patrol.notice.no_device")
    row.ended_at = row.ended_at or now
    session.flush()


def tell_myself(session: Session, actor: Actor, *, now: datetime) -> None:
    """A test notice, at most one a minute."""
    minute = now.replace(second=0, microsecond=0)
    tell(
        session,
        event_id=derived_id("notice_test", actor.account_id, minute),
        account_id=actor.account_id,
        kind="test",
        subject=("account", actor.account_id),
        number=actor.account_id.hex[:8],
        now=now,
    )


def list_undelivered(session: Session, actor: Actor, *, limit: int) -> list[Undelivered]:
    """Messages that were given up, newest first.

    Raises
    ------
    NotAllowed
        The role lacks ``notice.manage``.
    """
    require(actor, "notice.manage")
    return [_undelivered(row) for row in store.dead(session, None, limit)]


def send_again(session: Session, actor: Actor, message_id: UUID, *, now: datetime) -> Undelivered:
    """Try a message that was given up once more, under the same key.

    Raises
    ------
    NotFound
        ``patrol.notice.no_message``.
    Conflict
        ``patrol.notice.not_given_up``.
    """
    require(actor, "notice.manage")
    row = store.lock_message(session, message_id)
    if row is None:
        raise NotFound("patrol.notice.no_message")
    if row.status != "dead":
        raise Conflict("patrol.notice.not_given_up")
    before = _undelivered(row)
    row.status, row.tries, row.not_before, row.ended_at = "waiting", 0, now, None
    session.flush()
    audit.record(
        session,
        actor,
        "patrol.notice.sent_again",
        subject=("notice_message", message_id),
        at=now,
        facts={"channel": row.channel, "tries": before.tries},
    )
    return before


def is_push_service(endpoint: str, hosts: tuple[str, ...]) -> bool:
    """Whether an address belongs to a push service that is known; ``https`` unless said otherwise."""
    try:
        parts = urlsplit(endpoint)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    if len(endpoint) > 2000 or parts.username is not None:
        return False
    if parts.scheme == "https" and port in {None, 443}:
        return any(fnmatchcase(host, known) for known in (*notice_policy()["push"]["hosts"], *hosts))
    return f"{parts.scheme}://{parts.netloc}" in hosts


def _undelivered(row: NoticeMessageRow) -> Undelivered:
    return Undelivered(
        row.message_id,
        row.channel,
        "" if row.account_id else row.target,
        row.tries,
        row.fault or "",
        row.created_at,
        row.ended_at or row.created_at,
    )


def _view(row: NoticeRow) -> Notice:
    kind = kinds()[row.kind]
    return Notice(
        notice_id=row.notice_id,
        kind=row.kind,
        kind_name=kind.zh,
        kind_name_en=kind.en,
        subject_kind=row.subject_kind,
        subject_name=subject_name(row.subject_kind, "zh"),
        subject_name_en=subject_name(row.subject_kind, "en"),
        subject_id=row.subject_id,
        number=row.number,
        created_at=row.created_at,
        read_at=row.read_at,
    )
