"""The small net of the floor above, and a patch brought to where a test begins."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID, uuid4

import pytest

from patrol import service
from patrol.service import VerdictBody, VisitBody

UNLAWFUL = VerdictBody("unlawful", violation_code="L04", reason_code="evidence_clear")


def visit(net, patch_id: UUID, login: str = "grid-1") -> None:  # type: ignore[no-untyped-def]
    body = VisitBody(
        visit_id=uuid4(),
        assignment_id=net.open_assignment(patch_id),
        device_time=net.clock(),
        device_counter=1,
        lonlat=(112.7515, 34.9515),
        accuracy_m=6.0,
        coord_source="wgs84",
        finding="built",
        note="已建成",
    )
    net.do(login, service.record_visit, body)


@pytest.fixture
def judged(net) -> Callable[..., UUID]:  # type: ignore[no-untyped-def]
    """A patch that was visited and judged unlawful by ``county``, waiting for what comes next."""

    def make(code: str = "L04", **patch: object) -> UUID:
        patch_id: UUID = net.add_patch(**patch)
        net.do("county", service.dispatch, patch_id, post_id=net.post("G-1"))
        visit(net, patch_id)
        body = VerdictBody("unlawful", violation_code=code, reason_code="evidence_clear")
        net.do("county", service.record_verdict, patch_id, body)
        return patch_id

    return make
