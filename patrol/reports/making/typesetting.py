"""PDF of a paper, set from its own Word file, so that the two cannot say different things.

Paragraphs, runs, tables with merged cells, pictures, headers and footers are understood. A Word file that
holds words elsewhere (text boxes, for example) is refused rather than set without them.
"""

from __future__ import annotations

import io
import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import docx
import typst
from docx.oxml.ns import qn

from foundation.errors import Defect, InvalidInput, Unavailable

MEDIA_TYPE = "application/pdf"
EMU_PER_MM = 36000.0
TWIPS_PER_MM = 56.6929
SERIF = (
    "FangSong",
    "FangSong_GB2312",
    "STFangsong",
    "Noto Serif CJK SC",
    "Noto Serif SC",
    "Source Han Serif SC",
)
SANS = ("SimHei", "STHeiti", "Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC")
SONG = ("FZXiaoBiaoSong-B05S", "FZXiaoBiaoSong-B05", "SimSun", "STSong", *SERIF[3:])
KAI = ("KaiTi", "KaiTi_GB2312", "STKaiti", *SERIF[3:])
LAST = ("WenQuanYi Micro Hei", "WenQuanYi Zen Hei", *SANS, *SERIF)
FACES = {"仿宋": SERIF, "FangSong": SERIF, "黑体": SANS, "SimHei": SANS, "楷体": KAI, "KaiTi": KAI}
SPACE = re.compile(r"\s+")
HEX = re.compile(r"[0-9A-Fa-f]{6}")
PICTURES = {b"\xff\xd8\xff": "jpg", b"\x89PNG": "png"}


def pdf_of(data: bytes, *, at: datetime, title: str) -> bytes:
    """A PDF of a Word file; the same file and moment give the same bytes on one machine.

    Parameters
    ----------
    at : datetime
        Stated inside as the moment of making.

    Raises
    ------
    Unavailable
        ``patrol.paper.no_font``: no Chinese typeface is installed.
    InvalidInput
        ``patrol.paper.cannot_typeset``: the file holds words or pictures that would be lost.
    """
    document = docx.Document(io.BytesIO(data))
    setter = _Setter(document)
    lines = setter.all_lines(title)
    with tempfile.TemporaryDirectory(prefix="paper-") as folder:
        root = Path(folder)
        for name, picture in setter.pictures.items():
            (root / name).write_bytes(picture)
        (root / "main.typ").write_text("\n".join(lines), "utf-8")
        try:
            made = typst.compile(
                str(root / "main.typ"),
                root=str(root),
                font_paths=_fonts(),
                timestamp=int(at.timestamp()),
            )
        except typst.TypstError as error:
            raise Defect("patrol.paper.typesetting_failed", reason=str(error)[:300]) from error
    if not isinstance(made, bytes):
        raise Defect("patrol.paper.typesetting_failed", reason="no document")
    return made


@lru_cache(maxsize=1)
def installed_faces() -> frozenset[str]:
    """Chinese typefaces of this machine that papers can be set in.

    Raises
    ------
    Unavailable
        ``patrol.paper.no_font``.
    """
    known = set(_fonts().families()) & {*SERIF, *SANS, *SONG, *KAI, *LAST}
    if not known:
        raise Unavailable("patrol.paper.no_font", package="fonts-wqy-microhei")
    return frozenset(known)


@lru_cache(maxsize=1)
def chinese_font_file() -> tuple[str, int]:
    """File and face of a Chinese typeface of this machine, for words in pictures.

    Raises
    ------
    Unavailable
        ``patrol.paper.no_font``.
    """
    installed_faces()
    found = {font.family: font for font in reversed(_fonts().fonts()) if font.path and font.weight == 400}
    font = next((found[face] for face in (*SANS, *LAST) if face in found), None)
    if font is None or font.path is None:
        raise Unavailable("patrol.paper.no_font", package="fonts-wqy-microhei")
    return font.path, font.index


@lru_cache(maxsize=1)
def _fonts() -> typst.Fonts:
    return typst.Fonts(include_system_fonts=True, include_embedded_fonts=False)


@lru_cache(maxsize=32)
def _faces(name: str) -> str:
    wanted = SONG if "宋" in name and "仿宋" not in name else FACES.get(name, SERIF)
    here = [face for face in (*wanted, *LAST) if face in installed_faces()]
    return "(" + ", ".join(quoted(face) for face in dict.fromkeys(here)) + ",)"


