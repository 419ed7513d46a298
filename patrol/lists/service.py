"""Reading verbs for the map, the drawer and the task list."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache
from uuid import UUID

from sqlalchemy.engine import RowMapping
from sqlalchemy.orm import Session

from foundation.access import Actor, require
from foundation.blobs import BlobStore
from foundation.divisions import divisions
from foundation.errors import Conflict, InvalidInput, NotFound
from patrol.cases import dispatch, store
from patrol.cases.assignments import KIND_NAMES, STATUS_NAMES
from patrol.cases.cases import transitions
from patrol.cases.clocks import remaining_working_days
from patrol.cases.ledger import situation_of
from patrol.cases.progress import stage_of
from patrol.cases.reasons import reason_name, reasons
from patrol.cases.service import undoable_event
from patrol.lists import store as list_store
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
from patrol.net.posts import holder_of
from patrol.tables import CaseEventRow, CaseRow, EvidenceRow
from patrol.visits.evidence import kind_name
from patrol.visits.visits import FINDINGS

DISPLAY_NAMES = {
    "new": "待判读",
    "suspect": "疑似违法",
    "dispatched": "已下发",
    "checking": "核查中",
    "review": "待复核",
    "rectify": "整改中",
    "closed": "已销号",
    "dismissed": "合法/排除",
}
REASON_KINDS = {
    "withdraw_objection": "objection_withdrawn",
    "reject_objection": "objection_rejected",
    "uphold_objection": "objection_upheld",
    "uphold_dismissing": "objection_upheld",
    "resume": "resume",
    "reassign": "reassign",
    "escalate": "overdue",
}
"""Reasons of moves that the platform or an objection gives; those of the others stand in the table."""
STATUS_SETS = {
    "open": ("sent", "signed"),
    "waiting": ("waiting",),
    "done": ("done", "forwarded"),
    "all": tuple(STATUS_NAMES),
}


def list_patches(
    session: Session,
    actor: Actor,
    filters: PatchFilter,
    *,
    now: datetime,
    sort: str = "-severity",
    limit: int = 100,
    cursor: str | None = None,
) -> Page:
    """One page of the patch table.

    Raises
    ------
    InvalidInput
        ``patrol.list.unknown_sort``, ``patrol.list.bad_cursor``, ``patrol.list.bad_limit``.
    """
    require(actor, "patch.view", filters.division_code)
    _check_limit(limit)
    after = list_store.Keyset(*list_store.decode_cursor(cursor, 2)) if cursor else None
    rows = list_store.list_patches(
        session,
        filters,
        account_id=actor.account_id,
        post_ids=actor.post_ids,
        sort=sort,
        limit=limit,
        after=after,
        now=now,
    )
    shown = rows[:limit]
    following = None
    if len(rows) > limit:
        following = list_store.encode_cursor(shown[-1]["sort_value"], shown[-1]["number"])
    total = sum(counts_by_state(session, actor, filters).values())
    return Page(tuple(_patch_row(row, now) for row in shown), following, total)


def counts_by_state(session: Session, actor: Actor, filters: PatchFilter) -> dict[str, int]:
    """Patches per displayed state; every state is named, also where it has none."""
    require(actor, "patch.view", filters.division_code)
    found = list_store.counts_by_state(session, filters, account_id=actor.account_id, post_ids=actor.post_ids)
    return {state: found.get(state, 0) for state in DISPLAY_NAMES}


def patch_row(session: Session, actor: Actor, patch_id: UUID, *, now: datetime) -> PatchListRow:
    """The table row of one patch.

    Raises
    ------
    NotFound
        ``patrol.case.not_found``.
    """
    require(actor, "patch.view")
    row = list_store.one_patch(session, patch_id, now)
    if row is None:
        raise NotFound("patrol.case.not_found", patch_id=str(patch_id))
    return _patch_row(row, now)


def patch_id_of(session: Session, number: str) -> UUID:
    """Id of a patch by its number.

    Raises
    ------
    NotFound
        ``patrol.case.not_found``.
    """
    patch_id = list_store.patch_id_by_number(session, number)
    if patch_id is None:
        raise NotFound("patrol.case.not_found", number=number)
    return patch_id


def case_detail(
    session: Session,
    actor: Actor,
    patch_id: UUID,
    *,
    now: datetime,
    undo_minutes: int,
    blobs: BlobStore | None = None,
) -> CaseDetail:
    """Everything of one case that the drawer shows, with the moves that this actor may make now.

    Raises
    ------
    NotFound
        ``patrol.case.not_found``.
    """
    row = patch_row(session, actor, patch_id, now=now)
    case = store.find_case(session, patch_id)
    if case is None:
        raise NotFound("patrol.case.not_found", patch_id=str(patch_id))
    stage = stage_of(session, case) if case.state == "case_open" else None
    return CaseDetail(
        row=row,
        is_urgent=case.is_urgent,
        opened_at=case.opened_at,
        watch_until=case.watch_until.isoformat() if case.watch_until else None,
        stage=stage,
        stage_name=transitions().stage_names[stage] if stage else None,
        verdict=_verdict(session, case),
        timeline=tuple(_entry(event) for event in store.events_of(session, patch_id)),
        assignments=tuple(
            _assignment(entry, now) for entry in list_store.assignments_of_patch(session, patch_id)
        ),
        visits=tuple(_visit(entry) for entry in list_store.visits_of(session, patch_id)),
        evidence=_evidence(session, patch_id, blobs),
        actions=legal_actions(session, actor, case, now=now),
        undo=_undo(session, actor, case, now=now, undo_minutes=undo_minutes),
        reasons={kind: dict(rows) for kind, rows in reasons().items() if kind != "names"},
    )


def legal_actions(session: Session, actor: Actor, case: CaseRow, *, now: datetime) -> tuple[LegalAction, ...]:
    """Moves that this actor may make now, by name, by verdict or by dispatch."""
    situation = situation_of(session, case)
    moves = transitions().legal(
        situation, rights=actor.rights, account=str(actor.account_id), name=actor.name
    )
    shown = [move for move in moves if move.via in {"move", "verdict", "dispatch"}]
    return tuple(
        LegalAction(
            move.action,
            move.zh,
            move.en,
            move.via,
            move.reason_kind is not None,
            move.reason_kind,
            _targets(session, actor, case, now) if move.via == "dispatch" else (),
        )
        for move in shown
    )


def list_assignments(
    session: Session,
    actor: Actor,
    *,
    now: datetime,
    is_mine: bool = True,
    status: str = "open",
    limit: int = 100,
    cursor: str | None = None,
) -> Page:
    """One page of assignments, soonest deadline first.

    Parameters
    ----------
    status : str
        ``open | waiting | done | all``.

    Raises
    ------
    InvalidInput
        ``patrol.list.unknown_status``, ``patrol.list.bad_cursor``.
    """
    require(actor, "patch.view")
    _check_limit(limit)
    if status not in STATUS_SETS:
        raise InvalidInput("patrol.list.unknown_status", status=status, accepted=list(STATUS_SETS))
    after = None
    if cursor:
        due, identity = list_store.decode_cursor(cursor, 2)
        try:
            after = (datetime.fromisoformat(due), UUID(identity))
        except ValueError as error:
            raise InvalidInput("patrol.list.bad_cursor", cursor=cursor[:80]) from error
    rows, total = list_store.list_assignments(
        session,
        account_id=actor.account_id,
        post_ids=actor.post_ids,
        is_mine=is_mine,
        statuses=STATUS_SETS[status],
        limit=limit,
        after=after,
    )
    shown = rows[:limit]
    following = None
    if len(rows) > limit:
        following = list_store.encode_cursor(shown[-1]["due_at"].isoformat(), str(shown[-1]["assignment_id"]))
    return Page(tuple(_assignment(row, now) for row in shown), following, total)


def assignments_of(
    session: Session, actor: Actor, patch_id: UUID, *, now: datetime
) -> tuple[AssignmentView, ...]:
    """All assignments of one patch, oldest first."""
    require(actor, "patch.view")
    return tuple(_assignment(entry, now) for entry in list_store.assignments_of_patch(session, patch_id))


def get_evidence(session: Session, actor: Actor, evidence_id: UUID) -> EvidenceRow:
    """One piece of evidence, for its file.

    Raises
    ------
    NotFound
        ``patrol.evidence.not_found``.
    NotAllowed
        The role may not see evidence.
    """
    row = store.find_evidence(session, evidence_id)
    if row is None:
        raise NotFound("patrol.evidence.not_found", evidence_id=str(evidence_id))
    require(actor, "evidence.view", row.division_code)
    return row


@lru_cache(maxsize=4096)
def division_name(code: str) -> str:
    """Township and village, as people say it: ``西虢镇 义井村``."""
    tree = divisions()
    names = [spoken_name(division.name) for division in reversed(tree.ancestors(code)) if division.level >= 4]
    return " ".join(names) if names else tree.get(code).name


def spoken_name(name: str) -> str:
    """The village behind a committee's official name: 义井村村民委员会 is 义井村."""
    for suffix, keeps in (("村村民委员会", "村"), ("村民委员会", "村"), ("居民委员会", "")):
        if name.endswith(suffix):
            return name.removesuffix(suffix) + keeps
    return name


