"""What the layers in force say about patches: asked of ingest in a few queries for many patches at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any
from uuid import UUID

import shapely
from shapely.geometry.base import BaseGeometry
from sqlalchemy.orm import Session

from detection.judging import store
from detection.judging.corrections import Correction
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
Areas = Mapping[UUID, BaseGeometry]


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of one patch.

    Attributes
    ----------
    layers : list of dict
        One row a version in force; a kind without any has one with ``version_id`` None.
    corrections : list of Correction
        Of those versions.
    """

    features: list[LegalFeature]
    layers: list[dict[str, Any]]
    corrections: list[Correction] = field(default_factory=list)


@dataclass(frozen=True)
class Supposed:
    """A layer version taken for stored, for the question what it would change.

    Attributes
    ----------
    is_always : bool
        In force on every day in place of the versions that are: a correction of them. Else from its first day
        on, as an import would have it.
    """

    version: LayerVersion
    features: Sequence[LayerFeature]
    is_always: bool = False

    @cached_property
    def tree(self) -> shapely.STRtree:
        """Index over the outlines."""
        return shapely.STRtree([feature.geometry for feature in self.features])

    def replaces(self, version: LayerVersion) -> bool:
        """Whether a stored version gives way to it."""
        mine = self.version
        return (version.layer_kind, version.county_code) == (mine.layer_kind, mine.county_code)

    def is_in_force(self, kinds: Sequence[str], day: date) -> bool:
        """Whether it is asked on a day."""
        return self.version.layer_kind in kinds and (self.is_always or self.version.valid_from <= day)

    def meeting(self, areas: Areas) -> dict[UUID, list[LayerFeature]]:
        """Its features that touch or cover each outline, by number."""
        found = {}
        for key, area in areas.items():
            hits = [self.features[index] for index in self.tree.query(area, predicate="intersects")]
            found[key] = sorted(hits, key=lambda feature: feature.feature_no)
        return found


def for_patches(
    session: Session, actor: Actor, patches: Sequence[Patch], supposed: Supposed | None = None
) -> Iterator[tuple[Patch, Known]]:
    """Each patch with the features and versions in force in its own change window.

    Parameters
    ----------
    supposed : Supposed, optional
        A version that is asked as if it were stored.
    """
    by_window: dict[Window, list[Patch]] = {}
    for patch in patches:
        by_window.setdefault(window_of(patch), []).append(patch)
    for window, group in by_window.items():
        versions, features = _Question(session, actor, supposed).ask(window, group)
        corrections = store.corrections_of(session, [version.version_id for version in versions])
        for patch in group:
            yield patch, _known(patch, versions, features[patch.patch_id], corrections)


def window_of(patch: Patch) -> Window:
    """Days of the image before and of the image after."""
    shape = patch.shape
    return shape.before_at.astimezone(SHANGHAI).date(), shape.after_at.astimezone(SHANGHAI).date()


@dataclass(frozen=True)
class _Question:
    """Who asks the layers, and what is supposed beside what is stored."""

    session: Session
    actor: Actor
    supposed: Supposed | None

    def ask(
        self, window: Window, patches: Sequence[Patch]
    ) -> tuple[list[LayerVersion], dict[UUID, list[LayerFeature]]]:
        """Versions in force in a window, and the features that meet each patch."""
        before_on, after_on = window
        outlines = {patch.patch_id: patch.shape.outline for patch in patches}
        around = {patch_id: outline.buffer(NEAR_DEG) for patch_id, outline in outlines.items()}
        found: dict[UUID, list[LayerFeature]] = {patch_id: [] for patch_id in outlines}
        versions: list[LayerVersion] = []
        dated_before = self._in_force(AS_BEFORE, before_on)
        then = tuple(kind for kind in AS_BEFORE if any(v.layer_kind == kind for v in dated_before))
        since = tuple(kind for kind in AS_BEFORE if kind not in then)
        plain = tuple(kind for kind in (*since, *AS_AFTER) if kind != "mining_right")
        for kinds, day, areas in (
            (then, before_on, outlines),
            (plain, after_on, outlines),
            (("mining_right",), after_on, around),
        ):
            if kinds:
                versions += self._in_force(kinds, day)
                for patch_id, features in self._features(kinds, areas, day).items():
                    found[patch_id] += features
        return versions, found

    def _in_force(self, kinds: Sequence[str], day: date) -> list[LayerVersion]:
        versions, one = ingest.layers_in_force(self.session, self.actor, kinds, day), self.supposed
        if one is None or not one.is_in_force(kinds, day):
            return versions
        return [*(version for version in versions if not one.replaces(version)), one.version]

    def _features(self, kinds: Sequence[str], areas: Areas, day: date) -> dict[UUID, list[LayerFeature]]:
        stored, one = ingest.features_for_patches(self.session, self.actor, kinds, areas, day), self.supposed
        if one is None or not one.is_in_force(kinds, day):
            return stored
        kept = {version.version_id for version in self._in_force(kinds, day)} - {one.version.version_id}
        fresh = one.meeting(areas)
        return {
            key: [*(feature for feature in features if feature.version_id in kept), *fresh[key]]
            for key, features in stored.items()
        }


def _known(
    patch: Patch,
    versions: Sequence[LayerVersion],
    features: Sequence[LayerFeature],
    corrections: Sequence[Correction],
) -> Known:
    used = {feature.version_id for feature in features}
    county = patch.division_code[:6]
    layers = [_layer_row(v) for v in versions if v.county_code[:6] == county or v.version_id in used]
    present = {row["kind"] for row in layers}
    layers += [{"kind": kind, "version_id": None} for kind in JUDGED_KINDS if kind not in present]
    return Known(
        [_legal(feature) for feature in features],
        sorted(layers, key=lambda row: (JUDGED_KINDS.index(row["kind"]), str(row["version_id"]))),
        list(corrections),
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
        version_id=None if feature.version_id is None else str(feature.version_id),
    )


def _net_share(attributes: Mapping[str, Any]) -> float:
    """TBDLMJ over TBMJ: the statutory share of a survey plot without ridges and ditches."""
    gross, net = attributes.get("TBMJ"), attributes.get("TBDLMJ")
    if not isinstance(gross, int | float) or not isinstance(net, int | float) or not 0 < net <= gross:
        return 1.0
    return float(net) / float(gross)
