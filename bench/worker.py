"""Measurements of one work: a process that imports and warms up once, and forks a fresh child for each.

The first line read is a request as JSON; it is answered when the job is ready. Each further line is answered
by the measurement of a child that starts from there, so that no run sees what an earlier one left behind.
Imports, a first call on a small scene (compiled kernels, caches of coordinate systems) and the making of the
scene lie outside the clock; everything else that a work does lies inside, its child processes included.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import resource
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.jobs import Job, Place

WARM_SIDE_PX = 512
WARM_PATCHES = 256
WARM_OFFICERS = 40
MARK = "measured "
"""Begins the lines that answer; whatever else a library prints is passed over."""
CLEAR_PEAK = "5"
"""Written to ``/proc/self/clear_refs`` this makes the kernel forget the peak of the resident set so far."""


def serve() -> None:
    """Answer the lines of the standard input until it ends."""
    request = json.loads(sys.stdin.readline())
    place = Place(**{**request["place"], "folder": Path(request["place"]["folder"])})
    warm_cpu_s = 0.0
    if request["warm"]:
        small = replace(
            place,
            side_px=min(WARM_SIDE_PX, place.side_px),
            patches=min(WARM_PATCHES, place.patches),
            parcels=min(WARM_PATCHES, place.parcels),
            officers=min(WARM_OFFICERS, place.officers),
        )
        job = _made(request, small)
        started = _cpu_s()
        job.run()
        warm_cpu_s = _cpu_s() - started
    job = _made(request, place)
    gc.collect()
    _answer({"warm_cpu_s": warm_cpu_s})
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            _answer(measure(job))
            os._exit(0)
        if os.waitpid(child, 0)[1] != 0:
            sys.exit(1)


def measure(job: Job) -> dict[str, Any]:
    """Run a job under the clock, in this process."""
    start_kib = _reset_peak_kib()
    load = _busy_s()
    wall, cpu = time.perf_counter(), _cpu_s() + job.server_cpu_s()
    result = job.run()
    cpu_s, wall_s = _cpu_s() + job.server_cpu_s() - cpu, time.perf_counter() - wall
    peak_kib = max(_peak_kib(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
    busy, steal = (after - before for after, before in zip(_busy_s(), load, strict=True))
    outcome = job.judge(result)
    return {
        "cpu_s": cpu_s,
        "wall_s": wall_s,
        "start_mib": start_kib / 1024,
        "peak_mib": peak_kib / 1024,
        "other_cores": max(busy - cpu_s, 0.0) / max(wall_s, 1e-9),
        "steal_share": steal / max(wall_s, 1e-9),
        "result": {"count": outcome.count, "area": round(outcome.area, 3), **outcome.facts},
    }


def _answer(found: dict[str, Any]) -> None:
    sys.stdout.write("\n" + MARK + json.dumps(found) + "\n")
    sys.stdout.flush()


def _made(request: dict[str, Any], place: Place) -> Job:
    module, name = request["maker"].split(":")
    job: Job = getattr(importlib.import_module(module), name)(place, **request["options"])
    return job


def _cpu_s() -> float:
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def _reset_peak_kib() -> float:
    """Forget the peak so far where the kernel lets us; the resident set now."""
    try:
        Path("/proc/self/clear_refs").write_text(CLEAR_PEAK)
    except OSError:
        return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    return _status_kib("VmRSS")


def _peak_kib() -> float:
    return _status_kib("VmHWM") or float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def _status_kib(name: str) -> float:
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((float(line.split()[1]) for line in lines if line.startswith(name + ":")), 0.0)


def _busy_s() -> tuple[float, float]:
    """CPU seconds that the whole machine has worked, and that its host has taken away."""
    try:
        fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
    except OSError:
        return 0.0, 0.0
    user, nice, system, _idle, _iowait, irq, softirq, steal = (int(value) / 100.0 for value in fields)
    return user + nice + system + irq + softirq, steal


if __name__ == "__main__":
    serve()
