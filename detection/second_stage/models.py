"""Trained models as the system keeps them, the one that ships with it, and the numbers of the stage."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import UUID

from detection.second_stage.examples import Example, read_table
from detection.second_stage.model import SecondStage

DATA_FOLDER = Path(__file__).resolve().parents[2] / "data"
SETTINGS_FILE = DATA_FOLDER / "rules" / "second_stage.toml"
KIND = "second_stage"
SHIPPED = "shipped"
MODEL_FILE = DATA_FOLDER / "models" / "second_stage.npz"
TABLE_FILE = DATA_FOLDER / "models" / "second_stage_generator.npz"


@dataclass(frozen=True, slots=True)
class ModelRecord:
    """One trained model: when, from what, how good, and whether it serves."""

    model_id: UUID
    trained_at: datetime
    trained_by: str
    data_sha256: str
    label_count: int
    data_until: datetime | None
    scores: Mapping[str, Any]
    blob_sha256: str
    is_active: bool
    activated_at: datetime | None


@lru_cache(maxsize=1)
def settings() -> dict[str, Any]:
    """All tables of ``data/rules/second_stage.toml``, each number with its reason."""
    return tomllib.loads(SETTINGS_FILE.read_text("utf-8"))


@lru_cache(maxsize=1)
def shipped_model() -> SecondStage | None:
    """The model that ships with the product, learnt from the generator alone; None where none ships."""
    return SecondStage.from_bytes(MODEL_FILE.read_bytes()) if MODEL_FILE.is_file() else None


@lru_cache(maxsize=1)
def shipped_examples() -> tuple[Example, ...]:
    """Examples of the generator's training counties that ship with the product."""
    return tuple(read_table(TABLE_FILE.read_bytes())) if TABLE_FILE.is_file() else ()
