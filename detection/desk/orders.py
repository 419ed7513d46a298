"""The orders of permit dates against image dates, as tested, printed for people."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from detection.rules import RULES_FOLDER, current_rules

ORDERS_FILE = RULES_FOLDER / "permit_orders.toml"
GAPS = {"none": "首尾相接 no gap", "overlap": "期限重叠 overlap", "gap": "有间断 gap"}
HEAD = """# 批准日期与两期影像的先后 Permit dates against image dates

本表由 `landwarden judgement orders` 按 `data/rules/permit_orders.toml` 打印，逐行经过测试。起止日均含当日。
Printed by `landwarden judgement orders`; every row is run by a test. First and last days are inclusive.

| 编号 | 批准起 from | 批准止 to | 第二次 second | 关系 timing | 建设用地批准 | 临时用地 | 采矿权 | 说明 |
|---|---|---|---|---|---|---|---|---|
"""


@lru_cache(maxsize=1)
def orders() -> Mapping[str, Any]:
    """The table: ``order`` rows, and names of ``positions``."""
    return tomllib.loads(ORDERS_FILE.read_text("utf-8"))


def as_markdown() -> str:
    """The table as docs/permit-orders.md holds it."""
    return HEAD + "".join(_line(row) for row in orders()["order"])


def _line(row: Mapping[str, Any]) -> str:
    names, rules = orders()["positions"], current_rules()
    second = "、".join(names[key] for key in row.get("second", ()))
    gap = f"（{GAPS[row['gap']]}）" if "gap" in row else ""
    cells = [
        row["id"],
        names[row["from"]],
        names[row["to"]],
        f"{second}{gap}" or "—",
        " + ".join(row["timing"]),
        *(rules.suggestion_name(row[key]) for key in ("construction", "temporary", "mining")),
        f"{row['zh']} {row['en']}",
    ]
    return f"| {' | '.join(cells)} |\n"
