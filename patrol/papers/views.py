"""What the drawer, the command and the tests are told of papers: plain values, read only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from foundation.errors import LandwardenError
from patrol.papers.kinds import PaperKind


@dataclass(frozen=True, slots=True)
class PartyView:
    """A party; its number hidden from those who may not see it."""

    party_id: UUID
    kind: str
    kind_name: str
    name: str
    id_number: str | None
    is_masked: bool
    representative: str | None
    address: str | None
    phone: str | None
    recorded_at: datetime
    recorded_name: str


@dataclass(frozen=True, slots=True)
class OfferView:
    """A kind of paper, and what keeps this case from having it now."""

    kind: str
    name: str
    name_en: str
    is_legal: bool
    is_two_person: bool
    needs_served: bool
    obstacles: tuple[LandwardenError, ...]

    @property
    def is_ready(self) -> bool:
        """Whether it can be drafted now."""
        return not self.obstacles


@dataclass(frozen=True, slots=True)
class FieldView:
    """One field of a draft: its stored value, its text on paper, and who changed it."""

    key: str
    name: str
    name_en: str
    group: str
    group_name: str
    type: str
    value: Any
    text: str
    is_required: bool
    is_fixed: bool
    override: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class VersionView:
    """One version of a draft."""

    version: int
    origin: str
    docx_sha256: str
    template_sha256: str
    reason: str | None
    made_at: datetime
    made_name: str


@dataclass(frozen=True, slots=True)
class PaperView:
    """One paper as lists show it."""

    paper_id: UUID
    patch_id: UUID
    division_code: str
    kind: str
    kind_name: str
    is_legal: bool
    is_two_person: bool
    status: str
    status_name: str
    version: int
    number: str | None
    party_id: UUID | None
    refers_to: UUID | None
    drafted_at: datetime
    drafted_name: str
    approved_at: datetime | None
    approved_name: str | None
    issued_at: datetime | None
    issued_name: str | None
    docx_sha256: str | None
    pdf_sha256: str | None
    ended_at: datetime | None
    ended_name: str | None
    ended_reason: str | None
    served_on: date | None
    served_how: str | None
    served_to: str | None


@dataclass(frozen=True, slots=True)
class PaperDetail:
    """One paper with its fields, its versions, and what this actor may do with it now."""

    paper: PaperView
    fields: tuple[FieldView, ...]
    missing: tuple[str, ...]
    versions: tuple[VersionView, ...]
    actions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PaperFile:
    """A file of a paper, for whoever sends it on."""

    name: str
    media_type: str
    data: bytes
    sha256: str


@dataclass(frozen=True, slots=True)
class TemplateView:
    """A template in use: the built-in one, or a bureau's own."""

    kind: str
    kind_name: str
    county_code: str | None
    name: str
    sha256: str
    added_at: datetime | None
    added_name: str | None
    template_id: UUID | None = None
    retired_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class TemplateReport:
    """What is wrong with a template.

    Attributes
    ----------
    unknown : tuple of str
        Names that are no fields, or columns that their list has not.
    missing : tuple of str
        Chinese names of the fields that this kind must show and the template does not.
    refused : tuple of str
        Constructs that a template may not use.
    """

    named: tuple[str, ...]
    unknown: tuple[str, ...]
    missing: tuple[str, ...]
    refused: tuple[str, ...]

    @property
    def is_sound(self) -> bool:
        """Whether it may be used."""
        return not (self.unknown or self.missing or self.refused)


def faults_of(report: TemplateReport, kind: PaperKind) -> dict[str, str]:
    """The faults of a template as a message names them."""
    named = {"unknown": report.unknown, "missing": report.missing, "refused": report.refused}
    return {"paper": kind.zh, **{key: "、".join(names) or "-" for key, names in named.items()}}
