"""Dispatch spreads work among the grid officers of one village, and says so."""

from __future__ import annotations

from patrol import service
from patrol.dispatching.loads import balance_gap
from tests.integration.patrol.conftest import OTHER_VILLAGE

VERIFIER = "SELECT post_id FROM assignment WHERE patch_id = :id AND kind = 'verify' AND status <> 'cancelled'"
FACTS = "SELECT facts FROM case_event WHERE patch_id = :id AND action = 'dispatch' ORDER BY seq DESC LIMIT 1"


def _sent_to(net, patch_id):  # type: ignore[no-untyped-def]
    return net.rows(VERIFIER, id=patch_id)[0]["post_id"]


def test_a_neighbour_goes_once_the_owner_has_far_more_to_do(net) -> None:  # type: ignore[no-untyped-def]
    first = net.add_patch()
    net.do("county", service.dispatch, first)
    owner = _sent_to(net, first)
    neighbour = ({net.post("G-1"), net.post("G-2")} - {owner}).pop()
    for _ in range(balance_gap() - 1):
        patch = net.add_patch()
        net.do("county", service.dispatch, patch)
        assert _sent_to(net, patch) == owner
        assert "instead_of" not in net.rows(FACTS, id=patch)[0]["facts"]

    eased = net.add_patch()
    net.do("county", service.dispatch, eased)
    assert _sent_to(net, eased) == neighbour
    assert net.rows(FACTS, id=eased)[0]["facts"]["instead_of_post_id"] == str(owner)

    # A post chosen by hand is kept to, however loaded; another village's officers are not drawn in.
    by_hand = net.add_patch()
    net.do("county", service.dispatch, by_hand, post_id=owner)
    assert _sent_to(net, by_hand) == owner
    elsewhere = net.add_patch(division_code=OTHER_VILLAGE, at=(112.79, 34.96))
    net.do("county", service.dispatch, elsewhere)
    assert _sent_to(net, elsewhere) not in {owner, neighbour}

    # Work that was sent back counts no more: the owner has room again.
    net.do("station", service.return_, net.open_assignment(first), reason_code="wrong_grid")
    again = net.add_patch()
    net.do("county", service.dispatch, again)
    assert _sent_to(net, again) == owner
