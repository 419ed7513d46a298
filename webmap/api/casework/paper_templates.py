"""Templates of papers: the fields that they may name, the ones in use, a bureau's own checked and used."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Path, Query, Response

from foundation.errors import InvalidInput
from patrol.papers import service as papers
from patrol.papers.fields import group_names, paper_fields
from patrol.papers.kinds import paper_kind, paper_kinds
from webmap.api.casework.papers import WORD_BODY
from webmap.deps import PREFIX, SignedIn, noun_router
from webmap.schemas.basics import Problem
from webmap.schemas.casework.papers import FieldInfo, TemplateCheck, TemplateInfo
from webmap.uploads import ReceivedFile

router = noun_router("papers")
County = Annotated[
    str | None, Query(pattern=r"^\d{6}$", description="Six digits; left out, the caller's own.")
]
Form = Annotated[Literal["pdf", "docx"], Path(description="What the sample is made as.")]
REFUSED: dict[int | str, dict[str, Any]] = {
    422: {"model": Problem, "description": "Not a Word file, or unknown and missing fields, each named"}
}


@router.get("/paper-fields", summary="Fields that a template may name")
def list_fields(caller: SignedIn) -> list[FieldInfo]:
    """Chinese names, keys, columns of lists, and which kinds need them."""
    kinds = paper_kinds().values()
    return [
        FieldInfo(
            key=item.key,
            name=item.zh,
            name_en=item.en,
            type=item.type,
            group_name=group_names()[item.group],
            columns=dict(item.columns),
            required_by=[kind.key for kind in kinds if item.key in kind.required],
        )
        for item in paper_fields().values()
    ]


@router.get("/paper-templates", summary="The template in use of every kind")
def list_templates(caller: SignedIn, county: County = None) -> list[TemplateInfo]:
    """A bureau's own, or the built-in one."""
    code = (county or caller.actor.area_code[:6]).ljust(12, "0")
    with caller.transaction() as session:
        found = papers.templates_in_use(session, caller.actor, code, caller.runtime.blobs)
    return [_info(row) for row in found]


@router.get("/paper-templates/{kind}.docx", response_class=Response, summary="A template in use, as Word")
def read_template(caller: SignedIn, kind: str, county: County = None) -> Response:
    """To be changed in Word and sent back."""
    code = (county or caller.actor.area_code[:6]).ljust(12, "0")
    with caller.transaction() as session:
        data, _ = papers.read_template(session, caller.actor, kind, code, caller.runtime.blobs)
    return _word(data, f"{kind}.docx")


@router.get("/paper-templates/{kind}/versions", summary="Templates of a kind that were ever in use")
def list_template_versions(caller: SignedIn, kind: str, county: County = None) -> list[TemplateInfo]:
    """Of the county and of its city, newest first; the built-in one is not among them."""
    with caller.transaction() as session:
        found = papers.template_versions(
            session, caller.actor, kind, county_code=county or caller.actor.area_code[:6]
        )
    return [_info(row) for row in found]


@router.get(
    "/paper-templates/{kind}/versions/{template_id}.docx",
    response_class=Response,
    summary="A template that was in use, as Word",
)
def read_template_version(caller: SignedIn, kind: str, template_id: UUID, county: County = None) -> Response:
    """The bytes as they were sent."""
    with caller.transaction() as session:
        found = papers.template_version(
            session, caller.actor, kind, template_id, county_code=county or caller.actor.area_code[:6]
        )
    return _word(caller.runtime.blobs.read(found.sha256), f"{kind}-{template_id}.docx")


@router.post(
    "/paper-templates/{kind}/versions/{template_id}/restore",
    summary="Take a former template into use again",
    responses=REFUSED,
)
def reuse_template(caller: SignedIn, kind: str, template_id: UUID, county: County = None) -> TemplateInfo:
    """It becomes the newest version, and is checked anew."""
    with caller.transaction() as session:
        row = papers.reuse_template(
            session,
            caller.actor,
            kind,
            template_id,
            county_code=county or caller.actor.area_code[:6],
            blobs=caller.runtime.blobs,
            now=caller.now(),
        )
    return _info(row)


