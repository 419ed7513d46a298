"""Identifiers: UUIDv7 for new rows, so that they sort by time; UUIDv5 where a step may run twice."""

from __future__ import annotations

import secrets
from datetime import datetime
from uuid import UUID, uuid5

NAMESPACE = UUID("6c1f5f0e-4108-5a7b-9d00-0000000000aa")


def uuid7(now: datetime) -> UUID:
    """Time-ordered random UUID (RFC 9562, version 7) of a moment.

    Parameters
    ----------
    now : datetime
        With a time zone.
    """
    milliseconds = int(now.timestamp() * 1000) & (1 << 48) - 1
    value = milliseconds << 80 | 0x7 << 76 | secrets.randbits(12) << 64 | 0b10 << 62 | secrets.randbits(62)
    return UUID(int=value)


def derived_id(*parts: object) -> UUID:
    """The same parts give the same id: repeating a step after a crash doubles nothing."""
    return uuid5(NAMESPACE, "/".join(str(part) for part in parts))
