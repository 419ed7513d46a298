"""Word templates and fields become papers: checked before, merged in a sandbox, stamped when issued.

A template is a program that others wrote. It may name fields, ask whether one is filled, and walk a list;
every other construct is refused, so that a template can neither reach into the platform nor run for ever.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import docx
from docx.opc.exceptions import OpcError
from docx.oxml.ns import qn
from docx.shared import Mm
from docxtpl import DocxTemplate, InlineImage
from jinja2 import TemplateSyntaxError, nodes
from jinja2.exceptions import UndefinedError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from lxml.etree import LxmlError

from foundation.errors import InvalidInput
from patrol.papers.fields import CONTROL, PaperField, keys_by_name, paper_fields, shown, shown_rows
from patrol.papers.kinds import PaperKind
from patrol.papers.numbering import DAY_TO_COME, NUMBER_TO_COME
from patrol.papers.views import TemplateReport, faults_of
from patrol.reports.archives import frozen

DOCX_MAX, PART_MAX, PARTS_MAX = 10 << 20, 4 << 20, 400
ALLOWED = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Getattr, nodes.Const, nodes.If,
    nodes.For, nodes.Not, nodes.And, nodes.Or, nodes.Compare, nodes.Operand,
)  # fmt: skip
RELATION = re.compile(rb"<Relationship\b[^>]*>")
REFUSED_PARTS = ("vbaProject.bin", "/activeX/", "/embeddings/")


class Shown(str):
    """Text of a value that is false where the value is nothing or zero."""

    __slots__ = ("is_true",)
    is_true: bool

    @classmethod
    def of(cls, text: str, value: Any) -> Shown:
        """Text of a value."""
        made = cls(CONTROL.sub("", text))
        made.is_true = bool(value)
        return made

    def __bool__(self) -> bool:
        return self.is_true


def check_template(data: bytes, kind: PaperKind) -> TemplateReport:
    """Which fields a template names, which it should not, and which it lacks.

    Raises
    ------
    InvalidInput
        ``patrol.paper.not_word``, ``patrol.paper.too_large``, ``patrol.paper.active_content`` or
        ``patrol.paper.bad_syntax``.
    """
    walk = _Walk()
    for source in _sources(_opened(data)):
        try:
            walk.visit(_environment().parse(source))
        except TemplateSyntaxError as error:
            raise InvalidInput("patrol.paper.bad_syntax", reason=str(error.message)[:200]) from error
    fields, names = paper_fields(), keys_by_name()
    known = {names[name] for name in walk.names if name in names}
    missing = [fields[key].zh for key in kind.required if key not in known]
    unknown = sorted({name for name in walk.names if name not in names} | walk.columns)
    return TemplateReport(
        tuple(sorted(known)), tuple(unknown), tuple(missing), tuple(sorted(set(walk.refused)))
    )


def require_template(data: bytes, kind: PaperKind) -> None:
    """Refuse a template that cannot be used.

    Raises
    ------
    InvalidInput
        ``patrol.paper.bad_template`` naming every fault, or a code of `check_template`.
    """
    report = check_template(data, kind)
    if not report.is_sound:
        raise InvalidInput("patrol.paper.bad_template", **faults_of(report, kind))


def merge(
    template: bytes, values: Mapping[str, Any], *, pictures: Mapping[str, bytes], at: datetime
) -> bytes:
    """A Word file from a template and stored values; the same input gives the same bytes.

    Parameters
    ----------
    values : mapping
        Field key -> stored value; pictures as the SHA-256 by which ``pictures`` holds their bytes.
    at : datetime
        Stated inside as created and modified.

    Raises
    ------
    InvalidInput
        ``patrol.paper.bad_syntax``.
    """
    document = DocxTemplate(io.BytesIO(template))
    document.init_docx()
    context: dict[str, Any] = {}
    for key, item in paper_fields().items():
        context[key] = context[item.zh] = _context_value(document, item, values.get(key), pictures)
    try:
        document.render(context, jinja_env=_environment(), autoescape=True)
    except (TemplateSyntaxError, UndefinedError) as error:
        raise InvalidInput("patrol.paper.bad_syntax", reason=str(error)[:200]) from error
    out = io.BytesIO()
    document.save(out)
    return frozen(out.getvalue(), at=at)


def stamp(data: bytes, *, number: str, day: str, at: datetime) -> bytes:
    """The issued file: the marks of a draft replaced by its number and its day, nothing else touched."""
    document = docx.Document(io.BytesIO(data))
    for paragraph in _paragraphs(document):
        texts = list(paragraph.iter(qn("w:t")))
        for mark, value in ((NUMBER_TO_COME, number), (DAY_TO_COME, day)):
            _replace(texts, mark, value)
    out = io.BytesIO()
    document.save(out)
    return frozen(out.getvalue(), at=at)


def check_edited(data: bytes) -> bytes:
    """An edited draft, once it is a Word file without active content that still waits for its number.

    Raises
    ------
    InvalidInput
        ``patrol.paper.not_word``, ``patrol.paper.too_large``, ``patrol.paper.active_content`` or
        ``patrol.paper.number_gone``.
    """
    document = _opened(data).get_docx()
    if not any(NUMBER_TO_COME in _text(paragraph) for paragraph in _paragraphs(document)):
        raise InvalidInput("patrol.paper.number_gone", mark=NUMBER_TO_COME)
    return data


class _Walk:
    """Collects what a parsed template names."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.columns: set[str] = set()
        self.refused: list[str] = []

    def visit(self, node: nodes.Node, rows: Mapping[str, PaperField] | None = None) -> None:
        known = dict(rows or {})
        if not isinstance(node, ALLOWED):
            self.refused.append(type(node).__name__)
            return
        if isinstance(node, nodes.For):
            self._for(node, known)
            return
        if isinstance(node, nodes.Getattr):
            self._column(node, known)
            return
        if isinstance(node, nodes.Name) and node.name not in known:
            self.names.add(node.name)
        for child in node.iter_child_nodes():
            self.visit(child, known)

    def _for(self, node: nodes.For, known: dict[str, PaperField]) -> None:
        listed = paper_fields().get(keys_by_name().get(getattr(node.iter, "name", ""), ""))
        if not isinstance(node.target, nodes.Name) or listed is None or listed.type != "list" or node.test:
            self.refused.append("for")
            return
        self.names.add(listed.zh)
        for child in [*node.body, *node.else_]:
            self.visit(child, known | {node.target.name: listed})

    def _column(self, node: nodes.Getattr, known: Mapping[str, PaperField]) -> None:
        row = known.get(getattr(node.node, "name", ""))
        if row is None:
            self.refused.append(f".{node.attr}")
        elif node.attr not in row.columns and node.attr not in row.columns.values():
            self.columns.add(f"{row.zh}.{node.attr}")