@router.post(
    "/paper-templates/{kind}/check",
    summary="Check a template without taking it in; the body is the Word file",
    openapi_extra=WORD_BODY,
)
def check_template(caller: SignedIn, kind: str, received: ReceivedFile) -> TemplateCheck:
    """Unknown fields, required ones that are missing, and constructs that are not allowed."""
    row = paper_kind(kind)
    report = papers.check_template(received.file.read(), kind)
    text = ""
    if not report.is_sound:
        text = InvalidInput("patrol.paper.bad_template", **papers.faults_of(report, row)).text(
            caller.language
        )
    return TemplateCheck(
        is_sound=report.is_sound,
        named=list(report.named),
        unknown=list(report.unknown),
        missing=list(report.missing),
        refused=list(report.refused),
        text=text,
    )


@router.get(
    "/paper-templates/{kind}/preview.{form}",
    response_class=Response,
    summary="The template in use, filled with a made case",
    responses=REFUSED,
)
def preview_in_use(caller: SignedIn, kind: str, form: Form, county: County = None) -> Response:
    """Numbers are made and texts name their field: it shows the layout and is no paper."""
    code = (county or caller.actor.area_code[:6]).ljust(12, "0")
    with caller.transaction() as session:
        data, _ = papers.read_template(session, caller.actor, kind, code, caller.runtime.blobs)
    return _previewed(caller, data, kind, form)


@router.post(
    "/paper-templates/{kind}/preview.{form}",
    response_class=Response,
    summary="A template filled with a made case, before it is taken in; the body is the Word file",
    responses=REFUSED,
    openapi_extra=WORD_BODY,
)
def preview_sent(caller: SignedIn, kind: str, form: Form, received: ReceivedFile) -> Response:
    """Nothing is kept. A template with faults is refused as it is when it is taken into use."""
    return _previewed(caller, received.file.read(), kind, form)


@router.put(
    "/paper-templates/{kind}",
    summary="Take a bureau's own template into use; the body is the Word file",
    responses=REFUSED,
    openapi_extra=WORD_BODY,
)
def replace_template(
    caller: SignedIn,
    kind: str,
    received: ReceivedFile,
    name: Annotated[str, Query(min_length=1, max_length=120)],
    county: County = None,
) -> TemplateInfo:
    """Papers that are drafted already keep theirs."""
    with caller.transaction() as session:
        row = papers.replace_template(
            session,
            caller.actor,
            kind,
            received.file.read(),
            name=name,
            county_code=county or caller.actor.area_code[:6],
            blobs=caller.runtime.blobs,
            now=caller.now(),
        )
    return _info(row)


@router.delete("/paper-templates/{kind}", status_code=204, summary="Go back to the built-in template")
def restore_template(caller: SignedIn, kind: str, county: County = None) -> None:
    """The bureau's own stays kept."""
    with caller.transaction() as session:
        papers.restore_template(
            session,
            caller.actor,
            kind,
            county_code=county or caller.actor.area_code[:6],
            now=caller.now(),
        )


def _info(row: papers.TemplateView) -> TemplateInfo:
    names = set(TemplateInfo.model_fields) - {"url"}
    values = {name: getattr(row, name) for name in names}
    return TemplateInfo(**values, url=f"{PREFIX}/paper-templates/{row.kind}.docx")


def _previewed(caller: SignedIn, data: bytes, kind: str, form: str) -> Response:
    shown = papers.preview_template(data, kind, form=form, at=caller.now())
    if form == "docx":
        return _word(shown, f"{kind}-sample.docx")
    headers = {"Content-Disposition": f'inline; filename="{kind}-sample.pdf"'}
    return Response(shown, media_type="application/pdf", headers=headers)


def _word(data: bytes, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(data, media_type=papers.WORD_TYPE, headers=headers)
