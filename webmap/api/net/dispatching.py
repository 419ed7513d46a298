"""Dispatching: the queue, corrections learned from returns, shared patches, a changed policy tried."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Query

from foundation.calendar import parse_period
from patrol import casework
from patrol.dispatching import previewing
from patrol.dispatching import service as dispatching
from patrol.dispatching.policies import dispatch_policy, policy_text
from webmap.deps import ExpectedVersion, SignedIn, noun_router
from webmap.schemas.net.dispatching import (
    GridCorrectionInfo,
    HelpInfo,
    QueuedInfo,
    QueueInfo,
    ReleaseForm,
    RevokeForm,
    RuleChangeInfo,
    RulesForm,
    RulesInfo,
    RulesPreviewInfo,
)

router = noun_router("dispatching")
Month = Annotated[
    str | None, Query(pattern=r"^\d{4}-\d{2}$", description="A month; none: the last.", examples=["2026-09"])
]


@router.get("/dispatch-queue", summary="Patches that wait until somebody has room")
def read_queue(caller: SignedIn) -> QueueInfo:
    """In the order in which they go out; nothing waits without a reason and a latest time."""
    with caller.transaction() as session:
        found = casework.list_queue(session, caller.actor)
    rules = dispatch_policy()
    items = [QueuedInfo.model_validate(view) for view in found]
    return QueueInfo(items=items, day=rules.day, week=rules.week, longest_wd=rules.longest_wd)


@router.post("/dispatch-queue/{patch_id}/release", status_code=204, summary="Send a queued patch out at once")
def release_queued(caller: SignedIn, patch_id: UUID, body: ReleaseForm, version: ExpectedVersion) -> None:
    """Although the person's day or week is full: the desk's own decision, on record."""
    with caller.transaction() as session:
        casework.release_now(
            session, caller.actor, patch_id, now=caller.now(), note=body.note, expected_version=version
        )


@router.get("/dispatch-corrections", summary="Ground for which another officer answers than the grid says")
def list_corrections(caller: SignedIn, revoked: bool = False) -> list[GridCorrectionInfo]:
    """Learned from returns as of another grid; those in force first, newest first."""
    with caller.transaction() as session:
        found = dispatching.list_corrections(session, caller.actor, with_revoked=revoked)
    return [GridCorrectionInfo.model_validate(view) for view in found]


@router.post("/dispatch-corrections/{correction_id}/revoke", status_code=204, summary="Revoke a correction")
def revoke_correction(caller: SignedIn, correction_id: UUID, body: RevokeForm) -> None:
    """The grid decides again on that ground; the correction stays on record."""
    with caller.transaction() as session:
        dispatching.revoke_correction(
            session, caller.actor, correction_id, reason=body.reason, now=caller.now()
        )


@router.get("/dispatch-helps", summary="Patches in two cells of the caller's area: who leads, who helps")
def list_shared(caller: SignedIn) -> list[HelpInfo]:
    """While they are on their way or being visited."""
    with caller.transaction() as session:
        found = dispatching.list_shared(session, caller.actor)
    return [HelpInfo.model_validate(view) for view in found]


@router.get("/helps", summary="Patches with which the caller helps")
def list_helps(caller: SignedIn) -> list[HelpInfo]:
    """They lie partly in the caller's cell; somebody else leads."""
    with caller.transaction() as session:
        found = dispatching.list_helps(session, caller.actor)
    return [HelpInfo.model_validate(view) for view in found]


@router.get("/dispatch-rules", summary="The policy of dispatching in force")
def read_rules(caller: SignedIn) -> RulesInfo:
    """As TOML: what a change begins from."""
    return RulesInfo(text=policy_text())


@router.post("/dispatch-rules/preview", summary="Try a changed policy on a month")
def preview_rules(caller: SignedIn, body: RulesForm, month: Month = None) -> RulesPreviewInfo:
    """What it would have made of the dispatches of the caller's area; nothing is stored."""
    period = parse_period(month) if month else None
    with caller.transaction() as session:
        found = previewing.preview_rules(
            session, caller.actor, body.text.encode(), now=caller.now(), period=period
        )
    changes = [RuleChangeInfo(key=key, now=now, changed=changed) for key, now, changed in found.changes]
    names = set(RulesPreviewInfo.model_fields) - {"changes"}
    return RulesPreviewInfo(changes=changes, **{name: getattr(found, name) for name in names})
