"""A bulletin as an official document (公文): red head, sections, tables, before and after."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any

from docx import Document
from docx.enum.table import WD_CELL_VERTICAL_ALIGNMENT, WD_TABLE_ALIGNMENT
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Mm, Pt, RGBColor

from foundation.errors import Unavailable
from patrol.reports.archives import frozen
from patrol.reports.bulletins import Facts, percent, recheck_sentences
from patrol.reports.issuing.errata import erratum_sentence
from patrol.reports.making.charts import BarRow, bar_chart

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
RED = RGBColor(0xC8, 0x10, 0x2E)
BODY, HEAD, TITLE, SUBHEAD = "仿宋", "黑体", "方正小标宋简体", "楷体"
Picture = Callable[[str], bytes | None]
"""Bytes of a chip by its SHA-256; None where it is not at hand."""
NUMERALS = "一二三四五六七八九十"
CHART_MAX = 10
WHOLE_ROWS = 16


def bulletin_document(facts: Facts, *, at: datetime, picture: Picture) -> bytes:
    """A .docx of a bulletin; its bytes depend on the facts, the chips and ``at`` alone."""
    document = new_document()
    _masthead(document, facts)
    sections: list[tuple[str, Callable[[Any, Facts], None]]] = [
        ("总体情况", _overview),
        ("各单位情况", _units),
        ("超期未办事项", _overdue),
        ("巡查排名", _rankings),
        ("典型图斑", lambda doc, rows: _typical(doc, rows, picture)),
        *([("销号抽查", _recheck)] if facts.get("recheck") else []),
        ("未观测情况", _unobserved),
        *([("勘误", _errata)] if facts.get("errata") else []),
        ("下一步工作要求", _requirements),
    ]
    for numeral, (name, write) in zip(NUMERALS, sections, strict=False):
        add_heading(document, f"{numeral}、{name}")
        write(document, facts)
    _colophon(document, facts)
    return file_of(document, facts, title=facts["title"], at=at)


def new_document() -> Any:
    """An empty page as official documents have it."""
    document = Document()
    section = document.sections[0]
    section.page_width, section.page_height = Mm(210), Mm(297)
    section.top_margin, section.bottom_margin = Mm(37), Mm(35)
    section.left_margin, section.right_margin = Mm(28), Mm(26)
    style = document.styles["Normal"]
    style.font.name, style.font.size = BODY, Pt(16)
    style.element.rPr.rFonts.set(qn("w:eastAsia"), BODY)
    style.paragraph_format.space_after = Pt(0)
    _page_number(section.footer.paragraphs[0])
    return document


def file_of(document: Any, facts: Facts, *, title: str, at: datetime) -> bytes:
    """A finished document as bytes; the same words and moment give the same bytes."""
    document.core_properties.author = facts["issuer"]
    document.core_properties.title = title
    document.core_properties.created = document.core_properties.modified = at.replace(tzinfo=None)
    out = io.BytesIO()
    document.save(out)
    return frozen(out.getvalue(), at=at)


def add_title(document: Any, title: str, under: str) -> None:
    """The title of a document and the line under it."""
    line = document.add_paragraph()
    line.alignment = WD_ALIGN_PARAGRAPH.CENTER
    line.paragraph_format.space_before = Pt(18)
    _run(line, title, font=TITLE, size=22)
    period = document.add_paragraph()
    period.alignment = WD_ALIGN_PARAGRAPH.CENTER
    period.paragraph_format.space_before, period.paragraph_format.space_after = Pt(6), Pt(6)
    _run(period, under, font=SUBHEAD, size=16)


def _masthead(document: Any, facts: Facts) -> None:
    head = document.add_paragraph()
    head.alignment = WD_ALIGN_PARAGRAPH.CENTER
    _run(head, facts["masthead"], font=TITLE, size=32, color=RED, bold=True)
    number = document.add_paragraph()
    number.alignment = WD_ALIGN_PARAGRAPH.CENTER
    _run(number, facts["number"], size=16)
    number.paragraph_format.space_before = Pt(12)
    sides = document.add_table(rows=1, cols=2)
    sides.autofit, sides.alignment = False, WD_TABLE_ALIGNMENT.CENTER
    ends = ((facts["issuer"], WD_ALIGN_PARAGRAPH.LEFT), (_day(facts["dated"]), WD_ALIGN_PARAGRAPH.RIGHT))
    for place, (words, end) in enumerate(ends):
        sides.columns[place].width = sides.cell(0, place).width = Mm(78)
        line = sides.cell(0, place).paragraphs[0]
        line.alignment = end
        _run(line, words, size=14)
    rule = document.add_paragraph()
    rule.paragraph_format.line_spacing = Pt(4)
    _red_line(rule)
    add_title(document, facts["title"], f"（{facts['title_period']}）")


def _overview(document: Any, facts: Facts) -> None:
    for sentence in facts["summary"]:
        add_body(document, sentence)
    rows = [(row["zh"], f"{_number(row['value'])}{row['unit']}") for row in facts["kpis"]]
    half = (len(rows) + 1) // 2
    padded = [*rows, *[("", "")] * (2 * half - len(rows))]
    _caption(document, "表1　主要数据")
    _table(
        document,
        ("事项", "数量", "事项", "数量"),
        [(*padded[place], *padded[place + half]) for place in range(half)],
        (42, 36, 42, 36),
    )
    rates = [
        (
            row["zh"],
            percent(row["value"]) if row["key"] not in {"required", "valid"} else _number(row["value"]),
            f"{_number(row['numerator'])}／{_number(row['denominator'])}"
            if row["key"] not in {"required", "valid"}
            else "",
            "样本少于5" if row["is_small"] else "",
        )
        for row in facts["indicators"]
    ]
    _caption(document, "表2　指标情况（计算方法见排名表“指标定义”）")
    _table(document, ("指标", "数值", "分子／分母", "备注"), rows=rates, widths=(44, 42, 46, 24))


def _counties(document: Any, facts: Facts) -> None:
    """The ranking of the counties, where the area has several."""
    rows: Sequence[Facts] = next(
        (block["rows"] for block in facts["units"] if block["key"] == "counties"), []
    )
    if not rows:
        return
    add_subheading(document, "县（市、区）排名")
    keys = ("on_time_closure_rate", "self_found_rate", "rectified_rate")
    _table(
        document,
        ("名次", "县（市、区）", "得分", "按期办结率", "自主发现率", "整改到位率", "升降"),
        [
            (
                "—" if row["rank"] is None else str(row["rank"]),
                row["name"],
                _score(row["score"], is_small=row["small_sample"]),
                *("—" if row["rates"].get(key) is None else percent(row["rates"][key]) for key in keys),
                _change(row["change"]),
            )
            for row in rows
        ],
        (13, 36, 20, 24, 24, 24, 15),
    )


def _units(document: Any, facts: Facts) -> None:
    _counties(document, facts)
    if not facts["townships"]:
        add_body(document, "本期无乡镇数据。")
        return
    _caption(document, "表3　各乡镇（街道）情况（*为样本少于5，仅供参考）")
    _table(
        document,
        ("乡镇（街道）", "新增", "下发", "核查", "违法", "整改", "销号", "超期", "得分"),
        [
            (
                row["name"],
                *(str(row[key]) for key in ("opened", "dispatched", "verified", "unlawful", "ordered")),
                str(row["closed"]),
                str(row["overdue"]),
                _score(row["score"], is_small=row["is_small"]),
            )
            for row in facts["townships"]
        ],
        (36, 14, 14, 14, 14, 14, 14, 14, 22),
    )
    _chart(document, facts)
    for sentence in facts["best_and_worst"]:
        add_body(document, sentence)


def _chart(document: Any, facts: Facts) -> None:
    """The units with most new patches, beside what they closed and what is overdue."""
    busy = [row for row in facts["townships"] if row["opened"] or row["closed"] or row["overdue"]]
    busy.sort(key=lambda row: (-row["opened"], -row["overdue"], row["code"]))
    if len(busy) < 2:
        return
    rows = [BarRow(row["name"], (row["opened"], row["closed"], row["overdue"])) for row in busy[:CHART_MAX]]
    try:
        picture = bar_chart(rows, ("新增", "销号", "超期未办"))
    except Unavailable:
        # Without a Chinese typeface the table above says the same.
        return
    line = document.add_paragraph()
    line.alignment = WD_ALIGN_PARAGRAPH.CENTER
    line.add_run().add_picture(io.BytesIO(picture), width=Mm(148))
    _caption(document, "图1　新增图斑较多的乡镇（街道）新增、销号与超期情况（单位：个）")


def _overdue(document: Any, facts: Facts) -> None:
    if not facts["overdue"]:
        add_body(document, "截至期末，没有超期未办事项。")
        return
    shown = facts["overdue"][:30]
    _caption(document, "表4　超期未办事项")
    _table(
        document,
        ("图斑编号", "位置", "环节", "承办", "应办时限", "超期"),
        [
            (
                row["number"],
                row["place"],
                row["state_name"],
                row["owner"],
                row["due_at"][5:16].replace("T", " "),
                f"{row['overdue_wd']}个工作日",
            )
            for row in shown
        ],
        (36, 32, 20, 20, 24, 24),
    )
    if len(facts["overdue"]) > len(shown):
        add_body(document, f"其余{len(facts['overdue']) - len(shown)}件见明细台账。")


def _rankings(document: Any, facts: Facts) -> None:
    if not facts["persons"]:
        add_body(document, "按本单位设定，只对单位排名，不对个人排名。")
    for group in facts["persons"]:
        rows = [row for row in group["rows"] if row["rank"] is not None]
        if not rows:
            continue
        add_subheading(document, f"{group['zh']}（共{len(rows)}人）")
        shown = rows if len(rows) <= 12 else [*rows[:8], *rows[-4:]]
        _table(
            document,
            ("名次", "姓名", "岗位", "应巡", "有效", "完成率", "升降"),
            [
                (
                    str(row["rank"]),
                    row["name"],
                    row["post_title"],
                    _number(row["required"]),
                    _number(row["raw"]),
                    percent(row["completion_rate"]),
                    _change(row["change"]),
                )
                for row in shown
            ],
            (13, 22, 56, 15, 15, 20, 15),
        )
        if len(rows) > 12:
            add_body(document, "表列前8名和后4名，全部名次见排名表。")


def _typical(document: Any, facts: Facts, picture: Picture) -> None:
    if not facts["typical"]:
        add_body(document, "本期无典型图斑。")
    for place, row in enumerate(facts["typical"], start=1):
        add_subheading(document, f"（{NUMERALS[place - 1]}）{row['place']}　{row['number']}")
        before, after = picture(row["before_chip"] or ""), picture(row["after_chip"] or "")
        add_body(document, row["text"], stays_with_next=before is not None and after is not None)
        if before is None or after is None:
            continue
        table = document.add_table(rows=2, cols=2)
        table.alignment = WD_TABLE_ALIGNMENT.CENTER
        for column, (data, words) in enumerate(
            ((before, f"前时相　{_day(row['before_at'])}"), (after, f"后时相　{_day(row['after_at'])}"))
        ):
            cell = table.cell(0, column).paragraphs[0]
            cell.alignment = WD_ALIGN_PARAGRAPH.CENTER
            cell.paragraph_format.keep_with_next = True
            cell.add_run().add_picture(io.BytesIO(data), width=Mm(74))
            under = table.cell(1, column).paragraphs[0]
            under.alignment = WD_ALIGN_PARAGRAPH.CENTER
            _run(under, words, size=10.5)


def _unobserved(document: Any, facts: Facts) -> None:
    for sentence in facts["unobserved"]:
        add_body(document, sentence)


def _recheck(document: Any, facts: Facts) -> None:
    for sentence in recheck_sentences(facts["recheck"]):
        add_body(document, sentence)


def _errata(document: Any, facts: Facts) -> None:
    for place, fact in enumerate(facts["errata"], start=1):
        add_body(document, f"{place}．{erratum_sentence(fact)}")


def _requirements(document: Any, facts: Facts) -> None:
    for place, sentence in enumerate(facts["requirements"], start=1):
        # The last one goes with the signature: no page holds a signature alone.
        is_last = place == len(facts["requirements"])
        add_body(document, f"{place}．{sentence}", stays_with_next=is_last)


def _colophon(document: Any, facts: Facts) -> None:
    for place, words in enumerate((facts["issuer"], _day(facts["dated"]))):
        line = document.add_paragraph()
        line.alignment = WD_ALIGN_PARAGRAPH.RIGHT
        line.paragraph_format.line_spacing = Pt(28)
        line.paragraph_format.space_before = Pt(0 if place else 28)
        line.paragraph_format.keep_with_next = True
        _run(line, words)
    note = document.add_paragraph()
    note.paragraph_format.space_before = Pt(18)
    _run(
        note,
        f"本通报数据截至{facts['as_of'][:16].replace('T', ' ')}，印发后不再变动，更正在下一期以勘误列出。"
        f"审计链末位第{facts['audit_head']['seq']}条，摘要 {facts['audit_head']['hash'][:16]}。"
        f"{facts.get('audit_head_line', '')}",
        size=10.5,
    )


def add_heading(document: Any, text: str) -> None:
    """A heading of the first level."""
    line = document.add_paragraph()
    line.paragraph_format.first_line_indent = Pt(32)
    line.paragraph_format.space_before = Pt(8)
    line.paragraph_format.keep_with_next = True
    line.paragraph_format.line_spacing = Pt(28)
    _run(line, text, font=HEAD)


def add_subheading(document: Any, text: str) -> None:
    """A heading of the second level; stays with what follows."""
    line = document.add_paragraph()
    line.paragraph_format.first_line_indent = Pt(32)
    line.paragraph_format.keep_with_next = True
    line.paragraph_format.line_spacing = Pt(28)
    line.paragraph_format.space_after = Pt(3)
    _run(line, text, font=SUBHEAD)


def add_body(document: Any, text: str, *, stays_with_next: bool = False) -> None:
    """A paragraph of the text."""
    line = document.add_paragraph()
    line.paragraph_format.keep_with_next = stays_with_next
    line.paragraph_format.first_line_indent = Pt(32)
    line.paragraph_format.line_spacing = Pt(28)
    line.paragraph_format.space_after = Pt(0)
    _run(line, text)


def _caption(document: Any, text: str) -> None:
    line = document.add_paragraph()
    line.alignment = WD_ALIGN_PARAGRAPH.CENTER
    line.paragraph_format.space_before = Pt(8)
    line.paragraph_format.space_after = Pt(2)
    line.paragraph_format.keep_with_next = True
    _run(line, text, font=HEAD, size=12)


def _table(
    document: Any, head: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[float]
) -> None:
    table = document.add_table(rows=1, cols=len(head))
    table.style, table.alignment, table.autofit = "Table Grid", WD_TABLE_ALIGNMENT.CENTER, False
    for place, text in enumerate(head):
        table.columns[place].width = Mm(widths[place])
        _cell(table.rows[0].cells[place], text, widths[place], font=HEAD, fill="E8EDF4")
    _mark_row(table.rows[0], "w:tblHeader")
    for row in rows:
        cells = table.add_row().cells
        for place, text in enumerate(row):
            _cell(cells[place], text, widths[place])
    for row in table.rows:
        _mark_row(row, "w:cantSplit")
    # A short table is not torn, and no long one leaves its head or its last row alone on a page.
    count = len(table.rows)
    for place, row in enumerate(table.rows):
        if place < count - 1 and (count <= WHOLE_ROWS or place < 2 or place == count - 2):
            for cell in row.cells:
                cell.paragraphs[0].paragraph_format.keep_with_next = True


def _cell(cell: Any, text: str, width_mm: float, *, font: str = BODY, fill: str | None = None) -> None:
    cell.width = Mm(width_mm)
    line = cell.paragraphs[0]
    line.alignment = WD_ALIGN_PARAGRAPH.CENTER
    cell.vertical_alignment = WD_CELL_VERTICAL_ALIGNMENT.CENTER
    if text:
        _run(line, text, font=font, size=10.5)
    else:
        _small_mark(line)
    if fill:
        shade = OxmlElement("w:shd")
        shade.set(qn("w:val"), "clear")
        shade.set(qn("w:fill"), fill)
        cell._tc.get_or_add_tcPr().append(shade)


def _run(
    line: Any,
    text: str,
    *,
    font: str = BODY,
    size: float = 16,
    color: RGBColor | None = None,
    bold: bool = False,
) -> None:
    run = line.add_run(text)
    run.font.name, run.font.size, run.bold = font, Pt(size), bold
    run._element.get_or_add_rPr().get_or_add_rFonts().set(qn("w:eastAsia"), font)
    if color is not None:
        run.font.color.rgb = color


def _small_mark(line: Any) -> None:
    """An empty line as low as the others of a table."""
    marks, size = OxmlElement("w:rPr"), OxmlElement("w:sz")
    size.set(qn("w:val"), "21")
    marks.append(size)
    line._p.get_or_add_pPr().append(marks)


def _red_line(line: Any) -> None:
    borders = OxmlElement("w:pBdr")
    bottom = OxmlElement("w:bottom")
    for key, value in (("val", "single"), ("sz", "18"), ("space", "4"), ("color", "C8102E")):
        bottom.set(qn(f"w:{key}"), value)
    borders.append(bottom)
    line._p.get_or_add_pPr().append(borders)


def _mark_row(row: Any, name: str) -> None:
    mark = OxmlElement(name)
    mark.set(qn("w:val"), "true")
    row._tr.get_or_add_trPr().append(mark)


def _page_number(line: Any) -> None:
    line.alignment = WD_ALIGN_PARAGRAPH.CENTER
    run = line.add_run()
    for kind, text in (("begin", None), (None, "PAGE"), ("end", None)):
        if kind:
            element = OxmlElement("w:fldChar")
            element.set(qn("w:fldCharType"), kind)
        else:
            element = OxmlElement("w:instrText")
            element.text = text
        run._r.append(element)


def _day(iso: str | None) -> str:
    if not iso:
        return ""
    day = date.fromisoformat(iso[:10])
    return f"{day.year}年{day.month}月{day.day}日"


def _number(value: float | None) -> str:
    if value is None:
        return "—"
    return str(int(value)) if float(value).is_integer() else f"{value:.2f}"


def _score(score: float | None, *, is_small: bool) -> str:
    return "—" if score is None else f"{score * 100:.1f}{'*' if is_small else ''}"


def _change(change: int | None) -> str:
    if change is None:
        return "—"
    return "持平" if change == 0 else f"{'↑' if change > 0 else '↓'}{abs(change)}"
