"""Numbers of training and fine-tuning, with their reasons: ``data/policies/learning.toml``."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any

DATA_FOLDER = Path(__file__).resolve().parents[2] / "data"
SETTINGS_FILE = DATA_FOLDER / "policies" / "learning.toml"
WEIGHTS_FILE = DATA_FOLDER / "models" / "siamese.npz"
"""The shipped net's own weights, from which fine-tuning starts; `inference.MODEL_FILE` is the same net."""


@lru_cache(maxsize=1)
def settings() -> dict[str, Any]:
    """All tables of the file."""
    return tomllib.loads(SETTINGS_FILE.read_text("utf-8"))
