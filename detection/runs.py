"""One stored comparison of two scenes: its account, and its changes as leads, in one transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy.orm import Session

from detection import service, store
from detection.leads import Lead
from foundation import access, audit
from foundation.access import Actor
from foundation.audit import canonical
from foundation.ids import derived_id
from ingest.scenes import Scene

if TYPE_CHECKING:
    from detection.pixels.changes import DetectedChange, Detection
    from detection.second_stage.rescoring import Decision, Rescored
    from detection.series.gate import Verdict


@dataclass(frozen=True, slots=True)
class Run:
    """A finished comparison, not yet stored.

    Attributes
    ----------
    rescored : Rescored
        The comparison after the second stage, with what that decided on each change.
    chips : sequence of (str, str)
        Blobs of the chips before and after, one pair a real change.
    heard : sequence of Verdict
        What the time series say of each real change.
    """

    run_id: UUID
    before: Scene
    after: Scene
    rescored: Rescored
    chips: Sequence[tuple[str, str]]
    change_sha256: str
    cloud_mask_sha256: str
    heard: Sequence[Verdict]

    @property
    def detection(self) -> Detection:
        """The comparison."""
        return self.rescored.detection


def is_stored(session: Session, run_id: UUID) -> bool:
    """Whether a run is stored, with all its leads."""
    return store.find_run(session, run_id) is not None


def record_run(session: Session, actor: Actor, run: Run, now: datetime) -> list[Lead]:
    """Store a run and its leads. Changes explained by season, cloud or shadow are counted, not recorded."""
    access.require(actor, "detection.run")
    if is_stored(session, run.run_id):
        return store.leads_of_run(session, run.run_id)
    leads, outside = _leads(session, run)
    row = _row(run, statistics={"leads": len(leads), "outside_divisions": outside}, now=now)
    store.add_run(session, row)
    service.record_leads(session, actor, leads, now)
    facts = {
        "method": run.detection.method,
        "version": run.detection.version,
        "before_scene_id": str(run.before.scene_id),
        "after_scene_id": str(run.after.scene_id),
        "leads": len(leads),
    }
    subject = ("detection_run", run.run_id)
    audit.record(session, actor, "detection.run.recorded", subject=subject, at=now, facts=facts)
    return leads


def _leads(session: Session, run: Run) -> tuple[list[Lead], int]:
    """Leads of the real changes, and how many lie outside every village outline."""
    from detection.series.gate import weighed
    from detection.series.monitor import series_rules

    changes = run.detection.real_changes
    places = [service.locate(session, change.outline) for change in changes]
    if changes and not any(places):
        service.village_of(session, changes[0].outline)
    pairs = zip(run.detection.changes, run.rescored.decisions, strict=True)
    decisions = [decision for change, decision in pairs if change.is_real]
    gate = series_rules()["gate"]
    leads = [
        weighed(
            _lead(run, number, change, division_code=str(place[0]["code"]), decision=decision),
            run.heard[number],
            gate,
        )
        for number, (change, decision, place) in enumerate(zip(changes, decisions, places, strict=True))
        if place
    ]
    return leads, len(changes) - len(leads)


def _lead(run: Run, number: int, change: DetectedChange, *, division_code: str, decision: Decision) -> Lead:
    before_chip, after_chip = run.chips[number]
    return Lead(
        derived_id("lead", run.run_id, number),
        run.after.kind,
        division_code,
        run.before.acquired_at,
        run.after.acquired_at,
        change.outline,
        change.area_m2,
        change.area_min_m2,
        change.area_max_m2,
        change.change_class,
        change.confidence,
        run_id=run.run_id,
        class_probabilities=dict(change.class_probabilities),
        witnesses=dict(change.witnesses),
        before_chip_sha256=before_chip,
        after_chip_sha256=after_chip,
        attributes={
            "statistics": {key: float(value) for key, value in change.statistics.items()},
            "method": run.detection.method,
            "version": run.detection.version,
            "site": change.site,
            "second_stage": {**decision.report(), "model_sha256": run.rescored.model_sha256},
        },
    )


def _row(run: Run, *, statistics: dict[str, Any], now: datetime) -> dict[str, Any]:
    detection = run.detection
    summary = detection.summary()
    parameters = {**summary["parameters"], "cloud_mask_sha256": run.cloud_mask_sha256}
    return {
        "run_id": run.run_id,
        "county_code": run.before.county_code,
        "before_scene_id": run.before.scene_id,
        "after_scene_id": run.after.scene_id,
        "method": detection.method,
        "method_version": detection.version,
        "parameters": parameters,
        "parameters_sha256": hashlib.sha256(canonical(parameters).encode()).hexdigest(),
        "registration": summary["registration"],
        "control": {key: summary[key] for key in ("no_change_control", "observed_share", "cloud_share")},
        "statistics": statistics
        | {key: summary[key] for key in ("changes", "real_changes", "by_class")}
        | {"second_stage": run.rescored.report()},
        "change_sha256": run.change_sha256,
        "finished_at": now,
    }
