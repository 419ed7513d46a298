"""The page of documentation is what the data say."""

from __future__ import annotations

from pathlib import Path

from patrol.cases.cases import transitions
from patrol.casework import case_states_page, described_table

PAGE = Path(__file__).resolve().parents[4] / "docs" / "case-states.md"


def test_the_page_equals_the_tables() -> None:
    assert PAGE.read_text("utf-8") == case_states_page(), (
        "run: landwarden cases table --out docs/case-states.md"
    )


def test_every_reason_and_fact_that_a_move_asks_for_has_a_name() -> None:
    table = described_table()
    for move in table["moves"]:
        assert not move["reason_kind"] or move["reason_kind"] in table["reasons"]
        assert set(move["facts"]) <= set(table["fact_names"])
    assert set(table["objection_kinds"].values()) <= set(table["reasons"])
    assert {"resume", "record_visit"} <= transitions().while_paused