def quoted(text: str) -> str:
    """A string literal of the typesetting language."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


@dataclass(frozen=True, slots=True)
class _Face:
    """Typeface of a run; size in points."""

    font: str
    size: float
    is_bold: bool
    color: str


@dataclass
class _Setter:
    """Walks one Word file and says it in the typesetting language."""

    document: Any
    pictures: dict[str, bytes] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)

    def all_lines(self, title: str) -> list[str]:
        """The whole document."""
        section = self.document.sections[0]
        edges = ("top", "bottom", "left", "right")
        margin = ", ".join(f"{edge}: {_mm(getattr(section, f'{edge}_margin'))}mm" for edge in edges)
        header, footer = (self._margin(part) for part in (section.header, section.footer))
        body = list(self._blocks(self.document.element.body, self.document.part))
        self._require_all_said()
        return [
            f"#set document(title: {quoted(title)})",
            f"#set page(width: {_mm(section.page_width)}mm, height: {_mm(section.page_height)}mm,"
            f" margin: ({margin}), header: [{header}], footer: [{footer}])",
            '#set text(lang: "zh", region: "cn", top-edge: 0.86em, bottom-edge: -0.14em)',
            "#set par(spacing: 0pt, justify: false)",
            *body,
        ]

    def _margin(self, part: Any) -> str:
        if part.is_linked_to_previous:
            return ""
        said, self.said = self.said, []
        lines = list(self._blocks(part._element, part.part))
        self.said = said
        return "\n".join(lines)

    def _blocks(self, element: Any, part: Any) -> Iterator[str]:
        for child in element.iterchildren():
            if child.tag == qn("w:p"):
                yield self._paragraph(child, part)
            elif child.tag == qn("w:tbl"):
                yield self._table(child, part)
            elif child.tag == qn("w:sdt"):
                content = child.find(qn("w:sdtContent"))
                if content is not None:
                    yield from self._blocks(content, part)

    def _paragraph(self, paragraph: Any, part: Any) -> str:
        face = self._face(paragraph, None)
        inner = "".join(self._inline(paragraph, paragraph, part))
        form = _Form.of(paragraph, self.document, face.size)
        if not inner:
            height = form.exact or face.size
            return (
                f"#block(width: 100%, above: {form.above}pt, below: {form.after}pt, height: {height}pt,"
                f" stroke: {_rule_below(paragraph)})[]"
            )
        setting = f"leading: {form.leading}pt, first-line-indent: (amount: {form.indent}pt, all: true)"
        return (
            f"#block(width: 100%, above: {form.above}pt, below: {form.after}pt, sticky: {form.is_sticky},"
            f" inset: (left: {form.left}pt, right: {form.right}pt), stroke: {_rule_below(paragraph)})"
            f"[#align({form.align}, par({setting})[{inner}])]"
        )

    def _inline(self, element: Any, paragraph: Any, part: Any) -> Iterator[str]:
        for child in element.iterchildren():
            if child.tag == qn("w:r"):
                yield from self._run(child, paragraph, part)
            elif child.tag in {qn("w:hyperlink"), qn("w:smartTag"), qn("w:ins"), qn("w:fldSimple")}:
                yield from self._inline(child, paragraph, part)

    def _run(self, run: Any, paragraph: Any, part: Any) -> Iterator[str]:
        face = self._face(paragraph, run)
        style = f"font: {_faces(face.font)}, size: {face.size}pt, fill: rgb({quoted(face.color)})"
        if face.is_bold:
            style += ', weight: "bold"'
        for child in run.iterchildren():
            if child.tag == qn("w:t") and child.text:
                self.said.append(child.text)
                yield f"#text({style}, {quoted(child.text)})"
            elif child.tag == qn("w:tab"):
                yield "#h(2em)"
            elif child.tag == qn("w:br"):
                is_page = child.get(qn("w:type")) == "page"
                yield "#colbreak(weak: true)" if is_page else "#linebreak()"
            elif child.tag == qn("w:instrText") and "PAGE" in (child.text or ""):
                yield f"#text({style})[#context counter(page).display()]"
            elif child.tag == qn("w:drawing"):
                yield self._picture(child, part)

    def _picture(self, drawing: Any, part: Any) -> str:
        blip = next(iter(drawing.iter(qn("a:blip"))), None)
        extent = next(iter(drawing.iter(qn("wp:extent"))), None)
        identity = blip.get(qn("r:embed")) if blip is not None else None
        if identity is None or extent is None:
            raise InvalidInput("patrol.paper.cannot_typeset", what="图形")
        data: bytes = part.related_parts[identity].blob
        ending = next((name for mark, name in PICTURES.items() if data.startswith(mark)), None)
        if ending is None:
            raise InvalidInput("patrol.paper.cannot_typeset", what="图片格式")
        name = f"picture{len(self.pictures) + 1}.{ending}"
        self.pictures[name] = data
        width, height = (int(extent.get(side)) / EMU_PER_MM for side in ("cx", "cy"))
        return f"#box(image({quoted(name)}, width: {width:.2f}mm, height: {height:.2f}mm))"

    def _table(self, table: Any, part: Any) -> str:
        widths = [int(column.get(qn("w:w")) or 0) / TWIPS_PER_MM for column in table.iter(qn("w:gridCol"))]
        rows = [list(_cells(row)) for row in table.iterchildren(qn("w:tr"))]
        stroke = "0.5pt" if _has_lines(table) else "none"
        said: list[str] = []
        elements = list(table.iterchildren(qn("w:tr")))
        for place, cells in enumerate(rows):
            line = [
                self._cell(cell, _rowspan(rows, place, cell), part) for cell in cells if not cell.is_hidden
            ]
            # A column without width holds the least height of its row.
            height = _height_mm(elements[place])
            line.append(f"table.cell(inset: 0pt, stroke: none)[#block(height: {height:.1f}mm)]")
            whole = ",\n".join(line)
            said.append(f"table.header({whole})" if place == 0 and _is_head(elements[0]) else whole)
        columns = ", ".join(f"{width:.2f}mm" for width in widths)
        breaks = "false" if _is_kept_whole(elements) else "true"
        return (
            f"#block(width: 100%, breakable: {breaks}, align(center, table(columns: ({columns}, 0pt),"
            f" stroke: {stroke}, inset: (x: 1.6mm, y: 0.9mm),\n" + ",\n".join(said) + ")))"
        )

    def _cell(self, cell: _Cell, rowspan: int, part: Any) -> str:
        inner = "\n".join(self._blocks(cell.element, part))
        spans = f"colspan: {cell.span}, rowspan: {rowspan}, align: {_upright(cell.element)}"
        return f"table.cell({spans}, fill: {_shade(cell.element)})[{inner}]"

    def _face(self, paragraph: Any, run: Any | None) -> _Face:
        """What is set at the run, else in the paragraph's style, else in the document's own."""
        own = paragraph.find(qn("w:pPr"))
        chain = [run.find(qn("w:rPr")) if run is not None else None]
        if run is None and own is not None:
            chain = [own.find(qn("w:rPr"))]
        chain += [style.find(qn("w:rPr")) for style in _styles(paragraph, self.document)]
        found = [marks for marks in chain if marks is not None]
        size = _first(found, "w:sz", "w:val")
        color = _first(found, "w:color", "w:val") or "000000"
        bold = next((mark.find(qn("w:b")) for mark in found if mark.find(qn("w:b")) is not None), None)
        is_bold = bold is not None and bold.get(qn("w:val")) not in {"0", "false"}
        font = _first(found, "w:rFonts", "w:eastAsia") or _first(found, "w:rFonts", "w:ascii") or "仿宋"
        points = float(size) / 2 if size else 16.0
        return _Face(font, points, is_bold, "#" + (color if len(color) == 6 else "000000"))

    def _require_all_said(self) -> None:
        """Every word of the Word file must have been set."""
        whole = "".join(node.text or "" for node in self.document.element.body.iter(qn("w:t")))
        if sorted(SPACE.sub("", whole)) != sorted(SPACE.sub("", "".join(self.said))):
            raise InvalidInput("patrol.paper.cannot_typeset", what="文本框等浮动内容")


@dataclass(frozen=True, slots=True)
class _Form:
    """Setting of a paragraph, in points."""

    align: str
    above: float
    after: float
    indent: float
    left: float
    right: float
    leading: float
    is_sticky: str
    exact: float = 0.0

    @classmethod
    def of(cls, paragraph: Any, document: Any, size: float) -> _Form:
        """Read from the paragraph, then from its styles."""
        chain = [paragraph.find(qn("w:pPr"))]
        chain += [style.find(qn("w:pPr")) for style in _styles(paragraph, document)]
        found = [marks for marks in chain if marks is not None]
        align = _first(found, "w:jc", "w:val") or "left"
        exact = _first(found, "w:spacing", "w:line")
        rule = _first(found, "w:spacing", "w:lineRule") or "auto"
        leading, is_exact = 0.3 * size, False
        if exact and rule != "auto":
            leading = max(0.0, float(exact) / 20 - size)
            is_exact = rule == "exact"
        elif exact:
            leading = max(0.0, float(exact) / 240 * 1.3 * size - size)
        before = _points(found, "w:spacing", "w:before")
        keep = found[0].find(qn("w:keepNext")) if found else None
        return cls(
            {"center": "center", "right": "right", "end": "right"}.get(align, "left"),
            before + leading,
            _points(found, "w:spacing", "w:after"),
            _points(found, "w:ind", "w:firstLine"),
            _points(found, "w:ind", "w:left"),
            _points(found, "w:ind", "w:right"),
            leading,
            "true" if keep is not None and keep.get(qn("w:val")) not in {"0", "false"} else "false",
            float(exact) / 20 if exact and is_exact else 0.0,
        )


@dataclass(frozen=True, slots=True)
class _Cell:
    element: Any
    column: int
    span: int
    merge: str | None

    @property
    def is_hidden(self) -> bool:
        """Whether it continues a merged cell above."""
        return self.merge == "continue"


def _cells(row: Any) -> Iterator[_Cell]:
    column = 0
    for element in row.iterchildren(qn("w:tc")):
        marks = element.find(qn("w:tcPr"))
        span_mark = marks.find(qn("w:gridSpan")) if marks is not None else None
        merge_mark = marks.find(qn("w:vMerge")) if marks is not None else None
        span = int(span_mark.get(qn("w:val"))) if span_mark is not None else 1
        merge = None if merge_mark is None else merge_mark.get(qn("w:val")) or "continue"
        yield _Cell(element, column, span, merge)
        column += span


def _rowspan(rows: Sequence[Sequence[_Cell]], place: int, cell: _Cell) -> int:
    span = 1
    for below in rows[place + 1 :] if cell.merge == "restart" else ():
        if not any(other.column == cell.column and other.merge == "continue" for other in below):
            break
        span += 1
    return span


def _upright(element: Any) -> str:
    marks = element.find(qn("w:tcPr"))
    mark = marks.find(qn("w:vAlign")) if marks is not None else None
    return {"center": "horizon", "bottom": "bottom"}.get(
        mark.get(qn("w:val")) if mark is not None else "", "top"
    )


def _shade(element: Any) -> str:
    shade = next(iter(element.iter(qn("w:shd"))), None)
    fill = shade.get(qn("w:fill")) or "" if shade is not None else ""
    return f'rgb("#{fill}")' if HEX.fullmatch(fill) else "none"


def _rule_below(paragraph: Any) -> str:
    """The line under a paragraph."""
    edge = next(
        (rule for rule in paragraph.iter(qn("w:bottom")) if rule.getparent().tag == qn("w:pBdr")), None
    )
    if edge is None or edge.get(qn("w:val")) in {"none", "nil"}:
        return "none"
    color = edge.get(qn("w:color")) or ""
    width = int(edge.get(qn("w:sz")) or 4) / 8
    return f'(bottom: {width}pt + rgb("#{color if HEX.fullmatch(color) else "000000"}"))'


def _is_head(row: Any) -> bool:
    """Whether a row is repeated on every page."""
    return next(iter(row.iter(qn("w:tblHeader"))), None) is not None


def _is_kept_whole(rows: Sequence[Any]) -> bool:
    """Whether each row asks to stand with the next: such a table is not torn."""
    return len(rows) > 1 and all(
        next(iter(row.iter(qn("w:keepNext"))), None) is not None for row in rows[:-1]
    )


def _height_mm(row: Any) -> float:
    height = next(iter(row.iter(qn("w:trHeight"))), None)
    return int(height.get(qn("w:val")) or 0) / TWIPS_PER_MM if height is not None else 0.0


def _has_lines(table: Any) -> bool:
    marks = table.find(qn("w:tblPr"))
    style = marks.find(qn("w:tblStyle")) if marks is not None else None
    borders = marks.find(qn("w:tblBorders")) if marks is not None else None
    if borders is not None:
        return any(edge.get(qn("w:val")) not in {"none", "nil"} for edge in borders)
    return style is not None and "Grid" in (style.get(qn("w:val")) or "")


def _styles(paragraph: Any, document: Any) -> list[Any]:
    """Style elements of a paragraph, nearest first; the document's defaults last."""
    styles = document.styles.element
    by_id = {style.get(qn("w:styleId")): style for style in styles.iter(qn("w:style"))}
    marks = paragraph.find(qn("w:pPr"))
    named = marks.find(qn("w:pStyle")) if marks is not None else None
    identity = named.get(qn("w:val")) if named is not None else "Normal"
    chain = []
    while identity in by_id and by_id[identity] not in chain:
        style = by_id[identity]
        chain.append(style)
        based = style.find(qn("w:basedOn"))
        identity = based.get(qn("w:val")) if based is not None else None
    return chain


def _first(found: Sequence[Any], tag: str, attribute: str) -> str | None:
    for marks in found:
        mark = marks.find(qn(tag))
        if mark is not None and mark.get(qn(attribute)) is not None:
            return str(mark.get(qn(attribute)))
    return None


def _points(found: Sequence[Any], tag: str, attribute: str) -> float:
    value = _first(found, tag, attribute)
    return float(value) / 20 if value and value.lstrip("-").isdecimal() else 0.0


def _mm(length: Any) -> float:
    return round(length / EMU_PER_MM, 2) if length is not None else 25.0
