"""Verbs of time series: what a monitor's events mean against those stored, and keeping them, as leads too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from detection import service as detection
from detection.leads import Lead
from detection.series import store
from detection.series.alarms import Event, EventOutline, KnownEvent, same_event
from detection.series.monitor import day_number, day_of, series_rules
from detection.series.stack import Advance, Layer, Monitor
from detection.series.store import Alarm
from foundation import access, audit
from foundation.access import Actor
from foundation.errors import Conflict
from foundation.ids import derived_id
from ingest import service as ingest

SOURCE = "satellite"
METHOD = "harmonic_monitor"
FULL_SHIFT = 0.4
"""A fall of the index that leaves little doubt: green crops to bare ground."""


@dataclass(frozen=True, slots=True)
class Told:
    """An event against those that were stored.

    Attributes
    ----------
    lead : Lead or None
        What is to be told of it: it is new, or grew a good deal since it was told last.
    layers : (Layer, Layer)
        Scenes that show the ground before and after.
    """

    alarm: Alarm
    lead: Lead | None
    layers: tuple[Layer, Layer]


@dataclass(frozen=True, slots=True)
class Findings:
    """All events of a monitor against those that were stored.

    Attributes
    ----------
    withdrawn : tuple of UUID
        Alarms that the series no longer shows.
    outside : int
        Events outside every village outline.
    """

    told: tuple[Told, ...]
    withdrawn: tuple[UUID, ...]
    outside: int


def find_monitor(session: Session, actor: Actor, monitor_id: UUID) -> Monitor | None:
    """A monitor, if there is one in the actor's area."""
    access.require(actor, "patch.view")
    return store.find_monitor(session, monitor_id)


def list_monitors(session: Session, actor: Actor, county_code: str | None = None) -> list[Monitor]:
    """Monitors that the actor sees."""
    access.require(actor, "patch.view")
    return store.monitors(session, county_code)


def list_alarms(session: Session, actor: Actor, monitor_id: UUID) -> list[Alarm]:
    """Every alarm of a monitor, withdrawn ones too, by date."""
    access.require(actor, "patch.view")
    return store.alarms(session, [monitor_id])


def compare_events(
    session: Session,
    actor: Actor,
    advance: Advance,
    events: Sequence[tuple[Event, EventOutline]],
    now: datetime,
) -> Findings:
    """Find each event among the stored alarms, or give it an id that follows from its first pixel.

    Largest first: where one stored alarm is two events now, the larger keeps the id.
    """
    access.require(actor, "patch.view")
    monitor, rule = advance.monitor, series_rules()["event"]
    stored = {alarm.alarm_id: alarm for alarm in store.alarms(session, [monitor.monitor_id])}
    free = dict(stored)
    told, outside = [], 0
    for event, outline in sorted(events, key=lambda pair: (-pair[1].area_m2, pair[0].anchor)):
        places = detection.locate(session, outline.outline)
        if not places:
            outside += 1
            continue
        former = _former(event, outline, free, rule)
        if former is not None:
            del free[former.alarm_id]
        alarm_id = former.alarm_id if former else _fresh_id(monitor, event, stored)
        told.append(
            _tell(
                monitor, event, outline, alarm_id=alarm_id, division=places[0]["code"], former=former, now=now
            )
        )
    gone = () if advance.former else tuple(a.alarm_id for a in free.values() if a.withdrawn_at is None)
    return Findings(tuple(told), gone, outside)


def record_advance(
    session: Session, actor: Actor, advance: Advance, findings: Findings, now: datetime
) -> list[Lead]:
    """Store how far a monitor has come, its alarms, and what they tell as leads.

    Returns
    -------
    list of Lead
        The new ones.

    Raises
    ------
    Conflict
        ``detection.series.advanced_meanwhile``: another process was first.
    """
    monitor = advance.monitor
    access.require(actor, "detection.run", ingest.county_division(monitor.county_code))
    standing = store.find_monitor(session, monitor.monitor_id, lock=True)
    if (standing.state_sha256 if standing else None) != advance.seen_sha256:
        raise Conflict("detection.series.advanced_meanwhile", county=monitor.county_code)
    store.save_monitor(session, monitor, now)
    leads = [told.lead for told in findings.told if told.lead is not None]
    detection.record_leads(session, actor, leads, now)
    for told in findings.told:
        store.save_alarm(session, told.alarm)
    if findings.withdrawn:
        store.withdraw(session, findings.withdrawn, now)
    facts = {
        "county_code": monitor.county_code,
        "index": monitor.index_name,
        "scenes": len(monitor.layers),
        "scenes_new": len(advance.fresh),
        "state_sha256": monitor.state_sha256,
        "alarms": len(findings.told),
        "leads": len(leads),
        "withdrawn": len(findings.withdrawn),
    }
    subject = ("series_monitor", monitor.monitor_id)
    audit.record(session, actor, "detection.series.advanced", subject=subject, at=now, facts=facts)
    return leads


