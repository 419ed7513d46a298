"""Gates: ratios, rates and exponents of measurements against their targets, and what results must share."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Literal

from bench.measure import Record
from bench.rows import Agreement, Row

GATES_FILE = Path(__file__).with_name("gates.toml")
PLAIN_METRICS = frozenset({"cpu_s", "wall_s", "memory_mib"})
FACT_METRICS = frozenset({"difference", "geodesic_error", "bytes_a_point", "share_gap"})


@dataclass(frozen=True, slots=True)
class Gate:
    """One line of ``gates.toml``."""

    name: str
    row: str
    numerator: str
    metric: str
    direction: Literal["min", "max"]
    target: float
    denominator: str = ""


@dataclass(frozen=True, slots=True)
class Measured:
    """A gate with what was measured: the median over rounds, and the least and most of them."""

    gate: Gate
    value: float
    least: float
    most: float

    @property
    def is_held(self) -> bool:
        """Whether the target is reached."""
        if self.gate.direction == "max":
            return self.value <= self.gate.target
        return self.value >= self.gate.target


def read_gates() -> list[Gate]:
    """All gates, in the order of the file."""
    tables = tomllib.loads(GATES_FILE.read_text("utf-8"))
    return [Gate(name=name, **table) for name, table in tables.items()]


def measured_gates(records: Sequence[Record], gates: Iterable[Gate]) -> list[Measured]:
    """Every gate whose works were measured."""
    found = []
    for gate in gates:
        values = _values([record for record in records if record.row == gate.row], gate)
        if values:
            found.append(Measured(gate, median(values), min(values), max(values)))
    return found


def exponent(records: Sequence[Record]) -> float:
    """Slope of log CPU seconds over log pixels, least squares through the medians at each size."""
    points = [
        (math.log(pixels), math.log(median(record.cpu_s for record in group)))
        for pixels, group in _by_pixels(records).items()
    ]
    if len(points) < 2:
        return math.nan
    middle_x, middle_y = (sum(axis) / len(points) for axis in zip(*points, strict=True))
    upper = sum((x - middle_x) * (y - middle_y) for x, y in points)
    slope: float = upper / sum((x - middle_x) ** 2 for x, _ in points)
    return slope


def disagreements(rows: Iterable[Row], records: Sequence[Record]) -> list[str]:
    """What is wrong with the results, in words: this fails a run at any size, on any machine."""
    wrong = []
    for row in rows:
        mine = [record for record in records if record.row == row.name]
        wrong += _unstable(mine)
        wrong += [text for agreement in row.agreements for text in _differs(row.name, mine, agreement)]
        for fact, least in row.least.items():
            wrong += [
                f"{row.name} {record.work}: {fact} is {record.result[fact]}, below {least}"
                for record in mine
                if fact in record.result and record.result[fact] < least and _is_own(row, record)
            ]
        for fact, most in row.most.items():
            wrong += [
                f"{row.name} {record.work}: {fact} is {record.result[fact]}, above {most}"
                for record in mine
                if record.result.get(fact, 0.0) > most
            ]
    return sorted(set(wrong))


def _is_own(row: Row, record: Record) -> bool:
    maker = next(work.maker for work in row.works if work.name == record.work)
    return maker.startswith("bench.works.")


def _unstable(records: Sequence[Record]) -> list[str]:
    """Works whose rounds did not give one result."""
    wrong = []
    for work in {record.work for record in records}:
        results = [record.result for record in records if record.work == work]
        if any(result != results[0] for result in results[1:]):
            wrong.append(f"{records[0].row} {work}: rounds differ in their result")
    return wrong


def _differs(row: str, records: Sequence[Record], agreement: Agreement) -> list[str]:
    results = [
        next((record.result for record in records if record.work == work), None) for work in agreement.works
    ]
    if results[0] is None or results[1] is None:
        return []
    first, second = (result[agreement.fact] for result in results if result is not None)
    if first == second:
        return []
    return [f"{row}: {agreement.fact} of {agreement.works[0]} and {agreement.works[1]} differ"]


def _values(records: Sequence[Record], gate: Gate) -> list[float]:
    own = [record for record in records if record.work == gate.numerator]
    if not own:
        return []
    if gate.metric == "exponent":
        return [exponent(own)]
    if gate.metric == "memory_growth":
        sizes = sorted(_by_pixels(own).items())
        first, last = (median(record.memory_mib for record in group) for _, group in (sizes[0], sizes[-1]))
        return [last / first]
    if gate.metric in FACT_METRICS:
        return [float(record.result[gate.metric]) for record in own if gate.metric in record.result]
    if gate.metric == "pixels_per_cpu_s":
        return [record.pixels / record.cpu_s for record in own]
    if gate.metric == "cpu_ms_each":
        return [record.cpu_s * 1e3 / record.pixels for record in own]
    if gate.metric in PLAIN_METRICS and not gate.denominator:
        return [getattr(record, gate.metric) for record in own]
    other: Mapping[int, Record] = {
        record.round: record for record in records if record.work == gate.denominator
    }
    if gate.metric == "correlation_gap":
        return [_correlation_gap(record, other[record.round]) for record in own if record.round in other]
    if gate.metric not in PLAIN_METRICS:
        raise ValueError(f"gate {gate.name}: no such metric: {gate.metric}")
    return [
        getattr(record, gate.metric) / max(getattr(other[record.round], gate.metric), 1e-9)
        for record in own
        if record.round in other
    ]


def _correlation_gap(one: Record, other: Record) -> float:
    pairs = zip(one.result["correlations"], other.result["correlations"], strict=True)
    return float(max(abs(first - second) for first, second in pairs))


def _by_pixels(records: Sequence[Record]) -> dict[int, list[Record]]:
    groups: dict[int, list[Record]] = {}
    for record in records:
        groups.setdefault(record.pixels, []).append(record)
    return groups


def as_json(measured: Measured) -> dict[str, Any]:
    """For the file."""
    gate = measured.gate
    return {
        "gate": gate.name,
        "row": gate.row,
        "numerator": gate.numerator,
        "denominator": gate.denominator,
        "metric": gate.metric,
        "direction": gate.direction,
        "target": gate.target,
        "value": _significant(measured.value),
        "least": _significant(measured.least),
        "most": _significant(measured.most),
        "is_held": measured.is_held,
    }


def _significant(value: float) -> float:
    return float(f"{value:.5g}")
