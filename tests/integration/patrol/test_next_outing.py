"""The next outing of an officer follows the tasks as they stand, and holds nobody else's."""

from __future__ import annotations

import pytest

from foundation.errors import InvalidInput
from patrol import service
from patrol.outings.service import next_outing

START = (112.745, 34.945)


def test_an_outing_holds_ones_own_open_tasks_and_is_made_anew(net) -> None:  # type: ignore[no-untyped-def]
    near, far, others = (
        net.add_patch(at=at) for at in ((112.751, 34.951), (112.79, 34.96), (112.752, 34.951))
    )
    net.do("county", service.dispatch, far, post_id=net.post("G-1"))
    net.do("county", service.dispatch, near, post_id=net.post("G-1"))
    net.do("county", service.dispatch, others, post_id=net.post("G-2"))

    outing = net.do("grid-1", next_outing, start=START)
    assert {stop.assignment.patch_id for stop in outing.stops} == {near, far}
    assert outing.line[0] == outing.line[-1] == START
    assert len(outing.line) == 4
    assert (outing.start_kind, outing.left) == ("own_place", 0)
    assert outing.length_m > sum(stop.leg_m for stop in outing.stops) > 0
    assert net.do("grid-1", next_outing).start_kind == "middle_of_ground"

    net.do("grid-1", service.return_, net.open_assignment(far), reason_code="wrong_grid")
    assert [stop.assignment.patch_id for stop in net.do("grid-1", next_outing).stops] == [near]


def test_a_start_with_swapped_axes_is_refused(net) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InvalidInput) as caught:
        net.do("grid-1", next_outing, start=(34.945, 112.745))
    assert caught.value.code == "patrol.outing.bad_start"


def test_without_tasks_there_is_no_way(net) -> None:  # type: ignore[no-untyped-def]
    outing = net.do("grid-2", next_outing, start=START)
    assert (outing.stops, outing.line, outing.length_m) == ((), (), 0.0)
