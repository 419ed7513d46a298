"""Papers without a database: capital numerals, identity numbers, hostile templates, lost words."""

from __future__ import annotations

import io
import zipfile
from datetime import date, datetime

import docx
import pytest
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from hypothesis import given
from hypothesis import strategies as st

from foundation.calendar import SHANGHAI
from foundation.errors import InvalidInput
from foundation.ids import derived_id
from patrol.papers.fields import capital_yuan, keys_by_name, paper_fields, written
from patrol.papers.kinds import paper_kind, paper_kinds
from patrol.papers.making.layout import built_in_template
from patrol.papers.making.merge import check_edited, check_template, merge, stamp
from patrol.papers.numbering import DAY_TO_COME, NUMBER_TO_COME, authority_of, number_text
from patrol.papers.parties import PartyBody, check_party, masked
from patrol.papers.statistics.tallies import PROGRESS, VERDICTS, Item, span_of, tally
from patrol.reports.making.typesetting import pdf_of

AT = datetime(2026, 9, 8, 14, 0, tzinfo=SHANGHAI)
DIGITS = {sign: value for value, sign in enumerate("零壹贰叁肆伍陆柒捌玖")}
UNITS = {"拾": 10, "佰": 100, "仟": 1000}


def read_capital(text: str) -> int:
    """The yuan of a number in capitals, read sign by sign."""
    total = group = digit = 0
    for sign in text.split("元")[0]:
        if sign in DIGITS:
            digit = DIGITS[sign]
        elif sign in UNITS:
            group, digit = group + digit * UNITS[sign], 0
        else:
            factor = 10_000 if sign == "万" else 100_000_000
            total, group, digit = total + (group + digit) * factor, 0, 0
    return total + group + digit


@given(st.integers(min_value=1, max_value=10**12 - 1))
def test_capital_numerals_read_back(yuan: int) -> None:
    text = capital_yuan(float(yuan))
    assert read_capital(text) == yuan
    assert text.endswith("元整")
    assert "零零" not in text
    assert "零万" not in text


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "零元整"),
        (1_010_010, "壹佰零壹万零壹拾元整"),
        (120_500.5, "壹拾贰万零伍佰元伍角整"),
        (10.05, "壹拾元零伍分"),
        (2_252_080.27, "贰佰贰拾伍万贰仟零捌拾元贰角柒分"),
    ],
)
def test_capital_numerals_as_banks_write_them(amount: float, text: str) -> None:
    assert capital_yuan(amount) == text


def test_identity_numbers_by_their_check_digit() -> None:
    person = check_party(PartyBody("person", " 张三 ", "11010519491231002x"))
    assert (person.name, person.id_number) == ("张三", "11010519491231002X")
    assert masked(person.id_number) == "110105**********2X"
    check_party(PartyBody("organisation", "某公司", "91350100M000100Y43"))
    for kind, number in (
        ("person", "110105194912310021"),
        ("person", "91350100M000100Y43"),
        ("organisation", "91350100M000100Y44"),
    ):
        with pytest.raises(InvalidInput) as refused:
            check_party(PartyBody(kind, "某", number))
        assert refused.value.code == "patrol.party.bad_number"


def test_numbers_and_areas_as_papers_write_them() -> None:
    authority = authority_of("410883105201")
    assert authority.name == "孟州市自然资源局"
    assert number_text(authority, sign="责停", year=2026, serial=12) == "孟自然资责停〔2026〕12号"
    assert written("area", 10000.5) == "10,001"
    assert written("mu", 15.0) == "15.00"
    assert written("date", "2026-09-08") == "2026年9月8日"
    assert written("moment", "2026-09-08T06:05:00+00:00") == "2026年9月8日14时05分"


@pytest.mark.parametrize("kind", list(paper_kinds()))
def test_every_built_in_template_is_sound_and_the_same_each_time(kind: str) -> None:
    data = built_in_template(kind)
    assert check_template(data, paper_kind(kind)).is_sound
    built_in_template.cache_clear()
    assert built_in_template(kind) == data
    first, again = (merge(data, {"party_name": "甲"}, pictures={}, at=AT) for _ in range(2))
    assert first == again


def word(*lines: str, extra: str = "") -> bytes:
    document = docx.Document()
    for line in lines:
        document.add_paragraph(line)
    if extra:
        document.element.body.insert(0, parse_xml(extra))
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


@pytest.mark.parametrize(
    "line",
    [
        "{{ 当事人.__class__.__mro__ }}",
        "{{ 当事人|upper }}",
        "{{ range(9) }}",
        "{% for 行 in 当事人 %}{% endfor %}",
        "{% set x = 1 %}",
        "{% macro m() %}{% endmacro %}",
        "{{ 10**10**10 }}",
        "{% for 行 in 叠加面积 if 行.图层 %}{% endfor %}",
    ],
)
def test_templates_may_only_name_ask_and_walk(line: str) -> None:
    report = check_template(word("{{图斑编号}}{{地点}}{{图斑面积}}", line), paper_kind("check_sheet"))
    assert report.refused
    assert not report.is_sound


def test_faults_of_a_template_are_named() -> None:
    report = check_template(
        word("{{图斑编号}}{{面积多少}}", "{% for 行 in 叠加面积 %}{{行.没有的列}}{% endfor %}"),
        paper_kind("check_sheet"),
    )
    assert report.unknown == ("叠加面积.没有的列", "面积多少")
    assert set(report.missing) == {"地点", "图斑面积"}
    with pytest.raises(InvalidInput) as broken:
        check_template(word("{{图斑编号"), paper_kind("check_sheet"))
    assert broken.value.code == "patrol.paper.bad_syntax"


