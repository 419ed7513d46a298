"""The annex of a bulletin for superiors: signs to look at, each with its items; never a finding of fault."""

from __future__ import annotations

from datetime import datetime

from patrol.reports.bulletins import Facts
from patrol.reports.word import NUMERALS, add_body, add_heading, add_title, file_of, new_document

TITLE = "苗头提示"
FOREWORD = (
    "本附页只送上级审阅，不随通报印发。下列情况提示数据可能不实，请逐项核实；"
    "提示本身不作为处理依据，不影响得分和名次。"
)


def annex_name(stem: str) -> str:
    """File name of the annex."""
    return f"{stem}（{TITLE}附页）.docx"


def annex_document(facts: Facts, *, at: datetime) -> bytes:
    """A .docx of the signs of a period; its bytes depend on the facts and ``at`` alone."""
    alarms = facts["alarms"]
    document = new_document()
    add_title(document, f"{facts['title']}附页", f"{TITLE}（{facts['title_period']}）")
    add_body(document, FOREWORD)
    groups: dict[str, list[Facts]] = {}
    for sign in alarms["signs"]:
        groups.setdefault(sign["name"], []).append(sign)
    if not groups:
        add_body(document, "本期没有苗头提示；没有提示不等于没有问题。")
    for numeral, (name, signs) in zip(NUMERALS, groups.items(), strict=False):
        add_heading(document, f"{numeral}、{name}（{len(signs)}条）")
        for place, sign in enumerate(signs, start=1):
            add_body(document, f"{place}．{sign['zh']}。")
            add_body(document, f"明细：{'；'.join(sign['notes'] or sign['items'])}。")
    if alarms["unchecked"]:
        add_heading(document, f"{NUMERALS[len(groups)]}、未作比对")
        for each in alarms["unchecked"]:
            add_body(document, f"{each['name']}：{each['zh']}（{'、'.join(each['places'])}）。")
    return file_of(document, facts, title=f"{facts['title']}附页", at=at)
