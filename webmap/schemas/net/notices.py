"""Notices as their reader sees them, and how the reader wants to be told."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from pydantic import Field

from webmap.schemas.basics import Answer, Body, Moment


class NoticeInfo(Answer):
    """One notice: a kind and a number."""

    notice_id: UUID
    kind: str = Field(examples=["warn"])
    kind_name: str
    kind_name_en: str
    subject_kind: str = Field(examples=["patch"])
    subject_name: str
    subject_name_en: str
    subject_id: UUID
    number: str
    created_at: Moment
    read_at: Moment | None


class NoticeList(Answer):
    """Notices, newest first."""

    unread_count: int = Field(description="Of all, not only of those listed.")
    items: list[NoticeInfo]


class ChoiceBody(Body):
    """One way of being told."""

    is_on: bool = False
    address: str = Field(default="", max_length=200)
    pace: Literal["each", "hourly", "daily"] = "each"


class NoticePreferencesBody(Body):
    """How the caller wants to be told."""

    channels: dict[str, ChoiceBody] = Field(default_factory=dict, max_length=20)
    quiet_from: str = Field(default="22:00", max_length=5)
    quiet_to: str = Field(default="07:00", max_length=5)
    lets_urgent_through: bool = True
    muted: list[str] = Field(default_factory=list, max_length=50)
    language: Literal["zh", "en"] = "zh"


class NoticeChannel(Answer):
    """A way out that this installation has, and what the caller chose for it."""

    key: str
    zh: str
    en: str
    address_form: str = Field(description="email, phone, account, or empty where none is needed.")
    is_on: bool
    address: str
    pace: str


class NoticeKind(Answer):
    """A kind of notice."""

    key: str
    zh: str
    en: str
    is_urgent: bool


class PushDevice(Answer):
    """A browser that shows notices."""

    device_id: UUID
    name: str
    created_at: Moment


class NoticePreferences(Answer):
    """How the caller wants to be told, and what there is to choose from."""

    channels: list[NoticeChannel]
    kinds: list[NoticeKind]
    devices: list[PushDevice]
    push_key: str | None = Field(description="Key to subscribe with; null where push is off.")
    quiet_from: str
    quiet_to: str
    lets_urgent_through: bool
    muted: list[str]
    language: str


class PushDeviceBody(Body):
    """Address that the browser's push service gave out; its keys are not needed: nothing is sent in it."""

    endpoint: str = Field(max_length=2000)
    name: str = Field(max_length=100)


class UndeliveredInfo(Answer):
    """A message that was given up: to whom and about what is not told."""

    message_id: UUID
    channel: str
    target: str = Field(description="Name of the webhook; empty for persons.")
    tries: int
    fault: str = Field(examples=["HTTP 400"])
    created_at: Moment
    ended_at: Moment


class UndeliveredList(Answer):
    """Newest first."""

    items: list[UndeliveredInfo]
