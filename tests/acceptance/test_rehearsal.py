"""Every branch of the life of a case by the installed command, on a county and a database of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.acceptance.conftest import Installation

pytestmark = pytest.mark.acceptance

ENDS = {
    "lawful": "dismissed",
    "not_new": "dismissed",
    "penalty": "closed",
    "partly_exceeded": "closed",
    "transferred": "closed",
    "objection_corrected": "closed",
    "relapsed": "closed",
}


@pytest.fixture(scope="module")
def rehearsed(demo_installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the command wrote."""
    target: Path = tmp_path_factory.mktemp("rehearsal") / "rehearsal.json"
    done = demo_installation.run("cases", "rehearse", "--json", str(target))
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-6000:]
    found: dict[str, Any] = json.loads(target.read_text("utf-8"))
    return found


def test_every_branch_ends_as_it_should(rehearsed: dict[str, Any]) -> None:
    ends = {row["branch"]: row["end_state"] for row in rehearsed["branches"]}
    assert {branch: ends[branch] for branch in ENDS} == ENDS
    assert len({row["number"] for row in rehearsed["branches"]}) == len(rehearsed["branches"])


def test_every_promise_held(rehearsed: dict[str, Any]) -> None:
    assert rehearsed["faults"] == []
    assert rehearsed["checks"]["audit_chain_holds"] is True
    assert rehearsed["ownerless_checks"] > 80
    codes = {row["code"] for row in rehearsed["refusals"]}
    assert {"patrol.case.same_person", "patrol.case.period_running", "patrol.case.paused"} <= codes


def test_an_upheld_objection_changes_each_number_once(rehearsed: dict[str, Any]) -> None:
    told = rehearsed["counts"]["objection"]
    assert told["after"]["verdicts"] == told["before"]["verdicts"] - 1
    assert told["signed_again"] == told["before"]
    assert told["after"]["leads"] == told["before"]["leads"]
    assert told["outcome"]["area_m2"]["after"] < told["outcome"]["area_m2"]["before"]


def test_papers_are_numbered_and_the_case_was_handed_out_as_a_bundle(rehearsed: dict[str, Any]) -> None:
    numbers = [row["paper_no"] for row in rehearsed["papers"]]
    assert len(numbers) == len(set(numbers)) >= 7
    assert rehearsed["bundle"]["bytes"] > 100_000


def test_closed_ground_was_looked_at_and_the_act_has_its_limit(rehearsed: dict[str, Any]) -> None:
    closed = [row for row in rehearsed["branches"] if row["end_state"] == "closed"]
    assert sum(rehearsed["counts"]["watch"].values()) >= len(closed) - 1
    assert rehearsed["counts"]["watch"]["unchanged"] >= 1
    assert rehearsed["counts"]["limitation"] == "2028-08-20"
