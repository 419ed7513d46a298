"""What the rules name in Chinese has an English name, and no name is left over."""

from __future__ import annotations

import re

from patrol.cases import assignments
from patrol.cases.cases import transitions
from patrol.cases.clocks import clock_table
from patrol.cases.dossier.service import DUTY_NAMES, OBJECTION_STATUS, STATUS_NAMES
from patrol.cases.objections.objections import objection_table
from patrol.cases.reasons import reason_name, reasons, reasons_in_english
from patrol.cases.stages import pause_rules
from patrol.casework import described_table
from patrol.papers import parties, reading
from patrol.papers.kinds import paper_kinds

CHINESE = re.compile(r"[\u4e00-\u9fff]")


def test_every_name_has_its_english_one() -> None:
    names, table = described_table()["names_en"], transitions()
    assert {kind: set(rows) for kind, rows in reasons_in_english().items()} == {
        kind: set(rows) for kind, rows in reasons().items() if kind != "names"
    }
    assert set(names["moves"]) == {f"{move.action}/{move.to_state}" for move in table.moves}
    assert set(names["states"]) == set(table.states)
    assert list(names["stages"]) == list(table.stages)
    assert set(names["facts"]) == set(table.fact_names)
    assert set(names["clocks"]) == set(clock_table().clocks)
    assert set(names["pauses"]) == set(pause_rules())
    assert set(names["objections"]) == set(objection_table().rules)
    assert set(names["duties"]) == set(DUTY_NAMES)
    assert set(names["clock_status"]) == set(STATUS_NAMES)
    assert set(names["objection_status"]) == set(OBJECTION_STATUS)
    assert set(names["tasks"]) == set(assignments.KIND_NAMES)
    assert set(names["task_status"]) == set(assignments.STATUS_NAMES)
    assert set(names["paper_status"]) == set(reading.STATUS_NAMES)
    assert set(names["parties"]) == set(parties.KINDS)
    assert set(names["papers"]) == set(paper_kinds())
    spoken = [name for rows in names.values() for name in rows.values()]
    assert all(name.strip() and not CHINESE.search(name) for name in spoken)


def test_a_code_that_stands_in_several_kinds_is_named_by_its_own() -> None:
    assert reason_name("restored", "rectified") == "已恢复种植条件"
    assert reason_name("restored", "not_new") == "拆除复垦"
    assert reason_name("relapse", "no such kind") == "同一地块再次违法"
    assert reason_name("no such code", "rectified") == "no such code"
