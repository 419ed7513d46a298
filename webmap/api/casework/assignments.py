"""Assignments: the task list; sign, return, forward."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Query
from sqlalchemy.orm import Session

from foundation.errors import NotFound
from patrol import service as patrol
from webmap.deps import Caller, SignedIn, noun_router
from webmap.names import class_name
from webmap.schemas.basics import Page
from webmap.schemas.fieldwork import AssignmentRow, ForwardBody, ReturnBody

router = noun_router("assignments")


@router.get("/assignments", summary="The task list, soonest deadline first")
def list_assignments(
    caller: SignedIn,
    mine: Annotated[bool, Query(description="Only the caller's own, or of the caller's posts.")] = False,
    status: Literal["open", "waiting", "done", "all"] = "open",
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    cursor: Annotated[str | None, Query(max_length=400)] = None,
) -> Page[AssignmentRow]:
    """`open`: sent or signed."""
    with caller.transaction() as session:
        page = patrol.list_assignments(
            session,
            caller.actor,
            now=caller.now(),
            is_mine=mine,
            status=status,
            limit=limit,
            cursor=cursor,
        )
    items = [assignment_row(row) for row in page.items]
    return Page[AssignmentRow](items=items, next_cursor=page.next_cursor, total=page.total)


@router.post("/assignments/{assignment_id}/sign", summary="Take an assignment on")
def sign_assignment(caller: SignedIn, assignment_id: UUID) -> AssignmentRow:
    """Signing again changes nothing."""
    with caller.transaction() as session:
        case = patrol.sign(session, caller.actor, assignment_id, now=caller.now())
        return _now(session, caller, case.patch_id, assignment_id)


@router.post("/assignments/{assignment_id}/return", summary="Give an assignment back, with a reason")
def return_assignment(caller: SignedIn, assignment_id: UUID, body: ReturnBody) -> AssignmentRow:
    """To whoever handed it down; from the first pair of hands to the county's desk."""
    with caller.transaction() as session:
        case = patrol.return_(
            session,
            caller.actor,
            assignment_id,
            reason_code=body.reason_code,
            note=body.note,
            now=caller.now(),
        )
        return _now(session, caller, case.patch_id, assignment_id)


@router.post("/assignments/{assignment_id}/forward", summary="Hand an assignment on")
def forward_assignment(
    caller: SignedIn, assignment_id: UUID, body: ForwardBody | None = None
) -> AssignmentRow:
    """To the next pair of hands of the chain, or to a post below one's own."""
    wanted = body or ForwardBody()
    with caller.transaction() as session:
        case = patrol.forward(
            session,
            caller.actor,
            assignment_id,
            now=caller.now(),
            post_id=wanted.post_id,
            note=wanted.note,
        )
        return _now(session, caller, case.patch_id, assignment_id)


def _now(session: Session, caller: Caller, patch_id: UUID, assignment_id: UUID) -> AssignmentRow:
    """The assignment as it stands after the change."""
    session.flush()
    minutes = caller.runtime.settings.undo_minutes
    detail = patrol.case_detail(session, caller.actor, patch_id, now=caller.now(), undo_minutes=minutes)
    for view in detail.assignments:
        if view.assignment_id == assignment_id:
            return assignment_row(view)
    raise NotFound("foundation.access.not_found")


def assignment_row(view: patrol.AssignmentView) -> AssignmentRow:
    """One line of the task list, with the names people read."""
    names = set(AssignmentRow.model_fields) - {"change_class_name"}
    values: dict[str, Any] = {name: getattr(view, name) for name in names}
    return AssignmentRow(**values, change_class_name=class_name(view.change_class))