def _check_limit(limit: int) -> None:
    if not 1 <= limit <= list_store.LIMIT_MAX:
        raise InvalidInput("patrol.list.bad_limit", limit=limit, maximum=list_store.LIMIT_MAX)


def _patch_row(row: RowMapping, now: datetime) -> PatchListRow:
    return PatchListRow(
        patch_id=row["patch_id"],
        number=row["number"],
        state=row["display_state"],
        state_name=DISPLAY_NAMES[row["display_state"]],
        internal_state=row["state"],
        internal_state_name=transitions().states[row["state"]].zh,
        severity=row["severity"],
        change_class=row["change_class"],
        area_m2=row["area_m2"],
        basic_farmland_m2=row["basic_farmland_m2"],
        cropland_m2=row["cropland_m2"],
        division_code=row["division_code"],
        division_name=division_name(row["division_code"]),
        due_at=row["due_at"],
        remaining_wd=remaining_working_days(row["due_at"], now),
        owner_name=row["owner_name"] or "",
        label_point=(row["lon"], row["lat"]),
        bbox=(row["west"], row["south"], row["east"], row["north"]),
        suggestion=row["suggestion"],
        violation_code=row["violation_code"],
        version=row["version"],
        updated_at=row["updated_at"],
    )


def _entry(event: CaseEventRow) -> TimelineEntry:
    shown = {key: value for key, value in event.facts.items() if key not in {"before", "assignments"}}
    kind = _reason_kind(event)
    return TimelineEntry(
        event.at,
        event.actor_name,
        event.action,
        transitions().name(event.action, event.to_state),
        event.from_state,
        event.to_state,
        event.reason_code,
        reason_name(event.reason_code, kind),
        kind,
        event.note,
        event.version,
        event.undone_by is not None,
        shown,
    )


