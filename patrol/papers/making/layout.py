"""Built-in templates: from readable sources to Word, with the typefaces and margins of official papers.

References
----------
GB/T 9704-2012, layout key for official documents of Party and government organs: A4, title 二号 小标宋,
body 三号 仿宋, headings 黑体.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from docx import Document
from docx.enum.table import WD_CELL_VERTICAL_ALIGNMENT, WD_ROW_HEIGHT_RULE, WD_TABLE_ALIGNMENT
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Mm, Pt

from foundation.calendar import SHANGHAI
from foundation.errors import Defect
from patrol.papers.kinds import paper_kind
from patrol.reports.archives import frozen

TEMPLATES_FOLDER = Path(__file__).resolve().parents[3] / "data" / "papers" / "templates"
BODY, HEAD, TITLE = "仿宋", "黑体", "方正小标宋简体"
BUILT_AT = datetime(2026, 1, 1, tzinfo=SHANGHAI)
LINE_END = re.compile(r" ?// ?")
CELL_MARK = re.compile(r"\s*(?:>(?P<span>\d+)|\^(?P<height>\d+))\s*$")
ROOMY_SIZE, ROOMY_MM = 11.0, 9.0
"""Rows of a form with type of this size are at least so high."""
LEFT, CENTER, RIGHT = WD_ALIGN_PARAGRAPH.LEFT, WD_ALIGN_PARAGRAPH.CENTER, WD_ALIGN_PARAGRAPH.RIGHT


@dataclass(frozen=True, slots=True)
class Style:
    """How a paragraph is set: sizes in points, the indent in signs of its own size."""

    font: str
    size: float
    align: Any
    indent: float = 0.0
    right_signs: float = 0.0
    before: float = 0.0
    line: float = 0.0


STYLES = {
    "issuer": Style(TITLE, 22, CENTER),
    "title": Style(TITLE, 22, CENTER, before=6),
    "number": Style(BODY, 16, CENTER, before=8, line=28),
    "right": Style(BODY, 12, RIGHT),
    "to": Style(BODY, 16, LEFT, line=28),
    "head": Style(HEAD, 16, LEFT, indent=2, line=28),
    "body": Style(BODY, 16, LEFT, indent=2, line=28),
    "center": Style(BODY, 12, CENTER),
    "sign": Style(BODY, 16, RIGHT, right_signs=2, before=20, line=28),
    "date": Style(BODY, 16, RIGHT, right_signs=4, line=28),
    "small": Style(BODY, 10.5, LEFT, before=6),
}
TIGHT_MM = (18.0, 15.0, 15.0, 15.0)
OFFICIAL_MM = (37.0, 35.0, 28.0, 26.0)
"""Margins: top, bottom, left, right. Papers that are one form on one page take the tight ones."""
FORMS = frozenset({"check_sheet"})
TABLES = frozenset({"lead_register", "filing_report", "survey_record", "closing_report", "service_receipt"})


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a source row."""

    text: str
    span: int = 1
    is_head: bool = False
    is_left: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a source table; its least height in mm."""

    cells: tuple[Cell, ...]
    height_mm: float = 0.0


@lru_cache(maxsize=32)
def built_in_template(kind: str) -> bytes:
    """Word template of a kind; the same source gives the same bytes."""
    name = paper_kind(kind).zh
    lines = (TEMPLATES_FOLDER / f"{kind}.txt").read_text("utf-8").splitlines()
    document = _blank(kind)
    table: list[Row] = []
    head = ""
    for line in [*lines, ""]:
        if table and not line.startswith("| "):
            _table(document, head, table)
            table = []
        if line.startswith(("|=", "|-")):
            head = line
        elif line.startswith("| "):
            table.append(parse_row(line))
        elif line.strip():
            _paragraph(document, line)
    document.core_properties.author = document.core_properties.last_modified_by = ""
    document.core_properties.title = name
    out = io.BytesIO()
    document.save(out)
    return frozen(out.getvalue(), at=BUILT_AT)


def parse_row(line: str) -> Row:
    """A row of a readable source: ``| !案由 | {{案由}} >3 ^20``."""
    height_mm, cells = 0.0, []
    for part in line[1:].split("|"):
        text, span = part.strip(), 1
        while match := CELL_MARK.search(text):
            span = int(match["span"] or span)
            height_mm = float(match["height"] or height_mm)
            text = text[: match.start()].rstrip()
        is_head, is_left = text.startswith("!"), text.startswith("<")
        cells.append(Cell(text[1:].strip() if is_head or is_left else text, span, is_head, is_left))
    return Row(tuple(cells), height_mm)


def set_run(line: Any, text: str, *, font: str, size: float) -> None:
    """Add text in a typeface for both Latin and Chinese."""
    run = line.add_run(text)
    run.font.name, run.font.size = font, Pt(size)
    run._element.get_or_add_rPr().get_or_add_rFonts().set(qn("w:eastAsia"), font)
    _mark_size(line, size)


def _mark_size(line: Any, size: float) -> None:
    """Size of the paragraph's own mark: how high the line is while its fields are empty."""
    form = line._p.get_or_add_pPr()
    for former in form.findall(qn("w:rPr")):
        form.remove(former)
    marks, half_points = OxmlElement("w:rPr"), OxmlElement("w:sz")
    half_points.set(qn("w:val"), str(round(2 * size)))
    marks.append(half_points)
    form.append(marks)


