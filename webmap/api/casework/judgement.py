"""Desk judgement: revisions and their reasons, replay, pieces by division, the taxonomy, what would flip."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from typing import Annotated, Any
from uuid import UUID

import shapely
from fastapi import Path, Query

from detection import service as detection
from detection.desk import jobs as desk_jobs
from detection.desk import service as desk
from detection.judgements import Judgement
from foundation.calendar import SHANGHAI
from foundation.crs import M2_PER_MU, ellipsoidal_area_m2
from foundation.divisions import divisions
from foundation.errors import NotFound
from ingest import service as ingest
from webmap.deps import SignedIn, noun_router
from webmap.schemas.basics import Geometry
from webmap.schemas.casework.judgement import (
    AreaRow,
    CorrectionInfo,
    FullJudgement,
    FullSentence,
    LayerVersionRow,
    LevelArea,
    PatchPieces,
    PieceInfo,
    ReplayInfo,
    RevisionInfo,
    ViolationRow,
    WhatIfAnswer,
    WhatIfBody,
    WhatIfInfo,
)

router = noun_router("judgement")
Revision = Annotated[int, Path(ge=1, le=1_000_000)]
OUTSIDE_NAME = "已知行政区划以外"


@router.get("/patches/{patch_id}/judgements", summary="Every judgement of a patch, oldest first")
def list_judgements(caller: SignedIn, patch_id: UUID) -> list[RevisionInfo]:
    """A later one never changes an earlier one."""
    with caller.transaction() as session:
        return [_revision(one) for one in detection.judgements_of(session, caller.actor, patch_id)]


@router.get("/patches/{patch_id}/judgements/{revision}", summary="One judgement, sentence by sentence")
def read_judgement(caller: SignedIn, patch_id: UUID, revision: Revision) -> FullJudgement:
    """Each sentence with its rule, its layer version and features, its m² and 亩."""
    with caller.transaction() as session:
        found = detection.judgements_of(session, caller.actor, patch_id)
    judgement = next((one for one in found if one.revision == revision), None)
    if judgement is None:
        raise NotFound("detection.judgement.not_found")
    return _full(judgement)


@router.get("/patches/{patch_id}/judgements/{revision}/replay", summary="Make a judgement again and compare")
def replay_judgement(caller: SignedIn, patch_id: UUID, revision: Revision) -> ReplayInfo:
    """From its stored inputs and rules; nothing is stored."""
    with caller.transaction() as session:
        one = desk.replay(session, caller.actor, patch_id, revision)
    return ReplayInfo.model_validate(asdict(one) | {"is_equal": one.is_equal})


@router.get("/patches/{patch_id}/pieces", summary="A patch divided by village, township, county and city")
def read_pieces(caller: SignedIn, patch_id: UUID) -> PatchPieces:
    """The areas of every level add up to the whole, to the thousandth of a square metre."""
    with caller.transaction() as session:
        patch, pieces = desk.pieces(session, caller.actor, patch_id)
    levels = desk.areas_of_levels(pieces)
    return PatchPieces(
        number=patch.number,
        area_m2=round(ellipsoidal_area_m2(patch.shape.outline), 3),
        villages=[
            PieceInfo(
                code=piece.code,
                name=_division_name(piece.code),
                area_m2=piece.area_m2,
                mu=piece.area_m2 / M2_PER_MU,
                geometry=Geometry.model_validate(json.loads(shapely.to_geojson(piece.geometry))),
            )
            for piece in pieces
        ],
        townships=_level(levels["township"]),
        counties=_level(levels["county"]),
        cities=_level(levels["city"]),
    )


@router.get("/taxonomy", summary="Violations by the law of a day, with authority, measure and fines")
def read_taxonomy(
    caller: SignedIn,
    on: Annotated[date | None, Query(description="Day of the act; today where not given.")] = None,
) -> list[ViolationRow]:
    """A code from here is a person's to give: the suggestion of a judgement fills no paper."""
    day = on or caller.now().astimezone(SHANGHAI).date()
    return [ViolationRow.model_validate(asdict(row)) for row in desk.taxonomy(day)]


@router.get("/layer-versions", summary="Stored versions of one layer of a county, oldest first")
def list_layer_versions(
    caller: SignedIn,
    kind: Annotated[str, Query(max_length=64, examples=["basic_farmland"])],
    county: Annotated[str, Query(pattern=r"^\d{6}$", examples=["410883"])],
) -> list[LayerVersionRow]:
    """For asking what one of them would flip."""
    with caller.transaction() as session:
        found = ingest.layer_versions(session, caller.actor, kind, county)
    return [LayerVersionRow.model_validate(version) for version in found]


