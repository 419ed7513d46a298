"""The front door of papers: every verb that the web floor and the commands call."""

from __future__ import annotations

from patrol.papers.drafting import draft_paper, offers, replace_document, revise_paper
from patrol.papers.issuing import (
    SERVICE_WAYS,
    approve_paper,
    is_reproducible,
    issue_paper,
    record_service,
    send_back_paper,
    void_paper,
    withdraw_paper,
)
from patrol.papers.parties import PartyBody
from patrol.papers.reading import (
    STATUS_NAMES,
    WORD_TYPE,
    find_by_number,
    list_papers,
    paper_detail,
    paper_file,
    paper_view,
    papers_of,
)
from patrol.papers.registers import (
    check_template,
    parties_of,
    record_party,
    replace_template,
    restore_template,
    template_bytes,
    templates_in_use,
)
from patrol.papers.views import (
    FieldView,
    OfferView,
    PaperDetail,
    PaperFile,
    PaperView,
    PartyView,
    TemplateReport,
    TemplateView,
    VersionView,
    faults_of,
)

__all__ = [
    "SERVICE_WAYS",
    "STATUS_NAMES",
    "WORD_TYPE",
    "FieldView",
    "OfferView",
    "PaperDetail",
    "PaperFile",
    "PaperView",
    "PartyBody",
    "PartyView",
    "TemplateReport",
    "TemplateView",
    "VersionView",
    "approve_paper",
    "check_template",
    "draft_paper",
    "faults_of",
    "find_by_number",
    "is_reproducible",
    "issue_paper",
    "list_papers",
    "offers",
    "paper_detail",
    "paper_file",
    "paper_view",
    "papers_of",
    "parties_of",
    "record_party",
    "record_service",
    "replace_document",
    "replace_template",
    "restore_template",
    "revise_paper",
    "send_back_paper",
    "template_bytes",
    "templates_in_use",
    "void_paper",
    "withdraw_paper",
]
