"""Two stored snapshots of a county's parcel register, and the leads that their comparison makes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from detection import service, store
from detection.leads import Lead
from detection.registers.cadastral_diff import (
    VERSION,
    Parcel,
    RegisterChange,
    Taking,
    compare_registers,
    takings,
)
from detection.rules import current_rules
from foundation import access, audit
from foundation.access import Actor
from foundation.calendar import SHANGHAI
from foundation.errors import Conflict
from foundation.ids import derived_id
from ingest import service as ingest
from ingest.layers import LayerFeature, LayerVersion, layer_kind, read_text

CHANGE_CLASS = "cadastral_use"
RIGHT_FIELDS = ("QLLX", "QLXZ")
CERTAIN = 1.0
"""The register says so itself; what it means is for judgement."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two snapshots compared, not yet recorded.

    Attributes
    ----------
    leads : list of Lead
        Changes of use toward construction land, without chips.
    outside : int
        Such changes outside every village outline, of which no lead can be made.
    """

    county_code: str
    before: LayerVersion
    after: LayerVersion
    changes: list[RegisterChange]
    leads: list[Lead]
    outside: int

    def counts(self) -> dict[str, int]:
        """Changes by kind."""
        return dict(sorted(Counter(str(change.kind) for change in self.changes).items()))


def compare(session: Session, actor: Actor, county_code: str) -> Comparison:
    """Compare the two newest snapshots of a county's register.

    Raises
    ------
    Conflict
        ``detection.registers.single_snapshot`` where fewer than two are stored.
    """
    access.require(actor, "detection.run", ingest.county_division(county_code))
    versions = ingest.layer_versions(session, actor, "parcel", county_code)
    if len(versions) < 2:
        raise Conflict("detection.registers.single_snapshot", county=county_code, stored=len(versions))
    before, after = versions[-2:]
    rules = current_rules()
    tolerance_m = float(rules.thresholds["register"]["resurvey_m"])
    olds, news = (_parcels(ingest.features_of(session, actor, v.version_id)) for v in (before, after))
    changes = compare_registers(olds, news, tolerance_m=tolerance_m)
    table = rules.content["judgement"]["land_classes"]
    found = takings(changes, table, tolerance_m=tolerance_m)
    leads = [
        lead
        for number, taking in enumerate(found)
        if (lead := _lead(session, taking, (before, after), number=number)) is not None
    ]
    return Comparison(county_code, before, after, changes, leads, len(found) - len(leads))


def unrecorded(session: Session, leads: Sequence[Lead]) -> list[Lead]:
    """Those that are not stored yet."""
    known = {lead.lead_id for lead in store.leads_by_id(session, [lead.lead_id for lead in leads])}
    return [lead for lead in leads if lead.lead_id not in known]


def record(
    session: Session, actor: Actor, comparison: Comparison, leads: Sequence[Lead], now: datetime
) -> None:
    """Store the leads of a comparison; those that are there already stay as they are."""
    access.require(actor, "detection.run", ingest.county_division(comparison.county_code))
    fresh = unrecorded(session, leads)
    service.record_leads(session, actor, fresh, now)
    facts: dict[str, Any] = {
        "before_version_id": str(comparison.before.version_id),
        "after_version_id": str(comparison.after.version_id),
        "version": VERSION,
        "changes": comparison.counts(),
        "leads": len(comparison.leads),
        "leads_new": len(fresh),
        "outside_divisions": comparison.outside,
    }
    subject = ("layer_version", comparison.after.version_id)
    audit.record(session, actor, "detection.registers.compared", subject=subject, at=now, facts=facts)


def with_chips(lead: Lead, chips: tuple[str, str], scenes: tuple[UUID, UUID]) -> Lead:
    """A lead with pictures of its ground; they are of their own days, which its attributes name by scene."""
    told = {"chip_scenes": [str(scene_id) for scene_id in scenes]}
    return replace(
        lead,
        before_chip_sha256=chips[0],
        after_chip_sha256=chips[1],
        attributes={**lead.attributes, **told},
    )


def _parcels(features: Sequence[LayerFeature]) -> list[Parcel]:
    kind = layer_kind("parcel")
    names = {*kind.fields["name"]} - {*RIGHT_FIELDS}
    return [
        Parcel(
            feature.feature_no.replace(" ", ""),
            feature.land_class_code.upper() if feature.land_class_code else None,
            next((str(feature.attributes[n]) for n in sorted(names) if feature.attributes.get(n)), ""),
            next((text for n in RIGHT_FIELDS if (text := read_text(feature.attributes.get(n)))), None),
            feature.geometry,
        )
        for feature in features
    ]


def _lead(
    session: Session, taking: Taking, versions: tuple[LayerVersion, LayerVersion], *, number: int
) -> Lead | None:
    place = service.locate(session, taking.outline)
    if not place:
        return None
    before, after = versions
    return Lead(
        derived_id("lead", "cadastre", before.version_id, after.version_id, VERSION, number),
        "cadastre",
        str(place[0]["code"]),
        _midnight(before.valid_from),
        _midnight(after.valid_from),
        taking.outline,
        taking.area_m2,
        taking.area_min_m2,
        taking.area_max_m2,
        CHANGE_CLASS,
        CERTAIN,
        witnesses={"register": True},
        attributes={
            "before_version_id": str(before.version_id),
            "after_version_id": str(after.version_id),
            "parcel": _told(taking.parcel),
            "former": [_told(parcel) for parcel in taking.former],
            "version": VERSION,
        },
    )


def _told(parcel: Parcel) -> dict[str, Any]:
    return {
        "number": parcel.number,
        "use_code": parcel.use_code,
        "use_name": parcel.use_name,
        "right_type": parcel.right_type,
    }


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=SHANGHAI)
