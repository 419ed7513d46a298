"""Papers of a case: offers, parties, drafts with their fields, templates, statistics of satellite patches."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from webmap.schemas.basics import Answer, Body, Moment


class PartyBody(Body):
    """A party (当事人) of a case."""

    kind: Literal["person", "organisation"]
    name: str = Field(min_length=1, max_length=100, examples=["张三"])
    id_number: str | None = Field(
        default=None, max_length=18, description="Resident identity number, or unified social credit code."
    )
    representative: str | None = Field(default=None, max_length=200)
    address: str | None = Field(default=None, max_length=200)
    phone: str | None = Field(default=None, max_length=200)
    replaces: UUID | None = Field(default=None, description="The party that this one corrects.")


class PartyInfo(Answer):
    """A party as the caller may see it."""

    party_id: UUID
    kind: str
    kind_name: str = Field(examples=["个人"])
    name: str
    id_number: str | None = Field(examples=["110105**********2X"])
    is_masked: bool = Field(description="The number is hidden from the caller's role.")
    representative: str | None
    address: str | None
    phone: str | None
    recorded_at: Moment
    recorded_name: str


class ObstacleInfo(Answer):
    """Why a paper cannot be drafted now."""

    code: str = Field(examples=["patrol.paper.no_verdict"])
    text: str


class OfferInfo(Answer):
    """A kind of paper that the caller may draft, and what keeps this case from having it."""

    kind: str = Field(examples=["stop_notice"])
    name: str = Field(examples=["责令停止违法行为通知书"])
    name_en: str
    is_legal: bool = Field(description="Rests on a verdict that a person signed.")
    is_two_person: bool = Field(description="Issued only after another person has approved it.")
    needs_served: bool = Field(description="`refers_to` must name the paper that it serves.")
    is_ready: bool
    obstacles: list[ObstacleInfo]


class PaperInfo(Answer):
    """One paper."""

    paper_id: UUID
    patch_id: UUID
    kind: str
    kind_name: str
    is_legal: bool
    is_two_person: bool
    status: str = Field(description="draft, approved, issued, void or withdrawn.", examples=["issued"])
    status_name: str = Field(examples=["已签发"])
    version: int = Field(description="What `If-Match` names.")
    number: str | None = Field(examples=["孟自然资责停〔2026〕12号"])
    party_id: UUID | None
    refers_to: UUID | None
    drafted_at: Moment
    drafted_name: str
    approved_at: Moment | None
    approved_name: str | None
    issued_at: Moment | None
    issued_name: str | None
    docx_sha256: str | None
    pdf_sha256: str | None
    ended_at: Moment | None
    ended_name: str | None
    ended_reason: str | None
    served_on: date | None
    served_how: str | None
    served_to: str | None
    docx_url: str
    pdf_url: str


class PaperFieldInfo(Answer):
    """One field of a draft."""

    key: str = Field(examples=["unlawful_m2"])
    name: str = Field(examples=["违法面积"], description="What a template writes in double braces.")
    name_en: str
    group: str
    group_name: str
    type: str = Field(description="text, date, moment, area, mu, money, count, picture, list, input …")
    value: Any = Field(description="As stored; areas in m², money in yuan. Pictures by their SHA-256.")
    text: str = Field(description="As it stands on the paper.")
    is_required: bool
    is_fixed: bool = Field(description="Filled in by the platform; not to be changed.")
    override: dict[str, Any] | None = Field(description="{value, was, reason, by_name, at} where changed.")


class PaperVersionInfo(Answer):
    """One version of a draft."""

    version: int
    origin: str = Field(description="generated: from fields; edited: a Word file that a person sent.")
    docx_sha256: str
    template_sha256: str
    reason: str | None
    made_at: Moment
    made_name: str


class PaperDetailInfo(PaperInfo):
    """One paper with its fields, its versions, and what the caller may do with it now."""

    fields: list[PaperFieldInfo]
    missing: list[str] = Field(description="Chinese names of fields that must be filled before issue.")
    versions: list[PaperVersionInfo]
    actions: list[str] = Field(
        description="revise, edit, approve, send_back, issue, withdraw, serve, void.",
        examples=[["revise", "issue"]],
    )


class CasePapers(Answer):
    """Papers of a case: what there is, what may be drafted, of whom they speak."""

    papers: list[PaperInfo]
    offers: list[OfferInfo]
    parties: list[PartyInfo]


class FieldChange(Body):
    """A field set by hand; an empty value takes the stored one back."""

    value: str | float | int | None = None
    reason: str | None = Field(
        default=None, max_length=400, description="Needed for every field that is not the drafter's to write."
    )


class DraftBody(Body):
    """Draft a paper."""

    kind: str = Field(max_length=40, examples=["stop_notice"])
    fields: dict[str, FieldChange] = Field(default_factory=dict, max_length=60)
    party_id: UUID | None = Field(default=None, description="Needed where the case has several.")
    refers_to: UUID | None = None


class FieldsBody(Body):
    """Change fields of a draft. Facts are read anew, an approval no longer counts."""

    fields: dict[str, FieldChange] = Field(max_length=60)


class ReasonBody(Body):
    """A reason in words."""

    reason: str = Field(min_length=1, max_length=400)


class ServiceBody(Body):
    """When and how an issued paper reached its party."""

    served_on: date
    how: str = Field(max_length=20, examples=["直接送达"])
    to: str = Field(min_length=1, max_length=100)


class FieldInfo(Answer):
    """One field that a template may name."""

    key: str
    name: str
    name_en: str
    type: str
    group_name: str
    columns: dict[str, str] = Field(description="Of a list: key and Chinese name of each column.")
    required_by: list[str] = Field(description="Kinds whose templates must name it.")


class TemplateInfo(Answer):
    """The template in use for a kind."""

    kind: str
    kind_name: str
    county_code: str | None = Field(description="Six digits; null: the built-in template.")
    name: str
    sha256: str
    added_at: Moment | None
    added_name: str | None
    template_id: UUID | None = Field(description="Null: the built-in template.")
    retired_at: Moment | None = Field(description="When another one took its place.")
    url: str


class TemplateCheck(Answer):
    """What is wrong with a template that somebody sent."""

    is_sound: bool
    named: list[str] = Field(description="Keys of the fields that it names.")
    unknown: list[str]
    missing: list[str] = Field(description="Chinese names of required fields that it lacks.")
    refused: list[str] = Field(description="Constructs that a template may not use.")
    text: str = Field(description="All of it in one sentence, in the language asked for.")
