"""Verbs of the second stage: which model serves, what verdicts teach, which model replaces which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from detection.evaluation.verdicts import Outcome, Quality, Source, measure_quality
from detection.leads import Lead
from detection.second_stage import store
from detection.second_stage.examples import VERDICT, Example, truth_of_verdict
from detection.second_stage.features import FirstStage, Occasion, Seen, facts_of
from detection.second_stage.model import SecondStage
from detection.second_stage.models import SHIPPED, ModelRecord, settings, shipped_model
from detection.second_stage.rescoring import NO_MODEL
from foundation import access, audit
from foundation.access import Actor
from foundation.blobs import BlobStore
from foundation.errors import NotFound
from foundation.ids import uuid7

TOWNSHIP_DIGITS = 9


@dataclass(frozen=True)
class Serving:
    """The model that serves; ``record`` is None for the shipped one, ``model`` where none ships either."""

    record: ModelRecord | None
    model: SecondStage | None

    @property
    def data_until(self) -> datetime | None:
        """Newest verdict that it learnt from."""
        return self.record.data_until if self.record else None

    @property
    def sha256(self) -> str:
        """Digest of the model; ``none`` without one."""
        return self.model.sha256 if self.model else NO_MODEL

    @property
    def name(self) -> str:
        """Id of the model, or ``shipped``."""
        return str(self.record.model_id) if self.record else SHIPPED


def serving_model(session: Session, blobs: BlobStore) -> Serving:
    """The model that detection uses now.

    Raises
    ------
    NotFound, Defect
        The stored file is gone or rotten.
    """
    record = store.active_model(session)
    if record is None:
        return Serving(None, shipped_model())
    return Serving(record, SecondStage.from_bytes(blobs.read(record.blob_sha256)))


def list_models(session: Session, actor: Actor) -> list[ModelRecord]:
    """All trained models, newest first."""
    access.require(actor, "report.view")
    return store.models(session)


def verdict_examples(session: Session, actor: Actor) -> list[Example]:
    """What people signed, as examples: one for each lead that an image made.

    Townships are the groups: a township is learnt from or measured on, never both.
    """
    access.require(actor, "detection.run")
    labels = store.newest_labels(session)
    leads = store.leads_of(session, [label.patch_id for label in labels])
    made = [lead for group in leads.values() for lead in group if lead.run_id is not None]
    runs = store.run_facts(session, list({lead.run_id for lead in made if lead.run_id is not None}))
    examples = []
    for label in labels:
        truth = truth_of_verdict(label.verdict, label.reason_code, settings()["labels"])
        if truth is None:
            continue
        for lead in leads.get(label.patch_id, ()):
            run = runs.get(lead.run_id) if lead.run_id is not None else None
            if run is not None:
                examples.append(_example(label, lead, run, is_real=truth))
    return examples


def record_model(
    session: Session,
    actor: Actor,
    record: ModelRecord,
    *,
    is_better: bool,
    now: datetime,
) -> ModelRecord:
    """Keep a trained model, and let it serve if it proved better."""
    access.require(actor, "detection.run")
    store.add_model(session, replace(record, is_active=False, activated_at=None))
    facts: dict[str, Any] = {
        "data_sha256": record.data_sha256,
        "labels": record.label_count,
        "blob_sha256": record.blob_sha256,
        "is_better": is_better,
        "reason": record.scores.get("comparison", {}).get("reason"),
    }
    subject = ("detection_model", record.model_id)
    audit.record(session, actor, "detection.model.trained", subject=subject, at=now, facts=facts)
    if not is_better:
        return record
    activate(session, actor, record.model_id, now=now)
    return replace(record, is_active=True, activated_at=now)


def activate(session: Session, actor: Actor, model_id: UUID | None, *, now: datetime) -> None:
    """Let a model serve from the next comparison on; None: the shipped one. What was compared stays.

    Raises
    ------
    NotFound
        ``detection.second_stage.model_not_found``.
    """
    access.require(actor, "detection.run")
    former = store.active_model(session)
    if model_id is not None and store.find_model(session, model_id) is None:
        raise NotFound("detection.second_stage.model_not_found", model_id=str(model_id))
    store.activate(session, model_id, now)
    facts = {"former": str(former.model_id) if former else SHIPPED}
    subject = ("detection_model", model_id or SHIPPED)
    audit.record(session, actor, "detection.model.activated", subject=subject, at=now, facts=facts)


def new_record(
    model: SecondStage,
    *,
    blob_sha256: str,
    scores: dict[str, Any],
    label_count: int,
    data_until: datetime | None,
    trained_by: str,
    now: datetime,
) -> ModelRecord:
    """A model just trained, not yet stored."""
    data_sha256 = str(model.card["data_sha256"])
    return ModelRecord(
        uuid7(now),
        now,
        trained_by,
        data_sha256,
        label_count,
        data_until,
        scores,
        blob_sha256,
        False,
        None,
    )


def quality(session: Session, actor: Actor, *, since: datetime, until: datetime) -> Quality:
    """How right detection was, by the verdicts that were signed in a period and that the actor sees.

    Parameters
    ----------
    since, until : datetime
        With a time zone; ``until`` not included.
    """
    access.require(actor, "report.view")
    labels = store.newest_labels(session, since=since, until=until)
    leads = store.leads_of(session, [label.patch_id for label in labels])
    made = {lead.run_id for group in leads.values() for lead in group if lead.run_id is not None}
    runs = store.run_facts(session, list(made))
    outcomes = [
        Outcome(
            label.patch_id,
            label.number,
            label.change_class or "other",
            truth_of_verdict(label.verdict, label.reason_code, settings()["labels"]),
            label.verdict,
            label.reason_code,
            label.recorded_at,
            tuple(_source(lead, runs) for lead in leads.get(label.patch_id, ())),
        )
        for label in labels
    ]
    return measure_quality(outcomes)


def _source(lead: Lead, runs: dict[UUID, store.RunFacts]) -> Source:
    run = runs.get(lead.run_id) if lead.run_id is not None else None
    noted = lead.attributes.get("second_stage") or {}
    chance = noted.get("probability")
    return Source(
        lead.source,
        f"{run.method}@{run.method_version}" if run else None,
        None if chance is None else float(chance),
    )


def _example(label: store.Label, lead: Lead, run: store.RunFacts, *, is_real: bool) -> Example:
    first = first_stage_of(lead)
    noted = lead.attributes.get("second_stage") or {}
    heard = {
        name: lead.witnesses[name] for name in noted.get("heard", lead.witnesses) if name in lead.witnesses
    }
    seen = Seen(lead.ground, lead.area_m2, lead.area_min_m2, lead.area_max_m2, heard)
    occasion = Occasion(
        lead.source, lead.observed_from, lead.observed_to, run.residual_px, run.no_change_control
    )
    return Example(
        facts_of(seen, first, occasion),
        is_real,
        None,
        f"township {label.division_code[:TOWNSHIP_DIGITS]}",
        VERDICT,
        first.confidence,
        run.method,
        f"{label.label_id} {lead.lead_id}",
        label.recorded_at,
    )


def first_stage_of(lead: Lead) -> FirstStage:
    """What the rules had said of a lead, before a second stage spoke."""
    noted = lead.attributes.get("second_stage") or {}
    statistics = lead.attributes.get("statistics") or {}
    return FirstStage(
        str(noted.get("rule_class", lead.change_class)),
        float(noted.get("rule_confidence", lead.confidence)),
        dict(noted.get("rule_probabilities", lead.class_probabilities)),
        statistics,
    )


def unseen(examples: Sequence[Example], serving: Serving) -> list[int]:
    """Positions of the verdicts that the serving model has not learnt from."""
    until = serving.data_until
    return [
        number
        for number, one in enumerate(examples)
        if one.origin == VERDICT
        and (until is None or (one.recorded_at is not None and one.recorded_at > until))
    ]
