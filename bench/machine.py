"""What a measurement was taken on: processor, memory, load, versions, revision of the code."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = (
    *("landwarden", "numpy", "scipy", "opencv-python", "numba", "rasterio", "shapely", "pyproj", "geopandas"),
    *("scikit-learn", "onnxruntime", "torch"),
)
PROJECT = Path(__file__).resolve().parents[1]


def describe_machine() -> dict[str, Any]:
    """Processor, cores this process may use, memory, kernel and load averages."""
    return {
        "processor": _field("/proc/cpuinfo", "model name") or platform.processor() or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "load_average": [round(value, 2) for value in os.getloadavg()],
    }


def describe_versions() -> dict[str, str]:
    """Python, GDAL and the packages that do the work."""
    import rasterio

    found = {"python": platform.python_version(), "gdal": str(rasterio.__gdal_version__)}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def describe_revision() -> dict[str, Any]:
    """Commit of the checkout, and whether files differ from it; empty where this is no checkout."""
    commit = _git("rev-parse", "HEAD")
    if commit is None:
        return {"commit": "", "is_modified": False}
    return {"commit": commit, "is_modified": bool(_git("status", "--porcelain", "--untracked-files=no"))}


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", *arguments], cwd=PROJECT, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _field(path: str, name: str) -> str:
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return ""
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(name)), "")