def _former(
    event: Event, outline: EventOutline, free: Mapping[UUID, Alarm], rule: Mapping[str, Any]
) -> Alarm | None:
    known = [
        KnownEvent(a.alarm_id, a.outline, day_number(a.change_from), day_number(a.change_to))
        for a in free.values()
    ]
    found = same_event(outline.outline, (event.change_from, event.change_to), known, rule)
    return None if found is None else free[found.alarm_id]


def _fresh_id(monitor: Monitor, event: Event, stored: Mapping[UUID, Alarm]) -> UUID:
    """From the first pixel; a stored event that began there and is another one now keeps its id."""
    parts: tuple[object, ...] = ("series_alarm", monitor.monitor_id, *event.anchor)
    while derived_id(*parts) in stored:
        parts = (*parts, event.change_to)
    return derived_id(*parts)


def _tell(
    monitor: Monitor,
    event: Event,
    outline: EventOutline,
    *,
    alarm_id: UUID,
    division: str,
    former: Alarm | None,
    now: datetime,
) -> Told:
    factor = series_rules()["event"]["grown_factor"]
    is_news = former is None or outline.area_m2 >= factor * former.told_m2
    tellings = (former.tellings if former else 0) + int(is_news)
    layers = _shown_by(monitor.layers, event)
    lead_id = derived_id("lead", alarm_id, tellings) if is_news or former is None else former.lead_id
    alarm = Alarm(
        alarm_id,
        monitor.monitor_id,
        division,
        outline.outline,
        outline.area_m2,
        day_of(event.change_from),
        day_of(event.change_to),
        day_of(event.confirmed),
        event.shift,
        len(event.pixels),
        lead_id,
        outline.area_m2 if is_news or former is None else former.told_m2,
        tellings,
        former.created_at if former else now,
        now,
        None,
    )
    return Told(alarm, _lead(monitor, alarm, outline, layers) if is_news else None, layers)


def _shown_by(layers: Sequence[Layer], event: Event) -> tuple[Layer, Layer]:
    """The last scene before the interval's end that was normal, and the one that confirmed."""
    before = [layer for layer in layers if layer.day <= event.change_from]
    after = [layer for layer in layers if layer.day >= event.confirmed]
    return (before or list(layers))[-1 if before else 0], (after or list(layers))[0 if after else -1]


def _lead(monitor: Monitor, alarm: Alarm, outline: EventOutline, layers: tuple[Layer, Layer]) -> Lead:
    ends = [layer for layer in monitor.layers if layer.day == day_number(alarm.change_to)]
    change_class = series_rules()["index"][monitor.index_name]["change_class"]
    likely = round(0.5 + 0.45 * min(abs(alarm.shift) / FULL_SHIFT, 1.0), 3)
    return Lead(
        alarm.lead_id,
        SOURCE,
        alarm.division_code,
        layers[0].acquired_at,
        (ends or [layers[1]])[-1].acquired_at,
        outline.outline,
        outline.area_m2,
        outline.area_min_m2,
        outline.area_max_m2,
        change_class,
        likely,
        class_probabilities={change_class: likely, "other": round(1.0 - likely, 3)},
        witnesses={METHOD: True},
        attributes={
            "method": METHOD,
            "version": series_rules()["version"],
            "alarm_id": str(alarm.alarm_id),
            "monitor_id": str(monitor.monitor_id),
            "index": monitor.index_name,
            "shift": round(alarm.shift, 4),
            "change_from": alarm.change_from.isoformat(),
            "change_to": alarm.change_to.isoformat(),
            "confirmed_on": alarm.confirmed_on.isoformat(),
            "scenes": [layer.told() for layer in layers],
            "state_key": monitor.state_key,
        },
    )


def with_chips(told: Told, chips: tuple[str, str]) -> Told:
    """With pictures of the ground before and after."""
    if told.lead is None:
        return told
    scenes = {"chip_scenes": [str(layer.scene_id) for layer in told.layers]}
    lead = replace(
        told.lead,
        before_chip_sha256=chips[0],
        after_chip_sha256=chips[1],
        attributes={**told.lead.attributes, **scenes},
    )
    return replace(told, lead=lead)
