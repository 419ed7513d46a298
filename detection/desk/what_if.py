"""What would flip under another layer version or other rules: measured and judged as ever, nothing stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from detection import service as detection
from detection import store as detection_store
from detection.desk import store
from detection.desk.differences import Change, change_between, totals
from detection.judgements import Judgement, evaluate, measure
from detection.judging import reference
from detection.judging.reference import NEAR_DEG, Supposed
from detection.patches import Patch
from detection.rules import RuleSet, current_rules
from foundation import access
from foundation.access import Actor
from ingest import service as ingest
from ingest.layers import LayerFeature, LayerVersion

BATCH = 200
RIGHT = "judgement.what_if"
Progress = Callable[[float], None]


def silent(share: float) -> None:
    """Progress that nobody watches."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a question showed.

    Attributes
    ----------
    open_count : int
        Open judgements in the asker's area.
    measured_count : int
        Those of them that were measured anew; the others touch neither the old nor the new layer.
    flips : tuple of Change
        Another suggestion, violation or severity, by patch number.
    moves : tuple of Change
        The same suggestion with other areas.
    """

    open_count: int
    measured_count: int
    flips: tuple[Change, ...]
    moves: tuple[Change, ...]

    def as_json(self) -> dict[str, Any]:
        """JSON values, with the sum of all changes by layer."""
        changes = (*self.flips, *self.moves)
        sums = sorted(totals(changes).values(), key=lambda area: area.key)
        return {
            "open_count": self.open_count,
            "measured_count": self.measured_count,
            "flips": [_as_json(change) for change in self.flips],
            "moves": [_as_json(change) for change in self.moves],
            "totals": [asdict(area) for area in sums],
        }


def suppose_stored(session: Session, actor: Actor, version_id: UUID, *, valid_from: date | None) -> Supposed:
    """A stored version of a layer, asked on every day, or from another first day on.

    Raises
    ------
    NotFound
        ``ingest.layer.version_not_found``.
    """
    version = ingest.get_layer_version(session, actor, version_id)
    return suppose(version, ingest.features_of(session, actor, version_id), valid_from=valid_from)


def suppose(version: LayerVersion, features: Sequence[LayerFeature], *, valid_from: date | None) -> Supposed:
    """A version that is taken for stored.

    Parameters
    ----------
    valid_from : date, optional
        First day on which it is in force, as an import names it. None: on every day, in place of the versions
        that are in force, as a correction of them.
    """
    named = [replace(feature, version_id=version.version_id) for feature in features]
    if valid_from is None:
        return Supposed(version, named, is_always=True)
    return Supposed(replace(version, valid_from=valid_from), named)


def ask(
    session: Session,
    actor: Actor,
    *,
    supposed: Supposed | None = None,
    rules: RuleSet | None = None,
    progress: Progress = silent,
) -> Answer:
    """Judge every open patch of the actor's area as if, and list what differs from its newest judgement.

    Open means that the matter is neither closed nor dismissed. Judging for good after the import, or under
    the rules, gives exactly these differences, as long as the stored judgements were up to date.

    Parameters
    ----------
    supposed : Supposed, optional
        A layer version beside those that are stored.
    rules : RuleSet, optional
        Rules instead of the current ones.
    """
    access.require(actor, RIGHT)
    patches = [
        patch
        for patch in detection_store.patches(session)
        if patch.standing.settled_at is None and access.allows(actor, RIGHT, patch.division_code)
    ]
    judged = store.newest(session, [patch.patch_id for patch in patches])
    known = [patch for patch in patches if patch.patch_id in judged]
    asked = [
        patch for patch in known if supposed is None or _may_differ(patch, judged[patch.patch_id], supposed)
    ]
    changes: list[Change] = []
    for start in range(0, len(asked), BATCH):
        part = asked[start : start + BATCH]
        changes += _changes(session, actor, part, judged, supposed=supposed, rules=rules or current_rules())
        progress((start + len(part)) / len(asked))
    ordered = sorted(changes, key=lambda change: change.number)
    return Answer(
        len(known),
        len(asked),
        tuple(change for change in ordered if change.is_flip),
        tuple(change for change in ordered if not change.is_flip),
    )


def _changes(
    session: Session,
    actor: Actor,
    patches: Sequence[Patch],
    judged: Mapping[UUID, Judgement],
    *,
    supposed: Supposed | None,
    rules: RuleSet,
) -> Iterator[Change]:
    for patch, known in reference.for_patches(session, actor, patches, supposed):
        inputs = measure(
            detection.judged_patch(session, patch, rules),
            known.features,
            layers=known.layers,
            rules=rules,
            corrections=known.corrections,
        )
        change = change_between(
            judged[patch.patch_id].result,
            evaluate(inputs, rules),
            patch_id=patch.patch_id,
            number=patch.number,
            division_code=patch.division_code,
        )
        if change is not None:
            yield change


def _may_differ(patch: Patch, judgement: Judgement, supposed: Supposed) -> bool:
    """Whether the patch touches the new version, touched the old one, or had none of that kind."""
    kind, inputs = supposed.version.layer_kind, judgement.inputs
    if supposed.tree.query(patch.shape.outline.buffer(NEAR_DEG)).size:
        return True
    is_known = any(layer["kind"] == kind and layer["version_id"] for layer in inputs["layers"])
    return not is_known or _touched(inputs, kind)


def _touched(inputs: Mapping[str, Any], kind: str) -> bool:
    if kind in inputs["controls"]:
        return bool(inputs["controls"][kind]["features"])
    if kind in {"land_survey", "parcel"}:
        return bool(inputs["land"] if kind == "land_survey" else inputs["parcel"])
    is_near = kind == "mining_right" and inputs["near_mine"] is not None
    return is_near or any(row["kind"] == kind for row in inputs["approvals"])


def _as_json(change: Change) -> dict[str, Any]:
    return asdict(change) | {"patch_id": str(change.patch_id)}


def question_values(
    what_if_id: UUID, actor: Actor, question: Mapping[str, Any], now: datetime
) -> dict[str, Any]:
    """Row of a question, with who asked, so that the worker answers it within the same area."""
    asker = {"login": actor.login, "name": actor.name, "role": actor.role, "area_code": actor.area_code}
    return {
        "what_if_id": what_if_id,
        "asked_by": actor.account_id,
        "asked_at": now,
        "question": {**question, "asker": asker},
    }
