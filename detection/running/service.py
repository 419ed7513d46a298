"""Verbs of work under way: see what waits and runs, call it off. Within the caller's transaction, audited."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from foundation import access, audit
from foundation.access import Actor
from foundation.errors import Conflict, NotFound
from foundation.jobs import call_off, pending_jobs
from ingest import service as ingest

RIGHT = "detection.run"
LONG: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "detection.detect": ("两期影像比对", "two images compared"),
        "detection.monitor": ("时序监测", "time series"),
        "detection.compare_registers": ("宗地登记比对", "parcel registers compared"),
    }
)
"""Work that may be called off → its name in Chinese and English."""


@dataclass(frozen=True, slots=True)
class Work:
    """One piece of work in the queue.

    Attributes
    ----------
    is_running : bool
        Else it waits.
    is_called_off : bool
        It was told to stop, and has not come to the next place where it may.
    since : datetime or None
        When it began to wait, or to run.
    """

    number: int
    name: str
    county_code: str
    is_running: bool
    is_called_off: bool
    since: datetime | None


def list_work(session: Session, actor: Actor) -> list[Work]:
    """Detection work inside the actor's area that waits or runs, the oldest first."""
    access.require(actor, RIGHT)
    found = (_work(session, actor, row) for row in pending_jobs(session, list(LONG)))
    return [one for one in found if one is not None]


def cancel(session: Session, actor: Actor, number: int, *, now: datetime) -> Work:
    """Call work off: what waits never begins; what runs ends at its next block and keeps what is done.

    Nothing half is stored; the same work, asked for again, goes on from there.

    Raises
    ------
    NotFound
        ``detection.work.not_found``: no such work waits or runs inside the actor's area.
    Conflict
        ``detection.work.ended``: it ended meanwhile.
    """
    work = next((one for one in list_work(session, actor) if one.number == number), None)
    if work is None:
        raise NotFound("detection.work.not_found", number=number)
    if not call_off(session, number):
        raise Conflict("detection.work.ended", number=number)
    facts = {"work": work.name, "was_running": work.is_running, "county_code": work.county_code}
    subject = ("job", str(number))
    audit.record(session, actor, "detection.work.called_off", subject=subject, at=now, facts=facts)
    return work


def _work(session: Session, actor: Actor, row: Mapping[str, Any]) -> Work | None:
    county_code = _county(session, actor, row["args"])
    if county_code is None:
        return None
    return Work(
        int(row["id"]),
        str(row["task_name"]),
        county_code,
        row["status"] == "doing",
        bool(row["abort_requested"]),
        row["since"],
    )


def _county(session: Session, actor: Actor, arguments: Mapping[str, Any]) -> str | None:
    """The county that work is about; None where the actor has no say there."""
    county_code = arguments.get("county_code")
    if county_code is None:
        try:
            county_code = ingest.get_scene(session, actor, UUID(arguments["before_scene_id"])).county_code
        except NotFound:
            return None
    is_own = access.allows(actor, RIGHT, ingest.county_division(str(county_code)))
    return str(county_code) if is_own else None
