"""Charts of a bulletin as pictures: the same rows give the same bytes on one machine."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont

from patrol.reports.making.typesetting import chinese_font_file

WIDTH, LINE, EDGE, NAMES, SIZE = 1480, 64, 36, 260, 30
COLORS = ("#1F3A5F", "#3E8E5A", "#C8102E")
GREY = "#5B6573"


class BarRow(NamedTuple):
    """One unit and its values, one for each series."""

    name: str
    values: tuple[float, ...]


def bar_chart(rows: Sequence[BarRow], series: Sequence[str]) -> bytes:
    """A PNG of horizontal bars, grouped by unit, each with its number beside it.

    Raises
    ------
    Unavailable
        ``patrol.paper.no_font``.
    """
    file, index = chinese_font_file()
    font = ImageFont.truetype(file, SIZE, index=index)
    step = LINE + (len(series) - 1) * (LINE // 2)
    picture = Image.new("RGB", (WIDTH, EDGE * 2 + LINE + step * len(rows)), "white")
    pen = ImageDraw.Draw(picture)
    left = EDGE
    for place, name in enumerate(series):
        pen.rectangle((left, EDGE, left + SIZE, EDGE + SIZE), fill=COLORS[place])
        pen.text((left + SIZE + 12, EDGE - 4), name, font=font, fill=GREY)
        left += SIZE + 60 + round(pen.textlength(name, font=font))
    most = max((value for row in rows for value in row.values), default=0.0) or 1.0
    room = WIDTH - NAMES - EDGE * 2 - 120
    for line, row in enumerate(rows):
        top = EDGE + LINE + line * step
        pen.text((EDGE, top), row.name[:8], font=font, fill="black")
        height = (step - 14) // len(series)
        for place, value in enumerate(row.values):
            upper = top + place * height
            end = EDGE + NAMES + round(room * value / most)
            pen.rectangle((EDGE + NAMES, upper, end, upper + height - 6), fill=COLORS[place])
            pen.text((end + 10, upper - 4), f"{value:g}", font=font, fill=GREY)
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()
