"""Statistics of patches as a workbook: the table, the definitions, the item ledger."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any

from openpyxl import Workbook
from openpyxl.styles import Alignment, Border, Font, Side
from openpyxl.worksheet.properties import PageSetupProperties
from openpyxl.worksheet.worksheet import Worksheet

from foundation.calendar import SHANGHAI
from foundation.crs import M2_PER_MU
from foundation.divisions import divisions
from patrol.papers.statistics.tallies import DEFINITIONS, PROGRESS, VERDICTS, Line, Statistics, Tally
from patrol.reports.archives import frozen
from patrol.reports.excel import head_line, safe, set_widths, title_line

MEASURES: tuple[tuple[str, Callable[[Tally], float], str], ...] = (
    ("个数", lambda row: row.count, "#,##0"),
    ("面积（亩）", lambda row: row.area_m2 / M2_PER_MU, "#,##0.00"),
    ("耕地（亩）", lambda row: row.cropland_m2 / M2_PER_MU, "#,##0.00"),
    ("永久基本农田（亩）", lambda row: row.basic_farmland_m2 / M2_PER_MU, "#,##0.00"),
)
LEDGER = (
    "图斑编号", "区划代码", "位置", "后时相日期", "判定结论", "办理进度", "面积（平方米）", "耕地（平方米）",
    "永久基本农田（平方米）",
)  # fmt: skip
_LINE = Side(style="thin", color="9AA4B2")
_BORDER = Border(left=_LINE, right=_LINE, top=_LINE, bottom=_LINE)


def workbook_of(found: Statistics) -> bytes:
    """The workbook; its bytes depend on the statistics alone."""
    book = Workbook()
    first = book.active
    if isinstance(first, Worksheet):
        first.title = "统计表"
        _table(first, found)
    _definitions(book.create_sheet("指标定义"), found)
    _ledger(book.create_sheet("明细台账"), found)
    book.properties.creator = "守土 Landwarden"
    book.properties.title = f"{found.division.name}卫片图斑统计表"
    out = io.BytesIO()
    book.save(out)
    return frozen(out.getvalue(), at=found.as_of)


def _table(sheet: Worksheet, found: Statistics) -> None:
    groups = ["全部", *VERDICTS.values()]
    width = 2 + len(groups) * len(MEASURES) + len(PROGRESS) + 1
    line = title_line(sheet, f"{found.division.name}卫片图斑统计表（{found.period.label}）", width=width)
    names = ["单位", "区划代码"]
    names += [f"{group} {name}" for group in groups for name, _, _ in MEASURES]
    names += [name for name, _ in PROGRESS.values()] + ["审核进度"]
    head_line(sheet, line, names)
    sheet.row_dimensions[line].height = 48
    for row in found.lines:
        line += 1
        _write(sheet, line, row, is_whole=row.code == found.division.code)
    for place in range(1, width + 1):
        sheet.cell(3, place).alignment = Alignment(horizontal="center", vertical="center", wrap_text=True)
    set_widths(sheet, [18, 15, *[12] * (width - 2)])
    sheet.freeze_panes = "C4"
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = 1, 0
    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)


def _write(sheet: Worksheet, line: int, row: Line, *, is_whole: bool) -> None:
    cells: list[tuple[Any, str]] = [(safe(row.name), "@"), (row.code, "@")]
    for group in (row.total, *row.by_verdict.values()):
        cells += _measures(group)
    cells += [(count, "#,##0") for count in row.by_progress.values()]
    cells.append(("—" if row.done_rate is None else row.done_rate, "0.0%"))
    for place, (value, form) in enumerate(cells, start=1):
        cell = sheet.cell(line, place, value)
        cell.number_format, cell.border = form, _BORDER
        cell.font = Font(name="仿宋", size=11, bold=is_whole)


def _measures(row: Tally) -> Sequence[tuple[Any, str]]:
    return [(value(row), form) for _, value, form in MEASURES]


def _definitions(sheet: Worksheet, found: Statistics) -> None:
    head_line(sheet, 1, ["指标", "口径"])
    stated = (
        ("统计范围", f"{found.division.name}（{found.division.code}），来源：{found.source}"),
        ("统计期", f"{found.period.first.isoformat()} 至 {found.period.last.isoformat()}"),
        ("数据截至", found.as_of.astimezone(SHANGHAI).isoformat(timespec="minutes")),
    )
    for line, (name, text) in enumerate((*DEFINITIONS, *stated), start=2):
        sheet.cell(line, 1, safe(name))
        sheet.cell(line, 2, safe(text)).alignment = Alignment(wrap_text=True)
    set_widths(sheet, (24, 90))


def _ledger(sheet: Worksheet, found: Statistics) -> None:
    head_line(sheet, 1, LEDGER)
    for line, item in enumerate(found.items, start=2):
        values = (
            item.number,
            item.division_code,
            divisions().full_name(item.division_code),
            item.after_on.isoformat(),
            VERDICTS[item.verdict],
            PROGRESS[item.progress][0],
            item.area_m2,
            item.cropland_m2,
            item.basic_farmland_m2,
        )
        for place, value in enumerate(values, start=1):
            cell = sheet.cell(line, place, safe(value))
            if place > 6:
                cell.number_format = "#,##0"
    set_widths(sheet, (20, 16, 30, 14, 12, 12, 16, 16, 20))
    sheet.freeze_panes = "A2"
