"""A made case, so that a template can be looked at before anybody works with it."""

from __future__ import annotations

import io
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from patrol.papers.fields import COLUMN_TYPES, PaperField, paper_fields
from patrol.reports.making.typesetting import chinese_font_file

TYPED: Mapping[str, Any] = MappingProxyType(
    {
        "date": "2026-09-08",
        "moment": "2026-09-08T10:30:00+08:00",
        "area": 1234.5,
        "mu": 1.85,
        "metres": 3_898_123.456,
        "money": 123_450.0,
        "count": 3,
        "share": 0.365,
        "degrees": 113.256789,
    }
)
OWN: Mapping[str, Any] = MappingProxyType(
    {"latitude_deg": 35.234567, "area_min_m2": 1201.0, "area_max_m2": 1268.0}
)
PICTURE_PX = (640, 400)
LONG = "样例文字，供查看版面。"
LONG_TIMES = 6


def sample_values() -> dict[str, Any]:
    """A value for every field: numbers of a made case, texts that name their field; pictures by their key."""
    return {key: _value(item) for key, item in paper_fields().items()}


def sample_pictures() -> dict[str, bytes]:
    """A picture for every field that holds one, PNG, with the field's name on it."""
    return {key: _picture(item.zh) for key, item in paper_fields().items() if item.type == "picture"}


def _value(item: PaperField) -> Any:
    if item.type == "picture":
        return item.key
    if item.type == "list":
        return [{name: _cell(name, zh, row) for name, zh in item.columns.items()} for row in (1, 2)]
    if item.type == "input":
        return f"〔{item.zh}〕{LONG * LONG_TIMES}"
    return OWN.get(item.key, TYPED.get(item.type, f"〔{item.zh}〕"))


def _cell(name: str, zh: str, row: int) -> Any:
    return TYPED.get(COLUMN_TYPES.get(name, "text"), f"〔{zh}{row}〕")


@lru_cache(maxsize=16)
def _picture(name: str) -> bytes:
    picture = Image.new("RGB", PICTURE_PX, (226, 230, 235))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((8, 8, PICTURE_PX[0] - 9, PICTURE_PX[1] - 9), outline=(130, 140, 150), width=3)
    middle = (PICTURE_PX[0] // 2, PICTURE_PX[1] // 2)
    draw.text(middle, f"样例　{name}", fill=(70, 80, 90), font=_font(), anchor="mm")
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def _font() -> ImageFont.FreeTypeFont:
    path, index = chinese_font_file()
    return ImageFont.truetype(path, 42, index=index)
