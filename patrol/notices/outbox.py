"""From notices to messages, and from messages to what is to be sent now. Runs as the system."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.orm import Session

from foundation.errors import Language
from foundation.ids import derived_id
from patrol.notices import store
from patrol.notices.channels import Channels
from patrol.notices.notices import Wording, kinds, notice_policy, word
from patrol.notices.preferences import PUSH, Choice, Preferences, from_json, quiet_until, slot_of
from patrol.notices.tables import NoticeMessageRow, NoticeRow

WEBHOOK = "webhook"


class Errand(NamedTuple):
    """One message to be sent now.

    Attributes
    ----------
    key : UUID
        The same at every attempt.
    target : str
        Address, push endpoint, or name of the webhook.
    """

    key: UUID
    channel: str
    target: str
    language: Language
    notices: tuple[tuple[str, str, str], ...]
    created_at: datetime

    @property
    def wording(self) -> Wording:
        """Title and text."""
        return word(self.notices, self.language)


def lay_out(session: Session, channels: Channels, *, now: datetime) -> int:
    """Make the messages of all notices that have none yet; returns how many notices were taken up."""
    rows = store.unplanned(session, notice_policy()["delivery"]["a_run"])
    account_ids = sorted({row.account_id for row in rows})
    chosen = {key: from_json(raw) for key, raw in store.choices_of(session, account_ids).items()}
    devices: dict[UUID, list[UUID]] = {}
    for device in store.devices_of(session, account_ids):
        devices.setdefault(device.account_id, []).append(device.device_id)
    for row in rows:
        _lay_out_hooks(session, channels, row, now)
        preferences = chosen.get(row.account_id, Preferences())
        if row.kind not in preferences.muted:
            ways = _ways(preferences, channels, devices.get(row.account_id, []))
            for channel, target, choice in ways:
                _lay_out(session, row, (channel, target), preferences, choice, now)
        row.planned_at = now
    session.flush()
    return len(rows)


def claim(session: Session, channels: Channels, *, now: datetime) -> tuple[UUID, Errand | None] | None:
    """Take the next message that is due; None where none is.

    Returns
    -------
    (UUID, Errand or None)
        None in the second place: nobody wants it any more, or it must wait for the end of quiet hours.
    """
    rules = notice_policy()["delivery"]
    row = store.next_due(session, now, stalled_s=rules["stalled_s"])
    if row is None:
        return None
    notices = store.notices_in(session, row.message_id)
    preferences = Preferences()
    if row.account_id is not None:
        raw = store.choices_of(session, [row.account_id]).get(row.account_id)
        preferences = from_json(raw)
        is_urgent = any(kinds()[notice.kind].is_urgent for notice in notices)
        quiet = quiet_until(preferences, now, is_urgent=is_urgent)
        if quiet is not None:
            row.status, row.not_before = "waiting", quiet
            session.flush()
            return row.message_id, None
    target = _target(session, channels, row, preferences)
    if target is None:
        row.status, row.ended_at = "dropped", now
        session.flush()
        return row.message_id, None
    if row.status == "sending" and row.tries > len(rules["pauses_min"]):
        _give_up(row, row.fault or "interrupted", now)
        return row.message_id, None
    row.status, row.claimed_at, row.tries = "sending", now, row.tries + 1
    session.flush()
    said = tuple((notice.kind, notice.subject_kind, notice.number) for notice in notices)
    errand = Errand(row.message_id, row.channel, target, preferences.language, said, row.created_at)
    return row.message_id, errand


def settle_sent(session: Session, key: UUID, *, now: datetime) -> None:
    """The other side has it."""
    row = store.lock_message(session, key)
    if row is not None:
        row.status, row.ended_at, row.fault = "sent", now, None
        session.flush()


def settle_failed(
    session: Session, key: UUID, fault: str, *, is_final: bool, is_gone: bool, pause_s: float, now: datetime
) -> None:
    """The other side has it not: again later, or given up.

    Parameters
    ----------
    is_final : bool
        The same again would be refused again.
    is_gone : bool
        The push device exists no more: it ends, and nobody need look.
    pause_s : float
        What the other side asked to wait; 0 where it asked nothing.
    """
    row = store.lock_message(session, key)
    if row is None:
        return
    pauses = notice_policy()["delivery"]["pauses_min"]
    row.fault = fault[:300]
    if is_gone:
        row.status, row.ended_at = "dropped", now
        device = store.find_device(session, UUID(row.target)) if row.channel == PUSH else None
        if device is not None:
            device.ended_at = device.ended_at or now
    elif is_final or row.tries > len(pauses):
        _give_up(row, row.fault, now)
    else:
        pause = max(timedelta(minutes=pauses[row.tries - 1]), timedelta(seconds=pause_s))
        row.status, row.not_before = "waiting", now + pause
    session.flush()


def _give_up(row: NoticeMessageRow, fault: str, now: datetime) -> None:
    row.status, row.ended_at, row.fault = "dead", now, fault


def _ways(
    preferences: Preferences, channels: Channels, devices: list[UUID]
) -> Iterator[tuple[str, str, Choice]]:
    for key, choice in preferences.channels.items():
        if choice.is_on and key in channels.channels:
            yield key, "", choice
    push = preferences.channels.get(PUSH, Choice(is_on=True))
    if channels.push is not None and push.is_on:
        for device_id in devices:
            yield PUSH, str(device_id), push


def _lay_out(
    session: Session,
    row: NoticeRow,
    way: tuple[str, str],
    preferences: Preferences,
    choice: Choice,
    now: datetime,
) -> None:
    channel, target = way
    is_urgent = kinds()[row.kind].is_urgent
    moment = now
    for _ in range(2):
        slot = slot_of(preferences, choice.pace, moment, is_urgent=is_urgent)
        which = slot.isoformat() if slot and not is_urgent else row.notice_id
        values = {
            "message_id": derived_id("notice_message", channel, target, row.account_id, which),
            "channel": channel,
            "account_id": row.account_id,
            "target": target,
            "status": "waiting",
            "tries": 0,
            "not_before": slot or now,
            "created_at": now,
        }
        message = store.waiting_message(session, values)
        if message is not None:
            store.add_item(session, message.message_id, row.notice_id)
            return
        # That collection is gone already; what is told by itself was laid out before.
        if slot is None:
            return
        moment = slot


def _lay_out_hooks(session: Session, channels: Channels, row: NoticeRow, now: datetime) -> None:
    area: str | None = None
    for name, hook in channels.webhooks.items():
        if row.kind == "test" or (hook.kinds and row.kind not in hook.kinds):
            continue
        area = area or store.area_of_account(session, row.account_id) or ""
        if not area.startswith(hook.area):
            continue
        values = {
            "message_id": derived_id("notice_message", WEBHOOK, name, row.event_id),
            "channel": WEBHOOK,
            "account_id": None,
            "target": name,
            "status": "waiting",
            "tries": 0,
            "not_before": now,
            "created_at": now,
        }
        # One event is told once, to however many persons it is told.
        message = store.waiting_message(session, values)
        if message is not None:
            store.add_item(session, message.message_id, row.notice_id)


def _target(
    session: Session, channels: Channels, row: NoticeMessageRow, preferences: Preferences
) -> str | None:
    if row.channel == WEBHOOK:
        return row.target if row.target in channels.webhooks else None
    if row.account_id is None or store.area_of_account(session, row.account_id) is None:
        return None
    if row.channel == PUSH:
        device = store.find_device(session, UUID(row.target))
        is_wanted = preferences.channels.get(PUSH, Choice(is_on=True)).is_on and channels.push is not None
        return device.endpoint if device and device.ended_at is None and is_wanted else None
    choice = preferences.channels.get(row.channel, Choice())
    known = channels.channels.get(row.channel)
    return choice.address if choice.is_on and known is not None else None