@router.post("/judgements/what-if", status_code=202, summary="Ask which open judgements would flip")
def post_what_if(caller: SignedIn, body: WhatIfBody) -> WhatIfInfo:
    """The worker answers; nothing of the answer becomes a judgement. The area is the caller's."""
    question: dict[str, Any] = {
        "version_id": str(body.version_id) if body.version_id else None,
        "valid_from": body.valid_from.isoformat() if body.valid_from else None,
        "rules": body.rules.model_dump(exclude_none=True) if body.rules else None,
    }
    with caller.transaction() as session:
        what_if_id = desk_jobs.put_question(
            session, caller.actor, caller.runtime.queue, question, caller.now()
        )
        return _what_if(desk_jobs.get_question(session, caller.actor, what_if_id))


@router.get("/judgements/what-if", summary="Own questions, newest first, without their answers")
def list_what_ifs(caller: SignedIn, limit: Annotated[int, Query(ge=1, le=100)] = 20) -> list[WhatIfInfo]:
    """Only the person who asked sees them."""
    with caller.transaction() as session:
        rows = desk_jobs.list_questions(session, caller.actor, limit)
        return [_what_if(row, is_full=False) for row in rows]


@router.get("/judgements/what-if/{what_if_id}", summary="One question with its answer")
def read_what_if(caller: SignedIn, what_if_id: UUID) -> WhatIfInfo:
    """`answer` is null as long as `status` is `waiting`."""
    with caller.transaction() as session:
        return _what_if(desk_jobs.get_question(session, caller.actor, what_if_id))


def _revision(judgement: Judgement) -> RevisionInfo:
    result = judgement.result
    return RevisionInfo(
        judgement_id=judgement.judgement_id,
        revision=judgement.revision,
        made_at=judgement.made_at,
        suggestion=judgement.suggestion,
        suggestion_name=result["suggestion_name"],
        violation_code=judgement.violation_code,
        severity=judgement.severity,
        is_borderline=judgement.is_borderline,
        law_date=judgement.law_date,
        inputs_sha256=judgement.inputs_sha256,
        result_sha256=judgement.result_sha256,
        rules_sha256=result["rules_sha256"],
        corrections=[CorrectionInfo.model_validate(row) for row in result.get("corrections", ())],
    )


def _full(judgement: Judgement) -> FullJudgement:
    result = judgement.result
    names = ("competent_authority_name", "measure", "legal_basis", "rule_ids", "excess_m2", "excess")
    return FullJudgement(
        revision=_revision(judgement),
        sentences=[_sentence(row) for row in result["sentences"]],
        areas=[
            AreaRow(
                **{name: row[name] for name in AreaRow.model_fields if name != "mu"},
                mu=row["area_m2"] / M2_PER_MU,
            )
            for row in result["overlay"]
        ],
        approved_m2=result.get("approved_m2"),
        approved=result.get("approved"),
        **{name: result[name] for name in names},
    )


def _sentence(row: Mapping[str, Any]) -> FullSentence:
    """Of any form; the first one kept a text for a source and nothing else."""
    if isinstance(row["source"], str):
        empty: dict[str, Any] = dict.fromkeys(("layer", "version_id", "version_date"))
        source = {**empty, "versions": [], "features": [], "text": row["source"]}
        plain = {"text_en": "", "rule_version": 1, "statute": "", "area_m2": None, "mu": None}
        return FullSentence.model_validate({**plain, **row, "source": source})
    return FullSentence.model_validate(row)


def _level(areas_m2: Mapping[str, float]) -> list[LevelArea]:
    ordered = sorted(areas_m2.items(), key=lambda row: (-row[1], row[0]))
    return [
        LevelArea(code=code, name=_division_name(code), area_m2=area_m2, mu=area_m2 / M2_PER_MU)
        for code, area_m2 in ordered
    ]


def _division_name(code: str) -> str:
    return divisions().full_name(code) if code else OUTSIDE_NAME


def _what_if(row: Any, *, is_full: bool = True) -> WhatIfInfo:
    question = row.question
    status = "refused" if row.refusal else "answered" if row.finished_at else "waiting"
    told = desk_jobs.result_of(row) if is_full else None
    return WhatIfInfo(
        what_if_id=row.what_if_id,
        asked_at=row.asked_at,
        finished_at=row.finished_at,
        version_id=question.get("version_id"),
        valid_from=question.get("valid_from"),
        rule_tables=sorted(question.get("rules") or ()),
        status=status,
        refusal=row.refusal,
        answer=None if told is None else WhatIfAnswer.model_validate(told),
    )
