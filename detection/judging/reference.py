"""What the layers in force say about patches: asked of ingest in a few queries for many patches at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from detection.judging.overlay import JUDGED_KINDS, LegalFeature
from detection.patches import Patch
from foundation.access import Actor
from foundation.calendar import SHANGHAI
from ingest import service as ingest
from ingest.layers import LayerFeature, LayerVersion

NEAR_DEG = 0.0008
"""A little over the 60 m within which a mining right counts as near."""
USE_FIELDS = ("SSLX", "TDYTMC", "YT", "XMMC")
AS_BEFORE = ("land_survey", "parcel")
"""What the ground was: asked for the day of the image before, where a version of that day is stored."""
AS_AFTER = tuple(kind for kind in JUDGED_KINDS if kind not in AS_BEFORE)
Window = tuple[date, date]


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of one patch.

    Attributes
    ----------
    layers : list of dict
        One row a version in force; a kind without any has one with ``version_id`` None.
    """

    features: list[LegalFeature]
    layers: list[dict[str, Any]]


def for_patches(session: Session, actor: Actor, patches: Sequence[Patch]) -> Iterator[tuple[Patch, Known]]:
    """Each patch with the features and versions in force in its own change window."""
    by_window: dict[Window, list[Patch]] = {}
    for patch in patches:
        by_window.setdefault(_window(patch), []).append(patch)
    for window, group in by_window.items():
        versions, features = _ask(session, actor, window, group)
        for patch in group:
            yield patch, _known(patch, versions, features[patch.patch_id])


def _ask(
    session: Session, actor: Actor, window: Window, patches: Sequence[Patch]
) -> tuple[list[LayerVersion], dict[UUID, list[LayerFeature]]]:
    before_on, after_on = window
    outlines = {patch.patch_id: patch.shape.outline for patch in patches}
    around = {patch_id: outline.buffer(NEAR_DEG) for patch_id, outline in outlines.items()}
    found: dict[UUID, list[LayerFeature]] = {patch_id: [] for patch_id in outlines}
    versions: list[LayerVersion] = []
    dated_before = ingest.layers_in_force(session, actor, AS_BEFORE, before_on)
    then = tuple(kind for kind in AS_BEFORE if any(v.layer_kind == kind for v in dated_before))
    since = tuple(kind for kind in AS_BEFORE if kind not in then)
    plain = tuple(kind for kind in (*since, *AS_AFTER) if kind != "mining_right")
    for kinds, day, areas in (
        (then, before_on, outlines),
        (plain, after_on, outlines),
        (("mining_right",), after_on, around),
    ):
        if kinds:
            versions += ingest.layers_in_force(session, actor, kinds, day)
            answer = ingest.features_for_patches(session, actor, kinds, areas, day)
            for patch_id, features in answer.items():
                found[patch_id] += features
    return versions, found


def _known(patch: Patch, versions: Sequence[LayerVersion], features: Sequence[LayerFeature]) -> Known:
    used = {feature.version_id for feature in features}
    county = patch.division_code[:6]
    layers = [_layer_row(v) for v in versions if v.county_code[:6] == county or v.version_id in used]
    present = {row["kind"] for row in layers}
    layers += [{"kind": kind, "version_id": None} for kind in JUDGED_KINDS if kind not in present]
    return Known(
        [_legal(feature) for feature in features],
        sorted(layers, key=lambda row: (JUDGED_KINDS.index(row["kind"]), str(row["version_id"]))),
    )


def _layer_row(version: LayerVersion) -> dict[str, Any]:
    return {
        "kind": version.layer_kind,
        "version_id": str(version.version_id),
        "name": version.source_name,
        "source_sha256": version.source_sha256,
        "valid_from": version.valid_from.isoformat(),
        "imported_at": version.imported_at.astimezone(SHANGHAI).isoformat(timespec="seconds"),
    }


def _legal(feature: LayerFeature) -> LegalFeature:
    return LegalFeature(
        feature.layer_kind,
        feature.feature_no,
        feature.name,
        feature.geometry,
        land_class_code=feature.land_class_code,
        use=next((str(feature.attributes[name]) for name in USE_FIELDS if feature.attributes.get(name)), ""),
        valid_from=feature.valid_from,
        valid_to=feature.valid_to,
        net_share=_net_share(feature.attributes),
    )


def _net_share(attributes: Mapping[str, Any]) -> float:
    """TBDLMJ over TBMJ: the statutory share of a survey plot without ridges and ditches."""
    gross, net = attributes.get("TBMJ"), attributes.get("TBDLMJ")
    if not isinstance(gross, int | float) or not isinstance(net, int | float) or not 0 < net <= gross:
        return 1.0
    return float(net) / float(gross)


def _window(patch: Patch) -> Window:
    shape = patch.shape
    return shape.before_at.astimezone(SHANGHAI).date(), shape.after_at.astimezone(SHANGHAI).date()
