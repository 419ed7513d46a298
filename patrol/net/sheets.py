"""A list of posts as a table: read from Excel or CSV, written as Excel."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from itertools import islice
from typing import Any
from xml.etree.ElementTree import ParseError

from openpyxl import Workbook, load_workbook
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.utils.exceptions import InvalidFileException
from openpyxl.worksheet.datavalidation import DataValidation

from foundation.errors import InvalidInput

ZIP_MARK = b"PK\x03\x04"
OLD_EXCEL_MARK = b"\xd0\xcf\x11\xe0"
UNPACKED_MAX = 64 << 20
ROWS_MAX = 50_000
HEAD_ROWS_MAX, HEADS_MIN = 10, 3
"""Offices put titles and dates above the heads: these are looked for so far down, and known by so many."""
FORMULA_MARKS = ("=", "+", "-", "@", "\t", "\r")
HEAD = PatternFill("solid", fgColor="DCE6F1")


def rows_of(data: bytes, heads: Mapping[str, str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Lines of a table with their numbers, cells as text under the names of columns.

    Parameters
    ----------
    data : bytes
        Excel (.xlsx, its first sheet) or CSV in UTF-8 or GB18030. Lines without any cell are left out.
    heads : mapping of head -> column
        Heads that are known, in any language; others are ignored.

    Raises
    ------
    InvalidInput
        ``patrol.post.old_excel``, ``patrol.post.not_text`` or ``patrol.post.too_long``.
    """
    cells = _excel(data) if data.startswith(ZIP_MARK) else _csv(data)
    names: list[str | None] | None = None
    for number, row in cells:
        if number > ROWS_MAX:
            raise InvalidInput("patrol.post.too_long", maximum=ROWS_MAX)
        if not any(row):
            continue
        if names is None:
            found = [heads.get(cell.strip().rstrip("*＊").strip()) for cell in row]
            if sum(map(bool, found)) >= HEADS_MIN or number >= HEAD_ROWS_MAX:
                names = found
                yield number, {name: name for name in names if name}
            continue
        yield number, {name: cell.strip() for name, cell in zip(names, row, strict=False) if name}


def workbook(sheets: Sequence[tuple[str, Sequence[str], Iterable[Sequence[Any]]]], **choices: str) -> bytes:
    """Sheets as Excel: (name, heads, rows). Cells that would be formulas are text.

    Parameters
    ----------
    **choices
        Column letter of the first sheet -> the values that its cells may take, with commas between.
    """
    book = Workbook()
    del book["Sheet"]
    for name, heads, rows in sheets:
        sheet = book.create_sheet(name)
        sheet.append(list(heads))
        for row in rows:
            sheet.append([_safe(cell) for cell in row])
        for place, head in enumerate(heads, start=1):
            cell = sheet.cell(1, place)
            cell.font, cell.fill = Font(bold=True), HEAD
            cell.alignment = Alignment(horizontal="center", vertical="center", wrap_text=True)
            sheet.column_dimensions[get_column_letter(place)].width = max(12, 2.2 * len(head) + 2)
            # Codes and telephones are text: Excel would cut their zeros.
            sheet.column_dimensions[get_column_letter(place)].number_format = "@"
        sheet.freeze_panes = "A2"
    first = book.worksheets[0]
    for letter, values in choices.items():
        rule = DataValidation(type="list", formula1=f'"{values}"', allow_blank=True)
        first.add_data_validation(rule)
        rule.add(f"{letter}2:{letter}{ROWS_MAX}")
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _excel(data: bytes) -> Iterator[tuple[int, list[str]]]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > UNPACKED_MAX:
                raise InvalidInput("patrol.post.too_long", maximum=ROWS_MAX)
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        rows = list(islice(book.worksheets[0].iter_rows(values_only=True), ROWS_MAX + 1))
    except (zipfile.BadZipFile, InvalidFileException, ParseError, KeyError, IndexError, ValueError) as error:
        raise InvalidInput("patrol.post.not_text") from error
    for number, row in enumerate(rows, start=1):
        yield number, [_text(cell) for cell in row]


def _csv(data: bytes) -> Iterator[tuple[int, list[str]]]:
    if data.startswith(OLD_EXCEL_MARK):
        raise InvalidInput("patrol.post.old_excel")
    reader = csv.reader(io.StringIO(_decode(data)))
    try:
        for row in reader:
            yield reader.line_num, row
    except csv.Error as error:
        raise InvalidInput("patrol.post.not_text") from error


def _decode(data: bytes) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise InvalidInput("patrol.post.not_text")


def _text(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, datetime):
        return cell.date().isoformat()
    if isinstance(cell, date):
        return cell.isoformat()
    return str(cell).removeprefix("'")


def _safe(cell: Any) -> Any:
    if isinstance(cell, str) and cell.startswith(FORMULA_MARKS):
        return "'" + cell
    return cell
