"""Measurements of a row: works in turn, each in a fresh process, as many rounds as asked."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bench.rows import Growth, Row, Size, Work

THREAD_SETTINGS = (
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"),
    *("OPENCV_FOR_THREADS_NUM", "GDAL_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"),
)
ONE_THREAD = dict.fromkeys(THREAD_SETTINGS, "1")
"""One thread for each library, so that CPU seconds compare; workers are threads of our own."""
CACHE_MIB = 256
"""GDAL's block cache, the same for all."""
PROJECT = Path(__file__).resolve().parents[1]
TIME_LIMIT_S = 1800

Tell = Callable[[str], None]

MET: Mapping[str, Callable[[str], bool]] = {
    "program": lambda name: shutil.which(name) is not None,
    "package": lambda name: find_spec(name) is not None,
    "file": lambda name: (PROJECT / name).is_file(),
}


@dataclass(frozen=True, slots=True)
class Record:
    """One measurement; see the README for each field."""

    row: str
    work: str
    round: int
    side_px: int
    pixels: int
    compression: str
    cpu_s: float
    wall_s: float
    start_mib: float
    peak_mib: float
    memory_mib: float
    other_cores: float
    steal_share: float
    result: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """For the file, with figures rounded to what they are worth."""
        return {
            name: round(value, 4) if isinstance(value, float) else value
            for name, value in asdict(self).items()
        }


@dataclass(frozen=True, slots=True)
class Failure:
    """A work that could not be run, or ended badly."""

    row: str
    work: str
    reason: str
    is_missing: bool


def measure_row(
    row: Row, *, folder: Path, size: Size, rounds: int, tell: Tell
) -> tuple[list[Record], list[Failure]]:
    """All works of a row, ``rounds`` times in turn; every second round backwards."""
    failures = [
        Failure(row.name, work.name, reason, True) for work in row.works if (reason := _missing(work))
    ]
    left_out = {failure.work for failure in failures}
    records = []
    for number in range(rounds):
        for work in row.works[:: -1 if number % 2 else 1]:
            if work.name in left_out:
                continue
            tell(f"{row.name} {work.name} {number + 1}/{rounds}")
            place = _place(folder, row.side(size), row.compression, row.bands)
            found = _one(row.name, work, place, number)
            if isinstance(found, Failure):
                failures.append(found)
                left_out.add(work.name)
            else:
                records.append(found)
    return records, failures


def measure_growth(
    growth: Growth, *, folder: Path, size: Size, rounds: int, tell: Tell
) -> tuple[list[Record], list[Failure]]:
    """The work at each of its sizes, ``rounds`` times in turn."""
    records: list[Record] = []
    for number in range(rounds):
        for side_px in growth.sides(size):
            tell(f"{growth.name} {side_px} px {number + 1}/{rounds}")
            place = _place(folder, side_px, growth.compression, growth.bands)
            found = _one(growth.name, growth.work, place, number)
            if isinstance(found, Failure):
                return records, [found]
            records.append(found)
    return records, []


def _place(folder: Path, side_px: int, compression: str, bands: int) -> dict[str, Any]:
    return {"folder": str(folder), "side_px": side_px, "compression": compression, "bands": bands}


def _missing(work: Work) -> str:
    """Which need of a work is not met on this machine; empty where all are."""
    for need in work.needs:
        kind, name = need.split(":")
        if not MET[kind](name):
            return f"{kind} {name} is not there"
    return ""


def _one(row: str, work: Work, place: dict[str, Any], number: int) -> Record | Failure:
    request = {"maker": work.maker, "place": place, "options": dict(work.options), "warm": work.is_warmed}
    environment = {**os.environ, **ONE_THREAD, "GDAL_CACHEMAX": str(CACHE_MIB)}
    try:
        done = subprocess.run(
            [sys.executable, "-m", "bench.worker"],
            input=json.dumps(request),
            capture_output=True,
            text=True,
            cwd=PROJECT,
            env=environment,
            timeout=TIME_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Failure(row, work.name, f"took longer than {TIME_LIMIT_S} s", False)
    if done.returncode != 0:
        return Failure(row, work.name, _last_line(done.stderr), False)
    return _record(row, work, place, number, json.loads(done.stdout.splitlines()[-1]))


def _record(row: str, work: Work, place: dict[str, Any], number: int, found: dict[str, Any]) -> Record:
    side_px, bands = int(place["side_px"]), int(place["bands"])
    less = found["warm_cpu_s"] if work.less_start else 0.0
    cached_mib = min(CACHE_MIB, 2 * bands * 2 * side_px**2 / 2**20)
    rise_mib = found["peak_mib"] - found["start_mib"]
    return Record(
        row=row,
        work=work.name,
        round=number,
        side_px=side_px,
        pixels=side_px**2,
        compression=str(place["compression"]),
        cpu_s=max(found["cpu_s"] - less, 1e-6),
        wall_s=found["wall_s"],
        start_mib=found["start_mib"],
        peak_mib=found["peak_mib"],
        memory_mib=max(rise_mib - cached_mib, 1.0),
        other_cores=found["other_cores"],
        steal_share=found["steal_share"],
        result=found["result"],
    )


def _last_line(text: str) -> str:
    lines: Sequence[str] = [line for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "no message"
