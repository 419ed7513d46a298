"""The ranking as a workbook: ranking, definitions, item ledger."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from openpyxl import Workbook
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from patrol.reports.archives import frozen
from patrol.reports.bulletins import Facts
from patrol.reports.issuing.errata import spoken

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
FORMULA_MARKS = ("=", "+", "-", "@", "\t", "\r")
PERSON_COLUMNS = (
    ("名次", "rank"), ("升降", "change"), ("姓名", "name"), ("岗位", "post_title"), ("单位", "unit_name"),
    ("应巡次数", "required"), ("有效次数（封顶）", "valid"), ("实际有效次数", "raw"),
    ("巡查完成率", "completion_rate"),
)  # fmt: skip
UNIT_COLUMNS = (
    ("名次", "rank"), ("升降", "change"), ("单位", "name"), ("综合得分", "score"),
    ("按期办结率", "on_time_closure_rate"), ("自主发现率", "self_found_rate"),
    ("整改到位率", "rectified_rate"), ("核实及时率", "on_time_verification_rate"),
    ("巡查完成率", "completion_rate"), ("达标率", "attainment_rate"), ("样本", "small_sample"),
)  # fmt: skip
RATES = frozenset(
    {"completion_rate", "score", "attainment_rate", "on_time_closure_rate", "self_found_rate"}
    | {"rectified_rate", "on_time_verification_rate"}
)
_LINE = Side(style="thin", color="9AA4B2")
_BORDER = Border(left=_LINE, right=_LINE, top=_LINE, bottom=_LINE)
_HEAD = PatternFill("solid", fgColor="1F3A5F")


def ranking_workbook(facts: Facts, *, at: datetime) -> bytes:
    """Workbook of a bulletin's rankings; its bytes depend on the facts and ``at`` alone."""
    book = Workbook()
    first = book.active
    if isinstance(first, Worksheet):
        first.title = "排名"
        _ranking(first, facts)
    _definitions(book.create_sheet("指标定义"), facts)
    _ledger(book.create_sheet("明细台账"), facts)
    if facts.get("errata"):
        _errata(book.create_sheet("勘误"), facts)
    book.properties.creator = "守土 Landwarden"
    book.properties.title = facts["title"]
    out = io.BytesIO()
    book.save(out)
    return frozen(out.getvalue(), at=at)


def safe(value: Any) -> Any:
    """A cell value that no spreadsheet takes for a formula."""
    if isinstance(value, str) and value.startswith(FORMULA_MARKS):
        return "'" + value
    return value


def _ranking(sheet: Worksheet, facts: Facts) -> None:
    line = title_line(sheet, f"{facts['title']}（{facts['title_period']}）", width=len(UNIT_COLUMNS))
    for unit in facts["units"]:
        line = _block(sheet, line, unit["zh"], UNIT_COLUMNS, unit["rows"])
    for group in facts["persons"]:
        line = _block(sheet, line, f"{group['zh']}巡查频次", PERSON_COLUMNS, group["rows"])
    if not facts["persons"]:
        sheet.cell(line, 1, "按本单位设定，只对单位排名，不对个人排名。")
    set_widths(sheet, (8, 8, 14, 24, 22, 12, 16, 14, 14, 12, 10))
    sheet.freeze_panes = "A2"


def _block(
    sheet: Worksheet, line: int, title: str, columns: Sequence[tuple[str, str]], rows: Sequence[Facts]
) -> int:
    sheet.cell(line, 1, title).font = Font(name="黑体", size=12, bold=True)
    line += 1
    head_line(sheet, line, [name for name, _ in columns])
    for row in rows:
        line += 1
        for place, (_, key) in enumerate(columns, start=1):
            cell = sheet.cell(line, place, _cell(row, key))
            cell.border = _BORDER
            cell.font = Font(name="仿宋", size=11)
            cell.alignment = Alignment(horizontal="center" if place != 4 else "left")
            if key in RATES:
                cell.number_format = "0.0%"
    return line + 2


def _cell(row: Facts, key: str) -> Any:
    if key == "small_sample":
        return "样本少于5" if row[key] else ""
    if key == "change":
        change = row[key]
        if change is None:
            return "—"
        return "持平" if change == 0 else f"{'升' if change > 0 else '降'}{abs(change)}"
    value = row[key] if key in row else row["rates"].get(key)
    return "—" if value is None else safe(value)


def _definitions(sheet: Worksheet, facts: Facts) -> None:
    head_line(sheet, 1, ["指标", "计算方法"])
    for line, definition in enumerate(facts["definitions"], start=2):
        sheet.cell(line, 1, safe(definition["zh"]))
        sheet.cell(line, 2, safe(definition["formula"]))
    set_widths(sheet, (24, 80))


def _ledger(sheet: Worksheet, facts: Facts) -> None:
    """Every number of the bulletin with the items behind it."""
    head_line(sheet, 1, ["指标", "数值", "项目", "是否计入分子"])
    line = 2
    for row in facts["kpis"]:
        line = _items(sheet, line, row["zh"], row["value"], ((item, "是") for item in row["items"]))
    for row in facts["indicators"]:
        counted = set(row["counted"])
        value = "—" if row["value"] is None else row["value"]
        marked = ((item, "是" if item in counted else "否") for item in row["items"])
        line = _items(sheet, line, row["zh"], value, marked)
    set_widths(sheet, (22, 12, 44, 14))
    sheet.freeze_panes = "A2"


def _errata(sheet: Worksheet, facts: Facts) -> None:
    """Corrections of earlier issues; those stay as they were."""
    head_line(sheet, 1, ["期号", "期次", "数据", "原为", "更正为", "原因", "依据"])
    for line, fact in enumerate(facts["errata"], start=2):
        told = (fact["bulletin_number"], fact["period"], fact["name"])
        values = (spoken(fact["was"], fact["unit"]), spoken(fact["should_be"], fact["unit"]))
        cells = (*told, *values, fact["reason"], "、".join(fact["evidence"]))
        for place, cell in enumerate(cells, start=1):
            sheet.cell(line, place, safe(cell))
    set_widths(sheet, (16, 12, 26, 14, 14, 40, 40))


def _items(sheet: Worksheet, line: int, name: str, value: Any, items: Iterable[tuple[str, str]]) -> int:
    listed = list(items) or [("（无）", "")]
    for item, mark in listed:
        for place, cell in enumerate((name, value, item, mark), start=1):
            sheet.cell(line, place, safe(cell))
        line += 1
    return line


def title_line(sheet: Worksheet, text: str, *, width: int) -> int:
    """Title over all columns; returns the line on which the table may begin."""
    sheet.merge_cells(start_row=1, start_column=1, end_row=1, end_column=width)
    cell = sheet.cell(1, 1, safe(text))
    cell.font = Font(name="黑体", size=16, bold=True)
    cell.alignment = Alignment(horizontal="center")
    sheet.row_dimensions[1].height = 30
    return 3


def head_line(sheet: Worksheet, line: int, names: Sequence[str]) -> None:
    """Names of columns, white on blue."""
    for place, name in enumerate(names, start=1):
        cell = sheet.cell(line, place, name)
        cell.font = Font(name="黑体", size=11, color="FFFFFF")
        cell.fill = _HEAD
        cell.border = _BORDER
        cell.alignment = Alignment(horizontal="center")


def set_widths(sheet: Worksheet, widths: Sequence[int]) -> None:
    """Widths of columns in signs."""
    for place, width in enumerate(widths, start=1):
        sheet.column_dimensions[get_column_letter(place)].width = width
