"""The front door of the human net: every verb that the web floor and the commands call."""

from __future__ import annotations

from patrol.cases.dispatch import default_chain, dispatch, forward, return_, sign, targets
from patrol.cases.escalation import ClockReport, run_clocks
from patrol.cases.reasons import Reason, all_reasons
from patrol.cases.service import VerdictBody, move_case, open_case, open_cases_for, record_verdict, undo
from patrol.lists.service import (
    case_detail,
    counts_by_state,
    division_name,
    get_evidence,
    legal_actions,
    list_assignments,
    list_patches,
    patch_row,
)
from patrol.lists.views import (
    AssignmentView,
    CaseDetail,
    EvidenceView,
    LegalAction,
    Page,
    PatchFilter,
    PatchListRow,
    Target,
    TimelineEntry,
    UndoView,
    VerdictView,
    VisitView,
)
from patrol.net.service import PostImport, get_post, import_grid, import_posts, posts_over
from patrol.visits.evidence import EvidenceClaim
from patrol.visits.service import Recorded, record_evidence, record_visit
from patrol.visits.visits import VisitBody

__all__ = [
    "AssignmentView",
    "CaseDetail",
    "ClockReport",
    "EvidenceClaim",
    "EvidenceView",
    "LegalAction",
    "Page",
    "PatchFilter",
    "PatchListRow",
    "PostImport",
    "Reason",
    "Recorded",
    "Target",
    "TimelineEntry",
    "UndoView",
    "VerdictBody",
    "VerdictView",
    "VisitBody",
    "VisitView",
    "all_reasons",
    "case_detail",
    "counts_by_state",
    "default_chain",
    "dispatch",
    "division_name",
    "forward",
    "get_evidence",
    "get_post",
    "import_grid",
    "import_posts",
    "legal_actions",
    "list_assignments",
    "list_patches",
    "move_case",
    "open_case",
    "open_cases_for",
    "patch_row",
    "posts_over",
    "record_evidence",
    "record_verdict",
    "record_visit",
    "return_",
    "run_clocks",
    "sign",
    "targets",
    "undo",
]
