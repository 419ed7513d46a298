"""Desk judgement in full: revisions, sentences with sources, pieces, the taxonomy, what would flip."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from webmap.schemas.basics import Answer, Body, Geometry, Moment


class RevisionInfo(Answer):
    """One stored judgement of a patch; none is ever changed."""

    judgement_id: UUID
    revision: int
    made_at: Moment
    suggestion: str = Field(examples=["partly_exceeded"])
    suggestion_name: str = Field(examples=["部分超占"])
    violation_code: str | None
    severity: int = Field(ge=1, le=4)
    is_borderline: bool
    law_date: date = Field(description="Day whose law was applied.")
    inputs_sha256: str
    result_sha256: str
    rules_sha256: str
    corrections: list[CorrectionInfo] = Field(description="Upheld objections to base data that it used.")


class CorrectionInfo(Answer):
    """A feature of a layer version that an upheld objection showed to be otherwise."""

    correction_id: UUID
    layer_kind: str
    version_id: UUID
    feature_no: str
    action: Literal["removed", "changed", "added"]
    changes: dict[str, str | None]
    reason: str
    reference: str = Field(description="The objection or paper that says so.")
    decided_by: str
    decided_at: Moment


class LayerVersionRef(Answer):
    """A version of a layer that was in force."""

    version_id: UUID
    valid_from: date | None


class SourceInfo(Answer):
    """Where a sentence comes from."""

    layer: str | None = Field(
        description="Kind of layer; null where no layer speaks.", examples=["land_survey"]
    )
    version_id: UUID | None = Field(description="The version; null where several counties' versions speak.")
    version_date: date | None
    versions: list[LayerVersionRef]
    features: list[str] = Field(description="Numbers of the features.")
    text: str = Field(description="For reading.", examples=["永久基本农田 YN-001、YN-002 等 7 个"])


class FullSentence(Answer):
    """One sentence of the explanation. 亩 are not rounded: that is for display."""

    text: str
    text_en: str
    rule_id: str = Field(examples=["J2.12"])
    rule_version: int
    statute: str = Field(description="What the rule rests on.")
    source: SourceInfo
    area_m2: float | None
    mu: float | None


class AreaRow(Answer):
    """Area in one layer."""

    key: str
    name: str
    area_m2: float
    mu: float
    share: float
    kind: Literal["land", "control", "approval"]
    text: str | None


class BasisInfo(Answer):
    """An article of a statute, in own words."""

    statute: str
    article: str
    text: str


class FineInfo(Answer):
    """What one article allows to fine; both limits inclusive."""

    kind: Literal["per_m2", "multiple", "share", "fixed", "none"] = Field(
        description="yuan for each m² · times the base · part of the base · yuan · no fine"
    )
    low: float
    high: float
    base: str | None = Field(description="What a multiple or a share is taken of.")
    base_name: str | None = Field(examples=["耕地开垦费"])
    is_optional: bool = Field(description="可以并处")
    must_confirm: bool = Field(description="The bureau has to check these numbers before use.")
    text: str


class ViolationRow(Answer):
    """A row of the taxonomy as in force on a day."""

    code: str = Field(examples=["L04"])
    name_zh: str
    name_en: str
    authority: str
    authority_name: str
    authority_name_en: str
    measure: str
    measure_en: str
    basis: list[BasisInfo]
    fines: list[FineInfo]
    is_found_by_rule: bool = Field(description="False: only a person gives this code.")
    valid_from: date | None
    valid_to: date | None = Field(description="First day on which it no longer applies.")


class FullJudgement(Answer):
    """One revision with everything that explains it. The system suggests; a person decides."""

    revision: RevisionInfo
    competent_authority_name: str | None
    measure: str | None
    legal_basis: list[BasisInfo]
    sentences: list[FullSentence]
    rule_ids: list[str]
    areas: list[AreaRow]
    excess_m2: float = Field(description="Area that counts as unlawful: the excess only, or the whole.")
    approved_m2: float | None
    excess: Geometry | None = Field(description="What exceeds the permit, where only part does.")
    approved: Geometry | None = Field(description="What the permit covers; the two add up to the patch.")


class DifferenceInfo(Answer):
    """One place where the stored bytes and those made again are not the same."""

    path: str
    stored: Any
    again: Any


class ReplayInfo(Answer):
    """A judgement made again from its stored inputs and rules."""

    number: str
    revision: int
    is_equal: bool
    stored_sha256: str
    again_sha256: str | None
    faults: list[str] = Field(examples=[["inputs_altered"]])
    differences: list[DifferenceInfo]
    is_chain_checked: bool = Field(description="The audit chain was read as well; only some roles may.")


class PieceInfo(Answer):
    """Part of a patch inside one village; an empty code means: in no village that is known."""

    code: str
    name: str
    area_m2: float
    mu: float
    geometry: Geometry


class LevelArea(Answer):
    """Area of a patch inside one division of a level."""

    code: str
    name: str
    area_m2: float
    mu: float


class PatchPieces(Answer):
    """A patch divided by village; the areas of every level add up to the whole."""

    number: str
    area_m2: float = Field(description="Ellipsoidal area of the outline.")
    villages: list[PieceInfo]
    townships: list[LevelArea]
    counties: list[LevelArea]
    cities: list[LevelArea]


class LayerVersionRow(Answer):
    """A stored version of a layer."""

    version_id: UUID
    layer_kind: str
    county_code: str
    source_name: str
    feature_count: int
    valid_from: date
    valid_to: date | None
    imported_at: Moment


class RuleTexts(Body):
    """TOML texts; a table that is left out is the current one."""

    judgement: str | None = Field(default=None, max_length=400_000)
    taxonomy: str | None = Field(default=None, max_length=400_000)
    thresholds: str | None = Field(default=None, max_length=100_000)


class WhatIfBody(Body):
    """Either a stored layer version or rule tables."""

    version_id: UUID | None = None
    valid_from: date | None = Field(
        default=None,
        description="First day on which the version is in force; null: in place of the versions in force.",
    )
    rules: RuleTexts | None = None


class StandingInfo(Answer):
    """What a judgement suggests."""

    suggestion: str
    suggestion_name: str
    violation_code: str | None
    severity: int
    unlawful_m2: float
    deciding_rule: str


class AreaChangeInfo(Answer):
    """Area in one layer, before and after; 亩 not rounded."""

    key: str
    name: str
    before_m2: float
    after_m2: float
    delta_m2: float
    delta_mu: float


class ChangeInfo(Answer):
    """One patch whose judgement would be another."""

    patch_id: UUID
    number: str
    division_code: str
    before: StandingInfo
    after: StandingInfo
    areas: list[AreaChangeInfo]


class WhatIfAnswer(Answer):
    """What would flip; nothing of it is stored as a judgement."""

    open_count: int
    measured_count: int
    flips: list[ChangeInfo]
    moves: list[ChangeInfo] = Field(description="The same suggestion, other areas.")
    totals: list[AreaChangeInfo]


class WhatIfInfo(Answer):
    """A question and, once the worker has it, its answer."""

    what_if_id: UUID
    asked_at: Moment
    finished_at: Moment | None
    version_id: UUID | None
    valid_from: date | None
    rule_tables: list[str]
    status: Literal["waiting", "answered", "refused"]
    refusal: str | None = Field(description="Code of the error where there is no answer.")
    answer: WhatIfAnswer | None


RevisionInfo.model_rebuild()
