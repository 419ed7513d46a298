"""All SQL of time series. Never commits; geometry goes in and out as shapely, EPSG:4490."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import shapely
from geoalchemy2.shape import from_shape, to_shape
from shapely.geometry.base import BaseGeometry
from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from detection.series.kernel import MonitorRule
from detection.series.stack import Layer, Monitor, grid_facts, grid_from
from detection.series.tables import SeriesAlarmRow, SeriesMonitorRow
from foundation.crs import STORAGE_EPSG

FIXED_OF_ALARM = {"alarm_id", "monitor_id", "created_at"}
FIXED_OF_MONITOR = {"monitor_id", "county_code", "sensor", "index_name"}


@dataclass(frozen=True, slots=True)
class Alarm:
    """One stored event.

    Attributes
    ----------
    told_m2, tellings : float, int
        Area in the lead that told of it last, and how many leads did.
    """

    alarm_id: UUID
    monitor_id: UUID
    division_code: str
    outline: BaseGeometry
    area_m2: float
    change_from: date
    change_to: date
    confirmed_on: date
    shift: float
    pixels: int
    lead_id: UUID
    told_m2: float
    tellings: int
    created_at: datetime
    updated_at: datetime
    withdrawn_at: datetime | None


def find_monitor(session: Session, monitor_id: UUID, *, lock: bool = False) -> Monitor | None:
    """One monitor; with ``lock`` nobody else advances it until the transaction ends."""
    query = select(SeriesMonitorRow).where(SeriesMonitorRow.monitor_id == monitor_id)
    row = session.scalar(query.with_for_update() if lock else query)
    return None if row is None else _monitor(row)


def monitors(session: Session, county_code: str | None = None) -> list[Monitor]:
    """Monitors that the actor sees, of one county or of all."""
    query = select(SeriesMonitorRow).order_by(SeriesMonitorRow.county_code, SeriesMonitorRow.monitor_id)
    if county_code is not None:
        query = query.where(SeriesMonitorRow.county_code == county_code)
    return [_monitor(row) for row in session.scalars(query)]


def save_monitor(session: Session, monitor: Monitor, now: datetime) -> None:
    """Insert a monitor, or say how far it has come."""
    values = {
        "monitor_id": monitor.monitor_id,
        "county_code": monitor.county_code,
        "sensor": monitor.sensor,
        "index_name": monitor.index_name,
        "grid": grid_facts(monitor.grid),
        "parameters": monitor.parameters(),
        "scenes": [layer.told() for layer in monitor.layers],
        "first_at": monitor.layers[0].acquired_at,
        "last_at": monitor.layers[-1].acquired_at,
        "state_key": monitor.state_key,
        "state_sha256": monitor.state_sha256,
        "advanced_at": now,
    }
    _upsert(session, SeriesMonitorRow, values, "monitor_id", FIXED_OF_MONITOR)


def alarms(session: Session, monitor_ids: Sequence[UUID]) -> list[Alarm]:
    """Every alarm of some monitors, withdrawn ones too, by date."""
    rows = session.scalars(
        select(SeriesAlarmRow)
        .where(SeriesAlarmRow.monitor_id.in_(monitor_ids))
        .order_by(SeriesAlarmRow.change_to, SeriesAlarmRow.alarm_id)
    )
    return [_alarm(row) for row in rows]


def save_alarm(session: Session, alarm: Alarm) -> None:
    """Insert an alarm, or tell what it has become."""
    polygons = [part for part in shapely.get_parts(alarm.outline) if part.geom_type == "Polygon"]
    names = [name for name in Alarm.__slots__ if name != "outline"]
    values = {name: getattr(alarm, name) for name in names}
    values["geometry"] = from_shape(shapely.MultiPolygon(polygons), srid=STORAGE_EPSG)
    _upsert(session, SeriesAlarmRow, values, "alarm_id", FIXED_OF_ALARM)


def withdraw(session: Session, alarm_ids: Sequence[UUID], now: datetime) -> None:
    """Mark alarms that the series no longer shows."""
    session.execute(
        update(SeriesAlarmRow).where(SeriesAlarmRow.alarm_id.in_(alarm_ids)).values(withdrawn_at=now)
    )


def _upsert(session: Session, table: Any, values: Mapping[str, Any], key: str, fixed: set[str]) -> None:
    changed = {name: value for name, value in values.items() if name not in fixed}
    session.execute(insert(table).values(**values).on_conflict_do_update(index_elements=[key], set_=changed))


def _monitor(row: SeriesMonitorRow) -> Monitor:
    return Monitor(
        row.monitor_id,
        row.county_code,
        row.sensor,
        row.index_name,
        grid_from(row.grid),
        MonitorRule(**row.parameters["rule"]),
        row.parameters["block_px"],
        tuple(Layer.of(told) for told in row.scenes),
        row.state_key,
        row.state_sha256,
    )


def _alarm(row: SeriesAlarmRow) -> Alarm:
    return Alarm(
        row.alarm_id,
        row.monitor_id,
        row.division_code,
        to_shape(row.geometry),
        row.area_m2,
        row.change_from,
        row.change_to,
        row.confirmed_on,
        row.shift,
        row.pixels,
        row.lead_id,
        row.told_m2,
        row.tellings,
        row.created_at,
        row.updated_at,
        row.withdrawn_at,
    )
