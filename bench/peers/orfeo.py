"""Orfeo Toolbox's MAD, as Debian's ``otb-bin`` installs it: one pass, change maps of float, nothing else."""

from __future__ import annotations

import subprocess

import rasterio

from bench.jobs import Job, Outcome, Place
from bench.works.chain import pair_of

PROGRAM = "otbcli_MultivariateAlterationDetector"
RAM_MIB = 1024


def mad(place: Place) -> Job:
    """Both files to one file of as many change maps as bands."""
    pair = pair_of(place)
    target = place.target("orfeo")
    files = ["-in1", str(pair.before), "-in2", str(pair.after), "-out", str(target), "float"]

    def run() -> None:
        subprocess.run(
            [PROGRAM, *files, "-ram", str(RAM_MIB), "-progress", "0"], check=True, capture_output=True
        )

    def judge(_: None) -> Outcome:
        with rasterio.open(target) as source:
            maps, area = source.count, float(source.width * source.height)
        target.unlink()
        return Outcome(maps, area)

    return Job(run, judge)
