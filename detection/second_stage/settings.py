"""Numbers of the second stage, with their reasons: ``data/rules/second_stage.toml``."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any

DATA_FOLDER = Path(__file__).resolve().parents[2] / "data"
SETTINGS_FILE = DATA_FOLDER / "rules" / "second_stage.toml"


@lru_cache(maxsize=1)
def settings() -> dict[str, Any]:
    """All tables of the file."""
    return tomllib.loads(SETTINGS_FILE.read_text("utf-8"))