def _reason_kind(event: CaseEventRow) -> str | None:
    """Which reasons the reason of an event is one of: the same code may stand in several."""
    if event.action == "raise_objection":
        return f"objection_{event.facts.get('kind')}"
    known = REASON_KINDS.get(event.action)
    return known or next((m.reason_kind for m in transitions().moves if m.action == event.action), None)


def _assignment(row: RowMapping, now: datetime) -> AssignmentView:
    is_open = row["status"] in STATUS_SETS["open"]
    return AssignmentView(
        assignment_id=row["assignment_id"],
        patch_id=row["patch_id"],
        patch_number=row["number"],
        kind=row["kind"],
        kind_name=KIND_NAMES[row["kind"]],
        status=row["status"],
        status_name=STATUS_NAMES[row["status"]],
        tier=row["tier"],
        post_id=row["post_id"],
        post_title=row["post_title"],
        holder_name=row["holder_name"],
        division_code=row["division_code"],
        division_name=division_name(row["division_code"]),
        created_at=row["created_at"],
        due_at=row["due_at"],
        remaining_wd=remaining_working_days(row["due_at"], now) if is_open else None,
        signed_at=row["signed_at"],
        done_at=row["done_at"],
        reason_name=reason_name(row["reason_code"]),
        label_point=(row["lon"], row["lat"]),
        area_m2=row["area_m2"],
        change_class=row["change_class"],
        version=row["version"],
    )


def _visit(row: RowMapping) -> VisitView:
    return VisitView(
        row["visit_id"],
        row["visitor_name"],
        row["device_time"],
        row["received_at"],
        row["finding"],
        FINDINGS.get(row["finding"], row["finding"]),
        dict(row["findings"]),
        row["distance_m"],
        row["accuracy_m"],
        row["coord_source"],
    )


def _evidence(session: Session, patch_id: UUID, blobs: BlobStore | None) -> tuple[EvidenceView, ...]:
    rows = store.evidence_of(session, patch_id)
    places = store.locations_of(session, [row.evidence_id for row in rows])
    return tuple(
        EvidenceView(
            row.evidence_id,
            row.visit_id,
            row.kind,
            row.media_type,
            row.sha256,
            row.size,
            row.captured_at,
            row.received_at,
            places.get(row.evidence_id),
            row.bearing_deg,
            row.accuracy_m,
            row.distance_m,
            # The bytes were hashed on receipt and are named by it; what can go wrong later is their loss.
            blobs is None or row.sha256 in blobs,
            tuple(row.flags),
            row.by_name,
            kind_name(row.kind),
            row.title,
            row.plausibility,
            row.is_reviewed,
        )
        for row in rows
    )


def _verdict(session: Session, case: CaseRow) -> VerdictView | None:
    if case.verdict_kind is None or case.verdict_at is None:
        return None
    names = list_store.account_names(session, case.patch_id)
    by_name = names.get(case.verdict_by, "") if case.verdict_by else ""
    return VerdictView(
        case.verdict_kind,
        case.violation_code,
        case.reason_code,
        case.verdict_note,
        by_name,
        case.verdict_at,
    )


def _targets(session: Session, actor: Actor, case: CaseRow, now: datetime) -> tuple[Target, ...]:
    return tuple(
        Target(post.post_id, post.title, holder.name if holder else "", post.tier, post.kind)
        for post in dispatch.targets(session, actor, case, now=now)
        for holder in (holder_of(post),)
    )


def _undo(
    session: Session, actor: Actor, case: CaseRow, *, now: datetime, undo_minutes: int
) -> UndoView | None:
    try:
        event = undoable_event(session, actor, case, now=now, undo_minutes=undo_minutes)
    except Conflict:
        return None
    return UndoView(
        transitions().name(event.action, event.to_state), event.at + timedelta(minutes=undo_minutes)
    )
