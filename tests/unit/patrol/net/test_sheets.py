"""Lists as offices make them: titles above the heads, codes as numbers, GB18030; and what cannot be read."""

from __future__ import annotations

import io
from datetime import date, datetime

import pytest
from openpyxl import Workbook, load_workbook

from foundation.errors import InvalidInput
from patrol.net.posts import HEADS, read_posts
from patrol.net.sheets import workbook

LINE = ["G-1", "一村网格员", "四级", "网格员", 410883105201, "甲", None, None, 13800000000.0, None]


def excel(*rows: list[object]) -> bytes:
    book = Workbook()
    for row in rows:
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_a_title_above_the_heads_and_numbers_in_excel() -> None:
    data = excel(
        ["孟州市田长制岗位名单"], [], ["填报单位", None, datetime(2026, 9, 1)], [*HEADS.values(), "备注"],
        [*LINE, datetime(2026, 9, 1), "不读"], [None] * 12, ["G-2", *LINE[1:], "2026/8/1"],
    )  # fmt: skip
    good, bad = read_posts(data)
    (line,) = good
    assert (line.line, line.division_code, line.holder_phone) == (5, "410883105201", "13800000000")
    assert (line.tier, line.kind, line.since) == (4, "grid_officer", date(2026, 9, 1))
    assert [(each.line, each.code, each.post_no) for each in bad] == [(7, "patrol.post.bad_day", "G-2")]


def test_the_same_list_as_csv_of_an_older_office() -> None:
    text = ",".join(HEADS.values()) + "\nG-1,一村网格员,村,网格员,410883105201,甲,,,,,2026-09-01\n"
    for encoding in ("utf-8", "utf-8-sig", "gb18030"):
        (line,) = read_posts(text.encode(encoding))[0]
        assert (line.holder, line.tier, line.since) == ("甲", 4, date(2026, 9, 1))


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "patrol.post.old_excel"),
        (b"PK\x03\x04 nothing", "patrol.post.not_text"),
        (b"\xff\xfe\xff", "patrol.post.not_text"),
        ("甲,乙,丙\n1,2,3\n".encode(), "patrol.post.no_column"),
        (b"", "patrol.post.no_column"),
        ((",".join(HEADS) + "\n").encode(), "patrol.post.empty"),
        (excel(["岗位编号", "岗位名称", "层级"], ["1", "2", "3"]), "patrol.post.no_column"),
    ],
)
def test_what_cannot_be_read_is_said(data: bytes, code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_posts(data)
    assert refused.value.code == code


def test_a_name_that_looks_like_a_formula_stays_a_name() -> None:
    line = ["G-1", "一村网格员", "四级", "网格员", "410883105201", "=1+1", "", "", "", "", ""]
    data = workbook([("岗位名单", list(HEADS.values()), [line])])
    assert load_workbook(io.BytesIO(data)).active["F2"].data_type == "s"
    assert read_posts(data)[0][0].holder == "=1+1"
