"""A patch in two cells has a lead and a helper; what comes back as of another grid is learned from."""

from __future__ import annotations

from uuid import UUID

import pytest

from foundation.errors import Conflict, NotFound
from patrol import service
from patrol.dispatching import service as dispatching
from tests.integration.patrol.conftest import Net

BORDER = (112.7594, 34.951)
"""Six tenths in the first cell, four in the second."""
FIRST_CELL, SECOND_CELL = (112.751, 34.951), (112.771, 34.951)


def _officer(net: Net, patch_id: UUID) -> UUID:
    (row,) = net.rows(
        "SELECT post_id FROM assignment WHERE patch_id = :id AND kind = 'verify'"
        " AND status NOT IN ('cancelled', 'returned')",
        id=patch_id,
    )
    return UUID(str(row["post_id"]))


def _dispatched(net: Net, at: tuple[float, float]) -> UUID:
    patch = net.add_patch(at=at)
    net.do("county", service.dispatch, patch)
    return patch


def _down_to_officer(net: Net, patch: UUID) -> str:
    for login in ("station", "chief"):
        net.do(login, service.sign, net.open_assignment(patch))
    return {net.post("G-1"): "grid-1", net.post("G-2"): "grid-2"}[_officer(net, patch)]


def _helps(net: Net, login: str) -> list[UUID]:
    helps = net.do(login, lambda session, actor, now: dispatching.list_helps(session, actor))
    return [view.patch_id for view in helps]  # type: ignore[attr-defined]


def test_a_patch_in_two_cells_has_a_lead_and_a_helper(net: Net) -> None:
    shared = _dispatched(net, BORDER)
    lead = _down_to_officer(net, shared)
    helper = {"grid-1": "grid-2", "grid-2": "grid-1"}[lead]
    assert _helps(net, helper) == [shared]
    assert _helps(net, lead) == []
    (view,) = net.do(helper, lambda session, actor, now: dispatching.list_helps(session, actor))
    assert 0.38 < view.share < 0.42
    assert view.lead_named == f"一村网格员 {net.actor(lead).name}"
    assert view.outline["type"] == "MultiPolygon"
    (notice,) = net.rows("SELECT kind, account_id FROM notice WHERE kind = 'helping'")
    assert notice["account_id"] == net.actor(helper).account_id

    (seen,) = net.do("county", lambda session, actor, now: dispatching.list_shared(session, actor))
    assert (seen.patch_id, seen.post_id) == (shared, view.post_id)

    # One cell only: nobody helps. Handed on to the helper: that one leads then.
    _dispatched(net, FIRST_CELL)
    assert len(net.rows("SELECT 1 FROM dispatch_helper")) == 1
    net.do(lead, service.return_, net.open_assignment(shared), reason_code="no_access")
    to = net.post({"grid-1": "G-1", "grid-2": "G-2"}[helper])
    net.do("chief", service.forward, net.open_assignment(shared), post_id=to)
    assert _helps(net, helper) == []
    assert net.rows("SELECT 1 FROM dispatch_correction") == []


def test_help_ends_when_the_patch_is_recalled(net: Net) -> None:
    shared = _dispatched(net, BORDER)
    net.do("county", service.move_case, shared, "recall", reason_code="other")
    with net.runtime.database.transaction(net.runtime.system) as session:
        service.run_clocks(session, net.runtime.system, now=net.clock())
    assert net.rows("SELECT 1 FROM dispatch_helper WHERE ended_at IS NULL") == []


def test_the_next_dispatch_on_corrected_ground_goes_to_whom_it_was_corrected(net: Net) -> None:
    first = _dispatched(net, FIRST_CELL)
    wrong = _down_to_officer(net, first)
    owner = _officer(net, first)
    right = ({net.post("G-1"), net.post("G-2")} - {owner}).pop()
    net.do(wrong, service.return_, net.open_assignment(first), reason_code="wrong_grid")
    net.do("chief", service.forward, net.open_assignment(first), post_id=right, note="该地块由乙组管护")

    (view,) = net.do("county", lambda s, a, now: dispatching.list_corrections(s, a))
    assert (view.why, view.recorded_by_name) == ("该地块由乙组管护", "村长甲")
    assert _officer(net, _dispatched(net, FIRST_CELL)) == right
    (facts,) = net.rows(
        "SELECT facts FROM case_event WHERE patch_id = :id AND action = 'dispatch'", id=net.patches[-1]
    )
    assert facts["facts"]["by_correction"] == str(view.correction_id)
    half_away = (FIRST_CELL[0] + 0.0007, FIRST_CELL[1])  # three tenths on that ground: not enough
    assert _officer(net, _dispatched(net, half_away)) == owner

    net.do("county", dispatching.revoke_correction, view.correction_id, reason="管护范围已调回")
    assert _officer(net, _dispatched(net, FIRST_CELL)) == owner
    (row,) = net.do("county", lambda s, a, now: dispatching.list_corrections(s, a, with_revoked=True))
    assert (row.revoked_by_name, row.revoked_reason) == ("大队甲", "管护范围已调回")
    with pytest.raises(Conflict):
        net.do("county", dispatching.revoke_correction, view.correction_id, reason="再撤")
    with pytest.raises(NotFound):
        net.do("chief-2", dispatching.revoke_correction, view.correction_id, reason="x")


def test_nobody_gets_again_what_was_given_back_as_of_another_grid(net: Net) -> None:
    patch = _dispatched(net, SECOND_CELL)
    wrong = _down_to_officer(net, patch)
    owner = _officer(net, patch)
    net.do(wrong, service.return_, net.open_assignment(patch), reason_code="wrong_grid")
    for login in ("chief", "station"):
        net.do(login, service.return_, net.open_assignment(patch), reason_code="not_responsible")
    assert net.state(patch)[0] == "triage"
    net.do("county", service.dispatch, patch)
    assert _officer(net, patch) != owner

    # Undoing a dispatch by hand takes what was learned from it back.
    net.do("county", service.undo, patch, undo_minutes=10)
    net.do("county", service.dispatch, patch, post_id=({net.post("G-1"), net.post("G-2")} - {owner}).pop())
    assert len(net.rows("SELECT 1 FROM dispatch_correction WHERE revoked_at IS NULL")) == 1
    net.do("county", service.undo, patch, undo_minutes=10)
    assert net.rows("SELECT 1 FROM dispatch_correction WHERE revoked_at IS NULL") == []