def _blank(kind: str) -> Any:
    document = Document()
    section = document.sections[0]
    section.page_width, section.page_height = Mm(210), Mm(297)
    margins = TIGHT_MM if kind in FORMS else OFFICIAL_MM
    if kind in TABLES:
        margins = (25.0, 20.0, 20.0, 20.0)
    section.top_margin, section.bottom_margin = Mm(margins[0]), Mm(margins[1])
    section.left_margin, section.right_margin = Mm(margins[2]), Mm(margins[3])
    style = document.styles["Normal"]
    style.font.name, style.font.size = BODY, Pt(16)
    style.element.rPr.rFonts.set(qn("w:eastAsia"), BODY)
    style.paragraph_format.space_after = Pt(0)
    return document


def _paragraph(document: Any, line: str) -> None:
    name, text = "body", line.strip()
    if line.startswith("#"):
        name, _, text = line[1:].partition(" ")
    if name not in STYLES:
        raise Defect("patrol.paper.bad_source", line=line[:60])
    style = STYLES[name]
    paragraph = document.add_paragraph()
    paragraph.alignment = style.align
    form = paragraph.paragraph_format
    form.space_before, form.space_after = Pt(style.before), Pt(0)
    if style.indent:
        form.first_line_indent = Pt(style.indent * style.size)
    if style.right_signs:
        form.right_indent = Pt(style.right_signs * style.size)
    if style.line:
        form.line_spacing = Pt(style.line)
    form.keep_with_next = True if name in {"head", "sign"} else None
    if name == "sign" and len(document.paragraphs) > 1:
        # The signature never stands on a page of its own.
        document.paragraphs[-2].paragraph_format.keep_with_next = True
    set_run(paragraph, text, font=style.font, size=style.size)


def _table(document: Any, head: str, rows: Sequence[Row]) -> None:
    measures, _, size = head[2:].partition(",")
    widths = [float(word) for word in measures.split()]
    points = float(size or 11)
    # Two tables that touch would be one: a line of one point keeps them apart.
    gap = document.add_paragraph()
    gap.paragraph_format.space_after = Pt(0)
    gap.paragraph_format.line_spacing = Pt(3)
    set_run(gap, "", font=BODY, size=1)
    table = document.add_table(rows=len(rows), cols=len(widths))
    table.alignment, table.autofit = WD_TABLE_ALIGNMENT.CENTER, False
    if head.startswith("|="):
        table.style = "Table Grid"
    for column, width in zip(table.columns, widths, strict=True):
        column.width = Mm(width)
    for place, row in enumerate(rows):
        line = table.rows[place]
        height_mm = row.height_mm or (ROOMY_MM if points >= ROOMY_SIZE else 0.0)
        if height_mm:
            line.height, line.height_rule = Mm(height_mm), WD_ROW_HEIGHT_RULE.AT_LEAST
        _keep_whole(line)
        for cell, first, last in _spread(row, len(widths)):
            target = line.cells[first]
            if last > first:
                target = target.merge(line.cells[last])
            target.width = Mm(sum(widths[first : last + 1]))
            target.vertical_alignment = WD_CELL_VERTICAL_ALIGNMENT.CENTER
            _cell(target, cell, points)


def _spread(row: Row, columns: int) -> Iterator[tuple[Cell, int, int]]:
    """Each cell with its first and last column; a lone cell takes the whole row."""
    place = 0
    for cell in row.cells:
        span = columns if len(row.cells) == 1 else cell.span
        if place + span > columns:
            raise Defect("patrol.paper.bad_source", line=cell.text[:60])
        yield cell, place, place + span - 1
        place += span


def _cell(target: Any, cell: Cell, points: float) -> None:
    for place, text in enumerate(LINE_END.split(cell.text)):
        line = target.paragraphs[0] if place == 0 else target.add_paragraph()
        line.alignment = LEFT if cell.is_left else CENTER
        line.paragraph_format.space_after = Pt(0)
        set_run(line, text.strip(" "), font=HEAD if cell.is_head else BODY, size=points)


def _keep_whole(line: Any) -> None:
    mark = OxmlElement("w:cantSplit")
    line._tr.get_or_add_trPr().append(mark)
