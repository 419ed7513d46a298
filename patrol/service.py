"""The front door of the human net: every verb that the web floor and the commands call."""

from __future__ import annotations

from patrol.cases.dispatch import default_chain, dispatch, forward, return_, sign, targets
from patrol.cases.escalation import ClockReport, run_clocks
from patrol.cases.reasons import Reason, all_reasons
from patrol.cases.service import VerdictBody, move_case, open_case, open_cases_for, record_verdict, undo
from patrol.cases.succession import import_posts
from patrol.lists.service import (
    assignments_of,
    case_detail,
    counts_by_state,
    division_name,
    get_evidence,
    legal_actions,
    list_assignments,
    list_patches,
    patch_id_of,
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
from patrol.net.grids.service import import_grid
from patrol.net.service import PostImport, get_post, posts_over
from patrol.reports.indicators import DEFINITIONS, Definition, Indicator
from patrol.reports.issuing.service import issue_bulletin, note_erratum, review_bulletin, sign_receipt
from patrol.reports.rankings import RankingRow
from patrol.reports.service import (
    RankingView,
    bulletin_file,
    draft_bulletin,
    get_bulletin,
    indicators,
    list_bulletins,
    rankings,
)
from patrol.reports.views import BulletinFile, BulletinView
from patrol.rounds.patrols import PatrolBody
from patrol.rounds.service import PatrolRecorded, record_patrol, record_patrols
from patrol.rounds.tracks import Fix, tracks_of
from patrol.visits.evidence import EvidenceClaim
from patrol.visits.receiving import (
    IssuedNonce,
    Recorded,
    apply_held,
    issue_nonce,
    keep_other_body,
    record_evidence,
)
from patrol.visits.service import keep_other_visit, record_visit
from patrol.visits.visits import VisitBody

__all__ = [
    "DEFINITIONS",
    "AssignmentView",
    "BulletinFile",
    "BulletinView",
    "CaseDetail",
    "ClockReport",
    "Definition",
    "EvidenceClaim",
    "EvidenceView",
    "Fix",
    "Indicator",
    "IssuedNonce",
    "LegalAction",
    "Page",
    "PatchFilter",
    "PatchListRow",
    "PatrolBody",
    "PatrolRecorded",
    "PostImport",
    "RankingRow",
    "RankingView",
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
    "apply_held",
    "assignments_of",
    "bulletin_file",
    "case_detail",
    "counts_by_state",
    "default_chain",
    "dispatch",
    "division_name",
    "draft_bulletin",
    "forward",
    "get_bulletin",
    "get_evidence",
    "get_post",
    "import_grid",
    "import_posts",
    "indicators",
    "issue_bulletin",
    "issue_nonce",
    "keep_other_body",
    "keep_other_visit",
    "legal_actions",
    "list_assignments",
    "list_bulletins",
    "list_patches",
    "move_case",
    "note_erratum",
    "open_case",
    "open_cases_for",
    "patch_id_of",
    "patch_row",
    "posts_over",
    "rankings",
    "record_evidence",
    "record_patrol",
    "record_patrols",
    "record_verdict",
    "record_visit",
    "return_",
    "review_bulletin",
    "run_clocks",
    "sign",
    "sign_receipt",
    "targets",
    "tracks_of",
    "undo",
]
