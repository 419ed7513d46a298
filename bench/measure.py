"""Measurements of a row: works in turn, each in a process of its own, as many rounds as asked."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

from bench.rows import Growth, Row, Size, Work
from bench.worker import MARK

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
    "server": lambda name: _has_postgis(),
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
    place = row.place(folder, size)
    return _in_turn(row.name, [(work, place) for work in row.works], rounds, tell)


def measure_growth(
    growth: Growth, *, folder: Path, size: Size, rounds: int, tell: Tell
) -> tuple[list[Record], list[Failure]]:
    """The work at each of its sizes, ``rounds`` times in turn."""
    places = growth.places(folder, size)
    return _in_turn(growth.name, [(growth.work, place) for place in places], rounds, tell)


def _in_turn(
    row: str, tasks: Sequence[tuple[Work, dict[str, Any]]], rounds: int, tell: Tell
) -> tuple[list[Record], list[Failure]]:
    records: list[Record] = []
    failures: list[Failure] = []
    with ExitStack() as stack:
        ready: list[tuple[Work, dict[str, Any], ReadyWork]] = []
        for work, place in tasks:
            missing = _missing(work)
            tell(f"{row} {work.name} {place.get('patches') or place.get('officers') or place['side_px']}")
            try:
                if not missing:
                    ready.append((work, place, stack.enter_context(ReadyWork(work, place))))
            except WorkFailed as error:
                failures.append(Failure(row, work.name, str(error), False))
            if missing:
                failures.append(Failure(row, work.name, missing, True))
        for number in range(rounds):
            for entry in ready[:: -1 if number % 2 else 1]:
                work, place, ready_work = entry
                try:
                    records.append(_record(row, work, place, number, ready_work.measured()))
                except WorkFailed as error:
                    failures.append(Failure(row, work.name, str(error), False))
                    ready.remove(entry)
    return records, failures


class WorkFailed(Exception):
    """A work that ended badly; the text says how."""


class ReadyWork:
    """A work made ready in a process of its own; a context manager."""

    def __init__(self, work: Work, place: dict[str, Any]) -> None:
        self._request = {
            "maker": work.maker,
            "place": {name: value for name, value in place.items() if name != "units"},
            "options": dict(work.options),
            "warm": work.is_warmed,
        }
        self._warm_cpu_s = 0.0

    def __enter__(self) -> Self:
        self._complaints = tempfile.TemporaryFile("w+")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            text=True,
            cwd=PROJECT,
            env={**os.environ, **ONE_THREAD, "GDAL_CACHEMAX": str(CACHE_MIB)},
        )
        try:
            self._warm_cpu_s = self._asked(json.dumps(self._request))["warm_cpu_s"]
        except WorkFailed:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()
        self._complaints.close()

    def measured(self) -> dict[str, Any]:
        """One measurement, see `worker.measure`, with ``warm_cpu_s`` of the first call.

        Raises
        ------
        WorkFailed
            With the last line that the work complained.
        """
        return {**self._asked("go"), "warm_cpu_s": self._warm_cpu_s}

    def _asked(self, line: str) -> dict[str, Any]:
        sink, source = self._process.stdin, self._process.stdout
        if sink is None or source is None:
            raise WorkFailed("no pipe")
        limit = threading.Timer(TIME_LIMIT_S, self._process.kill)
        limit.start()
        try:
            sink.write(line + "\n")
            sink.flush()
            for text in source:
                if text.startswith(MARK):
                    found: dict[str, Any] = json.loads(text.removeprefix(MARK))
                    return found
        except BrokenPipeError:
            pass
        finally:
            limit.cancel()
        self._complaints.seek(0)
        raise WorkFailed(_last_line(self._complaints.read()))


def _has_postgis() -> bool:
    from foundation.cluster import find_postgres
    from foundation.errors import Unavailable

    try:
        return find_postgres().is_dir()
    except Unavailable:
        return False


def _missing(work: Work) -> str:
    """Which need of a work is not met on this machine; empty where all are."""
    for need in work.needs:
        kind, name = need.split(":")
        if not MET[kind](name):
            return f"{kind} {name} is not there"
    return ""


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
        pixels=int(place.get("units", side_px**2)),
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