def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(autoescape=True)
    environment.globals.clear()
    environment.filters = {name: environment.filters[name] for name in ("e", "escape")}
    return environment


def _context_value(
    document: DocxTemplate, item: PaperField, value: Any, pictures: Mapping[str, bytes]
) -> Any:
    if item.type == "picture":
        data = pictures.get(value) if value else None
        return (
            InlineImage(document, io.BytesIO(data), width=Mm(item.width_mm)) if data else Shown.of("", None)
        )
    if item.type == "list":
        return [
            {
                name: Shown.of(text, text)
                for key, text in row.items()
                for name in (key, item.columns[key])
            }
            for row in shown_rows(item, value or [])
        ]  # fmt: skip
    return Shown.of(shown(item, value), value)


def _opened(data: bytes) -> DocxTemplate:
    """The parts of an uploaded Word file, once they are of a bearable size and hold nothing that acts."""
    if len(data) > DOCX_MAX:
        raise InvalidInput("patrol.paper.too_large", maximum_mb=DOCX_MAX >> 20)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            is_large = len(entries) > PARTS_MAX or any(
                entry.file_size > (PART_MAX if entry.filename.endswith((".xml", ".rels")) else DOCX_MAX)
                for entry in entries
            )
            if is_large or sum(entry.file_size for entry in entries) > 4 * DOCX_MAX:
                raise InvalidInput("patrol.paper.too_large", maximum_mb=DOCX_MAX >> 20)
            if any(part in f"/{entry.filename}" for entry in entries for part in REFUSED_PARTS):
                raise InvalidInput("patrol.paper.active_content")
            for entry in entries:
                if entry.filename.endswith(".rels") and _reaches_out(archive.read(entry)):
                    raise InvalidInput("patrol.paper.active_content")
        document = DocxTemplate(io.BytesIO(data))
        document.init_docx()
    except (zipfile.BadZipFile, OpcError, KeyError, ValueError, LxmlError, RuntimeError) as error:
        raise InvalidInput("patrol.paper.not_word") from error
    return document


def _reaches_out(rels: bytes) -> bool:
    """Whether something other than a link that a reader may click lies outside the file."""
    links = (link for link in RELATION.findall(rels) if b'"External"' in link)
    return any(b"/hyperlink" not in link for link in links)


def _sources(document: DocxTemplate) -> Iterator[str]:
    """What is parsed as a template: the body, headers and footers."""
    yield document.patch_xml(document.get_xml())
    for uri in (document.HEADER_URI, document.FOOTER_URI):
        for _, part in document.get_headers_footers(uri):
            yield document.patch_xml(document.get_part_xml(part))


def _paragraphs(document: Any) -> Iterator[Any]:
    yield from document.element.body.iter(qn("w:p"))
    for section in document.sections:
        for part in (section.header, section.footer):
            if not part.is_linked_to_previous:
                yield from part._element.iter(qn("w:p"))


def _text(paragraph: Any) -> str:
    return "".join(node.text or "" for node in paragraph.iter(qn("w:t")))


def _replace(texts: list[Any], mark: str, value: str) -> None:
    """Replace a mark in a paragraph, also where Word has cut it into several runs."""
    while True:
        whole = "".join(node.text or "" for node in texts)
        begin = whole.find(mark)
        if begin < 0:
            return
        end, at, is_written = begin + len(mark), 0, False
        for node in texts:
            text = node.text or ""
            first, last = max(begin - at, 0), min(end - at, len(text))
            at += len(text)
            if first >= last:
                continue
            node.text = text[:first] + ("" if is_written else value) + text[last:]
            is_written = True
