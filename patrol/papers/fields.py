"""Fields of papers: what a template may name, and how a stored value is written on paper."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

from foundation.calendar import SHANGHAI
from foundation.errors import InvalidInput

FIELDS_FILE = Path(__file__).resolve().parents[2] / "data" / "papers" / "fields.toml"
TEXT_MAX = 4000
FIXED = frozenset({"paper_number", "issued_on", "drafter_name", "drafted_on"})
"""Set by the platform, never by hand."""
NUMERIC = frozenset({"area", "mu", "money", "count", "share", "degrees"})
COLUMN_TYPES = {"area_m2": "area", "area_mu": "mu", "share": "share", "x_m": "metres", "y_m": "metres"}
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ufffe\uffff]")
CAPITALS = "零壹贰叁肆伍陆柒捌玖"


@dataclass(frozen=True, slots=True)
class PaperField:
    """One row of ``data/papers/fields.toml``.

    Attributes
    ----------
    columns : mapping
        Of a list: key -> Chinese name of each column.
    """

    key: str
    zh: str
    en: str
    type: str
    group: str
    width_mm: float = 0.0
    columns: Mapping[str, str] = field(default_factory=dict)


@lru_cache(maxsize=1)
def paper_fields() -> Mapping[str, PaperField]:
    """All fields by key, in the order of the table."""
    table = tomllib.loads(FIELDS_FILE.read_text("utf-8"))["fields"]
    return {
        key: PaperField(
            key,
            row["zh"],
            row["en"],
            row["type"],
            row["group"],
            float(row.get("width_mm", 0.0)),
            row.get("columns", {}),
        )
        for key, row in table.items()
    }


@lru_cache(maxsize=1)
def group_names() -> Mapping[str, str]:
    """Chinese names of the groups of fields."""
    names: Mapping[str, str] = tomllib.loads(FIELDS_FILE.read_text("utf-8"))["groups"]
    return names


@lru_cache(maxsize=1)
def keys_by_name() -> Mapping[str, str]:
    """Chinese name or key -> key: a template may use either."""
    return {name: item.key for item in paper_fields().values() for name in (item.zh, item.key)}


def shown(item: PaperField, value: Any) -> str:
    """A value as it stands on paper; empty for none, and for lists and pictures."""
    if value is None or item.type in {"list", "picture"}:
        return ""
    return written(item.type, value)


def written(kind: str, value: Any) -> str:
    """A value of a type as text: areas without decimals, 亩 with two, dates as 2026年9月8日."""
    if value is None:
        return ""
    if kind == "date":
        return day_text(date.fromisoformat(str(value)[:10]))
    if kind == "moment":
        at = datetime.fromisoformat(str(value)).astimezone(SHANGHAI)
        return f"{day_text(at.date())}{at.hour}时{at.minute:02d}分"
    places = {"area": 0, "mu": 2, "money": 2, "count": 0, "share": 1, "degrees": 6, "metres": 3}.get(kind)
    if places is None:
        return str(value)
    amount = Decimal(str(value)) * (100 if kind == "share" else 1)
    rounded = amount.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    text = f"{rounded:,f}" if kind in {"area", "money"} else f"{rounded:f}"
    if kind == "money" and text.endswith(".00"):
        text = text[:-3]
    return text + "%" if kind == "share" else text


def shown_rows(item: PaperField, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Rows of a list as texts, by key of each column."""
    return [
        {key: written(COLUMN_TYPES.get(key, "text"), row.get(key)) for key in item.columns} for row in rows
    ]


def checked_override(key: str, value: Any, reason: str | None) -> Any:
    """A value that a person sets in place of the stored one, brought to the type of its field.

    Raises
    ------
    InvalidInput
        ``patrol.paper.unknown_field``, ``patrol.paper.fixed_field``, ``patrol.paper.no_reason`` or
        ``patrol.paper.bad_value``.
    """
    item = paper_fields().get(key)
    if item is None:
        raise InvalidInput("patrol.paper.unknown_field", field=key[:60])
    if key in FIXED or item.type in {"picture", "list"}:
        raise InvalidInput("patrol.paper.fixed_field", field=item.zh)
    if item.group != "written" and not (reason or "").strip():
        raise InvalidInput("patrol.paper.no_reason", field=item.zh)
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    return _typed(item, value)


def _typed(item: PaperField, value: Any) -> Any:
    text = CONTROL.sub("", str(value)).strip()
    try:
        if len(text) > TEXT_MAX:
            raise ValueError(text[:20])
        if item.type in NUMERIC:
            number = Decimal(text.replace(",", ""))
            if not number.is_finite() or number < 0 or number > Decimal("1e12"):
                raise ValueError(text)
            return int(number) if item.type == "count" else float(number)
        if item.type == "date":
            return date.fromisoformat(text).isoformat()
        if item.type == "moment":
            return _with_zone(datetime.fromisoformat(text)).isoformat()
    except (ValueError, ArithmeticError) as error:
        raise InvalidInput("patrol.paper.bad_value", field=item.zh, value=text[:80]) from error
    return text


def _with_zone(moment: datetime) -> datetime:
    return moment.replace(tzinfo=SHANGHAI) if moment.tzinfo is None else moment.astimezone(SHANGHAI)


def day_text(day: date) -> str:
    """``2026年9月8日``."""
    return f"{day.year}年{day.month}月{day.day}日"


def capital_yuan(amount: float) -> str:
    """An amount of money in capital numerals: 壹万贰仟叁佰元整.

    Parameters
    ----------
    amount : float
        元, at most below 10^12; rounded to 分.
    """
    fen = int((Decimal(str(amount)) * 100).quantize(Decimal(1), ROUND_HALF_UP))
    yuan, jiao, cents = fen // 100, fen // 10 % 10, fen % 10
    text = _capital_integer(yuan) + "元" if yuan else ""
    if not jiao and not cents:
        return (text or "零元") + "整"
    if jiao:
        text += CAPITALS[jiao] + "角"
    elif yuan:
        text += "零"
    return text + (CAPITALS[cents] + "分" if cents else "整")


def _capital_integer(number: int) -> str:
    groups, text, is_gap = ("", "万", "亿"), "", False
    for place in range(2, -1, -1):
        part = number // 10_000**place % 10_000
        if part == 0:
            is_gap = bool(text)
            continue
        if text and (is_gap or part < 1000):
            text += "零"
        text += _capital_part(part) + groups[place]
        is_gap = False
    return text


def _capital_part(part: int) -> str:
    text, is_gap = "", False
    for unit, name in ((1000, "仟"), (100, "佰"), (10, "拾"), (1, "")):
        digit = part // unit % 10
        if digit == 0:
            is_gap = bool(text)
            continue
        text += ("零" if is_gap else "") + CAPITALS[digit] + name
        is_gap = False
    return text
