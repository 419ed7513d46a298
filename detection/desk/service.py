"""Verbs of the judgement desk: replay, divide by division, correct base data and judge again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

import shapely
from shapely.geometry.base import BaseGeometry
from sqlalchemy.orm import Session

from detection import service as detection
from detection import store as detection_store
from detection.desk import replays, store
from detection.desk.replays import Replay
from detection.judgements import Judgement
from detection.judging import store as corrections
from detection.judging.corrections import Correction, as_row, check_correction
from detection.judging.pieces import LEVEL_DIGITS, Piece, areas_by_level
from detection.judging.reference import NEAR_DEG
from detection.patches import Patch
from detection.rules import RuleSet, current_rules
from detection.taxonomy import Violation
from foundation import access, audit
from foundation.access import Actor
from foundation.errors import Conflict, NotFound
from ingest import service as ingest
from ingest.layers import LayerVersion

READS_CHAIN = "audit.view"


def replay(session: Session, actor: Actor, patch_id: UUID, revision: int | None = None) -> Replay:
    """Make one revision of a patch's judgement again, the newest where none is named.

    Nothing is stored. The hashes in the audit chain are compared where the actor may read it.

    Raises
    ------
    NotFound
        ``detection.patch.not_found``, ``detection.judgement.not_found``.
    """
    detection.get_patch(session, actor, patch_id)
    reads_chain = access.allows(actor, READS_CHAIN)
    found = list(
        store.stored_judgements(session, patch_id=patch_id, revision=revision, reads_chain=reads_chain)
    )
    if not found:
        raise NotFound("detection.judgement.not_found")
    return replays.check(found[-1])


def replay_all(session: Session, actor: Actor) -> Iterator[Replay]:
    """Make every revision that the actor sees again, by patch number and revision."""
    access.require(actor, "patch.view")
    reads_chain = access.allows(actor, READS_CHAIN)
    for one in store.stored_judgements(session, patch_id=None, revision=None, reads_chain=reads_chain):
        yield replays.check(one)


def count_judgements(session: Session, actor: Actor) -> int:
    """How many revisions `replay_all` goes through."""
    access.require(actor, "patch.view")
    return store.count_judgements(session)


def rules_of(session: Session, judgement: Judgement) -> RuleSet:
    """The rule set that a judgement used.

    Raises
    ------
    NotFound
        ``detection.judgement.rules_missing``.
    """
    sha256 = judgement.inputs["rules_sha256"]
    content = detection_store.rules_text(session, sha256)
    if content is None:
        raise NotFound("detection.judgement.rules_missing", sha256=sha256)
    return RuleSet.of(content)


def taxonomy_row(code: str, on: date) -> Violation:
    """Basis, authority, measure and fines of a violation by the law of a day.

    Raises
    ------
    InvalidInput
        ``detection.rules.unknown_violation``.
    """
    return current_rules().violation(code, on)


def taxonomy(on: date) -> tuple[Violation, ...]:
    """Every violation that the law of a day knows, in the order of the table."""
    return current_rules().violations(on)


def pieces(session: Session, actor: Actor, patch_id: UUID) -> tuple[Patch, list[Piece]]:
    """A patch divided by villages; their areas, and those of every level above, add up to its own."""
    patch = detection.get_patch(session, actor, patch_id)
    return patch, detection.pieces_of(session, patch.shape.outline)


def areas_of_levels(found: Sequence[Piece]) -> Mapping[str, Mapping[str, float]]:
    """Area in m² by level (village, township, county, city) and 12-digit code."""
    return {level: areas_by_level(found, level) for level in LEVEL_DIGITS}


def rejudge_after_correction(
    session: Session,
    actor: Actor,
    correction: Correction,
    *,
    now: datetime,
    patch_ids: Sequence[UUID] = (),
) -> list[Judgement]:
    """Keep an upheld objection to base data and judge again whatever it concerns.

    The layer version stays as it was imported, and so does every former revision. The new ones, and all later
    ones, name the correction among their inputs. Deciding twice with one id corrects once.

    Parameters
    ----------
    patch_ids : sequence of UUID
        Patches to judge again beside the open ones on the ground of the feature.

    Returns
    -------
    list of Judgement
        The newest revision of each patch concerned, also where it stayed as it was.

    Raises
    ------
    InvalidInput
        See `detection.judging.corrections.check_correction`.
    NotFound
        ``ingest.layer.version_not_found``; ``detection.correction.no_feature``.
    Conflict
        ``detection.correction.other_layer``;
        ``detection.correction.numbered_already``: an added feature whose number is taken;
        ``detection.correction.decided_otherwise``: the id was used for another decision.
    """
    check_correction(correction)
    version = ingest.get_layer_version(session, actor, correction.version_id)
    access.require(actor, "layer.correct", _county_of(version))
    grounds = _grounds(session, actor, correction, version)
    former = corrections.find_correction(session, correction.correction_id)
    if former is not None and _content(former) != _content(correction):
        raise Conflict("detection.correction.decided_otherwise", correction_id=str(correction.correction_id))
    if former is None:
        corrections.add_correction(session, correction, version.county_code)
        facts = {name: value for name, value in as_row(correction).items() if name != "outline_wkb"}
        subject = ("layer_version", correction.version_id)
        audit.record(session, actor, "detection.base.corrected", subject=subject, at=now, facts=facts)
    concerned = _concerned(session, actor, grounds, patch_ids)
    return detection.judge_found(session, actor, concerned, now)


def _county_of(version: LayerVersion) -> str:
    return ingest.county_division(version.county_code)


def _grounds(
    session: Session, actor: Actor, correction: Correction, version: LayerVersion
) -> list[BaseGeometry]:
    """Ground on which the correction may matter: the stored outlines and the true one."""
    number, version_id = correction.feature_no, correction.version_id
    if version.layer_kind != correction.layer_kind:
        raise Conflict(
            "detection.correction.other_layer", given=correction.layer_kind, stored=version.layer_kind
        )
    stored = ingest.features_numbered(session, actor, version_id, number)
    if correction.action == "added" and stored:
        raise Conflict("detection.correction.numbered_already", feature=number)
    if correction.action != "added" and not stored:
        raise NotFound("detection.correction.no_feature", feature=number)
    drawn = [feature.geometry for feature in stored]
    return drawn if correction.geometry is None else [*drawn, correction.geometry]


def _concerned(
    session: Session, actor: Actor, grounds: Sequence[BaseGeometry], patch_ids: Sequence[UUID]
) -> list[Patch]:
    area = shapely.union_all(list(grounds)).buffer(NEAR_DEG)
    near = {
        patch.patch_id: patch
        for patch in detection_store.patches_touching(session, area)
        if patch.standing.settled_at is None
    }
    named = detection_store.patches(session, [one for one in patch_ids if one not in near])
    visible = [
        patch for patch in (*near.values(), *named) if access.allows(actor, "patch.view", patch.division_code)
    ]
    judged = store.newest(session, [patch.patch_id for patch in visible])
    return sorted((patch for patch in visible if patch.patch_id in judged), key=lambda patch: patch.number)


def _content(correction: Correction) -> dict[str, Any]:
    """A decision without who decided when."""
    row = as_row(correction)
    return {name: value for name, value in row.items() if name not in {"decided_by", "decided_at"}}