def test_values_are_text_and_nothing_else() -> None:
    """Marks and braces in a value are printed, neither obeyed nor lost."""
    name = "<w:t>{{文号}} & 甲"
    data = merge(
        word("{{当事人}}", "{{文号}}"), {"party_name": name, "paper_number": "1号"}, pictures={}, at=AT
    )
    assert [line.text for line in docx.Document(io.BytesIO(data)).paragraphs] == [name, "1号"]


def test_zero_and_nothing_hide_a_condition() -> None:
    template = word("{%p if 永久基本农田面积 %}", "占用{{永久基本农田面积}}", "{%p endif %}")
    for value, lines in ((None, []), (0.0, []), (12.4, ["占用12"])):
        data = merge(template, {"basic_farmland_m2": value}, pictures={}, at=AT)
        assert [line.text for line in docx.Document(io.BytesIO(data)).paragraphs] == lines


def test_stamp_fills_marks_wherever_they_stand() -> None:
    document = docx.Document()
    paragraph = document.add_paragraph("文号：")
    for sign in NUMBER_TO_COME + "，" + DAY_TO_COME:
        paragraph.add_run(sign)
    document.sections[0].footer.paragraphs[0].add_run(NUMBER_TO_COME)
    out = io.BytesIO()
    document.save(out)
    stamped = docx.Document(io.BytesIO(stamp(out.getvalue(), number="7号", day="今天", at=AT)))
    assert stamped.paragraphs[0].text == "文号：7号，今天"
    assert stamped.sections[0].footer.paragraphs[0].text == "7号"


def test_active_content_and_outside_references_are_refused() -> None:
    plain = word(NUMBER_TO_COME)
    assert check_edited(plain) == plain

    def altered(name: str, content: bytes) -> bytes:
        out = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(plain)) as source, zipfile.ZipFile(out, "w") as target:
            for entry in source.namelist():
                target.writestr(entry, content if entry == name else source.read(entry))
            if name not in source.namelist():
                target.writestr(name, content)
        return out.getvalue()

    with zipfile.ZipFile(io.BytesIO(plain)) as source:
        rels = source.read("word/_rels/document.xml.rels")
    outside = b'<Relationship Id="rX" Type="image" Target="\\\\host\\x" TargetMode="External"/>'
    for name, content in (
        ("word/vbaProject.bin", b"x"),
        ("word/embeddings/a.bin", b"x"),
        ("word/_rels/document.xml.rels", rels.replace(b"</Relationships>", outside + b"</Relationships>")),
    ):
        with pytest.raises(InvalidInput) as refused:
            check_edited(altered(name, content))
        assert refused.value.code == "patrol.paper.active_content"


def test_a_pdf_says_all_words_or_is_not_made() -> None:
    data = word("正文 “引号” \\ # $ * _ `[x]` <y>")
    assert pdf_of(data, at=AT, title="甲") == pdf_of(data, at=AT, title="甲")
    box = (
        f"<w:p {nsdecls('w')}><w:r><w:pict><w:txbxContent><w:p><w:r><w:t>框里的字</w:t></w:r></w:p>"
        "</w:txbxContent></w:pict></w:r></w:p>"
    )
    with pytest.raises(InvalidInput) as lost:
        pdf_of(word("正文", extra=box), at=AT, title="甲")
    assert lost.value.code == "patrol.paper.cannot_typeset"


def test_names_of_fields_are_told_apart() -> None:
    names = [item.zh for item in paper_fields().values()]
    assert len(set(names)) == len(names)
    assert len(keys_by_name()) == 2 * len(names)
    for kind in paper_kinds().values():
        assert set(kind.required) <= set(paper_fields())


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "b", "z"]),
            st.sampled_from([None, "unlawful", "lawful", "not_new", "doubtful"]),
            st.sampled_from(["triage", "to_judge", "city_review", "closed", "objection"]),
            st.floats(0, 1e6),
        ),
        max_size=30,
    )
)
def test_tallies_add_up(rows: list[tuple[str, str | None, str, float]]) -> None:
    items = [
        Item(
            derived_id("t", no),
            f"n{no}",
            unit,
            unit,
            state,
            verdict,
            area,
            area / 2,
            area / 4,
            date(2026, 9, 8),
        )
        for no, (unit, verdict, state, area) in enumerate(rows)
    ]
    *units, whole = tally(items, [("a", "甲"), ("b", "乙")], whole=("w", "合计"))
    assert whole.total.count == len(items)
    assert sum(part.count for part in whole.by_verdict.values()) == len(items)
    assert sum(whole.by_progress.values()) == len(items)
    assert set(whole.by_verdict) == set(VERDICTS)
    assert set(whole.by_progress) == set(PROGRESS)
    strays = sum(unit == "z" for unit, *_ in rows)
    assert sum(line.total.count for line in units) == len(items) - strays
    assert sum(part.area_m2 for part in whole.by_verdict.values()) == pytest.approx(whole.total.area_m2)


def test_spans_of_statistics() -> None:
    assert (span_of("2026-Q4").first, span_of("2026-Q4").last) == (date(2026, 10, 1), date(2026, 12, 31))
    assert (span_of("2028-Q1").first, span_of("2028-Q1").last) == (date(2028, 1, 1), date(2028, 3, 31))
    assert span_of("2026").last == date(2026, 12, 31)
    assert span_of("2026-W37").first == date(2026, 9, 7)
    for label in ("2026-Q5", "26", "0000", "2025-W53", "x"):
        with pytest.raises(InvalidInput):
            span_of(label)
