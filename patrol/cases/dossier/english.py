"""English names of what the rules name in Chinese, for a client that shows English."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from patrol.cases.cases import transitions
from patrol.cases.reasons import ENGLISH_FILE, all_reasons


@lru_cache(maxsize=1)
def english_names() -> Mapping[str, Mapping[str, str]]:
    """What is named → key → English name.

    Keys of ``reasons`` are ``kind/code``, of ``moves`` ``action/state it leads to``: one action may have a
    name for each. The rest are keyed as in the rules.
    """
    named: dict[str, Any] = tomllib.loads(ENGLISH_FILE.read_text("utf-8"))
    table = transitions()
    return {
        **named,
        "reasons": {f"{reason.kind}/{reason.code}": reason.en for reason in all_reasons()},
        "moves": {f"{move.action}/{move.to_state}": move.en for move in table.moves},
        "states": {state.key: state.en for state in table.states.values()},
        "stages": {stage.key: stage.en for stage in table.stage_rules},
    }
