"""Corrections of issued bulletins: which number, what it was, what it is, why, and on what evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from foundation.errors import InvalidInput

TEXT_MAX = 500
EVIDENCE_MAX = 20
SHARES = frozenset({"required", "valid"})
TOWNSHIP_NUMBERS: Mapping[str, tuple[str, str]] = {
    "opened": ("新增图斑", "个"),
    "dispatched": ("下发图斑", "个"),
    "verified": ("现场核查", "个"),
    "unlawful": ("判定违法", "个"),
    "ordered": ("责令整改", "宗"),
    "filed": ("立案查处", "宗"),
    "transferred": ("移送处理", "宗"),
    "closed": ("销号", "宗"),
    "overdue": ("超期未办", "件"),
    "score": ("综合得分", "%"),
}


class ToldNumber(NamedTuple):
    """A number as an issued bulletin told it; ``unit`` ``%`` marks a share of 0 to 1."""

    name: str
    unit: str
    value: float | None


class ErratumBody(NamedTuple):
    """A correction as a person gives it.

    Attributes
    ----------
    number : str
        ``kpis.KEY``, ``indicators.KEY`` or ``townships.CODE.KEY`` of the bulletin's facts.
    should_be : float or None
        In the unit of the number; a share as 0 to 1; None for "nothing was asked".
    evidence : sequence of str
        What proves it: numbers of patches, papers, records.
    """

    number: str
    should_be: float | None
    reason: str
    evidence: Sequence[str]


def told_number(facts: Mapping[str, Any], number: str) -> ToldNumber:
    """What a bulletin told under a name: nobody types what was.

    Raises
    ------
    InvalidInput
        ``patrol.erratum.unknown_number``.
    """
    head, _, rest = number.partition(".")
    if head == "townships":
        code, _, key = rest.partition(".")
        for row in facts.get("townships", ()):
            if row["code"] == code and key in TOWNSHIP_NUMBERS:
                name, unit = TOWNSHIP_NUMBERS[key]
                return ToldNumber(f"{row['name']}{name}", unit, row[key])
    elif head in {"kpis", "indicators"}:
        for row in facts.get(head, ()):
            if row["key"] == rest:
                share = "" if rest in SHARES else "%"
                return ToldNumber(row["zh"], row.get("unit", share), row["value"])
    accepted = [f"{part}.{row['key']}" for part in ("kpis", "indicators") for row in facts.get(part, ())]
    raise InvalidInput(
        "patrol.erratum.unknown_number", number=number, accepted=[*accepted, "townships.CODE.KEY"]
    )


def check_erratum(body: ErratumBody, told: ToldNumber) -> None:
    """A correction corrects something, and says why and by what.

    Raises
    ------
    InvalidInput
        ``patrol.erratum.no_change``, ``patrol.erratum.needs_reason``, ``patrol.erratum.needs_evidence``,
        ``patrol.erratum.bad_value``.
    """
    if not body.reason.strip() or len(body.reason) > TEXT_MAX:
        raise InvalidInput("patrol.erratum.needs_reason", maximum=TEXT_MAX)
    given = [entry for entry in body.evidence if entry.strip()]
    if not given or len(given) > EVIDENCE_MAX or any(len(entry) > TEXT_MAX for entry in given):
        raise InvalidInput("patrol.erratum.needs_evidence", maximum=EVIDENCE_MAX)
    value = body.should_be
    if value is not None and (value < 0 or (told.unit == "%" and value > 1)):
        raise InvalidInput("patrol.erratum.bad_value", value=value, name=told.name)
    if value == told.value:
        raise InvalidInput("patrol.erratum.no_change", name=told.name, value=spoken(value, told.unit))


def spoken(value: float | None, unit: str) -> str:
    """A number as corrections print it."""
    if value is None:
        return "—（无应办事项）"
    if unit == "%":
        return f"{value * 100:.1f}%"
    plain = str(int(value)) if float(value).is_integer() else f"{value:.2f}"
    return f"{plain}{unit}"


def erratum_sentence(fact: Mapping[str, Any]) -> str:
    """One correction in the words of the next bulletin."""
    was, now = spoken(fact["was"], fact["unit"]), spoken(fact["should_be"], fact["unit"])
    evidence = "、".join(fact["evidence"])
    return (
        f"{fact['title']}{fact['bulletin_number']}（{fact['period']}）“{fact['name']}”原为{was}，更正为{now}。"
        f"原因：{fact['reason']}。依据：{evidence}。"
    )
