"""The summary of a bundle as PDF: what the case is, what was found, what evidence there is."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import typst

from foundation.calendar import SHANGHAI
from foundation.errors import Defect
from patrol.custody.archive import COMMANDS, Content
from patrol.custody.bundle import CaseFile, name_of, sentences_of
from patrol.visits.evidence import kind_name

FACES = ("Noto Serif CJK SC", "FangSong", "SimSun", "Songti SC", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei")
VERDICTS = {"lawful": "合法", "unlawful": "违法", "not_new": "非新增", "doubtful": "存疑", "other": "其他"}
MU_M2 = 2000.0 / 3.0
PREAMBLE = """#set document(title: {title}, date: none)
#set page(paper: "a4", margin: (x: 20mm, y: 18mm), footer: context align(center, text(size: 8pt,
  {number} + "　第 " + counter(page).display() + " 页")))
#set text(font: {faces}, size: 10pt, lang: "zh", region: "cn")
#set table(stroke: 0.5pt, inset: 4pt)
#show heading: it => block(above: 12pt, below: 6pt, text(size: 12pt, weight: "bold", it.body))
#align(center, text(size: 18pt, weight: "bold", "案件证据摘要"))
"""


def summary_pdf(file: CaseFile, files: Mapping[str, Content], *, fingerprint: str) -> bytes:
    """The summary; the same case gives the same bytes on one machine.

    Parameters
    ----------
    files : mapping
        Of the bundle: chips and photos are taken from it.

    Raises
    ------
    Defect
        ``patrol.bundle.typesetting_failed``.
    """
    parts = [
        PREAMBLE.format(
            title=_said(f"案件证据摘要 {file.number}"),
            number=_said(file.number),
            faces="(" + ", ".join(_said(face) for face in FACES) + ")",
        ),
        _facts_table(file),
    ]
    with tempfile.TemporaryDirectory(prefix="bundle-") as folder:
        root = Path(folder)
        parts += [_chips(files, root), _judgement(file), _timeline(file), _evidence(file)]
        parts += [_custody(file), _proof(fingerprint)]
        (root / "main.typ").write_text("\n".join(parts), "utf-8")
        try:
            made = typst.compile(str(root / "main.typ"), root=str(root))
        except typst.TypstError as error:
            raise Defect("patrol.bundle.typesetting_failed", reason=str(error)[:300]) from error
    if not isinstance(made, bytes):
        raise Defect("patrol.bundle.typesetting_failed", reason="no document")
    return made


def _facts_table(file: CaseFile) -> str:
    row, verdict = file.case.row, file.case.verdict
    rows = [
        ("图斑编号", row.number, "所在地", row.division_name),
        (
            "面积",
            f"{row.area_m2:.1f} 平方米（{row.area_m2 / MU_M2:.2f} 亩）",
            "当前状态",
            row.internal_state_name,
        ),
        (
            "占永久基本农田",
            f"{row.basic_farmland_m2:.1f} 平方米",
            "占耕地",
            f"{row.cropland_m2:.1f} 平方米",
        ),
        (
            "判定结论",
            VERDICTS.get(verdict.kind, verdict.kind) if verdict else "尚未判定",
            "判定人",
            f"{verdict.by_name}　{_at(verdict.at)}" if verdict else "—",
        ),
        ("违法类型", (verdict.violation_code if verdict else None) or "—", "截至", _at(file.as_of)),
    ]
    cells = [cell for each in rows for cell in each]
    return _table(("auto", "1fr", "auto", "1fr"), cells)


def _chips(files: Mapping[str, Content], root: Path) -> str:
    shown = []
    for moment, name in (("before", "前时相"), ("after", "后时相")):
        content = files.get(f"chips/{moment}.jpg")
        if content is not None:
            data = content if isinstance(content, bytes) else content.read_bytes()
            (root / f"{moment}.jpg").write_bytes(data)
            shown.append(
                f'figure(image("{moment}.jpg", height: 55mm), caption: {_said(name)}, numbering: none)'
            )
    if not shown:
        return ""
    return f"= 影像\n#grid(columns: {len(shown)}, gutter: 6mm, {', '.join(shown)})"


def _judgement(file: CaseFile) -> str:
    if file.judgement is None:
        return '= 内业判定\n#text("尚未判定。")'
    told = [*sentences_of(file.judgement), file.replay]
    return "= 内业判定\n" + "\n".join(f"#par({_said(text)})" for text in told if text)


def _timeline(file: CaseFile) -> str:
    cells: list[Any] = ["时间", "办理人", "事项", "理由和说明"]
    for entry in file.case.timeline:
        why = "；".join(text for text in (entry.reason_name, entry.note) if text)
        undone = "（已撤销）" if entry.is_undone else ""
        cells += [_at(entry.at), entry.actor_name, entry.action_name + undone, why]
    return "= 办理过程\n" + _table(("auto", "auto", "auto", "1fr"), cells)


def _evidence(file: CaseFile) -> str:
    if not file.evidence:
        return '= 证据\n#text("尚无证据材料。")'
    cells: list[Any] = ["序号", "种类", "采集时间、采集人", "可信度、疑点", "审核", "SHA-256（前 16 位）"]
    for number, row in enumerate(file.evidence, start=1):
        score = "—" if row.plausibility is None else f"{row.plausibility:.2f}"
        doubts = "、".join(row.flags) or "无"
        cells += [
            str(number),
            row.title or kind_name(row.kind),
            f"{_at(row.captured_at)} {row.by_name}",
            f"{score}；{doubts}",
            "已审核" if row.is_reviewed else "未完成",
            row.sha256[:16],
        ]
    names = "；".join(name_of(file, row) for row in file.evidence[:3])
    return (
        "= 证据\n"
        + _table(("auto", "auto", "1fr", "1fr", "auto", "auto"), cells)
        + f"\n#par(text(size: 8pt, {_said('文件按序号存放，如 ' + names)}))"
    )


def _custody(file: CaseFile) -> str:
    counts: dict[str, int] = {}
    for step in file.custody:
        counts[step.step_name] = counts.get(step.step_name, 0) + 1
    told = "、".join(f"{name} {count} 次" for name, count in counts.items()) or "无记录"
    return f"= 保管链\n#par({_said(f'{told}。逐条见 custody.csv。')})"


def _proof(fingerprint: str) -> str:
    lines = "\n".join(f"#raw({_said(command)})\\" for command in COMMANDS)
    return (
        f"= 验证\n#par({_said('解压后在文件夹内运行以下两条命令：')})\n{lines}\n"
        f"#par({_said('签名公钥指纹（SHA-256）：')} + raw({_said(fingerprint)}))"
    )


def _table(columns: Sequence[str], cells: Sequence[Any]) -> str:
    told = ", ".join(f"[#{_said(str(cell))}]" for cell in cells)
    return f"#table(columns: ({', '.join(columns)}), {told})"


def _at(moment: Any) -> str:
    return f"{moment.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"


def _said(text: str) -> str:
    """A string literal of the typesetting language: nothing in it is markup."""
    safe = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ").replace("\r", " ")
    return f'"{safe}"'
