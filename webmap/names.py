"""What people call the codes that the API answers."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

CLASSES_FILE = Path(__file__).resolve().parents[1] / "data" / "reference" / "change_classes.toml"
STATES: Mapping[str, tuple[str, str]] = {
    "new": ("待判读", "to be judged"),
    "suspect": ("疑似违法", "suspected"),
    "dispatched": ("已下发", "handed down"),
    "checking": ("核查中", "being checked"),
    "review": ("待复核", "under review"),
    "rectify": ("整改中", "being rectified"),
    "closed": ("已销号", "closed"),
    "dismissed": ("合法/排除", "lawful or excluded"),
}
"""Displayed state -> Chinese, English; in the order of a patch's life."""
SOURCES: Mapping[str, str] = {
    "satellite": "卫星遥感",
    "drone": "无人机航拍",
    "surface": "地表模型",
    "camera": "铁塔视频",
    "cadastre": "不动产登记变化",
    "public": "群众举报",
    "patrol": "日常巡查",
}


def class_name(change_class: str) -> str:
    """Chinese name of a class of change; the code itself where the table has none."""
    return _classes().get(change_class, change_class)


def class_names() -> Mapping[str, str]:
    """Every class of change with its Chinese name."""
    return _classes()


def source_name(source: str) -> str:
    """Chinese name of where a lead comes from."""
    return SOURCES.get(source, source)


@lru_cache(maxsize=1)
def _classes() -> Mapping[str, str]:
    table: dict[str, str] = tomllib.loads(CLASSES_FILE.read_text("utf-8"))
    return table
